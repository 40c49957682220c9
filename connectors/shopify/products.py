"""Products in Shopify's REST shape as canonical products. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

from connectors.shopify import records
from customer_sync.errors import PayloadError
from customer_sync.kit.fields import Node, Table, maybe_id, moment, number, take, text, whole
from customer_sync.model import Json

#: https://shopify.dev/docs/api/admin-graphql/latest/enums/ProductStatus → whether visitors can see it, whether only
#: those who have its link can. What is active is seen once it has a `published_at`: the online store's.
STATUSES: Final[Mapping[str, tuple[bool, bool]]] = {
    "active": (True, False),
    "unlisted": (True, True),
    "draft": (False, False),
    "archived": (False, False),
}
#: What Shopify calls the one variant of a product that has no variants.
ONLY_VARIANT: Final = "Default Title"
#: Webhooks hold no more variants than this in full (https://shopify.dev/docs/api/webhooks, products/update).
MAX_VARIANTS: Final = 100

PRODUCT: Table = {
    "name": take(text, "title"),
    "description": take(text, "body_html"),
    "imageUrl": take(text, "image.src", "images.0.src"),
    "brand": take(text, "vendor"),
    "currency": take(text, "currency"),
    "createdAt": take(moment, "created_at"),
    "updatedAt": take(moment, "updated_at"),
}

VARIANT: Table = {
    "title": take(text, "title"),
    "sku": take(text, "sku"),
    "price": take(number, "price"),
    "stock": take(whole, "inventory_quantity"),
}


def product(node: Node, store: str) -> dict[str, Json]:
    """Return a product with its variants.

    Args:
        node: the body.
        store: where visitors see products, as `https://lamps.example`; "" when nobody knows.

    The price is that of the cheapest variant; where the body holds a part of the variants, nobody knows it.
    """
    record = {"id": records.own_id(node), **node.pick(PRODUCT), **_publication(node), **_categories(node)}
    link = _link(node, store)
    if link:
        record["url"] = link
    if "variants" not in node:
        return record
    children, pictures = node.children("variants"), _pictures(node)
    found = [variant for one in children if (variant := _variant(one, pictures, record, link))]
    is_whole = len(found) == len(children) and _has_all(node, found)
    return {
        **record,
        **(_summary(children, found) if is_whole else {}),
        "variants": [*found],
        "hasAllVariants": is_whole,
    }


def _publication(node: Node) -> dict[str, Json]:
    word = node.read(text, "status")
    if not isinstance(word, str):
        return {}
    if word.lower() not in STATUSES:
        node.note(PayloadError("status", "a word that is not known; the product counts as not published"))
    is_seen, is_hidden = STATUSES.get(word.lower(), (False, False))
    return {"isPublished": is_seen and bool(node.get("published_at")), "isHidden": is_hidden}


def _categories(node: Node) -> dict[str, Json]:
    """Return the product's type as its category; a webhook tells of no collections."""
    if "product_type" not in node:
        return {}
    name = node.read(text, "product_type")
    return {"categories": [{"id": name.casefold(), "name": name}] if isinstance(name, str) else []}


def _link(node: Node, store: str) -> str:
    handle = node.read(text, "handle")
    return f"{store}/products/{quote(handle)}" if store and isinstance(handle, str) else ""


def _variant(node: Node, pictures: Mapping[str, Json], record: Mapping[str, Json], link: str) -> dict[str, Json]:
    """Return a variant with its own picture, or else the product's first; {} when its id cannot be read."""
    try:
        variant: dict[str, Json] = {"id": records.own_id(node), **node.pick(VARIANT)}
    except PayloadError as fault:
        node.note(fault)
        return {}
    if variant.get("title") == ONLY_VARIANT:
        variant["title"] = record.get("name")
    picture = _picture(node, pictures) or record.get("imageUrl")
    return {
        **variant,
        **({"imageUrl": picture} if picture else {}),
        **({"url": f"{link}?variant={variant['id']}"} if link else {}),
    }


def _pictures(node: Node) -> dict[str, Json]:
    """Return the id of each picture of a product with its address."""
    found = [(one.read(maybe_id, "id"), one.read(text, "src")) for one in node.children("images")]
    return {str(image_id): src for image_id, src in found if image_id is not None}


def _picture(node: Node, pictures: Mapping[str, Json]) -> Json:
    """Return the address of a variant's own picture, None when it has none; a pull tells the address itself."""
    image_id = node.read(maybe_id, "image_id")
    return node.read(text, "image_url") if image_id is None else pictures.get(str(image_id))


def _has_all(node: Node, found: Sequence[Mapping[str, Json]]) -> bool:
    """Tell whether the variants in full are all: `variant_gids` names every one of them; a pull knows."""
    known = node.get("has_all_variants")
    if isinstance(known, bool):
        return known
    told = [one.get("admin_graphql_api_id") for one in node.children("variant_gids")]
    if told:
        return {str(gid).rpartition("/")[2] for gid in told} <= {one["id"] for one in found}
    return len(found) < MAX_VARIANTS


def _summary(children: Sequence[Node], found: Sequence[dict[str, Json]]) -> dict[str, Json]:
    """Return what a product has of its variants: the lowest price, what it cost before, all that is in stock."""
    priced = [(one["price"], place) for place, one in enumerate(found) if isinstance(one.get("price"), float)]
    stocks: list[Any] = [one.get("stock") for one in found]
    summary: dict[str, Json] = {"price": None, "compareAtPrice": None}
    if priced:
        price, place = min(priced)
        summary = {"price": price, "compareAtPrice": children[place].read(number, "compare_at_price")}
    if stocks and all(isinstance(one, int) for one in stocks):
        summary["stock"] = sum(stocks)
    if len(found) == 1:
        summary["sku"] = found[0].get("sku")
    return summary
