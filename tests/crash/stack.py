"""`tajo run` in a folder of its own, whose processes may be killed. Only what was started here is ever killed."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

from customer_sync.base.embedded import free_port
from tests.sandbox_server import SandboxClient


class Stack:
    """`tajo run` with a sandbox of its own, in a folder of its own."""

    def __init__(self, folder: Path, sandbox: SandboxClient, config_text: str) -> None:
        self.folder = folder
        self.sandbox = sandbox
        config = folder / "tajo.yaml"
        config.write_text(config_text)
        self.port = free_port()
        env = {name: value for name, value in os.environ.items() if not name.startswith(("TAJO_", "BREVO_"))}
        env |= {
            "TAJO_CONFIG": str(config),
            "TAJO_HOME": str(folder / "home"),
            "BREVO_API_URL": sandbox.url,
            "BREVO_API_KEY": "crash",
        }
        command = [sys.executable, "-m", "customer_sync", "run", "--port", str(self.port), "--workers", "2"]
        self.env = env
        self.log = (folder / "log").open("w")
        self.process = subprocess.Popen(command, env=env, stdout=self.log, stderr=self.log)
        wait_for(lambda: answers(f"http://127.0.0.1:{self.port}/healthz"), 30, "the web process")

    def children(self, words: str) -> list[int]:
        """The process ids below `tajo run` whose command line has these words."""
        return [pid for pid in descendants(self.process.pid) if words in command_of(pid)]

    def redis_url(self) -> str:
        return str(json.loads((self.folder / "home" / "redis" / "redis.json").read_text())["url"])

    def redis(self) -> int:
        return int(json.loads((self.folder / "home" / "redis" / "redis.json").read_text())["pid"])

    def close(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(20)
        self.log.close()


def kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def descendants(pid: int) -> list[int]:
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text()
            except OSError:
                continue
            parents[int(entry.name)] = int(stat.rpartition(")")[2].split()[1])
    found, queue = [], [pid]
    while queue:
        parent = queue.pop()
        below = [child for child, its_parent in parents.items() if its_parent == parent]
        found += below
        queue += below
    return sorted(found)


def command_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=1) as answer:
            return answer.status == 200
    except OSError:
        return False


def wait_for(condition: Callable[[], object], patience_s: float, what: object) -> None:
    ends = time.monotonic() + patience_s
    while not condition():
        if time.monotonic() > ends:
            raise AssertionError(f"not within {patience_s} s: {what() if callable(what) else what}")
        time.sleep(0.05)
