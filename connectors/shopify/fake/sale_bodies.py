"""The bodies of webhooks about orders, refunds, products, carts and checkouts, in the REST shape of 2026-10.

https://shopify.dev/docs/api/webhooks. A part of the documented keys: those that tell of money, goods and people.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectors.shopify.fake import bodies
from connectors.shopify.fake.sold import Checkout, Line, Order, Product, Refund, Variant
from customer_sync.kit.fakes.answers import Row
from customer_sync.kit.fakes.clock import iso

#: How many variants a product's body holds in full.
FULL_VARIANTS = 100


def money(cents: float) -> str:
    """Return an amount as the platform writes it."""
    return f"{cents / 100:.2f}"


def at(moment_s: float | None) -> str | None:
    """Return a time as the platform writes it."""
    return None if moment_s is None else f"{iso(moment_s)}Z"


def order(found: Order, shop: str) -> Row:
    """Return the body of orders/*."""
    address = _address(found.buyer)
    return {
        "id": found.id,
        "admin_graphql_api_id": f"gid://shopify/Order/{found.id}",
        "buyer_accepts_marketing": False,
        "cancel_reason": None if found.cancelled_s is None else "customer",
        "cancelled_at": at(found.cancelled_s),
        "cart_token": found.cart,
        "checkout_token": found.checkout,
        "contact_email": found.email,
        "created_at": at(found.created_s),
        "currency": "EUR",
        "current_total_price": money(found.current),
        "current_total_price_set": _set(found, found.current),
        "discount_codes": [{"code": code, "amount": "0.00", "type": "fixed_amount"} for code in found.codes],
        "email": found.email or "",
        "financial_status": found.status.lower(),
        "fulfillment_status": "fulfilled" if found.is_sent else None,
        "name": f"#{found.number}",
        "number": found.number - 1000,
        "order_number": found.number,
        "order_status_url": f"https://{shop}/777001/orders/{found.id}",
        "payment_gateway_names": ["bogus"],
        "phone": None,
        "presentment_currency": found.shown[0],
        "processed_at": at(found.created_s),
        "source_name": found.source,
        "tags": ", ".join(found.tags),
        "taxes_included": True,
        "test": found.is_test,
        "total_price": money(found.total),
        "total_price_set": _set(found, found.total),
        "updated_at": at(found.updated_s),
        "billing_address": address,
        "customer": _customer(found.buyer) if found.customer is not None else None,
        "line_items": [_order_line(found, line) for line in found.lines],
        "refunds": [refund(found, one) for one in found.refunds],
        "shipping_address": address,
    }


def refund(of: Order, found: Refund) -> Row:
    """Return the body of refunds/create; an order holds its refunds in the same form.

    A transaction is in the currency that the buyer paid in.
    """
    currency, rate = of.shown
    paid = {
        "id": found.id + 1,
        "order_id": of.id,
        "kind": "refund",
        "gateway": "bogus",
        "status": "success",
        "created_at": at(found.at_s),
        "test": of.is_test,
        "amount": money(found.amount * rate),
        "currency": currency,
        "admin_graphql_api_id": f"gid://shopify/OrderTransaction/{found.id + 1}",
    }
    return {
        "id": found.id,
        "order_id": of.id,
        "created_at": at(found.at_s),
        "note": None,
        "processed_at": at(found.at_s),
        "total_duties_set": _set(of, 0),
        "admin_graphql_api_id": f"gid://shopify/Refund/{found.id}",
        "refund_line_items": [],
        "transactions": [paid] if found.amount else [],
    }


def edit(of: Order, number: int) -> Row:
    """Return the body of orders/edited: what was done, not what the order is now."""
    removed = [{"id": line.id, "delta": line.quantity - line.left} for line in of.lines if line.left < line.quantity]
    changed = {"additions": [], "removals": removed}
    return {
        "order_edit": {
            "id": number,
            "app_id": None,
            "created_at": at(of.updated_s),
            "committed_at": at(of.updated_s),
            "notify_customer": False,
            "order_id": of.id,
            "staff_note": "",
            "user_id": None,
            "line_items": changed,
        }
    }


def product(found: Product) -> Row:
    """Return the body of products/create and products/update: 100 variants in full, the ids of all."""
    image = {"id": found.id + 5, "product_id": found.id, "src": found.picture} if found.picture else None
    pictures = [{"id": one.id + 5, "product_id": found.id, "src": one.picture} for one in found.variants if one.picture]
    return {
        "admin_graphql_api_id": f"gid://shopify/Product/{found.id}",
        "body_html": f"<p>{found.title}</p>",
        "created_at": at(found.created_s),
        "handle": found.handle,
        "id": found.id,
        "product_type": found.kind,
        "published_at": at(found.published_s),
        "title": found.title,
        "updated_at": at(found.updated_s),
        "vendor": found.vendor,
        "status": found.status.lower(),
        "published_scope": "web",
        "tags": "",
        "variants": [_variant(found, one, place) for place, one in enumerate(found.variants[:FULL_VARIANTS], 1)],
        "images": [*([image] if image else []), *pictures],
        "image": image,
        "variant_gids": [
            {"admin_graphql_api_id": f"gid://shopify/ProductVariant/{one.id}", "updated_at": at(found.updated_s)}
            for one in found.variants
        ],
    }


def cart(found: Checkout) -> Row:
    """Return the body of carts/*: no e-mail, no customer."""
    return {
        "id": found.cart,
        "token": found.cart,
        "line_items": [_cart_line(line) for line in found.lines],
        "note": None,
        "updated_at": at(found.updated_s),
        "created_at": at(found.created_s),
    }


def checkout(found: Checkout, shop: str) -> Row:
    """Return the body of checkouts/*."""
    total = money(sum(line.price * line.quantity for line in found.lines))
    return {
        "token": found.token,
        "cart_token": found.cart,
        "email": found.email,
        "buyer_accepts_marketing": False,
        "created_at": at(found.created_s),
        "updated_at": at(found.updated_s),
        "taxes_included": True,
        "currency": "EUR",
        "completed_at": at(found.completed_s),
        "phone": None,
        "line_items": [_checkout_line(line) for line in found.lines],
        "name": f"#{found.token}",
        "abandoned_checkout_url": f"https://{shop}/777001/checkouts/{found.token}/recover",
        "source_name": "web",
        "presentment_currency": "EUR",
        "total_line_items_price": total,
        "total_price": total,
        "shipping_address": [],
        "customer": _customer(found.buyer) if found.customer is not None else None,
    }


def _set(of: Order, cents: int) -> Row:
    currency, rate = of.shown
    return {
        "shop_money": {"amount": money(cents), "currency_code": "EUR"},
        "presentment_money": {"amount": money(cents * rate), "currency_code": currency},
    }


def _order_line(of: Order, line: Line) -> Row:
    return {
        "id": line.id,
        "admin_graphql_api_id": f"gid://shopify/LineItem/{line.id}",
        "current_quantity": line.left,
        "name": line.title,
        "price": money(line.price),
        "price_set": _set(of, line.price),
        "product_exists": line.product is not None,
        "product_id": line.product,
        "quantity": line.quantity,
        "sku": line.sku,
        "title": line.title,
        "total_discount": "0.00",
        "variant_id": line.variant,
    }


def _cart_line(line: Line) -> Row:
    def priced(cents: int) -> Row:
        side = {"amount": money(cents), "currency_code": "EUR"}
        return {"shop_money": side, "presentment_money": side}

    whole = line.price * line.quantity
    return {
        "id": line.variant or line.id,
        "key": f"{line.id}:1",
        "quantity": line.quantity,
        "variant_id": line.variant,
        "product_id": line.product,
        "sku": line.sku,
        "title": line.title,
        "price": money(line.price),
        "price_set": priced(line.price),
        "line_price": money(whole),
        "line_price_set": priced(whole),
    }


def _checkout_line(line: Line) -> Row:
    return {
        "key": str(line.id),
        "product_id": line.product,
        "quantity": line.quantity,
        "sku": line.sku,
        "title": line.title,
        "variant_id": line.variant,
        "price": money(line.price),
        "line_price": money(line.price * line.quantity),
    }


def _variant(of: Product, one: Variant, place: int) -> Row:
    return {
        "admin_graphql_api_id": f"gid://shopify/ProductVariant/{one.id}",
        "compare_at_price": None if one.compare_at is None else money(one.compare_at),
        "created_at": at(of.created_s),
        "id": one.id,
        "position": place,
        "price": money(one.price),
        "product_id": of.id,
        "sku": one.sku,
        "title": one.title,
        "updated_at": at(of.updated_s),
        "image_id": one.id + 5 if one.picture else None,
        "inventory_quantity": one.stock,
    }


def _customer(facts: Mapping[str, Any]) -> Row:
    body = bodies.customer(facts)
    body.pop("addresses")
    return body


def _address(facts: Mapping[str, Any]) -> Row | None:
    if not facts.get("address1"):
        return None
    return {
        "first_name": facts.get("firstName"),
        "address1": facts.get("address1"),
        "phone": facts.get("phone"),
        "city": facts.get("city"),
        "zip": facts.get("zip"),
        "province": None,
        "country": facts.get("country"),
        "last_name": facts.get("lastName"),
        "address2": None,
        "company": facts.get("company"),
        "name": facts.get("displayName"),
        "country_code": facts.get("countryCode"),
        "province_code": None,
    }
