"""The store's records, and what happens to them: people sign up, change, buy and go; each act raises its webhooks."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, cast

from connectors.woocommerce.fake import goods
from connectors.woocommerce.fake.orders import DRAFT, PAID, Line, Order, line_of, orders
from connectors.woocommerce.fake.people import Account, accounts, empty_billing, empty_shipping
from connectors.woocommerce.fake.report import Report
from connectors.woocommerce.fake.settings import Settings
from connectors.woocommerce.fake.shelf import Shelf
from connectors.woocommerce.fake.wordpress import WpError, cents_of
from customer_sync.kit.fakes.answers import Row
from customer_sync.kit.fakes.cast import Cast
from customer_sync.kit.fakes.table import Table

#: Orders in one of these are nobody's business yet.
_UNBORN: Final = frozenset(("draft", "auto-draft", "new"))
#: What core erasure writes into an order (seen on WooCommerce 11.0.1, 2026-11-28).
_ERASED: Final = {"email": "deleted@site.invalid", "phone": "000 0000 0000"}


class Records:
    """The customers, orders and products of one store. The caller holds the store's lock.

    Args:
        settings: how many of each there are from the start.
        clock: seconds since 1970.
        tell: (topic, number): a webhook is due.
    """

    def __init__(self, settings: Settings, clock: Callable[[], float], tell: Callable[[str, int], None]) -> None:
        self._settings, self._clock, self._tell = settings, clock, tell
        self.offset_s = settings.utc_offset_h * 3_600
        made = Cast(settings.seed)
        self.customers = Table((one.id, one) for one in accounts(settings, made))
        self.shelf = Shelf(settings, clock, tell)
        self.products = self.shelf.products
        born = orders(settings.customers, made, list(self.products.values()))
        self.orders = Table((one.id, one) for one in born)
        self.report = Report(settings, clock, self.customers, self.orders)
        self._last_meta = 90_000_000

    # Rows

    def customer_row(self, number: int, *, is_administrator: bool = True) -> Row:
        """Return an account as the API tells of it.

        Raises:
            WpError: 404.
        """
        return self.account(number).row(self.offset_s, is_administrator=is_administrator)

    def order_row(self, number: int) -> Row:
        """Return an order as the API tells of it.

        Raises:
            WpError: 404.
        """
        return self._order(number, 404).row(self.offset_s, self._settings.currency)

    # Accounts

    def account(self, number: int) -> Account:
        """Return an account.

        Raises:
            WpError: 404.
        """
        found = self.customers.get(number)
        if found is None:
            raise WpError(404, "wc_user_invalid_id", "Invalid user ID.")
        return found

    def find_account(self, email: str) -> Account | None:
        """Return the account with an address, whatever its case."""
        wanted = email.lower()
        return next((one for one in self.customers.values() if wanted and one.email.lower() == wanted), None)

    def create_customer(self, body: Row) -> Account:
        """Add an account. Two webhooks tell of it, with one body (seen on WooCommerce 11.0.1, 2026-11-28).

        Raises:
            WpError: 400; the address belongs to another account.
        """
        email, number = str(body.get("email") or ""), self.customers.next_number()
        if self.find_account(email):
            text = "An account is already registered with your email address."
            raise WpError(400, "registration-error-email-exists", text)
        name = str(body.get("username") or email.partition("@")[0] or f"user{number}")
        made = Account(number, email, "", "", empty_billing(), empty_shipping(), self._clock(), username=name)
        made.role = str(body.get("role") or "customer")
        self.report.before(made)
        self._fill_account(made, body)
        self.customers.put(number, made)
        self._tell("customer.created", number)
        self._tell("customer.updated", number)
        return made

    def update_customer(self, number: int, body: Row, *, silent: bool = False) -> Account:
        """Change an account: names, addresses, fields of plugins; the address when no other account has it.

        Raises:
            WpError: 404 and 400.
        """
        found = self.account(number)
        email = body.get("email")
        if email is not None and email != found.email and self.find_account(email) not in (None, found):
            raise WpError(400, "woocommerce_rest_customer_invalid_email", "Email address is invalid.")
        if body.get("username") not in (None, "", found.username):
            raise WpError(400, "woocommerce_rest_customer_invalid_argument", "Username isn't editable.")
        self.report.before(found)
        found.email = found.email if email is None else email
        found.modified_s = self._clock()
        self._fill_account(found, body)
        self.customers.put(number, found)
        if not silent:
            self._tell("customer.updated", number)
        return found

    def set_role(self, number: int, role: str) -> None:
        """Give an account another role, as the bulk action of wp-admin does: no webhook tells of it and no date moves.

        Seen on WooCommerce 11.0.1, 2026-11-28.
        """
        found = self.account(number)
        self.report.before(found)
        found.role = role
        self.customers.put(number, found)

    def login(self, number: int) -> None:
        """Let a customer log in: a webhook about nothing; the report shows it as the last activity."""
        found = self.account(number)
        found.active_s = self._clock()
        self.report.visited(found)
        self.customers.put(number, found)
        self._tell("customer.updated", number)

    def delete_customer(self, number: int) -> Account:
        """Delete an account; its orders become a guest's. Only of the role `customer` a webhook tells.

        Seen on WooCommerce 11.0.1, 2026-11-28: deleting a subscriber raises none.

        Raises:
            WpError: 404.
        """
        found = self.account(number)
        self.report.forget(found)
        self.customers.delete(number)
        for order in self.orders.values():
            order.customer_id = 0 if order.customer_id == number else order.customer_id
        if found.role == "customer":
            self._tell("customer.deleted", number)
        return found

    # Orders

    def create_order(self, body: Row) -> Order:
        """Add an order; `line_items` hold `product_id`, `variation_id` and `quantity`, `email` is a guest's billing.

        Raises:
            WpError: 400; there is no such customer.
        """
        buyer, now_s = self.customers.get(int(body.get("customer_id") or 0)), self._clock()
        if body.get("customer_id") and buyer is None:
            raise WpError(400, "woocommerce_rest_invalid_customer_id", "Customer ID is invalid.")
        billing = {**(buyer.billing if buyer else empty_billing()), **body.get("billing", {})}
        billing["email"] = body.get("email") or billing["email"] or (buyer.email if buyer else "")
        lines = list(self._lines(body.get("line_items", [{"product_id": goods.FIRST_ID, "quantity": 1}])))
        status = str(body.get("status") or "pending")
        made = Order(self.orders.next_number(3), status, buyer.id if buyer else 0, billing, lines, now_s, now_s)
        made.note, made.created_via = str(body.get("customer_note", "")), str(body.get("created_via", "rest-api"))
        made.paid_s = now_s if status in PAID else None
        self._fill_order(made, body)
        self.report.before(made)
        self.orders.put(made.id, made)
        self._order_told("created", made)
        if buyer and status in PAID and not buyer.is_paying:
            self.update_customer(buyer.id, {"is_paying_customer": True})
        return made

    def update_order(self, number: int, body: Row, *, silent: bool = False) -> Order:
        """Change an order: status, addresses, fields of plugins, its buyer.

        Where orders are posts (`hpos` off), a change of nothing but billing fields does not move the date (seen on
        WooCommerce 11.0.1, 2026-11-28: three edits, one `date_modified_gmt`).

        Raises:
            WpError: 400; there is no such order.
        """
        found = self._order(number, 400)
        self.report.before(found)
        found.customer_id = int(body.get("customer_id", found.customer_id))
        found.status, now_s = str(body.get("status") or found.status), self._clock()
        found.paid_s = now_s if found.status in PAID and found.paid_s is None else found.paid_s
        found.done_s = now_s if found.status == "completed" and found.done_s is None else found.done_s
        if self._settings.hpos or not set(body) <= {"billing", "silent"}:
            found.modified_s = now_s
        found.billing = {**found.billing, **_known(body.get("billing"), found.billing)}
        found.note, found.transaction_id = (
            str(body.get(name, has))
            for name, has in (("customer_note", found.note), ("transaction_id", found.transaction_id))
        )
        if "line_items" in body:
            found.lines = list(self._lines(body["line_items"]))
        self._fill_order(found, body)
        self.report.before(found)
        self.orders.put(number, found)
        if not silent:
            self._order_told("updated", found)
        return found

    def refund_order(self, number: int, cents: int) -> Order:
        """Give money back; the store tells of it as an update.

        Raises:
            WpError: 400; there is no such order.
        """
        found = self._order(number, 400)
        self.report.before(found)
        found.refunds.append((self.orders.next_number(), cents))
        return self.update_order(number, {"status": "refunded"} if found.back == found.total else {"refunds": 1})

    def delete_order(self, number: int, *, force: bool) -> Row:
        """Put an order into the trash, or delete it for good; only the trash raises a webhook.

        Seen on WooCommerce 11.0.1, 2026-11-28. Where orders are posts, the trash also raises `product.deleted` with the
        order's number.

        Raises:
            WpError: 404; and 410, it is in the trash already.
        """
        found = self._order(number, 404)
        if found.status == "trash" and not force:
            raise WpError(410, "woocommerce_rest_already_trashed", "The shop_order has already been deleted.")
        row = self.order_row(number)
        self.report.before(found)
        if force:
            self.orders.delete(number)
            return row
        found.was, found.status, found.modified_s = found.status, "trash", self._clock()
        self.orders.put(number, found)
        for resource in ("order",) if self._settings.hpos else ("order", "product"):
            self._tell(f"{resource}.deleted", number)
        return row

    def expire_drafts(self) -> list[int]:
        """Delete every draft of a checkout, as WooCommerce does after a day; no webhook tells."""
        numbers = [one.id for one in self.orders.values() if one.status == DRAFT]
        for number in numbers:
            self.delete_order(number, force=True)
        return numbers

    def restore_order(self, number: int) -> Order:
        """Take an order out of the trash. Where orders are posts, `product.restored` is raised with its number, too.

        Raises:
            WpError: 400; it is not there.
        """
        found = self._order(number, 400)
        if found.status != "trash":
            raise WpError(400, "woocommerce_rest_shop_order_invalid_id", "Invalid ID.")
        self.report.before(found)
        found.status, found.modified_s = found.was, self._clock()
        self.orders.put(number, found)
        for resource in ("order",) if self._settings.hpos else ("order", "product"):
            self._tell(f"{resource}.restored", number)
        return found

    # The law

    def erase_address(self, email: str) -> Row:
        """Let WordPress erase what it knows of an address (Tools, Erase Personal Data), as its owner asked.

        Seen on WooCommerce 11.0.1, 2026-11-28: orders lose the person and say `_anonymized`. An account is not deleted:
        its names stay, its addresses are emptied.
        """
        account, wanted = self.find_account(email), email.lower()
        numbers = [
            one.id
            for one in self.orders.values()
            if one.billing["email"].lower() == wanted or (account and one.customer_id == account.id)
        ]
        for number in numbers:
            order = self._order(number, 404)
            blank = {key: _ERASED.get(key, "[deleted]") if value else "" for key, value in order.billing.items()}
            marks = [{"key": "_anonymized", "value": "yes"}]
            self.update_order(number, {"customer_id": 0, "billing": blank, "meta_data": marks})
        if account:
            self.update_customer(account.id, {"billing": empty_billing(), "shipping": empty_shipping()})
        return {"orders": numbers, "account": account.id if account else None}

    def _order(self, number: int, status: int) -> Order:
        found = self.orders.get(number)
        if found is None:
            raise WpError(status, "woocommerce_rest_shop_order_invalid_id", "Invalid ID.")
        return found

    def _order_told(self, event: str, order: Order) -> None:
        if order.status not in _UNBORN:
            self._tell(f"order.{event}", order.id)

    def _lines(self, items: Iterable[Row]) -> Iterator[Line]:
        for item in items:
            number, part = int(item.get("product_id") or 0), int(item.get("variation_id") or 0)
            variation, product = self.shelf.parts.get(part), self.products.get(number)
            row = variation or product or {"name": "Gone", "sku": "", "price": "1.00"}
            yield line_of({**row, "id": number}, int(item.get("quantity") or 1), part if variation else 0)

    def _fill_order(self, order: Order, body: Row) -> None:
        """Copy what a request may set beside what an order always has."""
        self._set_meta(order.meta, body.get("meta_data", ()))
        order.number, order.currency = (str(body.get(name) or getattr(order, name)) for name in ("number", "currency"))
        order.method = str(body.get("payment_method") or order.method)
        if "fee_lines" in body:
            order.fees = [(str(one.get("name", "")), cents_of(one.get("total", 0))) for one in body["fee_lines"]]

    def _fill_account(self, account: Account, body: Row) -> None:
        """Copy what a request may set."""
        account.first, account.last = (
            str(body.get(name, has)) for name, has in (("first_name", account.first), ("last_name", account.last))
        )
        account.is_paying = bool(body.get("is_paying_customer", account.is_paying))
        account.billing = {**account.billing, **_known(body.get("billing"), account.billing)}
        account.shipping = {**account.shipping, **_known(body.get("shipping"), account.shipping)}
        self._set_meta(account.meta, body.get("meta_data", ()))

    def _set_meta(self, fields: list[Row], given: Iterable[Row]) -> None:
        """Set fields of plugins: by id, else the first of a key, while the others of the key go; null removes it."""
        for new in copy.deepcopy(list(given)):
            key, value = new.get("key"), new.get("value")
            same = [one for one in fields if (one["id"] == new["id"] if new.get("id") else one["key"] == key)]
            for one in same[1:] if value is not None else same:
                fields.remove(one)
            if same and value is not None:
                same[0].update({"key": key or same[0]["key"], "value": value})
            elif value is not None:
                self._last_meta += 1
                fields.append({"id": self._last_meta, "key": key, "value": value})


def _known(given: Any, fields: Row) -> Row:
    """Return those of the given values that an address has a field for."""
    return {name: value for name, value in cast("Row", given or {}).items() if name in fields}
