"""What is counted and told when a cart was bought after a mail: once for each series. Pure.

A cart may say itself that it was bought, before its order is heard of, or without one ever. Its recovery waits a day
for the order, then it is counted without an amount. An order that comes later still adds its amount, and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from customer_sync.brevo.mail import counts, told
from customer_sync.brevo.mail.letter import tried
from customer_sync.brevo.mail.seen import OWED, RECOVERED, SKILL
from customer_sync.model import Event, Json, from_ms, to_ms
from customer_sync.person.merge import State
from customer_sync.series.decide import End
from customer_sync.series.records import CartSeen, Purchase
from customer_sync.series.rounds import PATIENCE


@dataclass(frozen=True, slots=True)
class Bought:
    """A cart, and what bought it.

    Args:
        target: its record.
        state: the fields of the record.
        cart: the cart.
        email: the address of its person.
        order: what is known of the order that the end names; None where nothing is.
    """

    target: str
    state: State
    cart: CartSeen
    email: str | None
    order: Purchase | None = None


@dataclass(slots=True)
class Recovered:
    """What is to be done about a recovery.

    Args:
        fields: to be stored.
        counted: to be counted.
        events: to be told.
        waits_until: when it is to be counted, where it waits for its order.
    """

    fields: dict[str, Json] = field(default_factory=dict)
    counted: list[counts.Count] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    waits_until: datetime | None = None


def recovered(case: Bought, end: End, now: datetime) -> Recovered:
    """Return what is to be done about a series that a purchase after one of its mails ended."""
    known = _value(case.state, RECOVERED)
    said_ms = None if end.completed_at is None else to_ms(end.completed_at)
    if end.order:
        if known == end.order:
            return Recovered()
        if known is not None and known == said_ms:
            return _amount(case, end.order)
        return _whole(case, end.order, case.order.at if case.order is not None else now, end.order)
    if said_ms is None or known == said_ms:
        return Recovered()
    owed = case.state.get(OWED)
    is_new = owed is None or owed.value != said_ms
    until = (now if owed is None or is_new else from_ms(owed.at_ms)) + PATIENCE
    if until > now:
        return Recovered({OWED: said_ms} if is_new else {}, waits_until=until)
    return _whole(case, "", from_ms(said_ms), said_ms)


def overdue(case: Bought, end: End | None) -> Recovered:
    """Return what is to be done about a recovery that waits while the cart goes on: its order is waited for no more."""
    owed = _value(case.state, OWED)
    if not isinstance(owed, int) or (end is not None and end.completed_at == from_ms(owed)):
        return Recovered()
    return _whole(case, "", from_ms(owed), owed)


def _whole(case: Bought, order: str, at: datetime, mark: Json) -> Recovered:
    mails = tried(case.state)
    if not mails:
        return Recovered()
    how = told.Recovery(order, case.order, at, mails[-1])
    worth = _worth(case.order)
    return Recovered(
        {RECOVERED: mark, OWED: None},
        counts.recovered(SKILL, mails[-1].variant, *worth),
        [told.recovered(case.target, case.cart, case.email, how)],
    )


def _amount(case: Bought, order: str) -> Recovered:
    """Return the amount of an order that came after its recovery was counted."""
    mails = tried(case.state)
    return Recovered({RECOVERED: order}, counts.amount(SKILL, mails[-1].variant, *_worth(case.order)) if mails else [])


def _worth(order: Purchase | None) -> tuple[Decimal | None, str | None]:
    return (order.amount, order.currency) if order is not None else (None, None)


def _value(state: State, name: str) -> Json:
    stamped = state.get(name)
    return None if stamped is None else stamped.value
