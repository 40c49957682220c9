"""Orders and refunds as webhooks tell them: what is left, in which currency, and for whom."""

import itertools
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.shopify.orders import STATES
from connectors.shopify.tests.test_shopify import parse
from customer_sync.errors import PayloadError
from customer_sync.kit.connector import parse_time
from customer_sync.model import Kind, OrderState
from customer_sync.person.orders import REFUND, counts, net

EUR = {"currency_code": "EUR"}


def order(topic="orders/updated", **body):
    return parse(topic, {"id": 7001, "financial_status": "paid", "currency": "EUR", **body}).record


def refund(number, paid_back, **transaction):
    paid = {"kind": "refund", "status": "success", "amount": paid_back, "currency": "EUR", **transaction}
    return {"id": number, "order_id": 7001, "transactions": [paid]}


def money(shop, shown, currency="MXN"):
    return {
        "shop_money": {"amount": shop, **EUR},
        "presentment_money": {"amount": shown, "currency_code": currency},
    }


def fields(record):
    """Return the fields of the orders lane, in which each refund is a field of its own."""
    told = {name: value for name, value in record.items() if name != "refunds"}
    return told | {f"{REFUND}{one}": amount for one, amount in record.get("refunds", {}).items()}


@pytest.mark.parametrize(("word", "state"), [*STATES.items(), ("PAID", OrderState.PAID), (None, OrderState.PLACED)])
def test_each_of_shopifys_words_is_a_state(word, state):
    assert order(financial_status=word)["state"] == state


def test_a_word_that_is_not_known_counts_as_not_paid_and_is_noted():
    event = parse("orders/updated", {"id": 1, "financial_status": "paid_by_moonlight"})

    assert event.record["state"] == OrderState.PLACED
    assert [note.partition(":")[0] for note in event.notes] == ["financial_status"]


def test_a_body_that_does_not_tell_of_payment_says_nothing_of_the_state():
    assert not {"state", "status", "amount", "refunds", "lines", "isRenewal", "coupons", "billing", "carts"} & set(
        parse("orders/updated", {"id": 1}).record
    )


def test_a_cancelled_order_that_was_never_paid_is_worth_nothing_and_counts_nowhere():
    placed = order("orders/create", financial_status="pending", total_price="80.00", email="leo@example.com")
    cancelled = order(
        "orders/cancelled", financial_status="pending", total_price="80.00", cancelled_at="2026-11-21T10:00:00Z"
    )

    assert (placed["state"], placed["amount"], counts(fields(placed))) == (OrderState.PLACED, 80.0, False)
    assert (cancelled["state"], cancelled["status"]) == (OrderState.CANCELLED, "cancelled")
    assert (cancelled["amount"], cancelled["total"], counts(fields(cancelled))) == (0.0, 80.0, False)


def test_a_test_order_says_so_and_does_not_count():
    record = order(test=True, total_price="10.00")

    assert record["isTest"] is True
    assert not counts(fields(record))


def test_amounts_are_those_of_the_shops_currency_never_those_that_the_buyer_saw():
    line = {"product_id": 1, "quantity": 1, "price": "590.00", "price_set": money("30.00", "590.00")}
    record = order(
        total_price="590.00",
        currency="MXN",
        total_price_set=money("30.00", "590.00"),
        current_total_price_set=money("30.00", "590.00"),
        line_items=[line],
    )

    assert (record["currency"], record["total"], record["amount"]) == ("EUR", 30.0, 30.0)
    assert record["lines"][0]["price"] == 30.0


def test_a_refund_in_the_buyers_currency_is_turned_by_the_orders_own_rate():
    record = order(total_price_set=money("30.00", "600.00"), refunds=[refund(1, "200.00", currency="MXN")])

    assert record["refunds"] == {"1": 10.0}
    assert record["amount"] == 20.0


def test_a_refund_in_another_currency_without_a_rate_is_left_out_with_a_note():
    body = {**refund(1, "200.00", currency="MXN"), "total_duties_set": {"shop_money": {"amount": "0.00", **EUR}}}
    event = parse("refunds/create", body)

    assert event.record == {"id": "7001"}
    assert "another currency" in event.notes[0]


def test_a_refund_by_itself_is_turned_by_the_rate_of_its_lines():
    lines = [{"subtotal_set": money("10.00", "200.00")}]
    event = parse("refunds/create", {**refund(1, "200.00", currency="MXN"), "refund_line_items": lines})

    assert event.record["refunds"] == {"1": 10.0}


def test_an_edited_order_has_the_lines_and_the_money_that_are_left():
    record = order(
        total_price="96.00",
        current_total_price="38.40",
        line_items=[
            {"product_id": 1, "title": "A", "quantity": 2, "current_quantity": 1, "price": "38.40"},
            {"product_id": 2, "title": "B", "quantity": 1, "current_quantity": 0, "price": "19.20"},
        ],
    )

    assert [(line["productId"], line["quantity"], line["price"]) for line in record["lines"]] == [("1", 1, 38.4)]
    assert (record["total"], record["amount"]) == (96.0, 38.4)


def test_a_line_whose_product_is_gone_has_no_id_and_the_money_is_whole():
    gone = {"product_id": None, "variant_id": None, "title": "Old mug", "price": "12.00", "quantity": 1}
    kept = {"product_id": 5, "variant_id": 6, "title": "Cup", "price": "8.00", "quantity": 1}
    deleted = {**kept, "product_exists": False, "title": "Plate"}
    record = order(total_price="28.00", line_items=[gone, kept, deleted])

    assert [(line.get("productId"), line.get("variantId")) for line in record["lines"]] == [
        (None, None),
        ("5", "6"),
        (None, None),
    ]
    assert all("productId" not in line for line in (record["lines"][0], record["lines"][2]))
    assert record["amount"] == 28.0


def test_an_order_without_a_customer_belongs_to_the_address_of_contact():
    record = order("orders/create", customer=None, email="", contact_email="tove@example.com")

    assert record["customer"] == {"email": "tove@example.com"}
    assert record["email"] == "tove@example.com"


def test_an_order_of_nobody_is_an_order_without_a_fault():
    event = parse("orders/create", {"id": 1, "customer": None, "email": "", "phone": "+4712345678"})

    assert (event.customer_id, event.notes) == (None, ())
    assert event.record["customer"] == {"phone": "+4712345678"}


def test_the_time_of_an_order_is_one_moment_in_whatever_zone_it_is_written():
    record = order("orders/create", created_at="2026-03-28T21:30:00-04:00")

    assert parse_time(record["createdAt"], "createdAt") == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)


def test_an_order_that_was_loaded_into_the_shop_has_its_own_date():
    record = order(created_at="2026-11-21T10:00:00Z", processed_at="2019-05-01T08:00:00Z")

    assert record["createdAt"] == "2019-05-01T08:00:00Z"


@pytest.mark.parametrize(
    ("told", "is_renewal"),
    [
        ({"source_name": "web"}, False),
        ({"source_name": "subscription_contract"}, True),
        ({"source_name": "subscription_contract_checkout_one"}, True),
        ({"source_name": "web", "tags": "vip, Subscription Recurring Order"}, True),
        ({"tags": ["Subscription First Order"]}, False),
        ({"tags": 7.5}, False),
    ],
)
def test_a_renewal_is_known_by_its_source_or_by_a_tag(told, is_renewal):
    assert order(**told)["isRenewal"] is is_renewal


def test_an_order_names_the_checkout_and_the_cart_it_was_made_from():
    assert order(checkout_token="k1", cart_token="c1")["carts"] == ["k1", "c1"]
    assert order(checkout_token=None, cart_token=None)["carts"] == []


def test_billing_and_coupons_are_told():
    record = order(
        billing_address={"address1": "12 rue des Lilas", "city": "Lyon", "zip": "69003", "country_code": "FR"},
        payment_gateway_names=["visa", "gift_card"],
        discount_codes=[{"code": "WELCOME", "amount": "5.00", "type": "fixed_amount"}, {"code": ""}],
    )

    assert record["billing"] == {
        "address": "12 rue des Lilas",
        "city": "Lyon",
        "postCode": "69003",
        "countryCode": "FR",
        "paymentMethod": "visa",
    }
    assert record["coupons"] == ["WELCOME"]


@pytest.mark.parametrize(
    "transaction",
    [{"kind": "void"}, {"status": "failure"}, {"status": "pending"}, {"amount": "0.00"}, {"amount": "n/a"}],
)
def test_what_paid_nothing_back_is_no_refund(transaction):
    assert order(total_price="50.00", refunds=[refund(1, "10.00", **transaction)])["refunds"] == {}


def test_a_refund_tells_its_order_what_was_paid_back_and_nothing_else():
    event = parse("refunds/create", {**refund(9, "30.00"), "processed_at": "2026-11-21T10:00:00Z"})

    assert (event.kind, event.record_id, event.customer_id) == (Kind.ORDER_REFUNDED, "7001", None)
    assert event.record == {"id": "7001", "refunds": {"9": 30.0}}


def test_a_deleted_order_tells_its_id_and_that_it_is_deleted():
    event = parse("orders/delete", {"id": 7001})

    assert (event.kind, event.record) == (Kind.ORDER_DELETED, {"id": "7001", "state": "deleted"})


def test_a_refund_without_its_order_is_a_fault_and_one_without_an_id_in_an_order_is_noted():
    with pytest.raises(PayloadError, match="order_id"):
        parse("refunds/create", {"id": 1, "transactions": []})

    event = parse("orders/updated", {"id": 1, "refunds": [{**refund(1, "10.00"), "id": 1.5}]})
    assert event.record["refunds"] == {}
    assert event.notes


cents = st.integers(0, 100_000).map(lambda n: f"{n / 100:.2f}")


@given(st.lists(cents, max_size=4), cents, cents)
def test_what_is_left_is_never_below_nothing_nor_above_what_is_known(paid_back, total, current):
    refunds = [refund(number, amount) for number, amount in enumerate(paid_back, 1)]
    record = order(total_price=total, current_total_price=current, refunds=refunds)

    assert 0 <= record["amount"] <= min(float(total), float(current))
    assert all(amount > 0 for amount in record["refunds"].values())
    assert float(net(fields(record))) == pytest.approx(record["amount"])


@given(st.lists(cents, min_size=1, max_size=3))
def test_a_refund_told_by_itself_and_by_its_order_is_counted_once_in_either_order(paid_back):
    refunds = [refund(number, amount) for number, amount in enumerate(paid_back, 1)]
    bodies = [order(total_price="1000.00", current_total_price="1000.00", refunds=refunds)]
    bodies += [parse("refunds/create", one).record for one in refunds]

    ends = {
        net({name: value for one in heard for name, value in fields(one).items()})
        for heard in itertools.permutations(bodies)
    }
    assert len(ends) == 1
