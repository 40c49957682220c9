"""Erasure: takes a person out of everything that waits or is remembered.

An erasure is a change like any other (`status: erased`): the contacts lane deletes the contact in Brevo, and settling
it removes what is known of the person and leaves a tombstone. What that step cannot see is removed here: requests
that are not read yet, parked things, the spool, the history. It may run twice, and before the item is settled.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, NamedTuple

from customer_sync.connector import Connector
from customer_sync.errors import MappingError, PayloadError
from customer_sync.identity import normalize_email
from customer_sync.merge import State
from customer_sync.model import Change, Event, Inbound, Json, Kind, Priority
from customer_sync.pipeline import plan_put
from customer_sync.store import Store, inbox, keys
from customer_sync.store.lanes import COMPACT_AT, Item, decode_change
from customer_sync.store.ledger import event_row
from customer_sync.store.parked import Parked, inbound_of
from customer_sync.store.people import People, address_of, decode, refs_of
from customer_sync.store.scripts import as_text
from customer_sync.store.spool import Spool

#: Where an erasure comes from that no platform asked for.
SOURCE = "tajo"
LANE = "contacts"

_PAGE = 500
#: Anything that looks like an address, in bytes that no connector can read.
_ADDRESS = re.compile(r"[^\s\"'<>,;:()\[\]\\&=?/]+@[^\s\"'<>,;:()\[\]\\&=?/@]+")

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
        """Return whom these items of the contacts lane are about: under every address and id that is known.

        Args:
            people: for the fingerprints.
            items: as they were taken, before or after they are settled.
        """
        numbers: set[str] = set()
        emails: set[str] = set()
        refs: set[tuple[str, str]] = set()
        for item in items:
            person = decode(item.record)
            numbers.add(item.target)
            found = (person.has.email, address_of(person.state), address_of(item.state))
            emails.update(email for email in found if email)
            refs.update(refs_of(person.state).items(), refs_of(item.state).items())
        return cls(
            frozenset(numbers),
            frozenset(map(people.fingerprint, emails)),
            frozenset(people.ref(source, record_id) for source, record_id in refs),
        )

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


def addresses_of(store: Store, email: str) -> list[str]:
    """Return every address of the person who has this one, or had it last; this one alone when nobody is known."""
    number = store.people.find(email)
    if number is None:
        return [email]
    person = store.people.read(number)
    found = [email, person.has.email, *(address_of(state) for state in (person.state, *_waiting(store, number)))]
    return list(dict.fromkeys(one for one in found if one))


def whom(store: Store, emails: Iterable[str]) -> Erased:
    """Return whom addresses mean, under all their ids.

    Args:
        store: where people are known.
        emails: as `addresses_of` gives them.
    """
    people = store.people
    emails = list(emails)
    numbers = {number for email in emails if (number := people.find(email)) is not None}
    states = [state for number in numbers for state in (people.read(number).state, *_waiting(store, number))]
    return Erased(
        frozenset(numbers),
        frozenset(map(people.fingerprint, emails)),
        frozenset(people.ref(*ref) for state in states for ref in refs_of(state).items()),
    )


def request_erasure(store: Store, emails: Iterable[str], at: datetime) -> list[str]:
    """Put the erasure of a person into the line, before everything else that waits; return the lanes to wake.

    For an address that nobody is known by, the contact in Brevo is deleted and a tombstone left all the same.

    Args:
        store: where it waits.
        emails: every address of the person; see `addresses_of`.
        at: when the erasure was asked for; what is older never comes back.
    """
    events = []
    for email in emails:
        event = Event(f"erase:{secrets.token_hex(6)}", SOURCE, Kind.CUSTOMER_ERASED, at, topic="tajo contacts erase")
        fields: dict[str, Json] = {"status": "erased"}
        change = Change(
            LANE, SOURCE, at, fields, email=email, is_snapshot=True, event_id=event.id, priority=Priority.URGENT
        )
        events.append({"seen": "", "row": event_row(event), "puts": [plan_put(store, change, at)]})
    answer = store.commit([{"entry": "", "events": events, "parked": []}], COMPACT_AT)
    return list(answer["wake"] or ())


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
    rows = store.ledger.forget(who.people, reader.event_ids | set(parked))
    return Forgotten(in_inbox, in_spools, len(parked), rows, tuple(shared))


def spools_in(home: Path) -> list[Spool]:
    """Return the spools of a home folder, those of ended processes too."""
    return [Spool(path) for path in sorted(home.glob("spool*.sqlite"))]


class _Reader:
    """Tells how much of a waiting request is about the people; remembers the ids of their events."""

    def __init__(self, connectors: Mapping[str, Connector], people: People, who: Erased) -> None:
        self._connectors = connectors
        self._people = people
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
        if events and len(theirs) == len(parts):
            return "all"
        if theirs:
            return "some"
        if not events and self._is_mentioned(inbound):
            return "all" if len(parts) <= 1 else "some"
        # one record of many could not be read, and it may be theirs
        unread = any(isinstance(part, PayloadError) for part in parts)
        return "some" if unread and self._is_mentioned(inbound) else "none"

    def owns(self, state: State) -> bool:
        """Tell whether a waiting change is theirs."""
        address = address_of(state)
        if address is not None and self._people.fingerprint(address) in self.who.fps:
            return True
        return any(self._people.ref(*pair) in self.who.refs for pair in refs_of(state).items())

    def _is_about(self, event: Event) -> bool:
        ids = {event.customer_id, event.record.get("keptId"), event.record.get("deletedId")}
        refs = {self._people.ref(event.source, one) for one in ids if isinstance(one, str)}
        return bool(refs & self.who.refs) or any(map(self._is_theirs, _texts(event.record)))

    def _is_mentioned(self, inbound: Inbound) -> bool:
        text = inbound.body.decode("utf-8", "replace").replace("\\u0040", "@").replace("%40", "@")
        return any(self._is_theirs(found) for found in _ADDRESS.findall(text))

    def _is_theirs(self, text: str) -> bool:
        if "@" not in text:
            return False
        with suppress(MappingError):
            email = normalize_email(text)
            return email is not None and self._people.fingerprint(email) in self.who.fps
        return False


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


def _waiting(store: Store, number: str) -> list[State]:
    """Return the changes that wait for a person."""
    raws: Any = store.client.lrange(keys.changes(LANE, number), 0, -1)
    return [decode_change(as_text(raw))[0] for raw in raws]


def _forget_inbox(store: Store, reader: _Reader) -> int:
    removed, start = 0, "-"
    while True:
        page: Any = store.client.xrange(keys.INBOX, min=start, count=_PAGE)
        gone = [entry_id for entry_id, fields in page if reader.share(inbox.decode(fields[b"r"])) == "all"]
        if gone:
            pipe = store.client.pipeline()
            pipe.xack(keys.INBOX, keys.INBOX_GROUP, *gone)
            pipe.xdel(keys.INBOX, *gone)
            pipe.hdel(keys.INBOX_TRIES, *gone)
            removed += int(pipe.execute()[1])
        if len(page) < _PAGE:
            return removed
        start = "(" + as_text(page[-1][0])


def _forget_spool(spool: Spool, reader: _Reader) -> int:
    rows = spool.first(spool.depth())
    gone = [number for number, raw in rows if reader.share(inbox.decode(raw)) == "all"]
    if gone:
        spool.remove(gone)
    spool.close()
    return len(gone)


def _forget_parked(store: Store, reader: _Reader) -> tuple[list[str], list[str]]:
    """Drop what is parked of the people; return the ids of what is gone and of what tells of others too."""
    gone: list[str] = []
    shared: list[str] = []
    for parked in store.parked.list(store.parked.count()):
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
    is_theirs = parked.target in reader.who.people or reader.owns(decode_change(parked.content)[0])
    return "all" if is_theirs else "none"
