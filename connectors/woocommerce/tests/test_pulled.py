"""Pulled records as events: the same as by webhook; the report's totals, guests and stamps; the site's time zone."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from connectors.woocommerce import pulled
from connectors.woocommerce.tests.canned import NOW
from connectors.woocommerce.tests.test_pull import (
    BERLIN,
    SINCE,
    Store,
    at,
    connector,
    customer,
    events_of,
    notes_of,
    order,
    row,
)
from customer_sync.model import Channel, Consent, ConsentState, Inbound

# the same record as by webhook


@pytest.mark.parametrize("changed", [at(600), None, "2027-01-01T00:00:00"])
@pytest.mark.parametrize("value", ["1", "0", "pending", "later", None])
def test_a_pulled_customer_is_the_one_of_the_webhook(changed, value):
    body = customer(25, date_modified_gmt=changed, role="subscriber", last_name="O&#8217;Neill")
    body["meta_data"] = [{"id": 1, "key": "ws_opt_in", "value": value}]
    headers = {"x-wc-webhook-topic": "customer.updated", "x-wc-webhook-id": "9", "x-wc-webhook-delivery-id": "d"}
    heard = connector().parse(Inbound("tea", headers, json.dumps(body).encode(), NOW))[0]
    read = events_of(Store([body], report=[]))[0]

    assert replace(read, id=heard.id, topic=heard.topic) == heard
    assert read.id == f"woocommerce:pull:25:{changed or at(9000)}"


def test_a_guest_of_an_order_is_the_one_of_the_webhook():
    body = order(5, 30, meta_data=[{"id": 1, "key": "ws_opt_in", "value": "1"}])
    headers = {"x-wc-webhook-topic": "order.updated", "x-wc-webhook-id": "9", "x-wc-webhook-delivery-id": "d"}
    heard = connector().parse(Inbound("tea", headers, json.dumps(body).encode(), NOW))[0]
    read = events_of(Store(orders=[body], report=[]), SINCE)[0]

    assert read.record == heard.record["customer"]
    assert (read.occurred_at, read.consents, read.customer_id) == (heard.occurred_at, heard.consents, None)
    assert read.consents == (
        Consent(Channel.EMAIL, ConsentState.GRANTED, NOW - timedelta(minutes=31), "ws_opt_in", explicit=False),
    )


# the report


@pytest.mark.parametrize(
    ("last_order", "active", "expected"),
    [
        # 09:00 in Berlin is 08:00 UTC in winter and 07:00 in summer
        ("2026-11-20 09:00:00", None, datetime(2026, 11, 20, 8, tzinfo=UTC)),
        ("2026-07-20 09:00:00", None, datetime(2026, 7, 20, 7, tzinfo=UTC)),
        ("2026-07-20T09:00:00Z", None, datetime(2026, 7, 20, 9, tzinfo=UTC)),
        # a visit counts for nothing: an imported order sets it back
        (None, "2026-11-20T09:00:00", datetime(2020, 2, 2, 1, tzinfo=UTC)),
        ("2026-11-19 09:00:00", "2026-11-20T09:00:00", datetime(2026, 11, 19, 8, tzinfo=UTC)),
        (None, None, datetime(2020, 2, 2, 1, tzinfo=UTC)),
        ("0000-00-00 00:00:00", "", datetime(2020, 2, 2, 1, tzinfo=UTC)),
    ],
)
def test_totals_carry_the_time_of_the_last_order_else_of_the_registration(last_order, active, expected):
    times = {"date_last_active": active, "date_registered": "2020-02-02T02:00:00"}
    event = events_of(Store(report=[row(1, last_order=last_order, **times)]))[0]

    assert event.occurred_at == expected


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Tokyo", "UTC"])
@pytest.mark.parametrize("end", ["0001-01-01 00:00:00", "9999-12-31 23:59:59", "9999-12-31T23:59:59Z"])
def test_a_time_at_the_end_of_all_years_stops_nobody(end, zone):
    (event,) = events_of(Store(report=[row(1, last_order=end, date_last_active=end)], index={"timezone_string": zone}))

    assert event.record["email"] == "g1@example.com"


def test_the_day_of_the_last_order_is_the_one_of_the_site():
    (event,) = events_of(Store(report=[row(1, last_order="2026-11-20 00:30:00")]))

    assert event.record["lastOrderDate"] == "2026-11-20T00:30:00+01:00"


def test_west_of_greenwich_a_registration_counts_as_if_it_were_in_utc():
    west, times = {"timezone_string": "America/New_York"}, {"date_registered": "2026-11-20T09:00:00"}
    event = events_of(Store(report=[row(1, user_id=5, last_order=None, **times)], index=west))[0]

    assert event.occurred_at == datetime(2026, 11, 20, 9, tzinfo=UTC)


def test_two_readings_of_one_row_have_the_same_stamp_on_any_day_so_that_the_later_reading_wins():
    stamps = {events_of(Store(report=[row(1)]), now=NOW + timedelta(days=days))[0].occurred_at for days in (0, 1, 999)}

    assert stamps == {datetime(2026, 11, 20, 8, tzinfo=UTC)}


def test_who_typed_an_address_into_the_checkout_and_left_is_nobody():
    empty = {"orders_count": 0, "total_spend": 0, "last_order": None}
    found = events_of(Store([customer(5)], report=[row(1, **empty), row(2, user_id=5, **empty), row(3)]))

    assert {one.record.get("email") for one in found} == {"c5@example.com", None, "g3@example.com"}


def test_a_row_with_no_time_at_all_fills_what_is_unknown_and_loses_to_everything_else():
    bare = {"id": 1, "user_id": 5, "orders_count": 0, "total_spend": 0, "date_last_order": None}
    event = events_of(Store(report=[bare]))[0]

    assert event.occurred_at < datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)
    assert event.record == {"id": "5", "totalOrders": 0, "totalSpent": 0.0, "lastOrderDate": None}


def test_the_report_empties_no_field_and_brings_nobody_without_an_address():
    rows_ = [row(1, city="", billing_phone="030 1"), row(2, email="deleted@site.invalid"), row(3, email="")]
    found = events_of(Store(report=rows_))

    assert [one.record["email"] for one in found] == ["g1@example.com"]
    assert not {"city", "phone", "postcode"} & set(found[0].record)
    assert (found[0].record["firstName"], found[0].record["lastName"]) == ("Ada", "Love Lace")


def test_newer_shops_tell_the_parts_of_the_name():
    event = events_of(Store(report=[row(1, first_name="Ada Love", last_name="Lace")]))[0]

    assert (event.record["firstName"], event.record["lastName"]) == ("Ada Love", "Lace")


def test_the_address_of_an_account_is_not_taken_from_the_report():
    event = events_of(Store(report=[row(1, user_id=5)]))[0]

    assert not {"email", "firstName", "country"} & set(event.record)


@pytest.mark.parametrize(
    ("index", "zone"),
    [
        (BERLIN, "Europe/Berlin"),
        ({"timezone_string": "", "gmt_offset": "5.5"}, "5.5"),
        ({"timezone_string": "", "gmt_offset": -3}, "-3"),
        ({"timezone_string": "Mars/Base", "gmt_offset": 2}, "2"),
        ({"timezone_string": "../etc", "gmt_offset": "x"}, ""),
        ({}, ""),
    ],
)
def test_the_sites_zone_comes_from_its_index(index, zone):
    offset = timedelta(hours={"Europe/Berlin": 1, "": 0}.get(zone) if zone in {"Europe/Berlin", ""} else float(zone))

    assert pulled.zone_name(index) == zone
    assert datetime(2026, 11, 21, tzinfo=pulled.zone_of(zone)).utcoffset() == offset


def test_a_hidden_zone_is_said_once_and_asked_for_once():
    store, asked = Store(report=[row(n) for n in range(1, 150)], index={}), []

    def answer(call):
        asked.append(call.route)
        return store(call)

    assert any("time zone" in note for note in notes_of(answer))
    assert asked.count("") == 1
