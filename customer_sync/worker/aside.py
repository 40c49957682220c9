"""Keeps threads of a worker free for live work: tasks that call a platform run aside, only so many at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

#: The threads of a worker that only live work may use: the inbox, a lane, and what follows imports.
LIVE_THREADS = 3


class Aside:
    """Counts the places for tasks that may wait for a platform.

    Args:
        places: how many there are.
    """

    def __init__(self, places: int = 1) -> None:
        self._places = places
        self._taken = 0
        self._lock = threading.Lock()

    def fit(self, threads: int, *, is_shared: bool) -> None:
        """Take the number of places from that of the worker's threads.

        Args:
            threads: how many the worker has.
            is_shared: whether live work runs in this worker, too.
        """
        self._places = max(1, threads - LIVE_THREADS) if is_shared else threads

    @contextmanager
    def place(self) -> Iterator[bool]:
        """Give a place until the block ends; False: none is free, so another time."""
        with self._lock:
            is_free = self._taken < self._places
            self._taken += is_free
        try:
            yield is_free
        finally:
            with self._lock:
                self._taken -= is_free
