"""What goes wrong on request; each fault counts down."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from customer_sync.model import Json

#: kind → what it does. Those of the first group happen to a call of the Admin API, the others where they say.
KINDS: Final[Mapping[str, str]] = {
    "throttle": "THROTTLED in a 200, the bucket is drained",
    "unauthorized": "401, and the token used is revoked",
    "status": "an answer with `status` (402, 403, 404, 423, 429, 500, 503 ...)",
    "html": "200 with a page of HTML",
    "slow": "the answer comes `delay_s` later",
    "broken": "the connection breaks; the call is not done",
    "lost": "the call is done, then the connection breaks",
    "internal": "a 200 whose data is null, with INTERNAL_SERVER_ERROR",
    "repeat_page": "a page of customers: the page from the beginning, whatever the cursor",
    "shrink_page": "a page of customers: half of it, with a cursor that goes on after what is shown",
    "lose_half": "a page of customers: half of it, with a cursor that goes on after what is not shown",
    "empty_page": "a page of customers: nothing, hasNextPage true, the cursor as sent",
    "ignore_filter": "a page of customers: the query filter is not applied",
    "oauth": "the token endpoint refuses with `error`, such as app_not_installed",
    "bulk_fails": "a bulk operation fails half way, with `error` and partialDataUrl",
    "bulk_stuck": "a bulk operation stays RUNNING",
    "ignore_range": "a download: 200 with everything, though a range was asked for",
    "cut": "a download: the connection breaks after `size` bytes",
    "gone": "a download: 403, as an address that has expired",
    "late_consent": "a consent mutation reports success and changes nothing",
}


@dataclass(slots=True)
class Fault:
    """One fault that is on.

    Args:
        id: its number.
        kind: one of `KINDS`.
        count: how often it still happens; None until it is switched off.
        skip: how many fitting calls pass before.
        operation: only for calls that ask for this root field; None for all.
        options: what the kind needs: `status`, `delay_s`, `error`, `size`.
    """

    id: int
    kind: str
    count: int | None = 1
    skip: int = 0
    operation: str | None = None
    options: dict[str, Json] = field(default_factory=dict)

    def row(self) -> dict[str, Json]:
        """Return the fault as the control routes show it."""
        shown: dict[str, Json] = {"id": self.id, "kind": self.kind, "count": self.count, "skip": self.skip}
        return shown | {"operation": self.operation, **self.options}


@dataclass(slots=True)
class Faults:
    """The faults that are on. The caller holds the shop's lock."""

    active: list[Fault] = field(default_factory=list)
    happened: dict[str, int] = field(default_factory=dict)
    _last: int = 0

    def add(self, body: Mapping[str, Json]) -> Fault:
        """Switch a fault on.

        Raises:
            ValueError: there is no such kind.
        """
        kind, count, skip, operation = (body.get(name) for name in ("kind", "count", "skip", "operation"))
        if kind not in KINDS:
            raise ValueError(f"kind: one of {', '.join(KINDS)}")
        self._last += 1
        known = ("kind", "count", "skip", "operation")
        fault = Fault(
            self._last,
            str(kind),
            count if isinstance(count, int) else 1 if "count" not in body else None,
            skip if isinstance(skip, int) else 0,
            str(operation) if operation else None,
            {name: value for name, value in body.items() if name not in known},
        )
        self.active.append(fault)
        return fault

    def clear(self, number: int | None = None) -> None:
        """Switch one fault off, or all."""
        self.active = [fault for fault in self.active if number is not None and fault.id != number]

    def take(self, kind: str, operations: tuple[str, ...] = ()) -> Fault | None:
        """Return the fault of a kind that happens now, and count it down; None when none does."""
        for fault in self.active:
            if fault.kind != kind or (fault.operation and fault.operation not in operations):
                continue
            if fault.skip:
                fault.skip -= 1
                return None
            if fault.count is not None:
                fault.count -= 1
                if fault.count <= 0:
                    self.active.remove(fault)
            self.happened[kind] = self.happened.get(kind, 0) + 1
            return fault
        return None
