"""A deal, in canonical fields: an order when it is won, a cancelled one when it is lost, a draft while it is open."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from customer_sync.errors import PayloadError
from customer_sync.kit.fields import Node, Table, identifier, maybe_id, moment, number, strict, take, text
from customer_sync.model import Event, Json, Kind, OrderState

#: The four words of `status`.
STATES: Final[Mapping[str, OrderState]] = {
    "open": OrderState.DRAFT,
    "won": OrderState.PAID,
    "lost": OrderState.CANCELLED,
    "deleted": OrderState.DELETED,
}
DEAL: Final[Table] = {
    "status": take(text, "status"),
    "title": take(text, "title"),
    "currency": take(text, "currency"),
    "total": strict(number, "value"),
    "organizationId": take(maybe_id, "org_id"),
    "stageId": take(maybe_id, "stage_id"),
    "pipelineId": take(maybe_id, "pipeline_id"),
    "updatedAt": take(moment, "update_time"),
}


def read(node: Node, outline: Event, record_id: str = "") -> Event:
    """Return the event of a deal.

    It is bought at the moment it is won: that is the order's date.

    Raises:
        PayloadError: id, status or value cannot be read.
    """
    found = record_id or identifier(node.get("id"), node.path("id"))
    at = node.instant("update_time", "add_time") or outline.occurred_at
    word = "deleted" if node.get("is_deleted") is True else node.get("status")
    state = STATES.get(word) if isinstance(word, str) else None
    if state is None:
        raise PayloadError(node.path("status"), f"expected one of {', '.join(STATES)}")
    person = maybe_id(_person(node), node.path("person_id"))
    outline = replace(outline, occurred_at=at, record_id=found, customer_id=person)
    if state is OrderState.DELETED:
        return replace(outline, kind=Kind.ORDER_DELETED, record={"id": found})
    record: dict[str, Json] = {"id": found, "state": str(state), **node.pick(DEAL)}
    record["amount"] = 0.0 if state is OrderState.CANCELLED else record.get("total")
    bought = ("won_time", "add_time") if state is OrderState.PAID else ("add_time",)
    record |= node.pick({"createdAt": take(moment, *bought)})
    if state is OrderState.CANCELLED:
        record |= node.pick({"cancelledAt": take(moment, "lost_time", "close_time")})
    if person is not None:
        record["customer"] = {"id": person}
    return replace(outline, record=record)


def _person(node: Node) -> Json:
    """Return the id of a deal's person; old answers write an object in its place."""
    value = node.get("person_id")
    return value.get("value") if isinstance(value, dict) else value
