"""Brevo's side: every contact against the person it belongs to, then everybody whose contact was not among them.

Nothing is changed here: what differs is counted in the receipt, and what would mend it is kept as heals. Flat memory,
however many there are: a page of contacts, and one bit for each person.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import NamedTuple

from customer_sync.batch.reconcile.compare import (
    CONTACT,
    Choices,
    Contact,
    Verdict,
    can_return,
    is_customer,
    judge,
    read_choices,
    sources_of,
)
from customer_sync.batch.reconcile.contacts import BrevoContacts, Seen
from customer_sync.batch.reconcile.heals import Heal, Heals
from customer_sync.brevo.answers import ATTRIBUTES
from customer_sync.brevo.contacts.contact_plan import UNIQUE, Rules, make_plan, view
from customer_sync.model import PEOPLE, Json
from customer_sync.person.person import FREED, Person, apply
from customer_sync.store import Store
from customer_sync.store.receipts import Drift, Receipt

#: Tells the caller how far it is: what is done now, how much of it, of how much.
Progress = Callable[[str, int, int | None], None]

#: How many people are looked up in one round trip.
CHUNK = 1000
#: How many people whose contact was not seen are asked for one by one, before it is said that it is gone.
VERIFIED = 1000
#: Why a contact that was deleted in Brevo is not made again.
DELETED = "deleted in Brevo: made again only when the customer changes"
#: Why a contact that is as it should be is not in sync all the same.
PARKED_CHANGE = "a change of theirs is parked: `tajo parked list`"
#: Why a person has no contact, beside what the plan says.
WAITS, PARKED, LEFT_OUT = "waits for delivery", "parked", "left before the first delivery"
#: Of these reasons, those with which a person should have a contact: they count as not in sync.
MISSED = frozenset({WAITS, PARKED, "deleted in Brevo"})


class _Found(NamedTuple):
    """A person: their number, whether something waits, what is known, and whose customer they are or will be."""

    number: str
    waits: bool
    person: Person
    sources: AbstractSet[str]


class BrevoSide:
    """One comparison with Brevo.

    Args:
        store: all that Redis holds.
        contacts: Brevo's contacts.
        rules: the operator's decisions and the account's attributes.
        receipt: what is counted.
        heals: what would mend it.
        only: the one source whose people are compared; None compares everybody.
    """

    def __init__(  # noqa: PLR0913, PLR0917  # what it works with
        self,
        store: Store,
        contacts: BrevoContacts,
        rules: Rules,
        receipt: Receipt,
        heals: Heals,
        only: str | None = None,
    ) -> None:
        self._store = store
        self._contacts = contacts
        self._rules = rules
        self._receipt = receipt
        self._heals = heals
        self._only = only
        self._choices: Choices = {}
        self._met = _Bits()
        self._parked: Mapping[str, AbstractSet[str]] | None = None

    def compare(self, progress: Progress) -> None:
        """Compare everybody, and write it into the receipt and the heals.

        Raises:
            TajoError: Brevo does not answer; see `Brevo.call`.
        """
        self._choices = self._read_choices()
        for seen in self._contacts.pages():
            self._receipt.in_brevo += len(seen.contacts)
            for start in range(0, len(seen.contacts), CHUNK):
                part = seen.contacts[start : start + CHUNK]
                for contact, found in zip(part, self._find(part), strict=True):
                    self._meet(contact, found, seen.at_ms)
            progress("Brevo's contacts", self._receipt.in_brevo, self._contacts.total)
        self._look_for_the_others(progress)
        self._receipt.calls = self._contacts.calls

    def _read_choices(self) -> Choices:
        kinds = set((self._rules.attributes or {}).values())
        if not kinds & {"category", "multiple-choice"}:
            return {}
        return read_choices(self._contacts.call("/contacts/attributes", "/contacts/attributes", ATTRIBUTES))

    # contact → person

    def _find(self, contacts: Sequence[Contact]) -> list[_Found | None]:
        """Return the person whose address a contact has, None where there is none."""
        people = self._store.people
        owners = people.find_addresses([people.fingerprint(contact.email or "") for contact in contacts])
        numbers = sorted({owner for owner in owners if owner})
        known = {one.number: one for one in self._look_up(numbers)}
        return [known[owner] if owner else None for owner in owners]

    def _look_up(self, numbers: Sequence[str]) -> list[_Found]:
        """Return all that is known of people; who has no record yet is a customer of the sources that waiting name."""
        # the orders first: whoever's orders change meanwhile waits then, or was delivered since
        orders = self._store.orders.of(numbers)
        told = self._store.people.read_with_waits(PEOPLE, numbers)
        read = [
            (waits, replace(one, orders=those) if those else one)
            for (waits, one), those in zip(told, orders, strict=True)
        ]
        new = [number for number, (waits, one) in zip(numbers, read, strict=True) if waits and not is_customer(one)]
        waiting = dict(zip(new, self._store.lanes.waiting(PEOPLE, new), strict=True))
        return [
            _Found(
                number,
                waits,
                person,
                sources_of(person) | {part.source for part, _ in waiting.get(number, ()) if part.source},
            )
            for number, (waits, person) in zip(numbers, read, strict=True)
        ]

    def _is_left_out(self, sources: AbstractSet[str]) -> bool:
        """Tell whether a person is none of the source that is compared."""
        return self._only is not None and self._only not in sources

    def _count(self, sources: Iterable[str], *, is_equal: bool = False) -> None:
        """Count a person who should be in Brevo, for the sources that are compared."""
        self._receipt.count([one for one in sources if self._only in {None, one}], is_equal=is_equal)

    def _meet(self, contact: Contact, found: _Found | None, at_ms: int) -> None:
        """Compare one contact with the person it belongs to."""
        if found is not None and found.waits and not is_customer(found.person):
            if self._met.add(int(found.number)) and not self._is_left_out(found.sources):
                self._receipt.ours += 1  # the first delivery is under way
                self._receipt.under_way += 1
                self._count(found.sources)
            return
        if found is None or not is_customer(found.person) or not self._belongs(found):
            self._receipt.not_ours += 1
            return
        if not self._met.add(int(found.number)):
            return
        if self._is_left_out(found.sources):
            return
        self._receipt.ours += 1
        if found.waits or found.person.has.at_ms >= at_ms:
            self._under_way(contact, found, at_ms)
            return
        self._judge(contact, found.number, found.person, at_ms)

    def _belongs(self, found: _Found) -> bool:
        return found.person.has.is_there or found.waits or can_return(found.person, self._rules)

    def _under_way(self, contact: Contact, found: _Found, at_ms: int) -> None:
        """Leave a person alone for whom a change waits; only one who withdrew and is mailable is told of at once."""
        self._receipt.under_way += 1
        if not found.waits:
            return  # delivered during the comparison: newer than what was read
        if not self._is_open(contact, found, at_ms):
            self._count(found.sources)

    def _is_open(self, contact: Contact, found: _Found, at_ms: int) -> bool:
        """Tell of a person for whom a change waits, who withdrew and is mailable; False for anybody else."""
        if not found.person.has.is_there:
            return False
        (waiting,) = self._store.lanes.waiting(PEOPLE, [found.number])
        person = apply(found.person, (part for part, _ in waiting))
        verdict = self._verdict(person, contact, at_ms)
        if verdict.mailable and self._verdict(found.person, contact, at_ms).mailable:
            self._receipt.under_way -= 1
            self._drifted(found.number, person, Verdict((), verdict.mailable, {}, verdict.found, harms=True), at_ms)
            return True
        return False

    def _verdict(self, person: Person, contact: Contact, at_ms: int) -> Verdict:
        return judge(person, contact, self._rules, self._choices, at_ms)

    # the verdict

    def _judge(self, contact: Contact, number: str, person: Person, at_ms: int) -> None:
        verdict = self._verdict(person, contact, at_ms)
        if verdict.refused:
            self._receipt.refused[verdict.refused] += 1
            self._count(sources_of(person))
        elif verdict.is_equal and number in self._parked_people():
            self._receipt.refused[PARKED_CHANGE] += 1
            self._count(sources_of(person))
        elif verdict.is_equal:
            self._receipt.equal += 1
            self._count(sources_of(person), is_equal=True)
        else:
            self._drifted(number, person, verdict, at_ms)

    def _drifted(self, number: str, person: Person, verdict: Verdict, at_ms: int) -> None:
        self._receipt.drifted += 1
        self._count(sources_of(person))
        for channel in verdict.mailable:
            self._receipt.mailable.setdefault(str(channel), Drift()).add(number)
        for name in verdict.left:
            self._receipt.left.setdefault(name.split(".")[1], Drift()).add(number)
        for name in verdict.fields:
            self._receipt.by_field.setdefault(name, Drift()).add(number)
        fields: dict[str, Json] = {**verdict.left, "drift": dict(verdict.found)}
        tried_again = [name for name in verdict.fields if name in UNIQUE]
        if tried_again:
            fields[FREED] = list[Json](tried_again)
        self._heals.add(Heal(number, at_ms, fields, verdict.is_urgent), harms=verdict.harms)

    # whose contact was not seen

    def _look_for_the_others(self, progress: Progress) -> None:
        last = self._store.people.count()
        asked = 0
        for start in range(1, last + 1, CHUNK):
            numbers = [str(n) for n in range(start, min(start + CHUNK, last + 1)) if not self._met.has(n)]
            for found in self._look_up(numbers):
                asked += self._miss(found, may_ask=asked < VERIFIED)
            progress("people whose contact was not there", min(start + CHUNK - 1, last), last)

    def _miss(self, found: _Found, *, may_ask: bool) -> bool:
        """Say why no contact of a person was seen; return whether Brevo was asked."""
        number, person = found.number, found.person
        sources = found.sources or self._parked_people().get(number, found.sources)
        if self._is_left_out(sources):
            return False
        if not is_customer(person):
            if found.waits or number in self._parked_people():
                self._no_contact(WAITS if found.waits else PARKED, sources)
            return False
        if person.has.is_there:
            return self._missing(found, may_ask=may_ask)
        plan = make_plan(person, self._rules, self._receipt.started_ms)
        if found.waits:
            self._no_contact(WAITS, sources)
        elif plan.action == "none":
            self._no_contact(plan.why, sources)
        elif number in self._parked_people():
            self._no_contact(PARKED, sources)
        elif view(person, self._rules).word != "active":
            self._no_contact(LEFT_OUT, sources)
        else:
            # nothing waits, nothing is in the way, and there is no contact: the person is looked at again
            self._receipt.ours += 1
            self._never_made(number, person)
        return False

    def _never_made(self, number: str, person: Person) -> None:
        self._receipt.drifted += 1
        self._count(sources_of(person))
        self._receipt.by_field.setdefault(CONTACT, Drift()).add(number)
        self._heals.add(Heal(number, self._receipt.started_ms), harms=False)

    def _no_contact(self, why: str, sources: Iterable[str]) -> None:
        self._receipt.ours += 1
        self._receipt.not_in_brevo[why] += 1
        if why in MISSED:
            self._count(sources)

    def _missing(self, found: _Found, *, may_ask: bool) -> bool:
        """Judge a person whose contact should be there: ask for it before it is said that it is gone."""
        number, person = found.number, found.person
        self._receipt.ours += 1
        if found.waits or person.has.at_ms >= self._receipt.started_ms:
            self._receipt.under_way += 1
            if found.waits:
                self._count(found.sources)
            return False
        if not may_ask:
            if self._contacts.is_complete:
                self._gone(found, self._receipt.started_ms)
            else:
                self._receipt.under_way += 1
                self._count(found.sources)
                self._receipt.note("Brevo did not give all contacts: who was not among them counts as not in sync.")
            return False
        seen: Seen | None = self._contacts.read(person.email or "")
        if seen is None:
            self._gone(found, self._receipt.started_ms)
        else:
            self._receipt.in_brevo += 1
            self._judge(seen.contacts[0], number, person, seen.at_ms)
        return True

    def _gone(self, found: _Found, at_ms: int) -> None:
        self._receipt.deleted.add(found.number)
        self._receipt.refused[DELETED] += 1
        self._count(found.sources)
        self._heals.add(Heal(found.number, at_ms, {"gone": True}), harms=True)

    def _parked_people(self) -> Mapping[str, AbstractSet[str]]:
        if self._parked is None:
            self._parked = self._store.parked.targets(PEOPLE)
        return self._parked


class _Bits:
    """One bit for each person."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def has(self, n: int) -> bool:
        return n >> 3 < len(self._bytes) and bool(self._bytes[n >> 3] & 1 << (n & 7))

    def add(self, n: int) -> bool:
        """Set a bit; False when it was set."""
        if self.has(n):
            return False
        if n >> 3 >= len(self._bytes):
            self._bytes.extend(bytes((n >> 3) + 1 - len(self._bytes)))
        self._bytes[n >> 3] |= 1 << (n & 7)
        return True
