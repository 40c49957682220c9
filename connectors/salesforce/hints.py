"""A webhook as events: a hint for each record that it names, and each withdrawal that it tells at once. Pure.

Three senders, told apart by the body: an outbound message (XML), an Apex trigger (JSON, signed as Standard Webhooks ask
for), a Flow (the same JSON with the secret as a bearer token). The JSON is `{"organizationId": ..., "records": [...]}`
with records as `JSON.serialize` writes them in Apex.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from hashlib import sha256
from typing import Final, NamedTuple

from connectors.salesforce.account import OPT_OUT
from connectors.salesforce.api import full_id
from connectors.salesforce.objects import OBJECTS, STAMP
from connectors.salesforce.soap import NAMESPACE, is_soap, read
from customer_sync.errors import PayloadError
from customer_sync.kit.connector import header, hint, json_object
from customer_sync.kit.fields import Node, email, identifier, maybe_id
from customer_sync.kit.rescue import ALONE
from customer_sync.model import CUSTOMERS, Channel, Consent, ConsentState, Event, Inbound, Json, Kind

#: The header of a Standard Webhooks message that tells one delivery from another.
MESSAGE_ID: Final = "webhook-id"
ORGANIZATION: Final = "organizationId"
MAX_RECORDS: Final = 1_000

_LOOKED_AT: Final = 2_000


class Told(NamedTuple):
    """One record that a webhook names.

    Args:
        event_id: unique for this telling of it.
        sobject: what it is.
        node: its fields.
    """

    event_id: str
    sobject: str
    node: Node


def is_ours(body: bytes) -> bool:
    """Tell whether a body looks like one of these, by its beginning."""
    begin = body[:_LOOKED_AT]
    if is_soap(begin):
        return NAMESPACE.encode() in begin
    return re.match(rb'\s*\{.{0,200}"organizationId"', begin, re.DOTALL) is not None and b'"attributes"' in begin


def organization(body: bytes) -> str:
    """Return the id of the org that a JSON body names, "" where it names none or cannot be read."""
    found = re.search(rb'"organizationId"\s*:\s*"([A-Za-z0-9]{15,18})"', body[:_LOOKED_AT])
    return found[1].decode() if found else ""


def events(inbound: Inbound) -> list[Event | PayloadError]:
    """Return the events of a webhook.

    Raises:
        PayloadError: the whole body cannot be read.
    """
    told = _of_xml(inbound) if is_soap(inbound.body) else _of_json(inbound)
    return [event for one in told for event in (_events(inbound, one) if isinstance(one, Told) else [one])]


def _of_xml(inbound: Inbound) -> list[Told | PayloadError]:
    message = read(inbound.body)
    found: list[Told | PayloadError] = []
    for index, one in enumerate(message.notifications):
        at = f"notifications.Notification[{index}]"
        if not one.sobject:
            continue  # the record was deleted before the message was sent; the next pull tells of it
        if not one.id:
            found.append(PayloadError(f"{at}.Id", "expected an id, found nothing"))
            continue
        event_id = f"salesforce:{message.organization[:15]}:{one.id[:40]}"
        found.append(Told(event_id, one.sobject, Node(one.fields, f"{at}.sObject")))
    return found


def _of_json(inbound: Inbound) -> list[Told | PayloadError]:
    body = Node(json_object(inbound))
    records = body.get("records")
    if not isinstance(records, list) or not 1 <= len(records) <= MAX_RECORDS:
        raise PayloadError("records", f"expected a list of 1 to {MAX_RECORDS} records")
    message = header(inbound, MESSAGE_ID)[:100] or sha256(inbound.body).hexdigest()
    found: list[Told | PayloadError] = []
    for index, row in enumerate(records):
        path = f"records[{index}]"
        if not isinstance(row, dict):
            found.append(PayloadError(path, "expected an object"))
            continue
        attributes = row.get("attributes")
        sobject = attributes.get("type") if isinstance(attributes, dict) else None
        if not isinstance(sobject, str):
            found.append(PayloadError(f"{path}.attributes.type", "expected the name of an object, such as Contact"))
            continue
        found.append(Told(f"salesforce:{message}:{index}", sobject, Node(row, path, body.notes)))
    return found


def _events(inbound: Inbound, told: Told) -> Sequence[Event | PayloadError]:
    """Return the withdrawal that a record tells, and the hint to read it; the withdrawal alone where that cannot be."""
    sobject = OBJECTS.get(told.sobject)
    if sobject is None:
        return []
    node = told.node
    at = node.instant(STAMP, "LastModifiedDate") or inbound.received_at
    left = _withdrawal(inbound, told, at) if sobject.resource == CUSTOMERS else None
    try:
        record_id = full_id(identifier(node.get("Id"), node.path("Id")))
    except PayloadError as fault:
        return [fault] if left is None else [replace(left, id=f"{told.event_id}{ALONE}"), fault]
    is_gone = node.get("IsDeleted") is True
    more = {"id": told.event_id, "topic": sobject.name}
    read_again = hint(inbound, sobject.resource, record_id, at, is_deletion=is_gone, **more)
    return [read_again] if left is None else [left, read_again]


def _withdrawal(inbound: Inbound, told: Told, at: datetime) -> Event | None:
    """Return the withdrawal of a record, found by its id or its address; None where it tells of none, or of nobody."""
    node = told.node
    if node.get(OPT_OUT) is not True:
        return None
    known: dict[str, Json] = {}
    for name, key, read_as in (("id", "Id", maybe_id), ("email", "Email", email)):
        try:
            found = read_as(node.get(key), node.path(key))
        except PayloadError:
            continue
        known |= {name: full_id(found) if name == "id" else found} if found else {}
    if not known:
        return None
    number = known.get("id")
    own = number if isinstance(number, str) else None
    return Event(
        f"{told.event_id}:left",
        inbound.source,
        Kind.CONSENT_CHANGED,
        at,
        record_id=own,
        customer_id=own,
        record=known,
        consents=(Consent(Channel.EMAIL, ConsentState.WITHDRAWN, at, OPT_OUT, explicit=True),),
        topic=told.sobject,
        notes=tuple(node.notes),
    )
