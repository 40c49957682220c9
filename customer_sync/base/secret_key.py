"""The secret of an installation: what is at rest is encrypted with keys made of it.

It is `TAJO_SECRET_KEY`, any text of at least 16 characters: scrypt makes it slow to guess, HKDF makes one key for each
purpose out of it. So what is copied to another purpose does not decrypt there. `new,old` rotates: what `old` has
encrypted is read, and written again with `new`. Without the variable a file in the home folder is the key.
"""

from __future__ import annotations

import base64
import secrets
from functools import lru_cache
from pathlib import Path
from typing import Final

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from customer_sync.base.log import get
from customer_sync.base.private import keep
from customer_sync.errors import ConfigError

log = get(__name__)

#: The key that is made when `TAJO_SECRET_KEY` is not set; in the home folder, for its owner alone.
KEY_FILE: Final = "secret.key"

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
