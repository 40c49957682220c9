"""Posts from the store to a receiver: HTTP/1.0, no redirect followed, and to this machine only."""

from __future__ import annotations

import http.client
import ipaddress
from collections.abc import Mapping
from urllib.parse import urlsplit


class _Http10(http.client.HTTPConnection):
    """A connection that speaks the old protocol, as WordPress does."""

    _http_vsn = 10
    _http_vsn_str = "HTTP/1.0"


def is_loopback(url: str) -> bool:
    """Tell whether an address is of this machine."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def post(url: str, body: bytes, headers: Mapping[str, str], timeout_s: float) -> int:
    """Post and return the status; 0 when there was no answer, or the address is not of this machine."""
    address = urlsplit(url)
    if address.scheme != "http" or not is_loopback(url):
        return 0
    target = (address.path or "/") + (f"?{address.query}" if address.query else "")
    try:
        connection = _Http10(address.hostname or "", address.port or 80, timeout=timeout_s)
        try:
            connection.request("POST", target, body, dict(headers))
            answer = connection.getresponse()
            answer.read()
        finally:
            connection.close()
    except (OSError, http.client.HTTPException, ValueError):
        return 0
    return answer.status
