"""`tajo run` as people start it, among thirty shops whose answers drip and fifty senders that send no body."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from customer_sync.base.embedded import free_port
from customer_sync.model import Inbound
from tests.outbound.peers import Peer, dripping, peer
from tests.reliability.servers import wait_until
from tests.reliability.stack import CONNECTOR, ROOT, SECRET, address
from tests.sandbox_server import SandboxClient

SHOPS, SILENT = 30, 50
DRIP = dripping(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n[", b" ", every_s=0.5)
#: How many of the shops are called at once: what is left of a worker's threads is for live work.
AT_ONCE = 3


class Installation:
    """`tajo run` in a folder of its own."""

    def __init__(self, folder: Path, shops: Peer) -> None:
        config = ["connectors:", f"  shopify: {{api_secret: {SECRET}}}"]
        for number in range(SHOPS):
            keys = "webhook_secret: s, consumer_key: ck_1, consumer_secret: cs_1, auth: query"
            config.append(f"  woo{number}: {{platform: woocommerce, shop_url: '{shops.url}', {keys}}}")
        (folder / "tajo.yaml").write_text(
            "\n".join([*config, "skills:", "  customer-sync: {enabled: true, options: {first_sync: auto}}", ""])
        )
        env = {name: value for name, value in os.environ.items() if not name.startswith(("TAJO_", "BREVO_"))}
        env |= {"TAJO_CONFIG": str(folder / "tajo.yaml"), "TAJO_HOME": str(folder / "home")}
        self.where = ("127.0.0.1", free_port())
        self.log = folder / "log"
        command = [sys.executable, "-m", "customer_sync", "run", "--port", str(self.where[1])]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=log, stderr=log)
        wait_until(lambda: (folder / "home" / "run.json").exists() or self.process.poll() is not None, self.told)
        assert self.process.poll() is None, self.told()
        url = json.loads((folder / "home" / "run.json").read_text())["brevo_url"]
        self.sandbox = SandboxClient(url.removesuffix("/v3"), self.process)
        wait_until(self._answers, self.told)

    def told(self) -> str:
        return self.log.read_text(errors="replace")[-3000:]

    def _answers(self) -> bool:
        with contextlib.suppress(OSError):
            return self.ask("GET", "/healthz")[0] == 200
        return False

    def ask(self, method: str, path: str, body: bytes = b"", headers: dict | None = None) -> tuple[int, float]:
        """The status, and how long it took."""
        connection, began = http.client.HTTPConnection(*self.where, timeout=20), time.monotonic()
        with contextlib.closing(connection):
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            answer.read()
            return answer.status, time.monotonic() - began

    def delivers_in_s(self, number: int) -> float:
        """How long a change of a customer takes from the webhook to Brevo."""
        at = datetime.now(UTC).isoformat()
        body = json.dumps({"id": number, "email": address(number), "updated_at": at}).encode()
        headers = {"x-shopify-topic": "customers/update", "x-shopify-webhook-id": str(uuid.uuid4())}
        signed = CONNECTOR.sign(Inbound("shopify", headers, body, None), SECRET).headers
        began = time.monotonic()
        assert self.ask("POST", "/webhooks/shopify", body, dict(signed))[0] == 202
        wait_until(lambda: address(number) in self.sandbox.contacts(), self.told, 20)
        return time.monotonic() - began

    def silence(self, path: str) -> socket.socket:
        """Announce a body and send none."""
        sock = socket.create_connection(self.where, timeout=5)
        sock.sendall(f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n".encode())
        return sock

    def close(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(5)


@pytest.fixture
def shops() -> Iterator[Peer]:
    with peer(DRIP) as found:
        yield found


@pytest.fixture
def installation(redis_url, tmp_path, shops) -> Iterator[Installation]:
    del redis_url  # skips with a sentence where no Redis can be had
    made = Installation(tmp_path, shops)
    yield made
    made.close()


@pytest.mark.slow
@pytest.mark.alone
def test_live_changes_and_health_stay_below_a_second_among_dripping_shops_and_silent_senders(
    installation, shops, measured
):
    installation.delivers_in_s(0)
    wait_until(lambda: len(shops.requests) >= AT_ONCE, installation.told, 30)
    time.sleep(2.0)  # the other pulls ask for a thread
    paths = ("/webhooks/shopify", "/connect/woo1/callback", "/sign-in")
    with contextlib.ExitStack() as opened:
        for number in range(SILENT):
            opened.enter_context(installation.silence(paths[number % len(paths)]))

        took_s = max(installation.delivers_in_s(number) for number in range(1, 6))
        health = [installation.ask("GET", path) for path in ("/healthz", "/readyz") * 3]

    measured("slowest_change_s", took_s)
    measured("slowest_health_s", max(one[1] for one in health))
    assert took_s < 1.0
    assert {status for status, _ in health} == {200}
    assert max(one[1] for one in health) < 1.0
    assert len(shops.requests) == AT_ONCE
