"""Turns a bulk query into lines of JSON: one per node, nested connections as lines of their own with `__parentId`.

What is asked of a customer is walked once for each shape of customer, over marks instead of values; the JSON around
the marks is the template of all lines of that shape. Nested connections are walked customer by customer.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from operator import itemgetter
from typing import Any, Final, NamedTuple

import orjson
from graphql import SelectionSetNode

from customer_sync.demo.stores.shopify import nodes
from customer_sync.demo.stores.shopify.crowd import COLUMNS, PARTS, Row
from customer_sync.demo.stores.shopify.graphql import Execution, Field, GraphError

#: Columns that are null when a part is.
_LACKS: Final = {
    "email": ("email", "emailState", "emailLevel", "emailAt"),
    "phone": ("phone", "smsState", "smsLevel", "smsAt"),
    "lastOrderId": ("lastOrderId", "lastOrderName", "lastOrderAt"),
}
_MARK: Final = re.compile(r'"\\u0001(\d+)\\u0001"')
_EMAIL, _PHONE, _ORDER = (COLUMNS.index(name) for name in PARTS)
#: How many parents pass before the children of one follow, to mix the lines as the platform does.
_LATENESS: Final = 3
MAX_CONNECTIONS, MAX_DEPTH = 5, 2

#: How many customers are exported at once.
_CHUNK: Final = 2_000

_Line = Callable[[Row], bytes]


class Chunk(NamedTuple):
    """Some lines.

    Args:
        text: the lines, each with its newline.
        objects: how many.
        roots: how many of them are customers.
    """

    text: bytes
    objects: int
    roots: int


class Export:
    """The lines of one bulk query.

    Args:
        execution: the query.
        is_redacted: whether personal fields are left out.
        group: whether children follow their parent at once.

    Raises:
        GraphError: the query cannot be run in bulk.
    """

    def __init__(self, execution: Execution, *, is_redacted: bool = False, group: bool = False) -> None:
        self._execution, self._is_redacted = execution, is_redacted
        self._lateness = 0 if group else _LATENESS
        top = execution.top()
        if len(top) != 1 or not _is_connection(execution, top[0]):
            raise GraphError("Bulk queries must contain at least one connection.", "INVALID")
        self.root = top[0]
        count, depth = self._measure(self.root, 1)
        if count > MAX_CONNECTIONS or depth > MAX_DEPTH + 1:
            raise GraphError(f"Bulk queries may hold {MAX_CONNECTIONS} connections, {MAX_DEPTH} deep.", "INVALID")
        self._node = _node_of(execution, self.root)
        self._children = self._connections(self._node)
        if self._children and "id" not in {one.name for one in execution.fields(self._node, "Customer")}:
            raise GraphError("The parent `id` field must be selected.", "INVALID")
        self._lines: dict[tuple[bool, ...], _Line] = {}

    def chunks(self, rows: Iterator[Row]) -> Iterator[Chunk]:
        """Yield the lines of some thousand customers at a time."""
        late: deque[list[bytes]] = deque()
        while some := list(islice(rows, _CHUNK)):
            lines = self._mixed(some, late) if self._children else [self._line(row) for row in some]
            yield Chunk(b"".join(lines), len(lines), len(some))
        rest = [line for children in late for line in children]
        if rest:
            yield Chunk(b"".join(rest), len(rest), 0)

    def _line(self, row: Row) -> bytes:
        shape = (row[_EMAIL] == "null", row[_PHONE] == "null", row[_ORDER] == "null")
        return (self._lines.get(shape) or self._template(shape))(row)

    def _mixed(self, rows: Iterable[Row], late: deque[list[bytes]]) -> list[bytes]:
        """Return lines with nested ones; these come a little later than their parents, `late` holds them so long."""
        lines: list[bytes] = []
        for row in rows:
            parent, children = self._walk(row)
            lines.append(parent)
            late.append(children)
            if len(late) > self._lateness:
                lines += late.popleft()
        return lines

    def _template(self, shape: tuple[bool, ...]) -> _Line:
        facts: dict[str, Any] = {name: f"\1{place}\1" for place, name in enumerate(COLUMNS)}
        for part, is_missing in zip(PARTS, shape, strict=True):
            facts |= dict.fromkeys(_LACKS[part]) if is_missing else {}
        marked = orjson.dumps(self._select(facts)).decode() + "\n"
        pieces: list[str] = _MARK.split(marked)
        places = [int(place) for place in pieces[1::2]]
        # itemgetter is the quickest, but gives a single value bare
        pick = itemgetter(*places) if len(places) > 1 else lambda row: [row[place] for place in places]

        def line(row: Row) -> bytes:
            filled = pieces.copy()
            filled[1::2] = pick(row)
            return "".join(filled).encode()

        self._lines[shape] = line
        return line

    def _walk(self, row: Row) -> tuple[bytes, list[bytes]]:
        """Return a customer's line and those of its nested nodes."""
        facts = dict(zip(COLUMNS, orjson.loads(f"[{','.join(row)}]"), strict=True))
        node = nodes.customer(facts, is_redacted=self._is_redacted)
        own = self._own(self._node, node)
        lines: list[bytes] = []
        for field in self._children:
            wanted = _everything(field)
            for child in node[field.name](wanted)["nodes"]:
                values = self._own(_node_of(self._execution, field), child)
                lines.append(_dump({**values, "__parentId": facts["id"]}))
        return _dump(own), lines

    def _select(self, facts: dict[str, Any]) -> dict[str, Any]:
        return self._own(self._node, nodes.customer(facts, is_redacted=self._is_redacted))

    def _own(self, selections: tuple[SelectionSetNode, ...], node: dict[str, Any]) -> dict[str, Any]:
        """Return what is asked of a node itself, without its nested connections."""
        answer: dict[str, Any] = {}
        for field in self._execution.fields(selections, node["__typename"]):
            if not _is_connection(self._execution, field):
                if field.name not in node:
                    raise GraphError(f"Field '{field.name}' is not part of this stand-in.", "undefinedField")
                answer[field.key] = self._execution.value(node[field.name], field)
        return answer

    def _connections(self, selections: tuple[SelectionSetNode, ...]) -> list[Field]:
        return [one for one in self._execution.fields(selections, "Customer") if _is_connection(self._execution, one)]

    def _measure(self, field: Field, depth: int) -> tuple[int, int]:
        below = [
            self._measure(one, depth + 1)
            for one in self._execution.fields(_node_of(self._execution, field), "Customer")
            if _is_connection(self._execution, one)
        ]
        return 1 + sum(count for count, _ in below), max([depth, *(deep for _, deep in below)])


def _is_connection(execution: Execution, field: Field) -> bool:
    return any(one.name in ("edges", "nodes") for one in execution.fields(field.selections, "Connection"))


def _node_of(execution: Execution, field: Field) -> tuple[SelectionSetNode, ...]:
    """Return what is asked of the nodes of a connection."""
    for one in execution.fields(field.selections, "Connection"):
        if one.name == "nodes":
            return one.selections
        if one.name == "edges":
            for below in execution.fields(one.selections, "Edge"):
                if below.name == "node":
                    return below.selections
    raise GraphError(f"Connection `{field.name}` asks for no nodes.", "INVALID")


def _everything(field: Field) -> Field:
    """Return a field that asks for all there is: a bulk operation does not page."""
    return Field(field.key, field.name, {**field.args, "first": 250}, field.selections, field.place)


def _dump(value: dict[str, Any]) -> bytes:
    return orjson.dumps(value) + b"\n"
