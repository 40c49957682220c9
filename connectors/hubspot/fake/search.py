"""Filters, order and limits of a search.

https://developers.hubspot.com/docs/api-reference/latest/crm/search-the-crm
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

from connectors.hubspot.fake.records import Record
from customer_sync.kit.fakes.answers import Row
from customer_sync.kit.fakes.clock import seconds_of

MAX_GROUPS: Final = 5
MAX_FILTERS: Final = 6
MAX_ALL: Final = 18
MAX_PAGE: Final = 200


class BadSearch(Exception):
    """A search that is refused; the text is the platform's."""


def wanted(records: Iterable[Record], body: Row, *, ignores: str = "") -> list[Record]:
    """Return what a search finds, in its order.

    Args:
        records: all there are.
        body: what was asked.
        ignores: a property whose filters are not applied.

    Raises:
        BadSearch: it cannot be read, or asks for too much.
    """
    groups = body.get("filterGroups") or []
    filters = [one for group in groups for one in group.get("filters", [])]
    if len(groups) > MAX_GROUPS or any(len(group.get("filters", [])) > MAX_FILTERS for group in groups):
        raise BadSearch(f"No more than {MAX_GROUPS} filter groups of {MAX_FILTERS} filters.")
    if len(filters) > MAX_ALL:
        raise BadSearch(f"No more than {MAX_ALL} filters.")
    found = [one for one in records if not groups or any(_fits_all(one, group, ignores) for group in groups)]
    sorts = body.get("sorts") or []
    if len(sorts) > 1:
        raise BadSearch("Only one sort is allowed.")
    name, is_down = _order(sorts)
    return sorted(found, key=lambda one: (_comparable(one.value(name)), one.id), reverse=is_down)


def place(body: Row, most: int) -> tuple[int, int]:
    """Return where a page begins, and how long it is.

    Raises:
        BadSearch: it goes beyond the most that a search shows.
    """
    limit, after = body.get("limit", 10), body.get("after", 0)
    if not str(after or 0).isdecimal():
        raise BadSearch("after: must be an integer")
    start = int(after or 0)
    if not isinstance(limit, int) or not 0 < limit <= MAX_PAGE:
        raise BadSearch(f"limit: 1 to {MAX_PAGE}")
    if start + limit > most:
        raise BadSearch(f"The search shows the first {most} results; after and limit go beyond.")
    return start, limit


def _order(sorts: list[Any]) -> tuple[str, bool]:
    if not sorts:
        return "createdate", False
    first = sorts[0]
    if isinstance(first, str):
        return first.lstrip("-"), first.startswith("-")
    return str(first.get("propertyName")), first.get("direction") == "DESCENDING"


def _fits_all(record: Record, group: Row, ignores: str) -> bool:
    return all(one.get("propertyName") == ignores or _fits(record, one) for one in group.get("filters", []))


def _fits(record: Record, one: Row) -> bool:
    operator, value = str(one.get("operator")), record.value(str(one.get("propertyName")))
    if operator in ("HAS_PROPERTY", "NOT_HAS_PROPERTY"):
        return (value is not None) == (operator == "HAS_PROPERTY")
    if operator in ("IN", "NOT_IN"):
        parts = set((value or "").split(";"))
        return bool(parts & {str(each) for each in one.get("values", [])}) == (operator == "IN")
    if operator not in _COMPARED:
        raise BadSearch(f"operator: {operator} is none")
    if operator == "NEQ":
        return _comparable(value) != _comparable(one.get("value"))
    return value is not None and _COMPARED[operator](_comparable(value), _comparable(one.get("value")))


_COMPARED: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "EQ": lambda a, b: a == b,
    "NEQ": lambda a, b: a != b,
    "GT": lambda a, b: a > b,
    "GTE": lambda a, b: a >= b,
    "LT": lambda a, b: a < b,
    "LTE": lambda a, b: a <= b,
    "CONTAINS_TOKEN": lambda a, b: str(b[2]) in str(a[2]),
}


def _comparable(value: Any) -> tuple[int, float, str]:
    """Return a value so that numbers, times (as milliseconds) and texts can be put in order."""
    written = "" if value is None else str(value)
    text = written.lower()
    try:
        return (0, float(text), text)
    except ValueError:
        pass
    at_s = seconds_of(written) if len(written) >= 10 and written[4:5] == "-" else None
    return (1, 0.0, text) if at_s is None else (0, round(at_s * 1000), text)
