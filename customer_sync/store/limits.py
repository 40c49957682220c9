"""The shared rate limit: every process asks here before a call. Limits are learned from answers, never hard-coded.

The caller of an API reads the answer's headers, and reports here how many calls a window allows, how many are left and
when the window ends. A window of a second is a rate; a longer window, such as Brevo's hour, is a number of calls. Calls
are spaced evenly a little below the rate, because a burst could fall into two windows of the destination.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable
from typing import Literal, NamedTuple

import redis

from customer_sync.base.log import get
from customer_sync.store import keys
from customer_sync.store.ledger import Ledger
from customer_sync.store.scripts import Scripts

log = get(__name__)

#: The share of the allowed rate that is used. Evenly spaced at 0.96, eleven calls cannot fall into one second of ten
#: unless the network delays one by 40 ms more than the next.
SHARE = 0.96
#: How far ahead calls are handed out, in milliseconds; urgent work waits at most this long behind them.
AHEAD_MS = 500
#: How many calls go out before an answer has told the limit.
PROBES = 4
#: The share of an hour's calls that only urgent work may use.
URGENT_SHARE = 0.02

#: No window allows more calls than these.
MOST_CALLS = 1e9
#: The longest window that is believed, in seconds.
MAX_RESET_S = 3600.0
#: How long a window counts that says to end later than that, in seconds: so one call a minute asks again.
ASK_AGAIN_S = 60.0
#: By how much a wait that nobody told may be longer than the rule says, as a share of it: installations that were
#: refused together do not come back together. Small enough that each wait of a row is longer than the one before.
JITTER = 0.25
#: A person is told where calls are to be held for longer than this, in seconds.
LONG_HOLD_S = 300.0


class Grant(NamedTuple):
    """Calls that may be made: each after so many seconds from now; or none, and when to ask again."""

    offsets_s: tuple[float, ...]
    wait_s: float


class Limits:
    """What is known of each rate limit, shared by all processes.

    Args:
        client: Redis.
        scripts: its scripts.
        chance: gives a number from 0 to 1, for waits that nobody told.
    """

    def __init__(self, client: redis.Redis, scripts: Scripts, chance: Callable[[], float] = random.random) -> None:
        self._client = client
        self._chance = chance
        self._scripts = scripts
        self._ledger = Ledger(client)
        self._told: dict[str, tuple[float, tuple[float, int]]] = {}

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

    def learn(self, bucket: str, limit: float | None, remaining: float = 0.0, reset_s: float = 1.0) -> None:
        """Take in what an answer tells. Cheap: says the same thing to Redis once a second only.

        Args:
            bucket: which limit.
            limit: how many calls the window allows; None where the answer tells of no limit.
            remaining: how many of them are left.
            reset_s: when the window ends, in seconds from now.

        What cannot be (no calls at all, or not a number) is refused, and what was known stays.
        """
        told = (-1.0, 0.0, 1.0) if limit is None else _believed(limit, remaining, reset_s)
        if told is None:
            return
        is_hour = told[2] > 1
        fact = (told[0], int(is_hour))
        told_at, known = self._told.get(bucket, (0.0, (0.0, 0)))
        now = time.monotonic()
        if known == fact and now - told_at < (0.2 if is_hour else 1.0):
            return
        self._told[bucket] = (now, fact)
        self._scripts.run("limiter", bucket, "learn", *(f"{one:.12g}" for one in told))

    def hold(self, bucket: str, reset_s: float | None = None) -> float:
        """Hold everyone until the limit resets, after a 429; return for how long, in seconds.

        Args:
            bucket: which limit.
            reset_s: in how many seconds that is; None where the answer does not tell: then a second, longer each time
                up to a minute, and by chance up to a quarter more.
        """
        self._told.pop(bucket, None)
        asked_s = -1.0 if reset_s is None or math.isnan(reset_s) else reset_s
        wait_s = -1.0 if reset_s is None or math.isnan(reset_s) else _reset(reset_s)
        (wait_ms,) = self._scripts.run("limiter", bucket, "hold", f"{wait_s:.12g}", 1 + JITTER * self._chance())
        if asked_s > LONG_HOLD_S:
            self._tell_of_long_hold(bucket, asked_s)
        return float(wait_ms) / 1000

    def told(self, bucket: str, limit: float = -1, remaining: float = 0, reset_s: float = 1.0) -> None:
        """Take in what an answer told of a limit in other headers than Brevo's; nothing: that it was no refusal."""
        told = (-1.0, 0.0, 1.0) if limit < 0 else _believed(limit, remaining, reset_s)
        if told is not None:
            self._scripts.run("limiter", bucket, "learn", *(f"{one:.12g}" for one in told))

    def _tell_of_long_hold(self, bucket: str, asked_s: float) -> None:
        """Tell a person, once an hour, that calls are held for long."""
        if not self._client.set(keys.note(f"held:{bucket}"), "1", nx=True, ex=int(MAX_RESET_S)):
            return
        if asked_s > MAX_RESET_S:
            how = "for longer than an hour, which is not believed: one call a minute asks again"
        else:
            how = f"for {asked_s / 60:.0f} minutes"
        log.warning("calls held for long", bucket=bucket, asked_s=asked_s)
        self._ledger.alert(
            f"All calls under the limit `{bucket}` are held {how}.",
            "See what the other side says of your rate limit. What waits is kept, and goes on by itself.",
            cause="held",
        )

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
        return None if raw is None else int(float(raw))

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

    def holds(self, bucket: str) -> Literal["", "rate", "hour", "refused"]:
        """Return what calls wait for at this moment: the rate, the next hour, the reset after a 429, or nothing."""
        pipe = self._client.pipeline(transaction=False)
        pipe.hmget(keys.limit(bucket), "hold", "rph", "left", "ends", "rps", "tat")
        pipe.time()
        found, (seconds, micros) = pipe.execute()
        hold, per_hour, left, ends, rate, next_call = (float(one or 0) for one in found)
        now_ms = seconds * 1000 + micros / 1000
        if hold > now_ms:
            return "refused"
        if ends > now_ms and left - math.floor(per_hour * URGENT_SHARE) < 1:
            return "hour"
        # calls are handed out some time ahead: more than two are, and whoever comes next waits
        return "rate" if rate > 0 and next_call - now_ms > 2 * 1000 / (rate * SHARE) else ""

    def buckets(self) -> list[str]:
        """Return every bucket of which something is known."""
        start = len(keys.limit(""))
        return sorted(key.decode()[start:] for key in self._client.scan_iter(keys.limit("*"), count=1000))


def _believed(limit: float, remaining: float, reset_s: float) -> tuple[float, float, float] | None:
    """Return what is believed of an answer, None when it cannot be. Only a rate has fractions."""
    if any(math.isnan(one) for one in (limit, remaining, reset_s)) or not 0 < limit < math.inf:
        return None
    limit, reset_s = min(limit, MOST_CALLS), _reset(reset_s)
    if reset_s > 1 and (limit := math.floor(limit)) == 0:
        return None
    return limit, math.floor(min(max(0.0, remaining), limit)), reset_s


def _reset(reset_s: float) -> float:
    return max(0.0, reset_s) if reset_s <= MAX_RESET_S else ASK_AGAIN_S
