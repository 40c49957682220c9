"""BigCommerce: its webhooks here, which hold ids only; what they stand for is read by `fetch` and `pull`.

https://developer.bigcommerce.com/docs/integrations/webhooks
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Final, NamedTuple

from connectors.bigcommerce import connect, consent, fetch, health, hooks, pull
from connectors.bigcommerce.account import Shop, store_hash, tells, text
from connectors.bigcommerce.records import SUBSCRIBER
from customer_sync.errors import PayloadError, Refused
from customer_sync.kit.connector import Answer, Connector, Option, SourceSettings, header, hint, json_object
from customer_sync.kit.fields import Node, identifier
from customer_sync.kit.reach import Access, Callback, Finding, Invitation, Pace, Page, Upkeep, Want, Withdrawal, Written
from customer_sync.kit.signatures import sign_standard, verify_standard, verify_token
from customer_sync.model import Channel, Event, Inbound, Json, Kind

SECRET: Final = hooks.HEADER.lower()
ID, TIME, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"


class _Told(NamedTuple):
    """What a scope is about.

    Args:
        resource: which records.
        at: where the id of the record stands in `data`.
        gone: what happened where the record is gone; None: it is to be read again.
        before: what stands before the id here.
    """

    resource: str
    at: str = "id"
    gone: Kind | None = None
    before: str = ""


_UNINSTALLED: Final = "store/app/uninstalled"
#: https://developer.bigcommerce.com/docs/integrations/webhooks/events: scope → what it is about. Ids are never given to
#: another record, and nothing is merged, so what is deleted is gone.
SCOPES: Final[Mapping[str, _Told]] = {
    "store/customer/created": _Told("customers"),
    "store/customer/updated": _Told("customers"),
    "store/customer/deleted": _Told("customers", gone=Kind.CUSTOMER_DELETED),
    "store/customer/address/created": _Told("customers", "address.customer_id"),
    "store/customer/address/updated": _Told("customers", "address.customer_id"),
    "store/customer/address/deleted": _Told("customers", "address.customer_id"),
    "store/subscriber/created": _Told("customers", before=SUBSCRIBER),
    "store/subscriber/updated": _Told("customers", before=SUBSCRIBER),
    "store/subscriber/deleted": _Told("customers", before=SUBSCRIBER, gone=Kind.CUSTOMER_DELETED),
    "store/order/created": _Told("orders"),
    "store/order/updated": _Told("orders"),
    "store/order/archived": _Told("orders"),
    "store/order/statusUpdated": _Told("orders"),
    "store/order/refund/created": _Told("orders"),
    "store/product/created": _Told("products"),
    "store/product/updated": _Told("products"),
    "store/product/deleted": _Told("products", gone=Kind.PRODUCT_DELETED),
    "store/product/inventory/updated": _Told("products"),
    "store/cart/created": _Told("carts"),
    "store/cart/updated": _Told("carts"),
    "store/cart/abandoned": _Told("carts"),
    "store/cart/deleted": _Told("carts", gone=Kind.CART_DELETED),
    # the cart is gone by then; its order names it
    "store/cart/converted": _Told("orders", "orderId"),
    _UNINSTALLED: _Told(""),
}
#: How a body begins to be one of BigCommerce's, and which store it is of.
_PRODUCER: Final = re.compile(rb'"producer"\s*:\s*"stores/([^"\\]{1,60})"')
_SEEN: Final = 2_000


class BigCommerceConnector(Connector):
    """BigCommerce: stores by webhooks that hold ids, by V3 and, for orders, by V2."""

    platform = "bigcommerce"
    title = "BigCommerce"
    auth = "token of an API account, or OAuth 2.0"
    proof = "Standard Webhooks and a header of ours"
    judges = "`bigcommerce`, `standardwebhooks`, recorded bodies"
    keeps = (ID,)
    chooses_secret = True
    # a delivery may come unsigned: then our secret header alone proves who calls
    signs_body = False
    topics = tuple(SCOPES)
    resources = ("customers", "orders", "products", "carts")
    pulls = ("customers", "orders", "products")
    fetches = ("customers", "orders", "products", "carts")
    writes = (Channel.EMAIL,)
    returns_state = False  # the app's Auth Callback URL is one for all, and nothing of ours is brought back to it
    shares_addresses = True  # with logins per channel one address has a customer in each
    accepted = Answer(status=200)
    clashes = MappingProxyType(
        {
            "abandoned-cart": "BigCommerce sends abandoned cart e-mails of its own: turn them off in its control panel "
            "under Marketing, Abandoned Cart Emails."
        }
    )
    options = (
        Option("store_hash", "The store's hash, as in its API path: stores/<store_hash>/v3.", required=True),
        Option("access_token", "The token of the store-level API account; not needed with an app.", secret=True),
        Option("client_id", "The client id of the API account, or of a single-click app."),
        Option("client_secret", "Its client secret: BigCommerce signs webhooks with it.", secret=True),
        Option("webhook_secret", "A long random text, sent back in a header of each webhook.", secret=True),
    )
    #: Standard and Plus stores; the answers tell those of the others. All apps of the store share it.
    pace = Pace(150, 30.0, tells)

    def __init__(self, settings: SourceSettings) -> None:
        super().__init__(settings)
        self._store = store_hash(settings)

    @classmethod
    def recognises(cls, inbound: Inbound) -> bool:
        """Tell whether a body names a store as BigCommerce does; it has no header of its own."""
        body = inbound.body[:_SEEN]
        return _PRODUCER.search(body) is not None and b'"store/' in body

    def verify(self, inbound: Inbound, secrets: Sequence[str]) -> None:
        """Check the secret header, which every delivery has, and the signature where there is one.

        A signature follows Standard Webhooks and is made with the client secret. Deliveries recorded in 2023 have none.

        Raises:
            Refused: one of them is wrong, or the delivery is of another store.
        """
        verify_token(header(inbound, SECRET), secrets)
        key = text(self.settings, "client_secret")
        if key and any(header(inbound, name) for name in (ID, TIME, SIGNATURE)):
            verify_standard(inbound, (key,))
        found = _PRODUCER.search(inbound.body)
        if self._store and found and found[1].decode(errors="replace") != self._store:
            raise Refused(
                "This delivery is of another store than the store_hash of this source.", cause="other account"
            )

    def parse(self, inbound: Inbound) -> Sequence[Event | PayloadError]:
        """Return a hint to the record that a webhook names, or that it is gone."""
        node = Node(json_object(inbound))
        scope = node.get("scope")
        if not isinstance(scope, str) or not scope:
            raise PayloadError("scope", "expected a scope such as store/customer/updated")
        told = SCOPES.get(scope)
        if told is None:
            return []
        at = _happened_at(node, inbound)
        if scope == _UNINSTALLED:
            return [_alert(inbound, node, at)]
        data, place = node.child("data"), told.at
        while "." in place:
            data, place = data.child(place.partition(".")[0]), place.partition(".")[2]
        number = identifier(data.get(place), data.path(place))
        record_id = f"{told.before}{number}"
        name = _event_id(inbound, node, record_id)
        if told.gone is None:
            return [hint(inbound, told.resource, record_id, at, id=name, topic=scope)]
        is_customer = told.gone is Kind.CUSTOMER_DELETED
        return [
            Event(
                id=name,
                source=inbound.source,
                kind=told.gone,
                occurred_at=at,
                record_id=record_id,
                customer_id=record_id if is_customer else None,
                record={"id": record_id},
                topic=scope,
            )
        ]

    def sign(self, inbound: Inbound, secret: str) -> Inbound:
        """Return the request with our secret, and signed where there is a client secret."""
        headers = {**inbound.headers, SECRET: secret}
        if key := text(self.settings, "client_secret"):
            name = f"msg_{int(inbound.received_at.timestamp())}"
            headers |= sign_standard(inbound.body, key, message_id=name, sent_at=inbound.received_at)
        return replace(inbound, headers=headers)

    def can_pull(self) -> bool:
        """Tell whether the settings name the store and a key, or an app that may bring one."""
        has_app = text(self.settings, "client_id") and text(self.settings, "client_secret")
        return bool(self._store and (text(self.settings, "access_token") or has_app))

    def pull(self, want: Want, access: Access) -> Page:
        """Return the next page of customers and then subscribers, of orders, or of products."""
        self.must(want.resource, self.pulls)
        return pull.pull(Shop(self.settings, access), self.settings.name, want)

    def fetch(self, resource: str, ids: Sequence[str], access: Access) -> Sequence[Event | PayloadError]:
        """Return these customers, subscribers, orders, products or carts as they are now."""
        self.must(resource, self.fetches)
        return fetch.fetch(Shop(self.settings, access), self.settings.name, resource, ids)

    def write_consent(self, withdrawal: Withdrawal, access: Access) -> Written:
        """Take the newsletter consent out of the subscriber's row that has the address."""
        return consent.withdraw(Shop(self.settings, access), withdrawal)

    def ensure_webhooks(self, address: str, access: Access) -> Upkeep:
        """Make one active webhook for each topic, with our secret in its header; switch silent ones on again."""
        return hooks.ensure(Shop(self.settings, access), self.topics, address, self.settings.secrets)

    def check(self, access: Access) -> Sequence[Finding]:
        """Return what is well with the store: token, scopes, webhooks, signatures."""
        return health.check(self.settings, self.topics, access)

    def invite(self, invitation: Invitation) -> str:
        """Return the page on which the store's owner installs the app."""
        return connect.invite(self.settings, invitation)

    def accept(self, callback: Callback, invitation: Invitation, access: Access) -> str:
        """Exchange the code of the installation for the store's token, and keep it."""
        return connect.accept(self.settings, callback, invitation, access)


def _happened_at(node: Node, inbound: Inbound) -> datetime:
    """Return when something happened, in whole seconds; where nothing of sense is told, when it arrived."""
    told = node.get("created_at")
    if isinstance(told, int) and not isinstance(told, bool) and 0 < told < 2**35:
        return datetime.fromtimestamp(told, UTC)
    node.note(PayloadError("created_at", "expected seconds since 1970"))
    return inbound.received_at


def _event_id(inbound: Inbound, node: Node, record_id: str) -> str:
    """Return the key against repeats: the delivery's own id, else all that tells one event from another.

    `hash` alone would be wrong: what it covers is not told, and two changes of one record may share it.
    """
    if name := header(inbound, ID):
        return f"bc:{inbound.source}:{name}"
    parts = (node.get(one) for one in ("scope", "created_at", "hash"))
    return ":".join(["bc", inbound.source, *(str(one) for one in parts), record_id])


def _alert(inbound: Inbound, node: Node, at: datetime) -> Event:
    record: dict[str, Json] = {
        "message": "The app was uninstalled, or its API account deleted, at BigCommerce: its webhooks are gone.",
        "remedy": f"Install it again with `tajo connectors connect {inbound.source}`, or set a new access_token; then "
        "`tajo connectors install`.",
    }
    name = _event_id(inbound, node, "")
    return Event(name, inbound.source, Kind.SOURCE_ALERT, at, record=record, topic=_UNINSTALLED)


CONNECTOR = BigCommerceConnector
