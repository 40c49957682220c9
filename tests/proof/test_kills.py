"""A process that advances a proof is killed in every step, over a real sandbox: nothing is lost, nothing opens."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time

import pytest
import redis

from customer_sync.base.clock import system_clock
from customer_sync.brevo.client import Brevo
from customer_sync.brevo.proof.prover import STEPS, Prover
from customer_sync.kit.outbound import HttpClient
from customer_sync.store import Store, connect, proofs
from customer_sync.store.counters import Tally
from tests.proof.rig import ADDRESS, settings
from tests.sandbox_server import sandbox_server

#: How much faster than the real one the clock of the proof goes: ten minutes are three seconds.
FASTER = 200
BEGUN_MS = system_clock()


def fast() -> int:
    """The clock of the proof."""
    return BEGUN_MS + (system_clock() - BEGUN_MS) * FASTER


def prover(redis_url: str, brevo_url: str) -> Prover:
    store = Store(connect(redis_url))
    brevo = Brevo(brevo_url, "k", HttpClient(), store.limits, Tally())
    return Prover(settings(), store, brevo, fast, tally=Tally())


def work(redis_url: str, brevo_url: str) -> None:
    """Advance the proof until it has ended."""
    proofs.TURN_S = 1.0
    mine = prover(redis_url, brevo_url)
    while True:
        progress = mine.step()
        if progress.state in {"none", "done"}:
            return
        time.sleep(min(0.2, progress.wait_s / FASTER))


@pytest.mark.slow
def test_a_proof_survives_the_end_of_its_process_in_every_step(client: redis.Redis, redis_url: str):
    with sandbox_server("--plan", "none", "--switch", "import_delay_s=0.05") as sandbox:
        sandbox.switch(import_shared="refuse", import_untouched_lists="leave")
        prover(redis_url, sandbox.url).begin(ADDRESS)
        store, killed = Store(client), []
        spawn = multiprocessing.get_context("spawn")
        child = None
        ends = time.monotonic() + 200
        while (state := store.proofs.run()) is not None and time.monotonic() < ends:
            if child is None or not child.is_alive():
                child = spawn.Process(target=work, args=(redis_url, sandbox.url))
                child.start()
            step = state["step"]
            if step not in killed and step != "click" and len(state["passes"]) < 2 and client.exists("tajo:proof:turn"):
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
