"""The front: what the web server calls. It waits for bodies without a thread, and for none longer than `BODY_S`.

A sender that is silent in the middle of its body would hold a thread for as long as it likes, and a few of them all
threads. So granian hands requests over by its own interface (RSGI), in one event loop: bodies are awaited there,
webhooks are judged there and put on record by one thread, all that came meanwhile in one step. Every other
request goes, with its body, to the Flask application in a pool of threads. See docs/decisions/0035.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http import HTTPStatus
from io import BytesIO
from typing import Any, Final

from flask import Flask
from werkzeug.wsgi import get_current_url

from customer_sync.base.log import get
from customer_sync.errors import Refused
from customer_sync.web import create_app
from customer_sync.web.api.call import BASE
from customer_sync.web.api.routes import BUSY_S, UNREAD
from customer_sync.web.ingress import (
    MAX_BODY_BYTES,
    MAX_DISCARD_BYTES,
    PREFIX,
    Environ,
    Ingress,
    Place,
    Reply,
    headers_of,
    too_large,
)
from customer_sync.web.intake import Intake, Where
from customer_sync.web.sizes import Sizes

log = get(__name__)

#: How long a body may take to arrive, in seconds. Platforms themselves give up after five to ten.
BODY_S: Final = 10.0
#: How often it is looked whose time is up, in seconds.
LOOK_S: Final = 0.5
#: A body that says to be no larger is read in one go, in bytes.
SMALL_BYTES: Final = 64 * 1024
#: How much all the larger bodies that are under way may hold together, in bytes; who comes then must come again.
MAX_HELD_BYTES: Final = 64 * 1024 * 1024
#: How many requests other than webhooks are worked on at once.
THREADS: Final = 8
#: What those ask who end a process that does not answer. It has threads of its own: pages that wait for a Redis that is
#: frozen hold all the others.
HEALTH: Final = frozenset({"/healthz", "/readyz"})
HEALTH_THREADS: Final = 2

_TEXT: Final = ("Content-Type", "text/plain; charset=utf-8")
_BUSY: Final = "Too many large bodies are under way."

#: A WSGI answer: status, headers, body.
_Answered = tuple[int, list[tuple[str, str]], bytes]


class _Full(Exception):
    """The bodies under way hold all that they may."""


class Front:
    """An RSGI application: webhooks to the ingress, all else to Flask.

    Args:
        app: the application, with its ingress in front.
    """

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._ingress: Ingress = app.extensions["tajo.ingress"]
        intake: Intake = app.extensions["tajo"].intake
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="page")
        self._health_pool = ThreadPoolExecutor(HEALTH_THREADS, thread_name_prefix="health")
        self._record = _Record(intake, self._pool)
        self._sizes: Sizes = app.extensions["tajo.sizes"]
        self._reading: dict[asyncio.Task[Any], float] = {}
        self._held_bytes = 0

    def __rsgi_init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin to work in the server's event loop."""
        self._loop = loop
        self._record.start(loop)
        loop.call_later(LOOK_S, self._look)

    async def __rsgi__(self, scope: Any, proto: Any) -> None:
        """Answer one request."""
        try:
            if scope.path.startswith(PREFIX):
                reply = await self._webhook(scope, proto)
                status, headers, body = reply.answer.status, headers_of(reply), reply.answer.body
            else:
                status, headers, body = await self._page(scope, proto)
        except _Gone:
            status, headers, body = HTTPStatus.BAD_REQUEST, [], b""
        proto.response_bytes(status, headers, body)

    async def _webhook(self, scope: Any, proto: Any) -> Reply:
        place = self._ingress.place(scope.method, scope.path)
        if isinstance(place, Reply):
            return place
        try:
            body = await self._body(scope, proto, MAX_BODY_BYTES)
        except Refused as error:
            return self._ingress.refuse(place.source, error)
        except _Full:
            return self._ingress.busy(place.source)
        return await self._kept(scope, place, body)

    async def _kept(self, scope: Any, place: Place, body: bytes) -> Reply:
        url = partial(_url, scope)
        found = self._ingress.judge(place, _Headers(scope.headers), body, scope.query_string, url)
        if isinstance(found, Reply):
            return found
        where = await self._record.keep(found.raw, found.source)
        return self._ingress.busy(found.source) if where is None else Reply(found.answer)

    async def _page(self, scope: Any, proto: Any) -> _Answered:
        limit = self._sizes.of(scope.method, scope.path, scope.headers.get("authorization") or "")
        try:
            environ = _environ(scope, await self._body(scope, proto, limit))
        except (Refused, _Full) as error:
            unread = error if isinstance(error, Refused) else Refused(_BUSY, status=HTTPStatus.SERVICE_UNAVAILABLE)
            if not scope.path.startswith(f"{BASE}/"):
                again = [("Retry-After", str(BUSY_S))] if isinstance(error, _Full) else []
                return unread.status, [_TEXT, *again], f"{unread}\n".encode()
            # the API says it in its own form, and to nobody who has no key
            environ = {**_environ(scope, b""), UNREAD: unread}
        pool = self._health_pool if scope.path in HEALTH else self._pool
        return await self._loop.run_in_executor(pool, _call, self._app, environ)

    # bodies

    async def _body(self, scope: Any, proto: Any, limit: int) -> bytes:
        """Return the body of a request.

        Raises:
            Refused: it is larger than allowed, or did not arrive in time.
            _Full: too much is under way.
            _Gone: the sender broke off.
        """
        told = scope.headers.get("content-length") or ""
        length = int(told) if told.isascii() and told.isdigit() else None
        if length == 0:
            return b""
        task = asyncio.current_task()
        assert task is not None
        ends_at = self._reading[task] = self._loop.time() + BODY_S
        try:
            if length is not None and length <= min(limit, SMALL_BYTES):
                return bytes(await proto())
            return await self._large(proto, limit)
        except asyncio.CancelledError:
            if self._loop.time() < ends_at:
                raise  # the server stops
            raise Refused(f"The body did not arrive within {BODY_S:.0f} seconds.", status=408) from None
        except (OSError, RuntimeError) as error:  # granian's own errors are of these kinds
            raise _Gone from error
        finally:
            del self._reading[task]

    async def _large(self, proto: Any, limit: int) -> bytes:
        pieces: list[bytes] = []
        size = held = 0
        try:
            async for piece in proto:
                size += len(piece)
                if size <= limit:
                    held += len(piece)
                    self._held_bytes += len(piece)
                    if self._held_bytes > MAX_HELD_BYTES:
                        raise _Full
                    pieces.append(piece)
                # who is cut off in the middle of a body never reads the answer, and sends it all again
                elif size > limit + MAX_DISCARD_BYTES:
                    break
        finally:
            self._held_bytes -= held
        if size > limit:
            raise too_large(limit)
        return b"".join(pieces)

    def _look(self) -> None:
        """Give up the bodies whose time is up."""
        now = self._loop.time()
        for task, ends_at in self._reading.items():
            if ends_at <= now:
                task.cancel()
        self._loop.call_later(LOOK_S, self._look)


class _Gone(Exception):
    """The sender broke off."""


class _Record:
    """Puts webhooks on record: one thread writes all that came while it wrote the last ones."""

    def __init__(self, intake: Intake, pool: ThreadPoolExecutor) -> None:
        self._intake = intake
        self._pool = pool
        self._waiting: deque[tuple[bytes, str, asyncio.Future[Where | None]]] = deque()
        self._is_some = threading.Event()

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin to write."""
        self._loop = loop
        threading.Thread(target=self._write_forever, name="record", daemon=True).start()

    def keep(self, raw: bytes, source: str) -> asyncio.Future[Where | None]:
        """Return what tells where a request is on record; None: nowhere."""
        told: asyncio.Future[Where | None] = self._loop.create_future()
        self._waiting.append((raw, source, told))
        self._is_some.set()
        return told

    def _write_forever(self) -> None:
        while True:
            self._is_some.wait()
            self._is_some.clear()
            group = [self._waiting.popleft() for _ in range(len(self._waiting))]
            if group:
                where, must_wake = self._intake.keep([raw for raw, _, _ in group], [source for _, source, _ in group])
                self._loop.call_soon_threadsafe(_tell, [told for _, _, told in group], where)
                if must_wake:
                    # a Redis that freezes now must not hold up those who come next
                    self._pool.submit(self._intake.wake)


def _tell(all_told: Iterable[asyncio.Future[Where | None]], where: Where | None) -> None:
    for told in all_told:
        if not told.done():
            told.set_result(where)


class _Headers(dict[str, str]):
    """The request's headers by lower-case name, read from granian's only when asked for."""

    def __init__(self, found: Any) -> None:
        super().__init__()
        self._found = found

    def __missing__(self, name: str) -> str:
        value: str | None = self._found.get(name)
        if value is None:
            raise KeyError(name)
        return value

    def get(self, name: str, default: str = "") -> str:  # type: ignore[override]  # a narrower use of dict
        """Return a header, the default when it is absent."""
        found: str = self._found.get(name, default)
        return found

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and bool(self.get(name))


def _url(scope: Any) -> str:
    return get_current_url(_environ(scope, b""))


def _environ(scope: Any, body: bytes) -> Environ:
    """Return a request as WSGI has it (PEP 3333)."""
    sender: str = scope.client
    environ: Environ = {
        "REQUEST_METHOD": scope.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": scope.path.encode().decode("latin-1"),
        "QUERY_STRING": scope.query_string,
        "SERVER_NAME": _host(scope.server),
        "SERVER_PORT": scope.server.rpartition(":")[2],
        "SERVER_PROTOCOL": f"HTTP/{scope.http_version}",
        "REMOTE_ADDR": _host(sender),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.scheme,
        "wsgi.input": BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "wsgi.input_terminated": True,
    }
    if scope.authority:
        environ["HTTP_HOST"] = scope.authority
    for name, value in scope.headers.items():
        key = name.upper().replace("-", "_")
        key = key if key == "CONTENT_TYPE" else f"HTTP_{key}"
        between = "; " if key == "HTTP_COOKIE" else ","
        environ[key] = f"{environ[key]}{between}{value}" if key in environ else value
    environ["CONTENT_LENGTH"] = str(len(body))
    return environ


def _host(address: str) -> str:
    """Return an address without its port."""
    return address.rpartition(":")[0].strip("[]")


def _call(app: Flask, environ: Environ) -> _Answered:
    answered: list[tuple[int, list[tuple[str, str]]]] = []

    def start(status: str, headers: list[tuple[str, str]], _: Any = None, /) -> Callable[[bytes], object]:
        answered[:] = [(int(status[:3]), headers)]
        return lambda _: None  # PEP 3333's old way to write, which Flask does not use

    chunks = app(environ, start)
    try:
        body = b"".join(chunks)
    finally:
        close = getattr(chunks, "close", None)
        if close:
            close()
    status, headers = answered[0]
    return status, headers, body


def create_front() -> Front:
    """Return what the web server calls; the settings come from `tajo.yaml` and the environment.

    Raises:
        ConfigFaults: the config is wrong.
    """
    return Front(create_app())
