"""The one HTTP client for everything that goes out: `requests`, a session per destination, redirects off."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Mapping
from typing import Final, NamedTuple
from urllib.parse import urlsplit

import requests
import urllib3
from requests.structures import CaseInsensitiveDict

from customer_sync import __version__
from customer_sync.errors import ConfigError, PayloadError, Unavailable
from customer_sync.kit.answer import Allowance
from customer_sync.kit.proxies import Proxies, proxies_of_environment
from customer_sync.kit.transport import DestinationSession, PrivateAddress, Terms, Timeout, TooLarge
from customer_sync.model import Json

TIMEOUT: Final = Timeout(connect_s=3.0, silence_s=10.0, answer_s=60.0)
#: No answer is larger, unpacked. The largest real ones are pages of a few hundred records, below 10 MB.
MAX_BYTES: Final = 32 * 1024 * 1024
#: The same for a file. The largest piece of one that is asked for is 32 MB, but a server may give the whole file.
MAX_FILE_BYTES: Final = 128 * 1024 * 1024
#: How fast a file must come, in bytes a second (2 Mbit/s): the largest is there, or given up, after ten minutes.
FILE_BYTES_PER_S: Final = 256 * 1024
#: What is raised before there is a connection.
_BEFORE: Final = (urllib3.exceptions.NewConnectionError, urllib3.exceptions.ConnectTimeoutError)
#: What `http.client` says where a proxy refuses to connect.
_NO_TUNNEL: Final = "Tunnel connection failed"
#: Methods whose requests without a body say nothing of its length.
_NO_BODY: Final = frozenset({"GET", "HEAD"})
_LINE: Final = re.compile("[\t -~\xa0-\xff]*")
USER_AGENT = f"TajoCustomerSync/{__version__}"


class Unreached(Unavailable):
    """No connection was made, so the destination certainly has not got the request."""


class NotPublic(Unreached):
    """The host has an address that is not public, and may not have one: no connection was made."""


class UnfitHeader(ConfigError):
    """A header holds what none may: nearly always a key that was copied with a line break, or cut with an ellipsis."""


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
    """Sessions, one for each destination, with their connections. Safe to share between threads.

    Args:
        connections: how many connections to one destination are kept.
        timeout: how long a destination is waited for.
        max_bytes: how large an answer may be, unpacked.
        private: the hosts that may be at an address that is not public; None: all may.
        proxies: how destinations are reached; None: as the environment said when the process first asked.

    Raises:
        ConfigError: the environment names a proxy that is none.
    """

    def __init__(
        self,
        *,
        connections: int = 16,
        timeout: Timeout = TIMEOUT,
        max_bytes: int = MAX_BYTES,
        private: frozenset[str] | None = None,
        proxies: Proxies | None = None,
    ) -> None:
        self._terms = Terms(timeout, max_bytes, connections)
        self._file = Allowance(timeout.answer_s, max(max_bytes, MAX_FILE_BYTES), FILE_BYTES_PER_S)
        self._private = private
        self._proxies = proxies_of_environment() if proxies is None else proxies
        self._sessions: dict[tuple[str, str], DestinationSession] = {}
        self._lock = threading.Lock()

    def send(
        self, method: str, url: str, *, headers: Mapping[str, str], body: bytes | None = None, is_file: bool = False
    ) -> Reply:
        """Send one request and return the answer, whatever its status.

        Args:
            method: the HTTP verb.
            url: where to.
            headers: beside our name.
            body: the raw body.
            is_file: whether the answer is a file: it may be larger, and take longer as long as it comes fast enough.

        Raises:
            Unavailable: no answer came: refused, reset, timed out, not resolved, bad certificate, too large;
                `Unreached` where the destination has certainly not got the request, `NotPublic` where its address
                is refused.
            UnfitHeader: nothing was sent.
        """
        bad = next((name for name, value in headers.items() if not is_line(value)), None)
        if bad is not None:
            raise UnfitHeader(
                f"What is sent to {_host(url)} in {bad} holds a line break, or a character that no header may have.",
                "Set that key anew, in one line.",
            )
        try:
            answer = self._session(url).exchange(_prepared(method, url, headers, body), self._file if is_file else None)
        except (requests.RequestException, urllib3.exceptions.HTTPError, ValueError) as error:
            raise _failure(url, error) from error
        return Reply(answer.status_code, dict(answer.headers.lower_items()), answer.content)

    def close(self) -> None:
        """Close every connection."""
        with self._lock:
            for session in self._sessions.values():
                session.close()
            self._sessions.clear()

    def _session(self, url: str) -> DestinationSession:
        parts = urlsplit(url)
        key = (parts.scheme, parts.netloc)
        return self._sessions.get(key) or self._open(key)

    def _open(self, key: tuple[str, str]) -> DestinationSession:
        origin = f"{key[0]}://{key[1].rpartition('@')[2]}"
        host = urlsplit(origin).hostname
        is_guarded = self._private is not None and host not in self._private
        terms = self._terms._replace(is_guarded=is_guarded, proxy=self._proxies.choose(origin))
        with self._lock:
            if key not in self._sessions:
                self._sessions[key] = DestinationSession(origin, terms)
            return self._sessions[key]


def is_line(text: str) -> bool:
    """Tell whether a text may stand in a header: one line, without control characters (RFC 9110, 5.5)."""
    return _LINE.fullmatch(text) is not None


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _prepared(method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> requests.PreparedRequest:
    request = requests.PreparedRequest()
    request.method, request.url = method, url  # urllib3 quotes what is left to quote
    request.headers = CaseInsensitiveDict({"User-Agent": USER_AGENT, **headers})
    request.body = body or None
    if body or method not in _NO_BODY:
        request.headers["Content-Length"] = str(len(body or b""))
    return request


def _failure(url: str, error: Exception) -> Unavailable:
    cause = _cause(error)
    try:
        host = urlsplit(url).hostname
    except ValueError:
        return Unreached("what was to be called is no address")
    if isinstance(cause, TooLarge):
        return Unavailable(f"{host} sent an answer of {cause}")
    if isinstance(cause, PrivateAddress):
        return NotPublic(f"{host} has an address that is not public")
    kind = Unreached if isinstance(cause, _BEFORE) or str(cause).startswith(_NO_TUNNEL) else Unavailable
    return kind(f"{host} did not answer: {type(cause).__name__}")


def _cause(error: Exception) -> BaseException:
    """Return what `requests` and urllib3 wrapped: their own words are for all that may happen."""
    inner = error.args[0] if error.args else None
    reason = getattr(inner, "reason", inner)
    if isinstance(reason, urllib3.exceptions.ProxyError):  # said of whatever fails by a proxy, a lost answer too
        reason = reason.original_error
    return reason if isinstance(reason, Exception) else error
