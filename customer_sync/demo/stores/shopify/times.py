"""Times as the shop writes and reads them: UTC, whole seconds."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

_DAY_S: Final = 86_400
_CLOCK: Final = tuple(f"T{s // 3600:02d}:{s // 60 % 60:02d}:{s % 60:02d}Z" for s in range(_DAY_S))
_DATES: Final[dict[int, str]] = {}


def text_of(moment_s: int) -> str:
    """Return seconds since 1970 as 2026-11-21T10:00:00Z."""
    day, second = divmod(moment_s, _DAY_S)
    return (_DATES.get(day) or _date(day)) + _CLOCK[second]


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
