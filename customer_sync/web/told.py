"""The webhook secrets that platforms chose: who made a webhook keeps its secret in the vault, and it counts at once.

The ingress asks only when a signature does not fit, and of one source once in `LOOK_S` at most: strangers may knock as
often as they like.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from redis import RedisError

from customer_sync.base.log import get
from customer_sync.errors import ConfigError
from customer_sync.kit.own_hooks import told_secret
from customer_sync.kit.reach import Vault

log = get(__name__)

#: How long it is before the vault of a source is read again, in seconds; and where it could not be read.
LOOK_S, REST_S = 1.0, 10.0


class ToldSecrets:
    """The secrets that the vaults hold, as they were last seen.

    Args:
        vault: source → its vault.
    """

    def __init__(self, vault: Callable[[str], Vault]) -> None:
        self._vault = vault
        self._known: dict[str, str] = {}
        self._due: dict[str, float] = {}
        self._lock = threading.Lock()

    def known(self, source: str) -> tuple[str, ...]:
        """Return the secret that was last seen, without a look; () where none was."""
        secret = self._known.get(source, "")
        return (secret,) if secret else ()

    def newer(self, source: str) -> tuple[str, ...]:
        """Look into the vault where that is due; return the secret where it is another one than before, else ()."""
        with self._lock:
            now = time.monotonic()
            if now < self._due.get(source, 0.0):
                return ()
            before = self._known.get(source, "")
            self._due[source] = now + LOOK_S
            try:
                self._known[source] = told_secret(self._vault(source))
            except (RedisError, OSError, ConfigError) as error:
                self._due[source] = now + REST_S
                log.warning("webhook secret not read", source=source, error=type(error).__name__)
            return self.known(source) if self._known.get(source, "") != before else ()
