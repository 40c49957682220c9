"""Lists below the records of another list (`for_each`): the orders of each store, the customers of each region.

The other list is read whole each time, page by page; the list below it is asked for what changed as any other, so that
nothing is missed where the record above it did not change. A cursor holds a few records of the other list that come
next, where the list of the first of them stands, and which page of the other list they are from: that page is read
again when they are used up. So a cursor stays small, and any process can go on from it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Final

from customer_sync.custom.api import DOTS
from customer_sync.custom.form import ForEach
from customer_sync.custom.lists import Absent, Lists
from customer_sync.custom.paths import paths
from customer_sync.errors import ConfigError, PayloadError, TryLater, Unavailable
from customer_sync.kit.fields import Node, identifier
from customer_sync.kit.reach import Cursor, Page, Want
from customer_sync.model import Event, Json

#: How many records of the other list a cursor holds, and in how many characters.
MOST_HELD: Final = 50
HELD_CHARS: Final = 1_500
#: How many lists one step reads, and after how many records it stops.
LISTS_A_STEP: Final = 10
ENOUGH: Final = 100
#: How many pages of the other list one step reads where they hold nothing.
PAGES_A_STEP: Final = 20
#: How often a page of the other list is begun again in a run, where its rows of before are others.
MOST_AGAIN: Final = 20
#: The longest other list that is read: a longer one is no list of stores.
MOST_PARENTS: Final = 1_000_000

Words = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Place:
    """Where the reading stands.

    Args:
        page: where the page of the other list begins; None: its first.
        done: how many rows of that page are read, or held in `of`.
        seen: a digest of their ids: a list may move meanwhile, and what moves to its front would never be read.
        of: the records of the other list that come next, as words.
        list: where the list of the first of them stands.
        count: how many lists were begun.
        again: how often a page of the other list was begun again, because its rows of before were others.
    """

    page: Cursor | None = None
    done: int = 0
    seen: str = ""
    of: tuple[Words, ...] = ()
    list: Cursor | None = None
    count: int = 0
    again: int = 0

    @classmethod
    def read(cls, cursor: Cursor | None) -> Place:
        """Return what a cursor holds."""
        found = dict((cursor or {}).items())
        page, below, of = found.get("above"), found.get("list"), found.get("of")
        held = [
            {str(name): str(value) for name, value in one.items()}
            for one in (of if isinstance(of, list) else [])
            if isinstance(one, dict)
        ]
        return cls(
            page if isinstance(page, dict) else None,
            int(str(found.get("done", 0))),
            str(found.get("seen", "")),
            tuple(held),
            below if isinstance(below, dict) else None,
            int(str(found.get("count", 0))),
            int(str(found.get("again", 0))),
        )

    def encode(self) -> dict[str, Json]:
        """Return it as it stands in a cursor."""
        found: dict[str, Json] = {name: getattr(self, name) for name in ("done", "seen", "count", "again")}
        found["of"] = [dict(one) for one in self.of]
        for name, cursor in (("above", self.page), ("list", self.list)):
            if cursor is not None:
                found[name] = dict(cursor)
        return found


@dataclass(frozen=True, slots=True)
class Families(Lists):
    """The lists of a resource with `for_each`, as one.

    Args:
        parent: the list for each of whose records there is one.
        each: what the file says of it.
        words: the words that the file fills in, such as `store.id`.
    """

    parent: Lists = field(kw_only=True)
    each: ForEach = field(kw_only=True)
    words: tuple[str, ...] = field(kw_only=True)

    def pull(self, want: Want) -> Page:
        """Return the next records, of one list or several short ones.

        Raises:
            TajoError: see `Connector.pull`.
        """
        place, events, notes = Place.read(want.cursor), list[Event | PayloadError](), list[str]()
        for step in range(LISTS_A_STEP):
            try:
                page, place_after = self._step(place, want)
            except (TryLater, Unavailable):
                if step == 0:
                    raise
                break  # what was read is kept; the next step meets it again
            events += page.events
            notes += page.notes
            if place_after is None:
                return Page(events, None, notes=tuple(notes))
            place = place_after
            if len(events) >= ENOUGH:
                break
        return Page(events, place.encode(), notes=tuple(notes))

    def _step(self, place: Place, want: Want) -> tuple[Page, Place | None]:
        """Return a page, and where to go on; None where all lists are read."""
        if not place.of:
            return self._more(place)
        one = Lists(self.platform, self.access, self.name, self.records, place.of[0])
        try:
            page = one.pull(replace(want, cursor=place.list))
        except Absent:
            if self._is_listed(place):
                raise
            told = f"{self.name}: a record of {self.each.resource} went while its list was to be read."
            page = Page((), None, notes=(told,))
        if page.cursor is not None:
            return page, replace(place, list=page.cursor)
        return page, replace(place, of=place.of[1:], list=None)

    def _more(self, place: Place) -> tuple[Page, Place | None]:
        """Return the place with the next records of the other list, and a fault for each that cannot be read."""
        faults, notes = list[Event | PayloadError](), list[str]()
        for _ in range(PAGES_A_STEP):
            rows, following = self.parent.rows(place.page)
            has_moved = place.done > 0 and self._digest(rows[: place.done]) != place.seen
            # what is read twice does no harm, but not for ever
            is_again = has_moved and place.again < MOST_AGAIN
            begin, again = 0 if is_again else place.done, place.again + int(is_again)
            notes += [self._moved()] if has_moved and not is_again else []
            held, taken, found = self._held(rows[begin:])
            faults += found
            count = place.count + len(held)
            if count > MOST_PARENTS:
                raise ConfigError(
                    f"{self.platform.title} lists more than {MOST_PARENTS:,} {self.each.resource}.",
                    f"Is it a list without end? See resources.{self.name}.for_each.",
                )
            if held:
                done = begin + taken
                seen = self._digest(rows[:done])
                after = replace(place, done=done, seen=seen, of=tuple(held), count=count, again=again)
                return Page(faults, after.encode(), notes=tuple(notes)), after
            if following is None:
                return Page(faults, None, notes=tuple(notes)), None
            place = Place(following, count=count, again=again)
        return Page(faults, place.encode(), notes=tuple(notes)), place

    def _digest(self, rows: Sequence[Json]) -> str:
        return sha256(json.dumps([self._id(row) for row in rows]).encode()).hexdigest()[:16]

    def _moved(self) -> str:
        above = self.each.resource
        return f"{self.name}: the list of {above} moves all the time, so one of them may be left out; sort it by id."

    def _held(self, rows: Sequence[Json]) -> tuple[list[Words], int, list[Event | PayloadError]]:
        """Return the words of the first rows, how many rows that were, and what cannot be read."""
        held, faults, chars = list[Words](), list[Event | PayloadError](), 0
        for taken, row in enumerate(rows):
            try:
                words = self._words_of(row)
            except PayloadError as fault:
                faults.append(fault)
                continue
            size = len(json.dumps(words))
            if held and (len(held) == MOST_HELD or chars + size > HELD_CHARS):
                return held, taken, faults
            if words is not None:
                held.append(words)
                chars += size
        return held, len(rows), faults

    def _words_of(self, row: Json) -> Words | None:
        """Return what is filled in for a record of the other list; None for one that is left out or deleted.

        Raises:
            PayloadError: it lacks something.
        """
        name, parent = self.each.resource, self.parent.records
        if not isinstance(row, dict):
            raise PayloadError(name, "expected an object")
        node = Node(row, name)
        if parent.is_gone(node) or not parent.is_let_in(node):
            return None
        found = {f"{self.each.word}.id": parent.id_of(node)}
        for word in self.words:
            if word not in found:
                where = paths([word.partition(".")[2]])
                found[word] = identifier(where.get(row, name), where.path(name))
        if not DOTS.isdisjoint(found.values()):
            raise PayloadError(name, "an id of dots, which leads elsewhere in an address")
        return found

    def _is_listed(self, place: Place) -> bool:
        """Tell whether the other list still has the record whose own list is not there."""
        rows, _ = self.parent.rows(place.page)
        return place.of[0].get(f"{self.each.word}.id", "") in {self._id_above(row) for row in rows}

    def _id_above(self, row: Json) -> str:
        try:
            return self.parent.records.id_of(Node(row)) if isinstance(row, dict) else ""
        except PayloadError:
            return ""


def words_in(texts: Iterator[str], word: str) -> tuple[str, ...]:
    """Return the words in braces that begin with a word and a dot: what a list needs of a record of another."""
    found = (match for text in texts for match in text.split("{")[1:])
    inside = (one.partition("}")[0] for one in found if "}" in one)
    return tuple(dict.fromkeys(one for one in inside if one.startswith(f"{word}.")))
