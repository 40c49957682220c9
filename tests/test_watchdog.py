"""When a worker counts as silent."""

from __future__ import annotations

import pytest

from customer_sync.worker.watchdog import Watchdog

THREADS = 2


class Time:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def time():
    return Time()


@pytest.fixture
def dog(time):
    return Watchdog(15, time)


def looks(dog, time, seconds, *, is_work_there=lambda: True):
    """Look once a second for a while; the last look's answer."""
    for _ in range(seconds):
        time.now_s += 1
        found = dog.is_silent(THREADS, is_work_there)
    return found


def test_a_worker_that_starts_nothing_while_work_waits_is_silent(dog, time):
    assert not looks(dog, time, 14)
    assert looks(dog, time, 1)


def test_a_worker_for_which_nothing_waits_is_not_silent(dog, time):
    assert not looks(dog, time, 100, is_work_there=lambda: False)


def test_work_that_came_just_now_proves_nothing(dog, time):
    looks(dog, time, 100, is_work_there=lambda: False)

    assert not looks(dog, time, 14)


def test_work_that_goes_away_by_itself_proves_nothing(dog, time):
    looks(dog, time, 10)
    looks(dog, time, 1, is_work_there=lambda: False)

    assert not looks(dog, time, 10)


@pytest.mark.parametrize("step", ["began", "ended", "rest"])
def test_a_task_that_begins_or_ends_is_a_sign_of_life(dog, time, step):
    dog.began()
    looks(dog, time, 14)

    getattr(dog, step)()

    assert not looks(dog, time, 14)


def test_a_worker_whose_threads_are_all_busy_is_not_silent(dog, time):
    for _ in range(THREADS):
        dog.began()

    assert not looks(dog, time, 100)
    dog.ended()
    assert looks(dog, time, 15)
