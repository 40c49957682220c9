"""Reads tables key by key and gathers every fault on the way, so that one run shows them all."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, TypeVar

from customer_sync.config.document import Node, Table, Text, shape
from customer_sync.config.faults import Fault, Wrong, choose, near
from customer_sync.config.interpolate import escape
from customer_sync.config.keys import OPTION_KEYS, Key
from customer_sync.config.values import QUOTES, Env, is_empty, shown, text
from customer_sync.person.mapping import canonical_field

T = TypeVar("T")

_HUMP: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_ATTRIBUTE: Final = re.compile(r"[A-Za-z0-9_]{1,100}")
_OPTION_NAMES: Final = frozenset(name for key in OPTION_KEYS for name in (key.name, *key.aliases))


@dataclass(slots=True)
class Reader:
    """The file's name, the environment, and what was found wrong so far.

    Args:
        file: the name for faults.
        env: the variables that `${...}` and the keys' own variables are taken from.
        faults: what makes the settings unusable.
        warnings: what is allowed but wants a look.
    """

    file: str
    env: Env
    faults: list[Fault] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def fault(self, node: Node, found: str, remedy: str) -> None:
        """Note a fault at a node, once."""
        fault = Fault(self.file, node.line, node.path[:200], found, remedy)
        if fault not in self.faults:
            self.faults.append(fault)

    def warn(self, node: Node, sentence: str) -> None:
        """Note something that is allowed but wants a look."""
        where = self.file if node.line is None else f"{self.file}:{node.line}"
        self.warnings.append(f"{where}: {node.path}: {sentence}")

    def value(self, node: Node, read: Callable[[Node, Env], T], *, secret: bool = False) -> T | None:
        """Return what a single value says, None when it is at fault."""
        try:
            return read(node, self.env)
        except Wrong as wrong:
            hidden = secret and wrong.found.startswith(QUOTES)
            self.fault(node, "found a value that does not fit (not shown)" if hidden else wrong.found, wrong.remedy)
            return None

    def entries(self, node: Node | None, example: str = "one key: value in each line below it") -> dict[str, Node]:
        """Return a table's entries by their name as written; nothing for an empty key, a fault for what is no table."""
        if node is None or is_empty(node):
            return {}
        if not isinstance(node, Table):
            self.fault(node, f"expected a table, found {shape(node)}", f"Write {example}.")
            return {}
        return node.entries

    def children(self, node: Node | None) -> dict[str, Node]:
        """Return a table's entries by their name in snake_case."""
        entries: dict[str, Node] = {}
        for written, child in self.entries(node).items():
            name = snake_case(written)
            if name in entries:
                self._fault_again(child, entries[name])
            else:
                entries[name] = child
        return entries

    def is_faulty(self, node: Node) -> bool:
        """Say whether a fault was noted at a node or below it."""
        return any(
            fault.path == node.path or fault.path.startswith((f"{node.path}.", f"{node.path}["))
            for fault in self.faults
        )

    def take(self, entries: dict[str, Node], keys: Sequence[Key]) -> dict[str, Any]:
        """Take the known keys out of the entries and return their values; the variables win over the file.

        A key without a reader of its own gives its node. Absent, empty and faulty keys are not in the answer.
        """
        values: dict[str, Any] = {}
        for key in keys:
            written = [entries.pop(name) for name in (key.name, *key.aliases) if name in entries]
            for again in written[1:]:
                self._fault_again(again, written[0])
            written = written or self._meant(entries, key)
            value = self._variable(key) if key.variable and self.env.get(key.variable) else self._written(key, written)
            if value not in (None, ""):
                values[key.name] = value
        return values

    def _meant(self, entries: Mapping[str, Node], key: Key) -> list[Node]:
        """Return the table below a misspelt key: the key is refused, and what stands below it is read all the same."""
        tables = [name for name, node in entries.items() if key.read is None and isinstance(node, Table)]
        guess = near(key.name, tables, closeness=0.8)
        return [entries[guess]] if guess else []

    def refuse(
        self, entries: Mapping[str, Node], choices: Iterable[str], homes: Mapping[str, str] | None = None
    ) -> None:
        """Note a fault for every entry: a key that is not known here.

        Args:
            entries: what is left once the known keys are taken.
            choices: the known keys.
            homes: key → what to do with it, for keys that belong elsewhere.
        """
        known = list(choices)
        for name, child in entries.items():
            self.fault(child, "unknown key", (homes or {}).get(name) or choose(name, known))

    def table(self, node: Node | None, keys: Sequence[Key]) -> dict[str, Any]:
        """Return the values of a table that holds these keys and no others."""
        entries = self.children(node)
        values = self.take(entries, keys)
        self.refuse(entries, [key.name for key in keys])
        return values

    def options(self, node: Node | None) -> dict[str, Any]:
        """Return the values of an `options:` table, of a source or a skill."""
        values = self.table(node, OPTION_KEYS)
        if node is not None and values.get("missing_consent") == "granted":
            self.warn(
                node, "missing_consent: granted mails people who were never asked; be sure they agreed elsewhere."
            )
        return values

    def field_mapping(self, node: Node | None) -> dict[str, str | None]:
        """Return field → attribute with canonical field names; None stands for a field that is taken out."""
        mapping: dict[str, str | None] = {}
        lines: dict[str, int | None] = {}
        for written, child in self.entries(node, "lines such as firstName: FIRSTNAME").items():
            name = canonical_field(written.strip())
            if name in lines:
                self.fault(child, f"the same field as {_in_line(lines[name])}", "Keep one spelling.")
                continue
            lines[name] = child.line
            mapping[name] = self.value(child, partial(_attribute, name))
        if node is not None:
            self._warn_of_mapping(node, mapping)
        return mapping

    def _warn_of_mapping(self, node: Node, mapping: Mapping[str, str | None]) -> None:
        by_attribute: dict[str, str] = {}
        for name, attribute in mapping.items():
            if attribute is None:
                continue
            if attribute in by_attribute:
                self.warn(
                    node,
                    f"{by_attribute[attribute]} and {name} both go to {attribute}; the later wins where it is present.",
                )
            by_attribute[attribute] = name
        if mapping.get("acceptsMarketing"):
            self.warn(node, "acceptsMarketing is never an attribute: it decides who may be mailed.")

    def _fault_again(self, again: Node, first: Node) -> None:
        self.fault(again, f"the same key as {last_part(first)} {_in_line(first.line)}", "Keep one of them.")

    def _variable(self, key: Key) -> Any:
        node = Text(key.variable, None, escape(self.env[key.variable]))
        read = key.read_variable or key.read
        return Reader("environment", {}, self.faults).value(node, read, secret=key.secret) if read else None

    def _written(self, key: Key, written: list[Node]) -> Any:
        if not written or is_empty(written[0]):
            return None
        return written[0] if key.read is None else self.value(written[0], key.read, secret=key.secret)


#: Options that were written one level too high → what to do.
MISPLACED_OPTIONS: Final = {name: f"Move it below options: (options.{name})." for name in _OPTION_NAMES}


def snake_case(name: str) -> str:
    """Return a key in snake_case: `updateEnabled` and `update-enabled` become `update_enabled`."""
    return _HUMP.sub("_", name).replace("-", "_").lower()


def last_part(node: Node) -> str:
    """Return the key itself, without the path to it."""
    return node.path.rpartition(".")[2]


def _in_line(line: int | None) -> str:
    """Return where something stood before; what comes by the API has no lines."""
    return "above" if line is None else f"in line {line}"


def _attribute(field_name: str, node: Node, env: Env) -> str | None:
    if is_empty(node):
        return None
    attribute = text(node, env)
    if field_name == "email" or attribute.upper() == "EMAIL":
        if field_name == "email" and attribute.upper() == "EMAIL":
            return "email"
        raise Wrong(
            shown(node), "The address is the contact's identity, no attribute: only email: email may stand here."
        )
    if not _ATTRIBUTE.fullmatch(attribute):
        raise Wrong(shown(node), "Write the attribute's name as in Brevo, such as FIRSTNAME, or null to leave it out.")
    return attribute.upper()
