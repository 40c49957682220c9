"""Slots of a cron line: the minutes at which something is due. Celery reads the line, we look backwards.

Beat alone would forget a slot that fell into a time when no beat ran, and two beats would run each slot twice. So beat
only asks, every few seconds, which slot was the last; a record of the last slot done decides (see `schedule`).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache

from celery.schedules import crontab

#: How far back a slot is looked for, in days: 29 February comes every eight years at worst.
LOOK_BACK_DAYS = 366 * 8


@lru_cache(maxsize=256)
def _fields(line: str) -> crontab:
    minute, hour, day, month, weekday = line.split()
    return crontab(minute, hour, day_of_month=day, month_of_year=month, day_of_week=weekday)


def latest_slot(line: str, now: datetime) -> datetime | None:
    """Return the last minute at or before `now` that a cron line names, UTC; None when there was none.

    Args:
        line: five fields: minute, hour, day of the month, month, day of the week (0 is Sunday). All must fit, as in
            Celery's crontab.
        now: an aware time.
    """
    try:
        fields = _fields(line)
    except ValueError:  # a day that its month never has
        return None
    now = now.astimezone(UTC).replace(second=0, microsecond=0)
    for back in range(LOOK_BACK_DAYS):
        day = now - timedelta(days=back)
        if not _is_day(fields, day):
            continue
        last = (now.hour, now.minute) if back == 0 else (23, 59)
        times = [(hour, minute) for hour in fields.hour for minute in fields.minute if (hour, minute) <= last]
        if times:
            hour, minute = max(times)
            return day.replace(hour=hour, minute=minute)
    return None


def _is_day(fields: crontab, day: datetime) -> bool:
    weekday = (day.weekday() + 1) % 7
    return day.month in fields.month_of_year and day.day in fields.day_of_month and weekday in fields.day_of_week
