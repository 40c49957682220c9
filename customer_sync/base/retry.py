"""How long to wait before the next try. Waits live in the item's due time, never in a worker's memory."""

from __future__ import annotations

import random
from collections.abc import Callable

#: The shortest wait, in seconds; it doubles with every try.
FIRST_WAIT_S = 1.0
#: The longest wait between two tries, in seconds. What waits longer is better seen by a person than retried in silence.
MAX_WAIT_S = 900.0
#: How long an item is tried before it is parked, in seconds: three days, as the longest promise of any sender.
HORIZON_S = 72 * 3600.0


def full_jitter(longest_s: float) -> float:
    """Return a wait anywhere between nothing and the longest."""
    return random.uniform(0.0, longest_s)


def next_wait_s(attempt: int, *, jitter: Callable[[float], float] = full_jitter) -> float:
    """Return how long to wait before the next try, in seconds.

    Args:
        attempt: how many tries have failed; 1 after the first.
        jitter: turns the longest wait into the real one; tests pass the identity.

    Doubles from one second up to `MAX_WAIT_S`. Tries that failed together do not return together:
    see Brooker, "Exponential Backoff and Jitter" (2015).
    """
    return jitter(min(MAX_WAIT_S, FIRST_WAIT_S * 2 ** min(max(attempt, 1) - 1, 30)))
