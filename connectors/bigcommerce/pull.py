"""A store is read page by page: customers and then subscribers, orders with their refunds, products."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from connectors.bigcommerce import goods, listing, orders, records
from connectors.bigcommerce.account import Shop, is_web, rows_of
from connectors.bigcommerce.goods import Store
from customer_sync.errors import ConfigError, PayloadError, TryLater
from customer_sync.kit.connector import parse_time
from customer_sync.kit.paging import dig
from customer_sync.kit.reach import Cursor, Page, Want
from customer_sync.kit.rest import Answer
from customer_sync.model import Event, Json

CUSTOMERS: Final = "/v3/customers"
SUBSCRIBERS: Final = "/v3/customers/subscribers"
PRODUCTS: Final = "/v3/catalog/products"
REFUNDS: Final = "/v3/orders/payment_actions/refunds"
PRODUCT_PARTS: Final = {"include": "variants,images"}
CUSTOMER_PARTS: Final = {"include": "addresses"}
#: Times are told in whole seconds, and a filter may leave its own second out.
_SECOND: Final = timedelta(seconds=1)

Read = Callable[[Json], Sequence[Event | PayloadError]]


class _List(NamedTuple):
    """One list of V3: where it is, what is asked for with it, how a row is read."""

    path: str
    parts: Mapping[str, str]
    read: Read


def pull(shop: Shop, source: str, want: Want) -> Page:
    """Return the next page; see `Connector.pull`.

    Raises:
        TajoError: as `Connector.pull`.
    """
    now = datetime.fromtimestamp(shop.access.now_s(), UTC)
    cursor = dict(want.cursor or {})
    until = _until(cursor, now)
    if want.resource == "orders":
        return _orders(shop, source, want, cursor, now)
    if want.resource == "products":
        return _products(shop, source, want, cursor, until)
    lists = {
        "customers": _List(CUSTOMERS, CUSTOMER_PARTS, lambda row: records.customer(row, source, now)),
        "subscribers": _List(SUBSCRIBERS, {}, lambda row: records.subscriber(row, source, now)),
    }
    part = str(cursor.get("of") or "customers")
    page = _listed(shop, lists[part], want.since, until, _place(cursor))
    if page.cursor is not None:
        return page._replace(cursor={**page.cursor, "of": part, "until": until.isoformat()}).page()
    if part == "customers":
        return page._replace(cursor={"of": "subscribers", "until": until.isoformat()}).page()
    return page.page()


class _Step(NamedTuple):
    events: list[Event | PayloadError]
    cursor: Cursor | None
    total: int | None

    def page(self) -> Page:
        return Page(self.events, self.cursor, self.total)


def _listed(shop: Shop, one: _List, since: datetime | None, until: datetime, place: listing.Place) -> _Step:
    """Return a page of a V3 list. What changed since a time also has an end, see `listing`."""
    params = dict(one.parts)
    if since is not None:
        params |= {
            "date_modified:min": _written(since - _SECOND),
            "date_modified:max": _written(until + _SECOND),
        }
    found = listing.page_back(shop, one.path, params, place)
    if since is not None:
        _must_be_since(found.rows, since - _SECOND)
    return _Step([event for row in found.rows for event in one.read(row)], found.place, found.total)


def _must_be_since(rows: Sequence[Json], since: datetime) -> None:
    """Return when a list has only what changed since a time: otherwise its pages are those of another list.

    Raises:
        TryLater: it has not.
    """
    for row in rows:
        written = dig("date_modified")(row)
        try:
            is_before = parse_time(written, "date_modified") < since.replace(microsecond=0)
        except PayloadError:
            continue
        if is_before:
            raise TryLater("BigCommerce did not look at the time that was asked for.")


def _orders(shop: Shop, source: str, want: Want, cursor: Cursor, now: datetime) -> Page:
    since = since_of(cursor, want.since)
    params = {} if since is None else {"min_date_modified": _written(since - _SECOND)}
    found = listing.page_behind(shop, params, _place(cursor))
    paid_back = refunds(shop, found.rows)
    events = [orders.event(row, paid_back, source, now) for row in found.rows]
    kept: dict[str, Json] = {} if since is None else {"since": since.isoformat()}
    return Page(events, None if found.place is None else {**found.place, **kept}, found.total)


def since_of(cursor: Cursor, since: datetime | None) -> datetime | None:
    """Return since when orders are read: as the cursor says, in either way of writing a time, else as is asked."""
    if cursor.get("since") is None:
        return since
    return parse_time(cursor["since"], "since")


def refunds(shop: Shop, rows: Sequence[Json]) -> list[Json]:
    """Return the refunds of those orders of which something was paid back.

    Raises:
        TryLater: there are more than one page shows.
        TajoError: as `Shop.get`.
    """
    ids = [str(dig("id")(row)) for row in rows if orders.was_paid_back(row)]
    found: list[Json] = []
    for at in range(0, len(ids), 50):
        asked = {"order_id:in": ",".join(ids[at : at + 50]), "limit": "250"}
        number: int | None = 1
        while number is not None:
            answer = shop.get(REFUNDS, {**asked, "page": str(number)})
            found += rows_of(answer)
            number = number + 1 if number < pages_of(answer) else None
    return found


def _products(shop: Shop, source: str, want: Want, cursor: Cursor, until: datetime) -> Page:
    store = store_of(shop)
    one = _List(PRODUCTS, PRODUCT_PARTS, lambda row: [goods.product(row, store, source, until)])
    step = _listed(shop, one, want.since, until, _place(cursor))
    if step.cursor is not None:
        step = step._replace(cursor={**step.cursor, "until": until.isoformat()})
    return step.page()


def store_of(shop: Shop) -> Store:
    """Return what is known of the store itself; nothing where the key may not read it.

    Raises:
        TajoError: as `Shop.get`.
    """
    try:
        told = shop.get("/v2/store").object()
    except ConfigError:
        return Store()
    currency, site = told.get("currency"), told.get("secure_url")
    return Store(
        currency if isinstance(currency, str) else "",
        site.rstrip("/") if isinstance(site, str) and is_web(site) else "",
    )


def pages_of(answer: Answer) -> int:
    """Return how many pages a V3 list has; one where it does not say."""
    found = dig("meta.pagination.total_pages")(answer.value)
    return found if isinstance(found, int) else 1


def _place(cursor: Cursor) -> listing.Place:
    return {name: value for name, value in cursor.items() if name not in ("of", "until", "since")}


def _until(cursor: Cursor, now: datetime) -> datetime:
    """Return where a list of changes ends: when its first page was asked for."""
    return parse_time(cursor["until"], "until") if cursor.get("until") else now


def _written(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
