"""A plan: what an event changes, in types from the skill to the script that commits it.

    skill   → [Says | Said | Erase | Merge | Put]    what changes, in our words (`Step`)
    planner → Planned                                the same in the script's form: the identity, and puts into lanes
    commit                                           one atomic step, and the wake-ups after it

The script finds the person of an identity once, for all puts of a group.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from customer_sync.model import PEOPLE, Consent, Json, Priority
from customer_sync.person.person import Part
from customer_sync.store import Store
from customer_sync.store.counters import Tally
from customer_sync.store.forms import EventRef, encode_part
from customer_sync.store.lanes import COMPACT_AT

# what a skill says ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Who:
    """Whom a change is about: a customer of a source, an address, or both.

    Args:
        source: the source.
        at: when the platform had this state, UTC: the time stamp of all values.
        id: the platform's id of the customer; None where there is none.
        email: the address at that time, normalised; None when the event has no address.
        seen_at: which of two states of one `at` came later, see `model.Event`.
        is_copy: an order told the customer, which is an older copy: its address is used only while the customer's own
            record is unknown, and moves no record.
        only_known: no new person is made.
        since: the earliest time that is known of the customer; None: `at`.
        told_at: where `at` is only when it was read: see `model.Event`. What was erased since stays erased.
    """

    source: str
    at: datetime
    id: str | None = None
    email: str | None = None
    seen_at: datetime | None = None
    is_copy: bool = False
    only_known: bool = False
    since: datetime | None = None
    told_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Says:
    """What the record of a customer says, or of a buyer without an account, who has no id.

    Args:
        who: the customer.
        fields: Brevo attribute → value.
        consents: the customer's opt-ins and withdrawals.
        is_deleted: the platform deleted the record at that time.
        is_of_address: the change is about the order's own address, not the customer's: a consent box on an order. It
            makes the person a customer only with an opt-in.
    """

    who: Who
    fields: Mapping[str, Json] = field(default_factory=dict)
    consents: tuple[Consent, ...] = ()
    is_deleted: bool = False
    is_of_address: bool = False


@dataclass(frozen=True, slots=True)
class Said:
    """What Brevo or an operator says of an address itself.

    Args:
        who: the address.
        fields: see `customer_sync.person.person`.
        consents: withdrawals.
    """

    who: Who
    fields: Mapping[str, Json] = field(default_factory=dict)
    consents: tuple[Consent, ...] = ()


@dataclass(frozen=True, slots=True)
class Erase:
    """A person is to be erased everywhere."""

    who: Who


@dataclass(frozen=True, slots=True)
class Merge:
    """Two customers of one source became one: `gone_id` ends, `kept_id` stays."""

    source: str
    gone_id: str
    kept_id: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Put:
    """A change of a target that is known: of a person by number, or in another lane by the record's key.

    Args:
        lane: the lane.
        target: the item: a person's number, or a record's key.
        part: the change.
        priority: which items are delivered first.
    """

    lane: str
    target: str
    part: Part
    priority: Priority = Priority.LIVE


@dataclass(frozen=True, slots=True)
class Due:
    """When a change is due.

    Args:
        at: the time, UTC; None is now.
        is_moved: this time replaces the item's due time, earlier or later (a cart that was changed again); otherwise
            the earlier of the two counts.
    """

    at: datetime | None = None
    is_moved: bool = False


@dataclass(frozen=True, slots=True)
class RecordSays:
    """What a record of a lane of its own says: an order, a product, a cart.

    Args:
        lane: its lane.
        source: the source.
        id: the platform's id of the record.
        at: when the platform had this state, UTC.
        fields: field → value; the newest value of each field counts.
        who: the customer of the record; None without one (a product). The change holds no address: the lane reads the
            person's address and consent at delivery.
        seen_at: which of two states of one `at` came later, see `model.Event`.
        due: when the record is to be delivered.
    """

    lane: str
    source: str
    id: str
    at: datetime
    fields: Mapping[str, Json] = field(default_factory=dict)
    who: Who | None = None
    seen_at: datetime | None = None
    due: Due = Due()

    @property
    def target(self) -> str:
        """The record's item in the lane; never equal to a person's number."""
        return f"{self.source}:{self.id}"


Step = Says | Said | Erase | Merge | Put | RecordSays


# what the script takes -----------------------------------------------------------------------------------------------


class Identity(NamedTuple):
    """The identity that a group of puts is about; the script finds the person by it.

    Args:
        ref: the key of (source, id); "" where there is no id.
        fp: the fingerprint of the address; "" without an address.
        email: the address.
        ms: since when the address is known to be right, in ms; long ago for an order's copy.
        us: which of two states of one `ms` was seen later.
        only_known: no new person is made.
        told_ms: how long the address is known to have been right, in ms, where `ms` is only when it was read.
    """

    ref: str
    fp: str
    email: str
    ms: int
    us: int
    only_known: bool = False
    told_ms: int | None = None

    def encode(self) -> dict[str, Any]:
        """Return it as `commit.lua` takes it."""
        found = {"ref": self.ref, "fp": self.fp, "email": self.email, "ms": self.ms, "us": self.us}
        if self.told_ms is not None:
            found["told"] = self.told_ms
        return {**found, "known": True} if self.only_known else found


@dataclass(slots=True)
class PlannedPut:
    """One change to be put into a lane.

    Args:
        lane: the lane.
        part: the change; in the lane of people its ref names the record; a change of the address has no ref.
        at_ms: its time, which is compared with tombstones.
        priority: which items are delivered first.
        events: the events that caused it.
        target: the item, where it is known.
        withdraws: whether the change is a withdrawal: then a tombstone does not stop it.
        due_ms: when the item is due; None: now.
        is_moved: `due_ms` replaces the item's due time, earlier or later.
        after: for a withdrawal that belongs to a record: its form for addresses that the record led to before.
    """

    lane: str
    part: Part
    at_ms: int
    priority: Priority
    events: Sequence[EventRef] = ()
    target: str = ""
    withdraws: bool = False
    after: Part | None = None
    due_ms: int | None = None
    is_moved: bool = False

    def encode(self) -> dict[str, Any]:
        """Return it as `commit.lua` takes it."""
        change = encode_part(self.part, self.events)
        found: dict[str, Any] = {"lane": self.lane, "change": change, "prio": int(self.priority), "at": self.at_ms}
        if self.target:
            found["target"] = self.target
        else:
            found["key"] = self.part.ref or "@"
        if self.withdraws:
            found["w"] = True
        if self.after is not None:
            found["after"] = encode_part(self.after)
        if self.due_ms is not None:
            found |= {"due": self.due_ms, "moved": self.is_moved}
        return found


@dataclass(slots=True)
class Group:
    """The puts of one identity, or an erasure, or a merge.

    Args:
        who: the identity; None where the targets are known.
        puts: the changes.
        is_erasure: erase the person; `puts` holds one change, the erasure.
        merged: (gone ref, kept ref, at): one record became another; `events` caused it.
    """

    who: Identity | None = None
    puts: list[PlannedPut] = field(default_factory=list)
    is_erasure: bool = False
    merged: tuple[str, str, int] | None = None
    events: Sequence[EventRef] = ()

    def encode(self) -> dict[str, Any]:
        """Return it as `commit.lua` takes it."""
        if self.merged is not None:
            gone, kept, at_ms = self.merged
            change = encode_part(Part("", "", None, {}), self.events)
            return {"merge": {"gone": gone, "kept": kept, "at": at_ms, "change": change}}
        found: dict[str, Any] = {"puts": [put.encode() for put in self.puts]}
        if self.who is not None:
            found["who"] = self.who.encode()
        if self.is_erasure:
            found["erase"] = True
        return found


@dataclass(slots=True)
class Planned:
    """The plan of one event.

    Args:
        groups: the changes, by identity.
        seen: the key that finds repeats; "" for none.
        row: its row for the ledger; None for none.
        imprint: what stands for the record that a full run read, see `customer_sync.store.imprints`; "" for none.
        opens: rows for the ledger that say where events wait now that are in it already, see `opened_rows`.
    """

    groups: Sequence[Group]
    seen: str = ""
    row: list[str] | None = None
    imprint: str = ""
    opens: Sequence[list[str]] = ()

    def encode(self) -> dict[str, Any]:
        """Return it as `commit.lua` takes it."""
        found: dict[str, Any] = {"seen": self.seen, "groups": [group.encode() for group in self.groups]}
        if self.row is not None:
            found["row"] = self.row
        if self.imprint:
            found["imprint"] = self.imprint
        if self.opens:
            found["opens"] = list(self.opens)
        return found


def opened_rows(events: Sequence[EventRef], groups: Sequence[Group], note: str) -> list[list[str]]:
    """Return the ledger's rows of events that wait in further lanes from now on; the script adds state and person."""
    places = [(put.lane, "" if put.lane == PEOPLE else put.target) for group in groups for put in group.puts]
    places += [(PEOPLE, "") for group in groups if group.merged is not None]
    ids = "\n".join(one.event_id for one in events)
    rows: list[list[str]] = []
    for lane, target in dict.fromkeys(places) if ids else ():
        row = ["ev", ids, "n", note]
        rows.append(row if lane == PEOPLE else [*row, "l", lane, "tg", target])
    return rows


class Encodes(Protocol):
    """A plan that can be written: a new one, or one that was kept as text."""

    def encode(self) -> dict[str, Any]:
        """Return it as `commit.lua` takes it."""
        ...


class Request(NamedTuple):
    """The plans of one request, or of one part of a page; `entry` is the id of its inbox entry, "" for none."""

    entry: str
    events: Sequence[Encodes]
    parked: Sequence[Sequence[Any]] = ()


class Committed(NamedTuple):
    """The states of the events (in order, parked ones last in each request), and whether anything was committed."""

    states: Sequence[str]
    is_done: bool = True


def commit(store: Store, requests: Sequence[Request], wake: Callable[[str], None], page: str = "") -> Committed:
    """Put requests into the lanes in one step, shorten long items, and wake the lanes that have work now.

    Args:
        store: the store.
        requests: the requests.
        wake: sends a wake-up.
        page: how a page of a run moves the run, see `store.run.PageMove`; "" for none.
    """
    entries = [
        {"entry": one.entry, "events": [event.encode() for event in one.events], "parked": list(one.parked)}
        for one in requests
    ]
    answer = store.commit(entries, COMPACT_AT, page)
    if answer.get("stale"):
        return Committed((), is_done=False)
    for lane, target in answer["long"] or ():
        store.lanes.compact(lane, target)
    for lane in answer["wake"] or ():
        wake(f"deliver:{lane}")
    return Committed(answer["states"] or ())


def commit_told(store: Store, events: Sequence[Encodes], wake: Callable[[str], None]) -> None:
    """Commit events that came by no request, and count those that the history tells of, as the line counts its own.

    What is counted as delivered later was counted as pending here: figures, metrics and history tell of the same.

    Args:
        store: the store.
        events: their plans.
        wake: sends a wake-up.
    """
    states, tally = commit(store, [Request("", events)], wake).states, Tally()
    for event, state in zip(events, states, strict=True):
        row = event.encode().get("row")
        if row is not None and state != "skipped":
            tally.count("tajo_events_total", source=dict(zip(row[::2], row[1::2], strict=True))["s"], state=state)
    store.counters.add(tally)
