"""One person brought up to date: read again at every source that can be asked for one record, and compared with Brevo.

What a source says goes into the line as any event does, and so does what Brevo is found to lack: nothing is sent from
here.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal, NamedTuple

from customer_sync.base.clock import Clock, utc_now
from customer_sync.base.log import get
from customer_sync.batch.reconcile.compare import Contact, is_customer, judge, read_choices
from customer_sync.batch.reconcile.contacts import BrevoContacts
from customer_sync.batch.reconcile.heals import Heal, put
from customer_sync.brevo.answers import ATTRIBUTES
from customer_sync.brevo.client import Brevo
from customer_sync.brevo.contacts.contact_plan import Rules
from customer_sync.engine.plan import commit_told
from customer_sync.errors import ConfigError, PayloadError, TajoError, Unavailable
from customer_sync.kit.connector import Connector
from customer_sync.kit.reach import Access
from customer_sync.model import CUSTOMERS, PEOPLE, Event, Json, Kind, Priority, from_ms
from customer_sync.person.person import Person, Record, apply
from customer_sync.reading import Reader
from customer_sync.skills import Skill
from customer_sync.store import Store

log = get(__name__)

Read = Literal["read", "gone", "not_asked", "failed"]
Compared = Literal["equal", "differs", "waits", "absent", "not_asked", "failed"]

_ATTRIBUTES_ROUTE: Final = "/contacts/attributes"
#: How long the calls for one person may take together, in seconds: clients and proxies wait half a minute and longer.
PATIENCE_S: Final = 20.0
#: What is told of what was not asked in this time.
OVER: Final = f"It took longer than {PATIENCE_S:.0f} seconds: ask again in a while."
_NO_ID: Final = "It was told without an id of its own, so nobody can ask for it."


class Asked(NamedTuple):
    """What came of asking a source for one record.

    Args:
        source: the source.
        id: the record's id there; None for what has none.
        result: `read`; `gone`: it is there no more, which counts as deleted; `not_asked`; `failed`.
        why: why it was not asked, or what failed; "" otherwise.
    """

    source: str
    id: str | None
    result: Read
    why: str = ""


class InBrevo(NamedTuple):
    """What the look at Brevo gave.

    Args:
        result: `equal`; `differs`: it is being mended; `waits`: changes wait, which come before any comparison;
            `absent`: there is no contact; `not_asked`; `failed`.
        fields: what differs: attributes, `lists`, `contact`, the channels on which a withdrawn person is mailable.
        why: why nothing is mended, or what failed.
    """

    result: Compared
    fields: tuple[str, ...] = ()
    why: str = ""


def person_now(store: Store, number: str) -> Person:
    """Return all that is known of a person, with what waits to be delivered."""
    stored, (waiting,) = store.people.read(number), store.lanes.waiting(PEOPLE, [number])
    return apply(stored, (part for part, _ in waiting))


class Patience:
    """The time that there is for all calls together; a call that has begun has its own limit, see `kit.outbound`.

    Args:
        most_s: how long, in seconds.
        ticks: seconds, of any beginning.
        sleep: waits, in seconds.
    """

    def __init__(
        self, most_s: float, ticks: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._ticks = ticks
        self._sleep = sleep
        self._ends_at = ticks() + most_s

    @property
    def is_over(self) -> bool:
        """Whether no other call is to be begun."""
        return self._ticks() >= self._ends_at

    def sleep(self, seconds: float) -> None:
        """Wait.

        Raises:
            Unavailable: it would take longer than there is time.
        """
        if self._ticks() + seconds > self._ends_at:
            raise Unavailable(OVER)
        self._sleep(seconds)


@dataclass(frozen=True, slots=True)
class Refresher:
    """Brings single people up to date.

    Args:
        store: all that Redis holds.
        connectors: source → connector.
        access: source → how its platform is reached; None when it cannot be.
        skills: what becomes of events.
        rules: the operator's decisions and the account's attributes.
        brevo: the account; None where there is none to ask.
        wake: sends a wake-up; without one the workers' sweep finds what was put.
        clock: milliseconds since 1970.
        patience: how long all of it may take: somebody waits for the answer.
    """

    store: Store
    connectors: Mapping[str, Connector]
    access: Callable[[str], Access | None]
    skills: Sequence[Skill]
    rules: Callable[[], Rules]
    brevo: Brevo | None
    clock: Clock
    wake: Callable[[str], None] = lambda _: None
    patience: Patience = field(default_factory=lambda: Patience(PATIENCE_S))

    def sources(self, number: str) -> list[Asked]:
        """Ask every source for the person's records, and put what they say into the line.

        Args:
            number: the person.
        """
        known = person_now(self.store, number).records.values()
        records = sorted(known, key=lambda one: (one.source, one.id or ""))
        wanted = [one for one in records if not one.is_deleted and one.source in self.connectors]
        return [
            Asked(one.source, one.id, "not_asked", OVER) if self.patience.is_over else self._ask(one) for one in wanted
        ]

    def _ask(self, record: Record) -> Asked:
        connector, why = self.connectors[record.source], ""
        if record.id is None:
            return Asked(record.source, None, "not_asked", _NO_ID)
        access = self.access(record.source) if CUSTOMERS in connector.fetches else None
        if access is None:
            can = CUSTOMERS in connector.fetches
            why = "It is not connected." if can else f"{connector.title} cannot be asked for one record."
            return Asked(record.source, record.id, "not_asked", why)
        asked_ms = self.clock()
        try:
            found = connector.fetch(CUSTOMERS, [record.id], access)
        except ConfigError as error:
            return Asked(record.source, record.id, "failed", f"{error.reason} {error.remedy}")
        except TajoError as error:
            return Asked(record.source, record.id, "failed", str(error))
        events = [one for one in found if isinstance(one, Event)]
        faults = [one for one in found if isinstance(one, PayloadError)]
        is_gone = not events and not faults
        fault = self._put([_deleted(record, asked_ms)] if is_gone else events)
        if faults or fault is not None:
            return Asked(record.source, record.id, "failed", str([*faults, fault][0]))
        return Asked(record.source, record.id, "gone" if is_gone else "read")

    def _put(self, events: Sequence[Event]) -> PayloadError | None:
        """Put events into the line; return why one of them cannot be used."""
        if not events:
            return None
        reader = Reader(self.store, self.connectors, self.skills, self.store.now_ms())
        read, fault = reader.handed(events, utc_now(self.clock))
        commit_told(self.store, read.request.events, self.wake)
        return fault

    def brevo_side(self, number: str) -> InBrevo:
        """Compare the person with the contact in Brevo, and put what differs into the line.

        Args:
            number: the person.
        """
        (orders,) = self.store.orders.of([number])
        ((waits, person),) = self.store.people.read_with_waits(PEOPLE, [number])
        person = replace(person, orders=orders)
        if waits:
            return InBrevo("waits")
        if self.brevo is None:
            return InBrevo("not_asked", why="There is no account to ask: BREVO_API_KEY is not set.")
        if not person.email or not is_customer(person):
            return InBrevo("not_asked", why="Nobody leads to this address now.")
        contacts = BrevoContacts(self.brevo, self.store, sleep=self.patience.sleep, clock=self.clock)
        try:
            return self._compare(number, person, contacts)
        except ConfigError as error:
            return InBrevo("failed", why=f"{error.reason} {error.remedy}")
        except TajoError as error:
            return InBrevo("failed", why=str(error))

    def _compare(self, number: str, person: Person, contacts: BrevoContacts) -> InBrevo:
        rules = self.rules()
        seen = contacts.read(person.email or "")
        if seen is None:
            # a contact that was there was deleted in Brevo, which counts; one that never was is looked at again
            self._heal(Heal(number, self.clock(), {"gone": True} if person.has.is_there else {}))
            return InBrevo("absent", why="The contact was deleted in Brevo." if person.has.is_there else "")
        choices = read_choices(contacts.call(_ATTRIBUTES_ROUTE, _ATTRIBUTES_ROUTE, ATTRIBUTES))
        contact: Contact = seen.contacts[0]
        verdict = judge(person, contact, rules, choices, seen.at_ms)
        if verdict.refused:
            return InBrevo("differs", why=verdict.refused)
        if verdict.is_equal:
            return InBrevo("equal")
        fields: dict[str, Json] = {**verdict.left, "drift": dict(verdict.found)}
        self._heal(Heal(number, seen.at_ms, fields, verdict.is_urgent))
        return InBrevo("differs", (*verdict.fields, *map(str, verdict.mailable), *verdict.left))

    def _heal(self, heal: Heal) -> None:
        now = utc_now(self.clock)
        put(self.store, [heal], f"contact-{self.clock()}", self.wake, now, priority=Priority.LIVE)


def _deleted(record: Record, at_ms: int) -> Event:
    return Event(
        id=f"gone:contact:{at_ms}:{record.id}",
        source=record.source,
        kind=Kind.CUSTOMER_DELETED,
        occurred_at=from_ms(at_ms),
        record_id=record.id,
        customer_id=record.id,
        topic="gone",
    )
