"""What the tests of notices share: a receiver on this machine, and the line with targets."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from customer_sync import assembly
from customer_sync.config import NotificationSettings, Settings
from customer_sync.config.settings import NoticeTarget
from customer_sync.errors import Unavailable
from customer_sync.operate.notices.notice import Notice
from customer_sync.operate.notices.outbox import put
from customer_sync.pipeline import Line, deliver

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@dataclass
class Receiver:
    """A receiver that answers what the test says.

    Args:
        url: where it is.
        answers: status (and headers) of the next answers; 200 when they are used up. 0 gives none for as long as it is
            open.
        got: headers by small letters, and body, of each request.
    """

    url: str
    answers: list[int | tuple[int, dict[str, str]]] = field(default_factory=list)
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    is_over: threading.Event = field(default_factory=threading.Event)

    @property
    def bodies(self) -> list[dict]:
        return [json.loads(body) for _, body in self.got]

    @property
    def ids(self) -> list[str]:
        return [headers["webhook-id"] for headers, _ in self.got]


@contextmanager
def receiving() -> Iterator[Receiver]:
    """Give a receiver at a free port."""

    class Door(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            found.got.append(({name.lower(): value for name, value in self.headers.items()}, body))
            answer = found.answers.pop(0) if found.answers else 200
            status, headers = answer if isinstance(answer, tuple) else (answer, {})
            if not status:
                found.is_over.wait(30)
                return
            self.send_response(status)
            for name, value in {"Content-Length": "0", **headers}.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing is printed."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    server.daemon_threads = True
    found = Receiver(f"http://127.0.0.1:{server.server_port}/hook")
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield found
    finally:
        found.is_over.set()
        server.shutdown()
        server.server_close()


def target(url: str, name: str = "ops", **more) -> NoticeTarget:
    return NoticeTarget(name, more.pop("kind", "webhook"), url, **{"secrets": (SECRET,), "allow_private": True, **more})


def settings(*targets: NoticeTarget, **more) -> Settings:
    return Settings(notifications=NotificationSettings(targets), **more)


def open_line(config: Settings, client, home, clock=None) -> Line:
    return assembly.open_line(config, client, lambda _: None, home, clock)


def notice(number: int = 1, type_: str = "sync_completed", **data) -> Notice:
    return Notice(f"msg_{number}", type_, 1_790_000_000_000 + number, {"text": "Done.", "remedy": "", **data})


def send(line: Line, config: Settings, *notices: Notice) -> None:
    """Put notices into the lanes of all targets, and let a worker try each lane once."""
    put(line.store, config.notifications.targets, notices, lambda _: None)
    work(line)


def work(line: Line) -> None:
    """Let a worker try what is due in the lanes of notices."""
    for lane in [name for name in line.handlers if name.startswith("notify:")]:
        with suppress(Unavailable):
            while deliver(line, lane).did_work:
                pass


def make_due(line: Line, lane: str = "notify:ops") -> None:
    """Let what waits for its next try be due now."""
    client = line.store.client
    for one in client.zrange(f"tajo:q:{lane}:1", 0, -1):
        client.zadd(f"tajo:q:{lane}:1", {one: 1})


def waits(line: Line, lane: str = "notify:ops") -> int:
    return line.store.lanes.depth(lane)[0]
