"""Lanes to platforms have workers of their own: a platform that does not answer holds up nobody."""

from __future__ import annotations

import subprocess
import time

import pytest

from customer_sync.cli.supervisor import platform_words
from customer_sync.destinations import LANES
from customer_sync.engine.lane import PLATFORMS
from tests.reliability.servers import wait_until
from tests.reliability.stack import Stack, address
from tests.reliability.toy_worker import toy_lanes
from tests.sandbox_server import sandbox_server
from tests.toy_lane import order, toyland

#: More than a worker has threads: where they shared them, nobody else would have one.
COUNT = 6
TOYS = toy_lanes(COUNT)
SHARED = ("-Q", "wakeups,reads,imports")
OWN = platform_words(TOYS)


def test_the_worker_for_platforms_has_a_thread_for_each_lane_and_there_is_none_without_lanes():
    assert ["-Q", PLATFORMS, "-c", str(COUNT)] == OWN
    assert platform_words([*LANES, *TOYS]) == OWN
    assert platform_words(LANES) == []


class Place:
    """A Redis, a sandbox, a platform that never answers, and the workers that a test wants."""

    def __init__(self, stack: Stack, url: str) -> None:
        self.stack = stack
        self.processes: list[subprocess.Popen[bytes]] = []
        stack._env |= {"TOY_URL": url, "TOY_LANES": str(COUNT)}

    def start(self, *words: str, queue: str = PLATFORMS) -> subprocess.Popen[bytes]:
        """Start a worker and return once it waits for wake-ups."""
        self.stack._env["TOY_QUEUE"] = queue
        before = self.stack._listening()
        name = f"toy{len(self.processes)}@%h"
        process = self.stack._start("tests.reliability.toy_worker", "-n", name, *words)
        self.processes.append(process)
        wait_until(lambda: self.stack._listening() > before, self.stack.told)
        wait_until(self.is_served, self.stack.told)
        return process

    def is_served(self) -> bool:
        """Whether a worker said that it delivers anything."""
        return any(self.stack.store.lanes.is_served(one) for one in ("contacts", "toy:0"))

    def hang(self, lanes: int = COUNT) -> None:
        """Put an order into each lane."""
        for one in TOYS[:lanes]:
            order(self.stack.store, "shop:1", lane=one.name)

    def delivers_in_s(self, number: int) -> float:
        """How long a change of a customer takes until Brevo has it."""
        self.stack.feed([number], first_name="Jane")
        self.stack.wake()
        return wait_until(lambda: address(number) in self.stack.sandbox.contacts(), self.stack.told)


@pytest.fixture
def land():
    with toyland() as found:
        found.answers = {"shop:1": 0}
        yield found


@pytest.fixture
def place(redis_url, tmp_path, land):
    del redis_url  # skips with a sentence where no Redis can be had
    with sandbox_server("--plan", "none") as sandbox:
        stack = Stack(tmp_path, sandbox)
        yield Place(stack, land.url)
        land.is_open.set()
        stack.close()


@pytest.mark.slow
def test_contacts_are_delivered_while_six_lanes_wait_for_a_platform_that_never_answers(place, land, measured):
    place.start(*SHARED)
    place.start(*OWN)
    place.delivers_in_s(0)
    place.hang()
    wait_until(lambda: len(land.got) == COUNT, place.stack.told)  # each has a thread, none waits for another

    took_s = max(place.delivers_in_s(number) for number in range(1, 6))

    measured("slowest_contact_s", took_s)
    assert len(land.got) == COUNT  # the first call of each lane still waits: no contact came because one had ended
    assert [place.stack.store.lanes.depth(one.name)[0] for one in TOYS] == [1] * COUNT


@pytest.mark.slow
def test_where_they_shared_the_threads_of_one_worker_contacts_would_wait(place, land):
    place.start(*SHARED, queue="wakeups")
    place.delivers_in_s(0)
    place.hang()
    wait_until(lambda: len(land.got) >= COUNT, place.stack.told)

    place.stack.feed([1], first_name="Jane")
    place.stack.wake()
    time.sleep(2.0)

    assert address(1) not in place.stack.sandbox.contacts()


@pytest.mark.slow
def test_without_a_worker_for_platforms_no_wake_ups_pile_up_and_it_is_said_once_what_is_missing(place, land):
    place.start(*SHARED)
    place.hang(1)

    wait_until(place.stack.alerts, place.stack.told, 45)
    time.sleep(2.0)

    assert place.stack.alerts() == ["Lane toy:0 waits: No worker delivers the lane toy:0."]
    assert "-Q platforms" in place.stack.store.ledger.alerts(1)[0]["remedy"]
    assert place.stack.client.llen("tajo:celery:platforms") == 0
    place.delivers_in_s(1)

    land.answers = {}
    place.start(*OWN)
    wait_until(lambda: place.stack.store.lanes.depth("toy:0")[0] == 0, place.stack.told, 40)
    wait_until(lambda: place.stack.alerts()[-1] == "Lane toy:0 goes on.", place.stack.told, 10)


@pytest.mark.slow
def test_a_worker_for_platforms_alone_does_not_count_as_one_for_brevo(place):
    place.start(*OWN)
    wait_until(lambda: place.stack.store.lanes.is_served("toy:0"), place.stack.told)
    time.sleep(1.5)

    assert place.stack.store.note("worker_seen") is None
    assert not place.stack.store.lanes.is_served("contacts")
