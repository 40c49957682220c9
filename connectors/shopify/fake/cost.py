"""What a query costs.

https://shopify.dev/docs/api/usage/limits: an object costs 1 point, a scalar none, a mutation 10, a connection 2 and
what its nodes cost, times `first`. Before it runs, a query needs its greatest possible cost in the bucket; afterwards
it gets back what it did not use. In 2025 connections were seen to cost much less than that ("scaled": 250 nodes of two
objects for 24 points); which rule holds for a shop cannot be known beforehand.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from connectors.shopify.fake.query import Field, Query

#: What a single query may cost, whatever the plan.
MAX_COST: Final = 1_000
MUTATION_COST, CONNECTION_COST = 10, 2
ABOUT: Final = "https://shopify.dev/api/usage/rate-limits"
#: Stands for an answer that is not there yet.
_UNKNOWN: Final = object()


@dataclass(slots=True)
class Price:
    """What one operation costs.

    Args:
        query: the operation.
        model: `linear` or `scaled`.
    """

    query: Query
    model: str = "linear"

    def requested(self) -> int:
        """Return the most it can cost."""
        return math.ceil(sum(self._top(field, _UNKNOWN) for field in self.query.top()))

    def actual(self, data: Mapping[str, Any] | None) -> int:
        """Return what it did cost, by its answer."""
        return math.ceil(sum(self._top(field, (data or {}).get(field.key)) for field in self.query.top()))

    def _top(self, field: Field, found: Any) -> float:
        return MUTATION_COST if self.query.is_mutation else self._field(field, found)

    def _field(self, field: Field, found: Any) -> float:
        """Return the cost of one field: by `found` where the answer is known, else the greatest that it can be."""
        if not field.selections or found is None:
            return 0.0
        below = self._below(field)
        if any(one.name in ("nodes", "edges") for one in below):
            return CONNECTION_COST + sum(self._nodes(field, one, found) for one in below)
        ids = field.args.get("ids")
        times = len(ids) if isinstance(ids, list) else 1
        items = [found] * times if found is _UNKNOWN else found if isinstance(found, list) else [found]
        return sum(1.0 + self._all(below, item) for item in items if item)

    def _nodes(self, field: Field, group: Field, found: Any) -> float:
        """Return the cost of what a connection holds, under `nodes` or `edges`."""
        node = group
        items: Any = found if found is _UNKNOWN else found.get(group.key)
        if group.name == "edges" and (named := [one for one in self._below(group) if one.name == "node"]):
            node = named[0]
            items = items if items is _UNKNOWN else [edge[node.key] for edge in items]
        elif group.name != "nodes":
            return 0.0
        below = self._below(node)
        if items is _UNKNOWN:
            size = field.args.get("first", field.args.get("last")) or 1
            return self._many(size) * (1 + self._all(below, _UNKNOWN))
        total: float = sum(1.0 + self._all(below, item) for item in items)
        return total * self._many(len(items)) / max(1, len(items))

    def _all(self, fields: list[Field], found: Any) -> float:
        known = found is not _UNKNOWN
        return sum(self._field(one, found.get(one.key) if known else found) for one in fields if one.selections)

    def _below(self, field: Field) -> list[Field]:
        """Return what is asked of a field; of different types, what is asked of customers."""
        return self.query.fields(field.selections, "Customer")

    def _many(self, count: int) -> float:
        """Return how many times a node of a connection is paid for."""
        return count if self.model == "linear" or count < 1 else 1 + 1.25 * math.log2(count)
