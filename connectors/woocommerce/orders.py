"""WooCommerce's orders as canonical orders, and those of an open checkout as carts: tables, then short functions. Pure.

A cart is an order with the status `checkout-draft`: the block checkout makes it while its page is open, and it becomes
the order, with the same number, when it is placed. WooCommerce tells of no other carts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import tzinfo
from typing import Final

from connectors.woocommerce.auth import split
from connectors.woocommerce.records import (
    is_anonymised,
    own_id,
    phone,
    plain,
    plugins_fields,
    quantity,
    utc,
    with_local,
    with_zone,
)
from customer_sync.errors import PayloadError
from customer_sync.kit.fields import Node, Table, email, filled, maybe_id, number, strict, take, text
from customer_sync.model import Json, OrderState

#: The status of a cart.
CART: Final = "checkout-draft"
#: Orders that somebody began to write in wp-admin: WooCommerce itself tells nobody of them.
_UNBEGUN: Final = frozenset({"auto-draft", "draft", "new"})
#: https://woocommerce.com/document/managing-orders/order-statuses/. A status that a plugin brings is not here: see
#: `state_of`.
STATES: Final[Mapping[str, OrderState]] = {
    **dict.fromkeys((CART, *_UNBEGUN), OrderState.DRAFT),
    **dict.fromkeys(("pending", "failed", "on-hold"), OrderState.PLACED),
    **dict.fromkeys(("processing", "completed"), OrderState.PAID),
    "refunded": OrderState.REFUNDED,
    "cancelled": OrderState.CANCELLED,
    "trash": OrderState.DELETED,
}
#: Of orders in these states something is left.
_STANDING: Final = frozenset({OrderState.PLACED, OrderState.PAID})
#: Orders that somebody placed at the till and has not paid. WooCommerce's own recovery e-mail goes by them as well
#: (class-wc-email-customer-abandoned-cart-recovery.php, read in 2026-11).
_UNPAID, _AT_THE_TILL = ("pending", "failed"), ("checkout", "store-api")
#: What WooCommerce Subscriptions writes into the order of a renewal: who made it, and which subscription it renews.
_BY_SUBSCRIPTION, _RENEWS = "subscription", "_subscription_renewal"
#: What stands in an order's pay link behind the address of the checkout page; the second with plain permalinks.
_PAY_PATH, _PAY_QUERY = "/order-pay/", re.compile(r"&?(?:order-pay|pay_for_order|key)=[^&]*")

# https://woocommerce.github.io/woocommerce-rest-api-docs/#orders
_ORDER: Table = {
    "number": take(text, "number"),
    "status": take(text, "status"),
    "email": take(email, "billing.email"),
    "currency": take(text, "currency"),
    "total": take(number, "total"),
    "createdAt": take(utc, "date_created_gmt"),
    "updatedAt": take(utc, "date_modified_gmt"),
}

# The buyer as the order tells it; a guest has nothing else.
_BUYER: Table = {
    "email": strict(email, "billing.email"),
    "firstName": take(plain, "billing.first_name", "shipping.first_name"),
    "lastName": take(plain, "billing.last_name", "shipping.last_name"),
    "phone": take(phone, "billing.phone"),
    "country": take(text, "billing.country", "shipping.country"),
    "company": take(plain, "billing.company"),
    "city": take(plain, "billing.city"),
    "postcode": take(plain, "billing.postcode"),
}

_BILLING: Table = {
    "city": take(plain, "billing.city"),
    "countryCode": take(text, "billing.country"),
    "phone": take(phone, "billing.phone"),
    "postCode": take(plain, "billing.postcode"),
    "region": take(plain, "billing.state"),
    "paymentMethod": take(plain, "payment_method_title", "payment_method"),
}

_LINE: Table = {
    "sku": take(text, "sku"),
    "title": take(plain, "name"),
    "quantity": take(quantity, "quantity"),
    "imageUrl": take(text, "image.src"),
}


def state_of(node: Node) -> OrderState:
    """Return where an order stands.

    A status that a plugin brings (`wc-shipped`) means paid where the order tells when it was paid, else placed: what
    nobody knows must not count as revenue.
    """
    status = str(node.read(text, "status") or "").removeprefix("wc-")
    is_paid = node.read(utc, "date_paid_gmt") or node.read(utc, "date_paid")
    return STATES.get(status, OrderState.PAID if is_paid else OrderState.PLACED)


def is_cart(row: Mapping[str, Json]) -> bool:
    """Tell whether an order is a checkout that is still open."""
    return row.get("status") == CART


def is_draft(row: Mapping[str, Json]) -> bool:
    """Tell whether nothing was bought yet: the checkout is open, or somebody writes the order in wp-admin."""
    return row.get("status") in (CART, *_UNBEGUN)


def is_unpaid(row: Mapping[str, Json]) -> bool:
    """Tell whether somebody placed an order at the till and did not pay it, or not yet."""
    return row.get("status") in _UNPAID and row.get("created_via") in _AT_THE_TILL


def order(node: Node, zone: tzinfo | None = None) -> dict[str, Json]:
    """Return an order with its lines and its customer; `customer` has no `id` for a guest.

    Args:
        node: the order.
        zone: the site's own, for times that do not stand in UTC as well; None: not known.
    """
    found, state, paid_back = _common(node, zone, buyer(node)), state_of(node), _refunds(node)
    total = found.get("total")
    if isinstance(total, float):
        # the shop's own total, never a sum of lines: a gift card is a fee below zero, a plugin may write anything
        left = max(total - sum(paid_back.values()), 0.0) if state in _STANDING else 0.0
        found["amount"] = round(left, 4)
    coupons: list[Json] = [code for one in node.children("coupon_lines") if (code := one.read(text, "code"))]
    return {
        **found,
        "state": str(state),
        "refunds": dict[str, Json](paid_back),
        "coupons": coupons,
        "billing": {} if is_anonymised(node) else _billing(node),
        "isRenewal": _is_renewal(node),
    }


def cart(node: Node, site: str = "", zone: tzinfo | None = None) -> dict[str, Json]:
    """Return an open checkout as a cart.

    Args:
        node: an order of the status `checkout-draft`, or one that was not paid.
        site: the shop's address, where it is known.
        zone: as of `order`.
    """
    account, url = maybe_id(node.get("customer_id"), "customer_id"), _checkout(node, site)
    try:
        found = _common(node, zone, buyer(node))
    except PayloadError as fault:
        # half an address, or none: nobody is found by it, nor by what was typed before
        node.note(fault)
        found = {**_common(node, zone, {"id": account} if account else {}), "email": None}
    known = {name: value for name, value in found.items() if name not in ("number", "status")}
    return {**known, "isLoggedIn": account is not None, **({"url": url} if url else {})}


def buyer(node: Node) -> dict[str, Json]:
    """Return the customer of an order, as the order tells it; without `id` for a guest, without what is empty.

    Nobody where WordPress has erased the person: what it left is nobody's.
    """
    customer_id = maybe_id(node.get("customer_id"), "customer_id")
    known: dict[str, Json] = {"id": customer_id} if customer_id else {}
    return known if is_anonymised(node) else {**known, **filled(node.pick(_BUYER))}


def _common(node: Node, zone: tzinfo | None, customer: dict[str, Json]) -> dict[str, Json]:
    """Return what an order and a cart have in common.

    A cart is known by the number of its order and by nothing else: `cart_hash` is made of what lies in it, so two
    people with the same goods share it, and the order's key opens its pay page.
    """
    number_of_order = own_id(node)
    found = {"id": number_of_order, **with_local(node, with_zone(node, node.pick(_ORDER)), zone)}
    if is_anonymised(node):
        found["email"] = None
    lines = list[Json]([_line(one) for one in node.children("line_items")])
    return {**found, "lines": lines, "carts": list[Json]([number_of_order]), "customer": customer}


def _line(node: Node) -> dict[str, Json]:
    """Return a line. Product and variation are 0 where they are gone, and then absent."""
    ids = {"productId": node.read(maybe_id, "product_id"), "variantId": node.read(maybe_id, "variation_id")}
    found = {**filled(ids), **node.pick(_LINE)}
    price = _price(node, found.get("quantity"))
    return found if price is None else {**found, "price": price}


def _price(node: Node, many: Json) -> float | None:
    """Return what was paid for one piece, tax included and after coupons.

    So prices times quantities, with shipping and fees, are the total. A line's own `price` is without tax, and counts
    only where there is no total.
    """
    net, tax = node.read(number, "total"), node.read(number, "total_tax")
    if isinstance(net, float) and isinstance(many, int | float) and many > 0:
        return round((net + (tax if isinstance(tax, float) else 0.0)) / many, 4)
    own = node.read(number, "price")
    return own if isinstance(own, float) else None


def _refunds(node: Node) -> dict[str, float]:
    """Return what was paid back, by the refund's number; the totals are negative, a deleted refund has the id 0."""
    found: dict[str, float] = {}
    for one in node.children("refunds"):
        refund_id, amount = one.read(maybe_id, "id"), one.read(number, "total")
        if isinstance(refund_id, str) and isinstance(amount, float) and amount:
            found[refund_id] = abs(amount)
    return found


def _billing(node: Node) -> dict[str, Json]:
    street = [part for key in ("address_1", "address_2") if (part := _billed(node, key))]
    return {**({"address": ", ".join(street)} if street else {}), **filled(node.pick(_BILLING))}


def _billed(node: Node, key: str) -> str:
    found = node.pick({"part": take(plain, f"billing.{key}")}).get("part")
    return found if isinstance(found, str) else ""


def _is_renewal(node: Node) -> bool:
    return node.get("created_via") == _BY_SUBSCRIPTION or any(
        one.get("key") == _RENEWS and one.get("value") not in (None, "", 0, "0") for one in plugins_fields(node)
    )


def _checkout(node: Node, site: str) -> str | None:
    """Return the address at which somebody goes on: the pay link of an order that was placed, else the checkout page.

    The pay link begins with the address of the checkout page. WooCommerce takes no payment for a draft there, so a
    draft leads to that page; it shows the cart of the browser that it was filled in, and of whoever is logged in.
    """
    link = node.read(text, "payment_url")
    if not isinstance(link, str) or not split(link):
        return f"{site.rstrip('/')}/checkout/" if site else None
    if not is_cart(node.body):
        return link
    if _PAY_PATH in link:
        return link.partition(_PAY_PATH)[0] + "/"
    return _PAY_QUERY.sub("", link).replace("?&", "?").rstrip("?")
