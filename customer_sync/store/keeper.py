"""The keeper: a thread that renews the leases of what this process works on, so that a lease may be short."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import redis

from customer_sync.base.log import get
from customer_sync.store.lanes import Lanes

log = get(__name__)

#: How often leases are renewed, in seconds; a third of their length, so one missed beat does no harm.
BEAT_S = 1.0


class Keeper:
    """Renews every lease that is held within `keep`."""

    def __init__(self, lanes: Lanes) -> None:
        self._lanes = lanes
        self._lock = threading.Lock()
        self._held: dict[str, tuple[str, Sequence[str]]] = {}
        self._wanted = threading.Event()
        self._thread: threading.Thread | None = None

    @contextmanager
    def keep(self, lane: str, token: str, targets: Sequence[str]) -> Iterator[None]:
        """Keep the leases of one take alive until the block ends."""
        with self._lock:
            self._held[token] = (lane, targets)
            if self._thread is None:
                self._thread = threading.Thread(target=self._beat, name="keeper", daemon=True)
                self._thread.start()
            self._wanted.set()
        try:
            yield
        finally:
            with self._lock:
                del self._held[token]

    def _beat(self) -> None:
        tick = threading.Event()
        while True:
            self._wanted.wait()
            tick.wait(BEAT_S)
            with self._lock:
                held = dict(self._held)
                if not held:
                    self._wanted.clear()
            for token, (lane, targets) in held.items():
                try:
                    self._lanes.renew(lane, token, targets)
                except redis.RedisError as error:
                    log.warning("lease not renewed", lane=lane, error=type(error).__name__)
