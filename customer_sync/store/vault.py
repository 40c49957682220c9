"""A source's credentials at rest: one encrypted text each in Redis, and a lock for the process that renews a token.

The key is `TAJO_SECRET_KEY`, any text of at least 16 characters: scrypt makes it slow to guess, HKDF makes one key for
each purpose and source out of it. So what is copied to another source does not decrypt there. `new,old` rotates: what
`old` has encrypted is read, and written again with `new`. Without the variable a file in the home folder is the key.
"""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Final

import redis
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from redis.exceptions import LockError

from customer_sync.base.log import get
from customer_sync.base.private import keep
from customer_sync.errors import ConfigError, TryLater
from customer_sync.model import Json
from customer_sync.store import keys

log = get(__name__)

#: The key that is made when `TAJO_SECRET_KEY` is not set; in the home folder, for its owner alone.
KEY_FILE: Final = "secret.key"
#: How long the lock holds at most, in seconds: longer than a refresh with all its timeouts.
HOLD_S = 30.0
#: How long others wait for it, in seconds.
WAIT_S = 20.0
#: How often they look, in seconds.
LOOK_S = 0.1

#: Part of the stored form: with another one nothing that is stored can be read.
_NAME: Final = "tajo-customer-sync/v1"
#: 16 MB and some 40 ms for each guess; see RFC 7914.
_SCRYPT_N, _SCRYPT_R, _SCRYPT_P = 2**14, 8, 1


class SecretKey:
    """The secret of an installation.

    Args:
        secret: `TAJO_SECRET_KEY`, the newest first, separated by commas; None takes the key file.
        home: the folder of the key file.
    """

    def __init__(self, secret: str | None, home: Path) -> None:
        self._given = tuple(part.strip() for part in (secret or "").split(",") if part.strip())
        self._file = home / KEY_FILE

    @property
    def is_there(self) -> bool:
        """Whether there is a key; the first `seal` or `derived` makes one."""
        return bool(self._secrets())

    def seal(self, text: bytes, purpose: str) -> bytes:
        """Return a text encrypted with the newest key, for one purpose (`vault:<source>`).

        Raises:
            ConfigError: the key file cannot be read or made.
        """
        return _fernet(self._newest(), purpose).encrypt(text)

    def unseal(self, sealed: bytes, purpose: str) -> tuple[bytes, bool]:
        """Return what was sealed for the same purpose, and whether that was done with the newest key.

        Raises:
            ConfigError: with none of the keys that are here; or the key file cannot be read.
        """
        known = [_fernet(secret, purpose) for secret in self._secrets()]
        try:
            return known[0].decrypt(sealed), True
        except (InvalidToken, IndexError):
            pass
        try:
            return MultiFernet(known[1:]).decrypt(sealed), False
        except (InvalidToken, ValueError) as error:
            raise ConfigError(f"It was encrypted with another key. {self._told()}", _OTHER_KEY) from error

    def derived(self, purpose: str) -> list[bytes]:
        """Return the keys for one purpose, the oldest first; with none here, one is made.

        Raises:
            ConfigError: the key file cannot be read or made.
        """
        return [_derived(secret, purpose) for secret in reversed(self._secrets() or (self._make(),))]

    def _secrets(self) -> tuple[str, ...]:
        """Return every key, the newest first. The file's stays readable after `TAJO_SECRET_KEY` was set."""
        try:
            kept = self._file.read_text().strip()
        except FileNotFoundError:
            return self._given
        except OSError as error:
            raise self._unusable(error) from error
        return (*self._given, kept) if kept else self._given

    def _newest(self) -> str:
        return next(iter(self._secrets()), None) or self._make()

    def _make(self) -> str:
        """Return the key of a new file; of two processes that make it at once, one is the first."""
        try:
            return keep(self._file, self._new)
        except OSError as error:
            raise self._unusable(error) from error

    def _new(self) -> str:
        log.warning("key made: keep it; several hosts must share TAJO_SECRET_KEY instead", file=str(self._file))
        return secrets.token_urlsafe(48)

    def _unusable(self, error: OSError) -> ConfigError:
        remedy = "Set TAJO_SECRET_KEY, or let this user read and write the file's folder."
        return ConfigError(f"The key file {self._file} cannot be used ({error.strerror}).", remedy)

    def _told(self) -> str:
        return "" if self._secrets() else f"Here is none: TAJO_SECRET_KEY is not set, {self._file} is not there."


_OTHER_KEY: Final = (
    "Set TAJO_SECRET_KEY to the key it was stored with, the same on every host (new,old while it is changed); if that "
    "key is lost, `tajo connectors disconnect` and connect again."
)


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


@lru_cache(maxsize=16)
def _master(secret: str) -> bytes:
    """Return a text as 32 bytes that are costly to guess. The salt is fixed: every host must come to the same."""
    return Scrypt(_NAME.encode(), 32, _SCRYPT_N, _SCRYPT_R, _SCRYPT_P).derive(secret.encode())


@lru_cache(maxsize=128)
def _derived(secret: str, purpose: str) -> bytes:
    return HKDF(SHA256(), 32, salt=None, info=f"{_NAME}/{purpose}".encode()).derive(_master(secret))


def derived_from(secret: str, purpose: str) -> bytes:
    """Return 32 bytes for one purpose out of `TAJO_SECRET_KEY`; out of its oldest key while it is changed."""
    return _derived([part.strip() for part in secret.split(",") if part.strip()][-1], purpose)


def _fernet(secret: str, purpose: str) -> Fernet:
    return Fernet(base64.urlsafe_b64encode(_derived(secret, purpose)))
