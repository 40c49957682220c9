"""Where a pull of a shop stands, and how it goes from page to page. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import UTC, datetime, timedelta

from connectors.woocommerce.api import PER_PAGE, Listing
from connectors.woocommerce.pulled import Found, Row, site_time
from customer_sync.errors import PayloadError, TryLater
from customer_sync.kit.reach import Cursor

_NO_COUNT = "A proxy of the shop takes away X-WP-TotalPages: a page without records counts as the end of a list."


@dataclass(frozen=True, slots=True)
class Place:
    """Where a pull stands; JSON in a cursor.

    Args:
        phase: customers, new, orders, report, or report_pages; of other resources the name of the list. With `newest_`
            in front, the list of a shop that cannot filter it.
        began: when the pull began, as `2026-11-21T12:00:00`, UTC like all times here but those of the report.
        since: the time from which changes are wanted; "" for a full pull.
        page: the page to read.
        after: what changed later than this is read; in the report it is the site's own time.
        until: what changed later than this is read another time; "" has no end.
        seen: the first and the last id of the page before, to know a page that comes twice.
        total: how many records the phase's list had at the page before.
        before: how many records the phases before had.
        ahead: how many records the report has, as far as is known.
        top: the report was read up to this number.
        found: how many records of the report were read.
        gap: how many numbers in a row nobody in the report has; 0 while somebody is expected in the next hundred.
        zone: the site's zone (see `pulled.zone_name`); None while it is not known.
        currency: the shop's, in a pull of products; "" is not known.
    """

    phase: str
    began: str
    since: str = ""
    page: int = 1
    after: str = ""
    until: str = ""
    seen: str = ""
    total: int = 0
    before: int = 0
    ahead: int = 0
    top: int = 0
    found: int = 0
    gap: int = 0
    zone: str | None = None
    currency: str = ""


@dataclass(slots=True)
class Step:
    """What a phase found at its place.

    Args:
        found: events, and errors in the place of records at fault.
        place: where to go on; None when the phase is over.
        total: how many records the phase's list has.
        notes: for the operator.
        is_barred: whether the phase's list cannot be read at all.
    """

    found: Found
    place: Place | None
    total: int = 0
    notes: list[str] = field(default_factory=list)
    is_barred: bool = False


def as_cursor(place: Place) -> Cursor:
    """Return a place as JSON, without what is empty."""
    return {name: value for name, value in asdict(place).items() if value or name == "zone"}


def read_place(cursor: Cursor, phases: Sequence[str]) -> Place:
    """Return the place of a cursor.

    Raises:
        TryLater: it is none of ours.
    """
    known = {one.name: cursor[one.name] for one in fields(Place) if one.name in cursor}
    if str(known.get("phase")) not in phases or not isinstance(known.get("began"), str):
        raise TryLater("the cursor is not one of WooCommerce's")
    return Place(**known)  # type: ignore[arg-type]  # it is what `as_cursor` wrote


# pages --------------------------------------------------------------------------------------------------------------


def step_of(found: Found, place: Place | None, listing: Listing) -> Step:
    """Return what was found on a page of a list."""
    notes = [_NO_COUNT] if listing.pages is None and listing.rows else []
    return Step(found, place, listing.total or 0, notes)


def next_page(place: Place, listing: Listing) -> Place | None:
    """Return the place of the next page, None at the end. A short or empty page is no end: see `api.Listing`.

    Raises:
        TryLater: the page is the one before once more.
    """
    seen = f"{listing.rows[0].get('id')}-{listing.rows[-1].get('id')}" if listing.rows else ""
    if seen and seen == place.seen:
        raise TryLater("the same page came twice: a cache in front of the shop does not look at the page's number")
    is_last = not listing.rows if listing.pages is None else place.page >= listing.pages
    if is_last:
        return None
    return replace(place, page=place.page + 1, seen=seen, total=place.total if listing.total is None else listing.total)


def stepped_back(place: Place, listing: Listing) -> Place | None:
    """Return the place to go back to when records vanished since the page before, so that others slipped forward.

    Raises:
        TryLater: half of the list is gone; that is no list to believe.
    """
    gone = place.total - (place.total if listing.total is None else listing.total)
    if place.page == 1 or gone <= 0:
        return None
    if gone * 2 > place.total:
        raise TryLater(f"the list shrank from {place.total} to {listing.total} records; if that is right, start anew")
    return replace(place, page=max(1, place.page - math.ceil(gone / PER_PAGE)), total=place.total - gone, seen="")


# times --------------------------------------------------------------------------------------------------------------


def is_older(row: Row, key: str, bound: str) -> bool:
    """Tell whether a record's time lies before a bound; one without a time, or with one at fault, does not."""
    try:
        at = site_time(row.get(key), UTC, key)
    except PayloadError:
        return False
    return at is not None and text_of(at) < bound


def shifted(text: str, by: timedelta) -> str:
    """Return a time of `text_of`, moved."""
    return text_of(time_of(text) + by)


def text_of(at: datetime) -> str:
    """Return a time in UTC as WordPress writes it: without a zone."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")


def time_of(text: str) -> datetime:
    """Return the time that `text_of` wrote."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
