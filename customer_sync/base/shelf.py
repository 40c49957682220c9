"""What is found by name, and looked for only when somebody asks: one name at a time, or all to go through them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeVar

V = TypeVar("V")


class Search:
    """Looks for each of its names once, when it is first asked to. Safe to share between threads.

    Args:
        names: what may be looked for.
        look: looks for one of them, and puts what came of it wherever it belongs.
    """

    def __init__(self, names: Iterable[str], look: Callable[[str], None]) -> None:
        self._left = dict.fromkeys(names)
        self._look = look
        self._lock = threading.RLock()

    def find(self, name: str) -> None:
        """Look for a name, unless that was done, or nothing is called so."""
        if name in self._left:
            with self._lock:
                if name in self._left:
                    self._look(name)
                    del self._left[name]

    def find_all(self) -> None:
        """Look for every name that nobody has asked for yet."""
        for name in [*self._left]:
            self.find(name)


class Shelf(Mapping[str, V]):
    """One sort of the results of a search, by name in alphabetical order.

    Args:
        search: asked for each name before it is given, and for all of them before they are gone through.
        found: what was found so far; the search adds to it.
    """

    def __init__(self, search: Search, found: dict[str, V]) -> None:
        self._search = search
        self._found = found

    def __getitem__(self, name: str) -> V:
        self._search.find(name)
        return self._found[name]

    def __iter__(self) -> Iterator[str]:
        self._search.find_all()
        return iter(sorted(self._found))

    def __len__(self) -> int:
        self._search.find_all()
        return len(self._found)
