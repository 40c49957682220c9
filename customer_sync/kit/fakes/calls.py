"""A stand-in's memory of who called what, for tests to look at."""

from __future__ import annotations

import re
from collections import Counter, deque
from typing import Final

from customer_sync.kit.fakes.answers import Row

#: How many calls are remembered one by one.
KEPT: Final = 5_000
_NUMBER = re.compile(r"/\d+")
_SECRET: Final = re.compile("secret|signature|token|password", re.IGNORECASE)


class Calls:
    """Counts and the newest calls. The caller holds the stand-in's lock."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Start counting afresh."""
        self.operations: Counter[str] = Counter()
        self._totals: Counter[tuple[str, str, int]] = Counter()
        self._shown_by: Counter[str] = Counter()
        self._newest: deque[Row] = deque(maxlen=KEPT)
        self._second, self._in_second, self._most = 0, 0, 0

    def arrive(self, at_s: float) -> int:
        """Count a call and return how many there were in this second."""
        second = int(at_s)
        self._in_second = self._in_second + 1 if second == self._second else 1
        self._second = second
        self._most = max(self._most, self._in_second)
        return self._in_second

    def add(self, call: Row) -> None:
        """Note a call that was answered.

        Args:
            call: `at`, `method`, `path`, `query`, `auth` (how the caller showed who calls), `operations` and `status`,
                0 when the connection was broken off.
        """
        self.operations.update(call["operations"])
        self._totals[call["method"], _NUMBER.sub("/{id}", call["path"]), call["status"]] += 1
        self._shown_by[call["auth"]] += 1
        query = {name: "..." if _SECRET.search(name) else value for name, value in call["query"].items()}
        self._newest.append({**call, "query": query})

    def summary(self, limit: int) -> Row:
        """Return the counts, and the newest calls first."""
        totals = [
            {"method": method, "path": path, "status": status, "calls": count}
            for (method, path, status), count in sorted(self._totals.items())
        ]
        told = {"total": self._totals.total(), "maxInOneSecond": self._most, "auth": dict(self._shown_by)}
        return {**told, "totals": totals, "calls": list(self._newest)[::-1][:limit]}
