"""The clock: every time that decides something is asked of one, so that tests can give another."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

#: Gives the time, in whole milliseconds since 1970.
Clock = Callable[[], int]


def system_clock() -> int:
    """Return the time of this machine, in whole milliseconds since 1970."""
    return int(time.time() * 1000)


def utc_now(clock: Clock = system_clock) -> datetime:
    """Return the time of a clock as a `datetime`."""
    return datetime.fromtimestamp(clock() / 1000, tz=UTC)
