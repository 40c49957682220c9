"""Shopify's bodies as canonical records and consents: tables first, then short functions. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

from customer_sync.errors import PayloadError
from customer_sync.kit.connector import parse_time
from customer_sync.kit.fields import (
    Node,
    Table,
    email,
    filled,
    flag,
    identifier,
    maybe_id,
    moment,
    number,
    strict,
    take,
    text,
    whole,
)
from customer_sync.model import Channel, Consent, ConsentState, Json, kind_of

_GID = re.compile(r"gid://shopify/\w+/(\d+)")

#: https://shopify.dev/docs/api/admin-graphql/latest/enums/CustomerEmailMarketingState; webhooks write it in small
#: letters. `redacted` and `invalid` are people who must not be written to.
CONSENT_STATES: Mapping[str, ConsentState] = {
    "subscribed": ConsentState.GRANTED,
    "unsubscribed": ConsentState.WITHDRAWN,
    "pending": ConsentState.PENDING,
    "not_subscribed": ConsentState.UNKNOWN,
    "invalid": ConsentState.WITHDRAWN,
    "redacted": ConsentState.WITHDRAWN,
}


def numeric(value: Json, path: str) -> str:
    """Return an id as text, the number alone when it stands in a `gid://shopify/...`.

    Raises:
        PayloadError: it is missing or no id.
    """
    found = _GID.fullmatch(value) if isinstance(value, str) else None
    return found[1] if found else identifier(value, path)


def maybe_numeric(value: Json, path: str) -> str | None:
    """Return an id as `numeric` does, None when there is none."""
    return None if value is None else numeric(value, path)


def own_id(node: Node) -> str:
    """Return the id of a record. The gid is preferred: senders that pass through JavaScript round the number.

    Seen in recordings of 2024-08: id 706405506930370000 beside gid://shopify/Customer/706405506930370084.

    Raises:
        PayloadError: there is neither.
    """
    gid = node.get("admin_graphql_api_id")
    if isinstance(gid, str) and _GID.fullmatch(gid):
        return numeric(gid, node.path("admin_graphql_api_id"))
    return identifier(node.get("id"), node.path("id"))


def own_email(node: Node) -> str | None:
    """Return a customer's own address.

    Raises:
        PayloadError: it can be no address.
    """
    return email(node.get("email"), node.path("email"))


def tag_list(value: Json, path: str) -> Json:
    """Return tags as a list; the REST shape writes them as one text parted by commas."""
    if isinstance(value, list):
        return [tag for i, one in enumerate(value) if (tag := text(one, f"{path}[{i}]"))]
    joined = text(value, path)
    return [tag for one in (joined or "").split(",") if (tag := one.strip())]


# https://shopify.dev/docs/api/webhooks?reference=toml#list-of-topics-customers/update. Since API version 2025-01 the
# body has no tags, totals or consent; an older app still gets them.
CUSTOMER: Table = {
    "email": strict(email, "email"),
    "firstName": take(text, "first_name"),
    "lastName": take(text, "last_name"),
    "phone": take(text, "phone"),
    # where no address is the default one, the first of all still tells how to read the phone number
    "country": take(text, "default_address.country_code", "addresses.0.country_code"),
    "company": take(text, "default_address.company"),
    "city": take(text, "default_address.city"),
    "postcode": take(text, "default_address.zip"),
    "currency": take(text, "currency"),
    "note": take(text, "note"),
    "state": take(text, "state"),
    "tags": take(tag_list, "tags"),
    "totalOrders": take(whole, "orders_count"),
    "totalSpent": take(number, "total_spent"),
    "createdAt": take(moment, "created_at"),
    "updatedAt": take(moment, "updated_at"),
}

# What an order or a checkout tells of its customer. Without access to protected customer data the keys are absent.
BUYER: Table = {
    "email": strict(email, "customer.email", "email", "contact_email"),
    "firstName": take(text, "customer.first_name", "billing_address.first_name", "shipping_address.first_name"),
    "lastName": take(text, "customer.last_name", "billing_address.last_name", "shipping_address.last_name"),
    "phone": take(text, "customer.phone", "phone"),
    "country": take(
        text,
        "customer.default_address.country_code",
        "billing_address.country_code",
        "shipping_address.country_code",
    ),
}

# In a checkout the address may be half typed.
VISITOR: Table = {**BUYER, "email": BUYER["email"]._replace(is_strict=False)}

# `total` is what was ordered; `currentTotal` is what is left of it after edits and refunds.
ORDER: Table = {
    "number": take(text, "name", "order_number"),
    "email": take(text, "email", "contact_email"),
    "currency": take(text, "currency"),
    "total": take(number, "total_price"),
    "currentTotal": take(number, "current_total_price"),
    "subtotal": take(number, "subtotal_price"),
    "tax": take(number, "total_tax"),
    "discount": take(number, "total_discounts"),
    "shipping": take(number, "total_shipping_price_set.shop_money.amount"),
    "paymentStatus": take(text, "financial_status"),
    "fulfillmentStatus": take(text, "fulfillment_status"),
    "cancelledAt": take(moment, "cancelled_at"),
    "createdAt": take(moment, "created_at"),
    "updatedAt": take(moment, "updated_at"),
    "checkoutToken": take(maybe_id, "checkout_token"),
    "cartToken": take(maybe_id, "cart_token"),
    "test": take(flag, "test"),
}

LINE: Table = {
    "productId": take(maybe_id, "product_id"),
    "variantId": take(maybe_id, "variant_id"),
    "sku": take(text, "sku"),
    "title": take(text, "title", "presentment_title"),
    "quantity": take(whole, "quantity"),
    "price": take(number, "price"),
}

# Carts have neither e-mail nor customer; a checkout gets them once they are typed. `id` of checkouts went in 2026-04.
CART: Table = {
    "email": take(text, "email"),
    "token": take(maybe_id, "token"),
    "cartToken": take(maybe_id, "cart_token"),
    "currency": take(text, "currency", "presentment_currency"),
    "total": take(number, "total_price"),
    "url": take(text, "abandoned_checkout_url"),
    "completedAt": take(moment, "completed_at"),
    "createdAt": take(moment, "created_at"),
    "updatedAt": take(moment, "updated_at"),
}

PRODUCT: Table = {
    "name": take(text, "title"),
    "description": take(text, "body_html"),
    "handle": take(text, "handle"),
    "status": take(text, "status"),
    "vendor": take(text, "vendor"),
    "productType": take(text, "product_type"),
    "tags": take(tag_list, "tags"),
    "imageUrl": take(text, "image.src"),
    "createdAt": take(moment, "created_at"),
    "updatedAt": take(moment, "updated_at"),
}

VARIANT: Table = {
    "title": take(text, "title"),
    "sku": take(text, "sku"),
    "price": take(number, "price"),
    "stock": take(whole, "inventory_quantity"),
}


def customer(node: Node) -> dict[str, Json]:
    """Return a customer; only what the body holds."""
    return {"id": own_id(node), **node.pick(CUSTOMER)}


def buyer(node: Node, table: Table = BUYER) -> dict[str, Json]:
    """Return what an order or a checkout tells of its customer; without `id` for a guest, without what is empty."""
    known = node.child("customer")
    return {**({"id": own_id(known)} if known.body else {}), **filled(node.pick(table))}


def order(node: Node) -> dict[str, Json]:
    """Return an order with its lines and its customer."""
    return {
        "id": own_id(node),
        "status": _status(node),
        **node.pick(ORDER),
        "lines": lines(node),
        "customer": buyer(node),
    }


def cart(node: Node) -> dict[str, Json]:
    """Return a cart or a checkout, known by its token; before 2026-04 a deleted checkout had only an id."""
    token = node.get("token")
    record_id = identifier(node.get("id"), "id") if token in (None, "") else identifier(token, "token")
    return {"id": record_id, **node.pick(CART), "lines": lines(node), "customer": buyer(node, VISITOR)}


def product(node: Node) -> dict[str, Json]:
    """Return a product with its variants (Shopify sends at most 100 of them in full)."""
    variants: list[Json] = [variant for one in node.children("variants") if (variant := _variant(one))]
    return {"id": own_id(node), **node.pick(PRODUCT), "variants": variants}


def _variant(node: Node) -> Json:
    try:
        return {"id": own_id(node), **node.pick(VARIANT)}
    except PayloadError as fault:
        node.note(fault)
        return None


def lines(node: Node) -> list[Json]:
    """Return the lines of an order, a cart or a checkout."""
    return [one.pick(LINE) for one in node.children("line_items")]


def refund(node: Node) -> dict[str, Json]:
    """Return what a refund changes of its order: `id` is the order's."""
    paid_back = [
        amount
        for one in node.children("transactions")
        if one.get("kind") == "refund" and one.get("status") == "success"
        if isinstance(amount := one.read(number, "amount"), float)
    ]
    return {
        "id": numeric(node.get("order_id"), "order_id"),
        "refundId": own_id(node),
        "refundedAmount": round(sum(paid_back, 0.0), 4),
        **node.pick({"refundNote": take(text, "note"), "refundedAt": take(moment, "processed_at", "created_at")}),
    }


class Words(NamedTuple):
    """What a consent object calls its parts: the state, the time of the person's act, the level of the opt-in."""

    state: str
    at: str
    level: str


#: In webhooks, and in the GraphQL API.
REST = Words("state", "consent_updated_at", "opt_in_level")
GRAPHQL = Words("marketingState", "marketingUpdatedAt", "marketingOptInLevel")


def consents(node: Node, key: str, channel: Channel, seen_at: datetime, words: Words = REST) -> tuple[Consent, ...]:
    """Return what a consent object tells; none when the key is absent.

    Args:
        node: what holds the object.
        key: `email_marketing_consent` or `sms_marketing_consent`; their like in the API.
        channel: e-mail or SMS.
        seen_at: the time of the event, for a state that has no time of its own.
        words: what the object calls its parts.

    An act of the person has a time of its own; a state without it is a mere checkbox. A withdrawal whose time cannot
    be read counts from the time of the event.

    Raises:
        PayloadError: the state cannot be read, or when it was set, unless it is a withdrawal.
    """
    if key not in node:
        return ()
    told = node.child(key)
    written, path = told.get(words.state), told.path(words.state)
    word, level = text(written, path), told.read(text, words.level)
    state, method = judge(word, level if isinstance(level, str) else None)
    if isinstance(written, str) and written.strip() != (word or "") and state is not ConsentState.WITHDRAWN:
        raise PayloadError(path, "expected the state of a consent, found characters that cannot be read")
    at = told.instant(words.at) if state is ConsentState.WITHDRAWN else _said_at(told, words.at)
    return (Consent(channel, state, at or seen_at, method, explicit=at is not None),)


def _said_at(told: Node, key: str) -> datetime | None:
    value = told.get(key)
    return None if value is None or value == "" else parse_time(value, told.path(key))


@lru_cache(maxsize=256)
def judge(word: str | None, level: str | None) -> tuple[ConsentState, str]:
    """Return what Shopify's state and opt-in level mean: our state, and the method; written large or small."""
    small = (word or "not_subscribed").lower()
    state = CONSENT_STATES.get(small, ConsentState.UNKNOWN)
    how = level.lower() if state is ConsentState.GRANTED and level else f"shopify:{small}"
    return state, how[:64]


def checkbox(node: Node, seen_at: datetime) -> tuple[Consent, ...]:
    """Return what `accepts_marketing` tells, the form before API version 2024-01; none when it is absent or null.

    Where the consent object stands beside it, that counts.

    Raises:
        PayloadError: it is neither yes nor no.
    """
    ticked = flag(node.get("accepts_marketing"), "accepts_marketing")
    if ticked is None or isinstance(node.get("email_marketing_consent"), dict):
        return ()
    at = node.instant("accepts_marketing_updated_at") or seen_at
    state = ConsentState.GRANTED if ticked else ConsentState.WITHDRAWN
    return (Consent(Channel.EMAIL, state, at, "accepts_marketing"),)


def accepts(seen: tuple[Consent, ...]) -> dict[str, Json]:
    """Return `acceptsMarketing` as far as the e-mail consent says yes or no."""
    told = {ConsentState.GRANTED: True, ConsentState.WITHDRAWN: False}
    answers = [told[one.state] for one in seen if one.channel is Channel.EMAIL and one.state in told]
    return {"acceptsMarketing": answers[0]} if answers else {}


def id_list(value: Json, path: str) -> Json:
    """Return a list of ids as text.

    Raises:
        PayloadError: it is no list of ids.
    """
    if not isinstance(value, list):
        raise PayloadError(path, f"expected a list of ids, found {kind_of(value)}")
    return [numeric(one, f"{path}[{i}]") for i, one in enumerate(value)]


def _status(node: Node) -> str:
    """Return one word for an order, of the three states that Shopify keeps apart."""
    if node.get("cancelled_at"):
        return "cancelled"
    paid, sent = node.read(text, "financial_status"), node.read(text, "fulfillment_status")
    if isinstance(paid, str) and paid in ("refunded", "voided"):
        return paid
    return "fulfilled" if sent == "fulfilled" else str(paid or "pending")
