"""A record that is several: one for each entry of the list that `explode` names."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256

from customer_sync.custom.form import Resource
from customer_sync.custom.paths import Way, follow
from customer_sync.kit.fields import ABSENT, Node
from customer_sync.model import Json


@dataclass(frozen=True, slots=True)
class Entry(Node):
    """A record that is one entry of a list in another; the entry stands in the place of the list.

    Args:
        state: what tells one state of it from another.
    """

    state: str = ""


def exploded(resource: Resource, node: Node) -> Iterator[Node]:
    """Yield a record, or one for each entry of the list that `explode` names.

    Raises:
        PayloadError: `explode` does not fit it.
    """
    way = next((one.explode.all[0].way for one in resource.transform if one.explode is not None), None)
    if way is None:
        yield node
        return
    rows = follow(dict(node.body), way)
    single = [] if rows is ABSENT or rows is None else [rows]
    # the whole is gone through once, and not for each entry
    whole, at = _digest(dict(node.body)), f"{node.at}.{'.'.join(map(str, way))}"
    for index, entry in enumerate(rows if isinstance(rows, list) else single):
        state = f"{whole}|{_digest(entry)}"
        yield Entry(_with(dict(node.body), way, entry), f"{at}[{index}]", node.notes, state)


def state_of(node: Node) -> str:
    """Return what tells one state of a record from another."""
    return node.state if isinstance(node, Entry) else _written(dict(node.body))


def _written(value: Json) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=True)


def _digest(value: Json) -> str:
    return sha256(_written(value).encode()).hexdigest()


def _with(value: Json, way: Way, entry: Json) -> dict[str, Json]:
    """Return a table with another value at the end of a way; what stands beside the way stays."""
    table, key, rest = value if isinstance(value, dict) else {}, str(way[0]), way[1:]
    return {**table, key: _with(table.get(key), rest, entry) if rest else entry}
