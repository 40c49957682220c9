"""Carts and checkouts as webhooks tell them: one cart under one name, and what the visitor typed and saw."""

import pytest

from connectors.shopify.tests.test_shopify import parse
from customer_sync.model import Kind

LINE = {"product_id": 1, "variant_id": 2, "title": "Lamp", "price": "20.00", "quantity": 2}


def checkout(topic="checkouts/update", **body):
    return parse(topic, {"token": "k1", "cart_token": "c1", "currency": "EUR", **body})


def shop_money(amount, currency="EUR"):
    return {"shop_money": {"amount": amount, "currency_code": currency}}


def test_a_cart_its_checkout_and_its_end_are_one_cart():
    ids = {
        parse("carts/update", {"id": "c1", "token": "c1", "line_items": []}).record_id,
        checkout().record_id,
        checkout("checkouts/delete").record_id,
        parse("checkouts/delete", {"id": 981820079255243500, "cart_token": "c1"}).record_id,
    }

    assert ids == {"c1"}


def test_a_cart_has_the_names_by_which_orders_call_it():
    order = parse("orders/create", {"id": 1, "checkout_token": "k1", "cart_token": "c1"}).record

    assert set(checkout().record["carts"]) == set(order["carts"])
    assert checkout().record["id"] in order["carts"]


def test_a_checkout_that_was_made_without_a_cart_is_known_by_its_own_token():
    assert checkout(cart_token=None).record_id == "k1"


def test_a_checkout_tells_the_price_of_one_piece_and_where_to_go_on():
    record = checkout(
        email="kai@example.com",
        total_price="40.00",
        line_items=[LINE],
        abandoned_checkout_url="https://lamps.example/recover/k1",
        completed_at=None,
    ).record

    assert (record["currency"], record["total"], record["url"]) == ("EUR", 40.0, "https://lamps.example/recover/k1")
    assert [(line["quantity"], line["price"]) for line in record["lines"]] == [(2, 20.0)]
    assert record["completedAt"] is None


def test_a_checkout_that_was_bought_says_when():
    assert checkout(completed_at="2026-11-21T10:00:00Z").record["completedAt"] == "2026-11-21T10:00:00Z"


def test_an_emptied_cart_has_no_lines_and_one_that_does_not_tell_of_lines_has_none_either():
    emptied = parse("carts/update", {"id": "c1", "token": "c1", "line_items": []})

    assert (emptied.kind, emptied.record["lines"], emptied.record["total"]) == (Kind.CART_UPDATED, [], 0.0)
    assert "lines" not in parse("carts/update", {"id": "c1", "token": "c1"}).record


def test_a_cart_tells_its_total_by_its_lines_in_the_shops_currency():
    lines = [
        {**LINE, "price_set": shop_money("20.00"), "line_price": "800.00", "line_price_set": shop_money("40.00")},
        {**LINE, "price_set": shop_money("5.00"), "line_price": "200.00", "line_price_set": shop_money("10.00")},
    ]
    record = parse("carts/create", {"id": "c1", "token": "c1", "line_items": lines}).record

    assert (record["total"], record["currency"]) == (50.0, "EUR")
    assert [line["price"] for line in record["lines"]] == [20.0, 5.0]


def test_a_cart_without_all_prices_or_with_two_currencies_has_no_total():
    mixed = [{"line_price_set": shop_money("1.00")}, {"line_price_set": shop_money("1.00", "CZK")}]
    part = [{"line_price": "1.00"}, {}]

    for lines in (mixed, part):
        assert "total" not in parse("carts/update", {"id": "c1", "line_items": lines}).record


def test_the_cart_of_a_visitor_says_nothing_of_an_address():
    record = parse("carts/update", {"id": "c1", "token": "c1", "line_items": [LINE]}).record

    assert not {"email", "isLoggedIn", "url", "completedAt"} & set(record)
    assert record["customer"] == {}


def test_a_half_typed_address_is_left_out_and_a_whole_one_is_told():
    half, whole = (checkout(email=email) for email in ("lea@example", "lea@example.com"))

    assert "email" not in half.record
    assert half.record["customer"] == {}
    assert (whole.record["email"], whole.record["customer"]) == ("lea@example.com", {"email": "lea@example.com"})


def test_the_typed_address_speaks_for_itself_whoever_is_logged_in():
    event = checkout(email="anna.work@example.com", customer={"id": 5, "email": "anna@example.com"})

    assert (event.record["email"], event.customer_id) == ("anna.work@example.com", "5")


@pytest.mark.parametrize(
    ("told", "is_logged_in"),
    [
        ({"customer": None}, False),
        ({"customer": {"id": 5, "state": "disabled"}}, False),
        ({"customer": {"id": 5, "state": "enabled"}}, True),
        ({"customer": {"id": 5}}, None),
        ({}, None),
    ],
)
def test_whether_a_visitor_has_an_account_is_told_where_shopify_tells_it(told, is_logged_in):
    assert checkout(**told).record.get("isLoggedIn") is is_logged_in
