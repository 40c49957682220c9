"""The ingress: read the bytes, check the signature, make the request safe, answer. Nothing else: it is thin.

It stands in front of the Flask application, as Flask's own hook for that allows (`app.wsgi_app`): a webhook needs no
session, no template and no request context, and half the time of a bare Flask answer goes into these
(docs/decisions/0009).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cache, partial
from http import HTTPStatus
from typing import Any, Final, NamedTuple

from flask import Flask
from werkzeug.wsgi import get_current_url

from customer_sync.base.clock import utc_now
from customer_sync.base.log import get
from customer_sync.brevo.webhooks import SOURCE as BREVO
from customer_sync.errors import Refused
from customer_sync.kit.connector import Answer, Connector
from customer_sync.model import Inbound
from customer_sync.registry import Guess, recognise
from customer_sync.store import inbox
from customer_sync.web.intake import Busy
from customer_sync.web.services import Services

log = get(__name__)

#: The largest body that is read, in bytes. The largest real webhooks are below 1 MB.
MAX_BODY_BYTES = 5 * 1024 * 1024
#: How much more of a body that is too large is read before the answer, in bytes, and how much at once.
MAX_DISCARD_BYTES, PIECE_BYTES = 4 * MAX_BODY_BYTES, 256 * 1024
#: When to come again while nothing can be kept, in seconds.
BUSY_S = "30"
#: When to come again while the connector of a source cannot be loaded, in seconds.
STILL_S = "300"

Environ = dict[str, Any]
Start = Callable[..., Any]

PREFIX = "/webhooks/"


def mount(app: Flask, services: Services) -> None:
    """Let the application answer `POST /webhooks/<source>` and `/webhooks/<source>/<path>`."""
    app.extensions["tajo.ingress"] = app.wsgi_app = Ingress(services, app.wsgi_app)  # type: ignore[assignment]  # Flask's own hook for this


class Place(NamedTuple):
    """Where a webhook was sent to: the source, its connector, and what stands behind the source in the address."""

    source: str
    connector: Connector
    path: str
    method: str = "POST"


class Reply(NamedTuple):
    """What the sender gets at once, with more headers where they say something."""

    answer: Answer
    headers: tuple[tuple[str, str], ...] = ()


class Accepted(NamedTuple):
    """A request that is well, and the answer that it gets once it is on record."""

    raw: bytes
    source: str
    answer: Answer


class Ingress:
    """A WSGI application that takes webhooks and hands everything else on.

    Args:
        services: connectors and intake.
        behind: the application for all other paths.
    """

    def __init__(self, services: Services, behind: Callable[[Environ, Start], Iterable[bytes]]) -> None:
        self._connectors: Mapping[str, Connector] = services.connectors
        self._unserved = services.settings.unserved
        self._intake = services.intake
        self._public_url = (services.settings.public_url or "").rstrip("/")
        self._behind = behind
        self._clock = services.clock
        self._told_secrets = services.told_secrets
        self._told: set[tuple[str, str]] = set()

    def __call__(self, environ: Environ, start: Start) -> Iterable[bytes]:
        """Answer one request."""
        where: str = environ["PATH_INFO"]
        if not where.startswith(PREFIX):
            return self._behind(environ, start)
        place = self.place(environ["REQUEST_METHOD"], where)
        if isinstance(place, Reply):
            return _answer(start, place)
        try:
            body = _body(environ)
        except Refused as error:
            return _answer(start, self.refuse(place.source, error))
        query = environ.get("QUERY_STRING", "")
        found = self.judge(place, _Headers(environ), body, query, partial(get_current_url, environ))
        if isinstance(found, Reply):
            return _answer(start, found)
        try:
            self._intake.append(found.raw, found.source)
        except Busy:
            return _answer(start, self.busy(found.source))
        return _answer(start, Reply(found.answer))

    def place(self, method: str, where: str) -> Place | Reply:
        """Return which source a request is for, or the answer where it is for none."""
        source, _, path = where[len(PREFIX) :].partition("/")
        connector = self._connectors.get(source)
        if connector is None:
            return self._nobody(source)
        if method != "POST" and not (method == "GET" and connector.greets_get):
            return _NOT_POSTED
        return Place(source, connector, path, method)

    def judge(
        self, place: Place, headers: Mapping[str, str], body: bytes, query: str, url: Callable[[], str]
    ) -> Accepted | Reply:
        """Return what is to be put on record, or the answer to a request of which nothing is kept. Nothing is raised.

        Args:
            place: where it was sent to.
            headers: by lower-case name.
            body: the raw body.
            query: what stands behind the `?`.
            url: gives the whole address, where its signature needs it.
        """
        source = place.source
        try:
            inbound = Inbound(
                source=source,
                headers=headers,
                body=body,
                received_at=utc_now(self._clock),
                path=place.path,
                query=query,
                url=self._called(place, query, url) if place.connector.signs_url else "",
                method=place.method,
            )
            return self._check(place.connector, inbound)
        except Refused as error:
            return self.refuse(source, error)
        except Exception as error:  # noqa: BLE001  # Brevo drops for good what is answered with 500
            # the error's text may hold what was sent: only its name is told
            log.error("request not taken", source=source, error=type(error).__name__)  # noqa: TRY400  # no traceback
            return self.busy(source)

    def refuse(self, source: str, error: Refused) -> Reply:
        """Count a request that is refused, and return its answer."""
        self._intake.refuse(source, error)
        # Brevo drops for good what is answered with 401 or 413; with 429 it comes again
        return Reply(_text(429 if source == BREVO else error.status, str(error)))

    def busy(self, source: str) -> Reply:
        """Count a request that cannot be kept now, and return its answer."""
        self._intake.count(source, "busy")
        return Reply(_text(429, "Nothing can be kept at the moment: send it again."), (("Retry-After", BUSY_S),))

    def _called(self, place: Place, query: str, url: Callable[[], str]) -> str:
        """Return the address that the sender called: the public one where it is known, whatever a proxy made of it."""
        if not self._public_url:
            return url()
        path = f"/{place.path}" if place.path else ""
        return f"{self._public_url}{PREFIX}{place.source}{path}{f'?{query}' if query else ''}"

    def _nobody(self, source: str) -> Reply:
        """Answer where no connector is; one that cannot be loaded may be mended when the platform tries again."""
        if source in self._unserved:
            return Reply(_text(503, "This source stands still."), (("Retry-After", STILL_S),))
        return Reply(_text(404, "There is no such source."))

    def _check(self, connector: Connector, inbound: Inbound) -> Accepted | Reply:
        """Return what is to be put on record, or the answer to a greeting.

        Raises:
            Refused: not signed as it should be.
        """
        greeting = connector.greet(inbound)
        if greeting is not None:
            self._intake.greet(inbound.source)
            return Reply(greeting)
        if inbound.method != "POST":
            return _NOT_POSTED
        try:
            self._verify(connector, inbound)
        except Refused as error:
            guess = recognise(inbound, connector, self._connectors)
            if guess is None:
                raise
            self._tell(inbound.source, guess)
            raise Refused(f"{error} {guess.said}", status=error.status, cause="other address") from error
        kept = inbox.encode(connector.redacted(inbound), connector.keeps)
        return Accepted(kept, inbound.source, connector.accepted)

    def _verify(self, connector: Connector, inbound: Inbound) -> None:
        """Check the signature: with the secrets of the settings, and with the one that the platform told, if it does.

        Raises:
            Refused: not signed as it should be.
        """
        secrets, source = connector.settings.secrets, inbound.source
        if not connector.tells_secret:
            connector.verify(inbound, secrets)
            return
        try:
            connector.verify(inbound, (*secrets, *self._told_secrets.known(source)))
        except Refused as error:
            newer = self._told_secrets.newer(source) if error.cause in {"wrong", "no secret"} else ()
            if newer:
                connector.verify(inbound, newer)
            elif error.cause == "no secret":
                raise Refused(str(error), status=error.status, cause="not told") from error
            else:
                raise

    def _tell(self, source: str, guess: Guess) -> None:
        """Tell the operator where a webhook belongs, once in each process: anybody can send such requests."""
        if (source, guess.title) not in self._told:
            self._told.add((source, guess.title))
            log.warning("webhook at the wrong address", source=source, looks_like=guess.title, remedy=guess.remedy)


def _body(environ: Environ) -> bytes:
    stream, told = environ["wsgi.input"], environ.get("CONTENT_LENGTH") or ""
    length = int(told) if told.isascii() and told.isdigit() else None
    if length is None or length <= MAX_BODY_BYTES:
        body = bytes(stream.read(MAX_BODY_BYTES + 1 if length is None else length))
        if len(body) <= MAX_BODY_BYTES:
            return body
    # who is cut off in the middle of a body never reads the answer, and sends it all again
    left = MAX_DISCARD_BYTES
    while left > 0 and (piece := stream.read(min(left, PIECE_BYTES))):
        left -= len(piece)
    raise too_large(MAX_BODY_BYTES)


def too_large(limit: int) -> Refused:
    """Return the refusal of a body that is larger than so many bytes."""
    return Refused(f"The body is larger than {limit} bytes.", status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE)


@cache
def _environ_key(name: str) -> str:
    key = name.upper().replace("-", "_")
    return key if key in {"CONTENT_TYPE", "CONTENT_LENGTH"} else f"HTTP_{key}"


class _Headers(dict[str, str]):
    """The request's headers by lower-case name, read from the WSGI environment only when asked for."""

    def __init__(self, environ: Environ) -> None:
        super().__init__()
        self._environ = environ

    def __missing__(self, name: str) -> str:
        found: str = self._environ[_environ_key(name)]
        return found

    def get(self, name: str, default: str = "") -> str:  # type: ignore[override]  # a narrower use of dict
        """Return a header, the default when it is absent."""
        found: str = self._environ.get(_environ_key(name), default)
        return found

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and bool(self.get(name))


def _text(status: int, text: str) -> Answer:
    return Answer(status, text.encode() + b"\n")


#: What is not sent with POST is no webhook.
_NOT_POSTED: Final = Reply(_text(405, "Webhooks are sent with POST."), (("Allow", "POST"),))


@cache
def _status_line(status: int) -> str:
    return f"{status} {HTTPStatus(status).phrase}"


def _answer(start: Start, reply: Reply) -> Iterable[bytes]:
    start(_status_line(reply.answer.status), headers_of(reply))
    return (reply.answer.body,)


def headers_of(reply: Reply) -> list[tuple[str, str]]:
    """Return the headers of an answer."""
    answer = reply.answer
    return [("Content-Type", answer.content_type), ("Content-Length", str(len(answer.body))), *reply.headers]
