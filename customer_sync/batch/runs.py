"""Runs: batch syncs. A page from the source becomes changes in the lanes; the same atomic step moves the cursor.

    step       one page: pull → events → appraise → brake → lanes and cursor
    appraise   what each record would change: nothing, or a create, an update, a block, ...
    finish     every page is in the lanes: wait until all changes are delivered, then the run is done

A run has no path of its own to Brevo: it puts changes into the same lanes as a webhook, behind live work. Any worker
can run any step, even twice; the run's hash in Redis decides (see `customer_sync.store.runs`).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from customer_sync.base.log import get
from customer_sync.batch.appraisal import Appraisal
from customer_sync.brevo.contacts.contact_plan import Rules
from customer_sync.engine.plan import Planned, Request, commit
from customer_sync.errors import ConfigError, Parkable, PayloadError, TryLater, Unavailable
from customer_sync.kit.connector import Connector
from customer_sync.kit.reach import Access, Page, Want
from customer_sync.model import Event, Json, Kind, from_ms
from customer_sync.pipeline import Line, StepResult
from customer_sync.store.run import PageMove, Run, RunKind, RunState, Slot

log = get(__name__)

#: The resource whose records are customers.
CUSTOMERS: Final = "customers"
#: No page is read while more items than this wait in a lane of the run: so the use of memory stays limited.
HIGH_WATER: Final = 60_000
#: How many records are put into the lanes in one step; a step blocks Redis for about ten milliseconds.
PART: Final = 200
#: A page that fails this often in a row stops the run.
MAX_TRIES: Final = 8
#: How often a source that does not answer is asked, at most every five minutes, before its run stops: about a day.
MAX_AWAY: Final = 300
MAX_AWAY_WAIT_S: Final = 300.0
#: How far before the last run an incremental run begins, in seconds: clocks differ, filters are coarse.
OVERLAP_S: Final = 600.0
#: How quickly the measured rate follows, in seconds.
RATE_WINDOW_S: Final = 20.0
#: How many people one step of a compare run looks at to find deleted customers, and how many it asks the source for.
GONE_SCAN: Final = 5_000
GONE_ASK: Final = 100
#: How soon a run that only waits for its deliveries is looked at again, in seconds.
DELIVERING_LOOK_S: Final = 1.0


@dataclass(slots=True)
class Puller:
    """What the steps of runs work with.

    Args:
        line: the line.
        rules: the operator's decisions and the account's attributes, as they are now.
        access: source → how its platform is reached; None when it cannot be pulled.
        compared: called when a compare run is done; it begins the comparison with Brevo.
    """

    line: Line
    rules: Callable[[], Rules]
    access: Callable[[str], Access | None]
    compared: Callable[[Run], None] = lambda _: None

    def connector(self, source: str) -> Connector:
        """Return the connector of a source.

        Raises:
            ConfigError: there is none.
        """
        connector = self.line.connectors.get(source)
        if connector is None:
            raise ConfigError(f"The source {source} is not in tajo.yaml.", "Add it again, or cancel the run.")
        return connector

    def reach(self, source: str) -> tuple[Connector, Access]:
        """Return a source's connector and how its platform is reached.

        Raises:
            ConfigError: it cannot be pulled.
        """
        connector, access = self.connector(source), self.access(source)
        if access is None or not connector.pulls:
            raise ConfigError(
                f"{connector.title} cannot be pulled with these settings.",
                f"Add its keys below connectors.{source} in tajo.yaml, or run `tajo connectors connect {source}`.",
            )
        return connector, access


def can_pull(puller: Puller, source: str) -> bool:
    """Tell whether a source's settings or its stored connection allow a pull at all."""
    connector = puller.line.connectors.get(source)
    return connector is not None and bool(connector.pulls) and puller.access(source) is not None


# starting -----------------------------------------------------------------------------------------------------------


def start(  # noqa: PLR0913  # what a run is started with, most of it with a default
    puller: Puller,
    source: str,
    kind: RunKind,
    *,
    resource: str = CUSTOMERS,
    by: str = "cli",
    is_dry: bool = False,
    is_forced: bool = False,
) -> Run:
    """Start a run and wake a worker for it. An incremental run of a resource that was never read becomes a full run.

    Raises:
        ConfigError: the source cannot be pulled.
        Busy: it has an open run of this resource.
    """
    kind, since_ms = _kind(puller, source, kind, resource)
    run = puller.line.store.runs.start(
        source, kind, resource=resource, since_ms=since_ms, by=by, is_dry=is_dry, is_forced=is_forced
    )
    assert run is not None  # only a slot can be done already
    return _begun(puller, run)


def start_slot(puller: Puller, source: str, kind: RunKind, slot: Slot) -> Run | None:
    """Start the run of a slot; None when the slot had its run already.

    Raises:
        ConfigError: the source cannot be pulled.
        Busy: the source has an open run; the slot waits.
    """
    kind, since_ms = _kind(puller, source, kind)
    run = puller.line.store.runs.start(source, kind, since_ms=since_ms, by="schedule", slot=slot)
    return None if run is None else _begun(puller, run)


def _kind(puller: Puller, source: str, kind: RunKind, resource: str = CUSTOMERS) -> tuple[RunKind, int | None]:
    """Return the kind of run that is really started, and since when it reads changes."""
    puller.reach(source)
    if kind is not RunKind.INCREMENTAL:
        return kind, None
    until_ms = puller.line.store.runs.reach(source, resource).get("until_ms")
    return (RunKind.FULL, None) if until_ms is None else (kind, until_ms - int(OVERLAP_S * 1000))


def _begun(puller: Puller, run: Run) -> Run:
    log.info("run started", run=run.id, source=run.source, kind=str(run.kind), by=run.by)
    puller.line.wake(f"pull:{run.id}")
    return run


# one step -----------------------------------------------------------------------------------------------------------


def step(puller: Puller, number: str) -> StepResult:
    """Do the next step of a run; `wait_s` is None when another worker has the run, or the run has ended or stopped."""
    runs = puller.line.store.runs
    with runs.lease(number) as is_ours:
        run = runs.read(number) if is_ours else None
        if run is None or run.state not in {RunState.RUNNING, RunState.DELIVERING}:
            return StepResult(did_work=False, wait_s=None)
        wait_s = _must_wait(puller, run)
        if wait_s is not None:
            return StepResult(did_work=False, wait_s=wait_s)
        if run.state is RunState.DELIVERING:
            return _finish(puller, run)
        try:
            return _page(puller, run)
        except (ConfigError, Parkable, PayloadError, TryLater, Unavailable) as error:
            _hindered(puller, run, error)
            return StepResult(did_work=False, wait_s=None)


def _must_wait(puller: Puller, run: Run) -> float | None:
    wait_s = (run.due_ms - puller.line.clock()) / 1000
    if wait_s > 0:
        return wait_s
    if run.is_dry or run.state is not RunState.RUNNING:
        return None
    lanes = puller.line.store.lanes
    return 0.5 if any(lanes.depth(lane)[0] > HIGH_WATER for lane in run.lanes) else None


def _page(puller: Puller, run: Run) -> StepResult:
    began = time.monotonic()
    page, phase = _read(puller, run)
    store = puller.line.store
    work = Appraisal(puller.line, puller.rules(), run)
    work.judge(page.events)
    harm = work.harm(run.counts, store.people.count())
    if harm and not run.is_forced and not run.is_dry:
        remedy = f"Look at the source. If it is meant so: `tajo runs resume {run.id} --force`."
        _stop(puller, run, harm, remedy, is_braked=True)
        return StepResult(did_work=False, wait_s=None)
    put = _after(run, page, phase, work.notes + [harm] * bool(harm), puller.line.clock())
    move = PageMove(run.id, run.version, put, {**work.counts, "pages": 1}, work.seen, run.kind is RunKind.COMPARE)
    if not _commit(puller, [] if run.is_dry else work.events, move):
        return StepResult(did_work=False, wait_s=None)  # another process paused, cancelled or moved the run
    if put.get("state") == RunState.DELIVERING and not run.is_dry:
        full = {} if run.kind is RunKind.INCREMENTAL else {"full_ms": run.started_ms}
        store.runs.set_reach(run.source, run.resource, until_ms=run.started_ms, **full)
    store.counters.add(work.tally())
    took_ms = int((time.monotonic() - began) * 1000)
    log.info("page read", run=run.id, source=run.source, records=len(page.events), ms=took_ms)
    return StepResult(did_work=True, wait_s=page.wait_s or 0.0)


def _read(puller: Puller, run: Run) -> tuple[Page, str]:
    """Return the next page and what the run is doing, for people."""
    connector, access = puller.reach(run.source)
    cursor = run.cursor or {}
    if "gone" in cursor:
        return _gone_page(puller, run, connector, access), "looking who is gone at the source"
    at = cursor.get("source")
    since = None if run.since_ms is None else from_ms(run.since_ms)
    page = connector.pull(Want(run.resource, at if isinstance(at, dict) else None, since), access)
    return page, "reading" if page.events or run.counts["read"] else "waiting for the source to prepare its answer"


def _after(run: Run, page: Page, phase: str, notes: Sequence[str], now_ms: int) -> dict[str, Json]:
    """Return the fields of a run to be stored together with the page."""
    put: dict[str, Json] = {
        "phase": phase,
        "reason": "",
        "remedy": "",
        "tries": 0,
        "due": now_ms + int(page.wait_s * 1000) if page.wait_s else 0,
        "notes": run.noted(*page.notes, *notes),
    }
    if page.events:
        put["rate"] = _smooth(run, len(page.events), now_ms)
    if page.total is not None:
        put["total"] = page.total
    is_in_gone = "gone" in (run.cursor or {})
    if page.cursor is not None:
        put["cursor"] = dict(page.cursor) if is_in_gone else {"source": dict(page.cursor)}
    elif run.kind is RunKind.COMPARE and run.resource == CUSTOMERS and not is_in_gone:
        put |= {"cursor": {"gone": 1}, "phase": "looking who is gone at the source", "due": 0}
    else:
        put |= {"state": RunState.DELIVERING, "phase": "", "due": 0, "rate": 0}
    return put


def _smooth(run: Run, done: int, now_ms: int) -> float:
    """Return the rate a second after `done` more since the run last moved, smoothed over `RATE_WINDOW_S`."""
    took_s = max(0.001, (now_ms - run.updated_ms) / 1000)
    latest = done / took_s
    weight = 1.0 if run.rate <= 0 else 1 - math.exp(-took_s / RATE_WINDOW_S)
    return round(run.rate + weight * (latest - run.rate), 3)


def _commit(puller: Puller, events: Sequence[Planned], move: PageMove) -> bool:
    """Put a page into the lanes in parts; the last part moves the run. False when another process moved the run."""
    line = puller.line
    for start_at in range(0, max(1, len(events)), PART):
        part = events[start_at : start_at + PART]
        requests = [Request("", part)] if part else []
        page = move.encode(is_last=start_at + PART >= len(events))
        if not commit(line.store, requests, line.wake, page).is_done:
            return False
    return True


# who is gone --------------------------------------------------------------------------------------------------------


def _gone_page(puller: Puller, run: Run, connector: Connector, access: Access) -> Page:
    """Return events for the next people of the source that the run did not see: their present state, or deleted.

    A person missing from the pages does not count as deleted: the source is asked for each missing person by id.
    """
    if run.resource not in connector.fetches:
        return Page(
            (), None, notes=(f"{connector.title} cannot be read by id: deletions are heard of by webhook only.",)
        )
    store = puller.line.store
    bits, people = store.runs.seen(run.id), store.people.count()
    number = int(str((run.cursor or {}).get("gone", 1)))
    ids: list[str] = []
    while number <= people and len(ids) < GONE_ASK:
        unseen = [n for n in range(number, min(number + GONE_SCAN, people + 1)) if not _bit(bits, n)]
        number = min(number + GONE_SCAN, people + 1)
        for index in range(0, len(unseen), GONE_ASK):
            ids += _missing_ids(puller, run, unseen[index : index + GONE_ASK])
            if len(ids) >= GONE_ASK:
                number = unseen[min(index + GONE_ASK, len(unseen)) - 1] + 1
                break
    events: list[Event | PayloadError] = []
    for index in range(0, len(ids), GONE_ASK):
        asked = ids[index : index + GONE_ASK]
        found = connector.fetch(run.resource, asked, access)
        here = {one.record_id for one in found if isinstance(one, Event)}
        # a record that could not be read is not deleted
        is_sure = not any(isinstance(one, PayloadError) for one in found)
        events += [*found, *(_deleted(run, one) for one in asked if is_sure and one not in here)]
    return Page(events, {"gone": number} if number <= people else None)


def _bit(bits: bytes, n: int) -> bool:
    return n >> 3 < len(bits) and bool(bits[n >> 3] & (0x80 >> (n & 7)))


def _missing_ids(puller: Puller, run: Run, numbers: Sequence[int]) -> list[str]:
    """Return the source's ids of those people who are active customers there, as far as we know."""
    ids = []
    for person in puller.line.store.people.read_many([str(n) for n in numbers]):
        for record in person.records.values():
            is_theirs = record.id is not None and record.source == run.source
            if is_theirs and not record.is_deleted and record.claim[0] < run.started_ms:
                ids.append(str(record.id))
    return ids


def _deleted(run: Run, record_id: str) -> Event:
    return Event(
        id=f"gone:{run.id}:{record_id}",
        source=run.source,
        kind=Kind.CUSTOMER_DELETED,
        occurred_at=from_ms(run.started_ms),
        record_id=record_id,
        customer_id=record_id,
        topic="gone",
    )


# the end ------------------------------------------------------------------------------------------------------------


def _finish(puller: Puller, run: Run) -> StepResult:
    """End a run when all its changes are delivered; until then store what they wait for."""
    store = puller.line.store
    left_in = {} if run.is_dry else {lane: store.runs.left_to_deliver(lane) for lane in run.lanes}
    left = sum(left_in.values())
    if left:
        pauses = [store.breakers.read(lane) for lane, waiting in left_in.items() if waiting]
        pause, now_ms = next((one for one in pauses if one is not None), None), puller.line.clock()
        store.runs.move(
            run,
            (RunState.DELIVERING,),
            RunState.DELIVERING,
            phase=f"{left:,} wait",
            waiting=left,
            rate=_smooth(run, max(0, run.waiting - left), now_ms) if run.waiting else 0,
            reason=pause.reason if pause else "",
            remedy=pause.remedy if pause else "",
            due=now_ms + int(DELIVERING_LOOK_S * 1000),
        )
        return StepResult(did_work=False, wait_s=None)
    if store.runs.move(run, (RunState.DELIVERING,), RunState.DONE, phase="", reason="", remedy=""):
        log.info("run done", run=run.id, source=run.source, **{name: n for name, n in run.counts.items() if n})
        if run.kind is RunKind.COMPARE and not run.is_dry:
            puller.compared(run)
    return StepResult(did_work=True, wait_s=None)


def _hindered(puller: Puller, run: Run, error: ConfigError | Parkable | PayloadError | TryLater | Unavailable) -> None:
    """Put a run off, or stop it; its cursor stays."""
    again = f"`tajo runs resume {run.id}` goes on at the same place."
    store, now_ms = puller.line.store, puller.line.clock()
    if isinstance(error, ConfigError | Parkable):
        _stop(puller, run, error.reason, f"{error.remedy} Then {again}")
    elif isinstance(error, TryLater) and not error.burns:
        store.runs.put_off(run, now_ms + int((error.after_s or 1.0) * 1000), str(error), run.tries)
    elif run.tries + 1 >= (MAX_AWAY if isinstance(error, Unavailable) else MAX_TRIES):
        _stop(puller, run, str(error), f"See what the source answers. {again}")
    else:
        wait_s = error.after_s if isinstance(error, TryLater) and error.after_s else min(MAX_AWAY_WAIT_S, 2**run.tries)
        # throttling is normal and needs no note; a failure is noted, and the note stays after the run's end
        note = f"A page was put off: {error}"
        store.runs.put_off(run, now_ms + int(wait_s * 1000), str(error), run.tries + 1, note=note)
        log.warning("page put off", run=run.id, source=run.source, reason=str(error), wait_s=wait_s)


def _stop(puller: Puller, run: Run, reason: str, remedy: str, *, is_braked: bool = False) -> None:
    store = puller.line.store
    put: dict[str, Json] = {"phase": "stopped", "reason": reason, "remedy": remedy, "braked": int(is_braked)}
    if store.runs.move(run, (RunState.RUNNING,), RunState.STOPPED, **put):
        store.ledger.alert(f"Run {run.id} of {run.source} stopped: {reason}", remedy, source=run.source)
        log.error("run stopped", run=run.id, source=run.source, reason=reason, remedy=remedy)
