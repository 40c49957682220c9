"""Deliveries of a shop, made by hand, and what the connector makes of them."""

import json
from datetime import UTC, datetime

from connectors.woocommerce.connector import WooCommerceConnector
from customer_sync.errors import PayloadError
from customer_sync.kit.connector import SourceSettings
from customer_sync.model import Inbound

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def connector(**options):
    return WooCommerceConnector(SourceSettings("tea", "woocommerce", ("secret",), options))


def inbound(topic, body, **headers):
    known = {"x-wc-webhook-topic": topic, "x-wc-webhook-id": "9", "x-wc-webhook-delivery-id": "d1"}
    return Inbound("tea", {**known, **headers}, json.dumps(body).encode(), NOW)


def parse(topic, body, **options):
    """Return the event of a body; raise its fault."""
    found = connector(**options).parse(inbound(topic, body))[-1]
    if isinstance(found, PayloadError):
        raise found
    return found
