"""The words of the system: one word, one thing, the same in code, config, metrics and docs.

Platform: where customers live. Connector: our code for one platform. Source: one configured account of a platform.
An Inbound (one webhook request) holds Events (something happened to one record); a Skill turns an Event into Changes;
the Changes of one target wait in a Lane as one Item; a Delivery of the Item has an Outcome.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import IntEnum, StrEnum
from typing import Final, TypedDict

#: A JSON value as Python knows it. Ids are strings, never floats: platforms use ids above 2^53.
Json = str | int | float | bool | None | list["Json"] | dict[str, "Json"]

#: The lane whose items are people; every other lane has records of its own.
PEOPLE: Final = "contacts"
#: The resource of a source whose records are customers; the others are orders, products and carts.
CUSTOMERS: Final = "customers"

_KINDS: Mapping[type, str] = {
    str: "a text",
    bool: "true or false",
    int: "a number",
    float: "a number with a fraction",
    list: "a list",
    dict: "an object",
}


def kind_of(value: Json) -> str:
    """Return what a value is, in words for people: `true or false`, `a list`; never the value itself."""
    return _KINDS.get(type(value), "nothing")


class Kind(StrEnum):
    """What happened, in our words."""

    CUSTOMER_CREATED = "customer_created"
    CUSTOMER_UPDATED = "customer_updated"
    CUSTOMER_DELETED = "customer_deleted"
    CUSTOMER_ERASED = "customer_erased"
    #: Two customers became one: `record` holds `keptId` and `deletedId`.
    CUSTOMER_MERGED = "customer_merged"
    #: A person asked for a copy of their data: an operator must answer.
    CUSTOMER_DATA_REQUESTED = "customer_data_requested"
    CONSENT_CHANGED = "consent_changed"
    #: The contact was deleted in Brevo by someone else.
    CONTACT_DELETED = "contact_deleted"
    ORDER_PLACED = "order_placed"
    ORDER_UPDATED = "order_updated"
    ORDER_REFUNDED = "order_refunded"
    ORDER_DELETED = "order_deleted"
    CART_UPDATED = "cart_updated"
    CART_DELETED = "cart_deleted"
    #: Nothing was done with a cart for a while, and nothing was bought; the `abandoned-cart` skill says so.
    CART_ABANDONED = "cart_abandoned"
    #: A cart was bought after a mail of ours had reminded of it.
    CART_RECOVERED = "cart_recovered"
    PRODUCT_UPDATED = "product_updated"
    PRODUCT_DELETED = "product_deleted"
    #: A record is to be read again, because its webhook does not hold it: see `customer_sync.kit.connector.hint`.
    RECORD_CHANGED = "record_changed"
    #: The platform tells of a fault on its side (`record`: `message`, `remedy`): an alert, never a customer.
    SOURCE_ALERT = "source_alert"


class EventState(StrEnum):
    """The one state an event is in; ledger, metrics and dashboard use these six words."""

    IGNORED = "ignored"
    REPEATED = "repeated"
    PENDING = "pending"
    DELIVERED = "delivered"
    RETRYING = "retrying"
    PARKED = "parked"


class Channel(StrEnum):
    """A way to reach a person, with a consent of its own."""

    EMAIL = "email"
    SMS = "sms"


class ConsentState(StrEnum):
    """What a person allows. Missing is `unknown`, never yes."""

    GRANTED = "granted"
    PENDING = "pending"
    WITHDRAWN = "withdrawn"
    UNKNOWN = "unknown"


class Priority(IntEnum):
    """Who goes first inside a lane; the smaller, the sooner."""

    URGENT = 0
    LIVE = 1
    BULK = 2


class Customer(TypedDict, total=False):
    """A customer in canonical fields. An absent key is unknown (leave alone); None or "" is known to be empty.

    Numbers are JSON numbers, times ISO 8601 with zone, `country` is ISO 3166 alpha-2. Platforms may add fields of
    their own; a mapping reaches them by name.
    """

    id: str
    email: str | None
    firstName: str | None
    lastName: str | None
    phone: str | None
    country: str | None
    company: str | None
    city: str | None
    postcode: str | None
    language: str | None
    currency: str | None
    acceptsMarketing: bool | None
    totalOrders: int | None
    totalSpent: float | None
    averageOrderValue: float | None
    firstOrderDate: str | None
    lastOrderDate: str | None
    customerTier: str | None
    tags: list[str] | None
    note: str | None
    createdAt: str | None
    updatedAt: str | None


class OrderState(StrEnum):
    """Where an order stands, in our words; a connector has a table from its platform's words."""

    #: The checkout page is still open: nothing was bought.
    DRAFT = "draft"
    #: Placed, and not paid, or not yet: pending, on hold (a bank transfer), failed.
    PLACED = "placed"
    #: Paid, at least in part; the only state that counts as revenue. A refund in part leaves it here.
    PAID = "paid"
    #: Paid back in full.
    REFUNDED = "refunded"
    CANCELLED = "cancelled"
    #: Taken out of the shop, or into its bin.
    DELETED = "deleted"


class OrderLine(TypedDict, total=False):
    """One line of an order or a cart: what is left of it after edits. `price` is of one piece, as the buyer saw it.

    `productId` and `variantId` are absent where the platform has none any more (never "0" or "null").
    """

    productId: str
    variantId: str
    sku: str | None
    title: str | None
    quantity: int | float
    price: float
    url: str | None
    imageUrl: str | None


class Address(TypedDict, total=False):
    """A billing address."""

    address: str
    city: str
    country: str
    countryCode: str
    phone: str
    postCode: str
    region: str
    paymentMethod: str


class Order(TypedDict, total=False):
    """An order in canonical fields. Money is in `currency`, which is the shop's own, tax and shipping included.

    `id` is the platform's own id, never the number that people see. `total` is what was ordered; `amount` what is left
    of it after edits, discounts and refunds, as the platform tells it, 0 for what is cancelled. `refunds` has what was
    paid back, refund's id → amount, and is told only by bodies that know refunds. `carts` names the carts that it was
    made from. `isRenewal`: a subscription made it, nobody was at the till. `isTest`: no money moved.
    """

    id: str
    number: str | None
    state: str
    status: str | None
    email: str | None
    currency: str | None
    total: float | None
    amount: float | None
    refunds: dict[str, float]
    lines: list[OrderLine]
    coupons: list[str]
    billing: Address
    carts: list[str]
    isRenewal: bool
    isTest: bool
    createdAt: str | None
    updatedAt: str | None
    cancelledAt: str | None
    customer: Customer


class Variant(TypedDict, total=False):
    """A variant of a product; what is absent is its product's."""

    id: str
    title: str | None
    sku: str | None
    price: float | None
    stock: float | None
    imageUrl: str | None
    url: str | None


class Category(TypedDict, total=False):
    """A category of products."""

    id: str
    name: str
    url: str


class Product(TypedDict, total=False):
    """A product in canonical fields. Without a price it has none: never 0.

    `isPublished`: visitors can see it; `isHidden`: only those with its link. `hasAllVariants` is False where the body
    holds a part of the variants only.
    """

    id: str
    name: str | None
    description: str | None
    url: str | None
    imageUrl: str | None
    sku: str | None
    brand: str | None
    currency: str | None
    price: float | None
    compareAtPrice: float | None
    stock: float | None
    isPublished: bool
    isHidden: bool
    categories: list[Category]
    variants: list[Variant]
    hasAllVariants: bool
    createdAt: str | None
    updatedAt: str | None


class Cart(TypedDict, total=False):
    """A cart or an open checkout in canonical fields, money as in `Order`. No lines: it was emptied.

    `email` is what was typed at the till and speaks for itself, whoever is logged in. `carts` names it as orders do.
    """

    id: str
    email: str | None
    carts: list[str]
    currency: str | None
    total: float | None
    url: str | None
    lines: list[OrderLine]
    isLoggedIn: bool
    completedAt: str | None
    createdAt: str | None
    updatedAt: str | None
    customer: Customer


@dataclass(frozen=True, slots=True)
class Inbound:
    """One webhook request, as it came.

    Args:
        source: the source's name, from the URL.
        headers: names in lower case; only those the connector keeps once it is in the inbox.
        body: the raw bytes; a signature is made over these.
        received_at: when it arrived, UTC.
        path: what follows `/webhooks/<source>/`, without the slash.
        query: the raw query string.
        url: the address the sender called, for schemes that sign it.
        method: the HTTP verb in capitals.
    """

    source: str
    headers: Mapping[str, str]
    body: bytes
    received_at: datetime
    path: str = ""
    query: str = ""
    url: str = ""
    method: str = "POST"


@dataclass(frozen=True, slots=True)
class Consent:
    """What was seen of one person's consent on one channel.

    Args:
        channel: e-mail or SMS.
        state: what was seen.
        at: when the person said so (UTC), or when the record was last changed.
        method: how, in the platform's word: `single_opt_in`, `brevo:unsubscribed`, `acceptsMarketing`.
        explicit: True when this reports an act of the person with its own time; False for the mere state of a
            checkbox. Only an explicit grant can follow a withdrawal. A withdrawal is explicit, too, where a tick that
            comes after it is no answer of the person: the box means "no e-mail", or people of a company tick it.
        seen_at: the platform's own finer time of the act, UTC, from a delivery that is about the consent and nothing
            else; it tells which of two acts with one `at` was the later. None: the platform sends none.
        only_after_yes: the state of a box that is empty for whoever never saw it, too. Empty (`withdrawn`) it takes
            back the yes of the same record, where one was seen with this mark, and says nothing otherwise.
        is_doubted: a yes that may have been given for another address than the record's. No opt-in of the record up to
            its time is an act any more, however the record tells it later.
    """

    channel: Channel
    state: ConsentState
    at: datetime
    method: str
    explicit: bool = False
    seen_at: datetime | None = None
    only_after_yes: bool = False
    is_doubted: bool = False


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to one record.

    Args:
        id: unique for one delivery of one source, the same when it is sent again: the key against repeats.
        source: the source's name.
        kind: what happened.
        occurred_at: when it happened at the platform, UTC; the newest wins, whatever the order of arrival.
        record_id: the platform's id of the record, as a string; None when it has none (a guest).
        customer_id: the platform's id of the customer concerned; the same as `record_id` for customer kinds.
        record: the record in canonical fields (see `Customer`); absent keys are unknown.
        consents: what the event tells of the person's consent.
        topic: the platform's own word for what happened, for people who look.
        seen_at: the platform's own finer time of this state, UTC; it tells which of two states with one `occurred_at`
            is the later. None: the platform sends none, and the time of arrival (of the read, for a pull) counts.
        notes: what was left out of the record and why, as `billing.phone: expected a text, found true or false`: paths
            and reasons, never values.
        is_pulled: a run read it: it tells what is so, and nothing happened just now.
        told_at: where the platform does not tell when this was so, and `occurred_at` is when it was read: the last time
            at which something of the record is known to have changed, such as when it was made. None: it does tell.
    """

    id: str
    source: str
    kind: Kind
    occurred_at: datetime
    record_id: str | None = None
    customer_id: str | None = None
    record: Mapping[str, Json] = field(default_factory=dict)
    consents: tuple[Consent, ...] = ()
    topic: str = ""
    seen_at: datetime | None = None
    notes: tuple[str, ...] = ()
    is_pulled: bool = False
    told_at: datetime | None = None


_EPOCH = datetime.fromtimestamp(0, tz=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_MICROSECOND = timedelta(microseconds=1)


def to_ms(at: datetime) -> int:
    """Return an aware time as whole milliseconds since 1970, the form in which stamps are stored."""
    return (at - _EPOCH) // _MILLISECOND


def to_us(at: datetime) -> int:
    """Return an aware time as whole microseconds since 1970: how finely it is told which of two states came later."""
    return (at - _EPOCH) // _MICROSECOND


def from_ms(ms: int) -> datetime:
    """Return the aware UTC time of a stored stamp."""
    return datetime.fromtimestamp(ms / 1000, tz=UTC)


def from_us(us: int) -> datetime:
    """Return the aware UTC time of microseconds since 1970."""
    return _EPOCH + us * _MICROSECOND


def to_iso(ms: int) -> str:
    """Return a stored stamp for programs: ISO 8601 in UTC with milliseconds, as `2026-11-21T10:00:00.000Z`."""
    return from_ms(ms).isoformat(timespec="milliseconds").replace("+00:00", "Z")
