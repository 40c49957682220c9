"""When a worker counts as silent."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from customer_sync.worker.watchdog import Stuck, Watchdog

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
    return Watchdog(15, {"": 120, "tajo.pull": 900}, time)


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
    with ThreadPoolExecutor(THREADS) as threads:
        both = Barrier(THREADS)
        for begun in [threads.submit(lambda: (dog.began(), both.wait())) for _ in range(THREADS)]:
            begun.result()

        assert not looks(dog, time, 100)
        threads.submit(dog.ended).result()
        assert looks(dog, time, 15)


@pytest.mark.parametrize(("task", "bound_s"), [("tajo.deliver", 120), ("tajo.pull", 900)])
def test_a_task_that_says_nothing_for_longer_than_it_may_is_stuck(dog, time, task, bound_s):
    dog.began(task)
    time.now_s += bound_s
    assert dog.stuck() is None
    time.now_s += 1

    assert dog.stuck() == Stuck(task, bound_s + 1)


def test_each_step_of_a_task_is_a_sign_of_life_of_this_task_alone(dog, time):
    with ThreadPoolExecutor(1) as other:
        other.submit(dog.began, "tajo.follow").result()
        for _ in range(2):
            dog.began("tajo.deliver")
            time.now_s += 100
            dog.goes_on()

        assert dog.stuck() == Stuck("tajo.follow", 200)
        other.submit(dog.ended).result()
        assert dog.stuck() is None


def test_what_no_task_is_under_way_for_is_never_stuck(dog, time):
    dog.goes_on()
    time.now_s += 10_000

    assert dog.stuck() is None
