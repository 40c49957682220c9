"""Slots in the times of a zone: each time that the clock on the wall shows has one, also when the clocks change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customer_sync.batch.cron import latest_slot_in

#: Two that change by an hour, one by half an hour, one that never changes.
ZONES = [ZoneInfo(name) for name in ("America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "Asia/Kolkata")]
#: Days around which clocks change somewhere.
DAYS = [datetime.fromisoformat(day).replace(tzinfo=UTC) for day in ("2026-03-08", "2026-03-29", "2026-10-25")] + [
    datetime.fromisoformat(day).replace(tzinfo=UTC) for day in ("2026-11-01", "2026-04-04", "2026-10-03", "2026-07-01")
]
MINUTES = st.integers(-1500, 1500)


def slow(zone: ZoneInfo, minutes: set[int], hours: set[int], now: datetime) -> datetime:
    """The same by looking at every minute of the wall clock in three days."""
    wall = now.astimezone(zone).replace(tzinfo=None, second=0, microsecond=0) + timedelta(hours=12)
    shown = (wall - timedelta(minutes=n) for n in range(60 * 24 * 3))
    slots = (one.replace(tzinfo=zone).astimezone(UTC) for one in shown if one.minute in minutes and one.hour in hours)
    return max(one for one in slots if one <= now)


@given(
    zone=st.sampled_from(ZONES),
    day=st.sampled_from(DAYS),
    offset=MINUTES,
    minutes=st.sets(st.integers(0, 59), min_size=1, max_size=4),
    hours=st.one_of(st.just(set(range(24))), st.sets(st.integers(0, 23), min_size=1, max_size=4)),
)
def test_the_latest_slot_is_the_last_time_that_the_wall_showed(zone, day, offset, minutes, hours):
    line = f"{','.join(map(str, sorted(minutes)))} {','.join(map(str, sorted(hours)))} * * *"
    now = day + timedelta(minutes=offset)

    assert latest_slot_in(zone, line, now) == slow(zone, minutes, hours, now)


@pytest.mark.parametrize("zone", ZONES, ids=str)
@pytest.mark.parametrize("day", DAYS, ids=lambda day: f"{day:%m-%d}")
@pytest.mark.parametrize("hour", [1, 2, 9])
def test_a_daily_line_has_one_slot_a_day_and_none_is_taken_back(zone, day, hour):
    line = f"10 {hour} * * *"
    slots = [latest_slot_in(zone, line, day + timedelta(minutes=n)) for n in range(-36 * 60, 60 * 60, 5)]

    assert slots == sorted(slots)
    days = [slot.astimezone(zone).date() for slot in dict.fromkeys(slots)]
    assert days == [days[0] + timedelta(days=n) for n in range(len(days))]
    assert {slot.astimezone(zone).strftime("%H:%M") for slot in slots} <= {f"0{hour}:10", f"0{hour + 1}:10", "02:40"}


def test_nine_in_new_york_is_nine_before_and_after_the_change():
    found = [
        latest_slot_in(ZONES[0], "0 9 * * *", datetime(2026, 11, day, 20, tzinfo=UTC)).isoformat() for day in (1, 2)
    ] + [latest_slot_in(ZONES[0], "0 9 * * *", datetime(2026, 10, 31, 20, tzinfo=UTC)).isoformat()]

    assert found == ["2026-11-01T14:00:00+00:00", "2026-11-02T14:00:00+00:00", "2026-10-31T13:00:00+00:00"]


def test_a_line_that_never_came_has_no_slot():
    assert latest_slot_in(ZONES[0], "0 0 */31 2 1l", DAYS[0]) is None
