"""Fault switches: what can go wrong between a client and a WordPress site, on demand.

A fault is set by `POST /fake/faults` with a `kind`; it strikes `count` matching calls (1 when not given, null has no
end) and may be narrowed by `method`, by `path` (a shell pattern such as `/wc/v3/orders*`) and by `page`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Final

from customer_sync.demo.stores.woocommerce.answers import Answer, Row, WpError, page

#: kind → what it does and which options it takes.
KINDS: Final[Mapping[str, str]] = {
    "reset": "the connection breaks off before anything happens",
    "reset_after": "the call is carried out, then the connection breaks off",
    "slow": "the call waits `delay_s` seconds first, 1 when not given",
    "html_page": "200 with a page for people: a captcha, a maintenance page",
    "forbidden": "403 with a page of a firewall",
    "storm": "429 with `Retry-After: retry_after` (1 when not given, null sends none)",
    "down": "503 with a page, and `retry_after` as above",
    "critical": "500: WordPress's own error as JSON",
    "strip_authorization": "the `Authorization` header is lost on the way",
    "ignore_modified": "`modified_after` and `modified_before` are not known",
    "short_page": "`drop` entries of a page are left out, 1 when not given; they count in the totals",
    "empty_page": "a page without entries; the totals stay",
    "repeat_page": "the page before once more",
    "junk": "a PHP warning in front of the JSON",
    "cut": "the body ends in the middle",
}
BEFORE: Final = ("reset", "slow", "html_page", "forbidden", "storm", "down", "critical")
AFTER: Final = ("reset_after", "junk", "cut")


@dataclass(slots=True)
class Fault:
    """One switch that is on.

    Args:
        id: its number.
        kind: what happens, one of `KINDS`.
        method: only for this verb; "" for all.
        path: only for routes that fit this shell pattern.
        page: only for this page of a listing.
        count: calls left; None has no end.
        options: what the kind takes.
        hits: how often it struck.
    """

    id: int
    kind: str
    method: str
    path: str
    page: int | None
    count: int | None
    options: Row = field(default_factory=dict)
    hits: int = 0

    def row(self) -> Row:
        """Return the fault as the control routes show it."""
        narrowed = {"method": self.method, "path": self.path, "page": self.page}
        return {"id": self.id, "kind": self.kind, **narrowed, "count": self.count, "hits": self.hits, **self.options}


class Faults:
    """The switches of one store. The caller holds its lock."""

    def __init__(self) -> None:
        self._last_id = 0
        self.active: list[Fault] = []

    def add(self, body: Mapping[str, Any]) -> Fault:
        """Switch a fault on.

        Raises:
            ValueError: the kind is not known, or a number is none.
        """
        rest = dict(body)
        kind, count, number = rest.pop("kind", None), rest.pop("count", 1), rest.pop("page", None)
        if kind not in KINDS:
            raise ValueError(f"kind: one of {', '.join(KINDS)}")
        for name, value in (("count", count), ("page", number)):
            if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
                raise ValueError(f"{name}: a whole number above zero, or null")
        self._last_id += 1
        method, path = str(rest.pop("method", "")).upper(), str(rest.pop("path", "*"))
        self.active.append(Fault(self._last_id, kind, method, path, number, count, rest))
        return self.active[-1]

    def take(self, kinds: tuple[str, ...], method: str, path: str, number: int | None = None) -> Fault | None:
        """Return the oldest fault that strikes this call, and count it; None when there is none."""
        for fault in self.active:
            if fault.kind not in kinds or fault.method not in ("", method) or not fnmatchcase(path, fault.path):
                continue
            if fault.page not in (None, number):
                continue
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


def answer_of(fault: Fault) -> Answer | None:
    """Return what is answered in the place of everything else; None for a fault that only delays.

    Raises:
        ConnectionResetError: nothing is.
        WpError: 500.
    """
    if fault.kind == "reset":
        raise ConnectionResetError("a fault was set")
    if fault.kind == "critical":
        raise WpError(500, "internal_server_error", "<p>There has been a critical error on this website.</p>")
    retry_after = fault.options.get("retry_after", 1)
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    pages = {
        "html_page": lambda: page("One moment, please...", "Please wait while your request is being verified."),
        "forbidden": lambda: page("403 Forbidden", "Your request was blocked.", 403),
        "storm": lambda: page("429 Too Many Requests", "Slow down.", 429, headers),
        "down": lambda: page("503 Service Unavailable", "Briefly unavailable for maintenance.", 503, headers),
    }
    return pages[fault.kind]() if fault.kind in pages else None


def spoil(fault: Fault, body: bytes) -> bytes:
    """Return an answer's body as the fault leaves it.

    Raises:
        ConnectionResetError: nothing is left.
    """
    if fault.kind == "reset_after":
        raise ConnectionResetError("a fault was set")
    if fault.kind == "cut":
        return body[: len(body) // 2]
    return b"<br />\n<b>Warning</b>:  Undefined array key in <b>plugin.php</b> on line <b>12</b><br />\n" + body
