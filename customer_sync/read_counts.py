"""What is counted, told and alerted of requests that were read and committed."""

from __future__ import annotations

from collections.abc import Sequence

from customer_sync.base.log import get
from customer_sync.model import Event, EventState, Kind
from customer_sync.reading import REQUESTS, Read
from customer_sync.store import Store
from customer_sync.store.counters import Tally

log = get(__name__)


def tell_read(requests: Sequence[Read]) -> None:
    """Log what was read, one line for each source; a single event is named."""
    for source in dict.fromkeys(one.source for one in requests):
        events = [event for one in requests if one.source == source for event in one.events]
        named = {"event": events[0].id, "kind": str(events[0].kind)} if len(events) == 1 else {}
        count = sum(one.source == source for one in requests)
        log.work("inbox read", source, source=source, requests=count, events=len(events), **named)


def count_read(store: Store, requests: Sequence[Read], states: Sequence[str]) -> Tally:
    """Count the results of requests, and raise the alerts among their events."""
    tally, answers = Tally(), iter(states)
    for one in requests:
        if one.is_ignored:
            tally.count("tajo_events_total", source=one.source, state=EventState.IGNORED)
        for name in one.refused:
            tally.count("tajo_fields_refused_total", field=name)
        for asked in one.asked:
            _alert(store, asked, *REQUESTS[asked.kind])
        for event in [*one.events, *[None] * one.parked]:
            state = next(answers)
            if state == "skipped":
                continue
            tally.count("tajo_events_total", source=one.source, state=state)
            if state == EventState.PARKED:
                tally.count("tajo_event_ends_total", source=one.source, way="webhook", end="parked")
            if event is None or state == EventState.REPEATED:
                continue
            tally.count("tajo_values_left_out_total", by=len(event.notes), source=one.source)
            if event.kind is Kind.SOURCE_ALERT:
                text, remedy = str(event.record.get("message", event.topic)), str(event.record.get("remedy", ""))
                _alert(store, event, text, remedy)
                store.doors.complain(event.source, text, remedy)
    return tally


def _alert(store: Store, event: Event, text: str, remedy: str) -> None:
    log.warning("source alert", source=event.source, topic=event.topic)
    store.ledger.alert(f"{event.source}: {text}", remedy, source=event.source)
