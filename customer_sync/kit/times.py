"""Times as mails and HTTP write them, which some platforms use in JSON too: `Fri, 18 Jan 2013 00:00:00 +0000`.

RFC 2822, section 3.3. Of such texts the greatest is not the latest, so they are never compared as they stand.
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


def mail_time(text: str) -> datetime:
    """Return a time of RFC 2822 with the zone in which it is written.

    Raises:
        ValueError: it is none.
    """
    if _MAIL.fullmatch(text) is None:
        raise ValueError(text)
    at = parsedate_to_datetime(text)
    return at if at.tzinfo else at.replace(tzinfo=UTC)
