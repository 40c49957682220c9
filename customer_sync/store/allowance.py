"""How many calls of our API each caller may still make, counted in minutes by Redis' clock: the same on every host."""

from __future__ import annotations

import math
from typing import Final, NamedTuple

from customer_sync.store.scripts import Scripts

#: How long a count goes on, in seconds.
WINDOW_S: Final = 60


class Taken(NamedTuple):
    """What a call leaves, and whether it may be made.

    Args:
        most: how many calls a caller may make in `WINDOW_S`.
        left: how many of them are left.
        reset_s: in how many seconds there are `most` again.
        is_over: whether this call is one too many.
    """

    most: int
    left: int
    reset_s: int
    is_over: bool


class Allowance:
    """The counts."""

    def __init__(self, scripts: Scripts) -> None:
        self._scripts = scripts

    def take(self, caller: str, most: int) -> Taken:
        """Count one call.

        Args:
            caller: whose call it is.
            most: how many calls that caller may make in `WINDOW_S`.
        """
        count, left_ms = self._scripts.run("allowance", caller, WINDOW_S * 1000)
        return Taken(most, max(0, most - count), math.ceil(left_ms / 1000), count > most)
