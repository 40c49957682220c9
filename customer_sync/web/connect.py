"""`/connect/<source>/...`: where the owner's browser and the platform meet when a source is connected.

No API key here: the owner comes with a ticket of `tajo connectors connect`, the platform with the attempt's state. What
a wrong one is told is always the same sentence. No address of the request is ever redirected to, only the connector's.
"""

from __future__ import annotations

import hmac
import os
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Final
from urllib.parse import urlsplit

import redis
from flask import Blueprint, Response, redirect, render_template, request
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as AnyResponse

from customer_sync.base.log import get
from customer_sync.config import ConfigFaults, Settings
from customer_sync.errors import ConfigError, Refused, TajoError, TryLater, Unavailable
from customer_sync.kit.connector import Connector
from customer_sync.kit.reach import Callback
from customer_sync.loading import load_settings
from customer_sync.platforms.accesses import Accesses
from customer_sync.registry import connector_for
from customer_sync.store.attempts import OPEN_S, Attempt, Attempts, Outcome, Verdict
from customer_sync.store.vault import SecretKey
from customer_sync.web.api.answers import REDIS_AWAY
from customer_sync.web.dashboard import POLICY
from customer_sync.web.services import Services
from customer_sync.web.signing import Signing

log = get(__name__)

#: The cookie that ties an attempt to the browser that began it.
COOKIE: Final = "tajo_connect"
#: The largest answer of a platform, in bytes; real ones are below 1 KB.
MAX_BODY_BYTES: Final = 64 * 1024
#: How a platform's return page says that the owner did not agree: https://woocommerce.github.io/woocommerce-rest-api-docs/
#: (`success=0`), RFC 6749 section 4.1.2.1 (`error`).
_DECLINED: Final = (("success", "0"), ("error", "access_denied"))
_STATE: Final = re.compile(rb"(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])")
_MAX_CANDIDATES: Final = 8
#: What came of it → the status of the page. Only 200 may mean yes: WooCommerce deletes its key on anything else.
_STATUS: Final[dict[Verdict, int]] = {
    "connected": 200,
    "refused": 403,
    "config": 409,
    "later": 503,
    "no answer": 503,
    "failed": 500,
}
#: The same for every wrong ticket, cookie and state, so that nobody learns which it was.
_NOT_VALID: Final = "This address is not valid, or not any more."
_AGAIN: Final = "Run `tajo connectors connect` again, and open the address it shows in one browser."


def blueprint(services: Services) -> Blueprint:
    """Return the routes of the connecting."""
    routes = Blueprint("connect", __name__, url_prefix="/connect/<source>")
    desk = _Desk(services)
    _frame(routes)
    routes.get("/start")(desk.start)
    routes.route("/callback", methods=["GET", "POST"])(desk.callback)
    routes.get("/done")(desk.done)
    return routes


def _frame(routes: Blueprint) -> None:
    """What holds for every page: the headers, the faults."""

    @routes.before_request
    def check() -> tuple[str, int] | None:
        # a preview of a link asks with HEAD: that must use nothing up
        return _page(Outcome("refused", "Open this address in a browser."), 405) if request.method == "HEAD" else None

    @routes.after_request
    def protect(response: Response) -> Response:
        response.headers["Content-Security-Policy"] = POLICY
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "no-referrer"
        response.headers["Cache-Control"] = "no-store"
        return response

    @routes.errorhandler(Refused)
    def refused(error: Refused) -> tuple[str, int]:
        return _page(Outcome("refused", str(error), _AGAIN), error.status)

    @routes.errorhandler(redis.RedisError)
    def away(error: redis.RedisError) -> tuple[str, int]:
        log.warning("page without Redis", error=type(error).__name__)
        return _page(Outcome("no answer", *REDIS_AWAY))

    @routes.errorhandler(Exception)
    def fault(error: Exception) -> tuple[str, int]:
        if isinstance(error, HTTPException):
            return _page(Outcome("refused", error.name, _AGAIN), error.code or 500)
        # the error's text may hold a key or a code: only its name is told
        log.error("connecting failed", error=type(error).__name__)
        return _page(_fault_of(error))


class _Desk:
    """Begins attempts and takes their answers.

    Args:
        services: settings, store and how the platforms are reached.
    """

    def __init__(self, services: Services) -> None:
        self._services = services
        self._key = SecretKey(services.settings.secret_key, services.home)

    def start(self, source: str) -> AnyResponse | tuple[str, int]:
        """Send the owner, who brings a ticket, on to the platform."""
        attempt = self._attempts.begin(source, request.args.get("ticket", ""), self._browser(source))
        if attempt is None:
            raise _not_valid()
        address = self._try(attempt, lambda connector: _checked(connector.invite(attempt.invitation)))
        if isinstance(address, Outcome):
            return _page(address)
        response = redirect(address, 302)
        page = urlsplit(attempt.invitation.callback_url)
        response.set_cookie(
            COOKIE,
            self._signing(source).sign(attempt.state),
            max_age=OPEN_S,
            path=page.path.removesuffix("/callback"),
            secure=page.scheme == "https",
            httponly=True,
            samesite="Lax",  # the platform sends the browser back with a GET, for which Strict would hold it back
        )
        return response

    def callback(self, source: str) -> tuple[str, int]:
        """Take the platform's answer: by the owner's browser (GET), or from the platform itself (POST)."""
        # what came the other way is not handed on: a POST shows no cookie, so it must not pass for the browser's answer
        if request.method == "GET":
            callback = Callback(request.args.to_dict(), b"", self._services.clock() / 1000)
            attempt = self._from_browser(source)
        else:
            callback = Callback({}, _body(), self._services.clock() / 1000)
            attempt = self._from_platform(source, callback.body)
        if attempt is None or not self._attempts.use(attempt):
            log.warning("answer to no open attempt", verb=request.method)
            raise _not_valid()
        access = self._accesses(attempt.source).always(attempt.source)
        told = self._try(attempt, lambda connector: connector.accept(callback, attempt.invitation, access))
        outcome = told if isinstance(told, Outcome) else Outcome("connected", told)
        if outcome.verdict == "connected":
            log.info("source connected", source=attempt.source)
            self._tell(attempt, outcome)
        return _page(outcome)

    def done(self, source: str) -> tuple[str, int]:
        """Show the owner, who comes back from the platform, what came of it."""
        attempt = self._attempts.find(source, self._browser(source))
        outcome = None if attempt is None else self._attempts.outcome(attempt)
        is_declined = any(request.args.get(name) == no for name, no in _DECLINED)
        if attempt is not None and outcome is None and is_declined and self._attempts.use(attempt):
            outcome = Outcome("refused", "The connection was declined at the platform.", _AGAIN)
            self._tell(attempt, outcome)
        return _page(outcome)

    @property
    def _attempts(self) -> Attempts:
        return self._services.store().attempts

    def _try(self, attempt: Attempt, act: Callable[[Connector], str]) -> str | Outcome:
        """Return what the connector says; what it raises becomes the outcome, and whoever waits is told."""
        try:
            return act(self._connector(attempt))
        except redis.RedisError:
            raise
        except Exception as error:  # noqa: BLE001  # whatever it is, somebody waits for the outcome
            outcome = _fault_of(error)
            log.warning("source not connected", source=attempt.source, why=type(error).__name__)
            self._tell(attempt, outcome)
            return outcome

    def _tell(self, attempt: Attempt, outcome: Outcome) -> None:
        """Tell whoever waits. The credentials are kept or not by now: a Redis that goes away changes none of that."""
        try:
            self._attempts.tell(attempt, outcome)
        except redis.RedisError as error:
            log.warning("outcome not told", source=attempt.source, error=type(error).__name__)

    def _connector(self, attempt: Attempt) -> Connector:
        settings = self._settings(attempt.source).sources.get(attempt.source)
        if settings is None:
            raise ConfigError("The running program does not know this source.", "Start `tajo run` again.")
        if attempt.shop_url is not None:
            settings = replace(settings, options={**settings.options, "shop_url": attempt.shop_url})
        return connector_for(settings)

    def _settings(self, source: str) -> Settings:
        """Return the settings that know a source: it may stand in the config only since this process began."""
        try:
            fresh = load_settings(None, os.environ)
        except ConfigFaults:
            return self._services.settings
        return fresh if source in fresh.sources else self._services.settings

    def _accesses(self, source: str) -> Accesses:
        settings = self._settings(source)
        if settings.sources.get(source) == self._services.settings.sources.get(source):
            return self._services.accesses()
        return Accesses(settings, self._services.store(), self._services.home, self._services.clock)

    def _from_browser(self, source: str) -> Attempt | None:
        """Return the attempt whose state both the address and this browser's cookie hold.

        Of a platform that returns no state the address has none, and the cookie alone tells.
        """
        state = self._browser(source)
        told = request.args.get("state", "" if self._returns_state(source) else state)
        return self._attempts.find(source, state) if hmac.compare_digest(told.encode(), state.encode()) else None

    def _returns_state(self, source: str) -> bool:
        settings = self._settings(source).sources.get(source)
        return settings is None or connector_for(settings).returns_state

    def _from_platform(self, source: str, body: bytes) -> Attempt | None:
        """Return the open attempt whose state is in the body; the connector checks where in it, and who sent it."""
        for found in _STATE.findall(body)[:_MAX_CANDIDATES]:
            attempt = self._attempts.find(source, found.decode())
            if attempt is not None:
                return attempt
        return None

    def _signing(self, source: str) -> Signing:
        return Signing(self._key.derived("connect"), f"connect:{source}", OPEN_S, self._services.clock)

    def _browser(self, source: str) -> str:
        """Return the state in this browser's cookie, "" when there is none that we gave it for this source."""
        cookie = request.cookies.get(COOKIE)
        return (cookie and self._signing(source).read(cookie)) or ""


def _body() -> bytes:
    """Return the body.

    Raises:
        Refused: it is too large.
    """
    request.max_content_length = MAX_BODY_BYTES
    return request.get_data(cache=False)


def _checked(address: str) -> str:
    """Return the platform's address when a browser may be sent there.

    Raises:
        ConfigError: it is no whole address of the web, because a setting is not.
    """
    parts = urlsplit(address)
    if parts.scheme not in {"https", "http"} or not parts.hostname or "@" in parts.netloc or not address.isprintable():
        raise ConfigError("The platform's address is none.", "Correct shop_url or base_url of the source.")
    return address


def _not_valid() -> Refused:
    return Refused(_NOT_VALID, status=403)


def _fault_of(error: Exception) -> Outcome:
    """Return an error as the owner is told it."""
    if isinstance(error, Refused):
        return Outcome("refused", str(error), _AGAIN)
    if isinstance(error, ConfigError):
        return Outcome("config", error.reason, error.remedy)
    if isinstance(error, TryLater):
        return Outcome("later", str(error), f"Wait a minute. {_AGAIN}")
    if isinstance(error, Unavailable):
        return Outcome("no answer", f"The platform cannot be reached: {error}.", _AGAIN)
    if isinstance(error, TajoError):
        return Outcome("failed", "The platform's answer could not be used.", _AGAIN)
    return Outcome("failed", "A fault in this program.", "The log of the web process tells its kind.")


def _page(outcome: Outcome | None, status: int | None = None) -> tuple[str, int]:
    return render_template("connect.html", outcome=outcome), status or (_STATUS[outcome.verdict] if outcome else 200)
