"""How a request travels: the adapter below `requests`, with a deadline, a size limit and a guard of addresses.

The deadline is for an answer as a whole: a peer that sends a byte now and then is cut as one that is silent. What is
larger than allowed is refused before it is read, or unpacked, to its end. The guard refuses addresses that are not
public, and connects to exactly the address that it looked at, whatever the name answers next.
"""

from __future__ import annotations

import http.client
import ipaddress
import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, lru_cache, partial
from typing import Any, Final, NamedTuple, cast

import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict
from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import NewConnectionError

from customer_sync.kit.answer import Allowance, Answer

#: How much of an answer is read, and unpacked, at a time, in bytes.
PIECE_BYTES: Final = 64 * 1024
#: IPv6 networks whose addresses hold one of IPv4 in their last 32 bits (RFC 6052, RFC 4291).
_HOLD_IPV4: Final = tuple(map(ipaddress.IPv6Network, ("64:ff9b::/96", "::ffff:0:0/96", "::/96")))
#: What is not public, beside what `ipaddress` says: that depends on the version of Python. From the registries of IANA,
#: https://www.iana.org/assignments/iana-ipv4-special-registry and .../iana-ipv6-special-registry, whole; and where
#: clouds tell machines of themselves.
_NOT_PUBLIC: Final = tuple(
    map(
        ipaddress.ip_network,
        (
            *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
            *("192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24"),
            *("203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
            *("64:ff9b:1::/48", "100::/64", "100:0:0:1::/64", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"),
            *("5f00::/16", "fc00::/7", "fe80::/10", "ff00::/8"),
            "fec0::/10",  # RFC 3879: once for sites
            "::ffff:0:0:0/96",  # RFC 2765: IPv4, translated
            "168.63.129.16/32",  # Azure
        ),
    )
)


class Timeout(NamedTuple):
    """How long a peer is waited for, in seconds.

    Args:
        connect_s: until there is a connection, and for each piece that is sent.
        silence_s: until the next byte of the answer.
        answer_s: until the end of the answer, from the end of the request; of a file see `Allowance`.
    """

    connect_s: float
    silence_s: float
    answer_s: float


class Terms(NamedTuple):
    """What holds for every exchange with one destination.

    Args:
        timeout: how long the peer is waited for.
        max_bytes: how large an answer may be, unpacked.
        connections: how many are kept open.
        is_guarded: whether addresses that are not public are refused.
        proxy: the address of the proxy; None: there is none.
    """

    timeout: Timeout
    max_bytes: int
    connections: int
    is_guarded: bool = False
    proxy: str | None = None


class TooLarge(requests.RequestException):
    """An answer is larger than allowed."""


class PrivateAddress(NewConnectionError):
    """A host has an address that is not public, so no connection was made."""


class DestinationSession(requests.Session):
    """The session of one destination: it takes nothing from the environment, keeps no cookie, follows no redirect.

    Args:
        origin: scheme, host and port, as `https://api.example.com`.
        terms: what holds for every exchange.

    Raises:
        PrivateAddress: the host is a literal address that is refused.
    """

    def __init__(self, origin: str, terms: Terms) -> None:
        super().__init__()
        self.trust_env = False
        self.adapters.clear()
        self._transport = Transport(origin, terms)
        self.mount("", self._transport)

    def exchange(self, request: requests.PreparedRequest, allowed: Allowance | None = None) -> requests.Response:
        """Send a request and return its answer, whatever its status.

        Args:
            request: what is sent.
            allowed: what its answer may take; None: as the terms say.

        Raises:
            requests.RequestException: as `Transport.send`.
        """
        if allowed is None:
            return self.send(request)
        with self._transport.allowing(allowed):
            return self.send(request)

    def send(self, request: requests.PreparedRequest, **_: Any) -> requests.Response:
        """Send a request by the one transport, and nothing else: a session looks at hooks, cookies and redirects."""
        return self._transport.send(request)


class Transport(HTTPAdapter):
    """The adapter of one destination: one pool, made once.

    Args:
        origin: scheme, host and port.
        terms: what holds for every exchange.

    Raises:
        PrivateAddress: as `DestinationSession`.
    """

    def __init__(self, origin: str, terms: Terms) -> None:
        super().__init__(pool_connections=1, pool_maxsize=terms.connections)
        self._terms = terms
        self._timeout = (terms.timeout.connect_s, terms.timeout.silence_s)
        self._usual = Allowance(terms.timeout.answer_s, terms.max_bytes)
        self._mine = threading.local()
        self._proxies = {} if terms.proxy is None else {"all": terms.proxy}
        self._pool = self._open(origin)

    @contextmanager
    def allowing(self, allowed: Allowance | None) -> Iterator[None]:
        """Let the answer to what this thread sends in the block take more, or less, than the terms say."""
        self._mine.allowed = allowed
        try:
            yield
        finally:
            self._mine.allowed = None

    def allowed(self) -> Allowance:
        """Return what the answer that this thread waits for may take."""
        return getattr(self._mine, "allowed", None) or self._usual

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        """Send a request and return its answer, read to its end. What else `requests` tells is in the terms.

        Raises:
            requests.RequestException: no answer came, or not in time; `TooLarge`: it is larger than allowed.
        """
        response = super().send(request, stream=True, timeout=self._timeout, proxies=self._proxies)
        try:
            response._content = self._read(response.raw)  # noqa: SLF001  # read here, so that its size is bounded
        except urllib3.exceptions.HTTPError as error:
            response.raw.close()
            raise requests.ConnectionError(error, request=request) from error
        except TooLarge:
            response.raw.close()  # what was not read to its end is in the way of the next answer
            raise
        response.raw = None  # read to its end, and no session looks for cookies in it
        return response

    def request_url(self, request: requests.PreparedRequest, proxies: Any) -> str:
        """Return what the first line of a request asks for: only a proxy is told the host there."""
        return request.path_url if self._terms.proxy is None else super().request_url(request, proxies)

    def get_connection_with_tls_context(self, *_: Any, **__: Any) -> Any:
        """Return the pool."""
        return self._pool

    def cert_verify(self, *_: Any, **__: Any) -> None:
        """Change nothing: certificates are always verified, by the pool's own context (see `trust`)."""

    def build_response(self, req: requests.PreparedRequest, resp: Any) -> requests.Response:
        """Return the answer without the cookies and the guessed encoding, which nobody here asks for."""
        response = requests.Response()
        response.status_code = resp.status
        response.headers = CaseInsensitiveDict(resp.headers.items())
        response.reason, response.raw = resp.reason, resp
        response.url, response.request = str(req.url), req
        return response

    def _open(self, origin: str) -> urllib3.HTTPConnectionPool:
        proxy = self._terms.proxy
        secure = {"ssl_context": trust()} if "https:" in (origin[:6], (proxy or "")[:6]) else {}
        if proxy is None:
            pool = self.poolmanager.connection_from_url(origin, secure)
        else:
            more = {"proxy_ssl_context": trust()} if secure else {}
            pool = self.proxy_manager_for(proxy, **more).connection_from_url(origin, secure)
            if self._terms.is_guarded:
                refuse_private_literal(pool, urllib3.util.parse_url(origin).host or "")
        kind: Callable[..., HTTPConnection] = _SecureConnection if pool.scheme == "https" else _Connection
        is_guarded = self._terms.is_guarded and proxy is None
        # urllib3 calls it to make a connection, whatever it is
        pool.ConnectionCls = cast("Any", partial(kind, allowed=self.allowed, is_guarded=is_guarded))
        return pool

    def _read(self, raw: Any) -> bytes:
        limit, expected = self.allowed().max_bytes, raw.length_remaining
        if expected is not None and expected > limit:
            raise TooLarge(f"more than {limit} bytes")
        if expected is not None and "content-encoding" not in raw.headers:
            return bytes(raw.read())
        pieces, size_bytes = [], 0
        for piece in raw.stream(PIECE_BYTES, decode_content=True):
            size_bytes += len(piece)
            if size_bytes > limit:
                raise TooLarge(f"more than {limit} bytes")
            pieces.append(piece)
        return b"".join(pieces)


@cache
def trust() -> ssl.SSLContext:
    """Return what tells good certificates from bad: the system's store (or `SSL_CERT_FILE`), and that of certifi."""
    context = urllib3.util.ssl_.create_urllib3_context()
    context.load_default_certs()
    context.load_verify_locations(DEFAULT_CA_BUNDLE_PATH)
    return context


# deadlines ------------------------------------------------------------------------------------------------------------


class _Watched:
    """What both kinds of connections have in common: the deadline of an answer, and the guard."""

    _dns_host: str
    timeout: float | None

    def __init__(self, *args: Any, allowed: Callable[[], Allowance], is_guarded: bool, **more: Any) -> None:
        super().__init__(*args, **more)
        self._allowed = allowed
        self._is_guarded = is_guarded
        self._held: list[bytes] | None = None

    def request(self, *args: Any, **more: Any) -> None:
        """Send a request, a small one in one piece: head and body apart wake the peer twice."""
        self._held = []
        try:
            super().request(*args, **more)  # type: ignore[misc]  # that of urllib3's connection
            held, self._held = self._held, None
            for piece in [b"".join(held)] if sum(map(len, held)) <= PIECE_BYTES else held:
                self.send(piece)
        finally:
            self._held = None

    def putheader(self, name: str, value: str | bytes) -> None:
        """Add a field to the head; one that was sent before is not checked and written anew."""
        self._output(_field(name, value))  # type: ignore[attr-defined]  # that of http.client

    def send(self, data: Any) -> None:
        """Send bytes, or keep them until the request is complete."""
        if self._held is None:
            super().send(data)  # type: ignore[misc]  # that of http.client
        else:
            self._held.append(data)

    def response_class(self, sock: socket.socket, *args: Any, **more: Any) -> http.client.HTTPResponse:
        """Return the reader of the next answer; `http.client` calls this where it would make its own."""
        return Answer(sock, *args, allowed=self._allowed(), **more)

    def _new_conn(self) -> socket.socket:
        """Connect; urllib3 calls this for each new connection."""
        connect = super()._new_conn  # type: ignore[misc]  # that of urllib3's connection
        if not self._is_guarded:
            return connect()  # type: ignore[no-any-return]  # a socket
        host = self._dns_host
        try:
            self._dns_host = public_address(self, host)
            return connect()  # type: ignore[no-any-return]  # a socket
        finally:
            self._dns_host = host


#: What the name of a field is made of, and a value in which no line ends.
_NAME: Final = re.compile("[!-9;-~]+").fullmatch
_VALUE: Final = re.compile("[^\r\n\0]*").fullmatch


@lru_cache(maxsize=1024)  # nearly all fields of a call are those of the call before
def _field(name: str, value: str | bytes) -> bytes:
    """Return a field of a head as it is sent.

    Raises:
        ValueError: it would end the line, or holds what no head can hold.
    """
    text = value if isinstance(value, str) else value.decode("latin-1")
    if not _NAME(name) or not _VALUE(text):
        raise ValueError("a field of the head holds what cannot be sent")
    return f"{name}: {text}".encode("latin-1")


class _Connection(_Watched, HTTPConnection):  # type: ignore[misc]  # a method in the place of a class
    """One without TLS."""


class _SecureConnection(_Watched, HTTPSConnection):  # type: ignore[misc]  # the same
    """One with TLS."""


# addresses ------------------------------------------------------------------------------------------------------------


def public_address(connection: Any, host: str) -> str:
    """Return the address to connect to for a host; one that is not public among them refuses them all.

    Raises:
        PrivateAddress: at least one is not public.
        urllib3.exceptions.NewConnectionError: there is none.
    """
    try:
        found = [str(entry[4][0]) for entry in socket.getaddrinfo(host, None, proto=socket.IPPROTO_TCP)]
    except (OSError, UnicodeError) as error:
        raise NewConnectionError(connection, f"{host} is not resolved") from error
    if not all(map(is_public, found)):
        raise PrivateAddress(connection, f"{host} is not public")
    return found[0]


def refuse_private_literal(connection: Any, host: str) -> None:
    """Return when a host is a name, or an address that is public: all that can be told where a proxy resolves names.

    The names of this machine never get here: they are reached without a proxy.

    Raises:
        PrivateAddress: it is neither.
    """
    try:  # understands what inet_aton(3) does: 127.1, 0x7f000001
        found = socket.getaddrinfo(host.strip("[]"), None, proto=socket.IPPROTO_TCP, flags=socket.AI_NUMERICHOST)
    except (OSError, UnicodeError):
        found = []
    if not all(is_public(str(entry[4][0])) for entry in found):
        raise PrivateAddress(connection, f"{host} is not public")


def is_public(address: str) -> bool:
    """Tell whether an address can belong to a host of the public internet."""
    found = ipaddress.ip_address(address)
    if isinstance(found, ipaddress.IPv6Address):
        inner = found.sixtofour or (found.teredo[1] if found.teredo else None)
        if any(found in network for network in _HOLD_IPV4):
            inner = ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
    return found.is_global and not found.is_multicast and not any(found in network for network in _NOT_PUBLIC)
