"""A person: an address, the records that now lead to it, what was said of the address, and what Brevo has. Pure.

Nothing here is ever copied from person to person: a record moves, with all it has, when its address changes. What the
contact in Brevo should be is computed from what is here, so the order in which it was heard cannot matter.

Fields of a record beside Brevo's attributes and the registers of consent:

| field | stamp | says |
|---|---|---|
| `claim` | of the newest change that told this address | the record leads here; weak (`WEAK_MS` earlier): a copy |
| `since` | minus the earliest time that is known of the record | it has been a customer since then |
| `of` | of a box on an order | the key of the customer whose order it is |
| `elsewhere` | of the newest change that told another address | an act from before was not given for this one |
| `deleted` | of the deletion | the platform deleted it; a later claim revives it |

Fields said of the address: consent (see `customer_sync.person.consent`), `gone` (the contact was deleted in Brevo),
`drift` (what Brevo really has; used for the next delivery only, and not stored), `freed` (attributes of which another
contact gave up its value), `erased` (everything that is not newer is forgotten).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple

from customer_sync.model import Channel, ConsentState
from customer_sync.person.apart import ALONG, is_kept, state_of_address
from customer_sync.person.consent import EVERYWHERE, OF, Ends, Evidence, Voice, register, taken_along
from customer_sync.person.merge import SINCE, Stamped, State, is_empty, is_news, merge, newest
from customer_sync.person.totals import Ordered

#: How far back the stamps of an order's copy of its customer are put, in milliseconds: before everything that a record
#: says of itself, and in order among themselves.
WEAK_MS: Final = 10**14

CLAIM, DELETED, ERASED = "claim", "deleted", "erased"
GONE, DRIFT, FREED = "gone", "drift", "freed"


class Record(NamedTuple):
    """One customer as one source knows them.

    Args:
        ref: the key of (source, id).
        source: the source.
        id: the platform's id; None for a buyer without an account, whom the address itself identifies.
        state: the fields.
    """

    ref: str
    source: str
    id: str | None
    state: State

    @property
    def claim(self) -> tuple[int, int]:
        """When the record told this address last: (`at_ms`, `seen_us`)."""
        stamped = self.state.get(CLAIM)
        return (stamped.at_ms, stamped.seen_us) if stamped else (-2 * WEAK_MS, 0)

    @property
    def deleted_ms(self) -> int | None:
        """When the platform deleted it, None when it did not."""
        stamped = self.state.get(DELETED)
        return stamped.at_ms if stamped else None

    @property
    def since_ms(self) -> int:
        """The earliest time that is known of it."""
        stamped = self.state.get(SINCE)
        return -stamped.at_ms if stamped else self.claim[0]

    @property
    def is_deleted(self) -> bool:
        """Whether it was deleted and not heard of since."""
        return self.deleted_ms is not None and self.claim[0] <= self.deleted_ms


@dataclass(frozen=True, slots=True)
class Has:
    """What Brevo has of a person, as last accepted.

    Args:
        is_there: whether the address is a contact that we know of.
        digest: of the body last accepted; an equal body needs no call.
        blocked: whether we know the contact to be blocked for e-mail.
        sms_blocked: the same for SMS.
        lists: the lists that we put the contact on.
        at_ms: when Brevo accepted it, or was found to have it.
        refused: attribute → why it was left out.
        left_ms: up to when, by the time at which we heard of them, `blocked` knows of the blocks that Brevo set itself.
        filled: the attributes that we filled; only these are ever emptied.
        is_read: whether we know which lists the person had left: it was read or made by us, and left no list since.
        left_lists: list that the person had left when the contact was read, and did not join since → when we saw that.
        left_groups: the consent groups of which we know that the person left them there.
    """

    is_there: bool = False
    digest: str = ""
    blocked: bool = False
    sms_blocked: bool = False
    lists: tuple[int, ...] = ()
    at_ms: int = 0
    refused: Mapping[str, str] = field(default_factory=dict)
    left_ms: int = 0
    filled: frozenset[str] = frozenset()
    is_read: bool = False
    left_groups: tuple[int, ...] = ()
    left_lists: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Person:
    """All that is known with one address.

    Args:
        email: the address, normalised; None for records that told none yet.
        records: ref → the record.
        said: what was said of the address itself.
        has: what Brevo has.
        orders: the orders of these records and of the address; kept elsewhere, and read where totals are made of them.
    """

    email: str | None = None
    records: Mapping[str, Record] = field(default_factory=dict)
    said: State = field(default_factory=dict)
    has: Has = field(default_factory=Has)
    orders: tuple[Ordered, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether nothing at all is known."""
        return not self.records and not self.said and self.has == Has()


class Part(NamedTuple):
    """A waiting change: of a record, or of what was said of an address.

    Args:
        ref: the record's key; "" for the address.
        source: the record's source, "" for the address.
        id: the platform's id, None where there is none.
        state: the fields.
        is_borrowed: it was said of an address that the record led to: only what was withdrawn concerns the record.
    """

    ref: str
    source: str
    id: str | None
    state: State
    is_borrowed: bool = False


def apply(person: Person, parts: Iterable[Part]) -> Person:
    """Return the person with waiting changes merged in; in whatever order, the end is the same."""
    records: dict[str, Record] = dict(person.records)
    said: State = person.said
    for part in parts:
        if not part.ref:
            said = merge([said, part.state])
            continue
        state = borrowed(part.state) if part.is_borrowed else part.state
        known = records.get(part.ref)
        if known is None:
            records[part.ref] = Record(part.ref, part.source, part.id, dict(state))
        else:
            source, own_id = known.source or part.source, known.id if known.source else part.id
            records[part.ref] = Record(part.ref, source, own_id, merge([known.state, state]))
    records = {ref: _unforgotten(record) if ERASED in record.state else record for ref, record in records.items()}
    records = {ref: record for ref, record in records.items() if record.state}
    found = Person(person.email, records, said, person.has, person.orders)
    return _without_erased(found) if ERASED in said else found


def adds(person: Person, parts: Iterable[Part]) -> bool:
    """Tell whether changes add anything to what is known of a person; a newer time alone adds nothing."""
    for part in parts:
        if not part.ref and person.email is None:
            continue  # a change of the address, and the person has no address
        record = person.records.get(part.ref)
        known = person.said if not part.ref else record.state if record is not None else None
        if known is None or part.is_borrowed or is_news(part.state, known):
            return True
    return False


def borrowed(said: State) -> dict[str, Stamped]:
    """Return the withdrawals that move with a record to another address: those made while it led to the old one."""
    found: dict[str, Stamped] = {EVERYWHERE: said[EVERYWHERE]} if EVERYWHERE in said else {}
    for channel in Channel:
        # a bounce is of the mailbox and stays there; a complaint is the person's word
        for name in ("withdrawn", "complained"):
            stamped = said.get(register(channel, name))
            if stamped is not None:
                method = str(stamped.value[0] if isinstance(stamped.value, list) else stamped.value)
                word = stamped._replace(value=taken_along(method))
                found = merge([found, {register(channel, "withdrawn"): word}])
    along = found.get(register(Channel.EMAIL, "withdrawn"))
    return found if along is None else {**found, ALONG: along}


def _unforgotten(record: Record) -> Record:
    """Return a record with only its withdrawals and the values that are newer than its erasure."""
    at_ms = record.state[ERASED].at_ms
    kept = {name: one for name, one in record.state.items() if one.at_ms > at_ms or is_kept(name)}
    return record._replace(state=kept)


def _without_erased(person: Person) -> Person:
    """Forget everything that is not newer than the erasure, except withdrawals: these are no personal data."""
    at_ms = person.said[ERASED].at_ms
    said = {name: one for name, one in person.said.items() if one.at_ms > at_ms or is_kept(name)}
    records = {}
    for ref, record in person.records.items():
        left = _unforgotten(record._replace(state={**record.state, ERASED: person.said[ERASED]}))
        if not all(map(is_kept, left.state)):
            records[ref] = left
        else:
            said = merge([said, state_of_address(left.state, record.source)])
    said[ERASED] = person.said[ERASED]
    return replace(person, records=records, said=said)


# who leads here -----------------------------------------------------------------------------------------------------


class Roll(NamedTuple):
    """The records of a person, sorted.

    Args:
        living: those that lead to the address now.
        displaced: those that told this address until another customer of the same source did.
        deleted: those that their platform deleted.
    """

    living: tuple[Record, ...] = ()
    displaced: tuple[Record, ...] = ()
    deleted: tuple[Record, ...] = ()


def roll(person: Person, sharing: AbstractSet[str] = frozenset()) -> Roll:
    """Return which records lead to the address.

    Args:
        person: the person.
        sharing: the sources whose platform lets several customers have one address; everywhere else the customer who
            claimed it last has it, and the ones before have no address until they tell a new one.
    """
    holders: dict[str, Record] = {}
    for record in person.records.values():
        if record.id is not None and record.source not in sharing:
            held = holders.get(record.source)
            holders[record.source] = record if held is None else max(held, record, key=_by_claim)
    living: list[Record] = []
    displaced: list[Record] = []
    deleted: list[Record] = []
    for record in sorted(person.records.values(), key=lambda one: (one.source, one.ref)):
        if not record.source:
            displaced.append(record)  # nothing but a withdrawal was heard of it yet
        elif record.id is None:
            is_over = record.is_deleted or _is_guest_over(record, person.records.values())
            is_left = _is_left_by_customer(record, person.records)
            (deleted if is_over else displaced if is_left else living).append(record)
        elif record.is_deleted:
            deleted.append(record)
        elif holders.get(record.source, record) is not record:
            displaced.append(record)
        else:
            living.append(record)
    return Roll(tuple(living), tuple(displaced), tuple(deleted))


def _by_claim(record: Record) -> tuple[tuple[int, int], int, str]:
    own_id = record.id or ""
    return record.claim, int(own_id) if own_id.isdecimal() else 0, own_id


def _is_guest_over(guest: Record, records: Iterable[Record]) -> bool:
    """Tell whether the account of the buyer was deleted since: platforms keep the orders, without a customer."""
    return any(
        one.source == guest.source and one.deleted_ms is not None and one.deleted_ms >= guest.claim[0]
        for one in records
        if one.id is not None and one.is_deleted
    )


def _is_left_by_customer(guest: Record, records: Mapping[str, Record]) -> bool:
    """Tell whether a box on a customer's own order is over: that customer is elsewhere, and another one came here."""
    of = guest.state.get(OF)
    if of is None or of.value in records:
        return False
    return any(
        one.id is not None and one.source == guest.source and one.claim > guest.claim for one in records.values()
    )


def ends(found: Roll, records: Iterable[Record]) -> Ends:
    """Return the ends of the records that were ever deleted.

    While another source still has the customer, the end of one record withdraws nothing.
    """
    records = list(records)
    others = [one for one in records if one not in found.displaced]
    last: list[Evidence] = []
    every: list[Evidence] = []
    for record in records:
        if record.deleted_ms is not None:
            end = Evidence(ConsentState.WITHDRAWN, "deleted", record.deleted_ms, "deleted", record.source)
            every.append(end)
            if not any(_had(other, record) for other in others):
                last.append(end)
    return Ends(tuple(last), tuple(every))


def _had(other: Record, gone: Record) -> bool:
    """Tell whether another record still was a customer when one was deleted."""
    at_ms = gone.deleted_ms or 0
    if other.ref == gone.ref or (other.id is None and other.source == gone.source):
        return False
    return other.since_ms <= at_ms and (other.deleted_ms is None or other.deleted_ms > at_ms)


def voices(living: Sequence[Record], missing: Mapping[str, ConsentState], label: str) -> list[Voice]:
    """Return the records as consent hears them.

    Args:
        living: the records that lead to the address.
        missing: source → what to make of a record without any consent.
        label: of the address; an opt-in that told none was given for it, where the record had told it before.
    """
    return [
        Voice(one.ref, one.source, _labelled(one, label), missing.get(one.source, ConsentState.UNKNOWN))
        for one in living
    ]


def _labelled(record: Record, label: str) -> State:
    """Return a record's state, with the address of an opt-in that came without one."""
    name = register(Channel.EMAIL, "granted")
    granted = record.state.get(name)
    if granted is None or not isinstance(granted.value, list) or granted.value[1] or record.since_ms > granted.at_ms:
        return record.state
    if record.claim[0] > granted.at_ms:
        return record.state  # the address was told after the opt-in: it may have been another one then
    method, _, *finer = granted.value
    return {**record.state, name: granted._replace(value=[method, label, *finer])}


# what they say ------------------------------------------------------------------------------------------------------


class Told(NamedTuple):
    """The value of an attribute, and the record that told it."""

    stamped: Stamped
    record: Record


def attributes(living: Iterable[Record]) -> dict[str, Told]:
    """Return the attributes that the living records tell: of each the newest value that is none of nothing.

    What one source knows to be empty wipes nothing that another one knows. A buyer without an account fills what no
    customer record tells.
    """
    found: dict[str, Told] = {}
    for record in living:
        for name, stamped in record.state.items():
            if name.isupper():
                known = found.get(name)
                told = Told(stamped, record)
                found[name] = told if known is None else _better(known, told)
    return found


def _better(one: Told, two: Told) -> Told:
    if is_empty(one.stamped.value) != is_empty(two.stamped.value):
        return two if is_empty(one.stamped.value) else one
    if (one.record.id is None) != (two.record.id is None):
        return two if one.record.id is None else one
    if one.stamped == two.stamped:
        return min(one, two, key=lambda told: told.record.ref)
    return one if newest(one.stamped, two.stamped) is one.stamped else two


def links(person: Person) -> Iterator[tuple[str, str]]:
    """Yield (source, id) of every customer record."""
    for record in person.records.values():
        if record.id is not None:
            yield record.source, record.id
