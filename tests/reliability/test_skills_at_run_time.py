"""A skill that is set anew while everything runs: the same processes work by it at once, and nobody is lost."""

from __future__ import annotations

import json
import signal
import time
import urllib.request

import pytest

from customer_sync.destinations import LANES
from customer_sync.skills.found import definitions
from customer_sync.store import keys
from tests.reliability.servers import wait_until
from tests.reliability.stack import Stack, address
from tests.sandbox_server import sandbox_server

pytestmark = pytest.mark.slow
API_KEY = "a-key-of-these-tests-0123456789"
OTHER_LIST = 7


@pytest.fixture(scope="module")
def stack(redis_url, tmp_path_factory):
    del redis_url  # skips with a sentence where no Redis can be had
    with sandbox_server("--plan", "none", "--list=2", f"--list={OTHER_LIST}") as sandbox:
        made = Stack(tmp_path_factory.mktemp("stack"), sandbox)
        made.start_worker()
        made.web = made.start_web(TAJO_API_KEY=API_KEY)
        yield made
        made.close()


def call(stack, path, body=None):
    data = json.dumps(body or {}).encode()
    headers = {"Authorization": f"Bearer {API_KEY}", "Content-Type": "application/json"}
    request = urllib.request.Request(f"{stack.web}/api/v1{path}", data, headers, method="POST")
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def heard(stack):
    """How often the worker said that it works by something new."""
    stack._log.flush()
    return stack.log_path.read_text().count("skills set anew")


def set_skill(stack, verb, config=None, processes=2):
    """Say something of the skill, and wait until web and workers work by it; returns after how many seconds."""
    before = heard(stack)
    call(stack, f"/skills/customer-sync/{verb}", config)
    return wait_until(lambda: heard(stack) >= before + processes, stack.told, 20)


def contact(stack, number):
    return stack.sandbox.contacts().get(address(number), {})


def test_web_and_worker_take_up_another_mapping_and_list_and_nobody_joins_who_did_not_agree(stack):
    (worker,) = stack.workers
    stack.feed([1, 2, 3], first_name="Ann")
    stack.consent([1], "subscribed")
    stack.consent([3], "unsubscribed")
    stack.settled()
    assert contact(stack, 1)["listIds"] == [2]

    set_skill(
        stack,
        "enable",
        {"fieldMapping": {"firstName": "LASTNAME", "lastName": None}, "options": {"listId": OTHER_LIST}},
    )
    stack.feed([1, 2, 3], first_name="Bea")
    stack.settled()

    assert worker.poll() is None
    assert [contact(stack, n)["attributes"]["LASTNAME"] for n in (1, 2, 3)] == ["Bea"] * 3
    assert OTHER_LIST in contact(stack, 1)["listIds"]
    assert contact(stack, 2)["listIds"] == contact(stack, 3)["listIds"] == []
    assert contact(stack, 3)["emailBlacklisted"]
    assert not stack.sandbox.mailable()


def test_a_skill_that_is_switched_off_under_load_leaves_no_work_half_done(stack):
    set_skill(stack, "reset")
    stack.feed(range(100, 200), first_name="Ann")
    wait_until(lambda: stack.store.inbox.depth()[0] == 0, stack.told)
    set_skill(stack, "disable")  # what was read before is delivered all the same
    stack.feed(range(200, 300), first_name="Ann")
    stack.settled()
    known = stack.sandbox.contacts()
    assert all(address(n) in known for n in range(100, 200))

    set_skill(stack, "enable")
    stack.feed(range(200, 300), first_name="Bea")
    stack.settled()

    known = stack.sandbox.contacts()
    assert all(address(n) in known for n in range(200, 300))


def test_a_word_survives_a_killed_worker_and_a_redis_without_its_data(stack):
    set_skill(stack, "enable", {"options": {"list_id": OTHER_LIST}})
    (worker,) = stack.workers
    worker.send_signal(signal.SIGKILL)
    worker.wait(5)
    call(stack, "/skills/customer-sync/enable", {"options": {"list_id": 2}, "field_mapping": {"lastName": None}})
    stack.start_worker()
    stack.feed([400], first_name="Ann", last_name="Lee")
    stack.settled()
    assert "LASTNAME" not in contact(stack, 400)["attributes"]

    stack.client.delete(keys.SKILLS)  # as if Redis had been emptied: what processes know is written back
    wait_until(lambda: stack.client.exists(keys.SKILLS), stack.told, 10)
    time.sleep(0.1)
    stack.feed([401], first_name="Ann", last_name="Lee")
    stack.settled()

    assert "LASTNAME" not in contact(stack, 401)["attributes"]


def samples(stack, name):
    """Lane → value of a gauge, as the running web process tells it."""
    request = urllib.request.Request(f"{stack.web}/metrics", headers={"Authorization": f"Bearer {API_KEY}"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    told = (line.split('"') for line in lines if line.startswith(f'{name}{{lane="'))
    return {parts[1]: float(parts[-1].split()[-1]) for parts in told}


@pytest.mark.parametrize("name", [name for name in definitions() if name != "customer-sync"])
def test_every_skill_is_switched_on_and_off_while_everything_runs(stack, name):
    before = heard(stack)
    told = call(stack, f"/skills/{name}/enable")
    wait_until(lambda: heard(stack) >= before + 2, stack.told, 20)

    assert (told["enabled"], told["origin"]) == (True, "built-in")
    assert told["acts_on"]
    stack.feed([500], first_name=name)
    stack.settled()
    assert contact(stack, 500)["attributes"]["FIRSTNAME"] == name
    call(stack, f"/skills/{name}/disable")


@pytest.mark.parametrize("name", ["tajo_queue_depth", "tajo_oldest_age_seconds", "tajo_lane_paused"])
def test_each_lane_that_a_worker_delivers_is_in_the_metrics(stack, name):
    assert {lane.name for lane in LANES} <= set(samples(stack, name))
