"""What the routes of the web process share: settings, connectors, the store once Redis answers, the intake."""

from __future__ import annotations

import os
from pathlib import Path

from redis import RedisError

from customer_sync.assembly import connectors_of
from customer_sync.config import Settings
from customer_sync.store import Store, connect
from customer_sync.store.spool import Spool
from customer_sync.web.intake import Intake
from customer_sync.worker import app as celery
from customer_sync.worker import wake

#: How long the ingress waits for Redis before it uses the spool, in seconds: senders give up after five.
INGRESS_TIMEOUT_S = 0.5


class Services:
    """What one web process needs.

    Args:
        settings: the config.
        home: the folder for the spool.
    """

    def __init__(self, settings: Settings, home: Path) -> None:
        self.settings = settings
        self.connectors = connectors_of(settings)
        # one spool for each process: SQLite would let them share, but their locks would queue behind one disk
        self.spool = Spool(home / f"spool-{os.getpid()}.sqlite")
        self.home = home
        client = connect(celery.conf.broker_url, timeout_s=INGRESS_TIMEOUT_S)
        self.intake = Intake(client, self.spool, wake)
        self._store: Store | None = None

    def store(self) -> Store:
        """Return the store.

        Raises:
            RedisError: Redis does not answer.
        """
        if self._store is None:
            self._store = Store(connect(celery.conf.broker_url))
        return self._store

    def is_redis_up(self) -> bool:
        """Tell whether Redis answers."""
        try:
            return bool(self.store().client.ping())
        except RedisError:
            return False
