"""The web server as `tajo run` starts it: senders that are silent in the middle of a body hold up nobody."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import time
from collections.abc import Iterator
from email.message import Message
from pathlib import Path
from typing import NamedTuple

import pytest

from customer_sync.api.inbox import MAX_BYTES
from customer_sync.model import Inbound
from customer_sync.store import keys
from customer_sync.web import MAX_FORM_BYTES
from customer_sync.web.front import BODY_S, LOOK_S
from tajo import TajoClient
from tests.reliability.servers import wait_until
from tests.reliability.stack import CONNECTOR, SECRET, Stack

pytestmark = pytest.mark.slow

#: As many senders as the server had threads six times over.
SILENT = 50
PATHS = ("/webhooks/shopify", "/webhooks/brevo", "/connect/shopify/callback", "/sign-in", "/api/v1/parked/replay", "/")


class Answer(NamedTuple):
    status: int
    headers: Message
    problem: dict


class Web:
    """A web process over a Redis of its own."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        host, port = stack.start_web().removeprefix("http://").split(":")
        self.where = (host, int(port))

    def ask(self, method: str, path: str, body: bytes = b"", headers: dict | None = None) -> tuple[int, bytes, float]:
        """The status, the body, and how long it took."""
        connection, began = http.client.HTTPConnection(*self.where, timeout=20), time.monotonic()
        with contextlib.closing(connection):
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, answer.read(), time.monotonic() - began

    def key(self) -> dict[str, str]:
        """The header that opens the API."""
        key = (Path(self.stack._env["TAJO_HOME"]) / "api.key").read_text().strip()
        return {"Authorization": f"Bearer {key}"}

    def whole(self, method: str, path: str, body: object, headers: dict[str, str]) -> Answer:
        """The answer with its headers."""
        connection = http.client.HTTPConnection(*self.where, timeout=20)
        with contextlib.closing(connection):
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return Answer(answer.status, answer.headers, json.loads(answer.read()))

    def webhook(self) -> tuple[int, bytes, float]:
        body, headers = b'{"id": 1}', {"x-shopify-topic": "customers/update"}
        signed = CONNECTOR.sign(Inbound("shopify", headers, body, None), SECRET).headers
        return self.ask("POST", "/webhooks/shopify", body, dict(signed))

    def send(self, raw: bytes) -> socket.socket:
        """Send bytes on a connection of its own, which stays open."""
        sock = socket.create_connection(self.where, timeout=BODY_S + 10)
        sock.sendall(raw)
        return sock

    def slowest(self) -> float:
        """How long the slowest of what must always answer takes."""
        found = [self.webhook(), self.ask("GET", "/healthz"), self.ask("GET", "/readyz")]
        assert [status for status, _, _ in found] == [202, 200, 200]
        return max(took_s for _, _, took_s in found)


@pytest.fixture(scope="module")
def web(redis_url, tmp_path_factory) -> Iterator[Web]:
    del redis_url  # skips with a sentence where no Redis can be had
    stack = Stack(tmp_path_factory.mktemp("web"), None, "http://127.0.0.1:9/v3")
    try:
        yield Web(stack)
    finally:
        stack.close()


def head(path: str, *lines: str) -> bytes:
    return "\r\n".join([f"POST {path} HTTP/1.1", "Host: localhost", *lines]).encode() + b"\r\n\r\n"


@pytest.mark.parametrize("way", ["Content-Length: 1000", "Content-Length: 1000000", "Transfer-Encoding: chunked"])
@pytest.mark.parametrize("path", PATHS)
def test_fifty_senders_without_a_body_hold_up_neither_webhooks_nor_health(web, path, way):
    with contextlib.ExitStack() as opened:
        for _ in range(SILENT):
            opened.enter_context(web.send(head(path, way)))
        time.sleep(0.1)

        assert web.slowest() < 1.0


def test_senders_whose_body_comes_byte_by_byte_are_answered_and_cut_when_their_time_is_up(web):
    with contextlib.ExitStack() as opened:
        began = time.monotonic()
        silent = [opened.enter_context(web.send(head(path, "Content-Length: 1000"))) for path in PATHS]
        dripping = opened.enter_context(web.send(head("/webhooks/shopify", "Content-Length: 900000")))
        answers = []
        while time.monotonic() - began < BODY_S + LOOK_S + 5 and len(answers) < len(silent):
            with contextlib.suppress(OSError):
                dripping.sendall(b"x")
            time.sleep(0.25)
            if time.monotonic() - began > BODY_S + LOOK_S:
                answers = [one.recv(100) for one in silent]
        took_s = time.monotonic() - began
        last = b"".join(iter(lambda: dripping.recv(1000), b""))  # its end: the connection was closed

    words = [answer.split(b" ")[1] for answer in answers]
    # Brevo comes again only after 429; who has no key is told that first
    assert words == [b"408", b"429", b"408", b"408", b"401", b"408"]
    assert last.startswith(b"HTTP/1.1 408")
    assert took_s < BODY_S + LOOK_S + 5


def test_who_hangs_up_in_the_middle_of_a_body_is_nobodys_trouble(web):
    before = web.stack.told().count("raised an exception")
    for path in PATHS:
        for body in (b"", b"xyz"):
            web.send(head(path, "Content-Length: 1000") + body).close()
    time.sleep(0.3)

    assert web.slowest() < 1.0
    assert web.stack.told().count("raised an exception") == before


@pytest.mark.parametrize("path", ["/sign-in", "/connect/shopify/callback", "/", "/nowhere"])
@pytest.mark.parametrize("is_told", [True, False])
def test_nothing_but_a_webhook_may_be_large(web, path, is_told):
    body = b"x" * (MAX_FORM_BYTES + 1)
    pieces = body if is_told else iter([body])

    status, text, _ = web.ask("POST", path, pieces)

    assert (status, text) == (413, f"The body is larger than {MAX_FORM_BYTES} bytes.\n".encode())


@pytest.mark.parametrize("is_told", [True, False])
@pytest.mark.parametrize(
    ("path", "limit"),
    [("parked/replay", MAX_FORM_BYTES), ("events", MAX_BYTES), ("skills/customer-sync/trigger", MAX_BYTES)],
)
def test_a_call_may_be_as_large_as_its_row_says_and_not_larger(web, path, limit, is_told):
    for size, wanted in ((limit, 400), (limit + 1, 413)):
        body = b"[" * size
        headers = {**web.key(), "Content-Type": "application/json"}
        answer = web.whole("POST", f"/api/v1/{path}", body if is_told else iter([body]), headers)

        assert (answer.status, answer.headers["Content-Type"]) == (wanted, "application/problem+json")
        assert answer.headers["Tajo-Version"]
        assert answer.headers["RateLimit"]
    assert f"larger than {limit} bytes" in answer.problem["detail"]


@pytest.mark.parametrize("path", ["events", "parked/replay"])
@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer a-wrong-key"}])
def test_the_key_is_asked_for_before_a_large_body_is_read(web, path, headers):
    body = b"x" * (MAX_FORM_BYTES + 1)

    answer = web.whole("POST", f"/api/v1/{path}", body, {**headers, "Content-Type": "application/json"})

    # 429 after many wrong keys: other tests of this process show some, too
    assert (answer.status, answer.problem["title"]) in {(401, "Not let in"), (429, "Too many")}
    assert answer.headers["Tajo-Version"]


def test_a_call_of_the_api_whose_body_does_not_come_is_a_problem(web):
    (key,) = web.key().values()
    with web.send(head("/api/v1/events", "Content-Length: 1000", f"Authorization: {key}")) as sock:
        answer = sock.recv(5000)

    assert answer.startswith(b"HTTP/1.1 408")
    assert b"application/problem+json" in answer.lower()
    assert b"tajo-version" in answer.lower()


def test_the_client_tells_a_thousand_events_in_one_call(web):
    customer = {"first_name": "A" * 200, "last_name": "B" * 200, "city": "C" * 200}
    events = [
        {"event": "customer_updated", "data": {"id": f"c{n}", "email": f"c{n}@example.com", **customer}}
        for n in range(1000)
    ]
    with TajoClient(
        api_key=web.key()["Authorization"].split()[1], base_url="http://{}:{}".format(*web.where)
    ) as client:
        told = client.events.send(events)

    assert told["accepted"] == 1000


def test_many_large_bodies_that_stop_in_the_middle_do_not_fill_the_memory(web):
    with contextlib.ExitStack() as opened:
        for _ in range(20):
            sock = opened.enter_context(socket.create_connection(web.where, timeout=5))
            sock.sendall(head("/webhooks/shopify", "Content-Length: 5000000"))
            with contextlib.suppress(OSError):
                sock.sendall(b"x" * 4_900_000)
        time.sleep(0.3)

        assert web.slowest() < 1.0
        wait_until(lambda: _counted(web, "busy") >= 7, "the refusals")


def _counted(web: Web, answer: str) -> int:
    return int(web.stack.client.hget(keys.METRICS, f"tajo_inbound_total|source=shopify|answer={answer}") or 0)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/healthz", 200),
        ("HEAD", "/healthz", 200),
        ("GET", "/metrics", 200),
        ("GET", "/api/v1/openapi.json", 200),
        ("GET", "/nowhere/%C3%BC%FF%2F?x=%20", 404),
        ("DELETE", "/sign-in", 405),
        ("GET", "/webhooks/shopify", 405),
        ("POST", "/webhooks/nobody", 404),
    ],
)
def test_every_other_request_is_answered_by_the_application(web, method, path, status):
    found, body, _ = web.ask(method, path, headers=web.key())

    assert found == status
    assert bool(body) == (method != "HEAD")


def test_odd_headers_are_no_fault_of_the_server(web):
    lines = ["X-Shopify-Hmac-Sha256: \xff\xfe", "X-Two: 1", "X-Two: 2", "Cookie: a=1", "Cookie: b=2", "X_Under: 1"]
    for path, status in (("/webhooks/shopify", b"401"), ("/healthz", b"405")):
        raw = "\r\n".join([f"POST {path} HTTP/1.1", "Host: h", "Content-Length: 2", *lines]).encode("latin-1")
        with web.send(raw + b"\r\n\r\nxx") as sock:
            assert sock.recv(1000).split(b" ")[1] == status


def test_a_header_beyond_ascii_is_handed_over_by_no_server_so_the_config_takes_no_such_token(web):
    lines = ["Authorization: Bearer clé-ß", "Content-Length: 2"]
    with web.send("\r\n".join(["POST /webhooks/brevo HTTP/1.1", "Host: h", *lines]).encode() + b"\r\n\r\n[]") as sock:
        assert b"The token is missing" in sock.recv(1000)


def test_pages_that_wait_for_a_frozen_redis_do_not_hold_up_health(web):
    server, link = web.stack.server, web.stack.store.sessions.make_link()
    connection = http.client.HTTPConnection(*web.where, timeout=20)
    connection.request("GET", f"/sign-in?link={link}")
    cookie = connection.getresponse().headers["set-cookie"].partition(";")[0]
    connection.close()
    page = f"GET /live HTTP/1.1\r\nHost: h\r\nCookie: {cookie}\r\n\r\n".encode()
    server.freeze()
    try:
        with contextlib.ExitStack() as opened:
            for _ in range(24):
                opened.enter_context(web.send(page))
            time.sleep(0.2)

            status, _, took_s = web.ask("GET", "/healthz")
    finally:
        server.thaw()

    assert (status, took_s < 1.0) == (200, True)
