"""Orders, products and carts of the fake shop: what happens is told of, and webhook and pull tell the same."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from connectors.shopify import bulk, pull
from connectors.shopify.connector import ShopifyConnector
from connectors.shopify.tests.caller import PLENTY, caller
from connectors.shopify.tests.contract import TRIAL
from connectors.shopify.tests.test_fake_parity import SAMPLES, shapes
from customer_sync.errors import TajoError
from customer_sync.kit.connector import SourceSettings
from customer_sync.kit.fakes.faults import KINDS, PAGES
from customer_sync.kit.outbound import HttpClient
from customer_sync.kit.reach import Access, Want
from customer_sync.model import Inbound, Kind
from tests.contract.trial import MemoryVault
from tests.fakes.receiver import receiving, until
from tests.stores.servers import store_server

TOPICS = (
    *("ORDERS_CREATE", "ORDERS_UPDATED", "ORDERS_PAID", "ORDERS_CANCELLED", "ORDERS_EDITED", "ORDERS_DELETE"),
    *("ORDERS_FULFILLED", "REFUNDS_CREATE", "PRODUCTS_CREATE", "PRODUCTS_UPDATE", "PRODUCTS_DELETE"),
    *("CARTS_CREATE", "CARTS_UPDATE", "CHECKOUTS_CREATE", "CHECKOUTS_UPDATE", "CHECKOUTS_DELETE"),
)
LINES = [{"title": "Lamp", "price": 4000, "quantity": 2}, {"title": "Shade", "price": 1600}]


@pytest.fixture
def app():
    with caller(**PLENTY, products=3) as found, receiving() as receiver:
        for topic in TOPICS:
            found.subscribe(topic, receiver.url)
        found.receiver = receiver
        yield found


def told(app, *topics):
    """Return what was heard, in the order in which it was raised, once these topics came."""
    wanted = sorted(topics)

    def check():
        got = list(app.receiver.got)
        return got if sorted(one.headers["x-shopify-topic"] for one in got) == wanted else None

    found = until(check)
    app.receiver.got.clear()
    return [
        event for one in sorted(found, key=lambda one: one.headers["x-shopify-triggered-at"]) for event in read(one)
    ]


def read(one):
    settings = SourceSettings("demo", "shopify", ("demo-client-secret",), {"shop_url": "demo.myshopify.com"})
    ours = ShopifyConnector(settings)
    headers = {name.lower(): value for name, value in one.headers.items()}
    inbound = Inbound("demo", headers, one.body, datetime(2026, 11, 21, 12, tzinfo=UTC))
    ours.verify(inbound, ("demo-client-secret",))
    return ours.parse(inbound)


def last(events, kind):
    return [event for event in events if event.kind is kind][-1].record


def test_a_paid_order_is_told_of_three_times(app):
    (who,) = app.fake("customers", {"customers": [{"email": "ann@example.com", "firstName": "Ann"}]})["ids"]
    app.fake("orders", {"customer": who, "lines": LINES, "codes": ["WELCOME"]})
    events = told(app, "orders/create", "orders/paid", "orders/updated")

    assert {event.record["amount"] for event in events} == {96.0}
    assert {(event.customer_id, event.record["state"]) for event in events} == {(who, "paid")}
    assert last(events, Kind.ORDER_PLACED)["coupons"] == ["WELCOME"]


def test_an_order_that_is_edited_has_the_lines_that_are_left(app):
    order = app.fake("orders", {"email": "ann@example.com", "lines": LINES, "paid": False})["id"]
    told(app, "orders/create", "orders/updated")
    app.fake("orders/edit", {"id": order, "left": [1, 0]})
    record = last(told(app, "orders/edited", "orders/updated"), Kind.ORDER_UPDATED)

    assert (record["total"], record["amount"], len(record["lines"])) == (96.0, 40.0, 1)
    assert (record["state"], record["customer"]) == ("placed", {"email": "ann@example.com"})


def test_a_refund_in_the_buyers_currency_is_the_shops_money_in_both_bodies(app):
    shown = {"currency": "MXN", "rate": 20}
    order = app.fake("orders", {"email": "a@example.com", "lines": LINES, "shown": shown})["id"]
    told(app, "orders/create", "orders/paid", "orders/updated")
    app.fake("orders/refund", {"id": order, "amount": 3000})
    events = told(app, "refunds/create", "orders/updated")

    record = last(events, Kind.ORDER_UPDATED)
    assert (record["currency"], record["amount"], list(record["refunds"].values())) == ("EUR", 66.0, [30.0])
    assert last(events, Kind.ORDER_REFUNDED) == {"id": order}


@pytest.mark.parametrize("paid", [True, False])
def test_a_cancelled_order_is_worth_nothing(app, paid):
    order = app.fake("orders", {"email": "a@example.com", "lines": LINES, "paid": paid})["id"]
    told(app, "orders/create", *(["orders/paid"] if paid else []), "orders/updated")
    app.fake("orders/cancel", {"id": order})
    more = ["refunds/create", "orders/updated"] if paid else []
    record = last(told(app, "orders/cancelled", "orders/updated", *more), Kind.ORDER_UPDATED)

    assert (record["state"], record["amount"], record["lines"]) == ("cancelled", 0.0, [])
    app.fake("orders/delete", {"id": order})
    assert last(told(app, "orders/delete"), Kind.ORDER_DELETED)["id"] == order


def test_what_is_paid_later_and_sent_is_told_of(app):
    order = app.fake("orders", {"email": "a@example.com", "lines": LINES, "paid": False})["id"]
    told(app, "orders/create", "orders/updated")
    app.fake("orders/pay", {"id": order})
    assert last(told(app, "orders/paid", "orders/updated"), Kind.ORDER_UPDATED)["status"] == "paid"
    app.fake("orders/send", {"id": order})
    assert last(told(app, "orders/fulfilled", "orders/updated"), Kind.ORDER_UPDATED)["status"] == "fulfilled"


def test_a_product_is_made_changed_taken_back_and_deleted(app):
    product = app.fake("products", {"title": "New lamp", "variants": [1000, 1400]})["id"]
    made = last(told(app, "products/create"), Kind.PRODUCT_UPDATED)
    app.fake("products/change", {"id": product, "price": 800})
    cheaper = last(told(app, "products/update"), Kind.PRODUCT_UPDATED)
    app.fake("products/change", {"id": product, "status": "draft"})
    taken_back = last(told(app, "products/update"), Kind.PRODUCT_UPDATED)
    app.fake("products/delete", {"id": product})

    assert (made["price"], made["isPublished"], made["hasAllVariants"]) == (10.0, True, True)
    assert (cheaper["price"], taken_back["isPublished"]) == (8.0, False)
    assert last(told(app, "products/delete"), Kind.PRODUCT_DELETED) == {"id": product}


def test_of_130_variants_the_webhook_holds_a_hundred(app):
    app.fake("products", {"title": "Wall", "variants": list(range(1000, 1130))})
    record = last(told(app, "products/create"), Kind.PRODUCT_UPDATED)

    assert (len(record["variants"]), record["hasAllVariants"]) == (100, False)


def test_a_cart_is_filled_left_emptied_filled_again_and_bought(app):
    cart = app.fake("checkouts", {"lines": LINES})
    begun = told(app, "carts/create")
    app.fake("checkouts", {"token": cart["token"], "email": "kai@example.com", "lines": LINES})
    typed = told(app, "carts/update", "checkouts/create")
    app.fake("checkouts/empty", {"token": cart["token"]})
    emptied = told(app, "carts/update")
    app.fake("checkouts", {"token": cart["token"], "lines": LINES[:1]})
    again = told(app, "carts/update", "checkouts/update")
    app.fake("checkouts/complete", {"token": cart["token"]})
    bought = told(app, "checkouts/update", "orders/create", "orders/paid", "orders/updated")

    assert {event.record_id for event in (*begun, *typed, *emptied, *again)} == {cart["cart"]}
    assert [event.record.get("email") for event in typed if "email" in event.record] == ["kai@example.com"]
    assert (emptied[0].record["lines"], emptied[0].record["total"]) == ([], 0.0)
    assert last(again, Kind.CART_UPDATED)["total"] == 80.0
    assert last(bought, Kind.CART_UPDATED)["completedAt"]
    order = last(bought, Kind.ORDER_PLACED)
    assert order["carts"] == [cart["token"], cart["cart"]]
    assert order["customer"]["email"] == "kai@example.com"


def test_a_checkout_that_is_deleted_ends_its_cart(app):
    cart = app.fake("checkouts", {"email": "kai@example.com", "lines": LINES})
    told(app, "carts/create", "checkouts/create")
    app.fake("checkouts/delete", {"token": cart["token"]})
    (event,) = told(app, "checkouts/delete")

    assert (event.kind, event.record_id) == (Kind.CART_DELETED, cart["cart"])


def test_the_crowd_buys_leaves_carts_and_comes_back(app):
    for visit in ("leave", "come_back", "leave", "empty", "buy", "refund", "cancel"):
        facts = app.shop.found(int(app.fake("customers?limit=1")["customers"][0]["legacyResourceId"]))
        app.shop.habits.visit(facts, visit)

    state = app.fake("state")
    assert (state["orders"], state["checkouts"]) == (2, 3)
    statuses = {one["financial_status"] for one in app.fake("orders")["orders"]}
    assert statuses == {"partially_refunded", "refunded"}


def test_whom_the_crowd_lets_buy_has_bought_what_the_order_says(app):
    for _ in range(60):
        app.shop.crowd.act("buy_as_guest")

    orders = app.fake("orders")["orders"]
    assert orders
    for one in orders:
        facts = app.shop.customers.find(one["customer"]["id"])
        assert facts["lastOrderId"] == one["admin_graphql_api_id"]


def test_an_unknown_order_product_or_cart_is_refused_with_words(app):
    for path, body in (("orders/cancel", {"id": "7"}), ("products/change", {"id": "7"}), ("checkouts/empty", {})):
        answer = app.http.post(f"/fake/{path}", json=body)
        assert answer.status_code == 400
        assert "no such" in answer.get_data(as_text=True)


@pytest.mark.parametrize("protected", ["nulls", "denied"])
def test_without_protected_data_an_order_shows_nobody(protected):
    with caller(**PLENTY, protected_data=protected) as app, receiving() as receiver:
        app.subscribe("ORDERS_CREATE", receiver.url)
        app.fake("orders", {"email": "ann@example.com", "lines": LINES})
        found = until(lambda: receiver.got and receiver.got[0])

    assert b"ann@example.com" not in found.body
    assert json.loads(found.body)["name"] == "#1001"


# the same by pull


@pytest.fixture(scope="module")
def shop():
    arguments = ("--customers", "30", "--bucket", "1e9", "--schema", "none", "--bulk-seconds", "0.02")
    with store_server("shopify", *arguments, "--orders", "25", "--products", "7") as found:
        yield found


def pulled(shop, resource, since=None, **options):
    ours = ShopifyConnector(SourceSettings("trial", "shopify", (), {**TRIAL.options, **options}, shop.address))
    access, cursor, events, notes = Access(HttpClient(), MemoryVault()), None, [], set()
    fails = 0
    for _ in range(500):
        try:
            page = ours.pull(Want(resource, cursor, since), access)
        except TajoError:
            fails += 1
            assert fails < 15
            continue
        events += page.events
        notes |= set(page.notes)
        if page.cursor is None:
            return events, notes
        cursor = json.loads(json.dumps(page.cursor))
    raise AssertionError("a pull without an end")


def heard(shop, resource, topic):
    """Return what a webhook would tell of each record now."""
    ours = ShopifyConnector(SourceSettings("trial", "shopify", (), TRIAL.options))
    found = {}
    for body in shop.get(f"/fake/{resource}")[resource]:
        inbound = Inbound("trial", {"x-shopify-topic": topic}, json.dumps(body).encode(), datetime.now(UTC))
        found[str(body["id"])] = ours.parse(inbound)[0].record
    return found


@pytest.mark.parametrize("mode", ["full", "changes"])
@pytest.mark.parametrize(("resource", "topic"), [("orders", "orders/updated"), ("products", "products/update")])
def test_a_pull_brings_what_webhooks_tell(shop, monkeypatch, mode, resource, topic):
    monkeypatch.setattr(bulk, "PIECE_BYTES", 3_000)
    shop.post("/fake/reset")
    shop.post("/fake/products", {"title": "Wall", "variants": list(range(1000, 1130))})
    lines = [{"title": f"Lamp {n}", "price": 100} for n in range(23)]
    order = shop.post("/fake/orders", {"email": "ann@example.com", "lines": lines})["id"]
    shop.post("/fake/orders/refund", {"id": order, "amount": 300})
    shop.post("/fake/orders/edit", {"id": order, "left": [0]})
    events, _ = pulled(shop, resource, None if mode == "full" else datetime(2020, 1, 1, tzinfo=UTC))
    wanted = heard(shop, resource, topic)

    assert sorted(event.record_id for event in events) == sorted(wanted)
    for event in events:
        ours, theirs = dict(event.record), wanted[event.record_id]
        ours.pop("currency" if resource == "products" else "", None)
        if not theirs.get("hasAllVariants", True):
            assert (len(ours["variants"]), ours["hasAllVariants"]) == (130, True)
            continue
        for name in ("customer", "billing"):  # the API tells no province, and no country of a copy
            ours.pop(name, None)
            theirs.pop(name, None)
        assert ours == theirs


def test_an_incremental_pull_brings_what_changed(shop):
    shop.post("/fake/reset")
    since = datetime.now(UTC)
    order = shop.post("/fake/orders", {"email": "ann@example.com", "lines": LINES})["id"]
    events, _ = pulled(shop, "orders", since.replace(microsecond=0))

    assert order in [event.record_id for event in events]
    assert len(events) < 5


@pytest.mark.parametrize("mode", ["full", "changes"])
@pytest.mark.parametrize("resource", ["orders", "products"])
@pytest.mark.parametrize("fault", KINDS)
def test_everything_comes_whatever_goes_wrong(shop, monkeypatch, fault, resource, mode):
    monkeypatch.setattr(bulk, "PIECE_BYTES", 4_000)
    monkeypatch.setattr(pull, "MAX_SIZE", 3)
    monkeypatch.setattr(pull, "FIRST_SIZE", 3)
    shop.post("/fake/reset")
    wanted = {str(one["id"]) for one in shop.get(f"/fake/{resource}")[resource]}
    for skip in (0, 1):
        shop.fault(fault, skip=skip, **({"operation": resource} if fault in PAGES else {}))
    events, _ = pulled(shop, resource, None if mode == "full" else datetime(2020, 1, 1, tzinfo=UTC))

    assert {event.record_id for event in events} == wanted
    if mode == "changes" or fault not in PAGES:
        assert shop.get("/fake/state")["faults"][fault] == 2, "the stand-in did not play it"


def test_old_orders_are_seen_only_with_the_scope_for_them_and_the_run_says_so(shop):
    shop.post("/fake/reset")
    old = shop.post("/fake/orders", {"email": "a@example.com", "lines": LINES, "at": "2020-01-01T00:00:00Z"})["id"]
    events, notes = pulled(shop, "orders")

    assert old not in [event.record_id for event in events]
    assert any("60 days" in note for note in notes)


# the same as real samples

SAMPLED = {
    "orders/create": "orders.create.docs-2026-04.json",
    "refunds/create": "refunds.create.docs-2026-04.json",
    "orders/edited": "orders.edited.docs-2026-04.json",
    "products/update": "products.update.docs-2026-04.json",
    "carts/create": "carts.create.docs-2026-04.json",
    "checkouts/update": "checkouts.update.docs-2026-04.json",
}
#: What the samples have no value for: a list that is empty there tells nothing of its entries.
OPEN = (".images[]", ".image", ".refunds[]", ".discount_codes[]", ".options[]", ".metafields", ".shipping_address")


@pytest.mark.parametrize("topic", sorted(SAMPLED))
def test_a_body_has_no_key_that_the_sample_lacks_and_the_same_types(app, topic):
    if not SAMPLES.exists():
        pytest.skip("the folder with real samples is not beside the repository")
    (who,) = app.fake("customers", {"customers": [{"email": "ann@example.com", "address1": "Main 1"}]})["ids"]
    product = app.fake("products", {"title": "New lamp"})["id"]
    app.fake("products/change", {"id": product, "price": 100})
    cart = app.fake("checkouts", {"customer": who, "lines": LINES})
    order = app.fake("checkouts/complete", {"token": cart["token"]})["id"]
    app.fake("orders/refund", {"id": order, "amount": 100})
    app.fake("orders/edit", {"id": order, "left": [1]})
    body = until(lambda: next((one.body for one in app.receiver.got if one.headers["x-shopify-topic"] == topic), None))
    wanted = shapes(json.loads((SAMPLES / SAMPLED[topic]).read_text(encoding="utf-8")))
    ours = {path: kind for path, kind in shapes(json.loads(body)).items() if not path.startswith(OPEN)}

    assert set(ours) <= set(wanted)
    both = {path for path in ours if "NoneType" not in (wanted[path], ours[path])}
    assert {path: ours[path] for path in both} == {path: wanted[path] for path in both}
