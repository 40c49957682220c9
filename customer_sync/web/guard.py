"""Who may see the dashboard and call the API: whoever carries the key, and nobody else.

The key comes as a bearer token, or as the cookie that the sign-in page and a sign-in link give. Where a request comes
from, and under which name, opens nothing: behind a proxy every request comes from this machine. A page on another site
cannot use the cookie either: what changes something needs a request that another site's page cannot make.
"""

from __future__ import annotations

import hmac
import ipaddress
import secrets
from collections.abc import Callable, Sequence
from hashlib import blake2b
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from flask import Request, Response
from redis import RedisError

from customer_sync.base.clock import Clock, system_clock
from customer_sync.base.log import get
from customer_sync.config import ApiKey, Role
from customer_sync.store import Store
from customer_sync.web.caller import Caller
from customer_sync.web.signing import SKEW_S, Signing

log = get(__name__)

#: How long a sign-in lasts, in seconds.
SESSION_S = 7 * 24 * 3600
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
#: How the installation's own key, and a browser that signed in with it, are named; `api.keys` takes no such name.
OWN, BROWSER = "TAJO_API_KEY", "dashboard"
#: Ends a sentence that asks for the key.
WHERE_THE_KEY_IS: Final = (
    "the value of TAJO_API_KEY or, where that is not set, of `api.key` in the folder that `tajo run` names as Data."
)
_WHO_TRIES: Final = (
    "Look for a program with an old key. Somebody may be guessing, too: a long random key cannot be guessed, so change "
    "TAJO_API_KEY if it is not one."
)
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
        api_key: the installation's own key, which signs in and may do everything.
        store: returns the store, which knows the links, the sign-ins that were ended and the wrong keys;
            the right key does not ask for it.
        public_url: the address under which the outside world knows us; its pages are our own.
        clock: milliseconds since 1970; sign-ins end by it.
        keys: further keys, for programs.
    """

    def __init__(
        self,
        api_key: str,
        store: Callable[[], Store],
        public_url: str | None = None,
        clock: Clock = system_clock,
        keys: Sequence[ApiKey] = (),
    ) -> None:
        self._key = api_key
        self._keys = (ApiKey(OWN, api_key, Role.OPERATE), *keys)
        self._store = store
        # signed with the API key, so that a new one ends every sign-in
        self._signing = Signing([api_key], "dashboard", SESSION_S, clock)
        self._public = urlsplit(public_url or "").netloc
        # a name of its own: browsers show the cookies of one port of a machine to every other one
        self.cookie = f"tajo_session_{blake2b(api_key.encode(), digest_size=4, person=b'cookie').hexdigest()}"

    def admit(self, request: Request) -> Caller | Denial:
        """Return who makes a request, or why it is turned away.

        Raises:
            RedisError: it comes with a cookie, and Redis, which knows the sign-ins that were ended, does not answer.
        """
        key = bearer(request)
        if key is not None:
            return self._holder(key) or self.wrong_key(request)
        if not self.has_session(request):
            return Denial(401, "An API key is needed.", f"Send `Authorization: Bearer <key>`: {WHERE_THE_KEY_IS}")
        return self._forged(request) or Caller(BROWSER, Role.OPERATE, is_browser=True)

    def has_key(self, authorization: str) -> bool:
        """Tell whether an `Authorization` header shows a key; nothing is counted, and nobody is asked."""
        key = _token(authorization)
        return key is not None and self._holder(key) is not None

    def is_key(self, text: str) -> bool:
        """Tell whether a text is the installation's own key, in constant time."""
        return hmac.compare_digest(text.encode(), self._key.encode())

    def _holder(self, text: str) -> Caller | None:
        """Return whose key a text is; all keys are compared, whichever fits."""
        found = [one for one in self._keys if hmac.compare_digest(text.encode(), one.key.encode())]
        return Caller(found[0].name, found[0].role) if found else None

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
            return Denial(401, "The API key is wrong.", f"Send {WHERE_THE_KEY_IS}")
        remedy = f"Wait {excess.wait_s} seconds. The right key is taken at once."
        return Denial(429, "Too many wrong API keys.", remedy, excess.wait_s)

    def use_link(self, link: str) -> bool:
        """Tell whether a sign-in link opens; it does once.

        Raises:
            RedisError: Redis, which knows the links, does not answer.
        """
        return self._store().sessions.use_link(link)

    def sign_in(self, response: Response, request: Request) -> None:
        """Give the caller, who has shown the key or a link, the cookie that stands for it."""
        is_secure = request.is_secure or request.headers.get("X-Forwarded-Proto") == "https"
        response.set_cookie(
            self.cookie,
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
        response.delete_cookie(self.cookie, httponly=True, samesite="Strict")

    def has_session(self, request: Request) -> bool:
        """Tell whether the caller's browser is signed in.

        Raises:
            RedisError: Redis, which knows the sign-ins that were ended, does not answer.
        """
        session = self._session(request)
        return session is not None and not self._store().sessions.is_ended(session)

    def _session(self, request: Request) -> str | None:
        """Return the id of the sign-in in the cookie, None when there is none that we gave."""
        return self._signing.read(request.cookies.get(self.cookie, ""))

    def _forged(self, request: Request) -> Denial | None:
        """Return a denial when another site's page may have made the request.

        Browsers tell whose page it was, where they tell it at all, in a header that no page can set; the origin of a
        POST they tell always. A proxy may have changed our own name, which the origin is compared with. JSON cannot be
        sent across sites without asking us first, and we never agree; the same holds for every verb but POST.
        """
        if request.method in SAFE:
            return None
        origin, site = request.headers.get("Origin"), request.headers.get("Sec-Fetch-Site")
        if site is not None:
            is_own = site in {"same-origin", "none"}
        elif origin is not None:
            is_own = urlsplit(origin).netloc in {request.host, self._public} - {""}
        else:
            is_own = request.method != "POST" or request.mimetype == "application/json"
        if is_own:
            return None
        return Denial(
            403,
            "This request may come from another site.",
            "Set TAJO_PUBLIC_URL to the address in the browser; programs send `Content-Type: application/json`.",
        )


def bearer(request: Request) -> str | None:
    """Return the key that a program sends, None when it sends none."""
    return _token(request.headers.get("Authorization", ""))


def _token(authorization: str) -> str | None:
    scheme, _, token = authorization.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


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
