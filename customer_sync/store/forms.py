"""How people and waiting changes are written in Redis: one page for every stored form of the engine.

Each form begins with its version, one letter (`VERSION`). A worker that meets a newer form leaves it alone and says so.

A person is a line of the address, one of what Brevo has, one of what was said of the address, and one of each record
(both in `customer_sync.store.lines`); a waiting change is one such line, with the events behind it:

    3jane@example.com                                       a person
    ["k3…",1764340000000,0,3,9,[2]]
    @[1764340000000,null,{"-e":["brevo:unsubscribed","brevo"]},{}]
    abcdefgh23456777["shop",1001,1764340000,1200000,490094,1,1,"Jane"]

    3abcdefgh23456777["shop","1001",1764340000000,1200000,{"FIRSTNAME":"Jane"},{},[["evt-1","shop",1764340001200]]]
                                                            a waiting change of a record
    3@[1764340000000,null,{"-e":["brevo:unsubscribed","brevo"]},{},[["evt-2","brevo",1764340001300]]]
                                                            … of what was said of the address
    3abcdefgh23456777~[1764340000000,null,{"-e":["brevo:unsubscribed","brevo"]},{}]
                                                            … of what was said of one that the record led to

The script that moves a record makes a change of its line as it stands. In the other lanes a change may end with a
line of its own: the value of its field `whom` (see `person.WHOM`), which the script found that put it there. What such
a lane keeps of a record is

    3[1764340000000,null,{"total":12.5},{}]                 its state
    {"d":"k3…"}                                             what the destination has of it, in the lane's own words

There a state is `[at, seen, {field: value}, {field: other stamp}]`, see `customer_sync.person.merge.pack`; a record has
its source and its id before that.

Version 2 wrote a person's records so, too, and what Brevo has as an object. It is read, and written anew when the
person changes:

| letter | holds | letter | holds |
|---|---|---|---|
| `d` | the digest | `a` | when it was accepted, in ms |
| `x` | there is no contact | `k` | it was read |
| `b`, `m` | blocked for e-mail, for SMS | `w` | the newest withdrawal there, in ms |
| `l` | lists | `g` | consent groups that the person left |
| `u` | lists that the person had left when it was read | | |
| `r` | attribute → why it was refused | `f` | the attributes that we filled, as hexadecimal bits, numbered by `Names` |

The Lua scripts know as much of it as `_people.lua` says: they take lines out and put them elsewhere, as they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from customer_sync.model import Json
from customer_sync.person.merge import WHOM, State, from_json, pack, to_json, unpack, unpack_values
from customer_sync.person.person import DRIFT, ERASED, Has, Part, Person, Record
from customer_sync.store.lines import Names, from_line, has_from_line, has_to_line, is_line, named, to_line

#: The version of all forms here. A change of a form that an older worker would misread needs the next letter.
VERSION: Final = "3"
#: The length of a ref, the fingerprint of (source, id).
REF: Final = 16
#: Heard once and not kept.
_NOT_KEPT: Final = frozenset({DRIFT, ERASED})


class EventRef(NamedTuple):
    """One event behind an item.

    Args:
        event_id: its id.
        source: its source.
        arrived_ms: when it arrived.
        leads: whether the event is counted with this item; of several lanes that it changes one leads.
    """

    event_id: str
    source: str
    arrived_ms: int
    leads: bool = True

    def encode(self) -> list[Json]:
        """Return it as it waits behind a change."""
        return [*self[:3]] if self.leads else [*self[:3], 0]


class NewerForm(Exception):
    """Something in Redis was written by a newer version; it is left alone."""


# waiting changes ----------------------------------------------------------------------------------------------------


def encode_part(part: Part, events: Sequence[EventRef] = ()) -> str:
    """Return a change as it waits."""
    told: list[Json] = [event.encode() for event in events]
    if not part.ref:
        return f"{VERSION}@{to_json([*pack(part.state), told])}"
    if part.is_borrowed:
        return f"{VERSION}{part.ref}~{to_json(pack(part.state))}"
    return f"{VERSION}{part.ref}{to_json([part.source, part.id, *pack(part.state), told])}"


def decode_part(text: str) -> tuple[Part, tuple[EventRef, ...]]:
    """Return a waiting change and the events behind it.

    Raises:
        NewerForm: a newer version wrote it.
    """
    _check(text)
    if "\n" in text:
        text, _, whom = text.partition("\n")
        part, events = decode_part(text)
        found = part.state.get(WHOM)
        state = part.state if found is None else {**part.state, WHOM: found._replace(value=whom)}
        return part._replace(state=state), events
    if text[1] == "@":
        at_ms, seen, values, others, events = from_json(text[2:])
        return Part("", "", None, unpack([at_ms, seen, values, others])), _events(events)
    ref, rest = text[1 : 1 + REF], text[1 + REF :]
    if rest[0] == "~":
        found = from_json(rest[1:])
        # what was said of an address, or a record that became this one
        state = _record(found)[2] if isinstance(found[0], str) else unpack(found[:4])
        return Part(ref, "", None, state, is_borrowed=True), ()
    found = from_json(rest)
    return Part(ref, *_record(found)), () if is_line(found) else _events(found[6] if len(found) > 6 else ())


def _record(found: list[Any]) -> tuple[str, str | None, State]:
    """Return the source, the id and the state of a record, in the form of now or the one before."""
    return from_line(found) if is_line(found) else (found[0], found[1], unpack(found[2:6]))


def _events(raw: Iterable[Sequence[object]]) -> tuple[EventRef, ...]:
    return tuple(EventRef(*one[:3], len(one) < 4) for one in raw)  # type: ignore[call-arg,arg-type]  # as written


def _check(text: str) -> None:
    if text[:1] > VERSION:
        raise NewerForm(f"form {text[:1]}, this version knows {VERSION}")


# records of other lanes ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Kept:
    """What a lane that keeps records knows of one.

    Args:
        state: its fields.
        has: what the destination has of it, in the lane's own words.
    """

    state: State = field(default_factory=dict)
    has: Mapping[str, Json] = field(default_factory=dict)


def encode_kept(kept: Kept) -> str:
    """Return a record of a lane as stored."""
    return f"{VERSION}{to_json(pack(kept.state))}\n{to_json(kept.has)}"


def decode_kept(text: str) -> Kept:
    """Return the record of a stored text; an empty one for "".

    Raises:
        NewerForm: a newer version wrote it.
    """
    if not text:
        return Kept()
    _check(text)
    state, has = text.split("\n")
    return Kept(unpack(from_json(state[1:])), from_json(has))


def kept_values(text: str) -> dict[str, Json]:
    """Return the values of a record of a lane, without their stamps; none for "".

    Raises:
        NewerForm: a newer version wrote it.
    """
    _check(text)
    return unpack_values(from_json(text[1 : text.index("\n")])) if text else {}


# people -------------------------------------------------------------------------------------------------------------


def encode_person(person: Person, names: Names) -> str:
    """Return a person as stored; what is empty is left out, this is the bulk of Redis."""
    has = has_to_line(person.has, names)
    lines = [VERSION + (person.email or ""), to_json(has) if has else ""]
    said = {name: one for name, one in person.said.items() if name not in _NOT_KEPT}
    if said:
        lines.append(f"@{to_json(pack(said))}")
    for ref in sorted(person.records):
        record = person.records[ref]
        lines.append(f"{ref}{to_json(to_line(record.source, record.id, record.state))}")
    return "\n".join(lines)


def decode_person(text: str, names: Names) -> Person:
    """Return the person of a stored text; an empty person for "".

    Raises:
        NewerForm: a newer version wrote it.
    """
    if not text:
        return Person()
    _check(text)
    head, has, *lines = text.split("\n")
    said: list[Json] = []
    records: dict[str, Record] = {}
    for line in lines:
        if line[0] == "@":
            said = from_json(line[1:])
        else:
            records[line[:REF]] = Record(line[:REF], *_record(from_json(line[REF:])))
    return Person(head[1:] or None, records, unpack(said) if said else {}, _decode_has(has, names))


def _decode_has(text: str, names: Names) -> Has:
    kept = from_json(text) if text else []
    if isinstance(kept, list):
        return has_from_line(kept, names)
    return Has(
        is_there="x" not in kept,
        digest=kept.get("d", ""),
        blocked="b" in kept,
        sms_blocked="m" in kept,
        lists=tuple(kept.get("l", ())),
        at_ms=kept.get("a", 0),
        refused=kept.get("r", {}),
        left_ms=kept.get("w", 0),
        filled=named(int(kept.get("f", "0"), 16), names),
        is_read="k" in kept,
        left_groups=tuple(kept.get("g", ())),
        left_lists=dict(kept.get("u", ())),
    )
