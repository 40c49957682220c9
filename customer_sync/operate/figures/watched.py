"""What is watched beside the numbers: the account, runs that do not get on, the sources' webhooks, the schedule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from customer_sync.batch.cron import latest_slot
from customer_sync.batch.puller import pull_slot
from customer_sync.batch.upkeep import is_unheard, webhooks_note
from customer_sync.brevo.contacts.handler import CONTACTS
from customer_sync.brevo.webhooks import SOURCE as BREVO
from customer_sync.config import Settings
from customer_sync.destinations import LANES
from customer_sync.model import from_ms, to_ms
from customer_sync.operate.first_sync import waiting_sources
from customer_sync.skills.needs import pulled_of
from customer_sync.store import Store
from customer_sync.store.doors import Door
from customer_sync.store.hosts import Skew
from customer_sync.store.notices import TargetState
from customer_sync.store.proofs import Closing
from customer_sync.store.run import Run, RunState

#: The note of the last look at the account: `{"at_ms": when, "scheduled_ms": when the schedule did
#: one, "checks": rows}`; a row is [name, verdict, cause, fix, why, code].
ACCOUNT_NOTE = "account_look"
#: A scheduled pull that did not begin this long after its time is overdue, in ms.
GRACE_MS = 15 * 60 * 1000
#: A page that failed this often in a row hinders its run.
HINDERED_TRIES = 3
#: A run that somebody paused may have been forgotten after this time, in ms; the schedule waits for it.
PAUSED_MS = 3_600_000


class Check(NamedTuple):
    """One check of the account as it was remembered; see `customer_sync.operate.doctor.findings.Finding`."""

    name: str
    verdict: str
    cause: str
    fix: str
    why: str
    code: str


@dataclass(frozen=True, slots=True)
class Watched:
    """What is watched; empty where Redis does not answer.

    Args:
        account: what the last look at the account found.
        account_ms: when that was; None: nobody has looked yet.
        scheduled_ms: when the schedule looked last; None: never.
        runs: the runs that are stopped, whose page fails again and again, or that are paused for long, or with changes
            that they hold back.
        doors: source → what came of its webhooks, Brevo's own among them.
        listening: the sources that get webhooks.
        keyed: the sources whose webhook secret is in the settings.
        upkeep: source → what is wrong with its webhooks at the platform.
        overdue: source → when it was to be read and was not, in ms.
        unserved: source → its platform, whose connector cannot be loaded.
        waiting: the sources whose first full run waits for a word.
        skews: the hosts whose clocks are wrong.
        notices: target of our own notices → how it takes them.
        closings: what imports did before and do no more → what was seen.
        keeps_requests: whether requests can be kept somewhere; None: nobody looked.
    """

    account: tuple[Check, ...] = ()
    account_ms: int | None = None
    scheduled_ms: int | None = None
    runs: tuple[Run, ...] = ()
    doors: Mapping[str, Door] = field(default_factory=dict)
    listening: tuple[str, ...] = ()
    keyed: frozenset[str] = frozenset()
    upkeep: Mapping[str, str] = field(default_factory=dict)
    overdue: Mapping[str, int] = field(default_factory=dict)
    unserved: Mapping[str, str] = field(default_factory=dict)
    waiting: tuple[str, ...] = ()
    skews: tuple[Skew, ...] = ()
    notices: Mapping[str, TargetState] = field(default_factory=dict)
    closings: Mapping[str, Closing] = field(default_factory=dict)
    keeps_requests: bool | None = None


def is_account_due(store: Store, now_ms: int, every_s: float) -> bool:
    """Tell whether the account is to be looked at: the last look is older, or it found Brevo refusing or away.

    A lane that waits for Brevo is a reason, too: with nothing in it, nobody else finds out that Brevo answers again.
    """
    noted = store.note(ACCOUNT_NOTE)
    if noted is None or now_ms - (noted["scheduled_ms"] or 0) >= every_s * 1000:
        return True
    is_bad = any(Check(*one).code in {"brevo_key", "brevo_away"} for one in noted["checks"])
    return is_bad or any(store.breakers.read(lane.name) for lane in LANES if lane.destination == CONTACTS.destination)


def remember_account(
    store: Store, checks: Sequence[tuple[str, str, str, str, str, str]], *, by_schedule: bool = True
) -> None:
    """Keep what a look at the account found, with the time by Redis' clock."""
    now_ms = store.now_ms()
    scheduled_ms = now_ms if by_schedule else (store.note(ACCOUNT_NOTE) or {}).get("scheduled_ms")
    found = {"at_ms": now_ms, "scheduled_ms": scheduled_ms, "checks": [list(one) for one in checks]}
    store.set_note(ACCOUNT_NOTE, found)


def read_watched(store: Store, settings: Settings, now_ms: int) -> Watched:
    """Return what is watched.

    Args:
        store: all that Redis holds.
        settings: the config.
        now_ms: the time by Redis' clock.

    Raises:
        redis.RedisError: Redis does not answer.
    """
    noted = store.note(ACCOUNT_NOTE) or {}
    open_runs, stopped = store.runs.open_runs(), store.runs.braked()
    known = {*settings.sources, BREVO}
    return Watched(
        account=tuple(Check(*one) for one in noted.get("checks", ())),
        account_ms=noted.get("at_ms"),
        scheduled_ms=noted.get("scheduled_ms"),
        runs=(
            *stopped,
            *(run for run in open_runs if _is_hindered(run, now_ms) and run.id not in {one.id for one in stopped}),
        ),
        doors={source: door for source, door in store.doors.read().items() if source in known},
        listening=tuple(
            name
            for name, source in settings.sources.items()
            if source.secrets and settings.options_for(name).sync_mode != "batch"
        ),
        keyed=frozenset(name for name, source in settings.sources.items() if any(source.secrets)),
        upkeep=_upkeep(store, settings, now_ms),
        overdue=_overdue(store, settings, now_ms, {(run.source, run.resource) for run in open_runs}),
        unserved=dict(settings.unserved),
        waiting=tuple(waiting_sources(settings, store)),
        skews=tuple(store.hosts.skews()),
        notices={one.name: store.notices.state(one.name, one.address) for one in settings.notifications.targets},
        closings=store.proofs.read().closed,
    )


def _is_hindered(run: Run, now_ms: int) -> bool:
    if run.state is RunState.PAUSED:
        return not run.is_dry and (bool(run.counts["held"]) or now_ms - run.updated_ms > PAUSED_MS)
    return run.state is RunState.STOPPED or (run.state is RunState.RUNNING and run.tries >= HINDERED_TRIES)


def _upkeep(store: Store, settings: Settings, now_ms: int) -> dict[str, str]:
    found: dict[str, str] = {}
    for source in settings.sources:
        note = store.note(webhooks_note(source))
        address = f"{settings.public_url.rstrip('/')}/webhooks/{source}" if settings.public_url else None
        if note is None:
            continue
        if note["failed"]:
            found[source] = f"{len(note['failed'])} could not be made"
        elif address is not None and note["address"] != address:
            found[source] = "they lead to another address"
        elif is_unheard(store, source, now_ms):
            found[source] = "none of their calls has arrived"
    return found


def _overdue(store: Store, settings: Settings, now_ms: int, busy: set[tuple[str, str]]) -> dict[str, int]:
    """Return the sources that were pulled by the schedule before, and whose next pull did not begin."""
    found: dict[str, int] = {}
    for source, sync in settings.source_sync.items():
        if sync.schedule.pull is None or settings.options_for(source).sync_mode == "realtime":
            continue
        due_at = latest_slot(sync.schedule.pull, from_ms(now_ms - GRACE_MS))
        idle = [one for one in pulled_of(settings, source) if (source, one) not in busy]
        done = [store.runs.slot(pull_slot(source, one)) for one in idle]
        if due_at is not None and any(at_ms is not None and to_ms(due_at) > at_ms for at_ms in done):
            found[source] = to_ms(due_at)
    return found
