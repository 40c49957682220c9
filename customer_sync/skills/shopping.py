"""What the skills of carts and orders read alike in an event. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from customer_sync.errors import MappingError, PayloadError
from customer_sync.kit.connector import parse_time
from customer_sync.model import Event, Json, Kind, to_ms
from customer_sync.person.identity import normalize_email


def address_of(value: Json) -> str | None:
    """Return an address; None for nothing, and for what is none, or none yet."""
    with suppress(MappingError):
        return normalize_email(value)
    return None


def account_address(event: Event) -> str | None:
    """Return the address of the account that an event names; None where there is none that can be read."""
    customer = event.record.get("customer")
    return address_of(customer.get("email")) if isinstance(customer, dict) else None


def names_of(carts: Json) -> list[str]:
    """Return the names of carts, each once."""
    told = carts if isinstance(carts, list) else []
    return list(dict.fromkeys(one for one in told if isinstance(one, str) and one))


def ms_of(value: Json) -> int | None:
    """Return a time as milliseconds since 1970; None where it cannot be read."""
    with suppress(PayloadError):
        return to_ms(parse_time(value, "time"))
    return None


def cart_fields(event: Event, cart: str, content: Sequence[str]) -> dict[str, Json]:
    """Return the fields of a cart's record, as `customer_sync.series.records` reads them.

    Args:
        event: what tells of the cart.
        cart: its id.
        content: which fields of the cart are kept as they are.
    """
    record = event.record
    fields: dict[str, Json] = {"touchedAt": to_ms(event.occurred_at)}
    if event.kind is Kind.CART_DELETED:
        return {**fields, "emptied": True}
    fields["carts"] = [cart, *(name for name in names_of(record.get("carts")) if name != cart)]
    found = {name: record[name] for name in content if name in record}
    if found:
        fields["cart"] = found
    if "lines" in record:
        fields["emptied"] = not record["lines"]
    completed_ms = ms_of(record.get("completedAt"))
    if completed_ms is not None:
        # what the platform changes in a cart after it was bought is no shopping
        fields |= {"completedAt": completed_ms, "touchedAt": min(completed_ms, to_ms(event.occurred_at))}
    return fields
