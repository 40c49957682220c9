"""Items: the waiting changes of one target, as a worker leases them, and the settlement that it writes.

This module makes and reads the texts of the scripts; `lanes` calls the scripts.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal, NamedTuple

from customer_sync.base.log import get
from customer_sync.model import Json, Priority
from customer_sync.person.merge import State, from_json, merge, to_json
from customer_sync.person.person import Part
from customer_sync.person.totals import Ordered
from customer_sync.store.forms import VERSION, EventRef, Kept, NewerForm, decode_kept, decode_part
from customer_sync.store.scripts import as_text

log = get(__name__)

#: An item that failed this often is sent alone; a row that an import refused counts as having failed this often.
SOLO_TRIES: Final = 3
#: What stands for an import in the mark of a row, once it is known whether that import made the contact.
CREATED, NOT_CREATED = "+", "-"
#: The first letters of the name of an import that updates.
UPDATING = "iu"
#: What stands for such an import in the mark of a row once it is over, where it may have overwritten what was written
#: meanwhile; behind it may stand the token of a lease.
OVER = "!"


class ImportMark(NamedTuple):
    """An import that took a person's row along: it may have made a contact for them, or may do so yet.

    Args:
        import_id: the import; `CREATED`, `NOT_CREATED` or `OVER` once it is over and that is known of the row.
        email: the address it was sent with.
        lists: the lists it was sent for.
        at_ms: when.
        filled: the attributes it was sent with.
        list_id: the technical list of that import; 0 where that is not known.
    """

    import_id: str
    email: str
    lists: tuple[int, ...]
    at_ms: int
    filled: frozenset[str] = frozenset()
    list_id: int = 0

    @property
    def updates(self) -> bool:
        """Whether that import updates the contact."""
        return self.import_id.startswith((UPDATING, OVER))

    def encode(self) -> str:
        """Return the mark as stored."""
        fact = [self.email, self.lists, self.at_ms, sorted(self.filled), self.list_id]
        return f"{self.import_id}|{to_json(fact)}"


class Companion(NamedTuple):
    """An old address, leased together with the new one that its contact is to get.

    Args:
        target: the person of the old address.
        record: the text of that person.
        mark: the import that took the old address along last, while that matters.
        parts: the changes that wait for the old address; they are delivered by themselves.
    """

    target: str
    record: str
    mark: ImportMark | None
    parts: tuple[Part, ...] = ()


class Whose(NamedTuple):
    """The person whom a record of another lane belongs to at this moment.

    Args:
        person: the number.
        record: the text of that person, as stored.
        parts: the changes that wait for the person: a withdrawal that Brevo has not got yet holds here all the same.
    """

    person: str
    record: str
    parts: tuple[Part, ...] = ()


@dataclass(slots=True)
class Item:
    """What waits for one target, leased to us.

    Args:
        target: a person's number in the contacts lane, else the record's key.
        parts: its waiting changes, in the order in which they came.
        events: the events they came from; each once.
        tries: failed tries so far.
        since_ms: since when it waits.
        priority: its priority.
        record: what is stored of the target, as text; "" when nothing.
        mark: the import that took the target along last, while that matters.
        old: the old address whose contact is to become this person's, where there is one.
        newer: why it cannot be read: a newer version wrote it; "" when it can.
        whose: for a record of another lane: the person to whom it belongs now; None where the person is unknown.
        orders: for a person: their orders, where totals are made of them.
        token: proves its lease.
    """

    target: str
    parts: tuple[Part, ...]
    events: tuple[EventRef, ...]
    tries: int
    since_ms: int
    priority: Priority
    record: str
    mark: ImportMark | None = None
    old: Companion | None = None
    newer: str = ""
    whose: Whose | None = None
    orders: tuple[Ordered, ...] = ()
    token: str = ""

    @property
    def person(self) -> str:
        """The number of the person that the item is about; "" without a person."""
        if self.whose is not None:
            return self.whose.person
        return self.target if self.target.isdecimal() else ""

    @property
    def state(self) -> State:
        """What is known of a single record: what the lane keeps of it, with the changes."""
        return merge([self.kept.state, *(part.state for part in self.parts)])

    @property
    def kept(self) -> Kept:
        """What a lane of single records keeps of it; an empty one where that was written by a newer version."""
        return Kept() if self.newer else decode_kept(self.record)


@dataclass(frozen=True, slots=True)
class Taken:
    """The answer of `take`.

    Args:
        state: `taken`; `probe` is one item after a pause; `empty` when nothing is due; `closed` when the breaker is
            open; `left` when what is due is left to the bulk gear.
        wait_s: when to ask again; None when nothing waits at all.
        token: proves the lease.
        items: what was leased.
    """

    state: Literal["taken", "probe", "empty", "closed", "left"]
    wait_s: float | None
    token: str
    items: tuple[Item, ...]

    @property
    def targets(self) -> list[str]:
        """Every target that is leased, companions too."""
        return [one for item in self.items for one in ([item.target, item.old.target] if item.old else [item.target])]


@dataclass(slots=True)
class Erasure:
    """What an erased person leaves: tombstones.

    Args:
        fps: fingerprints of the addresses.
        refs: keys of the records.
        kept: those of them that are newer than the erasure and stay.
        at_ms: everything up to this time never comes back.
        withdrawn_ms: the newest withdrawal that was on record, None when there was none: a later record of this address
            begins with it.
    """

    fps: tuple[str, ...] = ()
    refs: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    at_ms: int = 0
    withdrawn_ms: int | None = None


@dataclass(slots=True)
class Settlement:
    """What became of one leased item.

    Args:
        target: the item's target.
        verdict: `done` removes the changes that were taken; `again` keeps them, due at `due_ms` or in `due_in_s`;
            `back` returns the item untouched to its place in the line; `solo` keeps it out of imports until it is done;
            `parked` removes the changes and keeps `parked`; `erased` removes the person but for what is newer
            (`record`), and leaves the tombstones of `erasure`.
        record: what to store of the target; None leaves it.
        burns: whether the try counts.
        is_untried: for `again`: a limit put it off before it was tried; a run that it came with is not done.
        is_urgent: whether it goes before everything else from now on.
        old: what to store of the companion: its target and record; None where there is no companion.
        tell: changes of other people that came of it, (person, change); they are urgent.
        wants: values that another contact has.
        frees: such values that the contact gave up, each with the change for the persons that want the value.
        found: a change of the address itself that tells what was withdrawn in Brevo without our hearing of it: it goes
            along with the records that led here until now; "" for none.
        left: such a change for the records that led here before; "" for none.
        row: the ledger's row as [name, value, ...].
        next_ms: when the record is due again, although nothing changed; None for never. Not for people.
        counts: what is added to the counts of skills, (skill, field, by): once, in the step that settles the item.
    """

    target: str
    verdict: Literal["done", "again", "back", "solo", "parked", "erased"] = "done"
    due_in_s: float = 0.0
    due_ms: int | None = None
    burns: bool = False
    is_untried: bool = False
    record: str | None = None
    parked: tuple[str, str] | None = None
    erasure: Erasure | None = None
    is_urgent: bool = False
    old: tuple[str, str | None] | None = None
    tell: list[tuple[str, str]] = field(default_factory=list)
    wants: list[str] = field(default_factory=list)
    frees: list[tuple[str, str]] = field(default_factory=list)
    left: str = ""
    found: str = ""
    row: list[str] = field(default_factory=list)
    next_ms: int | None = None
    counts: list[tuple[str, str, float]] = field(default_factory=list)

    @property
    def is_plain(self) -> bool:
        """Whether it is done and there is nothing more to say: of these there are millions."""
        if self.verdict != "done" or self.record is None or self.row or self.old is not None:
            return False
        if self.next_ms is not None or self.counts:
            return False
        return not (self.tell or self.wants or self.frees or self.left or self.found)


# the scripts' texts --------------------------------------------------------------------------------------------------


def combined(
    changes: Iterable[tuple[Part, tuple[EventRef, ...]]],
) -> list[tuple[Part, tuple[EventRef, ...]]]:
    """Return the changes of each record as one, and those of the address."""
    found: dict[tuple[str, bool], tuple[Part, tuple[EventRef, ...]]] = {}
    for part, events in changes:
        key = (part.ref, part.is_borrowed)
        known = found.get(key)
        if known is not None:
            whole = part._replace(state=merge([known[0].state, part.state]))
            found[key] = whole, tuple(dict.fromkeys([*known[1], *events]))
        else:
            found[key] = part, events
    return list(found.values())


def part_or_none(text: str) -> tuple[Part, tuple[EventRef, ...]] | None:
    """Return a waiting change with the events behind it; None where it moved away, or is of a newer version."""
    try:
        return decode_part(text) if text else None
    except NewerForm as error:
        log.warning("a waiting change is left alone", reason=str(error))
        return None


def taken_of(answer: Any) -> Taken:
    """Return what `take.lua` answered."""
    state, wait_ms, token, raw = answer
    wait_s = None if wait_ms < 0 else wait_ms / 1000
    items = tuple(_item(one, as_text(token)) for one in raw)
    return Taken(as_text(state), wait_s, as_text(token), items)  # type: ignore[arg-type]  # the script's five words


def _mark_of(raw: bytes) -> ImportMark | None:
    if not raw:
        return None
    import_, _, fact = raw.partition(b"|")
    email, lists, at_ms, filled, *more = from_json(fact)
    return ImportMark(import_.decode(), email, tuple(lists), at_ms, frozenset(filled), *more)


def _item(raw: list[Any], token: str) -> Item:
    target, tries, since, priority, record, mark, changes, old = raw
    newer = ""
    try:
        decoded = [decode_part(as_text(text)) for text in changes if text]
    except NewerForm as error:
        decoded, newer = [], f"A newer version of this service wrote it ({error})."
    stored = [as_text(one) for one in (record, *old[1:2])]
    if not newer and any(text[:1] > VERSION for text in stored if text):
        newer = "A newer version of this service wrote what is stored of it."
    events = decoded[0][1] if len(decoded) == 1 else tuple(dict.fromkeys(one for _, some in decoded for one in some))
    return Item(
        target=as_text(target),
        parts=tuple(part for part, _ in decoded),
        events=events,
        tries=int(tries),
        since_ms=int(float(since)),
        priority=Priority(priority),
        record=as_text(record or b""),
        mark=_mark_of(mark),
        old=_companion(old) if old else None,
        newer=newer,
        token=token,
    )


def with_owner(item: Item, raw: list[Any]) -> Item:
    """Return an item of a record with the person whose it is, as `whose.lua` answered.

    Somebody who is being erased is nobody for a record that is not newer than that.
    """
    if not raw or item.newer:
        return item
    number, text, changes, erased_ms = raw
    newest_ms = max((one.at_ms for one in item.state.values()), default=0)
    if newest_ms <= int(erased_ms):
        return item
    try:
        parts = tuple(decode_part(as_text(one))[0] for one in changes if one)
    except NewerForm as error:
        return replace(item, newer=f"A newer version of this service wrote of its person ({error}).")
    if as_text(text)[:1] > VERSION:
        return replace(item, newer="A newer version of this service wrote its person.")
    return replace(item, whose=Whose(as_text(number), as_text(text), parts))


def _companion(raw: list[Any]) -> Companion:
    target, record, mark, changes = raw
    parts = [one for text in changes if (one := part_or_none(as_text(text))) is not None]
    return Companion(as_text(target), as_text(record), _mark_of(mark), tuple(part for part, _ in parts))


def settlement_json(one: Settlement) -> dict[str, Json]:
    """Return a settlement as `settle.lua` takes it."""
    raw: dict[str, Json] = {"target": one.target, "verdict": one.verdict}
    if one.verdict == "again":
        raw |= {"due_in": int(one.due_in_s * 1000), "burns": one.burns}
    if one.verdict == "again" and one.due_ms is not None:
        raw["due_at"] = one.due_ms
    if one.verdict == "again" and one.is_untried:
        raw["untried"] = True
    if one.verdict == "solo":
        raw["tries"] = SOLO_TRIES
    told: dict[str, Json] = {"urgent": one.is_urgent or None, "left": one.left or None, "found": one.found or None}
    told |= {"record": one.record, "next": one.next_ms}
    raw |= {name: value for name, value in told.items() if value is not None}
    if one.old is not None:
        raw["old"] = {"target": one.old[0]} if one.old[1] is None else {"target": one.old[0], "record": one.old[1]}
    for name in ("tell", "frees", "wants", "row", "counts"):
        if found := getattr(one, name):
            raw[name] = [list(pair) if isinstance(pair, tuple) else pair for pair in found]
    if one.parked:
        raw["parked"] = list(one.parked)
    if one.erasure is not None:
        raw |= _erasure_json(one.erasure)
    return raw


def _erasure_json(over: Erasure) -> dict[str, Json]:
    raw: dict[str, Json] = {"fps": [*over.fps], "refs": [*over.refs], "kept": [*over.kept], "at": over.at_ms}
    return raw if over.withdrawn_ms is None else {**raw, "withdrawn": over.withdrawn_ms}
