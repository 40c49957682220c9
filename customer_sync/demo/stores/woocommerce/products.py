"""The products of the store, each made from its index when somebody asks."""

from __future__ import annotations

from typing import Final

from customer_sync.demo.stores.woocommerce.answers import Row
from customer_sync.demo.stores.woocommerce.people import OPENED_S
from customer_sync.demo.stores.woocommerce.stamps import both

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
_DAY_S: Final = 86_400
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


def money(cents: int) -> str:
    """Return an amount as WooCommerce writes it: a text with a dot."""
    sign = "-" if cents < 0 else ""
    return f"{sign}{abs(cents) // 100}.{abs(cents) % 100:02d}"


def cents_of(amount: str) -> int:
    """Return the cents of an amount as WooCommerce writes it."""
    return round(float(amount) * 100)


def php_number(value: float) -> int | float:
    """Return an amount as PHP writes a number: cents at most, a whole one without the point."""
    value = round(value, 2)
    return int(value) if value == int(value) else value


class Products:
    """The products with the indexes 0 to `count` - 1.

    Args:
        count: how many.
        offset_s: the site's zone, seconds east of UTC.
    """

    def __init__(self, count: int, offset_s: float) -> None:
        self.count = count
        self._offset_s = offset_s

    def id_of(self, index: int) -> int:
        """Return a product's number."""
        return FIRST_ID + index

    def index_of(self, number: int) -> int | None:
        """Return which product has a number; None when none was born with it."""
        return number - FIRST_ID if 0 <= number - FIRST_ID < self.count else None

    def created_s(self, index: int) -> int:
        """Return when it was made: one a day before the store opened."""
        return OPENED_S - (self.count - index) * _DAY_S

    def modified_s(self, index: int) -> int:
        """Return when it last changed."""
        return self.created_s(index) + 3_600

    def price(self, index: int) -> int:
        """Return the price in cents."""
        return 990 + index * 250 % 9_000

    def name(self, index: int) -> str:
        """Return the name."""
        return _NAMES[index % len(_NAMES)] + (f" {index // len(_NAMES) + 1}" if index >= len(_NAMES) else "")

    def sku(self, index: int) -> str:
        """Return the stock number; every fifth has none."""
        return "" if index % 5 == 4 else f"SKU-{index + 1}"

    def row(self, index: int) -> Row:
        """Return the product as the REST API tells of it, without `_links`."""
        number = self.id_of(index)
        times = {
            **both("date_created", self.created_s(index), self._offset_s),
            **both("date_modified", self.modified_s(index), self._offset_s),
        }
        return product(number, self.name(index), self.price(index), self.sku(index), times)


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
