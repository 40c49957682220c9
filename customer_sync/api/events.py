"""What happened, and what became of it: the ledger."""

from __future__ import annotations

from pydantic import Field

from customer_sync.api.filters import PersonText, SpanQuery, person_number
from customer_sync.api.installation import Installation
from customer_sync.api.paging import Answer, ListAnswer, Query, bad_cursor
from customer_sync.api.problem import AMBIGUOUS, Fault, Problem, not_found
from customer_sync.model import EventState, Kind
from customer_sync.operate.figures import iso
from customer_sync.store.ledger import LEDGER_ROWS, Row
from customer_sync.store.paging import BadCursor, Page


class Event(Answer):
    """An event of the ledger."""

    id: str
    source: str
    kind: str = Field(description="What happened, in our word; empty for a request that could not be read.")
    topic: str = Field(description="The platform's word for it.")
    state: EventState = Field(description="Where it changed several lanes, the worst of them.")
    person: str = Field(description="The number of the person; empty when nobody was found.")
    at: str = Field(description="When it was read.")
    settled_at: str = Field(description="When it reached its state.")
    note: str


class Step(Answer):
    """A state that an event was in."""

    state: EventState
    at: str
    note: str


class EventDetail(Event):
    """An event with every state that it was in."""

    steps: list[Step]


class EventList(ListAnswer):
    """Events, the newest first."""

    items: list[Event]


class EventQuery(SpanQuery):
    """Which events are wanted."""

    state: EventState | None = Field(default=None, description="Only those in this state.")
    kind: Kind | None = Field(default=None, description="Only those of this kind.")
    source: str | None = Field(default=None, description="Only those of this source.")
    person: PersonText | None = Field(
        default=None, description="Only those of this person: an e-mail address, or a person's number."
    )


class OneEventQuery(Query):
    """Whose event is wanted."""

    source: str | None = Field(
        default=None, description="Its source, which is needed where several sources have an event with this id."
    )


def list_events(tajo: Installation, query: EventQuery) -> EventList:
    """Return events, the newest first."""
    page = find_events(tajo, query)
    return EventList(items=[event_of(row) for row in page.items], next_cursor=page.cursor)


def find_events(tajo: Installation, query: EventQuery) -> Page[Row]:
    """Return events as they are stored, the newest first.

    Raises:
        Problem: the cursor is none.
    """
    try:
        return tajo.store().ledger.page(
            query.limit,
            cursor=query.cursor,
            state=query.state,
            kind=query.kind,
            source=query.source,
            person=person_number(tajo, query.person),
            since_ms=query.since,
            until_ms=query.until,
        )
    except BadCursor as error:
        raise bad_cursor(error, query.cursor) from error


def show_event(tajo: Installation, event_id: str, query: OneEventQuery) -> EventDetail:
    """Return one event with every state that it was in.

    Raises:
        Problem: the ledger does not have it, or several sources have one with this id.
    """
    row = find_event(tajo, event_id, query.source)
    steps = [Step(state=EventState(word), at=iso(at_ms), note=note) for word, at_ms, note in row.steps]
    return EventDetail(**event_of(row).model_dump(), steps=steps)


def find_event(tajo: Installation, event_id: str, source: str | None = None) -> Row:
    """Return one event as it is stored.

    Args:
        tajo: the installation.
        event_id: its id.
        source: its source; None where only one source has an event with this id.

    Raises:
        Problem: the ledger does not have it, or several sources have one with this id.
    """
    found = tajo.store().ledger.of_id(event_id)
    if source is not None:
        found = {name: row for name, row in found.items() if name == source}
    if not found:
        raise not_found(
            "This event is not in the history." if source is None else f"{source} has no such event in the history.",
            f"The history keeps the newest {LEDGER_ROWS:,} rows; this event is older, or never was.",
        )
    if len(found) > 1:
        names = sorted(found)
        detail = "Several sources have an event with this id."
        fault = Fault(path="source", detail=detail, choices=names)
        raise Problem(409, AMBIGUOUS, detail, f"Name its source: {', '.join(names)}.", errors=[fault])
    return next(iter(found.values()))


def event_of(row: Row) -> Event:
    """Return an event of the ledger as it is told."""
    return Event(
        id=row.event_id,
        source=row.source,
        kind=row.kind,
        topic=row.topic,
        state=row.state,
        person=row.person,
        at=iso(row.at_ms),
        settled_at=iso(row.settled_at_ms),
        note=row.note,
    )
