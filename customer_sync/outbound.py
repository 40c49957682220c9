"""The one HTTP client for everything that goes out: pooled, always with a timeout, redirects off, secrets masked."""

from __future__ import annotations

import ipaddress
import json
import socket
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

import urllib3

from customer_sync import __version__
from customer_sync.errors import PayloadError, Unavailable
from customer_sync.model import Json

#: How long a connection may take and how long an answer may take, in seconds.
TIMEOUT = urllib3.Timeout(connect=3.0, read=10.0)
USER_AGENT = f"TajoCustomerSync/{__version__}"


class Reply(NamedTuple):
    """What came back: status, headers by lower-case name, raw body."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Json:
        """Return the body as JSON, None when it is empty.

        Raises:
            PayloadError: at `$` when it is not JSON (an HTML page of a proxy, say).
        """
        if not self.body:
            return None
        try:
            value: Json = json.loads(self.body)
        except ValueError as error:
            raise PayloadError("$", "the answer is not JSON") from error
        return value


class HttpClient:
    """A connection pool. Safe to share between threads; one per process is enough.

    Args:
        connections: how many connections to one host are kept.
        timeout: connect and read limits, in seconds.
    """

    def __init__(self, *, connections: int = 16, timeout: urllib3.Timeout = TIMEOUT) -> None:
        self._pool = urllib3.PoolManager(maxsize=connections, timeout=timeout, retries=False, block=False)

    def send(self, method: str, url: str, *, headers: Mapping[str, str], body: bytes | None = None) -> Reply:
        """Send one request and return the answer, whatever its status.

        Raises:
            Unavailable: no answer came: refused, reset, timed out, not resolved, bad certificate.
        """
        try:
            answer = self._pool.request(
                method, url, headers={"User-Agent": USER_AGENT, **headers}, body=body, redirect=False
            )
        except urllib3.exceptions.HTTPError as error:
            raise Unavailable(f"{urlsplit(url).hostname} did not answer: {type(error).__name__}") from error
        return Reply(answer.status, {name.lower(): value for name, value in answer.headers.items()}, answer.data)

    def close(self) -> None:
        """Close every connection."""
        self._pool.clear()


def is_private(host: str) -> bool:
    """Tell whether a host name leads to an address that is not public (loopback, private, link-local, reserved)."""
    try:
        found = socket.getaddrinfo(host, None, proto=socket.IPPROTO_TCP)
    except OSError:
        return True
    return any(not ipaddress.ip_address(str(entry[4][0])).is_global for entry in found)
