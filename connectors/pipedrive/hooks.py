"""Webhooks: the shape of version 2, and that of version 1, which old webhooks still send.

Where the API can be asked, a person's webhook is a hint: it lacks `marketing_status`, the company's name, the labels of
options, and whatever else was not thought of (https://pipedrive.readme.io/docs/webhooks-v2-migration-guide). A deal's
webhook is whole. Where there is no key, what stands in the webhook is all there is.

Version 2 has no word for a merge: one person is deleted, the other changes. Where `merged_to_id` stands, the merge is
told as one. Where it does not, a person's deletion is a hint that is not called a deletion: the engine looks for the
person for a minute before it is taken for gone. Meanwhile the change of the kept person comes, by whichever order, and
the address leads to that one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Final

from connectors.pipedrive import deals, leads
from connectors.pipedrive.account import Account
from connectors.pipedrive.persons import Context
from customer_sync.errors import PayloadError
from customer_sync.kit.connector import hint, json_object, parse_time
from customer_sync.kit.fields import Node, identifier, maybe_id
from customer_sync.kit.rescue import hear
from customer_sync.model import ConsentState, Event, Inbound, Json, Kind, kind_of

ENTITIES: Final = ("person", "deal", "lead")
ACTIONS: Final = ("create", "change", "delete")
TOPICS: Final = tuple(f"{entity}.{action}" for entity in ENTITIES for action in ACTIONS)
#: The words of version 1 for the same; its merges are changes here: both persons are read again.
OLD_ACTIONS: Final[Mapping[str, str]] = {
    "added": "create",
    "updated": "change",
    "deleted": "delete",
    "merged": "change",
}
#: What a deal's webhook must hold to stand for the deal.
WHOLE_DEAL: Final = ("status", "value", "currency", "person_id")
#: Seconds, milliseconds and microseconds since 1970 all begin to be too large for the unit before at this number.
_UNITS: Final = ((1e14, 1e6), (1e11, 1e3), (0.0, 1.0))


@dataclass(frozen=True, slots=True)
class Delivery:
    """One webhook, whichever its version.

    Args:
        inbound: the request.
        meta: what it says of itself.
        entity: person, deal, lead, ...
        action: in the words of version 2.
        data: the record as it is now; empty after a deletion.
        previous: what it was before: all of it after a deletion, else what has changed.
        at: when it happened.
        can_ask: whether the record can be read.
    """

    inbound: Inbound
    meta: Node
    entity: str
    action: str
    data: Node
    previous: Node
    at: datetime
    can_ask: bool

    @property
    def topic(self) -> str:
        """What happened, in Pipedrive's words."""
        return f"{self.entity}.{self.action}"

    @property
    def body(self) -> Node:
        """The record, or after a deletion what is known of it."""
        return self.data if self.data.body else self.previous

    @property
    def event_id(self) -> str:
        """The key against repeats: all that a second try of the delivery has in common with the first."""
        names = ("id", "entity", "object", "entity_id", "action", "timestamp", "timestamp_micro")
        known = [f"{name}={self.meta.get(name)!r}" for name in names]
        named = "id" in self.meta and ("timestamp" in self.meta or "timestamp_micro" in self.meta)
        told = "\n".join(known).encode(errors="replace") if named else self.inbound.body
        return f"pipedrive:{sha256(told).hexdigest()}"

    def record_id(self) -> str:
        """Return the id of the record.

        Raises:
            PayloadError: it stands nowhere.
        """
        key = "entity_id" if "entity" in self.meta else "id"
        try:
            return identifier(self.meta.get(key), f"meta.{key}")
        except PayloadError:
            if self.body.get("id") is None:
                raise
            return identifier(self.body.get("id"), self.body.path("id"))

    def outline(self, kind: Kind) -> Event:
        """Return an event without what the record tells."""
        return Event(self.event_id, self.inbound.source, kind, self.at, topic=self.topic)

    def hint(self, resource: str, record_id: str, *, is_deletion: bool = False) -> Event:
        """Return the event that has a record read."""
        more = {"id": self.event_id, "topic": self.topic}
        return hint(self.inbound, resource, record_id, self.at, is_deletion=is_deletion, **more)


def parse(inbound: Inbound, account: Account) -> list[Event | PayloadError]:
    """Return the events of a webhook; none where it is about something else.

    Raises:
        PayloadError: it cannot be understood at all.
    """
    delivery = read(inbound, can_ask=account.can_ask)
    if delivery.topic not in TOPICS:
        return []
    if delivery.entity == "person":
        return _person(delivery, account)
    if delivery.entity == "deal":
        return _deal(delivery)
    is_deleted = delivery.action == "delete"
    outline = delivery.outline(Kind.CUSTOMER_UPDATED)
    return hear(lambda: leads.read(delivery.body, outline, is_deleted=is_deleted), delivery.body, None, outline)


def read(inbound: Inbound, *, can_ask: bool) -> Delivery:
    """Return a webhook in the terms of version 2.

    Raises:
        PayloadError: it has no `meta`, or that says nothing.
    """
    body = json_object(inbound)
    notes: list[str] = []
    value = body.get("meta")
    if not isinstance(value, dict):
        raise PayloadError("meta", f"expected an object, found {kind_of(value)}")
    meta = Node(value, "meta", notes)
    is_old = "entity" not in value and "object" in value
    entity, action = meta.get("object" if is_old else "entity"), meta.get("action")
    for name, found in (("object" if is_old else "entity", entity), ("action", action)):
        if not isinstance(found, str) or not found:
            raise PayloadError(f"meta.{name}", f"expected a word, found {kind_of(found)}")
    action = OLD_ACTIONS.get(str(action), "") if is_old else action
    data = _part(body, "current" if is_old else "data", notes)
    previous = _part(body, "previous", notes)
    at = _when(meta) or (data if data.body else previous).instant("update_time", "add_time") or inbound.received_at
    return Delivery(inbound, meta, str(entity), str(action), data, previous, at, can_ask)


def _part(body: Mapping[str, Json], name: str, notes: list[str]) -> Node:
    value = body.get(name)
    if value is not None and not isinstance(value, dict):
        Node({}, "", notes).note(PayloadError(name, f"expected an object, found {kind_of(value)}"))
    return Node(value if isinstance(value, dict) else {}, name, notes)


def _when(meta: Node) -> datetime | None:
    """Return when it happened: ISO 8601 in version 2, whole seconds and microseconds in version 1 and for users."""
    for name in ("timestamp_micro", "timestamp"):
        value = meta.get(name)
        try:
            if isinstance(value, int | float) and not isinstance(value, bool) and value > 0:
                units = next(unit for least, unit in _UNITS if value >= least)
                return datetime.fromtimestamp(value / units, UTC)
            if isinstance(value, str) and value:
                return parse_time(value, f"meta.{name}")
        except (PayloadError, ValueError, OverflowError, OSError):
            meta.note(PayloadError(f"meta.{name}", "expected a time"))
    return None


def _person(delivery: Delivery, account: Account) -> list[Event | PayloadError]:
    context, body = Context(account), delivery.body
    merged = _merged(delivery)
    if merged is not None:
        kept, gone = merged
        record: dict[str, Json] = {"id": kept, "keptId": kept, "deletedId": gone}
        outline = replace(delivery.outline(Kind.CUSTOMER_MERGED), id=f"{delivery.event_id}:merged")
        event = replace(outline, record_id=kept, customer_id=kept, record=record)
        left = _withdrawal(delivery, context, delivery.record_id())
        if delivery.can_ask:
            return [*left, event, delivery.hint("customers", kept)]
        return [*left, event, *([] if delivery.action == "delete" else _told(delivery, context))]
    if not delivery.can_ask:
        return _told(delivery, context)

    def read_id() -> Event | None:
        number = delivery.record_id()
        return next(iter(_withdrawal(delivery, context, number)), None)

    found = hear(read_id, body, context.subject(), delivery.outline(Kind.CONSENT_CHANGED))
    if any(isinstance(one, PayloadError) for one in found):
        return found
    return [*found, delivery.hint("customers", delivery.record_id())]


def _told(delivery: Delivery, context: Context) -> list[Event | PayloadError]:
    """Return what a person's webhook tells where nothing can be read."""
    if delivery.action == "delete":
        number = delivery.record_id()
        gone = replace(delivery.outline(Kind.CUSTOMER_DELETED), record_id=number, customer_id=number)
        return [*_withdrawal(delivery, context, number), replace(gone, record={"id": number})]
    kind = Kind.CUSTOMER_CREATED if delivery.action == "create" else Kind.CUSTOMER_UPDATED
    try:
        number = delivery.record_id()
    except PayloadError:
        number = ""
    return context.read(delivery.body, delivery.outline(kind), number)


def _withdrawal(delivery: Delivery, context: Context, number: str) -> list[Event]:
    """Return the withdrawal that a webhook tells of: it waits for no read."""
    body = delivery.body
    try:
        told = context.consents(body, context.subject().at(body) or delivery.at)
    except PayloadError as fault:
        body.note(fault)
        return []
    left = tuple(one for one in told if one.state is ConsentState.WITHDRAWN)
    if not left:
        return []
    record: dict[str, Json] = {"id": number}
    if (address := context.subject().email(body)) is not None:
        record["email"] = address
    event = replace(delivery.outline(Kind.CONSENT_CHANGED), id=f"{delivery.event_id}:status", record=record)
    return [replace(event, record_id=number, customer_id=number, consents=left, occurred_at=left[0].at)]


def _merged(delivery: Delivery) -> tuple[str, str] | None:
    """Return the ids of the person that was kept and of the one that is gone, None where no merge is told."""
    kept = _number(delivery, "merged_to_id")
    gone = _number(delivery, "merged_from_id")
    try:
        own = delivery.record_id()
    except PayloadError:
        return None
    if kept is not None and kept != own:
        return kept, own
    if gone is not None and gone != own and delivery.action != "delete":
        return own, gone
    return None


def _number(delivery: Delivery, name: str) -> str | None:
    try:
        return maybe_id(delivery.meta.get(name), f"meta.{name}")
    except PayloadError as fault:
        delivery.meta.note(fault)
        return None


def _deal(delivery: Delivery) -> list[Event | PayloadError]:
    if delivery.action == "delete":
        number = delivery.record_id()
        gone = replace(delivery.outline(Kind.ORDER_DELETED), record_id=number, record={"id": number})
        return [delivery.hint("orders", number, is_deletion=True) if delivery.can_ask else gone]
    if delivery.can_ask and not all(name in delivery.data for name in WHOLE_DEAL):
        return [delivery.hint("orders", delivery.record_id())]
    outline = delivery.outline(Kind.ORDER_PLACED if delivery.action == "create" else Kind.ORDER_UPDATED)
    return hear(lambda: deals.read(delivery.data, outline, delivery.record_id()), delivery.data, None, outline)
