"""Runs: batch syncs. A page from the source becomes changes in the lanes; the same atomic step moves the cursor.

    step       one page: pull → events → appraise → lanes and cursor; what would harm somebody is held back
    appraise   what each record would change: nothing, or a create, an update, a block, ...
    release    every page is read: the brake stops the run, or what was held back goes into the lanes
    finish     every page is in the lanes: wait until all changes are delivered, then the run is done

A run has no path of its own to Brevo: it puts changes into the same lanes as a webhook, behind live work. Any worker
can run any step, even twice; the run's hash in Redis decides (see `customer_sync.store.runs`).
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from customer_sync.base.log import get
from customer_sync.batch.appraisal import Appraisal
from customer_sync.batch.gone import gone_page
from customer_sync.batch.held import Held, harm
from customer_sync.batch.known import KnownRecords
from customer_sync.batch.puller import Puller
from customer_sync.engine.plan import Planned, Request, commit
from customer_sync.errors import ConfigError, Parkable, PayloadError, TryLater, Unavailable
from customer_sync.kit.reach import Page, Want
from customer_sync.model import CUSTOMERS, Json, from_ms
from customer_sync.pipeline import StepResult
from customer_sync.platforms.addresses import tell_of_new_addresses
from customer_sync.platforms.waits import tell_of_wait
from customer_sync.store import Store
from customer_sync.store.counters import Tally
from customer_sync.store.run import PageMove, Run, RunKind, RunState

log = get(__name__)

#: No page is read while more items than this wait in a lane of the run: so the use of memory stays limited.
HIGH_WATER: Final = 60_000
#: How soon it is looked again whether there is room, in seconds.
FULL_LOOK_S: Final = 0.5
#: A run that holds more changes back than this is stopped before it has read everything, for the same reason.
MOST_HELD: Final = 60_000
#: How many records are put into the lanes in one step; a step blocks Redis for about ten milliseconds.
PART: Final = 200
#: A page that fails this often in a row stops the run.
MAX_TRIES: Final = 8
#: How often a source that does not answer is asked, at most every five minutes, before its run stops: about a day.
MAX_AWAY: Final = 300
MAX_AWAY_WAIT_S: Final = 300.0
#: A page that failed this often in a row, which takes about a minute, may fail for long: what is held back goes first.
LET_GO_TRIES: Final = 6
#: How quickly the measured rate follows, in seconds.
RATE_WINDOW_S: Final = 20.0
#: For how long the same record is not told of again, in seconds.
TOLD_S: Final = 7 * 86_400
#: How soon a run that only waits for its deliveries is looked at again, in seconds.
DELIVERING_LOOK_S: Final = 1.0


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
        if _is_full(puller, run):
            _let_go(puller, run)
            return StepResult(did_work=False, wait_s=FULL_LOOK_S)
        try:
            return _release(puller, run) if _decides(run) else _page(puller, run)
        except (ConfigError, Parkable, PayloadError, TryLater, Unavailable) as error:
            _hindered(puller, run, error)
            return StepResult(did_work=False, wait_s=None)


def _must_be_wanted(puller: Puller, run: Run) -> None:
    """Return where somebody needs what the run reads: what nobody heard of must not count as read.

    Raises:
        ConfigError: nobody does now.
    """
    if run.resource != CUSTOMERS and run.resource not in puller.wanted(run.source):
        reason = f"No skill that is on needs the {run.resource} of {run.source}, or its sync: leaves them out."
        raise ConfigError(reason, "`tajo skills list` tells which skill does: switch it on.")


def _must_wait(puller: Puller, run: Run) -> float | None:
    wait_s = (run.due_ms - puller.line.clock()) / 1000
    return wait_s if wait_s > 0 else None


def _is_full(puller: Puller, run: Run) -> bool:
    """Tell whether the next page must wait because too much waits in the lanes; what is held back does not wait."""
    if run.is_dry or _decides(run):
        return False
    return any(puller.line.store.lanes.depth(lane)[0] > HIGH_WATER for lane in run.lanes)


def _page(puller: Puller, run: Run) -> StepResult:
    _must_be_wanted(puller, run)
    began = time.monotonic()
    store, rules = puller.line.store, puller.rules()
    known = KnownRecords.of(puller.line, rules, run)
    page, phase = _read(puller, run, known)
    work = Appraisal(puller.line, rules, run, known)
    work.judge(page.events, page.unchanged)
    counts = Counter(run.counts) + work.counts
    put = _after(run, page, phase, work.notes, puller.line.clock())
    if put.get("state") == RunState.DELIVERING:
        last = harm(counts, store.people.count()) if run.is_dry else _late(store, run, counts)
        put["notes"] = run.noted(*page.notes, *work.notes, *filter(None, [last]))
        if counts["held"] and not run.is_dry:
            put |= {"state": RunState.RUNNING, "cursor": {"held": 1}, "phase": "counting whom it would harm"}
    kinds = {**work.counts, "pages": 1}
    same, token = ([], "") if known is None or run.is_dry else (work.same, known.token)
    marks = run.kind is RunKind.COMPARE
    move = PageMove(run.id, run.version, put, kinds, work.seen, marks, same, token, work.held)
    if not _commit(puller, [] if run.is_dry else work.events, move):
        return StepResult(did_work=False, wait_s=None)  # another process paused, cancelled or moved the run
    store.counters.add(work.tally())
    if not run.is_dry:
        tell_of_new_addresses(store, puller.line.connectors, page.events)
    if work.left_out is not None and not run.is_dry:
        _tell_of_left_out(puller, run, *work.left_out)
    took_ms = int((time.monotonic() - began) * 1000)
    log.info("page read", run=run.id, source=run.source, records=page.records, ms=took_ms)
    return StepResult(did_work=True, wait_s=page.wait_s or 0.0)


def _late(store: Store, run: Run, counts: Counter[str]) -> str:
    """Return what a compare found that nothing else had brought, for people; "" where that is nothing, or no news."""
    if run.kind is not RunKind.COMPARE or not counts["changed"] or not store.runs.reach(run.source, run.resource):
        return ""
    return f"Records that no webhook and no pull had brought before: {counts['changed']:,}."


def _tell_of_left_out(puller: Puller, run: Run, fault: str, remedy: str) -> None:
    """Raise an alert of a record that cannot be read: once a week at most; the run itself goes on."""
    store, name = puller.line.store, f"left_out:{run.place}"
    if not run.counts["refused"] and store.note(name) != fault:
        store.set_note(name, fault, ttl_s=TOLD_S)
        more = f"`tajo runs show {run.id}` tells what else it left out."
        store.ledger.alert(
            f"A record of {run.place} was left out: {fault}.", f"{remedy} {more}".strip(), source=run.source
        )


def _read(puller: Puller, run: Run, known: KnownRecords | None) -> tuple[Page, str]:
    """Return the next page and what the run is doing, for people."""
    connector, access = puller.reach(run.source)
    cursor = run.cursor or {}
    if "gone" in cursor:
        return gone_page(puller, run, connector, access), "looking who is gone at the source"
    at = cursor.get("source")
    since = None if run.since_ms is None else from_ms(run.since_ms)
    page = connector.pull(Want(run.resource, at if isinstance(at, dict) else None, since, known), access)
    return page, "reading" if page.records or run.counts["read"] else "waiting for the source to prepare its answer"


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
    if page.records:
        put["rate"] = _smooth(run, page.records, now_ms, run.updated_ms)
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


def _smooth(run: Run, done: int, now_ms: int, since_ms: int) -> float:
    """Return the rate a second after `done` more since a time, smoothed over `RATE_WINDOW_S`."""
    took_s = max(0.001, (now_ms - since_ms) / 1000)
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


# what was held back -------------------------------------------------------------------------------------------------


def _decides(run: Run) -> bool:
    """Tell whether the next step is about what the run holds back: all is read, force is on, or it holds too much."""
    held = run.counts["held"]
    return "held" in (run.cursor or {}) or bool(held and run.is_forced) or held > MOST_HELD


def _release(puller: Puller, run: Run) -> StepResult:
    """Put the next part of what was held back into the lanes, unless the brake stops the run."""
    store = puller.line.store
    why = "" if run.is_forced else harm(run.counts, store.people.count())
    if why:
        _brake(puller, run, why)
        return StepResult(did_work=False, wait_s=None)
    part = _first_held(puller, run)
    is_last = len(part) < PART
    ends = is_last and "held" in (run.cursor or {})
    put: dict[str, Json] = {"state": RunState.DELIVERING, "phase": "", "due": 0, "rate": 0} if ends else {}
    left = {"held": -run.counts["held"] if is_last else -len(part)}
    is_done = _put_held(puller, run, part, put, left)
    return StepResult(did_work=is_done, wait_s=0.0 if is_done else None)


def _first_held(puller: Puller, run: Run) -> list[Held]:
    return [Held(text) for text in puller.line.store.runs.held(run.id, PART)]


def _put_held(puller: Puller, run: Run, part: Sequence[Held], put: dict[str, Json], left: dict[str, int]) -> bool:
    """Put the first held changes into the lanes; False when another process moved the run."""
    move = PageMove(run.id, run.version, put, left, released=len(part))
    request = [Request("", part)] if part else []
    if not commit(puller.line.store, request, puller.line.wake, move.encode(is_last=True)).is_done:
        return False
    tally = Tally()
    tally.count("tajo_events_total", by=len(part), source=run.source, state="pending")
    puller.line.store.counters.add(tally)
    return True


def _let_go(puller: Puller, run: Run) -> Run:
    """Put what a run that cannot go on holds back into the lanes, unless the brake would stop it; return the run.

    Who left is not to be mailed for as long as another page cannot be read.
    """
    store = puller.line.store
    with suppress(ConfigError, TryLater):
        while run.counts["held"] and not harm(run.counts, store.people.count()):
            part = _first_held(puller, run)
            left = {"held": -len(part) or -run.counts["held"]}
            if not _put_held(puller, run, part, {}, left):
                break
            run = store.runs.read(run.id) or run
    return run


def _brake(puller: Puller, run: Run, why: str) -> None:
    """Stop a run that would harm too many; of what it holds back nothing was sent."""
    store, number = puller.line.store, run.id
    if run.kind is RunKind.INCREMENTAL:
        store.runs.set_reach(run.source, run.resource, until_ms=run.started_ms)  # what it read is safe with it
    held = run.counts["held"]
    blocks = min(run.counts["blocks"], held)
    mailable = f" Until you decide, {blocks:,} of them can still be mailed." if blocks else ""
    remedy = (
        f"Look at the source. If it is meant so: `tajo runs resume {number} --force`. If not, mend it there, and "
        f"`tajo runs cancel {number}` drops what is held back."
    )
    reason = f"{why} What is held back of that, {held:,} records, was not sent.{mailable}"
    _stop(puller, run, reason, remedy, is_braked=True)
    if run.kind is RunKind.INCREMENTAL:
        return
    for other in store.runs.braked():
        is_alike = other.id != number and (other.source, other.resource) == (run.source, run.resource)
        # a newer run that read everything holds what an older one holds; only a compare finds deletions
        if is_alike and (run.kind is RunKind.COMPARE or other.kind is not RunKind.COMPARE):
            reason = f"Run {number} holds the same changes back."
            store.runs.move(other, (RunState.STOPPED,), RunState.CANCELLED, reason=reason, remedy="", braked=0)


# the end ------------------------------------------------------------------------------------------------------------


def _finish(puller: Puller, run: Run) -> StepResult:
    """End a run when all its changes are delivered; until then store what they wait for."""
    store = puller.line.store
    if not run.is_dry:
        full = {} if run.kind is RunKind.INCREMENTAL else {"full_ms": run.started_ms}
        store.runs.set_reach(run.source, run.resource, until_ms=run.started_ms, **full)
    left_in = {} if run.is_dry else {lane: store.runs.left_to_deliver(lane) for lane in run.lanes}
    left = sum(left_in.values())
    if left:
        pauses = [store.breakers.read(lane) for lane, waiting in left_in.items() if waiting]
        pause, now_ms = next((one for one in pauses if one is not None), None), puller.line.clock()
        store.runs.move(
            run,
            (RunState.DELIVERING,),
            RunState.DELIVERING,
            phase=f"{left:,} wait" + (", Brevo works on an import" if store.imports.ids() else ""),
            waiting=left,
            reason=pause.reason if pause else "",
            remedy=pause.remedy if pause else "",
            due=now_ms + int(DELIVERING_LOOK_S * 1000),
            **_measured(run, left, now_ms),
        )
        return StepResult(did_work=False, wait_s=None)
    if store.runs.move(run, (RunState.DELIVERING,), RunState.DONE, phase="", reason="", remedy=""):
        log.info("run done", run=run.id, source=run.source, **{name: n for name, n in run.counts.items() if n})
        if run.kind is RunKind.COMPARE and not run.is_dry:
            puller.compared(run)
    return StepResult(did_work=True, wait_s=None)


def _measured(run: Run, left: int, now_ms: int) -> dict[str, Json]:
    """Return the rate of delivering, measured from one settling to the next.

    An import settles thousands at once and nothing in between: time in which nothing was settled says nothing of how
    fast it goes, and makes the rate neither smaller nor known.
    """
    if not run.measured_ms or left > run.waiting:
        return {"measured": now_ms}
    if left == run.waiting:
        return {}
    return {"rate": _smooth(run, run.waiting - left, now_ms, run.measured_ms), "measured": now_ms}


def _hindered(puller: Puller, run: Run, error: ConfigError | Parkable | PayloadError | TryLater | Unavailable) -> None:
    """Put a run off, or stop it; its cursor stays."""
    again = f"`tajo runs resume {run.id}` goes on at the same place."
    store, now_ms = puller.line.store, puller.line.clock()
    if isinstance(error, ConfigError | Parkable) or run.tries + 1 >= LET_GO_TRIES:
        run = _let_go(puller, run)
    if isinstance(error, ConfigError | Parkable):
        _stop(puller, run, error.reason, f"{error.remedy} Then {again}")
    elif isinstance(error, TryLater) and not error.burns:
        tell_of_wait(store, run.source, error)
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
        store.ledger.alert(f"Run {run.id} of {run.place} stopped: {reason}", remedy, source=run.source)
        log.error("run stopped", run=run.id, source=run.source, reason=reason, remedy=remedy)
