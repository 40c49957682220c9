"""The compares with Brevo: which sources are due for one, and the lock that lets one run at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import redis
from redis.exceptions import LockError
from redis.lock import Lock

from customer_sync.base.log import get
from customer_sync.errors import TryLater
from customer_sync.store import keys
from customer_sync.store.scripts import as_text

log = get(__name__)

#: How long a reconciliation that stands still holds the others off, in seconds.
LOCK_S: Final = 300.0
#: Stands before a source whose sides are only to be looked at; no name of a source begins so.
_LOOKS: Final = "?"


class Compares:
    """What is due to be compared with Brevo, and whose turn it is."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client

    def add(self, source: str, *, looks: bool = False) -> None:
        """Note that a source's compare is due; the note survives a worker that is killed.

        Args:
            source: the source.
            looks: whether both sides are only looked at, and nothing is mended.
        """
        self._client.sadd(keys.RECONCILE_DUE, _member(source, looks=looks))

    def is_any_due(self) -> bool:
        """Tell whether the compare of some source is due."""
        return bool(self._client.exists(keys.RECONCILE_DUE))

    def due(self, *, looks: bool = False) -> list[str]:
        """Return the sources whose compare is due, in the order of their names: those that mend, or that only look."""
        found = sorted(as_text(one) for one in self._client.smembers(keys.RECONCILE_DUE))
        return [one.removeprefix(_LOOKS) for one in found if one.startswith(_LOOKS) == looks]

    def remove(self, source: str, *, looks: bool = False) -> None:
        """Note that a source's compare is done."""
        self._client.srem(keys.RECONCILE_DUE, _member(source, looks=looks))

    def clear(self) -> None:
        """Forget every compare that is due."""
        self._client.delete(keys.RECONCILE_DUE)

    @contextmanager
    def turn(self) -> Iterator[Callable[[], None]]:
        """Hold other reconciliations off; give what must be called at least every `LOCK_S` to hold them off longer.

        Raises:
            TryLater: a reconciliation is running already; from what is given: another one took over meanwhile.
        """
        lock = self._client.lock(keys.RECONCILE_LOCK, timeout=LOCK_S, blocking=False, thread_local=False)
        if not lock.acquire():
            raise TryLater("A reconciliation is running already.")
        try:
            yield lambda: _hold(lock)
        finally:
            _release(lock)


def _member(source: str, *, looks: bool) -> str:
    return f"{_LOOKS if looks else ''}{source}"


def _hold(lock: Lock) -> None:
    try:
        lock.reacquire()
    except LockError as error:
        # it stood still for longer than the lock holds, waiting for the hour's limit perhaps
        if not lock.acquire():
            raise TryLater("Another reconciliation took over: this one stood still for too long.") from error


def _release(lock: Lock) -> None:
    try:
        lock.release()
    except LockError:
        log.warning("reconcile lock lost")
