"""A deal as HubSpot's API gives it, as an order: won is paid, lost is cancelled, open is a draft.

https://developers.hubspot.com/docs/api-reference/latest/crm/objects/deals/guide. Whether a stage means won or
lost is told by the properties `hs_is_closed_won` and `hs_is_closed`; the names of stages are the owner's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from connectors.hubspot.account import Account
from connectors.hubspot.api import Api, is_id, rows_of
from connectors.hubspot.contacts import CONTACT, is_yes
from customer_sync.errors import PayloadError
from customer_sync.kit.fields import ABSENT, Node, Table, filled, identifier, moment, number, take, text
from customer_sync.model import Event, Json, Kind, OrderState

_OF_DEAL: Final = "properties."
DEAL: Final[Table] = {
    "number": take(text, "properties.dealname"),
    "status": take(text, "properties.dealstage"),
    "pipeline": take(text, "properties.pipeline"),
    "currency": take(text, "properties.deal_currency_code"),
    "total": take(number, "properties.amount"),
    "updatedAt": take(moment, "updatedAt", "properties.hs_lastmodifieddate"),
}
_CLOSED: Final = take(moment, "properties.closedate")
_CREATED: Final = take(moment, "createdAt", "properties.createdate")
PROPERTIES: Final = (
    *("dealname", "dealstage", "pipeline", "amount", "deal_currency_code", "closedate", "createdate"),
    *("hs_is_closed", "hs_is_closed_won", "hs_lastmodifieddate"),
)
#: What is read of a buyer; the contact itself is read by its own webhooks and pulls.
BUYER: Final = ("email", "firstname", "lastname")


class Tie(NamedTuple):
    """A contact of a deal, once for each label."""

    contact: str
    label: str


def buyer_of(ties: Sequence[Tie], label: str) -> str | None:
    """Return the one contact for whom a deal counts: the lowest id with the label, else the lowest id of all.

    HubSpot lists a contact once for each label, in an order that changes from read to read.
    """
    named = [one.contact for one in ties if one.label == label]
    return min(named or [one.contact for one in ties], key=int, default=None)


def events_of(api: Api, rows: Sequence[Mapping[str, Json]], now: datetime) -> list[Event | PayloadError]:
    """Return the events of some deals, at most 100, with their buyers."""
    ties = _ties(api, [str(row.get("id")) for row in rows])
    buyers = {deal: buyer_of(some, api.account.buyer_label) for deal, some in ties.items()}
    people = api.read("contacts", sorted({one for one in buyers.values() if one}), BUYER)
    known = {str(row.get("id")): row for row in people}
    found: list[Event | PayloadError] = []
    for row in rows:
        buyer = buyers.get(str(row.get("id")))
        try:
            found.append(read(api.account, row, buyer, known.get(buyer or ""), now))
        except PayloadError as fault:
            found.append(fault)
    return found


def read(
    account: Account, row: Mapping[str, Json], buyer: str | None, person: Mapping[str, Json] | None, now: datetime
) -> Event:
    """Return the event of a deal.

    Args:
        account: the account.
        row: the deal.
        buyer: the contact for whom it counts; None where it has none.
        person: that contact, where it could be read.
        now: when it is read.

    Raises:
        PayloadError: its id or its state cannot be read.
    """
    node = Node(row)
    record_id = identifier(node.get("id"), node.path("id"))
    picked = node.pick(DEAL)
    state = _state(node)
    closed, created = node.take(_CLOSED), node.take(_CREATED)
    made = closed if state is OrderState.PAID and isinstance(closed, str) else created
    record: dict[str, Json] = {"id": record_id, **picked, "state": str(state)}
    if made is not ABSENT:
        record["createdAt"] = made
    if not record.get("currency"):
        record["currency"] = account.currency or None
    total = record.get("total")
    if state is OrderState.CANCELLED:
        record["amount"] = 0.0
        record["cancelledAt"] = closed if isinstance(closed, str) else None
    elif total is not None:
        record["amount"] = total
    if buyer is not None:
        record["customer"] = {"id": buyer, **(_person(person) if person is not None else {})}
    at = node.instant("updatedAt") or now
    return Event(
        id=f"hubspot:deal:{record_id}:{row.get('updatedAt')}",
        source=account.source,
        kind=Kind.ORDER_UPDATED,
        occurred_at=at,
        record_id=record_id,
        customer_id=buyer,
        record=record,
        topic="read",
        notes=tuple(node.notes),
    )


def _state(node: Node) -> OrderState:
    flags = node.child("properties")
    won, closed = (is_yes(flags.get(name), flags.path(name)) for name in ("hs_is_closed_won", "hs_is_closed"))
    if won:
        return OrderState.PAID
    return OrderState.CANCELLED if closed else OrderState.DRAFT


def _person(row: Mapping[str, Json]) -> dict[str, Json]:
    try:
        return filled(Node(row).pick({name: CONTACT[name] for name in ("email", "firstName", "lastName")}))
    except PayloadError:
        return {}


def _ties(api: Api, ids: Sequence[str]) -> dict[str, list[Tie]]:
    """Return the contacts of some deals.

    The answer has one of two shapes: `toObjectId` with `associationTypes` (2025 and later), or `id` with `type`.
    """
    if not ids:
        return {}
    path = f"/crm/associations/{api.account.version}/deals/contacts/batch/read"
    asked: Json = {"inputs": [{"id": one} for one in ids]}
    answer = api.rest.call("POST", path, json_body=asked).object()
    return {str(from_id(row)): list(ties_in(row.get("to"))) for row in rows_of(answer)}


def from_id(row: Mapping[str, Json]) -> Json:
    """Return whose associations a row holds."""
    whose = row.get("from")
    return whose.get("id") if isinstance(whose, dict) else None


def ties_in(value: Json) -> Iterator[Tie]:
    """Yield the contacts in a list of associations; what is no contact's id is left out."""
    for one in value if isinstance(value, list) else ():
        if not isinstance(one, dict):
            continue
        contact = str(one.get("toObjectId") or one.get("id") or "")
        if not is_id(contact):
            continue
        types = one.get("associationTypes")
        labels = [kind.get("label") for kind in types if isinstance(kind, dict)] if isinstance(types, list) else []
        for label in labels or [one.get("type")]:
            yield Tie(contact, str(label or "").lower())
