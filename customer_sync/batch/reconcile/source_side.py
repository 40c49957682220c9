"""The source's side: its customers, as a full pull brings them, against what is known here.

Values are compared, not times: what the source says now and what is known of it. People missing from the pull are
counted but not changed, because a pull can be incomplete.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from customer_sync.base import retry
from customer_sync.base.clock import Clock, system_clock, utc_now
from customer_sync.batch.reconcile.brevo_side import Progress
from customer_sync.batch.reconcile.record_verdict import differing
from customer_sync.brevo.contacts.contact_plan import Rules, view
from customer_sync.engine.plan import Group, Identity, Planned, Request, commit
from customer_sync.engine.planner import Planner, parts_of
from customer_sync.errors import MappingError, PayloadError, TryLater, Unavailable
from customer_sync.kit.connector import Connector
from customer_sync.kit.reach import Access, Cursor, Page, Want
from customer_sync.model import CUSTOMERS, PEOPLE, ConsentState, Event, Priority
from customer_sync.person.merge import is_empty, reread
from customer_sync.person.person import Part, Person, Told, apply, attributes
from customer_sync.skills import Skill
from customer_sync.store import Store
from customer_sync.store.receipts import SourceDrift
from customer_sync.store.run import Run, RunKind, RunState

#: Compares a source; `heal` puts what differs into the line. None: the source cannot be pulled.
CompareSource = Callable[[str, bool, Progress], SourceDrift | None]

#: How many records are looked up, and put into the line, in one step.
PART: Final = 200
#: How often a page that fails is asked for.
MAX_TRIES: Final = 8


#: Why a record that differs is not mended.
NEWER_HERE: Final = "what is known here is newer by its time, or stricter, than what the source says now"


@dataclass(slots=True)
class _Look:
    """One reading of a source.

    Args:
        is_healing: whether what differs is put into the line.
        begun_us: when it began, in microseconds.
        drift: what is counted.
        seen: the customers met so far, each by the key of its record, else of its address.
        differing: those of them who differ.
    """

    is_healing: bool
    begun_us: int
    drift: SourceDrift = field(default_factory=SourceDrift)
    seen: set[str] = field(default_factory=set)
    differing: set[str] = field(default_factory=set)

    def meet(self, who: Identity | None, *, is_equal: bool) -> bool:
        """Count the customer of a record once, however many records tell of them; return whether it is the first."""
        key = "" if who is None else who.ref or who.fp
        if not key:
            return False
        is_new = key not in self.seen
        self.drift.customers += is_new
        self.seen.add(key)
        if not is_equal and key not in self.differing:
            self.differing.add(key)
            self.drift.differ += 1
            self.drift.healed += self.is_healing
        return is_new


class PullComparison:
    """Compares sources by pulling them.

    Args:
        store: all that Redis holds.
        connectors: source → its connector.
        skills: the enabled skills.
        access: source → how its platform is reached; None when it cannot be.
        rules: the operator's decisions and the account's attributes, as they are now.
        wake: sends a wake-up.
        sleep: waits, in seconds.
        clock: milliseconds since 1970; no record is newer than that.
    """

    def __init__(  # noqa: PLR0913, PLR0917  # what it works with
        self,
        store: Store,
        connectors: Mapping[str, Connector],
        skills: Sequence[Skill],
        access: Callable[[str], Access | None],
        rules: Callable[[], Rules],
        wake: Callable[[str], None] = lambda _: None,
        sleep: Callable[[float], None] = time.sleep,
        clock: Clock = system_clock,
    ) -> None:
        self._store = store
        self._connectors = connectors
        self._skills = skills
        self._access = access
        self._rules = rules
        self._wake = wake
        self._sleep = sleep
        self._clock = clock

    def __call__(self, source: str, heal: bool, progress: Progress) -> SourceDrift | None:  # noqa: FBT001  # as `CompareSource`
        """Return how a source differs from what is known here.

        Raises:
            TajoError: the source does not answer; see `Connector.pull`.
        """
        connector, access = self._connectors.get(source), self._access(source)
        if connector is None or access is None or "customers" not in connector.pulls:
            return None
        look = _Look(heal, self._clock() * 1000)
        drift = look.drift
        cursor: Cursor | None = None
        while True:
            page = self._pull(connector, access, cursor)
            drift.notes = tuple(dict.fromkeys([*drift.notes, *page.notes]))
            for start in range(0, len(page.events), PART):
                self._compare(page.events[start : start + PART], look)
            progress(f"customers of {source}", drift.read, page.total)
            if page.cursor is None:
                break
            self._sleep(page.wait_s)
            cursor = page.cursor
        drift.gone_at_source = self._count_gone(source, look)
        return drift

    def _pull(self, connector: Connector, access: Access, cursor: Cursor | None) -> Page:
        tries = 0
        while True:
            tries += 1
            try:
                return connector.pull(Want("customers", cursor, None), access)
            except (TryLater, Unavailable) as error:
                if tries >= MAX_TRIES:
                    raise
                after_s = error.after_s if isinstance(error, TryLater) else None
                self._sleep(after_s if after_s is not None else retry.next_wait_s(tries))

    def _compare(self, events: Sequence[Event | PayloadError], look: _Look) -> None:
        read_at = utc_now(self._clock)
        planner = Planner(self._store.people, self._store.now_ms())
        pulled = [groups for event in events if (groups := self._groups(event, planner, read_at, look)) is not None]
        records = [parts_of(groups) for groups in pulled]
        puts: list[Planned] = []
        for groups, (who, parts), known in zip(pulled, records, self._look_up(records), strict=True):
            names = [] if known is None else differing(known, who, parts, self._rules(), look.begun_us)
            is_new = look.meet(who, is_equal=known is not None and not names)
            look.drift.by_field.update(names)
            if known is None:
                look.drift.missing_here += is_new
            elif names:
                look.drift.harmful += self._harms(known, parts)
            else:
                continue
            if look.is_healing:
                puts.append(_heal(groups, known, look.begun_us))
                if known is not None and self._is_unmended(known, groups, look.begun_us):
                    look.drift.refused[NEWER_HERE] += 1
        if puts:
            commit(self._store, [Request("", puts)], self._wake)

    def _is_unmended(self, known: Person, groups: Sequence[Group], begun_us: int) -> bool:
        """Tell whether a record and its person differ even after the record was put into the line."""
        who, parts = parts_of(groups)
        left = differing(apply(known, parts), who, parts, self._rules(), begun_us + 1)
        return any(name != "email" for name in left)  # the script moves the record to its address

    def _groups(
        self, event: Event | PayloadError, planner: Planner, read_at: datetime, look: _Look
    ) -> list[Group] | None:
        """Return what a record would put, None when it cannot be understood or is of no interest."""
        drift = look.drift
        drift.read += 1
        try:
            if isinstance(event, PayloadError):
                raise event
            event = replace(event, is_pulled=True)
            steps = [step for skill in self._skills for step in skill.intent(event).steps]
        except PayloadError as error:
            kind = "does not fit the mapping" if isinstance(error, MappingError) else "cannot be read"
            drift.by_field[f"a record that {kind}"] += 1
            drift.customers += 1
            drift.differ += 1
            drift.notes = tuple(dict.fromkeys([*drift.notes, f"A record was left out: {error}. {error.remedy}"]))[:20]
            return None
        return planner.groups(steps, (), read_at, priority=Priority.BULK) or None

    def _look_up(self, records: Sequence[tuple[Identity | None, Sequence[Part]]]) -> list[Person | None]:
        """Return each record's person (by id, else by address) and all that is known of them, what waits too."""
        store = self._store
        numbers = store.people.find_many([(who.ref, who.fp) if who else ("", "") for who, _ in records])
        known = [number for number in numbers if number is not None]
        people = dict(zip(known, store.people.read_many(known), strict=True))
        waiting = dict(zip(known, store.lanes.waiting(PEOPLE, known), strict=True))
        return [
            None if number is None else apply(people[number], (part for part, _ in waiting[number]))
            for number in numbers
        ]

    def _harms(self, before: Person, parts: Sequence[Part]) -> bool:
        """Tell whether a record would block somebody, take them off a list, delete them, or empty a field."""
        rules = self._rules()
        after = apply(before, parts)
        was, now = view(before, rules), view(after, rules)
        told, left = attributes(was.roll.living), attributes(now.roll.living)
        is_emptied = any(not is_empty(one.stamped.value) and _is_nothing(left.get(name)) for name, one in told.items())
        is_blocked = any(
            after_one.state is ConsentState.WITHDRAWN and before_one.state is not ConsentState.WITHDRAWN
            for before_one, after_one in ((was.email, now.email), (was.sms, now.sms))
        )
        return is_emptied or is_blocked or (was.word == "active" and now.word != "active")

    def _count_gone(self, source: str, look: _Look) -> int:
        """Count the customers of a source who were known before it was read, and whom it did not show."""
        last, gone = self._store.people.count(), 0
        for start in range(1, last + 1, 1000):
            numbers = [str(n) for n in range(start, min(start + 1000, last + 1))]
            gone += sum(
                record.source == source
                and record.id is not None
                and not record.is_deleted
                and ref not in look.seen
                and record.claim[0] * 1000 < look.begun_us
                for person in self._store.people.read_many(numbers)
                for ref, record in person.records.items()
            )
        return gone


def left_by_run(runs: Sequence[Run], source: str) -> SourceDrift | None:
    """Return what the newest compare run of a source that is done left different; None where there is none.

    Args:
        runs: the newest runs, the newest first.
        source: the source.
    """
    done = (one for one in runs if one.kind is RunKind.COMPARE and one.state is RunState.DONE and not one.is_dry)
    run = next((one for one in done if one.source == source and one.resource == CUSTOMERS), None)
    if run is None:
        return None
    unread, older = run.counts["refused"], run.counts["disputed"]
    return SourceDrift(
        read=run.counts["read"],
        customers=run.counts["read"],
        differ=unread + older,
        by_field=+Counter({**run.differing, "a record that cannot be read": unread}),
        refused=+Counter({NEWER_HERE: older}),
        notes=run.notes,
        is_by_record=True,
    )


def _is_nothing(told: Told | None) -> bool:
    return told is None or is_empty(told.stamped.value)


def _heal(groups: Sequence[Group], known: Person | None, begun_us: int) -> Planned:
    """Return what brings a record to what the source says now.

    Where an older stamp would lose although the source says so now, as totals do that were corrected, the value gets
    the stamp that is known: it was seen later. Consent keeps its own times.
    """
    for group in groups:
        for put in group.puts:
            record = known.records.get(put.part.ref) if known is not None else None
            if record is not None:
                put.part = put.part._replace(state=reread(put.part.state, record.state, begun_us))
    return Planned(groups)
