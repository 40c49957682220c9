"""What was called: the newest calls one by one, and totals of all."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from itertools import islice
from typing import NamedTuple

from customer_sync.model import Json
from customer_sync.sandbox import times
from customer_sync.sandbox.answers import Row

#: How many single calls are kept; totals are never cut.
KEPT = 20_000


class Call(NamedTuple):
    """One call.

    Args:
        method: the verb.
        path: the path as called.
        route: the path with its parameters as names; "" when no route fits.
        status: what was answered; 0 when the connection was broken instead.
        at_ms: when the answer was ready.
    """

    method: str
    path: str
    route: str
    status: int
    at_ms: int


class CallLog:
    """The calls of one sandbox. The caller holds its lock.

    Args:
        clock: seconds since 1970.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.clear()

    def clear(self) -> None:
        """Start counting afresh."""
        self._newest: deque[Call] = deque(maxlen=KEPT)
        self._totals: Counter[tuple[str, str, int]] = Counter()
        self._second = 0
        self._in_second = 0
        self.max_in_second = 0

    def add(self, method: str, path: str, route: str, status: int) -> None:
        """Note one call."""
        now = self._clock()
        self._newest.append(Call(method, path, route, status, int(now * 1000)))
        self._totals[method, route, status] += 1
        if int(now) != self._second:
            self._second, self._in_second = int(now), 0
        self._in_second += 1
        self.max_in_second = max(self.max_in_second, self._in_second)

    def totals(self) -> list[tuple[str, str, int, int]]:
        """Return (method, route, status, calls), most calls first."""
        return [(*key, count) for key, count in self._totals.most_common()]

    def summary(self, limit: int) -> Row:
        """Return totals and the newest calls, newest first, as the control routes show them."""
        totals: list[Json] = [
            {"method": method, "route": route, "status": status, "calls": count}
            for method, route, status, count in self.totals()
        ]
        newest: list[Json] = [
            {
                "method": one.method,
                "path": one.path,
                "route": one.route,
                "status": one.status,
                "at": times.iso(one.at_ms),
            }
            for one in islice(reversed(self._newest), limit)
        ]
        return {
            "total": sum(self._totals.values()),
            "refused429": sum(count for (_, _, status), count in self._totals.items() if status == 429),
            "maxInOneSecond": self.max_in_second,
            "totals": totals,
            "calls": newest,
        }
