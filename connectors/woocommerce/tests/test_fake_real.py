"""The fake WooCommerce does what a running shop was seen to do (WooCommerce 9.8.3 and 11.0.1, 2026-11-28)."""

from __future__ import annotations

import json

import pytest

from connectors.woocommerce.tests.caller import NOW_S, Woo, basic, signature
from customer_sync.kit.fakes.clock import iso
from tests.fakes.receiver import receiving

REPORT = "/wc-analytics/reports/customers"
NOWHERE = "http://127.0.0.1:9/hook"
FIELD = "SendinblueWoocommerce/newsletter_opt_in"


@pytest.fixture
def woo():
    return Woo()


def deliver(woo):
    return woo.fake("POST", "deliver")["posted"]


def sent(woo):
    """Return topic and body of what was delivered, pings apart."""
    found = woo.fake("GET", "deliveries")["deliveries"]
    return [(one["topic"], json.loads(one["body"])) for one in found if one["topic"] != "ping"]


def reported(woo, user):
    return next(row for row in woo.all(REPORT) if row["user_id"] == user)


def keys_of(row):
    return {one["key"] for one in row["meta_data"]}


# Fields of plugins


def test_customers_show_fields_of_plugins_to_an_administrators_key_only(woo):
    manager = woo.fake("POST", "keys", {"role": "shop_manager"})
    as_manager = {"key": manager["key"], "secret": manager["secret"]}

    assert "ws_opt_in" in keys_of(woo.get("customers/11"))
    assert "meta_data" not in woo.call("GET", "customers/11", **as_manager).json()
    assert all("meta_data" not in row for row in woo.call("GET", "customers", **as_manager).json())
    order = woo.call("GET", "orders/5001", **as_manager).json()
    assert keys_of(order) == {"ws_opt_in"}
    woo.fake("POST", "settings", {"role": "shop_manager"})
    assert "meta_data" not in woo.get("customers/11")


def test_protected_fields_never_show_on_customers_but_do_on_orders(woo):
    protected = f"_wc_other/{FIELD}"
    woo.call("PUT", "customers/11", {"meta_data": [{"key": protected, "value": "1"}, {"key": "shown", "value": "1"}]})
    woo.call("PUT", "orders/5001", {"meta_data": [{"key": protected, "value": "1"}]})

    assert keys_of(woo.get("customers/11")) >= {"shown", "ws_opt_in"}
    assert protected not in keys_of(woo.get("customers/11"))
    assert protected in keys_of(woo.get("orders/5001"))
    assert protected in keys_of(woo.fake("GET", "customers/11"))


def test_bodies_of_webhooks_are_made_with_the_rights_of_whose_key_made_the_webhook(woo):
    manager = woo.fake("POST", "keys", {"role": "shop_manager"})
    woo.hook("customer.updated", NOWHERE)
    made = woo.call(
        "POST", "webhooks", {"topic": "customer.updated", "delivery_url": NOWHERE}, manager["key"], manager["secret"]
    )
    woo.fake("POST", "customers/11/login")
    deliver(woo)

    assert made.status == 201
    assert ["meta_data" in body for _, body in sent(woo)] == [True, False]


# The box of the block checkout


def box_of(order):
    return next(one["value"] for one in order["meta_data"] if one["key"] == f"_wc_other/{FIELD}")


@pytest.mark.parametrize(("location", "again"), [("contact", "1"), ("order", "0")])
def test_a_box_of_the_contact_is_filled_with_the_last_answer_and_one_of_the_order_is_not(location, again):
    woo = Woo(field_location=location)

    ticked = woo.fake("POST", "checkout", {"customer_id": 11, "box": True})
    left = woo.fake("POST", "checkout", {"customer_id": 11})
    unticked = woo.fake("POST", "checkout", {"customer_id": 11, "box": False})
    after = woo.fake("POST", "checkout", {"customer_id": 11})

    assert [box_of(order) for order in (ticked, left, unticked, after)] == ["1", again, "0", "0"]
    assert ticked["customer_id"] == 11


def shop_at(woo, path, body=None, cookie="", token=""):
    headers = {"Cart-Token": token, "Cookie": f"wordpress_logged_in={cookie}"}
    return woo.raw("GET" if body is None else "POST", f"/wp-json/wc/store/v1/{path}", headers, body)


def test_a_browser_sees_the_box_as_it_was_left_and_orders(woo):
    woo.hook("order.created", NOWHERE)
    token = shop_at(woo, "cart/add-item", {"id": 101, "quantity": 2}).headers["cart-token"]
    first = shop_at(woo, "checkout", cookie="12", token=token).json()
    body = {"billing_address": {"city": "Rostock"}, "additional_fields": {FIELD: True}}
    placed = shop_at(woo, "checkout", body, cookie="12", token=token).json()
    shop_at(woo, "cart/add-item", {"id": 101}, token=token)
    again = shop_at(woo, "checkout", cookie="12", token=token).json()

    order = woo.get(f"orders/{placed['order_id']}")
    assert (first["additional_fields"], again["additional_fields"]) == ({}, {FIELD: True})
    assert (order["customer_id"], order["billing"]["city"], box_of(order)) == (12, "Rostock", "1")
    assert order["line_items"][0]["quantity"] == 2
    assert deliver(woo) == 1


def test_an_empty_cart_cannot_be_ordered_and_a_guest_is_nobody(woo):
    assert shop_at(woo, "checkout", {}).code == "woocommerce_rest_cart_empty"
    token = shop_at(woo, "cart/add-item", {"id": 101}).headers["cart-token"]
    shop_at(woo, "cart/update-customer", {"billing_address": {"email": "gus@example.com"}}, token=token)

    placed = shop_at(woo, "checkout", {}, token=token).json()

    assert placed["customer_id"] == 0
    assert woo.get(f"orders/{placed['order_id']}")["billing"]["email"] == "gus@example.com"


@pytest.mark.parametrize(("version", "drafts"), [("9.8.3", 1), ("11.0.1", 0)])
def test_who_only_types_an_address_is_a_draft_and_in_the_report_of_the_older_version(version, drafts):
    woo = Woo(version=version)
    token = shop_at(woo, "cart/add-item", {"id": 101}).headers["cart-token"]
    shop_at(woo, "cart/update-customer", {"billing_address": {"email": "gone@example.net"}}, token=token)
    looked = shop_at(woo, "checkout", token=token).json()
    woo.clock.offset_s += 5

    rows = [row for row in woo.all(REPORT) if row["email"] == "gone@example.net"]
    assert (bool(looked["order_id"]), len(rows)) == (bool(drafts), drafts)
    assert [(row["orders_count"], row["date_last_order"], row["user_id"]) for row in rows] == [(0, None, 0)] * drafts
    if drafts:
        shop_at(woo, "checkout", {}, token=token)
        assert woo.get(f"orders/{looked['order_id']}")["status"] == "processing"


# Ties


def test_equal_rows_come_in_another_order_on_each_page_where_the_database_is_as_real_ones_are():
    steady, real = Woo(customers=400, arbitrary_ties=False), Woo(customers=400)
    by_activity = f"{REPORT}?orderby=date_last_active&order=asc"

    whole = [row["id"] for row in steady.all(by_activity, 20)]
    read = [row["id"] for row in real.all(by_activity, 20)]
    assert len(read) == len(whole) == len(set(whole))
    assert len(set(read)) < 0.9 * len(whole)
    for reader in (steady, real):
        accounts = [row["id"] for row in reader.all("customers?orderby=registered_date&role=all", 7)]
        assert (len(set(accounts)) == 400) is (reader is steady)
        assert len({row["id"] for row in reader.all("customers?orderby=id&role=all", 7)}) == 400


def test_the_report_can_be_read_by_numbers_without_a_loss():
    woo = Woo(customers=400)
    total = int(woo.call("GET", REPORT).headers["x-wp-total"])
    numbers = [range(first, first + 100) for first in range(1, total + 1, 100)]

    found = [woo.get(f"{REPORT}?per_page=100&customers={','.join(map(str, some))}") for some in numbers]

    assert len({row["id"] for rows in found for row in rows}) == total


@pytest.mark.parametrize(("version", "status"), [("9.8.3", 400), ("11.0.1", 200)])
def test_only_newer_versions_order_the_report_by_the_address(version, status):
    assert Woo(version=version).call("GET", f"{REPORT}?orderby=email").status == status


def test_who_was_never_active_has_no_time_of_it_in_the_report(woo):
    rows = woo.all(REPORT)

    assert {row["date_last_active"] is None for row in rows if row["user_id"] and not row["orders_count"]} >= {True}
    assert all(row["date_last_active"] for row in rows if row["orders_count"])
    assert not any("phone" in key for key in rows[0])


# The report


def test_an_order_that_is_imported_sets_the_last_activity_back(woo):
    woo.fake("POST", "orders", {"customer_id": 12, "status": "processing"})
    woo.clock.offset_s += 3
    woo.fake("POST", "customers/12/login")
    before = reported(woo, 12)
    woo.clock.offset_s += 5
    row = reported(woo, 12)

    assert row["orders_count"] == before["orders_count"] + 1
    assert before["date_last_active"] == iso(NOW_S + 3_600 + 3)
    assert row["date_last_active"] == iso(NOW_S + 3_600)


def test_a_visit_is_shown_to_the_second_and_by_the_older_version_as_midnight():
    for version, shown in (("11.0.1", "2027-01-15T09:00:00"), ("9.8.3", "2027-01-15T00:00:00")):
        woo = Woo(version=version)
        woo.fake("POST", "customers/12/login")

        assert reported(woo, 12)["date_last_active"] == shown


def test_new_shops_bring_the_report_up_to_date_every_twelve_hours():
    woo = Woo(report_every_s=43_200.0)
    before = reported(woo, 12)["orders_count"]
    woo.fake("POST", "orders", {"customer_id": 12, "status": "processing"})
    counts = []
    for offset_s in (3_600, 4 * 3_600 - 1, 4 * 3_600):  # it is eight in the morning
        woo.clock.offset_s = offset_s
        counts.append(reported(woo, 12)["orders_count"] - before)

    assert counts == [0, 0, 1]
    told = woo.get("/wc-analytics/imports/status")
    assert (told["mode"], told["next_scheduled"]) == ("scheduled", "2027-01-16T00:00:00")
    assert Woo().get("/wc-analytics/imports/status")["mode"] == "immediate"


def test_the_last_order_is_asked_for_in_the_time_of_the_site():
    woo = Woo(utc_offset_h=-5.0, report_lag_s=0.0)
    woo.fake("POST", "orders", {"customer_id": 12, "status": "processing"})

    assert reported(woo, 12)["date_last_order"] == "2027-01-15 03:00:00"
    found = [len(woo.all(f"{REPORT}?last_order_after=2027-01-15T{at}")) for at in ("03:00:00", "03:00:01", "08:00:00")]
    assert found == [1, 0, 0]


# Changes without a date


@pytest.mark.parametrize("hpos", [True, False])
def test_where_orders_are_posts_a_change_of_billing_fields_moves_no_date(hpos):
    woo = Woo(hpos=hpos)
    before = woo.get("orders/5001")["date_modified_gmt"]
    woo.fake("PATCH", "orders/5001", {"billing": {"first_name": "Zorro"}})
    billed = woo.get("orders/5001")
    woo.fake("PATCH", "orders/5001", {"status": "on-hold"})

    assert billed["billing"]["first_name"] == "Zorro"
    assert (billed["date_modified_gmt"] != before) is hpos
    assert woo.get("orders/5001")["date_modified_gmt"] == iso(NOW_S)


def test_another_role_raises_no_webhook_and_moves_no_date(woo):
    woo.hook("customer.updated", NOWHERE)
    before = woo.get("customers/12")
    woo.fake("POST", "customers/12/role", {"role": "subscriber"})

    assert deliver(woo) == 0
    assert woo.get("customers/12") == {**before, "role": "subscriber"}


# Plain permalinks


def test_without_pretty_permalinks_no_key_is_looked_at_unless_the_address_holds_the_pretty_path():
    woo = Woo(pretty_permalinks=False)
    plain = "/?rest_route=/wc/v3/customers&per_page=1"

    refused = woo.raw("GET", plain, basic())
    tricked = woo.raw("GET", f"{plain}&_=/wp-json/wc/", basic())

    assert (refused.status, refused.code) == (401, "woocommerce_rest_cannot_view")
    assert (tricked.status, len(tricked.json())) == (200, 1)


def test_a_pretty_path_is_sent_to_itself_with_a_slash_and_then_is_a_page():
    woo = Woo(pretty_permalinks=False)

    moved = woo.raw("GET", "/wp-json/wc/v3/customers", basic())
    page = woo.raw("GET", "/wp-json/wc/v3/customers/", basic())

    assert (moved.status, moved.headers["location"]) == (301, "/wp-json/wc/v3/customers/")
    assert moved.headers["x-redirect-by"] == "WordPress"
    assert (page.status, page.headers["content-type"][:9]) == (200, "text/html")


# Webhooks


def test_a_record_that_is_gone_at_delivery_makes_a_404_of_the_body(woo):
    for topic in ("customer.updated", "order.updated"):
        woo.hook(topic, NOWHERE)
    order = woo.fake("POST", "orders", {"customer_id": 12})["id"]
    woo.fake("PATCH", f"orders/{order}", {"status": "on-hold"})
    woo.fake("POST", "customers/12/login")
    woo.fake("DELETE", "customers/12")
    woo.fake("DELETE", f"orders/{order}?force=true")
    deliver(woo)

    assert dict(sent(woo)) == {
        "customer.updated": {"code": "wc_user_invalid_id", "message": "Invalid user ID.", "data": {"status": 404}},
        "order.updated": {
            "code": "woocommerce_rest_shop_order_invalid_id",
            "message": "Invalid ID.",
            "data": {"status": 404},
        },
    }


def test_an_owner_who_lost_rights_stays_the_owner_and_one_who_was_deleted_is_replaced(woo):
    number = woo.hook("customer.updated", NOWHERE)

    def status_of_body():
        woo.fake("DELETE", "deliveries")
        woo.fake("POST", "customers/11/login")
        deliver(woo)
        return sent(woo)[0][1].get("data", {"status": 200})["status"]

    woo.fake("POST", "settings", {"owner": "demoted"})
    statuses = [status_of_body()]
    woo.call("PUT", f"webhooks/{number}", {"status": "active"})
    woo.fake("POST", f"hooks/{number}/save")
    statuses.append(status_of_body())
    woo.fake("POST", "settings", {"owner": "gone"})
    statuses.append(status_of_body())
    woo.fake("POST", f"hooks/{number}/save")
    statuses.append(status_of_body())

    assert statuses == [403, 403, 401, 200]


def test_a_webhook_that_another_key_makes_has_another_owner(woo):
    woo.fake("POST", "settings", {"owner": "demoted"})
    other = woo.fake("POST", "keys", {})
    body = {"topic": "customer.updated", "delivery_url": NOWHERE}
    woo.call("POST", "webhooks", body, other["key"], other["secret"])
    woo.fake("POST", "customers/11/login")
    deliver(woo)

    assert sent(woo)[0][1]["id"] == 11


def test_a_secret_is_changed_by_a_put_and_told_nowhere(woo):
    with receiving() as receiver:
        number = woo.hook("customer.updated", receiver.url, secret="old1")
        told = woo.call("PUT", f"webhooks/{number}", {"secret": "new1"}).json()
        woo.fake("POST", "customers/11/login")
        deliver(woo)

    assert "secret" not in told
    assert receiver.got[-1].headers["x-wc-webhook-signature"] == signature(receiver.got[-1].body, "new1")


def test_failures_are_forgotten_by_a_success_alone(woo):
    with receiving(200, *[500] * 7, 200) as receiver:
        number = woo.hook("customer.updated", receiver.url)
        for _ in range(7):
            woo.fake("POST", "customers/11/login")
            deliver(woo)
        states = [woo.fake("GET", "state")["webhooks"][0]]
        woo.call("PUT", f"webhooks/{number}", {"status": "active", "secret": "other"})
        states.append(woo.fake("GET", "state")["webhooks"][0])
        woo.fake("POST", "customers/11/login")
        deliver(woo)
        states.append(woo.fake("GET", "state")["webhooks"][0])

    assert [(one["status"], one["failures"]) for one in states] == [("disabled", 6), ("active", 6), ("active", 0)]


@pytest.mark.parametrize("answer", [500, 404, 0])
def test_a_webhook_is_saved_and_active_whatever_the_ping_says(woo, answer):
    with receiving(*[answer or 200] * 2) as receiver:
        url = receiver.url if answer else NOWHERE
        made = woo.call("POST", "webhooks", {"topic": "order.created", "delivery_url": url})

    assert (made.status, made.json()["status"]) == (201, "active")
    assert woo.fake("GET", "state")["webhooks"][0]["wantsPing"] is True


def test_an_address_that_wordpress_forbids_is_saved_and_never_called(woo):
    woo.hook("customer.updated", "http://192.0.2.1:9999/hook")
    woo.fake("POST", "customers/11/login")
    deliver(woo)

    assert woo.fake("GET", "state")["webhooks"][0]["failures"] == 1


def test_a_new_account_is_told_of_twice_with_one_body(woo):
    for topic in ("customer.created", "customer.updated"):
        woo.hook(topic, NOWHERE)
    woo.fake("POST", "customers", {"email": "ann@example.com"})
    deliver(woo)

    (created, body), (updated, same) = sent(woo)
    assert (created, updated) == ("customer.created", "customer.updated")
    assert body == same


def test_only_accounts_of_the_role_customer_are_told_of_when_they_go(woo):
    woo.hook("customer.deleted", NOWHERE)
    woo.fake("POST", "customers/13/role", {"role": "subscriber"})
    for number in (12, 13):
        woo.fake("DELETE", f"customers/{number}")
    deliver(woo)

    assert sent(woo) == [("customer.deleted", {"id": 12})]


def test_the_orders_of_a_deleted_account_are_a_guests_and_no_date_moves(woo):
    before = [row for row in woo.all("orders") if row["customer_id"] == 13]
    woo.fake("DELETE", "customers/13")

    after = [woo.get(f"orders/{row['id']}") for row in before]
    assert {row["customer_id"] for row in after} == {0}
    assert [row["date_modified_gmt"] for row in after] == [row["date_modified_gmt"] for row in before]


@pytest.mark.parametrize("hpos", [True, False])
def test_the_trash_is_told_of_and_deleting_for_good_is_not(hpos):
    woo = Woo(hpos=hpos)
    for topic in ("order.deleted", "order.restored", "product.deleted", "product.restored"):
        woo.hook(topic, NOWHERE)
    woo.fake("DELETE", "orders/5001?force=true")
    assert deliver(woo) == 0
    woo.fake("DELETE", "orders/5004")
    woo.fake("POST", "orders/5004/restore")
    deliver(woo)

    told = sent(woo)
    assert [topic for topic, _ in told if topic.startswith("order")] == ["order.deleted", "order.restored"]
    of_products = [(topic, body) for topic, body in told if topic.startswith("product")]
    if hpos:
        assert of_products == []
    else:
        assert of_products[0] == ("product.deleted", {"id": 5004})
        assert (of_products[1][1]["code"], of_products[1][1]["data"]) == (
            "woocommerce_rest_product_invalid_id",
            {"status": 404},
        )


def test_people_act_by_themselves_and_are_told_of(woo):
    for topic in ("customer.created", "customer.deleted", "order.created"):
        woo.hook(topic, NOWHERE)
    happened = woo.fake("POST", "crowd", {"acts": 200})["happened"]
    deliver(woo)

    topics = [topic for topic, _ in sent(woo)]
    assert "merge" not in happened
    assert topics.count("customer.created") == happened["register"]
    assert topics.count("customer.deleted") == happened["delete"]
    assert topics.count("order.created") == happened["buy"] + happened["buy_as_guest"]
