"""Reading WooCommerce Analytics' customers report: totals of everybody, and the guests.

The report can be sorted by columns full of ties only (nobody who was never active has a time of it), and a database
gives tied rows in any order on each page: of 394 rows read by pages 307 were distinct (seen on WooCommerce 11.0.1 and
9.8.3, 2026-11-28). So it is never read by pages of a sorted list: a full pull reads it by the numbers of its rows, a
hundred at a time, an incremental one by spans of time that are narrow enough for one page each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, timedelta

from connectors.woocommerce.answers import Rejected
from connectors.woocommerce.api import PER_PAGE, REPORT, Listing, Shop
from connectors.woocommerce.place import (
    Place,
    Step,
    is_older,
    next_page,
    shifted,
    step_of,
    stepped_back,
    text_of,
    time_of,
)
from connectors.woocommerce.pulled import Found, Reader, Row, zone_name, zone_of

#: How far an incremental pull reaches back behind `since`: new shops (since 10.5) fill the report every 12 hours only
#: (seen on WooCommerce 11.0.1, 2026-11-28).
LAG = timedelta(hours=13)
#: How far the site's own time may be from UTC, where the zone is hidden.
_BEHIND, _AHEAD = timedelta(hours=12), timedelta(hours=14)
_SECOND = timedelta(seconds=1)
#: How many hundreds of numbers are asked for at once where nobody may have them; the address stays below 8 KB.
WIDE = 5
#: The widest gap in the report's numbers that is looked across while rows are missing.
MAX_GAP = 500_000

_NO_REPORT = (
    "WooCommerce Analytics does not answer ({why}): order totals are not read, and guests come from the orders alone."
)
_NO_ZONE = "The shop hides its time zone: the dates of last orders are taken as UTC."
_IGNORED = (
    "The shop ignores the filters of the customers report: it is read page by page, and a database that gives equal "
    "rows in another order on each page hides some of them until the next pull."
)
_GAP = "{missing} rows of the customers report were not found: their numbers lie beyond a gap of {gap}."


def report(shop: Shop, reader: Reader, place: Place) -> Step:
    """Totals and guests: all by the rows' numbers, or those who ordered lately by the time of their last order."""
    if place.zone is None:
        place = replace(place, zone=zone_name(shop.index()))
    read = _by_time if place.since else _by_number
    try:
        step = read(shop, reader, place)
    except Rejected as refusal:
        return _barred(refusal)
    step.notes += [] if place.zone else [_NO_ZONE]
    return step


def report_pages(shop: Shop, reader: Reader, place: Place) -> Step:
    """The report of a shop that ignores its filters, page by page, the last active first."""
    try:
        listing = shop.listing(REPORT, orderby="date_last_active", order="desc", page=str(place.page))
    except Rejected as refusal:
        return _barred(refusal)
    if back := stepped_back(place, listing):
        return Step([], back, back.total)
    wanted = [row for row in listing.rows if not place.after or not is_older(row, "date_last_order", place.after)]
    is_over = bool(listing.rows) and not wanted
    found = _read(reader, wanted, place)
    return step_of(found, None if is_over else next_page(place, listing), listing)


def _by_number(shop: Shop, reader: Reader, place: Place) -> Step:
    """Read the next hundred numbers; where nobody may be left, many hundreds, until one look finds nobody.

    How many there are is asked before such a look, because who comes later has a higher number than all before.
    """
    is_wide = place.gap > 0
    if is_wide:
        place = replace(place, ahead=shop.listing(REPORT, per_page="1").total or 0)
    numbers = range(place.top + 1, place.top + 1 + PER_PAGE * (WIDE if is_wide else 1))
    listing = shop.listing(REPORT, customers=",".join(map(str, numbers)))
    held = [number for row in listing.rows if isinstance(number := row.get("id"), int) and number in numbers]
    if len(held) != len(listing.rows):
        return Step([], _paged(place), place.ahead, [_IGNORED])
    if is_wide and _has_more(listing):
        return Step([], replace(place, gap=0), place.ahead)
    found = place.found + len(held)
    if held:
        gap = 1 if found >= place.ahead else 0
        step = step_of(_read(reader, listing.rows, place), replace(place, top=max(held), found=found, gap=gap), listing)
        step.total = place.ahead
        return step
    gap, missing = place.gap + len(numbers), place.ahead - found
    if is_wide and missing <= 0:
        return Step([], None, place.ahead)
    if gap > MAX_GAP:
        return Step([], None, place.ahead, [_GAP.format(missing=missing, gap=gap)])
    return Step([], replace(place, top=numbers[-1], gap=gap), place.ahead)


def _by_time(shop: Shop, reader: Reader, place: Place) -> Step:
    """Read who ordered in a span of time; where that is more than a page, the span is halved and asked for again."""
    after = place.after or _earliest(place)
    span = {"last_order_after": after} | ({"last_order_before": place.until} if place.until else {})
    paged = {"page": str(place.page)} if place.page > 1 else {}
    listing = shop.listing(REPORT, **span, **paged)
    if any(is_older(row, "date_last_order", after) for row in listing.rows):
        return Step([], replace(_paged(place), after=after), notes=[_IGNORED])
    end = place.until or shifted(place.began, _AHEAD)
    width = time_of(end) - time_of(after)
    if place.page == 1 and _has_more(listing) and width > _SECOND:
        return Step([], replace(place, after=after, until=shifted(after, width // 2)))
    found = _read(reader, listing.rows, place)
    # more than a page in one second is an import, and read by pages after all
    following = next_page(place, listing) if width <= _SECOND else None
    if following is None and place.until:
        later = shifted(place.until, max(width, _SECOND) * 2)
        until = "" if later >= shifted(place.began, _AHEAD) else later
        # whether the ends of a span belong to it differs: the last second is read again
        start = shifted(place.until, -_SECOND if width > 2 * _SECOND else timedelta())
        following = replace(place, page=1, seen="", total=0, after=start, until=until)
    return step_of(found, following, listing)


def _earliest(place: Place) -> str:
    """Return the site's time from which orders count that the report may have learned of only since `since`."""
    since = time_of(place.since) - LAG
    if not place.zone:
        return text_of(since - _BEHIND)
    return text_of(since.astimezone(zone_of(place.zone)).replace(tzinfo=UTC))


def _read(reader: Reader, rows: Sequence[Row], place: Place) -> Found:
    return reader.report(rows, zone_of(place.zone or ""))


def _has_more(listing: Listing) -> bool:
    return len(listing.rows) >= PER_PAGE and (listing.total is None or listing.total > len(listing.rows))


def _paged(place: Place) -> Place:
    return Place("report_pages", place.began, place.since, before=place.before, ahead=place.ahead, zone=place.zone)


def _barred(refusal: Rejected) -> Step:
    why = f"{refusal.status} {refusal.code}".strip()
    return Step([], None, notes=[_NO_REPORT.format(why=why)], is_barred=True)
