"""A man in the middle: forwards every call to the sandbox, and notes when it began and when it ended."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

import urllib3


class Seen(NamedTuple):
    """One call: whom it was about, when it began and ended (seconds), what was answered."""

    who: str
    method: str
    began: float
    ended: float
    status: int


class Watch:
    """Stands at `url` in front of a sandbox.

    Args:
        target: the sandbox's address.
        delay_s: how much longer each call takes.
    """

    def __init__(self, target: str, delay_s: float) -> None:
        self.target = target
        self.delay_s = delay_s
        self.calls: list[Seen] = []
        self.lock = threading.Lock()
        self.http = urllib3.PoolManager(maxsize=32, retries=False, timeout=10)
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}/v3"

    def reset(self) -> None:
        """Forget every call, and hold none up."""
        with self.lock:
            self.calls.clear()
        self.delay_s = 0.0

    def overlaps(self) -> list[tuple[Seen, Seen]]:
        """Return every two calls for one person that were under way at the same time."""
        by_person: dict[str, list[Seen]] = {}
        for call in sorted(self.calls, key=lambda one: one.began):
            by_person.setdefault(call.who, []).append(call)
        pairs = [pair for calls in by_person.values() for pair in pairwise(calls)]
        return [(first, second) for first, second in pairs if first.who and second.began < first.ended]


def _handler(watch: Watch) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _forward(self) -> None:
            began = time.monotonic()
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            time.sleep(watch.delay_s)
            headers = {"api-key": self.headers.get("api-key", ""), "content-type": "application/json"}
            answer = watch.http.request(self.command, watch.target + self.path, body=body, headers=headers)
            with watch.lock:
                watch.calls.append(Seen(_who(self.path, body), self.command, began, time.monotonic(), answer.status))
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                if name.lower().startswith(("x-sib", "content-type")):
                    self.send_header(name, value)
            if answer.status != 204:
                self.send_header("content-length", str(len(answer.data)))
            self.end_headers()
            self.wfile.write(answer.data)

        do_GET = do_POST = do_PUT = do_DELETE = _forward  # noqa: N815  # the server's names

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Handler


def _who(path: str, body: bytes) -> str:
    last = unquote(urlsplit(path).path.rpartition("/")[2])
    if "@" in last:
        return last
    sent = json.loads(body) if body else {}
    return str(sent.get("email", ""))


@contextmanager
def watching(target: str, *, delay_s: float = 0.0) -> Iterator[Watch]:
    """Stand in front of a sandbox while the block lasts."""
    watch = Watch(target, delay_s)
    thread = threading.Thread(target=watch.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield watch
    finally:
        watch.server.shutdown()
        watch.server.server_close()
        watch.http.clear()
