"""Runs: batch syncs of one source. Where each stands, what it counted, and the lock that lets one run per source.

A run is one hash. Whoever pulls holds a short lease on it, and every page moves the run's version in the same atomic
step that puts the page's changes into the lanes: a worker that was taken for dead can change nothing any more.
"""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

import redis

from customer_sync.log import get
from customer_sync.model import Json
from customer_sync.store import keys
from customer_sync.store.scripts import Scripts, as_text

log = get(__name__)

#: How long a pull's lease lasts, in ms; it is renewed every second. A killed worker's run goes on after this time.
LEASE_MS = 4000
#: How many runs are remembered.
KEPT_RUNS = 200
#: What an event id of a run starts with.
EVENT_PREFIX = "run:"


class RunState(StrEnum):
    """The state of a run. All but the last three hold the lock of the source."""

    #: Pages are being read.
    RUNNING = "running"
    #: An operator wants it to wait.
    PAUSED = "paused"
    #: It cannot go on by itself: a wrong key, the brake, a page that stays broken. `resume` goes on at the same place.
    STOPPED = "stopped"
    #: Every page is in the lanes; they are being delivered.
    DELIVERING = "delivering"
    DONE = "done"
    CANCELLED = "cancelled"


#: States in which a run still has the lock of its source.
OPEN = (RunState.RUNNING, RunState.PAUSED, RunState.STOPPED, RunState.DELIVERING)


class RunKind(StrEnum):
    """What a run reads."""

    #: Everything.
    FULL = "full"
    #: What changed since the last run that read everything or all changes.
    INCREMENTAL = "incremental"
    #: Everything, and afterwards who is gone at the source.
    COMPARE = "compare"


#: Count → what it counts; the names are the same in Redis, the API and the CLI's JSON.
COUNTS: Mapping[str, str] = {
    "read": "records that the source gave",
    "changed": "records whose changes went into the lane",
    "unchanged": "records that changed nothing",
    "refused": "records that could not be understood",
    "creates": "contacts that are new to Brevo",
    "updates": "contacts that change",
    "blocks": "contacts that are blocked",
    "unlists": "contacts that leave a list",
    "deletes": "contacts that are deleted",
    "empties": "contacts of which a field is emptied",
    "sent": "contacts that Brevo accepted",
    "same": "contacts that needed no call in the end",
    "failed": "contacts that were parked",
    "retried": "deliveries that must be tried again",
    "pages": "pages read",
}


@dataclass(frozen=True, slots=True)
class Run:
    """One batch sync, as it stands.

    Args:
        id: a number, as text; the newer, the larger.
        source: whom it reads.
        resource: customers.
        kind: what it reads.
        state: see `RunState`.
        by: who started it: `cli`, `schedule`, `dashboard`, `install`.
        is_dry: whether it only counts.
        is_forced: whether the brake is off.
        since_ms: only what changed at that time or later; None reads everything.
        cursor: where the next page starts; None at the beginning.
        version: moves with each page; proves that nobody else moved the run.
        total: how many records there are, where the platform tells.
        counts: see `COUNTS`.
        rate: records read a second, lately, and once all are read, contacts delivered a second; 0.0 while nobody
            knows.
        waiting: how many contacts of runs waited for their first delivery when it was last looked, after the reading.
        phase: what it is doing, for people.
        reason: why it is stopped or waits.
        remedy: what to do about that.
        notes: what the operator should know.
        due_ms: nothing is to be done before.
        tries: how often the current page failed in a row.
        started_ms: when it was started.
        updated_ms: when it last moved.
        ended_ms: when it was done or cancelled; 0 while it is open.
    """

    id: str
    source: str
    resource: str
    kind: RunKind
    state: RunState
    by: str
    is_dry: bool
    is_forced: bool
    since_ms: int | None
    cursor: Mapping[str, Json] | None
    version: str
    total: int | None
    counts: Mapping[str, int]
    rate: float
    waiting: int
    phase: str
    reason: str
    remedy: str
    notes: tuple[str, ...]
    due_ms: int
    tries: int
    started_ms: int
    updated_ms: int
    ended_ms: int

    @property
    def is_open(self) -> bool:
        """Whether it still has the lock of its source."""
        return self.state in OPEN

    @property
    def event_id(self) -> str:
        """The event id under which its changes wait in the lanes."""
        return EVENT_PREFIX + self.id

    @property
    def share(self) -> float | None:
        """How much is read, and once all is read, how much of that is delivered: 0.0 to 1.0; None: nobody can know."""
        counts = self.counts
        if self.state is RunState.DONE:
            return 1.0
        if self.state is RunState.DELIVERING:
            return max(0.0, 1 - self.waiting / counts["changed"]) if counts["changed"] else 1.0
        return min(1.0, counts["read"] / self.total) if self.total else None

    @property
    def left_s(self) -> float | None:
        """How many seconds of reading, or then of delivering, are left at the current rate; None: nobody can know."""
        if self.rate <= 0:
            return None
        if self.state is RunState.DELIVERING:
            return self.waiting / self.rate
        if self.state is not RunState.RUNNING or not self.total:
            return None
        return max(0, self.total - self.counts["read"]) / self.rate


class Slot(NamedTuple):
    """One time at which something is due.

    Args:
        name: the entry of the schedule, such as `pull:shop`.
        at_ms: the time.
    """

    name: str
    at_ms: int


#: What `run_start.lua` answers beside 1.
BUSY, SLOT_DONE = 0, 2


class Busy(Exception):
    """The source has an open run already.

    Args:
        run: that run.
    """

    def __init__(self, run: Run) -> None:
        super().__init__(f"Run {run.id} of {run.source} is {run.state}.")
        self.run = run


@dataclass(slots=True)
class PageMove:
    """How a page moves its run, in the same step that commits its changes.

    Args:
        run: the run's id.
        version: the version that was read with the run.
        put: fields of the run to set; None values remove the field.
        add: count → by how much.
        seen: people whom the page showed without a change.
        marks: whether people are marked as seen at all (a compare run).
    """

    run: str
    version: str
    put: dict[str, Json] = field(default_factory=dict)
    add: dict[str, int] = field(default_factory=dict)
    seen: Sequence[str] = ()
    marks: bool = False

    def encode(self, *, is_last: bool) -> str:
        """Return the form `commit.lua` takes; only the last part of a page moves the run."""
        fields = {name: _text(value) for name, value in self.put.items()} if is_last else {}
        return json.dumps(
            {
                "run": self.run,
                "version": self.version,
                "put": fields,
                "add": self.add if is_last else {},
                "seen": list(self.seen) if is_last else [],
                "marks": self.marks,
                "last": is_last,
            }
        )


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
        """Make a new run and give it the source's lock; None when its slot had its run already.

        Raises:
            Busy: the source has an open run.
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
        texts = [part for name, value in fields.items() for part in (name, _text(value))]
        name, at_ms = slot or ("", 0)
        verdict, number = self._scripts.run("run_start", source, KEPT_RUNS, name, at_ms, *texts)
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
        return _run(number, {as_text(name): as_text(value) for name, value in raw.items()}) if raw else None

    def open_run(self, source: str) -> Run | None:
        """Return the run that has the source's lock."""
        number = self._client.hget(keys.RUNS_OPEN, source)
        return self.read(as_text(number)) if number else None

    def open_runs(self) -> list[Run]:
        """Return every run that is not over."""
        found = [self.read(as_text(number)) for number in self._client.hvals(keys.RUNS_OPEN)]
        return [run for run in found if run is not None]

    def recent(self, count: int = 20) -> list[Run]:
        """Return the newest runs, the newest first."""
        numbers = self._client.zrevrange(keys.RUNS, 0, count - 1)
        found = [self.read(as_text(number)) for number in numbers if isinstance(number, bytes | str)]
        return [run for run in found if run is not None]

    def due(self) -> list[str]:
        """Return the runs that somebody should look at now."""
        now_ms = time.time() * 1000
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
        texts = [part for name, value in put.items() for part in (name, _text(value))]
        is_over = int(state not in OPEN)
        return bool(self._scripts.run("run_move", run.id, ",".join(allowed), state, is_over, *texts))

    def pause(self, run: Run) -> bool:
        """Let a run wait until `resume`; False when it is not being read."""
        return self.move(run, (RunState.RUNNING,), RunState.PAUSED, phase="paused")

    def resume(self, run: Run, *, is_forced: bool = False) -> bool:
        """Go on where the run stands; False when it is neither paused nor stopped."""
        put: dict[str, Json] = {"reason": "", "remedy": "", "due": 0, "tries": 0, "phase": "asking the source"}
        if is_forced:
            put["force"] = 1
        return self.move(run, (RunState.PAUSED, RunState.STOPPED), RunState.RUNNING, **put)

    def cancel(self, run: Run) -> bool:
        """End a run where it stands. What is in the lanes is delivered all the same."""
        return self.move(run, OPEN, RunState.CANCELLED, phase="cancelled")

    def put_off(self, run: Run, wait_s: float, reason: str, tries: int) -> None:
        """Look at a run again later."""
        due_ms = int((time.time() + wait_s) * 1000)
        self.move(run, (RunState.RUNNING,), RunState.RUNNING, due=due_ms, reason=reason, tries=tries)

    def count(self, number: str, counts: Mapping[str, int]) -> None:
        """Add to a run's counts: what became of its contacts."""
        pipe = self._client.pipeline(transaction=False)
        for name, by in counts.items():
            if by:
                pipe.hincrby(keys.run(number), f"n.{name}", by)
        pipe.execute()

    @contextmanager
    def lease(self, number: str) -> Iterator[bool]:
        """Hold a run's lease while the block works; gives False when another has it."""
        key, token = keys.run(number, "lease"), secrets.token_hex(8)
        if not self._client.set(key, token, nx=True, px=LEASE_MS):
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
        """Return how many people of runs still wait for their first delivery in a lane."""
        return int(self._scripts.run("run_left", lane))

    def lookup(self, pairs: Sequence[tuple[str, str]]) -> list[Known | None]:
        """Return what is known of the people behind (ref, fingerprint of the address), None for who is new."""
        if not pairs:
            return []
        text = json.dumps(pairs, separators=(",", ":"))
        answer = self._scripts.run("run_lookup", text)
        return [Known(as_text(raw[0]), as_text(raw[1]), raw[2] == b"1") if raw else None for raw in answer]


@dataclass(frozen=True, slots=True)
class Known:
    """A person whom a pulled record leads to.

    Args:
        person: their number.
        record: what is known, as JSON.
        is_all: whether that is all there is to know: the address is the one we know, and nothing waits.
    """

    person: str
    record: str
    is_all: bool


def _text(value: Json) -> str:
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _run(number: str, raw: Mapping[str, str]) -> Run:
    return Run(
        id=number,
        source=raw["source"],
        resource=raw["resource"],
        kind=RunKind(raw["kind"]),
        state=RunState(raw["state"]),
        by=raw.get("by", ""),
        is_dry=raw.get("dry") == "1",
        is_forced=raw.get("force") == "1",
        since_ms=int(raw["since"]) if raw.get("since") else None,
        cursor=json.loads(raw["cursor"]) if raw.get("cursor") else None,
        version=raw.get("v", "0"),
        total=int(raw["total"]) if raw.get("total") else None,
        counts={name: int(raw.get(f"n.{name}", 0)) for name in COUNTS},
        rate=float(raw.get("rate") or 0),
        waiting=int(raw.get("waiting") or 0),
        phase=raw.get("phase", ""),
        reason=raw.get("reason", ""),
        remedy=raw.get("remedy", ""),
        notes=tuple(json.loads(raw["notes"])) if raw.get("notes") else (),
        due_ms=int(raw.get("due") or 0),
        tries=int(raw.get("tries") or 0),
        started_ms=int(raw["started"]),
        updated_ms=int(raw["updated"]),
        ended_ms=int(raw.get("ended") or 0),
    )


def run_json(run: Run) -> dict[str, Any]:
    """Return a run as the API and the CLI's JSON tell it."""
    return {
        "id": run.id,
        "source": run.source,
        "resource": run.resource,
        "kind": str(run.kind),
        "state": str(run.state),
        "by": run.by,
        "dry_run": run.is_dry,
        "forced": run.is_forced,
        "since_ms": run.since_ms,
        "total": run.total,
        "counts": dict(run.counts),
        "rate": round(run.rate, 1),
        "share": run.share,
        "left_s": run.left_s,
        "phase": run.phase,
        "reason": run.reason,
        "remedy": run.remedy,
        "notes": list(run.notes),
        "started_ms": run.started_ms,
        "updated_ms": run.updated_ms,
        "ended_ms": run.ended_ms or None,
    }
