"""Workers of a lane die and versions meet: nothing is lost, nothing is spoilt, whoever wrote it."""

from __future__ import annotations

import json
import random
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from customer_sync.model import Inbound, to_ms
from customer_sync.store import Store, inbox
from customer_sync.store.forms import VERSION
from tests.engine.toy_worker import CALLS, ORDERS
from tests.processes import workers

#: The letter of the version after this one.
NEXT = chr(ord(VERSION) + 1)
ORDERS_SENT, CHANGES = 150, 3
NOW = datetime.now(UTC) - timedelta(hours=1)
HOME = Path(__file__).parents[2]


@pytest.fixture
def launch(redis_url):
    with workers("tests.engine.toy_worker", redis_url) as start:
        yield lambda form=VERSION: start(form)


def kill(process):
    process.kill()
    process.wait()


def send_all(store, change):
    for key in range(ORDERS_SENT):
        when_ms = to_ms(NOW) + 1000 * change
        body = json.dumps({"key": str(key), "total": change, "email": f"c{key}@example.com", "when_ms": when_ms})
        store.inbox.append([inbox.encode(Inbound("shop", {}, body.encode(), NOW))])


def written(client):
    """The versions in which the records are stored."""
    return {raw[:1].decode() for key in client.keys("tajo:rec:orders:*") if (raw := client.get(key))}


def is_done(store):
    return not store.client.zcard("tajo:since:orders") and not store.client.xlen("tajo:inbox")


def wait(until, seconds=60):
    end = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < end, "not done in time"
        time.sleep(0.05)


def totals(client):
    return {target.decode(): json.loads(order)["total"] for target, order in client.hgetall(ORDERS).items()}


def test_workers_of_a_lane_that_are_killed_lose_no_order(client, launch):
    store, luck = Store(client), random.Random(7)  # the same kills each time
    workers = [launch(), launch()]
    for change in range(CHANGES):
        send_all(store, change)
        time.sleep(luck.uniform(0.05, 0.25))
        kill(workers.pop(0))
        workers.append(launch())
    wait(lambda: is_done(store))

    assert totals(client) == {f"shop:{key}": CHANGES - 1 for key in range(ORDERS_SENT)}
    assert int(client.get(CALLS)) <= ORDERS_SENT * CHANGES + CHANGES * 50  # a batch for each kill, at most
    assert client.hlen("tajo:parked") == 0


def test_a_version_and_the_next_one_beside_it_lose_nothing_and_the_older_one_spoils_nothing(client, launch):
    store, workers = Store(client), [launch(VERSION)]
    send_all(store, 0)
    wait(lambda: is_done(store))
    forms = written(client)
    for change in range(1, CHANGES):
        for worker in workers:
            kill(worker)
        workers = [launch(VERSION), launch(NEXT)]
        send_all(store, change)
        time.sleep(0.1)
    kill(workers[0])
    wait(lambda: is_done(store))
    forms |= written(client)

    assert forms == {VERSION, NEXT}  # both had written
    assert totals(client) == {f"shop:{key}": CHANGES - 1 for key in range(ORDERS_SENT)}
    assert client.hlen("tajo:parked") == 0
    for key in range(ORDERS_SENT):  # whom it belongs to is in every one, whoever wrote it last
        assert '"whom":"#' in client.get(f"tajo:rec:orders:shop:{key}").decode()
