"""The keeper: a thread that renews the leases of what this process works on, so that a lease may be short."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import redis

from customer_sync.base.log import get
from customer_sync.store.lanes import Lanes

log = get(__name__)

#: How long leases are renewed at most, in seconds: who works longer is stuck, and another worker takes the items.
KEEP_S = 180.0
#: How often leases are renewed, in seconds; a third of their length, so one missed beat does no harm.
BEAT_S = 1.0


class Keeper:
    """Renews every lease that is held within `keep`, for `keep_s` at most.

    Args:
        lanes: where the leases are.
        keep_s: for how long, in seconds.
        clock: seconds; only ever goes ahead.
    """

    def __init__(self, lanes: Lanes, keep_s: float = KEEP_S, clock: Callable[[], float] = time.monotonic) -> None:
        self._lanes = lanes
        self._keep_s = keep_s
        self._clock = clock
        self._lock = threading.Lock()
        self._held: dict[str, tuple[str, Sequence[str], float]] = {}
        self._wanted = threading.Event()
        self._thread: threading.Thread | None = None

    @contextmanager
    def keep(self, lane: str, token: str, targets: Sequence[str]) -> Iterator[None]:
        """Keep the leases of one take alive until the block ends."""
        with self._lock:
            self._held[token] = (lane, targets, self._clock() + self._keep_s)
            if self._thread is None:
                self._thread = threading.Thread(target=self._beat, name="keeper", daemon=True)
                self._thread.start()
            self._wanted.set()
        try:
            yield
        finally:
            with self._lock:
                self._held.pop(token, None)

    def _beat(self) -> None:
        tick = threading.Event()
        while True:
            self._wanted.wait()
            tick.wait(BEAT_S)
            with self._lock:
                held = dict(self._held)
                if not held:
                    self._wanted.clear()
            for token, what in held.items():
                self._renew(token, *what)

    def _renew(self, token: str, lane: str, targets: Sequence[str], until: float) -> None:
        if self._clock() > until:
            with self._lock:
                self._held.pop(token, None)
            log.error("leases renewed no longer: the work takes too long", lane=lane, items=len(targets))
            return
        try:
            self._lanes.renew(lane, token, targets)
        except redis.RedisError as error:
            log.warning("lease not renewed", lane=lane, error=type(error).__name__)
