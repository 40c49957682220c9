"""The search syntax of `customers(query:)`, with the ways in which it disappoints.

https://shopify.dev/docs/api/usage/search-syntax. A term that is not understood is left out without an error, so that
a broken filter lists everybody; only `extensions.search` tells of it. `updated_at` matches whole days. A time must
stand in quotes: its colons are read as more terms otherwise.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from customer_sync.kit.fakes.clock import seconds_of

_DAY_S: Final = 86_400
_TOKEN = re.compile(
    r"""\s*(?:(?P<paren>[()])
    |(?P<modifier>-|NOT\s+)?
     (?:(?P<name>[A-Za-z_][\w.]*)\s*:\s*)?(?P<sign>>=|<=|>|<)?
     (?P<value>"[^"]*"|'[^']*'|[^\s()"']+))""",
    re.VERBOSE,
)
_COMPARE: Final[Mapping[str, Callable[[float, float], bool]]] = {
    "": operator.eq,
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}
_TIMES: Final = {"updated_at": "updatedAt", "customer_date": "createdAt"}
_NUMBERS: Final = {"id": "legacyResourceId", "orders_count": "numberOfOrders", "total_spent": "amountSpent"}
_TEXTS: Final = {
    "email": "email",
    "phone": "phone",
    "first_name": "firstName",
    "last_name": "lastName",
    "state": "state",
}

Test = Callable[[Mapping[str, Any]], bool]


@dataclass(slots=True)
class Filter:
    """What a search keeps.

    Args:
        test: whether a customer is kept.
        low_s: nobody who changed before is kept, seconds since 1970; None: no such bound.
        high_s: nobody who changed at or after it is kept.
        email: the one address that is kept, when it is a search for an address.
        is_everybody: whether it keeps everybody.
        warnings: the terms that were left out, as `extensions.search` tells of them.
    """

    test: Test = lambda _: True
    low_s: float | None = None
    high_s: float | None = None
    email: str | None = None
    is_everybody: bool = False
    warnings: list[dict[str, Any]] = field(default_factory=list)


def read_filter(text: str | None, now_s: float, *, whole_days: bool = True) -> Filter:
    """Return what a search keeps.

    Args:
        text: the search.
        now_s: the shop's time.
        whole_days: whether `updated_at` matches whole days, as documented.
    """
    reader = _Reader(text or "", now_s, whole_days=whole_days)
    test = reader.read()
    if test is None:
        return Filter(is_everybody=True, warnings=reader.warnings)
    found = Filter(test, warnings=reader.warnings)
    if reader.is_plain:  # only a chain of ANDs can narrow the range that is read
        lows = [low for low, _ in reader.ranges if low is not None]
        highs = [high for _, high in reader.ranges if high is not None]
        found.low_s, found.high_s = max(lows, default=None), min(highs, default=None)
        found.email = reader.emails[0] if len(reader.emails) == 1 else None
    return found


class _Reader:
    """Reads one search, term by term."""

    def __init__(self, text: str, now_s: float, *, whole_days: bool) -> None:
        self._tokens = list(_TOKEN.finditer(text))
        self._place = 0
        self._now_s = now_s
        self._whole_days = whole_days
        self.warnings: list[dict[str, Any]] = []
        self.ranges: list[tuple[float | None, float | None]] = []
        self.emails: list[str] = []
        self.is_plain = True

    def read(self) -> Test | None:
        """Return the test of the terms up to the end or the closing bracket; None when none was understood."""
        either: list[Test] = []
        every: list[Test] = []
        while self._place < len(self._tokens):
            token = self._tokens[self._place]
            self._place += 1
            word = token["value"]
            if token["paren"] == ")":
                break
            if token["paren"] == "(":
                self.is_plain = False
                test = self.read()
            elif word == "OR" and not token["name"]:
                self.is_plain = False
                either.append(_all(every))
                every = []
                continue
            elif word == "AND" and not token["name"]:
                continue
            else:
                test = self._term(token)
            if test:
                every.append(test)
        if either:
            return _any([*either, _all(every)])
        return _all(every) if every else None

    def _term(self, token: re.Match[str]) -> Test | None:
        name, sign, raw = token["name"], token["sign"] or "", token["value"]
        if name is None:
            return None  # words without a field search many fields at once: not of this stand-in
        value = raw[1:-1] if raw[0] in "\"'" else raw
        if value is raw and ":" in raw:
            self._warn(raw.split(":")[1], "Invalid search field for this query.", "invalid_field")
            return None
        test = self._test(name, sign, value)
        if test is None or not token["modifier"]:
            return test
        self.is_plain = False
        return lambda facts: not test(facts)

    def _test(self, name: str, sign: str, value: str) -> Test | None:
        if name in _TIMES:
            return self._time(name, sign, value)
        if name in _NUMBERS:
            return self._number(name, sign, value)
        if name in _TEXTS:
            if name == "email":
                self.emails.append(value)
            return _text(_TEXTS[name], value)
        test = _word(name, value.lower())
        if test is None:
            self._warn(name, "Invalid search field for this query.", "invalid_field")
        return test

    def _time(self, name: str, sign: str, value: str) -> Test | None:
        text = f"{value}-01-01" if re.fullmatch(r"\d{4}", value) else value
        moment = self._now_s if value == "now" else seconds_of(text)
        if moment is None:
            self._warn(name, f"Input `{value}` is not an accepted value.", "invalid_value")
            return None
        step = _DAY_S if self._whole_days and name == "updated_at" else 1
        unit, compare, column = moment // step, _COMPARE[sign], _TIMES[name]
        if name == "updated_at":
            self.ranges.append(_range(sign, unit * step, step))
        return lambda facts: compare((seconds_of(str(facts[column])) or 0) // step, unit)

    def _number(self, name: str, sign: str, value: str) -> Test | None:
        column, compare = _NUMBERS[name], _COMPARE[sign]
        try:
            wanted = float(value) if name == "total_spent" else int(value)
        except ValueError:
            self._warn(name, f"Input `{value}` is not an accepted value.", "invalid_value")
            return None
        if name == "total_spent":
            return lambda facts: compare(float(str(facts[column])), wanted)
        return lambda facts: compare(int(str(facts[column])), wanted)

    def _warn(self, name: str, message: str, code: str) -> None:
        self.warnings.append({"field": name, "message": message, "code": code})


def _range(sign: str, from_s: float, step: float) -> tuple[float | None, float | None]:
    """Return the moments between which a comparison holds."""
    low = {"": from_s, ">=": from_s, ">": from_s + step}.get(sign)
    high = {"": from_s + step, "<=": from_s + step, "<": from_s}.get(sign)
    return low, high


def _word(name: str, value: str) -> Test | None:
    """Return the test of a field that is neither a time, a number nor a text of its own."""
    tags = {one.strip() for one in value.split(",")}
    tests: dict[str, Test] = {
        "tag": lambda facts: bool(tags & _tags(facts)),
        "tag_not": lambda facts: not tags & _tags(facts),
        "country": lambda facts: value in (str(facts["country"]).lower(), str(facts["countryCode"]).lower()),
        "accepts_marketing": lambda facts: (facts["emailState"] == "SUBSCRIBED") is (value == "true"),
    }
    return tests.get(name)


def _text(column: str, value: str) -> Test:
    wanted = value.lower()
    if wanted == "*":
        return lambda facts: facts[column] is not None
    return lambda facts: str(facts[column] or "").lower() == wanted


def _tags(facts: Mapping[str, Any]) -> set[str]:
    tags = facts["tags"]
    return {str(tag).lower() for tag in tags} if isinstance(tags, list) else set()


def _all(tests: list[Test]) -> Test:
    return lambda facts: all(test(facts) for test in tests)


def _any(tests: list[Test]) -> Test:
    return lambda facts: any(test(facts) for test in tests)
