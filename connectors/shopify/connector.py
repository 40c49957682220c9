"""Shopify: its webhooks here (signature, headers, topics), their bodies in `events` and `records`.

Its API: `account` what the settings say · `tokens` what opens the door · `api` one question · `pull` and `bulk`
records · `nodes` a customer, `shopping` an order or a product · `consent` opt-outs back · `upkeep` webhooks ·
`connect` the owner's consent · `findings` for the doctor. Shopping: `orders`, `products`, `carts`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from hashlib import sha256
from types import MappingProxyType

from connectors.shopify import bulk, connect, consent, events, findings, pull, upkeep
from connectors.shopify.account import Account, host_of, right_address, right_storefront
from connectors.shopify.api import Api
from customer_sync.errors import PayloadError, Refused
from customer_sync.kit.connector import Connector, Option, header, json_object, parse_time
from customer_sync.kit.fields import Node
from customer_sync.kit.reach import (
    Access,
    Callback,
    Finding,
    Invitation,
    Page,
    Upkeep,
    Want,
    Withdrawal,
    Written,
)
from customer_sync.kit.rescue import hear
from customer_sync.kit.signatures import sign_base64, verify
from customer_sync.model import Event, Inbound, Kind

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
    "orders/delete": (Kind.ORDER_DELETED, events.deleted_order),
    "refunds/create": (Kind.ORDER_REFUNDED, events.refund),
    "products/create": (Kind.PRODUCT_UPDATED, events.product),
    "products/update": (Kind.PRODUCT_UPDATED, events.product),
    "products/delete": (Kind.PRODUCT_DELETED, events.deleted_product),
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


class ShopifyConnector(Connector):
    """Shopify: stores on shopify.com, by signed webhooks and the Admin API."""

    platform = "shopify"
    title = "Shopify"
    auth = "OAuth 2.0, or token"
    proof = "HMAC"
    judges = "`ShopifyAPI`, Shopify's schema, recorded bodies"
    keeps = tuple(prefix + name for prefix in PREFIXES for name in NAMES)
    marks = tuple(prefix + name for prefix in PREFIXES for name in ("topic", SIGNATURE))
    topics = tuple(TOPICS)
    # https://help.shopify.com/en/manual/promoting-marketing/create-marketing/migrate-abandoned-checkout
    clashes = MappingProxyType(
        {
            "abandoned-cart": "Shopify sends cart mails of its own: turn off the abandoned checkout automation, in its "
            "admin under Marketing, Automations."
        }
    )
    resources = ("customers", "orders", "products", "carts")
    pulls = ("customers", "orders", "products")
    fetches = ("customers",)
    writes = tuple(consent.WAYS)
    secret_keys = ("webhook_secret", "api_secret")
    options = (
        Option(
            "shop_url",
            "The store's own address, `your-store.myshopify.com`; deliveries of other stores are refused.",
            remedy=right_address,
        ),
        Option("api_version", "The version of the Admin API, such as 2026-10."),
        Option("api_key", "The app's client id."),
        Option(
            "api_secret",
            "The app's client secret; it signs the webhooks of the app. A list while it is rotated.",
            secret=True,
        ),
        Option("access_token", "The permanent token (`shpat_...`) of a custom app made before 2026.", secret=True),
        Option(
            "storefront_url",
            "Where visitors see the shop, such as https://lamps.example; links to products begin with it.",
            remedy=right_storefront,
        ),
        Option("scopes", "What the store's owner is asked for when the source is connected in a browser; a list."),
    )

    def verify(self, inbound: Inbound, secrets: Sequence[str]) -> None:
        """Check the signature over the raw body, and that the delivery is of the store of this source.

        https://shopify.dev/docs/apps/build/webhooks/verify-deliveries. For an hour after the client secret was changed
        Shopify still signs with the old one. Webhooks made in the store's admin use another secret, shown there.
        """
        verify(inbound.body, _header(inbound, SIGNATURE), secrets)
        # The shop's name is not signed: whoever has one delivery could send it under another name.
        shop, own = _header(inbound, "shop-domain"), Account.of(self.settings).shop
        if shop and own and host_of(shop) != own:
            raise Refused("This delivery is of another store than the shop_url of this source.", cause="other account")

    def parse(self, inbound: Inbound) -> Sequence[Event | PayloadError]:
        """Return the event of a webhook: one, or none where the topic is not ours or nothing happened.

        Where the body cannot be read, the withdrawals in it come alone, and then the fault.
        """
        topic = _header(inbound, "topic")
        if not topic:
            raise PayloadError("headers.x-shopify-topic", "the header is missing")
        if topic not in TOPICS:
            return []
        kind, read = TOPICS[topic]
        node = Node(json_object(inbound))
        hook = events.Hook(
            event_id=self._event_id(inbound),
            source=inbound.source,
            topic=topic,
            kind=kind,
            triggered_at=_triggered_at(inbound, node),
            received_at=inbound.received_at,
            store=Account.of(self.settings).storefront(_header(inbound, "shop-domain")),
        )
        return hear(partial(read, hook, node), node, events.SUBJECTS.get(read), hook.event({}))

    def sign(self, inbound: Inbound, secret: str) -> Inbound:
        """Return the request with the signature that Shopify would send."""
        return replace(inbound, headers={**inbound.headers, PREFIXES[0] + SIGNATURE: sign_base64(inbound.body, secret)})

    def can_pull(self) -> bool:
        """Tell whether the settings name a store and hold keys."""
        return Account.of(self.settings).can_ask

    def pull(self, want: Want, access: Access) -> Page:
        """Return the next page: of what changed, or of everybody out of a bulk operation's file."""
        self.must(want.resource, self.pulls)
        api = self._api(access)
        if pull.is_changes(want.cursor) and want.cursor is not None:
            return pull.changes(api, pull.Place.read(want.cursor))
        if want.cursor is None and want.since is not None:
            return pull.changes(api, pull.begin(api, want.since, want.resource))
        return bulk.everybody(api, bulk.Place.read(want.cursor, want.resource), want.known)

    def fetch(self, resource: str, ids: Sequence[str], access: Access) -> Sequence[Event | PayloadError]:
        """Return the customers with these ids as they are now; who is gone is absent."""
        self.must(resource, self.fetches)
        return pull.fetch(self._api(access), ids)

    def write_consent(self, withdrawal: Withdrawal, access: Access) -> Written:
        """Tell the store of an opt-out; needs the scope `write_customers`."""
        return consent.withdraw(self._api(access), withdrawal)

    def ensure_webhooks(self, address: str, access: Access) -> Upkeep:
        """Make the subscriptions right; the three privacy topics can be set only in `shopify.app.toml`."""
        return upkeep.ensure(self._api(access), address, self.topics)

    def check(self, access: Access) -> Sequence[Finding]:
        """Return what is well and what is not: token, API version, scopes, protected data, webhooks."""
        return findings.examine(self._api(access), self.topics)

    def invite(self, invitation: Invitation) -> str:
        """Return where the store's owner agrees."""
        return connect.address(Account.of(self.settings), invitation)

    def accept(self, callback: Callback, invitation: Invitation, access: Access) -> str:
        """Check Shopify's answer, exchange its code and keep the tokens."""
        return connect.accept(Account.of(self.settings), callback, invitation, access)

    def _api(self, access: Access) -> Api:
        return Api(Account.of(self.settings), access)

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


def _triggered_at(inbound: Inbound, node: Node) -> datetime | None:
    """Return when Shopify saw the change; recordings of 2024-08 have nine digits after the second."""
    value = _header(inbound, "triggered-at")
    try:
        return parse_time(value, "headers.x-shopify-triggered-at") if value else None
    except PayloadError as fault:
        node.note(fault)
        return None


CONNECTOR = ShopifyConnector
