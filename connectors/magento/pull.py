"""Reading a shop's lists: from the last record on, one row that breaks its page left out by name, nothing twice.

A full pull goes by id, an incremental one by time of change and id; the filter says both, so that a thousand records of
one second are no obstacle, and page numbers, which shift and repeat, are never used:

```
updated_at >= T  AND  (entity_id > N  OR  updated_at > T)      order by updated_at, entity_id
```
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from connectors.magento.api import Found, Group, Row, Shop
from customer_sync.errors import PayloadError, TryLater, Unavailable
from customer_sync.kit.paging import whole_or
from customer_sync.kit.reach import Cursor, Page, Want
from customer_sync.kit.rest import Rejected, TooMuch
from customer_sync.model import Event, Json

#: How many records a page has; Magento's own limit, where it is switched on, is 300 by default.
PAGE: int = 100
#: How far an incremental pull reaches back behind `since`: a long transaction appears behind the time that it carries.
LOOKBACK: Final = timedelta(minutes=5)
#: More rows than these that break their pages are no single faults: the shop is broken.
MAX_BAD: Final = 50
#: Beyond every id.
_BEYOND: Final = 2**32
_TIME: Final = re.compile(r"\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}")
_LOG: Final = (
    "look into var/log/exception.log of the shop; all others are read, and this one by the next run after it is mended"
)
_SMALL: Final = "The shop allows pages of {size} at most."
_COUNTS: Final = "The shop counts more {what} than it lists."


@dataclass(frozen=True, slots=True)
class Live:
    """A list of a shop.

    Args:
        path: where.
        key: the key of the id in a row.
        filters: what of it is wanted.
    """

    path: str
    key: str
    filters: tuple[Group, ...] = ()


#: Resource → its list. The field of the id is `entity_id` in filters everywhere.
LISTS: Final[Mapping[str, Live]] = {
    "customers": Live("/customers/search", "id"),
    "orders": Live("/orders", "entity_id"),
    "products": Live("/products", "id"),
    "carts": Live("/carts/search", "id"),
}
#: Reads the rows of a page: events, and what the operator should know.
Read = Callable[[Sequence[Row]], tuple[Sequence[Event | PayloadError], int, Sequence[str]]]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a pull stands.

    Args:
        id: the last record that was read.
        at: the time of change it had, as Magento writes it; "" in a full pull.
        size: how many records the next page has.
        cap: how many the shop allows; 0: not known to be fewer than `PAGE`.
        total: how many there were at the beginning.
        bad: the records that break their pages.
        extra: what the reader keeps between pages.
    """

    id: int = 0
    at: str = ""
    size: int = 0
    cap: int = 0
    total: int = 0
    bad: tuple[int, ...] = ()
    extra: Mapping[str, Json] | None = None

    @classmethod
    def of(cls, want: Want) -> Place:
        """Return the place of a cursor, or the beginning."""
        if want.cursor is None:
            return cls(at=text_of(want.since - LOOKBACK) if want.since else "", size=PAGE)
        cursor = want.cursor
        number = {name: whole_or(cursor.get(name), 0) for name in ("id", "size", "cap", "total")}
        bad, extra = cursor.get("bad"), cursor.get("extra")
        return cls(
            number["id"],
            str(cursor.get("at") or ""),
            number["size"] or PAGE,
            number["cap"],
            number["total"],
            tuple(whole_or(one, 0) for one in bad) if isinstance(bad, list) else (),
            extra if isinstance(extra, dict) else None,
        )

    def encode(self) -> Cursor:
        """Return it as a cursor."""
        numbers: dict[str, Json] = {"id": self.id, "size": self.size, "cap": self.cap, "total": self.total}
        return {**numbers, "at": self.at, "bad": list[Json](self.bad), "extra": dict(self.extra or {})}

    def groups(self) -> list[Group]:
        """Return the filters of what follows."""
        if not self.at:
            found: list[Group] = [[("entity_id", "gt", str(self.id))]]
        else:
            found = [[("updated_at", "gteq", self.at)]]
            if self.id:
                found.append([("entity_id", "gt", str(self.id)), ("updated_at", "gt", self.at)])
        if self.bad:
            found.append([("entity_id", "nin", ",".join(map(str, self.bad)))])
        return found

    @property
    def order(self) -> tuple[str, ...]:
        """In which order the records come."""
        return ("updated_at", "entity_id") if self.at else ("entity_id",)

    def grown(self) -> int:
        """Return the size of the next page, once one of this size was made."""
        return min(self.size * 2, self.cap or PAGE, PAGE)


def text_of(at: datetime) -> str:
    """Return a time as Magento writes it: UTC without a zone, whatever the zone of the shop or of this host."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def pull(shop: Shop, live: Live, place: Place, read: Read, what: str) -> Page:
    """Return the next page of a list.

    Args:
        shop: whose.
        live: which.
        place: from where on.
        read: what becomes of its rows.
        what: the resource, for messages.

    Raises:
        TryLater: the shop ignored the filter, or gave nothing though there is more.
        Unavailable: it cannot answer at all.
        TajoError: as `Shop.search`.
    """
    notes: list[str] = []
    while True:
        try:
            found = _search(shop, live, place, notes, what)
            break
        except TooMuch as error:
            if place.size > 1:
                place = replace(place, size=place.size // 2)
                continue
            return _left_out(shop, live, place, what, error)
        except Rejected as error:
            if error.status != 400 or "pageSize" not in error.word or place.size == 1:
                raise
            place = replace(place, size=place.size // 2, cap=place.size // 2)
            notes = [_SMALL.format(size=place.size)]
    events, unchanged, more = read(found.rows)
    total = place.total or found.total
    after = _after(place, live, found.rows)
    is_last = len(found.rows) >= found.total or not found.rows
    if not is_last and (after.at, after.id) == (place.at, place.id):
        raise TryLater(
            "Magento gave rows without an id or a time that it can be asked to go on from: the list leads back."
        )
    cursor = None if is_last else replace(after, size=place.grown(), total=total).encode()
    return Page(events, cursor, total, notes=(*notes, *more), unchanged=unchanged)


def _search(shop: Shop, live: Live, place: Place, notes: list[str], what: str) -> Found:
    """Return a page; one that is shorter than the count says is asked for once more, because it may be a slip."""
    groups = [*place.groups(), *live.filters]
    found = shop.search(live.path, groups, place.order, place.size)
    if len(found.rows) < min(place.size, found.total):
        again = shop.search(live.path, groups, place.order, place.size)
        found = again if len(again.rows) >= len(found.rows) else found
        if not found.rows and found.total:
            raise TryLater("Magento gave an empty page, though it counts more.")
        if len(found.rows) < min(place.size, found.total):
            notes.append(_COUNTS.format(what=what))
    for row in found.rows:
        number, at = whole_or(row.get(live.key), 0), _time(row)
        if (at and at < place.at) or (not place.at and 0 < number <= place.id):
            raise TryLater("Magento ignored the filter: it gave records from before.")
    return found


def _left_out(shop: Shop, live: Live, place: Place, what: str, error: TooMuch) -> Page:
    """Return a page without records: one that breaks every page is found by its number, named, and passed over.

    Of the records that follow, the first one breaks the page. With "and its id is beyond x" it does so until x reaches
    the bad one; so x is looked for by halves. A shop that cannot even list what lies beyond every id is down.

    Raises:
        Unavailable: the shop is down, or too many records are bad.
    """

    def breaks(beyond: int) -> bool:
        groups = [*place.groups(), *live.filters, [("entity_id", "gt", str(beyond))]]
        try:
            shop.search(live.path, groups, place.order, 1)
        except TooMuch:
            return True
        return False

    low, high = place.id if not place.at else 0, _BEYOND
    if len(place.bad) >= MAX_BAD or breaks(high):
        raise Unavailable(str(error)) from error
    width = 1
    while low + width < high and breaks(low + width):
        low, width = low + width, width * 2
    high = min(high, low + width)
    if low == (place.id if not place.at else 0) and not breaks(low):
        return Page((), place.encode(), place.total or None)  # it was a slip
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if breaks(middle) else (low, middle)
    fault = PayloadError(f"{what}.{high}", "the shop answers 500 for every page that this record is on", _LOG)
    return Page([fault], replace(place, size=place.cap or PAGE, bad=(*place.bad, high)).encode(), place.total or None)


def _after(place: Place, live: Live, rows: Sequence[Row]) -> Place:
    """Return the place behind some rows."""
    numbers = [number for row in rows if (number := whole_or(row.get(live.key), 0))]
    if not place.at:
        return replace(place, id=max(numbers, default=place.id))
    at = max((_time(row) for row in rows), default="") or place.at
    of_that_time = [whole_or(row.get(live.key), 0) for row in rows if _time(row) == at]
    return replace(place, at=at, id=max(of_that_time, default=0))


def _time(row: Row) -> str:
    at = row.get("updated_at")
    return at if isinstance(at, str) and _TIME.fullmatch(at) else ""
