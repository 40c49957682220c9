"""Batches that overlap: the next is taken while calls of those before are out; results are handed on as they come.

A slow call keeps back neither what is taken after it nor the results of its own batch. Failures wait for the end of
their batch: only then it is known whether the destination is down, or one item is at fault.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Final

from customer_sync.engine.lane import NOT_BEGUN, Delivery, Handler, Outcome
from customer_sync.errors import ConfigError, Unavailable
from customer_sync.store.items import Taken

#: Results are handed on when there are so many of them,
GROUP: Final = 32
#: or after this time, in seconds.
GROUP_S: Final = 0.01
#: How soon it is looked for new items while calls are out and fewer were found than asked for, in seconds.
LOOK_S: Final = 0.05
#: For how long one flow takes items, in seconds: then others have their turn.
FLOW_S: Final = 1.0
#: A batch that is out for longer than this, in seconds, holds up nobody: meanwhile others are taken all the same,
SLOW_S: Final = 3.0
#: for this long at most, in seconds; the end of the flow must come before it counts as stuck.
MOST_S: Final = 60.0


@dataclass(slots=True, eq=False)
class Batch:
    """Items that were taken together.

    Args:
        token: proves their lease.
        left: how many of them have no result yet.
        begun: when they were taken, by the monotonic clock.
        pause: why none of them could be tried, None where they could.
        failed: results that may concern the whole lane, and items that were not begun because of them.
        got_through: whether a call of the batch was answered.
        lease: keeps their leases.
        is_probe: whether it is the first one after a pause of the lane.
    """

    token: str
    left: int
    begun: float
    lease: AbstractContextManager[None]
    is_probe: bool = False
    pause: Unavailable | ConfigError | None = None
    failed: list[Outcome] = field(default_factory=list)
    got_through: bool = False

    def sort(self, came: Sequence[Outcome]) -> Delivery:
        """Return what can be settled now of the results that came; with the last of them the failures."""
        self.left -= len(came)
        ready = [one for one in came if one.pause is None and one.note != NOT_BEGUN]
        self.failed += [one for one in came if one.pause is not None or one.note == NOT_BEGUN]
        self.got_through = self.got_through or any(one.word in {"delivered", "parked"} for one in ready)
        if self.left:
            return Delivery(ready, None)
        if self.pause is not None:
            return Delivery([*ready, *self.failed], self.pause)
        over = Delivery.of(self.failed, got_through=self.got_through)
        return Delivery([*ready, *over.outcomes], over.pause)


class Flow:
    """The batches of one step in one lane.

    Args:
        handler: delivers them.
        clock: seconds; only ever goes ahead.
    """

    def __init__(self, handler: Handler, clock: Callable[[], float] = time.monotonic) -> None:
        self.handler = handler
        self.did_work = False
        self._clock = clock
        self._ends = clock() + FLOW_S
        self._gives_up = clock() + MOST_S
        self._batches: list[Batch] = []
        self._came: list[tuple[Batch, Outcome | BaseException]] = []
        self._out = 0
        self._low = 0
        self._has_begun = self._is_over = self._is_full = False
        self._next_look = clock()
        self._change = threading.Condition()

    @property
    def is_busy(self) -> bool:
        """Whether a batch is under way."""
        return bool(self._batches)

    def has_room(self) -> bool:
        """Tell whether items are to be taken now: the first ones, or more while calls are out."""
        now = self._clock()
        if self._is_over or now < self._next_look or any(one.failed for one in self._batches):
            return False
        if not self._batches:
            return not self._has_begun
        slow = [one.left for one in self._batches if now - one.begun > SLOW_S]
        is_mine = now < (self._gives_up if slow else self._ends)
        return is_mine and self._out - sum(slow) <= self._low and (bool(slow) or self._out > 0 < self._low)

    def found_nothing(self) -> None:
        """Note that nothing more is due."""
        self._has_begun, self._is_full = True, False
        self._next_look = self._clock() + LOOK_S

    def begin(self, taken: Taken, asked: int, lease: AbstractContextManager[None]) -> None:
        """Begin to deliver items.

        Args:
            taken: what was taken.
            asked: how many were asked for.
            lease: keeps their leases until it is left.
        """
        lease.__enter__()
        self.did_work = True
        batch = Batch(taken.token, len(taken.items), self._clock(), lease, taken.state == "probe")
        self._batches.append(batch)
        self._has_begun, self._low, self._is_full = True, asked // 4, True
        if len(taken.items) < asked:
            self.found_nothing()
        self._is_over = batch.is_probe
        with self._change:
            self._out += batch.left
        batch.pause = self.handler.begin(taken.items, lambda result: self._done(batch, result))

    def _done(self, batch: Batch, result: Outcome | BaseException) -> None:
        with self._change:
            self._came.append((batch, result))
            self._out -= 1
            if self._is_enough():
                self._change.notify()

    def _is_enough(self) -> bool:
        return not self._out or len(self._came) >= GROUP or (self._is_full and self._out <= self._low)

    def results(self) -> list[tuple[Batch, Delivery]]:
        """Wait for results, for a moment at most; return what can be settled, by batch.

        Raises:
            redis.RedisError: Redis was away during a call.
        """
        with self._change:
            self._change.wait_for(self._is_enough, GROUP_S)
            came, self._came = self._came, []
        found: dict[Batch, list[Outcome]] = {}
        for batch, result in came:
            if isinstance(result, BaseException):
                raise result
            found.setdefault(batch, []).append(result)
        return [(batch, batch.sort(outcomes)) for batch, outcomes in found.items()]

    def close(self, batch: Batch, *, go_on: bool = True) -> None:
        """Forget a batch that is settled: its leases are kept no longer; unless the flow goes on, no other is taken."""
        self._batches.remove(batch)
        self._is_over = self._is_over or not go_on
        batch.lease.__exit__(None, None, None)

    def leave(self) -> None:
        """Keep no lease any more: what is under way is tried again when they end."""
        for batch in list(self._batches):
            self.close(batch)
