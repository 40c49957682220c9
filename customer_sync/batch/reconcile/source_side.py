"""The source's side: its customers, as a full pull brings them, against what is known here.

Values are compared, not times: what the source says now and what is known of it. People missing from the pull are
counted but not changed, because a pull can be incomplete.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

from customer_sync.base import retry
from customer_sync.base.clock import Clock, system_clock, utc_now
from customer_sync.batch.reconcile.brevo_side import Progress
from customer_sync.brevo.contacts.contact_plan import Rules, view
from customer_sync.engine.plan import Group, Identity, Planned, Request, commit
from customer_sync.engine.planner import Planner, parts_of
from customer_sync.errors import MappingError, PayloadError, TryLater, Unavailable
from customer_sync.kit.connector import Connector
from customer_sync.kit.reach import Access, Cursor, Page, Want
from customer_sync.model import PEOPLE, ConsentState, Event, Priority, to_us
from customer_sync.person.consent import without_address
from customer_sync.person.merge import Stamped, canonical, is_empty
from customer_sync.person.person import DELETED, Part, Person, Told, apply, attributes
from customer_sync.skills import Skill
from customer_sync.store import Store
from customer_sync.store.receipts import SourceDrift

#: Compares a source; `heal` puts what differs into the line. None: the source cannot be pulled.
CompareSource = Callable[[str, bool, Progress], SourceDrift | None]

#: How many records are looked up, and put into the line, in one step.
PART: Final = 200
#: How often a page that fails is asked for.
MAX_TRIES: Final = 8


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
        drift = SourceDrift()
        seen: set[str] = set()
        cursor: Cursor | None = None
        while True:
            page = self._pull(connector, access, cursor)
            drift.notes = tuple(dict.fromkeys([*drift.notes, *page.notes]))
            for start in range(0, len(page.events), PART):
                self._compare(page.events[start : start + PART], drift, seen, heal=heal)
            progress(f"customers of {source}", drift.read, page.total)
            if page.cursor is None:
                break
            self._sleep(page.wait_s)
            cursor = page.cursor
        drift.gone_at_source = self._count_gone(source, seen)
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

    def _compare(
        self, events: Sequence[Event | PayloadError], drift: SourceDrift, seen: set[str], *, heal: bool
    ) -> None:
        read_at = utc_now(self._clock)
        planner = Planner(self._store.people, self._store.now_ms())
        pulled = [groups for event in events if (groups := self._groups(event, planner, read_at, drift)) is not None]
        records = [parts_of(groups) for groups in pulled]
        puts: list[Planned] = []
        for groups, (who, parts), known in zip(pulled, records, self._look_up(records), strict=True):
            if who is not None and who.ref:
                seen.add(who.ref)
            if known is None:
                drift.missing_here += 1
            else:
                names = _differing(known, who, parts)
                if not names:
                    drift.equal += 1
                    continue
                drift.by_field.update(names)
                drift.harmful += self._harms(known, parts)
            if heal:
                puts.append(_heal(groups, known, to_us(read_at)))
        if puts:
            drift.healed += len(puts)
            commit(self._store, [Request("", puts)], self._wake)

    def _groups(
        self, event: Event | PayloadError, planner: Planner, read_at: datetime, drift: SourceDrift
    ) -> list[Group] | None:
        """Return what a record would put, None when it cannot be understood or is of no interest."""
        drift.read += 1
        try:
            if isinstance(event, PayloadError):
                raise event
            steps = [step for skill in self._skills for step in skill.intent(event).steps]
        except PayloadError as error:
            kind = "does not fit the mapping" if isinstance(error, MappingError) else "cannot be read"
            drift.by_field[f"a record that {kind}"] += 1
            drift.notes = tuple(dict.fromkeys([*drift.notes, f"A record was left out: {error}. {error.remedy}"]))[:20]
            return None
        groups = planner.groups(steps, (), read_at, priority=Priority.BULK)
        if not groups:
            drift.equal += 1
        return groups or None

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

    def _count_gone(self, source: str, seen: set[str]) -> int:
        last, gone = self._store.people.count(), 0
        for start in range(1, last + 1, 1000):
            numbers = [str(n) for n in range(start, min(start + 1000, last + 1))]
            gone += sum(
                record.source == source and record.id is not None and not record.is_deleted and ref not in seen
                for person in self._store.people.read_many(numbers)
                for ref, record in person.records.items()
            )
        return gone


def _is_nothing(told: Told | None) -> bool:
    return told is None or is_empty(told.stamped.value)


def _differing(known: Person, who: Identity | None, parts: Iterable[Part]) -> list[str]:
    """Return the fields in which a record and what is known of it differ, whichever is newer; the address, too."""
    names: list[str] = []
    for part in parts:
        if not part.ref and known.email is None:
            continue  # there is no address that it could be said of
        record = known.records.get(part.ref)
        state = record.state if record is not None else known.said if not part.ref else {}
        for name, one in part.state.items():
            if name.isupper() or name.startswith("consent."):
                names += [name] if name not in state or not _is_same(name, state[name], one) else []
            elif name == DELETED and name not in state:
                names.append("deleted")
    if who is not None and who.ms > 0 and who.email and known.email != who.email:
        names.append("email")
    return list(dict.fromkeys(names))


def _is_same(name: str, one: Stamped, two: Stamped) -> bool:
    first, second = (
        "null" if is_empty(stamped.value) else canonical(without_address(name, stamped.value)) for stamped in (one, two)
    )
    return first == second


def _heal(groups: Sequence[Group], known: Person | None, read_us: int) -> Planned:
    """Return what brings a record to what the source says now.

    Where an older stamp would lose although the source says so now, as totals do that were corrected, the value gets
    the stamp that is known: it was seen later. Consent keeps its own times.
    """
    for group in groups:
        for put in group.puts:
            record = known.records.get(put.part.ref) if known is not None else None
            if record is None:
                continue
            state = {name: _as_read(name, one, record.state.get(name), read_us) for name, one in put.part.state.items()}
            put.part = put.part._replace(state=state)
    return Planned(groups)


def _as_read(name: str, one: Stamped, known: Stamped | None, read_us: int) -> Stamped:
    if known is None or not name.isupper() or _is_same(name, one, known) or one.at_ms >= known.at_ms:
        return one
    # what happened after the record was read is not older than it
    return one._replace(at_ms=known.at_ms, seen_us=read_us) if known.at_ms * 1000 < read_us else one
