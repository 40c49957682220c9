"""One call to an address, for webhooks and for the files of imports, with nothing loaded that would slow the start."""

from __future__ import annotations

import http.client
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

_KINDS: Mapping[str, type[http.client.HTTPConnection]] = {
    "http": http.client.HTTPConnection,
    "https": http.client.HTTPSConnection,
}


class Answered(NamedTuple):
    """What came back."""

    status: int
    body: bytes


def call(
    method: str, url: str, *, timeout_s: float, headers: Mapping[str, str] | None = None, body: bytes | None = None
) -> Answered:
    """Make one call over a connection of its own and return the answer, whatever its status.

    Raises:
        OSError: no answer came.
    """
    try:
        parts = urlsplit(url)
        connection = _KINDS[parts.scheme](parts.hostname or "", parts.port, timeout=timeout_s)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    except (KeyError, ValueError) as error:
        raise OSError("this is no address of the web") from error
    try:
        connection.request(method, target, body, dict(headers or {}))
        answer = connection.getresponse()
        return Answered(answer.status, answer.read())
    except (http.client.HTTPException, ValueError) as error:
        raise OSError(f"no answer: {type(error).__name__}") from error
    finally:
        connection.close()
