"""Erasure: takes a person out of everything that waits or is remembered.

An erasure is a change like any other (`status: erased`): the contacts lane deletes the contact in Brevo, and settling
it removes what is known of the person and leaves a tombstone. What that step cannot see is removed here: requests
that are not read yet, parked things, the spool, the history. It may run twice, and before the item is settled.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Literal, NamedTuple

from customer_sync.batch.held import is_about
from customer_sync.engine.plan import Erase, Planned, Said, Who, commit_told
from customer_sync.engine.planner import Planner
from customer_sync.errors import MappingError, PayloadError
from customer_sync.kit.connector import Connector
from customer_sync.kit.rescue import is_rescued
from customer_sync.model import PEOPLE, Channel, Event, Inbound, Kind, to_ms
from customer_sync.person.consent import register
from customer_sync.person.identity import normalize_email
from customer_sync.person.merge import whom_of
from customer_sync.store import Store, inbox
from customer_sync.store.forms import EventRef, NewerForm, decode_part
from customer_sync.store.items import Item
from customer_sync.store.ledger import event_row
from customer_sync.store.parked import Parked, changes_of, inbound_of
from customer_sync.store.people import People
from customer_sync.store.spool import Spool

#: Where an erasure comes from that no platform asked for.
SOURCE = "tajo"

_PAGE = 500
#: What stands around an address, in bytes that no connector can read.
_AROUND = re.compile(r"[\s\"'<>,;:()\[\]\\&=?/]+")
#: The longest part of an address before its @, and behind it, in characters: RFC 5321, section 4.5.3.1.
_LOCAL_MAX, _DOMAIN_MAX = 64, 255

Share = Literal["all", "some", "none"]


@dataclass(frozen=True, slots=True)
class Erased:
    """Who is erased, without naming anybody.

    Args:
        people: their numbers.
        fps: fingerprints of their addresses.
        refs: fingerprints of their ids at the platforms.
    """

    people: frozenset[str]
    fps: frozenset[str]
    refs: frozenset[str]

    @classmethod
    def of(cls, people: People, items: Iterable[Item]) -> Erased:
        """Return whom these items of the contacts lane are about.

        Args:
            people: reads them.
            items: as they were taken, before or after they are settled.
        """
        numbers: set[str] = set()
        fps: set[str] = set()
        refs: set[str] = set()
        for item in items:
            person = people.decode(item.record)
            numbers.add(item.target)
            fps.update([people.fingerprint(person.email)] if person.email else [])
            refs.update(person.records, (part.ref for part in item.parts if part.ref))
        return cls(frozenset(numbers), frozenset(fps), frozenset(refs))

    def __bool__(self) -> bool:
        return bool(self.people or self.fps or self.refs)


class Forgotten(NamedTuple):
    """What was removed, in numbers: requests in the inbox and the spool, parked things, rows of the ledger.

    `shared` names the parked requests that tell of other people too: they stay, and a person must look.
    """

    inbox: int = 0
    spool: int = 0
    parked: int = 0
    ledger: int = 0
    shared: tuple[str, ...] = ()


def whom(store: Store, email: str) -> Erased:
    """Return whom an address means, under all their ids and addresses, as the erasure itself will find them.

    The person of the address with all their records; where nobody has it now, whoever had it last; and the addresses
    that these records had before and nobody else has.

    Args:
        store: where people are known.
        email: the address, normalised.
    """
    people = store.people
    number = people.find(email)
    numbers = {number} if number is not None else set()
    refs = set(_refs(store, number)) if number is not None else set()
    if number is not None and not refs:
        for last in people.left(number)[:1]:
            home = people.home(last)
            numbers |= {home} if home else set()
            refs |= set(_refs(store, home)) if home else set()
    for ref in list(refs):
        numbers |= {one for one in people.formers(ref) if not _refs(store, one)}
    found = people.read_many(sorted(numbers))
    fps = {people.fingerprint(one.email) for one in found if one.email} | {people.fingerprint(email)}
    return Erased(frozenset(numbers), frozenset(fps), frozenset(refs))


def _refs(store: Store, number: str) -> set[str]:
    """Return the keys of the records that lead to a person, those that still wait too."""
    (waiting,) = store.lanes.waiting(PEOPLE, [number])
    return {*store.people.read(number).records, *(part.ref for part, _ in waiting if part.ref and not part.is_borrowed)}


def request_erasure(store: Store, email: str, at: datetime, wake: Callable[[str], None] = lambda _: None) -> None:
    """Put the erasure of a person into the line, before everything else that waits.

    For an address that nobody is known by, the contact in Brevo is deleted and a tombstone left all the same.

    Args:
        store: where it waits.
        email: the address, normalised.
        at: when the erasure was asked for; what is older never comes back.
        wake: sends a wake-up; without one the workers' sweep finds it.
    """
    event = Event(f"erase:{secrets.token_hex(6)}", SOURCE, Kind.CUSTOMER_ERASED, at, topic="tajo contacts erase")
    planner = Planner(store.people, max(store.now_ms(), to_ms(at)))
    behind = [EventRef(event.id, SOURCE, to_ms(at))]
    groups = planner.groups([Erase(Who(SOURCE, at, email=email))], behind, at)
    commit_told(store, [Planned(groups, row=event_row(event))], wake)


def clear_address(store: Store, email: str, at: datetime) -> None:
    """Put an operator's word into the line that a bounce or a complaint at an address is over.

    Args:
        store: where it waits.
        email: the address, normalised.
        at: when the operator said so; what Brevo reports later counts again.
    """
    event = Event(f"clear:{secrets.token_hex(6)}", SOURCE, Kind.CONSENT_CHANGED, at, topic="tajo contacts clear")
    planner = Planner(store.people, max(store.now_ms(), to_ms(at)))
    said = Said(Who(SOURCE, at, email=email, only_known=True), {register(Channel.EMAIL, "cleared"): "operator"})
    groups = planner.groups([said], [EventRef(event.id, SOURCE, to_ms(at))], at)
    commit_told(store, [Planned(groups, row=event_row(event))], lambda _: None)


def forget_traces(
    store: Store, connectors: Mapping[str, Connector], who: Erased, spools: Sequence[Spool] = ()
) -> Forgotten:
    """Remove what waits or is remembered of people; return how much it was.

    A request that tells of others too stays: read, it gives nothing for a person with a tombstone, and parked ones are
    named in the answer.

    Args:
        store: all that Redis holds.
        connectors: source → connector, to read waiting requests.
        who: the people.
        spools: the spools of this machine; see `spools_in`.
    """
    reader = _Reader(connectors, store.people, who)
    in_inbox = _forget_inbox(store, reader)
    in_spools = sum(_forget_spool(spool, reader) for spool in spools)
    parked, shared = _forget_parked(store, reader)
    store.inbox.forget_told(who.refs | who.fps)
    store.runs.forget_held(lambda text: is_about(text, who.refs, who.fps))
    rows = store.ledger.forget(who.people, reader.event_ids | set(parked))
    return Forgotten(in_inbox, in_spools, len(parked), rows, tuple(shared))


def spools_in(home: Path) -> list[Spool]:
    """Return the spools of a home folder, those of ended processes too."""
    return [Spool(path) for path in sorted(home.glob("spool*.sqlite"))]


class _Reader:
    """Tells how much of a waiting request is about the people; remembers the ids of their events."""

    def __init__(self, connectors: Mapping[str, Connector], people: People, who: Erased) -> None:
        self._connectors = connectors
        self.people = people
        self.who = who
        self.event_ids: set[str] = set()

    def share(self, inbound: Inbound) -> Share:
        """Return whether all, some or none of a request is about them."""
        connector = self._connectors.get(inbound.source)
        try:
            parts = list(connector.parse(inbound)) if connector else []
        except Exception:  # noqa: BLE001  # whatever keeps it from being read, an address in it can still be found
            parts = []
        events = [part for part in parts if isinstance(part, Event)]
        theirs = [event for event in events if self._is_about(event)]
        self.event_ids.update(event.id for event in theirs)
        # a withdrawal out of a record that could not be read, and the fault of that record, are one
        records = len(parts) - sum(map(is_rescued, events))
        if events and len(theirs) == records:
            return "all"
        if theirs:
            return "some"
        if not events and self._is_mentioned(inbound):
            return "all" if len(parts) <= 1 else "some"
        # one record of many could not be read, and it may be theirs
        unread = any(isinstance(part, PayloadError) for part in parts)
        return "some" if unread and self._is_mentioned(inbound) else "none"

    def _is_about(self, event: Event) -> bool:
        ids = {event.customer_id, event.record.get("keptId"), event.record.get("deletedId")}
        refs = {self.people.ref(event.source, one) for one in ids if isinstance(one, str)}
        return bool(refs & self.who.refs) or any(map(self._is_theirs, _texts(event.record)))

    def _is_mentioned(self, inbound: Inbound) -> bool:
        text = inbound.body.decode("utf-8", "replace").replace("\\u0040", "@").replace("%40", "@")
        return any(map(self._is_theirs, set(addresses_in(text))))

    def _is_theirs(self, text: str) -> bool:
        if "@" not in text:
            return False
        with suppress(MappingError):
            email = normalize_email(text)
            return email is not None and self.people.fingerprint(email) in self.who.fps
        return False


def addresses_in(text: str) -> Iterator[str]:
    """Yield what looks like an address; the time grows with the text and no faster, whatever is in it."""
    parts = text.split("@")
    for before, behind in pairwise(parts):
        local, domain = _AROUND.split(before[-_LOCAL_MAX:])[-1], _AROUND.split(behind[:_DOMAIN_MAX])[0]
        if local and domain:
            yield f"{local}@{domain}"


def _texts(value: object) -> Iterator[str]:
    """Yield every text in a record, at any depth."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for child in value.values():
            yield from _texts(child)
    elif isinstance(value, list):
        for child in value:
            yield from _texts(child)


def _forget_inbox(store: Store, reader: _Reader) -> int:
    removed = 0
    for page in store.inbox.pages(_PAGE):
        gone = [entry_id for entry_id, raw in page if reader.share(inbox.decode_or_raw(raw)) == "all"]
        removed += store.inbox.forget(gone)
    return removed


def _forget_spool(spool: Spool, reader: _Reader) -> int:
    rows = spool.first(spool.depth())
    gone = [number for number, raw in rows if reader.share(inbox.decode_or_raw(raw)) == "all"]
    if gone:
        spool.remove(gone)
    spool.close()
    return len(gone)


def _forget_parked(store: Store, reader: _Reader) -> tuple[list[str], list[str]]:
    """Drop what is parked of the people; return the ids of what is gone and of what tells of others too."""
    gone: list[str] = []
    shared: list[str] = []
    for parked in store.parked.each():
        share = _parked_share(parked, reader)
        if share == "all":
            store.parked.drop(parked)
            gone.append(parked.id)
        elif share == "some":
            shared.append(parked.id)
    return gone, shared


def _parked_share(parked: Parked, reader: _Reader) -> Share:
    if parked.what == "inbound":
        return reader.share(inbound_of(parked))
    return "all" if parked.person in reader.who.people or _refs_in(parked, reader.people) & reader.who.refs else "none"


def _refs_in(parked: Parked, people: People) -> set[str]:
    refs: set[str] = set()
    for text in changes_of(parked):
        with suppress(NewerForm):
            part = decode_part(text)[0]
            refs |= {part.ref, people.last_name(whom_of(part.state))}
    return refs
