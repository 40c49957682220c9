"""Slots of a cron line: the minutes at which a run is due. `cronsim` reads the line; this module looks backwards.

Beat alone would miss a slot at a time when beat did not run, and two beats would run each slot twice. So beat only
asks, every few seconds, for the last slot; a stored note of the last slot that was done decides (see `schedule`).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final

from cronsim import CronSim

#: Clocks are put forward or back by less than this.
_SHIFT: Final = timedelta(hours=3)


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


def latest_slot_in(zone: tzinfo, line: str, now: datetime) -> datetime | None:
    """Return the same for a line that is written in the times of a zone; UTC.

    Each time that a clock on the wall shows has one slot: where the clock is put back and shows a time twice, the first
    one; a time that the clock skips is done as much later as the clock is put forward.

    Args:
        zone: the zone.
        line: as above, in the zone's times.
        now: an aware time of any zone.
    """
    wall = now.astimezone(zone).replace(second=0, microsecond=0, tzinfo=None)
    latest: datetime | None = None
    for shown in CronSim(line, wall + _SHIFT, reverse=True):
        slot_at = shown.replace(tzinfo=zone).astimezone(UTC)
        if slot_at <= now and (latest is None or slot_at > latest):
            latest = slot_at
        if shown < wall - _SHIFT:
            break
    return latest
