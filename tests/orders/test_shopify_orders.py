"""What becomes of Shopify's own bodies in Brevo: amounts, statuses and buyers, in whatever order the bodies come."""

from __future__ import annotations

import json
from itertools import permutations
from random import Random

import pytest

from connectors.shopify.connector import ShopifyConnector
from connectors.shopify.tests.caller import PLENTY, caller
from customer_sync.kit.connector import SourceSettings
from customer_sync.model import Inbound
from tests.fakes.receiver import receiving, until
from tests.orders.rig import OrdersRig
from tests.rig import at

SHOPIFY = ShopifyConnector(SourceSettings("shop", "shopify", ("s",), {"shop_url": "lamps.myshopify.com"}))


@pytest.fixture
def rig(client):
    return OrdersRig(client)


def heard(topic, body, number=0):
    """Return the events of a delivery."""
    headers = {
        "x-shopify-topic": topic,
        "x-shopify-webhook-id": f"{topic}-{number}-{body.get('id')}-{body.get('updated_at')}",
    }
    return SHOPIFY.parse(Inbound("shop", headers, json.dumps(body).encode(), at(0)))


def order(when=-10, **more):
    return {
        "id": 7001,
        "name": "#1042",
        "created_at": at(-60).isoformat(),
        "updated_at": at(when).isoformat(),
        "currency": "EUR",
        "email": "mia@example.com",
        "financial_status": "paid",
        "total_price": "45.00",
        "current_total_price": "45.00",
        "line_items": [{"product_id": 60, "quantity": 1, "price": "45.00"}],
        "refunds": [],
        **more,
    }


def refund(number, amount):
    paid = {"kind": "refund", "status": "success", "amount": amount}
    return {"id": number, "order_id": 7001, "created_at": at(-5).isoformat(), "transactions": [paid]}


def tell(rig, *deliveries):
    for number, (topic, body) in enumerate(deliveries):
        rig.tell(*heard(topic, body, number))


def amount(rig):
    return rig.orders["shop:7001"]["amount"]


@pytest.mark.parametrize("topics", list(permutations(("orders/create", "orders/updated", "orders/paid"))))
def test_one_order_told_three_times_is_one_order_and_fires_once(rig, topics):  # field case 5
    tell(rig, *((topic, order()) for topic in topics))

    assert list(rig.orders) == ["shop:7001"]
    assert (amount(rig), len(rig.fired)) == (45.0, 1)


def test_an_unpaid_order_that_is_cancelled_earned_nothing(rig):  # field case 2
    unpaid = {"financial_status": "pending", "total_price": "80.00"}
    tell(
        rig,
        ("orders/create", order(**unpaid)),
        ("orders/cancelled", order(-5, cancelled_at=at(-5).isoformat(), **unpaid)),
    )

    assert (amount(rig), rig.orders["shop:7001"]["status"]) == (0.0, "cancelled")


def test_the_money_is_the_shops_whatever_the_buyer_saw(rig):  # field case 3
    both = {
        "shop_money": {"amount": "30.00", "currency_code": "EUR"},
        "presentment_money": {"amount": "590.00", "currency_code": "MXN"},
    }
    tell(rig, ("orders/create", order(total_price_set=both, current_total_price_set=both)))

    assert amount(rig) == 30.0


def test_an_edited_order_has_what_is_left_of_it(rig):  # field case 8
    lines = [
        {"product_id": 60, "quantity": 2, "current_quantity": 1, "price": "38.40"},
        {"product_id": 61, "quantity": 1, "current_quantity": 0, "price": "19.20"},
    ]
    edited = order(-5, total_price="96.00", current_total_price="38.40", line_items=lines)
    tell(rig, ("orders/create", order(total_price="96.00")), ("orders/edited", {"order_edit": {"order_id": 7001}}))
    tell(rig, ("orders/updated", edited))

    assert amount(rig) == 38.4
    assert [one["productId"] for one in rig.orders["shop:7001"]["products"]] == ["shop:60"]


def test_an_order_with_a_deleted_product_is_sent_whole_and_later_ones_pass(rig):  # field case 10
    gone = {"product_id": None, "variant_id": None, "title": "Old mug", "price": "12.00", "quantity": 1}
    kept = {"product_id": 60, "price": "8.00", "quantity": 1}
    tell(rig, ("orders/create", order(total_price="20.00", current_total_price="20.00", line_items=[gone, kept])))
    tell(rig, ("orders/create", {**order(), "id": 7002}))

    assert (amount(rig), sorted(rig.orders), rig.waits()) == (20.0, ["shop:7001", "shop:7002"], 0)
    assert "null" not in json.dumps([one.get("productId") for one in rig.orders["shop:7001"]["products"]])


def test_an_order_without_a_customer_belongs_to_its_contact_address(rig):  # field case 11
    tell(rig, ("orders/create", order(customer=None, email="", contact_email="tove@example.com")))

    assert rig.called("/orders/status")[-1]["identifiers"]["email_id"] == "tove@example.com"


def test_an_order_of_nobody_waits_for_nothing(rig):  # field case 11
    tell(rig, ("orders/create", order(customer=None, email="", phone="+4712345678")))

    assert rig.waits() == 0
    assert rig.store.parked.count() == 0


def test_an_order_that_is_deleted_earned_nothing(rig):
    tell(rig, ("orders/create", order()), ("orders/delete", {"id": 7001}))

    assert amount(rig) == 0.0


@pytest.mark.parametrize("way", list(permutations(range(3))))
def test_a_refund_counts_once_in_whatever_order_the_bodies_come(rig, way):  # field case 1
    bodies = [
        ("orders/create", order(-10, total_price="100.00", current_total_price="100.00")),
        ("refunds/create", refund(9, "30.00")),
        (
            "orders/updated",
            order(
                -5,
                financial_status="partially_refunded",
                total_price="100.00",
                current_total_price="100.00",
                refunds=[refund(9, "30.00")],
            ),
        ),
    ]
    tell(rig, *(bodies[place] for place in way), bodies[way[0]])

    assert amount(rig) == 70.0


def test_a_whole_shop_that_tells_everything_twice_and_in_any_order_comes_out_right(rig):
    lines = [{"title": "Lamp", "price": 4000, "quantity": 2}]
    with caller(**PLENTY) as app, receiving() as receiver:
        for topic in ("CREATE", "UPDATED", "PAID", "CANCELLED", "DELETE"):
            app.subscribe(f"ORDERS_{topic}", receiver.url)
        app.subscribe("REFUNDS_CREATE", receiver.url)
        made = [app.fake("orders", {"email": f"p{n}@example.com", "lines": lines})["id"] for n in range(4)]
        app.fake("orders/refund", {"id": made[0], "amount": 1000})
        app.fake("orders/cancel", {"id": made[1]})
        app.fake("orders/edit", {"id": made[2], "left": [1]})
        sent = len(app.fake("deliveries?limit=5000")["deliveries"])
        until(lambda: len(receiver.got) == sent)
    deliveries = [*receiver.got, *receiver.got]
    Random(7).shuffle(deliveries)
    for one in deliveries:
        headers = {name.lower(): value for name, value in one.headers.items()}
        rig.tell(*SHOPIFY.parse(Inbound("shop", headers, one.body, at(0))))

    amounts = {name.partition(":")[2]: row["amount"] for name, row in rig.orders.items()}
    assert amounts == {made[0]: 70.0, made[1]: 0.0, made[2]: 40.0, made[3]: 80.0}
