"""What celery beat starts, and the guard that lets each slot run once however many beats there are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NamedTuple

from customer_sync import assembly
from customer_sync.base.clock import utc_now
from customer_sync.base.log import get
from customer_sync.batch.cron import latest_slot
from customer_sync.batch.puller import FirstSyncWaits, Puller, can_pull, pull_slot
from customer_sync.batch.starts import start_by_itself
from customer_sync.batch.upkeep import catch_up_due, tend_webhooks
from customer_sync.batch.walks import begin_due, timed
from customer_sync.brevo.proof.prover import Prover
from customer_sync.config import Settings
from customer_sync.errors import TajoError
from customer_sync.model import CUSTOMERS, to_ms
from customer_sync.operate.figures.telling import tell_findings
from customer_sync.operate.figures.watched import is_account_due
from customer_sync.operate.notices.watch import watch
from customer_sync.registry import hears
from customer_sync.store.run import Busy, Run, RunKind, RunState, Slot
from customer_sync.worker.app import app, home, line, prover, puller, settings, turns, wake

log = get(__name__)

#: How often the account's attributes and lists are compared with the mapping, in seconds; and how often while Brevo
#: refuses or is away.
ACCOUNT_EVERY_S, ACCOUNT_AGAIN_S = 600.0, 60.0
#: Workers that come up within this time share one check, in seconds.
START_EVERY_S = 5.0
#: How often it is looked whether something is due, in seconds.
TICK_EVERY_S = 5.0
#: How often what is found becomes alerts, in seconds.
TELL_EVERY_S = 60.0
#: How often it is looked whether notices are to be sent, in seconds.
NOTICES_EVERY_S = 10.0


def first_in_slot(name: str, every_s: float, now_s: float) -> bool:
    """Tell whether this is the first call for the slot that `now_s` falls in.

    Args:
        name: the entry of the schedule.
        every_s: how long a slot is.
        now_s: seconds since 1970.
    """
    return line().store.is_first(name, int(now_s // every_s), int(every_s * 3) + 60)


@app.task(name="tajo.check_account")  # type: ignore[untyped-decorator]  # celery ships no types
def check_account(occasion: str = "slot") -> None:
    """Compare the mapping with the attributes and lists of the account, and say what is missing before it vanishes.

    Args:
        occasion: `start` when a worker has just come up; then it is done at once, not once per slot.
    """
    every_s = START_EVERY_S if occasion == "start" else ACCOUNT_AGAIN_S
    if occasion != "start" and not is_account_due(line().store, line().clock(), ACCOUNT_EVERY_S):
        return
    if first_in_slot(f"account-{occasion}", every_s, line().clock() / 1000):
        assembly.check_account(settings(), line().store)
        tell_findings(line().store, settings(), home())


class Entry(NamedTuple):
    """One line of the schedule.

    Args:
        name: of the slot record: `pull:<source>`.
        source: the source.
        what: pull (incremental), compare (everything, then Brevo's side) or webhooks.
        line: the cron line, UTC.
        resource: what a pull reads.
        at_once: whether the first slot is now, and not the next one the line names; the first full run of a source
            waits for a person's word all the same.
    """

    name: str
    source: str
    what: str
    line: str
    at_once: bool
    resource: str = CUSTOMERS


def entries(chosen: Settings, wanted: Callable[[str], Sequence[str]]) -> list[Entry]:
    """Return what is scheduled.

    Args:
        chosen: the config.
        wanted: source → what runs read of it.
    """
    found = []
    for source in chosen.sources:
        resources = [one for one in wanted(source) if chosen.syncs(source, one)]
        if chosen.options_for(source).sync_mode == "realtime" or not resources:
            continue
        times = chosen.source_sync[source].schedule
        if times.pull:
            found += [
                Entry(pull_slot(source, one), source, "pull", times.pull, at_once=True, resource=one)
                for one in resources
            ]
        if times.reconcile and CUSTOMERS in resources:
            found.append(Entry(f"compare:{source}", source, "compare", times.reconcile, at_once=False))
        is_called = chosen.public_url is not None and hears(chosen.sources[source].platform)
        if times.webhooks and is_called and chosen.options_for(source).sync_mode == "hybrid":
            found.append(Entry(f"webhooks:{source}", source, "webhooks", times.webhooks, at_once=True))
    return found


def tick(chosen: Settings, puller: Puller, now: datetime) -> list[str]:
    """Start what is due and was not started yet; return the names of the entries whose slot began here.

    Safe to call at any time, by anybody, as often as they like: the record of the last slot decides. A slot that was
    missed, because no beat ran, is caught up once; of several missed slots of an entry only the last one.
    """
    begun = []
    for entry in entries(chosen, puller.wanted):
        if not can_pull(puller, entry.source):
            continue  # it only receives
        slot_at = latest_slot(entry.line, now)
        done_ms = puller.line.store.runs.slot(entry.name)
        if slot_at is None or (done_ms or 0) >= to_ms(slot_at):
            continue
        slot = Slot(entry.name, to_ms(slot_at))
        if done_ms is None and not entry.at_once:
            puller.line.store.runs.take_slot(*slot)  # the first compare is at the next slot
        elif _begin(chosen, puller, entry, slot):
            begun.append(entry.name)
    for source in chosen.sources:
        catch_up_due(puller, source)
    return begun


def _begin(chosen: Settings, puller: Puller, entry: Entry, slot: Slot) -> bool:
    runs_store = puller.line.store.runs
    try:
        if entry.what == "webhooks":
            if not runs_store.take_slot(*slot):
                return False
            tend_webhooks(puller, entry.source, str(chosen.public_url))
            return True
        kind = RunKind.COMPARE if entry.what == "compare" else RunKind.INCREMENTAL
        return start_by_itself(puller, entry.source, kind, "schedule", slot, resource=entry.resource) is not None
    except FirstSyncWaits:
        # the slot is not taken: its run begins once the first full run is done; that one may have stopped
        run = runs_store.open_run(entry.source, entry.resource)
        return run is not None and _is_begun_by_open_run(puller, entry, slot, run)
    except Busy as busy:
        return _is_begun_by_open_run(puller, entry, slot, busy.run)
    except TajoError as error:
        # what cannot be done now is not tried again before the next slot; doctor and the log tell why
        runs_store.take_slot(*slot)
        log.warning("slot not done", entry=entry.name, reason=str(error))
        return False


def _is_begun_by_open_run(puller: Puller, entry: Entry, slot: Slot, run: Run) -> bool:
    """Let a run that stopped try again, once per slot of its own; everything else waits for the open run to end."""
    runs_store = puller.line.store.runs
    is_retry = run.state is RunState.STOPPED and entry.what == "pull" and not run.is_braked
    if is_retry and runs_store.take_slot(*slot):
        runs_store.resume(run)
        log.info("stopped run tried again", run=run.id, source=run.source)
        return True
    return False


@app.task(name="tajo.tick")  # type: ignore[untyped-decorator]  # celery ships no types
def tick_task() -> None:
    """Start what is due; of many that waited while no worker was there, the first one does it all.

    It may wait for a platform, whose webhooks it tends: meanwhile no second one waits beside it.
    """
    now = utc_now(line().clock)
    if not turns.begin("tick"):
        return
    try:
        if first_in_slot("tick", TICK_EVERY_S, now.timestamp()):
            tick(settings(), puller(), now)
            if begin_due(line(), timed(settings()), now) and line().store.wake("walk"):
                wake("walk")
        if first_in_slot("tell", TELL_EVERY_S, now.timestamp()):
            line().store.doors.know(settings().sources)
            tell_findings(line().store, settings(), home())
        if first_in_slot("notices", NOTICES_EVERY_S, now.timestamp()):
            watch(line().store, settings(), home(), wake)
        advance_proof(prover())
    finally:
        turns.end("tick")


def advance_proof(prover: Prover) -> None:
    """Do the next step of the proof that is under way, or begin its repeat where the operator agreed to that.

    One visit takes a few seconds at most while Brevo answers; what must wait is left to a later tick.
    """
    try:
        prover.repeat_if_due()
        prover.step()
    except TajoError as error:
        log.warning("proof not repeated", reason=str(error))


app.conf.beat_schedule = {
    # no message has an end: it would be told by beat's clock, and a worker whose clock is ahead would run none of them
    "account": {"task": "tajo.check_account", "schedule": ACCOUNT_AGAIN_S},
    "tick": {"task": "tajo.tick", "schedule": TICK_EVERY_S},
}
