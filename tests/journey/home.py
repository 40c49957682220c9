"""One installation with one source, as real processes that may be killed at any moment.

Everything is started here and ended here, by its process id.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.contract.cases import connector_of
from tests.contract.trial import Trial
from tests.hybrid.house import LIST, NEVER, ROOT, WORKER, House
from tests.sandbox_server import SandboxClient
from tests.stores.servers import StoreClient

#: What Brevo's own webhook carries.
TOKEN = "journey-token-0123456789"
TAJO = ("customer_sync", "run", "--only")
SHARED = (*WORKER, "-Q", "wakeups,reads,imports")
#: How often something is looked at, in seconds.
LOOK_S = 0.15
#: How long anything may take on a busy machine, in seconds.
PATIENCE_S = 90.0


class Home(House):
    """An installation with the one source of a platform.

    Args:
        folder: where everything is kept.
        sandbox: the Brevo that is called.
        platform: the source's platform, and its name.
        trial: what is known of the platform.
        shop: its stand-in.
    """

    def __init__(self, folder: Path, sandbox: SandboxClient, platform: str, trial: Trial, shop: StoreClient) -> None:
        key, secret = trial.secret
        source = {
            "platform": platform,
            **trial.options,
            **trial.journey,
            **trial.trusts(shop, folder),
            "base_url": shop.address,
            "schedule": NEVER,
        }
        if secret:
            source[key] = secret
        self.platform = platform
        self.connector = connector_of(platform)
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        super().__init__(folder, sandbox, {platform: source}, {"BREVO_WEBHOOK_SECRET": TOKEN})

    def write(self, sources: Mapping[str, Any]) -> None:
        """Write the config in many lines, as people do: a command adds to it."""
        skills = {"customer-sync": {"options": {"list_id": LIST, "delete_behavior": "hard"}}}
        lines = [*_block({"connectors": dict(sources), "skills": skills})]
        (self._folder / "tajo.yaml").write_text("\n".join(lines) + "\n")

    # processes

    @property
    def parts(self) -> Mapping[str, tuple[str, ...]]:
        """The processes that run, and may be killed: name → the words of the command."""
        found = {"web": (*TAJO, "web", "--port", str(self.port)), "shared": SHARED}
        if self.connector.writes or self.connector.fetches:
            found["platforms"] = (*TAJO, "worker-platforms")
        return found

    def launch(self, name: str) -> None:
        """Start one of the parts and do not wait for it."""
        words = self.parts[name]
        more = ("-n", f"w{len(self._processes)}@%h") if name == "shared" else ()
        command = [sys.executable, "-W", "ignore", "-m", *words, *more]
        process = subprocess.Popen(
            command, env=self.env, cwd=ROOT, stdout=self._log, stderr=self._log, start_new_session=True
        )
        self._processes.append(process)
        self.running[name] = process

    def is_up(self, name: str) -> bool:
        """Tell whether a part works: the web process answers, a worker waits for wake-ups."""
        if name == "web":
            return self._answers()
        return self._waits_for(self.running[name].pid)

    def start_all(self) -> None:
        """Start every part and wait until all work."""
        for name in self.parts:
            if name not in self.running:
                self.launch(name)
        for name in self.parts:
            until(lambda name=name: self.is_up(name), self)

    def kill(self, name: str) -> None:
        """Kill a part at once, with whatever it has started itself."""
        process = self.running.pop(name)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)

    def restart(self) -> None:
        """End every part in order and start it again, as after a change of the config."""
        for process in self.running.values():
            self.stop(process)
        self.running.clear()
        self.start_all()

    def close(self) -> None:
        """End everything, with what the processes have started themselves."""
        super().close()
        for process in self._processes:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)

    def _waits_for(self, pid: int) -> bool:
        """Tell whether a process waits for messages: its connections to Redis are known by their ports."""
        ports = _ports_of(pid)
        rows = self.client.client_list()
        return any(one["cmd"] in {"brpop", "blpop"} and one["addr"].rpartition(":")[2] in ports for one in rows)

    # what goes on

    def hear_brevo(self) -> None:
        """Let Brevo tell of people who leave."""
        url = f"http://127.0.0.1:{self.port}/webhooks/brevo"
        hook = {"url": url, "type": "marketing", "auth": {"type": "bearer", "token": TOKEN}}
        self.sandbox.call("POST", "/v3/webhooks", {**hook, "events": ["unsubscribed", "spam", "hardBounce"]})

    @property
    def lanes(self) -> tuple[str, ...]:
        """Every lane that an item may wait in, in the order in which one leads to another."""
        return (f"fetch:{self.platform}", "contacts", f"writeback:{self.platform}")

    def waiting(self) -> dict[str, int]:
        """Return how much waits, by place, looked at in the order in which things move; nothing that is 0."""
        found = {"runs": sum(run.state in {"running", "delivering"} for run in self.store.runs.open_runs())}
        found["inbox"] = self.store.inbox.depth()[0]
        now_ms = self.store.now_ms()
        for lane in self.lanes:
            queue = self.store.lanes.queue(lane, now_ms)
            found[lane] = queue.now + queue.later
        return {name: count for name, count in found.items() if count}

    def parked(self) -> list[str]:
        """Return why something was given up, for each thing that was."""
        return [f"{one.source}: {one.reason}" for one in self.store.parked.list()]

    def heard(self) -> int:
        """Return how many webhooks came."""
        rows = self.store.counters.read()
        return int(sum(one.value for one in rows if one.name == "tajo_inbound_total"))

    def told_platform(self) -> dict[str, int]:
        """Return what became of what the platform was told: result → how often."""
        rows = [one for one in self.store.counters.read() if one.name == "tajo_writebacks_total"]
        return {one.labels["result"]: int(one.value) for one in rows}

    def told(self) -> str:
        """Return what a person who looks into a failed test wants to see."""
        return f"waiting: {self.waiting()}; {super().told()}"


def until(condition: Callable[[], object], home: Home, what: object = "", patience_s: float = PATIENCE_S) -> float:
    """Wait for something and return how long it took; the log and what waits tell why it does not come.

    It is looked at a few times a second: looking costs, and the machine may be busy.
    """
    began_s = time.monotonic()
    while not condition():
        waited_s = time.monotonic() - began_s
        assert waited_s < patience_s, f"not within {patience_s} s: {what() if callable(what) else what}; {home.told()}"
        time.sleep(LOOK_S)
    return time.monotonic() - began_s


def _block(value: Mapping[str, Any], indent: str = "") -> list[str]:
    """Return a mapping as YAML in block style; what is deeper than mappings is JSON, which YAML understands."""
    lines = []
    for name, one in value.items():
        if isinstance(one, dict) and one:
            lines += [f"{indent}{name}:", *_block(one, indent + "  ")]
        else:
            lines.append(f"{indent}{name}: {json.dumps(one)}")
    return lines


def _ports_of(pid: int) -> set[str]:
    """Return the local ports of a process's TCP connections."""
    links = set()
    with suppress(OSError):
        links = {str(one.readlink()) for one in Path(f"/proc/{pid}/fd").iterdir()}
    sockets = {one[8:-1] for one in links if one.startswith("socket:[")}
    found = set()
    with suppress(OSError):
        for row in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]:
            fields = row.split()
            if fields[9] in sockets:
                found.add(str(int(fields[1].rpartition(":")[2], 16)))
    return found
