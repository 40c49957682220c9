"""The products that a store starts with, some with variations, and how one looks in the REST API."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from connectors.woocommerce.fake.people import OPENED_S
from connectors.woocommerce.fake.wordpress import both, cents_of, money
from customer_sync.kit.fakes.answers import Row

#: The first product's number.
FIRST_ID: Final = 101
#: Names as WordPress keeps them: with HTML entities.
_NAMES: Final = (
    "Paper lantern &ndash; small",
    "Paper lantern &ndash; large",
    "Desk lamp &#8220;Zürich&#8221;",
    "Four bulbs, warm white",
    "Salt &amp; pepper mill",
    "Sencha, 100 g",
    "Oolong, spring harvest",
    "Teapot &#8217;Görlitz&#8217;",
)
_EMPTY: Final = (
    *("short_description", "global_unique_id", "sale_price", "external_url", "button_text", "tax_class", "weight"),
    *("shipping_class", "purchase_note", "post_password"),
)
_NONE: Final = (
    *("date_on_sale_from", "date_on_sale_from_gmt", "date_on_sale_to", "date_on_sale_to_gmt", "stock_quantity"),
    "low_stock_amount",
)
_NO: Final = (
    *("featured", "on_sale", "virtual", "downloadable", "manage_stock", "backorders_allowed", "backordered"),
    *("sold_individually", "has_options"),
)
_LISTS: Final = (
    *("downloads", "related_ids", "upsell_ids", "cross_sell_ids", "brands", "tags", "attributes"),
    *("default_attributes", "variations", "grouped_products", "meta_data"),
)
#: What is the same in every product.
_FIXED: Final[Row] = {
    "type": "simple",
    "status": "publish",
    "catalog_visibility": "visible",
    "tax_status": "taxable",
    "stock_status": "instock",
    "backorders": "no",
    "average_rating": "0.00",
    "dimensions": {"length": "", "width": "", "height": ""},
    "categories": [{"id": 15, "name": "Tea &amp; light", "slug": "tea-light"}],
    **dict.fromkeys(_EMPTY, ""),
    **dict.fromkeys(_NONE),
    **dict.fromkeys(_NO, False),
    **{name: [] for name in _LISTS},
    **dict.fromkeys(("purchasable", "shipping_required", "shipping_taxable", "reviews_allowed"), True),
    **dict.fromkeys(("total_sales", "rating_count", "shipping_class_id", "parent_id", "menu_order"), 0),
    **dict.fromkeys(("download_limit", "download_expiry"), -1),
}


#: The first variation's number, and how many variations a product may have here.
FIRST_PART: Final = 20_001
_PARTS_APART: Final = 10
#: What a variation costs more than its product's price, in cents, by what is chosen.
_SIZES: Final = (("small", 0), ("medium", 300), ("large", 700))
#: What is only in products, and not in what is listed of variations.
_NOT_OF_PARTS: Final = (
    *(
        "short_description",
        "categories",
        "tags",
        "images",
        "type",
        "variations",
        "grouped_products",
        "brands",
        "featured",
    ),
    *("catalog_visibility", "related_ids", "upsell_ids", "cross_sell_ids", "reviews_allowed", "rating_count", "slug"),
    *("average_rating", "default_attributes", "total_sales", "price_html", "button_text", "external_url"),
    *("post_password", "has_options", "sold_individually"),
)


def products(count: int, offset_s: float) -> Iterator[Row]:
    """Yield the products of the start: one a day before the store opened; every fifth without a stock number.

    Every eighth has variations, and of every twelve one is a draft and one is private.
    """
    for index in range(count):
        name = _NAMES[index % len(_NAMES)] + (f" {index // len(_NAMES) + 1}" if index >= len(_NAMES) else "")
        created_s = OPENED_S - (count - index) * 86_400
        times = {**both("date_created", created_s, offset_s), **both("date_modified", created_s + 3_600, offset_s)}
        sku = "" if index % 5 == 4 else f"SKU-{index + 1}"
        found = product(FIRST_ID + index, name, 990 + index * 250 % 9_000, sku, times)
        found["status"] = {10: "draft", 11: "private"}.get(index % 12, "publish")
        if index % 8 == 7:
            found |= {"type": "variable", "regular_price": "", "has_options": True, "attributes": [_SIZE]}
            found["variations"] = [part_number(index, at) for at in range(len(_SIZES))]
        yield found


def part_number(index: int, at: int) -> int:
    """Return the number of a variation of the start: of the product at an index, the one at a place."""
    return FIRST_PART + index * _PARTS_APART + at


def variations(parent: Row) -> Iterator[Row]:
    """Yield the variations of a product of the start, in the shape of products."""
    for at, number in enumerate(parent["variations"]):
        size, more = _SIZES[at]
        yield variation(parent, number, size, cents_of(parent["price"]) + more)


def variation(parent: Row, number: int, size: str, price: int) -> Row:
    """Return a variation in the shape of a product, as its own webhooks have it."""
    times = {name: value for name, value in parent.items() if name.startswith(("date_created", "date_modified"))}
    sku = f"{parent['sku']}-{size[0].upper()}" if parent["sku"] else ""
    return {
        **product(number, f"{parent['name']} - {size}", price, sku, times),
        "type": "variation",
        "parent_id": parent["id"],
        "permalink": f"{parent['permalink']}?attribute_size={size}",
        "categories": [],
        "attributes": [{"id": 0, "name": "Size", "slug": "Size", "option": size}],
    }


def listed(row: Row) -> Row:
    """Return a variation as `/products/<id>/variations` lists it: one `image`, and nothing that is its product's."""
    image = row["images"][0] if row["images"] else None
    return {**{name: value for name, value in row.items() if name not in _NOT_OF_PARTS}, "image": image}


_SIZE: Final[Row] = {
    "id": 0,
    "name": "Size",
    "slug": "Size",
    "position": 0,
    "visible": True,
    "variation": True,
    "options": [size for size, _ in _SIZES],
}


def product(number: int, name: str, price: int, sku: str, times: Row) -> Row:
    """Return a simple product on sale.

    Args:
        number: its id.
        name: with HTML entities.
        price: in cents.
        sku: the stock number.
        times: created and modified, four texts.
    """
    slug = f"product-{number}"
    at_site = f"https://shop.example/product/{slug}/"
    return {
        **_FIXED,
        "id": number,
        "name": name,
        "slug": slug,
        "permalink": at_site,
        **times,
        "description": f"<p>{name}</p>\n",
        "sku": sku,
        "price": money(price),
        "regular_price": money(price),
        "price_html": f'<span class="woocommerce-Price-amount amount">{money(price)}</span>',
        "images": [{"id": number + 500, **times, "src": f"{at_site}image.jpg", "name": "", "alt": ""}],
    }
