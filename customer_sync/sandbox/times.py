"""Times as Brevo writes and reads them; inside the sandbox a time is whole milliseconds since 1970."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

from customer_sync.sandbox.answers import invalid

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_FULL = re.compile(r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})")


def iso(ms: int) -> str:
    """Return a time as Brevo writes it: `2026-11-21T10:00:00.123Z`."""
    return f"{_second(ms // 1000)}.{ms % 1000:03d}Z"


def parse(text: str, name: str) -> int:
    """Return an ISO 8601 time as milliseconds; without a zone it is UTC.

    Raises:
        ApiError: 400 that names the parameter.
    """
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise invalid(f"{name} is not a valid date-time") from error
    return round((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000)


def parse_with_zone(text: str, name: str) -> int:
    """Return a full RFC 3339 time as milliseconds: with a time of day and with a zone.

    Raises:
        ApiError: 400 that names the parameter.
    """
    if not _FULL.fullmatch(text):
        raise invalid(f"{name} should be a date-time with a timezone (RFC 3339)")
    return parse(text, name)


def offset_s(second: int) -> int:
    """Return how far Central European time is ahead of UTC; summer is from March to October, last Sunday each."""
    year = datetime.fromtimestamp(second, tz=UTC).year
    return 7200 if _last_sunday(year, 3) <= second < _last_sunday(year, 10) else 3600


def local(second: int) -> str:
    """Return a time in Central European time as Brevo writes it in webhooks: `2026-11-21 11:00:00`."""
    return _second(second + offset_s(second)).replace("T", " ")


@lru_cache(maxsize=100)
def _last_sunday(year: int, month: int) -> float:
    """Return 01:00 UTC of the last Sunday of a month with 31 days, when the clocks change."""
    last = datetime(year, month, 31, 1, tzinfo=UTC)
    return (last - timedelta(days=last.isoweekday() % 7)).timestamp()


@lru_cache(maxsize=10_000)
def _second(second: int) -> str:
    return datetime.fromtimestamp(second, tz=UTC).strftime("%Y-%m-%dT%H:%M:%S")


@lru_cache(maxsize=10_000)
def is_day(text: str) -> bool:
    """Return whether a text is a day as `YYYY-MM-DD`, the one form that is not ambiguous."""
    if not _DAY.fullmatch(text):
        return False
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True
