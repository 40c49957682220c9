"""Events as Brevo's own shop plugins send them, so that workflows made for those work: names, properties, limits.

`cart_updated`, `cart_deleted` and `order_completed` carry `{"id": "cart:1234", "data": {total, currency, url, items}}`
(https://help.brevo.com/hc/en-us/articles/360021501460). The price of an item is that of one piece, which those plugins
do otherwise. https://developers.brevo.com/reference/create-event allows 50 KB of properties.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from customer_sync.brevo.names import product_id, variant_id
from customer_sync.model import Json
from customer_sync.person.merge import canonical

#: Properties take at most this, in bytes; Brevo allows 50 KB and does not say which.
MOST_PROPERTIES: Final = 50_000
#: The keys of a line → those of an item.
_ITEM: Final[Mapping[str, str]] = {
    "title": "name",
    "price": "price",
    "quantity": "quantity",
    "url": "url",
    "imageUrl": "image",
    "sku": "sku",
}


def properties(
    source: str, event_id: str, content: Mapping[str, Json], more: Mapping[str, Json] | None = None
) -> dict[str, Json]:
    """Return the properties of an event about goods; products have the ids of the catalogue.

    Args:
        source: the source.
        event_id: `cart:<id>`, or `order:<id>` of an order that was made from no cart.
        content: `total`, `currency`, `url`, `lines`, as `model.Cart` has them.
        more: further data.
    """
    found: dict[str, Json] = {
        name: content[name] for name in ("total", "currency", "url") if content.get(name) is not None
    }
    lines = content.get("lines")
    if isinstance(lines, list):
        found["items"] = [_item(source, one) for one in lines if isinstance(one, dict)]
    return {"id": event_id, "data": {**found, **(more or {})}}


def _item(source: str, line: Mapping[str, Json]) -> dict[str, Json]:
    found = {theirs: line[ours] for ours, theirs in _ITEM.items() if line.get(ours) is not None}
    product, variant = line.get("productId"), line.get("variantId")
    if isinstance(product, str):
        found["product_id"] = product_id(source, product)
        if isinstance(variant, str):
            found["variant_id"] = variant_id(source, product, variant)
    return found


def fitting(told: dict[str, Json]) -> tuple[dict[str, Json], str]:
    """Return properties that Brevo takes, and a note where items had to be left out; `itemsLeftOut` counts them."""
    data = told.get("data")
    items = data.get("items") if isinstance(data, dict) else None
    if _size(told) <= MOST_PROPERTIES or not isinstance(data, dict) or not isinstance(items, list):
        return told, ""
    kept = list(items)
    while kept:
        kept = kept[: len(kept) * 9 // 10]
        cut: dict[str, Json] = {**told, "data": {**data, "items": kept, "itemsLeftOut": len(items) - len(kept)}}
        if _size(cut) <= MOST_PROPERTIES:
            break
    return cut, f"{len(items) - len(kept)} of {len(items)} items left out: Brevo takes 50 KB"


def _size(value: dict[str, Json]) -> int:
    """Return the bytes of properties, spelled as wastefully as JSON can be: nobody says how Brevo counts."""
    return len(canonical(value).encode("ascii", "backslashreplace"))
