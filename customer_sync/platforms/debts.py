"""What people owe the platforms: opt-outs that were said outside of them, and that they are to be told.

It follows from what is known of a person, each time their item in the lane of people is settled, whatever became of it.
So it is owed, too, for an account that appears later, for the record that another one was merged into, and after any
crash. The lane of a source knows what it was asked before, and is asked nothing twice.

What is put there holds no address. It names the record and the person; address and time are read at delivery.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from customer_sync.brevo.rules import rules_of
from customer_sync.config import API_SOURCE, Settings
from customer_sync.engine.lane import Outcome, is_of_run
from customer_sync.engine.plan import Group, RecordSays, Who
from customer_sync.engine.planner import Planner
from customer_sync.errors import MappingError
from customer_sync.kit.reach import Written
from customer_sync.model import PEOPLE, ConsentState, Event, Json, Priority, from_ms
from customer_sync.person.consent import EVERYWHERE, label_of
from customer_sync.person.identity import normalize_email
from customer_sync.person.owed import BREVO, Owed, Terms, concerning
from customer_sync.person.person import Person, apply
from customer_sync.platforms.lanes import WRITEBACK
from customer_sync.registry import connector_for
from customer_sync.store import Store
from customer_sync.store.forms import EventRef, Kept, NewerForm

#: The field of a lane's record that tells what was asked: when the person left, and the label of the address.
ASKED: Final = "asked"
#: What stands before the key of a buyer without an account, where others have the id of their record.
GUEST: Final = "@"
#: Who tells of addresses, and not of records of a platform.
SPEAK_OF_ADDRESSES: Final = frozenset({BREVO, API_SOURCE})
#: How many events of a person's item are told of a write-back.
EVENTS: Final = 5
#: Results that hold only while the settings, the connector or the person's word are as they are.
PASSING: Final = frozenset({"off", "unsupported", "lifted"})


@dataclass(frozen=True, slots=True)
class Decisions:
    """What an operator decided.

    Args:
        terms: source → what its platform is told; a source that is told nothing is not here.
        sharing: the sources whose platform lets several customers have one address.
        missing: source → what to make of a record without any consent.
        finding: the sources whose platform finds its customers by an address that no record tells of.
    """

    terms: Mapping[str, Terms]
    sharing: frozenset[str] = frozenset()
    missing: Mapping[str, ConsentState] = field(default_factory=dict)
    finding: frozenset[str] = frozenset()

    def owed(self, person: Person) -> list[Owed]:
        """Return what the platforms are to be told of a person."""
        return [one for one in self.concerning(person) if not one.is_known]

    def concerning(self, person: Person) -> list[Owed]:
        """Return the same with the opt-outs of which the platform itself told since."""
        return concerning(person, self.terms, self.sharing, self.missing, self.finding)


def id_of(told: Owed) -> str:
    """Return what the lane calls a record: by the platform's id, or, without an account, by the key of the guest."""
    return told.record.id if told.record.id is not None else GUEST + told.record.ref


def target_of(source: str, id_: str) -> str:
    """Return the item of a record in the lane of its source."""
    return f"{source}:{id_}"


def asked_of(told: Owed, email: str) -> list[Json]:
    """Return what stands for an opt-out: when it was said, and of which address."""
    return [told.at_ms, label_of(email)]


def claim_of(told: Owed) -> list[Json]:
    """Return when the record told its address last."""
    return list(told.record.claim)


class _Found(NamedTuple):
    """What one person owes, with the address and the events behind it."""

    told: Owed
    email: str
    events: Sequence[EventRef]


class Debts:
    """Finds out what people owe the platforms, when their items are settled.

    Args:
        store: all that Redis holds.
        decide: what the operator decided.
    """

    def __init__(self, store: Store, decide: Decisions) -> None:
        self._store = store
        self._decide = decide

    def __call__(self, outcomes: Sequence[Outcome]) -> Sequence[Group]:
        """Return what is to be put into the lanes, before the items are settled; nothing that was put there before."""
        found: list[_Found] = []
        for one in outcomes:
            person = self._person(one) if self._may_owe(one) else None
            events = [event for event in one.item.events if not is_of_run(event)][-EVENTS:]
            found += self._found(person, events)
        return self._new(found)

    def heard(self, events: Sequence[Event]) -> Sequence[Group]:
        """Return the same for those who were just heard to have left: their items may wait for Brevo for hours.

        What a crash leaves undone here follows when the item is settled.
        """
        found: list[_Found] = []
        for one in events:
            number = self._who_left(one)
            if number is not None:
                (waiting,) = self._store.lanes.waiting(PEOPLE, [number])
                person = apply(self._store.people.read(number), [part for part, _ in waiting])
                found += self._found(person, [EventRef(one.id, one.source, self._store.now_ms())])
        return self._new(found)

    def _who_left(self, event: Event) -> str | None:
        is_withdrawal = any(one.state is ConsentState.WITHDRAWN for one in event.consents)
        is_of_address = event.source in SPEAK_OF_ADDRESSES and event.customer_id is None
        if not is_withdrawal or not is_of_address or not self._decide.terms:
            return None
        with suppress(MappingError, NewerForm):
            email = normalize_email(event.record.get("email"))
            return None if email is None else self._store.people.find(email)
        return None

    def _found(self, person: Person | None, events: Sequence[EventRef]) -> list[_Found]:
        if person is None or not person.email:
            return []
        return [_Found(told, person.email, events) for told in self._decide.owed(person)]

    def _new(self, found: Sequence[_Found]) -> Sequence[Group]:
        """Return the puts of what the lanes were not asked before."""
        if not found:
            return ()
        places = [(WRITEBACK + one.record.source, target_of(one.record.source, id_of(one))) for one, _, _ in found]
        known = self._store.records.all_of(places)
        planner, now_ms = Planner(self._store.people, self._store.now_ms()), self._store.now_ms()
        groups: list[Group] = []
        for kept, one in zip(known, found, strict=True):
            if not _is_asked(kept, one):
                groups += _groups(planner, one, now_ms)
        return groups

    def _may_owe(self, outcome: Outcome) -> bool:
        """Tell at a glance whether a person may owe anything; nearly nobody does."""
        item, record = outcome.item, outcome.settlement.record
        if outcome.settlement.verdict == "erased" or item.newer or not self._decide.terms:
            return False
        # something was said of the address, or a record took Brevo's word along
        if any(not part.ref or part.is_borrowed for part in item.parts):
            return True
        return any("\n@" in text or '"brevo:' in text or EVERYWHERE in text for text in (item.record, record or ""))

    def _person(self, outcome: Outcome) -> Person | None:
        item = outcome.item
        try:
            stored = self._store.people.decode(outcome.settlement.record or item.record)
        except NewerForm:
            return None
        return apply(stored, item.parts)


def _is_asked(kept: Kept | None, found: _Found) -> bool:
    """Tell whether a lane was asked this before: it waits there, or is done.

    What was gone, or had another address for a while, is there again where the platform told of it since.
    """
    if kept is None:
        return True  # a newer version wrote it
    asked, known, result = asked_of(found.told, found.email), kept.state.get(ASKED), kept.has.get("result")
    if known is None or known.value != asked or kept.has.get("of") != asked:
        return known is not None and known.value == asked
    is_back = result == Written.GONE and kept.has.get("claim") != claim_of(found.told)
    return result not in PASSING and not is_back


def _groups(planner: Planner, found: _Found, now_ms: int) -> list[Group]:
    """Return the put of one opt-out.

    It is put as of now, so that an older erasure is no obstacle. What is kept of it has the time of the opt-out: an
    erasure after that forgets it.
    """
    (told, email, events), at = found, from_ms(now_ms)
    record = told.record
    who = Who(record.source, at, id=record.id, email=None if record.id is not None else email, only_known=True)
    fields: dict[str, Json] = {ASKED: asked_of(told, email)}
    step = RecordSays(WRITEBACK + record.source, record.source, id_of(told), at, fields, who=who, seen_at=at)
    groups = planner.groups([step], events, at, priority=Priority.URGENT)
    for put in (put for group in groups for put in group.puts):
        put.events = [one._replace(leads=False) for one in put.events]
        state = {name: one._replace(at_ms=min(one.at_ms, told.at_ms)) for name, one in put.part.state.items()}
        put.part = put.part._replace(state=state)
    return groups


def decisions_of(settings: Settings) -> Decisions:
    """Return what an operator decided of opt-outs that go back to the platforms."""
    rules, options = rules_of(settings), {name: settings.options_for(name) for name in settings.sources}
    terms = {
        name: Terms(one.list_ids if one.write_back == "lists" else ())
        for name, one in options.items()
        if one.write_back != "off"
    }
    finding = frozenset(name for name, one in settings.sources.items() if connector_for(one).finds_addresses)
    return Decisions(terms, rules.sharing, rules.missing, finding)
