"""A real Prometheus scrapes a running system: targets up, and every expression of rules and dashboards has a value."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import math
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from datetime import UTC, datetime

import pytest

from customer_sync.base.metrics import CATALOGUE
from customer_sync.model import Inbound
from customer_sync.operate.monitoring import files, objectives
from customer_sync.operate.monitoring.alerts import alerts
from customer_sync.operate.monitoring.written import DASHBOARDS
from customer_sync.store import inbox
from tests.reliability.servers import wait_until
from tests.reliability.stack import CONFIG, ROOT, SECRET, Stack, address
from tests.sandbox_server import sandbox_server

from .scraped import prometheus

pytestmark = pytest.mark.slow
KEY = "the-key-of-the-scraper-0123456789"
#: The expressions that are empty while nothing is wrong: promtool shows that each fires.
ALERTS = {one.name: one.expr for one in alerts()}


class Shop:
    """Sends webhooks to the web process, as a shop does."""

    def __init__(self, url):
        self._url = f"{url}/webhooks/shopify"

    def send(self, number, *, secret=SECRET, topic="customers/update", **more):
        now = datetime.now(UTC).isoformat()
        body = json.dumps({"id": number, "email": address(number), "updated_at": now, **more}).encode()
        signed = base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()
        headers = {"x-shopify-topic": topic, "x-shopify-webhook-id": str(uuid.uuid4())}
        headers |= {"x-shopify-hmac-sha256": signed, "x-shopify-triggered-at": now, "content-type": "application/json"}
        headers |= {"x-shopify-shop-domain": "demo.myshopify.com"}
        try:
            with urllib.request.urlopen(urllib.request.Request(self._url, body, headers), timeout=10) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code


@pytest.fixture(scope="module")
def watched(tmp_path_factory):
    """A web process, a worker, a sandbox with the limits of a plan, and a Prometheus that looks at them."""
    folder = tmp_path_factory.mktemp("watched")
    with sandbox_server("--plan", "general") as sandbox:
        sandbox.limits("general", contacts=(None, 1000))
        stack = Stack(folder, sandbox)
        told = "notifications: {webhook_url: 'http://127.0.0.1:9/', allow_private: true}\n"
        config = CONFIG.replace("{options", "{field_mapping: {phone: SMS}, options")
        (folder / "tajo.yaml").write_text(f"{config}  order-events: {{enabled: true}}\n{told}")
        try:
            with stack.server.client() as hands:
                hands.config_set("maxmemory", "500mb")
            url = stack.start_web(TAJO_API_KEY=KEY)
            stack.start_worker()
            (folder / "prometheus").mkdir()
            with prometheus(folder / "prometheus", url.removeprefix("http://"), KEY) as scraper:
                yield stack, Shop(url), scraper
        finally:
            stack.close()


def make_everything_happen(stack, shop, scraper):
    """Cause what is rare: refusals, a parked contact, a test order, a comparison, who left in Brevo, a paused lane."""
    assert [shop.send(number, phone=phone) for number, phone in ((1, "+32470123456"), (2, "12"))] == [202, 202]
    assert shop.send(3, secret="wrong") == 401
    assert shop.send(7001, topic="orders/create", test=True, total_price="1.00", currency="EUR") == 202
    stack.settled()
    stack.sandbox.act("spam", address(1))
    left = {"event": "spam", "email": address(1), "ts_event": int(time.time()) - 60}
    told = Inbound("brevo", {}, json.dumps(left).encode(), datetime.now(UTC))
    stack.store.inbox.append([inbox.encode(told)])
    stack.settled()
    stack.sandbox.fault("empty_error", status=402, method="POST", path="/contacts", count=1)
    assert shop.send(4) == 202
    wait_until(stack.store.parked.count, stack.told, 20)
    words = [sys.executable, "-m", "customer_sync", "reconcile", "shopify"]
    done = subprocess.run(words, env=stack._env, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode in (0, 6), done.stderr
    # a rate wants a count that was seen before it rose
    wait_until(lambda: scraper.value("tajo_event_latency_seconds_count"), "the first events are scraped", 20)
    for number in range(10, 30):
        shop.send(number)
    stack.settled()
    stack.sandbox.fault("wrong_key")
    shop.send(40)
    wait_until(lambda: stack.store.breakers.read("contacts"), stack.told, 20)


def test_every_expression_of_rules_and_dashboards_has_a_value(watched, capsys):
    stack, shop, scraper = watched
    wait_until(lambda: scraper.targets() == [("tajo", "up", "")], scraper.targets, 20)
    make_everything_happen(stack, shop, scraper)
    records = {one["record"]: one["expr"] for group in objectives.groups() for one in group["rules"]}
    gauges = {one.name for one in CATALOGUE if one.type != "histogram"}
    histograms = {f"{one.name}_bucket" for one in CATALOGUE if one.type == "histogram"}
    wanted = gauges | histograms | set(records)
    wait_until(lambda: wanted <= scraper.names(), lambda: wanted - scraper.names(), 20)
    wait_until(lambda: scraper.value("tajo_lane_paused == 1"), "the pause is scraped", 20)

    shown = {query.expr for board in DASHBOARDS for panel in board.panels for query in panel.queries}
    found = {expr: scraper.value(expr) for expr in {*shown, *records.values()}}

    def is_complete():
        found.update({expr: scraper.value(expr) for expr, samples in found.items() if not samples})
        return all(found.values())

    wait_until(is_complete, lambda: [expr for expr, samples in found.items() if not samples], 15)
    firing = {name for name, expr in ALERTS.items() if scraper.value(expr)}
    health = {one["name"]: one["health"] for group in scraper.get("rules")["groups"] for one in group["rules"]}

    with capsys.disabled():
        up = sum(state == "up" for _, state, _ in scraper.targets())
        print(
            f"\n  targets up: {up} of 1; expressions with a value: {sum(map(bool, found.values()))} of {len(found)}; "
            f"conditions of alerts: {len(ALERTS)} evaluated, {len(firing)} true: {', '.join(sorted(firing))}"
        )
    assert [expr for expr, samples in found.items() if not samples] == []
    assert [one for samples in found.values() for one in samples if math.isnan(float(one["value"][1]))] == []
    assert set(health.values()) == {"ok"}
    assert {"TajoLanePaused", "TajoParked", "TajoBrevoKeyRefused"} <= firing
    assert len(health) == len(ALERTS) + len(records)
    assert len(files()) == 9
