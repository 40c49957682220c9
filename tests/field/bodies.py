"""Bodies of two platforms, as small as a case needs them."""

from __future__ import annotations

from typing import Any

LINE = {"product_id": 60, "variant_id": 61, "title": "Lamp", "price": "40.00", "quantity": 1}


def shopify_order(house: Any, number: int = 7001, amount: str = "45.00", **more: Any) -> dict[str, Any]:
    """An order that was paid a moment ago."""
    return {
        "id": number,
        "name": f"#{number}",
        "created_at": house.iso(-5),
        "updated_at": house.iso(),
        "currency": "EUR",
        "financial_status": "paid",
        "total_price": amount,
        "current_total_price": amount,
        "line_items": [{**LINE, "price": amount}],
        "refunds": [],
        **more,
    }


def woo_order(house: Any, number: int = 501, total: str = "100.00", **more: Any) -> dict[str, Any]:
    """An order that was paid a moment ago; `email` is that of the billing block."""
    email = more.pop("email", None)
    return {
        "id": number,
        "number": str(number),
        "status": "completed",
        "currency": "EUR",
        "total": total,
        "customer_id": 0,
        "date_created_gmt": house.iso(-5)[:19],
        "date_modified_gmt": house.iso()[:19],
        "billing": {"email": email} if email else {},
        "line_items": [{"id": 1, "product_id": 60, "variation_id": 0, "quantity": 1, "total": total}],
        "refunds": [],
        **more,
    }


def checkout(house: Any, email: str = "kai@example.com", token: str = "1", **more: Any) -> dict[str, Any]:
    """A checkout of Shopify that somebody is busy with."""
    return {
        "token": f"k{token}",
        "cart_token": f"c{token}",
        "email": email,
        "currency": "EUR",
        "total_price": "40.00",
        "abandoned_checkout_url": f"https://lamps.example/recover/k{token}",
        "created_at": house.iso(),
        "updated_at": house.iso(),
        "line_items": [LINE],
        **more,
    }
