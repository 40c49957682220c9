"""Two beats and two workers, real processes, for an hour of the schedule: each slot has its run, and one only."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from customer_sync.store.run import Run
from tests.hybrid.house import House, woocommerce
from tests.sandbox_server import sandbox_server
from tests.stores.servers import store_server

pytestmark = [pytest.mark.slow, pytest.mark.timeout(150)]
#: How much faster than real time the processes live, and how long they may take to come up, in seconds.
SPEED = 100
LEAD_S = 6
HOUR_S, QUARTER_S = 3600, 900
SCHEDULE = {"pull": "*/15 * * * *", "reconcile": "37 * * * *", "webhooks": "11 * * * *"}


@pytest.fixture
def house(redis_url, tmp_path):
    del redis_url  # skips with a sentence where no Redis can be had
    with (
        sandbox_server("--plan", "none") as sandbox,
        store_server("woocommerce", "--customers", "60", "--behind-tls") as store,
    ):
        # OAuth 1 signs the time, which is not the store's here
        made = House(tmp_path, sandbox, {"shop": woocommerce(store.address, auth="basic", schedule=SCHEDULE)})
        yield made
        made.close()


def test_two_beats_and_two_workers_run_each_slot_of_an_hour_once(house, told):
    start = time.time() + LEAD_S
    hour = (int(start) // HOUR_S + 1) * HOUR_S
    clock = {"PYTHONPATH": str(Path(__file__).parent / "clock"), "HYBRID_CLOCK": f"{hour},{start},{SPEED}"}
    processes = [house.launch_worker(**clock), house.launch_worker(**clock)]
    processes += [house.start_beat(**clock), house.start_beat(**clock)]
    time.sleep(max(0, start - time.time()) + HOUR_S / SPEED - 0.5)
    alive = [process.poll() is None for process in processes]
    for beat in processes[2:]:
        house.stop(beat)
    house.wait_until(lambda: not house.store.runs.open_runs())

    def simulated(run: Run) -> int:
        """Redis has its own clock, by which runs are started."""
        return int((run.started_ms / 1000 - start) * SPEED)

    runs = [run for run in reversed(house.store.runs.recent(200)) if run.by == "schedule"]
    pulls = [run for run in runs if run.kind != "compare"]
    compares = [run for run in runs if run.kind == "compare"]
    tended = house.logged("webhooks tended")
    told(
        f"schedule: 2 beats and 2 workers for an hour in {HOUR_S / SPEED:.0f} s: {len(pulls)} pulls at minutes "
        f"{[simulated(run) // 60 for run in pulls]}, the compare at {[simulated(run) // 60 for run in compares]}"
    )
    assert alive == [True] * 4
    assert [str(run.kind) for run in pulls] == ["full", "incremental", "incremental", "incremental"]
    # none before its time; a slot that was missed would be missing, for only the last one is caught up
    assert all(simulated(run) >= slot * QUARTER_S for slot, run in enumerate(pulls))
    assert [simulated(run) // 60 >= 37 for run in compares] == [True]
    assert {str(run.state) for run in runs} == {"done"}
    # the slot of the hour before, at once, and the one of this hour
    assert len(tended) == 2
    assert len(house.logged("reconciled receipt")) == 1
    assert {name.decode(): int(at) // 1000 - hour for name, at in house.client.hgetall("tajo:slots").items()} == {
        "pull:shop": 45 * 60,
        "compare:shop": 37 * 60,
        "webhooks:shop": 11 * 60,
    }
