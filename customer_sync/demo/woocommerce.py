"""WooCommerce's webhooks, in the shapes of https://woocommerce.github.io/woocommerce-rest-api-docs/ (v3)."""

from __future__ import annotations

import html
from datetime import datetime, timedelta
from hashlib import md5
from random import Random
from typing import Any

from customer_sync.demo.dialect import Dialect, Notice, Order, encode, money
from customer_sync.kit.invented.people import Customer, Person, plain

#: WooCommerce has one webhook for each topic; their numbers.
WEBHOOKS = {
    "customer.created": 3,
    "customer.updated": 4,
    "customer.deleted": 5,
    "order.created": 6,
    "order.updated": 7,
}
#: Where a newsletter plugin keeps its box: at the customer, and at an order.
CUSTOMER_BOX = "mailchimp_woocommerce_is_subscribed"
ORDER_BOX = "ws_opt_in"

_AGENT = "WooCommerce/11.0.0 Hookshot (WordPress/7.0)"
_SITE_OFFSET = timedelta(hours=1)


class WooCommerceDialect(Dialect):
    """A shop on WooCommerce.

    Args:
        source: the source's name.
        shop: the shop's address.
        rng: the dice.
    """

    #: WordPress has no webhook for the wish to be forgotten.
    silent = frozenset({"erase"})

    def __init__(self, source: str, shop: str, rng: Random) -> None:
        super().__init__(source)
        self._shop = shop.rstrip("/") + "/"
        self._last_id = rng.randrange(1_000, 900_000)

    def customer_id(self) -> int:
        """Return the id of a new customer."""
        self._last_id += 1
        return self._last_id

    def order_id(self) -> int:
        """Return the id of a new order."""
        return self.customer_id()

    def signed_up(self, customer: Customer) -> list[Notice]:
        """Tell of a new customer; a customer who never changed has no time of change."""
        return [self._notice("customer.created", _customer(customer, is_new=True), customer.created_at)]

    def edited(self, customer: Customer) -> list[Notice]:
        """Tell that a customer changed."""
        return [self._notice("customer.updated", _customer(customer), customer.updated_at)]

    def asked(self, customer: Customer) -> list[Notice]:
        """Tell that the newsletter box changed: a plugin's field of the customer."""
        return self.edited(customer)

    def deleted(self, customer: Customer) -> list[Notice]:
        """Tell that a customer is gone."""
        return [self._notice("customer.deleted", {"id": customer.id}, customer.updated_at)]

    def erased(self, customer: Customer, at: datetime) -> list[Notice]:  # noqa: ARG002  # there is no such webhook
        """Tell nothing."""
        return []

    def ordered(self, order: Order) -> list[Notice]:
        """Tell of a new order; the body is made when it is sent, so it is paid already."""
        order.state = "paid"
        placed = self._notice("order.created", _order(order), order.updated_at)
        return [placed, *(self.edited(order.customer) if order.customer else [])]

    def reordered(self, order: Order) -> list[Notice]:
        """Tell that an order changed."""
        return [self._notice("order.updated", _order(order), order.updated_at)]

    def _notice(self, topic: str, body: dict[str, Any], at: datetime) -> Notice:
        resource, _, event = topic.partition(".")
        # not unique: a hash of the webhook and the second
        delivery = md5(f"{WEBHOOKS[topic]}{int(at.timestamp())}".encode(), usedforsecurity=False).hexdigest()
        headers = {
            "content-type": "application/json",
            "user-agent": _AGENT,
            "x-wc-webhook-source": self._shop,
            "x-wc-webhook-topic": topic,
            "x-wc-webhook-resource": resource,
            "x-wc-webhook-event": event,
            "x-wc-webhook-id": str(WEBHOOKS[topic]),
            "x-wc-webhook-delivery-id": delivery,
        }
        return Notice(self.source, topic, headers, encode(body))


def _times(name: str, at: datetime | None) -> dict[str, str | None]:
    """Return a time twice: of the site's own zone, and of UTC; both without saying so."""
    form = "%Y-%m-%dT%H:%M:%S"
    if at is None:
        return {name: None, f"{name}_gmt": None}
    return {name: (at + _SITE_OFFSET).strftime(form), f"{name}_gmt": at.strftime(form)}


def _customer(customer: Customer, *, is_new: bool = False) -> dict[str, Any]:
    person = customer.person
    box = [] if customer.agrees is None else [_meta(customer.id, CUSTOMER_BOX, ticked=customer.agrees)]
    return {
        "id": customer.id,
        **_times("date_created", customer.created_at),
        **_times("date_modified", None if is_new else customer.updated_at),
        "email": person.email,
        "first_name": person.first,
        "last_name": person.last,
        "role": "customer",
        "username": plain(person.first) + str(customer.id),
        "billing": {**_address(person), "email": person.email, "phone": person.national},
        "shipping": {**_address(person), "phone": ""},
        "is_paying_customer": customer.orders > 0,
        "avatar_url": f"https://secure.gravatar.example/avatar/{customer.id:x}?s=96",
        "meta_data": box,
    }


def _meta(number: int, key: str, *, ticked: bool) -> dict[str, Any]:
    return {"id": number, "key": key, "value": "1" if ticked else "0"}


def _address(person: Person) -> dict[str, str]:
    return {
        "first_name": person.first,
        "last_name": person.last,
        "company": html.escape(person.company),
        "address_1": person.street,
        "address_2": "",
        "city": person.city,
        "state": "",
        "postcode": person.postcode,
        "country": person.country.code,
    }


def _order(order: Order) -> dict[str, Any]:
    buyer = order.buyer
    paid_at = order.updated_at if order.state == "paid" else None
    return {
        "id": order.id,
        "parent_id": 0,
        "number": str(order.number),
        "order_key": f"wc_order_{order.id:x}",
        "created_via": "checkout",
        "status": "cancelled" if order.state == "cancelled" else "processing",
        "currency": buyer.country.currency,
        **_times("date_created", order.created_at),
        **_times("date_modified", order.updated_at),
        "discount_total": "0.00",
        "shipping_total": "0.00",
        "total": money(order.total),
        "total_tax": money(order.total * 19 // 119),
        "prices_include_tax": True,
        "customer_id": order.customer.id if order.customer else 0,
        "customer_note": "",
        "billing": {**_address(buyer), "email": buyer.email, "phone": buyer.national},
        "shipping": {**_address(buyer), "phone": ""},
        "payment_method": "card",
        "payment_method_title": "Card",
        **_times("date_paid", paid_at),
        **_times("date_completed", None),
        "cart_hash": "",
        "meta_data": [_meta(order.id, ORDER_BOX, ticked=True)] if order.opts_in else [],
        "line_items": [
            {
                "id": order.id + product.id,
                "name": html.escape(product.title),
                "product_id": product.id,
                "variation_id": 0,
                "quantity": count,
                "subtotal": money(product.price * count),
                "total": money(product.price * count),
                "total_tax": "0.00",
                "sku": product.sku,
                "price": product.price / 100,
                "meta_data": [],
            }
            for product, count in order.lines
        ],
        "coupon_lines": [],
        "refunds": [],
    }
