"""Whose account Redis is about: what it holds of one account is never used for another.

What Brevo has of each person, and all figures, are true for the account that accepted it. With the key of another
account, or against a real one after the sandbox, everybody would count as delivered and in sync although nobody is
there. So the account is asked who it is when the key or the address is new, and a lane to the wrong one waits.
"""

from __future__ import annotations

import time
from hashlib import blake2b
from typing import Final

from customer_sync.base.log import get
from customer_sync.brevo.answers import ACCOUNT
from customer_sync.brevo.client import Brevo
from customer_sync.config import Settings
from customer_sync.errors import ConfigError, TajoError
from customer_sync.model import Json
from customer_sync.store import Store

log = get(__name__)

#: The note of the account that Redis is about, and that of the account that the key leads to: `{"mark", "who"}`, the
#: fingerprints of address and key, and of the account itself.
HELD_NOTE: Final = "account_held"
SEEN_NOTE: Final = "account_seen"
#: The bucket of `/account`: "everything else" in https://developers.brevo.com/docs/api-limits, 100 calls an hour.
_BUCKET: Final = "other"
#: How soon an account that did not say who it is is asked again, in seconds.
ASK_AGAIN_S: Final = 60.0

_REASON: Final = "This data belongs to another Brevo account: what is in this one is not known, so nothing is sent."
_REMEDY: Final = (
    "Set the key of the account before again; or begin anew for this account: stop, set TAJO_REDIS_URL to an empty "
    "database (without it: start in another folder, or move .tajo away), start, `tajo connectors sync <source> --full`."
)


class Owner:
    """Watches that the data in Redis and the account at Brevo belong together.

    Args:
        settings: address and key.
        store: all that Redis holds.
        brevo: the account.
    """

    def __init__(self, settings: Settings, store: Store, brevo: Brevo) -> None:
        self._address = settings.brevo.base_url
        self._key = settings.brevo.api_key or ""
        self._store = store
        self._brevo = brevo
        self._failed_at = float("-inf")
        self._failure: TajoError | None = None

    def check(self) -> None:
        """Make sure that the account is the one that Redis is about; the first one becomes it.

        Raises:
            ConfigError: it is another one. What was known as in sync is forgotten; nothing else is changed.
            TajoError: Redis is about an account, the key or the address is new, and Brevo does not say whose it is.
        """
        mark, held = self._mark(), self._store.note(HELD_NOTE)
        if held is not None and held["mark"] == mark:
            return
        try:
            who = self._who(mark)
        except TajoError as error:
            if held is None:
                log.warning("account not known", error=type(error).__name__)
                return
            raise
        if held is None or held["who"] == who or not self._store.people.count():
            self._store.set_note(HELD_NOTE, {"mark": mark, "who": who})
            return
        self._store.receipts.forget_newest()
        raise ConfigError(_REASON, _REMEDY)

    def _who(self, mark: str) -> str:
        seen = self._store.note(SEEN_NOTE)
        if seen is not None and seen["mark"] == mark:
            return str(seen["who"])
        if self._failure is not None and time.monotonic() - self._failed_at < ASK_AGAIN_S:
            raise self._failure
        try:
            reply = self._brevo.call("GET", "/account", bucket=_BUCKET, answers=ACCOUNT)
        except TajoError as error:
            self._failed_at, self._failure = time.monotonic(), error
            raise
        who = self._print(identity_of(reply.json()) or self._address)
        self._store.set_note(SEEN_NOTE, {"mark": mark, "who": who})
        return who

    def _mark(self) -> str:
        return self._print(f"{self._address}|{self._key}")

    def _print(self, text: str) -> str:
        return blake2b(text.encode(), key=self._store.people.salt[:32], digest_size=12).hexdigest()


def identity_of(body: Json) -> str:
    """Return what tells an account from every other one: the organisation, else the owner's address; "" for neither."""
    if not isinstance(body, dict):
        return ""
    return str(body.get("organization_id") or body.get("email") or "")
