"""Shopify's webhooks, in the shapes of https://shopify.dev/docs/api/webhooks (API version 2026-10)."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from random import Random
from typing import Any
from uuid import UUID

from customer_sync.demo.dialect import Dialect, Notice, Order, Product, encode, money
from customer_sync.kit.invented.people import Customer, Person

#: Shopify's ids outgrew what a float can hold (2^53); these start well above it.
FIRST_ID = 8_100_000_000_000_000_000
_SHOP_ZONE = timezone(timedelta(hours=1))
_AGENT = "Shopify-Captain-Hook"


class ShopifyDialect(Dialect):
    """A store on Shopify.

    Args:
        source: the source's name.
        shop: the store's own address.
        rng: the dice.
    """

    def __init__(self, source: str, shop: str, rng: Random) -> None:
        super().__init__(source)
        self._shop = shop
        self._rng = rng
        self._last_id = FIRST_ID + rng.randrange(10**15) * 1000

    def customer_id(self) -> int:
        """Return the id of a new customer."""
        self._last_id += self._rng.randint(1, 999)
        return self._last_id

    def order_id(self) -> int:
        """Return the id of a new order."""
        return self.customer_id()

    def signed_up(self, customer: Customer) -> list[Notice]:
        """Tell of a new customer; since 2025-01 consent has a webhook of its own."""
        event = self._uuid()
        notices = [self._notice("customers/create", _customer(customer), customer.created_at, event)]
        return notices + (self._consent(customer, event) if customer.agrees is not None else [])

    def edited(self, customer: Customer) -> list[Notice]:
        """Tell that a customer changed."""
        return [self._notice("customers/update", _customer(customer), customer.updated_at, self._uuid())]

    def asked(self, customer: Customer) -> list[Notice]:
        """Tell that consent was given or withdrawn: the customer's own webhook comes with it and says nothing of it."""
        event = self._uuid()
        changed = self._notice("customers/update", _customer(customer), customer.updated_at, event)
        return [*self._consent(customer, event), changed]

    def deleted(self, customer: Customer) -> list[Notice]:
        """Tell that a customer is gone: since 2025-10 an id and nothing else."""
        body = {"id": customer.id, "tax_exemptions": [], "admin_graphql_api_id": _gid("Customer", customer.id)}
        return [self._notice("customers/delete", body, customer.updated_at, self._uuid())]

    def erased(self, customer: Customer, at: datetime) -> list[Notice]:
        """Tell that a person wants to be forgotten."""
        person = customer.person
        body = {
            "shop_id": 777001,
            "shop_domain": self._shop,
            "customer": {"id": customer.id, "email": person.email, "phone": person.international or None},
            "orders_to_redact": [],
        }
        return [self._notice("customers/redact", body, at, self._uuid())]

    def ordered(self, order: Order) -> list[Notice]:
        """Tell of a new order: placed, paid, and the customer's new totals, all of one act."""
        event = self._uuid()
        placed = self._notice("orders/create", _order(order), order.created_at, event)
        order.state = "paid"
        paid = self._notice("orders/paid", _order(order), order.updated_at, event, after_s=0.4)
        return [placed, paid, *self._totals(order, event)]

    def reordered(self, order: Order) -> list[Notice]:
        """Tell that an order changed."""
        topic = "orders/cancelled" if order.state == "cancelled" else "orders/updated"
        return [self._notice(topic, _order(order), order.updated_at, self._uuid())]

    def _consent(self, customer: Customer, event: str) -> list[Notice]:
        at = customer.asked_at or customer.updated_at
        body = {
            "customer_id": customer.id,
            "email_address": customer.person.email,
            "email_marketing_consent": {
                "state": "subscribed" if customer.agrees else "unsubscribed",
                "opt_in_level": "single_opt_in",
                "consent_updated_at": _iso(at),
            },
        }
        return [self._notice("customers_email_marketing_consent/update", body, at, event, after_s=0.1)]

    def _totals(self, order: Order, event: str) -> list[Notice]:
        customer = order.customer
        if customer is None:
            return []
        body = {
            "customerId": _gid("Customer", customer.id),
            "numberOfOrders": customer.orders,
            "amountSpent": {"amount": money(customer.spent), "currencyCode": customer.person.country.currency},
            "lastOrderId": _gid("Order", order.id),
            "occurredAt": _iso(order.updated_at),
        }
        return [self._notice("customers/purchasing_summary", body, order.updated_at, event, after_s=0.8)]

    def _notice(self, topic: str, body: dict[str, Any], at: datetime, event: str, after_s: float = 0.0) -> Notice:
        headers = {
            "content-type": "application/json",
            "user-agent": _AGENT,
            "x-shopify-topic": topic,
            "x-shopify-shop-domain": self._shop,
            "x-shopify-api-version": "2026-10",
            "x-shopify-webhook-id": self._uuid(),
            "x-shopify-event-id": event,
            "x-shopify-triggered-at": f"{at:%Y-%m-%dT%H:%M:%S}.{self._rng.randrange(10**9):09d}Z",
        }
        return Notice(self.source, topic, headers, encode(body), after_s)

    def _uuid(self) -> str:
        return str(UUID(int=self._rng.getrandbits(128), version=4))


def _gid(kind: str, number: int) -> str:
    return f"gid://shopify/{kind}/{number}"


def _iso(at: datetime) -> str:
    return at.astimezone(_SHOP_ZONE).replace(microsecond=0).isoformat()


def _customer(customer: Customer) -> dict[str, Any]:
    person = customer.person
    return {
        "id": customer.id,
        "created_at": _iso(customer.created_at),
        "updated_at": _iso(customer.updated_at),
        "first_name": person.first,
        "last_name": person.last,
        "state": "enabled",
        "note": None,
        "verified_email": True,
        "multipass_identifier": None,
        "tax_exempt": False,
        "email": person.email,
        "phone": person.international or None,
        "currency": person.country.currency,
        "addresses": [],
        "tax_exemptions": [],
        "admin_graphql_api_id": _gid("Customer", customer.id),
        "default_address": {"id": customer.id + 1, "customer_id": customer.id, **_address(person), "default": True},
    }


def _address(person: Person) -> dict[str, Any]:
    return {
        "first_name": person.first,
        "last_name": person.last,
        "company": person.company or None,
        "address1": person.street,
        "address2": None,
        "city": person.city,
        "province": None,
        "country": person.country.name,
        "zip": person.postcode,
        "phone": person.international or None,
        "name": person.name,
        "province_code": None,
        "country_code": person.country.code,
        "country_name": person.country.name,
    }


def _order(order: Order) -> dict[str, Any]:
    buyer, currency = order.buyer, order.buyer.country.currency
    return {
        "id": order.id,
        "admin_graphql_api_id": _gid("Order", order.id),
        "buyer_accepts_marketing": order.opts_in,
        "cancelled_at": _iso(order.updated_at) if order.state == "cancelled" else None,
        "cart_token": None,
        "checkout_token": f"k{order.id:x}",
        "contact_email": buyer.email,
        "created_at": _iso(order.created_at),
        "currency": currency,
        "current_total_price": money(order.total),
        "email": buyer.email,
        "financial_status": "voided" if order.state == "cancelled" else order.state,
        "fulfillment_status": None,
        "name": f"#{order.number}",
        "order_number": order.number,
        "phone": None,
        "subtotal_price": money(order.total),
        "total_discounts": "0.00",
        "total_price": money(order.total),
        "total_tax": money(order.total * 19 // 119),
        "test": False,
        "updated_at": _iso(order.updated_at),
        "billing_address": _address(buyer),
        "shipping_address": _address(buyer),
        "customer": _customer(order.customer) if order.customer else None,
        "line_items": [_line(order, product, count) for product, count in order.lines],
        "refunds": [],
    }


def _line(order: Order, product: Product, count: int) -> dict[str, Any]:
    number = order.id + product.id
    return {
        "id": number,
        "admin_graphql_api_id": _gid("LineItem", number),
        "name": product.title,
        "title": product.title,
        "price": money(product.price),
        "product_id": product.id,
        "variant_id": product.id + 10_000,
        "variant_title": None,
        "quantity": count,
        "sku": product.sku,
        "total_discount": "0.00",
    }
