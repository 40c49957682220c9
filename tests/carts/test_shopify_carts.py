"""Carts and checkouts in Shopify's own bodies: who is reminded, who is not, and what ends it."""

from __future__ import annotations

import json

import pytest

from connectors.shopify.connector import ShopifyConnector
from customer_sync.brevo.mail import counts
from customer_sync.kit.connector import SourceSettings
from customer_sync.model import Inbound, Kind

SHOPIFY = ShopifyConnector(SourceSettings("shop", "shopify", ("s",), {"shop_url": "lamps.myshopify.com"}))
LINE = {"product_id": 60, "variant_id": 61, "title": "Lamp", "price": "40.00", "quantity": 1}


class Till:
    """Shopify's till, as it tells a world of carts."""

    def __init__(self, world):
        self.world, self._number = world, 0

    def tell(self, topic, body):
        self._number += 1
        now = self.world.now
        headers = {"x-shopify-topic": topic, "x-shopify-webhook-id": f"w{self._number}"}
        body = {"created_at": now.isoformat(), "updated_at": now.isoformat(), **body}
        for event in SHOPIFY.parse(Inbound("shop", headers, json.dumps(body).encode(), now)):
            self.world.tell(event)
        self.world.work()

    def checkout(self, email="ann@example.com", token="1", lines=(LINE,), **more):
        """Something is done at the till."""
        told = {"token": f"k{token}", "cart_token": f"c{token}", "email": email, "currency": "EUR", **more}
        url = f"https://lamps.example/recover/k{token}"
        self.tell(
            "checkouts/update", {**told, "total_price": "40.00", "abandoned_checkout_url": url, "line_items": lines}
        )

    def cart(self, lines, token="1"):
        """Something is done with the cart, before the till."""
        self.tell("carts/update", {"id": f"c{token}", "token": f"c{token}", "line_items": lines})

    def order(self, email="ann@example.com", number=7001, **more):
        """Something is bought."""
        told = {"id": number, "email": email, "currency": "EUR", "financial_status": "paid", "total_price": "40.00"}
        self.tell("orders/create", {**told, "line_items": [LINE], **more})

    def mails(self):
        """To whom mails went, the oldest first."""
        return [row["to"] for row in self.world.mails()]


@pytest.fixture
def till(world):
    return Till(world)


def later(till, **span):
    till.world.pass_time(**span)


def test_a_checkout_that_is_left_is_reminded_of(till):
    till.checkout()
    later(till, hours=2)

    assert till.mails() == ["ann@example.com"]


def test_an_emptied_cart_is_not_mailed_though_only_the_cart_tells_of_it(till):  # field case 24
    till.checkout()
    later(till, minutes=5)
    till.cart([])
    later(till, days=2)

    assert till.mails() == []


def test_goods_that_come_back_into_the_cart_start_afresh(till):  # field case 24
    till.checkout()
    later(till, minutes=5)
    till.cart([])
    later(till, minutes=55)
    till.checkout()
    later(till, hours=2)

    assert till.mails() == ["ann@example.com"]


@pytest.mark.parametrize("tokens", [{"checkout_token": "k1", "cart_token": "c1"}, {}])
def test_a_purchase_ends_it_by_token_or_by_address(till, tokens):  # field case 25
    till.checkout()
    later(till, minutes=10)
    till.order("Ann@Example.com", **tokens)
    later(till, days=3)

    assert till.mails() == []


def test_a_bank_transfer_ends_it_too(till):  # field case 33
    till.checkout()
    later(till, minutes=10)
    till.order(financial_status="pending")
    later(till, days=3)

    assert till.mails() == []


def test_a_checkout_that_says_that_it_was_bought_is_not_mailed(till):
    till.checkout(completed_at=till.world.now.isoformat())
    later(till, days=3)

    assert till.mails() == []


def test_a_half_typed_address_is_nobody_and_the_whole_one_gets_one_mail(till):  # field case 27
    for email in ("ann@example", "ann@example.co", "ann@example.com"):
        till.checkout(email, customer=None)
        later(till, seconds=2)
    later(till, hours=2)

    assert till.mails() == ["ann@example.com"]


def test_two_carts_of_one_address_get_one_mail_and_the_order_ends_both(till):  # field case 30
    till.checkout(token="1")
    later(till, minutes=20)
    till.checkout(token="2")
    later(till, hours=2)
    first = till.mails()
    till.order(checkout_token="k2", cart_token="c2")
    later(till, days=3)

    assert (first, till.mails()) == (["ann@example.com"], first)


def test_a_renewal_closes_no_cart(till):  # field case 6
    till.checkout()
    later(till, minutes=10)
    till.order(source_name="subscription_contract")
    later(till, hours=2)

    assert till.mails() == ["ann@example.com"]


def test_coming_back_starts_no_second_first_mail(till):  # field case 31
    till.checkout()
    later(till, hours=2)
    for _ in range(3):
        till.checkout()
        later(till, minutes=40)

    assert till.mails() == ["ann@example.com"]


@pytest.mark.parametrize("is_checkout_first", [True, False])
def test_the_report_has_the_revenue_of_an_order_whose_checkout_says_that_it_was_bought(till, is_checkout_first):
    till.checkout()
    later(till, hours=2)
    acts = [
        lambda: till.checkout(completed_at=till.world.now.isoformat()),
        lambda: till.order(checkout_token="k1", cart_token="c1"),
    ]
    for act in acts if is_checkout_first else reversed(acts):
        act()
    later(till, days=2)

    (variant,) = counts.report("abandoned-cart", till.world.counts()).variants
    assert variant.recovered == 1
    assert [(one.currency, one.orders, one.total) for one in variant.revenue] == [("EUR", 1, 40.0)]
    assert [one["orderId"] for one in till.world.told(Kind.CART_RECOVERED)] == ["7001"]
