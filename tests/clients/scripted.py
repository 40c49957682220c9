"""A server that answers what a test says, in order, faults included, and keeps what came."""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import threading
from collections import deque
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

VERSION = "0.1.0"


class Answer(NamedTuple):
    """What a request is answered with; `cut` ends the connection instead."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = {}  # noqa: RUF012  # never changed
    cut: bool = False


class Came(NamedTuple):
    """A request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any


class Scripted(ThreadingHTTPServer):
    """The server; `answers` are used up one by one, and the last of them stays."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: deque[Answer] = deque()
        self.came: list[Came] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def script(self, *answers: Answer) -> None:
        """Answer with these from now on."""
        self.answers = deque(answers)
        self.came.clear()


class Handler(BaseHTTPRequestHandler):
    """Answers one connection."""

    protocol_version = "HTTP/1.1"
    server: Scripted

    def do_GET(self) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.came.append(
            Came(self.command, self.path, dict(self.headers.items()), json.loads(raw) if raw else None)
        )
        answers = self.server.answers
        answer = answers.popleft() if len(answers) > 1 else answers[0]
        if answer.cut:
            self.close_connection = True
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
            return
        content = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
        self.send_response_only(answer.status)
        for name, value in {"Tajo-Version": VERSION, "Content-Type": "application/json", **answer.headers}.items():
            if value:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_POST = do_DELETE = do_GET  # noqa: N815  # the names that http.server calls

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def finish(self) -> None:
        with contextlib.suppress(OSError):
            super().finish()


@contextlib.contextmanager
def serving() -> Iterator[Scripted]:
    """Serve while the block lasts."""
    with Scripted() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def problem(status: int, slug: str = "not-found", **more: Any) -> Answer:
    """A problem as the service tells it."""
    headers = {"Content-Type": "application/problem+json", **more.pop("headers", {})}
    body = {"type": f"urn:tajo:problem:{slug}", "title": "T", "status": status, "detail": "D.", "remedy": "R.", **more}
    return Answer(status, body, headers)
