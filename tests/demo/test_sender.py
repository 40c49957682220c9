import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from customer_sync.demo import sender as module
from customer_sync.demo.dialect import Notice
from customer_sync.demo.sender import Sender
from customer_sync.kit.connector import SourceSettings
from customer_sync.model import Inbound
from customer_sync.registry import connector_for

CONFIG = """\
connectors:
  lamps: {platform: shopify, shop_url: demo-shop.myshopify.com, api_secret: s1}
  tea: {platform: woocommerce, webhook_secret: s2}
"""


class Web(ThreadingHTTPServer):
    """Notes what is posted and answers as told."""

    daemon_threads = True

    def __init__(self):
        self.answers, self.posts, self.is_ready = [], [], True
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self._answer(200 if self.server.is_ready else 503)

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.posts.append((self.path, headers, body))
        self._answer(self.server.answers.pop(0) if self.server.answers else 202)

    def _answer(self, status):
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def web():
    with Web() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def sender_for(url, stop=None):
    sources = [SourceSettings("lamps", "shopify", ("s1", "old")), SourceSettings("tea", "woocommerce", ("s2",))]
    return Sender(url, {one.name: connector_for(one) for one in sources}, stop or threading.Event())


def notice(source, body=b'{"id":1}'):
    prefix = {"lamps": "x-shopify-topic", "tea": "x-wc-webhook-topic"}[source]
    return Notice(source, "topic", {prefix: "topic"}, body)


def test_a_webhook_goes_to_its_source_with_a_signature_by_the_newest_secret(web):
    sender = sender_for(web.url)

    sender.run(iter([(0.0, notice("lamps")), (0.0, notice("tea"))]))

    assert [path for path, _, _ in web.posts] == ["/webhooks/lamps", "/webhooks/tea"]
    _, headers, body = web.posts[0]
    connector = connector_for(SourceSettings("lamps", "shopify"))
    connector.verify(Inbound("lamps", headers, body, datetime.now(UTC)), ["s1"])
    assert sender.answers == {"202": 2}


def test_webhooks_keep_their_pace(web):
    started = time.monotonic()

    sender_for(web.url).run(iter([(0.0, notice("tea")), (0.15, notice("tea"))]))

    assert time.monotonic() - started >= 0.15


def test_shopify_tries_again_with_the_same_bytes_and_woocommerce_does_not(web, monkeypatch):
    monkeypatch.setitem(module.RETRIES, "shopify", (0.0, 0.0))
    web.answers = [503, 503, 202, 500, 202]
    sender = sender_for(web.url)

    sender.run(iter([(0.0, notice("lamps")), (0.05, notice("tea", b'{"id":2}')), (0.1, notice("tea"))]))

    assert [path for path, _, _ in web.posts] == ["/webhooks/lamps"] * 3 + ["/webhooks/tea"] * 2
    assert len(set(map(str, web.posts[:3]))) == 1
    assert [body for _, _, body in web.posts[3:]] == [b'{"id":2}', b'{"id":1}']


def test_a_webhook_is_given_up_after_the_last_try(web, monkeypatch):
    monkeypatch.setitem(module.RETRIES, "shopify", (0.0,))
    web.answers = [500, 500, 500]

    sender_for(web.url).run(iter([(0.0, notice("lamps")), (0.05, notice("tea"))]))

    assert [path for path, _, _ in web.posts] == ["/webhooks/lamps"] * 2 + ["/webhooks/tea"]


def test_shopify_tries_eight_more_times_within_four_hours():
    pauses = module.RETRIES["shopify"]

    assert len(pauses) == 8
    assert list(pauses) == sorted(pauses)
    assert sum(pauses) == pytest.approx(4 * 3600, rel=0.02)


def test_a_server_that_is_away_costs_a_try_and_no_fault(monkeypatch):
    monkeypatch.setitem(module.RETRIES, "shopify", ())
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        sender = sender_for(f"http://127.0.0.1:{closed.getsockname()[1]}")
        sender.run(iter([(0.0, notice("lamps"))]))

    assert sender.answers == {"none": 1}


def test_nothing_is_sent_before_the_server_is_ready(web):
    web.is_ready = False
    stop = threading.Event()
    answers = []
    waiting = threading.Thread(target=lambda: answers.append(sender_for(web.url, stop).wait_until_ready()))
    waiting.start()
    waiting.join(0.15)

    assert waiting.is_alive()
    web.is_ready = True
    waiting.join(5)
    assert answers == [True]


def test_waiting_ends_when_told_to_stop():
    stop = threading.Event()
    stop.set()

    assert sender_for("http://127.0.0.1:9", stop).wait_until_ready() is False


@contextmanager
def run_demo(tmp_path, *arguments, **env):
    (tmp_path / "tajo.yaml").write_text(env.pop("config", CONFIG))
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("TAJO_", "BREVO_"))}
    with subprocess.Popen(
        [sys.executable, "-m", "customer_sync.demo", *arguments],
        env=clean | {"TAJO_CONFIG": str(tmp_path / "tajo.yaml")} | env,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def test_the_program_sends_as_many_as_it_is_told(web, tmp_path):
    with run_demo(tmp_path, "--url", web.url, "--rate", "1000", "--count", "40", "--seed", "1") as process:
        _, told = process.communicate(timeout=20)

    assert process.returncode == 0, told
    assert len(web.posts) == 40
    assert {path for path, _, _ in web.posts} == {"/webhooks/lamps", "/webhooks/tea"}


def test_without_a_seed_each_start_tells_of_other_people(web, tmp_path):
    for _ in range(2):
        with run_demo(tmp_path, "--url", web.url, "--rate", "1000", "--count", "5") as process:
            process.communicate(timeout=20)

    assert len({headers.get("x-shopify-webhook-id", body) for _, headers, body in web.posts}) == len(web.posts)


@pytest.mark.alone
def test_the_program_ends_at_once_when_told_to(web, tmp_path):
    with run_demo(tmp_path, "--url", web.url, "--rate", "50") as process:
        while not web.posts:
            time.sleep(0.01)
        asked = time.monotonic()
        process.send_signal(signal.SIGTERM)
        _, told = process.communicate(timeout=20)

    assert process.returncode == 0, told
    assert time.monotonic() - asked < 2


@pytest.mark.parametrize(
    ("env", "words"),
    [
        ({"config": "connectors: {}\n"}, "no Shopify or"),
        ({"BREVO_API_KEY": "xkeysib-1"}, "sandbox only"),
        ({"config": "nonsense: 1\n"}, "nonsense"),
    ],
)
def test_the_program_says_why_it_cannot_run(tmp_path, env, words):
    with run_demo(tmp_path, "--url", "http://127.0.0.1:9", **env) as process:
        _, told = process.communicate(timeout=20)

    assert process.returncode == 2
    assert words in told
