"""The crash test: whole workers, the web process and Redis die at random under load; nothing may be lost or stale.

Only processes that this test started are killed, by process id.
"""

from __future__ import annotations

import json
import random
import statistics
import threading
import time
import urllib.error
import urllib.request
import uuid
from datetime import UTC, datetime, timedelta

import pytest

from connectors.shopify.connector import ShopifyConnector
from customer_sync.kit.connector import SourceSettings
from customer_sync.model import Inbound
from tests.crash.stack import Stack, kill, wait_for
from tests.sandbox_server import sandbox_server

EVENTS = 2_000
CUSTOMERS = 150
KILLS = 12
SECRET = "crash-secret"
BORN = datetime.now(UTC) - timedelta(hours=2)

CONFIG = f"""
connectors:
  shopify: {{api_secret: {SECRET}}}
skills:
  customer-sync: {{options: {{list_id: 2}}}}
"""


@pytest.fixture
def stack(tmp_path):
    with sandbox_server("--plan", "none") as sandbox:
        made = Stack(tmp_path, sandbox, CONFIG)
        yield made
        made.close()


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_killed_workers_web_and_redis_lose_nothing(stack, capsys):
    rng = random.Random(20261121)
    sender = Sender(stack, rng)
    senders = [threading.Thread(target=sender.run) for _ in range(4)]
    for thread in senders:
        thread.daemon = True
        thread.start()
    recoveries, kills = [], {}
    while len(recoveries) < KILLS:
        time.sleep(rng.uniform(0.5, 2.0))
        victim = rng.choice(["worker", "worker", "web", "redis"])
        for pid in _victims(stack, victim):
            kill(pid)
        kills[victim] = kills.get(victim, 0) + 1
        recoveries.append(sender.probe(len(recoveries)))
    for thread in senders:
        thread.join()
    expected = sender.newest()
    wait_for(
        lambda: not _differences(expected, stack.sandbox.contacts()),
        60,
        lambda: _differences(expected, stack.sandbox.contacts()),
    )

    repeats = sender.accepted - EVENTS
    with capsys.disabled():
        print(
            f"\ncrash test: {sender.accepted} events accepted, kills {kills}, lost 0, stale 0, sent again {repeats}, "
            f"recovery p50 {statistics.median(recoveries):.2f} s, p99 {max(recoveries):.2f} s"
        )
    assert max(recoveries) <= 15


def _victims(stack: Stack, victim: str) -> list[int]:
    if victim == "redis":
        return [stack.redis()]
    pids = stack.children("customer_sync.worker.app worker" if victim == "worker" else "granian")
    return pids[:1] if victim == "worker" else pids


class Sender:
    """Sends every event until it is accepted, as the platforms do; remembers what was."""

    def __init__(self, stack: Stack, rng: random.Random) -> None:
        self.url = f"http://127.0.0.1:{stack.port}/webhooks/shopify"
        self.stack = stack
        self.connector = ShopifyConnector(SourceSettings("shopify", "shopify", (SECRET,)))
        self.accepted = 0
        self._lock = threading.Lock()
        stamps = [(rng.randrange(CUSTOMERS), second) for second in range(EVENTS)]
        rng.shuffle(stamps)
        self._todo = stamps
        self._newest: dict[int, int] = {}

    def run(self) -> None:
        while True:
            with self._lock:
                if not self._todo:
                    return
                customer, second = self._todo.pop()
            self.send(customer, second)
            with self._lock:
                self.accepted += 1
                self._newest[customer] = max(self._newest.get(customer, -1), second)
            time.sleep(0.02)

    def send(self, customer: int, second: int) -> None:
        at = BORN + timedelta(seconds=second)
        body = json.dumps(
            {
                "id": 706405506930370084 + customer,
                "email": f"person{customer}@example.com",
                "first_name": f"v{second}",
                "updated_at": at.isoformat(),
            }
        ).encode()
        headers = {"x-shopify-topic": "customers/update", "x-shopify-webhook-id": str(uuid.uuid4())}
        signed = self.connector.sign(Inbound("shopify", headers, body, datetime.now(UTC)), SECRET)
        ends = time.monotonic() + 60
        while time.monotonic() < ends:
            request = urllib.request.Request(self.url, data=body, headers=dict(signed.headers))
            try:
                with urllib.request.urlopen(request, timeout=5) as answer:
                    if answer.status == 202:
                        return
            except (urllib.error.URLError, OSError) as error:
                last = error
            time.sleep(0.1)
        raise AssertionError(f"an event was not accepted within a minute: {last}")

    def probe(self, number: int) -> float:
        """Seconds until an event sent right after a kill is in the sandbox."""
        started = time.monotonic()
        customer = 10_000 + number
        self.send(customer, number)
        wait_for(lambda: f"person{customer}@example.com" in self.stack.sandbox.contacts(), 30, "the probe")
        return time.monotonic() - started

    def newest(self) -> dict[str, str]:
        return {f"person{customer}@example.com": f"v{second}" for customer, second in self._newest.items()}


def _differences(expected: dict[str, str], contacts: dict[str, dict]) -> dict[str, tuple[str, object]]:
    found = {email: (contacts.get(email) or {}).get("attributes", {}).get("FIRSTNAME") for email in expected}
    return {email: (name, found[email]) for email, name in expected.items() if found[email] != name}
