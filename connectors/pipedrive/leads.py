"""A lead, in canonical fields: it is no person of its own but an interest that a person has.

The person of a lead is a customer already. A lead brings five fields of that customer, those of the lead that changed
last, and nothing where nobody stands behind it (an organization alone).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from customer_sync.kit.fields import Node, Table, maybe_id, moment, number, take, text
from customer_sync.model import Event, Json, Kind

LEAD: Final[Table] = {
    "leadTitle": take(text, "title"),
    "leadValue": take(number, "value.amount"),
    "leadCurrency": take(text, "value.currency"),
    "leadSource": take(text, "source_name", "origin"),
    "leadCreatedAt": take(moment, "add_time"),
}


def read(node: Node, outline: Event, *, is_deleted: bool = False) -> Event | None:
    """Return the event of a lead's person; None where the lead has none.

    Args:
        node: the lead.
        outline: the event without what the lead tells.
        is_deleted: whether the lead is gone; one that became a deal is.

    Raises:
        PayloadError: the id of its person cannot be read.
    """
    person = maybe_id(node.get("person_id"), node.path("person_id"))
    if person is None:
        return None
    at = outline.occurred_at if is_deleted else node.instant("update_time", "add_time") or outline.occurred_at
    state = "deleted" if is_deleted else "archived" if node.get("is_archived") is True else "open"
    record: dict[str, Json] = {"id": person, "leadStatus": state, **node.pick(LEAD)}
    kind = Kind.CUSTOMER_UPDATED
    return replace(outline, kind=kind, occurred_at=at, record_id=person, customer_id=person, record=record)
