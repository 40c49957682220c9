"""Turns a bulk query into lines of JSON: one per node, nested connections as lines of their own with `__parentId`.

graphql-core would take minutes for a million customers. What is asked of a customer is therefore looked up once for
each shape of customer, over marks instead of values; the JSON around the marks is the template of all lines of that
shape. Nested connections are walked customer by customer.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from operator import itemgetter
from typing import Any, Final, NamedTuple

import orjson
from graphql import GraphQLError, SelectionSetNode

from connectors.shopify.fake import nodes
from connectors.shopify.fake.population import COLUMNS, PARTS, Row
from connectors.shopify.fake.query import Field, Query

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
#: What is exported beside customers.
SHELVES: Final = ("orders", "products")
#: How many customers are exported at once.
_CHUNK: Final = 2_000

_Line = Callable[[Row], bytes]
_Selections = tuple[SelectionSetNode, ...]


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
        query: the query.
        is_redacted: whether personal fields are left out.
        group: whether children follow their parent at once.

    Raises:
        GraphQLError: the query cannot be run in bulk.
    """

    def __init__(self, query: Query, *, is_redacted: bool = False, group: bool = False) -> None:
        self._query, self._is_redacted, self._lateness = query, is_redacted, 0 if group else _LATENESS
        top = query.top()
        if len(top) != 1 or not self._is_connection(top[0]):
            raise _unfit("Bulk queries must contain at least one connection.")
        self.root = top[0]
        count, depth = self._measure(self.root, 1)
        if count > MAX_CONNECTIONS or depth > MAX_DEPTH + 1:
            raise _unfit(f"Bulk queries may hold {MAX_CONNECTIONS} connections, {MAX_DEPTH} deep.")
        self._node = self._node_of(self.root)
        self._children = [one for one in query.fields(self._node, "Customer") if self._is_connection(one)]
        if self._children and "id" not in {one.name for one in query.fields(self._node, "Customer")}:
            raise _unfit("The parent `id` field must be selected.")
        self._lines: dict[tuple[bool, ...], _Line] = {}

    def chunks(self, rows: Iterator[Row]) -> Iterator[Chunk]:
        """Yield the lines of some thousand customers at a time."""
        late: deque[list[bytes]] = deque()
        while some := list(islice(rows, _CHUNK)):
            mixed = self._mixed((self._customer(row) for row in some), late) if self._children else None
            lines = [self._line(row) for row in some] if mixed is None else mixed
            yield Chunk(b"".join(lines), len(lines), len(some))
        rest = [line for children in late for line in children]
        if rest:
            yield Chunk(b"".join(rest), len(rest), 0)

    def chunks_of(self, goods: Sequence[Mapping[str, Any]]) -> Iterator[Chunk]:
        """Yield the lines of orders or products, given as GraphQL shows them."""
        late: deque[list[bytes]] = deque()
        lines = self._mixed(goods, late)
        lines += [line for children in late for line in children]
        if lines:
            yield Chunk(b"".join(lines), len(lines), len(goods))

    def _line(self, row: Row) -> bytes:
        shape = (row[_EMAIL] == "null", row[_PHONE] == "null", row[_ORDER] == "null")
        return (self._lines.get(shape) or self._template(shape))(row)

    def _mixed(self, found: Iterable[Mapping[str, Any]], late: deque[list[bytes]]) -> list[bytes]:
        """Return lines with nested ones; these come a little later than their parents, `late` holds them so long."""
        lines: list[bytes] = []
        for node in found:
            lines.append(_dump(self._values(self._node, node, node["__typename"])))
            late.append([line for field in self._children for line in self._below(field, node)])
            if len(late) > self._lateness:
                lines += late.popleft()
        return lines

    def _customer(self, row: Row) -> dict[str, Any]:
        facts = dict(zip(COLUMNS, orjson.loads(f"[{','.join(row)}]"), strict=True))
        return nodes.customer(facts, is_redacted=self._is_redacted)

    def _below(self, field: Field, node: Mapping[str, Any]) -> Iterator[bytes]:
        for child in node[field.name](None, **{**field.args, "first": 250})["nodes"]:
            yield _dump({**self._values(self._node_of(field), child, child["__typename"]), "__parentId": node["id"]})

    def _template(self, shape: tuple[bool, ...]) -> _Line:
        facts: dict[str, Any] = {name: f"\1{place}\1" for place, name in enumerate(COLUMNS)}
        for part, is_missing in zip(PARTS, shape, strict=True):
            facts |= dict.fromkeys(_LACKS[part]) if is_missing else {}
        node = nodes.customer(facts, is_redacted=self._is_redacted)
        try:
            marked = _dump(self._values(self._node, node, "Customer")).decode()
        except (KeyError, ValueError):  # a value is made out of another: it must be there
            self._lines[shape] = lambda row: _dump(self._values(self._node, self._customer(row), "Customer"))
            return self._lines[shape]
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

    def _values(self, selections: _Selections, node: Mapping[str, Any], typename: str) -> dict[str, Any]:
        """Return what is asked of an object, without its nested connections."""
        return {
            field.key: typename if field.name == "__typename" else self._value(field, node.get(field.name))
            for field in self._query.fields(selections, typename)
            if not self._is_connection(field)
        }

    def _value(self, field: Field, found: Any) -> Any:
        if callable(found):
            found = found(None, **field.args)
        if isinstance(found, list):
            return [self._value(field, one) for one in found]
        return self._values(field.selections, found, found.get("__typename", "")) if isinstance(found, dict) else found

    def _measure(self, field: Field, depth: int) -> tuple[int, int]:
        fields = self._query.fields(self._node_of(field), "Customer")
        below = [self._measure(one, depth + 1) for one in fields if self._is_connection(one)]
        return 1 + sum(count for count, _ in below), max([depth, *(deep for _, deep in below)])

    def _is_connection(self, field: Field) -> bool:
        return any(one.name in ("edges", "nodes") for one in self._query.fields(field.selections, ""))

    def _node_of(self, field: Field) -> _Selections:
        """Return what is asked of the nodes of a connection."""
        for one in self._query.fields(field.selections, ""):
            if one.name == "nodes":
                return one.selections
            for below in self._query.fields(one.selections, "") if one.name == "edges" else ():
                if below.name == "node":
                    return below.selections
        raise _unfit(f"Connection `{field.name}` asks for no nodes.")


def _unfit(message: str) -> GraphQLError:
    return nodes.fault(message, "INVALID")


def _dump(value: Any) -> bytes:
    return orjson.dumps(value) + b"\n"
