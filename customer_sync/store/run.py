"""What a run is: its state, its counts, how a page moves it. Pure; `customer_sync.store.runs` keeps them in Redis."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from customer_sync.model import CUSTOMERS, Json, to_iso

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
    #: All records, and after that the customers who were deleted at the source.
    COMPARE = "compare"


#: How many notes a run has at most.
KEPT_NOTES = 20

#: Count → what it counts; the names are the same in Redis, the API and the CLI's JSON.
COUNTS: Mapping[str, str] = {
    "read": "records that the source gave",
    "changed": "records whose changes went into the lane",
    "unchanged": "records that changed nothing",
    "refused": "records that could not be understood",
    "disputed": "records that say something else than is known here, and are older by their time",
    "creates": "contacts that are new to Brevo, at most: a customer of whom several pages tell counts on each",
    "updates": "contacts that change",
    "record_creates": "records of orders, products and carts, one for each skill, that are new or waited for",
    "record_updates": "records of orders, products and carts that change",
    "phones": "of the contacts that are new: those with a phone or another value that only one contact may have",
    "joins": "of the contacts that are new: those that go onto a list",
    "phone_updates": "of the contacts that change: those of which such a value is new or another",
    "join_updates": "of the contacts that change: those that go onto a list",
    "blocks": "contacts that are blocked",
    "unlists": "contacts that leave a list",
    "deletes": "contacts that are deleted",
    "empties": "contacts of which a field is emptied",
    "harmed": "contacts to which at least one of these four happens",
    "held": "records with such a change that wait until the run has read and counted everything",
    "sent": "contacts and records that Brevo accepted",
    "same": "contacts and records that needed no call in the end",
    "failed": "contacts and records that were parked",
    "retried": "deliveries that must be tried again",
    "pages": "pages read",
}
#: What the count of one field among the disputed records begins with.
DIFFERS = "differs."


@dataclass(frozen=True, slots=True)
class Run:
    """One batch sync, as it stands.

    Args:
        id: a number, as text; the newer, the larger.
        source: whom it reads.
        resource: what it reads: customers, orders, products.
        kind: what it reads.
        state: see `RunState`.
        by: what started it: `cli`, `schedule`, `dashboard`, `install`.
        is_dry: whether it only counts.
        is_forced: whether the brake is off.
        is_braked: whether the brake stopped it: what it holds waits for a person.
        since_ms: only what changed at that time or later; None reads everything.
        cursor: where the next page starts; None at the beginning.
        version: grows with each page; proves that no other process moved the run.
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
        measured_ms: when the number that waits last became smaller, after the reading; 0 before.
        ended_ms: when it was done or cancelled; 0 while it is open.
        lanes: the lanes that its changes went into: it is done when they are.
        differing: field → in how many of the disputed records it differs.
    """

    id: str
    source: str
    resource: str
    kind: RunKind
    state: RunState
    by: str
    is_dry: bool
    is_forced: bool
    is_braked: bool
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
    measured_ms: int = 0
    lanes: tuple[str, ...] = ()
    differing: Mapping[str, int] = field(default_factory=dict)

    @property
    def is_open(self) -> bool:
        """Whether it still has the lock of its source and resource."""
        return self.state in OPEN

    @property
    def place(self) -> str:
        """What it reads, for people: the source, and the resource where that is not customers."""
        return self.source if self.resource == CUSTOMERS else f"{self.source} ({self.resource})"

    @property
    def event_id(self) -> str:
        """The event id under which its changes wait in the lanes."""
        return EVENT_PREFIX + self.id

    def noted(self, *notes: str) -> list[Json]:
        """Return its notes with these after them, each once, as they are written."""
        said: list[Json] = [*dict.fromkeys([*self.notes, *notes])]
        return said[:KEPT_NOTES]

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
    """The source has an open run of this resource already.

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
        same: people of whom nothing is news, and their imprints; not set where something was put to them since the
            lookup that left the token.
        token: see `Runs.lookup`.
        held: changes that the run holds back, as text.
        released: how many of those that it held first go into the lanes with this move.
    """

    run: str
    version: str
    put: dict[str, Json] = field(default_factory=dict)
    add: dict[str, int] = field(default_factory=dict)
    seen: Sequence[str] = ()
    marks: bool = False
    same: Sequence[tuple[str, str]] = ()
    token: str = ""
    held: Sequence[str] = ()
    released: int = 0

    def encode(self, *, is_last: bool) -> str:
        """Return the form `commit.lua` takes; only the last part of a page moves the run."""
        fields = {name: as_stored(value) for name, value in self.put.items()} if is_last else {}
        return json.dumps(
            {
                "run": self.run,
                "version": self.version,
                "put": fields,
                "add": self.add if is_last else {},
                "seen": list(self.seen) if is_last else [],
                "marks": self.marks,
                "same": list(self.same) if is_last else [],
                "token": self.token,
                "held": list(self.held) if is_last else [],
                "released": self.released if is_last else 0,
                "last": is_last,
            }
        )


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


def as_stored(value: Json) -> str:
    """Return a value as a field of the run's hash: texts as they are, nothing as "", the rest as JSON."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def read_run(number: str, raw: Mapping[str, str]) -> Run:
    """Return the run of a stored hash."""
    return Run(
        id=number,
        source=raw["source"],
        resource=raw["resource"],
        kind=RunKind(raw["kind"]),
        state=RunState(raw["state"]),
        by=raw.get("by", ""),
        is_dry=raw.get("dry") == "1",
        is_forced=raw.get("force") == "1",
        is_braked=raw.get("braked") == "1",
        since_ms=int(raw["since"]) if raw.get("since") else None,
        cursor=json.loads(raw["cursor"]) if raw.get("cursor") else None,
        version=raw.get("v", "0"),
        total=int(raw["total"]) if raw.get("total") else None,
        counts={name: int(raw.get(f"n.{name}", 0)) for name in COUNTS},
        differing={
            name.removeprefix(f"n.{DIFFERS}"): int(by) for name, by in raw.items() if name.startswith(f"n.{DIFFERS}")
        },
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
        measured_ms=int(raw.get("measured") or 0),
        lanes=tuple(raw.get("lanes", "").split()),
    )


def run_json(run: Run, outlook: Json = None) -> dict[str, Json]:
    """Return a run as the API and the CLI's JSON tell it, with what is ahead of it at Brevo; None: nothing is known."""
    counts: dict[str, Json] = dict(run.counts)
    return {
        "id": run.id,
        "source": run.source,
        "resource": run.resource,
        "kind": str(run.kind),
        "state": str(run.state),
        "by": run.by,
        "dry_run": run.is_dry,
        "forced": run.is_forced,
        "braked": run.is_braked,
        "since": to_iso(run.since_ms) if run.since_ms is not None else None,
        "total": run.total,
        "counts": counts,
        "differing": {**run.differing},
        "rate_per_s": round(run.rate, 1),
        "share": run.share,
        "left_s": run.left_s,
        "phase": run.phase,
        "reason": run.reason,
        "remedy": run.remedy,
        "notes": list(run.notes),
        "outlook": outlook,
        "started_at": to_iso(run.started_ms),
        "updated_at": to_iso(run.updated_ms),
        "ended_at": to_iso(run.ended_ms) if run.ended_ms else None,
    }
