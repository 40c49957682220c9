"""A plan: what an event changes, typed from the skill to the script that commits it.

    skill   → [Says | Said | Erase | Merge | Put]    what changes, in our words (`Step`)
    planner → Planned                                the same as the script takes it: who, and what is put where
    commit                                           one atomic step, and what is to be done after it

Who a change is about is resolved once, by the script, for all that is put with it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, NamedTuple

from customer_sync.model import Consent, Json, Priority
from customer_sync.person.person import Part
from customer_sync.store import Store
from customer_sync.store.forms import EventRef, encode_part
from customer_sync.store.lanes import COMPACT_AT

#: The lane whose items are people.
LANE: Final = "contacts"


# what a skill says ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Who:
    """Whom a change is about: a customer of a source, an address, or both.

    Args:
        source: the source.
        at: when it was so at the platform, UTC: the stamp of all that is said.
        id: the platform's id of the customer; None where there is none.
        email: the address at that time, normalised; None when it was not told.
        seen_at: which of two states of one `at` came later, see `model.Event`.
        is_copy: it is told by an order, an older copy of the customer: it leads to the person while nothing better is
            known, and moves nobody.
        only_known: nobody new is made.
        since: the earliest time that is known of the customer; None: `at`.
    """

    source: str
    at: datetime
    id: str | None = None
    email: str | None = None
    seen_at: datetime | None = None
    is_copy: bool = False
    only_known: bool = False
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Says:
    """What the record of a customer says, or of a buyer without an account, who has no id.

    Args:
        who: the customer.
        fields: Brevo attribute → value.
        consents: what was seen of their consent.
        is_deleted: the platform deleted the record at that time.
        is_of_address: the order's own address is meant, whoever the customer is: a box on an order. It makes nobody a
            customer unless somebody agreed.
    """

    who: Who
    fields: Mapping[str, Json] = field(default_factory=dict)
    consents: tuple[Consent, ...] = ()
    is_deleted: bool = False
    is_of_address: bool = False


@dataclass(frozen=True, slots=True)
class Said:
    """What was said of an address itself, by Brevo or by an operator.

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
    """A person is to be forgotten, everywhere."""

    who: Who


@dataclass(frozen=True, slots=True)
class Merge:
    """Two customers of one source became one: `gone_id` is over, `kept_id` goes on."""

    source: str
    gone_id: str
    kept_id: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Put:
    """A change of a target that is known: of a person by number, or in another lane by the record's key.

    Args:
        lane: the lane it waits in.
        target: whose it is.
        part: the change.
        priority: who goes first.
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
        is_moved: the item is due at this very time, sooner or later than it was (a cart that was changed again);
            otherwise at the sooner of the two.
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
        at: when it was so at the platform, UTC.
        fields: field → value; of each the newest holds.
        who: whose it is; None for nobody's (a product). The lane never learns an address: it reads address and consent
            of the person when it delivers.
        seen_at: which of two states of one `at` came later, see `model.Event`.
        due: when it is to be delivered.
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
        """Whose item it is in the lane; no number of a person looks like it."""
        return f"{self.source}:{self.id}"


Step = Says | Said | Erase | Merge | Put | RecordSays


# what the script takes -----------------------------------------------------------------------------------------------


class Identity(NamedTuple):
    """Whom a group of puts is about, as the script finds them.

    Args:
        ref: the key of (source, id); "" where there is no id.
        fp: the fingerprint of the address; "" where none was told.
        email: the address.
        ms: since when the address is known to be right, in ms; long ago for an order's copy.
        us: which of two of one `ms` was seen later.
        only_known: nobody new is made.
    """

    ref: str
    fp: str
    email: str
    ms: int
    us: int
    only_known: bool = False

    def encode(self) -> dict[str, Any]:
        """Return it as `commit.lua` takes it."""
        found = {"ref": self.ref, "fp": self.fp, "email": self.email, "ms": self.ms, "us": self.us}
        return {**found, "known": True} if self.only_known else found


@dataclass(slots=True)
class PlannedPut:
    """One change on its way into a lane.

    Args:
        lane: which.
        part: the change; in the lane of people its record is found by the ref, an address by none.
        at_ms: its time: what a tombstone is compared with.
        priority: who goes first.
        events: the events behind it.
        target: whose it is, where that is known.
        withdraws: whether it withdraws: then a tombstone does not stop it.
        due_ms: when it is due; None: now.
        is_moved: it is due at that very time, sooner or later than before.
        after: of a withdrawal that goes along with a record: its form for addresses that the record led to before.
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
    """What is put for one identity, or an erasure, or a merge.

    Args:
        who: whom it is about; None where the targets are known.
        puts: the changes.
        is_erasure: forget the person; `puts` holds the one change that says so.
        merged: (gone ref, kept ref, at): one record became another; `events` are behind that.
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
    """One event on its way into the lanes.

    Args:
        groups: what is put.
        seen: the key against repeats; "" for none.
        row: its row for the ledger; None for none.
    """

    groups: Sequence[Group]
    seen: str = ""
    row: list[str] | None = None

    def encode(self) -> dict[str, Any]:
        """Return it as `commit.lua` takes it."""
        found: dict[str, Any] = {"seen": self.seen, "groups": [group.encode() for group in self.groups]}
        return found if self.row is None else {**found, "row": self.row}


class Request(NamedTuple):
    """What one request, or one part of a page, puts into the lanes; `entry` is its place in the inbox, "" for none."""

    entry: str
    events: Sequence[Planned]
    parked: Sequence[Sequence[Any]] = ()


class Committed(NamedTuple):
    """What became of the events (in order, parked ones last in each request), and whether it was done at all."""

    states: Sequence[str]
    is_done: bool = True


def commit(store: Store, requests: Sequence[Request], wake: Callable[[str], None], page: str = "") -> Committed:
    """Put requests into the lanes in one step, shorten the items that grew long, wake who has work now.

    Args:
        store: where.
        requests: what is put.
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
