"""Runs the sandbox as a server of its own: one process, because the account is in its memory."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

from customer_sync.base import serving
from customer_sync.base.serving import THREADS
from customer_sync.sandbox.app import create_app
from customer_sync.sandbox.state import Sandbox, Settings
from customer_sync.sandbox.strikes import STREAMED


def serve(host: str, port: int, settings: Settings | None = None, *, threads: int = THREADS) -> None:
    """Serve until SIGTERM or SIGINT. The first line of stdout is the address, printed once calls are answered.

    Args:
        host: the address to listen at.
        port: the port; 0 takes a free one.
        settings: how the sandbox behaves.
        threads: how many calls are worked on at once.

    Raises:
        OSError: the port is in use.
    """
    serving.serve(host, port, partial(_build, settings or Settings()), threads=threads, name="sandbox")


def _build(settings: Settings) -> serving.Wsgi:
    """Build the sandbox; runs in the worker process."""
    sandbox = Sandbox(settings)
    sandbox.start()
    return partial(_answer, create_app(sandbox))


def _answer(app: serving.Wsgi, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Answer in one piece, which the server sends in one write, unless a fault wants the answer to come in pieces."""
    pieces: list[Iterable[bytes]] = []

    def once(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        chunks = app(environ, start_response)
        if not environ.get(STREAMED):
            return chunks
        pieces.append(chunks)
        return ()

    found = serving.whole(once)(environ, start_response)
    return pieces[0] if pieces else found
