"""A prover over a real Redis and a sandbox in this process, by a clock that goes as fast as the proof waits."""

from __future__ import annotations

from typing import Any

import redis

from customer_sync.brevo.client import Brevo
from customer_sync.brevo.proof import prover
from customer_sync.brevo.proof.doors import DoorBook
from customer_sync.brevo.proof.prover import Progress, Prover
from customer_sync.config import Settings
from customer_sync.config.settings import BrevoSettings, SourceSync
from customer_sync.kit.connector import SourceSettings
from customer_sync.person.mapping import DEFAULT_MAPPING
from customer_sync.sandbox.state import Sandbox
from customer_sync.sandbox.state import Settings as SandboxSettings
from customer_sync.store import Store
from customer_sync.store.counters import Tally
from tests.bulk.rig import LocalHttp

ADDRESS = "me@example.com"
URL = "http://localhost/v3"


class ProofRig:
    """Hands to run a proof.

    Args:
        client: Redis; emptied.
        switches: the answers of the sandbox.
        mapping: field → attribute, of the one source.
    """

    def __init__(self, client: redis.Redis, mapping: dict[str, str] | None = None, **switches: Any) -> None:
        client.flushall()
        self.client = client
        self.store = Store(client)
        self.now_ms = self.store.now_ms()
        self.sandbox = Sandbox(SandboxSettings(plan="none", import_delay_s=0.5), clock=lambda: self.now_ms / 1000)
        self.http = LocalHttp(self.sandbox)
        if switches:
            self.call("POST", "/sandbox/switches", switches)
        self.settings = settings(mapping)
        self.prover = self.open()
        self.steps: list[str] = []

    def open(self, key: str = "k") -> Prover:
        """Another process's prover over the same Redis and sandbox."""
        brevo = Brevo(URL, key, self.http, self.store.limits, Tally())
        return Prover(self.settings, self.store, brevo, lambda: self.now_ms, tally=Tally())

    def doors(self) -> Any:
        """The doors as a process reads them."""
        return DoorBook(self.settings, self.store, lambda: self.now_ms).read()

    def prove(self, **more: Any) -> dict[str, Any]:
        """Run a whole proof and return its receipt."""
        self.prover.begin(ADDRESS, **more)
        return self.finish()

    def finish(self) -> dict[str, Any]:
        """Advance the proof to its end and return its receipt."""
        for _ in range(2_000):
            progress = self.step()
            if progress.receipt is not None:
                return progress.receipt
        raise AssertionError(f"the proof does not end: {self.prover.look()}")

    def until(self, step: str) -> None:
        """Advance the proof until a step is next; one step at a time."""
        visit_s, prover.VISIT_S = prover.VISIT_S, -1.0
        try:
            for _ in range(2_000):
                if self.prover.look().step == step:
                    return
                self.step()
        finally:
            prover.VISIT_S = visit_s
        raise AssertionError(f"{step} is never next")

    def step(self) -> Progress:
        """One visit, and then the time that it waits."""
        progress = self.prover.step()
        self.steps.append(progress.step)
        self.wait(progress.wait_s)
        return progress

    def wait(self, seconds: float) -> None:
        """Let time pass, for Brevo too."""
        self.now_ms += int(seconds * 1000) + 1
        self.sandbox.run_due()

    def contacts(self) -> dict[str, dict[str, Any]]:
        """Every contact at Brevo by address."""
        rows = self.call("GET", "/sandbox/state")["contacts"]
        return {row.get("email", str(row["id"])): row for row in rows}

    def canary(self, letter: str) -> str:
        """The address of a canary of the proof that is under way, or of the last one."""
        state = self.store.proofs.run() or self.store.proofs.read().proof
        return state["emails"][letter]

    def list(self, name: str) -> int:
        """The number of a list of the proof that is under way."""
        return self.store.proofs.run()["lists"][name]

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """Call the sandbox as somebody else."""
        answer = self.http._app.test_client().open(path, method=method, json=body, headers={"api-key": "other"})
        assert answer.status_code < 400, answer.data
        return answer.json if answer.data else None


def settings(mapping: dict[str, str] | None = None) -> Settings:
    """Settings with one source; phones are mapped unless something else is said, by the source `api`, too."""
    disabled = () if mapping is None else ("api",)
    mapping = {"phone": "SMS"} if mapping is None else mapping
    fields: dict[str, str | None] = {**dict.fromkeys(DEFAULT_MAPPING), **mapping}
    return Settings(
        sources={"shop": SourceSettings("shop", "shopify", ("s",))},
        source_sync={"shop": SourceSync({}, field_mapping=fields)},
        brevo=BrevoSettings(api_key="k", base_url=URL),
        disabled=disabled,
    )
