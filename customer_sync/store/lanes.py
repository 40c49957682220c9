"""Lanes: work that waits for a destination, one Item per target.

`put` appends changes, `take` leases items, `settle` removes the delivered changes. The items of a dead worker are due
again when their lease ends, and a settle after that changes nothing. Atomic steps are in the Lua scripts beside this
file; `forms` has the form of a change.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from hashlib import sha1
from typing import Any, Final, Literal, NamedTuple

import redis

from customer_sync.base.log import get
from customer_sync.model import PEOPLE, Json, Priority
from customer_sync.person.merge import from_json, to_json, whom_of
from customer_sync.person.person import Part
from customer_sync.store import keys
from customer_sync.store.forms import EventRef, Kept, NewerForm, decode_kept, decode_part, encode_part
from customer_sync.store.items import (
    Settlement,
    Taken,
    combined,
    part_or_none,
    settlement_json,
    taken_of,
    with_owner,
)
from customer_sync.store.ledger import LEDGER_ROWS
from customer_sync.store.orders import Orders
from customer_sync.store.scripts import Scripts, as_text

log = get(__name__)

#: How long a lease lasts, in seconds; a worker renews it every second while it works. This bounds how long an item of
#: a killed worker waits.
LEASE_S = 3.0
#: How long the bulk gear holds what it loads, in seconds; live work takes it back at any time.
LOAD_LEASE_S = 20.0
#: How many leases are renewed in one step.
RENEWED = 2000
#: For how long the bulk gear does not look at a backlog of live items after it gave one back, in seconds.
USELESS_S = 10.0
#: An item that grows beyond this many changes is compacted.
COMPACT_AT = 50
#: How long a worker counts as one that delivers a lane after it said so, in seconds; it says so every five.
SERVED_S = 20.0

Which = Literal["all", "live", "single"]


def _kept_or_none(raw: bytes) -> Kept | None:
    try:
        return decode_kept(as_text(raw))
    except NewerForm as error:
        log.warning("a record is left alone", reason=str(error))
        return None


class Pace(NamedTuple):
    """When the bulk gear starts to load.

    Args:
        ripe_items: so many bulk items are worth an import.
        ripe_s: after this time, in seconds, any number of them is looked at.
        backlog: more live items than these are a backlog, for the bulk gear too.
        behind: while more requests than these wait to be read, a backlog is not loaded: more of it is about to come.
    """

    ripe_items: int = 1000
    ripe_s: float = 3.0
    backlog: int = 300
    behind: int = 200


_PACE: Final = Pace()


class Wait(NamedTuple):
    """How an item waits.

    Args:
        since_ms: since when; None where nothing waits.
        due_ms: when it is due; None while a worker has it.
        tries: how many tries have failed.
    """

    since_ms: int | None
    due_ms: int | None
    tries: int


class Waiting(NamedTuple):
    """What waits in a lane.

    Args:
        now: how many items wait for their turn; leased ones too.
        since_ms: since when the oldest of these does; None where none does.
        later: how many are for a later time, such as a cart that may still be bought: they are no lag.
    """

    now: int
    since_ms: int | None
    later: int


class Lanes:
    """The waiting work of every lane."""

    def __init__(self, client: redis.Redis, scripts: Scripts, orders: Orders) -> None:
        self._client = client
        self._scripts = scripts
        self._orders = orders
        self._registered: dict[str, str] = {}

    def register(
        self,
        lane: str,
        *,
        keeps: Literal["people", "records", "nothing"],
        has_gear: bool = False,
        is_summed: bool = False,
    ) -> None:
        """Tell what a lane is, before anything is put into it.

        Args:
            lane: its name.
            keeps: whether its items are people, or records of their own, or nothing is remembered of them.
            has_gear: whether a bulk gear takes its bulk items.
            is_summed: whether people's totals are summed up over its records: each change of one concerns its owner.
        """
        letter = {"people": "p", "records": "r", "nothing": ""}[keeps]
        self._registered[lane] = letter + "g" * has_gear + "t" * is_summed
        self.register_again()

    def register_again(self) -> None:
        """Tell once more what this process told, should Redis have forgotten it."""
        if self._registered:
            facts: list[str] = [part for pair in self._registered.items() for part in pair]
            self._client.hset(keys.LANES, items=list(facts))

    def take(self, lane: str, count: int, *, lease_s: float = LEASE_S, which: Which = "all", bucket: str = "") -> Taken:
        """Lease up to `count` due items: urgent before live before bulk.

        Args:
            lane: which lane.
            count: how many at most.
            lease_s: for how long.
            which: `all`; `live` leaves bulk items to the bulk gear; `single` takes those that it gave back.
            bucket: for `live`, the rate limit of the lane: where it is none, a backlog is left to the bulk gear.
        """
        more = (bucket, _PACE.backlog, _PACE.behind)
        answer = self._scripts.run("take", lane, count, int(lease_s * 1000), which, *more)
        return self._with_orders(taken_of(answer)) if lane == PEOPLE else self._with_owners(taken_of(answer))

    def load(self, lane: str, count: int, token: str, pace: Pace) -> Taken:
        """Lease up to `count` items that the bulk gear has not looked at; live work may take them back.

        Args:
            lane: which lane.
            count: about how many at most.
            token: that of the load so far; "" begins one, when it is worth while.
            pace: what is worth while.
        """
        more = (pace.ripe_items, int(pace.ripe_s * 1000), pace.backlog, pace.behind)
        taken = taken_of(self._scripts.run("take", lane, count, int(LOAD_LEASE_S * 1000), "bulk", token, *more))
        return self._with_orders(taken) if lane == PEOPLE else taken

    def _with_orders(self, taken: Taken) -> Taken:
        """Find out the orders of people. One that changes from now on puts a change of the person, which is kept."""
        orders = self._orders.of_items(taken.items) if self._orders.lane else ()
        if not any(orders):
            return taken
        pairs = zip(taken.items, orders, strict=True)
        return replace(taken, items=tuple(replace(item, orders=found) if found else item for item, found in pairs))

    def _with_owners(self, taken: Taken) -> Taken:
        """Find out whose the records are that were taken: address and consent are those of this moment."""
        whoms = [whom_of(item.state) for item in taken.items]
        if not any(whoms):
            return taken
        found = self._scripts.run("whose", *whoms)
        return replace(taken, items=tuple(map(with_owner, taken.items, found)))

    def unlooked(self, lane: str) -> int:
        """Return how many bulk items are due that the bulk gear has not looked at yet."""
        looked = self._client.hget(keys.lane(lane, "looked"), "2")
        first = f"({as_text(looked)}" if looked else "-inf"
        return int(self._client.zcount(keys.queue(lane, 2), first, "+inf"))

    def tell_loaded(self, lane: str) -> None:
        """Let the bulk gear of a lane be woken although nothing waits: it has loads that wait for their turn."""
        self._client.set(keys.lane(lane, "loaded"), "1", px=int(LOAD_LEASE_S * 1000))

    def tell_useless(self, lane: str) -> None:
        """Leave no backlog of live items to the bulk gear of a lane for a while: it gave nearly all of one back."""
        self._client.set(keys.lane(lane, "useless"), "1", px=int(USELESS_S * 1000))

    def renew(self, lane: str, token: str, targets: Sequence[str], *, lease_s: float = LEASE_S) -> int:
        """Lengthen leases; return how many are still ours."""
        parts = (targets[start : start + RENEWED] for start in range(0, len(targets), RENEWED))
        return sum(int(self._scripts.run("renew", lane, token, int(lease_s * 1000), *part)) for part in parts)

    def settle(self, lane: str, token: str, settlements: Iterable[Settlement]) -> tuple[frozenset[str], bool]:
        """Write what became of leased items.

        Returns:
            The targets whose lease was no longer ours (nothing was written for them), and whether a wake-up is needed.
        """
        raw: list[dict[str, Json]] = []
        plain: list[str] = []  # without a detour through JSON
        for one in settlements:
            if one.is_plain:
                plain += (one.target, one.record or "")
            else:
                raw.append(settlement_json(one))
        if not raw and not plain:
            return frozenset(), False
        answer = from_json(self._scripts.run("settle", lane, token, to_json(raw), LEDGER_ROWS, *plain))
        return frozenset(answer["stale"] or ()), bool(answer["wake"])

    def waiting(self, lane: str, targets: Sequence[str]) -> list[list[tuple[Part, tuple[EventRef, ...]]]]:
        """Return the changes that wait for each target, in one round trip; what cannot be read is left out."""
        pipe = self._client.pipeline(transaction=False)
        for target in targets:
            pipe.lrange(keys.changes(lane, target), 0, -1)
        found = pipe.execute() if targets else []
        return [[one for raw in raws if (one := part_or_none(as_text(raw))) is not None] for raws in found]

    def wait_of(self, lane: str, target: str) -> Wait:
        """Return how the item of a target waits, in one round trip."""
        pipe = self._client.pipeline(transaction=False)
        pipe.zscore(keys.lane(lane, "since"), target)
        pipe.hget(keys.lane(lane, "tries"), target)
        for priority in Priority:
            pipe.zscore(keys.queue(lane, priority), target)
        since, tries, *due = pipe.execute()
        due_ms = next((int(one) for one in due if one is not None), None)
        return Wait(int(since) if since is not None else None, due_ms, int(tries or 0))

    def is_any_due(self, lane: str, priorities: Iterable[int], now_ms: int) -> bool:
        """Tell whether an item of one of these priorities is due."""
        pipe = self._client.pipeline(transaction=False)
        for priority in priorities:
            pipe.zcount(keys.queue(lane, priority), "-inf", now_ms)
        return any(pipe.execute())

    def known(self, places: Sequence[tuple[str, str]]) -> list[Kept | None]:
        """Return what lanes keep of records of their own, in one round trip.

        Args:
            places: (lane, target) of each.

        Returns:
            For each what is kept; None when nothing is, when something waits for it, or when it cannot be read.
        """
        if not places:
            return []
        pipe = self._client.pipeline(transaction=False)
        for lane, target in places:
            pipe.get(keys.record(lane, target))
            pipe.zscore(keys.lane(lane, "since"), target)
        answers = pipe.execute()
        return [
            _kept_or_none(raw) if raw and since is None else None
            for raw, since in zip(answers[::2], answers[1::2], strict=True)
        ]

    def compact(self, lane: str, target: str) -> bool:
        """Replace the waiting changes of an item by as few as possible; False when it is leased or has new changes."""
        raw: Any = self._client.lrange(keys.changes(lane, target), 0, -1)
        if len(raw) < 2:
            return False
        try:
            decoded = [decode_part(as_text(text)) for text in raw if text]
        except NewerForm:
            return False
        whole = [encode_part(*one) for one in combined(decoded)]
        digest = sha1(b"".join(raw), usedforsecurity=False).hexdigest()
        return bool(self._scripts.run("compact", lane, target, len(raw), digest, *whole))

    def serve(self, lanes: Iterable[str]) -> None:
        """Note that a worker delivers these lanes; holds for `SERVED_S`."""
        pipe = self._client.pipeline(transaction=False)
        for lane in lanes:
            pipe.set(keys.lane(lane, "served"), "1", px=int(SERVED_S * 1000))
        pipe.execute()

    def is_served(self, lane: str) -> bool:
        """Tell whether some worker delivers a lane."""
        return bool(self._client.exists(keys.lane(lane, "served")))

    def names(self) -> list[str]:
        """Return every lane that ever had an item."""
        return sorted(as_text(name) for name in self._client.hkeys(keys.LANES))

    def depth(self, lane: str) -> tuple[int, int | None]:
        """Return how many items wait and since when the oldest does, in ms.

        Leased items wait, too; those that are put off to a later time do not.
        """
        seconds, micros = self._client.time()
        found = self.queue(lane, int(seconds) * 1000 + int(micros) // 1000)
        return found.now, found.since_ms

    def queue(self, lane: str, now_ms: int) -> Waiting:
        """Return how much waits in a lane now, and how much waits for a time of its own."""
        since = keys.lane(lane, "since")
        pipe = self._client.pipeline(transaction=False)
        pipe.zcard(since)
        pipe.zcount(since, "-inf", now_ms)
        pipe.zrange(since, 0, 0, withscores=True)
        all_of_it, now, oldest = pipe.execute()
        return Waiting(int(now), int(oldest[0][1]) if now and oldest else None, int(all_of_it) - int(now))
