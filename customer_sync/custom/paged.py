"""Where the rows of an answer stand, and which of the kit's ways of paging a file means."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from customer_sync.custom import calling, form
from customer_sync.custom.paths import Paths
from customer_sync.errors import TryLater
from customer_sync.kit import paging
from customer_sync.kit.rest import Answer
from customer_sync.model import Json

#: Where lists often stand, and where answers often say that there is more, for files that do not say it.
LISTS: Final = ("data", "items", "results", "records", "value")
_MORE: Final = (
    "next",
    "next_page",
    "nextPage",
    "next_cursor",
    "nextCursor",
    "has_more",
    "hasMore",
    "links.next",
    "paging.next",
    "meta.next_cursor",
    "meta.next_page",
    "pagination.next",
    "pagination.next_page",
)


@dataclass(frozen=True, slots=True)
class Rows(paging.Offset):
    """Pages by how many rows were before, up to an empty page or a total: platforms give fewer than they are asked for.

    Args:
        total: finds how many rows there are; None: an empty page is the end.
    """

    total: Callable[[Json], Json] | None = None

    def after(self, answer: Answer, rows: paging.Rows, state: paging.State) -> paging.State | None:
        """Return the next offset."""
        behind = state.get("offset", 0)
        reached = (behind if isinstance(behind, int) else 0) + len(rows)
        total = None if self.total is None else self.total(answer.value)
        is_over = isinstance(total, int) and not isinstance(total, bool) and reached >= total
        return None if is_over or not rows else {"offset": reached}


def rows_of(name: str, resource: form.Resource, value: Json) -> list[Json]:
    """Return the rows of an answer.

    Raises:
        TryLater: it holds no list.
    """
    if resource.records is not None:
        found = resource.records.get(value)
    elif isinstance(value, dict):
        found = next((value[one] for one in (name, *LISTS) if isinstance(value.get(one), list)), None)
    else:
        found = value
    if not isinstance(found, list):
        raise TryLater(f"The answer holds no list of {name}: is `records` of the connector file right?")
    return found


def paging_of(  # noqa: PLR0911  # one for each way
    way: Any, key: Paths
) -> paging.Paging:
    """Return the kit's way of paging for that of a file."""
    if isinstance(way, calling.PageNumber):
        where = way.stop if isinstance(way.stop, Paths) else way.total_pages
        total = None if where is None else where.get
        return paging.PageNumber(way.param, way.size_param, way.size, way.start, total)
    if isinstance(way, calling.Offset):
        if way.more is not None:
            return paging.Offset(way.param, way.limit_param, way.limit, way.more.says)
        total = way.stop.get if isinstance(way.stop, Paths) else None
        return Rows(way.param, way.limit_param, way.limit, total=total)
    if isinstance(way, calling.Cursor):
        return paging.Cursor(way.send_as, way.next.get, way.size_param, way.size)
    if isinstance(way, calling.LastId):
        return paging.LastId(way.send_as, (way.path or key).get, way.more.says, way.size_param, way.size)
    if isinstance(way, calling.NextUrl):
        return paging.NextUrl(way.path.get, way.size_param, way.size)
    if isinstance(way, calling.LinkHeader):
        return paging.NextUrl(None, way.size_param, way.size)
    return paging.OnePage()


def says_more(value: Json) -> bool:
    """Tell whether an answer says, where answers often do, that there is more."""
    return any(paging.dig(path)(value) not in (None, False, "", [], {}) for path in _MORE)
