"""What runs inside every worker beside the tasks: the sweep, and the watchdog."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest

from customer_sync.store import LOST, keys
from customer_sync.worker import app as worker
from customer_sync.worker.app import EXIT_SILENT, Caretaker
from tests.reliability.odd_worker import SILENT_S
from tests.reliability.servers import wait_until
from tests.reliability.stack import Stack
from tests.sandbox_server import sandbox_server

QUEUES = SimpleNamespace(consume_from={"wakeups": None})
PARENT = SimpleNamespace(app=SimpleNamespace(amqp=SimpleNamespace(queues=QUEUES)), concurrency=4)


@pytest.fixture
def caretaker():
    found = Caretaker(PARENT)
    yield found
    found.stop(PARENT)


@pytest.fixture(scope="module")
def empty_stack(redis_url, tmp_path_factory):
    """A Redis and a sandbox; each test starts an odd worker of its own."""
    del redis_url  # skips with a sentence where no Redis can be had
    with sandbox_server("--plan", "none") as sandbox:
        made = Stack(tmp_path_factory.mktemp("stack"), sandbox)
        yield made
        made.close()


@pytest.fixture
def start_odd(empty_stack):
    """Start a worker with something wrong; gives the stack and the process, which ends with the test."""
    started = []

    def start(fault, *words):
        empty_stack.client.flushall()
        started.append(empty_stack._start("tests.reliability.odd_worker", fault, "-n", "odd@%h", *words))
        return empty_stack, started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait(5)


def heard(caplog):
    """The lines of the worker's log, with their facts."""
    return [f"{one.getMessage()} {one.facts}" for one in caplog.records if one.name == "customer_sync.worker.app"]


def test_whatever_fails_in_one_step_the_others_go_on(caretaker, monkeypatch, caplog):
    done = []
    monkeypatch.setattr(worker, "CARE_EVERY_S", 0.005)
    monkeypatch.setattr(worker, "_send", lambda *_: None)

    def sweep():
        done.append("sweep")
        raise LookupError("ann@example.com is not in the table")

    monkeypatch.setattr(caretaker, "_take_up", lambda: None)
    monkeypatch.setattr(caretaker, "_keep", lambda: None)
    monkeypatch.setattr(caretaker, "_sweep", sweep)
    monkeypatch.setattr(caretaker, "_watch", lambda: done.append("watch"))
    monkeypatch.setattr(caretaker, "_sign_of_life", lambda: done.append("sign"))

    caretaker.start(PARENT)
    wait_until(lambda: done.count("watch") >= 20, "the caretaker")

    assert abs(done.count("sweep") - done.count("sign")) <= 1
    (line,) = heard(caplog)  # once, though it fails each time
    assert "LookupError at sweep:" in line
    assert "ann@example.com" not in caplog.text


def test_a_fault_that_went_away_and_comes_back_is_told_again(caretaker, caplog):
    faults = iter([True, True, False, True])

    def sweep():
        if next(faults):
            raise LookupError

    for _ in range(4):
        caretaker._do(sweep)

    assert len(heard(caplog)) == 2


@pytest.mark.slow
def test_a_worker_whose_line_cannot_be_opened_says_so_and_lives(start_odd):
    stack, process = start_odd("sick")

    wait_until(lambda: "care failed" in stack.told(), stack.told)
    time.sleep(1.5)

    assert process.poll() is None
    assert "LookupError at fail:" in stack.log_path.read_text()


@pytest.mark.slow
def test_a_worker_that_fetches_wake_ups_and_starts_none_ends_itself(start_odd):
    stack, process = start_odd("deaf")

    wait_until(lambda: process.poll() is not None, stack.told)

    assert process.returncode == EXIT_SILENT


@pytest.mark.slow
def test_a_worker_with_a_task_that_is_stuck_says_so_and_ends_itself(start_odd):
    stack, process = start_odd("stuck")
    wait_until(lambda: stack.store.note("worker_seen"), stack.told)
    began = time.monotonic()

    stack.wake()
    wait_until(lambda: process.poll() is not None, stack.told)

    assert time.monotonic() - began >= SILENT_S
    assert process.returncode == EXIT_SILENT
    assert "task stuck: the worker ends itself task=tajo.process_inbox" in stack.log_path.read_text()
    assert "its task tajo.process_inbox was stuck" in stack.alerts()[-1]


@pytest.mark.slow
def test_what_waits_in_queues_of_other_workers_does_not_end_a_worker(start_odd):
    stack, process = start_odd("sound", "-Q", "reads")
    wait_until(lambda: stack.store.note("worker_seen"), stack.told)

    stack.wake()
    time.sleep(SILENT_S * 2)

    assert stack.client.llen("tajo:celery:wakeups") > 0
    assert process.poll() is None


def test_a_worker_that_finds_another_key_of_fingerprints_ends_and_says_why(empty_stack):
    empty_stack.client.flushall()
    process = empty_stack.start_worker()

    empty_stack.client.hset(keys.SALT, "key", b"another key")

    assert process.wait(15) == EXIT_SILENT
    assert "Redis was emptied and begun anew" in empty_stack.log_path.read_text()


def test_what_redis_lost_under_a_worker_is_told_and_written_back(empty_stack):
    empty_stack.client.flushall()
    process = empty_stack.start_worker()
    salt = empty_stack.client.hget(keys.SALT, "key")

    empty_stack.client.flushall()

    wait_until(lambda: LOST in empty_stack.alerts(), empty_stack.told)
    assert empty_stack.client.hget(keys.SALT, "key") == salt
    assert process.poll() is None
    process.terminate()
    process.wait(15)
