"""Two beats and two workers, real processes, for an hour of the schedule: each slot has its run, and one only."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from customer_sync.store.run import Run
from tests.hybrid.house import House, woocommerce
from tests.sandbox_server import sandbox_server
from tests.stores.servers import store_server

pytestmark = pytest.mark.slow
#: How much faster than real time the processes live.
SPEED = 100
#: A beat sleeps in real time: one second at most, so that it sees soon that the clock runs.
WAKEFUL = ("--max-interval", "1")
HOUR_S, QUARTER_S = 3600, 900
SCHEDULE = {"pull": "*/15 * * * *", "reconcile": "37 * * * *", "webhooks": "11 * * * *"}


def shop_at(address: str) -> dict[str, object]:
    """The config of a shop whose first full run begins by itself."""
    return woocommerce(address, auth="basic", schedule=SCHEDULE, options={"first_sync": "auto"})


class Clock:
    """A clock for processes: it stands until `go`.

    Args:
        file: what tells them that it runs.
        base: the time at which it stands, seconds since 1970.
        speed: how much faster than real time it runs.
    """

    def __init__(self, file: Path, base: int, speed: int) -> None:
        self._file = file
        self.env = {
            "PYTHONPATH": str(Path(__file__).parent / "clock"),
            "HYBRID_CLOCK": f"{base},{speed},{file}",
            "HYBRID_CLOCK_OF_ALL": "1",
        }

    def go(self) -> float:
        """Let it run from now on, and return when that is in real time."""
        now = time.time()
        whole = self._file.with_suffix(".new")
        whole.write_text(str(now))
        whole.rename(self._file)
        return now


def _listening(house: House) -> int:
    """How many workers wait for messages."""
    return sum(one["cmd"] == "brpop" for one in house.client.client_list())


def _beating(folder: Path) -> int:
    """How many beats have opened their memory."""
    return len({path.name.partition(".")[0] for path in folder.glob("beat-*")})


@pytest.fixture
def house(redis_url, tmp_path):
    del redis_url  # skips with a sentence where no Redis can be had
    with (
        sandbox_server("--plan", "none") as sandbox,
        store_server("woocommerce", "--customers", "60", "--behind-tls") as store,
    ):
        # OAuth 1 signs the time, which is not the store's here
        made = House(tmp_path, sandbox, {"shop": shop_at(store.address)})
        yield made
        made.close()


def test_two_beats_and_two_workers_run_each_slot_of_an_hour_once(house, told, tmp_path):
    hour = (int(time.time()) // HOUR_S + 1) * HOUR_S
    clock = Clock(tmp_path / "clock", hour, SPEED)
    processes = [house.launch_worker(**clock.env), house.launch_worker(**clock.env)]
    processes += [house.start_beat(*WAKEFUL, **clock.env), house.start_beat(*WAKEFUL, **clock.env)]
    house.wait_until(lambda: _listening(house) == 2 and _beating(tmp_path) == 2)
    start = clock.go()
    # all slots of the hour are past by then; on a busy machine it takes seconds until the beats have ended
    time.sleep((HOUR_S - 5 * 60) / SPEED)
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


def test_the_schedule_runs_on_a_worker_whose_clock_is_half_a_minute_ahead_of_beats(house, tmp_path):
    clock = Clock(tmp_path / "clock", int(time.time()) + 30, 1)
    clock.go()
    house.start_worker(**clock.env)
    house.start_beat()

    house.wait_until(lambda: house.store.runs.recent(1))

    (run,) = house.store.runs.recent(1)
    assert (run.by, str(run.kind)) == ("schedule", "full")
