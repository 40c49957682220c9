"""Makes a request safe: into the inbox, or into the spool while Redis refuses. What returns is on record.

Requests that arrive together share one round trip: the first of a group waits for the one before to end, and takes
along all that came meanwhile.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache
from http import HTTPStatus
from typing import Literal

import redis

from customer_sync.base.log import get
from customer_sync.errors import Refused
from customer_sync.store.counters import field_name
from customer_sync.store.doors import Doors, Refusals
from customer_sync.store.spool import Spool
from customer_sync.store.writer import InboxWriter

log = get(__name__)

#: After Redis refused, requests go to the spool at once for this long, in seconds. The drainer asks Redis every second
#: and ends the rest, so that no request waits for a Redis that is frozen.
REST_S = 10.0
#: How often the drainer looks, in seconds.
LOOK_S = 1.0
#: How many spooled requests go to the inbox in one go.
DRAIN_AT_ONCE = 500

Where = Literal["inbox", "spool"]


class Busy(Exception):
    """Neither Redis nor the spool takes the request: it must be sent again later."""


class _Group:
    """Requests that are written together; `where` is told once they are on record."""

    def __init__(self) -> None:
        self.raws: list[bytes] = []
        self.sources: list[str] = []
        self.done = threading.Event()
        self.where: Where | None = None


class Intake:
    """Appends requests to the inbox.

    Args:
        client: Redis, with a short timeout.
        spool: where requests go while Redis refuses.
        wake: sends a wake-up.
        beside: what else is to be done once a second.
    """

    def __init__(
        self,
        client: redis.Redis,
        spool: Spool,
        wake: Callable[[str], None],
        beside: Callable[[], None] = lambda: None,
    ) -> None:
        self._inbox = InboxWriter(client)
        self._doors = Doors(client)
        self._accepted: set[str] = set()
        self._refused: dict[str, Refusals] = {}
        self._spool = spool
        self._wake = wake
        self._beside = beside
        self._lock = threading.Lock()
        self._writer = threading.Lock()
        self._open = _Group()
        self._counts: Counter[tuple[str, str]] = Counter()
        self._rests_until = 0.0
        self._moved: set[int] = set()
        self._stopped = threading.Event()
        self._drainer: threading.Thread | None = None

    def start(self) -> None:
        """Drain the spool in the background from now on, what an earlier process left in it first."""
        self._drainer = threading.Thread(target=self._drain_forever, name="drain", daemon=True)
        self._drainer.start()

    def stop(self) -> None:
        """Stop draining; what is in the spool stays there."""
        self._stopped.set()
        if self._drainer is not None:
            self._drainer.join()

    def count(self, source: str, answer: str) -> None:
        """Count a request; the number reaches Redis with the next group or within a second."""
        with self._lock:
            self._counts[source, answer] += 1

    def greet(self, source: str) -> None:
        """Count a greeting: the platform found the address."""
        self.count(source, "greeted")
        self._note_accepted([source])

    def refuse(self, source: str, error: Refused) -> None:
        """Count a request that was refused, and remember why; Redis hears of it within a second."""
        self.count(source, "too_large" if error.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE else "refused")
        with self._lock:
            before = self._refused.get(source)
            self._refused[source] = Refusals(1 + (before.number if before else 0), error.cause, str(error))

    def append(self, raw: bytes, source: str) -> Where:
        """Return where the request is on record; it is counted there, too.

        Raises:
            Busy: nowhere; the sender must come again.
        """
        with self._lock:
            group = self._open
            group.raws.append(raw)
            group.sources.append(source)
            leads = len(group.raws) == 1
        if leads:
            self._lead(group)
        else:
            group.done.wait()
        if group.where is None:
            raise Busy
        return group.where

    def keep(self, raws: list[bytes], sources: list[str]) -> tuple[Where | None, bool]:
        """Put requests on record together.

        Returns:
            Where they are, None: nowhere; and whether a wake-up is to be sent (`wake`) once their senders are answered.
        """
        group = _Group()
        group.raws, group.sources = raws, sources
        try:
            with self._writer:
                must_wake = self._write(group)
        except Exception:  # their senders must hear of it, whatever it is
            log.exception("requests not kept")
            return None, False
        if group.where is not None:
            self._note_accepted(sources)
        return group.where, must_wake

    def wake(self) -> None:
        """Wake a worker for the inbox."""
        self._wake("inbox")

    def _lead(self, group: _Group) -> None:
        """Write a group once the one before is written, and let those go who wait for it."""
        must_wake = False
        try:
            with self._writer:
                with self._lock:
                    self._open = _Group()
                must_wake = self._write(group)
            if group.where is not None:
                self._note_accepted(group.sources)
        except Exception:  # the others of the group must hear of it, whatever it is
            log.exception("requests not kept")
        finally:
            group.done.set()
        if must_wake:
            self.wake()

    def _write(self, group: _Group) -> bool:
        """Put a group on record where that is possible; tell whether a wake-up must be sent."""
        if time.monotonic() >= self._rests_until:
            try:
                must_wake = self._to_inbox(group.raws, group.sources)
            except (redis.RedisError, OSError) as error:
                self._rests_until = time.monotonic() + REST_S
                log.warning("Redis refuses: using the spool", error=type(error).__name__)
            else:
                group.where = "inbox"
                return must_wake
        try:
            self._spool.append(group.raws)
            group.where = "spool"
            for source in group.sources:
                self.count(source, "spooled")
        except (sqlite3.Error, OSError):
            log.exception("the spool refuses too")
        return False

    def _to_inbox(self, raws: list[bytes], sources: Sequence[str] = ()) -> bool:
        """Append to the inbox and write the counts; tell whether a wake-up must be sent."""
        with self._lock:
            waiting, self._counts = self._counts, Counter()
        counts = waiting.copy()
        for source in sources:
            counts[source, "accepted"] += 1
        try:
            return self._inbox.append(raws, {_field(*key): by for key, by in counts.items()})
        except Exception:
            with self._lock:
                self._counts.update(waiting)
            raise

    def _drain_forever(self) -> None:
        while not self._stopped.wait(LOOK_S):
            try:
                self.tend()
            except (redis.RedisError, sqlite3.Error, OSError) as error:
                log.warning("spool not drained yet", error=type(error).__name__)
            with suppress(redis.RedisError, OSError):  # that Redis is away is told by what needs it
                self._beside()

    def tend(self) -> None:
        """Ask a Redis that refused whether it is back, write the counts, and empty the spool.

        Raises:
            RedisError: it is not back.
            sqlite3.Error: the spool cannot be read.
        """
        if (self._counts or self._rests_until) and self._to_inbox([]):
            self._wake("inbox")
        self._rests_until = 0.0
        self._note_doors()
        while self.drain():
            pass

    def _note_accepted(self, sources: Sequence[str]) -> None:
        with self._lock:
            self._accepted.update(sources)

    def _note_doors(self) -> None:
        """Tell Redis who sent good requests, and whose were refused, since the last time."""
        with self._lock:
            accepted, self._accepted = self._accepted, set()
            refused, self._refused = self._refused, {}
        if accepted or refused:
            self._doors.write(accepted, refused)

    def drain(self) -> bool:
        """Move the oldest spooled requests to the inbox; True when there may be more.

        A crash between the two steps sends them twice, which changes nothing.
        """
        rows = self._spool.first(DRAIN_AT_ONCE)
        if not rows:
            return False
        numbers = [number for number, _ in rows]
        # on a full disk nothing can be removed: that is no reason to send it again each second
        fresh = [raw for number, raw in rows if number not in self._moved]
        if fresh and self._to_inbox(fresh):
            self._wake("inbox")
        self._moved.update(numbers)
        self._spool.remove(numbers)
        self._moved.clear()
        log.warning("spool drained", requests=len(rows))
        return True


@cache
def _field(source: str, answer: str) -> str:
    """Return the counter of an answer to a source; there are few of them."""
    return field_name("tajo_inbound_total", source=source, answer=answer)
