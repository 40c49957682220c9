"""What happens to the store's records: people sign up, change, buy and go; each act raises its webhooks."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from typing import Any, Final

from customer_sync.demo.stores.woocommerce.answers import Row, WpError
from customer_sync.demo.stores.woocommerce.orders import PAID, Deal, Orders, refund
from customer_sync.demo.stores.woocommerce.people import NOBODY, People
from customer_sync.demo.stores.woocommerce.products import Products, cents_of, money, product
from customer_sync.demo.stores.woocommerce.report import Report
from customer_sync.demo.stores.woocommerce.settings import Settings
from customer_sync.demo.stores.woocommerce.stamps import both
from customer_sync.demo.stores.woocommerce.table import Table

#: Orders in one of these are nobody's business yet.
_UNBORN: Final = frozenset(("draft", "auto-draft", "new"))
#: What core erasure writes into an order (https://developer.wordpress.org/reference/functions/wp_privacy_anonymize_data/).
_ERASED_EMAIL, _ERASED_TEXT = "deleted@site.invalid", "[deleted]"


class Records:
    """The customers, orders and products of one store. The caller holds the store's lock.

    Args:
        settings: how many of each there are from the start.
        clock: seconds since 1970.
        tell: (topic, number): a webhook is due.
    """

    def __init__(self, settings: Settings, clock: Callable[[], float], tell: Callable[[str, Any], None]) -> None:
        self.offset_s = settings.utc_offset_h * 3_600
        self.people = People(settings.customers, settings.seed, self.offset_s)
        self.goods = Products(settings.products, self.offset_s)
        self.deals = Orders(self.people, self.goods, settings.seed, settings.currency, self.offset_s)
        self.customers, self.orders, self.products = Table(self.people), Table(self.deals), Table(self.goods)
        self.report = Report(settings, clock, self.deals, self.customers, self.orders)
        self._clock = clock
        self._tell = tell
        self._last_meta = 90_000_000
        self._trashed: dict[int, str] = {}

    def clear(self) -> None:
        """Go back to the records the store started with."""
        for table in (self.customers, self.orders, self.products):
            table.clear()
        self.report.clear()

    def find_customer(self, email: str) -> int | None:
        """Return the number of the account with an address, whatever its case."""
        for number, row in self.customers.changed.items():
            if row is not None and row["email"].lower() == email.lower():
                return number
        index = self.people.find(email) if email else None
        if index is None or self.people.id_of(index) in self.customers.changed:
            return None
        return self.people.id_of(index)

    def create_customer(self, body: Row) -> Row:
        """Add an account.

        Raises:
            WpError: 400; the address belongs to another account.
        """
        email, now = str(body.get("email") or ""), self._clock()
        if self.find_customer(email) is not None:
            text = "An account is already registered with your email address."
            raise WpError(400, "registration-error-email-exists", text)
        number = self.customers.next_id()
        row: Row = {
            "id": number,
            **both("date_created", now, self.offset_s),
            **both("date_modified", None, self.offset_s),
            "email": email,
            "first_name": "",
            "last_name": "",
            "role": str(body.get("role") or "customer"),
            "username": str(body.get("username") or email.partition("@")[0] or f"user{number}"),
            "billing": NOBODY.billing(),
            "shipping": NOBODY.shipping(),
            "is_paying_customer": False,
            "avatar_url": f"https://secure.gravatar.example/avatar/{number:032x}?s=96&d=mm&r=g",
            "meta_data": [],
        }
        self.report.before_user(number)
        self._fill(row, body)
        self.customers.put(number, row)
        self._tell("customer.created", number)
        return row

    def update_customer(self, number: int, body: Row, *, silent: bool = False) -> Row:
        """Change an account: names, addresses, fields of plugins; the address when no other account has it.

        Raises:
            WpError: 404 and 400.
        """
        row = self.customer(number)
        email = body.get("email")
        if email is not None and email != row["email"] and self.find_customer(email) not in (None, number):
            raise WpError(400, "woocommerce_rest_customer_invalid_email", "Email address is invalid.")
        if body.get("username") not in (None, "", row["username"]):
            raise WpError(400, "woocommerce_rest_customer_invalid_argument", "Username isn't editable.")
        row = copy.deepcopy(row)
        row.update({"email": row["email"] if email is None else email}, **self._touched())
        self.report.before_user(number)
        self._fill(row, body)
        self.customers.put(number, row)
        if not silent:
            self._tell("customer.updated", number)
        return row

    def login(self, number: int) -> None:
        """Let a customer log in: a webhook about nothing."""
        self.customer(number)
        self._tell("customer.updated", number)

    def delete_customer(self, number: int) -> Row:
        """Delete an account; its orders become a guest's.

        Raises:
            WpError: 404.
        """
        row = self.customer(number)
        self.report.forget_user(number)
        self.customers.put(number, None)
        if row["role"] == "customer":
            self._tell("customer.deleted", number)
        return row

    def customer(self, number: int) -> Row:
        """Return an account.

        Raises:
            WpError: 404.
        """
        row = self.customers.get(number)
        if row is None:
            raise WpError(404, "wc_user_invalid_id", "Invalid user ID.")
        return row

    def create_order(self, body: Row) -> Row:
        """Add an order; `lines` or `line_items` hold `product_id` and `quantity`, `email` stands for a guest's billing.

        Raises:
            WpError: 400; there is no such customer.
        """
        buyer, now = int(body.get("customer_id") or 0), self._clock()
        if buyer and self.customers.get(buyer) is None:
            raise WpError(400, "woocommerce_rest_invalid_customer_id", "Customer ID is invalid.")
        known = self.customers.get(buyer) or {"billing": NOBODY.billing(), "email": ""}
        billing = {**known["billing"], "email": known["billing"]["email"] or known["email"], **body.get("billing", {})}
        if "email" in body:
            billing["email"] = body["email"]
        number = self.orders.next_id(3)
        lines = list(self._lines(body.get("line_items") or [{"product_id": self.goods.id_of(0), "quantity": 1}]))
        deal = Deal(number, str(body.get("status") or "pending"), buyer, billing, lines, now, now, {})
        row = self.deals.write(deal)
        self._fill(row, {"meta_data": body.get("meta_data", []), "customer_note": body.get("customer_note", "")})
        self.report.before_order(row)
        self.orders.put(number, row)
        self._order_told("created", row)
        if buyer and row["status"] in PAID and not known["is_paying_customer"]:
            self.update_customer(buyer, {"is_paying_customer": True})
        return row

    def update_order(self, number: int, body: Row, *, silent: bool = False) -> Row:
        """Change an order: status, addresses, fields of plugins, its buyer.

        Raises:
            WpError: 400; there is no such order.
        """
        row = copy.deepcopy(self._order(number, 400))
        self.report.before_order(row)
        if "customer_id" in body:
            row["customer_id"] = int(body["customer_id"])
        status = str(body.get("status") or row["status"])
        if status in PAID and row["date_paid"] is None:
            row.update(both("date_paid", self._clock(), self.offset_s))
        if status == "completed" and row["date_completed"] is None:
            row.update(both("date_completed", self._clock(), self.offset_s))
        row.update({"status": status}, **self._touched())
        self._fill(row, body)
        self.report.before_order(row)
        self.orders.put(number, row)
        if not silent:
            self._order_told("updated", row)
        return row

    def refund_order(self, number: int, cents: int) -> Row:
        """Give money back; the store tells of it as an update.

        Raises:
            WpError: 400; there is no such order.
        """
        row = self._order(number, 400)
        refunds = [*row["refunds"], refund(self.orders.next_id(), cents)]
        back = -sum(cents_of(one["total"]) for one in refunds)
        is_all = money(back) == row["total"]
        self.report.before_order(row)
        self.orders.put(number, {**row, "refunds": refunds})
        return self.update_order(number, {"status": "refunded"} if is_all else {})

    def delete_order(self, number: int, *, force: bool) -> Row:
        """Put an order into the trash, or delete it for good.

        Raises:
            WpError: 404; and 410, it is in the trash already.
        """
        row = self._order(number, 404)
        if row["status"] == "trash" and not force:
            raise WpError(410, "woocommerce_rest_already_trashed", "The shop_order has already been deleted.")
        self.report.before_order(row)
        self._trashed[number] = row["status"]
        self.orders.put(number, None if force else {**row, "status": "trash", **self._touched()})
        self._tell("order.deleted", number)
        return row

    def restore_order(self, number: int) -> Row:
        """Take an order out of the trash.

        Raises:
            WpError: 400; it is not there.
        """
        row = self._order(number, 400)
        if row["status"] != "trash":
            raise WpError(400, "woocommerce_rest_shop_order_invalid_id", "Invalid ID.")
        self.report.before_order(row)
        row = {**row, **self._touched(), "status": self._trashed.pop(number)}
        self.orders.put(number, row)
        self._tell("order.restored", number)
        return row

    def put_product(self, number: int | None, body: Row) -> Row:
        """Add a product, or change one.

        Raises:
            WpError: 400; there is no such product.
        """
        if number is None:
            at = self._clock()
            times = {**both("date_created", at, self.offset_s), **both("date_modified", at, self.offset_s)}
            new = self.products.next_id()
            price = round(float(body.get("regular_price") or 1) * 100)
            row = product(new, str(body.get("name") or "Product"), price, str(body.get("sku") or ""), times)
            self.products.put(new, row)
            self._tell("product.created", new)
            return row
        found = self.products.get(number)
        if found is None:
            raise WpError(400, "woocommerce_rest_product_invalid_id", "Invalid ID.")
        row = {
            **found,
            **{key: value for key, value in body.items() if key in found and key != "id"},
            **self._touched(),
        }
        if "regular_price" in body:
            row["price"] = body["regular_price"]
        self.products.put(number, row)
        self._tell("product.updated", number)
        return row

    def delete_product(self, number: int) -> Row:
        """Delete a product.

        Raises:
            WpError: 404.
        """
        row = self.products.get(number)
        if row is None:
            raise WpError(404, "woocommerce_rest_product_invalid_id", "Invalid ID.")
        self.products.put(number, None)
        self._tell("product.deleted", number)
        return row

    def erase(self, number: int) -> list[int]:
        """Let WordPress forget a customer: the orders are kept without the person; return their numbers."""
        orders = self.report.orders_of(number, "")
        for one in orders:
            blank = {key: _ERASED_TEXT if value else "" for key, value in self._order(one, 400)["billing"].items()}
            self.update_order(one, {"customer_id": 0, "billing": {**blank, "email": _ERASED_EMAIL}})
        self.delete_customer(number)
        return orders

    def _order(self, number: int, status: int) -> Row:
        row = self.orders.get(number)
        if row is None:
            raise WpError(status, "woocommerce_rest_shop_order_invalid_id", "Invalid ID.")
        return row

    def _order_told(self, event: str, row: Row) -> None:
        if row["status"] not in _UNBORN:
            self._tell(f"order.{event}", row["id"])

    def _touched(self) -> dict[str, str | None]:
        return both("date_modified", self._clock(), self.offset_s)

    def _lines(self, items: Iterable[Row]) -> Iterable[tuple[int, str, str, int, int]]:
        for item in items:
            number = int(item.get("product_id") or 0)
            row = self.products.get(number) or {"name": "Gone", "sku": "", "price": "1.00"}
            yield number, row["name"], row["sku"], cents_of(row["price"]), int(item.get("quantity") or 1)

    def _fill(self, row: Row, body: Row) -> None:
        """Copy what a request may set."""
        for name in ("first_name", "last_name", "role", "customer_note", "transaction_id", "is_paying_customer"):
            if name in row and name in body:
                row[name] = body[name]
        for name in ("billing", "shipping"):
            row[name] = {**row[name], **{k: v for k, v in (body.get(name) or {}).items() if k in row[name]}}
        for one in body.get("meta_data") or ():
            self._set_meta(row["meta_data"], one)

    def _set_meta(self, fields: list[Row], new: Row) -> None:
        """Set a plugin's field: by id, else the first of its key, while the others of the key go; null removes it."""
        key, value = new.get("key"), new.get("value")
        same = [one for one in fields if (one["id"] == new["id"] if new.get("id") else one["key"] == key)]
        for one in same[1:]:
            fields.remove(one)
        if same and value is None:
            fields.remove(same[0])
        elif same:
            same[0].update({"key": key or same[0]["key"], "value": value})
        elif value is not None:
            self._last_meta += 1
            fields.append({"id": self._last_meta, "key": key, "value": value})
