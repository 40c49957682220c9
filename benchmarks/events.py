"""The webhooks that are measured with: signed Shopify customers of about 1 KB, written by the demo shop."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from random import Random

from benchmarks.stack import SECRET, SHOP
from customer_sync.demo.dialect import Notice
from customer_sync.demo.shopify import ShopifyDialect
from customer_sync.kit.connector import Connector, SourceSettings
from customer_sync.kit.invented.people import Customer, make_person, move
from customer_sync.model import Inbound
from customer_sync.registry import connector_for

SOURCE = "shopify"


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
    dialect = ShopifyDialect(SOURCE, SHOP, dice)
    now = datetime.now(UTC).replace(microsecond=0) - timedelta(seconds=updates + 10)
    found: list[tuple[str, Notice]] = []
    everyone = []
    for number in range(people):
        customer = Customer(dialect.customer_id(), make_person(dice), now, now)
        customer.person.email = f"person{seed}.{number}@mail.example"
        # phone numbers are unique in Brevo, and there are only so many to make up
        customer.person.mobile = ""
        everyone.append(customer)
        found.append((customer.person.email, dialect.signed_up(customer)[0]))
    for _ in range(updates - 1):
        for customer in everyone:
            move(dice, customer.person)
            customer.person.first = f"{customer.person.first.partition(' ')[0]} {dice.randint(1, 999)}"
            customer.touch(now)
            found.append((customer.person.email, dialect.edited(customer)[0]))
    return found


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
