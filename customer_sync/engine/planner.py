"""The planner: turns the steps of skills into the form that the script takes, see `plan`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from customer_sync.config import API_SOURCE
from customer_sync.engine.plan import (
    Erase,
    Group,
    Identity,
    Merge,
    PlannedPut,
    RecordSays,
    Said,
    Says,
    Step,
    Who,
)
from customer_sync.model import PEOPLE, Channel, Consent, ConsentState, Priority, from_ms, to_ms, to_us
from customer_sync.person.apart import told_apart
from customer_sync.person.consent import OF, register
from customer_sync.person.merge import SINCE, WHOM, Stamped, earliest, merge, stamp
from customer_sync.person.observing import observe, said_of_address
from customer_sync.person.owed import BREVO, LEFT, LIST_LEFT, everywhere
from customer_sync.person.person import CLAIM, DELETED, ERASED, WEAK_MS, Part
from customer_sync.store.forms import EventRef
from customer_sync.store.people import People


class Planner:
    """Turns the steps of skills into groups for the script.

    Args:
        people: for the fingerprints.
        now_ms: the time by Redis' clock: no stamp is later, except that of a withdrawal.
    """

    def __init__(self, people: People, now_ms: int) -> None:
        self._people = people
        self._now_ms = now_ms

    def groups(
        self,
        steps: Iterable[Step],
        events: Sequence[EventRef],
        seen_at: datetime,
        *,
        priority: Priority = Priority.LIVE,
    ) -> list[Group]:
        """Return the groups for the steps of one event.

        Args:
            steps: the steps that the skills return.
            events: the event that caused the changes; none for changes without a row in the ledger.
            seen_at: when the event was seen, where the platform sends no finer time.
            priority: which items are delivered first; consent and deletion are always urgent.
        """
        found: list[Group] = []
        for step in steps:
            group = self._group(step, events, seen_at, priority)
            # steps of one identity are one group: the script finds the person once
            if found and group.who is not None and found[-1].who == group.who and not found[-1].is_erasure:
                found[-1].puts += group.puts
            elif group.puts or group.merged:
                found.append(group)
        let_one_lead(found)
        return found

    def _group(self, step: Step, events: Sequence[EventRef], seen_at: datetime, priority: Priority) -> Group:
        if isinstance(step, Says):
            return Group(
                self._identity(step.who, self._seen_us(step, seen_at)),
                list(self._says(step, events, seen_at, priority)),
            )
        if isinstance(step, Said):
            return Group(self._identity(step.who, 0), list(self._said(step, events, seen_at)))
        if isinstance(step, Erase):
            at_ms = self._at_ms(step.who.at)
            part = Part("", "", None, {ERASED: Stamped(value=True, at_ms=at_ms)})
            put = PlannedPut(PEOPLE, part, at_ms, Priority.URGENT, events)
            return Group(self._identity(step.who, 0), [put], is_erasure=True)
        if isinstance(step, Merge):
            gone, kept = (self._people.ref(step.source, one) for one in (step.gone_id, step.kept_id))
            return Group(merged=(gone, kept, to_ms(step.at)), events=events)
        if isinstance(step, RecordSays):
            who = None if step.who is None else self._identity(step.who, 0)
            return Group(who, [self._record(step, events, seen_at, priority)])
        return Group(puts=[PlannedPut(step.lane, step.part, 0, step.priority, events, target=step.target)])

    def _at_ms(self, at: datetime) -> int:
        """Return a time not later than now: a platform's fast clock must not win for ever."""
        return min(to_ms(at), self._now_ms)

    def _seen_us(self, step: Says, seen_at: datetime) -> int:
        return min(to_us(step.who.seen_at or seen_at), self._now_ms * 1000 + 999)

    def _identity(self, who: Who, seen_us: int) -> Identity:
        people, at_ms = self._people, self._at_ms(who.at)
        return Identity(
            ref=people.ref(who.source, who.id) if who.id is not None else "",
            fp=people.fingerprint(who.email) if who.email is not None else "",
            email=who.email or "",
            ms=at_ms - WEAK_MS if who.is_copy and who.id is not None else at_ms,
            us=seen_us,
            only_known=who.only_known,
            told_ms=None if who.told_at is None else self._at_ms(who.told_at),
        )

    def _record(
        self, step: RecordSays, events: Sequence[EventRef], seen_at: datetime, priority: Priority
    ) -> PlannedPut:
        """Return the put of a record of another lane."""
        at_ms = self._at_ms(step.at)
        told_ms = at_ms if step.who is None or step.who.told_at is None else self._at_ms(step.who.told_at)
        seen_us = min(to_us(step.seen_at or seen_at), self._now_ms * 1000 + 999)
        ref = self._people.ref(step.source, f"{step.lane}:{step.id}")
        # whose it is stands in the state like any other field; the script that puts it there finds the value
        fields = step.fields if step.who is None else {**step.fields, WHOM: None}
        return PlannedPut(
            step.lane,
            Part(ref, step.source, step.id, stamp(fields, at_ms, seen_us)),
            told_ms,
            priority,
            events,
            target=step.target,
            due_ms=None if step.due.at is None else to_ms(step.due.at),
            is_moved=step.due.is_moved,
        )

    def _said(self, step: Said, events: Sequence[EventRef], seen_at: datetime) -> Iterator[PlannedPut]:
        at_ms = self._at_ms(step.who.at)
        if step.fields:
            yield PlannedPut(PEOPLE, Part("", "", None, stamp(step.fields, at_ms)), at_ms, Priority.LIVE, events)
        for consent in step.consents:
            yield from self._withdrawn(consent, step.who, events, seen_at, step.fields)

    def _says(
        self, step: Says, events: Sequence[EventRef], seen_at: datetime, priority: Priority
    ) -> Iterator[PlannedPut]:
        who, at_ms = step.who, self._at_ms(step.who.at)
        part = self._part(step, at_ms, self._seen_us(step, seen_at))
        is_urgent = step.is_deleted or any(one.state is ConsentState.WITHDRAWN for one in step.consents)
        if part is not None:
            first = Priority.URGENT if is_urgent else priority
            over = {register(Channel.EMAIL, "after"): Stamped(["deleted", who.source], at_ms)}
            after = Part("", "", None, over) if step.is_deleted and who.id is not None else None
            told_ms = at_ms if who.told_at is None else self._at_ms(who.told_at)
            yield PlannedPut(PEOPLE, part, told_ms, first, events, after=after)
        for consent in step.consents:
            yield from self._withdrawn(consent, who, (), seen_at)

    def _part(self, step: Says, at_ms: int, seen_us: int) -> Part | None:
        """Return the change of a step's record; None when the step changes nothing, or has neither id nor address."""
        who, people = step.who, self._people
        if (who.id is None or step.is_of_address) and who.email is not None:
            ref, own_id = people.guest_ref(who.source, who.email), None
        elif who.id is not None:
            ref, own_id = people.ref(who.source, who.id), who.id
        else:
            return None
        is_weak = who.is_copy and own_id is not None
        stamp_ms = at_ms - WEAK_MS if is_weak else at_ms
        state = stamp(step.fields, stamp_ms, seen_us)
        if step.is_deleted:
            state[DELETED] = Stamped(None, at_ms)
        elif not step.is_of_address or any(one.state is ConsentState.GRANTED for one in step.consents):
            if who.email is not None:
                state[CLAIM] = Stamped(None, stamp_ms, seen_us)
            if not is_weak:
                state[SINCE] = earliest(min(to_ms(who.since), at_ms) if who.since else at_ms)
        if step.is_of_address and who.id is not None:
            state[OF] = Stamped(people.ref(who.source, who.id), at_ms, seen_us)
        for consent in step.consents:
            state = merge([state, observe(self._not_ahead(consent), at_ms, who.email)])
        return Part(ref, who.source, own_id, state) if state else None

    def _not_ahead(self, consent: Consent) -> Consent:
        """Return an observation not later than now. A withdrawal always keeps the time that it states."""
        if consent.state is ConsentState.WITHDRAWN or to_ms(consent.at) <= self._now_ms:
            return consent
        return replace(consent, at=from_ms(self._now_ms), seen_at=None)

    def _withdrawn(
        self,
        consent: Consent,
        who: Who,
        events: Sequence[EventRef],
        seen_at: datetime,
        fields: Iterable[str] = (),
    ) -> Iterator[PlannedPut]:
        """Yield the put of a withdrawal for the address that it was given with.

        The withdrawal also counts for the records that led to the address then, unless it is a bounce, which concerns
        the mailbox alone. It also counts for the customer's former addresses, while no other person has the address.
        """
        said = said_of_address(consent, who.source, self._at_ms(seen_at))
        if not said:
            return
        stamped, after = next(iter(said.values())), None
        if register(Channel.EMAIL, "bounced") not in said:
            after = Part("", "", None, {register(Channel.EMAIL, "after"): stamped})
        speaks = who.source == BREVO or (who.source == API_SOURCE and who.id is None)
        left = [int(one.removeprefix(LEFT)) for one in fields if one.startswith(LEFT) and consent.method == LIST_LEFT]
        said |= everywhere(consent, who.source, speaks=speaks) | told_apart(said, left)
        told_ms = stamped.at_ms if who.told_at is None else min(stamped.at_ms, self._at_ms(who.told_at))
        yield PlannedPut(
            PEOPLE, Part("", "", None, said), told_ms, Priority.URGENT, events, withdraws=True, after=after
        )


def let_one_lead(groups: Sequence[Group]) -> None:
    """Let one lane count the event: that of people where it changes people, else the first. May be done again."""
    puts = [put for group in groups for put in group.puts if put.events]
    lanes = [put.lane for put in puts]
    leading = PEOPLE if PEOPLE in lanes or any(group.merged for group in groups) else lanes[0] if lanes else ""
    for put in puts:
        put.events = [one._replace(leads=put.lane == leading) for one in put.events]


def parts_of(groups: Iterable[Group]) -> tuple[Identity | None, list[Part]]:
    """Return the first identity among people of one record's event, and the changes put there."""
    found: Identity | None = None
    parts: list[Part] = []
    for group in groups:
        if group.who is None or group.is_erasure or not any(put.lane == PEOPLE for put in group.puts):
            continue
        found = found or group.who
        if (group.who.ref, group.who.fp) == (found.ref, found.fp):
            parts += [put.part for put in group.puts if put.lane == PEOPLE]
    return found, parts
