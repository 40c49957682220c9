"""A line whose orders are kept, and hands to tell of orders as connectors do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import redis

from customer_sync.engine.lane import Done, Outcome
from customer_sync.model import Event, Json, Kind
from customer_sync.pipeline import deliver
from customer_sync.skills.order_events import LANE, OrderEvents
from customer_sync.store import Store
from customer_sync.store.forms import Kept, encode_kept
from customer_sync.store.items import Item, Settlement
from tests.rig import Rig, at

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


class OrdersKept:
    """The worker step of their lane: what is known of an order is kept, and nobody is called."""

    lane = LANE

    def batch_size(self) -> int:
        return 100

    def begin(self, items: Sequence[Item], done: Done) -> None:
        for item in items:
            kept = encode_kept(Kept(item.state))
            done(Outcome(item, Settlement(item.target, record=kept), "delivered"))


def keep_orders(rig, currency: str | None = "EUR") -> None:
    """Let a rig keep orders, and make totals of them."""
    types = dict(rig.rules.attributes or {}) | TYPES
    sums = dict.fromkeys(rig.sources, ASKED)
    rig.rules = replace(rig.rules, sums=sums, currency=currency, attributes=types)
    rig.line.skills.append(OrderEvents())
    rig.line.handlers[LANE] = OrdersKept()
    begin(rig.store)


def begin(store: Store) -> None:
    """Say that totals are made of orders."""
    store.orders.lane = LANE
    store.lanes.register(LANE, keeps="records", is_summed=True)


class Shops(Rig):
    """The line, with orders of which totals are made."""

    def __init__(self, client: redis.Redis, *, currency: str | None = "EUR", **more) -> None:
        super().__init__(client, **more)
        keep_orders(self, currency)

    def reset(self) -> None:
        super().reset()
        begin(self.store)

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
