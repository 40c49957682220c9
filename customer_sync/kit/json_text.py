"""JSON from outside: read quickly where it is plain, and with care where it may hold what nothing can store."""

from __future__ import annotations

import json
import math
import re
from contextlib import suppress

import orjson

from customer_sync.errors import PayloadError
from customer_sync.model import Json

#: How deep a body may nest. Real payloads stay below 15; what is deeper is an attack or a fault.
MAX_DEPTH = 100

#: Stands where something stood that no text can hold: a NUL, half of a character, a number beyond all numbers, what is
#: nested too deep. Unicode leaves this sign to programs and no text has it, so nothing that holds it is taken for an id
#: or an address, and `fields.text` leaves it out.
UNREADABLE = "\uffff"


def json_value(raw: bytes) -> Json:
    """Return bytes as JSON, integers kept exact; what no text can hold is `UNREADABLE`.

    A byte order mark is passed over; bytes that are no UTF-8 count as characters that cannot be read: one bad sign in
    a name is no reason to lose the rest.

    Raises:
        PayloadError: at `$` when they are empty or not JSON.
    """
    if _is_plain(raw):
        with suppress(orjson.JSONDecodeError):
            value: Json = orjson.loads(raw)
            return value
    return _with_care(raw)


def _is_plain(raw: bytes) -> bool:
    """Tell whether the quick reader, where it takes the bytes at all, finds what the careful one does.

    It makes floats of whole numbers of more than 64 bits, and takes NULs and any depth.
    """
    is_flat = raw.count(b"{") + raw.count(b"[") <= MAX_DEPTH
    return is_flat and b"\\u0000" not in raw and _LONG not in raw.translate(_DIGITS)


def _with_care(raw: bytes) -> Json:
    if not raw.strip():
        raise PayloadError("$", "the body is empty")
    text = raw.decode("utf-8-sig", errors="surrogateescape")
    try:
        value = _loads(text)
        return readable(value) if _SUSPECT.search(text) or text.count("{") + text.count("[") > MAX_DEPTH else value
    except RecursionError as error:
        raise PayloadError("$", f"nested deeper than {MAX_DEPTH}") from error
    except json.JSONDecodeError as error:
        raise PayloadError("$", f"not JSON: line {error.lineno} column {error.colno}") from error


def readable(value: Json) -> Json:
    """Return JSON with `UNREADABLE` in the place of what could not be stored, or would harm whoever reads it later.

    Lists and objects are changed in place, without recursion.
    """
    value = _fit(value, 0)
    stack: list[tuple[Json, int]] = [(value, 1)]
    while stack:
        node, depth = stack.pop()
        if isinstance(node, dict):
            for key in [key for key in node if _UNFIT.search(key)]:
                node[_UNFIT.sub(UNREADABLE, key)] = node.pop(key)
            node |= {key: _fit(child, depth) for key, child in node.items()}
            stack += [(child, depth + 1) for child in node.values()]
        elif isinstance(node, list):
            node[:] = [_fit(child, depth) for child in node]
            stack += [(child, depth + 1) for child in node]
    return value


#: What no text can hold: the database in Redis, JSON in UTF-8 and Brevo refuse each of them.
_UNFIT = re.compile("[\0\ud800-\udfff]")
#: Each digit as `0`, all else as a blank; and so many digits may be a number of more than 64 bits.
_DIGITS = bytes(ord("0") if chr(byte).isdigit() and byte < 128 else ord(" ") for byte in range(256))
_LONG = b"0" * 19
#: JSON that may hold it: a walk through every body would take longer than reading it. NaN and Infinity are no JSON, but
#: Python reads them, and makes infinity of numbers that are too large.
_SUSPECT = re.compile(r"\\u(?:0000|[dD][89a-fA-F])|NaN|Infinity|[eE]\+?\d{3}|(?<!\d)\d{300}|[\0\ud800-\udfff]")


def _loads(text: str) -> Json:
    """Return JSON; control characters inside a text are taken as they are."""
    try:
        value: Json = json.loads(text, strict=False)
    except json.JSONDecodeError:
        raise
    except ValueError:  # a whole number of thousands of digits, which Python refuses to read
        value = json.loads(text, strict=False, parse_int=_whole)
    return value


def _whole(digits: str) -> Json:
    try:
        return int(digits)
    except ValueError:
        return UNREADABLE


def _fit(value: Json, depth: int) -> Json:
    if isinstance(value, str):
        return _UNFIT.sub(UNREADABLE, value) if _UNFIT.search(value) else value
    if isinstance(value, dict | list):
        return UNREADABLE if depth >= MAX_DEPTH else value
    return UNREADABLE if isinstance(value, float) and not math.isfinite(value) else value
