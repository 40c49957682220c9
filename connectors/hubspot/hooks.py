"""The events in one of HubSpot's webhooks: hints for the most part, and what must wait for no read.

https://developers.hubspot.com/docs/api-reference/latest/webhooks/guide: an array of up to 100 events, in no order, each
perhaps sent again. They hold ids and at most one property, so that a contact or deal is read again. Withdrawals, merges
and privacy deletions are told at once.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from hashlib import sha256
from typing import Final, NamedTuple

from connectors.hubspot.account import Account
from connectors.hubspot.contacts import moment_of_ms
from customer_sync.errors import PayloadError
from customer_sync.kit.connector import hint, json_body
from customer_sync.kit.fields import Node, identifier, maybe_id
from customer_sync.model import Channel, Consent, ConsentState, Event, Inbound, Json, Kind, kind_of

CONTACTS: Final = "customers"
DEALS: Final = "orders"
#: `objectTypeId` of the `object.*` events → our resource. https://developers.hubspot.com/docs/api/crm/understanding-the-crm
OBJECTS: Final[Mapping[str, str]] = {"0-1": CONTACTS, "0-3": DEALS}
#: HubSpot's word → whose records it is about; "" where `objectTypeId` tells. Any other is ignored: a contact's
#: associations, because the deal's come as well; companies, tickets, conversations.
TOPICS: Final[Mapping[str, str]] = {
    **{f"contact.{act}": CONTACTS for act in ("creation", "propertyChange", "deletion", "restore", "merge")},
    "contact.privacyDeletion": CONTACTS,
    **{f"deal.{act}": DEALS for act in ("creation", "propertyChange", "deletion", "restore", "merge")},
    "deal.associationChange": DEALS,
    **{f"object.{act}": "" for act in ("creation", "propertyChange", "deletion", "restore", "merge")},
}
#: What an import raises by the thousand.
_IMPORTED: Final = frozenset({"creation", "propertyChange"})
#: The parts of an event that tell it from others; `eventId` is documented as not unique. The word is among them for
#: events without a subscription: an erasure must never be taken for a repeated deletion.
_KEY: Final = ("portalId", "subscriptionId", "subscriptionType", "objectId", "propertyName", "occurredAt")
#: What makes those parts too few: they are of merges and associations.
_MORE: Final = frozenset({"primaryObjectId", "newObjectId", "mergedObjectIds", "fromObjectId", "toObjectId"})


class Told(NamedTuple):
    """One event of a body.

    Args:
        inbound: the request.
        node: the event.
        topic: HubSpot's word for it.
        resource: customers or orders.
        id: the key against repeats.
        at: when it happened; the time of arrival where that cannot be read.
        is_dated: whether it could be read.
    """

    inbound: Inbound
    node: Node
    topic: str
    resource: str
    id: str
    at: datetime
    is_dated: bool

    @property
    def act(self) -> str:
        """What happened."""
        return self.topic.rpartition(".")[2]

    def hint(self, record_id: str, more: str = "") -> Event:
        """Return the event that lets a record be read again.

        A contact's deletion is not believed at once: those that were merged away send it as well, perhaps before the
        merge is told, and before a search finds what is left.
        """
        is_over = self.act == "deletion" and self.resource == DEALS
        key = f"{self.id}{more}"
        return hint(self.inbound, self.resource, record_id, self.at, is_deletion=is_over, id=key, topic=self.topic)

    def of_contact(
        self, kind: Kind, record_id: str, record: Mapping[str, Json], more: str, consents: tuple[Consent, ...] = ()
    ) -> Event:
        """Return an event that waits for no read."""
        return Event(
            id=f"{self.id}{more}",
            source=self.inbound.source,
            kind=kind,
            occurred_at=self.at,
            record_id=record_id,
            customer_id=record_id,
            record={"id": record_id, **record},
            consents=consents,
            topic=self.topic,
        )


def events(account: Account, inbound: Inbound) -> list[Event | PayloadError]:
    """Return the events of a body; a fault stands in the place of an event that cannot be read.

    Raises:
        PayloadError: the body is neither an array nor one event.
    """
    value = json_body(inbound)
    if isinstance(value, dict):
        return _tried(account, inbound, Node(value))
    if not isinstance(value, list):
        raise PayloadError("$", f"expected a list of events, found {kind_of(value)}")
    found: list[Event | PayloadError] = []
    for at, one in enumerate(value):
        if isinstance(one, dict):
            found += _tried(account, inbound, Node(one, f"[{at}]"))
        else:
            found.append(PayloadError(f"[{at}]", f"expected an event, found {kind_of(one)}"))
    return found


def portals(value: Json) -> frozenset[str]:
    """Return the accounts that the events of a body name."""
    rows = value if isinstance(value, list) else [value]
    named = {str(one.get("portalId")) for one in rows if isinstance(one, dict)}
    return frozenset(one for one in named if one.isdecimal())


def _tried(account: Account, inbound: Inbound, node: Node) -> list[Event | PayloadError]:
    try:
        return list(_events(account, inbound, node))
    except PayloadError as fault:
        return [fault]


def _events(account: Account, inbound: Inbound, node: Node) -> Iterator[Event]:
    topic = node.get("subscriptionType") or node.get("eventType")  # the second is its old name, sent beside the first
    if not isinstance(topic, str):
        raise PayloadError(node.path("subscriptionType"), f"expected what happened, found {kind_of(topic)}")
    resource = TOPICS.get(topic)
    if resource is None or _is_foreign(account, node):
        return
    resource = resource or OBJECTS.get(str(node.get("objectTypeId")), "")
    if not resource:
        return
    at = moment_of_ms(node.get("occurredAt"))
    told = Told(inbound, node, topic, resource, _key(node.body), at or inbound.received_at, at is not None)
    if told.act == "merge":
        yield from _merged(told)
        return
    record_id = _record_id(told)
    if told.act == "privacyDeletion":
        yield told.of_contact(Kind.CUSTOMER_ERASED, record_id, {"orders": []}, "")
        return
    withdrawn = _withdrawal(account, told, record_id)
    if withdrawn is not None:
        yield withdrawn
    elif account.skips_imports and told.act in _IMPORTED and node.get("changeSource") == "IMPORT":
        return
    yield told.hint(record_id)


def _record_id(told: Told) -> str:
    """Return the id of the record; of an association, that of the deal."""
    if told.act != "associationChange":
        return identifier(told.node.get("objectId"), told.node.path("objectId"))
    key = "fromObjectId" if told.node.get("fromObjectId") is not None else "objectId"
    return identifier(told.node.get(key), told.node.path(key))


def _merged(told: Told) -> Iterator[Event]:
    """Return which contacts became one, and a hint for what is left: no change of a property is told.

    What is left may be a record of its own (`newObjectId`). The others send `deletion`, before or after.
    """
    node = told.node
    kept = primary = None
    for key in ("objectId", "primaryObjectId"):
        primary = maybe_id(node.get(key), node.path(key)) or primary
    kept = maybe_id(node.get("newObjectId"), node.path("newObjectId")) or primary
    if kept is None:
        raise PayloadError(node.path("primaryObjectId"), "expected the id of the contact that is left, found nothing")
    listed = node.get("mergedObjectIds")
    gone = [identifier(one, node.path("mergedObjectIds")) for one in listed] if isinstance(listed, list) else []
    for one in dict.fromkeys((*gone, *([primary] if primary else []))):
        if one == kept:
            continue
        if told.resource == CONTACTS:
            yield told.of_contact(Kind.CUSTOMER_MERGED, kept, {"keptId": kept, "deletedId": one}, f":{one}")
        else:
            yield told.hint(one, f":{one}")
    yield told.hint(kept)


def _withdrawal(account: Account, told: Told, record_id: str) -> Event | None:
    """Return the withdrawal that a change of a property is: it waits for no read."""
    name = told.node.get("propertyName")
    if told.act != "propertyChange" or told.resource != CONTACTS or name not in account.opt_outs:
        return None
    if str(told.node.get("propertyValue")).strip().lower() != "true":
        return None
    said = Consent(Channel.EMAIL, ConsentState.WITHDRAWN, told.at, str(name), explicit=True)
    return told.of_contact(Kind.CONSENT_CHANGED, record_id, {}, ":out", (said,))


def _is_foreign(account: Account, node: Node) -> bool:
    """Tell whether an event is of another account that has the same app."""
    portal = str(node.get("portalId"))
    return bool(account.portal) and portal.isdecimal() and portal != account.portal


def _key(row: Mapping[str, Json]) -> str:
    """Return the key against repeats: the same at each try, whose number is left out."""
    parts = [_plain(row.get(name)) for name in _KEY]
    if None in parts or not (parts[3] and parts[5]) or _MORE.intersection(row):
        told = {name: value for name, value in row.items() if name != "attemptNumber"}
        parts = [parts[0], sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:32]]
    return f"hubspot:{':'.join(one or '' for one in parts)}"


def _plain(value: Json) -> str | None:
    """Return a part of a key as text, None where it cannot be one."""
    if value is None:
        return ""
    found = str(value) if isinstance(value, int | str) and not isinstance(value, bool) else None
    return found if found is not None and len(found) <= 100 and found.isascii() and found.isprintable() else None
