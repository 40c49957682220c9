"""What becomes of an order's events in Brevo: its amount, its status, whose it is; and what starts an automation."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import pytest

from customer_sync.model import Kind
from tests.orders.rig import OrdersRig, bare, lines, order
from tests.rig import at

UPDATED, REFUNDED, DELETED = Kind.ORDER_UPDATED, Kind.ORDER_REFUNDED, Kind.ORDER_DELETED


@pytest.fixture
def rig(client):
    return OrdersRig(client)


def test_an_order_is_sent_whole(rig):
    billing = {"city": "Basel", "countryCode": "CH", "paymentMethod": "card", "region": ""}
    rig.tell(order(coupons=["SPRING"], billing=billing, isRenewal=False))

    assert rig.called("/orders/status") == [
        {
            "id": "shop:1001",
            "createdAt": at(-60).strftime("%Y-%m-%dT%H:%M:%S.000Z"),
            "updatedAt": at(-10).strftime("%Y-%m-%dT%H:%M:%S.000Z"),
            "status": "paid",
            "amount": 45.0,
            "products": [{"productId": "shop:60", "price": 45.0, "quantity": 1}],
            "identifiers": {"email_id": "ann@example.com"},
            "billing": {"city": "Basel", "countryCode": "CH", "paymentMethod": "card"},
            "coupons": ["SPRING"],
            "metaInfo": {"number": "#1001", "currency": "EUR", "shopStatus": "paid", "isRenewal": False},
            "storeId": "shop",
        }
    ]
    assert rig.waits() == 0


def test_a_refund_in_part_is_taken_off_the_amount_and_the_same_body_twice_changes_nothing(rig):  # field case 1
    rig.tell(order("501", total=100.0, amount=100.0))
    refund = {"total": 100.0, "amount": 70.0, "refunds": {"9": 30.0}}
    rig.tell(order("501", kind=UPDATED, when=-5, **refund))
    rig.tell(order("501", kind=UPDATED, when=-4, word="again", **refund))

    assert [one["amount"] for one in rig.called("/orders/status")] == [100.0, 70.0]
    assert rig.orders["shop:501"]["status"] == "paid"


def test_a_refund_that_is_told_alone_counts_whatever_comes_first(rig):
    rig.tell(bare("501", REFUNDED, -5, refunds={"9": 30.0}))
    first = dict(rig.orders)
    rig.tell(order("501", total=100.0, amount=100.0))

    assert first == {}
    assert rig.orders["shop:501"]["amount"] == 70.0
    assert rig.waits() == 0


def test_an_unpaid_order_that_is_cancelled_is_there_once_with_nothing_earned(rig):  # field case 2
    rig.tell(order("7", state="placed", status="pending", total=80.0, amount=80.0, email="leo@example.com"))
    rig.tell(order("7", kind=UPDATED, when=-5, state="cancelled", total=80.0, amount=80.0, email="leo@example.com"))

    assert list(rig.orders) == ["shop:7"]
    assert (rig.orders["shop:7"]["status"], rig.orders["shop:7"]["amount"]) == ("cancelled", 0.0)


def test_an_order_in_another_currency_is_left_out_and_named(rig):  # field case 3
    rig.tell(order("590", number="2026-590", currency="MXN", total=590.0), order("30", total=30.0, amount=30.0))

    said = "Order 2026-590 is in MXN, the account counts in EUR."
    assert list(rig.orders) == ["shop:30"]
    assert said in rig.notes()
    assert any(said in one for one in rig.alerts())
    assert rig.client.hlen("tajo:parked") == 0


def test_an_order_without_a_currency_is_left_out_and_named(rig):
    rig.tell(order("590", currency=None))

    assert rig.orders == {}
    assert "Order #1001 has no currency, the account counts in EUR." in rig.notes()


@pytest.mark.parametrize("turn", list(permutations(range(3))))
def test_guests_and_an_account_with_one_address_are_one_contact(rig, turn):  # field case 4
    orders = [order("1", email="Noor@Example.com"), order("2", email="noor@example.com")]
    orders.append(order("3", email="noor@example.com", customer="12"))
    rig.tell(*[orders[index] for index in turn])

    owners = {one["contact_id"] for one in rig.orders.values()}
    assert len(rig.orders) == 3
    assert len(owners) == 1


@pytest.mark.parametrize("turn", list(permutations(range(3))))
def test_one_order_of_three_webhooks_is_one_order_that_starts_one_automation(rig, turn):  # field case 5
    some = [order("7001"), order("7001", kind=UPDATED, when=-9), order("7001", kind=UPDATED, when=-8)]
    rig.tell(*[some[index] for index in turn])

    assert list(rig.orders) == ["shop:7001"]
    assert rig.fired == [("paid", "shop:7001")]


def test_a_renewal_is_an_order_of_its_own_that_says_so(rig):  # field case 6
    rig.tell(order("610", total=25.0, amount=25.0), order("655", total=25.0, amount=25.0, isRenewal=True))

    assert sorted(rig.orders) == ["shop:610", "shop:655"]
    assert rig.orders["shop:655"]["metaInfo"]["isRenewal"] is True


def test_a_draft_sends_nothing_and_a_bank_transfer_is_there_before_it_is_paid(rig):  # field case 7
    rig.tell(order("700", state="draft", status="checkout-draft", total=60.0))
    nothing = dict(rig.orders)
    rig.tell(order("700", kind=UPDATED, when=-9, state="placed", status="on-hold", total=60.0))
    placed = rig.orders["shop:700"]
    rig.tell(order("700", kind=UPDATED, when=-1, state="paid", status="processing", total=60.0))

    assert nothing == {}
    assert (placed["status"], placed["metaInfo"]["shopStatus"]) == ("created", "on-hold")
    assert (rig.orders["shop:700"]["status"], rig.orders["shop:700"]["createdAt"]) == ("paid", placed["createdAt"])
    assert rig.fired == [("created", "shop:700"), ("paid", "shop:700")]


def test_lines_that_were_edited_away_are_gone(rig):  # field case 8
    left = [{"productId": "A", "quantity": 1, "price": 38.4}, {"productId": "B", "quantity": 0, "price": 10.0}]
    rig.tell(order(total=96.0, amount=38.4, lines=left))

    assert lines(rig.orders["shop:1001"]) == [("shop:A", 1)]
    assert rig.orders["shop:1001"]["amount"] == 38.4


def test_the_number_that_people_see_is_no_key_and_two_shops_stay_apart(rig):  # field case 9
    rig.tell(order("1234", number="2026-0017-B"), order("1234", kind=UPDATED, when=-5, number="2026-0017-C"))
    rig.tell(order("1234", source="woo", number="2026-0017-B"))

    assert sorted(rig.orders) == ["shop:1234", "woo:1234"]
    assert {one["storeId"] for one in rig.orders.values()} == {"shop", "woo"}


@pytest.mark.parametrize("gone", [{}, {"productId": "0"}, {"productId": "null"}, {"productId": None}])
def test_a_line_whose_product_is_gone_adds_to_the_amount_only(rig, gone):  # field cases 10 and 12
    some = [{**gone, "title": "Old mug", "quantity": 1, "price": 12.0}, {"productId": "8", "quantity": 1, "price": 8.0}]
    rig.tell(order(total=20.0, amount=20.0, lines=some), order("1002"))

    assert lines(rig.orders["shop:1001"]) == [("shop:8", 1)]
    assert rig.orders["shop:1001"]["amount"] == 20.0
    assert "shop:1002" in rig.orders


def test_an_order_is_its_buyers_who_is_known_by_the_address_on_it_alone(rig):  # field case 11
    told = order("1", email=None)
    rig.tell(replace(told, record={**told.record, "email": "Tove@example.com", "customer": None}))

    assert rig.orders["shop:1"]["email"] == "tove@example.com"


def test_an_order_without_any_address_ends_with_a_note(rig):  # field case 11
    rig.tell(order(email=None))

    assert rig.orders == {}
    assert rig.called("/orders/status") == []
    assert "The buyer has no address that is known." in rig.notes()
    assert (rig.waits(), rig.client.hlen("tajo:parked")) == (0, 0)


def test_a_gift_card_leaves_an_order_that_earned_nothing(rig):  # field case 12
    rig.tell(order(total=0.0, amount=0.0, lines=[{"productId": "5", "quantity": 1, "price": 25.0}]))

    assert rig.orders["shop:1001"]["amount"] == 0.0
    assert rig.orders["shop:1001"]["status"] == "paid"


def test_a_deleted_order_earns_nothing_until_it_is_restored(rig):  # field case 13
    rig.tell(order("77", total=40.0, amount=40.0))
    rig.tell(bare("77", DELETED, -5))
    deleted = rig.orders["shop:77"]
    rig.tell(order("77", kind=UPDATED, when=-1, total=40.0, amount=40.0))

    assert (deleted["status"], deleted["amount"]) == ("deleted", 0.0)
    assert (rig.orders["shop:77"]["status"], rig.orders["shop:77"]["amount"]) == ("paid", 40.0)
    assert deleted["contact_id"] == rig.orders["shop:77"]["contact_id"]


def test_the_delete_of_an_order_that_nobody_told_of_sends_nothing(rig):
    rig.tell(bare("77", DELETED, -5))

    assert (rig.orders, rig.waits()) == ({}, 0)


def test_times_are_utc(rig):  # field case 15
    rig.tell(order(createdAt="2026-03-28T21:30:00-04:00"))

    assert rig.orders["shop:1001"]["createdAt"] == "2026-03-29T01:30:00.000Z"


def test_a_variation_that_is_gone_is_left_out(rig):  # field case 22
    some = [{"productId": "60", "variantId": "0", "quantity": 1, "price": 1.0}]
    rig.tell(order(lines=[*some, {"productId": "60", "variantId": "61", "quantity": 2, "price": 1.0}]))

    first, second = rig.orders["shop:1001"]["products"]
    assert "variantId" not in first
    assert second["variantId"] == "shop:60:61"


def test_a_part_of_a_piece_and_many_lines(rig):
    some = [{"productId": f"p{n}", "quantity": 1 if n else 0.25, "price": 1.0} for n in range(350)]
    rig.tell(order(lines=some))

    told = rig.orders["shop:1001"]["products"]
    assert told[0] == {"productId": "shop:p0", "price": 1.0, "quantityFloat": 0.25}
    assert len(told) == 350


def test_a_test_order_is_not_sent(rig):
    rig.tell(order(isTest=True))

    assert rig.orders == {}
    assert "A test order: no money moved." in rig.notes()
