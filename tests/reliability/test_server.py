"""The web server as it runs for real: what reaches the ingress, and what the sender sees."""

from __future__ import annotations

import http.client
import threading
from collections import Counter
from collections.abc import Iterator

import pytest

from customer_sync.model import Inbound
from customer_sync.store import keys
from customer_sync.store.inbox import decode
from customer_sync.web.ingress import MAX_BODY_BYTES
from tests.reliability.servers import wait_until
from tests.reliability.stack import CONNECTOR, SECRET, TOKEN, Stack

pytestmark = pytest.mark.slow


class Web:
    """A web process over a Redis of its own."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.host = stack.start_web().removeprefix("http://")

    def post(self, body: bytes, *, source: str = "shopify", chunked: bool = False, headers: dict | None = None) -> int:
        connection = http.client.HTTPConnection(self.host, timeout=10)
        headers = _signed(body) if headers is None else headers
        if chunked:
            connection.request("POST", f"/webhooks/{source}", _pieces(body), headers, encode_chunked=True)
        else:
            connection.request("POST", f"/webhooks/{source}", body, headers)
        answer = connection.getresponse()
        answer.read()
        connection.close()
        return answer.status


def _signed(body: bytes) -> dict[str, str]:
    headers = {"x-shopify-topic": "customers/update"}
    return dict(CONNECTOR.sign(Inbound("shopify", headers, body, None), SECRET).headers)


def _pieces(body: bytes) -> Iterator[bytes]:
    for start in range(0, len(body), 60_000):
        yield body[start : start + 60_000]


@pytest.fixture(scope="module")
def web(redis_url, tmp_path_factory):
    stack = Stack(tmp_path_factory.mktemp("web"), None, "http://127.0.0.1:9/v3")
    try:
        yield Web(stack)
    finally:
        stack.close()


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_arrives_whole_up_to_the_limit_and_is_413_beyond(web, chunked):
    web.stack.client.delete(keys.INBOX)
    body = b"x" * MAX_BODY_BYTES

    assert web.post(body, chunked=chunked) == 202
    assert web.post(body + b"x", chunked=chunked) == 413
    assert web.post(body + b"x" * 3_000_000, chunked=chunked) == 413

    ((_, fields),) = web.stack.client.xrange(keys.INBOX)
    assert decode(fields[b"r"]).body == body


def test_brevo_gets_429_for_a_body_that_is_too_large_or_has_no_token(web):
    bearer = {"authorization": f"Bearer {TOKEN}"}

    assert web.post(b"x" * (MAX_BODY_BYTES + 1), source="brevo", headers=bearer) == 429
    assert web.post(b"{}", source="brevo", headers={}) == 429
    assert web.post(b"{", source="brevo", headers=bearer) == 200


def test_the_counters_are_exact_after_many_connections_at_once(web):
    web.stack.client.delete(keys.INBOX, keys.METRICS)
    body = b'{"id": 1}'
    answers: Counter[int] = Counter()
    lock = threading.Lock()

    def send() -> None:
        for turn in range(40):
            status = web.post(body, headers=None if turn % 4 else {})
            with lock:
                answers[status] += 1

    threads = [threading.Thread(target=send) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    def counted(answer: str) -> int:
        return int(web.stack.client.hget(keys.METRICS, f"tajo_inbound_total|source=shopify|answer={answer}") or 0)

    assert answers == {202: 180, 401: 60}
    wait_until(lambda: counted("refused") == 60, lambda: counted("refused"))
    assert counted("accepted") == web.stack.client.xlen(keys.INBOX) == 180


def test_an_answer_holds_no_secret_and_the_log_no_address(web):
    body = b'{"id": 1, "email": "amelie.durand@example.com"}'
    web.post(body)
    web.post(body[:-1])
    web.post(body, headers={"x-shopify-hmac-sha256": "wrong"})
    web.post(body, source="brevo", headers={"authorization": "Bearer wrong-token"})

    log = web.stack.told()
    for word in ("amelie", SECRET, TOKEN, "wrong-token"):
        assert word not in log
