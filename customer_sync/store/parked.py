"""Parked: what a person must look at. Either a raw request that could not be read, or an item that Brevo refuses."""

from __future__ import annotations

import base64
import json
import re
import secrets
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Final, Literal, NamedTuple

import orjson
import redis

from customer_sync.model import Inbound, Json
from customer_sync.person.merge import SINCE
from customer_sync.person.person import CLAIM
from customer_sync.store import inbox, keys
from customer_sync.store.counters import Counters
from customer_sync.store.forms import NewerForm, decode_part, encode_part
from customer_sync.store.items import Item, combined
from customer_sync.store.paging import Page, read_cursor, to_cursor
from customer_sync.store.people import People
from customer_sync.store.scripts import Scripts, as_text

#: How many things are parked at most: beyond it the oldest are dropped, counted and told.
MOST: Final = 20_000
#: How long a thing is parked at most, in seconds (90 days): it holds what a customer sent.
KEPT_S: Final = 90 * 24 * 3600.0
#: How many are read at once: one may have some megabytes.
_PAGE: Final = 20
#: How many briefs are read at once.
_BRIEFS: Final = 2000
#: The form of a place in the list: when a thing was parked, in ms, and its id.
_PLACE: Final = re.compile(r"(\d{1,15})\|([^|]+)")


@dataclass(frozen=True, slots=True)
class Parked:
    """One parked thing.

    Args:
        id: how people name it; short, starts with `p`.
        what: `inbound` (raw bytes, base64) or `item` (its changes as they waited, a JSON list).
        source: the source of an inbound, the lane of an item.
        reason: what is wrong; equal reasons are one group.
        remedy: what to do before a replay.
        content: the raw request or the changes.
        target: of an item: the target in its lane; in that of people a person's number.
        person: the number of the person that a parked item is about; "" without a person.
        topic: the platform's word for what happened, when known.
        at_ms: when it was parked.
        size_bytes: how much a parked thing that was read holds: the request, or the text of the changes. Not stored.
    """

    id: str
    what: Literal["inbound", "item"]
    source: str
    reason: str
    remedy: str
    content: str
    target: str = ""
    topic: str = ""
    at_ms: int = 0
    person: str = ""
    size_bytes: int = 0

    @property
    def sources(self) -> list[str]:
        """What it may be chosen by: its source; of an item its lane, and the sources behind it."""
        return [self.source, *self.topic.split(", ")] if self.what == "item" else [self.source]


def new_id() -> str:
    """Return an id for a parked thing."""
    return "p" + secrets.token_hex(5)


def park_inbound(raw: bytes, source: str, reason: str, remedy: str, at_ms: int) -> Parked:
    """Return a raw request as a parked thing."""
    return Parked(new_id(), "inbound", source, reason, remedy, base64.b64encode(raw).decode(), at_ms=at_ms)


def park_item(item: Item, lane: str, reason: str, remedy: str, at_ms: int) -> Parked:
    """Return an item as a parked thing: its changes, each record's as one, with the events behind the item."""
    events, parts = item.events, [part for part, _ in combined((part, ()) for part in item.parts)]
    content = [encode_part(part, events if index == 0 else ()) for index, part in enumerate(parts)]
    topic = ", ".join(sorted({event.source for event in events}))
    text = json.dumps(content, ensure_ascii=False)
    return Parked(new_id(), "item", lane, reason, remedy, text, item.target, topic, at_ms, item.person)


def changes_of(parked: Parked) -> Sequence[str]:
    """Return the changes of a parked item, as they wait in a lane."""
    found: Sequence[str] = json.loads(parked.content)
    return found


def sources_behind(parked: Parked) -> Counter[str]:
    """Return source → how many events wait behind a parked thing, as they were counted when it was parked."""
    if parked.what == "inbound":
        return Counter([parked.source])
    with suppress(NewerForm):
        events = [event for text in changes_of(parked) for event in decode_part(text)[1]]
        return Counter(event.source for event in events if event.leads)
    return Counter()


class Field(NamedTuple):
    """Something that a parked item sets.

    Args:
        name: the attribute, a register of consent, or our own word.
        value: the value.
        source: who said so; "" for what was said of the address, and for the address itself.
        at_ms: when it was so; None for the address.
    """

    name: str
    value: Json
    source: str
    at_ms: int | None


def fields_of(parked: Parked, people: People) -> list[Field]:
    """Return what the changes of a parked item of people set, and whom they are about."""
    parts = [decode_part(text)[0] for text in changes_of(parked)]
    said = [
        Field(name, one.value, part.source, one.at_ms)
        for part in parts
        for name, one in part.state.items()
        if name not in _NOT_TOLD
    ]
    return [
        Field("email", people.read(parked.person).email if parked.person else None, "", None),
        *sorted(said, key=lambda one: (one.name, one.source, one.at_ms or 0)),
    ]


#: What only says since when a record leads to the address.
_NOT_TOLD: Final = frozenset({CLAIM, SINCE})


def encode(parked: Parked) -> str:
    """Return a parked thing as stored."""
    stored = asdict(parked)
    del stored["size_bytes"]
    return json.dumps(stored, separators=(",", ":"), ensure_ascii=False)


def _decode(raw: bytes | str) -> Parked:
    one = Parked(**json.loads(raw))
    return replace(one, size_bytes=_size_bytes(one))


def _size_bytes(one: Parked) -> int:
    if one.what == "inbound":
        return len(one.content) * 3 // 4 - one.content[-2:].count("=")
    return len(one.content.encode())


def _encode_brief(parked: Parked) -> bytes:
    return orjson.dumps(asdict(replace(parked, content="")))


def _decode_brief(raw: bytes) -> Parked:
    stored = orjson.loads(raw)
    return Parked(**{name: stored[name] for name in _NAMES if name in stored})


_NAMES: Final = tuple(one.name for one in fields(Parked))


def _fragment(name: str, text: str) -> bytes:
    return b'"%s":%s' % (name.encode(), orjson.dumps(text))


class ParkedStore:
    """Lists, replays and drops what is parked; the figures count as failing what is still there."""

    def __init__(self, client: redis.Redis, scripts: Scripts, counters: Counters) -> None:
        self._client = client
        self._scripts = scripts
        self._counters = counters

    def each(self, limit: int = MOST) -> Iterator[Parked]:
        """Yield what is parked, newest first, a page at a time: however much it is, little of it is in memory."""
        ids: Any = self._client.zrange(keys.PARKED_AT, 0, limit - 1, desc=True)
        for start in range(0, len(ids), _PAGE):
            for raw in self._client.hmget(keys.PARKED, ids[start : start + _PAGE]):
                if raw:
                    yield _decode(raw)

    def page(  # noqa: PLR0913  # one argument for each filter
        self,
        limit: int,
        *,
        cursor: str | None = None,
        reason: str | None = None,
        source: str | None = None,
        since_ms: int | None = None,
        until_ms: int | None = None,
    ) -> Page[Parked]:
        """Return parked things without their contents, the newest first.

        Args:
            limit: how many at most.
            cursor: of the page before; None begins at the newest.
            reason: only those with this reason.
            source: only those of this source, or of this lane; see `Parked.sources`.
            since_ms: only those parked at this time or later.
            until_ms: only those parked before this time.

        A page looks at every parked thing at most: there are `MOST`, and of each only the brief is read.

        Raises:
            ValueError: the cursor is none.
        """
        before = None if cursor is None else read_cursor(cursor, "p", _PLACE)
        place = None if before is None else (int(before[0]), before[1])
        parts = [_fragment("reason", reason) if reason is not None else b"", orjson.dumps(source or "")[1:-1]]
        found: list[Parked] = []
        last: tuple[int, str] = (0, "")
        for at, raw in self._placed(place, since_ms, until_ms):
            # a cheap look at the text first: thousands may be passed over
            if not all(part in raw for part in parts):
                continue
            one = _decode_brief(raw)
            if reason in {None, one.reason} and source in {None, *one.sources}:
                if len(found) == limit:
                    return Page(found, to_cursor("p", *last))
                found.append(one)
                last = at
        return Page(found, None)

    def _placed(
        self, before: tuple[int, str] | None, since_ms: int | None, until_ms: int | None
    ) -> Iterator[tuple[tuple[int, str], bytes]]:
        """Yield time and id of each parked thing with its brief, the newest first."""
        newest: float | str = "+inf" if before is None else before[0]
        if until_ms is not None and (before is None or until_ms <= before[0]):
            newest = f"({until_ms}"
        oldest: float | str = "-inf" if since_ms is None else since_ms
        size, is_end = _BRIEFS // 10, False
        while not is_end:
            rows: Any = self._client.zrevrangebyscore(keys.PARKED_AT, newest, oldest, 0, size, withscores=True)
            is_end = len(rows) < size
            places = [(int(at_ms), as_text(name)) for name, at_ms in rows]
            # many may have been parked in the millisecond where the page before ended
            places = [one for one in places if before is None or one < before]
            for place, raw in zip(places, self._read_briefs([name for _, name in places]), strict=True):
                if raw:
                    yield place, raw
            if places:
                before, newest = places[-1], places[-1][0]
            size = _BRIEFS if places else size * 2

    def _read_briefs(self, ids: Sequence[str]) -> Sequence[bytes | None]:
        """Return the parked things without their contents as stored, None for one that is gone.

        A brief is made when its thing is first read: nothing is written for it where things are parked.
        """
        raws: Any = self._client.hmget(keys.PARKED_BRIEF, ids) if ids else []
        missing = [index for index, raw in enumerate(raws) if raw is None]
        for start in range(0, len(missing), _PAGE):
            some = missing[start : start + _PAGE]
            made = self._client.hmget(keys.PARKED, [ids[index] for index in some])
            briefs = {index: _encode_brief(_decode(raw)) for index, raw in zip(some, made, strict=True) if raw}
            raws = [briefs.get(index, raw) for index, raw in enumerate(raws)] if briefs else raws
            with suppress(redis.ResponseError):  # a full Redis keeps none: they are made again
                texts = [part for index, brief in briefs.items() for part in (ids[index], brief)]
                self._scripts.run("parked_brief", *texts)
        return list(raws)

    def briefs(self, limit: int = MOST) -> Iterator[Parked]:
        """Yield the same without the contents: for lists and groups."""
        ids: Any = self._client.zrange(keys.PARKED_AT, 0, limit - 1, desc=True)
        for start in range(0, len(ids), _BRIEFS):
            for raw in self._read_briefs([as_text(one) for one in ids[start : start + _BRIEFS]]):
                if raw:
                    yield _decode_brief(raw)

    def make_briefs(self, most: int = _PAGE * 10) -> None:
        """Make briefs that are missing, the newest first and so many at most, so that readers need not."""
        if self._client.hlen(keys.PARKED_BRIEF) < self.count():
            ids: Any = self._client.zrange(keys.PARKED_AT, 0, -1, desc=True)
            known: Any = self._client.hmget(keys.PARKED_BRIEF, ids) if ids else []
            self._read_briefs([as_text(one) for one, raw in zip(ids, known, strict=True) if raw is None][:most])

    def list(self, limit: int = 1000) -> list[Parked]:
        """Return what is parked, newest first, with all contents: for few of them."""
        return list(self.each(limit))

    def trim(self) -> tuple[int, int]:
        """Drop what is parked for longer than `KEPT_S`, and the oldest beyond `MOST`; return how many of each."""
        aged, over = self._scripts.run("parked_trim", int(KEPT_S * 1000), MOST)
        return int(aged), int(over)

    def count(self) -> int:
        """Return how many things are parked."""
        return int(self._client.hlen(keys.PARKED))

    def newest_id(self) -> str | None:
        """Return the id of what was parked last, None when nothing is parked."""
        newest: Any = self._client.zrange(keys.PARKED_AT, 0, 0, desc=True)
        return as_text(newest[0]) if newest else None

    def targets(self, lane: str) -> dict[str, set[str]]:
        """Return target → sources of the events behind it, of a lane's parked items; walks through everything."""
        found: dict[str, set[str]] = {}
        for _, raw in self._client.hscan_iter(keys.PARKED, count=500):
            one = json.loads(raw)
            if one["what"] == "item" and one["source"] == lane:
                found.setdefault(one["target"], set()).update(filter(None, one["topic"].split(", ")))
        return found

    def get(self, parked_id: str) -> Parked | None:
        """Return one parked thing."""
        raw = self._client.hget(keys.PARKED, parked_id)
        return _decode(raw) if raw else None

    def replay(self, parked: Parked) -> None:
        """Send a parked thing through the line again: it leaves the parked ones in the same step."""
        if parked.what == "inbound":
            raw = base64.b64decode(parked.content)
            since_ms = self._scripts.run("replay", parked.id, "inbox", "", raw)
        else:
            since_ms = self._scripts.run("replay", parked.id, parked.source, parked.target, *changes_of(parked))
        self._took_out(parked, int(float(since_ms)), "replayed")

    def drop(self, parked: Parked) -> None:
        """Forget a parked thing for good."""
        pipe = self._client.pipeline()
        pipe.zscore(keys.PARKED_AT, parked.id)
        pipe.hdel(keys.PARKED, parked.id)
        pipe.zrem(keys.PARKED_AT, parked.id)
        pipe.hdel(keys.PARKED_BRIEF, parked.id)
        since_ms, was_there, *_ = pipe.execute()
        self._took_out(parked, int(since_ms or 1) if was_there else 0, "dropped")

    def _took_out(self, parked: Parked, since_ms: int, how: str) -> None:
        """Count the events behind a thing that is parked no more; 0 where somebody else took it out."""
        if since_ms:
            self._counters.took_out(sources_behind(parked), since_ms, how)


def inbound_of(parked: Parked) -> Inbound:
    """Return the request of a parked inbound."""
    return inbox.decode_or_raw(base64.b64decode(parked.content))
