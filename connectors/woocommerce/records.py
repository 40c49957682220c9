"""WooCommerce's bodies as canonical records and consents: tables first, then short functions. Pure."""

from __future__ import annotations

import html
from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from customer_sync.errors import PayloadError
from customer_sync.fields import (
    Node,
    Table,
    instant,
    join,
    maybe_id,
    moment,
    number,
    objects,
    pick,
    take,
    text,
    whole,
)
from customer_sync.model import Channel, Consent, ConsentState, Json

#: Plugins' fields that hold a newsletter box, for want of one in WooCommerce itself: Brevo's own plugin and the block
#: checkout, Mailchimp's plugin.
CONSENT_META_KEYS = (
    "ws_opt_in",
    "_wc_other/SendinblueWoocommerce/newsletter_opt_in",
    "mailchimp_woocommerce_is_subscribed",
)
#: What plugins write for a ticked box, an empty one, and a person who has yet to confirm. Other values tell nothing.
TRUE_VALUES = frozenset({"1", "yes", "true", "on", "subscribed"})
MEANINGS: Mapping[str, ConsentState] = {
    **dict.fromkeys(TRUE_VALUES, ConsentState.GRANTED),
    **dict.fromkeys(("0", "no", "false", "off", "unsubscribed"), ConsentState.WITHDRAWN),
    "pending": ConsentState.PENDING,
}
_STRICTEST = (ConsentState.WITHDRAWN, ConsentState.PENDING, ConsentState.GRANTED)

#: An order in one of these states is not placed yet: the checkout page is still open.
DRAFTS = frozenset({"auto-draft", "checkout-draft", "draft", "new"})

#: What WordPress writes in the place of a text when it erases a person:
#: https://developer.wordpress.org/reference/functions/wp_privacy_anonymize_data/
_ERASED_TEXT = "[deleted]"


def _plain(value: Json, path: str) -> Json:
    """Return a text with its HTML entities decoded (`Tom &amp; Co`), None for one that was erased."""
    found = text(value, path)
    plain = None if found is None else text(html.unescape(found), path)
    return None if plain is None or plain.lower() == _ERASED_TEXT else plain


def _address(value: Json, path: str) -> Json:
    """Return an e-mail address, None for what erasure leaves: `deleted@site.invalid` and the like."""
    found = text(value, path)
    local, _, domain = (found or "").lower().rpartition("@")
    return None if local == "deleted" or domain.endswith(".invalid") or domain == "invalid" else found


def is_zero_date(value: Json) -> bool:
    """Tell whether a date is the one of a draft: all zeros, or what PHP makes of them."""
    return isinstance(value, str) and value.startswith(("0000-00-00", "-0001-11-30"))


def _utc(value: Json, path: str) -> Json:
    """Return a `*_gmt` time, which has no zone and is UTC; a date that MySQL holds as zeros is none."""
    return None if is_zero_date(value) else moment(value, path)


def _quantity(value: Json, path: str) -> Json:
    """Return a quantity: a whole number, unless a plugin sells by weight."""
    found = number(value, path)
    return int(found) if found is not None and found.is_integer() else found


# https://woocommerce.github.io/woocommerce-rest-api-docs/#customers. `orders_count` and `total_spent` are of the older
# API versions; v3 has neither.
CUSTOMER: Table = {
    "email": take(_address, "email"),
    "firstName": take(_plain, "first_name", "billing.first_name"),
    "lastName": take(_plain, "last_name", "billing.last_name"),
    "phone": take(_plain, "billing.phone"),
    "country": take(text, "billing.country"),
    "company": take(_plain, "billing.company"),
    "city": take(_plain, "billing.city"),
    "postcode": take(_plain, "billing.postcode"),
    "role": take(text, "role"),
    "totalOrders": take(whole, "orders_count"),
    "totalSpent": take(number, "total_spent"),
    "createdAt": take(_utc, "date_created_gmt"),
    "updatedAt": take(_utc, "date_modified_gmt"),
}

# The buyer as the order tells it; a guest has nothing else.
BUYER: Table = {
    "email": take(_address, "billing.email"),
    "firstName": take(_plain, "billing.first_name", "shipping.first_name"),
    "lastName": take(_plain, "billing.last_name", "shipping.last_name"),
    "phone": take(_plain, "billing.phone"),
    "country": take(text, "billing.country", "shipping.country"),
    "company": take(_plain, "billing.company"),
    "city": take(_plain, "billing.city"),
    "postcode": take(_plain, "billing.postcode"),
}

# https://woocommerce.github.io/woocommerce-rest-api-docs/#orders
ORDER: Table = {
    "number": take(text, "number"),
    "status": take(text, "status"),
    "email": take(_address, "billing.email"),
    "currency": take(text, "currency"),
    "total": take(number, "total"),
    "tax": take(number, "total_tax"),
    "discount": take(number, "discount_total"),
    "shipping": take(number, "shipping_total"),
    "paymentMethod": take(text, "payment_method"),
    "paidAt": take(_utc, "date_paid_gmt"),
    "createdAt": take(_utc, "date_created_gmt"),
    "updatedAt": take(_utc, "date_modified_gmt"),
}

# A guest as WooCommerce Analytics knows them: what stood in their last order. Older shops tell no phone, and the name
# only as a whole.
GUEST: Table = {
    "email": take(_address, "email"),
    "firstName": take(_plain, "first_name"),
    "lastName": take(_plain, "last_name"),
    "phone": take(_plain, "billing_phone"),
    "country": take(text, "country"),
    "city": take(_plain, "city"),
    "postcode": take(_plain, "postcode"),
}

TOTALS: Table = {
    "totalOrders": take(whole, "orders_count"),
    "totalSpent": take(number, "total_spend"),
}

LINE: Table = {
    "productId": take(maybe_id, "product_id"),
    "variantId": take(maybe_id, "variation_id"),
    "sku": take(text, "sku"),
    "title": take(_plain, "name"),
    "quantity": take(_quantity, "quantity"),
    "price": take(number, "price"),
}

# https://woocommerce.github.io/woocommerce-rest-api-docs/#products
PRODUCT: Table = {
    "name": take(_plain, "name"),
    "description": take(text, "short_description", "description"),
    "url": take(text, "permalink"),
    "status": take(text, "status"),
    "sku": take(text, "sku"),
    "price": take(number, "price"),
    "stock": take(_quantity, "stock_quantity"),
    "stockStatus": take(text, "stock_status"),
    "createdAt": take(_utc, "date_created_gmt"),
    "updatedAt": take(_utc, "date_modified_gmt"),
}


def own_id(body: Node) -> str:
    """Return the id of a record.

    Raises:
        PayloadError: it is missing, or 0, with which WooCommerce says that there is none.
    """
    found = maybe_id(body.get("id"), "id")
    if found is None:
        raise PayloadError("id", "expected an id, found none")
    return found


def customer(body: Node) -> dict[str, Json]:
    """Return a customer; only what the body holds."""
    return {"id": own_id(body), **pick(body, CUSTOMER)}


def order(body: Node) -> dict[str, Json]:
    """Return an order with its lines and its customer; `customer` has no `id` for a guest."""
    lines: list[Json] = [pick(node, LINE, path) for node, path in objects(body, "line_items")]
    coupons: list[Json] = [
        code for node, path in objects(body, "coupon_lines") if (code := text(node.get("code"), join(path, "code")))
    ]
    return {
        "id": own_id(body),
        **pick(body, ORDER),
        "refundedAmount": _refunded(body),
        "lines": lines,
        "coupons": coupons,
        "customer": buyer(body),
    }


def buyer(body: Node) -> dict[str, Json]:
    """Return the customer of an order, as the order tells it; without `id` for a guest."""
    customer_id = maybe_id(body.get("customer_id"), "customer_id")
    return {**({"id": customer_id} if customer_id else {}), **pick(body, BUYER)}


def guest(row: Node) -> dict[str, Json]:
    """Return a guest of the report; what is empty there is left out: a report is no reason to empty a field."""
    found: dict[str, Json] = {name: value for name, value in pick(row, GUEST).items() if value is not None}
    if "first_name" not in row and (name := _plain(row.get("name"), "name")):
        first, _, last = str(name).partition(" ")
        found |= {"firstName": first, **({"lastName": last.strip()} if last else {})}
    return found


def totals(row: Node) -> dict[str, Json]:
    """Return order count and total spent of a row of the report."""
    return pick(row, TOTALS)


def product(body: Node) -> dict[str, Json]:
    """Return a product with the names of its categories and the address of its first image."""
    categories: list[Json] = [
        name for node, path in objects(body, "categories") if (name := _plain(node.get("name"), join(path, "name")))
    ]
    images = [text(node.get("src"), join(path, "src")) for node, path in objects(body, "images")]
    return {
        "id": own_id(body),
        **pick(body, PRODUCT),
        "categories": categories,
        **({"imageUrl": images[0]} if images else {}),
    }


def modified_at(body: Node) -> datetime | None:
    """Return the record's own modification time; a customer who never changed has only the time of creation.

    `date_modified` beside it is in the site's own zone, which the body does not tell, so it is never used.
    """
    return _first_instant(body, "date_modified_gmt", "date_created_gmt")


def created_at(body: Node) -> datetime | None:
    """Return when the record was made."""
    return _first_instant(body, "date_created_gmt")


def _first_instant(body: Node, *keys: str) -> datetime | None:
    return instant({key: body.get(key) for key in keys if not is_zero_date(body.get(key))}, *keys)


class Told(NamedTuple):
    """What a body tells of a customer: the record, when it was so (None: it does not say), the consents."""

    record: dict[str, Json]
    at: datetime | None
    consents: tuple[Consent, ...]


def told(body: Node, keys: Mapping[str, frozenset[str]], seen_at: datetime) -> Told:
    """Return what a customer's body tells, by webhook and by pull alike.

    Args:
        body: a customer.
        keys: see `consent`.
        seen_at: when it was seen; counts where the body tells no time.
    """
    at = modified_at(body)
    consents = consent(body, keys, at or seen_at, ticked=False)
    return Told({**customer(body), **accepts(consents)}, at, consents)


def ordered_consent(body: Node, keys: Mapping[str, frozenset[str]], seen_at: datetime) -> tuple[Consent, ...]:
    """Return what an order tells of its buyer's consent, as of the time of the order."""
    return consent(body, keys, created_at(body) or modified_at(body) or seen_at, ticked=True)


def consent(body: Node, keys: Mapping[str, frozenset[str]], at: datetime, *, ticked: bool) -> tuple[Consent, ...]:
    """Return what the plugins' fields tell of the person's consent to e-mail; none when no field is there.

    Args:
        body: a customer or an order.
        keys: names of meta fields, each with the values that mean yes.
        at: when it was so.
        ticked: True for an order, where a ticked box is an act of the person and an empty one is none; False for a
            customer, where the field is a mere state.

    Where fields disagree, the strictest counts.
    """
    seen: dict[ConsentState, str] = {}
    for node, _ in objects(body, "meta_data"):
        key = node.get("key")
        state = _meaning(node.get("value"), keys[key]) if isinstance(key, str) and key in keys else None
        if state is not None:
            seen.setdefault(state, str(key))
    state = next((one for one in _STRICTEST if one in seen), None)
    if state is None or (ticked and state is not ConsentState.GRANTED):
        return ()
    return (Consent(Channel.EMAIL, state, at, seen[state][:64], explicit=ticked),)


def accepts(seen: tuple[Consent, ...]) -> dict[str, Json]:
    """Return `acceptsMarketing` as far as the consent says yes or no."""
    told = {ConsentState.GRANTED: True, ConsentState.WITHDRAWN: False}
    answers = [told[one.state] for one in seen if one.state in told]
    return {"acceptsMarketing": answers[0]} if answers else {}


def _meaning(value: Json, true_values: frozenset[str]) -> ConsentState | None:
    if isinstance(value, bool):
        value = "1" if value else "0"
    if not isinstance(value, str | int):
        return None
    word = str(value).strip().lower()
    if word in true_values:
        return ConsentState.GRANTED
    state = MEANINGS.get(word)
    return None if state is ConsentState.GRANTED else state


def _refunded(body: Node) -> float:
    """Return what was paid back; refunds carry negative totals, and a deleted one stays as -0.00."""
    amounts = [number(node.get("total"), join(path, "total")) for node, path in objects(body, "refunds")]
    return round(abs(sum((amount for amount in amounts if isinstance(amount, float)), 0.0)), 4)
