"""The clocks of the hosts: each process measures its own against that of Redis, which is the one that counts.

Between two measurements the time goes on by a clock that only goes ahead, so a host whose clock is wrong, or is put
right, tells the same time as the others. It counts the time for which the machine sleeps, too.
"""

from __future__ import annotations

import socket
import time
from typing import Any, Final, NamedTuple

import redis

from customer_sync.base.clock import Clock, system_clock
from customer_sync.base.log import get
from customer_sync.store import keys
from customer_sync.store.ledger import Ledger
from customer_sync.store.scripts import as_text

log = get(__name__)

#: How far a host's clock may be from that of Redis, in seconds, before a person is told.
ALLOWED_S: Final = 2.0
#: How often a process measures, in seconds.
EVERY_S: Final = 5.0
#: A measurement that took longer says too little, in seconds.
SLOWEST_S: Final = 1.0
#: How long a host that says nothing more is told of, in seconds.
REMEMBERED_S: Final = 60
#: The clock that only goes ahead. `time.monotonic` stands still on Linux and macOS while the machine sleeps.
_TICKS: Final = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class Skew(NamedTuple):
    """How far the clock of a host is from that of Redis: seconds, positive where it is ahead."""

    host: str
    offset_s: float

    @property
    def is_wrong(self) -> bool:
        """Whether a person should put it right."""
        return abs(self.offset_s) > ALLOWED_S

    def __str__(self) -> str:
        """Return it in words: who, how far, which way."""
        way = "ahead of" if self.offset_s > 0 else "behind"
        return f"The clock of {self.host} is {_length(abs(self.offset_s))} {way} that of Redis."


#: What to do with a clock that is wrong.
REMEDY: Final = (
    "Let it be set by NTP (`timedatectl set-ntp true`), on the host of Redis too. Until then Redis' time is used for "
    "everything that is decided here."
)


class Hosts:
    """Measures the clock of this host, and tells of all.

    Args:
        client: Redis.
        host: the name of this host; None asks the system.
        clock: this host's, milliseconds since 1970.
    """

    def __init__(self, client: redis.Redis, host: str | None = None, clock: Clock = system_clock) -> None:
        self._client = client
        self._host = host or socket.gethostname()
        self._clock = clock
        self._anchor: tuple[float, float] | None = None
        self._tended_at = float("-inf")

    def now_ms(self) -> int:
        """Return Redis' time without asking it, milliseconds since 1970; before the first measurement, the host's."""
        anchor = self._anchor
        if anchor is None:
            return self._clock()
        redis_ms, at_s = anchor
        return int(redis_ms + (_ticks_s() - at_s) * 1000)

    def measure(self) -> Skew | None:
        """Ask Redis for its time; None where the answer took too long to say anything.

        Raises:
            redis.RedisError: it does not answer.
        """
        began_s = _ticks_s()
        seconds, micros = self._client.time()
        took_s = _ticks_s() - began_s
        if took_s > SLOWEST_S:
            return None
        redis_ms = int(seconds) * 1000 + int(micros) / 1000
        self._anchor = (redis_ms, began_s + took_s / 2)
        return Skew(self._host, (self._clock() - redis_ms - took_s * 500) / 1000)

    def tend(self) -> None:
        """Measure when that is due, and tell: once when the clock is wrong, once when it is right again.

        Raises:
            redis.RedisError: Redis does not answer.
        """
        if _ticks_s() - self._tended_at < EVERY_S:
            return
        found = self.measure()
        if found is None:
            return
        self._tended_at = _ticks_s()
        if found.is_wrong:
            self._tell_wrong(found)
        elif self._client.hdel(keys.CLOCKS, self._host):
            log.info("clock right again", host=self._host)

    def skews(self) -> list[Skew]:
        """Return the hosts whose clocks are wrong now, the worst first.

        Raises:
            redis.RedisError: Redis does not answer.
        """
        now_s = int(self._client.time()[0])
        found: Any = self._client.hgetall(keys.CLOCKS)
        fresh = []
        for host, text in found.items():
            offset_s, at_s = map(float, as_text(text).split("|"))
            if abs(now_s - at_s) <= REMEMBERED_S:
                fresh.append(Skew(as_text(host), offset_s))
        return sorted(fresh, key=lambda one: -abs(one.offset_s))

    def _tell_wrong(self, found: Skew) -> None:
        now_s = self.now_ms() / 1000
        # of the processes of a host, and of its measurements, the first one tells
        if self._client.hset(keys.CLOCKS, self._host, f"{found.offset_s:.3f}|{now_s:.0f}"):
            log.warning("clock wrong", host=self._host, offset_s=round(found.offset_s, 1))
            Ledger(self._client).alert(str(found), REMEDY, cause="clock", host=self._host)


def _length(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def _ticks_s() -> float:
    return time.clock_gettime(_TICKS)
