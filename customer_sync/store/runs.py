"""Runs: batch syncs of one resource of a source. Where each stands, what it counted, and the lock: one run of each.

A run is one hash. The worker that pulls holds a short lease on the run. Each page raises the run's version in the same
atomic step that puts the page's changes into the lanes: so a worker that has lost its lease can change nothing.
"""

from __future__ import annotations

import re
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import redis

from customer_sync.base.log import get
from customer_sync.model import Json
from customer_sync.person.merge import to_json
from customer_sync.store import keys
from customer_sync.store.paging import Page, read_cursor, to_cursor
from customer_sync.store.run import (
    BUSY,
    OPEN,
    SLOT_DONE,
    Busy,
    Known,
    Run,
    RunKind,
    RunState,
    Slot,
    as_stored,
    read_run,
)
from customer_sync.store.scripts import Scripts, as_text

log = get(__name__)

#: How long a pull's lease lasts, in ms; it is renewed every second. A killed worker's run goes on after this time.
LEASE_MS = 4000
#: How many runs are remembered; one that is not over is never forgotten.
KEPT_RUNS = 200
#: The form of a place in the list of runs: a run's number.
_NUMBER = re.compile(r"(\d{1,15})")


class Runs:
    """All runs of this installation."""

    def __init__(self, client: redis.Redis, scripts: Scripts) -> None:
        self._client = client
        self._scripts = scripts

    def start(  # noqa: PLR0913  # what a run is started with, most of it with a default
        self,
        source: str,
        kind: RunKind,
        *,
        resource: str = "customers",
        since_ms: int | None = None,
        by: str = "cli",
        is_dry: bool = False,
        is_forced: bool = False,
        slot: Slot | None = None,
    ) -> Run | None:
        """Make a new run and give it the lock of its source and resource; None when its slot had its run already.

        A dry run has a lock of its own: it holds up no other run, and no other run holds it up.

        Raises:
            Busy: there is an open run of these.
        """
        fields: dict[str, Json] = {
            "source": source,
            "resource": resource,
            "kind": kind,
            "state": RunState.RUNNING,
            "by": by,
            "dry": int(is_dry),
            "force": int(is_forced),
            "phase": "asking the source",
        }
        if since_ms is not None:
            fields["since"] = since_ms
        texts = [part for name, value in fields.items() for part in (name, as_stored(value))]
        name, at_ms = slot or ("", 0)
        lock = _lock(source, resource, is_dry=is_dry)
        verdict, number = self._scripts.run("run_start", lock, KEPT_RUNS, name, at_ms, *texts)
        if verdict == SLOT_DONE:
            return None
        run = self.read(as_text(number))
        assert run is not None
        if verdict == BUSY:
            raise Busy(run)
        return run

    def slot(self, name: str) -> int | None:
        """Return the last slot that was done of a schedule's entry, in ms; None when there was none yet."""
        at_ms = self._client.hget(keys.SLOTS, name)
        return int(at_ms) if at_ms else None

    def take_slot(self, name: str, at_ms: int) -> bool:
        """Note a slot as done; False when it, or a later one, was done already."""
        return bool(self._scripts.run("run_slot", name, at_ms))

    def read(self, number: str) -> Run | None:
        """Return a run, None when there is none with this number."""
        raw = self._client.hgetall(keys.run(number))
        return _decoded(number, raw) if raw else None

    def open_run(self, source: str, resource: str = "customers", *, is_dry: bool = False) -> Run | None:
        """Return the run that has the lock of a source's resource; of dry runs only where it is asked for."""
        number = self._client.hget(keys.RUNS_OPEN, _lock(source, resource, is_dry=is_dry))
        return self.read(as_text(number)) if number else None

    def open_runs(self) -> list[Run]:
        """Return every run that is not over."""
        found = [self.read(as_text(number)) for number in self._client.hvals(keys.RUNS_OPEN)]
        return [run for run in found if run is not None]

    def recent(self, count: int = 20) -> list[Run]:
        """Return the newest runs, the newest first; all of them for -1."""
        names = self._names(count)
        pipe = self._client.pipeline(transaction=False)
        for name in names:
            pipe.hgetall(keys.run(name))
        return [_decoded(name, raw) for name, raw in zip(names, pipe.execute(), strict=True) if raw]

    def page(  # noqa: PLR0913  # one argument for each filter
        self,
        limit: int,
        *,
        cursor: str | None = None,
        source: str | None = None,
        state: RunState | None = None,
        kind: RunKind | None = None,
        since_ms: int | None = None,
        until_ms: int | None = None,
    ) -> Page[Run]:
        """Return runs, the newest first; each page reads all that are kept, `KEPT_RUNS` and those that are not over.

        Args:
            limit: how many at most.
            cursor: of the page before; None begins at the newest run.
            source: only runs of this source.
            state: only those in this state now.
            kind: only those of this kind.
            since_ms: only those started at this time or later.
            until_ms: only those started before this time.

        Raises:
            ValueError: the cursor is none.
        """
        before = None if cursor is None else int(read_cursor(cursor, "r", _NUMBER)[0])
        found = [
            run
            for run in sorted(self.recent(-1), key=lambda run: -int(run.id))
            if (before is None or int(run.id) < before)
            and all(one in (None, has) for one, has in ((source, run.source), (state, run.state), (kind, run.kind)))
            and (since_ms is None or run.started_ms >= since_ms)
            and (until_ms is None or run.started_ms < until_ms)
        ]
        return Page(found[:limit], to_cursor("r", found[limit - 1].id) if len(found) > limit else None)

    def _names(self, count: int) -> list[str]:
        numbers = self._client.zrevrange(keys.RUNS, 0, count - 1 if count > 0 else -1)
        return [as_text(number) for number in numbers if isinstance(number, bytes | str)]

    def due(self, now_ms: int) -> list[str]:
        """Return the runs that are due for a step now."""
        return [
            run.id
            for run in self.open_runs()
            if run.state in {RunState.RUNNING, RunState.DELIVERING}
            and run.due_ms <= now_ms
            and not self._client.exists(keys.run(run.id, "lease"))
        ]

    def move(self, run: Run, allowed: Sequence[RunState], state: RunState, **put: Json) -> bool:
        """Bring a run to another state; False when it is in none of the allowed ones (any more).

        Args:
            run: the run.
            allowed: the states it may come from.
            state: the state it goes to.
            put: fields to set with it: reason, remedy, phase, due, tries, force.
        """
        texts = [part for name, value in put.items() for part in (name, as_stored(value))]
        is_over = int(state not in OPEN)
        return bool(self._scripts.run("run_move", run.id, ",".join(allowed), state, is_over, *texts))

    def pause(self, run: Run) -> bool:
        """Let a run wait until `resume`; False when it is not being read."""
        return self.move(run, (RunState.RUNNING,), RunState.PAUSED, phase="paused")

    def resume(self, run: Run, *, is_forced: bool = False) -> bool:
        """Go on where the run stands; False when it is neither paused nor stopped, or another of the source is open."""
        put: dict[str, Json] = {
            "reason": "",
            "remedy": "",
            "due": 0,
            "tries": 0,
            "braked": 0,
            "phase": "asking the source",
        }
        if is_forced:
            put["force"] = 1
        return self.move(run, (RunState.PAUSED, RunState.STOPPED), RunState.RUNNING, **put)

    def cancel(self, run: Run) -> bool:
        """End a run where it stands. What is in the lanes is delivered all the same; what it held back is dropped.

        What an incremental run held back is read again by the next one, also where it was resumed meanwhile: how far
        the source was read counts from the first time that the brake stopped the run.
        """
        if run.is_open and run.since_ms is not None:
            until_ms = self.reach(run.source, run.resource).get("until_ms", run.since_ms)
            self._client.hset(keys.reach(run.source, run.resource), "until_ms", min(until_ms, run.since_ms))
        return self.move(run, OPEN, RunState.CANCELLED, phase="cancelled", braked=0)

    def braked(self) -> list[Run]:
        """Return the runs that the brake stopped, the newest first; a newer run may have the lock of such a run."""
        names = self._names(-1)
        pipe = self._client.pipeline(transaction=False)
        for name in names:
            pipe.hget(keys.run(name), "braked")
        found = [self.read(name) for name, is_so in zip(names, pipe.execute(), strict=True) if is_so == b"1"]
        return [run for run in found if run is not None]

    def held(self, number: str, count: int = -1) -> list[str]:
        """Return the first changes that a run holds back; all of them without a number."""
        found = self._client.lrange(keys.run(number, "held"), 0, count - 1 if count > 0 else -1)
        return [as_text(one) for one in found]

    def forget_held(self, is_theirs: Callable[[str], bool]) -> int:
        """Drop the held changes of all runs of which this is true; return how many there were."""
        gone = 0
        for run in self.recent(-1):
            theirs = [text for text in self.held(run.id) if is_theirs(text)] if run.counts["held"] else []
            gone += int(self._scripts.run("run_forget", run.id, *theirs)) if theirs else 0
        return gone

    def put_off(self, run: Run, due_ms: int, reason: str, tries: int, *, note: str | None = None) -> None:
        """Look at a run again at a time, in ms; `note` stays with it, the reason only until it goes on."""
        put: dict[str, Json] = {"due": due_ms, "reason": reason, "tries": tries}
        if note is not None:
            put["notes"] = run.noted(note)
        self.move(run, (RunState.RUNNING,), RunState.RUNNING, **put)

    def count(self, number: str, counts: Mapping[str, int]) -> None:
        """Add to a run's counts, into a full Redis, too: what became of its contacts."""
        more = [part for name, by in counts.items() if by for part in (f"n.{name}", by)]
        self._scripts.run("count", keys.run(number), 0, len(more) // 2, *more)

    @contextmanager
    def lease(self, number: str) -> Iterator[bool]:
        """Hold a run's lease while the block works; gives False when another has it."""
        key, token = keys.run(number, "lease"), secrets.token_hex(8)
        if not self._scripts.run("claim", key, token, LEASE_MS):
            yield False
            return
        done = threading.Event()
        keeper = threading.Thread(target=self._renew, args=(key, token, done), name=f"run-{number}", daemon=True)
        keeper.start()
        try:
            yield True
        finally:
            done.set()
            keeper.join()
            try:
                self._scripts.run("run_lease", key, token, 0)
            except redis.RedisError as error:  # it ends by itself
                log.warning("run lease not given back", run=number, error=type(error).__name__)

    def _renew(self, key: str, token: str, done: threading.Event) -> None:
        while not done.wait(LEASE_MS / 4000):
            try:
                self._scripts.run("run_lease", key, token, LEASE_MS)
            except redis.RedisError as error:
                log.warning("run lease not renewed", error=type(error).__name__)

    def seen(self, number: str) -> bytes:
        """Return the bits of the people whom a compare run saw: bit n of person n, the highest bit of a byte first."""
        bits = self._client.get(keys.run(number, "seen"))
        return bits if isinstance(bits, bytes) else b""

    def reach(self, source: str, resource: str = "customers") -> dict[str, int]:
        """Return how far a source was read: `until_ms` (every change before it), `full_ms` (the last full read)."""
        raw = self._client.hgetall(keys.reach(source, resource))
        return {as_text(name): int(value) for name, value in raw.items()}

    def set_reach(self, source: str, resource: str, **reach: int) -> None:
        """Note how far a source was read; only ever moves ahead."""
        known = self.reach(source, resource)
        ahead = {name: value for name, value in reach.items() if value > known.get(name, 0)}
        if ahead:
            self._client.hset(keys.reach(source, resource), mapping=ahead)  # type: ignore[arg-type]  # ints are fine

    def left_to_deliver(self, lane: str) -> int:
        """Return how many items of runs still wait for their first delivery in a lane."""
        return int(self._scripts.run("run_left", lane))

    def lookup(self, pairs: Sequence[tuple[str, str]], token: str = "") -> list[Known | None]:
        """Return the known persons of (ref, fingerprint of the address), None for a new person.

        Args:
            pairs: of each record.
            token: takes the place of the imprint of whom nothing more is to be known, see `PageMove.same`; "" for none.
        """
        if not pairs:
            return []
        answer = self._scripts.run("run_lookup", to_json(pairs), token)
        return [Known(as_text(raw[0]), as_text(raw[1]), raw[2] == b"1") if raw else None for raw in answer]


def _lock(source: str, resource: str, *, is_dry: bool) -> str:
    """Return the name of the lock that one run at a time has."""
    return f"{source}/{resource}{'/dry' if is_dry else ''}"


def _decoded(number: str, raw: Mapping[bytes | str, bytes | str]) -> Run:
    return read_run(number, {as_text(name): as_text(value) for name, value in raw.items()})
