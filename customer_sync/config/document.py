"""A YAML file as tables, lists and texts that know their line and path.

PyYAML's own objects forget the line and have already turned `no` into false, `010` into 8 and `2024.10` into 2024.1.
Here every value stays the text that was written; what it means is decided by the key that reads it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import yaml

from customer_sync.config.faults import Fault
from customer_sync.config.interpolate import escape
from customer_sync.model import Json


@dataclass(frozen=True, slots=True)
class Text:
    """A single value.

    Args:
        path: the key it belongs to.
        line: the key's line; None for what comes from the environment.
        text: as written; for quoted ones what is between the quotes.
        tag: what YAML takes it for: str, int, float, bool, null, timestamp.
    """

    path: str
    line: int | None
    text: str
    tag: str = "str"


@dataclass(frozen=True, slots=True)
class Items:
    """A list."""

    path: str
    line: int | None
    items: list[Node]


@dataclass(frozen=True, slots=True)
class Table:
    """A mapping; keys as written."""

    path: str
    line: int | None
    entries: dict[str, Node] = field(default_factory=dict)


Node = Text | Items | Table

#: How deep and how large a config may be. No real one comes near; a file of anchors that unfold without end does.
MAX_DEPTH: Final = 30
MAX_NODES: Final = 20_000

#: What PyYAML says (the beginning) → what we say. The rest of its sentence may quote the file, so it is never shown.
_PROBLEMS: Final[Mapping[str, tuple[str, str]]] = {
    "found character '\\t'": ("a tab in the indentation", "Indent with spaces."),
    "found a tab character": ("a tab in the indentation", "Indent with spaces."),
    "found character": (
        "a value begins with a character that means something to YAML",
        "Put the value in quotes.",
    ),
    "found undefined alias": ("a value begins with *, which YAML takes for an alias", "Put the value in quotes."),
    "second occurrence": ("an anchor (&name) is set twice", "Give each anchor a name of its own."),
    "could not find expected ':'": ("a key without a colon", "Write it as key: value."),
    "mapping values are not allowed here": (
        "a second colon in one line, no colon in the line above, or a wrong indentation",
        "Quote the value, or write key: value.",
    ),
    "found unexpected end of stream": ("a quote or bracket is never closed", "Close it."),
    "expected a single document": ("a second document begins", "Keep one document: remove the ---."),
    "but found another document": ("a second document begins", "Keep one document: remove the ---."),
    "expected ',' or": ("a bracket is never closed", "Close it."),
    "expected <block end>": ("the indentation does not fit the lines above", "Line it up with its neighbours."),
}
#: PyYAML notices these only where the text ends or goes on; the fault is where the value or key begins.
_AT_BEGINNING: Final = ("could not find expected ':'", "found unexpected end of stream", "expected ',' or")


def parse(text: str, file: str, faults: list[Fault]) -> Table:
    """Return the file's top table; what cannot be read is added to the faults and left out."""
    try:
        top = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        found, remedy = _explain(error.problem or "")
        mark = error.problem_mark or error.context_mark
        if error.context_mark and (error.problem or "").startswith(_AT_BEGINNING):
            mark = error.context_mark
        faults.append(Fault(file, mark.line + 1 if mark else None, "", found, remedy))
        return Table("", 1)
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        faults.append(Fault(file, line, "", "a character that YAML does not allow", "Remove it."))
        return Table("", 1)
    if top is None:
        return Table("", 1)
    tree = _Builder(file, faults).build(top, "", top.start_mark.line + 1, 0)
    if isinstance(tree, Table):
        return tree
    if not (isinstance(tree, Text) and tree.tag == "null"):
        faults.append(Fault(file, tree.line, "", f"the file holds {shape(tree)}", "Begin with a key: connectors:"))
    return Table("", 1)


def from_json(value: Json, path: str, line: int | None = None) -> Node:
    """Return a JSON value as the node that a file with the same content gives; nothing in it is a `${...}`."""
    if isinstance(value, dict):
        return Table(path, line, {key: from_json(child, f"{path}.{key}", line) for key, child in value.items()})
    if isinstance(value, list):
        return Items(path, line, [from_json(item, f"{path}[{i}]", line) for i, item in enumerate(value)])
    if value is None:
        return Text(path, line, "", "null")
    if isinstance(value, str):
        return Text(path, line, escape(value))
    return Text(path, line, json.dumps(value), type(value).__name__)


def shape(node: Node) -> str:
    """Return what kind of thing stands there, in plain words."""
    if isinstance(node, Table):
        return "a table"
    if isinstance(node, Items):
        return "a list"
    return "nothing" if node.tag == "null" else "a single value"


@dataclass(slots=True)
class _Builder:
    file: str
    faults: list[Fault]
    nodes: int = 0

    def build(self, node: yaml.Node, path: str, line: int, depth: int) -> Node:
        self.nodes += 1
        if depth > MAX_DEPTH or self.nodes > MAX_NODES:
            if depth > MAX_DEPTH or self.nodes == MAX_NODES + 1:
                self._fault(line, path, "nested without end", "Remove the alias (*name) that points back to itself.")
            return Table(path, line)
        if node.tag.startswith("!"):
            self._fault(line, path, "a YAML tag (!name)", "Write the value itself, or ${VARIABLE}.")
        if isinstance(node, yaml.MappingNode):
            return Table(path, line, self._entries(node, path, depth))
        if isinstance(node, yaml.SequenceNode):
            items = [
                self.build(item, f"{path}[{i}]", item.start_mark.line + 1, depth + 1)
                for i, item in enumerate(node.value)
            ]
            return Items(path, line, items)
        return Text(path, line, str(node.value), node.tag.rpartition(":")[2])

    def _entries(self, node: yaml.MappingNode, path: str, depth: int) -> dict[str, Node]:
        entries: dict[str, Node] = {}
        lines: dict[str, int] = {}
        merged: dict[str, Node] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                self._fault(line, path, "a key that is itself a list or a table", "Use a plain word as key.")
                continue
            name = str(key.value)
            inner = f"{path}.{name}" if path else name
            if key.tag.endswith(":merge"):
                merged |= self._merged(value, path, line, depth)
            elif name in entries:
                self._fault(line, inner, f"written twice, first in line {lines[name]}", "Keep one of them.")
            else:
                lines[name] = line
                entries[name] = self.build(value, inner, line, depth + 1)
        return merged | entries

    def _merged(self, value: yaml.Node, path: str, line: int, depth: int) -> dict[str, Node]:
        """Return what `<<: *base` brings in; of a list of bases the first wins."""
        tree = self.build(value, path, line, depth + 1)
        bases = tree.items if isinstance(tree, Items) else [tree]
        entries: dict[str, Node] = {}
        for base in bases:
            if isinstance(base, Table):
                entries = base.entries | entries
            else:
                self._fault(line, f"{path}.<<", f"found {shape(base)}", "Merge a table: <<: *name.")
        return entries

    def _fault(self, line: int, path: str, found: str, remedy: str) -> None:
        self.faults.append(Fault(self.file, line, path[:200], found, remedy))


def _explain(problem: str) -> tuple[str, str]:
    for beginning, words in _PROBLEMS.items():
        if problem.startswith(beginning):
            return words
    return "not valid YAML here or in the line above", "Look for a missing quote, bracket, colon or space."
