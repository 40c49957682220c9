"""What a lane is, and what its handler and its bulk gear give back: an outcome for each item, and why to pause."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, Protocol

from customer_sync.base import retry
from customer_sync.errors import ConfigError, Parkable, Unavailable
from customer_sync.model import Channel, Event, EventState, Inbound
from customer_sync.store.breaker import Breakers
from customer_sync.store.counters import Tally
from customer_sync.store.forms import EventRef
from customer_sync.store.items import Item, Settlement
from customer_sync.store.parked import encode, park_item
from customer_sync.store.run import EVENT_PREFIX

#: How long an item that failed alone lets others go before it, in seconds.
SUSPECT_WAIT_S = 5.0

#: The queue of lanes that call a platform: one that hangs must hold up nobody but itself.
PLATFORMS: Final = "platforms"
#: How soon what had to wait is looked at again, in seconds.
HELD_S = 1.0

Word = Literal["delivered", "unchanged", "again", "held", "back", "parked"]


@dataclass(frozen=True, slots=True)
class LaneDescription:
    """One kind of outgoing work, as data.

    Args:
        name: the lane, as in `contacts` or `writeback:<source>`.
        keeps: what is remembered of a target once it is delivered: a `person`, a `record` of the lane's own, or None.
        bucket: the rate limit that its calls count against.
        destination: whom it calls, for people: Brevo, or the platform.
        has_gear: whether a bulk gear takes its bulk items.
        queue: the Celery queue of its wake-ups, with workers of its own; "" for the queues that lanes to Brevo share.
    """

    name: str
    keeps: Literal["person", "record"] | None
    bucket: str
    destination: str
    has_gear: bool = False
    queue: str = ""


class Outcome(NamedTuple):
    """What became of one item.

    Args:
        item: the item.
        settlement: what is written to the lane.
        word: `held` is `again` without a burnt try: the limit, the destination or a setting is in the way; `back`:
            nothing was tried, the item goes another way.
        note: the destination's answer or the reason, for people.
        pause: the error that concerns the whole lane.
        upheld: the channels on which the rules of consent kept somebody who withdrew from becoming mailable.
        events: what a handler found out that concerns other lanes: they go the way of a request's events, before the
            item is settled. One that comes twice, with the same id, changes nothing. Not for bulk gears.
    """

    item: Item
    settlement: Settlement
    word: Word
    note: str = ""
    pause: Unavailable | ConfigError | None = None
    upheld: tuple[Channel, ...] = ()
    events: tuple[Event, ...] = ()


def held(item: Item, note: str) -> Outcome:
    """Return the outcome of an item that could not be tried; nothing is burnt."""
    return Outcome(item, Settlement(item.target, "again", due_in_s=HELD_S), "held", note)


def parked(item: Item, lane: str, why: Parkable, at_ms: int, record: str | None = None) -> Outcome:
    """Return the outcome of an item that a person must look at; `record` is stored of its target all the same."""
    found = park_item(item, lane, why.reason, why.remedy, at_ms)
    settlement = Settlement(item.target, "parked", record=record, parked=(found.id, encode(found)))
    return Outcome(item, settlement, "parked", f"{why.reason} {why.remedy}")


@dataclass(frozen=True, slots=True)
class Delivery:
    """One attempt on a batch of items.

    Args:
        outcomes: one for each item.
        pause: why the whole lane should wait, None when it should not.
    """

    outcomes: Sequence[Outcome]
    pause: Unavailable | ConfigError | None

    @classmethod
    def of(cls, outcomes: Sequence[Outcome]) -> Delivery:
        """Return a delivery that pauses the lane for a wrong setting, or when no call at all got through.

        Where others got through, the destination is not down: the ones that did not are tried again and it counts.
        """
        errors = [outcome.pause for outcome in outcomes if outcome.pause is not None]
        config = next((error for error in errors if isinstance(error, ConfigError)), None)
        if config is not None:
            return cls(outcomes, config)
        if errors and not any(outcome.word in {"delivered", "parked"} for outcome in outcomes):
            return cls(outcomes, errors[0])
        return cls(outcomes, None).blaming_items()

    def blaming_items(self) -> Delivery:
        """Return the same without a pause: what failed burns its own tries."""
        return Delivery([_counted(outcome) for outcome in self.outcomes], None)

    def after_lone_failure(self, breakers: Breakers, lane: str) -> Delivery:
        """Tell one item that always fails from a destination that is down.

        The first time, nobody can know: the lane pauses, and the item lets others be the probe. When others got
        through meanwhile and the same item fails alone again, it is the item, and its own try is burnt.
        """
        failed = [one for one in self.outcomes if one.pause is not None]
        if not isinstance(self.pause, Unavailable) or len(failed) != 1:
            return self
        target = failed[0].item.target
        if breakers.is_culprit(lane, target):
            return self.blaming_items()
        breakers.suspect(lane, target)
        failed[0].settlement.due_in_s = SUSPECT_WAIT_S
        return self


def _counted(outcome: Outcome) -> Outcome:
    if outcome.pause is None:
        return outcome
    outcome.settlement.burns = True
    outcome.settlement.due_in_s = retry.next_wait_s(outcome.item.tries + 1)
    return outcome._replace(word="again")


#: What became of an item → the state of the events behind it; other words leave them as they are.
STATES = {
    "delivered": EventState.DELIVERED,
    "unchanged": EventState.DELIVERED,
    "again": EventState.RETRYING,
    "parked": EventState.PARKED,
}
#: The note of an item that an import brought to its end.
IMPORTED = "imported"
#: What became of an item → the count of the run that it came with.
_RUN_COUNTS = {"delivered": "sent", "unchanged": "same", "parked": "failed", "again": "retried"}


def is_of_run(event: EventRef) -> bool:
    """Tell whether an event is one of a run, which has counts of its own."""
    return event.event_id.startswith(EVENT_PREFIX)


def count_upheld(tally: Tally, outcomes: Sequence[Outcome]) -> None:
    """Count the withdrawals that the rules of consent upheld."""
    for channel, by in Counter(channel for one in outcomes for channel in one.upheld).items():
        tally.count("tajo_consent_blocked_total", by=by, channel=str(channel))


def count_outcomes(tally: Tally, lane: str, outcomes: Sequence[Outcome], now_ms: int) -> dict[str, Counter[str]]:
    """Count what became of items, whichever way they went; return the counts of the runs they came with, by number."""
    items: Counter[str] = Counter("again" if one.word == "held" else one.word for one in outcomes)
    items.pop("back", None)
    events: Counter[tuple[str, EventState]] = Counter()
    saved: Counter[str] = Counter(unchanged=items["unchanged"])
    runs: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for outcome in outcomes:
        state = STATES.get(outcome.word)
        if state is None:
            continue
        # several records of one run may have met in one contact
        leading = [one for one in outcome.item.events if one.leads]
        for number in {one.event_id.removeprefix(EVENT_PREFIX) for one in leading if is_of_run(one)}:
            runs[number][_RUN_COUNTS[outcome.word]] += 1
        for event in leading:
            events[event.source, state] += 1
            if state is EventState.DELIVERED and not is_of_run(event):
                tally.observe_latency(max(0, now_ms - event.arrived_ms) / 1000)
        if state is EventState.DELIVERED:
            saved["merged"] += max(0, len(outcome.item.events) - 1)
            saved["import"] += outcome.note == IMPORTED
    for word, by in items.items():
        tally.count("tajo_items_total", by=by, lane=lane, outcome=word)
    for (source, state), by in events.items():
        tally.count("tajo_events_total", by=by, source=source, state=str(state))
    for why, by in saved.items():
        tally.count("tajo_calls_saved_total", by=by, why=why)
    return runs


class Handler(Protocol):
    """The worker step of one lane; `customer_sync.engine.attempt` has what all of them share."""

    lane: LaneDescription

    def batch_size(self) -> int:
        """Return how many items to take at once."""
        ...

    def deliver(self, items: Sequence[Item]) -> Delivery:
        """Try to deliver the items; every one of them has an outcome."""
        ...


class Work(NamedTuple):
    """Items that a bulk gear is done with.

    Args:
        token: proves their lease.
        delivery: what became of them.
        alert: what a person should know, and what to do; None when there is nothing.
    """

    token: str
    delivery: Delivery
    alert: tuple[str, str] | None = None


class Gear(Protocol):
    """The bulk gear of one lane: takes many items along in one call and follows what becomes of them."""

    #: Delivers one by one what the gear gave back.
    single: Handler

    def load(self) -> Generator[Work]:
        """Look at bulk items, send off what goes together; yields what is to be settled."""
        ...

    def follow(self) -> Generator[Work]:
        """Look at what was sent off; yields what has ended."""
        ...

    def next_look_s(self) -> float | None:
        """Return how long until there is something to follow, in seconds; None when nothing is under way."""
        ...

    def hears(self, inbound: Inbound) -> bool:
        """Tell whether a request is a notice for the gear, and for nobody else."""
        ...

    def look_now(self) -> bool:
        """Have what was sent off looked at at once; False when nothing was."""
        ...
