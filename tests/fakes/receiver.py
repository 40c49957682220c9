"""A receiver of webhooks on the loopback: it keeps what it is sent and answers as it was told."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple


class Received(NamedTuple):
    """One request; headers by lower-case name."""

    protocol: str
    path: str
    headers: dict[str, str]
    body: bytes


class Receiver:
    """A running receiver.

    Args:
        answers: the statuses of the first answers; afterwards it is `status`.
    """

    def __init__(self, *answers: int) -> None:
        self.got: list[Received] = []
        self.status, self.delay_s = 200, 0.0
        #: How many calls were open at once, at most.
        self.most = 0
        self._open = 0
        receiver, left = self, list(answers)

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", "0")))
                headers = {name.lower(): value for name, value in self.headers.items()}
                receiver.got.append(Received(self.request_version, self.path, headers, body))
                receiver._open += 1
                receiver.most = max(receiver.most, receiver._open)
                time.sleep(receiver.delay_s)
                receiver._open -= 1
                self.send_response(left.pop(0) if left else receiver.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop receiving."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@contextmanager
def receiving(*answers: int) -> Iterator[Receiver]:
    """Run a receiver while the block lasts."""
    found = Receiver(*answers)
    try:
        yield found
    finally:
        found.close()


def until(check: Any, timeout_s: float = 5.0) -> Any:
    """Wait for something to be true and return it."""
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        if found := check():
            return found
        time.sleep(0.005)
    raise AssertionError("it did not happen in time")
