"""The outlook: how many calls a run takes with the doors as they are now, and how many a proof may save. Estimates.

What a closed door costs is one call for each contact (lists: one for 150 contacts), and Brevo's limit of calls a second
makes hours of that. What a proof may save is told only where a proof can help: never where the proof showed that
imports of this account do harm.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Final, NamedTuple

from customer_sync.base.clock import Clock
from customer_sync.base.spans import duration
from customer_sync.brevo.client import BUCKET
from customer_sync.brevo.proof.doors import ALL_ROWS, LISTS, OPENING, PHONES, UPDATES, Door, DoorBook, Doors
from customer_sync.config import Settings
from customer_sync.model import Json
from customer_sync.store import Store
from customer_sync.store.limits import Limits
from customer_sync.store.run import Run, RunState

#: What a limit is taken to be until Brevo told it, in calls a second: that of the General plan.
ASSUMED_RATE: Final = 10.0
#: About how many rows fit into one import of 8 MB.
ROWS_AN_IMPORT: Final = 50_000
#: About how many calls one import takes beside its rows: the list, the import, its end, the canaries, the count.
CALLS_AN_IMPORT: Final = 10
#: About how long Brevo works on one import, in seconds.
IMPORT_S: Final = 30.0
#: How many contacts one call reads, and how many one call puts onto a list.
READ_AT_ONCE, LISTED_AT_ONCE = 1_000, 150
#: How many of the newest runs are looked through for one whose cost is told.
LOOKED_THROUGH: Final = 20
#: What a proof may save is told where it is more than this, in seconds.
WORTH_S: Final = 60.0

#: Why a door is closed, where a proof may open it.
_PROVABLE: Final = frozenset({"never_proven", "unclear", "expired", "new_key", "new_version", "new_mapping"})
#: Why a door is closed, where it stays closed: the account is so.
_SETTLED: Final = frozenset({"failed", "consent_groups"})


class Wanted(NamedTuple):
    """What is to be done at Brevo, as counted.

    Args:
        creates: people who become contacts.
        updates: contacts that change.
        phones: of those who become contacts, who has a phone or another value that only one contact may have.
        joins: of those who become contacts, who goes onto a list.
        phone_updates: of the contacts that change, of whom such a value is new or another.
        join_updates: of the contacts that change, who goes onto a list.
    """

    creates: int = 0
    updates: int = 0
    phones: int = 0
    joins: int = 0
    phone_updates: int = 0
    join_updates: int = 0


class Cost(NamedTuple):
    """What one door is about.

    Args:
        door: the door.
        people: whom it is about.
        calls: about how many calls they take as things are now.
        proven_calls: about how many they take where the door is open.
        seconds: how long the calls take as things are now; None where no limit holds them up.
        proven_s: the same where the door is open.
        text: all of this for people.
    """

    door: Door
    people: int
    calls: int
    proven_calls: int
    seconds: float | None
    proven_s: float | None
    text: str = ""


class Outlook(NamedTuple):
    """What is ahead.

    Args:
        calls: about how many calls all of it takes as things are now.
        seconds: about how long; None where no limit holds calls up.
        rate: the calls a second that Brevo allows; 0.0 where it has no limit.
        is_assumed: whether that is only assumed, because Brevo has not told it yet.
        costs: door by door; only those that somebody is waiting for.
        imports: about how many imports that create contacts.
    """

    calls: int
    seconds: float | None
    rate: float
    is_assumed: bool
    costs: tuple[Cost, ...]
    imports: int = 0

    @property
    def sentences(self) -> list[str]:
        """All of it for people, door by door."""
        return [one.text for one in self.costs]

    @property
    def total(self) -> str:
        """The calls and the time of all of it for people, without a verb."""
        text = f"about {self.calls:,} {'call' if self.calls == 1 else 'calls'} to Brevo"
        if self.seconds is None:
            return f"{text}, which has no limit here"
        how = f"at {self.rate:g} calls a second"
        how += f", and {duration(IMPORT_S)} for each import" if self.imports else ""
        how += ", which is assumed until Brevo tells its limit" if self.is_assumed else ""
        return f"{text}, about {duration(self.seconds)} ({how})"

    def to_json(self) -> dict[str, Json]:
        """Return it as the API and the CLI's JSON tell it."""
        costs: list[Json] = [
            {
                "door": one.door.name,
                "is_open": one.door.is_open,
                "why": one.door.why,
                "people": one.people,
                "calls": one.calls,
                "seconds": one.seconds,
                "proven_calls": one.proven_calls if one.door.is_open or one.door.why in _PROVABLE else None,
                "proven_seconds": one.proven_s if one.door.is_open or one.door.why in _PROVABLE else None,
                "text": one.text,
            }
            for one in self.costs
        ]
        return {
            "calls": self.calls,
            "seconds": self.seconds,
            "rate_per_s": self.rate,
            "rate_is_assumed": self.is_assumed,
            "doors": costs,
        }


def wanted_of(counts: Mapping[str, int]) -> Wanted:
    """Return what the counts of a run tell, see `customer_sync.store.run.COUNTS`."""
    return Wanted(**{name: counts.get(name, 0) for name in Wanted._fields})


def look_ahead(wanted: Wanted, doors: Doors, rate: float | None) -> Outlook:
    """Return what is ahead.

    Args:
        wanted: what is to be done.
        doors: what imports may do now.
        rate: the calls a second that Brevo allows; 0.0 where it has no limit, None where it is not known.
    """
    pace = ASSUMED_RATE if rate is None else rate
    found = (_updates(wanted, doors, pace), _phones(wanted, doors, pace), _lists(wanted, doors, pace))
    costs = tuple(one._replace(text=_told(one, doors)) for one in found if one.people)
    creating = math.ceil(wanted.creates / ROWS_AN_IMPORT)
    calls = creating * CALLS_AN_IMPORT + sum(one.calls for one in costs)
    seconds = [_seconds(creating * CALLS_AN_IMPORT, pace, creating), *(one.seconds for one in costs)]
    whole = None if any(one is None for one in seconds) else sum(one for one in seconds if one is not None)
    return Outlook(calls, whole, pace, rate is None, costs, creating)


def headline(run: Run, outlook: Outlook) -> str:
    """Return what a run takes in all, in one sentence: of one that is over, what such a run would take now."""
    if run.is_open:
        return f"What is counted so far takes {outlook.total}."
    if run.is_dry:
        return f"What it counted takes {outlook.total}."
    return f"With these doors a run with so much to send takes {outlook.total}."


def open_outlook(settings: Settings, store: Store, clock: Clock | None = None) -> OutlookBook:
    """Return the book of an account; without a clock, Redis' own time counts."""
    return OutlookBook(DoorBook(settings, store, clock or store.hosts.now_ms).read, store.limits)


class OutlookBook:
    """Tells the outlook of runs.

    Args:
        doors: what imports may do now.
        limits: what Brevo told of its limit.
    """

    def __init__(self, doors: Callable[[], Doors], limits: Limits) -> None:
        self._doors = doors
        self._limits = limits

    def ahead(self, wanted: Wanted) -> Outlook:
        """Return the outlook of what is to be done."""
        return look_ahead(wanted, self._doors(), self._limits.rate(BUCKET))

    def newest(self, runs: Iterable[Run]) -> tuple[Run, Outlook] | None:
        """Return the first of these runs that is slowed by a door, or would be, with its outlook; None: none is."""
        for run in runs:
            outlook = self.of(run)
            if outlook is not None and outlook.costs:
                return run, outlook
        return None

    def of(self, run: Run) -> Outlook | None:
        """Return the outlook of a run; None where it changes no contact, or was cancelled."""
        wanted = wanted_of(run.counts)
        if run.state is RunState.CANCELLED or not (wanted.creates or wanted.updates):
            return None
        return self.ahead(wanted)


def _updates(wanted: Wanted, doors: Doors, rate: float) -> Cost:
    people, step = wanted.updates, doors.step if doors.updates.is_open else 0
    imports, opening = _imports(people, step)
    # they are read before, and again after it
    proven = imports * CALLS_AN_IMPORT + opening + 2 * math.ceil(people / READ_AT_ONCE)
    proven = min(people, proven)  # few contacts never go into an import
    proven_s = _seconds(proven, rate, imports if proven < people else 0)
    now, now_s = (proven, proven_s) if doors.updates.is_open else (people, _seconds(people, rate))
    return Cost(doors.updates, people, now, proven, now_s, proven_s)


def _imports(people: int, step: int) -> tuple[int, int]:
    """Return how many imports so many contacts take, and how many of them go in imports of an opening size."""
    opening = list(OPENING[step:])
    taken = count = 0
    for size in opening:
        if taken < people:
            taken, count = min(people, taken + size), count + 1
    return count + math.ceil((people - taken) / min(ROWS_AN_IMPORT, ALL_ROWS)), taken


def _phones(wanted: Wanted, doors: Doors, rate: float) -> Cost:
    """A contact that is written singly takes its phone along, so only those of imports cost a call."""
    people = wanted.phones + (wanted.phone_updates if doors.updates.is_open else 0)
    return _beside(doors.phones, people, people, rate)


def _lists(wanted: Wanted, doors: Doors, rate: float) -> Cost:
    """Whom an import updates joins by calls of their own, whatever was proven."""
    updated = wanted.join_updates if doors.updates.is_open else 0
    people, proven = wanted.joins + updated, math.ceil(updated / LISTED_AT_ONCE)
    now = proven if doors.lists.is_open else math.ceil(people / LISTED_AT_ONCE)
    return Cost(doors.lists, people, now, proven, _seconds(now, rate), _seconds(proven, rate))


def _beside(door: Door, people: int, calls: int, rate: float) -> Cost:
    """Return the cost of what needs calls beside the imports, and none where the rows carry it."""
    none = None if rate <= 0 else 0.0
    return Cost(door, people, 0 if door.is_open else calls, 0, none if door.is_open else _seconds(calls, rate), none)


def _seconds(calls: int, rate: float, imports: int = 0) -> float | None:
    return None if rate <= 0 else calls / rate + imports * IMPORT_S


def _told(cost: Cost, doors: Doors) -> str:
    """Return a cost for people."""
    door = cost.door
    if door.is_open:
        if door.name != UPDATES:
            left = f"{_amount(cost.calls, cost.seconds)}, {_SINGLY[door.name]} that imports update."
            return f"{door.name}: {left if cost.calls else 'no calls of their own; they go along in the imports.'}"
        text = f"{door.name}: {_amount(cost.calls, cost.seconds)}, in imports."
        if doors.step < len(OPENING):
            text += f" The next import takes {doors.most_rows:,} contacts at most; it may grow once it was right."
        return text
    text = f"{door.name}: {_amount(cost.calls, cost.seconds)}, {_SINGLY[door.name]}."
    if door.why in _SETTLED:
        return f"{text} It stays so: {door.text}"
    saved_s = (cost.seconds or 0.0) - (cost.proven_s or 0.0)
    if saved_s < WORTH_S:
        return text
    if door.why in _PROVABLE:
        proven = f"about {duration(cost.proven_s or 0.0)}" if cost.proven_calls else "none: they go along in imports"
        return f"{text} {door.text} `tajo brevo prove` can make it {proven}, if the proof is passed."
    return f"{text} {door.text} {door.remedy}".rstrip()


#: Door → how it is done where the door is closed.
_SINGLY: Final[Mapping[str, str]] = {
    UPDATES: "one for each contact",
    PHONES: "one for each contact after the import",
    LISTS: f"one for {LISTED_AT_ONCE} contacts",
}


def _amount(calls: int, seconds: float | None) -> str:
    text = f"about {calls:,} {'call' if calls == 1 else 'calls'}"
    return text if seconds is None else f"{text}, {duration(max(1.0, seconds))}"
