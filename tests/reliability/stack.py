"""Real worker processes over a Redis and a sandbox of their own. Only what was started here is ended, by process id."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import redis
from celery import Celery

from connectors.shopify.connector import ShopifyConnector
from customer_sync.base.embedded import free_port
from customer_sync.kit.connector import SourceSettings
from customer_sync.model import Inbound
from customer_sync.store import Store, connect, inbox
from tests.reliability.servers import OwnRedis, wait_until
from tests.sandbox_server import SandboxClient

ROOT = Path(__file__).resolve().parents[2]
SECRET, TOKEN = "stack-secret", "stack-token"
LIST = 2
BORN = datetime.now(UTC) - timedelta(hours=1)
CONFIG = f"""
connectors:
  shopify: {{api_secret: {SECRET}}}
skills:
  customer-sync: {{options: {{list_id: {LIST}, delete_behavior: hard}}}}
"""
WORKER = (
    "celery",
    "-A",
    "customer_sync.worker.app",
    "worker",
    "--without-gossip",
    "--without-mingle",
    "--without-heartbeat",
)
WEB = ("granian", "customer_sync.web.front:create_front", "--factory", "--interface", "rsgi")
LANE = "contacts"
#: What living processes rely on.
KEPT = (b"tajo:format", b"tajo:salt", b"tajo:celery:", b"tajo:config:", b"tajo:lanes", b"tajo:attribute:")


def address(number: int) -> str:
    return f"person{number}@example.com"


class AnyRedis(Protocol):
    """A Redis that a stack can live on; `client` may do everything."""

    @property
    def url(self) -> str: ...
    def client(self) -> redis.Redis: ...
    def close(self) -> None: ...


class Stack:
    """Redis, workers, and hands to feed and to look.

    Args:
        folder: where everything is kept.
        sandbox: the Brevo that is called.
        brevo_url: where the workers call it, when something stands between.
        server: the Redis; None starts one.
        redis_url: how everybody but the test's own hands reaches it; "" takes the server's address.
    """

    def __init__(
        self,
        folder: Path,
        sandbox: SandboxClient,
        brevo_url: str | None = None,
        *,
        server: AnyRedis | None = None,
        redis_url: str = "",
    ) -> None:
        self.sandbox = sandbox
        self.server = server or OwnRedis(folder / "redis")
        self.redis_url = redis_url or self.server.url
        self.client = connect(self.redis_url)
        self.store = Store(self.client)
        self.log_path = folder / "log"
        self._log = self.log_path.open("w")
        self._processes: list[subprocess.Popen[bytes]] = []
        self._workers: list[subprocess.Popen[bytes]] = []
        self._web = ""
        self._second = 0
        self._celery: Celery | None = None
        config = folder / "tajo.yaml"
        config.write_text(CONFIG)
        env = {name: value for name, value in os.environ.items() if not name.startswith(("TAJO_", "BREVO_"))}
        self._env = env | {
            "TAJO_CONFIG": str(config),
            "TAJO_HOME": str(folder / "home"),
            "TAJO_REDIS_URL": self.redis_url,
            "BREVO_API_URL": brevo_url or sandbox.url,
            "BREVO_API_KEY": "stack",
            "BREVO_WEBHOOK_SECRET": TOKEN,
        }

    def start_worker(self, **env: str) -> subprocess.Popen[bytes]:
        """Start a worker and return once it works."""
        name = f"w{len(self._processes)}@%h"
        process = self._start(*WORKER, "-n", name, **env)
        self.store.set_note("worker_seen", None)
        self._workers.append(process)
        wait_until(lambda: self.store.note("worker_seen") and self._listening() >= len(self.workers), self.told)
        return process

    def _listening(self) -> int:
        """How many workers wait for messages."""
        with self.server.client() as hands:
            return sum(one["cmd"] == "brpop" for one in hands.client_list())

    @property
    def workers(self) -> list[subprocess.Popen[bytes]]:
        """The workers that live."""
        return [one for one in self._workers if one.poll() is None]

    def employ(self, count: int) -> None:
        """Start workers, or end some, until there are so many."""
        while len(self.workers) < count:
            self.start_worker()
        for worker in self.workers[count:]:
            worker.send_signal(signal.SIGTERM)
            worker.wait(12)

    def start_beat(self, **env: str) -> subprocess.Popen[bytes]:
        """Start a beat with a memory of its own."""
        memory = self.log_path.with_name(f"beat-{len(self._processes)}")
        return self._start(
            "celery", "-A", "customer_sync.worker.app", "beat", "--pidfile=", TAJO_BEAT_FILE=str(memory), **env
        )

    def start_web(self, **env: str) -> str:
        """Start the web process, unless it is there, and return its address."""
        if not self._web:
            port = free_port()
            self._start(*WEB, "--port", str(port), "--log-level", "warning", **env)
            self._web = f"http://127.0.0.1:{port}"
            wait_until(lambda: _answers(f"{self._web}/healthz"), self.told)
        return self._web

    def _start(self, *command: str, **env: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-m", *command], env=self._env | env, cwd=ROOT, stdout=self._log, stderr=self._log
        )
        self._processes.append(process)
        return process

    def reset(self) -> None:
        """Forget everything but what living processes rely on."""
        self.settled()
        for key in self.client.scan_iter("tajo:*", count=1000):
            if not key.startswith(KEPT):
                self.client.delete(key)
        self.sandbox.reset()

    def feed(self, numbers: Any, topic: str = "customers/update", **more: Any) -> None:
        """Put a signed delivery for each of these customers into the inbox; each call is a second later."""
        self._second += 1
        at = (BORN + timedelta(seconds=self._second)).isoformat()
        self.store.inbox.append([self.raw(number, topic, at, more) for number in numbers])

    def raw(self, number: int, topic: str, at: str, more: dict[str, Any]) -> bytes:
        body = {"id": number, "email": address(number), "updated_at": at, **more}
        body |= {"customer_id": number, "email_address": address(number)}
        headers = {"x-shopify-topic": topic, "x-shopify-webhook-id": str(uuid.uuid4()), "x-shopify-triggered-at": at}
        return inbox.encode(Inbound("shopify", headers, json.dumps(body).encode(), datetime.now(UTC)), CONNECTOR.keeps)

    def wake(self) -> None:
        """Send a wake-up as the ingress does; without one a worker looks within a second."""
        if self._celery is None:
            self._celery = Celery("stack")
            self._celery.config_from_object("celeryconfig")
            self._celery.conf.broker_url = self.server.url
        self._celery.send_task("tajo.process_inbox")

    def consent(self, numbers: Any, state: str) -> None:
        """The people agree (`subscribed`) or leave (`unsubscribed`), at the shop."""
        self._second += 1
        at = (BORN + timedelta(seconds=self._second)).isoformat()
        told = {"state": state, "opt_in_level": "single_opt_in", "consent_updated_at": at}
        topic = "customers_email_marketing_consent/update"
        more = {"email_marketing_consent": told}
        self.store.inbox.append([self.raw(number, topic, at, more) for number in numbers])

    def waiting(self) -> int:
        """How much waits, in the inbox and in the lane."""
        return self.store.inbox.depth()[0] + self.store.lanes.depth(LANE)[0]

    def settled(self, patience_s: float = 60) -> float:
        """Wait until nothing is left and return how long it took."""
        return wait_until(lambda: self.waiting() == 0, self.told, patience_s)

    def tries(self) -> int:
        """How many items have burnt a try."""
        return int(self.client.hlen(f"tajo:tries:{LANE}"))

    def look_again(self) -> None:
        """Let a paused lane look at once."""
        if self.client.exists(f"tajo:brk:{LANE}"):
            self.client.hset(f"tajo:brk:{LANE}", "until", 0)

    def fails(self) -> int:
        """How often in a row the lane looked in vain."""
        return int(self.client.hget(f"tajo:brk:{LANE}", "fails") or 0)

    def alerts(self) -> list[str]:
        """The alerts, oldest first."""
        return [str(one["alert"]) for one in reversed(self.store.ledger.alerts(100))]

    def names(self) -> dict[str, object]:
        """address → first name, as the sandbox has it."""
        return {email: one["attributes"].get("FIRSTNAME") for email, one in self.sandbox.contacts().items()}

    def told(self) -> str:
        """What a person who looks into a failed test wants to see."""
        self._log.flush()
        return f"{self.waiting()} wait; {self.alerts()}; {self.log_path.read_text()[-3000:]}"

    def close(self) -> None:
        for process in self._processes:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in self._processes:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(5)
        if self._celery is not None:
            self._celery.close()
        self.client.connection_pool.disconnect()  # `close` leaves a pool alone that was given
        self.server.close()
        self._log.close()


CONNECTOR = ShopifyConnector(SourceSettings("shopify", "shopify", (SECRET,)))


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=1) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
