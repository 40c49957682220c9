"""A live list of a shop, read by change: orders, products. Each step is a function from a place to the next one.

The oldest change comes first, and reading goes on from the last change seen, never by page number: the pages of a live
list shift. A shop that ignores the filter is noticed by the dates and read from its newest record.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, timedelta
from typing import Final

from connectors.woocommerce.answers import Rejected
from connectors.woocommerce.api import Listing, Shop
from connectors.woocommerce.place import Place, Step, is_older, next_page, shifted, step_of, text_of
from connectors.woocommerce.pulled import Found, Row, site_time
from customer_sync.errors import PayloadError

#: Before everything.
EVER: Final = "1970-01-01T00:00:00"
#: What the phase is called that reads a list from its newest record.
NEWEST: Final = "newest_"
_SECOND = timedelta(seconds=1)
_IGNORED = "The shop ignores `modified_after` (WooCommerce before 5.8?): its newest {} are read one by one instead."


@dataclass(frozen=True, slots=True)
class Live:
    """A list that changes while it is read.

    Args:
        route: where.
        params: which of its records.
        read: what becomes of the records of a page.
        refused: what the operator is told where the shop does not take the filter.
        per_page: how many records a page has; 0: as many as it may.
    """

    route: str
    params: Mapping[str, str]
    read: Callable[[Sequence[Row]], Found]
    refused: str
    per_page: int = 0

    def page(self, shop: Shop, place: Place, **params: str) -> Listing:
        """Return the page of a place."""
        size = {"per_page": str(self.per_page)} if self.per_page else {}
        return shop.listing(self.route, **self.params, dates_are_gmt="true", page=str(place.page), **size, **params)


def in_turn(shop: Shop, place: Place, live: Live) -> Step:
    """Read what changed after a time, oldest change first, each time from the last change seen."""
    if place.until:
        return _of_a_second(shop, place, live)
    try:
        listing = live.page(shop, place, modified_after=place.after, orderby="modified", order="asc")
    except Rejected as refusal:
        if refusal.status != 400:
            raise
        return Step([], None, notes=[live.refused])
    if any(is_older(row, "date_modified_gmt", place.after) for row in listing.rows):
        note = _IGNORED.format(live.route.rpartition("/")[2])
        return Step([], replace(place, phase=f"{NEWEST}{place.phase}", after=""), notes=[note])
    following = next_page(place, listing)
    latest = _latest(listing.rows)
    # The filter is exclusive and knows whole seconds, so the last second is read again; one that fills a page is read
    # by numbers.
    if following is not None and latest > place.after:
        following = replace(following, page=1, after=latest, seen="")
    elif following is not None and listing.rows:
        return Step([], replace(place, until=shifted(place.after, 2 * _SECOND)))
    return step_of(live.read(listing.rows), following, listing)


def newest_first(shop: Shop, place: Place, live: Live) -> Step:
    """Read a list by change, newest first, from a shop that cannot filter it."""
    listing = live.page(shop, place, orderby="modified", order="desc")
    new = [row for row in listing.rows if not is_older(row, "date_modified_gmt", place.since or EVER)]
    is_over = len(new) < len(listing.rows)
    return step_of(live.read(new), None if is_over else next_page(place, listing), listing)


def _of_a_second(shop: Shop, place: Place, live: Live) -> Step:
    """Read what changed in one second, by numbers: it comes in another order on each page otherwise."""
    span = {"modified_after": place.after, "modified_before": place.until}
    listing = live.page(shop, place, **span, orderby="id", order="asc")
    onwards = replace(place, page=1, after=shifted(place.after, _SECOND), until="", seen="", total=0)
    following = next_page(place, listing) or onwards
    return step_of(live.read(listing.rows), following, listing)


def _latest(rows: Sequence[Row]) -> str:
    """Return one second before the last change on a page, which is read again with the next."""
    for row in reversed(rows):
        try:
            at = site_time(row.get("date_modified_gmt"), UTC, "date_modified_gmt")
        except PayloadError:
            continue
        if at is not None:
            return text_of(at - _SECOND)
    return ""
