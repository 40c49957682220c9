"""START HERE: the straight line from a webhook to Brevo, as plain functions that read top to bottom.

    ingress        a verified request is appended to the inbox (`customer_sync.web.ingress`)
    process_inbox  request → events → changes → lanes, in one atomic step per batch
    deliver        lane → items → Brevo → settled
    bulk, follow   the same for many items in one call, and what became of them

Every step can run twice: the inbox entry, the event id and the lease each make sure that the second run changes
nothing. Nothing here remembers anything between calls.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, NamedTuple

from customer_sync.brevo.contact_plan import Rules
from customer_sync.brevo.gear import is_notice
from customer_sync.clock import Clock, system_clock
from customer_sync.connector import Connector
from customer_sync.errors import ConfigError, MappingError, PayloadError, Unavailable
from customer_sync.identity import fingerprint
from customer_sync.lane import STATES, Delivery, Gear, Handler, Outcome, Work, count_outcomes, is_of_run
from customer_sync.log import get
from customer_sync.merge import Stamped, State, stamp, to_json
from customer_sync.model import Change, Event, EventState, Inbound, Kind, Merged, to_ms
from customer_sync.skills import Skill
from customer_sync.skills.customer_sync import departed
from customer_sync.store import Store, inbox, parked
from customer_sync.store.breaker import CONFIG_PAUSE_S, Pause
from customer_sync.store.counters import Tally
from customer_sync.store.keeper import Keeper
from customer_sync.store.lanes import COMPACT_AT, Item, Source, Which, encode_change
from customer_sync.store.ledger import event_row, outcome_row

log = get(__name__)

#: How many requests are read in one go: enough to share the round trips, few enough to be done within a second.
READ_AT_ONCE = 200


@dataclass(slots=True)
class Line:
    """What the line needs; made once per process.

    Args:
        store: all that Redis holds.
        connectors: source → its connector, Brevo's own webhooks among them.
        skills: the enabled skills.
        handlers: lane → its worker step.
        wake: sends a wake-up: `inbox`, `deliver:<lane>`, `bulk:<lane>` or `follow`.
        tally: counts of the handlers' calls; written out with each delivery.
        keeper: renews the leases of what is being delivered.
        forget: removes what is left of erased people outside the lanes.
        rules: the operator's decisions and the account's attributes, as they are now.
        gears: lane → its bulk gear, where it has one.
        clock: milliseconds since 1970; whatever the line decides by time, it asks here.
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
    gears: Mapping[str, Gear] = field(default_factory=dict)
    clock: Clock = system_clock


class Rest(NamedTuple):
    """What is left after a step: whether work was done, and when to look again (None: nothing waits)."""

    did_work: bool
    wait_s: float | None


# inbox → lanes ------------------------------------------------------------------------------------------------------


def process_inbox(line: Line) -> bool:
    """Read a batch of requests and put what they change into the lanes; True when there was any."""
    entries = line.store.inbox.read(READ_AT_ONCE)
    if not entries:
        return False
    tally = Tally()
    _commit(line, [_Reading(line, entry, tally) for entry in entries], tally)
    line.store.counters.add(tally)
    return True


def _commit(line: Line, read: Sequence[_Reading], tally: Tally) -> None:
    answer = line.store.commit([one.plan for one in read], COMPACT_AT)
    states = iter(answer["states"] or ())
    for one in read:
        for event in [*one.events, *[None] * one.parked]:
            state = next(states)
            if state == "skipped":
                continue
            tally.count("tajo_events_total", source=one.source, state=state)
            if event is not None and event.kind in _ALERTS and state != EventState.REPEATED:
                _alert(line, event)
    for lane, target in answer["long"] or ():
        line.store.lanes.compact(lane, target)
    for lane in answer["wake"] or ():
        line.wake(f"deliver:{lane}")
    log.info("inbox read", requests=len(read), events=sum(len(one.events) for one in read))


_ALERTS = {Kind.SOURCE_ALERT, Kind.CUSTOMER_DATA_REQUESTED}


def _alert(line: Line, event: Event) -> None:
    text, remedy = str(event.record.get("message", event.kind)), str(event.record.get("remedy", ""))
    log.warning("source alert", source=event.source, topic=event.topic)
    line.store.ledger.alert(text, remedy, source=event.source)


class _Reading:
    """One request on its way into the lanes: its events, what they change, what had to be parked."""

    def __init__(self, line: Line, entry: inbox.Entry, tally: Tally) -> None:
        self._line = line
        self._inbound = entry.inbound
        self._tally = tally
        self.source = entry.inbound.source
        self.events: list[Event] = []
        self._plans: list[dict[str, Any]] = []
        self._parked: list[list[Any]] = []
        if entry.claims >= inbox.MAX_CLAIMS:
            self._park("A worker died each time it read this request.", "Report it with the request, then replay.")
        elif not is_notice(entry.inbound):
            self._read()
        elif any(gear.look_now() for gear in line.gears.values()):
            line.wake("follow")
        self.plan = {"entry": entry.id, "events": self._plans, "parked": self._parked}

    @property
    def parked(self) -> int:
        """How much of the request had to be parked; the script answers events first, then these."""
        return len(self._parked)

    def _read(self) -> None:
        connector = self._line.connectors.get(self._inbound.source)
        if connector is None:
            self._park("The source of this request is not in tajo.yaml.", "Add the source again, then replay.")
            return
        try:
            parts = connector.parse(self._inbound)
        except PayloadError as error:
            self._park(str(error), error.remedy)
            return
        except Exception as error:  # noqa: BLE001  # a fault of ours in one request must not stop the others
            # the error's text may hold what was sent: only its name and place are told
            trace = error.__traceback__
            while trace is not None and trace.tb_next is not None:
                trace = trace.tb_next
            place = f"{trace.tb_frame.f_code.co_name}:{trace.tb_lineno}" if trace is not None else ""
            told = {"source": self._inbound.source, "error": type(error).__name__, "place": place}
            log.error("request not read", **told)  # noqa: TRY400  # no traceback, for the reason above
            self._park(f"A fault in the connector: {type(error).__name__}.", "Report it with the request, then replay.")
            return
        if not parts:
            self._tally.count("tajo_events_total", source=self._inbound.source, state=EventState.IGNORED)
        for part in parts:
            if isinstance(part, PayloadError):
                self._park(str(part), part.remedy)
            else:
                self._event(clamp(part, self._inbound.received_at))

    def _event(self, event: Event) -> None:
        puts: list[dict[str, Any]] = []
        merged: dict[str, str] | None = None
        notes: list[str] = []
        try:
            for skill in self._line.skills:
                work = skill.work(event)
                for change in work.changes:
                    if isinstance(change, Merged):
                        merged = _merged(self._line.store, change)
                    else:
                        puts.append(plan_put(self._line.store, change, self._inbound.received_at))
                notes += [work.note] if work.note else []
                for name in work.refused:
                    self._tally.count("tajo_fields_refused_total", field=name)
        except MappingError as error:
            self._park(str(error), error.remedy, event)
            return
        key = fingerprint(f"{event.source}|{event.id}", self._line.store.people.salt)
        planned: dict[str, Any] = {"seen": key, "row": event_row(event, "; ".join(notes)), "puts": puts}
        if merged:
            planned["merged"] = merged
        self._plans.append(planned)
        self.events.append(event)

    def _park(self, reason: str, remedy: str, event: Event | None = None) -> None:
        inbound = self._inbound
        one = parked.park_inbound(inbox.encode(inbound), inbound.source, reason, remedy, to_ms(inbound.received_at))
        row = event_row(event, reason) if event else ["e", one.id, "s", inbound.source, "k", "", "t", "", "n", reason]
        self._parked.append([one.id, parked.encode(one), row])
        log.warning("request parked", source=inbound.source, parked=one.id, reason=reason)


def clamp(event: Event, received_at: datetime) -> Event:
    """Return the event with no time later than its arrival: a clock that runs ahead must not win for ever."""
    if event.occurred_at <= received_at and all(one.at <= received_at for one in event.consents):
        return event
    consents = tuple(replace(one, at=min(one.at, received_at)) for one in event.consents)
    return replace(event, occurred_at=min(event.occurred_at, received_at), consents=consents)


def state_of(change: Change) -> dict[str, Stamped]:
    """Return the fields of a change with their stamp, and the id that leads to the person."""
    at_ms = to_ms(change.occurred_at)
    state = stamp(change.fields, at_ms, change.source)
    if change.customer_id is not None:
        state[f"ref.{change.source}"] = Stamped(change.customer_id, at_ms, change.source)
    return state


def plan_put(
    store: Store, change: Change, received_at: datetime, state: State | None = None, event_id: str = ""
) -> dict[str, Any]:
    """Return a change in the form the commit script takes; `state` is what it stands for where that is more."""
    at_ms = to_ms(change.occurred_at)
    known_ms = 0 if change.is_snapshot or change.customer_id is None else at_ms
    state = state_of(change) if state is None else state
    fp = store.people.fingerprint(change.email) if change.email is not None else ""
    put: dict[str, Any] = {
        "lane": change.lane,
        "ref": store.people.ref(change.source, change.customer_id) if change.customer_id is not None else "",
        "fp": fp,
        # the address as the field `email`, its fingerprint first; only the index in Redis gives it to a person
        "name": to_json([fp, change.email]) if change.email is not None else "",
        "source": change.source,
        "ms": known_ms,
        "at": at_ms,
        "prio": int(change.priority),
        "change": encode_change(state, [Source(event_id or change.event_id, change.source, to_ms(received_at))]),
        "left": _left(change.source, change.occurred_at),
        "known": change.only_known,
        "guest": "status" in state,
    }
    if change.target is not None:
        put["target"] = change.target
    return put


def _left(source: str, at: datetime) -> str:
    """Return the change that takes a person off our lists whom no customer leads to any more, as it waits in a list."""
    return f'{{"S":[{to_ms(at)},{json.dumps(source)},{_DEPARTED},{{}}],"E":[]}}'


_DEPARTED = json.dumps(dict(departed("", datetime.fromtimestamp(0, tz=UTC)).fields), separators=(",", ":"))


def _merged(store: Store, merged: Merged) -> dict[str, str]:
    return {
        "gone": store.people.ref(merged.source, merged.gone_id),
        "kept": store.people.ref(merged.source, merged.kept_id),
        "left": _left(merged.source, merged.occurred_at),
    }


# lanes → Brevo ------------------------------------------------------------------------------------------------------


def deliver(line: Line, lane: str) -> Rest:
    """Take due items of a lane, deliver them, settle them; tell when to look again.

    Raises:
        Unavailable: the destination is down; the lane's breaker is open and the items wait, unburnt.
    """
    return _deliver(line, lane, line.handlers[lane], "live" if lane in line.gears else "all")


def _deliver(line: Line, lane: str, handler: Handler, which: Which) -> Rest:
    taken = line.store.lanes.take(lane, handler.batch_size(), which=which)
    if taken.state in {"empty", "closed"}:
        return Rest(did_work=False, wait_s=taken.wait_s)
    with line.keeper.keep(lane, taken.token, [item.target for item in taken.items]):
        delivery = handler.deliver(taken.items).after_lone_failure(line.store.breakers, lane)
        erased = [one.item for one in delivery.outcomes if one.settlement.verdict == "erased"]
        if erased:
            line.forget(erased)  # first: what a crash leaves undone is done again with the item
        stale, _ = settle(line, lane, taken.token, delivery)
    done = [one for one in delivery.outcomes if one.item.target not in stale]
    if stale:
        line.tally.count("tajo_leases_lost_total", by=len(stale), lane=lane)
        log.warning("leases lost", lane=lane, items=len(stale))
    _record(line, lane, done)
    if delivery.pause is not None:
        _pause(line, lane, delivery.pause)
    elif taken.state == "probe":
        _resume(line, lane)
    return Rest(did_work=True, wait_s=0.0)


def bulk(line: Line, lane: str) -> Rest:
    """Let a lane's bulk gear load and send off what goes together, and deliver some of the rest singly.

    Raises:
        Unavailable: as `deliver`.
    """
    gear = line.gears[lane]
    did_work = _finish(line, lane, gear.load())
    if did_work and line.store.wake("follow"):
        line.wake("follow")
    rest = _deliver(line, lane, gear.single, "single")
    return Rest(did_work or rest.did_work, 0.0 if did_work else rest.wait_s)


def follow(line: Line) -> Rest:
    """Find out what became of what the bulk gears sent off, and settle it; tell when to look again."""
    did_work, waits = False, []
    for lane, gear in line.gears.items():
        if _finish(line, lane, gear.follow()):
            did_work = True
            if line.store.wake(f"bulk:{lane}"):
                line.wake(f"bulk:{lane}")
        waits.append(gear.next_look_s())
    return Rest(did_work, min((one for one in waits if one is not None), default=None))


def _finish(line: Line, lane: str, works: Generator[Work]) -> bool:
    """Settle what a bulk gear is done with, a part at a time; what live work took back meanwhile stays as it is."""
    did_work = False
    with closing(works):
        for work in works:
            did_work = True
            stale, _ = settle(line, lane, work.token, work.delivery)
            _record(line, lane, [one for one in work.delivery.outcomes if one.item.target not in stale])
            if work.alert is not None:
                line.store.ledger.alert(*work.alert, lane=lane, cause="import")
            if work.delivery.pause is not None:
                _pause(line, lane, work.delivery.pause)
    line.store.counters.add(line.tally)
    return did_work


def settle(line: Line, lane: str, token: str, delivery: Delivery) -> tuple[frozenset[str], bool]:
    """Write what became of the items, each with its row for the ledger."""
    for outcome in delivery.outcomes:
        state = STATES.get(outcome.word)
        # a run of a million must not push what happened live out of the ledger: it has counts of its own
        is_quiet = state is EventState.DELIVERED and all(is_of_run(event) for event in outcome.item.events)
        if state is not None and outcome.item.events and not is_quiet:
            ids = [event.event_id for event in outcome.item.events]
            outcome.settlement.row = outcome_row(state, outcome.item.target, ids, outcome.note)
    return line.store.lanes.settle(lane, token, [outcome.settlement for outcome in delivery.outcomes])


def _record(line: Line, lane: str, outcomes: Sequence[Outcome]) -> None:
    """Count what became of items; whichever way they went, it is told here."""
    runs = count_outcomes(line.tally, lane, outcomes, line.clock())
    line.store.counters.add(line.tally)
    for number, counts in runs.items():
        line.store.runs.count(number, counts)
    log.info("delivered", lane=lane, items=len(outcomes))


def _pause(line: Line, lane: str, error: Unavailable | ConfigError) -> None:
    if isinstance(error, ConfigError):
        pause = Pause("config", error.reason, error.remedy, line.clock())
        if line.store.breakers.trip(lane, pause, wait_s=CONFIG_PAUSE_S):
            _announce(line, lane, pause)
        return
    pause = Pause("unavailable", str(error), "Nothing to do: work goes on by itself.", line.clock())
    if line.store.breakers.trip(lane, pause):
        _announce(line, lane, pause)
    raise Unavailable(str(error)) from error


def _announce(line: Line, lane: str, pause: Pause) -> None:
    tally = Tally()
    tally.count("tajo_lane_pauses_total", lane=lane, why=pause.kind)
    line.store.counters.add(tally)
    line.store.ledger.alert(f"Lane {lane} waits: {pause.reason}", pause.remedy, lane=lane, cause=pause.kind)
    log.error("lane paused", lane=lane, reason=pause.reason, remedy=pause.remedy)


def _resume(line: Line, lane: str) -> None:
    pause = line.store.breakers.close(lane)
    line.store.breakers.others_got_through(lane)
    if pause is not None:
        line.store.ledger.alert(f"Lane {lane} goes on.", "", lane=lane, cause="resumed")
        log.warning("lane resumed", lane=lane)


def accept(line: Line, inbound: Inbound) -> None:
    """Append one request to the inbox and wake a worker: what the ingress does, for tests and tools."""
    line.store.inbox.append([inbox.encode(inbound)])
    if line.store.wake("inbox"):
        line.wake("inbox")
