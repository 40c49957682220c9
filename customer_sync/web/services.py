"""What the routes of the web process share: settings, connectors, the store once Redis answers, the intake."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from redis import RedisError

from customer_sync.api.installation import Installation
from customer_sync.base.clock import Clock
from customer_sync.base.log import get
from customer_sync.config import Settings
from customer_sync.operate.figures import Figures
from customer_sync.store import Store, connect
from customer_sync.store.hosts import Hosts
from customer_sync.store.salt import Estranged
from customer_sync.store.skill_states import SkillStates
from customer_sync.store.spool import Spool
from customer_sync.store.vault import RedisVault, SecretKey
from customer_sync.web.intake import Intake
from customer_sync.web.told import ToldSecrets
from customer_sync.worker.app import wake
from customer_sync.worker.broker import redis_url as find_redis

log = get(__name__)

#: How long the ingress waits for Redis before it uses the spool, in seconds: senders give up after five.
INGRESS_TIMEOUT_S = 0.5
#: How long a page waits for Redis, in seconds: it holds a thread that the ingress needs.
PAGES_TIMEOUT_S = 1.0


class Services(Installation):
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
        url = redis_url or find_redis(os.environ)
        beside = connect(url, timeout_s=INGRESS_TIMEOUT_S, connections=1)
        self.hosts, self._skill_states = Hosts(beside), SkillStates(beside)
        super().__init__(
            settings,
            home,
            lambda: Store(connect(url, timeout_s=PAGES_TIMEOUT_S), settings.secret_key),
            clock=clock or self.hosts.now_ms,
            by="api",
        )
        # one file for all web processes of the machine: what a killed one left is drained by the others
        self.spool = Spool(home / "spool.sqlite")
        self.intake = Intake(connect(url, timeout_s=INGRESS_TIMEOUT_S), self.spool, wake, self.tend)
        vaults = connect(url, timeout_s=INGRESS_TIMEOUT_S, connections=1)
        secret_key = SecretKey(settings.secret_key, home)
        self.told_secrets = ToldSecrets(lambda source: RedisVault(vaults, source, secret_key))
        self._look: Callable[[], Figures] | None = None

    def figures(self) -> Figures:
        """Return the figures as the newest look has them: however many ask, Redis is asked once a second."""
        return super().figures() if self._look is None else self._look()

    def look_with(self, look: Callable[[], Figures]) -> None:
        """Take the figures from here from now on."""
        self._look = look

    def accept(self, raws: list[bytes], source: str) -> bool:
        """Put requests into the inbox, or into the spool while Redis refuses; tell whether they are on record."""
        where, must_wake = self.intake.keep(raws, [source] * len(raws))
        if must_wake:
            self.intake.wake()
        return where is not None

    def wake(self, what: str) -> None:
        """Send a wake-up to the workers."""
        wake(what)

    def tend(self) -> None:
        """Measure this host's clock, write back what Redis has lost, hear of skills; called once a second.

        Raises:
            RedisError: Redis does not answer.
        """
        self.hosts.tend()
        self.hear_of_skills(self._skill_states)
        if self._store is None:
            return
        try:
            self._store.keep()
        except Estranged as error:
            # nothing that a web process writes was made with the old key; pages read with the new one from now on
            log.warning("Redis was begun anew", reason=error.reason)
            self.forget_store()

    def is_redis_up(self) -> bool:
        """Tell whether Redis answers."""
        try:
            return self.store().ping()
        except RedisError:
            return False
