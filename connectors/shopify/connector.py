"""Shopify's webhooks: signature, headers, topics. Bodies are read in `events` and `records`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from hashlib import sha256

from connectors.shopify import events
from customer_sync.connector import Connector, Option, header, json_object, parse_time
from customer_sync.errors import PayloadError, Refused
from customer_sync.model import Event, Inbound, Kind
from customer_sync.signatures import sign_base64, unsigned, verify

#: https://shopify.dev/docs/api/webhooks: topic → what happened, and who reads the body. Any other topic is ignored:
#: `orders/edited` because `orders/updated` comes with it; the topics of the "Events" product (`Customer`, `Product`,
#: in preview in 2026-11) because their bodies hold only what the subscription's own query asks for.
TOPICS: Mapping[str, tuple[Kind, events.Reading]] = {
    "customers/create": (Kind.CUSTOMER_CREATED, events.customer),
    "customers/update": (Kind.CUSTOMER_UPDATED, events.customer),
    "customers/enable": (Kind.CUSTOMER_UPDATED, events.customer),
    "customers/disable": (Kind.CUSTOMER_UPDATED, events.customer),
    "customers/delete": (Kind.CUSTOMER_DELETED, events.deleted_customer),
    "customers/merge": (Kind.CUSTOMER_MERGED, events.merged_customers),
    "customers/purchasing_summary": (Kind.CUSTOMER_UPDATED, events.purchasing_summary),
    "customer.tags_added": (Kind.CUSTOMER_UPDATED, events.tags_added),
    "customer.tags_removed": (Kind.CUSTOMER_UPDATED, events.tags_removed),
    "customers_email_marketing_consent/update": (Kind.CONSENT_CHANGED, events.email_consent),
    "customers_marketing_consent/update": (Kind.CONSENT_CHANGED, events.sms_consent),
    "customers/data_request": (Kind.CUSTOMER_DATA_REQUESTED, events.privacy_request),
    "customers/redact": (Kind.CUSTOMER_ERASED, events.privacy_request),
    "shop/redact": (Kind.SOURCE_ALERT, events.shop_erased),
    "app/uninstalled": (Kind.SOURCE_ALERT, events.uninstalled),
    "orders/create": (Kind.ORDER_PLACED, events.order),
    "orders/updated": (Kind.ORDER_UPDATED, events.order),
    "orders/paid": (Kind.ORDER_UPDATED, events.order),
    "orders/cancelled": (Kind.ORDER_UPDATED, events.order),
    "orders/fulfilled": (Kind.ORDER_UPDATED, events.order),
    "orders/delete": (Kind.ORDER_DELETED, events.deleted),
    "refunds/create": (Kind.ORDER_REFUNDED, events.refund),
    "products/create": (Kind.PRODUCT_UPDATED, events.product),
    "products/update": (Kind.PRODUCT_UPDATED, events.product),
    "products/delete": (Kind.PRODUCT_DELETED, events.deleted),
    "carts/create": (Kind.CART_UPDATED, events.cart),
    "carts/update": (Kind.CART_UPDATED, events.cart),
    "checkouts/create": (Kind.CART_UPDATED, events.cart),
    "checkouts/update": (Kind.CART_UPDATED, events.cart),
    "checkouts/delete": (Kind.CART_DELETED, events.cart),
}

#: The "Events" product sends the same headers without `x-`.
PREFIXES = ("x-shopify-", "shopify-")
SIGNATURE = "hmac-sha256"
#: What `parse` reads beside the body.
NAMES = ("topic", "shop-domain", "webhook-id", "triggered-at")

_SCHEME = re.compile(r"^https?://")


class ShopifyConnector(Connector):
    """Shopify: stores on shopify.com, by signed webhooks."""

    platform = "shopify"
    title = "Shopify"
    keeps = tuple(prefix + name for prefix in PREFIXES for name in NAMES)
    topics = tuple(TOPICS)
    resources = ("customers", "orders", "products", "carts")
    secret_keys = ("webhook_secret", "api_secret")
    options = (
        Option(
            "shop_url", "The store's own address, `your-store.myshopify.com`; deliveries of other stores are refused."
        ),
        Option("api_version", "The version of the Admin API, such as 2026-10."),
        Option("api_key", "The app's client id."),
        Option(
            "api_secret",
            "The app's client secret; it signs the webhooks of the app. A list while it is rotated.",
            secret=True,
        ),
        Option("access_token", "The permanent token (`shpat_...`) of a custom app made before 2026.", secret=True),
    )

    def verify(self, inbound: Inbound, secrets: Sequence[str]) -> None:
        """Check the signature over the raw body, and that the delivery is of the store of this source.

        https://shopify.dev/docs/apps/build/webhooks/verify-deliveries. For an hour after the client secret was changed
        Shopify still signs with the old one. Webhooks made in the store's admin use another secret, shown there.
        """
        given = _header(inbound, SIGNATURE)
        if not given:
            raise unsigned(self.title, inbound.headers)
        verify(inbound.body, given, secrets)
        # The shop's name is not signed: whoever has one delivery could send it under another name.
        shop, own = _header(inbound, "shop-domain"), _host(str(self.settings.options.get("shop_url") or ""))
        if shop and own and _host(shop) != own:
            raise Refused("This delivery is of another store than the `shop_url` of this source.")

    def parse(self, inbound: Inbound) -> Sequence[Event]:
        """Return the event of a webhook: one, or none where the topic is not ours or nothing happened."""
        topic = _header(inbound, "topic")
        if not topic:
            raise PayloadError("headers.x-shopify-topic", "the header is missing")
        if topic not in TOPICS:
            return []
        kind, read = TOPICS[topic]
        body = json_object(inbound)
        if "date_created_gmt" in body:
            raise PayloadError("$", "this looks like WooCommerce's webhook", "send it to the address of that source")
        hook = events.Hook(
            event_id=self._event_id(inbound),
            source=inbound.source,
            topic=topic,
            kind=kind,
            triggered_at=_triggered_at(inbound),
            received_at=inbound.received_at,
        )
        event = read(hook, body)
        return [] if event is None else [event]

    def sign(self, inbound: Inbound, secret: str) -> Inbound:
        """Return the request with the signature that Shopify would send."""
        return replace(inbound, headers={**inbound.headers, PREFIXES[0] + SIGNATURE: sign_base64(inbound.body, secret)})

    def _event_id(self, inbound: Inbound) -> str:
        """Return the key against repeats. `Webhook-Id` is the same on every retry of a delivery.

        `Event-Id` would be wrong: it is shared by all topics that one act of the merchant raises.
        """
        shop = _header(inbound, "shop-domain").lower() or inbound.source
        delivery = _header(inbound, "webhook-id")
        if not delivery:
            headers = "\n".join((_header(inbound, "topic"), _header(inbound, "triggered-at")))
            delivery = sha256(headers.encode(errors="replace") + b"\n" + inbound.body).hexdigest()
        return f"shopify:{shop}:{delivery}"


def _header(inbound: Inbound, name: str) -> str:
    return header(inbound, PREFIXES[0] + name) or header(inbound, PREFIXES[1] + name)


def _host(address: str) -> str:
    """Return the host name of an address, however it was written: with `https://`, a path, capitals."""
    return _SCHEME.sub("", address.strip().lower()).partition("/")[0].partition(":")[0]


def _triggered_at(inbound: Inbound) -> datetime:
    """Return when Shopify saw the change; recordings of 2024-08 have nine digits after the second."""
    value = _header(inbound, "triggered-at")
    if not value:
        return inbound.received_at
    return parse_time(value, "headers.x-shopify-triggered-at")


CONNECTOR = ShopifyConnector
