"""The fake shop as a process: real sockets, real downloads."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest
import urllib3

from connectors.shopify.tests.caller import POLL, RUN
from tests.fakes.receiver import until
from tests.stores.servers import StoreClient, store_server

TOKEN = {"X-Shopify-Access-Token": "shpat_demo"}


@pytest.fixture(scope="module")
def shop() -> Iterator[StoreClient]:
    with store_server("shopify", "--customers", "3000", "--bulk-seconds", "0.02", "--schema", "none") as found:
        yield found


@pytest.fixture(autouse=True)
def _fresh(shop):
    shop.post("/fake/reset")


def graphql(shop: StoreClient, query: str, **variables) -> urllib3.BaseHTTPResponse:
    body = {"query": query, "variables": variables}
    return shop.http.request("POST", f"{shop.address}/admin/api/2026-10/graphql.json", json=body, headers=TOKEN)


def export(shop: StoreClient) -> dict:
    query = "{ customers { edges { node { id firstName } } } }"
    gid = graphql(shop, RUN, q=query).json()["data"]["bulkOperationRunQuery"]["bulkOperation"]["id"]

    def check():
        found = graphql(shop, POLL, id=gid).json()["data"]["bulkOperation"]
        return found if found["status"] == "COMPLETED" else None

    return until(check)


def test_it_answers_and_keeps_the_connection(shop):
    answers = [graphql(shop, "{ shop { name } }") for _ in range(3)]

    assert [answer.json()["data"]["shop"]["name"] for answer in answers] == ["Demo"] * 3
    assert shop.http.connection_from_url(shop.address).num_connections == 1


def test_a_file_is_at_the_address_that_was_called(shop):
    found = export(shop)

    answer = shop.http.request("GET", found["url"])

    assert found["url"].startswith(shop.address)
    assert len(answer.data) == int(found["fileSize"]) == int(answer.headers["Content-Length"])
    assert answer.data.count(b"\n") == 3000


def test_a_cut_download_goes_on_with_a_range(shop):
    found = export(shop)
    shop.fault("torn", size=50_000, path="/bulk/*")
    with pytest.raises(urllib3.exceptions.HTTPError):
        shop.http.request("GET", found["url"])

    rest = shop.http.request("GET", found["url"], headers={"Range": "bytes=50000-"})

    assert rest.status == 206
    assert 50_000 + len(rest.data) == int(found["fileSize"])


@pytest.mark.parametrize(("kind", "calls"), [("broken", 0), ("lost", 1)])
def test_a_connection_breaks_for_real(shop, kind, calls):
    hook = """mutation { webhookSubscriptionCreate(topic: CUSTOMERS_UPDATE,
      webhookSubscription: {uri: "https://shop.example/hook"}) { userErrors { message } } }"""
    shop.fault(kind)

    with pytest.raises(urllib3.exceptions.HTTPError):
        graphql(shop, hook)

    assert len(shop.get("/fake/state")["subscriptions"]) == calls


def test_a_slow_call_does_not_stop_the_others(shop):
    shop.fault("slow", delay_s=0.2, operation="customers")

    assert graphql(shop, "{ shop { id } }").status == 200
    assert shop.get("/fake/state")["calls"] == {"shop": 1}


def test_a_port_in_use_is_told(shop):
    port = shop.address.rpartition(":")[2]
    command = [sys.executable, "-m", "connectors.shopify.fake", "--port", port, "--schema", "none"]

    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20, env=dict(os.environ))

    assert done.returncode == 1
    assert "Choose another --port" in done.stderr


def test_the_worker_ends_when_its_parent_is_killed():
    with store_server("shopify", "--customers", "3", "--schema", "none") as found:
        found.stop(signal.SIGKILL)

        def is_closed() -> bool:
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", int(found.address.rpartition(":")[2]))) != 0

        assert until(is_closed)
