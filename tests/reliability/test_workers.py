"""Several worker processes, and workers that end under load."""

from __future__ import annotations

import random
import signal
import time

import pytest

from tests.reliability.servers import wait_until
from tests.reliability.stack import LIST, TOKEN, Stack, address
from tests.reliability.watch import Watch, watching
from tests.sandbox_server import sandbox_server

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def watched(redis_url, tmp_path_factory):
    """A sandbox and a watch in front of it; who works is up to the test."""
    del redis_url  # skips with a sentence where no Redis can be had
    with sandbox_server("--plan", "none", "--time-scale", "0.001") as sandbox, watching(sandbox.address) as watch:
        stack = Stack(tmp_path_factory.mktemp("stack"), sandbox, watch.url)
        yield stack, watch
        stack.close()


@pytest.fixture
def make_stack(watched):
    """Return an empty stack with as many workers as a test wants, and the watch."""
    stack, watch = watched

    def make(workers: int) -> tuple[Stack, Watch]:
        stack.employ(workers)
        stack.reset()
        watch.reset()
        return stack, watch

    return make


def test_two_workers_never_write_one_person_at_the_same_time(make_stack):
    stack, watch = make_stack(2)
    watch.delay_s = 0.05
    rng = random.Random(11)
    for turn in range(60):
        stack.feed(rng.sample(range(8), 4), first_name=f"v{turn}")
        stack.wake()
        time.sleep(0.03)
    stack.settled()

    assert len(watch.calls) > 40
    assert watch.overlaps() == []
    newest = {email: name for email, name in stack.names().items() if name == "v59"}
    assert newest


@pytest.mark.alone
def test_a_worker_that_is_stopped_under_load_loses_nothing_and_doubles_nothing(make_stack, measured):
    stack, watch = make_stack(2)
    watch.delay_s = 0.06
    people = range(600)
    stack.feed(people, first_name="Jane")
    wait_until(lambda: len(stack.sandbox.contacts()) > 60, stack.told)
    first = stack.workers[0]

    first.send_signal(signal.SIGTERM)
    took_s = wait_until(lambda: first.poll() is not None, stack.told, 12)
    stack.settled()

    assert stack.names() == {address(number): "Jane" for number in people}
    doubled = stack.sandbox.count("POST", "/contacts") - len(people)
    assert doubled <= 0  # below it, when the backlog was large enough for an import
    assert took_s <= 8
    measured("stopped_after_s", took_s)


def test_a_worker_alone_that_is_stopped_leaves_the_rest_to_the_next(make_stack):
    stack, watch = make_stack(1)
    watch.delay_s = 0.3
    people = range(290)  # more would be left to an import
    stack.feed(people, first_name="Jane")
    wait_until(lambda: len(stack.sandbox.contacts()) > 40, stack.told)
    (worker,) = stack.workers
    worker.send_signal(signal.SIGTERM)
    worker.wait(12)
    assert stack.waiting() > 0

    stack.start_worker()
    stack.settled()

    assert stack.names() == {address(number): "Jane" for number in people}


def test_a_thousand_of_our_own_writes_that_come_back_make_no_loop(make_stack, measured):
    stack, _ = make_stack(1)
    web = stack.start_web()
    events = ["unsubscribed", "spam", "hardBounce", "contactUpdated", "contactDeleted", "listAddition"]
    hook = {"url": f"{web}/webhooks/brevo", "type": "marketing", "events": events, "description": "all"}
    stack.sandbox.call("POST", "/v3/webhooks", {**hook, "auth": {"type": "bearer", "token": TOKEN}})
    people = range(350)

    stack.feed(people, first_name="Jane")
    _quiet(stack)
    stack.consent(people, "subscribed")
    _quiet(stack)
    stack.consent(people, "unsubscribed")
    _quiet(stack)
    stack.feed(people, "customers/delete")
    _quiet(stack)
    _quiet(stack)

    came_back = int(stack.client.hget("tajo:metrics", "tajo_inbound_total|source=brevo|answer=accepted") or 0)
    assert came_back >= 1_000
    assert {one["state"] for one in stack.sandbox.deliveries()} == {"delivered"}
    totals = stack.sandbox.calls(0)["totals"]
    writes = sum(one["calls"] for one in totals if one["route"] in {"/contacts", "/contacts/{identifier}"})
    assert writes == 4 * len(people)  # what the shop told, and nothing because of an echo
    assert stack.sandbox.contacts() == {}
    assert stack.store.parked.count() == 0
    measured("round_trips", came_back)


def test_a_person_who_leaves_at_brevo_stays_away_whatever_the_shop_goes_on_sending(make_stack):
    stack, _ = make_stack(1)
    web = stack.start_web()
    hook = {"url": f"{web}/webhooks/brevo", "type": "marketing", "events": ["unsubscribed"], "description": "left"}
    stack.sandbox.call("POST", "/v3/webhooks", {**hook, "auth": {"type": "bearer", "token": TOKEN}})
    stack.feed([1], first_name="Jane")
    stack.consent([1], "subscribed")
    stack.settled()
    assert stack.sandbox.contacts()[address(1)]["listIds"] == [LIST]

    stack.sandbox.unsubscribe(address(1))
    _quiet(stack)
    stack.feed([1], first_name="Janet", accepts_marketing=True)
    stack.settled()

    contact = stack.sandbox.contacts()[address(1)]
    assert contact["attributes"]["FIRSTNAME"] == "Janet"
    assert contact["emailBlacklisted"] is True
    assert stack.sandbox.mailable() == []


def _quiet(stack: Stack) -> None:
    """Wait until every webhook of the sandbox was answered and what it brought is done."""
    wait_until(lambda: all(one["state"] != "waiting" for one in stack.sandbox.deliveries()), stack.told)
    stack.settled()
    time.sleep(0.2)
    stack.settled()
