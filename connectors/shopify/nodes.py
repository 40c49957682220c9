"""Customers of the GraphQL API as events: the same canonical record as from a webhook of the same customer. Pure.

`TABLE` says what is read from where. A full sync reads millions of customers, so `_quick` reads the same without the
table, three times faster; whatever it does not expect goes to `exact`, which names the path of a fault. A property
test holds the two together.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo
from functools import partial
from typing import Any, Final

from connectors.shopify import records
from customer_sync.errors import PayloadError
from customer_sync.kit.fields import (
    Node,
    Table,
    email,
    moment,
    number,
    strict,
    take,
    text,
    to_text,
    whole,
)
from customer_sync.kit.json_text import UNREADABLE
from customer_sync.kit.rescue import ConsentReader, Subject, hear
from customer_sync.model import Channel, Consent, Event, Json, Kind, kind_of

#: What pulled events show as the platform's word for what happened.
TOPIC: Final = "pull"
GID: Final = "gid://shopify/Customer/"


def _small(value: Json, path: str) -> str | None:
    """Return a word in small letters, as webhooks write it."""
    found = text(value, path)
    return found.lower() if found else None


# https://shopify.dev/docs/api/admin-graphql/latest/objects/Customer; counts and amounts come as text.
TABLE: Table = {
    "email": strict(email, "defaultEmailAddress.emailAddress"),
    "firstName": take(text, "firstName"),
    "lastName": take(text, "lastName"),
    "phone": take(text, "defaultPhoneNumber.phoneNumber"),
    "country": take(text, "defaultAddress.countryCodeV2"),
    "company": take(text, "defaultAddress.company"),
    "city": take(text, "defaultAddress.city"),
    "postcode": take(text, "defaultAddress.zip"),
    "language": take(text, "locale"),
    "currency": take(text, "amountSpent.currencyCode"),
    "note": take(text, "note"),
    "state": take(_small, "state"),
    "tags": take(records.tag_list, "tags"),
    "totalOrders": take(whole, "numberOfOrders"),
    "totalSpent": take(number, "amountSpent.amount"),
    "lastOrderDate": take(moment, "lastOrder.processedAt"),
    "createdAt": take(moment, "createdAt"),
    "updatedAt": take(moment, "updatedAt"),
}

_PLAIN: Final = (("firstName", "firstName"), ("lastName", "lastName"), ("note", "note"), ("language", "locale"))
_PLACE: Final = (("country", "countryCodeV2"), ("company", "company"), ("city", "city"), ("postcode", "zip"))
#: The times that a customer's record shows.
_TIMES: Final = ("createdAt", "updatedAt", "lastOrderDate")


@dataclass(frozen=True, slots=True)
class Reader:
    """Turns customers of a source into events.

    Args:
        source: the source's name.
        now: when they are read: the time of a customer that tells none.
        hidden: fields whose null tells nothing, because the app may not see them: they count as unknown.
        zone: the store's own zone, in which webhooks write their times; None for UTC, in which the API writes them.
    """

    source: str
    now: datetime
    hidden: Collection[str] = ()
    zone: tzinfo | None = None

    def read(self, node: Any) -> Sequence[Event | PayloadError]:
        """Return a customer as an event; one that cannot be read is a fault, its withdrawals before it."""
        if self.hidden and isinstance(node, dict):
            node = {name: value for name, value in node.items() if value is not None or name not in self.hidden}
        try:
            return (_quick(node, self),)
        except (AttributeError, KeyError, OverflowError, TypeError, ValueError, PayloadError):
            return exact(node, self)


def _quick(node: dict[str, Any], reader: Reader) -> Event:
    """Read what is written as it always is; raise anything at all on the rest."""
    gid = node["id"]
    customer_id = gid[len(GID) :]
    updated = node["updatedAt"]
    at = _time(updated)
    if not (gid.startswith(GID) and customer_id.isdigit() and customer_id.isascii()):
        raise ValueError
    record: dict[str, Json] = {"id": customer_id, "updatedAt": updated}
    for ours, theirs in _PLAIN:
        if theirs in node:
            record[ours] = _word(node[theirs])
    _shopping(node, record)
    _account(node, record)
    _address(node, record)
    told: tuple[Consent, ...] = ()
    if "defaultEmailAddress" in node:
        way = node["defaultEmailAddress"]
        record["email"] = None if way is None else email(way["emailAddress"], "defaultEmailAddress.emailAddress")
        told = _consent(way, Channel.EMAIL, at)
        record.update(records.accepts(told))
    if "defaultPhoneNumber" in node:
        way = node["defaultPhoneNumber"]
        record["phone"] = None if way is None else _word(way["phoneNumber"])
        told += _consent(way, Channel.SMS, at)
    if reader.zone is not None:
        _move(record, reader.zone)
    return Event(
        f"shopify:pull:{customer_id}:{updated}",
        reader.source,
        Kind.CUSTOMER_UPDATED,
        at,
        customer_id,
        customer_id,
        record,
        told,
        TOPIC,
    )


def _word(value: Any) -> str | None:
    """Return a text as `fields.text` does; one with a sign that the exact reader leaves out raises."""
    if value is None:
        return None
    if "\0" in value or UNREADABLE in value:
        raise ValueError
    stripped: str = value.strip()
    return stripped or None


def _move(record: dict[str, Json], zone: tzinfo) -> None:
    """Write the times of a record in the store's zone, as webhooks do, so that both tell the same day."""
    for name in _TIMES:
        value = record.get(name)
        if isinstance(value, str):
            with suppress(OverflowError):  # beyond the years that a time can have: it stays as it is
                record[name] = to_text(datetime.fromisoformat(value).astimezone(zone))


def _account(node: Mapping[str, Any], record: dict[str, Json]) -> None:
    if "createdAt" in node:
        created = node["createdAt"]
        _time(created)
        record["createdAt"] = created
    if "state" in node:
        state = _word(node["state"])
        record["state"] = state and state.lower()
    if "tags" in node:
        tags = node["tags"]
        if tags.__class__ is not list:
            raise TypeError
        record["tags"] = [tag for one in tags if (tag := _word(one))]


def _shopping(node: Mapping[str, Any], record: dict[str, Json]) -> None:
    if "numberOfOrders" in node:
        orders = node["numberOfOrders"]
        if not (orders.isdigit() and orders.isascii() and len(orders) < 16):
            raise ValueError
        record["totalOrders"] = int(orders)
    if "amountSpent" in node:
        money = node["amountSpent"]
        amount = money["amount"]
        spent = float(amount)
        if amount.__class__ is not str or not math.isfinite(spent):
            raise ValueError
        record["totalSpent"] = spent
        record["currency"] = _word(money["currencyCode"])
    if "lastOrder" in node:
        last = node["lastOrder"]
        if last is None:
            record["lastOrderDate"] = None
        else:
            when = last["processedAt"]
            _time(when)
            record["lastOrderDate"] = when


def _address(node: Mapping[str, Any], record: dict[str, Json]) -> None:
    if "defaultAddress" not in node:
        return
    place = node["defaultAddress"]
    if place is None:
        record["country"] = record["company"] = record["city"] = record["postcode"] = None
        return
    for ours, theirs in _PLACE:
        record[ours] = _word(place[theirs])


def _consent(way: Any, channel: Channel, seen_at: datetime) -> tuple[Consent, ...]:
    """Return the consent that stands beside an address or a phone number."""
    if way is None:
        return ()
    state, method = records.judge(_word(way["marketingState"]), _word(way["marketingOptInLevel"]))
    said_at = way["marketingUpdatedAt"]
    if said_at is None:
        return (Consent(channel, state, seen_at, method),)
    return (Consent(channel, state, _time(said_at), method, True),)  # explicit


def _time(written: str) -> datetime:
    """Return a time in the one form Shopify writes, `2026-11-21T10:00:00Z`; that form is also the canonical one."""
    if len(written) != 20 or written[19] != "Z" or written[10] != "T" or written[7] != "-" or written[13] != ":":
        raise ValueError
    return datetime.fromisoformat(written)


def exact(node: Any, reader: Reader) -> list[Event | PayloadError]:
    """Return what `Reader.read` gives, by table: slow, and with the path of every fault."""
    if not isinstance(node, dict):
        return [PayloadError("$", f"expected a customer, found {kind_of(node)}")]
    body = Node(node)
    outline = Event(_event_id(node), reader.source, Kind.CUSTOMER_UPDATED, reader.now, topic=TOPIC)
    return hear(partial(_whole, body, reader, outline), body, SUBJECT, outline)


def _event_id(node: Mapping[str, Any]) -> str:
    """Return the id of the event of a customer; what is no text in the place of its id or time is left out."""
    gid, updated = (value if isinstance(value := node.get(key), str) else "" for key in ("id", "updatedAt"))
    return f"shopify:pull:{gid.removeprefix(GID)[:40]}:{updated[:40]}"


def _whole(node: Node, reader: Reader, outline: Event) -> Event:
    customer_id = _own_id(node)
    at = _updated_at(node)
    if at is None and not node.has_bad_time("updatedAt"):
        node.note(PayloadError("updatedAt", "expected a time, found nothing"))
    record: dict[str, Json] = {"id": customer_id, **node.pick(TABLE)}
    told = SUBJECT.told(node, at or reader.now)
    record |= records.accepts(told)
    if reader.zone is not None:
        _move(record, reader.zone)
    return replace(
        outline,
        occurred_at=at or reader.now,
        record_id=customer_id,
        customer_id=customer_id,
        record=record,
        consents=told,
    )


def _own_id(node: Node) -> str:
    return records.numeric(node.get("id"), "id")


def _own_email(node: Node) -> str | None:
    way = node.child("defaultEmailAddress")
    return email(way.get("emailAddress"), way.path("emailAddress"))


def _updated_at(node: Node) -> datetime | None:
    return node.instant("updatedAt")


def _beside(key: str, channel: Channel) -> ConsentReader:
    """Return the reader of the consent beside an address or a phone number; there is none where there is neither."""

    def read(node: Node, seen_at: datetime) -> tuple[Consent, ...]:
        if records.GRAPHQL.state not in node.child(key):
            return ()
        return records.consents(node, key, channel, seen_at, records.GRAPHQL)

    return read


SUBJECT: Final = Subject(
    _own_id,
    _own_email,
    _updated_at,
    (_beside("defaultEmailAddress", Channel.EMAIL), _beside("defaultPhoneNumber", Channel.SMS)),
)
