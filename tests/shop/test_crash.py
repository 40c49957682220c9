"""Workers of the shop's lanes are killed: no purchase, no cart and no product is lost, and hardly any event doubled."""

from __future__ import annotations

import random
import time
from collections import Counter
from pathlib import Path

import pytest

from customer_sync.model import Inbound
from customer_sync.store import Store, inbox
from tests.processes import workers
from tests.rig import at
from tests.sandbox_server import sandbox_server
from tests.shop.carts import bought, cart, customer
from tests.shop.rig import product
from tests.shop.shop_worker import as_body

HOME = Path(__file__).parents[2]
PEOPLE, PRODUCTS, KILLS = 60, 60, 8


@pytest.fixture
def launch(redis_url):
    with workers("tests.shop.shop_worker", redis_url) as start:
        yield start


def is_done(store):
    waiting = sum(store.lanes.depth(lane)[0] for lane in ("contacts", "products", "events"))
    return not waiting and not store.inbox.depth()[0]


def wait(until, seconds=90):
    end = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < end, "not done in time"
        time.sleep(0.05)


@pytest.mark.slow
def test_workers_that_are_killed_lose_no_purchase_no_cart_and_no_product(client, launch):
    store, luck = Store(client), random.Random(11)  # the same kills each time
    store.set_note("commerce", {"is_on": True, "currency": "EUR", "at": store.now_ms()})
    events = [customer(-1000, f"c{n}@example.com", n) for n in range(PEOPLE)]
    events += [cart(-600, f"t{n}", number=n) for n in range(PEOPLE)]
    events += [bought(-500, f"o{n}", email=f"c{n}@example.com", number=n, carts=[f"t{n}"]) for n in range(PEOPLE)]
    events += [product(-900 + m, str(n), price=float(m)) for m in range(3) for n in range(PRODUCTS)]
    with sandbox_server() as sandbox:
        workers = [launch(sandbox.url), launch(sandbox.url)]
        size = len(events) // KILLS + 1
        for start in range(0, len(events), size):
            raws = [inbox.encode(Inbound("shop", {}, as_body(one), at(0))) for one in events[start : start + size]]
            store.inbox.append(raws)
            time.sleep(luck.uniform(0.02, 0.2))
            victim = workers.pop(0)
            victim.kill()
            victim.wait()
            workers.append(launch(sandbox.url))
        wait(lambda: is_done(store))
        listed = sandbox.call("GET", "/v3/events?limit=10000")["events"]
        products = sandbox.call("GET", "/v3/products?limit=1000")["products"]

    told = Counter((one["event_name"], one["event_properties"]["data"].get("order_id")) for one in listed)
    completed = {order: times for (name, order), times in told.items() if name == "order_completed"}
    assert set(completed) == {f"shop:o{n}" for n in range(PEOPLE)}
    assert sum(completed.values()) - PEOPLE <= KILLS * 25  # a batch for each kill, at most
    assert {one["id"]: one["price"] for one in products} == {f"shop:{n}": 2.0 for n in range(PRODUCTS)}
    assert store.parked.count() == 0
