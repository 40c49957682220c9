"""A source's credentials at rest: one encrypted text each in Redis, and a lock for the process that renews a token.

Each source's are encrypted with a key of their own, see `customer_sync.base.secret_key`: what is copied to another
source does not decrypt there.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import redis
from redis.exceptions import LockError

from customer_sync.base.log import get
from customer_sync.base.secret_key import KEY_FILE, SecretKey, derived_from
from customer_sync.errors import ConfigError, TryLater
from customer_sync.model import Json
from customer_sync.store import keys

__all__ = ["KEY_FILE", "RedisVault", "SecretKey", "derived_from"]

log = get(__name__)

#: How long the lock holds at most, in seconds: longer than a refresh with all its timeouts.
HOLD_S = 30.0
#: How long others wait for it, in seconds.
WAIT_S = 20.0
#: How often they look, in seconds.
LOOK_S = 0.1


class RedisVault:
    """One source's credentials in Redis, encrypted; see `customer_sync.kit.reach.Vault`.

    Args:
        client: see `customer_sync.store.connect`.
        source: whose they are.
        key: encrypts them.
        hold_s: how long the lock holds at most, in seconds.
        wait_s: how long to wait for it, in seconds.
    """

    def __init__(
        self, client: redis.Redis, source: str, key: SecretKey, *, hold_s: float = HOLD_S, wait_s: float = WAIT_S
    ) -> None:
        self._client = client
        self._source = source
        self._key = key
        self._hold_s = hold_s
        self._wait_s = wait_s
        self._at = keys.vault(source)
        self._purpose = f"vault:{source}"

    @property
    def is_empty(self) -> bool:
        """Whether nothing is stored; needs no key."""
        return not self._client.exists(self._at)

    def load(self) -> dict[str, Json]:
        """Return what was saved last, {} when nothing was.

        Raises:
            ConfigError: it cannot be decrypted with the keys that are here.
        """
        sealed = self._client.get(self._at)
        if not isinstance(sealed, bytes):
            return {}
        try:
            text, is_newest = self._key.unseal(sealed, self._purpose)
        except ConfigError as error:
            raise ConfigError(f"The stored credentials of {self._source}: {error.reason}", error.remedy) from error
        if not is_newest:
            self._renew(sealed, text)
        values: dict[str, Json] = json.loads(text)
        return values

    def save(self, values: Mapping[str, Json]) -> None:
        """Replace what is kept, in one step; it is safe when this returns.

        Raises:
            ConfigError: there is no key, and none can be made.
        """
        self._client.set(self._at, self._key.seal(json.dumps(dict(values)).encode(), self._purpose))

    def forget(self) -> bool:
        """Remove what is kept; False when there was nothing.

        Raises:
            TryLater: another process is renewing it just now.
        """
        with self.locked():
            return bool(self._client.delete(self._at))

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold everyone else off while a token is refreshed; read again inside, another may have done it.

        Raises:
            TryLater: another process has held it for too long.
        """
        # its release compares the token and deletes in one script: a late process never frees the lock of another
        lock = self._client.lock(keys.vault_lock(self._source), timeout=self._hold_s, sleep=LOOK_S)
        if not lock.acquire(blocking_timeout=self._wait_s):
            raise TryLater(f"Another process is renewing the credentials of {self._source}.", after_s=self._hold_s)
        try:
            yield
        finally:
            try:
                lock.release()
            except (LockError, redis.RedisError) as error:
                log.warning("lock not given back: it ends by itself", source=self._source, error=type(error).__name__)

    def _renew(self, seen: bytes, text: bytes) -> None:
        """Encrypt with the newest key what an older one had, unless another process has saved since."""
        with self._client.pipeline() as step:
            try:
                step.watch(self._at)  # type: ignore[no-untyped-call]  # redis leaves this one untyped
                if step.get(self._at) == seen:
                    step.multi()
                    step.set(self._at, self._key.seal(text, self._purpose))
                    step.execute()
            except redis.WatchError:
                return
        log.info("credentials encrypted with the newest key", source=self._source)
