"""A full sync whose workers are killed again and again: everybody arrives, nobody is wrong, no page is lost."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time

import pytest

from customer_sync.store import Store, connect
from customer_sync.store.run import Run, RunState
from tests.crash.stack import Stack, kill, wait_for
from tests.sandbox_server import sandbox_server
from tests.stores.servers import StoreClient, store_server

CUSTOMERS = 20_000
KILLS = 10


def config(url: str) -> str:
    return f"""
connectors:
  shopify:
    shop_url: demo.myshopify.com
    api_key: demo-client-id
    api_secret: demo-client-secret
    base_url: {url}
    schedule: {{pull: off, reconcile: off}}
skills:
  customer-sync: {{options: {{list_id: 2}}}}
"""


@pytest.fixture
def shop():
    with store_server("shopify", "--customers", str(CUSTOMERS), "--bulk-seconds", "0.5") as made:
        yield made


@pytest.fixture
def stack(tmp_path, shop):
    with sandbox_server("--plan", "none") as sandbox:
        made = Stack(tmp_path, sandbox, config(shop.address))
        yield made
        made.close()


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_a_run_whose_workers_are_killed_ten_times_brings_everybody_once_or_more(stack, shop, capsys):
    rng = random.Random(20261121)
    store = Store(connect(stack.redis_url()))
    wait_for(lambda: store.note("worker_seen"), 30, "a worker")
    command = [sys.executable, "-m", "customer_sync", "connectors", "sync", "shopify", "--full", "--no-wait", "--json"]
    number = json.loads(subprocess.run(command, env=stack.env, capture_output=True, check=True, timeout=60).stdout)[
        "id"
    ]

    kills = 0
    while kills < KILLS and read(store, number).is_open:
        time.sleep(rng.uniform(0.3, 1.2))
        for pid in stack.children("customer_sync.worker.app worker"):
            kill(pid)
        kills += 1
    wait_for(lambda: read(store, number).state is RunState.DONE, 240, lambda: read(store, number))

    run = read(store, number)
    expected, contacts = customers_of(shop), stack.sandbox.contacts()
    with capsys.disabled():
        phones = sum("SMS" in one["attributes"] for one in contacts.values())  # they follow their rows singly
        again = rows_sent(stack) - len(contacts) - phones
        print(
            f"\nrun crash test: {run.counts['read']:,} read, {kills} kills, {len(contacts):,} contacts, "
            f"{again:,} rows sent more than once"
        )
    assert kills == KILLS, "the run was over before the last kill: there must be more customers"
    assert {email: names for email, (names, _) in expected.items()} == {
        email: names_of(one) for email, one in contacts.items()
    }
    assert {email for email, (_, state) in expected.items() if state == "UNSUBSCRIBED"} == {
        email for email, one in contacts.items() if one["emailBlacklisted"]
    }


def read(store: Store, number: str) -> Run:
    run = store.runs.read(number)
    assert run is not None
    return run


def customers_of(shop: StoreClient) -> dict[str, tuple[tuple[str, str], str]]:
    """What the shop says of everybody with an address: names and consent."""
    lines = shop.http.request("GET", shop.address + "/fake/customers.jsonl").data.splitlines()
    rows = [json.loads(line) for line in lines]
    return {
        row["email"].lower(): ((row["firstName"] or "", row["lastName"] or ""), row["emailState"])
        for row in rows
        if row["email"]
    }


def names_of(contact: dict) -> tuple[str, str]:
    attributes = contact["attributes"]
    return attributes.get("FIRSTNAME") or "", attributes.get("LASTNAME") or ""


def rows_sent(stack: Stack) -> int:
    """How many rows and contacts were sent to Brevo in all."""
    singles = sum(stack.sandbox.count(verb, route) for verb, route in SINGLES)
    return int(stack.sandbox.call("GET", "/sandbox/imports")["rows"]) + singles


SINGLES = (("POST", "/contacts"), ("PUT", "/contacts/{identifier}"))
