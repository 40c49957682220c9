"""Runs: where each stands; start, pause, resume, cancel."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Literal

from pydantic import Field

from customer_sync.api.filters import SpanQuery
from customer_sync.api.installation import Installation
from customer_sync.api.paging import Answer, Body, ListAnswer, bad_cursor
from customer_sync.api.problem import NOT_FOUND, Fault, Problem, conflict, not_found
from customer_sync.assembly import open_puller_of
from customer_sync.base.log import get
from customer_sync.batch.starts import Started, start_each
from customer_sync.errors import ConfigError
from customer_sync.store.paging import BadCursor, Page
from customer_sync.store.run import COUNTS, Busy, RunKind, RunState, run_json
from customer_sync.store.run import Run as Stored
from customer_sync.store.runs import KEPT_RUNS, Runs

log = get(__name__)

Verb = Literal["pause", "resume", "cancel"]
Resource = Literal["customers", "orders", "products", "carts"]
RESOURCE: Final = "Only this; null: customers, and what the skills that are on need beside."

_MOVES: Final[Mapping[Verb, Callable[[Runs, Stored, bool], bool]]] = {
    "pause": lambda runs, run, _: runs.pause(run),
    "resume": lambda runs, run, force: runs.resume(run, is_forced=force),
    "cancel": lambda runs, run, _: runs.cancel(run),
}


class DoorCost(Answer):
    """What one door is about in a run."""

    door: Literal["updates", "phones", "lists"]
    is_open: bool = Field(description="Whether imports may do this in the account.")
    why: str = Field(description="A code: open, trusted, or why it is closed.")
    people: int = Field(description="Whom it is about.")
    calls: int
    seconds: float | None
    proven_calls: int | None = Field(
        description="About how many calls it takes where the door is open; null where no proof can open it."
    )
    proven_seconds: float | None
    text: str


class Outlook(Answer):
    """How many calls a run takes, door by door, and how many a proof can save."""

    calls: int = Field(description="About how many calls to Brevo it takes as things are now.")
    seconds: float | None = Field(description="About how long they take; null where no limit holds them up.")
    rate_per_s: float = Field(description="The calls a second that Brevo allows; 0: no limit.")
    rate_is_assumed: bool = Field(description="Whether Brevo has not told that yet.")
    doors: list[DoorCost]


class Run(Answer):
    """One run, as it stands."""

    id: str
    source: str
    resource: str
    kind: RunKind
    state: RunState
    by: str = Field(description="Who started it: cli, api, dashboard, schedule, webhooks.")
    dry_run: bool
    forced: bool = Field(description="Whether the brake on mass changes is off.")
    braked: bool = Field(description="Whether the brake stopped it: what it holds back waits for a person.")
    since: str | None = Field(description="Only what changed since; null reads everything.")
    total: int | None = Field(description="How many records there are, where the platform tells.")
    counts: dict[str, int] = Field(description="; ".join(f"{name}: {meaning}" for name, meaning in COUNTS.items()))
    differing: dict[str, int] = Field(description="Field → in how many of the disputed records it differs.")
    rate_per_s: float
    share: float | None = Field(
        description="How much is read, then how much of it is delivered, 0 to 1; null when nobody can know."
    )
    left_s: float | None = Field(
        description="Seconds of reading, then of delivering, left at this rate; null when nobody can know."
    )
    phase: str
    reason: str
    remedy: str
    notes: list[str]
    outlook: Outlook | None = Field(
        description="What is ahead; of a run that is over, what the same again would take. null: it changes no contact."
    )
    started_at: str
    updated_at: str
    ended_at: str | None


class Begun(Run):
    """A run that has just begun, and those of the source's other resources that began with it."""

    others: list[Run] = Field(description="The runs of the source's other resources.")
    left_out: list[str] = Field(description="What was not begun, and why.")


class RunList(ListAnswer):
    """Runs, the newest first."""

    items: list[Run]


class RunQuery(SpanQuery):
    """Which runs are wanted, by the time of their start."""

    source: str | None = Field(default=None, description="Only those of this source.")
    state: RunState | None = Field(default=None, description="Only those in this state.")
    kind: RunKind | None = Field(default=None, description="Only those of this kind.")


class RunOrder(Body):
    """What a new run is to read."""

    source: str
    kind: RunKind = Field(
        default=RunKind.INCREMENTAL, description="What changed, everything, or everything and who is gone."
    )
    resource: Resource | None = Field(default=None, description=RESOURCE)
    dry_run: bool = Field(default=False, description="Count what would change; send nothing.")
    force: bool = Field(default=False, description="Take off the brake on mass changes.")


class RunMove(Body):
    """How a run is moved."""

    force: bool = Field(default=False, description="When it goes on: without the brake on mass changes.")


def list_runs(tajo: Installation, query: RunQuery) -> RunList:
    """Return runs, the newest first."""
    page = find_runs(tajo, query)
    return RunList(items=[run_of(tajo, run) for run in page.items], next_cursor=page.cursor)


def find_runs(tajo: Installation, query: RunQuery) -> Page[Stored]:
    """Return runs as they are stored, the newest first.

    Raises:
        Problem: the cursor is none.
    """
    try:
        return tajo.store().runs.page(
            query.limit,
            cursor=query.cursor,
            source=query.source,
            state=query.state,
            kind=query.kind,
            since_ms=query.since,
            until_ms=query.until,
        )
    except BadCursor as error:
        raise bad_cursor(error, query.cursor) from error


def show_run(tajo: Installation, number: str) -> Run:
    """Return one run, as it stands.

    Raises:
        Problem: there is none.
    """
    return run_of(tajo, find_run(tajo, number))


def start_run(tajo: Installation, body: RunOrder) -> Begun:
    """Start a run: of customers and what the skills that are on need beside, each of its own; or of one resource.

    Raises:
        Problem: there is no such source, or it cannot be read now.
    """
    return begun_of(tajo, start_order(tajo, body, tajo.by))


def begun_of(tajo: Installation, started: Started) -> Begun:
    """Return runs that have just begun as they are told."""
    first, *others = (run_of(tajo, run) for run in started.runs)
    return Begun(**first.model_dump(), others=others, left_out=[*started.notes])


def move_run(tajo: Installation, number: str, verb: Verb, body: RunMove) -> Run:
    """Pause, resume or cancel a run.

    Raises:
        Problem: there is none, or it is in a state that does not allow it.
    """
    runs = tajo.store().runs
    run = find_run(tajo, number)
    if not _MOVES[verb](runs, run, body.force):
        now = find_run(tajo, number)
        raise conflict(f"Run {number} is {now.state}: it cannot {verb}.", "Look at the run for what can be done.")
    log.info("run moved", run=number, verb=verb)
    return show_run(tajo, number)


def start_order(tajo: Installation, order: RunOrder, by: str) -> Started:
    """Start a run of each resource, and return them as they are stored.

    Args:
        tajo: the installation.
        order: what it is to read.
        by: who starts it, as runs note it.

    Raises:
        Problem: there is no such source, or it cannot be read now.
    """
    if order.source not in tajo.settings.sources:
        raise no_source(tajo, order.source)
    puller = open_puller_of(tajo.settings, tajo.store(), tajo.home)
    try:
        return start_each(
            puller,
            order.source,
            order.kind,
            resource=order.resource,
            by=by,
            is_dry=order.dry_run,
            is_forced=order.force,
        )
    except Busy as busy:
        text = f"Run {busy.run.id} of {busy.run.place} is {busy.run.state}; it has one run at a time."
        raise conflict(text, "Wait for it, or pause, resume or cancel it.") from busy
    except ConfigError as error:
        raise conflict(error.reason, error.remedy) from error


def no_source(tajo: Installation, found: str) -> Problem:
    """Return the problem that there is no such source, with those that there are."""
    names = sorted(tajo.settings.sources)
    remedy = f"Sources: {', '.join(names) or 'none is configured'}."
    detail = "There is no such source."
    return Problem(
        404, NOT_FOUND, detail, remedy, errors=[Fault(path="source", detail=detail, found=found, choices=names)]
    )


def find_run(tajo: Installation, number: str) -> Stored:
    """Return one run as it is stored.

    Raises:
        Problem: there is none.
    """
    is_number = number.isascii() and number.isdecimal() and len(number) < 12
    run = tajo.store().runs.read(number) if is_number else None
    if run is None:
        raise not_found("There is no such run.", f"The newest {KEPT_RUNS} are kept; `runs` lists them.")
    return run


def run_of(tajo: Installation, run: Stored) -> Run:
    """Return a run as it is told."""
    outlook = tajo.outlook().of(run)
    told: dict[str, Any] = run_json(run, outlook.to_json() if outlook else None)
    return Run.model_validate(told)
