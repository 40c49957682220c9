"""Fault switches: what can go wrong between a client and Brevo, on demand.

A fault is set by `POST /sandbox/faults` with a `kind`, ends after `count` matching calls or `seconds` (or when it is
cleared), and may be narrowed by `method` and `path`. What each kind does is in `KINDS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Final

from customer_sync.model import Json
from customer_sync.sandbox.answers import Row

#: kind → what it does and which options it takes.
KINDS: Final[Mapping[str, str]] = {
    "down": "the connection breaks off before anything happens; `mode: 503` answers 503 instead",
    "slow": "the call waits `delay_s` seconds first, 1 when not given",
    "html_524": "Cloudflare's time-out page instead of JSON",
    "html_error": "an error whose body is HTML; `status` 500 when not given",
    "empty_error": "an error without a body; `status` 500 when not given",
    "unknown_ip": "401: the address is not on the account's list",
    "wrong_key": "401: Key not found",
    "restricted_key": "403: the key has no permission for the resource; `resource` (as `contacts`) narrows it",
    "read_only_key": "403 for everything but GET; `resource` narrows it",
    "no_delete_key": "403 for DELETE, as with a key for reading and writing; `resource` narrows it",
    "no_imports": "403 for `POST /contacts/import`: the plan has no imports",
    "storm": "429; `headers` is `present`, `absent` or `wrong`, `reset_s` the seconds told; `reset` says something odd "
    "instead: `epoch`, `huge`, `negative`, `text` or `empty`",
    "busy": "425: the contact is being processed",
    "partial": "the first `events` of a batch of events fail, 1 when not given: 207",
    "import_fails": "imports end as failed",
    "reset_after_commit": "the call is carried out, then the connection breaks off",
    "code_drift": "duplicate_parameter comes as `code`, invalid_parameter when not given",
    "stripped_headers": "no rate limit headers",
    "drip": "the call is carried out, and the answer comes byte by byte, one each `every_s` seconds, 1 when not given",
    "endless": "the call is carried out, and the answer is `megabytes` of blanks, 1024 when not given: no end",
    "gzip_bomb": "the call is carried out, and the answer is small, but unpacks to `megabytes`, 1024 when not given",
}
#: The order in which the stages of one call look for their faults.
BEFORE_KEY: Final = ("down", "slow", "html_524")
AT_KEY: Final = ("unknown_ip", "wrong_key")
AT_LIMIT: Final = ("storm",)
BEFORE_BODY: Final = (
    *("restricted_key", "read_only_key", "no_delete_key", "no_imports"),
    *("html_error", "empty_error", "busy"),
)
AFTERWARDS: Final = ("reset_after_commit", "code_drift", "stripped_headers", "drip", "endless", "gzip_bomb")
#: Faults that strike certain verbs only → those that they let pass.
_PASSES: Final[Mapping[str, tuple[str, ...]]] = {
    "read_only_key": ("GET",),
    "no_delete_key": ("GET", "POST", "PUT", "PATCH"),
}
#: Faults that concern certain calls only → verb and path.
_CALLS: Final[Mapping[str, tuple[str, str]]] = {"no_imports": ("POST", "/contacts/import")}


@dataclass(slots=True)
class Fault:
    """One switch that is on.

    Args:
        id: its number.
        kind: what happens, one of `KINDS`.
        method: only for this verb; "" for all.
        path: only for paths below /v3 that fit this shell pattern.
        count: calls left; None has no end.
        until: the end, seconds since 1970; None has no end.
        options: what the kind takes.
        hits: how often it struck.
    """

    id: int
    kind: str
    method: str
    path: str
    count: int | None
    until: float | None
    options: Row = field(default_factory=dict)
    hits: int = 0

    def fits(self, kinds: tuple[str, ...], method: str, path: str) -> bool:
        """Return whether this fault concerns a call."""
        if self.kind not in kinds or self.method not in ("", method) or method in _PASSES.get(self.kind, ()):
            return False
        wanted = self.options.get("resource")
        if wanted and path.strip("/").partition("/")[0] != wanted:
            return False
        return fnmatchcase(path, self.path)

    def option(self, name: str, default: float) -> float:
        """Return a number among the options."""
        value = self.options.get(name, default)
        return float(value) if isinstance(value, int | float) else default

    def row(self) -> Row:
        """Return the fault as the control routes show it."""
        ends: Row = {"count": self.count, "until": self.until, "hits": self.hits}
        return {"id": self.id, "kind": self.kind, "method": self.method, "path": self.path, **ends, **self.options}


class Faults:
    """The switches of one sandbox. The caller holds its lock.

    Args:
        clock: seconds since 1970.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._last_id = 0
        self.active: list[Fault] = []

    def add(self, body: Mapping[str, Json]) -> Fault:
        """Switch a fault on.

        Raises:
            ValueError: the kind is not known, or `count` or `seconds` is no number above zero.
        """
        rest = dict(body)
        kind = rest.pop("kind", None)
        if kind not in KINDS:
            raise ValueError(f"kind: one of {', '.join(KINDS)}")
        count, seconds = _above_zero(rest, "count"), _above_zero(rest, "seconds")
        self._last_id += 1
        verb, only = _CALLS.get(str(kind), ("", "*"))
        path = str(rest.pop("path", only)).removeprefix("/v3")
        fault = Fault(
            id=self._last_id,
            kind=str(kind),
            method=str(rest.pop("method", verb)).upper(),
            path=path,
            count=None if count is None else int(count),
            until=None if seconds is None else self._clock() + seconds,
            options=rest,
        )
        self.active.append(fault)
        return fault

    def take(self, kinds: tuple[str, ...], method: str, path: str) -> Fault | None:
        """Return the oldest fault that strikes this call, and count it; None when there is none."""
        if not self.active:
            return None
        now = self._clock()
        self.active = [one for one in self.active if one.until is None or one.until > now]
        for fault in self.active:
            if fault.fits(kinds, method, path):
                fault.hits += 1
                if fault.count is not None:
                    fault.count -= 1
                    if fault.count == 0:
                        self.active.remove(fault)
                return fault
        return None

    def clear(self, fault_id: int | None = None) -> None:
        """Switch one fault off, or all."""
        self.active = [] if fault_id is None else [one for one in self.active if one.id != fault_id]


def _above_zero(body: Row, name: str) -> float | None:
    value = body.pop(name, None)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
        raise ValueError(f"{name}: a number above zero")
    return float(value)
