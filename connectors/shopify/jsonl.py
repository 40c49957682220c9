"""Reads the files of bulk operations: JSON lines, where a record below another one names it by `__parentId`.

https://shopify.dev/docs/api/usage/bulk-operations/queries#the-jsonl-data-format. Unless grouping was asked for, which
slows the operation down, parents and children may stand in any order: a family is complete at the end of the file.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import orjson

from connectors.shopify.api import parse
from customer_sync.errors import PayloadError

#: How many lines of families that are not complete are held in memory; more go into a temporary file.
HOLD: Final = 50_000

PARENT: Final = "__parentId"


@dataclass(slots=True)
class Family:
    """A record with the records below it, in the order of the file.

    Args:
        node: the record, without `__parentId`.
        children: each with its own children.
    """

    node: dict[str, Any]
    children: list[Family] = field(default_factory=list)


class Piece(NamedTuple):
    """A part of a file, cut at a line's end.

    Args:
        lines: its lines, without the empty ones.
        size_bytes: how many bytes of the file they are.
    """

    lines: list[bytes]
    size_bytes: int


def cut(data: bytes, *, is_last: bool) -> Piece:
    """Return the whole lines at the beginning of some bytes.

    Args:
        data: a part of a file that begins at a line's beginning.
        is_last: whether the file ends with it; then its last line needs no end.
    """
    size = len(data) if is_last else data.rfind(b"\n") + 1
    return Piece([line for line in data[:size].split(b"\n") if line.strip()], size)


def cut_families(data: bytes, *, is_last: bool) -> Piece:
    """Return the whole families at the beginning of some bytes of a file that is grouped; see `cut`.

    The last family may go on in what follows: it begins the next piece.
    """
    piece = cut(data, is_last=is_last)
    if is_last:
        return piece
    for at in range(len(piece.lines) - 1, -1, -1):
        node = parse(piece.lines[at])
        if not isinstance(node, dict) or PARENT not in node:
            return Piece(piece.lines[:at], data.rfind(piece.lines[at], 0, piece.size_bytes) if at else 0)
    return Piece([], 0)


def objects(lines: Iterable[bytes]) -> Iterator[dict[str, Any] | PayloadError]:
    """Yield each line as an object, a `PayloadError` in the place of one that is none."""
    for line in lines:
        node = parse(line)
        yield node if isinstance(node, dict) else PayloadError("$", "a line of the file is no JSON object")


def families(
    nodes: Iterable[dict[str, Any] | PayloadError], *, is_grouped: bool = False, hold: int = HOLD
) -> Iterator[Family | PayloadError]:
    """Yield each record of the first level with all that is below it, in the order of the file.

    Args:
        nodes: the objects of a whole file.
        is_grouped: whether the operation was asked to write children right after their parent; then a family is
            complete, and handed out, when the next one begins.
        hold: how many records are held in memory.

    A record whose parent is not in the file becomes a `PayloadError`, as does a line that is no object.
    """
    with closing(_Nest(hold)) as nest:
        for node in nodes:
            if isinstance(node, PayloadError):
                yield node
                continue
            if is_grouped and PARENT not in node:
                yield from nest.empty()
            nest.put(node)
        yield from nest.empty()


class _Nest:
    """Holds the records of families that are not complete, in memory or in a file that nobody else can open."""

    def __init__(self, hold: int) -> None:
        self._hold = hold
        self._nodes: list[dict[str, Any]] = []
        self._file: sqlite3.Connection | None = None

    def put(self, node: dict[str, Any]) -> None:
        self._nodes.append(node)
        if len(self._nodes) >= self._hold:
            self._spill()

    def empty(self) -> Iterator[Family | PayloadError]:
        if self._file is None:
            yield from _join(self._nodes)
        else:
            self._spill()
            yield from self._join_file(self._file)
            self._file.execute("DELETE FROM record")
        self._nodes = []

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def _spill(self) -> None:
        if self._file is None:
            self._file = sqlite3.connect("")  # a file without a name: SQLite removes it, whatever happens
            self._file.execute("PRAGMA synchronous=OFF")
            self._file.execute("CREATE TABLE record (n INTEGER PRIMARY KEY, id TEXT, parent TEXT, node BLOB)")
            self._file.execute("CREATE INDEX by_parent ON record (parent)")
            self._file.execute("CREATE INDEX by_id ON record (id)")
        rows = ((node.get("id"), node.get(PARENT), orjson.dumps(node)) for node in self._nodes)
        self._file.executemany("INSERT INTO record (id, parent, node) VALUES (?, ?, ?)", rows)
        self._nodes = []

    def _join_file(self, file: sqlite3.Connection) -> Iterator[Family | PayloadError]:
        for key, node in file.execute("SELECT id, node FROM record WHERE parent IS NULL ORDER BY n"):
            yield Family(_bare(orjson.loads(node)), self._below(file, key))
        lost = "SELECT count(*) FROM record WHERE parent NOT IN (SELECT id FROM record WHERE id IS NOT NULL)"
        yield from [_orphan()] * int(file.execute(lost).fetchone()[0])

    def _below(self, file: sqlite3.Connection, key: str | None) -> list[Family]:
        if key is None:
            return []
        rows = file.execute("SELECT id, node FROM record WHERE parent = ? ORDER BY n", (key,)).fetchall()
        return [Family(_bare(orjson.loads(node)), self._below(file, below)) for below, node in rows]


def _join(nodes: list[dict[str, Any]]) -> Iterator[Family | PayloadError]:
    made = [Family(_bare(node)) for node in nodes]
    by_id = {str(node["id"]): family for node, family in zip(nodes, made, strict=True) if node.get("id") is not None}
    lost = 0
    for node, family in zip(nodes, made, strict=True):
        parent = node.get(PARENT)
        if parent is None:
            continue
        if parent in by_id:
            by_id[parent].children.append(family)
        else:
            lost += 1
    yield from (family for node, family in zip(nodes, made, strict=True) if node.get(PARENT) is None)
    yield from [_orphan()] * lost


def _bare(node: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in node.items() if name != PARENT}


def _orphan() -> PayloadError:
    return PayloadError(PARENT, "the record above this one is not in the file")
