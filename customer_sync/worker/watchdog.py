"""Tells when a worker has gone silent: work is there for it, and it starts nothing."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class Watchdog:
    """Counts the tasks of one worker; asked about once a second.

    Args:
        silent_s: for how long work must have waited, and nothing have been started or ended, in seconds.
        clock: seconds; only ever goes ahead.
    """

    def __init__(self, silent_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._silent_s = silent_s
        self._clock = clock
        self._lock = threading.Lock()
        self._busy = 0
        self._well_at = clock()

    def began(self) -> None:
        """Take note that a task was started."""
        self._beat(+1)

    def ended(self) -> None:
        """Take note that a task has ended."""
        self._beat(-1)

    def rest(self) -> None:
        """Count from now on: whatever was before is no fault of the worker."""
        self._beat(0)

    def is_silent(self, threads: int, is_work_there: Callable[[], bool]) -> bool:
        """Tell whether the worker has gone silent.

        Args:
            threads: how many tasks it can have under way; when it has, it is busy and not silent.
            is_work_there: tells whether something waits that this worker should start.
        """
        if self._busy >= threads or not is_work_there():
            self.rest()
        return self._clock() - self._well_at >= self._silent_s

    def _beat(self, by: int) -> None:
        with self._lock:
            self._well_at = self._clock()
            self._busy += by
