"""Runs a WSGI app as a server of its own: one process, because what it serves is in its memory.

For the stand-ins of other companies' servers (the sandbox, the demo's stores): the port is held before anything
starts, the first line of stdout is the address, and the server ends with the process that started it.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from granian.constants import Interfaces
from granian.server.mp import MPServer

#: How many calls are worked on at once: a slow one must not stop the rest.
THREADS = 16
#: Listening at every address; one of them is the loopback.
ANYWHERE = "0.0.0.0"  # noqa: S104 - compared with, never bound by itself
#: How often the worker looks whether its parent still lives.
_WATCH_S = 0.5
#: How long a worker may take to end, in seconds; then it is killed. One that is told to end while it begins does not
#: hear it (granian 2.8), and all that it has is in its memory.
_END_S = 2

#: A WSGI app (PEP 3333).
Wsgi = Callable[[dict[str, Any], Any], Iterable[bytes]]


def serve(host: str, port: int, loader: Callable[[], Wsgi], *, threads: int = THREADS, name: str = "server") -> None:
    """Serve until SIGTERM or SIGINT. The first line of stdout is the address, printed once calls are answered.

    Args:
        host: the address to listen at.
        port: the port; 0 takes a free one.
        loader: builds the app, once, in the worker process; must be picklable (a function of a module, or a `partial`
            of one).
        threads: how many calls are worked on at once.
        name: the server's name, for people who look.

    Raises:
        OSError: the port is in use.
    """
    holder = _hold(host, port)
    try:
        port = holder.getsockname()[1]
        server = MPServer(
            name,
            address=host,
            port=port,
            interface=Interfaces.WSGI,
            workers=1,
            blocking_threads=threads,
            websockets=False,
            log_enabled=False,
            workers_kill_timeout=_END_S,
        )
        server.serve(target_loader=partial(_load, loader, host, port, os.getpid()), wrap_loader=False)
    finally:
        holder.close()


def whole(app: Wsgi) -> Wsgi:
    """Return the app with each answer as one piece, which the server sends in one write; a broken one stays broken.

    A body that raises `ConnectionResetError` makes the server close the connection without an answer. Not for bodies
    that do not fit into memory.
    """
    return partial(_answer, app)


def _hold(host: str, port: int) -> socket.socket:
    """Return a socket that keeps the port for us, so that nobody takes it before the server listens.

    The server shares ports (SO_REUSEPORT), so a second one at the same port would start without a word and share its
    calls: a port in use is found here, by a socket that does not share.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, port))
        port = probe.getsockname()[1]
    holder = socket.socket(family, socket.SOCK_STREAM)
    if hasattr(socket, "SO_REUSEPORT"):
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    holder.bind((host, port))
    return holder


def _load(loader: Callable[[], Wsgi], host: str, port: int, parent: int) -> Wsgi:
    """Build the app; runs in the worker process."""
    app = loader()
    threading.Thread(target=_announce, args=(host, port, parent), name="announce", daemon=True).start()
    return app


def _answer(app: Wsgi, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    chunks = app(environ, start_response)
    try:
        return list(chunks)
    except ConnectionResetError as error:
        return _Broken(error)
    finally:
        close = getattr(chunks, "close", None)
        if close:
            close()


class _Broken:
    """A body that fails at its first byte: the server then closes the connection without an answer."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def __iter__(self) -> _Broken:
        return self

    def __next__(self) -> bytes:
        raise self._error

    def close(self) -> None:
        """Nothing is open."""


def _announce(host: str, port: int, parent: int) -> None:
    """Print the address once calls are answered; afterwards end when the parent is gone."""
    while not _answers(host, port):
        time.sleep(0.005)
    shown = f"[{host}]" if ":" in host else host
    sys.stdout.write(f"http://{shown}:{port}\n")
    sys.stdout.flush()
    while os.getppid() == parent:
        time.sleep(_WATCH_S)
    os.kill(os.getpid(), signal.SIGKILL)


def _answers(host: str, port: int) -> bool:
    reachable = {ANYWHERE: "127.0.0.1", "::": "::1"}.get(host, host)
    try:
        socket.create_connection((reachable, port), timeout=1).close()
    except OSError:
        return False
    return True
