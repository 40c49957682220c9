"""What a query costs, and the leaky bucket it is paid from.

https://shopify.dev/docs/api/usage/limits: an object costs 1 point, a scalar none, a mutation 10, a connection 2 and
what its nodes cost, times `first`. Before it runs, a query needs its greatest possible cost in the bucket; afterwards
it gets back what it did not use. In 2025 connections were seen to cost much less than that ("scaled": 250 nodes of two
objects for 24 points); which rule holds for a shop cannot be known beforehand.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from customer_sync.demo.stores.shopify.graphql import Execution, Field
from customer_sync.model import Json

#: What a single query may cost, whatever the plan.
MAX_COST: Final = 1_000
MUTATION_COST, CONNECTION_COST = 10, 2
DOCUMENTATION: Final = "https://shopify.dev/api/usage/rate-limits"
#: Fields that group what is counted elsewhere.
_FREE = frozenset(("edges", "pageInfo", "userErrors"))
#: Stands for an answer that is not there yet.
_UNKNOWN: Final = object()


class Bucket:
    """The points an app has left; safe for threads.

    Args:
        size: how many can be saved up.
        restore: how many come back each second.
        clock: seconds, never backwards.
    """

    def __init__(self, size: float, restore: float, clock: Callable[[], float]) -> None:
        self.size, self.restore = size, restore
        self._clock = clock
        self._lock = threading.Lock()
        self._available, self._at = size, clock()

    def take(self, points: float) -> bool:
        """Take points if there are enough."""
        with self._lock:
            self._fill()
            if points > self._available:
                return False
            self._available -= points
            return True

    def give_back(self, points: float) -> None:
        """Return what was not used."""
        with self._lock:
            self._fill()
            self._available = min(self.size, self._available + points)

    def drain(self) -> None:
        """Leave nothing."""
        with self._lock:
            self._fill()
            self._available = 0.0

    def status(self) -> dict[str, Json]:
        """Return `throttleStatus`."""
        with self._lock:
            self._fill()
            available = math.floor(self._available)
        return {"maximumAvailable": self.size, "currentlyAvailable": available, "restoreRate": self.restore}

    def _fill(self) -> None:
        now = self._clock()
        self._available = min(self.size, self._available + max(0.0, now - self._at) * self.restore)
        self._at = now


@dataclass(slots=True)
class Price:
    """What one operation costs.

    Args:
        execution: the operation.
        model: `linear` or `scaled`.
    """

    execution: Execution
    model: str = "linear"

    def requested(self) -> int:
        """Return the most it can cost."""
        return math.ceil(sum(self._top(field) for field in self.execution.top()))

    def actual(self, data: Mapping[str, Any]) -> int:
        """Return what it did cost, by its answer."""
        return math.ceil(sum(self._top(field, data.get(field.key)) for field in self.execution.top()))

    def _top(self, field: Field, found: Any = _UNKNOWN) -> float:
        return MUTATION_COST if self.execution.is_mutation else self._field(field, found)

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
        own = 0.0 if field.name in _FREE else 1.0
        return sum(own + self._all(below, item) for item in items if item)

    def _nodes(self, field: Field, group: Field, found: Any) -> float:
        """Return the cost of what a connection holds, under `nodes` or `edges`."""
        items: Any
        if group.name == "nodes":
            node, items = group, found if found is _UNKNOWN else found[group.key]
        elif group.name == "edges" and (named := [one for one in self._below(group) if one.name == "node"]):
            node = named[0]
            items = found if found is _UNKNOWN else [edge[node.key] for edge in found[group.key]]
        else:
            return 0.0
        below = self._below(node)
        if items is _UNKNOWN:
            size = field.args.get("first", field.args.get("last")) or 1
            return self._many(size) * (1 + self._all(below, _UNKNOWN))
        total = sum(1.0 + self._all(below, item) for item in items)
        return total * self._many(len(items)) / max(1, len(items))

    def _all(self, fields: list[Field], found: Any) -> float:
        return sum(
            self._field(one, found if found is _UNKNOWN else found.get(one.key)) for one in fields if one.selections
        )

    def _below(self, field: Field) -> list[Field]:
        """Return what is asked of a field; of different types, what is asked of customers."""
        return self.execution.fields(field.selections, "Customer")

    def _many(self, count: int) -> float:
        """Return how many times a node of a connection is paid for."""
        return count if self.model == "linear" or count < 1 else 1 + 1.25 * math.log2(count)
