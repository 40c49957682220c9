"""Slots of a cron line: the minutes at which a run is due. `cronsim` reads the line; this module looks backwards.

Beat alone would miss a slot at a time when beat did not run, and two beats would run each slot twice. So beat only
asks, every few seconds, for the last slot; a stored note of the last slot that was done decides (see `schedule`).
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
    # a second later, because `cronsim` looks for minutes before this time
    return next(CronSim(line, minute + timedelta(seconds=1), reverse=True), None)
