"""The three ways out: a signed webhook, a text for Slack and what is compatible with it, a mail.

Every way has a deadline as a whole, reads no more of an answer than it needs and follows no redirect. An address that
is not public is refused after each lookup of the name, unless the target may be private.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache
from typing import Final, Protocol
from urllib.parse import unquote, urlsplit, urlunsplit

from customer_sync.base.clock import Clock, system_clock
from customer_sync.base.retry import MAX_WAIT_S
from customer_sync.config.settings import NoticeTarget
from customer_sync.errors import Parkable, TryLater, Unavailable
from customer_sync.kit.outbound import HttpClient, NotPublic, Reply
from customer_sync.kit.signatures import sign_standard
from customer_sync.kit.transport import Timeout
from customer_sync.model import from_ms
from customer_sync.operate.notices.notice import text_of

#: How long a receiver is waited for, in seconds.
TIMEOUT: Final = Timeout(connect_s=3.0, silence_s=10.0, answer_s=10.0)
#: How many connections to one host are kept: as many as targets with two threads each, so that none is thrown away.
_CONNECTIONS: Final = 40
#: How large an answer may be; nobody reads it.
_MAX_BYTES: Final = 256 * 1024


class Gone(Parkable):
    """The target says that it is gone (410): it gets nothing more until its address changes or a test succeeds."""


class Private(Parkable):
    """The target is at an address that is not public: it gets nothing more, likewise."""


class Sender(Protocol):
    """Sends one notice."""

    def __call__(self, id_: str, body: str) -> str:
        """Send a notice and return what the target answered.

        Args:
            id_: the id of the notice, the same in every try.
            body: the notice as JSON.

        Raises:
            TryLater: it was not taken; another try may help.
            Parkable: no other try helps: `Gone`, `Private`.
        """
        ...


class WebhookSender:
    """Posts a notice as it is, signed as Standard Webhooks by each of the secrets.

    See https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md.
    """

    def __init__(self, target: NoticeTarget, secrets: Sequence[str], clock: Clock = system_clock) -> None:
        self._post = _Post(target)
        self._secrets = secrets
        self._clock = clock

    def __call__(self, id_: str, body: str) -> str:
        """Send a notice; see `Sender`."""
        raw = body.encode()
        return self._post(raw, signed(raw, self._secrets, id_, from_ms(self._clock())))


class SlackSender:
    """Posts a notice's text as `{"text": ...}`, as https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks."""

    def __init__(self, target: NoticeTarget) -> None:
        self._post = _Post(target)

    def __call__(self, id_: str, body: str) -> str:  # noqa: ARG002  # Slack takes no id
        """Send a notice; see `Sender`."""
        # these three would otherwise be links and mentions of theirs
        text = text_of(body).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        return self._post(json.dumps({"text": text}, ensure_ascii=False).encode(), {})


def signed(body: bytes, secrets: Sequence[str], id_: str, sent_at: datetime) -> dict[str, str]:
    """Return the headers of Standard Webhooks, with one signature for each secret."""
    found = [sign_standard(body, secret, message_id=id_, sent_at=sent_at) for secret in secrets]
    return {**found[0], "webhook-signature": " ".join(one["webhook-signature"] for one in found)}


class _Post:
    """Posts JSON to the address of a target."""

    def __init__(self, target: NoticeTarget) -> None:
        parts = urlsplit(target.address)
        self._url = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
        self._headers: dict[str, str] = {"Content-Type": "application/json; charset=utf-8"}
        if parts.username is not None:
            login = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
            self._headers["Authorization"] = f"Basic {base64.b64encode(login).decode()}"
        self._http = _client(target.allow_private)

    def __call__(self, body: bytes, headers: Mapping[str, str]) -> str:
        try:
            reply = self._http.send("POST", self._url, headers={**self._headers, **headers}, body=body)
        except NotPublic as error:
            raise not_public(str(error)) from error
        except Unavailable as error:
            raise TryLater(str(error)) from error
        return _judged(reply)


@cache
def _client(allow_private: bool) -> HttpClient:  # noqa: FBT001  # one client for each answer
    """Return the client of this process; connections to the same host are shared by targets with the same rule."""
    private = None if allow_private else frozenset[str]()
    return HttpClient(timeout=TIMEOUT, max_bytes=_MAX_BYTES, connections=_CONNECTIONS, private=private)


def not_public(why: str) -> Private:
    """Return what is raised for an address that is refused."""
    remedy = "Correct the target's address; where the receiver is your own, set allow_private: true. " + _THEN
    return Private(f"{why}: refused.", remedy)


_THEN: Final = "Then `tajo notices test`; `tajo parked` has what was not sent."


def _judged(reply: Reply) -> str:
    if 200 <= reply.status < 300:
        return str(reply.status)
    if reply.status == 410:
        remedy = f"It wants no more notices. Remove the target, or correct its address. {_THEN}"
        raise Gone("It answered 410 Gone.", remedy)
    if 300 <= reply.status < 400:
        raise TryLater(f"It answered {reply.status}: redirects are not followed, write the last address.")
    raise TryLater(f"It answered {reply.status}.", after_s=_after_s(reply))


def _after_s(reply: Reply) -> float | None:
    """Return how long a busy receiver asks to be left alone, within limits; None where it does not say."""
    told = reply.headers.get("retry-after", "") if reply.status in {429, 502, 503, 504} else ""
    if told.isascii() and told.isdigit() and len(told) < 8:
        return min(float(told), MAX_WAIT_S) or None
    try:
        until = parsedate_to_datetime(told)
    except (TypeError, ValueError):
        return None
    wait_s = (until.astimezone(UTC) - from_ms(system_clock())).total_seconds()
    return min(wait_s, MAX_WAIT_S) if wait_s > 0 else None
