"""The store as one object: what happens to its records, and who is told of it."""

from __future__ import annotations

import uuid
from collections import Counter
from random import Random
from typing import Any, ClassVar, Final

from connectors.bigcommerce.fake import rows
from connectors.bigcommerce.fake.hooks import Hooks
from connectors.bigcommerce.fake.lists import Refusal
from connectors.bigcommerce.fake.rows import BOTH, v2_time, v3_time
from connectors.bigcommerce.fake.settings import SWITCHES, Settings
from customer_sync.kit.fakes.answers import Row
from customer_sync.kit.fakes.cast import Cast
from customer_sync.kit.fakes.crowd import Crowd
from customer_sync.kit.fakes.fake import Fake
from customer_sync.kit.fakes.limits import Window
from customer_sync.kit.fakes.oauth import OAuth, OAuthError, Terms
from customer_sync.kit.fakes.table import Table
from customer_sync.kit.invented.people import Person

#: When the first customer came (2024-01-01), and how far two are apart, in seconds.
OPENED_S, STEP_S = 1_704_067_200, 3_600
FIRST_CUSTOMER, FIRST_SUBSCRIBER, FIRST_ORDER, FIRST_PRODUCT = 21, 5, 101, 77
WINDOW_S: Final = 30.0
#: What a request may set of a customer.
_CUSTOMER: Final = ("email", "first_name", "last_name", "company", "phone", "customer_group_id", "channel_ids")


class Store(Fake[Settings]):
    """The records of one store and its webhooks."""

    refusals = (Refusal, OAuthError)
    switches = SWITCHES
    impossible: ClassVar[frozenset[str]] = frozenset(("merge",))

    def fill(self) -> None:
        """Make the records of the start."""
        settings = self.settings
        self.oauth = OAuth(
            self.clock, (settings.client_id, settings.client_secret), settings.scopes, Terms(access_s=None)
        )
        self.oauth.add(settings.access_token)
        self.limit = Window(settings.quota, WINDOW_S, self.clock)
        self.hooks = Hooks(settings, self.clock)
        self.sender = self.hooks.sender
        self.crowd = Crowd(self, settings.seed)
        self.cast, self._dice = Cast(settings.seed), Random(settings.seed)
        self.deleted: Counter[str] = Counter()
        self.carts: dict[str, Row] = {}
        self.lines: dict[int, list[Row]] = {}
        self.refunds: Table[Row] = Table()
        self.customers: Table[Row] = Table()
        self.subscribers: Table[Row] = Table()
        self.products = Table(
            (FIRST_PRODUCT + at, rows.product(FIRST_PRODUCT + at, OPENED_S + at, 10.0 + at))
            for at in range(settings.products)
        )
        self.orders: Table[Row] = Table()
        self._serial = 0
        for at in range(settings.customers):
            self._settle(at)
        buyers = list(self.customers.values())
        for at in range(settings.orders if buyers and settings.products else 0):
            self._order(FIRST_ORDER + at, buyers[at % len(buyers)], OPENED_S + at * STEP_S)

    def _settle(self, at: int) -> None:
        """Let somebody have been there: a third takes the newsletter, a fifth has a row and took nothing."""
        who, at_s = self.cast.who(at), OPENED_S + at * STEP_S
        number = FIRST_CUSTOMER + at
        self.customers.put(number, rows.customer(number, who, at_s, [1]))
        if at % 3 == 0 or at % 5 == 0:
            self._subscribe(who.email, list(BOTH) if at % 3 == 0 else [], at_s)
        if at % 10 == 9:
            self._subscribe(self.cast.who(at, "g").email, list(BOTH), at_s)

    def _subscribe(self, email: str, consents: list[str], at_s: float, **more: Any) -> Row:
        number = max(FIRST_SUBSCRIBER, self.subscribers.next_number())
        return self.subscribers.put(number, rows.subscriber(number, email, consents, at_s, **more))

    # Customers

    def customer(self, number: int) -> Row:
        """Return a customer.

        Raises:
            Refusal: 404.
        """
        return _found(self.customers.get(number), "customer")

    def add_customer(self, given: Row) -> Row:
        """Add a customer, as a shopper or another program does.

        Raises:
            Refusal: 422; no address, or one that another customer of the channel has.
        """
        email, channels = str(given.get("email") or ""), given.get("channel_ids") or [1]
        if not email:
            raise Refusal(422, "The customer email is missing.", {"0.email": "error.path.missing"})
        self._must_be_free(email, channels)
        number = max(FIRST_CUSTOMER, self.customers.next_number())
        who = replace_who(self.cast.who(number + 100_000), email)
        row = rows.customer(number, who, self.clock(), channels)
        row |= {name: given[name] for name in _CUSTOMER if name in given}
        self.customers.put(number, row)
        self.tell("store/customer/created", "customer", number)
        return row

    def change_customer(self, number: int, given: Row) -> Row:
        """Change a customer.

        Raises:
            Refusal: 404; 422, as `add_customer`.
        """
        row = self.customer(number)
        if str(given.get("email", row["email"])).lower() != str(row["email"]).lower():
            self._must_be_free(str(given["email"]), row["channel_ids"])
        row = {**row, **{name: given[name] for name in _CUSTOMER if name in given}, **self._now()}
        self.customers.put(number, row)
        self.tell("store/customer/updated", "customer", number)
        return row

    def remove_customer(self, number: int) -> None:
        """Delete a customer; the subscriber's row of the address stays."""
        if self.customers.delete(number):
            self.tell("store/customer/deleted", "customer", number)

    def _must_be_free(self, email: str, channels: list[int]) -> None:
        for one in self.customers.values():
            if str(one["email"]).lower() == email.lower() and set(one["channel_ids"]) & set(channels):
                raise Refusal(422, "The email is in use by another customer.", {"0.email": "error.duplicate"})

    # Subscribers

    def subscriber(self, number: int) -> Row:
        """Return a subscriber.

        Raises:
            Refusal: 404.
        """
        return _found(self.subscribers.get(number), "subscriber")

    def subscriber_of(self, email: str) -> Row | None:
        """Return the subscriber with an address, None without one."""
        return next((one for one in self.subscribers.values() if str(one["email"]).lower() == email.lower()), None)

    def add_subscriber(self, given: Row) -> Row:
        """Add a subscriber.

        Raises:
            Refusal: 422 without an address, 409 where another has it.
        """
        email = str(given.get("email") or "")
        if not email:
            raise Refusal(422, "The subscriber email is missing.", {"email": "error.path.missing"})
        if self.subscriber_of(email):
            raise Refusal(409, "Subscriber with this email exists.", {"email": "error.duplicate"})
        more = {name: given[name] for name in ("first_name", "last_name", "source", "order_id") if name in given}
        row = self._subscribe(email, list(given.get("consents") or []), self.clock(), **more)
        self.tell("store/subscriber/created", "subscriber", row["id"])
        return row

    def change_subscriber(self, number: int, given: Row) -> Row:
        """Change a subscriber.

        Raises:
            Refusal: 404; 409 where another has the address.
        """
        row = self.subscriber(number)
        email = str(given.get("email", row["email"]))
        if email.lower() != str(row["email"]).lower() and self.subscriber_of(email):
            raise Refusal(409, "Subscriber with this email exists.", {"email": "error.duplicate"})
        names = ("email", "first_name", "last_name", *(() if self.settings.keeps_consent else ("consents",)))
        row = {**row, **{name: given[name] for name in names if name in given}, **self._now()}
        self.subscribers.put(number, row)
        self.tell("store/subscriber/updated", "subscriber", number)
        return row

    def remove_subscriber(self, number: int) -> None:
        """Delete one subscriber."""
        if self.subscribers.delete(number):
            self.tell("store/subscriber/deleted", "subscriber", number)

    def agree(self, email: str, consents: list[str]) -> Row:
        """Set what an address agrees to, as the storefront does; its row is made where there is none."""
        row = self.subscriber_of(email)
        if row is None:
            return self.add_subscriber({"email": email, "consents": consents, "source": "storefront"})
        return self.change_subscriber(row["id"], {"consents": consents})

    # Orders, products, carts

    def order_row(self, number: int) -> Row:
        """Return an order.

        Raises:
            Refusal: 404.
        """
        return _found(self.orders.get(number), "order")

    def add_order(self, buyer: Row, **given: Any) -> Row:
        """Let somebody buy: the order is incomplete at first, and then changes its status."""
        number = max(FIRST_ORDER, self.orders.next_number())
        row = self._order(number, buyer, self.clock(), **{"status_id": 0, **given})
        self.tell("store/order/created", "order", number)
        return row

    def change_order(self, number: int, given: Row) -> Row:
        """Change an order."""
        row = self.order_row(number)
        before = row["status_id"]
        row = {**row, **{name: value for name, value in given.items() if name in row and name != "id"}}
        row |= {"status": rows.STATUSES[row["status_id"]], "date_modified": v2_time(self.clock())}
        self.orders.put(number, row)
        self.tell("store/order/updated", "order", number)
        if row["status_id"] != before:
            told = {"previous_status_id": before, "new_status_id": row["status_id"]}
            self.tell("store/order/statusUpdated", "order", number, status=told)
        return row

    def refund(self, number: int, amount: float) -> Row:
        """Pay a part of an order back."""
        row = self.order_row(number)
        back = float(row["refunded_amount"]) + amount
        status = 4 if back >= float(row["total_inc_tax"]) else 14
        made = self.refunds.next_number()
        self.refunds.put(
            made, {"id": made, "order_id": number, "total_amount": amount, "created": v3_time(self.clock())}
        )
        self.tell("store/order/refund/created", "order", number, refund={"refund_id": made})
        return self.change_order(number, {"refunded_amount": rows.money(back), "status_id": status})

    def archive(self, number: int) -> None:
        """Archive an order: it is in no list any more."""
        self.orders.put(number, {**self.order_row(number), "is_deleted": True, "date_modified": v2_time(self.clock())})
        self.tell("store/order/archived", "order", number)

    def fill_cart(self, buyer: Row) -> Row:
        """Let somebody fill a cart."""
        self._serial += 1
        name = str(uuid.UUID(int=self.settings.seed * 10**12 + self._serial))
        found = self._dice.choice(list(self.products.values()))
        self.carts[name] = rows.cart(name, buyer, found, self.clock(), self.settings.currency)
        self.tell("store/cart/created", "cart", name)
        return self.carts[name]

    def buy(self, who: Any, person: Person) -> None:
        """Let somebody buy; None is a guest."""
        buyer = {"email": person.email, "first_name": person.first, "last_name": person.last}
        if who is not None:
            buyer = self.customer(who)
        cart = self.fill_cart(buyer)
        made = self.add_order(buyer, cart_id=cart["id"])
        self.change_order(made["id"], {"status_id": 11})
        self.convert(cart["id"], made["id"])

    def convert(self, name: str, order: int) -> None:
        """Let a cart become an order: it is gone then."""
        del self.carts[name]
        self.tell("store/cart/converted", "cart", name, orderId=order)

    def _order(self, number: int, buyer: Row, at_s: float, **given: Any) -> Row:
        found = self._dice.choice(list(self.products.values()))
        self.lines[number] = [rows.line(number * 10, found, 1 + number % 3)]
        row = rows.order(number, buyer, self.lines[number], at_s, self.settings.currency)
        row |= {name: value for name, value in given.items() if name in row}
        row["status"] = rows.STATUSES[row["status_id"]]
        return self.orders.put(number, row)

    # What people do, see `customer_sync.kit.fakes.crowd.World`

    def register(self, person: Person, *, agrees: bool | None) -> Any:
        """Let somebody come; whoever was asked and said nothing has a subscriber's row without a consent."""
        made = self.add_customer({"email": person.email, "first_name": person.first, "last_name": person.last})
        if agrees is not None:
            self.agree(person.email, list(BOTH) if agrees else [])
        return made["id"]

    def edit(self, who: Any, person: Person) -> None:
        """Let somebody say what has changed."""
        given = {"email": person.email, "first_name": person.first, "last_name": person.last}
        self.change_customer(who, {**given, "phone": person.national})

    def say(self, who: Any, *, agrees: bool) -> None:
        """Let somebody agree to mail, or withdraw."""
        self.agree(str(self.customer(who)["email"]), list(BOTH) if agrees else [])

    def merge(self, kept: Any, gone: Any) -> None:
        """Nothing is merged at BigCommerce."""
        raise NotImplementedError

    def delete(self, who: Any) -> None:
        """Delete a customer."""
        self.remove_customer(who)

    def erase(self, who: Any) -> None:
        """Delete a customer and the subscriber's row of the address."""
        row = self.subscriber_of(str(self.customer(who)["email"]))
        self.remove_customer(who)
        if row:
            self.remove_subscriber(row["id"])

    def tell(self, scope: str, kind: str, number: Any, **more: Any) -> None:
        """Let webhooks tell that something happened."""
        self.hooks.tell(scope, {"type": kind, "id": number, **more})

    def _now(self) -> Row:
        return {"date_modified": v3_time(self.clock())}


def replace_who(who: Any, email: str) -> Any:
    """Return somebody with another address."""
    return who._replace(email=email)


def _found(row: Row | None, kind: str) -> Row:
    if row is None:
        raise Refusal(404, f"The {kind} was not found.")
    return row
