"""What the fake store answers: JSON as PHP writes it, and WordPress's errors in its own words."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

#: A JSON object.
Row = dict[str, Any]

JSON: Final = "application/json; charset=UTF-8"
HTML: Final = "text/html; charset=UTF-8"
#: What every answer of WordPress's REST API says.
HEADERS: Final[Mapping[str, str]] = {
    "X-Robots-Tag": "noindex",
    "X-Content-Type-Options": "nosniff",
    "Access-Control-Expose-Headers": "X-WP-Total, X-WP-TotalPages, Link",
    "Cache-Control": "no-cache, must-revalidate, max-age=0, no-store, private",
}


class WpError(Exception):
    """An answer that is not 2xx: `{"code", "message", "data": {"status"}}`.

    Args:
        status: the HTTP status.
        code: WordPress's word for the kind of fault.
        message: its sentence.
        more: what `data` holds beside the status.
    """

    def __init__(self, status: int, code: str, message: str, more: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.more = dict(more or {})

    def body(self) -> Row:
        """Return the JSON body."""
        return {"code": self.code, "message": str(self), "data": {"status": self.status, **self.more}}


@dataclass(slots=True)
class Answer:
    """One answer before it is written.

    Args:
        body: JSON, or the raw bytes where something else is answered.
        status: the HTTP status.
        headers: those beyond `HEADERS`.
        content_type: what the body is.
    """

    body: Any
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = JSON

    def encoded(self) -> bytes:
        """Return the body's bytes."""
        return self.body if isinstance(self.body, bytes) else encode(self.body)


def encode(value: Any) -> bytes:
    r"""Return JSON as `wp_json_encode` writes it: ASCII only, with `\/` for a slash."""
    return json.dumps(value, separators=(",", ":")).replace("/", "\\/").encode()


def page(title: str, text: str, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    """Return a page for people where a program expected JSON."""
    body = (
        f"<!DOCTYPE html>\n<html><head><title>{title}</title></head><body><h1>{title}</h1><p>{text}</p></body></html>"
    )
    return Answer(body.encode(), status, dict(headers or {}), HTML)


def cannot(verb: str, text: str, *, logged_in: bool) -> WpError:
    """Return the refusal of something the caller may not do: 403 for a known user, 401 for nobody."""
    return WpError(403 if logged_in else 401, f"woocommerce_rest_cannot_{verb}", f"Sorry, {text}")


def no_route() -> WpError:
    """Return the 404 of a path that does not exist."""
    return WpError(404, "rest_no_route", "No route was found matching the URL and request method.")
