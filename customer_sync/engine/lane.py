"""A lane's description, and the results of its handler and its bulk gear: an outcome for each item, and a pause."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal, NamedTuple, Protocol

from customer_sync.base import retry
from customer_sync.base.metrics import IN_TIME_S
from customer_sync.errors import ConfigError, Parkable, Unavailable
from customer_sync.model import Channel, Event, EventState, Inbound
from customer_sync.store.breaker import Breakers
from customer_sync.store.counters import End, Tally, Way
from customer_sync.store.forms import EventRef
from customer_sync.store.items import Item, Settlement
from customer_sync.store.parked import encode, park_item
from customer_sync.store.run import EVENT_PREFIX

#: How long an item that failed alone waits while other items are tried, in seconds.
SUSPECT_WAIT_S = 5.0

#: The queue of lanes that call a platform: a platform that hangs must not delay the lanes to Brevo.
PLATFORMS: Final = "platforms"
#: How soon a held item is looked at again, in seconds.
HELD_S = 1.0
#: The note of an item that was not tried because its batch was stopped.
NOT_BEGUN: Final = "not begun"

Word = Literal["delivered", "unchanged", "again", "held", "back", "parked"]


@dataclass(frozen=True, slots=True)
class LaneDescription:
    """One kind of outgoing work, as data.

    Args:
        name: the lane, as in `contacts` or `writeback:<source>`.
        keeps: what is stored of a target after its delivery: a `person`, a `record` of the lane's own, or None.
        bucket: the rate limit that its calls count against.
        destination: the name of the API that it calls, for people: Brevo, or the platform.
        has_gear: whether a bulk gear delivers its bulk items.
        queue: the Celery queue of its wake-ups, with workers of its own; "" for the queues that lanes to Brevo share.
    """

    name: str
    keeps: Literal["person", "record"] | None
    bucket: str
    destination: str
    has_gear: bool = False
    queue: str = ""


class Outcome(NamedTuple):
    """The result of one item.

    Args:
        item: the item.
        settlement: what is written to the lane.
        word: one of
            `delivered`: the destination took it;
            `unchanged`: the destination has it already;
            `again`: the try failed and is used up, the item is tried again;
            `held`: the limit, the destination or a setting prevented it; no try is used up;
            `back`: not tried, the item is delivered in another way;
            `parked`: an operator must look at it.
        note: the destination's answer or the reason, for people.
        pause: the error that concerns the whole lane.
        upheld: the channels on which the rules of consent kept a person who withdrew from becoming mailable.
        events: events that a handler found and that concern other lanes. They are read like those of a request, before
            the item is settled. An event that comes twice, with the same id, changes nothing. Not for bulk gears.
        is_reread: the events stand in the place of the item's own, which are delivered when what was put is.
    """

    item: Item
    settlement: Settlement
    word: Word
    note: str = ""
    pause: Unavailable | ConfigError | None = None
    upheld: tuple[Channel, ...] = ()
    events: tuple[Event, ...] = ()
    is_reread: bool = False

    def led_elsewhere(self) -> Outcome:
        """Return the same where the item's events are counted in another lane."""
        events = tuple(one._replace(leads=False) for one in self.item.events)
        return self._replace(item=replace(self.item, events=events))


def held(item: Item, note: str) -> Outcome:
    """Return the outcome of an item that could not be tried; no try is used up."""
    return Outcome(item, Settlement(item.target, "again", due_in_s=HELD_S), "held", note)


def parked(item: Item, lane: str, why: Parkable, at_ms: int, record: str | None = None) -> Outcome:
    """Return the outcome of an item that an operator must look at; `record` is stored for its target in any case."""
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
    def of(cls, outcomes: Sequence[Outcome], *, got_through: bool = False) -> Delivery:
        """Return a delivery that pauses the lane for a wrong setting, or when every call failed.

        If some calls succeeded, the destination is not down: each failed item uses up a try and is tried again.

        Args:
            outcomes: what came of the items.
            got_through: whether calls of the same attempt succeeded beside these.
        """
        errors = [outcome.pause for outcome in outcomes if outcome.pause is not None]
        config = next((error for error in errors if isinstance(error, ConfigError)), None)
        if config is not None:
            return cls(outcomes, config)
        got_through = got_through or any(outcome.word in {"delivered", "parked"} for outcome in outcomes)
        if errors and not got_through:
            return cls(outcomes, errors[0])
        return cls(outcomes, None).blaming_items()

    def blaming_items(self) -> Delivery:
        """Return the same without a pause: each failed item uses up a try."""
        return Delivery([_counted(outcome) for outcome in self.outcomes], None)

    def after_lone_failure(self, breakers: Breakers, lane: str) -> Delivery:
        """Distinguish one item that always fails from a destination that is down.

        After the first failure the cause is unknown: the lane pauses, and other items are tried first. If these succeed
        and the same item fails alone again, the item is the cause, and it uses up a try.
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


#: Word of an outcome → new state of the item's events; other words do not change the state.
STATES = {
    "delivered": EventState.DELIVERED,
    "unchanged": EventState.DELIVERED,
    "again": EventState.RETRYING,
    "parked": EventState.PARKED,
}
#: The note of an item that an import delivered.
IMPORTED = "imported"
#: Word of an outcome → the count of the run that the item came with.
_RUN_COUNTS = {"delivered": "sent", "unchanged": "same", "parked": "failed", "again": "retried"}


def is_of_run(event: EventRef) -> bool:
    """Tell whether an event came from a run; runs have counts of their own."""
    return event.event_id.startswith(EVENT_PREFIX)


def count_upheld(tally: Tally, outcomes: Sequence[Outcome]) -> None:
    """Count the withdrawals that the rules of consent upheld."""
    for channel, by in Counter(channel for one in outcomes for channel in one.upheld).items():
        tally.count("tajo_consent_blocked_total", by=by, channel=str(channel))


def count_outcomes(tally: Tally, lane: str, outcomes: Sequence[Outcome], now_ms: int) -> dict[str, Counter[str]]:
    """Count the results of items, of single and bulk deliveries; return the counts of their runs, by run number."""
    items: Counter[str] = Counter("again" if one.word == "held" else one.word for one in outcomes)
    items.pop("back", None)
    events: Counter[tuple[str, EventState]] = Counter()
    saved: Counter[str] = Counter(unchanged=items["unchanged"])
    runs: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for outcome in outcomes:
        state = STATES.get(outcome.word)
        if state is None:
            continue
        # several records of one run may belong to one contact, and one record may go to several lanes
        for number in {one.event_id.removeprefix(EVENT_PREFIX) for one in outcome.item.events if is_of_run(one)}:
            runs[number][_RUN_COUNTS[outcome.word]] += 1
        leading = [one for one in outcome.item.events if one.leads]
        for event in leading:
            events[event.source, state] += 1
            _count_end(tally, event, state, now_ms)
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


#: Takes the result of one item.
Done = Callable[[Outcome | BaseException], None]


def _count_end(tally: Tally, event: EventRef, state: EventState, now_ms: int) -> None:
    """Count how an event ended, if it did, and observe the latency of one that Brevo has."""
    way: Way = "pull" if is_of_run(event) else "webhook"
    end: End = "parked"
    if state is EventState.DELIVERED:
        seconds = max(0, now_ms - event.arrived_ms) / 1000
        tally.observe_latency(seconds, source=event.source, way=way)
        end = "in_time" if seconds <= IN_TIME_S else "late"
    elif state is not EventState.PARKED:
        return
    tally.count("tajo_event_ends_total", source=event.source, way=way, end=end)


class Handler(Protocol):
    """The worker step of one lane; `customer_sync.engine.attempt` has the part that all lanes share."""

    lane: LaneDescription

    def batch_size(self) -> int:
        """Return how many items to take at once."""
        ...

    def begin(self, items: Sequence[Item], done: Done) -> Unavailable | ConfigError | None:
        """Begin to deliver the items, and return why none of them can be tried now; None where they can.

        Args:
            items: the items.
            done: called once for each, now or later and by any thread, with its outcome; with an error where Redis was
                away.
        """
        ...


class Work(NamedTuple):
    """Items that a bulk gear has finished.

    Args:
        token: proves their lease.
        delivery: their outcomes.
        alert: what an operator should know, and what to do; None for no alert.
    """

    token: str
    delivery: Delivery
    alert: tuple[str, str] | None = None


#: Nothing to settle: a long step of a bulk gear goes on.
BREATH: Final = Work("", Delivery([], None))


class Gear(Protocol):
    """The bulk gear of one lane: sends many items in one call, and finds out the result of each item later."""

    #: Delivers items one by one that the gear gave back.
    single: Handler

    def load(self) -> Generator[Work]:
        """Look at bulk items, send many in one call; yield the items that are to be settled."""
        ...

    def follow(self) -> Generator[Work]:
        """Look at the bulk calls that are due; yield the items of those that have ended."""
        ...

    def next_look_s(self) -> float | None:
        """Return how long until the next look at a bulk call, in seconds; None when no bulk call is running."""
        ...

    def needs_calls(self) -> bool:
        """Tell whether single calls of bulk work would take those that a bulk call under way needs."""
        ...

    def hears(self, inbound: Inbound) -> bool:
        """Tell whether a request is a notice for this gear only."""
        ...

    def look_now(self) -> bool:
        """Make every sent bulk call due for a look now; False without one."""
        ...
