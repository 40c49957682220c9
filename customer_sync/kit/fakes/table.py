"""Records by number, in memory, and listed in any order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Generic, TypeVar

Record = TypeVar("Record")


class Table(Generic[Record]):
    """Records by number. The caller holds the stand-in's lock.

    Args:
        records: those it starts with, by number.
    """

    def __init__(self, records: Iterable[tuple[int, Record]] = ()) -> None:
        self._records = dict(records)
        self._last = max(self._records, default=0)
        self._orders: dict[str, list[int]] = {}

    def get(self, number: int) -> Record | None:
        """Return a record, None when there is none."""
        return self._records.get(number)

    def put(self, number: int, record: Record) -> Record:
        """Add a record or set another in its place, and return it."""
        self._last = max(self._last, number)
        self._records[number] = record
        self._orders.clear()
        return record

    def delete(self, number: int) -> Record | None:
        """Remove a record and return it."""
        self._orders.clear()
        return self._records.pop(number, None)

    def next_number(self, step: int = 1) -> int:
        """Return a number that no record has had."""
        self._last += step
        return self._last

    def values(self) -> Iterable[Record]:
        """Return every record, in the order in which they came."""
        return self._records.values()

    def ordered(self, name: str, key: Callable[[Record], Any]) -> list[int]:
        """Return the numbers in an order; those with equal keys are ordered by number.

        Args:
            name: the order's name; it is kept under it until something changes.
            key: record → what it is ordered by.
        """
        found = self._orders.get(name)
        if found is None:
            pairs = sorted((key(record), number) for number, record in self._records.items())
            found = self._orders[name] = [number for _, number in pairs]
        return found

    def __iter__(self) -> Iterator[int]:
        return iter(self._records)

    def __len__(self) -> int:
        return len(self._records)
