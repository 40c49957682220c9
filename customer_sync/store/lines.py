"""The two lines that stand in Redis for every known person, as short as can be: a record, and what Brevo has. Pure.

A record is one list; `from_line` gives back what `to_line` was given, to the last stamp:

    [source, id, at, seen, since, empty, field, value, field, value, ..., [field, stamp, field, stamp, ...]]

| place | holds |
|---|---|
| `id` | the platform's id; a number where it is written as one, null where there is none |
| `at` | the commonest stamp, in whole seconds; `[ms]` where it is none of a whole second |
| `seen` | when that was seen, in microseconds after `at`; null where it was not |
| `since` | the field `since`, in whole hours; null without it |
| `empty` | the fields of `_FIELDS` that are null, as bits |
| a field | its place in `_FIELDS`, else its name |
| the last list | the fields with another stamp: `at - base`; `[at - base, seen]` where `seen` differs, too (0: none) |

What Brevo has is `[digest, at_ms, left, filled, facts]`: `left_ms` counted from `at_ms` and null for 0, the attributes
that we filled as bits numbered by `Names`, and as bits whether the contact is there (1), blocked for e-mail (2), for
SMS (4), and was read (8). The lists follow, then an object of what is rare: `r` attribute → why it was refused, `g`
consent groups that the person left, `u` lists that the person had left when it was read. Both are left out where
nothing follows.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final, Protocol

from customer_sync.model import Channel, Json
from customer_sync.person.consent import register
from customer_sync.person.merge import HOUR_MS, SINCE, Stamped, State, base_of
from customer_sync.person.person import CLAIM, DELETED, Has

#: The fields that have a number, which is their place. What is stored knows them by it: only ever append.
_FIELDS: Final = (
    CLAIM,
    "FIRSTNAME",
    "LASTNAME",
    "SMS",
    "status",
    *(register(channel, name) for channel in Channel for name in ("granted", "withdrawn", "stated", "unticked")),
    DELETED,
    "elsewhere",
    "COMPANY",
    "CITY",
    "POSTCODE",
    "COUNTRY",
    "LANGUAGE",
    "CURRENCY",
    "TAGS",
    "TOTAL_ORDERS",
    "TOTAL_SPENT",
    "LAST_ORDER_DATE",
    "CUSTOMER_TIER",
    "WHATSAPP",
    "LANDLINE_NUMBER",
    "EXT_ID",
)
_NUMBERS: Final[dict[str, int]] = {name: number for number, name in enumerate(_FIELDS)}
#: An id with more digits stays a text.
_MOST_DIGITS: Final = 18


class Names(Protocol):
    """Numbers for the names of attributes, the same in every process."""

    def number(self, name: str) -> int:
        """Return the number of an attribute; a new one gets the next."""
        ...

    def name(self, number: int) -> str:
        """Return the attribute with a number."""
        ...


# a record -----------------------------------------------------------------------------------------------------------


def to_line(source: str, own_id: str | None, state: State) -> list[Json]:
    """Return a record as one list; equal records give equal lists, whatever the order of their fields."""
    base_ms, base_us = base = base_of(state)
    empty, since = 0, None
    fields: list[Json] = []
    others: list[Json] = []
    for name in sorted(state):
        value, at_ms, seen_us = state[name]
        if name == SINCE:
            since = -at_ms // HOUR_MS
            continue
        field = _NUMBERS.get(name, name)
        if value is None and isinstance(field, int):
            empty |= 1 << field
        else:
            fields += (field, value)
        if (at_ms, seen_us) != base:
            delta_ms = at_ms - base_ms
            others += (field, delta_ms if seen_us == base_us else [delta_ms, seen_us])
    if others:
        fields.append(others)
    at: Json = base_ms // 1000 if not base_ms % 1000 else [base_ms]
    return [source, _short_id(own_id), at, base_us - base_ms * 1000 if base_us else None, since, empty, *fields]


def from_line(line: list[Any]) -> tuple[str, str | None, dict[str, Stamped]]:
    """Return the source, the id and the state that `to_line` wrote."""
    source, own_id, at, seen, since, empty, *fields = line
    base_ms = at * 1000 if isinstance(at, int) else at[0]
    base_us = 0 if seen is None else seen + base_ms * 1000
    others = fields.pop() if len(fields) % 2 else ()
    state = {
        _FIELDS[field] if isinstance(field, int) else field: Stamped(value, base_ms, base_us)
        for field, value in zip(fields[::2], fields[1::2], strict=True)
    }
    if empty:
        nothing = Stamped(None, base_ms, base_us)
        for place in places(empty):
            state[_FIELDS[place]] = nothing
    if since is not None:
        state[SINCE] = Stamped(None, -since * HOUR_MS)
    for field, stamp in zip(others[::2], others[1::2], strict=True):
        delta_ms, seen_us = stamp if isinstance(stamp, list) else (stamp, base_us)
        name = _FIELDS[field] if isinstance(field, int) else field
        state[name] = Stamped(state[name].value, base_ms + delta_ms, seen_us)
    return source, own_id if own_id is None else str(own_id), state


def is_line(found: list[Any]) -> bool:
    """Tell whether a list is a record of this form; the form before it had an object at the fifth place."""
    return not isinstance(found[4], dict)


def _short_id(own_id: str | None) -> Json:
    if own_id is None or not own_id.isascii() or not own_id.isdecimal():
        return own_id
    is_number = len(own_id) <= _MOST_DIGITS and (own_id[0] != "0" or own_id == "0")
    return int(own_id) if is_number else own_id


# what Brevo has -----------------------------------------------------------------------------------------------------

_THERE, _BLOCKED, _SMS_BLOCKED, _READ = 1, 2, 4, 8
_NOTHING: Final = Has()


def has_to_line(has: Has, names: Names) -> list[Json]:
    """Return what Brevo has as one list; an empty one for nothing at all."""
    if has == _NOTHING:
        return []
    facts = _THERE * has.is_there + _BLOCKED * has.blocked + _SMS_BLOCKED * has.sms_blocked + _READ * has.is_read
    filled = sum(1 << names.number(name) for name in has.filled)
    left = has.left_ms - has.at_ms if has.left_ms else None
    line: list[Json] = [has.digest, has.at_ms, left, filled, facts]
    rare: dict[str, Json] = {}
    if has.refused:
        rare["r"] = dict(has.refused)
    if has.left_groups:
        rare["g"] = list(has.left_groups)
    if has.left_lists:
        rare["u"] = [[number, at_ms] for number, at_ms in has.left_lists.items()]
    if has.lists or rare:
        line.append(list(has.lists))
    return [*line, rare] if rare else line


def has_from_line(line: list[Any], names: Names) -> Has:
    """Return what `has_to_line` wrote."""
    if not line:
        return _NOTHING
    digest, at_ms, left, filled, facts, *more = line
    rare: dict[str, Any] = more[1] if len(more) > 1 else {}
    return Has(
        is_there=bool(facts & _THERE),
        digest=digest,
        blocked=bool(facts & _BLOCKED),
        sms_blocked=bool(facts & _SMS_BLOCKED),
        lists=tuple(more[0]) if more else (),
        at_ms=at_ms,
        refused=rare.get("r", {}),
        left_ms=0 if left is None else at_ms + left,
        filled=named(filled, names),
        is_read=bool(facts & _READ),
        left_groups=tuple(rare.get("g", ())),
        left_lists=dict(rare.get("u", ())),
    )


def named(bits: int, names: Names) -> frozenset[str]:
    """Return the attributes of which the bit is set."""
    return frozenset([names.name(place) for place in places(bits)])


@lru_cache(maxsize=1024)
def places(bits: int) -> tuple[int, ...]:
    """Return the places of the bits that are set, the lowest first; hardly any two people differ in them."""
    return tuple(place for place in range(bits.bit_length()) if bits >> place & 1)
