"""Reading a shop's customers page by page: every phase is a function from a place to what it found and the next place.

    full          customers → report (→ orders, where the report is missing or the source says `read_orders`)
    incremental   new → orders → report

WooCommerce cannot list the customers that changed: an incremental pull reads the new ones and everybody seen in an
order that changed; an edited profile is heard of by webhook, and by the next full pull. The place is the whole memory,
so any process goes on from it. Lists are sorted by what is different in every record, or read in a way that does not
depend on the order of equal ones: from a database equal rows come in another order on each page.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from connectors.woocommerce import analytics, changes, orders
from connectors.woocommerce.answers import Rejected
from connectors.woocommerce.api import CUSTOMERS, ORDERS, PER_PAGE, REPORT, Listing, Shop
from connectors.woocommerce.changes import EVER, Live
from connectors.woocommerce.place import (
    Place,
    Step,
    as_cursor,
    is_older,
    next_page,
    read_place,
    step_of,
    stepped_back,
    text_of,
)
from connectors.woocommerce.pulled import Found, Reader, Row
from customer_sync.errors import PayloadError, TryLater, Unavailable
from customer_sync.kit.reach import Page, Want

#: How far an incremental pull reaches back behind `since`: filters leave out the second they name, a new order is
#: written in several steps.
OVERLAP = timedelta(minutes=5)
_NO_ORDERS = (
    "The shop cannot list changed orders (WooCommerce before 5.8?): until the next full pull only new customers and "
    "webhooks tell what changed."
)
_HIDDEN = (
    "The key's user is no administrator: from others WooCommerce hides the plugins' fields of accounts (`meta_data`), "
    "so no account tells of consent, nor of a withdrawal. Give the key to an administrator."
)


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
    place = read_place(want.cursor, tuple(_PHASES)) if want.cursor else _first(shop, reader, want)
    step = _PHASES[place.phase](shop, reader, place)
    following = step.place or _next_phase(place, step, read_orders=read_orders)
    return Page(
        step.found,
        None if following is None else as_cursor(following),
        _total(place, step),
        notes=(*shop.notes, *step.notes),
    )


# phases -------------------------------------------------------------------------------------------------------------


def _customers(shop: Shop, reader: Reader, place: Place) -> Step:
    """Everybody with an account, by id: whoever comes meanwhile comes at the end.

    Without `role=all` WooCommerce lists only the role `customer`; subscribers and shop managers buy, too.
    """
    listing = shop.listing(CUSTOMERS, role="all", orderby="id", order="asc", page=str(place.page))
    if back := stepped_back(place, listing):
        return Step([], back, back.total)
    return _accounts(reader, listing.rows, next_page(place, listing), listing)


def _new(shop: Shop, reader: Reader, place: Place) -> Step:
    """New accounts, the highest number first, until a page has none that is new enough.

    Not by `registered_date`: accounts that were made in one second come in another order on each page (seen on
    WooCommerce 11.0.1, 2026-11-28).
    """
    listing = shop.listing(CUSTOMERS, role="all", orderby="id", order="desc", page=str(place.page))
    if back := stepped_back(place, listing):
        return Step([], back, back.total)
    new = [row for row in listing.rows if not is_older(row, "date_created_gmt", place.since)]
    is_over = bool(listing.rows) and not new
    return _accounts(reader, new, None if is_over else next_page(place, listing), listing)


def _orders(shop: Shop, reader: Reader, place: Place) -> Step:
    """The people of orders that changed."""
    return changes.in_turn(shop, place, _people_of(shop, reader, place))


def _newest_orders(shop: Shop, reader: Reader, place: Place) -> Step:
    """The same, from a shop that cannot filter them."""
    return changes.newest_first(shop, place, _people_of(shop, reader, place))


_PHASES: Mapping[str, Callable[[Shop, Reader, Place], Step]] = {
    "customers": _customers,
    "new": _new,
    "orders": _orders,
    "newest_orders": _newest_orders,
    "report": analytics.report,
    "report_pages": analytics.report_pages,
}
_REPORTS = ("report", "report_pages")


# from phase to phase ------------------------------------------------------------------------------------------------


def _first(shop: Shop, reader: Reader, want: Want) -> Place:
    began = text_of(reader.now)
    if want.since is not None:
        return Place("new", began, text_of(want.since - OVERLAP))
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
    if place.phase == "customers" or (place.since and place.phase not in _REPORTS):
        return replace(blank, phase="report")
    if place.phase in _REPORTS and not place.since and (read_orders or step.is_barred):
        return replace(blank, phase="orders", after=EVER)
    return None


def _total(place: Place, step: Step) -> int | None:
    """Return how many records a full pull has in all; what an incremental one will bring is not known before."""
    if place.since or place.phase not in {"customers", *_REPORTS}:
        return None
    return step.total + (place.ahead if place.phase == "customers" else place.before)


# pages --------------------------------------------------------------------------------------------------------------


def _people_of(shop: Shop, reader: Reader, place: Place) -> Live:
    return Live(ORDERS, {"status": "any"}, lambda rows: _people(shop, reader, place, rows), _NO_ORDERS)


def _people(shop: Shop, reader: Reader, place: Place, rows: Sequence[Row]) -> Found:
    """Return the people of a page of orders: guests as the order tells them, the others as they are now.

    A full pull has read those with an account before.
    """
    found = reader.orders(rows)
    ids = {str(row.get("customer_id")) for row in rows if not orders.is_draft(row)}
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
        found += _unseen(listing, len(part)) if must_see_all else []
    return found


def _unseen(listing: Listing, asked: int) -> Found:
    """Return an error where somebody who was asked for may be there and not be shown."""
    shown = len(listing.rows)
    if listing.total is None and shown < asked:
        fault = f"{asked - shown} customers less than asked for and no X-WP-Total: are they gone or only hidden?"
        return [PayloadError("customers", fault, "let the proxy of the shop pass X-WP-Total on")]
    if (listing.total or 0) > shown:
        fault = f"{(listing.total or 0) - shown} customers that the key's user may not read"
        return [PayloadError("customers", fault, "give the key to an administrator")]
    return []


def _accounts(reader: Reader, rows: Sequence[Row], place: Place | None, listing: Listing) -> Step:
    step = step_of(reader.customers(rows), place, listing)
    step.notes += [_HIDDEN] if rows and not any("meta_data" in row for row in rows) else []
    return step
