"""Tells when a worker has gone silent (work is there for it, and it starts nothing), and when a task is stuck."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple


class Stuck(NamedTuple):
    """A task that has said nothing for longer than it may: its name, and for how long, in seconds."""

    task: str
    quiet_s: float


class _Task(NamedTuple):
    name: str
    at: float


class Watchdog:
    """Counts the tasks of one worker, each in a thread of its own; asked about once a second.

    Args:
        silent_s: for how long work must have waited, and nothing have been started or ended, in seconds.
        bounds: task → for how long it may give no sign of life, in seconds; "" for all others; {}: for ever.
        clock: seconds; only ever goes ahead.
    """

    def __init__(
        self,
        silent_s: float,
        bounds: Mapping[str, float] = MappingProxyType({}),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._silent_s = silent_s
        self._bounds = bounds
        self._clock = clock
        self._lock = threading.Lock()
        self._tasks: dict[int, _Task] = {}
        self._well_at = clock()

    def began(self, task: str = "") -> None:
        """Take note that this thread has started a task."""
        with self._lock:
            self._well_at = self._clock()
            self._tasks[threading.get_ident()] = _Task(task, self._well_at)

    def ended(self) -> None:
        """Take note that the task of this thread has ended."""
        with self._lock:
            self._well_at = self._clock()
            self._tasks.pop(threading.get_ident(), None)

    def goes_on(self) -> None:
        """Take note that the task of this thread has done a step."""
        with self._lock:
            known = self._tasks.get(threading.get_ident())
            if known is not None:
                self._tasks[threading.get_ident()] = known._replace(at=self._clock())

    def rest(self) -> None:
        """Count from now on: whatever was before is no fault of the worker."""
        with self._lock:
            self._well_at = self._clock()

    def is_silent(self, threads: int, is_work_there: Callable[[], bool]) -> bool:
        """Tell whether the worker has gone silent.

        Args:
            threads: how many tasks it can have under way; when it has, it is busy and not silent.
            is_work_there: tells whether something waits that this worker should start.
        """
        if len(self._tasks) >= threads or not is_work_there():
            self.rest()
        return self._clock() - self._well_at >= self._silent_s

    def stuck(self) -> Stuck | None:
        """Return a task that gives no sign of life for longer than it may, None when there is none."""
        now = self._clock()
        with self._lock:
            for name, at in self._tasks.values():
                if now - at > self._bounds.get(name, self._bounds.get("", float("inf"))):
                    return Stuck(name, now - at)
        return None
