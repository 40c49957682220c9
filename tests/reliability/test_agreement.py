"""What the metrics, the status and the client tell of the same events agrees, exactly, and with a count by hand.

Two web processes and two workers take the events of two sources: new ones, repeated ones, some that change nothing and
some that cannot be read. `TAJO_AGREEMENT_EVENTS` says how many (the suite sends few).
"""

from __future__ import annotations

import json
import os
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
import urllib3
from prometheus_client.parser import text_string_to_metric_families

from connectors.shopify.connector import ShopifyConnector
from customer_sync.kit.connector import SourceSettings
from customer_sync.model import EventState, Inbound
from tajo import TajoClient
from tests.reliability.servers import wait_until
from tests.reliability.stack import LIST, Stack
from tests.sandbox_server import sandbox_server

pytestmark = pytest.mark.slow

EVENTS = int(os.environ.get("TAJO_AGREEMENT_EVENTS", "600"))
KEY = "3f9a1c7e5b2d8046f1e3a5c7092b4d6e8f0a1b3c5d7e9f20"
SECRETS = {"shop-de": "one-secret-of-a-shop", "shop-fr": "another-secret-of-a-shop"}
CONFIG = f"""
connectors:
  shop-de: {{platform: shopify, api_secret: {SECRETS["shop-de"]}}}
  shop-fr: {{platform: shopify, api_secret: {SECRETS["shop-fr"]}}}
skills:
  customer-sync: {{options: {{list_id: {LIST}}}}}
"""
BORN = datetime.now(UTC) - timedelta(hours=1)


def webhooks(count: int) -> tuple[list[tuple[str, Inbound]], dict[str, Counter[str]]]:
    """Return the webhooks, and by hand what must become of them: source → state → how many events."""
    found: list[tuple[str, Inbound]] = []
    wanted: dict[str, Counter[str]] = {source: Counter() for source in SECRETS}
    for number in range(count):
        source = [*SECRETS][number % 3 % 2]
        what = "parked" if number % 50 == 7 else "ignored" if number % 20 == 3 else "delivered"
        wanted[source][what] += 1
        one = webhook(source, number, what)
        found.append((source, one))
        if what == "delivered" and number % 10 == 1:
            found.append((source, one))
            wanted[source]["repeated"] += 1
    return found, wanted


def webhook(source: str, number: int, what: str) -> Inbound:
    at = (BORN + timedelta(seconds=number)).isoformat()
    # each third event is of a person of whom another one tells, too
    person = number // 3 * 3 if number % 3 == 2 else number
    body = {
        "id": 1_000_000 + person,
        "email": f"person{person}@example.com",
        "updated_at": at,
        "first_name": f"N{number}",
    }
    topic = "products/update" if what == "ignored" else "customers/update"
    if what == "ignored":
        body = {"id": 9_000_000 + number, "title": "A mug", "updated_at": at, "variants": []}
    if what == "parked":
        body["email"] = number
    headers = {"x-shopify-topic": topic, "x-shopify-webhook-id": str(uuid.uuid4()), "x-shopify-triggered-at": at}
    headers["content-type"] = "application/json"
    connector = ShopifyConnector(SourceSettings(source, "shopify", (SECRETS[source],)))
    return connector.sign(Inbound(source, headers, json.dumps(body).encode(), BORN), SECRETS[source])


@pytest.fixture(scope="module")
def settled(tmp_path_factory):
    """Two web processes and two workers that have taken everything; gives what to ask with, and what is to be told."""
    with sandbox_server("--plan", "none") as sandbox:
        folder = tmp_path_factory.mktemp("agreement")
        stack = Stack(folder, sandbox)
        (folder / "tajo.yaml").write_text(CONFIG)
        try:
            stack.employ(2)
            url = stack.start_web(TAJO_API_KEY=KEY, GRANIAN_WORKERS="2")
            sent, wanted = webhooks(EVENTS)
            post_all(url, sent)
            wait_until(lambda: stack.waiting() == 0, stack.told, 300)
            total = sum(sum(states.values()) for states in wanted.values())
            wait_until(lambda: ended(stack) >= total, stack.told, 60)
            yield Asking(url), wanted, stack
        finally:
            stack.close()


def ended(stack: Stack) -> int:
    """How many events are counted as ended."""
    found = [one for one in stack.store.counters.read() if one.name == "tajo_events_total"]
    return int(sum(one.value for one in found if one.labels["state"] in {"delivered", "parked", "ignored", "repeated"}))


def post_all(url: str, sent: list[tuple[str, Inbound]]) -> None:
    http = urllib3.PoolManager(maxsize=8, retries=False, timeout=30)

    def post(one: tuple[str, Inbound]) -> int:
        source, inbound = one
        answer = http.request("POST", f"{url}/webhooks/{source}", body=inbound.body, headers=dict(inbound.headers))
        return answer.status

    with ThreadPoolExecutor(8) as pool:
        statuses = Counter(pool.map(post, sent))
    http.clear()
    assert [*statuses] == [200] or [*statuses] == [202], statuses


class Asking:
    """Asks the API, each time on a new connection, so that both processes answer."""

    def __init__(self, url: str) -> None:
        self.url = url

    def raw(self, path: str) -> str:
        headers = {"Authorization": f"Bearer {KEY}", "Connection": "close"}
        with urllib3.PoolManager(retries=False, timeout=30) as http:
            while (answer := http.request("GET", self.url + path, headers=headers)).status == 429:
                wait_until(lambda: http.request("GET", self.url + path, headers=headers).status != 429, path, 61)
        assert answer.status == 200, answer.data
        return answer.data.decode()

    def all(self, name: str, **filters: str) -> list[dict]:
        """Walk a list to its end, with the client: it waits where it is told to."""
        with TajoClient(api_key=KEY, base_url=self.url) as client:
            return list(getattr(client, name).list(**filters))

    def status(self) -> dict:
        """The figures of the overview, as the client gives them."""
        with TajoClient(api_key=KEY, base_url=self.url) as client:
            return client.status()


def told_by_metrics(asking: Asking) -> dict[str, Counter[str]]:
    found: dict[str, Counter[str]] = {source: Counter() for source in SECRETS}
    for family in text_string_to_metric_families(asking.raw("/metrics")):
        for sample in family.samples:
            if sample.name == "tajo_events_total" and sample.labels["source"] in SECRETS and sample.value:
                found[sample.labels["source"]][sample.labels["state"]] += int(sample.value)
    return found


def told_by_client(asking: Asking) -> dict[str, Counter[str]]:
    found: dict[str, Counter[str]] = {source: Counter() for source in SECRETS}
    for one in asking.all("events"):
        found[one["source"]][one["state"]] += 1
    return found


def test_the_metrics_agree_with_the_count_by_hand(settled):
    asking, wanted, _ = settled
    for _ in range(4):  # whichever process answers
        found = told_by_metrics(asking)

        for source, states in wanted.items():
            # an event that is delivered was pending before
            assert found[source].pop("pending") == states["delivered"]
            assert found[source].pop("retrying", 0) == 0
            assert found[source] == states


def test_the_client_agrees_with_the_count_by_hand(settled):
    asking, wanted, _ = settled
    assert told_by_client(asking) == wanted
    for source, states in wanted.items():
        for state in EventState:
            found = asking.all("events", source=source, state=state)
            assert len(found) == states[state]
            assert {(one["source"], one["state"]) for one in found} <= {(source, state)}
        assert len(asking.all("parked", source=source)) == states["parked"]
    everything = [one["id"] for one in asking.all("events") if one["state"] != "repeated"]
    assert len(everything) == len(set(everything)) == EVENTS


def test_the_status_agrees_with_the_metrics_and_the_client(settled):
    asking, wanted, _ = settled
    status = asking.status()

    for source, states in wanted.items():
        assert {name: n for name, n in status["sources"][source].items() if n and name != "pending"} == states
    total = sum(wanted.values(), Counter())
    assert {name: n for name, n in status["events"].items() if n and name != "pending"} == total
    assert status["parked"] == total["parked"]
    ends = total["delivered"] + total["parked"]
    assert status["success_rate"] == pytest.approx(total["delivered"] / ends)
    assert status["error_rate"] == pytest.approx(total["parked"] / ends)
    gauges = {}
    for family in text_string_to_metric_families(asking.raw("/metrics")):
        gauges |= {sample.name: sample.value for sample in family.samples if not sample.labels}
    assert gauges["tajo_parked"] == total["parked"]
