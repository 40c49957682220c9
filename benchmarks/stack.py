"""A whole installation for the length of a benchmark: own ports, own Redis, own folder; nothing of it stays behind."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import urllib3

from customer_sync.base import embedded
from customer_sync.cli.supervisor import platform_words, queues_for
from customer_sync.destinations import lanes_of
from customer_sync.loading import load_settings
from customer_sync.store import Store, connect

ROOT = Path(__file__).resolve().parent.parent
SECRET = "benchmark-secret"
SHOP = "bench.myshopify.com"
CONFIG = f"""\
connectors:
  shopify: {{shop_url: {SHOP}, api_secret: {SECRET}}}
skills:
  customer-sync:
    enabled: true
    options: {{list_id: 2}}
"""
#: How long a process may take until it answers, in seconds.
START_S = 60.0


class Child:
    """One process of ours, with its log in the stack's folder."""

    def __init__(self, name: str, command: list[str], env: Mapping[str, str], log: Path) -> None:
        self.name = name
        self.log = log
        with log.open("wb") as out:
            self.process = subprocess.Popen(
                command, env=env, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True
            )

    def stop(self, patience_s: float = 5.0) -> None:
        """End it and all that it started: they are a group of their own."""
        if patience_s and self.process.poll() is None:
            self._signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(patience_s)
        self._signal(signal.SIGKILL)
        self.process.wait()

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)


class Stack:
    """Redis from the start; the rest as asked for.

    Args:
        plan: the sandbox's rate limits; None starts no sandbox.
        env: more of the environment.
    """

    def __init__(self, plan: str | None = "none", env: Mapping[str, str] | None = None) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="tajo-bench-"))
        self._plan = plan
        self._children: list[Child] = []
        self._http = urllib3.PoolManager(retries=False, timeout=30)
        self._more = dict(env or {})
        self.sandbox = ""

    def __enter__(self) -> Self:
        (self.folder / "tajo.yaml").write_text(CONFIG)
        self.redis = embedded.ensure(self.folder / "redis")
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("TAJO_", "BREVO_"))}
        self.env = clean | {
            "TAJO_HOME": str(self.folder),
            "TAJO_CONFIG": str(self.folder / "tajo.yaml"),
            "TAJO_REDIS_URL": self.redis.url,
            "PYTHONPATH": str(ROOT),
            **self._more,
        }
        if self._plan is not None:
            self.start_sandbox(self._plan)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        for child in reversed(self._children):
            child.stop()
        embedded.stop(self.redis)
        if error is not None and not isinstance(error, KeyboardInterrupt):
            for child in self._children:
                tail = child.log.read_text(errors="replace")[-2000:]
                sys.stderr.write(f"--- the last of {child.name}\n{tail}\n")
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self, name: str, *command: str, env: Mapping[str, str] | None = None) -> Child:
        """Start `python -m ...` and look after it until the end."""
        return self.start_program(name, sys.executable, "-m", *command, env=env)

    def start_program(self, name: str, *command: str, env: Mapping[str, str] | None = None) -> Child:
        """Start a program and look after it until the end."""
        log = self.folder / f"{name}-{len(self._children)}.log"
        child = Child(name, list(command), self.env | dict(env or {}), log)
        self._children.append(child)
        return child

    def start_sandbox(self, plan: str) -> Child:
        """Start the sandbox; afterwards `sandbox` is its address and the environment leads to it."""
        port = free_port()
        child = self.start("sandbox", "customer_sync.sandbox", "--port", str(port), "--plan", plan)
        self.sandbox = f"http://127.0.0.1:{port}"
        self.env["BREVO_API_URL"] = f"{self.sandbox}/v3"
        self.wait_for(f"{self.sandbox}/sandbox/ready", child)
        return child

    def start_web(
        self, app: str = "customer_sync.web.front:create_front", workers: int = 1, threads: int = 0
    ) -> tuple[Child, int]:
        """Start granian with the flags of `tajo run`; return it and its port once it answers.

        Args:
            app: what builds the application.
            workers: how many processes.
            threads: of a WSGI application, how many; 0: it is none.
        """
        port = free_port()
        kind = ["--interface", "wsgi", "--blocking-threads", str(threads)] if threads else ["--interface", "rsgi"]
        command = ["granian", app, "--factory", *kind, "--host", "127.0.0.1", "--port", str(port)]
        command += ["--workers", str(workers), "--no-ws", "--log-level", "warning"]
        child = self.start(f"web-{app.partition(':')[0]}", *command)
        self.wait_for(f"http://127.0.0.1:{port}/healthz", child)
        return child, port

    def start_worker(self, name: str = "worker", number: int = 0, workers: int = 1) -> Child:
        """Start one Celery worker process with the flags of `tajo run`: the number-th, from 0, of so many."""
        return self._start_worker(name, "-Q", queues_for(number, workers))

    def start_platforms(self) -> Child:
        """Start the worker process for the lanes that call a platform, as `tajo run` does."""
        settings = load_settings(self.folder / "tajo.yaml", self.env)
        return self._start_worker("platforms", *platform_words(lanes_of(settings)))

    def _start_worker(self, name: str, *words: str) -> Child:
        flags = ("--without-gossip", "--without-mingle", "--without-heartbeat", *words)
        return self.start(name, "celery", "-A", "customer_sync.worker.app", "worker", "-n", f"{name}@%h", *flags)

    def start_beat(self) -> Child:
        """Start celery beat as `tajo run` does."""
        env = {"TAJO_BEAT_FILE": str(self.folder / "beat")}
        return self.start("beat", "celery", "-A", "customer_sync.worker.app", "beat", "--pidfile=", env=env)

    def stop(self, child: Child, patience_s: float = 5.0) -> None:
        """Stop one process before the end; without patience it is killed."""
        child.stop(patience_s)
        self._children.remove(child)

    def child(self, name: str) -> Child:
        """Return a process by its name."""
        return next(one for one in self._children if one.name == name)

    def store(self) -> Store:
        """Return the store in this stack's Redis."""
        return Store(connect(self.redis.url))

    def ask(self, path: str, method: str = "GET", body: Any = None) -> Any:
        """Call the sandbox's control routes and return the JSON."""
        more = {} if body is None else {"json": body}
        answer = self._http.request(method, self.sandbox + path, **more)
        if answer.status >= 400:
            raise RuntimeError(f"{method} {path}: {answer.status}")
        return answer.json() if answer.data else None

    def contacts(self) -> dict[str, dict[str, Any]]:
        """Return the sandbox's contacts by address."""
        return {row["email"]: row for row in self.ask("/sandbox/state")["contacts"] if "email" in row}

    def calls(self, limit: int = 0) -> dict[str, Any]:
        """Return the sandbox's call log: `total`, `refused429`, `totals`, `calls` (newest first)."""
        found: dict[str, Any] = self.ask(f"/sandbox/calls?limit={limit}")
        return found

    def writes(self, status: int | None = None) -> int:
        """Return how many calls were to write a contact: all, or those answered with a status.

        A worker also asks once, when it starts, what the account has and allows; that is no part of the work.
        """
        rows = [row for row in self.calls()["totals"] if is_write(row["method"], row["route"])]
        return sum(row["calls"] for row in rows if status in (None, row["status"]))

    def wait_for(self, url: str, child: Child) -> None:
        """Return once an address answers at all."""
        ends = time.monotonic() + START_S
        while time.monotonic() < ends:
            if child.process.poll() is not None:
                break
            try:
                self._http.request("GET", url, timeout=1)
            except urllib3.exceptions.HTTPError:
                time.sleep(0.02)
                continue
            return
        raise RuntimeError(f"{child.name} did not start: {child.log.read_text(errors='replace')[-2000:]}")


def is_write(method: str, path: str) -> bool:
    """Say whether a call writes a contact."""
    return method != "GET" and path.removeprefix("/v3").startswith("/contacts") and "/attributes" not in path


def until(is_done: Callable[[], bool], patience_s: float, every_s: float = 0.1) -> bool:
    """Wait until something is so; False when it is not within the time."""
    ends = time.monotonic() + patience_s
    while time.monotonic() < ends:
        if is_done():
            return True
        time.sleep(every_s)
    return is_done()


def free_port() -> int:
    """Return a port that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
