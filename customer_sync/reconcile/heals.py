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
from typing import Any, Self

from customer_sync.brevo.contact_plan import BREVO
from customer_sync.brevo.contacts import LANE
from customer_sync.merge import stamp
from customer_sync.model import Change, Event, Json, Kind, Priority, from_ms
from customer_sync.pipeline import plan_put
from customer_sync.store import Store, keys
from customer_sync.store.lanes import COMPACT_AT, encode_change
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


def put(store: Store, heals: Sequence[Heal], receipt_id: str, wake: Callable[[str], None], now: datetime) -> int:
    """Put heals into the lane in one step; people who were erased meanwhile are left out."""
    if not heals:
        return 0
    pipe = store.client.pipeline(transaction=False)
    for heal in heals:
        pipe.hexists(keys.TOMB, f"p:{heal.person}")
    alive = [heal for heal, is_erased in zip(heals, pipe.execute(), strict=True) if not is_erased]
    answer = commit(store, [_event(store, heal, receipt_id, now) for heal in alive])
    for lane in answer["wake"] or ():
        wake(f"deliver:{lane}")
    return len(alive)


def commit(store: Store, events: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Put planned events into the lanes; return the script's answer."""
    answer = store.commit([{"entry": "", "events": list(events), "parked": []}], COMPACT_AT)
    for lane, target in answer["long"] or ():
        store.lanes.compact(lane, target)
    return answer


def _event(store: Store, heal: Heal, receipt_id: str, now: datetime) -> dict[str, Any]:
    at = from_ms(heal.at_ms)
    event_id = f"reconcile:{receipt_id}:{heal.person}"
    priority = Priority.URGENT if heal.is_urgent else Priority.BULK
    change = Change(LANE, BREVO, at, heal.fields, target=heal.person, event_id=event_id, priority=priority)
    planned = plan_put(store, change, now)
    if heal.is_urgent:
        event = Event(event_id, BREVO, Kind.CONSENT_CHANGED, at, topic="reconcile")
        return {"seen": "", "row": event_row(event, _note(heal)), "puts": [planned]}
    # many at once: no rows in the history, the receipt tells of them
    planned["change"] = encode_change(stamp(heal.fields, heal.at_ms, BREVO))
    return {"seen": "", "puts": [planned]}


def _note(heal: Heal) -> str:
    if any(name.startswith("consent.") for name in heal.fields):
        return "left in Brevo since: recorded as a withdrawal"
    return "withdrawn, and mailable in Brevo: blocked again"
