"""The pace of each source, kept for all processes and hosts together: every call to a platform passes here."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Final

from customer_sync.errors import TryLater
from customer_sync.kit.outbound import Reply
from customer_sync.kit.reach import Http, Left, Pace
from customer_sync.store.limits import Limits

#: A call waits here at most this long, in seconds; an item that must wait longer is tried later and uses up no try.
PATIENCE_S: Final = 5.0


class PacedHttp:
    """Sends as fast as a source's `Pace` allows; see `customer_sync.kit.reach.Http`.

    Args:
        http: what really sends.
        limits: the shared limits.
        source: whose limit it is.
        pace: what the connector says of it.
    """

    def __init__(self, http: Http, limits: Limits, source: str, pace: Pace) -> None:
        self._http = http
        self._limits = limits
        self._bucket = f"source:{source}"
        self._pace = pace
        # without a number of its own, what the answers tell is the limit
        self._rate = None if pace.tells and not pace.calls else pace.rate
        self._was_refused = False

    def send(
        self, method: str, url: str, *, headers: Mapping[str, str], body: bytes | None = None, is_file: bool = False
    ) -> Reply:
        """Wait for the turn, send one request and return the answer, whatever its status.

        Raises:
            TryLater: the turn is more than `PATIENCE_S` away.
            Unavailable: no answer came.
        """
        self._wait()
        reply = self._http.send(method, url, headers=headers, body=body, is_file=is_file)
        self._learn(reply)
        return reply

    def hold(self, wait_s: float) -> None:
        """Hold all calls to this source for so many seconds."""
        self._limits.hold(self._bucket, wait_s)

    def _wait(self) -> None:
        give_up = time.monotonic() + PATIENCE_S
        while True:
            grant = self._limits.reserve(self._bucket, 1, rate=self._rate)
            wait_s = grant.offsets_s[0] if grant.offsets_s else grant.wait_s
            if not grant.offsets_s and time.monotonic() + wait_s > give_up:
                raise TryLater("The source's rate limit is used up for now.", after_s=wait_s, burns=False)
            if wait_s:
                time.sleep(wait_s)
            if grant.offsets_s:
                return

    def _learn(self, reply: Reply) -> None:
        if reply.status == 429:
            self._was_refused = True
            self._limits.hold(self._bucket, self._asked_s(reply.headers))
            return
        told = self._told(reply.headers)
        if told is not None:
            self._limits.told(self._bucket, told.limit, told.remaining, told.reset_s)
        elif self._was_refused or self._rate is None:
            self._limits.told(self._bucket)
        self._was_refused = False

    def _told(self, headers: Mapping[str, str]) -> Left | None:
        return self._pace.tells(headers) if self._pace.tells else None

    def _asked_s(self, headers: Mapping[str, str]) -> float | None:
        """Return for how long a refusal asks to be left alone, in seconds; None where it tells no time to come."""
        try:
            wait_s = float(headers["retry-after"])
        except (KeyError, ValueError):
            told = self._told(headers)
            wait_s = told.reset_s if told is not None and told.remaining < 1 else 0.0
        return wait_s if wait_s > 0 else None
