"""When each webhook is sent: at a steady rate, and with what real deliveries have: repeats, disorder, small bursts."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import count
from random import Random

from customer_sync.demo.dialect import Notice
from customer_sync.demo.shop import Shop

#: The share of webhooks that is sent a second time, the same in every byte.
REPEATED = 0.05
#: The share that is held up on the way, so that a later one overtakes it.
HELD_UP = 0.06
#: The share of acts that begin a burst, and how many acts follow at once.
BURSTS, BURST = 0.015, (5, 12)
#: The longest a repeat comes later and a held-up one takes, in seconds.
LATE_S = 4.0


def schedule(shops: Sequence[Shop], rng: Random, rate: float, start_at: datetime) -> Iterator[tuple[float, Notice]]:
    """Yield webhooks for ever, each with the second at which it is sent, counted from the start.

    Args:
        shops: where things happen.
        rng: the dice.
        rate: webhooks per second, in the mean.
        start_at: the time of second 0, UTC; the times in the bodies are reckoned from it.
    """
    numbers = count()
    waiting: list[tuple[float, int, Notice]] = []
    now_s, at_once = 0.0, 0
    owed_s = 0.0
    while True:
        for notice in rng.choice(shops).next(start_at + timedelta(seconds=now_s)):
            owed_s += rng.expovariate(rate)
            for at_s in _times(rng, now_s + notice.after_s):
                heapq.heappush(waiting, (at_s, next(numbers), notice))
        if at_once:
            at_once -= 1
        else:
            at_once = rng.randint(*BURST) if rng.random() < BURSTS else 0
            now_s, owed_s = now_s + owed_s, 0.0
        while waiting and waiting[0][0] <= now_s:
            at_s, _, notice = heapq.heappop(waiting)
            yield at_s, notice


def _times(rng: Random, at_s: float) -> list[float]:
    """Return when a webhook is sent: once for most, late for some, twice for a few."""
    first = at_s + (rng.uniform(0.3, LATE_S) if rng.random() < HELD_UP else 0.0)
    return [first, first + rng.uniform(0.1, LATE_S)] if rng.random() < REPEATED else [first]
