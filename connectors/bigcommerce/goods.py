"""BigCommerce's products and carts (V3) in canonical fields: tables, then short functions. Pure.

https://developer.bigcommerce.com/docs/rest-catalog/products and https://developer.bigcommerce.com/docs/rest-management/carts
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from connectors.bigcommerce.rows import LINE, event, own_id
from customer_sync.errors import PayloadError
from customer_sync.kit.fields import Node, Table, email, filled, maybe_id, moment, number, take, text
from customer_sync.model import Event, Json, Kind


@dataclass(frozen=True, slots=True)
class Store:
    """What is not told by a product itself.

    Args:
        currency: of all prices; "" is not known.
        site: the shop's address without a slash at its end; "" is not known.
    """

    currency: str = ""
    site: str = ""


_PRODUCT: Table = {
    "name": take(text, "name"),
    "description": take(text, "description"),
    "sku": take(text, "sku"),
    "price": take(number, "calculated_price", "price"),
    "createdAt": take(moment, "date_created"),
    "updatedAt": take(moment, "date_modified"),
}
_VARIANT: Table = {
    "sku": take(text, "sku"),
    "price": take(number, "calculated_price", "price"),
    "imageUrl": take(text, "image_url"),
}
_CART: Table = {
    "currency": take(text, "currency.code"),
    "total": take(number, "cart_amount"),
    "createdAt": take(moment, "created_time"),
    "updatedAt": take(moment, "updated_time"),
}
_LINE: Table = {
    **LINE,
    "price": take(number, "sale_price", "list_price"),
    "url": take(text, "url"),
    "imageUrl": take(text, "image_url"),
}
#: Where a cart has its lines.
_PLACES: Final = ("physical_items", "digital_items", "custom_items")


def product(row: Json, store: Store, source: str, now: datetime) -> Event | PayloadError:
    """Return the event of a product's row."""
    return event(row, Kind.PRODUCT_UPDATED, source, now, lambda node: _product(node, store))


def cart(row: Json, source: str, now: datetime) -> Event | PayloadError:
    """Return the event of a cart's row."""
    return event(row, Kind.CART_UPDATED, source, now, _cart)


def _product(node: Node, store: Store) -> dict[str, Json]:
    found = {"id": own_id(node), **node.pick(_PRODUCT)}
    if store.currency:
        found["currency"] = store.currency
    path = node.pick({"url": take(text, "custom_url.url")}).get("url")
    if store.site and isinstance(path, str):
        found["url"] = f"{store.site}/{path.lstrip('/')}"
    if "images" in node:
        found["imageUrl"] = _image(node)
    if "is_visible" in node:
        found["isPublished"] = node.get("is_visible") is True
    if "retail_price" in node:
        now, before = found.get("price"), node.read(number, "retail_price")
        is_lower = isinstance(now, float) and isinstance(before, float) and now < before
        found["compareAtPrice"] = before if is_lower else None
    # `inventory_tracking` none: nobody counts them
    found |= _stock(node, is_counted=node.get("inventory_tracking") != "none")
    parts = [_variant(one) for one in node.children("variants")]
    return {**found, "variants": list[Json](parts), "hasAllVariants": "variants" in node}


def _variant(node: Node) -> dict[str, Json]:
    labels = [str(label) for one in node.children("option_values") if (label := one.read(text, "label"))]
    title: dict[str, Json] = {"title": ", ".join(labels)} if labels else {}
    return {"id": own_id(node), **title, **filled(node.pick(_VARIANT)), **_stock(node, is_counted=True)}


def _stock(node: Node, *, is_counted: bool) -> dict[str, Json]:
    if "inventory_level" not in node:
        return {}
    return {"stock": node.read(number, "inventory_level") if is_counted else None}


def _image(node: Node) -> str | None:
    images = node.children("images")
    first = [one for one in images if one.get("is_thumbnail") is True] or images
    found = first[0].read(text, "url_standard") if first else None
    return found if isinstance(found, str) else None


def _cart(node: Node) -> dict[str, Json]:
    name = own_id(node)
    account = maybe_id(node.get("customer_id"), "customer_id")
    return {
        "id": name,
        "email": _typed(node),
        **node.pick(_CART),
        "carts": [name],
        "lines": list[Json](_lines(node)),
        "isLoggedIn": account is not None,
        "customer": {"id": account} if account else {},
    }


def _typed(node: Node) -> str | None:
    """Return the address that was typed at the till; half an address is none, and finds nobody."""
    found = node.read(email, "email")
    return found if isinstance(found, str) else None


def _lines(node: Node) -> list[dict[str, Json]]:
    try:
        items = node.child("line_items")
    except PayloadError as fault:
        node.note(fault)
        return []
    return [filled(one.pick(_LINE)) for place in _PLACES for one in items.children(place)]
