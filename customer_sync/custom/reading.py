"""Reads a connector file, YAML, JSON or a snippet of JavaScript: a `Form`, or every fault at once, with its line."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from customer_sync.config.document import Items, Node, Table, Text, parse
from customer_sync.config.faults import Fault, choose
from customer_sync.config.reader import snake_case
from customer_sync.custom.checks import flaws_of_form, guessed, warnings_of
from customer_sync.custom.flaws import Flaw
from customer_sync.custom.form import Form, Resource
from customer_sync.custom.parts import NAME, Name, Unknown, kind
from customer_sync.custom.resource_checks import flaws_of_resource
from customer_sync.custom.script import described
from customer_sync.custom.verifying import NOT_OFFERED
from customer_sync.errors import TajoError

#: How long a file may be, in characters.
LONGEST: Final = 200_000
#: How many faults of a file are told at once.
MOST_FAULTS: Final = 100
#: The endings of what the documents' JavaScript package reads.
SCRIPTS: Final = (".js", ".mjs")
_SECRETS: Final = frozenset({"token", "value", "password", "client_secret", "secret"})
_TABS: Final = re.compile(r"(?m)^\t+")
_BOUNDS: Final[Mapping[str, str]] = {"le": "at most", "ge": "at least", "lt": "less than", "gt": "more than"}
#: Pydantic's word for a fault → what was expected.
_EXPECTED: Final[Mapping[str, str]] = {
    "string_type": "a text",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "dict_type": "a table",
    "model_type": "a table",
    "model_attributes_type": "a table",
    "list_type": "a list",
    "tuple_type": "a list",
    "string_too_short": "a text that is not empty",
    "string_too_long": "a shorter text",
    "too_short": "at least one entry",
}


@dataclass(frozen=True, slots=True)
class Read:
    """What a file says.

    Args:
        form: that; None where it has faults.
        faults: what makes it unusable.
        warnings: what is allowed and wants a look.
        name: the platform's name, "" where it cannot be read.
    """

    form: Form | None
    faults: tuple[Fault, ...] = ()
    warnings: tuple[Fault, ...] = ()
    name: str = ""


class ConnectorFaults(TajoError):
    """A connector file cannot be used. Carries every fault; `str()` is one line for each.

    Args:
        faults: all of them.
        name: the platform's name, where that can be read.
    """

    def __init__(self, faults: Sequence[Fault], name: str = "") -> None:
        self.faults, self.name = tuple(faults), name
        super().__init__("\n".join(map(str, faults)))


def read_file(path: Path) -> Form:
    """Return what a connector file says.

    Raises:
        ConnectorFaults: with every fault.
        OSError: it cannot be read.
    """
    try:
        with path.open("rb") as opened:
            # a character has four bytes at most
            content = opened.read(4 * LONGEST + 1).decode(errors="strict")
    except UnicodeDecodeError as error:
        fault = Fault(path.name, None, "", "bytes that are no text", "Save the file as UTF-8.")
        raise ConnectorFaults([fault]) from error
    found = read(content, path.name)
    if found.form is None:
        raise ConnectorFaults(found.faults, found.name)
    return found.form


def read(content: str, file: str) -> Read:
    """Return what a text says.

    Args:
        content: the text of a connector file.
        file: its name, for the faults.
    """
    if len(content) > LONGEST:
        return Read(None, (Fault(file, 1, "", f"more than {LONGEST:,} characters", "Write a shorter file."),))
    faults: list[Fault] = []
    try:
        if not file.endswith(SCRIPTS):
            return _read(content, file, faults)
        text = described(content)
        if text is not None:
            return _read(text, file, faults)
        remedy = "Write new ConnectorSDK({name: ..., resources: ...}); nothing else in it is looked at."
        return Read(None, (Fault(file, 1, "", "no new ConnectorSDK({...})", remedy),))
    except RecursionError:
        told = Fault(file, None, "", "nested deeper than can be read", "Look for brackets that are never closed.")
        return Read(None, (told,))


def _read(content: str, file: str, faults: list[Fault]) -> Read:
    table = parse(_TABS.sub(lambda tabs: "  " * len(tabs[0]), content), file, faults)
    if faults:
        return Read(None, tuple(faults))
    reading = _Reading(file, table)
    form = reading.form()
    told = sorted(reading.faults, key=lambda one: (one.line or 0, one.path))
    if len(told) > MOST_FAULTS:
        more = Fault(file, told[MOST_FAULTS].line, "", "more faults follow", "Mend those above, then ask again.")
        told = [*told[:MOST_FAULTS], more]
    if form is None or told:
        return Read(None, tuple(told), name=reading.name)
    return Read(form, (), tuple(reading.fault(one) for one in warnings_of(form)), form.name)


class _Reading:
    def __init__(self, file: str, table: Table) -> None:
        self._file, self._table = file, table
        self._places: dict[int, tuple[str | int, ...]] = {}
        self._document = self._plain(table, ())
        self.faults: dict[Fault, None] = {}

    @property
    def name(self) -> str:
        """The platform's name, where it can be read."""
        found = self._document.get("name")
        return found if isinstance(found, str) and NAME.fullmatch(found) else ""

    def form(self) -> Form | None:
        """Return the form; each resource is read for itself, so that a fault in one hides none in another."""
        unknown = Unknown()
        document = dict(self._document)
        named = next((one for one in document if snake_case(one) == "resources"), "resources")
        resources = document.get(named)
        good = self._resources(resources, unknown) if isinstance(resources, dict) else {}
        # a stand-in for resources that are read above: what is wrong with them is told already
        stub = {"customers": {"endpoint": "/", "mapping": {"email": "email"}}}
        rest = {**document, named: stub} if isinstance(resources, dict) and resources else document
        form = self._validated(_adapter(Form), rest, (), unknown)
        for table, key, remedy in unknown.found:
            if (place := self._places.get(id(table))) is not None or table is rest:
                self._say(Flaw((*(place or ()), key), "unknown key", remedy))
        if form is None:
            return None
        whole: Form = guessed(form.model_copy(update={"resources": good}))
        if isinstance(resources, dict) and len(good) == len(resources):
            for flaw in flaws_of_form(whole):
                self._say(flaw)
        return whole

    def fault(self, flaw: Flaw) -> Fault:
        """Return a flaw with its line and path."""
        node = self._at(flaw.loc)
        return Fault(self._file, node.line, _dotted(flaw.loc)[:200], flaw.found, flaw.remedy)

    def _resources(self, tables: Mapping[str, Any], unknown: Unknown) -> dict[str, Resource]:
        good: dict[str, Resource] = {}
        for name, table in tables.items():
            self._validated(_adapter(Name), name, ("resources", name), unknown)
            resource = self._validated(_adapter(Resource), table, ("resources", name), unknown)
            if resource is None:
                continue
            good[name] = resource
            for flaw in flaws_of_resource(name, resource):
                self._say(flaw)
        return good

    def _validated(self, adapter: TypeAdapter[Any], value: Any, at: tuple[str | int, ...], unknown: Unknown) -> Any:
        try:
            return adapter.validate_python(value, context=unknown)
        except ValidationError as error:
            # what a table is asked for in vain follows from a fault in it, which is told for itself
            told = [one for one in error.errors(include_url=False) if one["type"] != "default_factory_not_called"]
            for one in told:
                self._say(_flaw(one, self._placed(at, one["loc"], is_missing=one["type"] == "missing")))
            return None

    def _say(self, flaw: Flaw) -> None:
        self.faults[self.fault(flaw)] = None

    def _placed(
        self, at: tuple[str | int, ...], loc: tuple[str | int, ...], *, is_missing: bool
    ) -> tuple[str | int, ...]:
        """Return the keys as they stand in the file: the words with which pydantic chose a variant are left out."""
        place = at
        for depth, part in enumerate(loc):
            node = self._at(place)
            written = _written(node, part)
            if written is not None:
                place = (*place, written)
            elif is_missing and depth == len(loc) - 1:
                place = (*place, part)
        return place

    def _at(self, loc: tuple[str | int, ...]) -> Node:
        """Return the node at a place, or the nearest above it."""
        node: Node = self._table
        for part in loc:
            written = _written(node, part)
            if isinstance(node, Table) and isinstance(written, str):
                node = node.entries[written]
            elif isinstance(node, Items) and isinstance(written, int):
                node = node.items[written]
            else:
                break
        return node

    def _plain(self, node: Node, place: tuple[str | int, ...]) -> Any:
        """Return what a node holds; tables are remembered with their place."""
        if isinstance(node, Table):
            table = {key: self._plain(child, (*place, key)) for key, child in node.entries.items()}
            self._places[id(table)] = place
            return table
        if isinstance(node, Items):
            return [self._plain(child, (*place, index)) for index, child in enumerate(node.items)]
        return _value(node)


@cache
def _adapter(kind_of: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind_of)


def _written(node: Node, part: str | int) -> str | int | None:
    """Return a key or an index as the node has it, None where it has not."""
    if isinstance(node, Items):
        return part if isinstance(part, int) and part < len(node.items) else None
    if isinstance(node, Table) and isinstance(part, str):
        return part if part in node.entries else next((one for one in node.entries if snake_case(one) == part), None)
    return None


def _value(node: Text) -> Any:
    text = node.text
    if node.tag == "null":
        return None
    if node.tag == "bool":
        return text.lower() in {"true", "yes", "on"}
    try:
        if node.tag == "int":
            return int(text.replace("_", ""))
        if node.tag == "float":
            return float(text.replace("_", ""))
    except ValueError:
        return text
    return text


def _flaw(error: ErrorDetails, place: tuple[str | int, ...]) -> Flaw:
    """Return what pydantic found in our words; a value is shown only where it is a word to choose."""
    word, context, value = error["type"], error.get("ctx", {}), error.get("input")
    if word == "wrong":
        return Flaw(place, str(context["found"]), str(context["remedy"]))
    if word == "missing":
        return Flaw(place, "the key is missing", f"Write `{place[-1]}: ...`, with a value behind it.")
    if word in {"union_tag_invalid", "literal_error"}:
        choices = re.findall(r"'([^']*)'", str(context.get("expected_tags") or context.get("expected") or ""))
        given = str(context.get("tag") or value)
        place = (*place, "type") if word == "union_tag_invalid" else place
        return Flaw(place, f"found {given[:40]!r}", NOT_OFFERED.get(given) or choose(given, choices))
    if word == "union_tag_not_found":
        return Flaw((*place, "type"), "the key is missing", "Write type: and which.")
    if word in _EXPECTED:
        return Flaw(place, f"expected {_EXPECTED[word]}, found {kind(value)}", f"Write {_EXPECTED[word]}.")
    bound = next((f"{_BOUNDS[name]} {one:g}" for name, one in context.items() if name in _BOUNDS), "")
    remedy = f"Write a number that is {bound}." if bound else "Correct it."
    return Flaw(place, "out of range" if bound else f"a value that does not fit ({word.replace('_', ' ')})", remedy)


def _dotted(loc: Sequence[str | int]) -> str:
    found = ""
    for part in loc:
        found += f"[{part}]" if isinstance(part, int) else f".{part}" if found else part
    return found
