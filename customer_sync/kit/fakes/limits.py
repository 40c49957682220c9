"""How many calls are allowed: a bucket that leaks at a steady rate, or so many in each window of time."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Bucket:
    """Points that are spent and come back with time; safe for threads.

    Args:
        size: how many can be saved up.
        restore: how many come back each second.
        clock: seconds, never backwards.
    """

    def __init__(self, size: float, restore: float, clock: Callable[[], float]) -> None:
        self.size, self.restore = size, restore
        self._clock, self._lock = clock, threading.Lock()
        self._left, self._at_s = size, clock()

    def take(self, points: float) -> bool:
        """Take points if there are enough; less than none gives points back."""
        with self._lock:
            self._fill()
            if points > self._left:
                return False
            self._left -= points
            return True

    def drain(self) -> None:
        """Leave nothing."""
        with self._lock:
            self._fill()
            self._left = 0.0

    @property
    def left(self) -> float:
        """How many points there are."""
        with self._lock:
            self._fill()
            return self._left

    def _fill(self) -> None:
        now_s = self._clock()
        self._left = min(self.size, self._left + max(0.0, now_s - self._at_s) * self.restore)
        self._at_s = now_s


class Window:
    """So many points in each window of time, all given back at its end; safe for threads.

    Args:
        size: how many points a window has.
        length_s: how long it is; windows begin at multiples of it.
        clock: seconds.
    """

    def __init__(self, size: float, length_s: float, clock: Callable[[], float]) -> None:
        self.size, self.length_s = size, length_s
        self._clock, self._lock = clock, threading.Lock()
        self._window, self._used = -1, 0.0

    def take(self, points: float = 1) -> bool:
        """Take points if this window has enough."""
        with self._lock:
            self._turn()
            if self._used + points > self.size:
                return False
            self._used += points
            return True

    @property
    def left(self) -> float:
        """How many points this window has left."""
        with self._lock:
            self._turn()
            return self.size - self._used

    @property
    def reset_s(self) -> float:
        """How long it is until the next window, in seconds."""
        return self.length_s - self._clock() % self.length_s

    def _turn(self) -> None:
        window = int(self._clock() // self.length_s)
        if window != self._window:
            self._window, self._used = window, 0.0
