"""The worker step that all lanes share. A lane's handler plans an item and makes its calls.

This module does the rest for every lane: it runs calls in parallel within the shared limit, stops calling when the
destination is down, and chooses the next step after a failure: wait, try again, park after 72 hours, pause the lane.
"""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import ClassVar, Final, Generic, Protocol, TypeVar

import redis

from customer_sync.base import retry
from customer_sync.base.clock import Clock, system_clock
from customer_sync.base.log import get, place
from customer_sync.engine.lane import NOT_BEGUN, Done, LaneDescription, Outcome, held, parked
from customer_sync.errors import ConfigError, FieldRefused, Parkable, TajoError, TryLater, Unavailable
from customer_sync.model import Priority
from customer_sync.store.forms import Kept, encode_kept
from customer_sync.store.items import Item, Settlement
from customer_sync.store.limits import Limits

log = get(__name__)

#: How many items are taken at once when the lane has no rate limit.
BATCH: Final = 64
#: A batch begins no further job after this time, in seconds: its leases and its thread are wanted back.
BATCH_S: Final = 20.0
#: How soon an item is due again when its destination is down, in seconds; the lane's breaker may keep it longer.
PAUSED_S: Final = 1.0

#: The type of a handler's jobs: an item with its plan.
J = TypeVar("J")
#: The type of the gate that lets a handler's calls through.
G = TypeVar("G")
_Made_co = TypeVar("_Made_co", covariant=True)


class MakesGate(Protocol[_Made_co]):
    """Makes the gate for the calls of one batch; see `customer_sync.brevo.gate`."""

    def __call__(self, limits: Limits, bucket: str, expected: int, *, urgent: bool) -> _Made_co:
        """Return the gate for about `expected` calls; `urgent` where an item of the batch is urgent."""
        ...


class Saves(Protocol):
    """Saves the urgent part of a failed job, see `LaneStep.save`."""

    def __call__(self, *, is_parked: bool) -> str | None:
        """Return the target's text to be stored, None for nothing."""
        ...


class Stop(threading.Event):
    """Tells that no further job of a batch may begin: somebody said so, or its time is up."""

    def __init__(self) -> None:
        super().__init__()
        self._ends = time.monotonic() + BATCH_S

    def is_set(self) -> bool:
        """Tell whether no further job may begin."""
        return super().is_set() or time.monotonic() > self._ends


class LaneStep(ABC, Generic[J, G]):
    """The worker step of one lane; see `customer_sync.engine.lane.Handler`.

    Args:
        lane: the lane.
        limits: the shared limit.
        gate: makes the gate that lets calls through.
        clock: milliseconds since 1970.
    """

    #: How many calls may be under way at once in a process.
    threads: ClassVar[int] = 4

    def __init__(self, lane: LaneDescription, limits: Limits, gate: MakesGate[G], clock: Clock = system_clock) -> None:
        self.lane = lane
        self._limits = limits
        self._gate = gate
        self._clock = clock
        self._pool = ThreadPoolExecutor(self.threads, thread_name_prefix=lane.name)

    @abstractmethod
    def planner(self) -> Callable[[Item], Outcome | J]:
        """Return what plans one item: an outcome where no call is needed, else the job. Called once for each batch.

        Raises:
            TajoError: no item can be planned now: all items wait.
        """

    @abstractmethod
    def carry_out(self, job: J, gate: G) -> Outcome:
        """Make the calls of one job, each when the gate lets it through. A job may run again from its start.

        Raises:
            TajoError: its class says what happens to the item, see `customer_sync.errors`.
        """

    def save(self, job: J, gate: G, *, is_parked: bool) -> str | None:  # noqa: ARG002  # for lanes that save something
        """Do the part of a failed job that must not wait; return the target's text to be stored, None for nothing.

        Args:
            job: the job.
            gate: lets calls through.
            is_parked: whether the item is to be parked, and not tried again.

        Raises:
            TajoError: this part failed: an item that was to be parked is tried again.
        """
        return None

    def complete(self, job: J, outcome: Outcome) -> None:  # most lanes have nothing to add
        """Add to an outcome what the calls have changed, even where a later call failed."""

    def calls(self, job: J) -> int:  # noqa: ARG002  # most lanes make one
        """Return how many calls a job is expected to make; its gate asks for more where it needs more."""
        return 1

    def batch_size(self) -> int:
        """Return how many items to take: at most one second's calls, so that urgent items never wait longer."""
        rate = self._limits.rate(self.lane.bucket)
        return BATCH if not rate else max(1, min(BATCH, int(rate)))

    def begin(self, items: Sequence[Item], done: Done) -> Unavailable | ConfigError | None:
        """Begin to deliver the items. Every item gets an outcome, and one bad item never harms another."""
        try:
            plan = self.planner()
        except TajoError as error:
            for item in items:
                done(with_companion(held(item, str(error))))
            return error if isinstance(error, Unavailable | ConfigError) else None
        jobs: list[tuple[Item, J]] = []
        for item in items:
            one = self._plan(plan, item)
            if isinstance(one, Outcome):
                done(with_companion(one))
            else:
                jobs.append((item, one))
        self._start(jobs, done)
        return None

    def _start(self, jobs: Sequence[tuple[Item, J]], done: Done) -> None:
        """Begin the calls of all jobs."""
        gate, stop = self._open(jobs, sum(self.calls(job) for _, job in jobs)), Stop()
        for item, job in jobs:
            self._pool.submit(self._finish, item, job, gate, stop, done)

    def _open(self, jobs: Sequence[tuple[Item, J]], expected: int, bucket: str = "") -> G:
        """Return the gate for the calls of jobs, about `expected` of them; without a bucket it is the lane's."""
        urgent = any(item.priority is Priority.URGENT for item, _ in jobs)
        return self._gate(self._limits, bucket or self.lane.bucket, expected, urgent=urgent)

    def _finish(self, item: Item, job: J, gate: G, stop: Stop, done: Done) -> None:
        try:
            done(with_companion(self._attempt(item, job, gate, stop)))
        except BaseException as error:  # noqa: BLE001  # whoever waits for the result must get one
            done(error)

    def _plan(self, plan: Callable[[Item], Outcome | J], item: Item) -> Outcome | J:
        if item.newer:
            return held(item, item.newer)
        try:
            return plan(item)
        except TajoError as error:
            return self._failed(item, error)

    def _attempt(self, item: Item, job: J, gate: G, stop: Stop) -> Outcome:
        """Carry out one job and return its outcome; none is begun once the destination is down, or time is up."""
        if stop.is_set():
            return Outcome(item, Settlement(item.target, "again"), "held", NOT_BEGUN)
        try:
            outcome = self.carry_out(job, gate)
        except TajoError as error:
            outcome = self._failed(item, error, partial(self.save, job, gate))
            if outcome.pause is not None:
                stop.set()
        except redis.RedisError:
            raise
        except Exception as error:  # noqa: BLE001  # a fault of ours in one item must not stop the others
            # the error's text may hold personal data: log only its name and place
            told = {"lane": self.lane.name, "error": type(error).__name__, "place": place(error)}
            log.error("item not delivered", **told)  # noqa: TRY400  # no traceback, for the reason above
            fault = TryLater(f"A fault of this service: {told['error']}.")
            outcome = self._failed(item, fault, partial(self.save, job, gate))
        self.complete(job, outcome)
        return outcome

    def _failed(self, item: Item, error: TajoError, save: Saves | None = None) -> Outcome:
        why = self._hopeless(item, error)
        if why is None:
            outcome = _again(item, error)
            if save is not None and outcome.settlement.burns:
                with suppress(TajoError):  # the saving is tried again with the item
                    outcome.settlement.record = save(is_parked=False)
            return outcome
        try:
            record = None if save is None else save(is_parked=True)
        except Parkable:
            record = None  # the item cannot be saved either: the parked item shows the reason
        except TajoError as other:
            return _again(item, other)
        return parked(item, self.lane.name, why, self._clock(), record or self._known_of(item))

    def _known_of(self, item: Item) -> str | None:
        """Return what is known of a record, to be stored although it is parked: totals are made of what is stored."""
        if self.lane.keeps != "record" or item.newer:
            return None
        return encode_kept(Kept(item.state, item.kept.has))

    def _hopeless(self, item: Item, error: TajoError) -> Parkable | None:
        """Return why an item is to be parked, None when it is to be tried again."""
        if isinstance(error, Parkable):
            return error
        who = self.lane.destination
        if isinstance(error, FieldRefused):
            return Parkable(f"{who} refused {', '.join(error.fields)}.", "Compare the mapping, then replay.")
        if _burns(error) and self._clock() - item.since_ms > retry.HORIZON_S * 1000:
            return Parkable(f"Tried for 72 hours: {error}", f"See what {who} answers, then replay.")
        return None


def _burns(error: TajoError) -> bool:
    """Tell whether a failure uses up a try of the item: a failure of the whole lane does not."""
    return error.burns if isinstance(error, TryLater) else not isinstance(error, Unavailable | ConfigError)


def _again(item: Item, error: TajoError) -> Outcome:
    if isinstance(error, Unavailable | ConfigError):
        settlement = Settlement(item.target, "again", due_in_s=PAUSED_S)
        return Outcome(item, settlement, "held", str(error), error)
    burns, after_s = _burns(error), error.after_s if isinstance(error, TryLater) else None
    wait_s = after_s if after_s is not None else retry.next_wait_s(item.tries + 1)
    settlement = Settlement(item.target, "again", due_in_s=wait_s, burns=burns, is_untried=not burns)
    return Outcome(item, settlement, "again" if burns else "held", str(error))


def with_companion(outcome: Outcome) -> Outcome:
    """Return an outcome that also gives back the item's companion (the old address of a rename), if it does not yet."""
    if outcome.item.old is not None and outcome.settlement.old is None:
        outcome.settlement.old = (outcome.item.old.target, None)
    return outcome
