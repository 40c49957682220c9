"""What BigCommerce's rows have in common: an id, a time of change, lines of goods; and the event of one. Pure."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

from customer_sync.errors import PayloadError
from customer_sync.kit.fields import Node, Table, as_object, identifier, maybe_id, number, take, text
from customer_sync.model import Event, Json, Kind

#: When a row was changed, the best word for it first; carts have words of their own. V2 writes times of RFC 2822.
CHANGED: Final = ("date_modified", "updated_time", "date_created", "created_time")

#: What the lines of orders and carts have in common.
LINE: Final[Table] = {
    "productId": take(maybe_id, "product_id"),
    "variantId": take(maybe_id, "variant_id"),
    "sku": take(text, "sku"),
    "title": take(text, "name"),
    "quantity": take(number, "quantity"),
}


def own_id(node: Node) -> str:
    """Return the id of a row.

    Raises:
        PayloadError: there is none.
    """
    found = identifier(node.get("id"), node.path("id"))
    if found == "0":
        raise PayloadError(node.path("id"), "expected an id, found 0")
    return found


def event(
    row: Json, kind: Kind, source: str, now: datetime, read: Callable[[Node], dict[str, Json]]
) -> Event | PayloadError:
    """Return the event of a row, or its fault.

    Args:
        row: as it was listed.
        kind: what happened.
        source: the source's name.
        now: the time of a row that tells none.
        read: makes the record; its `customer` may name the account.
    """
    try:
        node = Node(as_object(row, "data"))
        record = read(node)
    except PayloadError as fault:
        return fault
    at, person = node.instant(*CHANGED) or now, record.get("customer")
    account = person.get("id") if isinstance(person, dict) else None
    return Event(
        id=f"bc:{source}:{at.isoformat()}:{kind}:{record['id']}",
        source=source,
        kind=kind,
        occurred_at=at,
        record_id=str(record["id"]),
        customer_id=None if account is None else str(account),
        record=record,
        notes=tuple(node.notes),
    )
