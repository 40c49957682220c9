"""Times as platforms write them: ISO 8601, or as mails and HTTP do, `Fri, 18 Jan 2013 00:00:00 +0000` (RFC 2822, 3.3).

Of the latter the greatest text is not the latest time, so texts are never compared as they stand. And times that we
keep ourselves, as seconds since 1970: until when something waits.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

from customer_sync.errors import PayloadError
from customer_sync.model import Json, kind_of

# the zones are those that the RFC names: any other word would be read as UTC without a sign of it
_MAIL: Final = re.compile(
    r"(?:[A-Za-z]{3}, )?\d{1,2} [A-Za-z]{3} \d{4} \d\d:\d\d(?::\d\d)? (?:[+-]\d{4}|GMT|UTC?|Z|[ECMP][SD]T)"
)
#: How far the clocks of two hosts may be apart without either being wrong, in seconds.
_SKEW_S: Final = 1.0
#: Digits beyond microseconds.
_FRACTION: Final = re.compile(r"(\.\d{6})\d+")


def read_time(text: str) -> datetime:
    """Return a time with the zone in which it is written; one of ISO 8601 may have none.

    Raises:
        ValueError: it is none.
    """
    text = text.strip()
    if text[:4].isdigit():
        return datetime.fromisoformat(_FRACTION.sub(r"\1", text) if "." in text else text)
    if _MAIL.fullmatch(text) is None:
        raise ValueError(text)
    at = parsedate_to_datetime(text)
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def written_time(value: Json, path: str) -> datetime:
    """Return a time of ISO 8601, or of RFC 2822, with the zone in which it is written; without one it is UTC.

    Digits beyond microseconds are dropped.

    Raises:
        PayloadError: at `path`.
    """
    if not isinstance(value, str):
        raise PayloadError(path, f"expected an ISO 8601 time, found {kind_of(value)}")
    try:
        at = read_time(value)
        at = at.replace(tzinfo=UTC) if at.tzinfo is None else at
        at.astimezone(UTC)  # fails beyond the years that a time can have
    except (ValueError, OverflowError) as error:
        raise PayloadError(path, "expected an ISO 8601 time such as 2026-11-21T10:00:00Z") from error
    return at


def is_ahead(until_s: float, now_s: float, most_s: float) -> bool:
    """Tell whether the end of a wait that is never longer than so many seconds is still to come.

    One that is further ahead was kept while this clock, or another host's, was ahead: it counts as past.
    """
    return 0.0 < until_s - now_s <= most_s + _SKEW_S
