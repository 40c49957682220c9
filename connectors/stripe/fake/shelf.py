"""Objects of one kind: by id, and listed the newest first."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator

from customer_sync.kit.fakes.answers import Row


class Shelf:
    """Objects of one kind. The caller holds the stand-in's lock."""

    def __init__(self) -> None:
        self._rows: dict[str, Row] = {}
        self._numbers: dict[str, int] = {}
        self._order: list[int] = []
        self._ids: dict[int, str] = {}
        self._last = 0
        self._listed: list[Row] | None = None

    def __contains__(self, number: str) -> bool:
        return number in self._rows

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[Row]:
        return iter(self._rows.values())

    def get(self, number: str) -> Row | None:
        """Return an object, None when there is none."""
        return self._rows.get(number)

    def add(self, row: Row) -> Row:
        """Add an object, the newest."""
        self._last += 1
        self._rows[row["id"]] = row
        self._numbers[row["id"]], self._ids[self._last] = self._last, row["id"]
        self._order.append(self._last)
        self._listed = None
        return row

    def remove(self, number: str) -> Row:
        """Take an object away and return it."""
        place = self._numbers.pop(number)
        del self._order[bisect_left(self._order, place)]
        del self._ids[place]
        self._listed = None
        return self._rows.pop(number)

    def newest_first(self, fits: Callable[[Row], bool] | None = None) -> list[Row]:
        """Return the objects that fit; None: all."""
        if self._listed is None:
            self._listed = [self._rows[self._ids[place]] for place in reversed(self._order)]
        return self._listed if fits is None else [row for row in self._listed if fits(row)]

    def place(self, number: str) -> int:
        """Return how many objects are as new as one, or newer."""
        return len(self._order) - bisect_left(self._order, self._numbers[number])
