"""Reads the body of a large import slice by slice.

Python reads JSON in one go, during which no other thread runs: 8 MB would stop all calls for a tenth of a second. And
rows that were read take six times the memory of their text, so they are read again when their import is due.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import orjson

from customer_sync.model import Json
from customer_sync.sandbox.answers import Row, invalid, object_of

#: How much is read in one go, in bytes.
SLICE_BYTES: Final = 200_000
_START: Final = b'"jsonBody":['
_CUT: Final = b"},{"


class Rows:
    """The rows of a `jsonBody`; each time that they are gone through, they are read.

    Args:
        parts: the first rows, some at a time, each a JSON array.
        last: the rows after them.
    """

    def __init__(self, parts: Sequence[bytes], last: Sequence[Row]) -> None:
        self._parts = parts
        self._last = last

    def __iter__(self) -> Iterator[Row]:
        for part in self._parts:
            yield from orjson.loads(part)
        yield from self._last


def read(text: bytes) -> tuple[Row, Rows | None]:
    """Return the body of an import and, apart from it, the rows of its `jsonBody`; None without such an array.

    The text is cut between two rows, where it reads `},{`. That may as well stand within a row; but then neither part
    is JSON by itself, and the text is read as a whole.

    Raises:
        ApiError: 400 when the text is no JSON object, or a row is none.
    """
    parts: list[bytes] = []
    start = place = _start_of_rows(text)
    while start and (cut := text.find(_CUT, place + SLICE_BYTES)) >= 0:
        part = b"[%b]" % text[place : cut + 1]
        try:
            _check(orjson.loads(part))
        except ValueError:
            return _whole(text)
        parts.append(part)
        place = cut + len(b"},")
    if not parts:
        return _whole(text)
    body = object_of(text[:start] + text[place:])
    last = body.get("jsonBody")
    return (body, Rows(parts, _check(last))) if isinstance(last, list) else _whole(text)


def rows_of(text: str) -> list[Row]:
    """Return the rows of a JSON array.

    Raises:
        ApiError: 400 when it is no array, or a row is no object.
        ValueError: it is no JSON.
    """
    rows = orjson.loads(text)
    if not isinstance(rows, list):
        raise invalid("jsonBody should be an array of objects")
    return _check(rows)


def _start_of_rows(text: bytes) -> int:
    """Return where the rows begin; 0 when that is not plain to see, as within a text or another object."""
    head, start, _ = text.partition(_START)
    try:
        orjson.loads(head + start + b"]}")
    except ValueError:
        return 0
    return len(head + start)


def _whole(text: bytes) -> tuple[Row, Rows | None]:
    body = object_of(text)
    rows = body.get("jsonBody")
    return body, Rows((), _check(rows)) if isinstance(rows, list) else None


def _check(some: Sequence[Json]) -> list[Row]:
    rows: list[Row] = [one for one in some if isinstance(one, dict)]
    if len(rows) != len(some):
        raise invalid("jsonBody should be an array of objects")
    return rows
