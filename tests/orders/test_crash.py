"""Workers are killed while batches are under way: every order is in Brevo, and history starts no automation."""

from __future__ import annotations

import random
import time
from datetime import timedelta
from pathlib import Path

import pytest

from customer_sync.base.clock import utc_now
from customer_sync.engine.plan import Planned, Request, commit
from customer_sync.engine.planner import Planner
from customer_sync.model import Event, Kind, Priority
from customer_sync.store.forms import EventRef
from tests.orders.rig import ORDER
from tests.orders.worker import open_line
from tests.processes import workers
from tests.sandbox_server import sandbox_server

HOME = Path(__file__).parents[2]
HISTORY, LIVE, KILLS = 3000, 30, 5


@pytest.fixture
def sandbox():
    with sandbox_server() as found:
        found.call("POST", "/v3/ecommerce/config/displayCurrency", {"code": "EUR"})
        yield found


@pytest.fixture
def launch(redis_url, sandbox):
    with workers("tests.orders.worker", redis_url, sandbox.url) as start:
        yield start


def put(line, numbers, *, is_pulled):
    """Put orders into the lanes as a run does, or as webhooks do."""
    at = utc_now() - (timedelta(days=400) if is_pulled else timedelta(seconds=5))
    planner = Planner(line.store.people, line.store.now_ms())
    planned = []
    for number in numbers:
        record = {**ORDER, "id": number, "createdAt": at.isoformat(), "customer": {"email": f"c{number}@example.com"}}
        event = Event(number, "shop", Kind.ORDER_UPDATED, at, number, None, record, is_pulled=is_pulled)
        steps = [step for skill in line.skills for step in skill.intent(event).steps]
        priority = Priority.BULK if is_pulled else Priority.LIVE
        behind = [EventRef("run:1" if is_pulled else number, "shop", line.store.now_ms())]
        planned.append(Planned(planner.groups(steps, behind, at, priority=priority)))
    for start in range(0, len(planned), 200):
        commit(line.store, [Request("", planned[start : start + 200])], lambda _: None)


def test_workers_that_are_killed_lose_no_order_and_let_history_start_nothing(client, redis_url, sandbox, launch):
    line, luck = open_line(redis_url, sandbox.url), random.Random(5)
    sandbox.fault("slow", delay_s=0.15, path="/orders/status/batch")
    put(line, [f"h{n}" for n in range(HISTORY)], is_pulled=True)
    workers = [launch(), launch()]
    for kill in range(KILLS):
        put(line, [f"l{kill}-{n}" for n in range(LIVE // KILLS)], is_pulled=False)
        time.sleep(luck.uniform(0.1, 0.5))
        worker = workers.pop(0)
        worker.kill()
        worker.wait()
        workers.append(launch())
    end = time.monotonic() + 90
    while client.zcard("tajo:since:orders"):
        assert time.monotonic() < end, "not done in time"
        time.sleep(0.2)

    fired = [row["reference"] for row in sandbox.automations()["fired"]]
    live = {f"shop:l{kill}-{n}" for kill in range(KILLS) for n in range(LIVE // KILLS)}
    assert sandbox.call("GET", "/v3/orders?limit=1")["count"] == HISTORY + len(live)
    assert set(fired) == live
    assert len(fired) <= len(live) + 4 * KILLS  # a call that was under way is made again
    assert client.hlen("tajo:parked") == 0
