"""The ledger: a short, capped history of events, for the dashboard and for `explain`. Names of fields, never values.

Two sorts of rows in one stream: an event's first state (`e` its id, `ls` the lanes that it changed where there are
others than that of people), and what became of an item's events (`ev` their ids, `l` the lane where it is another one).
Reading folds them into one row per event, whose state is the worst of its lanes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import redis

from customer_sync.model import PEOPLE, Event, EventState, Kind
from customer_sync.store import keys
from customer_sync.store.ledger_index import LedgerIndex, RowId, Seen, Walk, Wanted
from customer_sync.store.paging import Page, read_cursor, to_cursor
from customer_sync.store.scripts import as_text

#: How many rows the ledger keeps, two an event as a rule: about 150 bytes each, of them 37 in the index.
LEDGER_ROWS: Final = 200_000
#: How many parts of the index one page looks through: a hundred have some 400,000 records.
LOOKED_PARTS: Final = 100
#: How many events one page reads that the index took for wanted ones, and that are not, before it ends.
MOST_UNFIT: Final = 500
#: How many steps of the index one sweep makes: 2,000 rows a second, some hundredths of what Redis can do.
SWEPT_STEPS: Final = 4
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
        self._index = LedgerIndex(client)

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

        Where filters leave out much, a page may hold fewer events than `limit`, or none, and have a cursor: it looks
        through `LOOKED_PARTS` parts of the index at most.

        Raises:
            ValueError: the cursor is none.
        """
        before = None if cursor is None else _place(cursor, "e")
        wanted = Wanted(state, kind, source, person, since_ms, until_ms)
        walk = self._index.walk(wanted, before)
        found: list[Row] = []
        waiting: list[Seen] = []
        place, left = before or (0, 0), limit + MOST_UNFIT
        for number, (part, seen) in enumerate(walk):
            for one in seen:
                # one more than there is room for: it tells that another page follows
                if len(found) + len(waiting) < limit:
                    waiting.append(one)
                    continue
                found += self._fitting(walk, waiting, wanted)
                left -= len(waiting)
                place, waiting = waiting[-1].row if waiting else place, []
                if len(found) == limit or left <= 0:
                    return Page(found, to_cursor("e", "{}-{}".format(*place)))
                waiting.append(one)
            if number + 1 >= LOOKED_PARTS:
                found += self._fitting(walk, waiting, wanted)
                return Page(found, to_cursor("e", "{}-{}".format(*part.row(0))))
        return Page(found + self._fitting(walk, waiting, wanted), None)

    def events(self, limit: int = 50, *, person: str | None = None, state: EventState | None = None) -> list[Row]:
        """Return the newest events, newest first, each folded with what became of it."""
        return self.page(limit, person=person, state=state).items

    def event(self, event_id: str, source: str | None = None) -> Row | None:
        """Return the newest event with an id, None when the ledger no longer has it; of one source where one is given.

        Two sources may give the same id; see `of_id`.
        """
        return next((one for one in self._with_id(event_id) if source in (None, one.source)), None)

    def of_id(self, event_id: str) -> dict[str, Row]:
        """Return source → its newest event with an id."""
        found: dict[str, Row] = {}
        for row in self._with_id(event_id):
            found.setdefault(row.source, row)
        return found

    def _with_id(self, event_id: str) -> Iterator[Row]:
        """Yield the events with an id, the newest first."""
        for row, later in self._index.find(event_id):
            yield from (found for found in self._folded([(row, later)]) if found.event_id == event_id)

    def forget(self, persons: Iterable[str], event_ids: Iterable[str] = ()) -> int:
        """Delete every row of these people, in the index, too; return how many."""
        return self._index.forget(persons, event_ids)

    def catch_up(self, steps: int = SWEPT_STEPS) -> bool:
        """Bring the index of the ledger in step, so that readers need not; tell whether it is."""
        return self._index.catch_up(steps)

    def _fitting(self, walk: Walk, events: Sequence[Seen], wanted: Wanted) -> list[Row]:
        later = walk.later({one.event for one in events})
        rows = self._folded([(one.row, later.get(one.event, [])) for one in events])
        return [row for row in rows if _fits(row, wanted)]

    def _folded(self, events: Sequence[tuple[RowId, Sequence[RowId]]]) -> Iterator[Row]:
        """Yield events with what became of them, by the ids of their rows; without those whose first row is gone."""
        ids = [*dict.fromkeys(one for first, later in events for one in (first, *later))]
        texts = dict(zip(ids, self._index.rows(ids), strict=True))
        for first, later in events:
            fields = texts[first]
            if "e" in fields:
                after = [_step(texts[one], one[0]) for one in later if one > first and _is_of(texts[one], fields["e"])]
                yield _fold(fields, first[0], after)


def _ms(row_id: str) -> int:
    return int(row_id.partition("-")[0])


def _step(fields: Mapping[str, str], at_ms: int) -> _Step:
    return _Step(fields["st"], at_ms, fields.get("n", ""), fields.get("l", PEOPLE), fields.get("tg", ""))


def _is_of(fields: Mapping[str, str], event_id: str) -> bool:
    return event_id in fields.get("ev", "").split("\n")


def _fits(row: Row, wanted: Wanted) -> bool:
    pairs = ((wanted.state, row.state), (wanted.kind, row.kind), (wanted.source, row.source))
    return all(one in (None, has) for one, has in (*pairs, (wanted.person, row.person)))


def _place(cursor: str, what: str) -> RowId:
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
