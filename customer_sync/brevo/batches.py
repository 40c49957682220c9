"""Calls for many records, where single calls have a limit of their own: whichever has room is used.

Brevo counts `/products/batch`, `/categories/batch` and `/events/batch` by the hour, together with much else, and the
single calls by the second (https://developers.brevo.com/docs/api-limits). A few records go by themselves: that is
sooner, and leaves the hour's calls to others. Many go together, as long as enough of the hour is left; then they go by
themselves until the next hour begins.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar, Final, TypeVar

from customer_sync.brevo.gate import Gate
from customer_sync.engine.attempt import LaneStep
from customer_sync.engine.grouped import GroupStep
from customer_sync.engine.lane import Done
from customer_sync.model import Priority
from customer_sync.store.items import Item

J = TypeVar("J")

#: The share of an hour's calls that batches leave to others: to questions after imports, to orders, to webhooks.
LEFT_TO_OTHERS: Final = 0.25
#: How long what a run reads waits for more to go along with, in ms; the times of the looks are multiples
#: of the second.
GATHER_MS, LOOK_MS = 5_000, 1_000


class BatchStep(GroupStep[J, Gate]):
    """A worker step that sends many records together, and a few one by one; see `GroupStep` for all else."""

    #: Fewer than this go one by one.
    few: ClassVar[int] = 10

    @abstractmethod
    def route(self, job: J) -> str:
        """Return where a job is sent: those of one route go together."""

    def has_batches(self) -> bool:
        """Tell whether calls for many are left in this hour, beside those of others."""
        headroom = self._limits.headroom(self.group_bucket)
        if headroom is not None and headroom <= LEFT_TO_OTHERS:
            return False
        return self._limits.holds(self.group_bucket) not in {"refused", "hour"}

    def batch_size(self) -> int:
        """Return how many items to take: as many as a call holds, or a second's single calls."""
        return self.most if self.has_batches() else LaneStep.batch_size(self)

    def single_gate(self) -> Gate:
        """Return the gate of a single call, whatever limit the call before it counted against."""
        return self._gate(self._limits, self.lane.bucket, 1, urgent=False)

    def waits_until(self, items: Sequence[Item]) -> int | None:
        """Return until when a group waits to become full, in ms: what a run reads comes page by page."""
        now_ms = self._clock()
        return now_ms - now_ms % LOOK_MS + LOOK_MS if self._is_gathering(items) else None

    def _is_gathering(self, items: Sequence[Item]) -> bool:
        if any(item.priority is not Priority.BULK for item in items):
            return False
        return self._clock() - min(item.since_ms for item in items) < GATHER_MS

    def _send(self, singles: Sequence[tuple[Item, J]], others: Sequence[tuple[Item, J]], done: Done) -> None:
        by_route: dict[str, list[tuple[Item, J]]] = {}
        for item, job in others if self.has_batches() else ():
            by_route.setdefault(self.route(job), []).append((item, job))
        groups = {route: jobs for route, jobs in by_route.items() if self._go_together([item for item, _ in jobs])}
        together = {item.target for jobs in groups.values() for item, _ in jobs}
        alone = [*singles, *(one for one in others if one[0].target not in together)]
        for jobs in groups.values():
            super()._send([], jobs, done)
        if alone:
            super()._send(alone, [], done)

    def _go_together(self, items: Sequence[Item]) -> bool:
        return len(items) >= self.few or self._is_gathering(items)
