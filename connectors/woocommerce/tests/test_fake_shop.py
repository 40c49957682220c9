"""The fake WooCommerce sells: orders, open checkouts, products and variations, as a shop tells of them."""

from __future__ import annotations

import pytest

from connectors.woocommerce.tests.caller import Woo
from connectors.woocommerce.tests.test_fake_real import NOWHERE, deliver, sent


@pytest.fixture
def woo():
    return Woo()


def parent_of(woo):
    return next(row for row in woo.all("products") if row["variations"])


def hooked(woo, *topics):
    for topic in topics:
        woo.hook(topic, NOWHERE)
    return woo


# products


def test_a_shop_has_products_of_every_kind(woo):
    found = woo.all("products")

    assert {row["type"] for row in found} == {"simple", "variable"}
    assert {row["status"] for row in found} == {"publish", "draft", "private"}


def test_variations_are_listed_with_one_image_and_read_alone_as_products(woo):
    parent = parent_of(woo)
    listed = woo.get(f"products/{parent['id']}/variations")
    alone = woo.get(f"products/{listed[0]['id']}")

    assert [row["id"] for row in reversed(listed)] == parent["variations"]
    assert "images" not in listed[0]
    assert listed[0]["image"]["src"]
    assert (alone["type"], alone["parent_id"], alone["price"]) == ("variation", parent["id"], listed[0]["price"])
    assert woo.call("GET", "products/9999/variations").code == "woocommerce_rest_product_invalid_id"


def test_a_variation_that_changes_tells_of_itself_and_lowers_the_price_of_its_product(woo):
    parent = parent_of(woo)
    small = parent["variations"][0]
    hooked(woo, "product.updated")
    woo.fake("PATCH", f"products/{small}", {"regular_price": "1.50"})
    deliver(woo)

    ((topic, body),) = sent(woo)
    assert (topic, body["id"], body["parent_id"], body["price"]) == ("product.updated", small, parent["id"], "1.50")
    after = woo.get(f"products/{parent['id']}")
    assert (after["price"], after["date_modified_gmt"]) == ("1.50", parent["date_modified_gmt"])


def test_a_new_variation_is_told_of_and_belongs_to_its_product(woo):
    hooked(woo, "product.created", "product.updated")
    made = woo.fake("POST", "products/101/variations", {"size": "huge", "regular_price": "30.00"})
    deliver(woo)

    assert [(topic, body["id"]) for topic, body in sent(woo)] == [
        ("product.created", made["id"]),
        ("product.updated", 101),
    ]
    assert woo.get("products/101")["variations"] == [made["id"]]
    assert [row["id"] for row in woo.get("products/101/variations")] == [made["id"]]


def test_a_product_goes_to_the_trash_and_comes_back_and_deleting_for_good_is_not_told(woo):
    hooked(woo, "product.deleted", "product.restored")
    assert woo.call("DELETE", "products/101").status == 200
    assert "101" not in {str(row["id"]) for row in woo.all("products")}
    woo.fake("POST", "products/101/restore")
    woo.call("DELETE", "products/102?force=true")
    deliver(woo)

    assert [(topic, body["id"]) for topic, body in sent(woo)] == [("product.deleted", 101), ("product.restored", 101)]
    assert woo.get("products/101")["status"] == "publish"
    assert woo.call("GET", "products/102").status == 404


# orders


def test_an_order_is_placed_paid_refunded_in_part_and_cancelled(woo):
    hooked(woo, "order.created", "order.updated")
    made = woo.fake("POST", "orders", {"email": "mia@example.com", "status": "on-hold"})
    paid = woo.fake("POST", f"orders/{made['id']}/pay")
    back = woo.fake("POST", f"orders/{made['id']}/refund", {"amount": "3.00"})
    gone = woo.fake("POST", f"orders/{made['id']}/cancel")

    assert (made["date_paid"], paid["status"]) == (None, "processing")
    assert paid["date_paid"]
    assert [one["total"] for one in back["refunds"]] == ["-3.00"]
    assert (back["status"], gone["status"], gone["total"]) == ("processing", "cancelled", made["total"])


def test_an_order_may_hold_a_variation_a_gift_card_and_a_number_and_currency_of_plugins(woo):
    parent = parent_of(woo)
    line = {"product_id": parent["id"], "variation_id": parent["variations"][1], "quantity": 2}
    fee = {"name": "Gift card", "total": "-5.00"}
    more = {"number": "2026-0017-B", "currency": "MXN", "payment_method": "cod"}
    made = woo.fake("POST", "orders", {"line_items": [line], "fee_lines": [fee], **more})

    (found,) = made["line_items"]
    assert (found["product_id"], found["variation_id"]) == (parent["id"], parent["variations"][1])
    assert {name: made[name] for name in more} == more
    assert [one["total"] for one in made["fee_lines"]] == ["-5.00"]
    gross = float(found["total"]) + float(found["total_tax"])
    assert float(made["total"]) == pytest.approx(gross + float(made["shipping_total"]) - 5)


# open checkouts


def test_a_checkout_that_is_left_open_is_told_of_as_an_order_and_its_end_is_not(woo):
    hooked(woo, "order.created", "order.deleted")
    made = woo.fake("POST", "carts", {"email": "ida@example.com"})
    deliver(woo)
    gone = woo.fake("POST", "carts/expire")
    deliver(woo)

    ((topic, body),) = sent(woo)
    assert (topic, body["id"], body["status"]) == ("order.created", made["id"], "checkout-draft")
    assert "/checkout/order-pay/" in body["payment_url"]
    assert made["id"] in gone["deleted"]
    assert woo.call("GET", f"orders/{made['id']}").status == 404


def test_the_draft_follows_the_cart_while_the_checkout_is_open():
    woo = hooked(Woo(version="9.8.3"), "order.updated")
    cart = {"Cart-Token": "t1"}
    woo.raw("POST", "/wp-json/wc/store/v1/cart/add-item", cart, {"id": 101, "quantity": 1})
    first = woo.raw("GET", "/wp-json/wc/store/v1/checkout", cart).json()
    woo.raw("POST", "/wp-json/wc/store/v1/cart/add-item", cart, {"id": 102, "quantity": 3})
    second = woo.raw("GET", "/wp-json/wc/store/v1/checkout", cart).json()

    assert first["order_id"] == second["order_id"]
    assert [one["product_id"] for one in woo.get(f"orders/{first['order_id']}")["line_items"]] == [101, 102]


# settings


def test_the_settings_tell_the_currency_and_whether_the_shop_reminds_by_itself():
    group = "settings/email_customer_abandoned_cart_recovery"

    assert Woo(currency="CHF").get("settings/general/woocommerce_currency")["value"] == "CHF"
    assert [Woo(own_reminder=on).get(f"{group}/automated")["value"] for on in (True, False)] == ["yes", "no"]
    assert Woo(version="9.8.3").call("GET", f"{group}/enabled").code == "rest_setting_setting_invalid"
    assert Woo(forbidden=("settings",)).call("GET", "settings/general/woocommerce_currency").status == 403


def test_people_buy_what_is_on_sale_and_variations_where_there_are_some(woo):
    before = {order["id"] for order in woo.all("orders")}
    woo.fake("POST", "crowd", {"acts": 300})
    orders = [order for order in woo.all("orders") if order["id"] not in before]
    lines = [line for order in orders for line in order["line_items"]]
    bought = {line["product_id"] for line in lines}

    assert len(bought) > 5
    assert bought <= {row["id"] for row in woo.all("products") if row["status"] == "publish"}
    assert any(line["variation_id"] for line in lines)
