"""Appraisal: what pulled records would do to the contacts in Brevo, found out before anything is put into a lane.

A record that changes nothing ends here and costs no write. The counts are the dry run's result and the brake's measure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from customer_sync.brevo.contact_plan import Rules, make_plan
from customer_sync.clock import utc_now
from customer_sync.errors import MappingError, PayloadError
from customer_sync.merge import State, merge
from customer_sync.model import Change, Event, Json, Kind, Merged, Priority
from customer_sync.pipeline import Line, clamp, plan_put, state_of
from customer_sync.store.counters import Tally
from customer_sync.store.people import Person, decode
from customer_sync.store.run import Known, Run

#: What may not become of too many contacts at once (DESIGN: consent and erasure, rule 9). Most who go are blocked and
#: leave a list as well; the brake counts them once, as `harmed`.
HARMS: Final = ("blocks", "unlists", "deletes", "empties")
#: The brake: a run may harm this many contacts, or this share of all people, whichever is more.
BRAKE_PEOPLE: Final = 50
BRAKE_SHARE: Final = 0.02
#: How many records are looked up in one round trip.
LOOKUP: Final = 500
_EMPTY: Final[tuple[Json, ...]] = (None, "", [])


@dataclass(slots=True)
class Record:
    """One pulled record on its way: the changes of one customer, each with the state it stands for."""

    event: Event
    puts: list[tuple[State, dict[str, Any]]]


class Appraisal:
    """What a page would do.

    Args:
        line: the line; its skills turn events into changes.
        rules: the operator's decisions and the account's attributes.
        run: the run, for its event id.
    """

    def __init__(self, line: Line, rules: Rules, run: Run) -> None:
        self._line = line
        self._rules = rules
        self._run = run
        self._now = utc_now(line.clock)
        self.counts: Counter[str] = Counter()
        self.notes: list[str] = []
        #: People known before whom the page showed.
        self.seen: list[str] = []
        #: What is to be put into the lanes, in the form of `commit.lua`.
        self.events: list[dict[str, Any]] = []

    def judge(self, events: Sequence[Event | PayloadError]) -> None:
        """Take in the records of a page."""
        self.counts["read"] += len(events)
        records = [record for one in events for record in self._read(one)]
        for start in range(0, len(records), LOOKUP):
            part = records[start : start + LOOKUP]
            known = self._line.store.runs.lookup([_who(record) for record in part])
            for record, found in zip(part, known, strict=True):
                if found is None:
                    self._news(record)
                else:
                    self._known(record, found)

    def harm(self, counted: Mapping[str, int], people: int) -> str:
        """Return what the brake says to this page and all before it, "" when it may go on.

        Args:
            counted: the run's counts so far.
            people: how many people are known.
        """
        limit = max(BRAKE_PEOPLE, int(people * BRAKE_SHARE))
        total = counted.get("harmed", 0) + self.counts["harmed"]
        if total <= limit:
            return ""
        parts = [f"{counted.get(name, 0) + self.counts[name]} {name}" for name in HARMS]
        return f"The run would harm {total} contacts ({', '.join(parts)}); without force {limit} are allowed."

    def tally(self) -> Tally:
        """Return the counts for the metrics."""
        tally = Tally()
        source = self._run.source
        for result in ("changed", "unchanged", "refused"):
            tally.count("tajo_run_records_total", by=self.counts[result], source=source, result=result)
        tally.count("tajo_events_total", by=len(self.events), source=source, state="pending")
        return tally

    def _read(self, one: Event | PayloadError) -> Iterator[Record]:
        if isinstance(one, PayloadError):
            self._refuse(one)
            return
        event = clamp(one, self._now)
        puts: list[tuple[State, dict[str, Any]]] = []
        try:
            for skill in self._line.skills:
                work = skill.work(event)
                changes = [change for change in work.changes if not isinstance(change, Merged)]
                puts += [self._put(group) for group in _by_identity(changes)]
        except MappingError as error:
            self._refuse(error)
            return
        if puts:
            yield Record(event, puts)
        else:
            self.counts["unchanged"] += 1

    def _refuse(self, error: PayloadError) -> None:
        self.counts["refused"] += 1
        if len(self.notes) < 5:
            self.notes.append(f"A record was left out: {error}. {error.remedy}".strip())

    def _put(self, changes: Sequence[Change]) -> tuple[State, dict[str, Any]]:
        """Return the changes of one identity as one put: a record's consents travel with it."""
        state = merge(state_of(one) for one in changes)
        return state, plan_put(self._line.store, changes[0], self._now, state, self._run.event_id)

    def _news(self, record: Record) -> None:
        """Somebody new, or somebody for whom something waits: that is decided in the lane."""
        self.counts["changed"] += 1
        if any(put["name"] for _, put in record.puts) and record.event.kind is not Kind.CUSTOMER_DELETED:
            self.counts["creates"] += 1
        self._send(record, Priority.BULK)

    def _known(self, record: Record, found: Known) -> None:
        person = decode(found.record)
        after = merge([person.state, *(state for state, _ in record.puts)])
        plan = make_plan(after, person.has, self._rules)
        self.seen.append(found.person)
        if found.is_all and after == person.state and plan.action == "none":
            self.counts["unchanged"] += 1
            return
        self.counts["changed"] += 1
        in_brevo = person.has.email is not None
        if plan.action == "write":
            self.counts["updates" if in_brevo else "creates"] += 1
        harms = [name for name, is_so in _harms(person, after, plan.action, plan.desired) if is_so] if in_brevo else []
        self.counts.update(harms, harmed=bool(harms))
        self._send(record, Priority.URGENT if "blocks" in harms or "deletes" in harms else Priority.BULK)

    def _send(self, record: Record, priority: Priority) -> None:
        puts = [{**put, "prio": int(priority)} for _, put in record.puts]
        self.events.append({"seen": "", "puts": puts})


def _by_identity(changes: Sequence[Change]) -> Iterator[list[Change]]:
    """Yield the changes that lead to the same person by the same id and address, in groups."""
    groups: dict[tuple[object, ...], list[Change]] = {}
    for one in changes:
        key = (one.lane, one.target, one.customer_id, one.email, one.is_snapshot, one.only_known)
        groups.setdefault(key, []).append(one)
    yield from groups.values()


def _who(record: Record) -> tuple[str, str]:
    """Return what finds the person of a record: the fingerprints of its id and its address."""
    _, put = record.puts[0]
    return put["ref"], put["fp"]


def _harms(person: Person, after: State, action: str, desired: Any) -> Iterator[tuple[str, bool]]:
    before, has = person
    yield "deletes", action in {"delete", "erase"}
    if desired is None:
        return
    yield "blocks", bool(desired.blocked) and not has.blocked
    yield "unlists", bool(desired.unlist)
    yield (
        "empties",
        any(
            name.isupper() and known.value not in _EMPTY and after[name].value in _EMPTY
            for name, known in before.items()
        ),
    )
