"""H1 and H5 with real processes, which are killed between an answer and what they do with it."""

from __future__ import annotations

import json
import time
from collections import Counter
from datetime import UTC, datetime

import pytest

from customer_sync.model import Inbound
from customer_sync.store import inbox
from customer_sync.store.run import RunState
from tests.contract.test_pull import TRIALS
from tests.hybrid.house import LIST, WORKER
from tests.journey.home import Home, _block
from tests.sandbox_server import sandbox_server
from tests.stores.servers import store_server

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

CRM = "hubspot"
DEALS = 1_050
SEARCH = "/crm/objects/2026-09/deals/search"
QUEUES = "wakeups,reads,imports,platforms"
#: What would change something in Brevo, but for the attributes that are made at the start.
WRITES = ("POST", "PUT", "DELETE")


class Crm(Home):
    """An installation that sends deals as orders."""

    def write(self, sources):
        skills = {"customer-sync": {"options": {"list_id": LIST}}, "order-events": {"enabled": True}}
        (self._folder / "tajo.yaml").write_text(
            "\n".join(_block({"connectors": dict(sources), "skills": skills})) + "\n"
        )

    def worker(self, **env):
        """Start a worker, and return it once it works."""
        self.store.set_note("worker_seen", None)
        made = self.start("tests.field.mortal", *WORKER, "-n", f"w{len(self._processes)}@%h", "-Q", QUEUES, **env)
        self.wait_until(lambda: self.store.note("worker_seen"))
        return made

    def read(self, resource, *words):
        """Begin to read a resource, and return the number of the run."""
        made = self.tajo("connectors", "sync", CRM, *words, "--resource", resource, "--no-wait", "--json")
        return str(made["id"])

    def writes(self):
        """How often Brevo was told something."""
        rows = self.sandbox.calls(0)["totals"]
        return sum(one["calls"] for one in rows if one["method"] in WRITES)


@pytest.fixture
def arguments():
    return ("--deals", str(DEALS))


@pytest.fixture
def shop(arguments):
    more = ("--customers", "3", "--calls", "0", "--calls-a-day", "0")
    with store_server(CRM, *more, *arguments) as made:  # five searches a second, as HubSpot has it
        yield made


@pytest.fixture
def crm(redis_url, tmp_path, shop):
    del redis_url  # skips with a sentence where no Redis can be had
    with sandbox_server("--plan", "none", "--currency", "EUR", "--import-delay", "0.1") as sandbox:
        home = Crm(tmp_path, sandbox, CRM, TRIALS[CRM], shop)
        try:
            yield home
        finally:
            home.close()


def searches(shop):
    """How often each answer came to a search for deals."""
    calls = shop.get("/fake/calls?limit=5000")["calls"]
    return Counter(one["status"] for one in calls if one["path"] == SEARCH)


def test_h1_the_run_goes_on_at_page_six_after_the_kill_and_deals_that_are_the_same_cost_no_call(crm, shop):
    first = crm.worker()
    for resource in ("customers", "orders"):
        crm.wait_for(crm.read(resource, "--full"), "done", 200)
    crm.wait_until(lambda: not crm.waiting())
    crm.stop(first)
    assert crm.sandbox.count("POST", "/orders/status/batch") or crm.sandbox.count("POST", "/orders/status")
    shop.post("/fake/touch", {"kind": "deals", "count": DEALS, "properties": {"pipeline": "edited"}})
    told = crm.writes()
    shop.delete("/fake/calls")
    shop.fault("secondly", skip=5, count=1, path="*/deals/search")

    mortal = crm.worker(TAJO_DIES_AT=f"POST *{SEARCH} 429")
    number = crm.read("orders")
    assert mortal.wait(90) == -9
    assert (crm.run(number).counts["read"], searches(shop)[200]) == (500, 5)
    assert crm.run(number).state is RunState.RUNNING
    crm.worker()
    run = crm.wait_for(number, "done", 120)

    crm.wait_until(lambda: not crm.waiting())
    assert run.counts["read"] == DEALS
    assert searches(shop)[200] == 11  # each page once
    assert crm.writes() == told
    shop.post("/fake/touch", {"kind": "deals", "count": 6, "properties": {"amount": "77"}})
    crm.wait_for(crm.read("orders"), "done")
    crm.wait_until(lambda: not crm.waiting())
    assert crm.writes() > told  # what is mapped is told


@pytest.mark.parametrize("arguments", [("--repeats", "word"), ("--repeats", "error")], ids=["a word", "400"])
def test_h5_an_opt_out_whose_worker_was_killed_before_it_noted_the_answer_is_done(crm, shop):
    first = crm.worker()
    crm.wait_for(crm.read("customers", "--full"), "done")
    crm.wait_until(lambda: not crm.waiting())
    crm.stop(first)
    who = shop.get("/fake/contacts")["ids"][0]
    address = shop.get(f"/fake/contacts/{who}")["email"].lower()
    crm.sandbox.unsubscribe(address)
    told = {"event": "unsubscribed", "email": address, "ts_event": int(time.time())}
    crm.store.inbox.append([inbox.encode(Inbound("brevo", {}, json.dumps(told).encode(), datetime.now(UTC)), ())])

    mortal = crm.worker(TAJO_DIES_AT="POST */unsubscribe-all 200")
    assert mortal.wait(60) == -9
    assert crm.told_platform() == {}
    crm.worker()
    crm.wait_until(lambda: crm.told_platform() and not crm.waiting(), 120)

    assert sum(crm.told_platform().values()) == 1
    assert set(crm.told_platform()) <= {"written", "unchanged"}
    assert {one["status"] for one in shop.get(f"/fake/statuses?email={address}")["statuses"]} == {"UNSUBSCRIBED"}
    assert crm.parked() == []
