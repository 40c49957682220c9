"""The WooCommerce connector against a whole shop: pull, keys, webhooks, connection, over real HTTP."""

import json
import subprocess
import sys
import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from connectors.woocommerce.api import WEBHOOKS
from connectors.woocommerce.api import Shop as Client
from connectors.woocommerce.connector import WooCommerceConnector
from customer_sync.errors import ConfigError, PayloadError, TryLater
from customer_sync.kit.connector import SourceSettings
from customer_sync.kit.outbound import HttpClient
from customer_sync.kit.reach import Access, Callback, Invitation, Want
from customer_sync.model import Event, Inbound, Kind

ROOT = Path(__file__).resolve().parents[2]
KEYS = {
    "consumer_key": "ck_00000000000000000000000000000000000000f1",
    "consumer_secret": "cs_00000000000000000000000000000000000000f1",
}
STATE = "0123456789abcdef0123456789abcdef"


class Vault:
    """Keeps values in memory."""

    def __init__(self, **values):
        self.values = values

    def load(self):
        return dict(self.values)

    def save(self, values):
        self.values = dict(values)

    @contextmanager
    def locked(self):
        yield


class Shop:
    """A running fake and its control routes."""

    def __init__(self, address):
        self.address, self.http = address, HttpClient()

    def tell(self, path, body=None, method="POST"):
        raw = None if body is None else json.dumps(body).encode()
        reply = self.http.send(
            method, f"{self.address}/fake/{path}", headers={"Content-Type": "application/json"}, body=raw
        )
        assert reply.status < 400, reply.body[:300]
        return reply.json()

    def routes(self):
        return [(call["method"], call["path"]) for call in self.tell("calls?limit=1000", method="GET")["calls"]][::-1]


@pytest.fixture(scope="module")
def running():
    """One fake for all: 250 accounts; a program of its own, so it ends with this one."""
    command = [sys.executable, "-m", "connectors.woocommerce.fake", "--customers", "250", "--port", "0"]
    with subprocess.Popen([*command, "--report-lag", "0"], cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Shop(process.stdout.readline().strip())
        finally:
            process.terminate()


@pytest.fixture
def shop(running):
    """The fake as it was at the start."""
    running.tell("reset", {})
    running.tell("faults", method="DELETE")
    normal = {"behind_tls": False, "strip_authorization": False, "pretty_permalinks": True, "ignores_modified": False}
    running.tell("settings", {**normal, "forbidden": [], "owner": "well", "webhooks": False})
    running.tell("clock", {"offset_s": 0})
    running.tell("calls", method="DELETE")
    yield running
    running.http.close()


def connector(shop, **options):
    source = SourceSettings("tea", "woocommerce", ("live1",), {**KEYS, **options}, shop.address)
    return WooCommerceConnector(source)


def access(shop, vault=None):
    return Access(shop.http, vault or Vault())


def pages(shop, since=None, vault=None, **options):
    """Pull to the end with a new connector for each page, as different processes do."""
    found, cursor = [], None
    while not found or cursor is not None:
        page = connector(shop, **options).pull(Want("customers", cursor, since), access(shop, vault))
        found.append(page)
        cursor = None if page.cursor is None else json.loads(json.dumps(page.cursor))
        assert len(found) < 100
    return found


def events(shop, since=None, **options):
    return [event for page in pages(shop, since, **options) for event in page.events]


def notes(found):
    return {note for page in found for note in page.notes}


def accounts(shop):
    return [one for one in events(shop) if one.customer_id and "email" in one.record]


# full


def test_a_full_pull_brings_every_account_and_every_guest_with_totals(shop):
    found = events(shop)
    state = shop.tell("state", method="GET")
    guests = [one for one in found if not one.customer_id]

    assert not [one for one in found if isinstance(one, PayloadError)]
    assert {one.kind for one in found} == {Kind.CUSTOMER_UPDATED}
    assert len({one.customer_id for one in accounts(shop)}) == state["counts"]["customers"] == 250
    assert guests
    assert all("@" in one.record["email"] and one.record["totalOrders"] >= 0 for one in guests)
    assert any(one.record.get("totalSpent", 0) > 0 for one in found if one.customer_id)


def test_the_same_pull_twice_brings_the_same_events(shop):
    assert [one.id for one in events(shop)] == [one.id for one in events(shop)]


def test_a_page_can_be_read_again_by_anybody(shop):
    first = connector(shop).pull(Want("customers"), access(shop))
    once, twice = (connector(shop).pull(Want("customers", first.cursor), access(shop)) for _ in range(2))

    assert once.events == twice.events
    assert once.cursor == twice.cursor


def test_the_total_is_known_from_the_first_page_on_and_stays(shop):
    found = pages(shop)
    (total,) = {page.total for page in found}

    # guests without an address, or without an order, are nobody
    assert 0 < total - len(events(shop)) < 10


def test_guests_come_from_the_orders_where_analytics_is_closed(shop):
    shop.tell("settings", {"forbidden": ["reports"]})
    found = pages(shop)
    guests = {one.record["email"] for page in found for one in page.events if not one.customer_id}

    assert guests
    assert any("Analytics" in note for note in notes(found))


def test_a_pulled_customer_is_the_one_that_the_webhook_brings(shop):
    shop.tell("settings", {"webhooks": True})
    with receiver() as (address, posted):
        connector(shop).ensure_webhooks(address, access(shop))
        made = shop.tell("customers", {"email": "new@example.com", "first_name": "Neu", "billing": {"country": "DE"}})
        shop.tell("deliver", {})
        hook = next(one for one in posted if one[0].get("x-wc-webhook-topic") == "customer.created")
    now = datetime.now(UTC) + timedelta(seconds=5)
    inbound = Inbound("tea", hook[0], hook[1], now)
    connector(shop).verify(inbound, ("live1",))
    heard = connector(shop).parse(inbound)[0]
    read = connector(shop).fetch("customers", [str(made["id"])], access(shop))[0]

    assert (read.record, read.consents, read.occurred_at) == (heard.record, heard.consents, heard.occurred_at)


# incremental


def test_an_incremental_pull_brings_new_accounts_buyers_and_guests_and_nobody_else(shop):
    since = datetime.now(UTC)
    shop.tell("clock", {"offset_s": 600})
    new = shop.tell("customers", {"email": "new@example.com"})
    buyer = accounts(shop)[5]
    shop.tell("orders", {"customer_id": int(buyer.customer_id), "status": "processing"})
    shop.tell("orders", {"customer_id": 0, "status": "processing", "billing": {"email": "guest@example.com"}})
    found = [one for one in events(shop, since) if isinstance(one, Event)]

    assert {one.customer_id for one in found if "email" in one.record and one.customer_id} == {
        str(new["id"]),
        buyer.customer_id,
    }
    assert {one.record["email"] for one in found if not one.customer_id} == {"guest@example.com"}
    assert any(one.customer_id == buyer.customer_id and "totalOrders" in one.record for one in found)


def test_nothing_new_costs_three_pages_and_brings_nobody(shop):
    assert events(shop, datetime.now(UTC)) == []
    assert len(pages(shop, datetime.now(UTC))) == 3


def test_an_old_shop_that_ignores_the_filter_is_noticed(shop):
    shop.tell("settings", {"ignores_modified": True})
    since = datetime.now(UTC)
    shop.tell("clock", {"offset_s": 600})
    shop.tell("orders", {"customer_id": 0, "status": "processing", "billing": {"email": "guest@example.com"}})
    found = pages(shop, since)

    assert [one.record["email"] for page in found for one in page.events if "totalOrders" not in one.record] == [
        "guest@example.com"
    ]
    assert any("modified_after" in note for note in notes(found))
    assert len(found) < 8


# keys


@pytest.mark.parametrize(
    ("switches", "options", "used"),
    [
        ({}, {}, "oauth1"),
        ({"behind_tls": True}, {"auth": "basic"}, "basic"),
        ({"behind_tls": True}, {"auth": "query"}, "query"),
        ({"behind_tls": True, "strip_authorization": True}, {"auth": "basic"}, "query"),
        ({}, {"auth": "basic"}, "oauth1"),
        ({"pretty_permalinks": False, "behind_tls": True}, {"auth": "basic"}, "basic"),
    ],
)
def test_whatever_the_shop_wants_is_found_out_and_remembered(shop, switches, options, used):
    shop.tell("settings", switches)
    vault = Vault()
    found = connector(shop, **options).fetch("customers", ["11"], access(shop, vault))
    shop.tell("calls", method="DELETE")
    again = connector(shop, **options).fetch("customers", ["11"], access(shop, vault))
    log = shop.tell("calls?limit=10", method="GET")["calls"]

    assert [one.record_id for one in found] == [one.record_id for one in again] == ["11"]
    assert len(log) == 1
    assert used in json.dumps(log)


@pytest.mark.parametrize("behind_tls", [True, False])
@pytest.mark.parametrize("wrong", ["consumer_key", "consumer_secret"])
def test_wrong_keys_are_a_fault_of_the_settings(shop, behind_tls, wrong):
    shop.tell("settings", {"behind_tls": behind_tls})

    with pytest.raises(ConfigError) as fault:
        connector(shop, **{wrong: "cs_wrong"}, auth="basic").fetch("customers", ["11"], access(shop))
    assert "cs_" not in str(fault.value)


# faults


@pytest.mark.parametrize(
    ("kind", "error"),
    [("html", TryLater), ("firewall", TryLater), ("storm", TryLater), ("junk", TryLater), ("cut", TryLater)],
)
def test_a_page_that_is_none_is_tried_again(shop, kind, error):
    first = connector(shop).pull(Want("customers"), access(shop))
    shop.tell("faults", {"kind": kind})

    with pytest.raises(error):
        connector(shop).pull(Want("customers", first.cursor), access(shop))
    assert connector(shop).pull(Want("customers", first.cursor), access(shop)).events


def test_a_page_that_comes_twice_is_tried_again_and_short_ones_are_taken(shop):
    first = connector(shop).pull(Want("customers"), access(shop))
    shop.tell("faults", {"kind": "repeat_page", "path": "/wc/v3/customers"})

    with pytest.raises(TryLater, match="twice"):
        connector(shop).pull(Want("customers", first.cursor), access(shop))
    shop.tell("faults", {"kind": "empty_page", "path": "/wc/v3/customers", "page": 2})
    assert len({one.customer_id for one in events(shop) if "email" in one.record and one.customer_id}) == 150


# webhooks, doctor, connection


@contextmanager
def receiver():
    """A receiver of webhooks on the loopback; yields its address and what was posted."""
    posted = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            posted.append(({name.lower(): value for name, value in self.headers.items()}, body, self.path))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/webhooks/tea", posted
        finally:
            server.shutdown()
            thread.join()


def test_webhooks_are_made_kept_and_switched_on_again(shop):
    vault = Vault()
    with receiver() as (address, _):
        made = connector(shop).ensure_webhooks(address, access(shop, vault))
        kept = connector(shop).ensure_webhooks(address, access(shop, vault))
        number = shop.tell("state", method="GET")["webhooks"][0]["id"]
        Client(connector(shop).settings, access(shop)).call("PUT", f"{WEBHOOKS}/{number}", body={"status": "paused"})
        repaired = connector(shop).ensure_webhooks(address, access(shop, vault))

    assert set(made.created) == set(kept.kept) == set(WooCommerceConnector.topics)
    assert list(repaired.repaired.values()) == ["it was paused"]
    assert made.was_deaf
    assert repaired.was_deaf
    assert not kept.was_deaf


def test_a_key_that_may_only_read_says_so(shop):
    key = shop.tell("keys", {"permissions": "read"})
    reader = connector(shop, consumer_key=key["key"], consumer_secret=key["secret"])
    found = {one.name: one for one in reader.check(access(shop))}

    assert found["permissions"].verdict == "warn"
    assert "Read/Write" in found["permissions"].fix
    with receiver() as (address, _):
        assert set(reader.ensure_webhooks(address, access(shop)).failed) == set(WooCommerceConnector.topics)


def test_the_doctor_finds_a_shop_in_order(shop):
    with receiver() as (address, _):
        vault = Vault()
        connector(shop).ensure_webhooks(address, access(shop, vault))
        found = connector(shop).check(access(shop, vault))

    assert [(one.name, one.verdict) for one in found if one.verdict != "ok"] == []


def test_the_owner_connects_the_shop_in_a_browser(shop):
    shop.tell("settings", {"https_callbacks": False})
    vault = Vault()
    blank = {"consumer_key": None, "consumer_secret": None}
    with receiver() as (address, posted):
        invitation = Invitation(STATE, address, address.replace("webhooks", "connected"))
        answer = shop.http.send("GET", connector(shop, **blank).invite(invitation), headers={})
    said = connector(shop, **blank).accept(Callback({}, posted[0][1], 0), invitation, access(shop, vault))
    found = connector(shop, **blank).fetch("customers", ["11"], access(shop, vault))

    assert answer.status in {200, 302}
    assert "Connected" in said
    assert [one.record_id for one in found] == ["11"]
