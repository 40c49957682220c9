"""A lane of its own, as a skill of tomorrow brings one: every order becomes a record of the lane `orders`.

Its destination is a dictionary. What it does with an order: nothing for one whose person nobody knows, no call where
nothing changed, and a word of the buyer's consent with each.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from customer_sync.brevo.contacts.contact_plan import Rules, view
from customer_sync.engine.lane import Done, Outcome
from customer_sync.engine.plan import Due, RecordSays, Who
from customer_sync.errors import Parkable, TajoError, TryLater, Unavailable
from customer_sync.kit.connector import parse_time
from customer_sync.model import Event, Json, Kind
from customer_sync.person.identity import normalize_email
from customer_sync.person.merge import WHOM, whom_of
from customer_sync.person.person import apply
from customer_sync.skills import Intent
from customer_sync.store import Store
from customer_sync.store.forms import Kept, encode_kept
from customer_sync.store.items import Item, Settlement
from customer_sync.store.parked import encode, park_item

LANE = "orders"
KINDS = {Kind.ORDER_PLACED, Kind.ORDER_UPDATED, Kind.ORDER_REFUNDED}


class OrderEvents:
    """The skill."""

    name = "toy-orders"

    def intent(self, event: Event) -> Intent:
        """Return the order as a record of the lane; a cart is due a while after it was changed last."""
        if event.kind not in KINDS | {Kind.CART_UPDATED}:
            return Intent()
        customer = event.record.get("customer")
        email = normalize_email(customer.get("email")) if isinstance(customer, dict) else None
        who = None
        if event.customer_id is not None or email is not None:
            who = Who(event.source, event.occurred_at, event.customer_id, email, event.seen_at, is_copy=True)
        fields = {name: value for name, value in event.record.items() if name in {"total", "status"}}
        due = Due()
        if event.kind is Kind.CART_UPDATED:
            due = Due(parse_time(str(event.record["remindAt"]), "remindAt"), is_moved=True)
        return Intent(
            [RecordSays(LANE, event.source, event.record_id, event.occurred_at, fields, who, event.seen_at, due)]
        )


@dataclass
class Shop:
    """The destination."""

    orders: dict[str, dict[str, Json]] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    #: Raised instead of taking an order, by target; `*` for all.
    faults: dict[str, TajoError] = field(default_factory=dict)
    #: Called once while an order is under way.
    meanwhile: Callable[[], None] | None = None

    def put(self, target: str, order: dict[str, Json]) -> None:
        todo, self.meanwhile = self.meanwhile, None
        if todo:
            todo()
        self.calls.append(target)
        fault = self.faults.get(target) or self.faults.get("*")
        if fault:
            raise fault
        self.orders[target] = order


class OrdersHandler:
    """The worker step."""

    lane = LANE

    def __init__(self, store: Store, shop: Shop, rules: Callable[[], Rules]) -> None:
        self._store, self._shop, self._rules = store, shop, rules

    def batch_size(self) -> int:
        return 50

    def begin(self, items: Sequence[Item], done: Done) -> None:
        for item in items:
            done(self._attempt(item))

    def _attempt(self, item: Item) -> Outcome:
        if item.newer:
            return Outcome(item, Settlement(item.target, "again", due_in_s=0.2), "held", item.newer)
        kept, state = item.kept, item.state
        order: dict[str, Json] = {name: one.value for name, one in sorted(state.items()) if name != WHOM}
        if item.whose is None and whom_of(state):
            return Outcome(item, Settlement(item.target, record=encode_kept(Kept(state))), "unchanged", "nobody")
        if item.whose is not None:
            person = apply(self._store.people.decode(item.whose.record), item.whose.parts)
            order |= {"email": person.email, "may_mail": str(view(person, self._rules()).email.state)}
        if _without_name(order) == dict(kept.has):
            return Outcome(item, Settlement(item.target, record=encode_kept(Kept(state, kept.has))), "unchanged")
        done = Settlement(item.target, record=encode_kept(Kept(state, _without_name(order))))
        return self._send(item, order, done)

    def _send(self, item: Item, order: dict[str, Json], done: Settlement) -> Outcome:
        try:
            self._shop.put(item.target, order)
        except Unavailable as error:
            return Outcome(item, Settlement(item.target, "again", due_in_s=1.0), "held", str(error), error)
        except TryLater as error:
            return Outcome(item, Settlement(item.target, "again", due_in_s=1.0, burns=True), "again", str(error))
        except Parkable as error:
            parked = park_item(item, LANE, error.reason, error.remedy, 1)
            settlement = Settlement(item.target, "parked", parked=(parked.id, encode(parked)))
            return Outcome(item, settlement, "parked", error.reason)
        return Outcome(item, done, "delivered")


def _without_name(order: dict[str, Json]) -> dict[str, Json]:
    """What is remembered holds no address."""
    return {name: value for name, value in order.items() if name != "email"}
