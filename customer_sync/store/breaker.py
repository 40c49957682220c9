"""The breaker of a lane: while the destination is down, or a setting is wrong, the whole lane waits."""

from __future__ import annotations

import random
from typing import Literal, NamedTuple

import redis

from customer_sync.store import keys
from customer_sync.store.scripts import as_text

#: The longest pause between two looks at a destination that is down, in seconds. One call each is no burden.
MAX_DOWN_S = 4.0
#: The pause between two looks after a key, an address or a permission was refused, in seconds.
CONFIG_PAUSE_S = 15.0
#: Stands behind a suspect after whose failure others got through.
_GUILTY = "!"


class Pause(NamedTuple):
    """Why a lane waits: `unavailable` or `config`, a reason, a remedy, since when (ms)."""

    kind: Literal["unavailable", "config"]
    reason: str
    remedy: str
    since_ms: int


class Breakers:
    """The breakers of all lanes."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client

    def trip(self, lane: str, pause: Pause, *, wait_s: float | None = None) -> bool:
        """Make the lane wait; True when it was not waiting for this very reason before.

        Args:
            lane: which lane.
            pause: why.
            wait_s: until the next look, in seconds; None doubles from half a second with full jitter.
        """
        key = keys.breaker(lane)
        before = self._client.hmget(key, "kind", "reason")
        fails = int(self._client.hincrby(key, "fails", 1))
        if wait_s is None:
            wait_s = random.uniform(0.25, 1.0) * min(MAX_DOWN_S, 0.5 * 2 ** min(fails - 1, 10))
        seconds, micros = self._client.time()
        now_ms = seconds * 1000 + micros // 1000
        fresh = before != [pause.kind.encode(), pause.reason.encode()]
        facts: list[str | int] = [
            "until",
            now_ms + int(wait_s * 1000),
            "kind",
            pause.kind,
            "reason",
            pause.reason,
            "remedy",
            pause.remedy,
        ]
        if fresh:
            facts += ["since", pause.since_ms]
        self._client.hset(key, items=facts)
        return fresh

    def close(self, lane: str) -> Pause | None:
        """Let the lane go on; return why it had waited, None when it had not."""
        pause = self.read(lane)
        if pause is not None:
            self._client.delete(keys.breaker(lane))
        return pause

    def suspect(self, lane: str, target: str) -> None:
        """Remember the one item that failed when a lane began to wait."""
        self._client.hset(keys.SUSPECTS, lane, target)

    def others_got_through(self, lane: str) -> None:
        """Note that the destination is well: the item that was suspected then may be the culprit."""
        suspect = self._client.hget(keys.SUSPECTS, lane)
        if suspect and not as_text(suspect).endswith(_GUILTY):
            self._client.hset(keys.SUSPECTS, lane, as_text(suspect) + _GUILTY)

    def is_culprit(self, lane: str, target: str) -> bool:
        """Tell whether an item failed alone before while others got through afterwards."""
        return self._client.hget(keys.SUSPECTS, lane) == (target + _GUILTY).encode()

    def read(self, lane: str) -> Pause | None:
        """Return why a lane waits, None when it does not."""
        kind, reason, remedy, since = self._client.hmget(keys.breaker(lane), "kind", "reason", "remedy", "since")
        if kind is None:
            return None
        word: Literal["unavailable", "config"] = "config" if as_text(kind) == "config" else "unavailable"
        return Pause(word, as_text(reason), as_text(remedy), int(since or 0))
