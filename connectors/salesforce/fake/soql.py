"""The query language, as far as it is asked: one object, fields, one list below it, conditions, order, limit.

https://developer.salesforce.com/docs/atlas.en-us.soql_sosl.meta/soql_sosl/
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from customer_sync.kit.fakes.answers import Row
from customer_sync.kit.fakes.clock import seconds_of

_TOKENS: Final = re.compile(
    r"\s*(?:('(?:[^'\\]|\\.)*')|(\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:?\d\d))|(\d+(?:\.\d+)?)|([A-Za-z_][\w.]*)"
    r"|(<=|>=|!=|[=<>(),]))"
)
_ESCAPED: Final = re.compile(r"\\(.)")
_ESCAPES: Final = {"n": "\n", "r": "\r", "t": "\t"}
_WORDS: Final = {"true": True, "false": False, "null": None}
#: A condition on a row.
Fits = Callable[[Row], bool]


class Malformed(Exception):
    """The text is no query."""


@dataclass(slots=True)
class Query:
    """What a query asks for.

    Args:
        fields: by name, with dots for what lies in another object.
        below: the list of rows below each row, None for none.
        sobject: of which object.
        fits: the condition.
        named: the fields that condition and order name.
        order: field and whether it falls.
        limit: how many rows; None for all.
        counts: whether it asks for their number only.
    """

    fields: list[str]
    below: Query | None
    sobject: str
    fits: Fits
    named: list[str]
    order: list[tuple[str, bool]]
    limit: int | None
    counts: bool = False

    def rows(self, rows: Sequence[Row]) -> list[Row]:
        """Return those that fit, in order."""
        found = [row for row in rows if self.fits(row)]
        for name, falls in reversed(self.order):
            found.sort(key=partial(_key, name), reverse=falls)
        return found if self.limit is None else found[: self.limit]


def read(text: str) -> Query:
    """Return what a text asks for.

    Raises:
        Malformed: it is no query, or one of a kind that is not answered here.
    """
    reader = _Reader(text)
    found = reader.query()
    if reader.left:
        raise Malformed(f"unexpected token: {reader.left[0]}")
    return found


def value_of(row: Mapping[str, Any], name: str) -> Any:
    """Return a field of a row, following dots; None where the way ends."""
    here: Any = row
    for part in name.split("."):
        here = here.get(part) if isinstance(here, Mapping) else None
    return here


class _Reader:
    def __init__(self, text: str) -> None:
        self.left: list[str] = []
        self.named: list[str] = []
        at = 0
        while at < len(text.rstrip()):
            match = _TOKENS.match(text, at)
            if match is None:
                raise Malformed(f"unexpected token: {text[at : at + 10]}")
            self.left.append(match[0].strip())
            at = match.end()

    def query(self) -> Query:
        outer, self.named = self.named, []
        self._word("SELECT")
        fields, below, counts = [], None, False
        while True:
            if self._peek() == "(":
                self._take()
                below = self.query()
                self._sign(")")
            else:
                name = self._take()
                if name.upper() == "COUNT" and self._peek() == "(":
                    self._sign("(")
                    self._sign(")")
                    counts = True
                else:
                    fields.append(name)
            if self._peek() != ",":
                break
            self._take()
        self._word("FROM")
        sobject = self._take()
        fits = self._or() if self._is_word("WHERE") else _all
        order = self._order() if self._is_word("ORDER") else []
        limit = self._number() if self._is_word("LIMIT") else None
        named, self.named = self.named, outer
        return Query(fields, below, sobject, fits, [*named, *(name for name, _ in order)], order, limit, counts)

    def _or(self) -> Fits:
        found = [self._and()]
        while self._is_word("OR"):
            found.append(self._and())
        return lambda row: any(one(row) for one in found)

    def _and(self) -> Fits:
        found = [self._one()]
        while self._is_word("AND"):
            found.append(self._one())
        return lambda row: all(one(row) for one in found)

    def _one(self) -> Fits:
        if self._peek() == "(":
            self._take()
            found = self._or()
            self._sign(")")
            return found
        if self._is_word("NOT"):
            inner = self._one()
            return lambda row: not inner(row)
        name = self._take()
        self.named.append(name)
        sign = self._take().upper()
        if sign == "IN":
            self._sign("(")
            values = [self._value()]
            while self._peek() == ",":
                self._take()
                values.append(self._value())
            self._sign(")")
            return lambda row: any(_equal(value_of(row, name), one) for one in values)
        if sign not in _SIGNS:
            raise Malformed(f"unexpected token: {sign}")
        value, compare = self._value(), _SIGNS[sign]
        return lambda row: compare(value_of(row, name), value)

    def _order(self) -> list[tuple[str, bool]]:
        self._word("BY")
        found = []
        while True:
            name = self._take()
            falls = self._is_word("DESC")
            if not falls:
                self._is_word("ASC")
            found.append((name, falls))
            if self._peek() != ",":
                return found
            self._take()

    def _number(self) -> int:
        token = self._take()
        if not token.isdigit():
            raise Malformed(f"unexpected token: {token}")
        return int(token)

    def _value(self) -> Any:
        token = self._take()
        if token.startswith("'"):
            return _ESCAPED.sub(lambda one: _ESCAPES.get(one[1], one[1]), token[1:-1])
        if token.lower() in _WORDS:
            return _WORDS[token.lower()]
        if re.fullmatch(r"\d{4}-.*", token):
            return _Time(seconds_of(token) or 0.0)
        try:
            return float(token)
        except ValueError as error:
            raise Malformed(f"unexpected token: {token}") from error

    def _peek(self) -> str:
        return self.left[0] if self.left else ""

    def _take(self) -> str:
        if not self.left:
            raise Malformed("unexpected end of the query")
        return self.left.pop(0)

    def _word(self, word: str) -> None:
        if not self._is_word(word):
            raise Malformed(f"expecting {word}, found: {self._peek() or 'nothing'}")

    def _is_word(self, word: str) -> bool:
        if self._peek().upper() != word:
            return False
        self._take()
        return True

    def _sign(self, sign: str) -> None:
        if self._take() != sign:
            raise Malformed(f"expecting {sign}")


class _Time(float):
    """A time in a condition: seconds since 1970."""


def _all(_row: Row) -> bool:
    return True


def _plain(value: Any, other: Any) -> Any:
    """Return a value as it is compared: times as seconds, texts in small letters but for ids."""
    return seconds_of(value) if isinstance(other, _Time) and isinstance(value, str) else value


def _equal(value: Any, other: Any) -> bool:
    found = _plain(value, other)
    if isinstance(found, str) and isinstance(other, str) and "@" in other:
        return found.lower() == other.lower()
    return bool(found == other)


def _ordered(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def fits(value: Any, other: Any) -> bool:
        found = _plain(value, other)
        return found is not None and other is not None and compare(found, other)

    return fits


_SIGNS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "=": _equal,
    "!=": lambda value, other: not _equal(value, other),
    "<": _ordered(lambda a, b: a < b),
    "<=": _ordered(lambda a, b: a <= b),
    ">": _ordered(lambda a, b: a > b),
    ">=": _ordered(lambda a, b: a >= b),
}


def _key(name: str, row: Row) -> tuple[bool, Any]:
    return _sortable(value_of(row, name))


def _sortable(value: Any) -> tuple[bool, Any]:
    """Return what a value is sorted by: without one it comes first."""
    return (value is not None, "" if value is None else value)
