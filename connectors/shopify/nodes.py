"""Customers of the GraphQL API as events: the same canonical record as from a webhook of the same customer. Pure.

`TABLE` says what is read from where. A full sync reads millions of customers, so `_quick` reads the same without the
table, three times faster; whatever it does not expect goes to `_exact`, which names the path of a fault. A property
test holds the two together.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, Final

from connectors.shopify import records
from customer_sync.errors import PayloadError
from customer_sync.fields import Table, instant, moment, number, pick, take, text, whole
from customer_sync.model import Channel, Consent, Event, Json, Kind

#: What pulled events show as the platform's word for what happened.
TOPIC: Final = "pull"
GID: Final = "gid://shopify/Customer/"


def _small(value: Json, path: str) -> str | None:
    """Return a word in small letters, as webhooks write it."""
    found = text(value, path)
    return found.lower() if found else None


# https://shopify.dev/docs/api/admin-graphql/latest/objects/Customer; counts and amounts come as text.
TABLE: Table = {
    "email": take(text, "defaultEmailAddress.emailAddress"),
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


def read(node: Any, source: str, hidden: Collection[str] = ()) -> Event:
    """Return a customer as an event.

    Args:
        node: the customer, as the API gave it.
        source: the source's name.
        hidden: fields whose null tells nothing, because the app may not see them: they count as unknown.

    Raises:
        PayloadError: at the path of the fault.
    """
    if hidden and isinstance(node, dict):
        node = {name: value for name, value in node.items() if value is not None or name not in hidden}
    try:
        return _quick(node, source)
    except (AttributeError, KeyError, TypeError, ValueError):
        return _exact(node, source)


def _quick(node: dict[str, Any], source: str) -> Event:
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
            value = node[theirs]
            record[ours] = None if value is None else value.strip() or None
    _shopping(node, record)
    _account(node, record)
    _address(node, record)
    told: tuple[Consent, ...] = ()
    if "defaultEmailAddress" in node:
        way = node["defaultEmailAddress"]
        record["email"] = None if way is None else way["emailAddress"].strip() or None
        told = _consent(way, Channel.EMAIL, at)
        record.update(records.accepts(told))
    if "defaultPhoneNumber" in node:
        way = node["defaultPhoneNumber"]
        record["phone"] = None if way is None else way["phoneNumber"].strip() or None
        told += _consent(way, Channel.SMS, at)
    return Event(
        f"shopify:pull:{customer_id}:{updated}",
        source,
        Kind.CUSTOMER_UPDATED,
        at,
        customer_id,
        customer_id,
        record,
        told,
        TOPIC,
    )


def _account(node: Mapping[str, Any], record: dict[str, Json]) -> None:
    if "createdAt" in node:
        created = node["createdAt"]
        _time(created)
        record["createdAt"] = created
    if "state" in node:
        record["state"] = node["state"].strip().lower() or None
    if "tags" in node:
        tags = node["tags"]
        if tags.__class__ is not list:
            raise TypeError
        record["tags"] = [tag for one in tags if (tag := one.strip())]


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
        record["currency"] = money["currencyCode"].strip() or None
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
        value = place[theirs]
        record[ours] = None if value is None else value.strip() or None


def _consent(way: Any, channel: Channel, seen_at: datetime) -> tuple[Consent, ...]:
    """Return the consent that stands beside an address or a phone number."""
    if way is None:
        return ()
    state, method = records.judge(way["marketingState"], way["marketingOptInLevel"])
    said_at = way["marketingUpdatedAt"]
    if said_at is None:
        return (Consent(channel, state, seen_at, method),)
    return (Consent(channel, state, _time(said_at), method, True),)  # explicit


def _time(written: str) -> datetime:
    """Return a time in the one form Shopify writes, `2026-11-21T10:00:00Z`; that form is also the canonical one."""
    if len(written) != 20 or written[19] != "Z" or written[10] != "T" or written[7] != "-" or written[13] != ":":
        raise ValueError
    return datetime.fromisoformat(written)


def _exact(node: Any, source: str) -> Event:
    if not isinstance(node, dict):
        raise PayloadError("$", f"expected a customer, found {type(node).__name__}")
    customer_id = records.numeric(node.get("id"), "id")
    at = instant(node, "updatedAt")
    if at is None:
        raise PayloadError("updatedAt", "expected a time, found nothing")
    record: dict[str, Json] = {"id": customer_id, **pick(node, TABLE)}
    told = _consents(node, "defaultEmailAddress", Channel.EMAIL, at)
    record |= records.accepts(told)
    told += _consents(node, "defaultPhoneNumber", Channel.SMS, at)
    return Event(
        id=f"shopify:pull:{customer_id}:{record['updatedAt']}",
        source=source,
        kind=Kind.CUSTOMER_UPDATED,
        occurred_at=at,
        record_id=customer_id,
        customer_id=customer_id,
        record=record,
        consents=told,
        topic=TOPIC,
    )


def _consents(node: Mapping[str, Any], key: str, channel: Channel, seen_at: datetime) -> tuple[Consent, ...]:
    """Return the consent beside an address or a phone number; none where there is neither."""
    way = node.get(key)
    if not isinstance(way, dict) or records.GRAPHQL.state not in way:
        return ()
    return records.consents(node, key, channel, seen_at, records.GRAPHQL)
