"""How a store's records look: V3 writes money as numbers and ISO times, V2 money as text and RFC 2822 times."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Final

from customer_sync.kit.fakes.answers import Row
from customer_sync.kit.fakes.cast import Who
from customer_sync.kit.fakes.clock import iso

STATUSES: Final = (
    "Incomplete",
    "Pending",
    "Shipped",
    "Partially Shipped",
    "Refunded",
    "Cancelled",
    "Declined",
    "Awaiting Payment",
    "Awaiting Pickup",
    "Awaiting Shipment",
    "Completed",
    "Awaiting Fulfillment",
    "Manual Verification Required",
    "Disputed",
    "Partially Refunded",
)
NEWSLETTER: Final = "marketing_newsletter"
BOTH: Final = (NEWSLETTER, "abandoned_cart")


def v3_time(at_s: float) -> str:
    """Return a time as V3 writes it."""
    return f"{iso(at_s)}Z"


def v2_time(at_s: float) -> str:
    """Return a time as V2 writes it."""
    return format_datetime(datetime.fromtimestamp(int(at_s), UTC))


def money(amount: float) -> str:
    """Return an amount as V2 writes it."""
    return f"{amount:.4f}"


def customer(number: int, who: Who, at_s: float, channels: list[int]) -> Row:
    """Return a customer with one address, as `include=addresses` shows it."""
    return {
        "id": number,
        "email": who.email,
        "first_name": who.first,
        "last_name": who.last,
        "company": who.company,
        "phone": who.national,
        "notes": "",
        "tax_exempt_category": "",
        "customer_group_id": 0,
        "address_count": 1,
        "attribute_count": 0,
        "accepts_product_review_abandoned_cart_emails": True,
        "origin_channel_id": channels[0],
        "channel_ids": channels,
        "date_created": v3_time(at_s),
        "date_modified": v3_time(at_s),
        "addresses": [
            {
                "id": number * 10,
                "customer_id": number,
                "first_name": who.first,
                "last_name": who.last,
                "company": who.company,
                "address1": who.street,
                "address2": "",
                "city": who.city,
                "state_or_province": "",
                "postal_code": who.postcode,
                "country_code": who.country,
                "phone": who.national,
                "address_type": "residential",
            }
        ],
    }


def subscriber(number: int, email: str, consents: list[str], at_s: float, **more: object) -> Row:
    """Return a subscriber."""
    row: Row = {
        "id": number,
        "email": email,
        "first_name": "",
        "last_name": "",
        "source": "order",
        "order_id": None,
        "channel_id": 1,
        "consents": consents,
        "date_created": v3_time(at_s),
        "date_modified": v3_time(at_s),
    }
    return row | more


def product(number: int, at_s: float, price: float) -> Row:
    """Return a product with two variants."""
    name = f"Lamp {number}"
    return {
        "id": number,
        "name": name,
        "type": "physical",
        "sku": f"LMP-{number}",
        "description": f"<p>{name}</p>",
        "price": price,
        "calculated_price": price,
        "retail_price": 0,
        "sale_price": 0,
        "inventory_level": 20,
        "inventory_tracking": "variant",
        "is_visible": True,
        "availability": "available",
        "categories": [23],
        "brand_id": 0,
        "custom_url": {"url": f"/lamp-{number}/", "is_customized": False},
        "date_created": v3_time(at_s),
        "date_modified": v3_time(at_s),
        "images": [{"id": number, "is_thumbnail": True, "url_standard": f"https://cdn.example/{number}.jpg"}],
        "variants": [
            {
                "id": number * 10 + at,
                "product_id": number,
                "sku": f"LMP-{number}-{label[0]}",
                "price": None,
                "calculated_price": price,
                "inventory_level": 10,
                "image_url": "",
                "option_values": [{"id": at, "label": label, "option_display_name": "Colour"}],
            }
            for at, label in enumerate(("Blue", "Red"))
        ],
    }


def address(who: Row, email: str) -> Row:
    """Return a billing address of V2 from a V3 customer, or of a guest who tells nothing but an address of mail."""
    home = (who.get("addresses") or [{}])[0]
    return {
        "first_name": who.get("first_name", ""),
        "last_name": who.get("last_name", ""),
        "company": who.get("company", ""),
        "street_1": home.get("address1", ""),
        "street_2": "",
        "city": home.get("city", ""),
        "state": home.get("state_or_province", ""),
        "zip": home.get("postal_code", ""),
        "country": "",
        "country_iso2": home.get("country_code", ""),
        "phone": who.get("phone", ""),
        "email": email,
    }


def order(number: int, buyer: Row, lines: list[Row], at_s: float, currency: str) -> Row:
    """Return an order of V2 without its consignments; `customer_id` is 0 for a guest."""
    total = sum(float(one["price_inc_tax"]) * one["quantity"] for one in lines)
    return {
        "id": number,
        "customer_id": buyer.get("id", 0),
        "date_created": v2_time(at_s),
        "date_modified": v2_time(at_s),
        "date_shipped": "",
        "status_id": 11,
        "status": STATUSES[11],
        "subtotal_inc_tax": money(total),
        "total_ex_tax": money(total),
        "total_inc_tax": money(total),
        "items_total": sum(one["quantity"] for one in lines),
        "payment_method": "Cash",
        "payment_status": "captured",
        "refunded_amount": money(0),
        "currency_code": currency,
        "currency_exchange_rate": "1.0000000000",
        "default_currency_code": currency,
        "store_default_currency_code": currency,
        "cart_id": None,
        "billing_address": address(buyer, str(buyer.get("email", ""))),
        "is_deleted": False,
        "is_email_opt_in": False,
        "channel_id": 1,
        "products": {"url": f"https://api.example/orders/{number}/products", "resource": f"/orders/{number}/products"},
    }


def line(number: int, found: Row, quantity: int) -> Row:
    """Return a line of an order of V2."""
    part = found["variants"][0]
    price = money(float(found["price"]))
    return {
        "id": number,
        "product_id": found["id"],
        "variant_id": part["id"],
        "name": found["name"],
        "sku": part["sku"],
        "quantity": quantity,
        "price_inc_tax": price,
        "price_ex_tax": price,
        "total_inc_tax": money(float(found["price"]) * quantity),
    }


def cart(name: str, buyer: Row, found: Row, at_s: float, currency: str) -> Row:
    """Return a cart of V3 with one line."""
    return {
        "id": name,
        "customer_id": buyer.get("id", 0),
        "channel_id": 1,
        "email": buyer.get("email", ""),
        "currency": {"code": currency},
        "base_amount": found["price"],
        "cart_amount": found["price"],
        "line_items": {
            "physical_items": [
                {
                    "id": f"{name}-1",
                    "product_id": found["id"],
                    "variant_id": found["variants"][0]["id"],
                    "sku": found["sku"],
                    "name": found["name"],
                    "url": f"https://shop.example{found['custom_url']['url']}",
                    "image_url": found["images"][0]["url_standard"],
                    "quantity": 1,
                    "list_price": found["price"],
                    "sale_price": found["price"],
                }
            ],
            "digital_items": [],
            "gift_certificates": [],
            "custom_items": [],
        },
        "created_time": v3_time(at_s),
        "updated_time": v3_time(at_s),
    }
