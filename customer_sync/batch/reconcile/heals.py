"""What to mend: kept in a file while it is counted, then put into the lane. No personal data in the file.

A heal is a change of the person's own field `drift`, which tells the lane what Brevo really has; the delivery then
closes the gap as it closes any other, and a delivery that was newer than the look at Brevo wins.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import TracebackType
from typing import Self

from customer_sync.brevo.contacts.leavings import numbers
from customer_sync.engine.plan import Group, Planned, PlannedPut, commit_told
from customer_sync.model import PEOPLE, Event, Json, Kind, Priority, from_ms, to_ms
from customer_sync.person.apart import told_apart
from customer_sync.person.merge import stamp
from customer_sync.person.owed import BREVO, outlasting
from customer_sync.person.person import Part
from customer_sync.store import Store
from customer_sync.store.forms import EventRef
from customer_sync.store.ledger import event_row

#: How many people are put into the lane in one step.
PART = 200
#: What is kept in memory before a file is begun, in bytes.
IN_MEMORY = 1 << 20


@dataclass(frozen=True, slots=True)
class Heal:
    """What to tell the lane of one person.

    Args:
        person: their number.
        at_ms: when Brevo was looked at.
        fields: `drift`, `gone`, withdrawals that were found; none to only look at the person again.
        is_urgent: whether it is about consent.
    """

    person: str
    at_ms: int
    fields: Mapping[str, Json] = field(default_factory=dict)
    is_urgent: bool = False


class Heals:
    """The heals of one reconciliation, within `with`."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY, mode="w+", encoding="utf-8")  # noqa: SIM115  # closed by `with`
        #: How many people would be harmed: blocked, taken off a list, deleted, a field emptied.
        self.harmful = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def add(self, heal: Heal, *, harms: bool) -> None:
        """Remember one heal."""
        self.harmful += harms
        row = [heal.person, heal.at_ms, dict(heal.fields), int(heal.is_urgent)]
        self._file.write(json.dumps(row, separators=(",", ":")) + "\n")

    def put(self, store: Store, receipt_id: str, wake: Callable[[str], None], now: datetime) -> int:
        """Put all heals into the lane at a time; return how many people they are for."""
        done = 0
        part: list[Heal] = []
        for heal in self:
            part.append(heal)
            if len(part) == PART:
                done += put(store, part, receipt_id, wake, now)
                part.clear()
        return done + put(store, part, receipt_id, wake, now)

    def __iter__(self) -> Iterator[Heal]:
        self._file.seek(0)
        for line in self._file:
            person, at_ms, fields, is_urgent = json.loads(line)
            yield Heal(person, at_ms, fields, bool(is_urgent))


def put(  # noqa: PLR0913  # where to, who, and how soon
    store: Store,
    heals: Sequence[Heal],
    receipt_id: str,
    wake: Callable[[str], None],
    now: datetime,
    *,
    priority: Priority = Priority.BULK,
) -> int:
    """Put heals into the lane in one step; people who were erased meanwhile are left out."""
    if not heals:
        return 0
    erased = store.people.are_erased([heal.person for heal in heals])
    alive = [heal for heal, is_erased in zip(heals, erased, strict=True) if not is_erased]
    commit_told(store, [_event(heal, receipt_id, now, priority) for heal in alive], wake)
    return len(alive)


def _event(heal: Heal, receipt_id: str, now: datetime, priority: Priority) -> Planned:
    at = from_ms(heal.at_ms)
    event_id = f"reconcile:{receipt_id}:{heal.person}"
    priority = Priority.URGENT if heal.is_urgent else priority
    # many at once: neither rows nor events in the history, the receipt tells of them; but of consent it does
    events = [EventRef(event_id, BREVO, to_ms(now))] if heal.is_urgent else []
    fields = {name: [one, BREVO] if name.startswith("consent.") else one for name, one in heal.fields.items()}
    said, drift = stamp(fields, heal.at_ms), heal.fields.get("drift")
    left = numbers(drift.get("u")) if isinstance(drift, dict) else ()
    part = Part("", "", None, outlasting(said | told_apart(said, left)))
    group = Group(puts=[PlannedPut(PEOPLE, part, heal.at_ms, priority, events, target=heal.person)])
    if not heal.is_urgent:
        return Planned([group])
    return Planned(
        [group], row=event_row(Event(event_id, BREVO, Kind.CONSENT_CHANGED, at, topic="reconcile"), _note(heal))
    )


def _note(heal: Heal) -> str:
    if any(name.startswith("consent.") for name in heal.fields):
        return "left in Brevo since: recorded as a withdrawal"
    return "withdrawn, and mailable in Brevo: blocked again"
