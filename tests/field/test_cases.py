"""Failures that others reported, in the bodies of the platforms, from the signed webhook to what Brevo has then."""

from __future__ import annotations

import threading
from itertools import permutations

import pytest

from customer_sync.errors import Refused
from customer_sync.pipeline import deliver
from tests.field.bodies import LINE, checkout, shopify_order, woo_order

KAI = "kai@example.com"


def seen(house):
    return {name: (row["status"], row["amount"], row["email"]) for name, row in house.orders.items()}


def test_01_a_refund_in_part_is_taken_off_order_and_totals(house):
    order = woo_order(house, email="mia@example.com")
    house.woo("order.created", order)
    house.pass_time(minutes=1)
    refunded = {**order, "refunds": [{"id": 9, "total": "-30.00"}], "date_modified_gmt": house.iso()[:19]}
    house.woo("order.updated", refunded)
    calls = len(house.http.calls)
    house.woo("order.updated", refunded)

    assert seen(house) == {"woo:501": ("paid", 70.0, "mia@example.com")}
    assert house.totals("mia@example.com") == (1, 70)
    assert len(house.http.calls) == calls


def test_02_what_was_never_paid_is_no_revenue(house):
    order = shopify_order(house, 1, "80.00", financial_status="pending", email="leo@example.com")
    house.shopify("orders/create", order)
    house.pass_time(minutes=1)
    house.shopify("orders/cancelled", {**order, "cancelled_at": house.iso(), "updated_at": house.iso()})

    assert seen(house) == {"shop:1": ("cancelled", 0.0, "leo@example.com")}
    assert house.totals("leo@example.com") == (0, 0)


@pytest.mark.parametrize("is_other_first", [False, True])
def test_03_two_currencies_are_never_added_not_even_before_an_order_was_sent(house, is_other_first):
    shop, shown = {"amount": "30.00", "currency_code": "EUR"}, {"amount": "590.00", "currency_code": "MXN"}
    money = {"shop_money": shop, "presentment_money": shown}
    fine = shopify_order(house, 1, "30.00", email=KAI, total_price_set=money, current_total_price_set=money)
    other = {**woo_order(house, 9, "590.00", currency="MXN", email=KAI), "number": "2026-9"}
    told = [lambda: house.shopify("orders/create", fine), lambda: house.woo("order.created", other)]
    for tell in told[:: -1 if is_other_first else 1]:
        tell()

    assert seen(house) == {"shop:1": ("paid", 30.0, KAI)}
    assert house.totals(KAI) == (1, 30)
    assert "Order 2026-9 is in MXN" in house.notes()


@pytest.mark.parametrize("way", list(permutations(range(4)))[::5])
def test_04_guest_orders_join_the_account(house, way):
    noor = "noor@example.com"
    told = [
        ("order.created", woo_order(house, 1, "20.00", email="Noor@Example.com")),
        ("order.created", woo_order(house, 2, "30.00", email=noor)),
        ("customer.created", {"id": 12, "email": noor, "date_created_gmt": house.iso(-3)[:19], "role": "customer"}),
        ("order.created", woo_order(house, 3, "50.00", email=noor, customer_id=12)),
    ]
    for place in way:
        house.woo(*told[place])

    assert house.totals(noor) == (3, 100)
    assert [one for one in house.contacts if "noor" in one] == [noor]


@pytest.mark.parametrize("topics", list(permutations(("orders/create", "orders/updated", "orders/paid"))))
def test_05_one_order_told_three_times_starts_one_automation_for_its_buyer(house, topics):
    order = shopify_order(house, email=KAI)
    for topic in topics:
        house.shopify(topic, order, work=False)
    house.read()
    workers = [threading.Thread(target=_deliver, args=(house.another(),)) for _ in range(2)]
    for one in workers:
        one.start()
    for one in workers:
        one.join()
    house.pass_time(seconds=2)

    assert seen(house) == {"shop:7001": ("paid", 45.0, KAI)}
    assert house.totals(KAI) == (1, 45)
    assert house.fired == [("paid", "shop:7001")]


def test_05_an_order_waits_for_the_contact_of_its_buyer(house):
    house.shopify("orders/create", shopify_order(house, email=KAI), work=False)
    house.read()
    while deliver(house.line, "orders").did_work:
        pass
    before = dict(house.orders)
    house.pass_time(seconds=2)

    assert before == {}
    assert seen(house) == {"shop:7001": ("paid", 45.0, KAI)}


def _deliver(line):
    for lane in ("contacts", "orders"):
        while deliver(line, lane).did_work:
            pass


def test_06_a_renewal_is_marked_counts_and_leaves_the_cart_open(house):
    house.subscriber(KAI)
    house.woo("order.created", woo_order(house, 610, "25.00", email=KAI))
    house.pass_time(minutes=5)
    house.shopify("checkouts/update", checkout(house))
    house.pass_time(minutes=10)
    renews = [{"key": "_subscription_renewal", "value": "611"}]
    house.woo("order.created", woo_order(house, 655, "25.00", email=KAI, created_via="subscription", meta_data=renews))
    house.pass_time(hours=2)

    assert house.totals(KAI) == (2, 50)
    assert house.orders["woo:655"]["metaInfo"]["isRenewal"] is True
    assert house.mails == [KAI]


def test_07_a_bank_transfer_counts_once_it_is_paid_with_its_first_date(house):
    order = woo_order(house, 700, "60.00", email=KAI, status="checkout-draft")
    house.woo("order.created", order)
    draft = dict(house.orders)
    house.pass_time(minutes=2)
    house.woo("order.updated", {**order, "status": "on-hold", "date_modified_gmt": house.iso()[:19]})
    held, before = seen(house), house.totals(KAI)
    house.pass_time(days=3)
    house.woo("order.updated", {**order, "status": "processing", "date_modified_gmt": house.iso()[:19]})

    assert (draft, held, before) == ({}, {"woo:700": ("created", 60.0, KAI)}, (0, 0))
    assert house.totals(KAI) == (1, 60)
    assert house.contacts[KAI]["attributes"]["FIRST"] == order["date_created_gmt"][:10]


def test_08_an_edited_order_counts_what_is_left(house):
    lines = [{"product_id": 60, "quantity": 2, "price": "38.40"}, {"product_id": 61, "quantity": 1, "price": "19.20"}]
    order = shopify_order(house, 1, "96.00", email=KAI, line_items=lines)
    house.shopify("orders/create", order)
    house.pass_time(minutes=1)
    left = [{**lines[0], "current_quantity": 1}, {**lines[1], "current_quantity": 0}]
    house.shopify("orders/edited", {"order_edit": {"id": 5, "order_id": 1}})
    edited = {**order, "current_total_price": "38.40", "updated_at": house.iso(), "line_items": left}
    house.shopify("orders/updated", edited)

    assert house.orders["shop:1"]["amount"] == 38.4
    assert [(one["productId"], one["quantity"]) for one in house.orders["shop:1"]["products"]] == [("shop:60", 1)]
    assert house.totals(KAI) == (1, 38.4)


def test_11_an_order_of_nobody_ends(house):
    house.shopify("orders/create", shopify_order(house, 1, customer=None, email="", contact_email="tove@example.com"))
    people = set(house.contacts)
    house.shopify("orders/create", shopify_order(house, 2, customer=None, email="", phone="+4712345678"))

    assert seen(house) == {"shop:1": ("paid", 45.0, "tove@example.com")}
    assert house.totals("tove@example.com") == (1, 45)
    assert set(house.contacts) == people
    assert (house.store.parked.count(), house.store.lanes.depth("orders")[0]) == (0, 0)


def test_12_a_gift_card_is_no_product_and_leaves_an_order_of_nothing(house):
    fee = [{"name": "Gift card", "total": "-25.00"}]
    lines = [{"id": 1, "product_id": 60, "variation_id": 0, "quantity": 1, "total": "25.00"}]
    house.woo("order.created", woo_order(house, 1, "0.00", email=KAI, line_items=lines, fee_lines=fee))

    assert seen(house) == {"woo:1": ("paid", 0.0, KAI)}
    assert house.totals(KAI) == (1, 0)


@pytest.mark.parametrize("is_slow", [False, True])
def test_13_a_deleted_order_counts_again_once_it_is_restored_however_slow_the_shop_tells_it(house, is_slow):
    order = woo_order(house, 77, "40.00", email="jo@example.com")
    house.woo("order.created", order)
    changed_at = house.iso(2)[:19]
    house.pass_time(minutes=1)
    house.woo("order.deleted", {"id": 77})
    deleted = house.totals("jo@example.com"), seen(house)["woo:77"]
    house.pass_time(minutes=1)
    at = changed_at if is_slow else house.iso()[:19]
    house.woo("order.restored", {**order, "date_modified_gmt": at})

    assert deleted == ((0, 0), ("deleted", 0.0, "jo@example.com"))
    assert seen(house)["woo:77"] == ("paid", 40.0, "jo@example.com")
    assert house.totals("jo@example.com") == (1, 40)


def test_15_times_are_utc_whatever_zone_they_are_written_in(house):
    written = {"date_created": "2026-03-29T03:30:00", "date_created_gmt": None}
    house.woo("order.created", woo_order(house, 1, email=KAI, **written))
    house.woo("order.created", woo_order(house, 2, email=KAI, **{**written, "date_created_gmt": "2026-03-29T01:30:00"}))
    house.shopify("orders/create", shopify_order(house, 3, email=KAI, created_at="2026-03-28T21:30:00-04:00"))

    assert {row["createdAt"] for row in house.orders.values()} == {"2026-03-29T01:30:00.000Z"}


def test_19_a_copy_of_the_shop_is_refused(house):
    with pytest.raises(Refused, match="another shop"):
        house.woo("order.created", woo_order(house, email=KAI), shop="https://staging.example.com/")
    house.work()

    assert (house.orders, KAI in house.contacts) == ({}, False)


def test_22_a_variation_that_is_gone_is_no_product(house):
    for number in (1, 2):
        house.woo("order.created", woo_order(house, number, email=KAI))
        variable = {"id": 60, "name": "Mug", "type": "variable", "status": "publish", "variations": [62]}
        house.woo("product.updated", {**variable, "date_modified_gmt": house.iso()[:19]})

    for row in house.orders.values():
        assert [(one["productId"], one.get("variantId")) for one in row["products"]] == [("woo:60", None)]
    assert list(house.products) == ["woo:60"]


def test_23_an_order_may_come_before_its_product(house):
    house.shopify("orders/create", shopify_order(house, 1, email=KAI, line_items=[{**LINE, "product_id": 900}]))
    house.pass_time(seconds=1)
    product = {"id": 900, "title": "New", "handle": "new", "status": "active", "published_at": house.iso()}
    house.shopify("products/create", {**product, "updated_at": house.iso(), "variants": [{"id": 61, "price": "40.00"}]})

    assert list(house.orders) == ["shop:1"]
    assert "shop:900" in house.products


def test_26_the_mail_goes_to_the_typed_address_and_its_order_ends_the_series(house):
    house.subscriber("anna@example.com", 5)
    house.subscriber("anna.work@example.com", 6)
    account = {"id": 5, "email": "anna@example.com", "state": "enabled"}
    house.shopify("checkouts/update", checkout(house, "anna.work@example.com", customer=account))
    house.pass_time(hours=2)
    house.shopify("orders/create", shopify_order(house, email="anna.work@example.com"))
    house.pass_time(days=4)

    assert house.mails == ["anna.work@example.com"]


def test_28_a_shopping_robot_is_nobody(house):
    people = set(house.contacts)
    house.shopify("checkouts/update", checkout(house, "john.smith-0001@storebotmail.joonix.net"))
    house.pass_time(days=3)

    assert set(house.contacts) == people
    assert (house.mails, house.events, house.store.mails.report("abandoned-cart")) == ([], [], {})


def test_29_total_and_prices_of_a_cart_are_in_one_currency(house):
    def money(shop, shown):
        kinds = {"shop_money": (shop, "EUR"), "presentment_money": (shown, "CZK")}
        return {name: {"amount": one, "currency_code": code} for name, (one, code) in kinds.items()}

    house.subscriber(KAI)
    line = {**LINE, "quantity": 2, "price": "500.00", "price_set": money("20.00", "500.00")}
    more = {"total_price": "1000.00", "total_price_set": money("40.00", "1000.00"), "line_items": [line]}
    house.shopify("checkouts/update", checkout(house, presentment_currency="CZK", **more))
    house.pass_time(hours=2)

    (mail,) = house.sandbox.mails.rows()
    cart = mail["params"]["cart"]
    assert (cart["currency"], cart["total"], cart["lines"][0]["price"]) == ("EUR", 40.0, 20.0)


@pytest.mark.parametrize("how", ["unsubscribe", "blocked", "acts/hard_bounce"])
def test_34_nobody_is_mailed_who_left_between_two_mails(house, how):
    house.subscriber(KAI)
    house.shopify("checkouts/update", checkout(house))
    house.pass_time(hours=2)
    if how == "blocked":
        house.brevo("PUT", f"/contacts/{KAI}", {"emailBlacklisted": True})
    else:
        house.act(how, {"email": KAI})
    house.pass_time(days=4)

    assert house.mails == [KAI]
