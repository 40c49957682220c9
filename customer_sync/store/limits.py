"""The shared rate limit: every process asks here before it calls out. Learns from the answers, never hard-codes.

Brevo limits per second and per hour at once and tells in `x-sib-ratelimit-limit|remaining|reset`, where reset is a
duration in seconds. Calls are spaced evenly a little below the rate, because a burst could straddle Brevo's window.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import NamedTuple

import redis

from customer_sync.store import keys
from customer_sync.store.scripts import Scripts

#: The share of the allowed rate that is used. Evenly spaced at 0.96, eleven calls cannot fall into one second of ten
#: unless the network delays one by 40 ms more than the next.
SHARE = 0.96
#: How far ahead calls are handed out, in milliseconds; urgent work waits at most this long behind them.
AHEAD_MS = 500
#: How many calls go out before an answer has told the limit.
PROBES = 4
#: The share of an hour's calls that only urgent work may use.
URGENT_SHARE = 0.02


class Grant(NamedTuple):
    """Calls that may be made: each after so many seconds from now; or none, and when to ask again."""

    offsets_s: tuple[float, ...]
    wait_s: float


class Limits:
    """What is known of each rate limit, shared by all processes."""

    def __init__(self, client: redis.Redis, scripts: Scripts) -> None:
        self._client = client
        self._scripts = scripts
        self._told: dict[str, tuple[float, tuple[int, int]]] = {}

    def reserve(
        self, bucket: str, count: int, *, urgent: bool = False, is_bulk: bool = False, rate: float | None = None
    ) -> Grant:
        """Ask for up to `count` calls.

        Args:
            bucket: which limit.
            count: how many at most.
            urgent: whether they may use what is kept for urgent work.
            is_bulk: whether they are in no hurry: they get one call, and only where nobody else has one reserved; while
                others do, a tenth of all.
            rate: the calls a second that are known beforehand, 0.0 where there is no such limit; None lets the answers
                tell.
        """
        known = () if rate is None else (rate,)
        wait_ms, *offsets = self._scripts.run(
            "limiter",
            bucket,
            "reserve",
            count,
            AHEAD_MS,
            SHARE,
            int(urgent),
            PROBES,
            URGENT_SHARE,
            int(is_bulk),
            *known,
        )
        return Grant(tuple(offset / 1000 for offset in offsets), wait_ms / 1000)

    def learn(self, bucket: str, headers: Mapping[str, str]) -> None:
        """Take in what an answer's headers tell. Cheap: says the same thing to Redis once a second only."""
        limit, remaining, reset = _read(headers)
        is_hour = reset > 1
        fact = (limit, int(is_hour))
        told_at, told = self._told.get(bucket, (0.0, (0, 0)))
        now = time.monotonic()
        if told == fact and now - told_at < (0.2 if is_hour else 1.0):
            return
        self._told[bucket] = (now, fact)
        self._scripts.run("limiter", bucket, "learn", limit, remaining, reset)

    def hold(self, bucket: str, headers: Mapping[str, str]) -> float:
        """Hold everyone until the limit resets, after a 429; return for how long, in seconds."""
        _, _, reset = _read(headers)
        self._told.pop(bucket, None)
        known = "x-sib-ratelimit-reset" in headers
        (wait_ms,) = self._scripts.run("limiter", bucket, "hold", reset if known else -1)
        return float(wait_ms) / 1000

    def told(self, bucket: str, limit: int = -1, remaining: int = 0, reset_s: float = 1.0) -> None:
        """Take in what an answer told of a limit in other headers than Brevo's; nothing: that it was no refusal."""
        self._scripts.run("limiter", bucket, "learn", limit, remaining, reset_s)

    def hold_for(self, bucket: str, wait_s: float | None) -> None:
        """Hold everyone for so many seconds; None: nobody told how long, so for longer after each refusal in a row."""
        self._scripts.run("limiter", bucket, "hold", -1 if wait_s is None else wait_s)

    def forget(self, bucket: str) -> None:
        """Forget a limit, when the key or the address changed."""
        self._client.delete(keys.limit(bucket))

    def rate(self, bucket: str) -> float | None:
        """Return the calls per second allowed; 0.0 when there is no such limit, None when nothing is known yet."""
        raw = self._client.hget(keys.limit(bucket), "rps")
        return None if raw is None else float(raw)

    def per_hour(self, bucket: str) -> int | None:
        """Return the calls per hour allowed; None when no hourly limit was seen."""
        raw = self._client.hget(keys.limit(bucket), "rph")
        return None if raw is None else int(raw)

    def headroom(self, bucket: str) -> float | None:
        """Return the share of this hour's calls that is left; None when no hourly limit was seen."""
        pipe = self._client.pipeline(transaction=False)
        pipe.hmget(keys.limit(bucket), "rph", "left", "ends")
        pipe.time()
        (limit, left, ends), (seconds, _) = pipe.execute()
        # the end of the hour was written by Redis' own clock
        if not limit or not ends or float(ends) < seconds * 1000:
            return None
        return max(0.0, float(left or 0) / float(limit))

    def buckets(self) -> list[str]:
        """Return every bucket of which something is known."""
        start = len(keys.limit(""))
        return sorted(key.decode()[start:] for key in self._client.scan_iter(keys.limit("*"), count=1000))


def _read(headers: Mapping[str, str]) -> tuple[int, int, float]:
    """Return limit (-1 when there are no headers), remaining, reset in seconds. Rubbish counts as absent."""
    try:
        return (
            int(headers["x-sib-ratelimit-limit"]),
            int(headers.get("x-sib-ratelimit-remaining", "0")),
            float(headers.get("x-sib-ratelimit-reset", "1")),
        )
    except (KeyError, ValueError):
        return -1, 0, 1.0
