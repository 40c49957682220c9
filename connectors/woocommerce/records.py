"""WooCommerce's bodies as canonical records and consents: tables first, then short functions. Pure."""

from __future__ import annotations

import html
import re
from datetime import datetime, timedelta, timezone
from html.entities import html5

from customer_sync.errors import PayloadError
from customer_sync.kit.connector import parse_time
from customer_sync.kit.fields import (
    Node,
    Table,
    email,
    filled,
    maybe_id,
    moment,
    number,
    strict,
    take,
    text,
    to_text,
    whole,
)
from customer_sync.model import Json, kind_of

#: An order in one of these states is not placed yet: the checkout page is still open.
DRAFTS = frozenset({"auto-draft", "checkout-draft", "draft", "new"})

#: What WordPress writes in the place of a text when it erases a person, and the field that it adds to an order:
#: https://developer.wordpress.org/reference/functions/wp_privacy_anonymize_data/
_ERASED_TEXT = "[deleted]"
_ERASED_META = "_anonymized"
#: A phone number that was erased: zeros alone, parted in several ways.
_ERASED_PHONE = re.compile(r"[ ()+.-]*0[0 ()+.-]*")

#: An HTML entity, which ends with a semicolon: `&copyshop` is text.
_ENTITY = re.compile(r"&(#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")


def _decoded(entity: re.Match[str]) -> str:
    is_known = entity[1].startswith("#") or f"{entity[1]};" in html5
    return html.unescape(entity[0]) if is_known else entity[0]


def _plain(value: Json, path: str) -> Json:
    """Return a text with its HTML entities decoded (`Tom &amp; Co`), None for one that was erased."""
    found = text(value, path)
    plain = None if found is None else text(_ENTITY.sub(_decoded, found), path)
    return None if plain is None or plain.lower() == _ERASED_TEXT else plain


def _phone(value: Json, path: str) -> Json:
    """Return a phone number as it is written, None for one that was erased."""
    found = _plain(value, path)
    return None if isinstance(found, str) and _ERASED_PHONE.fullmatch(found) else found


def _amount(value: Json, path: str) -> Json:
    """Return an amount that PHP added up, without the noise of its floats: no currency has more than four decimals."""
    found = number(value, path)
    return None if found is None else round(found, 6)


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
    "email": strict(email, "email"),
    "firstName": take(_plain, "first_name", "billing.first_name"),
    "lastName": take(_plain, "last_name", "billing.last_name"),
    "phone": take(_phone, "billing.phone"),
    "country": take(text, "billing.country"),
    "company": take(_plain, "billing.company"),
    "city": take(_plain, "billing.city"),
    "postcode": take(_plain, "billing.postcode"),
    "role": take(text, "role"),
    "totalOrders": take(whole, "orders_count"),
    "totalSpent": take(_amount, "total_spent"),
    "createdAt": take(_utc, "date_created_gmt"),
    "updatedAt": take(_utc, "date_modified_gmt"),
}

# The buyer as the order tells it; a guest has nothing else.
BUYER: Table = {
    "email": strict(email, "billing.email"),
    "firstName": take(_plain, "billing.first_name", "shipping.first_name"),
    "lastName": take(_plain, "billing.last_name", "shipping.last_name"),
    "phone": take(_phone, "billing.phone"),
    "country": take(text, "billing.country", "shipping.country"),
    "company": take(_plain, "billing.company"),
    "city": take(_plain, "billing.city"),
    "postcode": take(_plain, "billing.postcode"),
}

# https://woocommerce.github.io/woocommerce-rest-api-docs/#orders
ORDER: Table = {
    "number": take(text, "number"),
    "status": take(text, "status"),
    "email": take(email, "billing.email"),
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

# A guest as WooCommerce Analytics knows them: what stood in their last order. No version of it tells a phone number
# (looked at in 9.8.3, 10.5.2 and 11.0.1), and older ones tell the name only as a whole.
GUEST: Table = {
    "email": strict(email, "email"),
    "firstName": take(_plain, "first_name"),
    "lastName": take(_plain, "last_name"),
    "country": take(text, "country"),
    "city": take(_plain, "city"),
    "postcode": take(_plain, "postcode"),
}

TOTALS: Table = {
    "totalOrders": take(whole, "orders_count"),
    "totalSpent": take(_amount, "total_spend"),
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


#: What an account without an address has empty: names and billing fields. That they are empty there tells nothing.
PERSONAL = frozenset({"firstName", "lastName", "phone", "country", "company", "city", "postcode"})
#: Billing fields that somebody filled in; country and state may be the shop's own, the e-mail is the account's.
_FILLED_IN = ("first_name", "last_name", "company", "address_1", "address_2", "city", "postcode", "phone")
#: Our name → the site's own time beside the one in UTC.
_TIMES = {"createdAt": "date_created", "updatedAt": "date_modified", "paidAt": "date_paid"}
#: No zone is further from UTC; each is a multiple of a quarter of an hour.
_MAX_OFFSET, _QUARTER = timedelta(hours=14), timedelta(minutes=15)


def own_id(node: Node) -> str:
    """Return the id of a record.

    Raises:
        PayloadError: it is missing, or 0, with which WooCommerce says that there is none.
    """
    found = maybe_id(node.get("id"), "id")
    if found is None:
        raise PayloadError("id", "expected an id, found none")
    return found


def own_email(node: Node) -> str | None:
    """Return a customer's own address.

    Raises:
        PayloadError: it can be no address.
    """
    return email(node.get("email"), "email")


def customer(node: Node) -> dict[str, Json]:
    """Return a customer; only what the body tells.

    WooCommerce writes "" for what somebody removed and for what nobody ever knew. A new account has it in every name
    and billing field; taken as empty, it would wipe what the guest orders of the same person told.
    """
    found = node.pick(CUSTOMER)
    if not _had_an_address(node):
        found = {name: value for name, value in found.items() if value is not None or name not in PERSONAL}
    return {"id": own_id(node), **_with_zone(node, found)}


def order(node: Node) -> dict[str, Json]:
    """Return an order with its lines and its customer; `customer` has no `id` for a guest."""
    coupons: list[Json] = [code for one in node.children("coupon_lines") if (code := one.read(text, "code"))]
    return {
        "id": own_id(node),
        **_with_zone(node, node.pick(ORDER)),
        "refundedAmount": _refunded(node),
        "lines": list[Json]([one.pick(LINE) for one in node.children("line_items")]),
        "coupons": coupons,
        "customer": buyer(node),
        **({"anonymised": True} if is_anonymised(node) else {}),
    }


def buyer(node: Node) -> dict[str, Json]:
    """Return the customer of an order, as the order tells it; without `id` for a guest, without what is empty.

    Nobody where WordPress has erased the person: what it left is nobody's.
    """
    customer_id = maybe_id(node.get("customer_id"), "customer_id")
    known: dict[str, Json] = {"id": customer_id} if customer_id else {}
    return known if is_anonymised(node) else {**known, **filled(node.pick(BUYER))}


def is_anonymised(node: Node) -> bool:
    """Tell whether WordPress erased the person of an order; the mark is the same in every language."""
    return any(
        one.get("key") == _ERASED_META and one.get("value") in ("yes", "1", 1, True) for one in plugins_fields(node)
    )


def guest(node: Node) -> dict[str, Json]:
    """Return a guest of the report; what is empty there is left out: a report is no reason to empty a field."""
    found = filled(node.pick(GUEST))
    if "first_name" not in node and (name := node.read(_plain, "name")):
        first, _, last = str(name).partition(" ")
        found |= {"firstName": first, **({"lastName": last.strip()} if last else {})}
    return found


def totals(node: Node) -> dict[str, Json]:
    """Return order count and total spent of a row of the report."""
    return node.pick(TOTALS)


def product(node: Node) -> dict[str, Json]:
    """Return a product with the names of its categories and the address of its first image."""
    categories: list[Json] = [name for one in node.children("categories") if (name := one.read(_plain, "name"))]
    images = [one.read(text, "src") for one in node.children("images")]
    return {
        "id": own_id(node),
        **_with_zone(node, node.pick(PRODUCT)),
        "categories": categories,
        **({"imageUrl": images[0]} if images else {}),
    }


def modified_at(node: Node) -> datetime | None:
    """Return the record's own modification time; a customer who never changed has only the time of creation.

    `date_modified` beside it is in the site's own zone, which the body does not tell, so it is never used alone.
    """
    return _gmt(node, "date_modified_gmt") or _gmt(node, "date_created_gmt")


def stated_at(node: Node) -> datetime | None:
    """Return since when a customer's boxes are as they are, None where that cannot be read.

    A time that cannot be read is later than the creation: a withdrawal must not count from then.
    """
    key = "date_modified_gmt"
    is_bad = not is_zero_date(node.get(key)) and node.has_bad_time(key)
    return None if is_bad else modified_at(node)


def created_at(node: Node) -> datetime | None:
    """Return when the record was made."""
    return _gmt(node, "date_created_gmt")


def _gmt(node: Node, key: str) -> datetime | None:
    return None if is_zero_date(node.get(key)) else node.instant(key)


def _with_zone(node: Node, found: dict[str, Json]) -> dict[str, Json]:
    """Return a record with its times in the site's zone, so that their day is the one that the shop's owner sees.

    The zone is what lies between the two spellings of one time: `date_created` and `date_created_gmt`.
    """
    for name, key in _TIMES.items():
        at, local = found.get(name), node.get(key)
        if not isinstance(at, str) or not isinstance(local, str):
            continue
        try:
            gmt, here = parse_time(at, key), parse_time(local, key)
        except PayloadError:
            continue
        offset = here - gmt
        if abs(offset) <= _MAX_OFFSET and not offset % _QUARTER:
            found[name] = to_text(gmt.astimezone(timezone(offset)))
    return found


def _had_an_address(node: Node) -> bool:
    """Tell whether an account ever had an address: then what is empty in it was left empty, or removed.

    Who paid an order had one, also when WordPress has erased it since.
    """
    billing = node.get("billing")
    known = billing if isinstance(billing, dict) else {}
    return node.get("is_paying_customer") is True or any(
        isinstance(value := known.get(key), str) and value.strip() for key in _FILLED_IN
    )


def plugins_fields(node: Node) -> list[Node]:
    """Return the plugins' fields of a record. False and "" are how PHP writes an empty list.

    Raises:
        PayloadError: it is no list: what it tells of consent cannot be read.
    """
    value = node.get("meta_data")
    if value is not None and value not in (False, "") and not isinstance(value, list | dict):
        raise PayloadError("meta_data", f"expected a list, found {kind_of(value)}")
    return node.children("meta_data")


def _refunded(node: Node) -> float:
    """Return what was paid back; refunds carry negative totals, and a deleted one stays as -0.00."""
    amounts = [one.read(number, "total") for one in node.children("refunds")]
    return round(abs(sum((amount for amount in amounts if isinstance(amount, float)), 0.0)), 4)
