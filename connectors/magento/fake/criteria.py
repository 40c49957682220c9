"""`searchCriteria`: groups joined by AND, the filters of one by OR, order, page; read as Magento's collections do it.

https://developer.adobe.com/commerce/webapi/rest/use-rest/performing-searches/. A field that a table does not have is an
error of the database, which is a 500 or, as here, a 400 with its name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from fnmatch import translate
from typing import Any, Final, NamedTuple

from customer_sync.kit.fakes.answers import Row

#: The page size where none is asked for.
DEFAULT_SIZE: Final = 20
_FILTER: Final = re.compile(
    r"searchCriteria\[(?:filter_groups|filterGroups)\]\[(\d+)\]\[filters\]\[(\d+)\]\[(field|value|condition_type|conditionType)\]"
)
_SORT: Final = re.compile(r"searchCriteria\[sortOrders\]\[(\d+)\]\[(field|direction)\]")


class Refusal(Exception):
    """What the API says no to: the status, its sentence, and what stands for the names in it."""

    def __init__(self, status: int, message: str, parameters: Any = None) -> None:
        super().__init__(message)
        self.status, self.message, self.parameters = status, message, parameters

    def body(self) -> Row:
        """Return the body of the answer."""
        return {"message": self.message, **({} if self.parameters is None else {"parameters": self.parameters})}


class Filter(NamedTuple):
    """One filter."""

    field: str
    value: str
    condition: str


class Criteria(NamedTuple):
    """A search.

    Args:
        groups: all of them must fit, each by one of its filters.
        order: (field, whether it descends).
        size: of a page.
        page: from 1.
    """

    groups: Sequence[Sequence[Filter]]
    order: Sequence[tuple[str, bool]]
    size: int
    page: int

    def row(self) -> Row:
        """Return it as the answer repeats it."""
        groups = [
            {"filters": [{"field": f, "value": value, "condition_type": how} for f, value, how in group]}
            for group in self.groups
        ]
        order = [{"field": field, "direction": "DESC" if is_down else "ASC"} for field, is_down in self.order]
        return {"filter_groups": groups, "sort_orders": order, "page_size": self.size, "current_page": self.page}


def read(query: Mapping[str, str], max_size: int) -> Criteria:
    """Return the search that a query asks for.

    Args:
        query: name → value.
        max_size: the largest page; 0 has no limit.

    Raises:
        Refusal: 400; the page is too large, or a number is none.
    """
    groups: dict[int, dict[int, dict[str, str]]] = {}
    sorts: dict[int, dict[str, str]] = {}
    for name, value in query.items():
        if match := _FILTER.fullmatch(name):
            key = match[3].replace("conditionType", "condition_type")
            groups.setdefault(int(match[1]), {}).setdefault(int(match[2]), {})[key] = value
        elif match := _SORT.fullmatch(name):
            sorts.setdefault(int(match[1]), {})[match[2]] = value
    size = _number(query.get("searchCriteria[pageSize]"), DEFAULT_SIZE if max_size else 0)
    if max_size and size > max_size:
        raise Refusal(400, "Maximum SearchCriteria pageSize is %max", {"max": max_size})
    found = [
        [
            Filter(one.get("field", ""), one.get("value", ""), one.get("condition_type", "eq"))
            for _, one in sorted(group.items())
        ]
        for _, group in sorted(groups.items())
    ]
    order = [(one.get("field", ""), one.get("direction", "DESC").upper() != "ASC") for _, one in sorted(sorts.items())]
    return Criteria(found, order, size, _number(query.get("searchCriteria[currentPage]"), 1))


def chosen(rows: Sequence[Row], criteria: Criteria, fields: Mapping[str, str]) -> list[Row]:
    """Return the rows that fit, in order.

    Args:
        rows: all of them.
        criteria: the search.
        fields: field of the table → key of the row.

    Raises:
        Refusal: 400; a field or a condition is unknown.
    """
    found = [row for row in rows if all(any(_fits(row, one, fields) for one in group) for group in criteria.groups)]
    for field, is_down in reversed(criteria.order):
        key = _key(field, fields)
        found.sort(key=lambda row: _sortable(row.get(key)), reverse=is_down)
    return found


def _fits(row: Row, one: Filter, fields: Mapping[str, str]) -> bool:
    test = _TESTS.get(one.condition)
    if test is None:
        raise Refusal(400, "Unknown condition type: %1", [one.condition])
    value = row.get(_key(one.field, fields))
    if one.condition in {"null", "notnull"}:
        return (value is None) is (one.condition == "null")
    return value is not None and test(_sortable(value), one.value)


def _compared(test: Callable[[int], bool]) -> Callable[[Any, str], bool]:
    def fits(value: Any, wanted: str) -> bool:
        other = _sortable(wanted)
        if isinstance(value, str) or isinstance(other, str):
            value, other = str(value).lower(), str(other).lower()
        return test((value > other) - (value < other))

    return fits


def _is_one(value: Any, wanted: str) -> bool:
    return str(value).lower() in [one.strip().lower() for one in wanted.split(",")]


#: Condition → whether a value fits what is asked for; the database compares texts without their case.
_TESTS: Final[Mapping[str, Callable[[Any, str], bool]]] = {
    "eq": _compared(lambda sign: sign == 0),
    "neq": _compared(lambda sign: sign != 0),
    "gt": _compared(lambda sign: sign > 0),
    "gteq": _compared(lambda sign: sign >= 0),
    "from": _compared(lambda sign: sign >= 0),
    "lt": _compared(lambda sign: sign < 0),
    "lteq": _compared(lambda sign: sign <= 0),
    "to": _compared(lambda sign: sign <= 0),
    "in": _is_one,
    "nin": lambda value, wanted: not _is_one(value, wanted),
    "like": lambda value, wanted: bool(re.match(translate(wanted.replace("%", "*")), str(value), re.IGNORECASE)),
    "null": lambda value, _: value is None,
    "notnull": lambda value, _: value is not None,
}


def _key(field: str, fields: Mapping[str, str]) -> str:
    if field not in fields:
        raise Refusal(400, "Column not found: Unknown column '%1' in 'where clause'", [field])
    return fields[field]


def _sortable(value: Any) -> Any:
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, str) and re.fullmatch(r"-?\d{1,18}", value):
        return int(value)
    return value


def _number(text: str | None, default: int) -> int:
    if text is None:
        return default
    if not re.fullmatch(r"\d{1,9}", text):
        raise Refusal(
            400, 'Error occurred during "%fieldName" processing. Invalid type.', {"fieldName": "searchCriteria"}
        )
    return int(text)
