"""Reading the customers report: nobody is lost whatever the database does with equal rows, and no total goes back."""

import json
from collections import Counter
from datetime import UTC, datetime

import pytest

from connectors.woocommerce import analytics
from connectors.woocommerce.tests.caller import NOW_S, Woo, connected
from connectors.woocommerce.tests.canned import access
from connectors.woocommerce.tests.test_pull import SINCE, Store, at, connector, events_of, notes_of, pages_of, row
from customer_sync.kit.reach import Want
from customer_sync.model import to_ms, to_us
from customer_sync.person.merge import merge, stamp

REPORT = "wc-analytics/reports/customers"


def read(woo, since=None, **options):
    """Return every event of a pull of a store in this process."""
    reader, access = connected(woo, **options)
    cursor, found = None, []
    while True:
        page = reader.pull(Want("customers", cursor, since), access)
        found += page.events
        if page.cursor is None:
            return found
        cursor = json.loads(json.dumps(page.cursor))


def totals_of(events):
    """Return how often each person's totals were told: by the account's number, else by the address."""
    told = [one for one in events if "totalOrders" in one.record]
    return Counter(one.record_id or one.record["email"].lower() for one in told)


# nobody is lost


@pytest.mark.parametrize("version", ["9.8.3", "11.0.1"])
def test_a_full_pull_reads_every_row_of_the_report_once(version):
    woo = Woo(customers=400, version=version)
    rows = [one for one in woo.store.records.report.rows.values() if one["user_id"] or one["email"]]
    told = totals_of(read(woo))

    assert set(told) == {
        str(one["user_id"]) if one["user_id"] else one["email"].lower()
        for one in rows
        if one["user_id"] or one["orders_count"]
    }
    assert set(told.values()) == {1}


def test_more_buyers_than_a_page_are_all_read_by_an_incremental_pull():
    woo, everybody = Woo(report_lag_s=0.0), [f"g{number}@example.com" for number in range(230)]
    for number, email in enumerate(everybody):
        woo.clock.offset_s = 60 + number // 37
        woo.store.records.create_order({"billing": {"email": email}, "status": "processing"})

    told = totals_of(read(woo, datetime.fromtimestamp(NOW_S, tz=UTC)))

    assert set(everybody) <= set(told)


def test_more_buyers_than_a_page_in_one_second_come_to_an_end():
    report = [row(number, last_order="2026-11-21 12:00:00") for number in range(1, 151)]
    pages = pages_of(Store(report=report), SINCE)

    assert len({event.id for page in pages for event in page.events}) > 100


def test_one_page_of_buyers_is_one_call():
    store, asked = Store(report=[row(number, last_order="2026-11-21 12:00:00") for number in range(1, 90)]), []

    def answer(call):
        asked.append(call.route)
        return store(call)

    assert len(events_of(answer, SINCE)) == 89
    assert asked.count(REPORT) == 1


@pytest.mark.parametrize("gap", [150, 1_200, 4_000])
def test_a_gap_in_the_numbers_is_no_end(gap):
    report = [row(number) for number in [*range(1, 30), *range(30 + gap, 250 + gap)]]
    found = events_of(Store(report=report))

    assert {one.record["email"] for one in found} == {f"g{one['id']}@example.com" for one in report}


def test_rows_beyond_the_widest_gap_are_told(monkeypatch):
    monkeypatch.setattr(analytics, "MAX_GAP", 1_000)
    notes = notes_of(Store(report=[row(1), row(5_000), row(5_001)]))

    assert notes == ["2 rows of the customers report were not found: their numbers lie beyond a gap of 1100."]


def test_who_comes_while_the_report_is_read_is_read_too():
    store, cursor, found = Store(report=[row(number) for number in range(1, 151)]), None, []
    while True:
        page = connector().pull(Want("customers", cursor), access(store))
        found += page.events
        cursor = page.cursor
        if cursor is None:
            break
        if len(store.report) < 155:
            store.report.append(row(len(store.report) + 1))

    assert {one.record["email"] for one in found} == {one["email"] for one in store.report}


@pytest.mark.parametrize("since", [None, SINCE])
def test_a_shop_that_ignores_the_filters_is_read_page_by_page_and_that_is_told(since):
    report = [
        row(number, last_order=at(30).replace("T", " ") if number < 150 else "2026-01-01 09:00:00")
        for number in range(1, 350)
    ]
    store = Store(report=report)

    def answer(call):
        for name in ("customers", "last_order_after", "last_order_before"):
            call.params.pop(name, None)
        return store(call)

    pages = pages_of(answer, since)

    assert sum(len(page.events) for page in pages) > (100 if since else 348)
    assert any("ignores the filters" in note for page in pages for note in page.notes)
    assert pages[0].total == (None if since else 349)


# twelve hours late


@pytest.mark.parametrize("zone", [-11.0, -5.0, 0.0, 1.0, 13.0])
def test_what_the_report_learns_twelve_hours_late_is_found_in_every_zone(zone):
    woo = Woo(utc_offset_h=zone, report_every_s=43_200.0)
    woo.clock.offset_s = 4 * 3_600 + 60  # noon has just been imported
    woo.fake("POST", "orders", {"customer_id": 12, "status": "processing"})
    woo.clock.offset_s += 12 * 3_600
    last_run = datetime.fromtimestamp(NOW_S + 4 * 3_600 + 12 * 3_600, tz=UTC)

    (told,) = [one for one in read(woo, last_run) if one.record_id == "12" and "totalOrders" in one.record]

    assert told.occurred_at == datetime.fromtimestamp(NOW_S + 4 * 3_600 + 60, tz=UTC)


def test_where_the_zone_is_hidden_the_widest_one_counts():
    asked = []

    def answer(call):
        asked.append(call.params.get("last_order_after"))
        return Store(report=[], index={})(call)

    events_of(answer, SINCE)

    assert [one for one in asked if one] == ["2026-11-20T09:55:00"]


# totals never go back


@pytest.mark.parametrize("zone", [-5.0, 0.0, 1.0])
def test_an_order_that_is_imported_after_a_visit_is_told(zone):
    woo = Woo(utc_offset_h=zone)
    woo.fake("POST", "orders", {"customer_id": 12, "status": "processing"})
    woo.clock.offset_s += 3
    woo.fake("POST", "customers/12/login")
    states = [_totals(woo)]
    woo.clock.offset_s += 60
    states.append(_totals(woo))

    counts = [one["totalOrders"].value for one in states]
    assert counts[1] == counts[0] + 1
    assert merge(states)["totalOrders"].value == merge(reversed(states))["totalOrders"].value == counts[1]


def _totals(woo):
    (told,) = [one for one in read(woo) if one.record_id == "12" and "totalOrders" in one.record]
    seen_us = to_us(datetime.fromtimestamp(woo.store.clock(), tz=UTC))
    return stamp({"totalOrders": told.record["totalOrders"]}, to_ms(told.occurred_at), seen_us)


# nobody who did not order


def test_who_left_the_checkout_without_ordering_is_not_pulled():
    woo = Woo(version="9.8.3", report_lag_s=0.0)
    woo.fake("POST", "orders", {"billing": {"email": "abandoned@example.net"}, "status": "checkout-draft"})

    assert any(one["email"] == "abandoned@example.net" for one in woo.all(f"/{REPORT}"))
    assert not any(one.record.get("email") == "abandoned@example.net" for one in read(woo))
