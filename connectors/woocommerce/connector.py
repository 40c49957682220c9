"""WooCommerce: its webhooks here, bodies in `records`, the pull in `pull`, the shop's API in `api`."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, tzinfo
from functools import partial
from hashlib import sha256
from types import MappingProxyType
from typing import NamedTuple

from connectors.woocommerce import auth, connect, health, hooks, lists, orders, products, records
from connectors.woocommerce.api import Shop, pace_of
from connectors.woocommerce.boxes import CONSENT_META_KEYS, TRUE_VALUES, Boxes
from connectors.woocommerce.consent import withdraw
from connectors.woocommerce.pull import customers_by_id, pull
from connectors.woocommerce.pulled import Reader, zone_named
from customer_sync.errors import ConfigError, PayloadError, Refused
from customer_sync.kit.connector import Answer, Connector, Option, SourceSettings, header, json_object
from customer_sync.kit.fields import Node
from customer_sync.kit.reach import Access, Callback, Finding, Invitation, Page, Upkeep, Want, Withdrawal, Written
from customer_sync.kit.rescue import hear
from customer_sync.kit.signatures import sign_base64, verify
from customer_sync.model import Channel, Consent, Event, Inbound, Json, Kind

#: https://woocommerce.github.io/woocommerce-rest-api-docs/#webhooks: topic → what happened. Customers have no
#: `restored`; coupons and the `action.*` topics of plugins are ignored.
TOPICS: Mapping[str, Kind] = {
    "customer.created": Kind.CUSTOMER_CREATED,
    "customer.updated": Kind.CUSTOMER_UPDATED,
    "customer.deleted": Kind.CUSTOMER_DELETED,
    "order.created": Kind.ORDER_PLACED,
    "order.updated": Kind.ORDER_UPDATED,
    "order.restored": Kind.ORDER_UPDATED,
    "order.deleted": Kind.ORDER_DELETED,
    "product.created": Kind.PRODUCT_UPDATED,
    "product.updated": Kind.PRODUCT_UPDATED,
    "product.restored": Kind.PRODUCT_UPDATED,
    "product.deleted": Kind.PRODUCT_DELETED,
}

SIGNATURE = "x-wc-webhook-signature"
TOPIC, WEBHOOK_ID, DELIVERY_ID = "x-wc-webhook-topic", "x-wc-webhook-id", "x-wc-webhook-delivery-id"
#: The address of the shop that sends.
SHOP = "x-wc-webhook-source"

#: What WooCommerce posts when a webhook is switched on: no JSON, no topic, no signature.
_PING = re.compile(rb"webhook_id=\d{1,20}")
#: The entities that WordPress decodes in a secret: https://developer.wordpress.org/reference/functions/wp_specialchars_decode/
_ENTITY = re.compile(r"&(?:amp|lt|gt|quot|#0*(?:34|38|39|60|62)|#[xX]0*(?:22|26|27));")
_LEGACY_FOUND = "the webhook's API version is Legacy API v3, expected WP REST API Integration v3"
_LEGACY = (
    "in WooCommerce > Settings > Advanced > Webhooks open the webhook and change its API version, or let "
    "`tajo connectors install` make a new one; then the next change is read"
)
#: The end of the id of an event about a cart, beside that about the order.
_CART = ":cart"
_ERROR_CODE = re.compile(r"[a-z0-9_]{1,80}")


class WooCommerceConnector(Connector):
    """WooCommerce: shops on WordPress, by signed webhooks and by its REST API."""

    platform = "woocommerce"
    title = "WooCommerce"
    auth = "key pair: Basic, query or OAuth 1.0a"
    proof = "HMAC"
    judges = "`woocommerce`, a real shop"
    keeps = (TOPIC, WEBHOOK_ID, DELIVERY_ID, SHOP)
    chooses_secret = True
    marks = (SIGNATURE, TOPIC)
    topics = tuple(TOPICS)
    # https://github.com/woocommerce/woocommerce/pull/65238 (2026-07-16)
    clashes = MappingProxyType(
        {
            "abandoned-cart": "WooCommerce may send a cart mail of its own: turn off the abandoned cart recovery "
            "e-mail, in its admin under WooCommerce, Settings, Emails."
        }
    )
    resources = pulls = ("customers", "orders", "products", "carts")
    fetches = ("customers", "orders", "products")
    writes = (Channel.EMAIL,)
    pulls_edits = False  # customers are neither filtered nor sorted by change
    options = (
        Option("shop_url", "The shop's address, such as https://shop.example.com.", aliases=("url",)),
        Option("consumer_key", "The REST API key, `ck_...`.", secret=True, aliases=("api_key",)),
        Option("consumer_secret", "The REST API secret, `cs_...`.", secret=True, aliases=("api_secret",)),
        Option("webhook_secret", "The secret of the webhooks. A list while it is changed.", secret=True),
        Option("auth", "How the keys are sent: basic (https), query (https), oauth1 (http). Found out by itself."),
        Option("unpaid_carts", "true: an order that is placed at the till and not paid is an open cart as well."),
        Option("time_zone", "The shop's zone, such as Europe/Berlin, for what tells no time in UTC."),
        Option("calls_per_s", "The most API calls a second; 3 unless the shop's host bears more."),
        Option("read_orders", "true: a full pull reads every order too, for newsletter boxes ticked at checkout."),
        Option(
            "consent_meta_keys",
            "The fields in which plugins keep the newsletter box: a list of names, or name: [values that mean yes].",
        ),
    )

    def __init__(self, settings: SourceSettings) -> None:
        super().__init__(settings)
        self._zone = _zone(settings)
        self._boxes = Boxes(_consent_keys(settings.options.get("consent_meta_keys")))
        self.pace = pace_of(settings)
        auth.chosen_way(settings)

    def greet(self, inbound: Inbound) -> Answer | None:
        """Answer the ping that a new webhook sends. It is saved and active whatever the answer is."""
        is_ping = not header(inbound, SIGNATURE) and not header(inbound, TOPIC) and _PING.fullmatch(inbound.body)
        return Answer(status=200, body=b"pong") if is_ping else None

    def verify(self, inbound: Inbound, secrets: Sequence[str]) -> None:
        """Check the signature over the raw body.

        WordPress stores `a&b` as `a&amp;b` and decodes it before it signs, so each secret is tried as it is written and
        decoded (read in WooCommerce's class-wc-webhook.php, 2026-11).

        Raises:
            Refused: the signature is wrong, or another shop than the one of `shop_url` sends: a copy of it.
        """
        given = header(inbound, SIGNATURE)
        verify(inbound.body, given, [form for secret in secrets for form in dict.fromkeys((secret, decoded(secret)))])
        shop = self.settings.options.get("shop_url")
        if shop and not auth.is_same_shop(header(inbound, SHOP), str(shop)):
            # a copy of a shop has the webhooks and the secret of the shop
            raise Refused("This delivery is of another shop than the shop_url of this source.", cause="other account")

    def parse(self, inbound: Inbound) -> Sequence[Event | PayloadError]:
        """Return the event of a webhook: one, or none where the topic is not ours or nothing happened.

        Of what is deleted only the number comes, and a cart is an order, too: then both are told.

        Where the body cannot be read, the withdrawals in it come alone, and then the fault.
        """
        topic = header(inbound, TOPIC)
        if not topic:
            raise PayloadError(f"headers.{TOPIC}", "the header is missing")
        if topic not in TOPICS:
            return []
        node = Node(json_object(inbound))
        resource = topic.partition(".")[0]
        if "id" not in node and isinstance(node.get(resource), dict):
            raise PayloadError("$", _LEGACY_FOUND, _LEGACY)
        if error := _error(node):
            return [] if error.is_gone else [_event(inbound, Kind.SOURCE_ALERT, _alert(error))]
        if topic.endswith(".deleted"):
            # The body is `{"id": 26}` and tells no time.
            gone = _event(inbound, TOPICS[topic], {"id": records.own_id(node)})
            return [gone, _cart_of(gone)] if resource == "order" else [gone]
        read = {"customer": self._customer, "order": self._order, "product": self._product}[resource]
        subject = self._boxes.subject if resource == "customer" else None
        found = hear(partial(read, inbound, TOPICS[topic], node), node, subject, _event(inbound, TOPICS[topic], {}))
        if resource == "order" and self.settings.options.get("unpaid_carts") is True and orders.is_unpaid(node.body):
            found += [self._cart(inbound, node, _CART)] if isinstance(found[-1], Event) else []
        return found

    def sign(self, inbound: Inbound, secret: str) -> Inbound:
        """Return the request with the signature that WooCommerce would send."""
        return replace(inbound, headers={**inbound.headers, SIGNATURE: sign_base64(inbound.body, decoded(secret))})

    def can_pull(self) -> bool:
        """Tell whether the settings hold the shop's address and its keys."""
        return bool(auth.shop_address(self.settings) and auth.keys_of(self.settings, {}))

    def pull(self, want: Want, access: Access) -> Page:
        """Return the next page of the shop's customers, guests included, its orders, products or open checkouts."""
        self.must(want.resource, self.pulls)
        shop, reader = Shop(self.settings, access), self._reader(access)
        if want.resource != "customers":
            return lists.pull(shop, reader, want)
        return pull(shop, reader, want, read_orders=self.settings.options.get("read_orders") is True)

    def fetch(self, resource: str, ids: Sequence[str], access: Access) -> Sequence[Event | PayloadError]:
        """Return these customers, orders or products as they are now."""
        self.must(resource, self.fetches)
        shop, reader = Shop(self.settings, access), self._reader(access)
        if resource != "customers":
            return lists.by_id(shop, reader, resource, ids)
        return customers_by_id(shop, reader, ids, must_see_all=True)

    def write_consent(self, withdrawal: Withdrawal, access: Access) -> Written:
        """Untick the newsletter boxes that plugins keep with an account."""
        return withdraw(Shop(self.settings, access), self._boxes, withdrawal)

    def ensure_webhooks(self, address: str, access: Access) -> Upkeep:
        """Make one active webhook for each topic that calls the address; switch disabled ones on again."""
        return hooks.ensure(Shop(self.settings, access), self.topics, address, self.settings.secrets, access.vault)

    def check(self, access: Access) -> Sequence[Finding]:
        """Return what is well with the shop: keys, permalinks, permissions, webhooks, analytics, version."""
        return health.check(self.settings, self.topics, access)

    def invite(self, invitation: Invitation) -> str:
        """Return the shop's page on which its owner gives us a key."""
        return connect.invite(self.settings, invitation)

    def accept(self, callback: Callback, invitation: Invitation, access: Access) -> str:
        """Check the key that the shop posted, try it and keep it."""
        return connect.accept(self.settings, callback, invitation, access)

    def _reader(self, access: Access) -> Reader:
        now = datetime.fromtimestamp(access.now_s(), tz=UTC)
        return Reader(self.settings.name, self._boxes, now, self._zone)

    def _customer(self, inbound: Inbound, kind: Kind, node: Node) -> Event:
        return _event(inbound, kind, *self._boxes.told(node, inbound.received_at))

    def _order(self, inbound: Inbound, kind: Kind, node: Node) -> Event | None:
        if orders.is_cart(node.body):
            return self._cart(inbound, node)
        if orders.is_draft(node.body):
            return None
        record = orders.order(node, self._zone)
        seen = self._boxes.of_order(node, inbound.received_at)
        if records.is_anonymised(node):
            node.note(PayloadError("billing", "erased by WordPress; the contact in Brevo stays until it is erased too"))
        return _event(inbound, kind, record, _told_at(inbound, record), seen)

    def _cart(self, inbound: Inbound, node: Node, suffix: str = "") -> Event:
        cart = orders.cart(node, header(inbound, SHOP), self._zone)
        event = _event(inbound, Kind.CART_UPDATED, cart, records.told_at(cart))
        return replace(event, id=f"{event.id}{suffix}")

    def _product(self, inbound: Inbound, kind: Kind, node: Node) -> Event:
        if products.is_variation(node.body) and products.is_off(node.body):
            gone: dict[str, Json] = {"id": records.own_id(node), "parent": products.parent_of(node)}
            return _event(inbound, Kind.PRODUCT_DELETED, gone, records.modified_at(node))
        if products.is_variation(node.body):
            return _event(inbound, kind, products.variation(node), records.modified_at(node))
        record = products.product(node, zone=self._zone)
        return _event(inbound, kind, record, _told_at(inbound, record))


def decoded(secret: str) -> str:
    """Return a secret with its HTML entities decoded as WordPress does it."""
    return _ENTITY.sub(lambda entity: html.unescape(entity[0]), secret)


def _told_at(inbound: Inbound, record: Mapping[str, Json]) -> datetime | None:
    """Return when an order or a product changed; None, which is its arrival, for one that came out of the bin.

    The deletion before it told no time, so that of its arrival counts, which is later than the body's where WordPress'
    queue was slow. Bodies are made at delivery: this one has all that happened before it.
    """
    return None if header(inbound, TOPIC).endswith(".restored") else records.told_at(record)


def _event(
    inbound: Inbound,
    kind: Kind,
    record: Mapping[str, Json],
    at: datetime | None = None,
    consents: tuple[Consent, ...] = (),
) -> Event:
    topic = header(inbound, TOPIC)
    person = record if topic.startswith("customer.") else record.get("customer")
    return Event(
        id=_event_id(inbound),
        source=inbound.source,
        kind=kind,
        occurred_at=at or inbound.received_at,
        record_id=_id(record),
        customer_id=_id(person) if isinstance(person, Mapping) else None,
        record=record,
        consents=consents,
        topic=topic,
    )


def _cart_of(gone: Event) -> Event:
    return replace(gone, id=f"{gone.id}{_CART}", kind=Kind.CART_DELETED)


def _id(record: Mapping[str, Json]) -> str | None:
    found = record.get("id")
    return None if found is None else str(found)


def _event_id(inbound: Inbound) -> str:
    """Return the key against repeats. `Delivery-ID` alone is a hash of webhook and second: two orders may share it."""
    digest = sha256(inbound.body).hexdigest()
    return f"woo:{inbound.source}:{header(inbound, WEBHOOK_ID)}:{header(inbound, DELIVERY_ID)}:{digest}"


class _Error(NamedTuple):
    """An error that the shop delivers, signed, in the place of the record.

    The body is made at delivery, with the rights of the user who owns the webhook. When that user is gone or demoted,
    or the record was deleted meanwhile, the shop sends its own refusal (woocommerce issues 37806, 24533, 26926).
    """

    code: str
    status: Json

    @property
    def is_gone(self) -> bool:
        """Whether the record was deleted before its webhook was sent, which has a webhook of its own.

        Seen in WooCommerce 11.0.1, 2026-11: `wc_user_invalid_id`, `woocommerce_rest_shop_order_invalid_id`, and
        `woocommerce_rest_product_invalid_id` for an *order* that was restored.
        """
        return self.status == 404 and self.code != "rest_no_route"


def _error(node: Node) -> _Error | None:
    code, data = node.get("code"), node.get("data")
    if "id" in node or not isinstance(code, str) or not isinstance(data, dict) or "status" not in data:
        return None
    return _Error(code if _ERROR_CODE.fullmatch(code) else "of an unknown kind", data["status"])


def _alert(error: _Error) -> Mapping[str, Json]:
    said = f"WooCommerce sends the error {error.code} in the place of records"
    if error.status in (401, 403):
        return {
            "message": f"{said}: the webhook's owner lost its rights.",
            "remedy": "Saving the webhook does not change its owner. Set an administrator's key, and let `tajo "
            "connectors install` make the webhooks anew with it (with the same key: delete them in WooCommerce > "
            "Settings > Advanced > Webhooks first). Then `tajo connectors sync`, with --full, brings what was refused.",
        }
    return {"message": f"{said}.", "remedy": "Look at WooCommerce > Status > Logs; is the REST API switched off?"}


def _zone(settings: SourceSettings) -> tzinfo | None:
    written = settings.options.get("time_zone")
    if written is None:
        return None
    if not isinstance(written, str) or (found := zone_named(written)) is None:
        raise ConfigError("`time_zone` is no time zone.", "Write it as Europe/Berlin, or leave it out.")
    return found


def _consent_keys(option: Json) -> Mapping[str, frozenset[str]]:
    """Return the meta fields that tell of consent, each with the values that mean yes."""
    if option is None:
        return dict.fromkeys(CONSENT_META_KEYS, TRUE_VALUES)
    if isinstance(option, str):
        return {option: TRUE_VALUES}
    if isinstance(option, list) and all(isinstance(key, str) for key in option):
        return {str(key): TRUE_VALUES for key in option}
    if isinstance(option, dict) and all(isinstance(values, list) for values in option.values()):
        return {key: _words(values) for key, values in option.items()}
    raise ConfigError(
        "`consent_meta_keys` is neither a list of names nor name: [values].", "See the connector's README."
    )


def _words(values: Json) -> frozenset[str]:
    return frozenset(str(value).strip().lower() for value in values) if isinstance(values, list) else frozenset()


CONNECTOR = WooCommerceConnector
