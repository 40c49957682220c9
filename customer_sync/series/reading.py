"""How the keys of a skill are read from JSON: every fault at once, each with its path, what was found, and a remedy.

They are lenient where the meaning is plain (`"25"` for 25, camelCase for snake_case), as the file's own keys are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from customer_sync.base.duration import EXAMPLE, read_duration
from customer_sync.config.faults import Wrong, choose
from customer_sync.model import Json, kind_of

#: The longest duration that any key takes.
LONGEST: Final = timedelta(days=366)

_HUMP: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_CLOCK: Final = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)", re.ASCII)
_LONGEST_SHOWN: Final = 60
_TRUTH: Final[Mapping[str, bool]] = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


class Faulty(NamedTuple):
    """What is wrong with one key: its path below the skill's name, what was found, and what to do."""

    path: str
    found: str
    remedy: str


class Key(NamedTuple):
    """One key of a table.

    Args:
        name: in snake_case.
        read: returns its value, or raises `Wrong`; None for a table or a list that its own code reads.
        shape: what may stand there, for people.
        help: what it does, one sentence.
        default: what holds without it, in words.
        is_needed: whether its table makes no sense without it.
    """

    name: str
    read: Callable[[Json], Any] | None
    shape: str
    help: str
    default: str = ""
    is_needed: bool = False


@dataclass(slots=True)
class Faults:
    """Reads tables by their keys, and gathers what is wrong."""

    found: list[Faulty] = field(default_factory=list)

    def add(self, path: str, found: str, remedy: str) -> None:
        """Note one fault."""
        self.found.append(Faulty(path, found, remedy))

    def lie_at(self, path: str, word: str) -> bool:
        """Tell whether a fault was noted below a path, at a key whose name holds a word."""
        return any(one.path.startswith(f"{path}.") and word in one.path.lower() for one in self.found)

    def table(self, path: str, value: Json, keys: Sequence[Key]) -> dict[str, Any]:
        """Return the values of a table by their keys' names; absent, empty and faulty ones are not in the answer."""
        if not isinstance(value, Mapping):
            if value is not None:
                self.add(path, shown(value), f"Write a table with {', '.join(key.name for key in keys)}.")
            return {}
        values: dict[str, Any] = {}
        written = {snake(name): (name, one) for name, one in value.items()}
        by_name = {key.name: key for key in keys}
        for name, (as_written, one) in written.items():
            where = f"{path}.{as_written}" if path else as_written
            key = by_name.get(name)
            if key is None:
                self.add(where, "no such key", choose(name, by_name))
            elif one is not None:
                self._take(values, key, where, one)
        for key in keys:
            if key.is_needed and written.get(key.name, ("", None))[1] is None:
                self.add(f"{path}.{key.name}" if path else key.name, "found nothing", f"Write {key.shape}.")
        return values

    def _take(self, values: dict[str, Any], key: Key, where: str, value: Json) -> None:
        try:
            values[key.name] = value if key.read is None else key.read(value)
        except Wrong as wrong:
            self.add(where, wrong.found, wrong.remedy)

    def rows(self, path: str, value: Json, what: str) -> list[tuple[str, Json]]:
        """Return the entries of a list, each with its path."""
        if value is None:
            return []
        if not isinstance(value, list):
            self.add(path, shown(value), f"Write a list of {what}.")
            return []
        return [(f"{path}.{place}", one) for place, one in enumerate(value)]


def snake(name: str) -> str:
    """Return a key in snake_case: camelCase and kebab-case mean the same."""
    return _HUMP.sub("_", name).replace("-", "_").lower()


def shown(value: Json) -> str:
    """Return what was found, in words: a short value as it was written, else its kind."""
    if isinstance(value, bool):
        return f"found {str(value).lower()}"
    if isinstance(value, str | int | float):
        text = str(value)
        return f"found '{text if len(text) <= _LONGEST_SHOWN else text[:_LONGEST_SHOWN] + '...'}'"
    return f"found {kind_of(value)}"


def text(value: Json) -> str:
    """Return a text, trimmed; numbers count as the text that was written."""
    if isinstance(value, bool) or not isinstance(value, str | int | float) or not str(value).strip():
        raise Wrong(shown(value), "Write a text.")
    return str(value).strip()


def truth(value: Json) -> bool:
    """Return true or false."""
    found = value if isinstance(value, bool) else _TRUTH.get(str(value).strip().lower())
    if found is None or isinstance(value, list | dict):
        raise Wrong(shown(value), "Write true or false.")
    return found


def duration(least: timedelta = timedelta(0)) -> Callable[[Json], timedelta]:
    """Return a reader of a duration of at least so much."""
    floor = f", at least {_words(least)}" if least else ""

    def read(value: Json) -> timedelta:
        seconds = read_duration(value) if isinstance(value, str) else None
        found = None if seconds is None or seconds > LONGEST.total_seconds() else timedelta(seconds=seconds)
        if found is None or found < least:
            raise Wrong(shown(value), f"Write a duration with its unit, as {EXAMPLE}{floor}, at most 366d.")
        return found

    return read


def _words(least: timedelta) -> str:
    seconds = int(least.total_seconds())
    for unit, letter in ((3600, "h"), (60, "m")):
        if seconds >= unit and seconds % unit == 0:
            return f"{seconds // unit}{letter}"
    return f"{seconds}s"


def number(least: int, most: int) -> Callable[[Json], Decimal]:
    """Return a reader of a number between these, fractions too."""

    def read(value: Json) -> Decimal:
        found = None
        if isinstance(value, str | int | float) and not isinstance(value, bool):
            try:
                found = Decimal(str(value).strip())
            except InvalidOperation:
                found = None
        if found is None or not found.is_finite() or not least <= found <= most:
            raise Wrong(shown(value), f"Write a number from {least:,} to {most:,}, without commas.")
        return found

    return read


def whole(least: int, most: int) -> Callable[[Json], int]:
    """Return a reader of a whole number between these."""
    read_number = number(least, most)

    def read(value: Json) -> int:
        found = read_number(value)
        if found != found.to_integral_value():
            raise Wrong(shown(value), f"Write a whole number from {least:,} to {most:,}, without commas.")
        return int(found)

    return read


def texts(value: Json) -> tuple[str, ...]:
    """Return a list of texts, each once; a single one is a list of one."""
    return tuple(dict.fromkeys(text(one) for one in (value if isinstance(value, list) else [value])))


def some_of(*choices: str) -> Callable[[Json], frozenset[str]]:
    """Return a reader of a list of these words."""

    def read(value: Json) -> frozenset[str]:
        found = [one.lower() for one in texts(value)]
        for one in found:
            if one not in choices:
                raise Wrong(f"found '{one}'", choose(one, choices))
        return frozenset(found)

    return read


def clock(value: Json) -> int:
    """Return a time of day, as minutes after midnight."""
    found = _CLOCK.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is not None:
        return int(found[1]) * 60 + int(found[2])
    raise Wrong(shown(value), 'Write a time of day, as "22:00".')


def zone(value: Json) -> str:
    """Return the name of a time zone of the tz database."""
    name = text(value)
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise Wrong(shown(value), "Write a time zone as the tz database names it: Europe/Berlin, UTC.") from error
    return name
