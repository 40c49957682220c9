"""Appraisal: what pulled records would change in Brevo, worked out before any change is put into a lane.

A record that changes nothing is dropped here and costs no write. A dry run shows the counts; the brake decides by them,
and until it has, what would harm somebody is held back.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from customer_sync.base.clock import utc_now
from customer_sync.batch.held import hold
from customer_sync.batch.known import KnownRecords
from customer_sync.batch.side_by_side import lost_words
from customer_sync.brevo.contacts.contact_plan import UNIQUE, Plan, Rules, make_plan
from customer_sync.engine.plan import Group, Identity, Planned, PlannedPut, Step
from customer_sync.engine.planner import Planner, let_one_lead, parts_of
from customer_sync.errors import MappingError, PayloadError
from customer_sync.model import CUSTOMERS, PEOPLE, Channel, ConsentState, Event, Kind, Priority, to_ms
from customer_sync.person.consent import is_yes
from customer_sync.person.merge import WHOM, aged, is_empty, is_news, lost, reread
from customer_sync.person.observing import retold
from customer_sync.person.person import Part, Person, adds, apply
from customer_sync.person.totals import Ordered
from customer_sync.pipeline import Line
from customer_sync.store.counters import Tally
from customer_sync.store.forms import EventRef
from customer_sync.store.run import DIFFERS, Known, Run

#: How many records are looked up in one round trip.
LOOKUP: Final = 500


@dataclass(slots=True)
class Pulled:
    """One pulled record: its puts, its identity, its changes of the person, and whether all of it could be used."""

    event: Event
    groups: list[Group]
    who: Identity | None
    parts: list[Part]
    is_whole: bool

    @property
    def others(self) -> list[PlannedPut]:
        """Its puts into other lanes than that of people."""
        return [put for group in self.groups for put in group.puts if put.lane != PEOPLE]

    def without(self, puts: Sequence[PlannedPut]) -> None:
        """Remove some of its puts."""
        left_out = set(map(id, puts))
        for group in self.groups:
            group.puts = [put for put in group.puts if id(put) not in left_out]
        self.groups = [group for group in self.groups if group.puts or group.merged]


class Appraisal:
    """What a page would change.

    Args:
        line: the line; its skills turn events into changes.
        rules: the operator's decisions and the account's attributes.
        run: the run, for its event id.
        records: tells the imprints of the records; None where they have none.
    """

    def __init__(self, line: Line, rules: Rules, run: Run, records: KnownRecords | None = None) -> None:
        self._records = records
        self._line = line
        self._rules = rules
        self._run = run
        self._seen_at = utc_now(line.clock)
        self._planner = Planner(line.store.people, line.store.now_ms())
        self.counts: Counter[str] = Counter()
        self._new: set[str] = set()
        self._records_met: set[str] = set()
        self._left_out = 0
        self.notes: list[str] = []
        #: The first record that was left out: which and why, and what is to be done.
        self.left_out: tuple[str, str] | None = None
        #: People of this page who were known before.
        self.seen: list[str] = []
        #: People of whom nothing is news, and their imprints.
        self.same: list[tuple[str, str]] = []
        #: The plans to be committed.
        self.events: list[Planned] = []
        #: The plans that the run holds back, as text.
        self.held: list[str] = []

    def judge(self, events: Sequence[Event | PayloadError], unchanged: int = 0) -> None:
        """Appraise the records of a page; of `unchanged` more it is known already that they change nothing."""
        self.counts["read"] += len(events) + unchanged
        self.counts["unchanged"] += unchanged
        records = [record for one in events for record in self._read(one)]
        for start in range(0, len(records), LOOKUP):
            part = records[start : start + LOOKUP]
            self._leave_out_known(part)
            pairs = [(one.who.ref, one.who.fp) if one.who else ("", "") for one in part]
            known = self._line.store.runs.lookup(pairs, self._records.token if self._records else "")
            orders = self._orders_of(known)
            for record, found in zip(part, known, strict=True):
                if not record.groups:
                    self.counts["unchanged"] += 1
                elif found is None:
                    self._news(record)
                else:
                    self._known(record, found, orders.get(found.person, ()))

    def _orders_of(self, known: Sequence[Known | None]) -> Mapping[str, tuple[Ordered, ...]]:
        numbers = sorted({one.person for one in known if one is not None})
        return dict(zip(numbers, self._line.store.orders.of(numbers), strict=True))

    def _leave_out_known(self, records: Sequence[Pulled]) -> None:
        """Leave out puts that change nothing of a record that another lane keeps."""
        puts = [(record, put) for record in records for put in record.others]
        known = self._line.store.lanes.known([(put.lane, put.target) for _, put in puts])
        for (record, put), kept in zip(puts, known, strict=True):
            # whose it is can only be told by the script that puts it there
            told = {name: one for name, one in put.part.state.items() if name != WHOM}
            # what the destination has nothing of, since it did not fit or had no address, is looked at again
            if kept is not None and kept.has and not is_news(told, kept.state):
                record.without([put])
            elif kept is None and put.target not in self._records_met:
                self.counts["record_creates"] += 1
            elif kept is not None:
                self.counts["record_updates"] += 1
            self._records_met.add(put.target)

    def tally(self) -> Tally:
        """Return the counts for the metrics."""
        tally = Tally()
        source = self._run.source
        for result in ("changed", "unchanged", "refused"):
            tally.count("tajo_run_records_total", by=self.counts[result], source=source, result=result)
        tally.count("tajo_events_total", by=len(self.events), source=source, state="pending")
        tally.count("tajo_values_left_out_total", by=self._left_out, source=source)
        return tally

    def _read(self, one: Event | PayloadError) -> Iterator[Pulled]:
        if isinstance(one, PayloadError):
            self._refuse(one.kept())
            return
        self._left_out += len(one.notes)
        steps: list[Step] = []
        fault: MappingError | None = None
        for skill in self._line.skills:
            try:
                intent = skill.intent(replace(one, is_pulled=True))
            except MappingError as error:
                fault = fault or error.kept()
                continue
            steps += intent.steps
            fault = fault or (intent.fault and intent.fault.kept())
        if fault is not None:
            self._refuse(fault)
        behind = [EventRef(self._run.event_id, self._run.source, to_ms(self._seen_at))]
        groups = self._planner.groups(steps, behind, self._seen_at, priority=Priority.BULK)
        if groups:
            yield Pulled(one, groups, *parts_of(groups), is_whole=fault is None)
        elif fault is None:
            self.counts["unchanged"] += 1

    def _refuse(self, error: PayloadError) -> None:
        self.counts["refused"] += 1
        self.left_out = self.left_out or (str(error), error.remedy)
        if len(self.notes) < 5:
            self.notes.append(f"A record was left out: {error}. {error.remedy}".strip())

    def _news(self, pulled: Pulled) -> None:
        """The person is new, or has waiting changes. The final decision is made at delivery."""
        self._age(pulled, None)
        self.counts["changed"] += 1
        who = pulled.who
        if who is not None and who.email and pulled.event.kind is not Kind.CUSTOMER_DELETED and who.fp not in self._new:
            self._new.add(who.fp)
            self.counts["creates"] += 1
            self._expect(pulled.parts, None)
        self._send(pulled, Priority.BULK, self._imprint_of(pulled))

    def _imprint_of(self, pulled: Pulled) -> str:
        """Return the imprint of a record of which all was used and nothing goes to another lane; "" without one."""
        if self._records is None or pulled.others or not pulled.is_whole:
            return ""
        return self._records.imprint_of(pulled.event)

    def _age(self, pulled: Pulled, person: Person | None) -> None:
        """Let what a record without a time of its own says be as old as it may be; of a new person nothing is known."""
        told_at, own = pulled.event.told_at, pulled.who.ref if pulled.who else ""
        if told_at is None:
            return
        record = None if person is None else person.records.get(own)
        known = None if record is None else record.state
        for put in (put for group in pulled.groups for put in group.puts if put.lane == PEOPLE):
            state = put.part.state
            if put.part.ref == own:
                state = aged(state, known, to_ms(told_at))
            if known is not None and put.part.ref in {own, ""}:
                state = retold(state, known)
            put.part = put.part._replace(state=state)
        pulled.parts = parts_of(pulled.groups)[1]

    def _read_later(self, pulled: Pulled, person: Person) -> bool:
        """Let the platform's totals count as they were read; tell whether more differs and loses by its time."""
        if self._run.resource != CUSTOMERS:
            return False  # an order's copy of its customer is as old as the order: that it differs is no news
        begun_us, totals = self._run.started_ms * 1000, self._rules.totals.get(self._run.source, frozenset())
        names: set[str] = set()
        for put in (put for group in pulled.groups for put in group.puts if put.lane == PEOPLE):
            record = person.records.get(put.part.ref)
            if record is not None:
                put.part = put.part._replace(state=reread(put.part.state, record.state, begun_us, totals))
                names.update(lost(put.part.state, record.state, begun_us))
        pulled.parts = parts_of(pulled.groups)[1]
        names.update(lost_words(person, pulled.parts, begun_us))
        self.counts.update({f"{DIFFERS}{name}" for name in names}, disputed=bool(names))
        return bool(names)

    def _known(self, pulled: Pulled, found: Known, orders: tuple[Ordered, ...]) -> None:
        people, now_ms = self._line.store.people, self._line.clock()
        person = replace(people.decode(found.record), orders=orders)
        self._age(pulled, person)
        is_disputed = self._read_later(pulled, person)
        says_more = adds(person, pulled.parts)
        plan = make_plan(apply(person, pulled.parts) if says_more else person, self._rules, now_ms)
        # several records of one source under one address: the person alone does not tell which record is gone
        if sum(record.source == self._run.source for record in person.records.values()) <= 1:
            self.seen.append(found.person)
        if found.is_all and not says_more and plan.action == "none":
            pulled.without([put for group in pulled.groups for put in group.puts if put.lane == PEOPLE])
            self.counts["changed" if pulled.groups else "unchanged"] += 1
            if pulled.groups:
                self._send(pulled, Priority.BULK)
            elif not is_disputed and (imprint := self._imprint_of(pulled)):
                self.same.append((found.person, imprint))
            return
        self.counts["changed"] += 1
        in_brevo = person.has.is_there
        if plan.action == "write":
            self.counts["updates" if in_brevo else "creates"] += 1
            self._expect(pulled.parts, person if in_brevo else None)
        harms = [name for name, is_so in _harms(person, plan) if is_so] if in_brevo else []
        self.counts.update(harms, harmed=bool(harms))
        priority = Priority.URGENT if "blocks" in harms or "deletes" in harms else Priority.BULK
        if harms and not self._run.is_forced and not self._run.is_dry:
            self.held.append(hold(_planned(pulled, priority)))
            self.counts["held"] += 1
            self.seen.append(found.person)  # the step that puts the other changes marks their people itself
        else:
            self._send(pulled, priority)

    def _expect(self, parts: Sequence[Part], known: Person | None) -> None:
        """Count what a contact needs beside its row of an import; `known` is the person of one that changes.

        What was said of the address, and what was read before, is not looked at: the counts are for an estimate.
        """
        has_phone = any(_tells_unique(part, known) for part in parts)
        on_lists = known.has.lists if known else ()
        joins = any(
            set(self._rules.lists.get(part.source, ())) - set(on_lists)
            and (is_yes(part.state, Channel.EMAIL) or self._rules.missing.get(part.source) is ConsentState.GRANTED)
            for part in parts
        )
        self.counts["phone_updates" if known else "phones"] += has_phone
        self.counts["join_updates" if known else "joins"] += joins

    def _send(self, pulled: Pulled, priority: Priority, imprint: str = "") -> None:
        self.events.append(_planned(pulled, priority, imprint))


def _planned(pulled: Pulled, priority: Priority, imprint: str = "") -> Planned:
    """Return the plan of a record; a withdrawal of a person without a contact is not urgent: no mail can go out."""
    for put in (put for group in pulled.groups for put in group.puts):
        put.priority = priority
    let_one_lead(pulled.groups)
    return Planned(pulled.groups, imprint=imprint)


def _tells_unique(part: Part, known: Person | None) -> bool:
    """Tell whether a change brings a value that only one contact may have, and another one than is known."""
    record = known.records.get(part.ref) if known else None
    for name in UNIQUE & part.state.keys():
        value = part.state[name].value
        before = record.state.get(name) if record else None
        if not is_empty(value) and (before is None or before.value != value):
            return True
    return False


def _harms(person: Person, plan: Plan) -> Iterator[tuple[str, bool]]:
    desired = plan.desired
    yield "deletes", plan.action in {"delete", "erase"}
    if desired is None:
        return
    yield "blocks", bool(desired.blocked) and not person.has.blocked
    yield "unlists", bool(desired.unlist)
    yield "empties", bool(desired.emptied)
