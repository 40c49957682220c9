"""The time of a stand-in: given, set and moved. It is today's only where somebody asks for the machine's own clock."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

#: When a stand-in's time begins unless told otherwise: 2026-11-21T10:00:00Z.
BEGIN_S: Final = 1_795_255_200.0
_DAY_S: Final = 86_400
_TIMES: Final = tuple(f"T{s // 3600:02d}:{s // 60 % 60:02d}:{s % 60:02d}" for s in range(_DAY_S))
_DATES: Final[dict[int, str]] = {}


class Clock:
    """Seconds since 1970, by a call.

    Args:
        at_s: where it begins.
        tick: seconds that pass, counted from anywhere; None lets it stand still until it is moved.
    """

    def __init__(self, at_s: float = BEGIN_S, tick: Callable[[], float] | None = None) -> None:
        self._tick = tick or (lambda: 0.0)
        self._base_s = self._first_s = at_s - self._tick()

    @classmethod
    def running(cls, at_s: float = BEGIN_S) -> Clock:
        """Return a clock that goes on from a moment."""
        return cls(at_s, time.monotonic)

    @classmethod
    def of_this_machine(cls) -> Clock:
        """Return a clock that shows the machine's time, for callers who show their own."""
        return cls(time.time(), time.time)

    def __call__(self) -> float:
        """Return the time."""
        return self._base_s + self._tick()

    @property
    def offset_s(self) -> float:
        """How far it was set ahead since it began."""
        return self._base_s - self._first_s

    @offset_s.setter
    def offset_s(self, offset_s: float) -> None:
        """Set it ahead of when it began."""
        self._base_s = self._first_s + offset_s

    def set(self, at_s: float) -> None:
        """Set the time."""
        self._base_s = at_s - self._tick()


def iso(at_s: float) -> str:
    """Return a time as 2026-11-21T10:00:00, in UTC and without a zone; such texts sort as the times do."""
    day, second = divmod(int(at_s // 1), _DAY_S)
    return (_DATES.get(day) or _date(day)) + _TIMES[second]


def seconds_of(text: str) -> float | None:
    """Return a time or a date as seconds since 1970, None when it is neither; without a zone it is UTC."""
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    return (at.replace(tzinfo=UTC) if at.tzinfo is None else at).timestamp()


def _date(day: int) -> str:
    _DATES[day] = f"{datetime.fromtimestamp(day * _DAY_S, UTC):%Y-%m-%d}"
    return _DATES[day]
