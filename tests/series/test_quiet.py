"""Quiet hours: by the clock of the person, in every zone that they may be in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customer_sync.series.options import QuietHours
from customer_sync.series.quiet import open_from, zones_of, zones_of_countries

NIGHT = QuietHours(22 * 60, 8 * 60, "Europe/Berlin")
NOON = QuietHours(12 * 60, 14 * 60, "Europe/Berlin")


def utc(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("at", "hours", "zones", "opens"),
    [
        ("2026-03-02T12:00", NIGHT, ["Europe/Berlin"], "2026-03-02T12:00"),
        ("2026-03-02T20:59", NIGHT, ["Europe/Berlin"], "2026-03-02T20:59"),
        ("2026-03-02T21:00", NIGHT, ["Europe/Berlin"], "2026-03-03T07:00"),
        ("2026-03-03T06:59", NIGHT, ["Europe/Berlin"], "2026-03-03T07:00"),
        ("2026-03-03T07:00", NIGHT, ["Europe/Berlin"], "2026-03-03T07:00"),
        ("2026-03-02T11:00", NOON, ["Europe/Berlin"], "2026-03-02T13:00"),
        ("2026-03-02T13:00", NOON, ["Europe/Berlin"], "2026-03-02T13:00"),
        ("2026-03-02T12:30", NIGHT, ["America/New_York", "America/Los_Angeles"], "2026-03-02T16:00"),
        # the clock is set forward at 2:00 on 29 March: the night is an hour shorter
        ("2026-03-28T21:00", NIGHT, ["Europe/Berlin"], "2026-03-29T06:00"),
        # and back at 3:00 on 25 October
        ("2026-10-24T20:00", NIGHT, ["Europe/Berlin"], "2026-10-25T07:00"),
        # an end that comes twice: the first one is behind us
        ("2026-10-25T01:10", QuietHours(60, 150, "UTC"), ["Europe/Berlin"], "2026-10-25T01:40"),
        # an end that the clock skips is the hour after it
        ("2026-03-29T00:00", QuietHours(60, 150, "UTC"), ["Europe/Berlin"], "2026-03-29T01:30"),
    ],
)
def test_a_mail_goes_out_at_the_end_of_the_quiet_hours(at, hours, zones, opens):
    assert open_from(utc(at), hours, zones) == utc(opens)


def test_where_it_is_always_night_somewhere_there_is_no_hour():
    assert open_from(utc("2026-03-02T12:00"), NIGHT, ["Asia/Tokyo", "America/New_York", "Europe/London"]) is None


@given(
    st.integers(0, 365 * 24 * 60).map(lambda minutes: utc("2026-01-01T00:00") + timedelta(minutes=minutes)),
    st.integers(0, 1439),
    st.integers(0, 1439),
    st.sampled_from(["Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC"]),
)
def test_what_is_found_is_not_quiet_and_not_more_than_a_day_away(at, start, end, zone):
    hours = QuietHours(start, (end if end != start else start + 1) % 1440, zone)
    found = open_from(at, hours, [zone])

    assert found is not None
    assert at <= found < at + timedelta(hours=26)
    assert open_from(found, hours, [zone]) == found


def test_a_phone_number_tells_the_zone():
    assert zones_of("+12125550123", None, "UTC") == {"America/New_York"}
    assert zones_of("+12125550123", "US", "UTC") == {"America/New_York"}
    assert zones_of("+4915112345678", None, "UTC") == {"Europe/Berlin"}


def test_without_a_phone_every_zone_of_the_country_counts():
    assert zones_of(None, "pt", "UTC") == {"Europe/Lisbon", "Atlantic/Madeira", "Atlantic/Azores"}
    assert {"America/New_York", "Pacific/Honolulu"} < zones_of(None, "US", "UTC")


def test_a_phone_from_elsewhere_adds_its_zones_to_those_of_the_country():
    assert zones_of("+12125550123", "JP", "UTC") == {"America/New_York", "Asia/Tokyo"}


@pytest.mark.parametrize(("phone", "country"), [(None, None), ("12", "XX"), ("", ""), ("+0", None)])
def test_where_nothing_is_known_the_zone_of_the_settings_counts(phone, country):
    assert zones_of(phone, country, "Asia/Tokyo") == {"Asia/Tokyo"}


def test_every_zone_of_the_table_is_known():
    zones = {zone for zones in zones_of_countries().values() for zone in zones}

    assert len(zones_of_countries()) > 200
    assert all(open_from(utc("2026-03-02T12:00"), NIGHT, [zone]) for zone in zones)
