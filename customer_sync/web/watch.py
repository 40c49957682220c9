"""What all who watch share: one look at Redis a second, however many browsers and programs ask."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import redis

from customer_sync.figures import Figures, Group, figures_without_redis, parked_groups, read_figures
from customer_sync.log import get
from customer_sync.store import Store, keys
from customer_sync.store.ledger import Row
from customer_sync.store.scripts import as_text
from customer_sync.web.services import Services

log = get(__name__)

#: How old a look may be, in seconds.
MAX_AGE_S = 1.0
#: How many times longer a look may be used that found no Redis: each try holds a thread of the ingress.
REST = 3.0
#: How many of the newest events a look has.
EVENTS = 30
#: How many alerts are kept.
ALERTS = 20
_PAGE = 2_000


class Look(NamedTuple):
    """The installation as the overview shows it."""

    figures: Figures
    events: tuple[Row, ...] = ()
    groups: tuple[Group, ...] = ()


class Watch:
    """Gives the newest look.

    Args:
        services: where to read.
        max_age_s: how old a look may be, in seconds.
        clock: tells the time in seconds.
    """

    def __init__(
        self, services: Services, *, max_age_s: float = MAX_AGE_S, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._services = services
        self.max_age_s = max_age_s
        self._clock = clock
        self._reading = threading.Lock()
        self._last: Look | None = None
        self._stale_at = 0.0
        self._alerts = _Alerts()
        self._groups: tuple[Group, ...] = ()
        self._grouped: tuple[int, bytes] = (0, b"")

    def look(self) -> Look:
        """Return the newest look. One thread reads; those who ask meanwhile get the last one."""
        last = self._last
        if last is not None and self._clock() < self._stale_at:
            return last
        if not self._reading.acquire(blocking=last is None):
            assert last is not None
            return last
        try:
            self._last, good_for_s = self._read()
            self._stale_at = self._clock() + good_for_s
            return self._last
        finally:
            self._reading.release()

    def _read(self) -> tuple[Look, float]:
        settings, home = self._services.settings, self._services.home
        try:
            store = self._services.store()
            alerts = self._alerts.read(store.client)
            figures = read_figures(store, settings, home, alerts=alerts)
            events = tuple(store.ledger.events(EVENTS))
            return Look(figures, events, self._group(store)), self.max_age_s
        except redis.RedisError as error:
            log.warning("figures not read", error=type(error).__name__)
            return Look(self.without_redis()), self.max_age_s * REST

    def without_redis(self) -> Figures:
        """Return what can be told while Redis does not answer."""
        return figures_without_redis(self._services.settings, self._services.home)

    def _group(self, store: Store) -> tuple[Group, ...]:
        """Return the parked groups; they are read again only when something was parked or left."""
        newest: Any = store.client.zrange(keys.PARKED_AT, 0, 0, desc=True)
        mark = (store.parked.count(), newest[0] if newest else b"")
        if mark != self._grouped:
            self._groups, self._grouped = parked_groups(store), mark
        return self._groups


class _Alerts:
    """The newest alerts. Reads only what the ledger got since the last time: alerts are few among many events."""

    def __init__(self) -> None:
        self._found: list[dict[str, Any]] = []
        self._newest = "-"

    def read(self, client: redis.Redis) -> list[dict[str, Any]]:
        """Return the newest alerts, newest first."""
        fresh: list[dict[str, Any]] = []
        newest, end = self._newest, "+"
        while len(fresh) < ALERTS:
            page: Any = client.xrevrange(keys.LEDGER, max=end, min=self._newest, count=_PAGE)
            if page and end == "+":
                newest = "(" + as_text(page[0][0])
            fresh += [_alert(as_text(row_id), fields) for row_id, fields in page if b"alert" in fields]
            if len(page) < _PAGE:
                break
            end = "(" + as_text(page[-1][0])
        self._newest = newest
        self._found = (fresh + self._found)[:ALERTS]
        return self._found


def _alert(row_id: str, fields: dict[bytes, bytes]) -> dict[str, Any]:
    known = {as_text(name): as_text(value) for name, value in fields.items()}
    return {**known, "at_ms": int(row_id.partition("-")[0])}
