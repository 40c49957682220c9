"""How orders and products look in GraphQL, and pages of them. See `nodes`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from connectors.shopify.fake import nodes
from connectors.shopify.fake.filters import Filter
from connectors.shopify.fake.sale_bodies import at, money
from connectors.shopify.fake.sold import Line, Order, Product, Refund, Variant
from customer_sync.kit.fakes.pages import pack, unpack

Node = dict[str, Any]
#: What a sort key orders by; any other is by id.
_ORDERS: Final[Mapping[str, Callable[[Any], int]]] = {
    "UPDATED_AT": lambda one: int(one.updated_s),
    "CREATED_AT": lambda one: int(one.created_s),
}


def order(found: Order, customer: Node | None) -> Node:
    """Return an order.

    Args:
        found: the order.
        customer: who bought it, None for nobody that may be seen.
    """
    address = _address(found.buyer)
    return {
        "__typename": "Order",
        "id": f"gid://shopify/Order/{found.id}",
        "legacyResourceId": str(found.id),
        "name": f"#{found.number}",
        "createdAt": at(found.created_s),
        "processedAt": at(found.created_s),
        "updatedAt": at(found.updated_s),
        "cancelledAt": at(found.cancelled_s),
        "test": found.is_test,
        "email": found.email,
        "phone": None,
        "tags": found.tags,
        "sourceName": found.source,
        "cartToken": found.cart,
        "checkoutToken": found.checkout,
        "currencyCode": "EUR",
        "discountCodes": found.codes,
        "paymentGatewayNames": ["bogus"],
        "displayFinancialStatus": found.status,
        "displayFulfillmentStatus": "FULFILLED" if found.is_sent else "UNFULFILLED",
        "totalPriceSet": _bag(found, found.total),
        "currentTotalPriceSet": _bag(found, found.current),
        "billingAddress": address,
        "shippingAddress": address,
        "customer": customer,
        "refunds": [_refund(found, one) for one in found.refunds],
        "lineItems": lambda _, **args: nodes.page(args, [_line(found, one) for one in found.lines]),
    }


def product(found: Product) -> Node:
    """Return a product."""
    prices = [one.price for one in found.variants] or [0]
    low, high = ({"amount": money(price), "currencyCode": "EUR"} for price in (min(prices), max(prices)))
    return {
        "__typename": "Product",
        "id": f"gid://shopify/Product/{found.id}",
        "legacyResourceId": str(found.id),
        "title": found.title,
        "handle": found.handle,
        "descriptionHtml": f"<p>{found.title}</p>",
        "status": found.status,
        "vendor": found.vendor,
        "productType": found.kind,
        "tags": [],
        "createdAt": at(found.created_s),
        "updatedAt": at(found.updated_s),
        "publishedAt": at(found.published_s),
        "featuredMedia": _media(found) if found.picture else None,
        "priceRangeV2": {"minVariantPrice": low, "maxVariantPrice": high},
        "variants": lambda _, **args: nodes.page(args, [_variant(one) for one in found.variants]),
    }


def facts(one: Any) -> Mapping[str, Any]:
    """Return what a search asks about an order or a product."""
    return {"updatedAt": at(one.updated_s), "legacyResourceId": str(one.id)}


def listing(found: Sequence[Any], args: Mapping[str, Any], wanted: Filter, node_of: Callable[[Any], Node]) -> Node:
    """Return a page of orders or products, in an order that changes meanwhile do not upset.

    Raises:
        GraphQLError: the size is wrong, or the cursor is none of this order.
    """
    sort = str(args["sortKey"]) if args["sortKey"] in _ORDERS else "ID"
    value = _ORDERS.get(sort, lambda one: int(one.id))
    keys = {(value(one), one.id): one for one in found if wanted.is_everybody or wanted.test(facts(one))}
    ordered = sorted(keys, reverse=bool(args["reverse"]))
    first, last = nodes.size_of(args)
    if (after := args.get("after")) is not None:
        start = _key(after, sort)
        ordered = [key for key in ordered if (key < start if args["reverse"] else key > start)]
    size = first if first is not None else last or 0
    chosen = ordered[:size] if first is not None else ordered[-size:]
    cursors = [pack(last_id=key[1], last_value=key[0], sort=sort) for key in chosen]
    has_next = first is not None and len(ordered) > size
    return nodes.connection([node_of(keys[key]) for key in chosen], cursors, has_next=has_next, has_previous=False)


def _key(cursor: Any, sort: str) -> tuple[int, int]:
    found = unpack(str(cursor))
    if not found or found.get("sort") != sort:
        raise nodes.fault("Invalid cursor for current pagination sort.", "BAD_REQUEST")
    return int(found["last_value"]), int(found["last_id"])


def _bag(of: Order, cents: int) -> Node:
    currency, rate = of.shown
    return {
        "shopMoney": {"amount": money(cents), "currencyCode": "EUR"},
        "presentmentMoney": {"amount": money(cents * rate), "currencyCode": currency},
    }


def _refund(of: Order, found: Refund) -> Node:
    return {
        "__typename": "Refund",
        "id": f"gid://shopify/Refund/{found.id}",
        "createdAt": at(found.at_s),
        "totalRefundedSet": _bag(of, found.amount),
    }


def _line(of: Order, line: Line) -> Node:
    return {
        "__typename": "LineItem",
        "id": f"gid://shopify/LineItem/{line.id}",
        "title": line.title,
        "name": line.title,
        "sku": line.sku,
        "quantity": line.quantity,
        "currentQuantity": line.left,
        "product": None
        if line.product is None
        else {"__typename": "Product", "id": f"gid://shopify/Product/{line.product}"},
        "variant": None
        if line.variant is None
        else {"__typename": "ProductVariant", "id": f"gid://shopify/ProductVariant/{line.variant}"},
        "originalUnitPriceSet": _bag(of, line.price),
    }


def _variant(one: Variant) -> Node:
    return {
        "__typename": "ProductVariant",
        "id": f"gid://shopify/ProductVariant/{one.id}",
        "legacyResourceId": str(one.id),
        "title": one.title,
        "sku": one.sku,
        "price": money(one.price),
        "compareAtPrice": None if one.compare_at is None else money(one.compare_at),
        "inventoryQuantity": one.stock,
        "image": {"__typename": "Image", "url": one.picture} if one.picture else None,
    }


def _media(found: Product) -> Node:
    image = {"__typename": "Image", "url": found.picture}
    return {
        "__typename": "MediaImage",
        "id": f"gid://shopify/MediaImage/{found.id + 5}",
        "preview": {"__typename": "MediaPreviewImage", "image": image},
    }


def _address(known: Mapping[str, Any]) -> Node | None:
    if not known.get("address1"):
        return None
    same = ("firstName", "lastName", "company", "address1", "city", "zip", "country", "countryCode", "phone")
    return {
        "__typename": "MailingAddress",
        **{name: known.get(name) for name in same},
        "id": known.get("addressId"),
        "name": known.get("displayName"),
        "province": None,
        "countryCodeV2": known.get("countryCode"),
        "coordinatesValidated": False,
    }
