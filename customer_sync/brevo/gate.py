"""The gate before each call: passes only as fast as the shared limit allows."""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import Protocol

from customer_sync.errors import TryLater
from customer_sync.store.limits import Limits

#: A thread waits at the gate at most this long, in seconds; what must wait longer goes back to the lane.
PATIENCE_S = 1.5


class Calls(Protocol):
    """What lets calls through, one at a time."""

    def wait(self) -> None:
        """Return when the next call may be made.

        Raises:
            TryLater: not soon; burns no try.
        """
        ...


class Reserved:
    """Calls that are ours already; what goes beyond them is asked of the gate.

    Args:
        starts: when each may be made, by the monotonic clock.
        gate: for more.
    """

    def __init__(self, starts: list[float], gate: Calls) -> None:
        self._starts = starts
        self._gate = gate

    def wait(self) -> None:
        """Return when the next call may be made; see `Calls`."""
        if not self._starts:
            self._gate.wait()
            return
        time.sleep(max(0.0, self._starts.pop(0) - time.monotonic()))


class Gate:
    """Hands out the calls of one batch. Safe to share between the threads that make them.

    Args:
        limits: the shared limit.
        bucket: which limit.
        expected: about how many calls the batch needs; not more are reserved at once.
        urgent: whether the batch holds urgent items.
    """

    def __init__(self, limits: Limits, bucket: str, expected: int, *, urgent: bool = False) -> None:
        self._limits = limits
        self._bucket = bucket
        self._expected = expected
        self._urgent = urgent
        self._lock = threading.Lock()
        self._starts: deque[float] = deque()
        self._spacing_s = 0.0
        self._last = 0.0

    def wait(self) -> None:
        """Return when the next call may be made.

        Raises:
            TryLater: not within `PATIENCE_S`; burns no try.
        """
        start = self._next_start()
        delay = start - time.monotonic()
        if delay > 0:
            time.sleep(delay)

    def reserve(self, count: int) -> Reserved:
        """Return calls that belong together, all of them granted before the first is made, as urgent work.

        Raises:
            TryLater: not all of them within `PATIENCE_S`; burns no try.
        """
        give_up = time.monotonic() + PATIENCE_S
        starts: list[float] = []
        while len(starts) < count:
            now = time.monotonic()
            grant = self._limits.reserve(self._bucket, count - len(starts), urgent=True)
            starts += [now + offset_s for offset_s in grant.offsets_s]
            if len(starts) < count:
                if now + grant.wait_s > give_up:
                    raise TryLater("The rate limit is used up for now.", after_s=grant.wait_s, burns=False)
                time.sleep(max(grant.wait_s, 0.005))
        return Reserved(starts, self)

    def _next_start(self) -> float:
        give_up = time.monotonic() + PATIENCE_S
        while True:
            with self._lock:
                if not self._starts:
                    wait_s = self._reserve()
                if self._starts:
                    # calls that were held up (a busy machine) must not catch up in a burst
                    self._last = max(self._starts.popleft(), self._last + self._spacing_s, time.monotonic())
                    return self._last
            if time.monotonic() + wait_s > give_up:
                raise TryLater("The rate limit is used up for now.", after_s=wait_s, burns=False)
            time.sleep(max(wait_s, 0.005))

    def _reserve(self) -> float:
        now = time.monotonic()
        grant = self._limits.reserve(self._bucket, max(1, self._expected), urgent=self._urgent)
        self._expected -= len(grant.offsets_s)
        if len(grant.offsets_s) > 1:
            self._spacing_s = 0.9 * (grant.offsets_s[1] - grant.offsets_s[0])
        self._starts.extend(now + offset_s for offset_s in grant.offsets_s)
        return grant.wait_s
