"""What becomes of WooCommerce's orders, and of those that are a checkout still open."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.woocommerce.orders import STATES
from connectors.woocommerce.tests.deliveries import NOW, connector, inbound, parse
from customer_sync.errors import ConfigError, Refused
from customer_sync.model import Kind
from customer_sync.person.orders import counts, net
from customer_sync.skills.customer_sync import CustomerSync

SHOP = "x-wc-webhook-source"


def sale(order_id=501, **more):
    """Return an order that was paid: 100.00, of Mia, without an account."""
    return {
        "id": order_id,
        "status": "completed",
        "currency": "EUR",
        "total": "100.00",
        "customer_id": 0,
        "billing": {"email": "mia@example.com"},
        "line_items": [],
        "date_created_gmt": "2026-11-20T10:00:00",
        "date_modified_gmt": "2026-11-21T10:00:00",
        **more,
    }


def record(topic="order.updated", **more):
    return parse(topic, sale(**more)).record


def fields(told):
    """Return a record as the orders lane keeps it: each refund is a field of its own."""
    known = {name: value for name, value in told.items() if name != "refunds"}
    return known | {f"refund:{name}": amount for name, amount in told.get("refunds", {}).items()}


# where an order stands


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("pending", "placed"),
        ("failed", "placed"),
        ("on-hold", "placed"),
        ("processing", "paid"),
        ("completed", "paid"),
        ("refunded", "refunded"),
        ("cancelled", "cancelled"),
        ("trash", "deleted"),
        ("wc-completed", "paid"),
        ("shipped", "placed"),
        (None, "placed"),
        (7, "placed"),
    ],
)
def test_the_state_follows_the_status_and_the_word_of_the_shop_stays(status, state):
    told = record(status=status)

    assert told["state"] == state
    assert told["status"] == (None if status is None else str(status))


def test_a_status_of_a_plugin_is_paid_where_the_order_tells_when():
    assert record(status="shipped", date_paid_gmt="2026-11-20T10:05:00")["state"] == "paid"
    assert record(status="shipped", date_paid_gmt=None)["state"] == "placed"


@pytest.mark.parametrize("status", ["auto-draft", "draft", "new"])
def test_an_order_that_is_being_written_in_the_admin_tells_nothing(status):
    assert connector().parse(inbound("order.created", sale(status=status))) == []


def test_a_bank_transfer_is_placed_and_counts_once_the_money_is_there():
    waiting = record(status="on-hold", payment_method="bacs", payment_method_title="Bank transfer", date_paid_gmt=None)
    paid = record(status="processing", date_paid_gmt="2026-11-24T10:00:00", date_modified_gmt="2026-11-24T10:00:00")

    assert (waiting["state"], waiting["billing"]["paymentMethod"]) == ("placed", "Bank transfer")
    assert (counts(waiting), counts(paid)) == (False, True)
    assert waiting["createdAt"] == paid["createdAt"] == "2026-11-20T10:00:00Z"


def test_a_failed_order_is_worth_its_total_and_does_not_count():
    assert counts(record(status="failed")) is False


# money


def test_a_refund_in_part_leaves_the_order_paid_and_lowers_what_is_left():
    told = record(refunds=[{"id": 9, "reason": "", "total": "-30.00"}])

    assert (told["state"], told["total"], told["amount"], told["refunds"]) == ("paid", 100.0, 70.0, {"9": 30.0})
    assert float(net(fields(told))) == 70.0


def test_a_refund_that_was_deleted_is_none():
    told = record(refunds=[{"id": 0, "reason": "", "total": "-0.00"}, {"id": 9, "total": "-10.00"}])

    assert (told["amount"], told["refunds"]) == (90.0, {"9": 10.0})


@given(st.lists(st.integers(1, 20_000), max_size=6), st.integers(0, 20_000))
def test_what_is_left_is_the_total_without_the_refunds_and_never_below_nothing(cents, total):
    back = [{"id": at + 1, "total": f"-{one / 100:.2f}"} for at, one in enumerate(cents)]
    told = record(total=f"{total / 100:.2f}", refunds=back)

    assert told["amount"] == pytest.approx(max(total - sum(cents), 0) / 100)
    assert float(net(fields(told))) == pytest.approx(told["amount"])


@pytest.mark.parametrize("status", ["cancelled", "refunded", "trash"])
def test_nothing_is_left_of_an_order_that_is_cancelled_paid_back_or_deleted(status):
    told = record(status=status)

    assert (told["amount"], told["total"]) == (0.0, 100.0)
    assert net(fields(told)) == 0


def test_a_gift_card_is_a_fee_below_zero_and_the_total_of_the_shop_counts():
    told = record(
        status="processing",
        total="0.00",
        line_items=[{"product_id": 5, "quantity": 1, "total": "25.00", "total_tax": "0.00"}],
        fee_lines=[{"name": "Gift card", "total": "-25.00"}],
    )

    assert (told["total"], told["amount"], counts(told)) == (0.0, 0.0, True)
    assert [(one["productId"], one["price"]) for one in told["lines"]] == [("5", 25.0)]


def test_an_order_in_another_currency_says_so():
    assert record(currency="MXN", total="590.00")["currency"] == "MXN"


def test_a_total_that_is_none_leaves_no_amount():
    event = parse("order.updated", sale(total="-"))

    assert "amount" not in event.record
    assert [note.partition(":")[0] for note in event.notes] == ["total"]


# lines


def test_the_price_of_a_line_is_that_of_one_piece_with_tax_after_coupons():
    line = {"product_id": 5, "quantity": 2, "subtotal": "40.00", "total": "33.62", "total_tax": "6.38", "price": 16.81}
    (found,) = record(total="40.00", line_items=[line])["lines"]

    assert found["price"] == 20.0
    assert found["price"] * found["quantity"] == 40.0


@pytest.mark.parametrize(
    ("line", "price"),
    [
        ({"quantity": 1, "price": 12.5}, 12.5),
        ({"quantity": 3, "total": "10.00"}, 3.3333),
        ({"quantity": 0, "total": "10.00"}, None),
        ({"quantity": 1}, None),
        ({"quantity": 1, "total": "0.00", "total_tax": "0.00", "price": 0}, 0.0),
    ],
)
def test_a_line_without_a_total_has_the_price_that_it_tells_and_else_none(line, price):
    assert record(line_items=[line])["lines"][0].get("price") == price


@pytest.mark.parametrize(
    ("line", "ids"),
    [
        ({"product_id": 60, "variation_id": 0}, {"productId": "60"}),
        ({"product_id": 60, "variation_id": 61}, {"productId": "60", "variantId": "61"}),
        ({"product_id": 0, "variation_id": 0}, {}),
        ({"product_id": None}, {}),
    ],
)
def test_a_product_or_variation_that_is_gone_has_no_number(line, ids):
    (found,) = record(line_items=[{"name": "Old mug", "quantity": 1, "total": "12.00", **line}])["lines"]

    assert {name: found[name] for name in ("productId", "variantId") if name in found} == ids
    assert (found["title"], found["price"]) == ("Old mug", 12.0)


# who, when, which


def test_the_number_that_people_see_is_not_the_id():
    event = parse("order.updated", sale(1234, number="2026-0017-B"))

    assert (event.record_id, event.record["id"], event.record["number"]) == ("1234", "1234", "2026-0017-B")


def test_a_guest_is_known_by_the_address_and_an_account_by_its_number():
    guest = parse("order.created", sale(billing={"email": "Noor@Example.com"}))
    account = parse("order.created", sale(customer_id=12, billing={"email": "noor@example.com"}))

    assert (guest.customer_id, guest.record["email"]) == (None, "Noor@Example.com")
    assert (account.customer_id, account.record["customer"]["id"]) == ("12", "12")


@pytest.mark.parametrize(
    "renewal",
    [
        {"created_via": "subscription"},
        {"created_via": "checkout", "meta_data": [{"key": "_subscription_renewal", "value": "611"}]},
    ],
)
def test_the_renewal_of_a_subscription_says_so(renewal):
    assert record(order_id=655, **renewal)["isRenewal"] is True


def test_the_first_order_of_a_subscription_is_no_renewal():
    meta = [{"key": "_subscription_renewal", "value": ""}]

    assert record(created_via="checkout", meta_data=meta)["isRenewal"] is False


BERLIN = {"date_created": "2026-03-29T03:30:00", "date_created_gmt": "2026-03-29T01:30:00"}


@pytest.mark.parametrize(
    ("times", "options", "created"),
    [
        (BERLIN, {}, "2026-03-29T03:30:00+02:00"),
        ({**BERLIN, "date_created_gmt": None}, {"time_zone": "Europe/Berlin"}, "2026-03-29T03:30:00+02:00"),
        ({"date_created": "2026-03-28T03:30:00"}, {"time_zone": "Europe/Berlin"}, "2026-03-28T03:30:00+01:00"),
        # nobody said the zone: another time of the body tells how far from UTC the shop is
        (
            {"date_created": "2026-11-20T12:00:00", "date_modified": "2026-11-21T11:00:00"},
            {},
            "2026-11-20T12:00:00+01:00",
        ),
    ],
)
def test_a_time_without_one_in_utc_is_in_the_zone_of_the_shop(times, options, created):
    body = {key: value for key, value in sale().items() if key != "date_created_gmt"} | times
    event = parse("order.created", body, **options)

    assert event.record["createdAt"] == created
    assert not event.notes


def test_a_time_of_which_nobody_knows_the_zone_stays_unknown_and_is_noted():
    event = parse("order.created", {"id": 1, "status": "pending", "date_created": "2026-03-29T03:30:00"})

    assert "createdAt" not in event.record
    assert event.occurred_at == NOW
    assert event.notes == ("date_created: no time in UTC beside it, and the shop's zone is not known",)


def test_the_change_of_an_order_without_times_in_utc_counts_from_the_time_of_the_shop():
    body = {"id": 1, "status": "pending", "date_modified": "2026-11-21T12:00:00"}

    assert parse("order.updated", body, time_zone="Europe/Berlin").occurred_at == datetime(2026, 11, 21, 11, tzinfo=UTC)


@pytest.mark.parametrize("zone", ["Berlin", "", 7, ["UTC"]])
def test_a_time_zone_that_is_none_says_what_to_write(zone):
    with pytest.raises(ConfigError, match="time_zone"):
        connector(time_zone=zone)


# deleted and restored


def test_of_what_is_deleted_only_the_number_comes_and_it_may_be_an_order_or_a_cart():
    order, cart = connector().parse(inbound("order.deleted", {"id": 77}))

    assert (order.kind, order.record, cart.kind, cart.record) == (
        Kind.ORDER_DELETED,
        {"id": "77"},
        Kind.CART_DELETED,
        {"id": "77"},
    )
    assert order.id != cart.id


def test_an_order_that_is_restored_is_as_it_was():
    event = parse("order.restored", sale(77, total="40.00"))

    assert (event.kind, event.record["state"], event.record["amount"]) == (Kind.ORDER_UPDATED, "paid", 40.0)


# carts


def draft(order_id=810, **more):
    return sale(order_id, status="checkout-draft", total="60.00", created_via="store-api", **more)


def test_an_open_checkout_is_a_cart_and_no_order():
    (event,) = connector().parse(inbound("order.created", draft(), **{SHOP: "https://tea.example.com/"}))

    assert (event.kind, event.record_id, event.customer_id) == (Kind.CART_UPDATED, "810", None)
    assert event.record["carts"] == ["810"]
    assert (event.record["email"], event.record["isLoggedIn"]) == ("mia@example.com", False)
    assert event.record["url"] == "https://tea.example.com/checkout/"
    assert not {"state", "status", "amount", "refunds"} & set(event.record)


def test_an_open_checkout_makes_no_contact():
    cart = parse("order.created", draft(meta_data=[{"key": "ws_opt_in", "value": "1"}]))

    assert cart.consents == ()
    assert not CustomerSync(lambda _: {}).intent(cart).steps


@pytest.mark.parametrize("status", ["pending", "on-hold", "processing"])
def test_the_order_names_the_cart_that_it_was(status):
    cart, order = parse("order.created", draft(810)), parse("order.updated", sale(810, status=status))

    assert set(order.record["carts"]) & set(cart.record["carts"])
    assert order.kind is Kind.ORDER_UPDATED


def test_two_people_with_the_same_goods_have_two_carts():
    one, other = (parse("order.created", draft(number, cart_hash="ab12")).record for number in (810, 811))

    assert not set(one["carts"]) & set(other["carts"])


def test_an_emptied_checkout_has_no_lines():
    assert parse("order.updated", draft(line_items=[])).record["lines"] == []


def test_a_checkout_says_whether_somebody_is_logged_in_and_the_typed_address_is_its_own():
    cart = parse("order.updated", draft(customer_id=5, billing={"email": "eva.work@example.com"}))

    assert (cart.customer_id, cart.record["email"], cart.record["isLoggedIn"]) == ("5", "eva.work@example.com", True)


@pytest.mark.parametrize("typed", ["lea@example", "lea", ""])
def test_half_an_address_in_a_checkout_is_none_and_parks_nothing(typed):
    cart = parse("order.updated", draft(billing={"email": typed, "first_name": "Lea"}))

    assert (cart.kind, cart.record["email"]) == (Kind.CART_UPDATED, None)
    assert bool(cart.notes) is bool(typed)


@pytest.mark.parametrize(
    ("link", "url"),
    [
        ("https://tea.example.com/kasse/order-pay/810/?pay_for_order=true&key=wc_1", "https://tea.example.com/kasse/"),
        (
            "https://tea.example.com/?page_id=8&order-pay=810&pay_for_order=true&key=wc_1",
            "https://tea.example.com/?page_id=8",
        ),
        ("javascript:alert(1)", None),
        ("", None),
        (None, None),
    ],
)
def test_the_way_back_is_the_checkout_page_without_what_opens_the_pay_page(link, url):
    cart = parse("order.updated", draft(payment_url=link)).record

    assert cart.get("url") == url
    assert "wc_1" not in str(cart)


PAY = "https://tea.example.com/checkout/order-pay/811/?pay_for_order=true&key=wc_1"


@pytest.mark.parametrize(
    ("more", "is_cart"),
    [
        ({"status": "pending", "created_via": "checkout"}, True),
        ({"status": "failed", "created_via": "store-api"}, True),
        ({"status": "pending", "created_via": "admin"}, False),
        ({"status": "pending", "created_via": "subscription"}, False),
        ({"status": "on-hold", "created_via": "checkout"}, False),
        ({"status": "processing", "created_via": "checkout"}, False),
    ],
)
def test_an_order_that_was_not_paid_at_the_till_is_a_cart_where_the_owner_says_so(more, is_cart):
    delivery = inbound("order.created", sale(811, payment_url=PAY, **more))
    order, *carts = connector(unpaid_carts=True).parse(delivery)

    assert order.kind is Kind.ORDER_PLACED
    assert [(one.kind, one.record["url"], one.record["carts"]) for one in carts] == (
        [(Kind.CART_UPDATED, PAY, order.record["carts"])] if is_cart else []
    )
    assert len({order.id, *(one.id for one in carts)}) == 1 + len(carts)
    assert [one.kind for one in connector().parse(delivery)] == [Kind.ORDER_PLACED]


# a copy of the shop


@pytest.mark.parametrize(
    ("shop_url", "sender", "is_ours"),
    [
        ("https://shop.example.com", "https://shop.example.com/", True),
        ("shop.example.com", "http://www.shop.example.com/", True),
        ("https://www.shop.example.com/", "https://shop.example.com/", True),
        ("https://SHOP.example.com/wp-admin/index.php", "https://shop.example.com/", True),
        ("https://shop.example.com", "https://shop.example.com/pt-br/", True),
        ("https://example.com/shop", "https://example.com/shop/", True),
        ("https://müller.example", "https://xn--mller-kva.example/", True),
        ("http://shop.example.com:8080", "http://shop.example.com:8080/", True),
        (None, "https://staging.example.com/", True),
        ("https://shop.example.com", "", True),
        ("https://shop.example.com", "https://staging.example.com/", False),
        ("https://shop.example.com", "https://shop.example.com/staging/", False),
        ("https://example.com/shop", "https://example.com/copy/", False),
        ("https://shop.example.com", "https://shop.example.com:8443/", False),
    ],
)
def test_a_genuine_delivery_of_a_copy_of_the_shop_is_refused(shop_url, sender, is_ours):
    ours = connector(**({"shop_url": shop_url} if shop_url else {}))
    signed = ours.sign(inbound("order.created", sale(), **({SHOP: sender} if sender else {})), "secret")

    if is_ours:
        ours.verify(signed, ("secret",))
    else:
        with pytest.raises(Refused, match="another shop") as refusal:
            ours.verify(signed, ("secret",))
        assert (refusal.value.status, refusal.value.cause) == (401, "other account")


def test_the_readme_has_every_status_with_its_state():
    text = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`[^|]+) \| (?:no order, )?`(\w+)` \|", text, re.MULTILINE)

    assert {status: state for names, state in rows for status in re.findall(r"`([\w-]+)`", names)} == STATES
