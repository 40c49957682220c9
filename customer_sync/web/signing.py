"""Texts that a browser keeps for us and cannot change: signed with `itsdangerous`, for one purpose, with an end."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Final

from itsdangerous import BadSignature, TimestampSigner

from customer_sync.base.clock import Clock, system_clock

#: How far the clocks of two hosts may differ, in seconds: what was signed later than that in the future is refused.
SKEW_S: Final = 300


class Signing:
    """Signs texts and reads them again. What was signed under another salt or with another key is not read.

    Args:
        keys: the secrets, the oldest first; the last one signs.
        salt: the purpose: one word for each kind of text.
        lasts_s: how long a signed text is read, in seconds.
        clock: milliseconds since 1970.
    """

    def __init__(
        self, keys: Iterable[str] | Iterable[bytes], salt: str, lasts_s: int, clock: Clock = system_clock
    ) -> None:
        self._signer = _Signer(keys, salt, key_derivation="hmac", digest_method=hashlib.sha256)
        self._signer.clock = clock
        self._lasts_s = lasts_s

    def sign(self, text: str) -> str:
        """Return a text with the time and a signature of both."""
        return self._signer.sign(text).decode()

    def read(self, signed: str) -> str | None:
        """Return the text that was signed; None when it was changed, is too old, or was never signed here."""
        try:
            text, signed_at = self._signer.unsign(signed.encode(errors="replace"), return_timestamp=True)
        except BadSignature:
            return None
        # by hand: `max_age` refuses what a host has signed whose clock is one second ahead
        age_s = self._signer.get_timestamp() - signed_at.timestamp()
        return text.decode() if -SKEW_S <= age_s < self._lasts_s else None


class _Signer(TimestampSigner):
    """Tells the time by our clock."""

    clock: Clock = staticmethod(system_clock)

    def get_timestamp(self) -> int:
        return self.clock() // 1000
