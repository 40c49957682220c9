"""Starts the sandbox as a process of its own, and speaks with its control routes.

```python
with sandbox_server("--plan", "general") as sandbox:
    sandbox.url                      # for BREVO_API_URL: ends in /v3
    sandbox.fault("storm", count=3)
    sandbox.switch(import_blocks="lift_both")
    sandbox.act("spam", "ann@example.com")
    sandbox.contacts()["ann@example.com"]["emailBlacklisted"]
```
"""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import urllib3

from tests.processes import running, stop


class SandboxClient:
    """The control routes of one running sandbox.

    Args:
        address: where it is, as `http://127.0.0.1:8025`.
        process: its process, for tests that kill it.
    """

    def __init__(self, address: str, process: subprocess.Popen[str]) -> None:
        self.address = address
        self.process = process
        self.url = f"{address}/v3"
        self._http = urllib3.PoolManager(retries=False, timeout=10)

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """Call a path below the address and return its JSON, None without a body; a status from 400 on is an error."""
        more = {} if body is None else {"json": body}
        answer = self._http.request(method, self.address + path, headers={"api-key": "test"}, **more)
        assert answer.status < 400, f"{method} {path}: {answer.status} {answer.data[:500]!r}"
        return answer.json() if answer.data else None

    def contacts(self) -> dict[str, dict[str, Any]]:
        """Return every contact by address (by its number when it has none)."""
        rows = self.call("GET", "/sandbox/state")["contacts"]
        return {row.get("email", str(row["id"])): row for row in rows}

    def calls(self, limit: int = 1000) -> dict[str, Any]:
        """Return the call log: `total`, `refused429`, `maxInOneSecond`, `totals`, `calls` (newest first)."""
        found: dict[str, Any] = self.call("GET", f"/sandbox/calls?limit={limit}")
        return found

    def count(self, method: str, route: str, status: int | None = None) -> int:
        """Return how often a route was called, as `count("POST", "/contacts", 201)`."""
        rows = self.calls(0)["totals"]
        fitting = [row for row in rows if (row["method"], row["route"]) == (method, route)]
        return sum(row["calls"] for row in fitting if status in (None, row["status"]))

    def mailable(self) -> list[dict[str, Any]]:
        """Return every moment at which somebody who left could be mailed again: `id`, `email`, `at`, `how`, `by`."""
        rows: list[dict[str, Any]] = self.call("GET", "/sandbox/mailable")["mailable"]
        return rows

    def automations(self) -> dict[str, Any]:
        """Return what started workflows: `count`, `orders`, `events`, `fired` (newest first)."""
        found: dict[str, Any] = self.call("GET", "/sandbox/automations")
        return found

    def mails(self) -> list[dict[str, Any]]:
        """Return each mail to one receiver, and how the receiver stood then: `to`, `state`, `emailBlacklisted`, ..."""
        rows: list[dict[str, Any]] = self.call("GET", "/sandbox/mails")["mails"]
        return rows

    def deliveries(self) -> list[dict[str, Any]]:
        """Return the outgoing webhook calls: `url`, `event`, `state`, `statuses`, `body`."""
        rows: list[dict[str, Any]] = self.call("GET", "/sandbox/webhooks")["deliveries"]
        return rows

    def fault(self, kind: str, **options: Any) -> int:
        """Switch a fault on and return its number; options as `count=1`, `seconds=2`, `method=`, `path=`."""
        number: int = self.call("POST", "/sandbox/faults", {"kind": kind, **options})["id"]
        return number

    def clear_faults(self) -> None:
        """Switch all faults off."""
        self.call("DELETE", "/sandbox/faults")

    def unsubscribe(self, email: str, **more: Any) -> None:
        """Let a person leave."""
        self.call("POST", "/sandbox/unsubscribe", {"email": email, **more})

    def act(self, name: str, email: str, **more: Any) -> None:
        """Let a person do something: `act("leave_list", email, list_ids=[2])`, see `/sandbox/acts`."""
        self.call("POST", f"/sandbox/acts/{name}", {"email": email, **more})

    def switch(self, **values: Any) -> None:
        """Set switches: `switch(import_blocks="lift_both")`, see `/sandbox/switches`."""
        self.call("POST", "/sandbox/switches", values)

    def limits(self, plan: str, **buckets: tuple[int | None, int | None]) -> None:
        """Choose a plan, with single buckets replaced: `limits("none", contacts=(5, None))`."""
        pairs = {name: list(pair) for name, pair in buckets.items()}
        self.call("POST", "/sandbox/limits", {"plan": plan, "buckets": pairs})

    def reset(self) -> None:
        """Go back to a new account."""
        self.call("POST", "/sandbox/reset", {})

    def stop(self, number: int = signal.SIGTERM) -> None:
        """End the sandbox and wait for it; SIGKILL takes its worker along."""
        stop(self.process, number)


@contextmanager
def sandbox_server(*arguments: str, port: int = 0) -> Iterator[SandboxClient]:
    """Run a sandbox while the block lasts.

    Args:
        arguments: more of the command line, as `"--plan", "general"`.
        port: the port; 0 takes a free one.
    """
    with running("customer_sync.sandbox", *arguments, port=port) as (address, process):
        yield SandboxClient(address, process)
