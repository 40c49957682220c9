"""The worker step of a lane whose API takes many records in one call: an order's history, a catalogue, events.

Items that may travel together are joined into calls; the others go one by one. A call that is refused as a whole is
made again in halves, so that one bad record never harms another and costs few calls.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import ClassVar, Final, TypeVar

import redis

from customer_sync.base.log import get, place
from customer_sync.engine.attempt import LaneStep, Stop, with_companion
from customer_sync.engine.lane import NOT_BEGUN, Done, Outcome
from customer_sync.errors import FieldRefused, Parkable, TajoError, TryLater
from customer_sync.store.items import Item, Settlement

log = get(__name__)

J = TypeVar("J")
G = TypeVar("G")

#: The note of an item that waits for others to go along with.
GATHERED: Final = "waits for others to go along with"


class GroupStep(LaneStep[J, G]):
    """A worker step that joins jobs into calls; see `LaneStep` for all else."""

    #: The most jobs, and the most bytes of them, in one call.
    most: ClassVar[int] = 100
    most_bytes: ClassVar[int] = 4_000_000
    #: The limit of calls for several jobs; "" where it is the lane's own.
    group_bucket: ClassVar[str] = ""

    @abstractmethod
    def size(self, job: J) -> int:
        """Return how many bytes a job takes in a call; 0 for one that goes alone, by `carry_out`."""

    @abstractmethod
    def carry_out_all(self, jobs: Sequence[J], gate: G) -> Sequence[Outcome]:
        """Make one call for several jobs; return one outcome for each, in their order.

        Raises:
            TajoError: its class says what happens to all of them; where the call was refused, each half is tried.
        """

    def waits_until(self, items: Sequence[Item]) -> int | None:  # noqa: ARG002  # most lanes have nothing to wait for
        """Return until when a group that is not full should wait for more items, in ms; None: it goes now.

        Items that are to go along with one another are told the same time.
        """
        return None

    def batch_size(self) -> int:
        """Return how many items to take: as many as a call holds."""
        return self.most

    def _start(self, jobs: Sequence[tuple[Item, J]], done: Done) -> None:
        self._send([one for one in jobs if not self.size(one[1])], [one for one in jobs if self.size(one[1])], done)

    def _send(self, singles: Sequence[tuple[Item, J]], others: Sequence[tuple[Item, J]], done: Done) -> None:
        """Begin all calls, those for groups first: there are few of them, and they must not wait behind many."""
        groups = list(self._groups(others))
        # all but the last are full
        is_open = bool(groups) and len(groups[-1]) < self.most
        due_ms = self.waits_until([item for item, _ in groups[-1]]) if is_open else None
        for item, _ in groups.pop() if due_ms is not None else ():
            settlement = Settlement(item.target, "again", due_ms=due_ms, is_untried=True)
            done(with_companion(Outcome(item, settlement, "held", GATHERED)))
        stop, bucket = Stop(), self.group_bucket or self.lane.bucket
        is_shared = bucket == self.lane.bucket
        gate = self._open(singles, len(singles) + len(groups) * is_shared)
        shared = gate if is_shared else self._open(others, len(groups), bucket)
        for group in groups:
            self._pool.submit(self._finish_all, group, shared, stop, done)
        for item, job in singles:
            self._pool.submit(self._finish, item, job, gate, stop, done)

    def _groups(self, jobs: Sequence[tuple[Item, J]]) -> Iterator[Sequence[tuple[Item, J]]]:
        group: list[tuple[Item, J]] = []
        taken = 0
        for item, job in jobs:
            size = self.size(job)
            if group and (len(group) == self.most or taken + size > self.most_bytes):
                yield group
                group, taken = [], 0
            group.append((item, job))
            taken += size
        if group:
            yield group

    def _finish_all(self, group: Sequence[tuple[Item, J]], gate: G, stop: Stop, done: Done) -> None:
        try:
            outcomes = self._attempt_all(group, gate, stop)
        except BaseException as error:  # noqa: BLE001  # whoever waits for the results must get them
            for _ in group:
                done(error)
            return
        for outcome in outcomes:
            done(with_companion(outcome))

    def _attempt_all(self, group: Sequence[tuple[Item, J]], gate: G, stop: Stop) -> Sequence[Outcome]:
        if stop.is_set():
            return [Outcome(item, Settlement(item.target, "again"), "held", NOT_BEGUN) for item, _ in group]
        try:
            outcomes = self.carry_out_all([job for _, job in group], gate)
        except (Parkable, FieldRefused):  # one of them is at fault, or the way of sending them is
            if len(group) == 1:
                return [self._attempt(*group[0], gate, stop)]
            half = len(group) // 2
            return [one for part in (group[:half], group[half:]) for one in self._attempt_all(part, gate, stop)]
        except TajoError as error:
            outcomes = [self._failed(item, error) for item, _ in group]
            if any(one.pause is not None for one in outcomes):
                stop.set()
        except redis.RedisError:
            raise
        except Exception as error:  # noqa: BLE001  # as in `LaneStep._attempt`: its text may hold personal data
            told = {"lane": self.lane.name, "error": type(error).__name__, "place": place(error)}
            log.error("items not delivered", **told, items=len(group))  # noqa: TRY400  # no traceback, as above
            outcomes = [self._failed(item, TryLater(f"A fault of this service: {told['error']}.")) for item, _ in group]
        for (_, job), outcome in zip(group, outcomes, strict=True):
            self.complete(job, outcome)
        return outcomes
