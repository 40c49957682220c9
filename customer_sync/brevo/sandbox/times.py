"""Times as Brevo writes and reads them; inside the sandbox a time is whole milliseconds since 1970."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from functools import lru_cache

from customer_sync.brevo.sandbox.answers import invalid

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


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
