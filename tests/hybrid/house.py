"""A whole installation as real processes: Redis, workers, beat, web. Only what was started here is ended, by its id.

```python
house.sync("shop", "full").counts["sent"]      # the worker does it; waits for the end
house.tajo("doctor", "--json", code=1)         # a command, as a process
```
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import redis

from customer_sync.assembly import open_puller_of
from customer_sync.base.embedded import free_port
from customer_sync.batch.starts import start
from customer_sync.loading import load_settings
from customer_sync.store import Store, keys
from customer_sync.store.run import Run, RunKind, RunState
from tests.reliability.servers import OwnRedis, wait_until
from tests.sandbox_server import SandboxClient

ROOT = Path(__file__).resolve().parents[2]
#: The list that who agreed is put on.
LIST = 2
NEVER = {"pull": "off", "reconcile": "off", "webhooks": "off"}
CELERY = ("celery", "--quiet", "-A", "customer_sync.worker.app")
WORKER = (*CELERY, "worker", "--without-gossip", "--without-mingle", "--without-heartbeat")
BEAT = (*CELERY, "beat", "--pidfile=")
WEB = ("granian", "customer_sync.web.front:create_front", "--factory", "--interface", "rsgi")
#: What is kept when everything is forgotten: what living processes rely on.
KEPT = (b"tajo:format", b"tajo:salt", b"tajo:celery:", b"tajo:config:", b"tajo:lanes", b"tajo:attribute:")
#: The states that a run leaves by itself.
UNDER_WAY = (RunState.RUNNING, RunState.DELIVERING)
#: The calls that bring a single contact to Brevo.
SINGLES = (("POST", "/contacts"), ("PUT", "/contacts/{identifier}"), ("DELETE", "/contacts/{identifier}"))


def shopify(url: str, **more: Any) -> dict[str, Any]:
    """The config of a source that is a fake Shopify."""
    keys = {"shop_url": "demo.myshopify.com", "api_key": "demo-client-id", "api_secret": "demo-client-secret"}
    return {"platform": "shopify", **keys, "base_url": url, "schedule": NEVER, **more}


def woocommerce(url: str, **more: Any) -> dict[str, Any]:
    """The config of a source that is a fake WooCommerce, and asked as fast as it answers."""
    digits = "00000000000000000000000000000000000000f1"
    keys = {"consumer_key": f"ck_{digits}", "consumer_secret": f"cs_{digits}", "webhook_secret": "hybrid1"}
    return {"platform": "woocommerce", **keys, "base_url": url, "calls_per_s": 1000, "schedule": NEVER, **more}


class Sent(NamedTuple):
    """What was written in Brevo so far: rows of imports, and single calls."""

    rows: int
    singles: int

    @property
    def all(self) -> int:
        return self.rows + self.singles


class House:
    """One installation.

    Args:
        folder: where everything is kept.
        sandbox: the Brevo that is called.
        sources: name → config of each source.
        env: more of the environment of every process.
    """

    def __init__(
        self, folder: Path, sandbox: SandboxClient, sources: Mapping[str, Any], env: Mapping[str, str] | None = None
    ) -> None:
        self.sandbox = sandbox
        self.sources = dict(sources)
        self.server = OwnRedis(folder / "redis")
        self.client = redis.Redis.from_url(self.server.url)
        self.store = Store(self.client)
        self.port = free_port()
        self.log_path = folder / "log"
        self._log = self.log_path.open("w")
        self._folder = folder
        self._processes: list[subprocess.Popen[bytes]] = []
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("TAJO_", "BREVO_"))}
        self.env = inherited | {
            "TAJO_CONFIG": str(folder / "tajo.yaml"),
            "TAJO_HOME": str(folder / "home"),
            "TAJO_REDIS_URL": self.server.url,
            "TAJO_PUBLIC_URL": f"http://127.0.0.1:{self.port}",
            "BREVO_API_URL": sandbox.url,
            "BREVO_API_KEY": "hybrid",
            **(env or {}),
        }
        self.write(self.sources)

    # processes

    def write(self, sources: Mapping[str, Any]) -> None:
        """Write the config; processes that run see it when they are started again."""
        skills = {"customer-sync": {"options": {"list_id": LIST}}}
        (self._folder / "tajo.yaml").write_text(json.dumps({"connectors": dict(sources), "skills": skills}))

    def start_worker(self, **env: str) -> subprocess.Popen[bytes]:
        """Start a worker and return once it works."""
        process = self.launch_worker(**env)
        self.store.set_note("worker_seen", None)
        wait_until(lambda: self.store.note("worker_seen"), self.told)
        return process

    def launch_worker(self, **env: str) -> subprocess.Popen[bytes]:
        """Start a worker and do not wait for it."""
        return self.start(*WORKER, "-n", f"w{len(self._processes)}@%h", **env)

    def start_beat(self, *words: str, **env: str) -> subprocess.Popen[bytes]:
        """Start a beat with a memory of its own."""
        return self.start(*BEAT, *words, TAJO_BEAT_FILE=str(self._folder / f"beat-{len(self._processes)}"), **env)

    def start_web(self) -> subprocess.Popen[bytes]:
        """Start the web process at the public address."""
        process = self.start(*WEB, "--port", str(self.port), "--log-level", "warning")
        wait_until(self._answers, self.told)
        return process

    def start(self, *command: str, **env: str) -> subprocess.Popen[bytes]:
        """Start a Python module as a process."""
        words = [sys.executable, "-W", "ignore", "-m", *command]
        process = subprocess.Popen(words, env=self.env | env, cwd=ROOT, stdout=self._log, stderr=self._log)
        self._processes.append(process)
        return process

    def stop(self, process: subprocess.Popen[bytes]) -> None:
        """End a process that was started here."""
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(5)

    def close(self) -> None:
        """End everything."""
        for process in self._processes:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in self._processes:
            self.stop(process)
        self.client.close()
        self.server.close()
        self._log.close()

    # commands

    def tajo(self, *words: str, code: int = 0) -> Any:
        """Run a command of `tajo`; return its JSON when it was asked for, else what it said."""
        command = [sys.executable, "-m", "customer_sync", *words]
        done = subprocess.run(
            command, env=self.env, cwd=self._folder, capture_output=True, text=True, timeout=90, check=False
        )
        assert done.returncode == code, f"{words}: {done.returncode} {done.stdout} {done.stderr} {self.told()}"
        return json.loads(done.stdout) if "--json" in words else done.stdout

    def sync(self, source: str, kind: str = "incremental", *, dry: bool = False, ends: str = "done") -> Run:
        """Sync a source and wait for the end: the worker does it all."""
        return self.wait_for(self.begin(source, kind, dry=dry), ends)

    def begin(self, source: str, kind: str = "incremental", *, dry: bool = False) -> str:
        """Begin to sync a source, as `tajo connectors sync --no-wait` does, and return the number of the run."""
        settings = load_settings(None, self.env)
        puller = open_puller_of(settings, self.store, Path(self.env["TAJO_HOME"]))
        return start(puller, source, RunKind(kind), is_dry=dry).id

    # looking

    def run(self, number: str) -> Run:
        """Return a run as it stands."""
        found = self.store.runs.read(number)
        assert found is not None
        return found

    def wait_for(self, number: str, state: str, patience_s: float = 120) -> Run:
        """Wait until a run is there and in a state."""

        def is_there() -> bool:
            run = self.store.runs.read(number)
            assert run is None or run.state in {state, *UNDER_WAY}, (run, self.told())
            return run is not None and run.state == state

        wait_until(is_there, lambda: (self.store.runs.read(number), self.told()), patience_s)
        return self.run(number)

    def wait_until(self, condition: Callable[[], object], patience_s: float = 60) -> float:
        """Wait for something; the log tells why it does not come."""
        return wait_until(condition, self.told, patience_s)

    def settle(self) -> None:
        """Wait until nothing waits anywhere."""
        self.wait_until(lambda: self.store.inbox.depth()[0] + self.store.lanes.depth("contacts")[0] == 0)

    def rest(self) -> None:
        """Wait until nothing waits, not even what is tried again later: a run is done though some are."""

        def is_empty() -> bool:
            found = self.store.lanes.queue("contacts", self.store.now_ms())
            return found.now + found.later == 0

        self.wait_until(is_empty)

    def sent(self) -> Sent:
        """Return what was written in Brevo so far."""
        singles = sum(self.sandbox.count(verb, route) for verb, route in SINGLES)
        return Sent(int(self.sandbox.call("GET", "/sandbox/imports")["rows"]), singles)

    def phones_followed(self) -> int:
        """Return how many rows of imports were followed by their phone."""
        rows = [one for one in self.store.counters.read() if one.name == "tajo_import_rows_total"]
        return int(sum(one.value for one in rows if one.labels["outcome"] == "without phone"))

    def alerts(self) -> list[str]:
        """Return the alerts, oldest first."""
        return [str(one["alert"]) for one in reversed(self.store.ledger.alerts(100))]

    def logged(self, words: str) -> list[str]:
        """Return the lines of the log with these words."""
        self._log.flush()
        return [line for line in self.log_path.read_text().splitlines() if words in line]

    def told(self) -> str:
        """Return what a person who looks into a failed test wants to see."""
        self._log.flush()
        return f"{self.alerts()}; {self.log_path.read_text()[-3000:]}"

    def reset(self) -> None:
        """Forget everything but what living processes rely on."""
        for run in self.store.runs.open_runs():
            self.store.runs.cancel(run)
        # a run that is done lets a compare with Brevo begin a moment later: its receipt must not come after the reset
        time.sleep(0.2)
        self.wait_until(lambda: not self.client.exists(keys.RECONCILE_DUE, keys.RECONCILE_LOCK), 100)
        self.settle()
        for key in self.client.scan_iter("tajo:*", count=1000):
            if not key.startswith(KEPT):
                self.client.delete(key)
        self.sandbox.clear_faults()
        self.sandbox.reset()

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/healthz", timeout=1) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False


def seconds_since(began: float) -> float:
    """How long it took, for the line of figures."""
    return round(time.monotonic() - began, 1)
