"""The webhooks that are measured with: signed Shopify customers of about 1 KB, in the bodies of the stand-in."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, NamedTuple

from benchmarks.stack import SECRET, SHOP
from connectors.shopify.fake import bodies
from customer_sync.kit.connector import Connector, SourceSettings
from customer_sync.kit.invented.people import make_person, move
from customer_sync.model import Inbound
from customer_sync.registry import connector_for

SOURCE = "shopify"


class Notice(NamedTuple):
    """One webhook before it is signed."""

    headers: Mapping[str, str]
    body: bytes


def connector() -> Connector:
    """Return the connector of the stack's source."""
    return connector_for(SourceSettings(SOURCE, SOURCE, (SECRET,), {"shop_url": SHOP}))


def customers(people: int, updates: int = 1, seed: int = 1) -> list[tuple[str, Notice]]:
    """Return webhooks as (address, notice): each customer is created and then changed, in the order of time.

    Args:
        people: how many customers, each with an address of their own.
        updates: how many webhooks for each.
        seed: the same number makes the same people.
    """
    dice = Random(seed)
    first_id = (1 << 53) + dice.getrandbits(40)
    now = datetime.now(UTC).replace(microsecond=0) - timedelta(seconds=updates + 10)
    found: list[tuple[str, Notice]] = []
    everyone = []
    for number in range(people):
        person = make_person(dice)
        person.email = f"person{seed}.{number}@mail.example"
        # phone numbers are unique in Brevo, and there are only so many to make up
        person.mobile = ""
        everyone.append(person)
        found.append((person.email, _notice(dice, "customers/create", _facts(first_id + number, person, now, now))))
    for turn in range(1, updates):
        for number, person in enumerate(everyone):
            move(dice, person)
            person.first = f"{person.first.partition(' ')[0]} {dice.randint(1, 999)}"
            facts = _facts(first_id + number, person, now, now + timedelta(seconds=turn))
            found.append((person.email, _notice(dice, "customers/update", facts)))
    return found


def _facts(number: int, person: Any, created_at: datetime, updated_at: datetime) -> dict[str, Any]:
    return {
        "id": f"gid://shopify/Customer/{number}",
        "legacyResourceId": str(number),
        "createdAt": created_at.isoformat(),
        "updatedAt": updated_at.isoformat(),
        "firstName": person.first,
        "lastName": person.last,
        "displayName": person.name,
        "state": "ENABLED",
        "note": None,
        "email": person.email,
        "phone": None,
        "currencyCode": person.country.currency,
        "company": person.company or None,
        "address1": person.street,
        "city": person.city,
        "zip": person.postcode,
        "country": person.country.name,
        "countryCode": person.country.code,
    }


def _notice(dice: Random, topic: str, facts: Mapping[str, Any]) -> Notice:
    headers = {
        "content-type": "application/json",
        "user-agent": "Shopify-Captain-Hook",
        "x-shopify-topic": topic,
        "x-shopify-shop-domain": SHOP,
        "x-shopify-api-version": "2026-10",
        "x-shopify-webhook-id": _uuid(dice),
        "x-shopify-event-id": _uuid(dice),
        "x-shopify-triggered-at": f"{datetime.fromisoformat(facts['updatedAt']):%Y-%m-%dT%H:%M:%S}."
        f"{dice.randrange(10**9):09d}Z",
    }
    return Notice(headers, json.dumps(bodies.customer(facts), ensure_ascii=False, separators=(",", ":")).encode())


def _uuid(dice: Random) -> str:
    return str(uuid.UUID(int=dice.getrandbits(128), version=4))


def leaving(facts: Mapping[str, Any]) -> Notice:
    """Return the webhook that tells that a customer left, by what the shop knows of the customer now."""
    notice = _notice(Random(str(facts["id"])), bodies.topic_header("CUSTOMERS_EMAIL_MARKETING_CONSENT_UPDATE"), facts)
    body = json.dumps(bodies.email_consent(facts), ensure_ascii=False, separators=(",", ":"))
    return notice._replace(body=body.encode())


def inbounds(notices: Sequence[Notice]) -> list[Inbound]:
    """Return webhooks as the ingress hands them on, signed."""
    shopify, now = connector(), datetime.now(UTC)
    return [shopify.sign(Inbound(SOURCE, one.headers, one.body, now), SECRET) for one in notices]


def requests(notices: Sequence[Notice], port: int) -> list[bytes]:
    """Return webhooks as the bytes of whole HTTP requests, signed."""
    return [_request(one, port) for one in inbounds(notices)]


def _request(inbound: Inbound, port: int) -> bytes:
    lines = [f"POST /webhooks/{SOURCE} HTTP/1.1", f"Host: 127.0.0.1:{port}", f"Content-Length: {len(inbound.body)}"]
    lines += [f"{name}: {value}" for name, value in inbound.headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + inbound.body
