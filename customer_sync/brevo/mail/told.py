"""The events that a series tells to other skills: a cart counts as left, a cart was recovered. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final, NamedTuple

from customer_sync.brevo.mail.letter import Tried
from customer_sync.brevo.mail.seen import CART, id_of, source_of
from customer_sync.model import Event, Json, Kind
from customer_sync.series.records import CartSeen, Purchase

#: What is told of a cart of all that is kept of it.
_KEYS: Final = ("total", "currency", "url", "lines", "isLoggedIn")


def abandoned(target: str, cart: CartSeen, email: str | None, left_at: datetime) -> Event:
    """Return the event that a cart counts as left since a time. Twice for one time it is one event."""
    record = _cart(target, cart, email)
    return _event(target, Kind.CART_ABANDONED, f"left:{int(left_at.timestamp())}", left_at, record)


class Recovery(NamedTuple):
    """How a cart was recovered: the order, what is known of it, when, and the last mail before it."""

    order: str
    bought: Purchase | None
    at: datetime
    mail: Tried


def recovered(target: str, cart: CartSeen, email: str | None, how: Recovery) -> Event:
    """Return the event that a cart was bought after a mail. Twice for one order it is one event."""
    more: dict[str, Json] = {"orderId": how.order or None, "step": how.mail.step}
    bought = how.bought
    if bought is not None and bought.amount is not None and bought.currency is not None:
        more |= {"amount": float(bought.amount), "orderCurrency": bought.currency}
    if how.mail.variant:
        more["variant"] = how.mail.variant
    record = {**_cart(target, cart, email), **more}
    return _event(target, Kind.CART_RECOVERED, f"recovered:{how.order}", how.at, record)


def _cart(target: str, cart: CartSeen, email: str | None) -> dict[str, Json]:
    content = cart.content or {}
    found: dict[str, Json] = {"id": id_of(target).removeprefix(CART), "updatedAt": cart.touched_at.isoformat()}
    found |= {name: content[name] for name in _KEYS if name in content}
    return found if email is None else {**found, "email": email}


def _event(target: str, kind: Kind, word: str, at: datetime, record: Mapping[str, Json]) -> Event:
    return Event(
        f"{target}:{word}", source_of(target), kind, at, record_id=str(record["id"]), record=record, topic=str(kind)
    )
