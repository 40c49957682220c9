"""The source's side: its customers, as a full pull brings them, against what is known here. Values, not stamps.

What a record would not change is equal: an older copy, or one whose values are known. Who is not among the records is
counted and never touched: a pull may leave people out for reasons of its own.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from customer_sync import retry
from customer_sync.brevo.contacts import LANE
from customer_sync.clock import Clock, system_clock, utc_now
from customer_sync.connector import Connector
from customer_sync.consent import decide
from customer_sync.errors import MappingError, PayloadError, TryLater, Unavailable
from customer_sync.merge import State, canonical, merge
from customer_sync.model import Change, Channel, ConsentState, Event, Json, Merged, Priority
from customer_sync.pipeline import clamp, plan_put, state_of
from customer_sync.reach import Access, Cursor, Page, Want
from customer_sync.reconcile.brevo_side import Progress
from customer_sync.reconcile.heals import commit
from customer_sync.reconcile.receipt import SourceDrift
from customer_sync.skills import Skill
from customer_sync.store import Store, keys
from customer_sync.store.lanes import decode_change
from customer_sync.store.people import address_of, decode, refs_of
from customer_sync.store.scripts import as_text

#: Compares a source; `heal` puts what differs into the line. None: the source cannot be pulled.
CompareSource = Callable[[str, bool, Progress], SourceDrift | None]

#: How many records are looked up, and put into the line, in one step.
PART: Final = 200
#: How often a page that fails is asked for.
MAX_TRIES: Final = 8
_EMPTY: Final[tuple[Json, ...]] = (None, "", [])


class PullComparison:
    """Compares sources by pulling them.

    Args:
        store: all that Redis holds.
        connectors: source → its connector.
        skills: the enabled skills.
        access: source → how its platform is reached; None when it cannot be.
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
        wake: Callable[[str], None] = lambda _: None,
        sleep: Callable[[float], None] = time.sleep,
        clock: Clock = system_clock,
    ) -> None:
        self._store = store
        self._connectors = connectors
        self._skills = skills
        self._access = access
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
                self._compare(source, page.events[start : start + PART], drift, seen, heal=heal)
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
        self, source: str, events: Sequence[Event | PayloadError], drift: SourceDrift, seen: set[str], *, heal: bool
    ) -> None:
        records = [changes for event in events if (changes := self._changes(event, drift)) is not None]
        puts: list[dict[str, Any]] = []
        for changes, (number, state) in zip(records, self._look_up(source, records), strict=True):
            if number is None:
                drift.missing_here += 1
            else:
                seen.add(number)
                after = merge([state, *map(state_of, changes)])
                names = _differing(state, after, changes)
                if not names:
                    drift.equal += 1
                    continue
                drift.by_field.update(names)
                drift.harmful += _harms(state, after)
            if heal:
                puts.append(self._event(changes))
        if puts:
            drift.healed += len(puts)
            for lane in commit(self._store, puts)["wake"] or ():
                self._wake(f"deliver:{lane}")

    def _changes(self, event: Event | PayloadError, drift: SourceDrift) -> list[Change] | None:
        """Return what a record would change, None when it cannot be understood or is of no interest."""
        drift.read += 1
        try:
            if isinstance(event, PayloadError):
                raise event
            event = clamp(event, utc_now(self._clock))
            changes = [one for skill in self._skills for one in skill.work(event).changes]
        except PayloadError as error:
            kind = "does not fit the mapping" if isinstance(error, MappingError) else "cannot be read"
            drift.by_field[f"a record that {kind}"] += 1
            drift.notes = tuple(dict.fromkeys([*drift.notes, f"A record was left out: {error}. {error.remedy}"]))[:20]
            return None
        found = [one for one in changes if not isinstance(one, Merged)]
        if not found:
            drift.equal += 1
        return found or None

    def _look_up(self, source: str, records: Sequence[Sequence[Change]]) -> list[tuple[str | None, State]]:
        """Return each record's person (by id, else by address) and all that is known of them, what waits too."""
        people = self._store.people
        pipe = self._store.client.pipeline(transaction=False)
        for changes in records:
            first = changes[0]
            ref, fp = people.ref(source, first.customer_id or ""), people.fingerprint(first.email or "")
            pipe.hget(keys.ref_bucket(ref), ref)
            pipe.hget(keys.email_bucket(fp), fp)
        raw = [as_text(one) for one in pipe.execute()]
        numbers: list[str | None] = []
        for by_id, by_address in zip(raw[::2], raw[1::2], strict=True):
            numbers.append(by_id.split("|")[0] or (by_address if not by_address.startswith("*") else "") or None)
        pipe = self._store.client.pipeline(transaction=False)
        for number in numbers:
            pipe.get(keys.person(number or "0"))
            pipe.lrange(keys.changes(LANE, number or "0"), 0, -1)
        found = pipe.execute()
        states = [
            merge([decode(as_text(record)).state, *(decode_change(as_text(one))[0] for one in waiting)])
            for record, waiting in zip(found[::2], found[1::2], strict=True)
        ]
        return list(zip(numbers, states, strict=True))

    def _event(self, changes: Sequence[Change]) -> dict[str, Any]:
        now = utc_now(self._clock)
        # consent goes first even here
        behind = [one if one.priority is Priority.URGENT else replace(one, priority=Priority.BULK) for one in changes]
        return {"seen": "", "puts": [plan_put(self._store, one, now) for one in behind]}

    def _count_gone(self, source: str, seen: set[str]) -> int:
        last, gone = self._store.people.count(), 0
        for start in range(1, last + 1, 1000):
            numbers = [str(n) for n in range(start, min(start + 1000, last + 1)) if str(n) not in seen]
            raws = self._store.client.mget([keys.person(number) for number in numbers]) if numbers else []
            gone += sum(_is_customer_of(source, decode(as_text(raw)).state) for raw in raws)
        return gone


def _differing(before: State, after: State, changes: Iterable[Change]) -> list[str]:
    """Return the fields whose value a record would change; the address too, which only the index may change."""
    names = [name for name, one in after.items() if name not in before or not _is_same(before[name].value, one.value)]
    email = next((one.email for one in changes if one.email is not None and not one.is_snapshot), None)
    return [*names, "email"] if email is not None and address_of(before) != email else names


def _is_same(one: Json, two: Json) -> bool:
    return canonical("" if one in _EMPTY else one) == canonical("" if two in _EMPTY else two)


def _harms(before: State, after: State) -> bool:
    """Tell whether a record would block somebody, delete them, or empty a field."""
    is_emptied = any(
        name.isupper() and one.value not in _EMPTY and after[name].value in _EMPTY for name, one in before.items()
    )
    is_blocked = any(
        decide(after, channel).state is ConsentState.WITHDRAWN
        and decide(before, channel).state is not ConsentState.WITHDRAWN
        for channel in Channel
    )
    return is_emptied or is_blocked or (_is_active(before) and not _is_active(after))


def _is_active(state: State) -> bool:
    status = state.get("status")
    return status is None or status.value == "active"


def _is_customer_of(source: str, state: State) -> bool:
    return source in refs_of(state) and _is_active(state)
