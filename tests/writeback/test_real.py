"""The whole way with real processes: a shop's stand-in, our web and workers, the sandbox, and back again."""

from __future__ import annotations

import itertools
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from connectors.shopify.tests.contract import CREATE, ask
from connectors.woocommerce.tests import contract as woo
from customer_sync.engine.lane import PLATFORMS
from tests.reliability.servers import wait_until
from tests.reliability.stack import TOKEN, Stack
from tests.sandbox_server import SandboxClient, sandbox_server
from tests.stores.servers import StoreClient, store_server

pytestmark = pytest.mark.slow

TOPICS = ("CUSTOMERS_CREATE", "CUSTOMERS_UPDATE", "CUSTOMERS_EMAIL_MARKETING_CONSENT_UPDATE")
NAMES = ("lamps", "rugs")
SHARED, OWN = ("-Q", "wakeups,reads,imports"), ("-Q", PLATFORMS, "-c", "4")
_NUMBERS = itertools.count()


class Town:
    """Two shops, Brevo, and our service between them.

    Args:
        folder: where everything is kept.
        sandbox: Brevo.
        shops: source → its stand-in.
    """

    def __init__(self, folder: Path, sandbox: SandboxClient, shops: dict[str, StoreClient]) -> None:
        self.sandbox, self.shops = sandbox, shops
        self.stack = Stack(folder, sandbox)
        sources = "".join(
            f"  {name}: {{platform: shopify, base_url: '{shop.address}', shop_url: demo.myshopify.com, "
            f"access_token: shpat_demo, api_secret: demo-client-secret}}\n"
            for name, shop in shops.items()
        )
        (folder / "tajo.yaml").write_text(
            f"connectors:\n{sources}skills:\n  customer-sync: {{options: {{list_id: 2}}}}\n"
        )
        web = self.stack.start_web()
        for name, shop in shops.items():
            for topic in TOPICS:
                ask(shop, CREATE, topic=topic, sub={"uri": f"{web}/webhooks/{name}"})
        hook = {"url": f"{web}/webhooks/brevo", "type": "marketing", "auth": {"type": "bearer", "token": TOKEN}}
        sandbox.call("POST", "/v3/webhooks", {**hook, "events": ["unsubscribed", "spam", "hardBounce"]})
        self.worker(*SHARED)

    def worker(self, *words: str) -> subprocess.Popen[bytes]:
        """Start a worker for some queues and return once it waits for work."""
        before = self.stack._listening()
        command = ("celery", "-A", "customer_sync.worker.app", "worker", "--without-gossip", "--without-mingle")
        process = self.stack._start(*command, "-n", f"town{next(_NUMBERS)}@%h", *words)
        wait_until(lambda: self.stack._listening() > before, self.stack.told)
        return process

    def join(self, email: str, *names: str) -> dict[str, str]:
        """Somebody registers in shops and agrees to mails; return source → the number there."""
        found = {}
        for name in names:
            shop = self.shops[name]
            (number,) = shop.post("/fake/customers", {"customers": [{"firstName": "Ann", "email": email}]})["ids"]
            consent = {"ids": [number], "state": "SUBSCRIBED", "at": "2026-09-01T00:00:00Z"}
            shop.post("/fake/customers/consent", consent)
            found[name] = number
        wait_until(lambda: email in self.sandbox.contacts(), self.stack.told)
        wait_until(self.is_quiet, self.stack.told)
        return found

    def state(self, name: str, number: str) -> str:
        """What a shop itself says of mails to a customer."""
        (row,) = self.shops[name].get(f"/fake/customers?ids={number}")["customers"]
        return str(row["emailState"])

    def is_quiet(self) -> bool:
        """Whether nothing waits anywhere."""
        lanes = self.stack.store.lanes
        return self.stack.waiting() == 0 and all(not lanes.depth(f"writeback:{one}")[0] for one in self.shops)

    def result(self, name: str, number: str) -> str:
        """What the lane keeps of it."""
        (kept,) = self.stack.store.records.all_of([(f"writeback:{name}", f"{name}:{number}")])
        return str(kept.has.get("result") or "") if kept is not None else ""

    def heard(self) -> Counter[str]:
        """How many webhooks came of each source."""
        found = self.stack.store.counters.read()
        inbound = [one for one in found if one.name == "tajo_inbound_total"]
        return Counter({one.labels["source"]: int(one.value) for one in inbound})

    def results(self) -> dict[tuple[str, str], int]:
        """How often each result was counted: (source, result) → how often."""
        found = self.stack.store.counters.read()
        return {
            (one.labels["source"], one.labels["result"]): int(one.value)
            for one in found
            if one.name == "tajo_writebacks_total"
        }


@pytest.fixture
def town(redis_url, tmp_path):
    del redis_url  # skips with a sentence where no Redis can be had
    words = ("--customers", "20", "--schema", "none", "--bucket", "100000", "--restore", "100000")
    with (
        sandbox_server("--plan", "none") as sandbox,
        store_server("shopify", *words) as lamps,
        store_server("shopify", *words) as rugs,
    ):
        made = Town(tmp_path, sandbox, {"lamps": lamps, "rugs": rugs})
        try:
            yield made
        finally:
            made.stack.close()


def test_an_opt_out_in_brevo_reaches_both_shops_once_and_comes_to_rest(town):
    town.worker(*OWN)
    ann = town.join("ann@town.example", *NAMES)
    heard = town.heard()

    town.sandbox.unsubscribe("ann@town.example")

    wait_until(lambda: {town.state(name, ann[name]) for name in NAMES} == {"UNSUBSCRIBED"}, town.stack.told)
    # the shops tell of it in their turn
    wait_until(lambda: all(town.heard()[name] > heard[name] for name in NAMES), town.stack.told)
    wait_until(town.is_quiet, town.stack.told)
    assert town.results() == {(name, "written"): 1 for name in NAMES}
    assert town.sandbox.contacts()["ann@town.example"]["emailBlacklisted"]
    assert town.sandbox.mailable() == []


def test_a_shop_that_hangs_does_not_keep_the_other_from_being_told(town):
    town.worker(*OWN)
    ann = town.join("ann@town.example", *NAMES)
    town.shops["lamps"].fault("slow", delay_s=20)

    town.sandbox.unsubscribe("ann@town.example")

    wait_until(lambda: town.state("rugs", ann["rugs"]) == "UNSUBSCRIBED", town.stack.told, 15)
    assert town.result("lamps", ann["lamps"]) == ""


@pytest.mark.parametrize("fault", [("slow", {"delay_s": 5}), ("drip", {"size": 1, "delay_s": 0.2})])
def test_a_worker_that_is_killed_while_it_tells_a_shop_leaves_no_opt_out_behind(town, fault):
    worker = town.worker(*OWN)
    ann = town.join("ann@town.example", "lamps")
    kind, options = fault
    calls = town.shops["lamps"].get("/fake/state")["points"]
    town.shops["lamps"].fault(kind, **options)
    town.sandbox.unsubscribe("ann@town.example")
    wait_until(lambda: town.stack.client.zcard("tajo:lease:writeback:lamps") == 1, town.stack.told)
    if kind == "drip":
        wait_until(lambda: town.shops["lamps"].get("/fake/state")["points"] > calls, town.stack.told)

    worker.kill()
    worker.wait(10)
    assert town.result("lamps", ann["lamps"]) == ""
    town.worker(*OWN)

    wait_until(lambda: town.result("lamps", ann["lamps"]) in {"written", "unchanged"}, town.stack.told)
    assert town.state("lamps", ann["lamps"]) == "UNSUBSCRIBED"
    wait_until(town.is_quiet, town.stack.told)


def test_a_worker_that_is_killed_between_webhook_and_lane_leaves_no_opt_out_behind(town):
    ann = town.join("ann@town.example", "lamps")
    for process in town.stack._processes[1:]:  # all but the web
        process.kill()
        process.wait(10)

    town.sandbox.unsubscribe("ann@town.example")
    wait_until(lambda: town.stack.store.inbox.depth()[0] >= 1, town.stack.told)
    town.worker(*SHARED)
    town.worker(*OWN)

    wait_until(lambda: town.state("lamps", ann["lamps"]) == "UNSUBSCRIBED", town.stack.told)


def test_a_box_of_woocommerce_is_unticked_and_nothing_comes_of_the_echo(redis_url, tmp_path):
    del redis_url  # skips with a sentence where no Redis can be had
    with sandbox_server("--plan", "none") as sandbox, store_server("woocommerce", *woo.TRIAL.arguments) as shop:
        stack = Stack(tmp_path, sandbox)
        options = ", ".join(f"{name}: {value}" for name, value in woo.TRIAL.options.items())
        (tmp_path / "tajo.yaml").write_text(
            f"connectors:\n  tea: {{platform: woocommerce, shop_url: '{shop.address}', webhook_secret: s3cr3t, "
            f"{options}}}\nskills:\n  customer-sync: {{options: {{list_id: 2}}}}\n"
        )
        try:
            web = stack.start_web()
            for topic in ("customer.created", "customer.updated"):
                hook = {"topic": topic, "delivery_url": f"{web}/webhooks/tea", "secret": "s3cr3t"}
                woo.call(shop, "POST", "webhooks", hook)
            hook = {"url": f"{web}/webhooks/brevo", "type": "marketing", "auth": {"type": "bearer", "token": TOKEN}}
            sandbox.call("POST", "/v3/webhooks", {**hook, "events": ["unsubscribed"]})
            stack.start_worker()
            number = woo.TRIAL.create(shop)
            woo.TRIAL.subscribe(shop, number)
            email = woo.TRIAL.address(shop, number)
            wait_until(lambda: sandbox.contacts().get(email, {}).get("listIds") == [2], stack.told)

            sandbox.unsubscribe(email)

            wait_until(lambda: woo.TRIAL.may_mail(shop, number) is False, stack.told)
            wait_until(lambda: stack.waiting() == 0 and not stack.store.lanes.depth("writeback:tea")[0], stack.told)
            (kept,) = stack.store.records.all_of([("writeback:tea", f"tea:{number}")])
            assert kept.has["result"] == "written"
            assert sandbox.contacts()[email]["emailBlacklisted"]
            assert sandbox.mailable() == []
        finally:
            stack.close()
