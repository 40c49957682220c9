"""A Redis whose time stands still until a test moves it: its scripts read the time from a key instead of the clock."""

from __future__ import annotations

from typing import Any

import redis

from customer_sync.store import scripts
from customer_sync.store.limits import Limits
from customer_sync.store.scripts import Scripts

#: Where the time stands, in microseconds.
KEY = "test:now_us"
_CLOCK = "redis.call('TIME')"
#: What the scripts read instead: seconds and microseconds, as TIME gives them.
_READ = f"(function() local us = tonumber(redis.call('GET', '{KEY}')); return {{math.floor(us / 1e6), us % 1e6}} end)()"


class StandingTime(Scripts):
    """The scripts of a store, at a time that a test moves.

    Args:
        client: Redis.
        now_s: the time at the start, seconds since 1970.
    """

    def __init__(self, client: redis.Redis, now_s: float = 1_800_000_000.0) -> None:
        super().__init__(client)
        self.now_s = now_s
        self.move(0)

    def move(self, seconds: float) -> None:
        """Let time pass."""
        self.now_s += seconds
        self._client.set(KEY, round(self.now_s * 1_000_000))

    def run(self, name: str, *args: str | float | bytes) -> Any:
        if name not in self._loaded:
            text = scripts.source(name)
            assert _CLOCK in text
            self._loaded[name] = self._client.register_script(text.replace(_CLOCK, _READ))
        return super().run(name, *args)


class TimedLimits(Limits):
    """The shared limit at a time that a test moves, without chance; what an answer tells is told to Redis each time."""

    def __init__(self, client: redis.Redis) -> None:
        self.time = StandingTime(client)
        super().__init__(client, self.time, chance=lambda: 0.0)

    def learn(self, bucket: str, *told: Any, **more: Any) -> None:
        self._told.clear()
        super().learn(bucket, *told, **more)
