"""How the platforms of all sources are reached: connections, credentials and pace, kept for a process."""

from __future__ import annotations

from pathlib import Path

from customer_sync.base.clock import Clock
from customer_sync.config import Settings
from customer_sync.kit.outbound import TIMEOUT, HttpClient
from customer_sync.kit.reach import Access
from customer_sync.pacing import PacedHttp
from customer_sync.registry import connector_for
from customer_sync.store import Store
from customer_sync.store.vault import RedisVault, SecretKey


class Accesses:
    """How the platforms are reached: source → `Access`. Keep one in each process: its connections are pooled.

    Args:
        settings: the config.
        store: holds the stored credentials.
        home: the folder with the key file, where `TAJO_SECRET_KEY` is not set.
        clock: milliseconds since 1970; None takes Redis' own time.
    """

    def __init__(self, settings: Settings, store: Store, home: Path, clock: Clock | None = None) -> None:
        self.clock = clock or store.hosts.now_ms
        self._settings = settings
        self._store = store
        self._key = SecretKey(settings.secret_key, home)
        self._http = HttpClient()
        self._known: dict[str, Access] = {}

    def __call__(self, source: str) -> Access | None:
        """Return how a source is reached; None when neither the config nor the vault has what a pull needs.

        Raises:
            redis.RedisError: Redis cannot be reached.
        """
        settings = self._settings.sources.get(source)
        if settings is None or not (connector_for(settings).can_pull() or not self.vault(source).is_empty):
            return None
        return self.always(source)

    def always(self, source: str) -> Access:
        """Return how a source is reached, for whoever is about to connect it."""
        if source not in self._known:
            connector = connector_for(self._settings.sources[source])
            http = PacedHttp(self._client(connector.silence_s), self._store.limits, source, connector.pace)
            self._known[source] = Access(http, self.vault(source), lambda: self.clock() / 1000, http.hold)
        return self._known[source]

    def _client(self, silence_s: float | None) -> HttpClient:
        """Return what sends; a platform that is waited for differently has connections of its own."""
        return self._http if silence_s is None else HttpClient(timeout=TIMEOUT._replace(silence_s=silence_s))

    def vault(self, source: str) -> RedisVault:
        """Return a source's stored credentials."""
        return self._store.vault(source, self._key)
