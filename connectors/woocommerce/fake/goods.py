"""The products that a store starts with, and how one looks in the REST API."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from connectors.woocommerce.fake.people import OPENED_S
from connectors.woocommerce.fake.wordpress import both, money
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


def products(count: int, offset_s: float) -> Iterator[Row]:
    """Yield the products of the start: one a day before the store opened; every fifth without a stock number."""
    for index in range(count):
        name = _NAMES[index % len(_NAMES)] + (f" {index // len(_NAMES) + 1}" if index >= len(_NAMES) else "")
        created_s = OPENED_S - (count - index) * 86_400
        times = {**both("date_created", created_s, offset_s), **both("date_modified", created_s + 3_600, offset_s)}
        sku = "" if index % 5 == 4 else f"SKU-{index + 1}"
        yield product(FIRST_ID + index, name, 990 + index * 250 % 9_000, sku, times)


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
