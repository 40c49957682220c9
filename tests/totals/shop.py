"""A line whose orders are kept, and hands to tell of orders as connectors do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import redis

from customer_sync.engine.lane import Done, Outcome
from customer_sync.engine.plan import RecordSays, Who
from customer_sync.model import Event, Json, Kind
from customer_sync.person.identity import normalize_email
from customer_sync.person.orders import REFUND
from customer_sync.pipeline import deliver
from customer_sync.skills import Intent
from customer_sync.store.forms import Kept, encode_kept
from customer_sync.store.items import Item, Settlement
from tests.rig import ATTRIBUTES, Rig, at

LANE = "orders"
ASKED = {
    "totalOrders": "TOTAL_ORDERS",
    "totalSpent": "TOTAL_SPENT",
    "averageOrderValue": "AVERAGE",
    "firstOrderDate": "FIRST_ORDER",
    "lastOrderDate": "LAST_ORDER",
}
TYPES = {
    "TOTAL_ORDERS": "float",
    "TOTAL_SPENT": "float",
    "AVERAGE": "float",
    "FIRST_ORDER": "date",
    "LAST_ORDER": "date",
}
KINDS = {Kind.ORDER_PLACED, Kind.ORDER_UPDATED, Kind.ORDER_REFUNDED, Kind.ORDER_DELETED}


class KeepsOrders:
    """A skill that puts what an order's event tells into the record of the order."""

    name = "keeps-orders"

    def intent(self, event: Event) -> Intent:
        if event.kind not in KINDS or event.record_id is None:
            return Intent()
        told = dict(event.record)
        customer = told.pop("customer", None)
        refunds = told.pop("refunds", None)
        email = normalize_email(customer.get("email")) if isinstance(customer, dict) else None
        who = None
        if event.customer_id is not None or email is not None:
            who = Who(event.source, event.occurred_at, event.customer_id, email, event.seen_at, is_copy=True)
        fields: dict[str, Json] = told | {f"{REFUND}{one}": amount for one, amount in (refunds or {}).items()}
        if event.kind is Kind.ORDER_DELETED:
            fields["state"] = "deleted"
        return Intent([RecordSays(LANE, event.source, event.record_id, event.occurred_at, fields, who, event.seen_at)])


class OrdersKept:
    """The worker step of their lane: what is known of an order is kept, and nobody is called."""

    lane = LANE

    def batch_size(self) -> int:
        return 100

    def begin(self, items: Sequence[Item], done: Done) -> None:
        for item in items:
            kept = encode_kept(Kept(item.state))
            done(Outcome(item, Settlement(item.target, record=kept), "delivered"))


class Shops(Rig):
    """The line, with orders of which totals are made."""

    def __init__(self, client: redis.Redis, *, currency: str | None = "EUR", **more) -> None:
        super().__init__(client, **more)
        sums = dict.fromkeys(self.sources, ASKED)
        self.rules = replace(self.rules, sums=sums, currency=currency, attributes=ATTRIBUTES | TYPES)
        self.line.skills.append(KeepsOrders())
        self.line.handlers[LANE] = OrdersKept()
        self.begin()

    def begin(self) -> None:
        self.store.orders.lane = LANE
        self.store.lanes.register(LANE, keeps="records", is_summed=True)

    def reset(self) -> None:
        super().reset()
        self.begin()

    def deliver_orders(self) -> None:
        while deliver(self.line, LANE).did_work:
            pass

    def settle(self) -> None:
        super().settle()
        self.deliver_orders()

    def totals(self, email: str) -> dict[str, object]:
        """The totals of a contact in Brevo; what was emptied is left out."""
        found = self.brevo.contacts[email].attributes
        return {name: found[name] for name in TYPES if found.get(name, "") != ""}

    def spent(self, email: str) -> tuple[object, object]:
        """How many orders, and how much was spent."""
        found = self.totals(email)
        return found.get("TOTAL_ORDERS"), found.get("TOTAL_SPENT")

    def calls(self, email: str) -> int:
        return sum(email in {path.rpartition("/")[2], data.get("email")} for _, path, data in self.brevo.calls)


def order(
    key: str,
    when: float,
    email: str | None = None,
    *,
    account: int | None = None,
    kind: Kind = Kind.ORDER_UPDATED,
    source: str = "shop",
    **fields: Json,
) -> Event:
    """What a source tells of an order at a time; `account` is the customer's."""
    record: dict[str, Json] = {"id": key, **fields}
    if email is not None:
        record["customer"] = {"email": email}
    return Event(
        f"{source}:{key}:{when}:{kind}",
        source,
        kind,
        at(when),
        key,
        None if account is None else str(account),
        record,
    )


def bought(key: str, when: float, email: str | None, amount: float, **more) -> Event:
    """A paid order, as it is told when it was placed."""
    told = {"state": "paid", "currency": "EUR", "total": amount, "amount": amount, "createdAt": at(when).isoformat()}
    return order(key, when, email, **(told | more))
