"""START HERE: the straight line from a webhook to Brevo, as plain functions that read top to bottom.

    ingress        a verified request is appended to the inbox (`customer_sync.web.ingress`)
    process_inbox  request → events → changes → lanes, in one atomic step per batch (`reading`, `plan`)
    deliver        lane → items → Brevo → settled
    bulk, follow   the same for many items in one call; `follow` finds out the result of each item

Every step can run twice: the inbox entry, the event id and the lease each make sure that the second run changes
nothing. The functions keep no state between calls.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from typing import NamedTuple

from customer_sync.base.clock import Clock, system_clock, utc_now
from customer_sync.base.log import get
from customer_sync.brevo.contacts.contact_plan import Rules
from customer_sync.engine import pauses
from customer_sync.engine.flow import Flow
from customer_sync.engine.lane import (
    STATES,
    Delivery,
    Gear,
    Handler,
    Outcome,
    Work,
    count_outcomes,
    count_upheld,
    is_of_run,
    parked,
)
from customer_sync.engine.plan import Group, Planned, Request, commit
from customer_sync.errors import ConfigError, Parkable, Unavailable
from customer_sync.kit.connector import Connector
from customer_sync.model import PEOPLE, EventState, Inbound, Priority
from customer_sync.platforms.addresses import tell_of_new_addresses
from customer_sync.platforms.debts import Debts
from customer_sync.read_counts import count_read, tell_read
from customer_sync.reading import Read, Reader
from customer_sync.skills import Skill
from customer_sync.store import Store, inbox
from customer_sync.store.counters import Tally
from customer_sync.store.items import Item
from customer_sync.store.keeper import Keeper
from customer_sync.store.lanes import Which
from customer_sync.store.ledger import outcome_row

log = get(__name__)

#: How many requests are read at once: enough to share the round trips, few enough to be done within a second.
READ_AT_ONCE = 200
#: Of so many live items the bulk gear must have taken a tenth, else it does not look at others for a while.
USELESS = 100
#: How soon it is asked again whether a bulk call leaves calls for single work, in seconds.
LEFT_S = 1.0
#: How many times so many are read in one step, where so many wait.
BATCHES = 10


@dataclass(slots=True)
class Line:
    """What the functions of this module work with; made once per process.

    Args:
        store: the data in Redis.
        connectors: source → its connector, Brevo's own webhooks among them.
        skills: the enabled skills.
        handlers: lane → its worker step.
        wake: sends a wake-up: `inbox`, `deliver:<lane>`, `bulk:<lane>` or `follow`.
        tally: counts of the handlers' calls; written out with each delivery.
        keeper: renews the leases of items that are being delivered.
        forget: removes the data of erased people outside the lanes.
        rules: the operator's decisions and the account's attributes, as they are now.
        debts: finds out what platforms are to be told of people who left; None: nothing.
        gears: lane → its bulk gear, where it has one.
        clock: milliseconds since 1970; used for every decision by time.
        committer: commits what was read, while more is read.
    """

    store: Store
    connectors: Mapping[str, Connector]
    skills: Sequence[Skill]
    handlers: Mapping[str, Handler]
    wake: Callable[[str], None]
    tally: Tally
    keeper: Keeper
    forget: Callable[[Sequence[Item]], None] = lambda _: None
    rules: Callable[[], Rules] = Rules
    debts: Debts | None = None
    gears: Mapping[str, Gear] = field(default_factory=dict)
    clock: Clock = system_clock
    committer: ThreadPoolExecutor = field(default_factory=partial(ThreadPoolExecutor, 1, "committer"))


class StepResult(NamedTuple):
    """The result of a step: whether work was done, and how long until the next look (None: nothing waits)."""

    did_work: bool
    wait_s: float | None


# inbox → lanes ------------------------------------------------------------------------------------------------------


def process_inbox(line: Line) -> bool:
    """Read requests and put their changes into the lanes; False when the inbox was empty.

    Of many, the next batch is read while the one before is committed: commits follow one another in the order of
    arrival.
    """
    ahead: Future[None] | None = None
    for _ in range(BATCHES):
        entries = line.store.inbox.read(READ_AT_ONCE)
        batch = _read(line, entries) if entries else None
        if ahead is not None:
            ahead.result()
        if batch is None:
            return ahead is not None
        if len(entries) < READ_AT_ONCE:
            _commit(line, batch)
            return True
        ahead = line.committer.submit(_commit, line, batch)
    if ahead is not None:
        ahead.result()
    return True


class _Batch(NamedTuple):
    """Requests that were read together, and the notices among them, which concern bulk gears alone."""

    requests: Sequence[Read]
    notices: Sequence[inbox.Entry]


def _read(line: Line, entries: Sequence[inbox.Entry]) -> _Batch:
    reader = Reader(line.store, line.connectors, line.skills, line.store.now_ms())
    notices = [one for one in entries if any(gear.hears(one.inbound) for gear in line.gears.values())]
    return _Batch([reader.read(one) for one in entries if one not in notices], notices)


def _commit(line: Line, batch: _Batch) -> None:
    requests = [*(one.request for one in batch.requests), *(Request(one.id, ()) for one in batch.notices)]
    answer = commit(line.store, requests, line.wake)
    events = [event for one in batch.requests for event in one.events]
    tell_of_new_addresses(line.store, line.connectors, events)
    if line.debts is not None:
        _owe(line, line.debts.heard(events))
    line.store.counters.add(count_read(line.store, batch.requests, answer.states), line.clock())
    if batch.notices and any(gear.look_now() for gear in line.gears.values()):
        line.wake("follow")
    tell_read(batch.requests)


def _owe(line: Line, owed: Sequence[Group]) -> None:
    """Put what platforms are to be told into their lanes."""
    if owed:
        commit(line.store, [Request("", [Planned(owed)])], line.wake)


# lanes → Brevo ------------------------------------------------------------------------------------------------------


def deliver(line: Line, lane: str) -> StepResult:
    """Take due items of a lane, deliver them and settle them; return when to look again.

    Raises:
        Unavailable: the destination is down; the lane's breaker is open, and the items wait without using up a try.
    """
    handler = line.handlers.get(lane)
    if handler is None:
        pauses.await_handler(line.store, lane, line.clock())
        return StepResult(did_work=False, wait_s=None)
    return _deliver(line, lane, handler, "live" if lane in line.gears else "all")


def _deliver(line: Line, lane: str, handler: Handler, which: Which) -> StepResult:
    """Let batches overlap until nothing is due, or others should have their turn; see `engine.flow`."""
    flow, pause, wait_s = Flow(handler), None, None
    try:
        while flow.is_busy or flow.has_room():
            if flow.has_room():
                wait_s = _take(line, lane, flow, which)
            for batch, delivery in flow.results():
                pause = _settled(line, lane, batch.token, delivery) or pause
                if not batch.left:
                    flow.close(batch, go_on=delivery.pause is None)
                if batch.is_probe and delivery.pause is None:
                    pauses.resume(line.store, lane)
    finally:
        flow.leave()
        line.store.counters.add(line.tally, line.clock())
    if pause is not None:
        pauses.pause(line.store, lane, pause, line.clock())
    return StepResult(flow.did_work, 0.0 if flow.did_work else wait_s)


def _take(line: Line, lane: str, flow: Flow, which: Which) -> float | None:
    """Take due items and begin to deliver them; return how long until any are due where none were."""
    asked = flow.handler.batch_size()
    bucket = flow.handler.lane.bucket if lane in line.gears else ""
    taken = line.store.lanes.take(lane, asked, which=which, bucket=bucket)
    if taken.state == "left" and line.store.wake(f"bulk:{lane}"):
        line.wake(f"bulk:{lane}")
    if taken.items:
        flow.begin(taken, asked, line.keeper.keep(lane, taken.token, taken.targets))
    else:
        flow.found_nothing()
    return taken.wait_s


def _settled(line: Line, lane: str, token: str, delivery: Delivery) -> Unavailable | ConfigError | None:
    """Settle what came of items, and count it; return why the whole lane should wait, None where it should not."""
    delivery = delivery.after_lone_failure(line.store.breakers, lane)
    _forget(line, [one for one in delivery.outcomes if one.settlement.verdict == "erased"])
    delivery = hand_back(line, lane, delivery)  # first, too: what comes twice is known by its id
    stale, _ = settle(line, lane, token, delivery)
    if stale:
        line.tally.count("tajo_leases_lost_total", by=len(stale), lane=lane)
        log.warning("leases lost", lane=lane, items=len(stale))
    _record(line, lane, [one for one in delivery.outcomes if one.item.target not in stale])
    return delivery.pause


def _forget(line: Line, erased: Sequence[Outcome]) -> None:
    """Forget what other lanes and the traces know of erased people, before the items are settled.

    What a crash leaves undone is done again with the items.
    """
    for one in erased:
        over = one.settlement.erasure
        if over is not None:
            line.store.records.forget({*over.refs, f"#{one.item.target}"}, over.at_ms)
    if erased:
        line.forget([one.item for one in erased])


def bulk(line: Line, lane: str) -> StepResult:
    """Let a lane's bulk gear load and send off what goes together, and wake `single` for the rest.

    Raises:
        Unavailable: as `deliver`.
    """
    gear = line.gears.get(lane)
    if gear is None:
        return deliver(line, lane)
    did_work = _finish(line, lane, gear.load())
    if did_work and line.store.wake("follow"):
        line.wake("follow")
    if line.store.wake(f"single:{lane}"):
        line.wake(f"single:{lane}")
    return StepResult(did_work, 0.0 if did_work else None)


def single(line: Line, lane: str) -> StepResult:
    """Deliver one by one what a lane's bulk gear gave back; a step of its own, since its calls wait for the limit.

    Raises:
        Unavailable: as `deliver`.
    """
    gear = line.gears.get(lane)
    if gear is None or gear.needs_calls():
        return StepResult(did_work=False, wait_s=None if gear is None else LEFT_S)
    return _deliver(line, lane, gear.single, "single")


def follow(line: Line) -> StepResult:
    """Find out the results of what the bulk gears sent, and settle them; return when to look again."""
    did_work, waits = False, []
    for lane, gear in line.gears.items():
        if _finish(line, lane, gear.follow()):
            did_work = True
            if line.store.wake(f"bulk:{lane}"):
                line.wake(f"bulk:{lane}")
        waits.append(gear.next_look_s())
    return StepResult(did_work, min((one for one in waits if one is not None), default=None))


def _finish(line: Line, lane: str, works: Generator[Work]) -> bool:
    """Settle items that a bulk gear has finished, part by part; items that live work took back are not changed."""
    did_work = False
    with closing(works):
        for work in works:
            did_work = True
            stale, _ = settle(line, lane, work.token, work.delivery)
            _judge(line, lane, work.delivery.outcomes)
            _record(line, lane, [one for one in work.delivery.outcomes if one.item.target not in stale])
            if work.alert is not None:
                line.store.ledger.alert(*work.alert, lane=lane, cause="import")
            if work.delivery.pause is not None:
                pauses.pause(line.store, lane, work.delivery.pause, line.clock())
    line.store.counters.add(line.tally, line.clock())
    return did_work


def _judge(line: Line, lane: str, outcomes: Sequence[Outcome]) -> None:
    """Spare the bulk gear what it has no use for, such as a burst of changes of people who are in Brevo already."""
    live = [one for one in outcomes if one.item.priority is not Priority.BULK]
    if len(live) >= USELESS and sum(one.word == "back" for one in live) > 0.9 * len(live):
        line.store.lanes.tell_useless(lane)


def hand_back(line: Line, lane: str, delivery: Delivery) -> Delivery:
    """Put the events that a handler found into their lanes; an item with an unusable event is parked."""
    if not any(one.events for one in delivery.outcomes):
        return delivery
    reader = Reader(line.store, line.connectors, line.skills, line.store.now_ms())
    outcomes, reads, seen_at = [], [], utc_now(line.clock)
    for one in delivery.outcomes:
        if one.is_reread:
            read, fault = reader.reread(one.events, one.item.events, seen_at)
        else:
            read, fault = reader.handed(one.events, seen_at)
        reads.append(read)
        why = None if fault is None else Parkable(str(fault), fault.remedy)
        outcomes.append(one if why is None else parked(one.item, lane, why, line.clock()))
    states = iter(commit(line.store, [one.request for one in reads], line.wake).states)
    tell_of_new_addresses(line.store, line.connectors, [event for one in reads for event in one.events])
    handed: list[Read] = []
    counted: list[str] = []
    for index, (one, read) in enumerate(zip(delivery.outcomes, reads, strict=True)):
        of = [next(states) for _ in read.events]
        if not one.is_reread:
            handed, counted = [*handed, *([read] if of else [])], [*counted, *of]
            continue
        for name in read.refused:
            line.tally.count("tajo_fields_refused_total", field=name)
        if EventState.PENDING in of and outcomes[index].word == "delivered":
            outcomes[index] = outcomes[index].led_elsewhere()
    line.store.counters.add(count_read(line.store, handed, counted), line.clock())
    return replace(delivery, outcomes=outcomes)


def settle(line: Line, lane: str, token: str, delivery: Delivery) -> tuple[frozenset[str], bool]:
    """Write the results of the items, each with its row for the ledger; before, what they owe the platforms."""
    if lane == PEOPLE and line.debts is not None:
        _owe(line, line.debts(delivery.outcomes))
    for outcome in delivery.outcomes:
        state = STATES.get(outcome.word)
        # a run of a million items must not push live events out of the ledger: runs have counts of their own
        is_quiet = state is EventState.DELIVERED and all(is_of_run(event) for event in outcome.item.events)
        if state is not None and outcome.item.events and not is_quiet:
            ids = [event.event_id for event in outcome.item.events]
            outcome.settlement.row = outcome_row(
                state, outcome.item.person, ids, outcome.note, (lane, outcome.item.target)
            )
    return line.store.lanes.settle(lane, token, [outcome.settlement for outcome in delivery.outcomes])


def _record(line: Line, lane: str, outcomes: Sequence[Outcome]) -> None:
    """Count the results of items, for single and bulk deliveries alike."""
    count_upheld(line.tally, outcomes)
    runs = count_outcomes(line.tally, lane, outcomes, line.clock())
    line.store.counters.add(line.tally, line.clock())
    for number, counts in runs.items():
        line.store.runs.count(number, counts)
    for one in outcomes if log.tells_all else ():
        log.debug("item settled", lane=lane, target=one.item.target, outcome=one.word, note=one.note)
    words = Counter[str](outcome.word for outcome in outcomes)
    named = {"target": outcomes[0].item.target} if len(outcomes) == 1 else {}
    if words:
        log.work("settled", lane, lane=lane, **words, **named)


def accept(line: Line, inbound: Inbound) -> None:
    """Append one request to the inbox and wake a worker, as the ingress does; for tests and tools."""
    line.store.inbox.append([inbox.encode(inbound)])
    if line.store.wake("inbox"):
        line.wake("inbox")
