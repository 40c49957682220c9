"""Merge: for each field the newest value wins, whatever the order of arrival. Pure, commutative, idempotent.

A state is a mapping of field → `Stamped`. A Change is a state whose fields share one stamp, so one function merges
changes with each other and with what is already known.

Field names of a contact: Brevo attributes are in capitals (`FIRSTNAME`); our own are in small letters: `email`,
`status` (active, deleted, erased), `consent.<channel>.<register>` (see `customer_sync.consent`), `ref.<source>` (the
platform's id), `gone` (deleted in Brevo by someone else), `drift` (what Brevo was found to have).
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import orjson

from customer_sync.model import Json


class Stamped(NamedTuple):
    """A value, when it was set (whole milliseconds since 1970) and by which source."""

    value: Json
    at_ms: int
    source: str


State = Mapping[str, Stamped]


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


def newest(one: Stamped, two: Stamped) -> Stamped:
    """Return the one that wins: the later stamp; on a tie the larger canonical JSON, then the larger source name."""
    if one.at_ms != two.at_ms:
        return one if one.at_ms > two.at_ms else two
    # no short cut by ==: to Python 1, 1.0 and True are equal, and which of them won would depend on the order
    return max(one, two, key=lambda stamped: (canonical(stamped.value), stamped.source))


def merge(states: Iterable[State]) -> dict[str, Stamped]:
    """Return the state that has, for each field, the newest of all."""
    merged: dict[str, Stamped] = {}
    for state in states:
        if not merged:
            merged = dict(state)
            continue
        for name, stamped in state.items():
            known = merged.get(name)
            merged[name] = stamped if known is None else newest(known, stamped)
    return merged


def stamp(fields: Mapping[str, Json], at_ms: int, source: str) -> dict[str, Stamped]:
    """Return fields that share one stamp as a state."""
    return {name: Stamped(value, at_ms, source) for name, value in fields.items()}


#: Our own field names → what stands for them in a packed state, which is the bulk of Redis. No attribute of Brevo looks
#: so. Lua writes `email` in full (`naming` in `_lib.lua`); both are read.
_SHORT = {
    "email": "@",
    "status": "!",
    **{
        f"consent.{channel}.{register}": sign + channel[0]
        for channel in ("email", "sms")
        for sign, register in (("+", "granted"), ("-", "withdrawn"), ("=", "stated"))
    },
}
_LONG = {short: name for name, short in _SHORT.items()}
#: Any other name stands for itself when it begins so; the rest, which nobody uses, gets a backslash before it.
_PLAIN = re.compile(r"[A-Za-z0-9_]").match


def _long(short: str) -> str:
    return _LONG.get(short) or (short.removeprefix("\\"))


def pack(state: State) -> list[Json]:
    """Return a state as compact JSON: the commonest stamp once, and the fields that differ from it.

    The form is `[base_ms, base_source, {field: value}, {field: other}]` with our own fields shortened; `other` is
    `ms - base_ms` where the source is the same, else `[ms - base_ms, source]`.
    """
    if not state:
        return [0, "", {}, {}]
    stamps = Counter([stamped[1:] for stamped in state.values()])
    base_ms, base_source = max(stamps, key=lambda one: (stamps[one], one)) if len(stamps) > 1 else next(iter(stamps))
    values: dict[str, Json] = {}
    others: dict[str, Json] = {}
    for name in sorted(state):
        value, at_ms, source = state[name]
        short = _SHORT.get(name) or (name if _PLAIN(name) else f"\\{name}")
        values[short] = value
        if source != base_source:
            others[short] = [at_ms - base_ms, source]
        elif at_ms != base_ms:
            others[short] = at_ms - base_ms
    return [base_ms, base_source, values, others]


def unpack(packed: list[Json]) -> dict[str, Stamped]:
    """Return the state that `pack` wrote."""
    base_ms, base_source, values, others = packed
    assert isinstance(base_ms, int)
    assert isinstance(base_source, str)
    assert isinstance(values, dict)
    assert isinstance(others, dict)
    state = {_long(short): Stamped(value, base_ms, base_source) for short, value in values.items()}
    for short, other in others.items():
        delta_ms, source = other if isinstance(other, list) else (other, base_source)
        assert isinstance(delta_ms, int)
        state[_long(short)] = Stamped(values[short], base_ms + delta_ms, str(source))
    return state
