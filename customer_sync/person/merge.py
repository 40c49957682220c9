"""Merge: for each field the newest value wins, whatever the order of arrival. Pure, commutative, idempotent.

A state is a mapping of field → `Stamped`: what one source says of one record, or what was said of one address. A Change
is such a state, so one function merges changes with each other and with what is already known.

Brevo attributes are in capitals (`FIRSTNAME`); our own fields are in small letters and stand in
`customer_sync.person.person` and `customer_sync.person.consent`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from typing import Any, Final, NamedTuple

import orjson

from customer_sync.model import Json


class Stamped(NamedTuple):
    """A value and its stamp.

    Args:
        value: the value; None and "" are known to be empty.
        at_ms: when it was so at the platform, in whole milliseconds since 1970.
        seen_us: when this state was seen, in microseconds since 1970: the platform's own finer time where it sends one,
            else when it arrived, or was read by a pull. Platforms know whole seconds: of two states of one second the
            one that was seen later wins. Consent uses it in ways of its own, see `customer_sync.person.consent`.
    """

    value: Json
    at_ms: int
    seen_us: int = 0


State = Mapping[str, Stamped]
#: Nothing at all.
NO_STATE: State = {}

_EMPTY: tuple[Json, ...] = (None, "", [])


def is_empty(value: Json) -> bool:
    """Tell whether a value is known to be empty."""
    return value is None or value in _EMPTY


def canonical(value: Json) -> str:
    """Return the one JSON text of a value: sorted keys, no spaces. Equal values have equal texts."""
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
    except TypeError:  # a whole number of more than 64 bits
        return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def to_json(value: object) -> str:
    """Return a value as compact JSON for Redis; `from_json` gives the very same value back."""
    try:
        return orjson.dumps(value).decode()
    except TypeError:
        # a whole number of more than 64 bits, which orjson would read as a float: the blank tells `from_json`
        return " " + json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def from_json(text: str | bytes) -> Any:
    """Return the value that `to_json` wrote."""
    is_special = text[:1] in {" ", b" "}
    return json.loads(text) if is_special else orjson.loads(text)


#: In other lanes, the field that says whose record it is: a customer's key, or `#` and a person's number; no address.
WHOM = "whom"


def whom_of(state: State) -> str:
    """Return whose a record of another lane is, see `WHOM`; "" for nobody's."""
    stamped = state.get(WHOM)
    return stamped.value if stamped is not None and isinstance(stamped.value, str) else ""


def is_news(state: State, known: State) -> bool:
    """Tell whether a state sets anything that a known one does not have, or has an older stamp of."""
    return any(is_newer(one, known.get(name)) for name, one in state.items())


def is_newer(one: Stamped, known: Stamped | None) -> bool:
    """Tell whether a value wins over a known one and differs from it, or is of a later time."""
    if known is None or one.at_ms > known.at_ms:
        return True
    is_same = one.value == known.value and type(one.value) is type(known.value)
    return one.at_ms == known.at_ms and not is_same and newest(one, known) is one


def is_same(one: Stamped, two: Stamped) -> bool:
    """Tell whether two values are equal; all that is empty is."""
    if one.value == two.value and type(one.value) is type(two.value):
        return True
    first, second = ("null" if is_empty(stamped.value) else canonical(stamped.value) for stamped in (one, two))
    return first == second


def is_later(known: Stamped, begun_us: int) -> bool:
    """Tell whether something became known since a reading began, so that the reading may be older."""
    return max(known.at_ms * 1000, known.seen_us) >= begun_us


def lost(state: State, known: State, begun_us: int) -> list[str]:
    """Return the attributes that a reading tells otherwise than they are known, and that lose by their time.

    Args:
        state: what a record says.
        known: what is known of it.
        begun_us: when the reading began, in microseconds.
    """
    return [name for name, one in state.items() if name.isupper() and _is_lost(one, known.get(name), begun_us)]


def reread(state: State, known: State, begun_us: int, only: AbstractSet[str] | None = None) -> dict[str, Stamped]:
    """Return what a record says, with stamps that count where a value loses by its time although it was read later.

    The source says so now, and said something else before: so it is what the source changed last, whatever its time.
    Only what was known before the reading began is overruled, and never a word about consent.

    Args:
        state: what a record says.
        known: what is known of it.
        begun_us: when the reading began, in microseconds.
        only: the attributes of which this is true; None for all.
    """
    found = dict(state)
    for name in lost(state, known, begun_us):
        if only is None or name in only:
            found[name] = found[name]._replace(at_ms=known[name].at_ms, seen_us=begun_us)
    return found


def aged(state: State, known: State | None, told_ms: int) -> dict[str, Stamped]:
    """Return what a record says that tells no time, with older stamps for attributes that may be older.

    Read again, a value is no newer than before, and one that nobody knew is as old as the last word of its record: else
    whoever is read last would win over all who changed since.

    Args:
        state: what the record says, stamped with the time of the read.
        known: what is known of it; None for a record that nobody knew.
        told_ms: when something of the record last happened for certain; 0 where nobody knows.
    """
    found = dict(state)
    for name, one in state.items():
        before = (known or {}).get(name)
        if not name.isupper():
            continue
        if known is None and 0 < told_ms < one.at_ms:
            found[name] = one._replace(at_ms=told_ms)
        elif before is not None and before.at_ms < one.at_ms and is_same(one, before):
            found[name] = before
    return found


def _is_lost(one: Stamped, known: Stamped | None, begun_us: int) -> bool:
    if known is None or is_same(one, known):
        return False
    return not is_newer(one, known) and not is_later(known, begun_us)


def newest(one: Stamped, two: Stamped) -> Stamped:
    """Return the one that wins: the later `at_ms`, then the one seen later.

    Where both are equal, which takes two states of one second seen in one microsecond, a value beats none; and only
    what is left is decided by the larger canonical JSON, so that the order of arrival cannot matter.
    """
    if one.at_ms != two.at_ms:
        return one if one.at_ms > two.at_ms else two
    if one.seen_us != two.seen_us:
        return one if one.seen_us > two.seen_us else two
    # no short cut by ==: to Python 1, 1.0 and True are equal, and which of them won would depend on the order
    return max(one, two, key=lambda stamped: (not is_empty(stamped.value), canonical(stamped.value)))


def merge(states: Iterable[State]) -> dict[str, Stamped]:
    """Return the state that has, for each field, the newest of all."""
    merged: dict[str, Stamped] = {}
    for state in states:
        if not merged:
            merged = dict(state)
            continue
        for name, stamped in state.items():
            known = merged.get(name)
            if known is None or stamped.at_ms > known.at_ms:
                merged[name] = stamped
            elif stamped.at_ms == known.at_ms:
                merged[name] = newest(known, stamped)
    return merged


def earliest(at_ms: int) -> Stamped:
    """Return the stamp of the field `since`: of several the earliest time wins. Whole hours count."""
    return Stamped(None, -(at_ms // HOUR_MS) * HOUR_MS)


def stamp(fields: Mapping[str, Json], at_ms: int, seen_us: int = 0) -> dict[str, Stamped]:
    """Return fields that share one stamp as a state."""
    return {name: Stamped(value, at_ms, seen_us) for name, value in fields.items()}


#: Our own field names → what stands for them in a packed state, which is the bulk of Redis. No attribute of Brevo looks
#: so.
_NAMES = {
    "status": "!",
    "claim": "@",
    **{
        f"consent.{channel}.{register}": sign + channel[0]
        for channel in ("email", "sms")
        for sign, register in (("+", "granted"), ("-", "withdrawn"), ("=", "stated"), ("/", "unticked"))
    },
}
#: The field in which the *earliest* time wins: its stamp is minus that time. It is packed as a number of whole hours.
SINCE = "since"
HOUR_MS: Final = 3_600_000
_SINCE: Final = "<"
#: Any other name stands for itself when it begins so; the rest, which nobody uses, gets a backslash before it.
_PLAIN = re.compile(r"[A-Za-z0-9_]").match


class _Shorts(dict[str, str]):
    """Field → how it is packed; each is worked out once."""

    def __missing__(self, name: str) -> str:
        short = self[name] = name if _PLAIN(name) else f"\\{name}"
        return short


class _Longs(dict[str, str]):
    """The other way round."""

    def __missing__(self, short: str) -> str:
        name = self[short] = short.removeprefix("\\")
        return name


_SHORT, _LONG = _Shorts(_NAMES), _Longs({short: name for name, short in _NAMES.items()})


def base_of(state: State) -> tuple[int, int]:
    """Return the commonest stamp of a state but `since`, (`at_ms`, `seen_us`): the latest of several, else zeros."""
    stamps: dict[tuple[int, int], int] = {}
    for name, (_, at_ms, seen_us) in state.items():
        if name != SINCE:
            stamps[at_ms, seen_us] = stamps.get((at_ms, seen_us), 0) + 1
    if len(stamps) > 1:
        return max(stamps, key=lambda one: (stamps[one], one))
    return next(iter(stamps), (0, 0))


def pack(state: State) -> list[Json]:
    """Return a state as compact JSON: the commonest stamp once, and the stamps that differ from it.

    The form is `[base_at, base_seen, {field: value}, {field: other}]` with our own fields shortened. `base_seen` is
    told from `base_at` on, null where there is none. `other` is `at - base_at` where it was seen with the others, else
    `[at - base_at]` where it has no `seen_us`, else `[at - base_at, seen_us]`.
    """
    base_ms, base_us = base_of(state)
    values: dict[str, Json] = {}
    others: dict[str, Json] = {}
    for name in sorted(state):
        value, at_ms, seen_us = state[name]
        if name == SINCE:
            values[_SINCE] = -at_ms // HOUR_MS
            continue
        short = _SHORT[name]
        values[short] = value
        if seen_us != base_us:
            others[short] = [at_ms - base_ms, seen_us] if seen_us else [at_ms - base_ms]
        elif at_ms != base_ms:
            others[short] = at_ms - base_ms
    return [base_ms, base_us - base_ms * 1000 if base_us else None, values, others]


def unpack_values(packed: list[Json]) -> dict[str, Json]:
    """Return the values alone of the state that `pack` wrote, for those who need no stamps; not of `since`."""
    values = packed[2]
    assert isinstance(values, dict)
    return {_LONG[short]: value for short, value in values.items() if short != _SINCE}


def unpack(packed: list[Json]) -> dict[str, Stamped]:
    """Return the state that `pack` wrote."""
    base_ms, base_delta, values, others = packed
    assert isinstance(base_ms, int)
    assert isinstance(values, dict)
    assert isinstance(others, dict)
    base_us = base_delta + base_ms * 1000 if isinstance(base_delta, int) else 0
    state = {_LONG[short]: Stamped(value, base_ms, base_us) for short, value in values.items()}
    if _SINCE in values:
        del state[_SINCE]
        state[SINCE] = Stamped(None, -int(str(values[_SINCE])) * HOUR_MS)
    for short, other in others.items():
        delta_ms, seen_us = (*other, 0)[:2] if isinstance(other, list) else (other, base_us)
        assert isinstance(delta_ms, int)
        assert isinstance(seen_us, int)
        state[_LONG[short]] = Stamped(values[short], base_ms + delta_ms, seen_us)
    return state
