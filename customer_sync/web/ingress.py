"""The ingress: read the bytes, check the signature, make the request safe, answer. Nothing else: it is thin."""

from __future__ import annotations

from datetime import UTC, datetime

from flask import Blueprint, Response, request

from customer_sync.brevo.intake import SOURCE as BREVO
from customer_sync.connector import Answer, Connector
from customer_sync.errors import Refused
from customer_sync.log import get
from customer_sync.model import Inbound
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


def blueprint(services: Services) -> Blueprint:
    """Return the routes `/webhooks/<source>` and `/webhooks/<source>/<path>`."""
    routes = Blueprint("ingress", __name__)
    connectors, intake = services.connectors, services.intake

    @routes.post("/webhooks/<source>")
    @routes.post("/webhooks/<source>/<path:path>")
    def receive(source: str, path: str = "") -> Response:
        connector = connectors.get(source)
        if connector is None:
            return _text("There is no such source.\n", 404)
        try:
            answer = _receive(services, connector, source, path)
        except Refused as error:
            intake.count(source, "too_large" if error.status == 413 else "refused")
            # Brevo drops for good what is answered with 401 or 413; with 429 it comes again
            status = 429 if source == BREVO else error.status
            return _text(f"{error}\n", status)
        except Busy:
            intake.count(source, "busy")
            return _busy()
        except Exception as error:  # noqa: BLE001  # Brevo drops for good what is answered with 500
            # the error's text may hold what was sent: only its name is told
            log.error("request not taken", source=source, error=type(error).__name__)  # noqa: TRY400  # no traceback
            intake.count(source, "busy")
            return _busy()
        return Response(answer.body, answer.status, content_type=answer.content_type)

    return routes


def _receive(services: Services, connector: Connector, source: str, path: str) -> Answer:
    """Return the answer to a request that is safe now.

    Raises:
        Refused: too large, or not signed as it should be.
        Busy: it could not be kept.
    """
    inbound = Inbound(
        source=source,
        headers=_Headers(request.environ),
        body=_body(),
        received_at=datetime.now(UTC),
        path=path,
        query=request.environ.get("QUERY_STRING", ""),
        url=request.url if connector.signs_url else "",
    )
    greeting = connector.greet(inbound)
    if greeting is not None:
        services.intake.count(source, "greeted")
        return greeting
    connector.verify(inbound, connector.settings.secrets)
    where = services.intake.append(inbox.encode(inbound, connector.keeps))
    services.intake.count(source, "accepted" if where == "inbox" else "spooled")
    return connector.accepted


def _body() -> bytes:
    stream, length = request.environ["wsgi.input"], request.content_length
    if length is None or length <= MAX_BODY_BYTES:
        body = bytes(stream.read(MAX_BODY_BYTES + 1 if length is None else length))
        if len(body) <= MAX_BODY_BYTES:
            return body
    # who is cut off in the middle of a body never reads the answer, and sends it all again
    left = MAX_DISCARD_BYTES
    while left > 0 and (piece := stream.read(min(left, PIECE_BYTES))):
        left -= len(piece)
    raise Refused(f"The body is larger than {MAX_BODY_BYTES} bytes.", status=413)


class _Headers(dict[str, str]):
    """The request's headers by lower-case name, read from the WSGI environment only when asked for."""

    def __init__(self, environ: dict[str, str]) -> None:
        super().__init__()
        self._environ = environ

    def __missing__(self, name: str) -> str:
        key = name.upper().replace("-", "_")
        return self._environ[key if key in {"CONTENT_TYPE", "CONTENT_LENGTH"} else f"HTTP_{key}"]

    def get(self, name: str, default: str = "") -> str:  # type: ignore[override]  # a narrower use of dict
        """Return a header, the default when it is absent."""
        try:
            return self[name]
        except KeyError:
            return default

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and bool(self.get(name, ""))


def _busy() -> Response:
    return _text("Nothing can be kept at the moment: send it again.\n", 429, {"Retry-After": BUSY_S})


def _text(text: str, status: int, headers: dict[str, str] | None = None) -> Response:
    return Response(text, status, headers, content_type="text/plain; charset=utf-8")
