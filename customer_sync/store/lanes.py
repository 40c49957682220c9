"""Lanes: work that waits for Brevo, one Item per target. Put appends, take leases, settle removes what was taken.

A take is a lease, never a pop: what a dead worker held is due again when the lease ends, and a settle that comes after
that changes nothing. Atomic steps are in the Lua scripts beside this file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import redis

from customer_sync.merge import Stamped, State, from_json, merge, pack, to_json, unpack
from customer_sync.model import Json, Priority
from customer_sync.store import keys
from customer_sync.store.scripts import Scripts, as_text

#: How long a lease lasts, in seconds; a worker renews it every second while it works. This bounds how long an item of
#: a killed worker waits.
LEASE_S = 3.0
#: How long the bulk gear holds what it loads, in seconds; live work takes it back at any time.
LOAD_LEASE_S = 20.0
#: An item that grows beyond this many changes is compacted.
COMPACT_AT = 50
#: An item that failed this often goes singly; what an import refused counts as having failed so often.
SOLO_TRIES = 3

Which = Literal["all", "live", "single"]


class Source(NamedTuple):
    """One event behind an item: its id, its source, when it arrived (ms)."""

    event_id: str
    source: str
    arrived_ms: int


class Flown(NamedTuple):
    """An import that took a person's row along: it may have made a contact for them, or may do so yet.

    Args:
        flight: the import.
        email: the address it was sent with.
        lists: the lists it was sent for.
        at_ms: when.
    """

    flight: str
    email: str
    lists: tuple[int, ...]
    at_ms: int

    def encode(self) -> str:
        """Return the mark as stored."""
        return f"{self.flight}|{to_json([self.email, self.lists, self.at_ms])}"


class Pace(NamedTuple):
    """When the bulk gear starts to load.

    Args:
        ripe_items: so many bulk items are worth an import.
        ripe_s: after this time, in seconds, any number of them is looked at.
        backlog: more live items than these are a backlog, for the bulk gear too.
    """

    ripe_items: int = 1000
    ripe_s: float = 3.0
    backlog: int = 300


@dataclass(slots=True)
class Item:
    """What waits for one target, leased to us.

    Args:
        target: a person's number in the contacts lane, else the record's key.
        state: all its waiting changes, merged.
        events: the events they came from; copies have none.
        tries: failed tries so far.
        since_ms: since when it waits.
        priority: its priority.
        record: what is stored of the target (a person), as JSON; "" when nothing.
        flown: the import that took the target along last, while that matters.
    """

    target: str
    state: State
    events: tuple[Source, ...]
    tries: int
    since_ms: int
    priority: Priority
    record: str
    flown: Flown | None = None


@dataclass(frozen=True, slots=True)
class Taken:
    """The answer of `take`.

    Args:
        state: `taken`; `probe` is one item after a pause; `empty` when nothing is due; `closed` when the breaker is
            open.
        wait_s: when to ask again; None when nothing waits at all.
        token: proves the lease.
        items: what was leased.
    """

    state: Literal["taken", "probe", "empty", "closed"]
    wait_s: float | None
    token: str
    items: tuple[Item, ...]


@dataclass(slots=True)
class Settlement:
    """What became of one leased item.

    Args:
        target: the item's target.
        verdict: `done` removes the changes that were taken; `again` keeps them, due in `due_in_s`; `back` returns the
            item untouched to its place in the line; `solo` keeps it out of imports until it is done; `parked` removes
            the changes and keeps `parked`; `erased` removes the person everywhere and leaves tombstones for `fps`,
            `refs`, which stop everything that happened up to `erased_at_ms`.
        record: what to store of the target; None leaves it.
        burns: whether the try counts.
        row: the ledger's row as [name, value, ...].
    """

    target: str
    verdict: Literal["done", "again", "back", "solo", "parked", "erased"] = "done"
    due_in_s: float = 0.0
    burns: bool = False
    record: str | None = None
    parked: tuple[str, str] | None = None
    fps: tuple[str, ...] = ()
    refs: tuple[str, ...] = ()
    erased_at_ms: int = 0
    row: list[str] = field(default_factory=list)


def encode_change(state: State, events: Sequence[Source] = ()) -> str:
    """Return a change as it waits in a list: its packed state and the events behind it."""
    return to_json({"S": pack(state), "E": [list(event) for event in events]})


#: What a copy from another person never brings along; nor that they departed.
_NOT_COPIED = frozenset({"email", "gone", "drift"})


def decode_change(text: str) -> tuple[State, tuple[Source, ...]]:
    """Return the state and the events of a waiting change, whichever form it has.

    `S` is a change. A `copy` is made of another person's waiting `change` or `record`: of `all`, without opt-ins
    where customers come together (`joined`) or part (`shared`), or of what was `withdrawn`;
    `bare` is a change of the person's own that came with an address which is not theirs (any more).
    """
    raw = from_json(text)
    if "S" in raw:
        return unpack(raw["S"]), tuple(Source(*event) for event in raw["E"])
    inner: State
    inner, events = decode_change(raw["change"]) if "change" in raw else (unpack(from_json(raw["record"])["s"]), ())
    inner = {name: _elsewhere(name, stamped) for name, stamped in inner.items()}
    if "status" in inner and inner["status"].value == "departed":
        del inner["status"]
    return {name: stamped for name, stamped in inner.items() if _KEPT[raw["copy"]](name)}, events


def _elsewhere(name: str, stamped: Stamped) -> Stamped:
    """Mark a withdrawal that was made at the destination for another contact: this one is not blocked by it yet."""
    if name.endswith(".withdrawn") and stamped.value in HERE:
        return stamped._replace(value=f"{stamped.value} elsewhere")
    return stamped


#: Withdrawals after which the destination has blocked the contact by itself.
HERE = frozenset({"brevo:unsubscribed", "brevo:spam", "brevo:hard_bounce"})

_KEPT: Mapping[str, Callable[[str], bool]] = {
    "all": lambda name: name not in _NOT_COPIED,
    "joined": lambda name: name not in _NOT_COPIED and not name.endswith(".granted"),
    "shared": lambda name: name not in _NOT_COPIED and name != "status" and not name.endswith(".granted"),
    "withdrawn": lambda name: name.endswith(".withdrawn"),
    "bare": lambda _: True,
}


class Lanes:
    """The waiting work of every lane."""

    def __init__(self, client: redis.Redis, scripts: Scripts) -> None:
        self._client = client
        self._scripts = scripts

    def take(self, lane: str, count: int, *, lease_s: float = LEASE_S, which: Which = "all") -> Taken:
        """Lease up to `count` due items: urgent before live before bulk.

        Args:
            lane: which lane.
            count: how many at most.
            lease_s: for how long.
            which: `all`; `live` leaves bulk items to the bulk gear; `single` takes those that it gave back.
        """
        return _taken(self._scripts.run("take", lane, count, int(lease_s * 1000), which))

    def load(self, lane: str, count: int, token: str, pace: Pace) -> Taken:
        """Lease up to `count` items that the bulk gear has not looked at; live work may take them back.

        Args:
            lane: which lane.
            count: about how many at most.
            token: that of the load so far; "" begins one, when it is worth while.
            pace: what is worth while.
        """
        more = (pace.ripe_items, int(pace.ripe_s * 1000), pace.backlog)
        return _taken(self._scripts.run("take", lane, count, int(LOAD_LEASE_S * 1000), "bulk", token, *more))

    def renew(self, lane: str, token: str, targets: Sequence[str], *, lease_s: float = LEASE_S) -> int:
        """Lengthen leases; return how many are still ours."""
        return int(self._scripts.run("renew", lane, token, int(lease_s * 1000), *targets)) if targets else 0

    def settle(self, lane: str, token: str, settlements: Iterable[Settlement]) -> tuple[frozenset[str], bool]:
        """Write what became of leased items.

        Returns:
            The targets whose lease was no longer ours (nothing was written for them), and whether a wake-up is needed.
        """
        raw: list[dict[str, Json]] = []
        plain: list[str] = []  # what is simply done, without a detour through JSON: of these there are millions
        for one in settlements:
            if one.verdict == "done" and one.record is not None and not one.row:
                plain += (one.target, one.record)
            else:
                raw.append(_settlement(one))
        if not raw and not plain:
            return frozenset(), False
        answer = from_json(self._scripts.run("settle", lane, token, to_json(raw), keys.LEDGER_ROWS, *plain))
        return frozenset(answer["stale"] or ()), bool(answer["wake"])

    def compact(self, lane: str, target: str) -> bool:
        """Replace the waiting changes of an item by one; False when it was leased or changed meanwhile."""
        version = self._client.hget(keys.lane(lane, "ver"), target) or b"0"
        raw = self._client.lrange(keys.changes(lane, target), 0, -1)
        if len(raw) < 2:
            return False
        decoded = [decode_change(as_text(text)) for text in raw]
        merged = merge(state for state, _ in decoded)
        events = tuple(dict.fromkeys(event for _, some in decoded for event in some))
        whole = encode_change(merged, events)
        return bool(self._scripts.run("compact", lane, target, len(raw), as_text(version), whole))

    def names(self) -> list[str]:
        """Return every lane that ever had an item."""
        return sorted(as_text(name) for name in self._client.smembers(keys.LANES))

    def depth(self, lane: str) -> tuple[int, int | None]:
        """Return how many items wait (leased ones too) and since when the oldest does, in ms."""
        pipe = self._client.pipeline(transaction=False)
        pipe.zcard(keys.lane(lane, "since"))
        pipe.zrange(keys.lane(lane, "since"), 0, 0, withscores=True)
        waiting, oldest = pipe.execute()
        return int(waiting), int(oldest[0][1]) if oldest else None


def _taken(answer: Any) -> Taken:
    state, wait_ms, token, raw = answer
    wait_s = None if wait_ms < 0 else wait_ms / 1000
    items = tuple(map(_item, raw))
    return Taken(as_text(state), wait_s, as_text(token), items)  # type: ignore[arg-type]  # the script's four words


def _flown(raw: bytes) -> Flown | None:
    if not raw:
        return None
    flight, _, fact = raw.partition(b"|")
    email, lists, at_ms = from_json(fact)
    return Flown(flight.decode(), email, tuple(lists), at_ms)


def _item(raw: list[Any]) -> Item:
    target, tries, since, priority, record, mark, *changes = raw
    decoded = [decode_change(as_text(text)) for text in changes]
    return Item(
        target=as_text(target),
        state=decoded[0][0] if len(decoded) == 1 else merge(state for state, _ in decoded),
        events=decoded[0][1] if len(decoded) == 1 else tuple(dict.fromkeys(one for _, some in decoded for one in some)),
        tries=int(tries),
        since_ms=int(float(since)),
        priority=Priority(priority),
        record=as_text(record or b""),
        flown=_flown(mark),
    )


def _settlement(one: Settlement) -> dict[str, Json]:
    raw: dict[str, Json] = {"target": one.target, "verdict": one.verdict}
    if one.verdict == "again":
        raw |= {"due_in": int(one.due_in_s * 1000), "burns": one.burns}
    if one.verdict == "solo":
        raw["tries"] = SOLO_TRIES
    if one.record is not None:
        raw["record"] = one.record
    if one.parked:
        raw["parked"] = list(one.parked)
    if one.verdict == "erased":
        raw |= {"fps": list(one.fps), "refs": list(one.refs), "at": one.erased_at_ms}
    if one.row:
        raw["row"] = list(one.row)
    return raw
