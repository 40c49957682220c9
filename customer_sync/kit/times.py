"""Times as platforms write them: ISO 8601, or as mails and HTTP do, `Fri, 18 Jan 2013 00:00:00 +0000` (RFC 2822, 3.3).

Of the latter the greatest text is not the latest time, so texts are never compared as they stand.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

# the zones are those that the RFC names: any other word would be read as UTC without a sign of it
_MAIL: Final = re.compile(
    r"(?:[A-Za-z]{3}, )?\d{1,2} [A-Za-z]{3} \d{4} \d\d:\d\d(?::\d\d)? (?:[+-]\d{4}|GMT|UTC?|Z|[ECMP][SD]T)"
)
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
