"""What goes wrong on request, in the same words at every platform.

A fault is set by `POST /fake/faults` with a `kind`. It strikes `count` fitting calls (1 when not given, null has no
end) after it let `skip` of them pass, and may be narrowed by `method`, by `path` (a shell pattern), by `page` of a
listing and by `operation`, where a platform has operations (fields of a query).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Final, NamedTuple

from customer_sync.kit.fakes.answers import Row

#: Kinds that strike before a call is looked at.
BEFORE: Final[Mapping[str, str]] = {
    "slow": "the call waits `delay_s` seconds first, 1 when not given",
    "broken": "the connection breaks off before anything happens",
    "down": "503 with a page and `Retry-After: retry_after` (1 when not given, null sends none)",
    "storm": "429 with `retry_after` as above",
    "html": "200 with a page for people: a captcha, a maintenance page",
    "firewall": "403 with a page of a firewall",
    "status": "an answer of the platform with `status`",
    "error": "a fault of the platform's own, in its own words",
    "unauthorized": "the token that is shown is refused, and revoked",
    "scope": "the token that is shown may not do this",
}
#: Kinds that strike a listing.
PAGES: Final[Mapping[str, str]] = {
    "repeat_page": "a page that was before comes once more",
    "shrink_page": "the first half of a page; the listing goes on after what is shown",
    "lose_half": "every other entry of a page is left out; the listing goes on as if they were there",
    "short_page": "`drop` entries at the end of a page are left out (1 when not given), as if they were there",
    "empty_page": "a page without entries, though there are more",
    "ignore_filter": "the filter by time of change is not applied",
}
#: Kinds that strike the answer, after the call was done.
AFTER: Final[Mapping[str, str]] = {
    "lost": "the call is done, then the connection breaks off",
    "cut": "the body ends in the middle, or after `size` bytes, as if that were all",
    "torn": "the connection breaks in the middle of the body, or after `size` bytes",
    "junk": "a warning in front of the body",
    "drip": "the body comes `size` bytes (64 when not given) at a time, `delay_s` (0.01 when not given) apart",
}
KINDS: Final = {**BEFORE, **PAGES, **AFTER}
_NUMBERS: Final = ("count", "page")


class Asked(NamedTuple):
    """What a call is about.

    Args:
        method: the verb in capitals.
        path: as faults are narrowed by it.
        operations: the fields of a query, where a platform has such.
    """

    method: str
    path: str
    operations: tuple[str, ...] = ()


@dataclass(slots=True)
class Fault:
    """One fault that is on.

    Args:
        id: its number.
        kind: what happens.
        count: calls left; None has no end.
        skip: how many fitting calls pass before.
        method: only for this verb; "" for all.
        path: only for paths that fit this shell pattern.
        page: only for this page of a listing.
        operation: only for calls of this operation; "" for all.
        options: what the kind takes.
        hits: how often it struck.
    """

    id: int
    kind: str
    count: int | None = 1
    skip: int = 0
    method: str = ""
    path: str = "*"
    page: int | None = None
    operation: str = ""
    options: Row = field(default_factory=dict)
    hits: int = 0

    def fits(self, kinds: Iterable[str], asked: Asked, page: int | None) -> bool:
        """Tell whether it is one of these kinds and concerns this call."""
        return (
            self.kind in kinds
            and self.method in ("", asked.method)
            and fnmatchcase(asked.path, self.path)
            and self.page in (None, page)
            and (not self.operation or self.operation in asked.operations)
        )

    def row(self) -> Row:
        """Return the fault as the control routes show it."""
        names = ("id", "kind", "count", "skip", "method", "path", "page", "operation", "hits")
        return {**{name: getattr(self, name) for name in names}, **self.options}


class Faults:
    """The faults of one stand-in. The caller holds its lock.

    Args:
        strikes: the platform's own kinds that strike a call before it is looked at, each with what it does.
        own: those that strike where the platform itself looks for them.
        path: what is struck where a fault is not narrowed; those of `own` strike wherever they are looked for.
    """

    def __init__(self, strikes: Mapping[str, str], own: Mapping[str, str], path: str = "*") -> None:
        self.kinds = {**KINDS, **strikes, **own}
        self._own, self._path = own, path
        self.active: list[Fault] = []
        self.happened: Counter[str] = Counter()
        self._last = 0

    def add(self, body: Mapping[str, Any]) -> Fault:
        """Switch a fault on.

        Raises:
            ValueError: there is no such kind, or a number is none.
        """
        rest = dict(body)
        if rest.get("kind") not in self.kinds:
            raise ValueError(f"kind: one of {', '.join(self.kinds)}")
        known = {name: rest.pop(name) for name in Fault.__dataclass_fields__ if name in rest and name != "options"}
        for name in _NUMBERS:
            value = known.get(name)
            if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
                raise ValueError(f"{name}: a whole number above zero, or null")
        self._last += 1
        path = "*" if known["kind"] in self._own else self._path
        self.active.append(Fault(**{"path": path, **known, "id": self._last}, options=rest))
        return self.active[-1]

    def take(self, kinds: Iterable[str], asked: Asked, page: int | None = None) -> Fault | None:
        """Return the oldest fault that strikes this call, and count it; None when there is none."""
        for fault in self.active:
            if not fault.fits(kinds, asked, page):
                continue
            if fault.skip:
                fault.skip -= 1
                continue
            fault.hits += 1
            self.happened[fault.kind] += 1
            if fault.count is not None:
                fault.count -= 1
                if not fault.count:
                    self.active.remove(fault)
            return fault
        return None

    def clear(self, number: int | None = None) -> None:
        """Switch one fault off, or all."""
        self.active = [fault for fault in self.active if number is not None and fault.id != number]
