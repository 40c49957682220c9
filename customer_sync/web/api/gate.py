"""What is asked before any call is read: has the key calls left, and does the caller mean this Brevo account?"""

from __future__ import annotations

import hashlib
import hmac
import re
import time
from typing import Final

import redis
from flask import Response, g, request

from customer_sync.api.installation import Installation
from customer_sync.api.problem import CONFLICT, TOO_MANY, Fault, Problem, not_understood
from customer_sync.base.log import get
from customer_sync.config import Settings
from customer_sync.store.allowance import WINDOW_S, Taken
from customer_sync.web.caller import caller
from customer_sync.web.guard import bearer

log = get(__name__)

#: Says which Brevo account the caller means: hex HMAC-SHA256 of Brevo's API key, under the API key that is sent.
ACCOUNT: Final = "Tajo-Brevo-Account"
_ACCOUNT_FORM: Final = re.compile(r"[0-9a-fA-F]{64}")
#: How long calls are not counted after Redis did not answer, in seconds: what needs no Redis is not held up by it.
REST_S: Final = 3.0


class Gate:
    """Asks it of every call.

    Args:
        tajo: the installation.
    """

    def __init__(self, tajo: Installation) -> None:
        self._tajo = tajo
        self._rests_until = 0.0

    def check(self) -> None:
        """Let a call pass.

        Raises:
            Problem: the key has no calls left, or means another account.
        """
        self._count()
        check_account(self._tajo.settings)

    def tell(self, response: Response) -> Response:
        """Put onto an answer how many calls are left, as the IETF's draft of RateLimit headers has it."""
        taken: Taken | None = g.get("taken")
        if taken is not None:
            response.headers["RateLimit-Policy"] = f'"key";q={taken.most};w={WINDOW_S}'
            response.headers["RateLimit"] = f'"key";r={taken.left};t={taken.reset_s}'
        return response

    def _count(self) -> None:
        who = caller()
        if who.is_browser or time.monotonic() < self._rests_until:
            return
        try:
            taken = self._tajo.store().allowance.take(who.name, self._tajo.settings.api.rate_per_minute)
        except redis.RedisError as error:
            self._rests_until = time.monotonic() + REST_S
            log.warning("API call not counted", error=type(error).__name__)
            return
        g.taken = taken
        if taken.is_over:
            detail = f"The key `{who.name}` has made its {taken.most:,} calls of this minute."
            remedy = f"Wait {taken.reset_s} seconds; `api.rate_per_minute` in tajo.yaml sets how many there are."
            raise Problem(429, TOO_MANY, detail, remedy, wait_s=taken.reset_s)


def check_account(settings: Settings) -> None:
    """Refuse a caller who means another Brevo account than contacts go to.

    Raises:
        Problem: it is another one, or what was sent names none.
    """
    told = request.headers.get(ACCOUNT)
    if told is None:
        return
    key = bearer(request)
    if not _ACCOUNT_FORM.fullmatch(told) or key is None:
        detail = "This is no HMAC-SHA256 in hexadecimal digits of Brevo's key, under the API key that is sent."
        raise not_understood(Fault(path=ACCOUNT, detail=detail), remedy="Leave the header out, or make it so.")
    ours = settings.brevo.api_key
    if ours is None or not hmac.compare_digest(account_mark(key, ours), told.lower()):
        detail = "This server delivers to another Brevo account than the key you gave."
        remedy = "Give the Brevo key that the server has (BREVO_API_KEY there), or none."
        if ours is None:
            remedy = "The server works on the built-in sandbox: set BREVO_API_KEY there, or give no Brevo key."
        raise Problem(409, CONFLICT, detail, remedy)


def account_mark(api_key: str, brevo_key: str) -> str:
    """Return what `Tajo-Brevo-Account` holds for a Brevo key, under an API key."""
    return hmac.new(api_key.encode(), brevo_key.encode(), hashlib.sha256).hexdigest()
