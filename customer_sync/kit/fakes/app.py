"""What stands between a call and its answer at every stand-in: faults, the count of calls, a broken connection."""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, ClassVar, Final, Generic, TypeVar

from flask import Flask, Response, g, request

from customer_sync.base.serving import whole
from customer_sync.kit.fakes.answers import Broken, broken, page, reply
from customer_sync.kit.fakes.calls import Calls
from customer_sync.kit.fakes.clock import Clock
from customer_sync.kit.fakes.faults import AFTER, BEFORE, Asked, Fault, Faults

Settings = TypeVar("Settings")
#: Below it are the control routes, which no fault strikes.
CONTROL: Final = "/fake/"
#: A mark in the WSGI environment: the body is to be sent piece by piece.
STREAMED: Final = "fake.streamed"
_BROKEN: Final = 520
_WARNING: Final = b"<br />\n<b>Warning</b>:  Undefined array key in <b>plugin.php</b> on line <b>12</b><br />\n"


class App(ABC, Generic[Settings]):
    """A platform as a Flask app. Code that reads or changes it holds `lock`; a thread may take `lock` twice.

    Args:
        settings: how it behaves.
        clock: its time; without one it stands still.
    """

    #: The platform's own kinds of faults that strike a call before it is looked at, each with what it does.
    strikes: ClassVar[Mapping[str, str]] = {}
    #: Those that strike where the platform itself looks for them.
    kinds: ClassVar[Mapping[str, str]] = {}

    #: What a fault strikes that is not narrowed: a shell pattern for `Asked.path`.
    struck: ClassVar[str] = "*"

    def __init__(self, settings: Settings, clock: Clock | None = None) -> None:
        self.settings, self.clock = settings, clock or Clock()
        self.lock = threading.RLock()
        self.faults, self.calls = Faults(self.strikes, self.kinds, self.struck), Calls()
        self.app = Flask(type(self).__name__, static_folder=None)
        self.app.before_request(self._before)
        self.app.after_request(self._after)
        self.app.register_error_handler(Broken, lambda _: broken())
        self.routes(self.app)

    @abstractmethod
    def routes(self, app: Flask) -> None:
        """Add the platform's routes."""

    # What a platform says in its own words

    def asked(self) -> Asked:
        """Return what the call is about."""
        return Asked(request.method, request.path)

    def status(self, status: int) -> Response:
        """Return an answer with a status."""
        return reply({"error": status}, status)

    def error(self) -> Response:
        """Return the platform's way to say that something broke in it."""
        return self.status(500)

    def unauthorized(self) -> Response:
        """Refuse the token that was shown, and revoke it."""
        return self.status(401)

    def forbidden(self) -> Response:
        """Say that the token may not do this."""
        return self.status(403)

    def strike(self, fault: Fault) -> Response | None:
        """Answer in the place of everything else, for one of the platform's own `strikes`; None lets the call go on."""
        raise NotImplementedError(fault.kind)

    # One call

    def wsgi(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answer a request of a server: what is streamed piece by piece, all else in one."""
        body = self.app(environ, start_response)
        return body if environ.get(STREAMED) else whole(lambda *_: body)(environ, start_response)

    def take(self, *kinds: str, page: int | None = None, operation: str = "") -> Fault | None:
        """Return the fault that strikes this call, and count it; None when none does.

        Args:
            kinds: of these kinds.
            page: which page of a listing it is.
            operation: what part of the call it is about, where that is not all of it.
        """
        asked: Asked = g.asked
        with self.lock:
            return self.faults.take(kinds, asked._replace(operations=(operation,)) if operation else asked, page)

    def _before(self) -> Response | None:
        if request.path.startswith(CONTROL):
            return None
        g.asked, g.auth = self.asked(), "none"
        with self.lock:
            g.in_second = self.calls.arrive(self.clock())
        if fault := self.take("slow"):
            time.sleep(float(fault.options.get("delay_s", 1)))
        fault = self.take(*(kind for kind in BEFORE if kind != "slow"), *self.strikes)
        return None if fault is None else self._struck(fault)

    def _struck(self, fault: Fault) -> Response | None:
        wait = fault.options.get("retry_after", 1)
        retry = {} if wait is None else {"Retry-After": str(wait)}
        answers: Mapping[str, Callable[[], Response]] = {
            "broken": broken,
            "down": lambda: page("503 Service Unavailable", "Briefly unavailable for maintenance.", 503, retry),
            "storm": lambda: page("429 Too Many Requests", "Slow down.", 429, retry),
            "html": lambda: page("One moment, please...", "Please wait while your request is being verified."),
            "firewall": lambda: page("403 Forbidden", "Your request was blocked.", 403),
            "status": lambda: self.status(int(fault.options.get("status", 503))),
            "error": self.error,
            "unauthorized": self.unauthorized,
            "scope": self.forbidden,
        }
        return answers[fault.kind]() if fault.kind in answers else self.strike(fault)

    def _after(self, response: Response) -> Response:
        if request.path.startswith(CONTROL):
            return response
        if response.status_code != _BROKEN and (fault := self.take(*AFTER)):
            response = _spoiled(fault, response)
        asked: Asked = g.asked
        status = 0 if response.status_code == _BROKEN else response.status_code
        told = {"method": asked.method, "path": asked.path, "operations": list(asked.operations), "status": status}
        told |= {"at": self.clock(), "query": request.args.to_dict(), "auth": g.auth}
        with self.lock:
            self.calls.add(told)
        return response


def _spoiled(fault: Fault, response: Response) -> Response:
    """Return an answer as a fault leaves it."""
    if fault.kind == "lost":
        return broken()
    size = fault.options.get("size")
    if fault.kind == "torn":
        request.environ[STREAMED] = True
        response.response = _torn(
            response.iter_encoded(), (response.content_length or 0) // 2 if size is None else int(size)
        )
        return response
    response.direct_passthrough = False
    body = response.get_data()
    if fault.kind == "cut":
        response.set_data(body[: len(body) // 2 if size is None else int(size)])
    elif fault.kind == "junk":
        response.set_data(_WARNING + body)
    else:
        request.environ[STREAMED] = True
        delay_s = float(fault.options.get("delay_s", 0.01))
        response.response = _dripping(body, 64 if size is None else int(size), delay_s)
    return response


def _dripping(body: bytes, size: int, delay_s: float) -> Iterator[bytes]:
    for at in range(0, len(body), size):
        yield body[at : at + size]
        time.sleep(delay_s)


def _torn(pieces: Iterator[bytes], size: int) -> Iterator[bytes]:
    """Yield the first bytes of a body, then break."""
    for piece in pieces:
        if len(piece) >= size:
            yield piece[:size]
            raise Broken
        size -= len(piece)
        yield piece
