"""Brevo's rate limits: a window per second and a window per hour for each bucket, by plan.

Read 2026-08 from developers.brevo.com/docs/api-limits; the headers from its page on limit headers. `reset` is the
number of seconds left, not a time, and there is no `Retry-After`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

#: What one bucket allows: calls in a second, calls in an hour. None is no limit.
Allowance = tuple[int | None, int | None]

#: plan → bucket → allowance. Where only one of the two is published, the other is absent here too.
PLANS: Final[Mapping[str, Mapping[str, Allowance]]] = {
    "none": {},
    "general": {
        "contacts": (10, 36_000),
        "events": (10, 36_000),
        "orders": (5, 18_000),
        "products": (2, 7_200),
        "mail": (1_000, 3_600_000),
        "mail_list": (2, 7_200),
        "smtp": (None, 300),
        "other": (None, 100),
    },
    "advanced": {
        "contacts": (20, 72_000),
        "events": (20, 72_000),
        "orders": (10, 36_000),
        "products": (4, 14_400),
        "mail": (2_000, 7_200_000),
        "mail_list": (3, 10_800),
        "smtp": (None, 600),
        "other": (None, 200),
    },
    "extended": {
        "contacts": (60, None),
        "events": (60, None),
        "orders": (15, None),
        "products": (None, 21_600),
        "mail": (6_000, None),
        "mail_list": (None, 18_000),
        "smtp": (None, 1_800),
        "other": (None, 600),
    },
}
#: (method, path below /v3) → bucket, for the paths that are named; see `bucket_of` for the rest.
_NAMED: Final[Mapping[tuple[str, str], str]] = {
    ("POST", "/events"): "events",
    ("POST", "/orders/status"): "orders",
    ("POST", "/products"): "products",
    ("POST", "/smtp/email"): "mail",
    ("GET", "/smtp/blockedContacts"): "mail",
    ("GET", "/smtp/emails"): "mail_list",
}


def bucket_of(method: str, path: str, *, batches_as_parents: bool = False) -> str:
    """Return the bucket a call is counted in. What the limits page does not name is in `other`.

    Args:
        method: the verb.
        path: the path below /v3.
        batches_as_parents: whether batch routes are counted with their single calls.
    """
    if path == "/contacts" or path.startswith("/contacts/"):
        return "contacts"
    named = _NAMED.get((method, path.removesuffix("/batch") if batches_as_parents else path))
    if named:
        return named
    return "smtp" if path.startswith("/smtp/") else "other"


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a bucket stands after a call: what the three headers say."""

    limit: int
    remaining: int
    reset_s: int
    is_refused: bool = False

    def headers(self) -> dict[str, str]:
        """Return the headers."""
        return {
            "x-sib-ratelimit-limit": str(self.limit),
            "x-sib-ratelimit-remaining": str(self.remaining),
            "x-sib-ratelimit-reset": str(self.reset_s),
        }


class _Window:
    """Calls counted in whole seconds or whole hours of the server's clock."""

    def __init__(self, limit: int, length_s: int) -> None:
        self.limit = limit
        self.length_s = length_s
        self.number = 0
        self.used = 0

    def turn(self, now: float) -> None:
        number = int(now // self.length_s)
        if number != self.number:
            self.number, self.used = number, 0

    def standing(self, now: float, *, is_refused: bool = False) -> Standing:
        left_s = (self.number + 1) * self.length_s - now
        return Standing(self.limit, max(self.limit - self.used, 0), max(1, -int(-left_s // 1)), is_refused)


class Limits:
    """The windows of one account. The caller holds the sandbox's lock.

    Args:
        plan: `none`, `general`, `advanced` or `extended`.
        clock: seconds since 1970.
    """

    def __init__(self, plan: str, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.choose(plan)

    def choose(self, plan: str, overrides: Mapping[str, Allowance] | None = None) -> None:
        """Start afresh with a plan, single buckets replaced.

        Raises:
            KeyError: there is no such plan.
        """
        self.plan = plan
        self._windows: dict[str, tuple[_Window, ...]] = {}
        for bucket, (second, hour) in {**PLANS[plan], **(overrides or {})}.items():
            pairs = ((second, 1), (hour, 3600))
            self._windows[bucket] = tuple(_Window(limit, length) for limit, length in pairs if limit is not None)

    def count(self, bucket: str) -> Standing | None:
        """Count one call; None when the bucket has no limit. A refused call is not counted.

        Of two windows the one nearer to exhaustion is told.
        """
        windows = self._windows.get(bucket)
        if not windows:
            return None
        now = self._clock()
        for window in windows:
            window.turn(now)
        for window in reversed(windows):
            if window.used >= window.limit:
                return window.standing(now, is_refused=True)
        for window in windows:
            window.used += 1
        return min(windows, key=lambda one: (one.limit - one.used) / one.limit).standing(now)
