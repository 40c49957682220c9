"""A process that advances a proof is killed in every step, over a real sandbox: nothing is lost, nothing opens."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from typing import NamedTuple

import pytest
import redis

from customer_sync.base.clock import system_clock
from customer_sync.brevo.client import Brevo
from customer_sync.brevo.proof import passing, verdicts
from customer_sync.brevo.proof import prover as prover_module
from customer_sync.brevo.proof.prover import STEPS, Prover
from customer_sync.kit.outbound import HttpClient
from customer_sync.store import Store, connect, proofs
from customer_sync.store.counters import Tally
from tests.proof.rig import ADDRESS, settings
from tests.sandbox_server import sandbox_server

#: How much faster than the real one the clock of the proof goes: ten minutes are ten seconds.
FASTER = 60


class Fast(NamedTuple):
    """The clock of the proof, for all its processes."""

    begun_ms: int

    def __call__(self) -> int:
        return self.begun_ms + (system_clock() - self.begun_ms) * FASTER


def prover(redis_url: str, brevo_url: str, clock: Fast) -> Prover:
    store = Store(connect(redis_url))
    brevo = Brevo(brevo_url, "k", HttpClient(), store.limits, Tally())
    return Prover(settings(), store, brevo, clock, tally=Tally())


def work(redis_url: str, brevo_url: str, clock: Fast) -> None:
    """Advance the proof until it has ended: one pass, one step a visit; who was killed is waited for no longer."""
    proofs.TURN_S = 1.0
    verdicts.PASSES = passing.PASSES = 1
    prover_module.VISIT_S = -1.0
    mine = prover(redis_url, brevo_url, clock)
    while True:
        progress = mine.step()
        if progress.state in {"none", "done"}:
            return
        time.sleep(min(0.2, progress.wait_s / FASTER))


@pytest.mark.slow
def test_a_proof_survives_the_end_of_its_process_in_every_step(client: redis.Redis, redis_url: str):
    with sandbox_server("--plan", "none", "--switch", "import_delay_s=0.05") as sandbox:
        sandbox.switch(import_shared="refuse", import_untouched_lists="leave")
        clock = Fast(system_clock())
        prover(redis_url, sandbox.url, clock).begin(ADDRESS)
        store, killed = Store(client), []
        server = multiprocessing.get_context("forkserver")
        server.set_forkserver_preload(["tests.proof.test_kills"])
        child = None
        ends = time.monotonic() + 200
        while (state := store.proofs.run()) is not None and time.monotonic() < ends:
            if child is None or not child.is_alive():
                child = server.Process(target=work, args=(redis_url, sandbox.url, clock))
                child.start()
            step = state["step"]
            if step not in killed and step != "click" and client.exists("tajo:proof:turn"):
                os.kill(child.pid, signal.SIGKILL)
                child.join()
                killed.append(step)
            time.sleep(0.005)
        child.join(10)

        record = store.proofs.read().proof
        assert {name: one["verdict"] for name, one in record["doors"].items()} == dict.fromkeys(
            ("updates", "phones", "lists"), "passed"
        )
        assert len(killed) >= len(STEPS) // 2
        assert set(sandbox.contacts()) == set(record["emails"].values())
        assert sandbox.mailable() == []
