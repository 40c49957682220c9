"""Customers and their subscriptions as canonical records: tables first, then short functions. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from connectors.stripe.money import currency
from customer_sync.errors import PayloadError
from customer_sync.kit.fields import Node, Table, email, flag, identifier, strict, take, text, to_text
from customer_sync.model import Json, kind_of

#: Times beyond the year 2500 are no times.
_LAST_S: Final = 16_725_225_600


def unix(value: Json, path: str) -> datetime:
    """Return a time: Stripe writes seconds since 1970.

    Raises:
        PayloadError: it is none.
    """
    if isinstance(value, bool) or not isinstance(value, int):
        raise PayloadError(path, f"expected seconds since 1970, found {kind_of(value)}")
    if not 0 <= value < _LAST_S:
        raise PayloadError(path, "expected seconds since 1970")
    return datetime.fromtimestamp(value, UTC)


def moment(value: Json, path: str) -> str | None:
    """Return a time as ISO 8601 text."""
    return None if value is None else to_text(unix(value, path))


def instant(node: Node, key: str) -> datetime | None:
    """Return a time, None where none stands or none that can be read."""
    try:
        return None if node.get(key) is None else unix(node.get(key), node.path(key))
    except PayloadError as fault:
        node.note(fault)
        return None


def reference(value: Json, path: str) -> str | None:
    """Return the id of another object, which may stand here whole (`expand`), or deleted.

    Raises:
        PayloadError: it is neither an id nor an object with one.
    """
    if isinstance(value, dict):
        value, path = value.get("id"), f"{path}.id"
    return None if value is None else identifier(value, path)


def first_name(value: Json, path: str) -> str | None:
    """Return a name without its last word: Stripe knows one name."""
    words = (text(value, path) or "").rsplit(None, 1)
    return words[0] if words else None


def last_name(value: Json, path: str) -> str | None:
    """Return the last word of a name of several words."""
    words = (text(value, path) or "").rsplit(None, 1)
    return words[1] if len(words) > 1 else None


#: https://docs.stripe.com/api/customers/object; `individual_name` and `business_name` are newer than `name`.
CUSTOMER: Table = {
    "email": strict(email, "email"),
    "firstName": take(first_name, "individual_name", "name"),
    "lastName": take(last_name, "individual_name", "name"),
    "phone": take(text, "phone"),
    "company": take(text, "business_name"),
    "country": take(text, "address.country", "shipping.address.country"),
    "city": take(text, "address.city", "shipping.address.city"),
    "postcode": take(text, "address.postal_code", "shipping.address.postal_code"),
    "language": take(text, "preferred_locales.0"),
    "currency": take(currency, "currency"),
    "note": take(text, "description"),
    "isDelinquent": take(flag, "delinquent"),
    "createdAt": take(moment, "created"),
}

#: https://docs.stripe.com/api/subscriptions/object. Since 2025-03-31.basil the period belongs to the items.
SUBSCRIPTION: Table = {
    "subscriptionId": take(text, "id"),
    "subscriptionStatus": take(text, "status"),
    "subscriptionPlan": take(
        text,
        *("items.data.0.price.nickname", "items.data.0.price.lookup_key", "items.data.0.price.id"),
        *("plan.nickname", "plan.id"),
    ),
    "subscriptionPeriodEnd": take(moment, "items.data.0.current_period_end", "current_period_end"),
    "subscriptionTrialEnd": take(moment, "trial_end"),
    "subscriptionCancels": take(flag, "cancel_at_period_end"),
}
#: Which of several subscriptions tells: the first of these that one has.
_RANKS: Final = ("active", "trialing", "past_due", "unpaid", "paused", "incomplete")


def own_id(node: Node) -> str:
    """Return the object's id.

    Raises:
        PayloadError: it is none.
    """
    return identifier(node.get("id"), node.path("id"))


def is_deleted(node: Node) -> bool:
    """Tell whether an object is what is left of a deleted one: `{"id", "object", "deleted": true}`, with status 200."""
    return node.get("deleted") is True


def customer(node: Node) -> dict[str, Json]:
    """Return a customer; the subscription only where the body holds the subscriptions.

    Raises:
        PayloadError: the id or the address cannot be read.
    """
    return {"id": own_id(node), **node.pick(CUSTOMER), **_subscribed(node)}


def subscribed(node: Node) -> dict[str, Json]:
    """Return what one subscription tells of its customer."""
    return node.pick(SUBSCRIPTION)


def _subscribed(node: Node) -> dict[str, Json]:
    listed = node.get("subscriptions")
    if not isinstance(listed, dict) or not isinstance(listed.get("data"), list):
        return {}
    found = Node(listed, node.path("subscriptions"), node.notes).children("data")
    if not found:
        return dict.fromkeys(SUBSCRIPTION)
    return subscribed(min(found, key=_rank))


def _rank(node: Node) -> tuple[int, int]:
    status, created = node.get("status"), node.get("created")
    rank = _RANKS.index(status) if isinstance(status, str) and status in _RANKS else len(_RANKS)
    return rank, -created if isinstance(created, int) else 0
