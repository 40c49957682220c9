"""JMESPath: how a connector file says where something stands. Compiled when the file is read; no code runs.

`contact.email` is such a path. Beyond the published rules (https://jmespath.org) one thing is told apart here: what is
absent is unknown, and what is null is known to be empty. Only plain paths can tell; where a filter or a function finds
nothing, that is unknown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any, Final

import jmespath
from jmespath.exceptions import JMESPathError
from jmespath.visitor import TreeInterpreter

from customer_sync.errors import PayloadError
from customer_sync.kit.fields import ABSENT, Absent, join
from customer_sync.model import Json

#: The longest expression, and the longest list that one may give.
LONGEST: Final = 500
MOST_RESULTS: Final = 10_000
#: How many copies of what it looks into an expression may give.
MOST_COPIES: Final = 1_000
#: How many steps one search takes at most, and how much it may make on its way.
MOST_STEPS: Final = 2_000_000
MOST_MADE: Final = 1_000_000
#: How much of an expression stands in a message.
_SHOWN: Final = 60

#: The way of a plain path: names and places in lists.
Way = tuple[str | int, ...]


class TooCostly(ValueError):
    """A search takes more than it may."""


class _Bounded(TreeInterpreter):
    """Searches as JMESPath does, with an end to what that may cost."""

    def __init__(self) -> None:
        super().__init__()
        self._left, self._room = MOST_STEPS, MOST_MADE

    def visit(self, node: Any, *args: Any, **kwargs: Any) -> Any:
        """Do one step.

        Raises:
            TooCostly: there were too many, or they made too much.
        """
        self._left -= 1
        found = super().visit(node, *args, **kwargs)
        if node["type"] in _MAKES and isinstance(found, list | str):
            self._room -= len(found)
        if self._left < 0 or self._room < 0:
            raise TooCostly("more than one record is worth")
        return found


#: The steps that make something new, which may be large.
_MAKES: Final = frozenset({"flatten", "projection", "value_projection", "filter_projection", "function_expression"})


class Unreadable(ValueError):
    """A text is no JMESPath expression; the text of the error says why."""


@dataclass(frozen=True, slots=True)
class Expression:
    """One compiled expression.

    Args:
        text: as it was written.
        compiled: what finds.
        way: the way of a plain path; None for all else.
    """

    text: str
    compiled: Any = field(repr=False, compare=False)
    way: Way | None = None

    def find(self, value: Json, at: str = "") -> Json | Absent:
        """Return what stands there; `ABSENT` where nothing does.

        Raises:
            PayloadError: the expression does not fit what stands there.
        """
        if self.way is not None:
            return follow(value, self.way)
        try:
            found: Json = _Bounded().visit(self.compiled.parsed, value)
        except (JMESPathError, ArithmeticError, TypeError, ValueError, RecursionError) as error:
            raise PayloadError(join(at, self.shown), "a value that the expression does not fit") from error
        if isinstance(found, list) and len(found) > MOST_RESULTS:
            raise PayloadError(join(at, self.shown), f"more than {MOST_RESULTS:,} results")
        return ABSENT if found is None else found

    @property
    def shown(self) -> str:
        """The expression as it stands in messages."""
        return self.text if len(self.text) <= _SHOWN else f"{self.text[:_SHOWN]}..."


@dataclass(frozen=True, slots=True)
class Paths:
    """One expression or several: the first that finds something other than null counts."""

    all: tuple[Expression, ...]

    def find(self, value: Json, at: str = "") -> Json | Absent:
        """Return what the first finds that finds something; None where one found null, else `ABSENT`.

        Raises:
            PayloadError: one does not fit what stands there.
        """
        empty: Json | Absent = ABSENT
        for one in self.all:
            found = one.find(value, at)
            if found is not None and found is not ABSENT:
                return found
            empty = None if found is None else empty
        return empty

    def get(self, value: Json, at: str = "") -> Json:
        """Return what stands there, None where nothing does.

        Raises:
            PayloadError: see `find`.
        """
        found = self.find(value, at)
        return None if found is ABSENT else found

    def says(self, value: Json, at: str = "") -> bool:
        """Tell whether what stands there is true, as JMESPath has it: not null, false or empty.

        Raises:
            PayloadError: see `find`.
        """
        found = self.get(value, at)
        return found is True or (found is not False and found not in (None, "", [], {}))

    def path(self, at: str = "") -> str:
        """Return the path for messages."""
        return join(at, self.all[0].shown)


def follow(value: Json, way: Way) -> Json | Absent:
    """Return what stands at the end of a way: null on the way is null at its end, and a missing name is absent."""
    for key in way:
        if value is None:
            return None
        if isinstance(key, str) and isinstance(value, Mapping):
            if key not in value:
                return ABSENT
            value = value[key]
        elif isinstance(key, int) and isinstance(value, list) and -len(value) <= key < len(value):
            value = value[key]
        else:
            return ABSENT
    return value


def compile_path(text: str) -> Expression:
    """Return an expression, compiled.

    Raises:
        Unreadable: it is none, or too long.
    """
    if len(text) > LONGEST:
        raise Unreadable(f"more than {LONGEST} characters")
    try:
        compiled = jmespath.compile(text)
    except JMESPathError as error:
        place = getattr(error, "lex_position", None)
        told = "it is empty" if not text.strip() else "it cannot be read as JMESPath"
        raise Unreadable(told if place is None else f"{told}, near column {place + 1}") from error
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError) as error:
        raise Unreadable("it cannot be read as JMESPath") from error
    if _growth(compiled.parsed) > MOST_COPIES:
        raise Unreadable("it makes more copies of a record than there is memory")
    return Expression(text, compiled, _way(compiled.parsed))


def paths(texts: Sequence[str]) -> Paths:
    """Return several expressions as one.

    Raises:
        Unreadable: one of them is none.
    """
    return Paths(tuple(map(compile_path, texts)))


def is_trap(expression: Expression) -> bool:
    """Tell whether `||` stands behind a pipe: it then looks into what the pipe gave, and not into the record."""
    return _falls(expression.compiled.parsed)


def _falls(node: Mapping[str, Any]) -> bool:
    children: Sequence[Any] = [one for one in node.get("children", ()) if isinstance(one, dict)]
    behind = children[1:] if node["type"] == "pipe" else ()
    return any(one["type"] == "or_expression" for one in behind) or any(map(_falls, children))


def _growth(node: Mapping[str, Any]) -> int:
    """Return how many copies of what it looks into an expression may give: `[@, @]` gives two, and two of it four."""
    kind = node["type"]
    below = [_growth(one) for one in node.get("children", ()) if isinstance(one, dict)]
    if kind in {"multi_select_list", "multi_select_dict", "function_expression"}:
        return max(sum(below), 1)
    if kind in {"or_expression", "and_expression", "not_expression", "comparator"}:
        return max(below, default=1)
    return prod(below)


def _way(node: Mapping[str, Any]) -> Way | None:
    """Return the way of a plain path, None for all else."""
    kind, children = node["type"], node.get("children", ())
    if kind in {"current", "identity"}:
        return ()
    if kind in {"field", "index"}:
        return (node["value"],)
    if kind in {"subexpression", "index_expression"}:
        ways = [_way(one) for one in children]
        return None if None in ways else tuple(key for way in ways if way is not None for key in way)
    return None
