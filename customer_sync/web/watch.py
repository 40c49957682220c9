"""What all who watch share: one look at Redis a second, however many browsers and programs ask."""

from __future__ import annotations

import shutil
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from types import MappingProxyType
from typing import NamedTuple

import redis

from customer_sync.base.log import get
from customer_sync.operate.figures import Figures, Group, figures_without_redis, parked_groups, read_figures
from customer_sync.operate.first_sync import waiting_resources, waiting_sources
from customer_sync.store import Store
from customer_sync.store.counters import Sample
from customer_sync.store.ledger import Row
from customer_sync.web.services import Services

log = get(__name__)

#: How old a look may be, in seconds.
MAX_AGE_S = 1.0
#: How many times longer a look may be used that found no Redis.
REST = 3.0
#: How long a page waits for a look, in seconds; a Redis that needs longer counts as away.
PATIENCE_S = 1.0
#: How many of the newest events a look has.
EVENTS = 30
#: How many alerts are kept.
ALERTS = 20
#: The room on the disk below which the spool does not count as writable, in bytes: a few of the largest requests.
MIN_FREE_BYTES = 64 * 1024 * 1024


def is_spool_writable(services: Services) -> bool:
    """Tell whether the spool would take a request: its file opens for writing and the disk has room."""
    try:
        services.spool.append([])
        return shutil.disk_usage(services.home).free >= MIN_FREE_BYTES
    except (sqlite3.Error, OSError):
        return False


class Look(NamedTuple):
    """The installation as the overview shows it, and the counters that the figures were made from."""

    figures: Figures
    events: tuple[Row, ...] = ()
    groups: tuple[Group, ...] = ()
    samples: tuple[Sample, ...] = ()
    #: The sources whose first full run waits for a person's word.
    waiting: tuple[str, ...] = ()
    #: What waits for a word of sources that were read before: source → resources.
    added: Mapping[str, tuple[str, ...]] = MappingProxyType({})


class Watch:
    """Gives the newest look. Reads in a thread of its own, so that a frozen Redis holds no page for long.

    Args:
        services: where to read.
        max_age_s: how old a look may be, in seconds.
        patience_s: how long a caller waits for a look, in seconds.
        clock: tells the time in seconds.
    """

    def __init__(
        self,
        services: Services,
        *,
        max_age_s: float = MAX_AGE_S,
        patience_s: float = PATIENCE_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._services = services
        self.max_age_s = max_age_s
        self.patience_s = patience_s
        self._clock = clock
        self._lock = threading.Lock()
        self._reader = ThreadPoolExecutor(1, "watch")
        self._reading: Future[Look] | None = None
        self._last: Look | None = None
        self._stale_at = 0.0
        self._groups: tuple[Group, ...] = ()
        self._grouped: tuple[int, str | None] = (0, None)

    def look(self) -> Look:
        """Return the newest look; those who ask at the same time share one."""
        with self._lock:
            if self._last is not None and self._clock() < self._stale_at:
                return self._last
            if self._reading is None:
                self._reading = self._reader.submit(self._renew)
            reading = self._reading
        try:
            return reading.result(self.patience_s)
        except TimeoutError:
            return Look(self.without_redis())

    def _renew(self) -> Look:
        try:
            look = self._read()
            good_for_s = self.max_age_s * (1.0 if look.figures.redis.is_up else REST)
            with self._lock:
                self._last, self._stale_at = look, self._clock() + good_for_s
            return look
        finally:
            with self._lock:
                self._reading = None

    def _read(self) -> Look:
        settings, home = self._services.settings, self._services.home
        try:
            store = self._services.store()
            store.need_fit()
            samples = store.counters.read()
            figures = read_figures(store, settings, home, alerts=store.ledger.alerts(ALERTS), samples=samples)
            events = tuple(store.ledger.events(EVENTS))
            waiting = tuple(waiting_sources(settings, store))
            added = waiting_resources(settings, store)
            return Look(figures, events, self._group(store), tuple(samples), waiting, added)
        except redis.RedisError as error:
            log.warning("figures not read", error=type(error).__name__)
            return Look(self.without_redis(error))

    def without_redis(self, error: redis.RedisError | None = None) -> Figures:
        """Return what can be told while Redis does not answer."""
        services = self._services
        keeps = is_spool_writable(services)
        return figures_without_redis(services.settings, services.home, error, keeps_requests=keeps)

    def _group(self, store: Store) -> tuple[Group, ...]:
        """Return the parked groups; they are read again only when something was parked or left."""
        mark = (store.parked.count(), store.parked.newest_id())
        if mark != self._grouped:
            self._groups, self._grouped = parked_groups(store), mark
        return self._groups
