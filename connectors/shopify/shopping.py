"""Orders and products of the GraphQL API as events: put into the REST shape of webhooks, and read as those are. Pure.

So a record is the same wherever it comes from.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, tzinfo
from typing import Any, Final

from connectors.shopify import orders, products
from customer_sync.errors import PayloadError
from customer_sync.kit.connector import parse_time
from customer_sync.kit.fields import Node, to_text
from customer_sync.model import Event, Json, Kind, kind_of

#: What pulled events show as the platform's word for what happened.
TOPIC: Final = "pull"
#: The same in both shapes but for its spelling: GraphQL's name → the REST shape's.
_ORDER: Final[Mapping[str, str]] = {
    "id": "admin_graphql_api_id",
    "name": "name",
    "email": "email",
    "phone": "phone",
    "test": "test",
    "tags": "tags",
    "sourceName": "source_name",
    "cartToken": "cart_token",
    "checkoutToken": "checkout_token",
    "displayFinancialStatus": "financial_status",
    "displayFulfillmentStatus": "fulfillment_status",
    "currencyCode": "currency",
    "paymentGatewayNames": "payment_gateway_names",
}
_PRODUCT: Final[Mapping[str, str]] = {
    "id": "admin_graphql_api_id",
    "title": "title",
    "handle": "handle",
    "descriptionHtml": "body_html",
    "status": "status",
    "vendor": "vendor",
    "productType": "product_type",
    "publishedAt": "published_at",
}
_TIMES: Final[Mapping[str, str]] = {
    "createdAt": "created_at",
    "updatedAt": "updated_at",
    "processedAt": "processed_at",
    "cancelledAt": "cancelled_at",
}
_PLACE: Final[Mapping[str, str]] = {
    "firstName": "first_name",
    "lastName": "last_name",
    "address1": "address1",
    "city": "city",
    "zip": "zip",
    "province": "province",
    "country": "country",
    "countryCodeV2": "country_code",
    "phone": "phone",
}
_MONEY: Final[Mapping[str, str]] = {
    "totalPriceSet": "total_price_set",
    "currentTotalPriceSet": "current_total_price_set",
}


@dataclass(frozen=True, slots=True)
class Reader:
    """Turns orders or products of a source into events.

    Args:
        source: the source's name.
        resource: `orders` or `products`.
        now: when they are read: the time of a record that tells none.
        zone: the store's own zone, in which webhooks write their times; None for UTC, in which the API writes them.
        store: where visitors see products.
    """

    source: str
    resource: str
    now: datetime
    zone: tzinfo | None = None
    store: str = ""

    def read(self, node: Any) -> Event | PayloadError:
        """Return a record as an event; one that cannot be read is a fault."""
        if not isinstance(node, dict):
            return PayloadError("$", f"expected one of {self.resource}, found {kind_of(node)}")
        shape = _SHAPES[self.resource]
        body = Node(shape.rest(node) | _times(node, self.zone))
        try:
            event = shape.event(self, body)
        except PayloadError as fault:
            return fault
        return replace(event, notes=tuple(body.notes)) if body.notes else event


@dataclass(frozen=True, slots=True)
class _Shape:
    """What is peculiar to a resource: its REST shape, and how that becomes an event."""

    rest: Callable[[Mapping[str, Any]], dict[str, Any]]
    event: Callable[[Reader, Node], Event]


def rest_order(node: Mapping[str, Any]) -> dict[str, Any]:
    """Return an order in the REST shape; only what the answer holds."""
    body = _renamed(node, _ORDER) | {to: _snake_money(node[name]) for name, to in _MONEY.items() if name in node}
    if "discountCodes" in node:
        body["discount_codes"] = [{"code": code} for code in node["discountCodes"] or ()]
    for name, to in (("billingAddress", "billing_address"), ("shippingAddress", "shipping_address")):
        if name in node:
            body[to] = _renamed(node[name], _PLACE)
    if "customer" in node:
        body["customer"] = _customer(node["customer"])
    if isinstance(node.get("refunds"), list):
        body["refunds"] = [_refund(one) for one in node["refunds"] if isinstance(one, dict)]
    if "lineItems" in node:
        body["line_items"] = [_line(one) for one in _nodes(node["lineItems"])]
    return body


def rest_product(node: Mapping[str, Any]) -> dict[str, Any]:
    """Return a product in the REST shape; only what the answer holds. Its variants are all there are."""
    body = _renamed(node, _PRODUCT)
    picture = _follow(node, "featuredMedia", "preview", "image", "url")
    currency = _follow(node, "priceRangeV2", "minVariantPrice", "currencyCode")
    if "featuredMedia" in node:
        body["image"] = {"src": picture} if picture else None
    if currency:
        body["currency"] = currency
    if "variants" in node:
        body["variants"] = [_variant(one) for one in _nodes(node["variants"])]
        body["has_all_variants"] = not _follow(node, "variants", "pageInfo", "hasNextPage")
    return body


def _order_event(reader: Reader, body: Node) -> Event:
    record = orders.order(body)
    buyer = record["customer"]
    customer_id = buyer.get("id") if isinstance(buyer, dict) else None
    return _event(reader, body, Kind.ORDER_UPDATED, record, None if customer_id is None else str(customer_id))


def _product_event(reader: Reader, body: Node) -> Event:
    return _event(reader, body, Kind.PRODUCT_UPDATED, products.product(body, reader.store), None)


_SHAPES: Final[Mapping[str, _Shape]] = {
    "orders": _Shape(rest_order, _order_event),
    "products": _Shape(rest_product, _product_event),
}


def _event(reader: Reader, body: Node, kind: Kind, record: Mapping[str, Json], customer_id: str | None) -> Event:
    at = body.instant("updated_at") or reader.now
    record_id = str(record["id"])
    return Event(
        f"shopify:pull:{reader.resource}:{record_id}:{at.astimezone(UTC).isoformat(timespec='seconds')}",
        reader.source,
        kind,
        at,
        record_id,
        customer_id,
        record,
        topic=TOPIC,
    )


def _renamed(node: Any, names: Mapping[str, str]) -> dict[str, Any]:
    known = node if isinstance(node, dict) else {}
    return {to: known[name] for name, to in names.items() if name in known}


def _times(node: Mapping[str, Any], zone: tzinfo | None) -> dict[str, Any]:
    """Return the times of a record in the store's zone, as webhooks write them, so that both tell the same day."""
    body = _renamed(node, _TIMES)
    for name, value in body.items():
        if zone is not None and isinstance(value, str):
            try:
                body[name] = to_text(parse_time(value, name).astimezone(zone))
            except (OverflowError, PayloadError):
                continue  # whoever reads it will say what is wrong with it
    return body


def _nodes(connection: Any) -> Sequence[Any]:
    found = connection.get("nodes") if isinstance(connection, dict) else None
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _follow(node: Any, *keys: str) -> Any:
    for key in keys:
        node = node.get(key) if isinstance(node, dict) else None
    return node


def _snake_money(money: Any) -> dict[str, Any]:
    """Return the shop's side of an amount; the buyer's is not asked for."""
    amount, currency = (_follow(money, "shopMoney", key) for key in ("amount", "currencyCode"))
    return {"shop_money": {"amount": amount, "currency_code": currency}}


def _customer(node: Any) -> dict[str, Any] | None:
    if not isinstance(node, dict):
        return None
    address = {"country_code": _follow(node, "defaultAddress", "countryCodeV2")}
    return {
        "admin_graphql_api_id": node.get("id"),
        "first_name": node.get("firstName"),
        "last_name": node.get("lastName"),
        "email": _follow(node, "defaultEmailAddress", "emailAddress"),
        "phone": _follow(node, "defaultPhoneNumber", "phoneNumber"),
        "default_address": address,
    }


def _refund(node: Mapping[str, Any]) -> dict[str, Any]:
    """Return a refund with all that it paid back as one transaction: the API adds them up in the shop's currency."""
    amount = _follow(node, "totalRefundedSet", "shopMoney", "amount")
    paid = [{"kind": "refund", "status": "success", "amount": amount}] if amount is not None else []
    return {"admin_graphql_api_id": node.get("id"), "transactions": paid}


def _line(node: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **_renamed(
            node, {"sku": "sku", "title": "title", "quantity": "quantity", "currentQuantity": "current_quantity"}
        ),
        "product_id": _number(_follow(node, "product", "id")),
        "variant_id": _number(_follow(node, "variant", "id")),
        "price_set": _snake_money(node.get("originalUnitPriceSet")),
    }


def _variant(node: Mapping[str, Any]) -> dict[str, Any]:
    names = {
        "id": "admin_graphql_api_id",
        "title": "title",
        "sku": "sku",
        "price": "price",
        "compareAtPrice": "compare_at_price",
        "inventoryQuantity": "inventory_quantity",
    }
    return {**_renamed(node, names), "image_url": _follow(node, "image", "url")}


def _number(gid: Any) -> Any:
    """Return the number in an id, None where there is none."""
    return gid.rpartition("/")[2] if isinstance(gid, str) else None
