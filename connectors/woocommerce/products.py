"""WooCommerce's products as canonical products: tables, then short functions. Pure.

A variable product tells the numbers of its variations only; they are records of their own, and each tells of itself by
the webhooks of products, with `type: variation` and its product's number as `parent_id` (read in class-wc-webhook.php,
2026-11).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import tzinfo
from typing import Final

from connectors.woocommerce.records import own_id, plain, quantity, utc, with_local, with_zone
from customer_sync.errors import PayloadError
from customer_sync.kit.fields import Node, Table, maybe_id, number, take, text
from customer_sync.model import Json

#: The types of WooCommerce itself that have parts with a price of their own, and of a plugin that counts on them.
_WITH_VARIATIONS: Final = frozenset({"variable", "variable-subscription"})
_VARIATIONS: Final = frozenset({"variation", "subscription_variation"})
#: A product in this status can be seen by visitors; all others (draft, pending, private, future, trash) cannot.
_PUBLISHED: Final = "publish"

_NO_PARTS: Final[dict[str, Json]] = {"variants": [], "hasAllVariants": True}

# https://woocommerce.github.io/woocommerce-rest-api-docs/#products. Of a variable product `price` is the lowest.
_PRODUCT: Table = {
    "name": take(plain, "name"),
    "description": take(text, "short_description", "description"),
    "url": take(text, "permalink"),
    "sku": take(text, "sku"),
    "brand": take(plain, "brands.0.name"),
    "price": take(number, "price"),
    "createdAt": take(utc, "date_created_gmt"),
    "updatedAt": take(utc, "date_modified_gmt"),
}

# https://woocommerce.github.io/woocommerce-rest-api-docs/#product-variations; by webhook a variation has the shape of a
# product, with `images`.
_VARIANT: Table = {
    "sku": take(text, "sku"),
    "price": take(number, "price"),
    "url": take(text, "permalink"),
    "imageUrl": take(text, "image.src", "images.0.src"),
}


def is_variation(row: Mapping[str, Json]) -> bool:
    """Tell whether a record of the products' webhooks is a variation."""
    return str(row.get("type")) in _VARIATIONS


def has_variations(row: Mapping[str, Json]) -> bool:
    """Tell whether a product has variations, which are records of their own."""
    return str(row.get("type")) in _WITH_VARIATIONS and row.get("variations") != []


def product(node: Node, currency: str = "", zone: tzinfo | None = None) -> dict[str, Json]:
    """Return a product; of one with variations `variants` is absent, and `hasAllVariants` false: see `with_variants`.

    Args:
        node: the product.
        currency: the shop's, in which prices are; "" is not known.
        zone: the site's own, for times that do not stand in UTC as well; None: not known.
    """
    found = {"id": own_id(node), **with_local(node, with_zone(node, node.pick(_PRODUCT)), zone)}
    if currency:
        found["currency"] = currency
    found |= {**_seen(node), **_stock(node), **_image(node), **_before_sale(node)}
    if "categories" in node:
        found["categories"] = [one for part in node.children("categories") if "id" in (one := _category(part))]
    return (
        {**found, "hasAllVariants": False}
        if has_variations(node.body)
        else {**found, "variants": [], "hasAllVariants": True}
    )


def with_variants(found: Mapping[str, Json], variations: Sequence[Node], *, is_all: bool) -> dict[str, Json]:
    """Return a product with its variations; those that are switched off are left out.

    Args:
        found: the product.
        variations: as the API gives them.
        is_all: whether there are no others.
    """
    parts = [variant(one) for one in variations if not is_off(one.body)]
    prices = [price for one in parts if isinstance(price := one.get("price"), float)]
    lowest: dict[str, Json] = {"price": min(prices)} if prices and is_all else {}
    return {**found, **lowest, "variants": list[Json](parts), "hasAllVariants": is_all}


def is_off(row: Mapping[str, Json]) -> bool:
    """Tell whether a variation is switched off: nobody can choose it."""
    return row.get("status") not in (None, _PUBLISHED)


def variation(node: Node) -> dict[str, Json]:
    """Return what a variation alone tells of its product: one variant of several.

    Raises:
        PayloadError: it does not say which product it belongs to.
    """
    return {"id": parent_of(node), "variants": [variant(node)], "hasAllVariants": False}


def parent_of(node: Node) -> str:
    """Return the id of a variation's product.

    Raises:
        PayloadError: there is none.
    """
    parent = maybe_id(node.get("parent_id"), "parent_id")
    if parent is None:
        raise PayloadError("parent_id", "expected the id of the variation's product, found none")
    return parent


def variant(node: Node) -> dict[str, Json]:
    """Return a variation as a variant."""
    return {"id": own_id(node), "title": _title(node), **node.pick(_VARIANT), **_stock(node)}


def _title(node: Node) -> str | None:
    """Return what is peculiar to a variation, as `Blue, M`; its own name where it says nothing of the kind."""
    chosen = [str(option) for one in node.children("attributes") if (option := one.read(plain, "option"))]
    name = node.read(plain, "name")
    return ", ".join(chosen) or (name if isinstance(name, str) else None)


def _seen(node: Node) -> dict[str, Json]:
    """Return who can see a product; one with a password is for those who have it."""
    if "status" not in node:
        return {}
    is_hidden = node.get("catalog_visibility") == "hidden" or bool(node.read(text, "post_password"))
    return {"isPublished": node.get("status") == _PUBLISHED, "isHidden": is_hidden}


def _stock(node: Node) -> dict[str, Json]:
    """Return how many there are; null where nobody counts them and there are some."""
    if "stock_quantity" not in node and "stock_status" not in node:
        return {}
    many = node.read(quantity, "stock_quantity")
    return {"stock": 0 if many is None and node.get("stock_status") == "outofstock" else many}


def _image(node: Node) -> dict[str, Json]:
    if "images" not in node:
        return {}
    return {"imageUrl": next((src for one in node.children("images") if (src := one.read(text, "src"))), None)}


def _before_sale(node: Node) -> dict[str, Json]:
    """Return the price before a sale; null where there is no sale."""
    now, before = node.read(number, "price"), node.read(number, "regular_price")
    if "regular_price" not in node:
        return {}
    is_lower = isinstance(now, float) and isinstance(before, float) and now < before
    return {"compareAtPrice": before if is_lower else None}


def _category(node: Node) -> dict[str, Json]:
    found = {"id": node.read(maybe_id, "id"), "name": node.read(plain, "name")}
    return {name: value for name, value in found.items() if value is not None}
