"""product-catalog: the products of a source, their variants and categories become Brevo's catalogue, and stay in step.

Each becomes a record of the lane `products`, which is told on its own: `p:<product>`, `v:<product>:<variant>`,
`c:<category>`. What is there of a product besides, and which of its variants are gone, is worked out at delivery (see
`customer_sync.brevo.product_bodies`), from the fields that stand here:

| field | of | says |
|---|---|---|
| `id` | all | the platform's id |
| `parent` | a variant | the id of its product; `name` is the product's, `title` its own |
| `isDeleted` | all | it is not in the shop any more |
| `child:<variant>` | a product | there is, or was, such a variant; the value is its price |
| `children` | a product | these variants and no others, from a body that has all |
| the keys of `model.Product` | all | as there; `categories` as ids |
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from customer_sync.config import Settings
from customer_sync.engine.plan import RecordSays
from customer_sync.model import Event, Json, Kind
from customer_sync.skills import Intent
from customer_sync.skills.definition import Definition

LANE: Final = "products"
#: What a product and its variants have in common, where a variant tells nothing else.
_SHARED: Final = ("url", "imageUrl", "brand", "currency", "price", "compareAtPrice", "isPublished", "isHidden")
_OF_PRODUCT: Final = (*_SHARED, "name", "description", "sku", "stock")
#: What a variant has of its own. A null picture or address is that of its product, a null price is none.
_OF_VARIANT: Final = ("title", "sku", "stock", "price")
_OF_VARIANT_UNLESS_EMPTY: Final = ("imageUrl", "url")
#: More of a description helps nobody in a mail.
MOST_DESCRIPTION: Final = 2_000


class ProductCatalog:
    """The skill, for all sources."""

    name = "product-catalog"

    def intent(self, event: Event) -> Intent:
        """Return what should change because of an event."""
        product = _id_of(event)
        if product is None:
            return Intent()
        if event.kind is Kind.PRODUCT_DELETED:
            return Intent([_deleted(event, product)])
        return Intent([*_told(event, product)]) if event.kind is Kind.PRODUCT_UPDATED else Intent()

    def terms(self, source: str) -> Json:  # noqa: ARG002  # the same for all
        """Return what the intents for a source depend on: nothing but the event."""
        return self.name


def _told(event: Event, product: str) -> Iterator[RecordSays]:
    record = event.record
    categories = [one for one in _objects(record.get("categories")) if isinstance(one.get("id"), str)]
    variants = [one for one in _objects(record.get("variants")) if isinstance(one.get("id"), str)]
    shared: dict[str, Json] = {"isDeleted": False}
    if "categories" in record:
        shared["categories"] = [str(one["id"]) for one in categories]
    fields = {name: record[name] for name in _OF_PRODUCT if name in record} | shared
    if record.get("hasAllVariants") is False and "isPublished" not in record:
        del fields["isDeleted"]  # a variant told of itself: that brings no product back
    if isinstance(text := fields.get("description"), str):
        fields["description"] = text[:MOST_DESCRIPTION]
    for one in variants:
        fields[f"child:{one['id']}"] = one.get("price", record.get("price"))
    if record.get("hasAllVariants") is True:
        fields["children"] = [str(one["id"]) for one in variants]
    yield _says(event, f"p:{product}", {"id": product, **fields})
    for one in variants:
        common = {name: record[name] for name in ("name", *_SHARED) if name in record} | shared
        yield _says(event, _place(product, str(one["id"])), {**common, **_variant(product, one)})
    for one in categories:
        named = {name: one[name] for name in ("name", "url") if one.get(name)}
        yield _says(event, f"c:{one['id']}", {"id": one["id"], "isDeleted": False, **named})


def _variant(product: str, variant: Mapping[str, Json]) -> dict[str, Json]:
    found: dict[str, Json] = {"id": variant["id"], "parent": product}
    found |= {key: variant[key] for key in _OF_VARIANT if key in variant}
    return found | {key: variant[key] for key in _OF_VARIANT_UNLESS_EMPTY if variant.get(key)}


def _deleted(event: Event, product: str) -> RecordSays:
    """Return the end of a product; of a variant, where the event names the product that it is of."""
    parent = event.record.get("parent")
    if isinstance(parent, str):
        return _says(event, _place(parent, product), {"id": product, "parent": parent, "isDeleted": True})
    return _says(event, f"p:{product}", {"id": product, "isDeleted": True})


def _place(product: str, variant: str) -> str:
    return f"v:{product}:{variant}"


def _says(event: Event, place: str, fields: Mapping[str, Json]) -> RecordSays:
    return RecordSays(LANE, event.source, place, event.occurred_at, fields, seen_at=event.seen_at)


def _id_of(event: Event) -> str | None:
    found = event.record.get("id", event.record_id)
    return found if isinstance(found, str) and found else None


def _objects(value: Json) -> list[dict[str, Json]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _make(_: Settings) -> ProductCatalog:
    return ProductCatalog()


SKILL: Final = Definition(
    ProductCatalog.name,
    "The products of a shop, with their variants and categories, become Brevo's catalogue, and stay in step.",
    _make,
    resources=("products",),
    modules=("customer_sync.brevo.products",),
)
