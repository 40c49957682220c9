"""A table whose first rows are made when asked for, with what changed since laid over them, and ordered views of it."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Protocol

from customer_sync.demo.stores.woocommerce.answers import Row

#: What rows are ordered by; the last part is the row's number, so that no two are the same.
Key = tuple[Any, ...]


class Base(Protocol):
    """The rows that a table starts with."""

    count: int

    def id_of(self, index: int) -> int:
        """Return the number of the row with an index."""
        ...

    def index_of(self, number: int) -> int | None:
        """Return the index of the row that was born with a number."""
        ...

    def row(self, index: int) -> Row:
        """Make the row."""
        ...


class Table:
    """Rows by number.

    Args:
        base: the rows it starts with.
    """

    def __init__(self, base: Base) -> None:
        self.base = base
        self.changed: dict[int, Row | None] = {}
        self.version = 0
        self._last_id = base.id_of(base.count - 1) if base.count else base.id_of(0) - 1

    def get(self, number: int) -> Row | None:
        """Return a row, None when there is none. It is not to be changed in place."""
        if number in self.changed:
            return self.changed[number]
        index = self.base.index_of(number)
        return None if index is None else self.base.row(index)

    def put(self, number: int, row: Row | None) -> None:
        """Set a row; None deletes it."""
        self.changed[number] = row
        self._last_id = max(self._last_id, number)
        self.version += 1

    def next_id(self, step: int = 1) -> int:
        """Return a number that no row has had."""
        self._last_id += step
        return self._last_id

    def ids(self) -> Iterator[int]:
        """Yield every number."""
        for index in range(self.base.count):
            if (number := self.base.id_of(index)) not in self.changed:
                yield number
        yield from (number for number, row in self.changed.items() if row is not None)

    def __len__(self) -> int:
        born = sum(self.base.index_of(number) is not None for number in self.changed)
        return self.base.count - born + sum(row is not None for row in self.changed.values())

    def clear(self) -> None:
        """Go back to the rows it started with."""
        self.changed.clear()
        self.version += 1


class Order:
    """One way to order and filter a table's rows.

    Args:
        base_key: index → key, for the rows the table starts with.
        row_key: row → key, for those that changed.
        sequence: gives the indexes in this order; None has them sorted once, which takes seconds for a million.
        base_has: whether a first row belongs; None says that all do.
        row_has: whether a changed row belongs.
    """

    def __init__(
        self,
        base_key: Callable[[int], Key],
        row_key: Callable[[Row], Key],
        sequence: Callable[[], Iterable[int]] | None = None,
        base_has: Callable[[int], bool] | None = None,
        row_has: Callable[[Row], bool] | None = None,
    ) -> None:
        self.base_key = base_key
        self.row_key = row_key
        self._sequence = sequence
        self.base_has = base_has
        self.row_has = row_has
        self._filtered: Sequence[int] | None = None
        self._view: tuple[int, View] | None = None

    def view(self, table: Table) -> View:
        """Return the ordered rows as they are now."""
        if self._view is None or self._view[0] != table.version:
            self._view = (table.version, View(table, self, self._base(table.base.count)))
        return self._view[1]

    def _base(self, count: int) -> Sequence[int]:
        if self._filtered is None:
            found = self._sequence() if self._sequence is not None else sorted(range(count), key=self.base_key)
            if self.base_has is None and isinstance(found, Sequence):
                self._filtered = found
            else:
                has = self.base_has or (lambda _: True)
                self._filtered = array("l", (index for index in found if has(index)))
        return self._filtered

    def key_of(self, table: Table, number: int) -> Key:
        """Return the key of a row that is there."""
        row = table.changed.get(number)
        return self.row_key(row) if row is not None else self.base_key(table.base.index_of(number) or 0)


class View(Sequence[int]):
    """The numbers of a table's rows in one order: the first rows without those that changed, merged with these.

    Args:
        table: the table, which must not change while the view is used.
        order: the order.
        base: the indexes of the first rows in this order.
    """

    def __init__(self, table: Table, order: Order, base: Sequence[int]) -> None:
        self._table = table
        self._order = order
        self._base = base
        gone = []
        for number in table.changed:
            index = table.base.index_of(number)
            if index is not None and (order.base_has is None or order.base_has(index)):
                gone.append(bisect_left(base, order.base_key(index), key=order.base_key))
        gone.sort()
        has = order.row_has or (lambda _: True)
        added = sorted((order.row_key(row), number) for number, row in table.changed.items() if row and has(row))
        #: what is left out before each place of `base`, as places of what stays
        self._gone = [place - before for before, place in enumerate(gone)]
        self._added = [number for _, number in added]
        self._places = []
        for before, (key, _) in enumerate(added):
            place = bisect_left(base, key, key=order.base_key)
            self._places.append(place - bisect_left(gone, place) + before)

    def __len__(self) -> int:
        return len(self._base) - len(self._gone) + len(self._added)

    def __getitem__(self, at: Any) -> Any:
        if isinstance(at, slice):
            return [self[one] for one in range(*at.indices(len(self)))]
        before = bisect_left(self._places, at)
        if before < len(self._places) and self._places[before] == at:
            return self._added[before]
        place = at - before
        return self._table.base.id_of(self._base[place + bisect_right(self._gone, place)])

    def between(self, after: Any, before: Any) -> range:
        """Return the places whose key begins with a value between two, these not included; None has no end."""
        low = 0 if after is None else bisect_right(self, after, key=self._first)
        high = len(self) if before is None else bisect_left(self, before, key=self._first)
        return range(low, max(low, high))

    def _first(self, number: int) -> Any:
        return self._order.key_of(self._table, number)[0]
