"""The index of the ledger: finds an event, and the events that fit filters, without reading every row.

It is made out of the ledger, in steps: by the workers' sweep each second, and by whoever reads, where rows have arrived
since. So no row costs anything more when it is written, and an index that is lost, or that an older program did not
know, is made again. Each event that a row tells of is one record of 32 bytes, in the order of the rows; some
thousand records are one part, a string. What a part tells is only where to look: the rows themselves decide.

| bytes | of a record |
|---|---|
| 0-7 | the start of the SHA-1 of the event's id |
| 8-17 | the id of the row: 6 bytes of ms, 4 bytes of number |
| 18 | `e` the first row of an event, `r` that of a repeated one, `o` what became of an event; 0 for a forgotten row |
| 19 | the state, a letter |
| 20-23 | the starts of the SHA-1 of source and kind; of `o`: of the target in the lane |
| 24-29 | the number of the person, 0 without one |
| 30 | the lanes, a bit each: 1 for people; 128 for any of those beyond the seventh |
"""

from __future__ import annotations

import hashlib
import struct
import sys
from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import cached_property
from itertools import compress
from typing import Any, Final, NamedTuple

import redis

from customer_sync.model import EventState
from customer_sync.store import keys
from customer_sync.store.scripts import Scripts, as_text

SIZE: Final = 32
#: How many rows one step reads: some milliseconds in which Redis does nothing else.
STEP_ROWS: Final = 500
#: With so many records a part is full: 128 KB. One step more may go into it.
PART_RECORDS: Final = 4096
#: How many parts are fetched at once.
_FETCHED: Final = 4
#: How many rows are read by their ids, or forgotten, in one step.
_ROWS: Final = 1000
#: The letters of the states, as bytes; a repeated event is told by the sort of its record.
_LETTERS: Final = {
    EventState.PENDING: ord("w"),
    EventState.DELIVERED: ord("d"),
    EventState.RETRYING: ord("t"),
    EventState.PARKED: ord("p"),
    EventState.IGNORED: ord("i"),
}
#: States that few events are in: every event that was ever in one of them is looked at.
_RARE: Final = frozenset({_LETTERS[EventState.RETRYING], _LETTERS[EventState.PARKED]})
_PEOPLE: Final = 1
_MANY_LANES: Final = 128
#: Byte → the table that makes this byte 1 and any other 0.
_IS: Final = [bytes(int(one == byte) for one in range(256)) for byte in range(256)]
_BEGAN, _ENDED = _IS[ord("e")], _IS[ord("o")]
_ANY: Final = bytes(int(one != 0) for one in range(256))
_EITHER: Final = bytes(int(one in b"er") for one in range(256))

#: The id of a row: its time in ms, and a number.
RowId = tuple[int, int]


class Wanted(NamedTuple):
    """Which events are looked for; None means any. See `Ledger.page`."""

    state: EventState | None = None
    kind: str | None = None
    source: str | None = None
    person: str | None = None
    since_ms: int | None = None
    until_ms: int | None = None


class Seen(NamedTuple):
    """The first row of an event that may be wanted, and the event's number in the index."""

    row: RowId
    event: int


class Part:
    """Some thousand records, the oldest first."""

    def __init__(self, number: int, raw: bytes) -> None:
        self.number = number
        self.raw = raw[: len(raw) // SIZE * SIZE]
        self.size = len(self.raw) // SIZE

    @cached_property
    def hashes(self) -> list[int]:
        """The events."""
        return memoryview(self.raw).cast("Q")[:: SIZE // 8].tolist()

    @cached_property
    def sorts(self) -> bytes:
        """The sorts of the records."""
        return self.raw[18::SIZE]

    @cached_property
    def states(self) -> bytes:
        """The letters of the states."""
        return self.raw[19::SIZE]

    @cached_property
    def lanes(self) -> bytes:
        """The bits of the lanes."""
        return self.raw[30::SIZE]

    @cached_property
    def is_of_people(self) -> bool:
        """Whether no event of the part changed another lane than that of people."""
        return self.lanes.count(_PEOPLE) == self.size

    def row(self, index: int) -> RowId:
        """Return the id of a record's row."""
        high, low, number = struct.unpack_from(">HII", self.raw, index * SIZE + 8)
        return (high << 32) + low, number

    def first_from(self, row: RowId) -> int:
        """Return the first record of this row or a later one."""
        return bisect_left(range(self.size), row, key=self.row)

    def target(self, index: int) -> int:
        """Return the target of an outcome, in short."""
        (found,) = struct.unpack_from("=I", self.raw, index * SIZE + 20)
        return int(found)

    def fitting(self, values: Iterable[tuple[int, bytes]]) -> int:
        """Return which records have these bytes at these places, as a mask: a byte of 1 for each that has all."""
        mask = int.from_bytes(b"\1" * self.size, "little")
        for at, value in values:
            for offset, byte in enumerate(value, at):
                mask &= int.from_bytes(self.raw[offset::SIZE].translate(_IS[byte]), "little")
        return mask

    def places(self, mask: int, low: int = 0, high: int | None = None) -> list[int]:
        """Return the records of a mask, the newest first."""
        found = mask.to_bytes(self.size, "little")[low:high]
        return [*compress(range(low, self.size), found)][::-1]

    def of_events(self, wanted: Collection[int], table: bytes) -> list[int]:
        """Return the records of events, of the sorts of a table, the newest first."""
        if not wanted or set(wanted).isdisjoint(self.hashes):
            return []
        fits = self.sorts.translate(table)
        return [index for index, key in enumerate(self.hashes) if key in wanted and fits[index]][::-1]


class _Ends:
    """Which events are in a state, as far as the parts tell that were taken: the newest first.

    Args:
        letter: of the state.
    """

    def __init__(self, letter: int) -> None:
        self._letter = letter
        # the events that have ended in the lane of people, and those of them whose last end there was this state
        self._ended: set[int] = set()
        self._in_state: set[int] = set()
        # event → lane and target → its last state, for events that ended in another lane, too
        self._others: dict[int, dict[tuple[int, int], int]] = {}
        # events of which this cannot tell: an older one has the same id
        self._unsure: set[int] = set()

    def take(self, part: Part) -> None:
        """Add what a part tells."""
        ended = part.sorts.translate(_ENDED)
        if self._letter in _RARE:
            ends = int.from_bytes(ended, "little") & int.from_bytes(part.states.translate(_IS[self._letter]), "little")
            if ends:
                self._in_state.update(part.hashes[one] for one in part.places(ends))
            return
        if part.is_of_people:
            here = dict(zip(compress(part.hashes, ended), compress(part.states, ended), strict=True))
            newest = dict(zip(part.hashes, part.sorts, strict=True))
            # what stands before the first row of an event became of an older event with the same id
            self._unsure.update(key for key in here if newest[key] == ord("e"))
        else:
            here = self._take_lanes(part, [*compress(range(part.size), ended)])
        fresh = set(here).difference(self._ended)
        self._ended |= fresh
        self._in_state |= fresh.intersection([key for key, state in here.items() if state == self._letter])

    def _take_lanes(self, part: Part, indexes: list[int]) -> dict[int, int]:
        here = {part.hashes[one]: part.states[one] for one in indexes if part.lanes[one] == _PEOPLE}
        begun = {key: one for one, key in enumerate(part.hashes) if part.sorts[one] == ord("e")}
        for one in reversed(indexes):
            key = part.hashes[one]
            if begun.get(key, -1) > one:
                self._unsure.add(key)
            if part.lanes[one] != _PEOPLE:
                place = part.lanes[one], part.target(one)
                self._others.setdefault(key, {}).setdefault(place, part.states[one])
        return here

    def fitting(self, part: Part) -> int:
        """Return the mask of the events of a part that may be in the state now; `take` has taken the part."""
        first = int.from_bytes(part.states.translate(_IS[self._letter]), "little")
        if self._letter in _RARE:
            if self._in_state.isdisjoint(part.hashes):
                return first
            return first | int.from_bytes(bytes(map(self._in_state.__contains__, part.hashes)), "little")
        ended = int.from_bytes(bytes(map(self._ended.__contains__, part.hashes)), "little")
        in_state = int.from_bytes(bytes(map(self._in_state.__contains__, part.hashes)), "little")
        mask = first & ~ended | in_state
        if part.is_of_people and not self._others and not self._unsure:
            return mask
        found = bytearray(mask.to_bytes(part.size, "little"))
        for index, (key, lanes) in enumerate(zip(part.hashes, part.lanes, strict=True)):
            if lanes != _PEOPLE or key in self._others or key in self._unsure:
                found[index] = self._may_be(key, part.states[index], lanes)
        return int.from_bytes(found, "little")

    def _may_be(self, key: int, first: int, lanes: int) -> bool:
        if key in self._unsure or lanes >= _MANY_LANES or key in self._in_state:
            return True
        others = self._others.get(key, {})
        closed = {lane for lane, _ in others} | ({_PEOPLE} if key in self._ended else set())
        is_open = lanes & ~sum(closed) != 0 or not closed
        return self._letter in others.values() or (is_open and first == self._letter)


class Walk:
    """The parts of the index that may have wanted events, the newest first, and these events, the newest first.

    Args:
        parts: the newest first.
        oldest: the oldest row that the ledger has.
        wanted: which events.
        before: only events whose row is older; None for all.
    """

    def __init__(self, parts: Iterator[Part], oldest: RowId, wanted: Wanted, before: RowId | None) -> None:
        self._parts = parts
        self._oldest = max(oldest, (wanted.since_ms or 0, 0))
        ends = [one for one in (before, (wanted.until_ms, 0) if wanted.until_ms is not None else None) if one]
        self._end = min(ends, default=None)
        is_folded = wanted.state not in {None, EventState.REPEATED}
        self._table = _BEGAN if is_folded else _EITHER if wanted.state is None else _IS[ord("r")]
        asked = ((20, wanted.source, _short), (22, wanted.kind, _short), (24, wanted.person, _number))
        self._values = [(at, form(text)) for at, text, form in asked if text is not None]
        self._passed: list[Part] = []
        self._ends = _Ends(_LETTERS[wanted.state]) if wanted.state is not None and is_folded else None

    def __iter__(self) -> Iterator[tuple[Part, Iterator[Seen]]]:
        for part in self._parts:
            self._passed.append(part)
            if self._ends is not None:
                self._ends.take(part)
            low, high = part.first_from(self._oldest), part.size
            if self._end is not None:
                high = part.first_from(self._end)
            if low < high:
                places = self._places(part, low, high)
                yield part, (Seen(part.row(one), part.hashes[one]) for one in places)
            if low > 0:
                return

    def _places(self, part: Part, low: int, high: int) -> list[int]:
        mask = part.fitting(self._values) & int.from_bytes(part.sorts.translate(self._table), "little")
        if mask and self._ends is not None:
            mask &= self._ends.fitting(part)
        return part.places(mask, low, high)

    def later(self, events: Collection[int]) -> dict[int, list[RowId]]:
        """Return event → the rows that tell what became of it, the newest first, as far as the walk has come."""
        found: dict[int, list[RowId]] = {}
        for part in self._passed:
            for index in part.of_events(events, _ENDED):
                found.setdefault(part.hashes[index], []).append(part.row(index))
        return found


class LedgerIndex:
    """Makes and reads the index."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client
        self._scripts = Scripts(client)

    def catch_up(self, steps: int) -> bool:
        """Index rows that are not indexed yet, `STEP_ROWS` in a step; tell whether none is left."""
        return any(self._step()[0] < STEP_ROWS for _ in range(steps))

    def walk(self, wanted: Wanted, before: RowId | None) -> Walk:
        """Return a walk through the events that may be wanted; every row that is there now is indexed first."""
        parts, oldest = self._all()
        return Walk(parts, oldest, wanted, before)

    def find(self, event_id: str) -> Iterator[tuple[RowId, list[RowId]]]:
        """Yield the first rows of the events with an id, newest first, each with those of what became of it."""
        digest = _event(event_id)
        key = int.from_bytes(digest, sys.byteorder)
        later: list[RowId] = []
        for part in self._all()[0]:
            if digest not in part.raw:
                continue
            for index in part.of_events({key}, _ANY):
                if part.sorts[index] == ord("o"):
                    later.append(part.row(index))
                else:
                    yield part.row(index), [*later]

    def rows(self, ids: Sequence[RowId]) -> Iterator[dict[str, str]]:
        """Yield rows of the ledger by their ids; an empty one for a row that is gone."""
        for start in range(0, len(ids), _ROWS):
            texts = [f"{ms}-{number}" for ms, number in ids[start : start + _ROWS]]
            for raw in self._scripts.run("ledger_rows", *texts):
                words = [as_text(one) for one in raw]
                yield dict(zip(words[::2], words[1::2], strict=True))

    def forget(self, persons: Iterable[str], event_ids: Iterable[str]) -> int:
        """Delete the rows about people and the first rows of events, here and in the ledger; return how many."""
        people = [((24, _number(one)),) for one in persons if any(_number(one))]
        events = {int.from_bytes(_event(one), sys.byteorder) for one in event_ids}
        rows: dict[RowId, list[tuple[int, int]]] = {}
        for part in self._all()[0]:
            theirs = {index for one in people for index in part.places(part.fitting(one))}
            for index in theirs.union(part.of_events(events, _EITHER) if events else ()):
                rows.setdefault(part.row(index), []).append((part.number, index * SIZE))
        gone, ids = 0, [*rows]
        for start in range(0, len(ids), _ROWS):
            some = ids[start : start + _ROWS]
            texts = [f"{ms}-{number}" for ms, number in some]
            places = [number for one in some for place in rows[one] for number in place]
            gone += int(self._scripts.run("ledger_forget", len(some), *texts, *places))
        return gone

    def _all(self) -> tuple[Iterator[Part], RowId]:
        read, low, high, oldest = self._step()
        while read == STEP_ROWS:
            read, low, high, oldest = self._step()
        return self._parts(low, high), oldest

    def _step(self) -> tuple[int, int, int, RowId]:
        read, low, high, oldest = self._scripts.run("ledger_index", STEP_ROWS, PART_RECORDS)
        ms, _, number = as_text(oldest).partition("-")
        return int(read), int(low), int(high), (int(ms or 0), int(number or 0))

    def _parts(self, low: int, high: int) -> Iterator[Part]:
        for last in range(high, low - 1, -_FETCHED):
            numbers = range(last, max(low, last - _FETCHED + 1) - 1, -1)
            raws: Any = self._client.mget([keys.ledger_part(number) for number in numbers])
            yield from (Part(number, raw) for number, raw in zip(numbers, raws, strict=True) if raw)


def _event(event_id: str) -> bytes:
    return hashlib.sha1(event_id.encode(), usedforsecurity=False).digest()[:8]


def _short(text: str) -> bytes:
    return hashlib.sha1(text.encode(), usedforsecurity=False).digest()[:2]


def _number(person: str) -> bytes:
    is_number = person.isascii() and person.isdecimal() and len(person) < 15
    return (int(person) if is_number else 0).to_bytes(6, "big")
