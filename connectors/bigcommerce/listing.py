"""How BigCommerce's lists are read to their end, whoever comes and goes meanwhile.

V3 has numbered pages. They are read from the last one back to the first: what is deleted meanwhile moves the others
towards pages that are still to be read, and what is added stands behind. A list of what changed has an end in time, so
nothing enters it. V2 has no number of pages; its orders are asked for by `min_id`, each page behind the last id.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from connectors.bigcommerce.account import Shop, rows_of
from customer_sync.errors import TryLater
from customer_sync.kit.paging import dig, whole_or
from customer_sync.kit.rest import Answer, TooMuch
from customer_sync.model import Json

#: How many rows a page has; 250 is the most.
PER_PAGE = 250
#: How often a page is read again that looked like its neighbour.
_AGAIN: Final = 3

#: Where a list stands: JSON; {} is its beginning.
Place = Mapping[str, Json]


class Listed(NamedTuple):
    """A page, where the next one is (None: this was the last), and how many rows there are."""

    rows: list[Json]
    place: Place | None
    total: int | None = None


class _Meta(NamedTuple):
    total: int
    pages: int
    per_page: int


def page_back(shop: Shop, path: str, params: Mapping[str, str], place: Place) -> Listed:
    """Return the next page of a V3 list, counted from its end.

    Raises:
        TryLater: the page is not whole.
        TajoError: as `Shop.get`.
    """
    size, number = whole_or(place.get("size"), PER_PAGE), whole_or(place.get("page"), 0)
    try:
        answer = shop.get(path, {**params, "limit": str(size), "page": str(number or 1)})
    except TooMuch:
        if size <= 1:
            raise
        return Listed([], {"size": size // 2})
    meta, rows = _meta(answer), rows_of(answer)
    kept = {"size": size} if "size" in place else {}
    if not number and meta.pages > 1:
        return Listed([], {**kept, "page": meta.pages}, meta.total)
    at = number or 1
    wanted = meta.per_page if at < meta.pages else meta.total - (meta.pages - 1) * meta.per_page
    if at <= meta.pages and len(rows) < min(wanted, meta.total):
        raise TryLater(f"BigCommerce listed {len(rows)} of the {wanted} rows of a page.")
    first, again = str(dig("id")(rows[0])) if rows else "", whole_or(place.get("again"), 0)
    if first and first == place.get("first") and meta.total == place.get("total") and again < _AGAIN:
        # the page that was read before was this one: it is read again
        return Listed(rows, {**kept, "page": at + 1, "again": again + 1}, meta.total)
    if at <= 1:
        return Listed(rows, None, meta.total)
    more: dict[str, Json] = {"again": again} if again else {}
    return Listed(rows, {**kept, "page": at - 1, "first": first, "total": meta.total, **more}, meta.total)


def page_behind(shop: Shop, params: Mapping[str, str], place: Place) -> Listed:
    """Return the next page of V2's orders, behind the last id; an empty one is believed when the count says the same.

    Raises:
        TryLater: the list leads back, or ends too soon.
        TajoError: as `Shop.get`.
    """
    size, last = whole_or(place.get("size"), PER_PAGE), whole_or(place.get("after"), 0)
    asked = {**params, "min_id": str(last + 1)}
    try:
        answer = shop.get("/v2/orders", {**asked, **ORDER_PARTS, "sort": "id:asc", "limit": str(size)})
    except TooMuch:
        if size <= 1:
            raise
        return Listed([], {**place, "size": size // 2})
    rows = bare_rows(answer)
    if not rows:
        if whole_or(shop.get("/v2/orders/count", asked).object().get("count"), 0) > 0:
            raise TryLater("BigCommerce lists no orders, and counts some.")
        return Listed([], None)
    numbers = [found for one in rows if isinstance(found := dig("id")(one), int)]
    if not numbers or min(numbers) <= last:
        raise TryLater("The list of orders leads back to what it gave.")
    return Listed(rows, {**place, "after": max(numbers)})


#: What is asked for with an order: its lines, which are a list of their own otherwise.
ORDER_PARTS: Final = {"include": "consignments.line_items", "consignment_structure": "object"}


def bare_rows(answer: Answer) -> list[Json]:
    """Return the rows of a V2 list: a bare array, or 204 and nothing where there are none.

    Raises:
        TryLater: it is something else.
    """
    if answer.status == 204:
        return []
    if not isinstance(answer.value, list):
        raise TryLater("BigCommerce answers with something else than a list of orders.")
    return answer.value


def _meta(answer: Answer) -> _Meta:
    told = dig("meta.pagination")(answer.value)
    found = [dig(name)(told) for name in ("total", "total_pages", "per_page")]
    total, pages, per_page = (one if isinstance(one, int) else -1 for one in found)
    if total < 0 or pages < 0 or (per_page < 1 and total):
        raise TryLater("BigCommerce does not say how many pages a list has.")
    return _Meta(total, pages, per_page)
