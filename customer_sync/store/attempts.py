"""Attempts to connect a source by the owner's consent in a browser: open for ten minutes, each answered once.

The command line opens one and waits; the web process begins it when the owner comes with the ticket, takes the
platform's answer, and tells the outcome.
"""

from __future__ import annotations

import hmac
import json
import re
import secrets
from typing import Final, Literal, NamedTuple

import redis

from customer_sync.kit.reach import Invitation
from customer_sync.store import keys
from customer_sync.store.scripts import as_text

#: How long an attempt stays open, in seconds.
OPEN_S: Final = 600
_STATE: Final = re.compile(r"[0-9a-f]{32}")
_TICKET: Final = re.compile(r"[A-Za-z0-9_-]{32}")

#: The result of an attempt; each result but `connected` has an exit code for the waiting command.
Verdict = Literal["connected", "refused", "config", "later", "no answer", "failed"]


class Attempt(NamedTuple):
    """One attempt.

    Args:
        state: 32 hex digits, known to the owner's browser and to the platform.
        source: the source that is to be connected.
        base_url: the address at which the owner's browser reaches the web process.
        shop_url: the shop's address for this attempt; None takes the config's.
    """

    state: str
    source: str
    base_url: str
    shop_url: str | None = None

    @property
    def invitation(self) -> Invitation:
        """What the connector is told."""
        pages = f"{self.base_url}/connect/{self.source}"
        return Invitation(self.state, f"{pages}/callback", f"{pages}/done")


class Outcome(NamedTuple):
    """What came of an attempt: a sentence for the owner, and what to do when it did not work."""

    verdict: Verdict
    text: str
    remedy: str = ""


class Attempts:
    """The attempts that are open.

    Args:
        client: see `customer_sync.store.connect`.
    """

    def __init__(self, client: redis.Redis) -> None:
        self._client = client

    def open(self, source: str, base_url: str, shop_url: str | None = None) -> tuple[Attempt, str]:
        """Return a new attempt, and the ticket with which one browser may begin it."""
        attempt = Attempt(secrets.token_hex(16), source, base_url, shop_url)
        ticket = secrets.token_urlsafe(24)
        with self._client.pipeline() as step:
            step.set(keys.attempt(attempt.state), json.dumps(attempt), ex=OPEN_S)
            step.set(keys.ticket(ticket), attempt.state, ex=OPEN_S)
            step.execute()
        return attempt, ticket

    def begin(self, source: str, ticket: str, browser: str) -> Attempt | None:
        """Return the attempt of a ticket, None when it leads to none of this source.

        Args:
            source: whose page was opened.
            ticket: what the page's address carried.
            browser: the state that the browser has already; who comes back may begin again, nobody else may.
        """
        if not _TICKET.fullmatch(ticket):
            return None
        attempt = self.find(source, as_text(_bytes(self._client.get(keys.ticket(ticket)))))
        if attempt is None:
            return None
        is_first = self._client.set(keys.attempt(attempt.state, "begun"), "1", nx=True, ex=OPEN_S)
        return attempt if is_first or hmac.compare_digest(browser.encode(), attempt.state.encode()) else None

    def find(self, source: str, state: str) -> Attempt | None:
        """Return the open attempt with a state, None when there is none of this source."""
        if not _STATE.fullmatch(state):
            return None
        raw = _bytes(self._client.get(keys.attempt(state)))
        attempt = None if raw is None else Attempt(*json.loads(raw))
        return attempt if attempt and attempt.source == source else None

    def use(self, attempt: Attempt) -> bool:
        """Take an attempt's only answer; False when it was answered before, or no browser has begun it."""
        if not self._client.exists(keys.attempt(attempt.state, "begun")):
            return False
        return bool(self._client.set(keys.attempt(attempt.state, "used"), "1", nx=True, ex=OPEN_S))

    def tell(self, attempt: Attempt, outcome: Outcome) -> None:
        """Store the result of an attempt for the waiting command."""
        self._client.set(keys.attempt(attempt.state, "outcome"), json.dumps(outcome), ex=OPEN_S)

    def outcome(self, attempt: Attempt) -> Outcome | None:
        """Return what came of it, None while nothing did."""
        raw = _bytes(self._client.get(keys.attempt(attempt.state, "outcome")))
        return None if raw is None else Outcome(*json.loads(raw))

    def close(self, attempt: Attempt) -> None:
        """End an attempt: what comes now is refused."""
        self._client.delete(keys.attempt(attempt.state))


def _bytes(raw: object) -> bytes | None:
    return raw if isinstance(raw, bytes) else None
