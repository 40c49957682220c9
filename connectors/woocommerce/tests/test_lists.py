"""Pulls of orders, open checkouts and products, against the stand-in."""

import json
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from connectors.woocommerce import api, lists, place
from connectors.woocommerce.tests.caller import NOW_S, Woo, connected
from connectors.woocommerce.tests.canned import OPTIONS, access, rows
from connectors.woocommerce.tests.deliveries import connector, inbound
from customer_sync.errors import PayloadError, TryLater
from customer_sync.kit.reach import Want
from customer_sync.model import Kind

NOW = datetime.fromtimestamp(NOW_S, tz=UTC)
SINCE = NOW - timedelta(seconds=1)


@pytest.fixture
def woo(monkeypatch):
    for module in (api, place, lists):
        monkeypatch.setattr(module, "PER_PAGE", 10)
    monkeypatch.setattr(lists, "PRODUCTS_PER_PAGE", 5)
    return Woo()


def pages(woo, resource, since=None, **options):
    """Yield the pages of a pull, each by a process of its own; the cursor is what a database keeps."""
    cursor = None
    while True:
        reader, reach = connected(woo, **options)
        page = reader.pull(Want(resource, cursor, since), reach)
        yield page
        if page.cursor is None:
            return
        cursor = json.loads(json.dumps(page.cursor))


def read(woo, resource, since=None, **options):
    return [one for page in pages(woo, resource, since, **options) for one in page.events]


def latest(events):
    return {one.record_id: one.record for one in events}


# orders


def test_a_full_pull_brings_every_order_whole_and_no_draft(woo):
    found = read(woo, "orders")
    shop = {str(one.id): one for one in woo.store.records.orders.values() if one.status != "checkout-draft"}

    assert {one.record_id for one in found} == set(shop)
    assert {one.kind for one in found} == {Kind.ORDER_UPDATED}
    for number, record in latest(found).items():
        assert record["total"] == pytest.approx(shop[number].total / 100)
        assert sum(record["refunds"].values()) == pytest.approx(shop[number].back / 100)
        assert record["lines"]


def test_a_pull_has_several_pages_tells_how_many_there_are_and_goes_on_from_any_cursor(woo):
    found = list(pages(woo, "orders"))
    totals = [page.total for page in found if page.total is not None]

    assert len([page for page in found if page.events]) > 3
    assert totals[0] == len({one.record_id for page in found for one in page.events})


def test_an_incremental_pull_brings_what_changed_and_what_was_thrown_into_the_bin(woo):
    woo.clock.offset_s = 600
    woo.fake("POST", "orders/5004/refund", {"amount": "1.00"})
    woo.fake("POST", "orders/5007/cancel")
    woo.fake("DELETE", "orders/5010")
    found = latest(read(woo, "orders", SINCE + timedelta(seconds=600)))

    assert set(found) == {"5004", "5007", "5010"}
    assert [found[number]["state"] for number in ("5007", "5010")] == ["cancelled", "deleted"]
    assert found["5010"]["amount"] == 0


def test_many_orders_that_changed_in_one_second_are_all_read(woo):
    woo.clock.offset_s = 600
    made = {str(woo.fake("POST", "orders", {"email": f"g{n}@example.com"})["id"]) for n in range(35)}

    assert {one.record_id for one in read(woo, "orders", SINCE + timedelta(seconds=600))} == made


def test_an_order_that_changes_while_it_is_read_is_not_lost(woo):
    everybody = {str(one.id) for one in woo.store.records.orders.values() if one.status != "checkout-draft"}
    found = set()
    for step, page in enumerate(pages(woo, "orders")):
        found |= {one.record_id for one in page.events}
        if step < 3:
            woo.clock.offset_s += 5
            woo.fake("PATCH", f"orders/{5001 + 3 * step}", {"customer_note": "Ring twice"})

    assert found >= everybody


def test_a_shop_that_knows_no_filter_is_read_from_its_newest_order(woo):
    woo.store.settings.ignores_modified = True
    woo.clock.offset_s = 600
    woo.fake("POST", "orders/5004/cancel")
    found = list(pages(woo, "orders", SINCE + timedelta(seconds=600)))

    assert {one.record_id for page in found for one in page.events} == {"5004"}
    assert any("newest orders" in note for page in found for note in page.notes)
    assert {one.record_id for one in read(woo, "orders")} >= {"5001", "5004"}


def test_orders_that_the_key_may_not_read_are_passed_over_and_the_others_come():
    woo = Woo(hide_every=4)
    hidden = {str(one.id) for one in woo.store.records.orders.values() if woo.store.hides("orders", one.id)}
    found = {one.record_id for one in read(woo, "orders")}

    assert hidden
    assert not hidden & found
    assert len(found) > 20


def test_two_states_with_one_time_have_two_ids(woo):
    woo.store.settings.hpos = False
    before = {one.id for one in read(woo, "orders")}
    woo.fake("PATCH", "orders/5004", {"billing": {"city": "Kiel"}})

    assert len({one.id for one in read(woo, "orders")} - before) == 1


def test_orders_come_as_their_webhooks_bring_them(woo):
    (pulled,) = [one for one in read(woo, "orders") if one.record_id == "5004"]
    row = woo.get("orders/5004")

    heard = connector().parse(inbound("order.updated", row))[0]
    assert (pulled.record, pulled.consents, pulled.occurred_at) == (heard.record, heard.consents, heard.occurred_at)


# carts


def test_open_checkouts_come_as_carts_until_they_are_bought(woo):
    made = woo.fake("POST", "carts", {"email": "ida@example.com"})
    (cart,) = [one for one in read(woo, "carts") if one.record_id == str(made["id"])]
    woo.fake("POST", f"orders/{made['id']}/pay")

    assert (cart.kind, cart.record["email"], cart.record["isLoggedIn"]) == (
        Kind.CART_UPDATED,
        "ida@example.com",
        False,
    )
    assert str(made["id"]) not in {one.record_id for one in read(woo, "carts")}


# products


def test_a_full_pull_brings_every_product_with_its_variations_and_the_currency(woo):
    found = latest(read(woo, "products"))
    shelf = woo.store.records.shelf

    assert set(found) == {str(one) for one in shelf.products}
    assert {one["currency"] for one in found.values()} == {"EUR"}
    for number, record in found.items():
        assert record["hasAllVariants"] is True
        assert [one["id"] for one in record["variants"]] == [str(one["id"]) for one in shelf.parts_of(int(number))]
    assert Counter(one["isPublished"] for one in found.values())[False] == 4


def test_the_new_price_of_a_variation_arrives_and_the_product_has_the_lowest(woo):
    parent = next(one for one in woo.store.records.products.values() if one["variations"])
    small = parent["variations"][0]
    woo.clock.offset_s = 600
    woo.fake("PATCH", f"products/{small}", {"regular_price": "8.00"})
    woo.fake("PATCH", f"products/{parent['id']}", {"description": "New"})
    found = latest(read(woo, "products", SINCE + timedelta(seconds=600)))

    assert set(found) == {str(parent["id"])}
    told = found[str(parent["id"])]
    assert {one["id"]: one["price"] for one in told["variants"]}[str(small)] == 8.0
    assert told["price"] == 8.0


def test_a_product_in_the_trash_is_read_as_one_that_nobody_can_see(woo):
    woo.clock.offset_s = 600
    woo.fake("DELETE", "products/101")
    found = latest(read(woo, "products", SINCE + timedelta(seconds=600)))

    assert {number: record["isPublished"] for number, record in found.items()} == {"101": False}


def test_a_shop_that_does_not_list_its_trash_is_read_all_the_same():
    def answer(call):
        if call.params.get("status") == "trash":
            return 400, {"code": "rest_invalid_param"}
        known = {"wc/v3/products": rows([{"id": 30, "type": "simple"}]), "": (200, {})}
        return known.get(call.route, (200, {"value": "EUR"}))

    first = connector(**OPTIONS).pull(Want("products"), access(answer))
    last = connector(**OPTIONS).pull(Want("products", first.cursor), access(answer))

    assert [one.record_id for one in first.events] == ["30"]
    assert (last.events, last.cursor, any("trash" in note for note in last.notes)) == ([], None, True)


def test_a_product_without_a_price_is_one_of_a_page_and_the_others_come(woo):
    made = woo.fake("POST", "products", {"name": "Made to measure", "regular_price": ""})
    found = latest(read(woo, "products"))

    assert found[str(made["id"])]["price"] is None
    assert len(found) == 25


def test_a_key_that_may_not_see_the_settings_brings_products_without_a_currency_and_says_so():
    woo = Woo(forbidden=("settings",))
    found = list(pages(woo, "products"))

    assert not any("currency" in one.record for page in found for one in page.events)
    assert any("currency" in note for page in found for note in page.notes)


def test_variations_that_were_not_all_shown_say_so():
    answers = {
        "wc/v3/products": rows([{"id": 30, "type": "variable", "variations": [31, 32]}]),
        "wc/v3/products/30/variations": rows([{"id": 31, "price": "9.00"}], total=2),
        "wc/v3/settings/general/woocommerce_currency": (200, {"value": "EUR"}),
        "": (200, {}),
    }
    page = connector(**OPTIONS).pull(Want("products"), access(lambda call: answers[call.route]))

    assert [(one.record["hasAllVariants"], len(one.record["variants"])) for one in page.events] == [(False, 1)]


def test_a_product_that_is_gone_before_its_variations_are_read_is_left_out():
    answers = {
        "wc/v3/products": rows([{"id": 30, "type": "variable", "variations": [31]}, {"id": 40}]),
        "wc/v3/products/30/variations": (404, {"code": "woocommerce_rest_product_invalid_id"}),
        "wc/v3/settings/general/woocommerce_currency": (200, {"value": "EUR"}),
        "": (200, {}),
    }
    page = connector(**OPTIONS).pull(Want("products"), access(lambda call: answers[call.route]))

    assert [one.record_id for one in page.events] == ["40"]


# by number


@pytest.mark.parametrize("resource", ["orders", "products"])
def test_records_are_fetched_by_number_and_who_is_gone_is_absent(woo, resource):
    there = [str(one) for one in getattr(woo.store.records, resource)][:3]
    reader, reach = connected(woo)
    found = reader.fetch(resource, [*there, "999999", "none", "0"], reach)
    woo.fake("DELETE", f"{resource}/{there[0]}?force=true")
    later = reader.fetch(resource, there, reach)

    assert {one.record_id for one in found if not isinstance(one, PayloadError)} == set(there)
    assert {one.record_id for one in later} == set(there[1:])


def test_an_order_that_may_not_be_seen_is_not_taken_for_gone(woo):
    woo.fake("POST", "hidden", {"orders": [5004]})
    reader, reach = connected(woo)
    (found,) = reader.fetch("orders", ["5004"], reach)

    assert isinstance(found, PayloadError)
    assert "may not read" in found.found


def test_an_answer_about_other_records_is_not_believed():
    with pytest.raises(TryLater, match="other orders"):
        connector(**OPTIONS).fetch("orders", ["1"], access(lambda _: rows([{"id": 2}])))


# times


def test_a_shop_that_tells_no_time_in_utc_is_read_in_its_own_zone():
    order = {"id": 1, "status": "pending", "date_created": "2026-03-28T03:30:00"}
    answers = {
        "wc/v3/orders": rows([{**order, "date_modified": "2026-03-29T03:30:00"}]),
        "": (200, {"timezone_string": "Europe/Berlin"}),
    }
    (event,) = connector(**OPTIONS).pull(Want("orders"), access(lambda call: answers[call.route])).events

    assert (event.record["createdAt"], event.record["updatedAt"]) == (
        "2026-03-28T03:30:00+01:00",
        "2026-03-29T03:30:00+02:00",
    )
