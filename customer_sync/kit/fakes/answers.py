"""How a stand-in answers: JSON, a page for people where a program expected JSON, or not at all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import orjson
from flask import Response

#: A JSON object.
Row = dict[str, Any]
JSON: Final = "application/json"
HTML: Final = "text/html; charset=UTF-8"


class Broken(ConnectionResetError):
    """The connection ends without an answer."""


class BadRequest(Exception):
    """A control route cannot read what it was sent; the text says what it takes."""


def reply(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return an answer in JSON."""
    return Response(orjson.dumps(body), status, dict(headers or {}), content_type=JSON)


def page(title: str, text: str, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return a page for people."""
    body = (
        f"<!DOCTYPE html>\n<html><head><title>{title}</title></head><body><h1>{title}</h1><p>{text}</p></body></html>"
    )
    return Response(body, status, dict(headers or {}), content_type=HTML)


def broken() -> Response:
    """Return an answer that the client sees break off: its head promises a byte that never comes.

    The server may have sent the head by then, so it is one that nobody takes for a success.
    """
    return Response(_nothing(), 520, {"Content-Length": "1"}, direct_passthrough=True)


def _nothing() -> Iterator[bytes]:
    for _ in (0,):
        raise Broken
    yield b""
