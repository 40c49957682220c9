"""The ids under which Brevo knows orders, products and categories: two shops with the same number stay apart.

They begin with the source's name, whether there is one source or ten, and hold the platform's own ids: never the number
that people see, whose form a shop may change.
"""

from __future__ import annotations


def order_id(source: str, own: str) -> str:
    """Return Brevo's id of an order, as `shop:1001`."""
    return f"{source}:{own}"


def product_id(source: str, own: str) -> str:
    """Return Brevo's id of a product, as `shop:60`."""
    return f"{source}:{own}"


def variant_id(source: str, product: str, own: str) -> str:
    """Return Brevo's id of a variant, as `shop:60:61`: products and variants share one room there."""
    return f"{source}:{product}:{own}"


def category_id(source: str, own: str) -> str:
    """Return Brevo's id of a category, as `shop:7`."""
    return f"{source}:{own}"
