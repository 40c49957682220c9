"""Who may see the dashboard and call the API.

With `TAJO_API_KEY`: whoever carries it, as a bearer token or as the cookie that the sign-in page gives. Without it:
only programs and browsers on this very machine. A page on another site can use neither: what changes something needs a
request that another site's page cannot make, and a name that leads to this machine must be one of its own.
"""

from __future__ import annotations

import hmac
import ipaddress
import re
import secrets
from collections.abc import Callable
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from flask import Request, Response
from redis import RedisError

from customer_sync.base.clock import Clock, system_clock
from customer_sync.base.log import get
from customer_sync.store import Store
from customer_sync.web.signing import SKEW_S, Signing

log = get(__name__)

#: The cookie of the sign-in page: the id of a sign-in and when it was, signed with the key. Never the key itself.
COOKIE: Final = "tajo_session"
#: How long a sign-in lasts, in seconds.
SESSION_S = 30 * 24 * 3600
#: How this machine calls itself; any other name in `Host` may be an attacker's that was led here (DNS rebinding).
OWN_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})
#: What proxies add: with one in front, the address of the caller says nothing.
FORWARDED = ("Forwarded", "X-Forwarded-For", "X-Real-IP", "Via")
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_WHO_TRIES: Final = (
    "Look for a program with an old key. Somebody may be guessing, too: a long random key cannot be guessed, so change "
    "TAJO_API_KEY if it is not one."
)
_PORT = re.compile(r":\d+$")
#: Stands for a caller whose address cannot be read: far away, so that nothing is open to it.
_NOBODY: Final = ipaddress.IPv6Address("2000::")


class Denial(NamedTuple):
    """Why a request is turned away: the HTTP status, a sentence, what to do, how many seconds to wait before that."""

    status: int
    error: str
    remedy: str
    wait_s: int = 0

    @property
    def headers(self) -> dict[str, str]:
        """What a program is told of the wait."""
        return {"Retry-After": str(self.wait_s)} if self.wait_s else {}


class Guard:
    """Decides over each request.

    Args:
        api_key: the key; None opens everything to this machine and to nobody else.
        store: returns the store, which knows the sign-ins that were ended and the wrong keys; the right key and a
            machine that needs none do not ask for it.
        public_url: the address under which the outside world knows us; its pages are our own.
        clock: milliseconds since 1970; sign-ins end by it.
    """

    def __init__(
        self,
        api_key: str | None,
        store: Callable[[], Store],
        public_url: str | None = None,
        clock: Clock = system_clock,
    ) -> None:
        self._key = api_key
        self._store = store
        # signed with the API key, so that a new one ends every sign-in
        self._signing = Signing([api_key or ""], "dashboard", SESSION_S, clock)
        self._public = urlsplit(public_url or "").netloc

    @property
    def has_key(self) -> bool:
        """Whether there is a key to sign in with."""
        return self._key is not None

    def denial(self, request: Request) -> Denial | None:
        """Return why the request is turned away, None when it may pass.

        Raises:
            RedisError: it comes with a cookie, and Redis, which knows the sign-ins that were ended, does not answer.
        """
        if self._key is None:
            return _not_local(request) or self._forged(request)
        bearer = _bearer(request)
        if bearer is not None:
            return None if self.is_key(bearer) else self.wrong_key(request)
        if not self._has_session(request):
            return Denial(401, "An API key is needed.", "Send `Authorization: Bearer <TAJO_API_KEY>`, or sign in at /.")
        return self._forged(request)

    def denial_of_scrape(self, request: Request) -> Denial | None:
        """Return why a reader of the metrics is turned away: near ones need no key, the open internet does."""
        if _is_direct(request) and _address(request).is_private:
            return None
        return self.denial(request)

    def is_key(self, text: str) -> bool:
        """Tell whether a text is the key, in constant time."""
        return self._key is not None and hmac.compare_digest(text.encode(), self._key.encode())

    def wrong_key(self, request: Request) -> Denial:
        """Count a wrong key and return what its sender is told: to wait, once there are too many.

        The right key is compared before anything is counted, so it opens at once, whoever tries keys meanwhile and from
        wherever. Without Redis nothing is counted.
        """
        try:
            excess = self._store().wrong_keys.count(_network(request))
            if excess is not None and excess.is_new:
                self._store().ledger.alert("Many wrong API keys were shown.", _WHO_TRIES)
                log.warning("too many wrong keys")
        except RedisError as error:
            log.warning("wrong key not counted", error=type(error).__name__)
            excess = None
        if excess is None:
            return Denial(401, "The API key is wrong.", "Send the value of TAJO_API_KEY.")
        remedy = f"Wait {excess.wait_s} seconds. The value of TAJO_API_KEY is taken at once."
        return Denial(429, "Too many wrong API keys.", remedy, excess.wait_s)

    def sign_in(self, response: Response, request: Request) -> None:
        """Give the caller, who has shown the key, the cookie that stands for it."""
        is_secure = request.is_secure or request.headers.get("X-Forwarded-Proto") == "https"
        response.set_cookie(
            COOKIE,
            self._signing.sign(secrets.token_urlsafe(16)),
            max_age=SESSION_S,
            httponly=True,
            samesite="Strict",
            secure=is_secure,
        )

    def sign_out(self, response: Response, request: Request) -> None:
        """End the caller's sign-in: take the cookie back, and refuse every copy of it from now on.

        Raises:
            RedisError: Redis does not answer; the sign-in goes on.
        """
        session = self._session(request)
        if session is not None:
            self._store().sessions.end(session, SESSION_S + SKEW_S)
        response.delete_cookie(COOKIE, httponly=True, samesite="Strict")

    def _has_session(self, request: Request) -> bool:
        session = self._session(request)
        return session is not None and not self._store().sessions.is_ended(session)

    def _session(self, request: Request) -> str | None:
        """Return the id of the sign-in in the cookie, None when there is none that we gave."""
        return self._signing.read(request.cookies.get(COOKIE, "")) if self._key is not None else None

    def _forged(self, request: Request) -> Denial | None:
        """Return a denial when another site's page may have made the request.

        Browsers tell the page's origin with every POST. JSON cannot be sent across sites without asking us first, and
        we never agree; the same holds for every verb but POST.
        """
        if request.method in SAFE:
            return None
        origin = request.headers.get("Origin")
        if origin is not None:
            is_own = urlsplit(origin).netloc in {request.host, self._public} - {""}
        else:
            site = request.headers.get("Sec-Fetch-Site")
            is_own = site in {"same-origin", "none"} or (
                site is None and (request.method != "POST" or request.mimetype == "application/json")
            )
        if is_own:
            return None
        return Denial(403, "This request may come from another site.", "Send `Content-Type: application/json`.")


def _bearer(request: Request) -> str | None:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def _not_local(request: Request) -> Denial | None:
    if not _is_direct(request) or not _address(request).is_loopback:
        return Denial(403, "Without an API key only this machine may look.", "Set TAJO_API_KEY and start again.")
    if _name(request.host) not in OWN_NAMES:
        return Denial(403, "This name does not belong to this machine.", "Use http://127.0.0.1, or set TAJO_API_KEY.")
    return None


def _is_direct(request: Request) -> bool:
    return not any(name in request.headers for name in FORWARDED)


def _address(request: Request) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """Return the caller's address; one that nobody has when it cannot be read."""
    try:
        found = ipaddress.ip_address(request.remote_addr or "")
    except ValueError:
        return _NOBODY
    return getattr(found, "ipv4_mapped", None) or found


def _network(request: Request) -> str:
    """Return whose wrong keys are counted together: an address; of IPv6 its network, which has endless addresses."""
    address = _address(request)
    return str(address) if address.version == 4 else str(ipaddress.ip_network((address, 64), strict=False))


def _name(host: str) -> str:
    """Return the host without its port."""
    return _PORT.sub("", host).lower()
