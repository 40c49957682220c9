"""The ledger: a short, capped history of events, for the dashboard and for `explain`. Names of fields, never values.

Two sorts of rows in one stream: an event's first state (`e` its id, `ls` the lanes that it changed where there are
others than that of people), and what became of an item's events (`ev` their ids, `l` the lane where it is another one).
Reading folds them into one row per event, whose state is the worst of its lanes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import redis

from customer_sync.model import PEOPLE, Event, EventState, Kind
from customer_sync.store import keys
from customer_sync.store.paging import Page, read_cursor, to_cursor
from customer_sync.store.scripts import as_text

_PAGE = 2_000
#: How many rows the ledger keeps; about 250 bytes each.
LEDGER_ROWS: Final = 50_000
#: The form of a place in the ledger or among the alerts: the id of a row.
_ROW_ID: Final = re.compile(r"(\d{1,15})-(\d{1,19})")


@dataclass(slots=True)
class Row:
    """One event as the ledger knows it.

    Args:
        event_id: the event's id.
        source: where it came from.
        kind: what happened, in our word.
        topic: the platform's word.
        state: its state: where it changed several lanes, the worst of them.
        person: the number of the person, "" for an unknown person.
        at_ms: when it was read.
        settled_at_ms: when that state was reached.
        note: reason, refused fields or the destination's answer.
        steps: every state with its time and note, oldest first; the note begins with the lane where that is not the one
            of people.
    """

    event_id: str
    source: str
    kind: str
    topic: str
    state: EventState
    person: str
    at_ms: int
    settled_at_ms: int
    note: str
    steps: list[tuple[str, int, str]] = field(default_factory=list)


def event_row(event: Event, note: str = "") -> list[str]:
    """Return the row of an event that was just read, without its state (the script adds it)."""
    row = ["e", event.id, "s", event.source, "k", str(event.kind), "t", event.topic]
    return [*row, "n", note] if note else row


def outcome_row(
    state: EventState, person: str, event_ids: Iterable[str], note: str, place: tuple[str, str] = (PEOPLE, "")
) -> list[str]:
    """Return the row that tells what became of an item's events.

    Args:
        state: the state they reached.
        person: the number of the person whom the item is about.
        event_ids: the events.
        note: for people.
        place: the lane and the target; a person's item may move to another person, so there the lane is enough.
    """
    row = ["ev", "\n".join(event_ids), "st", str(state), "p", person, "n", note]
    return row if place[0] == PEOPLE else [*row, "l", place[0], "tg", place[1]]


class _Step(NamedTuple):
    """What became of an event in one lane: the state, when, the note, the lane, and there the target."""

    state: str
    at_ms: int
    note: str
    lane: str
    target: str = ""


class Ledger:
    """Reads the history."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client

    def alert(self, text: str, remedy: str, **facts: str) -> None:
        """Write what a person should know: text, remedy, further facts."""
        row: dict[Any, Any] = {"alert": text, "remedy": remedy, **facts}
        self._client.xadd(keys.ALERTS, row, maxlen=keys.ALERT_ROWS, approximate=True)

    def alerts(self, limit: int = 20) -> list[dict[str, Any]]:
        """Return the newest alerts, newest first."""
        rows: Any = self._client.xrevrange(keys.ALERTS, count=limit)
        return [
            {"at_ms": _ms(as_text(row_id)), **{as_text(name): as_text(value) for name, value in fields.items()}}
            for row_id, fields in rows
        ]

    def alerts_page(
        self, limit: int, *, cursor: str | None = None, since_ms: int | None = None, until_ms: int | None = None
    ) -> Page[dict[str, Any]]:
        """Return alerts as `alerts` does, the newest first; the times are as in `page`.

        Raises:
            ValueError: the cursor is none.
        """
        ends = [(until_ms, 0)] if until_ms is not None else []
        ends += [_place(cursor, "a")] if cursor is not None else []
        if ends and min(ends) <= (0, 0):
            return Page([], None)
        newest = "({}-{}".format(*min(ends)) if ends else "+"
        oldest = "-" if since_ms is None else f"{max(0, since_ms)}-0"
        rows: Any = self._client.xrevrange(keys.ALERTS, max=newest, min=oldest, count=limit + 1)
        items = [
            {"at_ms": _ms(as_text(row_id)), **{as_text(name): as_text(value) for name, value in fields.items()}}
            for row_id, fields in rows[:limit]
        ]
        return Page(items, to_cursor("a", as_text(rows[limit - 1][0])) if len(rows) > limit else None)

    def page(  # noqa: PLR0913  # one argument for each filter
        self,
        limit: int,
        *,
        cursor: str | None = None,
        state: EventState | None = None,
        kind: Kind | str | None = None,
        source: str | None = None,
        person: str | None = None,
        since_ms: int | None = None,
        until_ms: int | None = None,
    ) -> Page[Row]:
        """Return events as `events` does, the newest first, by the time when they were read.

        Args:
            limit: how many at most.
            cursor: of the page before; None begins at the newest event.
            state: only events that are in this state now.
            kind: only those of this kind.
            source: only those of this source.
            person: only those of the person with this number.
            since_ms: only those of this time or later.
            until_ms: only those before this time.

        Raises:
            ValueError: the cursor is none.
        """
        before = None if cursor is None else _place(cursor, "e")
        found: list[Row] = []
        last = ""
        for row_id, row in self._rows():
            if before is not None and _id(row_id) >= before:
                continue
            if since_ms is not None and row.at_ms < since_ms:
                break
            wanted = ((state, row.state), (kind, row.kind), (source, row.source), (person, row.person))
            if all(one in (None, value) for one, value in wanted) and (until_ms is None or row.at_ms < until_ms):
                if len(found) == limit:
                    return Page(found, to_cursor("e", last))
                found.append(row)
                last = row_id
        return Page(found, None)

    def events(self, limit: int = 50, *, person: str | None = None, state: EventState | None = None) -> list[Row]:
        """Return the newest events, newest first, each folded with what became of it."""
        return self.page(limit, person=person, state=state).items

    def event(self, event_id: str) -> Row | None:
        """Return one event, None when the ledger no longer has it."""
        return next((row for row in self.events(LEDGER_ROWS) if row.event_id == event_id), None)

    def forget(self, persons: Iterable[str], event_ids: Iterable[str] = ()) -> int:
        """Delete every row of these people; return how many."""
        gone_people, gone_events = set(persons), set(event_ids)
        rows = [
            row_id
            for row_id, fields in self._newest_first()
            if fields.get("p") in gone_people or fields.get("e") in gone_events
        ]
        for start in range(0, len(rows), _PAGE):
            self._client.xdel(keys.LEDGER, *rows[start : start + _PAGE])
        return len(rows)

    def _rows(self) -> Iterator[tuple[str, Row]]:
        """Yield every event with the id of its first row, newest first, folded with what became of it."""
        later: dict[str, list[_Step]] = {}
        for row_id, fields in self._newest_first():
            if "ev" in fields:
                step = _Step(
                    fields["st"], _ms(row_id), fields.get("n", ""), fields.get("l", PEOPLE), fields.get("tg", "")
                )
                for event_id in fields["ev"].split("\n"):
                    later.setdefault(event_id, []).append(step)
            elif "e" in fields:
                yield row_id, _fold(fields, _ms(row_id), later.get(fields["e"], []))

    def _newest_first(self) -> Iterator[tuple[str, Mapping[str, str]]]:
        end = "+"
        while True:
            page: Any = self._client.xrevrange(keys.LEDGER, max=end, count=_PAGE)
            for row_id, fields in page:
                yield as_text(row_id), {as_text(name): as_text(value) for name, value in fields.items()}
            if len(page) < _PAGE:
                return
            end = "(" + as_text(page[-1][0])


def _ms(row_id: str) -> int:
    return int(row_id.partition("-")[0])


def _id(row_id: str) -> tuple[int, int]:
    ms, _, number = row_id.partition("-")
    return int(ms), int(number)


def _place(cursor: str, what: str) -> tuple[int, int]:
    ms, number = read_cursor(cursor, what, _ROW_ID)
    return int(ms), int(number)


#: The states of an event that changed lanes, the worst first.
_WORST_FIRST: Final = (EventState.PARKED, EventState.RETRYING, EventState.PENDING, EventState.DELIVERED)


def _fold(fields: Mapping[str, str], at_ms: int, later: list[_Step]) -> Row:
    lanes = fields.get("ls", PEOPLE).split(" ")
    first = _Step(fields["st"], at_ms, fields.get("n", ""), "")
    # a repeated event has the id of the one that counted: what became of that one is not its own
    after = [] if first.state == EventState.REPEATED else later[::-1]  # they were found newest first
    last = {(step.lane, step.target): step for step in after}
    open_lanes = set(lanes) - {lane for lane, _ in last}
    now = [*last.values(), *([first] if open_lanes else [])] if after else [first]
    state, settled_at_ms, note, *_ = min(now, key=lambda step: (_badness(step.state), -step.at_ms))
    steps = [(one.state, one.at_ms, _told(one)) for one in [first, *after]]
    return Row(
        event_id=fields["e"],
        source=fields.get("s", ""),
        kind=fields.get("k", ""),
        topic=fields.get("t", ""),
        state=EventState(state),
        person=fields.get("p", ""),
        at_ms=at_ms,
        settled_at_ms=settled_at_ms,
        note=note,
        steps=steps,
    )


def _badness(state: str) -> int:
    return _WORST_FIRST.index(EventState(state)) if state in _WORST_FIRST else len(_WORST_FIRST)


def _told(step: _Step) -> str:
    return ": ".join(one for one in (step.lane, step.note) if one) if step.lane not in {"", PEOPLE} else step.note
