"""Lists of the service: one page after the other, each asked for when it is reached."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import islice
from typing import Generic, TypeVar

from tajo.calls import Call, Caller
from tajo.errors import NotTajo

T = TypeVar("T")

#: How many things one page has, where the caller wants more than that.
PAGE = 200


class Listing(Generic[T]):
    """The things of a list, newest first. Each walk over it asks the service anew.

    Args:
        caller: makes the calls.
        call: gives one page.
        filters: which things are meant, None leaves a filter out; `limit`: how many there are at most.

    Raises:
        TypeError: the limit is no whole number, or a time has no zone.
        ValueError: the limit is below 0.
    """

    def __init__(self, caller: Caller, call: Call[T], filters: Mapping[str, object] | None = None) -> None:
        self._caller = caller
        self._call = call
        given = {name: value for name, value in (filters or {}).items() if value is not None}
        self._limit = _limit(given.pop("limit", None))
        self._query = {name: written(value) for name, value in given.items()}

    def __iter__(self) -> Iterator[T]:
        return islice((one for page in self.pages() for one in page), self._limit)

    def pages(self) -> Iterator[list[T]]:
        """Yield one page after the other, as the service cuts them."""
        size = PAGE if self._limit is None else max(1, min(PAGE, self._limit))
        query = self._query | {"limit": str(size)}
        while True:
            answer = self._caller.page(self._call, query)
            yield answer["items"]
            cursor = answer["next_cursor"]
            if cursor is None:
                return
            if cursor == query.get("cursor"):
                raise NotTajo("The service gave the same page twice.", "Tell whoever runs it: the list has no end.")
            query = query | {"cursor": cursor}


def _limit(limit: object) -> int | None:
    if limit is None:
        return None
    if not isinstance(limit, int) or isinstance(limit, bool):
        raise TypeError(f"limit must be a whole number, not {limit!r}.")
    if limit < 0:
        raise ValueError(f"limit must be 0 or more, not {limit}.")
    return limit


def written(value: object) -> str:
    """Return the value of a filter as the service reads it.

    Raises:
        TypeError: a time has no zone.
    """
    if not isinstance(value, datetime):
        return str(value)
    if value.tzinfo is None:
        raise TypeError(f"The time {value.isoformat()} has no zone: whose clock is meant?")
    return value.isoformat()
