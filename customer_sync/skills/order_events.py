"""order-events: orders of a shop become orders in Brevo, with what was really earned by each.

Each field of an order is kept by itself, so that events may come in any order: the newest word of each counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import timedelta
from typing import Final

from customer_sync.engine.plan import Put, RecordSays, Who
from customer_sync.errors import MappingError, PayloadError
from customer_sync.kit.connector import parse_time
from customer_sync.model import Event, Json, Kind, OrderState, to_ms
from customer_sync.person.identity import normalize_email
from customer_sync.person.merge import stamp
from customer_sync.person.orders import IS_LIVE, REFUND, REFUSED
from customer_sync.person.person import Part
from customer_sync.skills import Intent
from customer_sync.skills.definition import Definition

#: The lane of orders.
LANE: Final = "orders"
#: A change of an order that is older than this is no news of the order itself: nobody is thanked for an order of last
#: year because somebody added a note to it.
YOUNG: Final = timedelta(days=1)

_TOLD: Final = frozenset({Kind.ORDER_PLACED, Kind.ORDER_UPDATED, Kind.ORDER_REFUNDED})
#: What says whose an order is, and what is kept in a way of its own.
_NOT_KEPT: Final = frozenset({"id", "customer", "email", "refunds"})


class OrderEvents:
    """The skill."""

    name = "order-events"

    def intent(self, event: Event) -> Intent:
        """Return what an event tells of an order."""
        if event.kind is Kind.SOURCE_ALERT:
            return Intent(list(_refused(event)))
        if event.record_id is None or event.kind not in {*_TOLD, Kind.ORDER_DELETED}:
            return Intent()
        if event.kind is Kind.ORDER_DELETED:
            return Intent([_says(event, {"state": str(OrderState.DELETED)}, None)])
        who, note = _who(event)
        return Intent([_says(event, _fields(event), who)], note)

    def terms(self, source: str) -> Json:  # noqa: ARG002  # the same for all
        """Return what the intents depend on beside the event: nothing."""
        return None


def _says(event: Event, fields: Mapping[str, Json], who: Who | None) -> RecordSays:
    assert event.record_id is not None
    return RecordSays(LANE, event.source, event.record_id, event.occurred_at, fields, who, event.seen_at)


def _fields(event: Event) -> dict[str, Json]:
    """Return the fields that an event tells; an event of a refund that knows nothing else tells the refund."""
    fields = {name: value for name, value in event.record.items() if name not in _NOT_KEPT}
    refunds = event.record.get("refunds")
    if isinstance(refunds, dict):
        fields |= {f"{REFUND}{number}": paid for number, paid in refunds.items()}
    return {**fields, IS_LIVE: True} if _is_live(event) else fields


def _is_live(event: Event) -> bool:
    if event.is_pulled or event.kind is Kind.ORDER_REFUNDED:
        return False
    if event.kind is Kind.ORDER_PLACED:
        return True
    with suppress(PayloadError):
        return event.occurred_at - parse_time(event.record.get("createdAt"), "createdAt") < YOUNG
    return False


def _who(event: Event) -> tuple[Who | None, str]:
    """Return whose an order is, and what was wrong with the address; None where the event does not tell."""
    email, note = None, ""
    try:
        email = _email(event.record)
    except MappingError as error:
        note = str(error)
    if email is None and event.customer_id is None:
        return None, note
    at, seen_at, told_at = event.occurred_at, event.seen_at, event.told_at
    return Who(event.source, at, event.customer_id, email, seen_at, is_copy=True, told_at=told_at), note


def _email(record: Mapping[str, Json]) -> str | None:
    """Return the buyer's address: that of the customer, else the one on the order.

    Raises:
        MappingError: it is none.
    """
    customer = record.get("customer")
    told = customer.get("email") if isinstance(customer, dict) else None
    return normalize_email(told or record.get("email"))


def _refused(event: Event) -> Iterator[Put]:
    """Yield what Brevo's notice about a batch says of single orders: `orders` holds Brevo's id → why."""
    orders = event.record.get("orders")
    for target, why in orders.items() if isinstance(orders, dict) else ():
        yield Put(LANE, target, Part("", "", None, stamp({REFUSED: why}, to_ms(event.occurred_at))))


SKILL: Final = Definition(
    OrderEvents.name,
    "Orders of a shop become orders in Brevo, with what was really earned by each.",
    lambda _: OrderEvents(),
    resources=("orders",),
    modules=("customer_sync.brevo.orders", "customer_sync.brevo.order_body"),
)
