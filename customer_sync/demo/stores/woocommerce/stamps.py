"""Times as WordPress writes them: in the site's own zone or in UTC, never saying which."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime, timedelta
from typing import Final

#: What WordPress takes for a time: https://developer.wordpress.org/reference/functions/rest_parse_date/
TIME: Final = re.compile(
    r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(?:\.\d+)?(?P<zone>[Zz]|[+-]\d{2}(?::\d{2})?)?", re.ASCII
)

_FORM = "%Y-%m-%dT%H:%M:%S"


def iso(at_s: float) -> str:
    """Return seconds since 1970 as `2026-11-01T10:00:00`; these sort as the times do."""
    return time.strftime(_FORM, time.gmtime(at_s))


def seconds_of(text: str) -> float:
    """Return what `iso` was made of."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def both(name: str, at_s: float | None, offset_s: float) -> dict[str, str | None]:
    """Return a time twice: of the site's zone, and as `..._gmt`; both None when there is none."""
    if at_s is None:
        return {name: None, f"{name}_gmt": None}
    return {name: iso(at_s + offset_s), f"{name}_gmt": iso(at_s)}


def shift(text: str, offset_s: float) -> str:
    """Return a time of the form of `iso`, moved."""
    return (datetime.fromisoformat(text) + timedelta(seconds=offset_s)).strftime(_FORM)


def bound(text: str, offset_s: float, *, is_gmt: bool) -> str:
    """Return the UTC time that a filter such as `modified_after` is compared with.

    A time without a zone is of the site, or with `dates_are_gmt` of UTC. A time *with* a zone goes wrong in the latter
    case: WordPress turns it into the site's own time and then compares that with the UTC column (read in
    WP_Date_Query::build_mysql_datetime, 2026-11).

    Raises:
        ValueError: it is no time.
    """
    match = TIME.fullmatch(text)
    if match is None:
        raise ValueError("Invalid date.")
    at = datetime.fromisoformat(text.upper().replace(" ", "T"))
    if match["zone"] is None:
        return (at if is_gmt else at - timedelta(seconds=offset_s)).strftime(_FORM)
    at = at.astimezone(UTC)
    return (at + timedelta(seconds=offset_s) if is_gmt else at).strftime(_FORM)
