"""Reading a shop's customers page by page: every phase is a function from a place to what it found and the next place.

    full          customers → report (→ orders, where the report is missing or the source says `read_orders`)
    incremental   new → orders → report

WooCommerce cannot list the customers that changed: an incremental pull reads the new ones and everybody seen in an
order that changed; an edited profile is heard of by webhook, and by the next full pull. The place is the whole memory,
so any process goes on from it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import UTC, datetime, timedelta

from connectors.woocommerce import records
from connectors.woocommerce.api import CUSTOMERS, ORDERS, PER_PAGE, REPORT, Listing, Rejected, Shop
from connectors.woocommerce.pulled import Found, Reader, Row, site_time, zone_name, zone_of
from customer_sync.errors import PayloadError, TryLater, Unavailable
from customer_sync.kit.reach import Cursor, Page, Want

#: How far an incremental pull reaches back behind `since`: filters leave out the second they name, a new order is
#: written in several steps.
OVERLAP = timedelta(minutes=5)
#: The same for the report, which filters by the site's own time (at most 12 hours behind UTC) and lags.
REPORT_OVERLAP = timedelta(hours=16)
_EVER = "1970-01-01T00:00:00"

_NO_REPORT = (
    "WooCommerce Analytics does not answer ({why}): order totals are not read, and guests come from the orders alone."
)
_IGNORED = "The shop ignores `modified_after` (WooCommerce before 5.8?): its newest orders are read one by one instead."
_NO_ORDERS = (
    "The shop cannot list changed orders (WooCommerce before 5.8?): until the next full pull only new customers and "
    "webhooks tell what changed."
)
_NO_COUNT = "A proxy of the shop takes away X-WP-TotalPages: a page without records counts as the end of a list."

_HIDDEN = (
    "The key's user is no administrator: from others WooCommerce hides the plugins' fields of accounts (`meta_data`), "
    "so no account tells of consent, nor of a withdrawal. Give the key to an administrator."
)
_NO_ZONE = "The shop hides its time zone: the dates of last orders are taken as UTC."


@dataclass(frozen=True, slots=True)
class Place:
    """Where a pull stands; JSON in a cursor.

    Args:
        phase: customers, new, orders, newest_orders or report.
        began: when the pull began, as `2026-11-21T12:00:00`, UTC like all times here.
        since: the time from which changes are wanted; "" for a full pull.
        page: the page to read.
        after: orders that changed later than this are read.
        seen: the first and the last id of the page before, to know a page that comes twice.
        total: how many records the phase's list had at the page before.
        before: how many records the phases before had.
        ahead: how many records the report has, found out at the start.
        zone: the site's zone (see `pulled.zone_name`); None while it is not known.
    """

    phase: str
    began: str
    since: str = ""
    page: int = 1
    after: str = ""
    seen: str = ""
    total: int = 0
    before: int = 0
    ahead: int = 0
    zone: str | None = None


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


def pull(shop: Shop, reader: Reader, want: Want, *, read_orders: bool = False) -> Page:
    """Return the next page of a pull of customers.

    Args:
        shop: where to read.
        reader: how to read.
        want: what to read; a cursor keeps the `since` it began with.
        read_orders: whether a full pull reads every order, too.

    Raises:
        TajoError: as `Connector.pull`.
    """
    place = read_place(want.cursor) if want.cursor else _first(shop, reader, want)
    step = _PHASES[place.phase](shop, reader, place)
    following = step.place or _next_phase(place, step, read_orders=read_orders)
    return Page(
        step.found,
        None if following is None else as_cursor(following),
        _total(place, step),
        notes=(*shop.notes, *step.notes),
    )


def as_cursor(place: Place) -> Cursor:
    """Return a place as JSON, without what is empty."""
    return {name: value for name, value in asdict(place).items() if value or name == "zone"}


def read_place(cursor: Cursor) -> Place:
    """Return the place of a cursor.

    Raises:
        TryLater: it is none of ours.
    """
    known = {one.name: cursor[one.name] for one in fields(Place) if one.name in cursor}
    if str(known.get("phase")) not in _PHASES or not isinstance(known.get("began"), str):
        raise TryLater("the cursor is not one of WooCommerce's")
    return Place(**known)  # type: ignore[arg-type]  # it is what `as_cursor` wrote


# phases -------------------------------------------------------------------------------------------------------------


def _customers(shop: Shop, reader: Reader, place: Place) -> Step:
    """Everybody with an account, by id: whoever comes meanwhile comes at the end.

    Without `role=all` WooCommerce lists only the role `customer`; subscribers and shop managers buy, too.
    """
    listing = shop.listing(CUSTOMERS, role="all", orderby="id", order="asc", page=str(place.page))
    if back := _stepped_back(place, listing):
        return Step([], back, back.total)
    return _accounts(reader, listing.rows, _next_page(place, listing), listing)


def _new(shop: Shop, reader: Reader, place: Place) -> Step:
    """New accounts, newest first, until one is older than what is wanted."""
    listing = shop.listing(CUSTOMERS, role="all", orderby="registered_date", order="desc", page=str(place.page))
    new = [row for row in listing.rows if not _is_older(row, "date_created_gmt", place.since)]
    is_over = bool(listing.rows) and _is_older(listing.rows[-1], "date_created_gmt", place.since)
    return _accounts(reader, new, None if is_over else _next_page(place, listing), listing)


def _orders(shop: Shop, reader: Reader, place: Place) -> Step:
    """Orders that changed, oldest change first, each time from the last change seen: pages of a live list shift."""
    try:
        listing = _order_page(shop, place, modified_after=place.after, order="asc")
    except Rejected as refusal:
        if refusal.status != 400:
            raise
        return Step([], None, notes=[_NO_ORDERS])
    if place.page == 1 and any(_is_older(row, "date_modified_gmt", place.after) for row in listing.rows):
        return Step([], replace(place, phase="newest_orders", after=""), notes=[_IGNORED])
    following = _next_page(place, listing)
    latest = _latest(listing.rows)
    # The filter is exclusive and knows whole seconds, so the last second is read again; where one second fills a page,
    # its next page is read instead.
    if following is not None and latest > place.after:
        following = replace(following, page=1, after=latest, seen="")
    return _step(_people(shop, reader, place, listing.rows), following, listing)


def _newest_orders(shop: Shop, reader: Reader, place: Place) -> Step:
    """Orders by change, newest first, for a shop that cannot filter them."""
    listing = _order_page(shop, place, order="desc")
    new = [row for row in listing.rows if not _is_older(row, "date_modified_gmt", place.since or _EVER)]
    is_over = len(new) < len(listing.rows)
    return _step(_people(shop, reader, place, new), None if is_over else _next_page(place, listing), listing)


def _report(shop: Shop, reader: Reader, place: Place) -> Step:
    """Totals and guests, the last active first.

    Who becomes active meanwhile moves to the front, so nobody else is passed over; and whoever moved has done
    something that the next incremental pull sees.
    """
    if place.zone is None:
        place = replace(place, zone=zone_name(shop.index()))
    since = _shifted(place.since, REPORT_OVERLAP) if place.since else ""
    bound = {"last_order_after": since} if since else {}
    try:
        listing = shop.listing(REPORT, orderby="date_last_active", order="desc", page=str(place.page), **bound)
    except Rejected as refusal:
        why = f"{refusal.status} {refusal.code}".strip()
        return Step([], None, notes=[_NO_REPORT.format(why=why)], is_barred=True)
    if back := _stepped_back(place, listing):
        return Step([], back, back.total)
    wanted = [row for row in listing.rows if not since or not _is_older(row, "date_last_order", since)]
    # A shop that ignores the filter lists everybody; a page on which nobody is wanted is the end then.
    is_over = bool(listing.rows) and not wanted
    found = reader.report(wanted, zone_of(place.zone or ""), _time(place.began))
    step = _step(found, None if is_over else _next_page(place, listing), listing)
    step.notes += [] if place.zone else [_NO_ZONE]
    return step


_PHASES: Mapping[str, Callable[[Shop, Reader, Place], Step]] = {
    "customers": _customers,
    "new": _new,
    "orders": _orders,
    "newest_orders": _newest_orders,
    "report": _report,
}


# from phase to phase ------------------------------------------------------------------------------------------------


def _first(shop: Shop, reader: Reader, want: Want) -> Place:
    began = _text(reader.now)
    if want.since is not None:
        return Place("new", began, _text(want.since - OVERLAP))
    try:
        ahead = shop.listing(REPORT, per_page="1").total or 0
    except (Rejected, TryLater, Unavailable):
        ahead = 0
    return Place("customers", began, ahead=ahead)


def _next_phase(place: Place, step: Step, *, read_orders: bool) -> Place | None:
    before = place.before + step.total
    blank = Place("", place.began, place.since, before=before, ahead=place.ahead)
    if place.phase == "new":
        return replace(blank, phase="orders", after=place.since)
    if place.phase == "customers" or (place.since and place.phase != "report"):
        return replace(blank, phase="report")
    if place.phase == "report" and not place.since and (read_orders or step.is_barred):
        return replace(blank, phase="orders", after=_EVER)
    return None


def _total(place: Place, step: Step) -> int | None:
    """Return how many records a full pull has in all; what an incremental one will bring is not known before."""
    if place.since or place.phase not in {"customers", "report"}:
        return None
    return step.total + (place.ahead if place.phase == "customers" else place.before)


# pages --------------------------------------------------------------------------------------------------------------


def _order_page(shop: Shop, place: Place, **params: str) -> Listing:
    return shop.listing(ORDERS, status="any", dates_are_gmt="true", orderby="modified", page=str(place.page), **params)


def _people(shop: Shop, reader: Reader, place: Place, rows: Sequence[Row]) -> Found:
    """Return the people of a page of orders: guests as the order tells them, the others as they are now.

    A full pull has read those with an account before.
    """
    found = reader.orders(rows)
    ids = {str(row.get("customer_id")) for row in rows if row.get("status") not in records.DRAFTS}
    return [*customers_by_id(shop, reader, sorted(ids)), *found] if place.since else found


def customers_by_id(shop: Shop, reader: Reader, ids: Sequence[str], *, must_see_all: bool = False) -> Found:
    """Return the customers with these ids; who is gone is absent.

    Args:
        shop: where to read.
        reader: how to read.
        ids: any number of them.
        must_see_all: whether one that is there but may not be read leaves an error, so that nobody takes it as gone.

    Raises:
        TryLater: the shop answered with others: a cache that does not look at the question.
    """
    asked = [one for one in ids if one.isascii() and one.isdigit() and int(one)]
    found: Found = []
    for start in range(0, len(asked), PER_PAGE):
        part = asked[start : start + PER_PAGE]
        listing = shop.listing(CUSTOMERS, role="all", include=",".join(part), orderby="id", order="asc")
        if any(str(row.get("id")) not in part for row in listing.rows):
            raise TryLater("the shop answered with other customers than those asked for")
        found += reader.customers(listing.rows)
        hidden = (listing.total or 0) - len(listing.rows)
        if must_see_all and hidden > 0:
            fault = f"{hidden} customers that the key's user may not read"
            found.append(PayloadError("customers", fault, "give the key to an administrator"))
    return found


def _next_page(place: Place, listing: Listing) -> Place | None:
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


def _stepped_back(place: Place, listing: Listing) -> Place | None:
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


def _accounts(reader: Reader, rows: Sequence[Row], place: Place | None, listing: Listing) -> Step:
    step = _step(reader.customers(rows), place, listing)
    step.notes += [_HIDDEN] if rows and not any("meta_data" in row for row in rows) else []
    return step


def _step(found: Found, place: Place | None, listing: Listing) -> Step:
    notes = [_NO_COUNT] if listing.pages is None and listing.rows else []
    return Step(found, place, listing.total or 0, notes)


# times --------------------------------------------------------------------------------------------------------------


def _is_older(row: Row, key: str, bound: str) -> bool:
    """Tell whether a record's time lies before a bound; one without a time, or with one at fault, does not."""
    try:
        at = site_time(row.get(key), UTC, key)
    except PayloadError:
        return False
    return at is not None and _text(at) < bound


def _latest(rows: Sequence[Row]) -> str:
    """Return one second before the last change on a page, which is read again with the next."""
    for row in reversed(rows):
        try:
            at = site_time(row.get("date_modified_gmt"), UTC, "date_modified_gmt")
        except PayloadError:
            continue
        if at is not None:
            return _text(at - timedelta(seconds=1))
    return ""


def _shifted(text: str, back: timedelta) -> str:
    return _text(_time(text) - back)


def _text(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
