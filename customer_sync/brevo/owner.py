"""Whose account Redis is about: what it holds of one account is never used for another.

What Brevo has of each person, and all figures, are true for the account that accepted it. With the key of another
account, or against a real one after the sandbox, everybody would count as delivered and in sync although nobody is
there. So the account is asked who it is when the key or the address is new, and a lane to the wrong one waits.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
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

#: The note of the account that Redis is about, and that of the account that the key leads to: `{"mark", "who",
#: "owner"}`, the fingerprints of address and key, of the account itself, and of its owner's address. Notes of an older
#: version lack the last.
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
            seen = self._seen(mark)
        except TajoError as error:
            if held is None:
                log.warning("account not known", error=type(error).__name__)
                return
            raise
        if held is None or not self._store.people.count():
            self._store.set_note(HELD_NOTE, seen)
            return
        if _is_same(held, seen):
            # what told the organisation once goes on telling it
            who = held["who"] if seen["who"] == seen["owner"] else seen["who"]
            self._store.set_note(HELD_NOTE, {**seen, "who": who})
            return
        self._store.receipts.forget_newest()
        raise ConfigError(_REASON, _REMEDY)

    def _seen(self, mark: str) -> dict[str, str]:
        seen = self._store.note(SEEN_NOTE)
        if seen is not None and seen["mark"] == mark:
            return {"owner": "", **seen}
        if self._failure is not None and time.monotonic() - self._failed_at < ASK_AGAIN_S:
            raise self._failure
        try:
            body = self._brevo.call("GET", "/account", bucket=_BUCKET, answers=ACCOUNT).json()
        except TajoError as error:
            self._failed_at, self._failure = time.monotonic(), error
            raise
        told = {"who": identity_of(body) or self._address, "owner": _told(body, "email")}
        seen = {"mark": mark, **{name: self._print(text) if text else "" for name, text in told.items()}}
        self._store.set_note(SEEN_NOTE, seen)
        return seen

    def _mark(self) -> str:
        return self._print(f"{self._address}|{self._key}")

    def _print(self, text: str) -> str:
        return blake2b(text.encode(), key=self._store.people.salt[:32], digest_size=12).hexdigest()


def identity_of(body: Json) -> str:
    """Return what tells an account from every other one: the organisation, else the owner's address; "" for neither."""
    return _told(body, "organization_id") or _told(body, "email")


def _told(body: Json, name: str) -> str:
    return str(body.get(name) or "") if isinstance(body, dict) else ""


def _is_same(one: Mapping[str, str], other: Mapping[str, str]) -> bool:
    """Tell whether two notes are of one account: where one of them knows no organisation, the owner tells."""
    return one["who"] == other["who"] or one["who"] == other.get("owner") or other["who"] == one.get("owner")
