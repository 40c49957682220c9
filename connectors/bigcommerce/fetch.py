"""Records by id, as they are now; what is gone is absent."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote

from connectors.bigcommerce import goods, listing, orders, pull, records
from connectors.bigcommerce.account import Shop, rows_of
from connectors.bigcommerce.records import SUBSCRIBER
from customer_sync.errors import Missing, PayloadError, TryLater
from customer_sync.kit.paging import dig
from customer_sync.model import Event, Json

#: Orders whose ids lie this close together are read by one call.
_SPAN: Final = 250
#: How many ids one call asks for.
_BATCH: Final = 50

Found = list[Event | PayloadError]


def fetch(shop: Shop, source: str, resource: str, ids: Sequence[str]) -> Found:
    """Return the records of a resource with these ids; see `Connector.fetch`.

    Raises:
        TajoError: as `Connector.fetch`.
    """
    now = datetime.fromtimestamp(shop.access.now_s(), UTC)
    if resource == "orders":
        return _orders(shop, source, _numbers(ids), now)
    if resource == "products":
        rows = _rows(shop, pull.PRODUCTS, pull.PRODUCT_PARTS, _numbers(ids))
        store = pull.store_of(shop) if rows else goods.Store()
        return [goods.product(row, store, source, now) for row in rows]
    if resource == "carts":
        return [goods.cart(row, source, now) for one in ids for row in _cart(shop, one)]
    plain = _rows(shop, pull.CUSTOMERS, pull.CUSTOMER_PARTS, _numbers(ids))
    found = [event for row in plain for event in records.customer(row, source, now)]
    behind = _numbers([one.removeprefix(SUBSCRIBER) for one in ids if one.startswith(SUBSCRIBER)])
    rows = _rows(shop, pull.SUBSCRIBERS, {}, behind)
    return found + [event for row in rows for event in records.subscriber(row, source, now)]


def _numbers(ids: Sequence[str]) -> list[int]:
    """Return the ids that are numbers, in order; nothing else is an id here."""
    return sorted({int(one) for one in ids if one.isascii() and one.isdigit() and int(one) > 0})


def _rows(shop: Shop, path: str, parts: dict[str, str], ids: Sequence[int]) -> list[Json]:
    """Return the rows of a V3 list with these ids.

    Raises:
        TryLater: not all of what is there was shown, or something else: nobody may be taken for gone for that.
    """
    found: list[Json] = []
    for at in range(0, len(ids), _BATCH):
        some = ids[at : at + _BATCH]
        answer = shop.get(path, {**parts, "id:in": ",".join(map(str, some)), "limit": str(_BATCH)})
        rows = rows_of(answer)
        total = dig("meta.pagination.total")(answer.value)
        if total != len(rows) or not {dig("id")(row) for row in rows} <= set(some):
            raise TryLater("BigCommerce did not list by id what was asked for.")
        found += rows
    return found


def _orders(shop: Shop, source: str, ids: Sequence[int], now: datetime) -> Found:
    rows = [row for some in _near(ids) for row in _range(shop, some)]
    paid_back = pull.refunds(shop, rows)
    return [orders.event(row, paid_back, source, now) for row in rows]


def _near(ids: Sequence[int]) -> Iterator[list[int]]:
    """Yield the ids in groups that lie close together."""
    group: list[int] = []
    for one in ids:
        if group and one - group[0] >= _SPAN:
            yield group
            group = []
        group.append(one)
    if group:
        yield group


def _range(shop: Shop, ids: Sequence[int]) -> list[Json]:
    """Return the orders with these ids; V2 takes no list of ids, but a range.

    What the range does not show is asked for by itself: archived orders are in no list.
    """
    found: dict[int, Json] = {}
    if len(ids) > 1:
        asked = {"min_id": str(ids[0]), "max_id": str(ids[-1]), "limit": str(_SPAN)}
        rows = listing.bare_rows(shop.get("/v2/orders", {**asked, **listing.ORDER_PARTS}))
        found = {number: row for row in rows if isinstance(number := dig("id")(row), int)}
    return [row for one in ids for row in ([found[one]] if one in found else _order(shop, one))]


def _order(shop: Shop, number: int) -> list[Json]:
    try:
        return [dict(shop.get(f"/v2/orders/{number}", listing.ORDER_PARTS).object())]
    except Missing:
        return []


def _cart(shop: Shop, name: str) -> list[Json]:
    """Return a cart; one that was bought is not there any more."""
    try:
        return [shop.get(f"/v3/carts/{quote(name, safe='')}").object().get("data")]
    except Missing:
        return []
