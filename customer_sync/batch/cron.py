"""Slots of a cron line: the minutes at which something is due. `cronsim` reads the line; we look backwards.

Beat alone would forget a slot that fell into a time when no beat ran, and two beats would run each slot twice. So beat
only asks, every few seconds, which slot was the last; a record of the last slot done decides (see `schedule`).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from cronsim import CronSim


def latest_slot(line: str, now: datetime) -> datetime | None:
    """Return the last minute at or before `now` that a cron line names, UTC; None when there was none in 50 years.

    Args:
        line: five fields in UTC, as the config has checked them. When both the day of the month and the day of the
            week are restricted, either one is enough, as in cron.
        now: an aware time of any zone.
    """
    minute = now.astimezone(UTC).replace(second=0, microsecond=0)
    # a second later, because what is looked for lies before that
    return next(CronSim(line, minute + timedelta(seconds=1), reverse=True), None)
