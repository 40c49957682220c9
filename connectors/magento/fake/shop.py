"""What there is in a shop, and what happens to it; each change is told to whoever listens.

Seen or read: a change of the newsletter, or of an address, does not move the account's `updated_at` (issue 5013); a PUT
replaces the account, so what it does not name is reset (issues 14663, 7380); the list of accounts takes the first
newsletter row of an address, of whatever website, the single account its own website's (CustomerPlugin.php).
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import ClassVar, Final

from connectors.magento.fake import bodies
from connectors.magento.fake.bodies import Subscriber, stamp, view_of
from connectors.magento.fake.criteria import Refusal
from connectors.magento.fake.settings import VIEWS, Settings, View
from customer_sync.kit.fakes.answers import Row
from customer_sync.kit.fakes.cast import Cast
from customer_sync.kit.fakes.table import Table
from customer_sync.kit.invented.people import Person

SUBSCRIBED, LEFT = 1, 3
#: What an account cannot be without.
REQUIRED: Final = ("email", "firstname", "lastname", "website_id")
#: What a PUT that does not name it resets, and to what.
RESET: Final[Row] = {"group_id": 1, "addresses": [], "custom_attributes": [], "disable_auto_group_change": 0}
#: (observer's event, number of the website, model).
Tell = Callable[[str, int, Row], None]


class Shop:
    """The records of one shop. The caller holds the stand-in's lock.

    Args:
        settings: how it is set up.
        clock: its time.
        tell: told of each change.
    """

    impossible: ClassVar = frozenset({"merge"})

    def __init__(self, settings: Settings, clock: Callable[[], float], tell: Tell) -> None:
        self.settings, self._clock, self._tell = settings, clock, tell
        self.mails: list[Row] = []
        self.bad: dict[str, set[int]] = {}
        cast = Cast(settings.seed)
        made = [bodies.start(settings, cast, index) for index in range(settings.customers)]
        self.customers: Table[Row] = Table((row["id"], row) for row in made)
        self.subscribers: Table[Subscriber] = Table()
        self.products: Table[Row] = Table(
            (number, bodies.product(number, bodies.OPENED_S + number)) for number in range(1, settings.products + 1)
        )
        self.orders: Table[Row] = Table()
        self.memos: Table[Row] = Table()
        self.carts: Table[Row] = Table()
        for row in made:
            self._begin(cast, row)

    def _begin(self, cast: Cast, row: Row) -> None:
        """Let an account of the start have a newsletter, an order, a cart; and a guest buy beside it."""
        index = row["id"] - 1
        at_s = bodies.OPENED_S + index * bodies.STEP_S + 60
        if index % 3 != 1:
            status = SUBSCRIBED if index % 3 == 0 else LEFT
            number = self.subscribers.next_number()
            self.subscribers.put(number, Subscriber(number, row["email"], row["store_id"], status, row["id"], at_s))
        if index % 2 == 0 and self.products:
            self._sell(self._buyer(row), at_s)
        if index % 8 == 0 and self.products:
            who = cast.who(index, "g")
            billing = bodies.address(0, 0, (who.first, who.last), who)
            guest = {"id": None, "email": who.email, "store_id": 1, "billing": {**billing, "email": who.email}}
            self._sell(guest, at_s + 60)
        if index % 4 == 0 and self.products:
            self._fill(row, at_s)

    # how records look

    def in_list(self, row: Row) -> Row:
        """Return an account as the list tells of it."""
        if self.settings.list_is_right:
            return self.alone(row)
        address = row["email"].lower()
        first = next((one for one in self.subscribers.values() if one.email.lower() == address), None)
        return {**row, "extension_attributes": {"is_subscribed": first is not None and first.status == SUBSCRIBED}}

    def alone(self, row: Row) -> Row:
        """Return an account as it is told of alone."""
        own = self.newsletter_of(row)
        more = {} if self.settings.hides_flag else {"is_subscribed": own is not None and own.status == SUBSCRIBED}
        return {**row, "extension_attributes": more}

    def newsletter_of(self, row: Row) -> Subscriber | None:
        """Return an account's row of the newsletter at its own website, None where it has none."""
        mine = (one for one in self.subscribers.values() if one.customer_id == row["id"])
        return next((one for one in mine if view_of(one.store_id).website_id == row["website_id"]), None)

    def customer(self, number: int) -> Row:
        """Return an account.

        Raises:
            Refusal: 404; there is none.
        """
        found = self.customers.get(number)
        if found is None:
            raise Refusal(
                404, "No such entity with %fieldName = %fieldValue", {"fieldName": "customerId", "fieldValue": number}
            )
        return found

    # what happens

    def create(self, body: Row, view: View, *, subscribes: bool | None = None) -> Row:
        """Make an account.

        Raises:
            Refusal: 400; something is missing, or the website has the address already.
        """
        for name in REQUIRED[:3]:
            if not body.get(name):
                raise Refusal(400, '"%fieldName" is required. Enter and try again.', {"fieldName": name})
        website_id = int(body.get("website_id") or view.website_id or 1)
        self._check_address(body["email"], website_id, 0)
        home = view if view.website_id == website_id else next(one for one in VIEWS if one.website_id == website_id)
        number, names = self.customers.next_number(), (body["firstname"], body["lastname"])
        row = bodies.customer(number, body["email"], names, home, self._clock())
        row["addresses"] = body.get("addresses") or []
        self.customers.put(number, row)
        self._told("customer", row)
        if subscribes is not None:
            self.say(number, agrees=subscribes)
        return row

    def change(self, number: int, fields: Row, *, silent: bool = False) -> Row:
        """Change fields of an account; an address alone does not move its time."""
        row, before = self.customer(number), self.customer(number)["email"]
        self.customers.put(number, {**row, **fields})
        row = self.customer(number)
        if set(fields) - {"addresses"}:
            row["updated_at"] = stamp(self._clock())
        if "email" in fields:
            for one in self.subscribers.values():
                if one.customer_id == number:
                    one.email = fields["email"]
        if not silent:
            self._told("customer", {**row, "old_email": before})
        return row

    def replace(self, number: int, body: Row, view: View) -> Row:
        """Put an account in the place of the one there is: what it does not name is reset.

        The newsletter is that of the website whose store view was called; a change mails the customer.

        Raises:
            Refusal: 400; something is missing, or somebody else has the address.
        """
        old = self.customer(number)
        for name in REQUIRED:
            if body.get(name) in (None, ""):
                raise Refusal(400, '"%fieldName" is required. Enter and try again.', {"fieldName": name})
        self._check_address(body["email"], int(body["website_id"]), number)
        fixed = {name: old[name] for name in ("id", "created_at", "created_in", "store_id", "website_id")}
        sent = {name: value for name, value in deepcopy(body).items() if name != "extension_attributes"}
        self.customers.put(number, {**RESET, **sent, **fixed, "updated_at": stamp(self._clock())})
        self._told("customer", {**self.customer(number), "old_email": old["email"]})
        flag = (body.get("extension_attributes") or {}).get("is_subscribed")
        if isinstance(flag, bool) and view.website_id in (0, old["website_id"]) and not self.settings.keeps_flag:
            self._subscribe(number, view, flag=flag)
        return self.customer(number)

    def _subscribe(self, number: int, view: View, *, flag: bool) -> None:
        """Do as `SubscriptionManager` does: through the admin's view it is the admin's website, which nobody has."""
        row = self.customer(number)
        own = self.newsletter_of(row)
        if view.website_id == 0 or flag is (own is not None and own.status == SUBSCRIBED):
            return
        self.say(number, agrees=flag)
        self.mails.append({"to": row["email"], "customer_id": number, "kind": "subscribed" if flag else "unsubscribed"})

    def say(self, number: int, *, agrees: bool) -> None:
        """Let somebody with an account take or leave the newsletter of their website; the account's time stays."""
        row = self.customer(number)
        own = self.newsletter_of(row)
        if own is None:
            own = Subscriber(self.subscribers.next_number(), row["email"], row["store_id"], 0, number)
            self.subscribers.put(own.id, own)
        self._set(own, SUBSCRIBED if agrees else LEFT)

    def say_as_guest(self, email: str, *, agrees: bool, store_id: int = 1) -> Subscriber:
        """Let somebody without an account take or leave a newsletter."""
        address = email.lower()
        found = (one for one in self.subscribers.values() if one.email.lower() == address and not one.customer_id)
        own = next(found, None) or Subscriber(self.subscribers.next_number(), email, store_id, 0)
        self.subscribers.put(own.id, own)
        self._set(own, SUBSCRIBED if agrees else LEFT)
        return own

    def drop_subscriber(self, number: int) -> None:
        """Delete a row of the newsletter, as the admin can."""
        row = self.subscribers.delete(number)
        if row is not None:
            self._tell("newsletter_subscriber_delete_after", view_of(row.store_id).website_id, row.model())

    def delete(self, number: int) -> None:
        """Delete an account; its newsletter goes along, its orders stay."""
        row = self.customer(number)
        self.customers.delete(number)
        for one in [one for one in self.subscribers.values() if one.customer_id == number]:
            self.subscribers.delete(one.id)
        self._told("customer", row, "delete")

    def erase(self, number: int) -> None:
        """Do as privacy modules do: a made-up address and no name, in the account and in its orders."""
        fields = {"email": f"anon-{number}@deleted.example.com", "firstname": "Anonymous", "lastname": "Anonymous"}
        self.say(number, agrees=False)
        self.change(number, {**fields, "addresses": []})
        for row in self.orders.values():
            if row.get("customer_id") == number:
                row |= {f"customer_{name}": value for name, value in fields.items()}
                row |= {"billing_address": {}, "updated_at": stamp(self._clock())}

    def sell(self, number: int | None, email: str = "", many: int = 1) -> Row:
        """Let somebody with an account, or a guest, buy."""
        if number is not None:
            return self._sell(self._buyer(self.customer(number)), self._clock(), many)
        billing = {"firstname": "Gina", "lastname": "Guest", "email": email, "country_id": "DE", "city": "Bonn"}
        return self._sell({"id": None, "email": email, "store_id": 1, "billing": billing}, self._clock(), many)

    def move(self, number: int, state: str) -> Row:
        """Give an order another state."""
        row = self._order(number)
        row |= {"state": state, "status": state, "updated_at": stamp(self._clock())}
        if state in {"processing", "complete"}:
            row |= {"base_total_paid": row["base_grand_total"], "base_total_due": 0.0}
        self._told("sales_order", row)
        return row

    def refund(self, number: int, amount: float) -> Row:
        """Pay something of an order back: a credit memo."""
        row = self._order(number)
        memo_id = self.memos.next_number()
        money = {"base_grand_total": amount, "grand_total": round(amount / bodies.RATE, 2)}
        at = stamp(self._clock())
        memo = {"entity_id": memo_id, "order_id": number, **money, "created_at": at, "updated_at": at}
        self.memos.put(memo_id, memo)
        back = round(row.get("base_total_refunded", 0.0) + amount, 2)
        row |= {"base_total_refunded": back, "updated_at": stamp(self._clock())}
        if back >= row["base_grand_total"]:
            row |= {"state": "closed", "status": "closed"}
        self._told("sales_order_creditmemo", memo)
        return memo

    def put_product(self, number: int | None, fields: Row) -> Row:
        """Make or change a product."""
        number = number or self.products.next_number()
        old = self.products.get(number) or bodies.product(number, self._clock())
        row = self.products.put(number, {**old, **fields, "updated_at": stamp(self._clock())})
        self._told("catalog_product", row)
        return row

    def drop_product(self, number: int) -> None:
        """Delete a product."""
        row = self.products.delete(number)
        if row is not None:
            self._told("catalog_product", row, "delete")

    def leave(self, number: int | None, email: str = "") -> Row:
        """Let somebody fill a cart."""
        owner = None if number is None else self.customer(number)
        row = self._fill(owner, self._clock())
        row["billing_address"] = {"email": email or None}
        return row

    # as `kit.fakes.crowd.World`

    def register(self, person: Person, *, agrees: bool | None) -> int:
        """Let somebody make an account."""
        body = {"email": person.email, "firstname": person.first, "lastname": person.last, "website_id": 1}
        taken = any(row["email"].lower() == person.email.lower() for row in self.customers.values())
        body["website_id"] = 2 if taken and self.settings.websites > 1 else 1
        if any(
            row["email"] == person.email and row["website_id"] == body["website_id"] for row in self.customers.values()
        ):
            body["email"] = f"{self.customers.next_number()}.{person.email}"
        row = self.create(body, VIEWS[1], subscribes=agrees)
        self.edit(row["id"], person, email=False)
        return int(row["id"])

    def edit(self, who: int, person: Person, *, email: bool = True) -> None:
        """Let somebody say what has changed."""
        names = (person.first, person.last)
        where = [bodies.address(5_000 + who, who, names, person)]
        fields: Row = {"firstname": names[0], "lastname": names[1], "addresses": where}
        others = [row for row in self.customers.values() if row["email"] == person.email and row["id"] != who]
        self.change(who, {**fields, **({"email": person.email} if email and not others else {})})

    def buy(self, who: int | None, person: Person) -> None:
        """Let somebody buy."""
        if self.products:
            self.move(self.sell(who, person.email)["entity_id"], "processing")

    def merge(self, kept: int, gone: int) -> None:
        """Magento merges no accounts.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError

    # beneath

    def _check_address(self, email: str, website_id: int, number: int) -> None:
        for row in self.customers.values():
            is_theirs = row["email"].lower() == email.lower() and row["website_id"] == website_id
            if is_theirs and row["id"] != number:
                raise Refusal(400, "A customer with the same email address already exists in an associated website.")

    def _set(self, own: Subscriber, status: int) -> None:
        own.status, own.changed_s = status, self._clock()
        self._tell("newsletter_subscriber_save_after", view_of(own.store_id).website_id, own.model())

    def _buyer(self, row: Row) -> Row:
        known = {name: row[name] for name in ("id", "email", "firstname", "lastname", "store_id")}
        return {**known, "billing": {**(row["addresses"] or [{}])[0], "email": row["email"]}}

    def _sell(self, buyer: Row, at_s: float, many: int = 1) -> Row:
        number = self.orders.next_number()
        lines = [{"product": self.products.get(next(iter(self.products))), "qty": many}]
        buyer = {**buyer, "quote_id": self.carts.next_number()}
        row = self.orders.put(number, bodies.order(number, self.settings, buyer, at_s, lines))
        self._told("sales_order", row)
        return row

    def _fill(self, owner: Row | None, at_s: float) -> Row:
        number = self.carts.next_number()
        lines = [{"product": self.products.get(next(iter(self.products))), "qty": 2}]
        return self.carts.put(number, bodies.cart(number, self.settings, owner, at_s, lines))

    def _order(self, number: int) -> Row:
        found = self.orders.get(number)
        if found is None:
            raise Refusal(404, "The entity that was requested doesn't exist. Verify the entity and try again.")
        return found

    def _told(self, what: str, row: Row, how: str = "save") -> None:
        website_id = row.get("website_id") or view_of(row.get("store_id", 1)).website_id
        self._tell(f"{what}_{how}_after", website_id, row)
