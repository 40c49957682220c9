"""What is read of a shop, in which calls, and what becomes of a shop's oddities."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from connectors.magento import pull
from connectors.magento.tests.standin import NOW, Standin, consent_of
from customer_sync.errors import ConfigError, TryLater, Unavailable


@pytest.fixture
def shop():
    return Standin()


def test_a_full_pull_never_asks_for_a_second_page_and_ends_with_the_last_record(shop, monkeypatch):
    monkeypatch.setattr(pull, "PAGE", 8)
    events, faults = shop.pull()

    assert (len(events), faults) == (24, [])
    lists = [query for _, path, query in shop.wire.sent if path.endswith("/customers/search")]
    assert len(lists) == 3
    assert all("currentPage%5D=1" in query for query in lists)


def test_a_thousand_changes_of_one_second_are_no_obstacle(shop, monkeypatch):
    monkeypatch.setattr(pull, "PAGE", 5)
    for number in range(1, 21):
        shop.act(f"customers/{number}", {"firstname": "Same"})
    events, _ = shop.pull(since=NOW)

    assert set(events) == {str(number) for number in range(1, 21)}


def test_larger_pages_than_the_shop_allows_are_halved_and_the_operator_is_told_once(shop):
    shop.fake.settings.max_page_size = 10
    pages = shop.pages()

    assert sum(page.records for page in pages) == 24
    assert [page.notes for page in pages if page.notes] == [("The shop allows pages of 6 at most.",)]


def test_a_list_that_is_null_is_empty(shop):
    shop.fake.settings.null_items = True
    shop.fake.shop.memos = type(shop.fake.shop.memos)()
    shop.fake.shop.products = type(shop.fake.shop.products)()

    assert shop.pull("products") == ({}, [])


def test_a_shop_that_ignores_the_filter_is_noticed(shop):
    shop.act("faults", {"kind": "ignore_filter", "count": None})

    with pytest.raises(TryLater, match="ignored the filter"):
        shop.pull(since=NOW)


def test_a_list_that_leads_nowhere_is_not_read_for_ever(shop, monkeypatch):
    monkeypatch.setattr(pull, "PAGE", 2)
    for number in range(1, 6):
        shop.act(f"customers/{number}", {"firstname": "Same"})
    send = shop.wire.send

    def sent(method, url, **more):
        found = send(method, url, **more)
        return found._replace(body=re.sub(rb'("updated_at": ?"[^" ]+) ', rb"\1T", found.body))

    shop.wire.send = sent
    with pytest.raises(TryLater, match="leads back"):
        shop.pull(since=NOW)


def test_a_page_that_stays_short_is_taken_and_said(shop):
    shop.act("faults", {"kind": "short_page", "count": 2})
    pages = shop.pages()

    assert pages[0].notes == ("The shop counts more customers than it lists.",)


def test_each_account_is_read_alone_because_the_list_takes_the_newsletter_of_another_website(shop):
    shop.act("customers/7/newsletter", {"agrees": True})
    shop.act("customers/8/newsletter", {"agrees": False})  # the same address at website 2
    listed = [shop.fake.shop.in_list(row)["extension_attributes"] for row in shop.fake.shop.customers.values()]
    events, _ = shop.pull()

    assert listed[7] == {"is_subscribed": True}
    assert consent_of(events["7"]) == "granted"
    assert consent_of(events["8"]) == "withdrawn"


class Known:
    """Remembers what was read, as the engine does."""

    def __init__(self):
        self.seen = {}

    def __call__(self, records, context):
        same = [self.seen.get((context, number)) == text for number, text in records]
        self.seen.update({(context, number): text for number, text in records})
        return same


@pytest.fixture
def no_turns(monkeypatch):
    """Nobody's turn ever comes."""
    monkeypatch.setattr("connectors.magento.reading.zlib.crc32", lambda _: NOW.toordinal() + 1)


@pytest.mark.usefixtures("no_turns")
def test_a_nightly_run_of_one_website_reads_alone_only_who_changed():
    shop, known = Standin(websites=1, customers=100), Known()
    shop.pull(known=known)
    first = shop.calls()
    pages = shop.pages(known=known)
    again = shop.calls()
    assert (len(first), len(again)) == (103, 3)
    assert [path for _, path in again] == [
        "/rest/all/V1/store/websites",
        "/rest/all/V1/store/storeConfigs",
        "/rest/all/V1/customers/search",
    ]
    assert sum(page.unchanged for page in pages) == 100

    shop.act("customers/3/newsletter", {"agrees": True})
    events, _ = shop.pull(known=known)

    assert set(events) == {"3"}
    assert consent_of(events["3"]) == "granted"


@pytest.mark.usefixtures("no_turns")
def test_a_nightly_run_of_two_websites_reads_alone_who_has_an_account_at_both(shop):
    known = Known()
    shop.pull(known=known)
    shop.act("customers/8/newsletter", {"agrees": True})
    shop.calls()
    events, _ = shop.pull(known=known)

    assert set(events) == {"7", "8", "15", "16", "23", "24"}
    assert consent_of(events["8"]) == "granted"
    lists = [path for _, path in shop.calls() if path.endswith("/customers/search")]
    assert len(lists) == 2


def test_within_a_week_everybody_is_read_alone_whatever_the_list_says():
    shop, known = Standin(websites=1), Known()
    shop.act("newsletter", {"email": shop.alone(2)["email"], "agrees": True})  # a guest's row, before the account's own
    shop.act("customers/2/newsletter", {"agrees": True})
    shop.pull(known=known)
    shop.act("customers/2/newsletter", {"agrees": False})
    nights = []
    for _ in range(7):
        shop.act("clock", {"advance_s": 86_400})
        nights.append(shop.pull(known=known)[0])

    assert sorted(number for night in nights for number in night) == sorted(str(one) for one in range(1, 25))
    assert [consent_of(night["2"]) for night in nights if "2" in night] == ["withdrawn"]


def test_one_website_alone_is_read_where_the_source_names_it(shop):
    events, _ = shop.pull(website="second")
    orders, _ = shop.pull("orders", website="base")

    assert set(events) == {"8", "16", "24"}
    assert all(one.customer_id not in {"8", "16", "24"} for one in orders.values())
    assert [one.record_id for one in shop.fetch("customers", 1, 8, website="second")] == ["8"]
    with pytest.raises(ConfigError, match="no website"):
        shop.pull(website="third")


def test_an_old_magento_that_hides_the_newsletter_leaves_consent_unknown_and_says_so(shop):
    shop.fake.settings.hides_flag = True
    (page,) = shop.pages()

    assert all(not one.consents for one in page.events)
    assert "does not tell who has the newsletter" in page.notes[0]


def test_an_order_is_read_with_its_credit_memos_in_the_base_currency(shop):
    order = shop.act("orders", {"customer_id": 1})
    shop.act(f"orders/{order['entity_id']}/state", {"state": "processing"})
    shop.act(f"orders/{order['entity_id']}/refund", {"amount": 6})
    (event,) = shop.fetch("orders", order["entity_id"])

    assert event.record["state"] == "paid"
    assert (event.record["total"], event.record["amount"], event.record["currency"]) == (16.0, 10.0, "DKK")
    assert event.record["refunds"] == {"1": 6.0}
    assert event.record["lines"] == [
        {"productId": "1", "sku": "LAMP-1", "title": "Lamp 1", "quantity": 1, "price": 11.0}
    ]
    assert event.customer_id == "1"
    assert event.is_pulled


def test_a_guests_order_has_no_account_and_its_own_address(shop):
    order = shop.act("orders", {"email": "gina@example.com"})
    (event,) = shop.fetch("orders", order["entity_id"])

    assert event.customer_id is None
    assert event.record["email"] == "gina@example.com"
    assert event.record["customer"]["email"] == "gina@example.com"
    assert "id" not in event.record["customer"]


@pytest.mark.parametrize(
    ("state", "ours", "amount"),
    [
        ("new", "placed", 16.0),
        ("pending_payment", "placed", 16.0),
        ("processing", "paid", 16.0),
        ("complete", "paid", 16.0),
        ("canceled", "cancelled", 0.0),
        ("closed", "refunded", 0.0),
        ("holded", "placed", 16.0),
        ("shipped_by_a_plugin", "placed", 16.0),
    ],
)
def test_where_an_order_stands(shop, state, ours, amount):
    order = shop.act("orders", {"customer_id": 1})
    shop.act(f"orders/{order['entity_id']}/state", {"state": state})
    (event,) = shop.fetch("orders", order["entity_id"])

    assert (event.record["state"], event.record["amount"]) == (ours, amount)


def test_what_is_held_counts_as_paid_once_something_was_paid(shop):
    order = shop.act("orders", {"customer_id": 1})
    shop.act(f"orders/{order['entity_id']}/state", {"state": "processing"})
    shop.act(f"orders/{order['entity_id']}/state", {"state": "holded"})

    assert shop.fetch("orders", order["entity_id"])[0].record["state"] == "paid"


def test_a_product_has_its_address_its_picture_and_no_price_of_nothing(shop):
    shop.act("products/1", {"type_id": "configurable", "price": 0})
    shop.act("products/2", {"status": 2})
    sale = [{"attribute_code": "special_price", "value": "9.5"}, {"attribute_code": "url_key", "value": "lamp"}]
    shop.act("products/3", {"custom_attributes": sale, "visibility": 1})
    events, _ = shop.pull("products")

    assert events["1"].record["price"] is None
    assert events["1"].record["url"] == "http://shop.example.com/lamp-1.html"
    assert events["1"].record["imageUrl"] == "http://shop.example.com/media/catalog/product/l/a/lamp_1.jpg"
    assert events["2"].record["isPublished"] is False
    assert (events["3"].record["price"], events["3"].record["compareAtPrice"]) == (9.5, 13.0)
    assert events["3"].record["isHidden"] is True
    assert events["3"].record["currency"] == "DKK"


def test_a_product_of_an_odd_kind_stops_no_run(shop):
    for row in shop.fake.shop.products.values():
        row["type_id"] = ["simple"]

    assert shop.pull("products")[0]


def test_a_special_price_of_other_days_is_none(shop):
    over = [
        {"attribute_code": "special_price", "value": "9.5"},
        {"attribute_code": "special_to_date", "value": "2026-11-01 00:00:00"},
    ]
    shop.act("products/3", {"custom_attributes": over})

    assert shop.pull("products")[0]["3"].record["price"] == 13.0


def test_a_cart_is_of_its_account_or_of_the_address_that_was_typed_and_over_once_it_is_not_active(shop):
    mine = shop.act("carts", {"customer_id": 1})["id"]
    typed = shop.act("carts", {"email": "gina@example.com"})["id"]
    shop.fake.shop.carts.get(typed)["is_active"] = False
    events, _ = shop.pull("carts")

    assert events[str(mine)].customer_id == "1"
    assert events[str(mine)].record["isLoggedIn"] is True
    assert (events[str(mine)].record["total"], events[str(mine)].record["currency"]) == (2.94, "EUR")
    assert events[str(typed)].record["email"] == "gina@example.com"
    assert events[str(typed)].record["completedAt"] == events[str(typed)].record["updatedAt"]
    assert "completedAt" not in events[str(mine)].record


def test_a_shop_where_too_many_records_break_their_pages_is_down():
    shop = Standin(customers=60)
    shop.fake.shop.bad["customers"] = set(range(1, 61))

    with pytest.raises(Unavailable):
        shop.pull()


def test_a_shop_that_answers_500_to_everything_is_down_and_nobody_is_named(shop):
    shop.act("faults", {"kind": "error", "count": None, "path": "*search*"})

    with pytest.raises(Unavailable):
        shop.pull()


def test_several_records_that_break_their_pages_are_all_named_and_all_others_read(shop, monkeypatch):
    monkeypatch.setattr(pull, "PAGE", 8)
    for number in (1, 9, 10, 24):
        shop.act("bad", {"resource": "customers", "id": number})
    events, faults = shop.pull()

    assert set(events) == {str(one) for one in range(1, 25)} - {"1", "9", "10", "24"}
    assert {fault.path for fault in faults} == {f"customers.{one}" for one in (1, 9, 10, 24)}
    assert len(faults) == 4


def test_an_account_that_cannot_be_made_alone_is_named_and_all_others_come(shop):
    shop.act("faults", {"kind": "error", "count": None, "path": "*/customers/5"})
    events, faults = shop.pull()
    fetched = shop.fetch("customers", 4, 5, 6)

    assert set(events) == {str(one) for one in range(1, 25)} - {"5"}
    assert [fault.path for fault in faults] == ["customers.5"]
    assert [getattr(one, "record_id", None) or one.path for one in fetched] == ["4", "6", "customers.5"]
    with pytest.raises(TryLater):
        shop.fetch("customers", 5)


def test_a_run_ends_where_the_only_account_that_changed_cannot_be_made(shop):
    shop.act("clock", {"advance_s": 900})
    shop.act("customers/5", {"firstname": "New"})
    shop.act("faults", {"kind": "error", "count": None, "path": "*/customers/5"})
    _, faults = shop.pull(since=NOW + timedelta(seconds=600))

    assert [fault.path for fault in faults] == ["customers.5"]


def test_a_shop_that_makes_no_account_at_all_is_asked_again_and_nobody_is_named(shop):
    shop.act("faults", {"kind": "error", "count": None, "path": "*/customers/[0-9]*"})

    for call in (shop.pull, lambda: shop.fetch("customers", 4, 5)):
        with pytest.raises(TryLater):
            call()
