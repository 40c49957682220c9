"""What an account holds, what happens in it, and the events that tell of it."""

from __future__ import annotations

from copy import deepcopy
from typing import Any, Final

from connectors.stripe.fake import bodies
from connectors.stripe.fake.bodies import Money
from connectors.stripe.fake.endpoints import WAITS_S, Endpoints
from connectors.stripe.fake.params import StripeError
from connectors.stripe.fake.settings import UNTIL_S, Settings
from connectors.stripe.fake.shelf import Shelf
from customer_sync.kit.fakes.answers import Row
from customer_sync.kit.fakes.cast import Cast, roll
from customer_sync.kit.fakes.clock import Clock
from customer_sync.kit.fakes.hooks import Rules

#: The kinds of objects that are listed, with what their ids begin with.
KINDS: Final = {
    "customers": "cus",
    "subscriptions": "sub",
    "invoices": "in",
    "charges": "ch",
    "events": "evt",
}
_DIGITS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#: How far apart the customers of the start came, in seconds.
_APART_S: Final = 3_600


class Books:
    """The objects of an account. The caller holds the stand-in's lock.

    Args:
        settings: how the account behaves.
        clock: its time.
    """

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self.settings, self._clock = settings, clock
        self.cast = Cast(settings.seed)
        self.shelves = {name: Shelf() for name in KINDS}
        self.gone: set[str] = set()
        rules = Rules(WAITS_S, timeout_s=settings.webhook_timeout_s, senders=4, time_scale=settings.time_scale)
        self.endpoints = Endpoints(clock, rules, settings.version)
        self._made = self._came = 0
        self.populate(settings.customers, first_s=UNTIL_S - settings.customers * _APART_S)
        self.endpoints.sender.habits.is_on = False
        for row in list(self.shelves["customers"])[: settings.invoices]:
            self.pay(self.bill(row, Money(2_000, "usd")))
        self.endpoints.sender.habits.is_on = True
        self.shelves["events"] = Shelf()

    def now(self) -> int:
        """Return the time in whole seconds."""
        return int(self._clock())

    def number(self, prefix: str) -> str:
        """Return an id that no object has had."""
        self._made += 1
        dice, text = roll(self.settings.seed, self._made), ""
        for _ in range(14 if prefix == "cus" else 20):
            dice, digit = divmod(dice, len(_DIGITS)) if dice else (0, self._made % len(_DIGITS))
            text += _DIGITS[digit]
        return f"{prefix}_{text}{self._made}"

    def populate(self, count: int, first_s: int | None = None) -> list[str]:
        """Let customers be there without a word about it; return their ids."""
        start = self.now() if first_s is None else first_s
        return [self._newcomer({}, start + at * (_APART_S if first_s else 0))["id"] for at in range(count)]

    def somebody(self, fields: Row) -> Row:
        """Let somebody become a customer."""
        row = self._newcomer(fields, self.now())
        self.tell("customer.created", row)
        return row

    def create_customer(self, fields: Row) -> Row:
        """Make a customer of what a program says."""
        livemode = self.settings.livemode
        row = self.shelves["customers"].add(
            bodies.customer(self.number("cus"), self.now(), livemode=livemode, fields=fields)
        )
        self.tell("customer.created", row)
        return row

    def change_customer(self, row: Row, fields: Row) -> Row:
        """Change a customer; metadata merges, and an empty value takes its key away."""
        before = deepcopy({name: row[name] for name in fields})
        metadata = fields.pop("metadata", None)
        row |= fields
        if metadata == "":
            row["metadata"] = {}
        elif metadata:
            kept = {**row["metadata"], **metadata}
            row["metadata"] = {key: value for key, value in kept.items() if value != ""}
        previous = {name: value for name, value in before.items() if value != row[name]}
        if "metadata" in previous:
            names = {*before["metadata"], *row["metadata"]}
            old, new = before["metadata"], row["metadata"]
            previous["metadata"] = {key: old.get(key) for key in sorted(names) if old.get(key) != new.get(key)}
        if previous:
            self.tell("customer.updated", row, previous)
        return row

    def delete_customer(self, number: str) -> Row:
        """Delete a customer; its subscriptions end."""
        row = self.shelves["customers"].remove(number)
        self.gone.add(number)
        for one in [one for one in self.shelves["subscriptions"] if one["customer"] == number]:
            self.end(one)
        self.tell("customer.deleted", row)
        return {"id": number, "object": "customer", "deleted": True}

    # subscriptions

    def subscribe(self, owner: Row, plan: str = "oil") -> Row:
        """Let a customer subscribe."""
        made = bodies.subscription(self.number("sub"), self.now(), owner, plan, Money(2_000, "usd"))
        row = self.shelves["subscriptions"].add(made)
        self.tell("customer.subscription.created", row)
        return row

    def end(self, row: Row) -> Row:
        """End a subscription."""
        row |= {"status": "canceled", "canceled_at": self.now(), "ended_at": self.now()}
        self.tell("customer.subscription.deleted", row)
        return row

    def subscriptions_of(self, number: str) -> Row:
        """Return the subscriptions of a customer that are not over, as they are expanded."""
        rows = self.shelves["subscriptions"].newest_first(
            lambda one: one["customer"] == number and one["status"] != "canceled"
        )
        return {"object": "list", "data": rows, "has_more": False, "url": f"/v1/customers/{number}/subscriptions"}

    # money

    def bill(self, owner: Row, money: Money, subscription: str = "") -> Row:
        """Send an invoice."""
        made = bodies.invoice(self.number("in"), self.now(), owner, money, subscription)
        row = self.shelves["invoices"].add(made)
        self.tell("invoice.finalized", row)
        return row

    def pay(self, row: Row) -> Row:
        """Let an invoice be paid, by a charge."""
        owner = self.shelves["customers"].get(row["customer"])
        paid = self.charge(owner, Money(row["total"], row["currency"]), {}, invoice=row["id"])
        self._settle(row, "paid", "paid_at")
        row |= {"amount_paid": row["total"], "amount_remaining": 0, "attempt_count": 1, "_charge": paid["id"]}
        self.tell("invoice.paid", row)
        return row

    def fail(self, row: Row) -> Row:
        """Let the payment of an invoice fail."""
        row["attempt_count"] += 1
        self.tell("invoice.payment_failed", row)
        return row

    def void(self, row: Row) -> Row:
        """Take an invoice back."""
        self._settle(row, "void", "voided_at")
        self.tell("invoice.voided", row)
        return row

    def charge(self, owner: Row | None, money: Money, payer: Row, invoice: str = "") -> Row:
        """Let somebody pay, for an invoice or without one."""
        named = {"email": owner["email"], "name": owner["name"], **payer} if owner else payer
        made = bodies.charge(self.number("ch"), self.now(), owner, money, named)
        row = self.shelves["charges"].add({**made, "livemode": self.settings.livemode, "_invoice": invoice or None})
        self.tell("charge.succeeded", row)
        return row

    def refund(self, row: Row, units: int | None = None) -> Row:
        """Pay a charge back, whole or in part."""
        before = {"amount_refunded": row["amount_refunded"], "refunded": row["refunded"]}
        left = row["amount_captured"] - row["amount_refunded"]
        units = left if units is None else units
        if not 0 < units <= left:
            raise StripeError(
                400, "Refund amount is greater than unrefunded amount on charge.", "charge_already_refunded"
            )
        row["amount_refunded"] += units
        row["refunded"] = row["amount_refunded"] == row["amount_captured"]
        self.tell("charge.refunded", row, before)
        made = {
            "id": self.number("re"),
            "object": "refund",
            "amount": units,
            "charge": row["id"],
            "status": "succeeded",
        }
        return {**made, "created": self.now(), "currency": row["currency"], "metadata": {}}

    def check_out(self, email: str, owner: Row | None, consent: Row | None, began_s: int) -> Row:
        """Let somebody go through Checkout."""
        row = bodies.session(self.number("cs_test"), began_s, email, owner, consent)
        row["livemode"] = self.settings.livemode
        self.tell("checkout.session.completed", row)
        return row

    # what is told

    def tell(self, kind: str, row: Row, previous: Row | None = None, **more: Any) -> Row:
        """Remember that something happened, and send it."""
        event = {"id": self.number("evt"), "object": "event", "created": self.now(), "livemode": row["livemode"]}
        event |= {"pending_webhooks": 1, "request": {"id": None, "idempotency_key": None}, "type": kind}
        event |= {"_object": deepcopy(row), "_previous": previous, **more}
        self.shelves["events"].add(event)
        self.endpoints.tell(event)
        return event

    def remembered(self, row: Row) -> bool:
        """Tell whether an event is listed: not for the first seconds, and for thirty days."""
        age_s = self._clock() - row["created"]
        return self.settings.lag_s <= age_s <= self.settings.memory_s or (self.settings.lag_s == 0 and age_s <= 0)

    def _newcomer(self, fields: Row, at_s: int) -> Row:
        who = self.cast.who(self._came)
        self._came += 1
        address = {"city": who.city, "country": who.country, "line1": who.street, "postal_code": who.postcode}
        known: Row = {"name": who.name, "email": who.email, "phone": who.phone, "address": address}
        known |= {"business_name": who.company or None, **fields}
        row = bodies.customer(self.number("cus"), at_s, livemode=self.settings.livemode, fields=known)
        return self.shelves["customers"].add(row)

    def _settle(self, row: Row, status: str, when: str) -> None:
        if row["status"] != "open":
            raise StripeError(
                400, "Invoice is already finalized and paid, void or written off.", "invoice_not_editable"
            )
        row["status"] = status
        row["status_transitions"][when] = self.now()
