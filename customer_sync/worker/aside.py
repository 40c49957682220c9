"""Keeps threads of a worker free for live work: tasks that call a platform run aside, only so many at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

#: The threads of a worker that only live work may use: the inbox, a lane, and what follows imports.
LIVE_THREADS = 3
#: For how long a place is kept for a task that found none, in seconds: it may be done by another worker meanwhile.
KEPT_S = 5.0


class Aside:
    """Counts the places for tasks that may wait for a platform. Who found none has the next one, before who had one.

    Args:
        places: how many there are.
        clock: seconds; only ever goes ahead.
    """

    def __init__(self, places: int = 1, clock: Callable[[], float] = time.monotonic) -> None:
        self._places = places
        self._clock = clock
        self._taken = 0
        self._waiting: dict[str, float] = {}
        self._lock = threading.Lock()

    def fit(self, threads: int, *, is_shared: bool) -> None:
        """Take the number of places from that of the worker's threads.

        Args:
            threads: how many the worker has.
            is_shared: whether live work runs in this worker, too.
        """
        self._places = max(1, threads - LIVE_THREADS) if is_shared else threads

    @contextmanager
    def place(self, name: str = "") -> Iterator[bool]:
        """Give a task a place until the block ends; False: none is free for it, so another time."""
        with self._lock:
            is_free = self._take(name)
        try:
            yield is_free
        finally:
            with self._lock:
                self._taken -= is_free

    def next(self) -> str | None:
        """Return the task that waits the longest for a place, None when none does."""
        with self._lock:
            return next(iter(self._still_waiting()), None)

    def _take(self, name: str) -> bool:
        waiting = self._waiting = self._still_waiting()
        is_free = self._places - self._taken > (0 if name in waiting else len(waiting))
        if is_free:
            waiting.pop(name, None)
            self._taken += 1
        else:
            waiting[name] = self._clock() + KEPT_S
        return is_free

    def _still_waiting(self) -> dict[str, float]:
        now = self._clock()
        return {name: until for name, until in self._waiting.items() if until > now}
