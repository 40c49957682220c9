"""How WordPress writes: JSON as PHP does it, errors in its own words, times that never say whose they are."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from flask import Response

from customer_sync.kit.fakes.answers import Row
from customer_sync.kit.fakes.clock import iso

JSON: Final = "application/json; charset=UTF-8"
#: What every answer of the REST API says.
HEADERS: Final[Mapping[str, str]] = {
    "X-Robots-Tag": "noindex",
    "X-Content-Type-Options": "nosniff",
    "Access-Control-Expose-Headers": "X-WP-Total, X-WP-TotalPages, Link",
    "Cache-Control": "no-cache, must-revalidate, max-age=0, no-store, private",
}
#: What is taken for a time: https://developer.wordpress.org/reference/functions/rest_parse_date/
TIME: Final = re.compile(
    r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(?:\.\d+)?(?P<zone>[Zz]|[+-]\d{2}(?::\d{2})?)?", re.ASCII
)
_FORM: Final = "%Y-%m-%dT%H:%M:%S"


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
        self.status, self.code, self.more = status, code, dict(more or {})

    def body(self) -> Row:
        """Return the JSON body."""
        return {"code": self.code, "message": str(self), "data": {"status": self.status, **self.more}}


def cannot(verb: str, text: str, *, logged_in: bool) -> WpError:
    """Return the refusal of something the caller may not do: 403 for a known user, 401 for nobody."""
    return WpError(403 if logged_in else 401, f"woocommerce_rest_cannot_{verb}", f"Sorry, {text}")


def no_route() -> WpError:
    """Return the 404 of a path that does not exist."""
    return WpError(404, "rest_no_route", "No route was found matching the URL and request method.")


def encode(value: Any) -> bytes:
    r"""Return JSON as `wp_json_encode` writes it: ASCII only, with `\/` for a slash."""
    return json.dumps(value, separators=(",", ":")).replace("/", "\\/").encode()


def answer(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return an answer of the REST API."""
    return Response(encode(body), status, {**HEADERS, **(headers or {})}, content_type=JSON)


def both(name: str, at_s: float | None, offset_s: float) -> dict[str, str | None]:
    """Return a time twice: of the site's zone, and as `..._gmt`; both None when there is none."""
    if at_s is None:
        return {name: None, f"{name}_gmt": None}
    return {name: iso(at_s + offset_s), f"{name}_gmt": iso(at_s)}


def shift(text: str, offset_s: float) -> str:
    """Return a time of the form of `iso`, moved."""
    return (datetime.fromisoformat(text) + timedelta(seconds=offset_s)).strftime(_FORM)


def bound(text: str, offset_s: float, *, is_gmt: bool) -> str:
    """Return the UTC time that a filter such as `modified_after` is compared with.

    A time without a zone is of the site, or with `dates_are_gmt` of UTC. A time *with* a zone goes wrong in the latter
    case: WordPress turns it into the site's own time and then compares that with the UTC column (read in
    WP_Date_Query::build_mysql_datetime, 2026-11).
    """
    at = datetime.fromisoformat(text.upper().replace(" ", "T"))
    if at.tzinfo is None:
        return (at if is_gmt else at - timedelta(seconds=offset_s)).strftime(_FORM)
    at = at.astimezone(UTC)
    return (at + timedelta(seconds=offset_s) if is_gmt else at).strftime(_FORM)


def money(cents: int) -> str:
    """Return an amount as WooCommerce writes it: a text with a dot."""
    sign = "-" if cents < 0 else ""
    return f"{sign}{abs(cents) // 100}.{abs(cents) % 100:02d}"


def cents_of(amount: Any) -> int:
    """Return the cents of an amount as WooCommerce writes it."""
    return round(float(str(amount)) * 100)


def php_number(value: float) -> int | float:
    """Return an amount as PHP writes a number: cents at most, a whole one without the point."""
    value = round(value, 2)
    return int(value) if value == int(value) else value
