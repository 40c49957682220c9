"""What the routes of the web process share: settings, connectors, the store once Redis answers, the intake."""

from __future__ import annotations

import os
from pathlib import Path

from redis import RedisError

from customer_sync.assembly import Accesses, connectors_of
from customer_sync.base.clock import Clock
from customer_sync.base.log import get
from customer_sync.brevo.proof.doors import DoorBook
from customer_sync.brevo.proof.outlook import OutlookBook
from customer_sync.config import Settings
from customer_sync.store import Store, connect
from customer_sync.store.hosts import Hosts
from customer_sync.store.salt import Estranged
from customer_sync.store.spool import Spool
from customer_sync.web.intake import Intake
from customer_sync.worker.app import wake
from customer_sync.worker.broker import redis_url as find_redis

log = get(__name__)

#: How long the ingress waits for Redis before it uses the spool, in seconds: senders give up after five.
INGRESS_TIMEOUT_S = 0.5
#: How long a page waits for Redis, in seconds: it holds a thread that the ingress needs.
PAGES_TIMEOUT_S = 1.0


class Services:
    """What one web process needs.

    Args:
        settings: the config.
        home: the folder for the spool.
        redis_url: where Redis is; None means where Celery's is.
        clock: milliseconds since 1970; stamps what arrives, and ends what has an end. None takes Redis' own time, and
            the host's until Redis was asked for it.
    """

    def __init__(
        self, settings: Settings, home: Path, *, redis_url: str | None = None, clock: Clock | None = None
    ) -> None:
        self.settings = settings
        self.connectors = connectors_of(settings)
        # one file for all web processes of the machine: what a killed one left is drained by the others
        self.spool = Spool(home / "spool.sqlite")
        self.home = home
        self._redis_url = redis_url or find_redis(os.environ)
        client = connect(self._redis_url, timeout_s=INGRESS_TIMEOUT_S)
        self.hosts = Hosts(connect(self._redis_url, timeout_s=INGRESS_TIMEOUT_S, connections=1))
        self.clock = clock or self.hosts.now_ms
        self.intake = Intake(client, self.spool, wake, self.tend)
        self._store: Store | None = None
        self._accesses: Accesses | None = None
        self._doors: DoorBook | None = None

    def store(self) -> Store:
        """Return the store.

        Raises:
            RedisError: Redis does not answer.
        """
        if self._store is None:
            self._store = Store(connect(self._redis_url, timeout_s=PAGES_TIMEOUT_S), self.settings.secret_key)
        return self._store

    def tend(self) -> None:
        """Measure this host's clock, and write back what Redis has lost; called once a second.

        Raises:
            RedisError: Redis does not answer.
        """
        self.hosts.tend()
        if self._store is None:
            return
        try:
            self._store.keep()
        except Estranged as error:
            # nothing that a web process writes was made with the old key; pages read with the new one from now on
            log.warning("Redis was begun anew", reason=error.reason)
            self._store = self._accesses = self._doors = None

    def accesses(self) -> Accesses:
        """Return how the platforms are reached.

        Raises:
            RedisError: Redis does not answer.
        """
        if self._accesses is None:
            self._accesses = Accesses(self.settings, self.store(), self.home, self.clock)
        return self._accesses

    def doors(self) -> DoorBook:
        """Return what tells which doors imports have open.

        Raises:
            RedisError: Redis does not answer.
        """
        if self._doors is None:
            self._doors = DoorBook(self.settings, self.store(), self.clock)
        return self._doors

    def outlook(self) -> OutlookBook:
        """Return what tells how long runs take at Brevo.

        Raises:
            RedisError: Redis does not answer.
        """
        return OutlookBook(self.doors().read, self.store().limits)

    def is_redis_up(self) -> bool:
        """Tell whether Redis answers."""
        try:
            return self.store().ping()
        except RedisError:
            return False
