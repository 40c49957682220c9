"""A whole Shopify store behind HTTP, pulled page by page: everybody, what changed, whatever goes wrong on the way."""

from __future__ import annotations

import json
import time
from contextlib import contextmanager
from datetime import timedelta
from urllib.parse import parse_qsl, urlsplit

import pytest

from connectors.shopify import bulk
from connectors.shopify.connector import ShopifyConnector
from customer_sync.errors import ConfigError, TryLater, Unavailable
from customer_sync.kit.connector import SourceSettings, parse_time
from customer_sync.kit.outbound import HttpClient
from customer_sync.kit.reach import Access, Callback, Invitation, Want
from tests.stores.servers import store_server

CUSTOMERS = 3_000
ADDRESS = "http://127.0.0.1:9/webhooks/lamps"
KEYS = {"shop_url": "demo.myshopify.com", "api_key": "demo-client-id", "api_secret": "demo-client-secret"}
OPTIONS = ("--bucket", "100000", "--restore", "100000", "--bulk-seconds", "0.05", "--schema", "none")


class MemoryVault:
    def __init__(self):
        self.kept = {}

    def load(self):
        return dict(self.kept)

    def save(self, values):
        self.kept = dict(values)

    @contextmanager
    def locked(self):
        yield


class Store:
    """A running stand-in and the source that reads it."""

    def __init__(self, shop):
        self.shop = shop
        self.http = HttpClient()
        self.use(KEYS)

    def use(self, options):
        """Read with these settings from now on, from an empty vault."""
        self.connector = ShopifyConnector(
            SourceSettings("lamps", "shopify", ("demo-client-secret",), options, self.shop.address)
        )
        self.access = Access(self.http, MemoryVault())

    def state(self, name):
        return self.shop.get("/fake/state")[name]

    def everybody(self):
        return {
            row["id"].rpartition("/")[2]: row
            for row in map(
                json.loads, self.shop.http.request("GET", self.shop.address + "/fake/customers.jsonl").data.splitlines()
            )
        }

    def pull(self, since=None, tries=12):
        """Return the pages of a pull as the engine does it: the same cursor again after a failure."""
        pages, cursor = [], None
        while True:
            try:
                page = self.connector.pull(Want("customers", cursor, since), self.access)
            except (TryLater, Unavailable):
                tries -= 1
                if not tries:
                    raise
                continue
            pages.append(page)
            if page.cursor is None:
                return pages
            cursor = json.loads(json.dumps(page.cursor))
            time.sleep(min(page.wait_s, 0.05))


@pytest.fixture(scope="module")
def running():
    with store_server("shopify", "--customers", str(CUSTOMERS), *OPTIONS) as shop:
        yield Store(shop)


@pytest.fixture
def store(running):
    running.shop.post("/fake/reset")
    running.use(KEYS)
    return running


def ids(pages):
    return [event.record_id for page in pages for event in page.events]


def notes(pages):
    return " ".join(note for page in pages for note in page.notes)


def changed(store, count=40):
    """Change customers, and return their ids and the time from which on they are wanted."""
    found = store.shop.post("/fake/customers/change", {"count": count, "at": "2026-11-20T10:00:00Z"})["ids"]
    return sorted(found), parse_time("2026-11-20T10:00:00Z", "at")


def test_everybody_comes_once_out_of_a_bulk_operation(store, monkeypatch):
    monkeypatch.setattr(bulk, "PIECE_BYTES", 300_000)
    rows = store.everybody()
    pages = store.pull()
    events = {event.record_id: event for page in pages for event in page.events}

    assert len(ids(pages)) == len(events) == CUSTOMERS
    assert {page.total for page in pages if page.events} == {CUSTOMERS}
    assert sum(bool(page.events) for page in pages) > 3
    for number, row in rows.items():
        record = events[number].record
        assert (record["email"], record["firstName"], record["updatedAt"]) == (
            row["email"],
            row["firstName"],
            row["updatedAt"],
        )
        assert len(events[number].consents) == (row["email"] is not None) + (row["phone"] is not None)


def test_what_changed_comes_and_nothing_else(store):
    wanted, since = changed(store)

    assert sorted(ids(store.pull(since))) == wanted
    assert ids(store.pull(since + timedelta(seconds=1))) == []


def test_a_pull_and_a_fetch_tell_the_same(store):
    wanted, since = changed(store, 9)
    pulled = {event.record_id: event for page in store.pull(since) for event in page.events}
    fetched = store.connector.fetch("customers", [*wanted, "5"], store.access)

    assert sorted(event.record_id for event in fetched) == wanted
    assert all(dict(event.record).items() <= dict(pulled[event.record_id].record).items() for event in fetched)


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "throttle"},
        {"kind": "html"},
        {"kind": "error"},
        {"kind": "broken"},
        {"kind": "lost"},
        {"kind": "unauthorized"},
        {"kind": "status", "status": 429},
        {"kind": "status", "status": 503},
        {"kind": "repeat_page", "skip": 2},
        {"kind": "empty_page", "skip": 2},
        {"kind": "shrink_page", "skip": 1},
        {"kind": "lose_half", "skip": 1},
    ],
    ids=lambda fault: f"{fault['kind']}-{fault.get('status', '')}",
)
def test_nothing_is_lost_whatever_happens_to_a_page(store, fault):
    wanted, since = changed(store, 600)
    store.shop.post("/fake/faults", {"skip": 1, **fault})

    assert sorted(set(ids(store.pull(since)))) == wanted
    assert store.state("faults").get(fault["kind"]) == 1


def test_an_ignored_filter_is_noticed_and_only_what_is_wanted_is_read(store):
    wanted, since = changed(store, 30)
    store.shop.post("/fake/faults", {"kind": "ignore_filter", "count": None})
    before = store.state("calls")
    pages = store.pull(since)
    after = store.state("calls")

    assert sorted(ids(pages)) == wanted
    assert "ignored the filter" in notes(pages)
    assert after["customers"] - before.get("customers", 0) < 8


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "throttle"},
        {"kind": "broken", "skip": 2},
        {"kind": "lost", "operation": "bulkOperationRunQuery"},
        {"kind": "bulk_fails", "error": "INTERNAL_SERVER_ERROR"},
        {"kind": "ignore_range", "count": 3},
        {"kind": "torn", "size": 1000, "path": "/bulk/*"},
        {"kind": "gone"},
    ],
    ids=lambda fault: fault["kind"],
)
def test_everybody_comes_whatever_happens_to_the_bulk_operation_and_its_file(store, fault, monkeypatch):
    monkeypatch.setattr(bulk, "PIECE_BYTES", 500_000)
    store.shop.post("/fake/faults", fault)

    assert sorted(set(ids(store.pull()))) == sorted(store.everybody())
    assert store.state("faults").get(fault["kind"])


def test_a_started_operation_of_which_nobody_heard_is_taken_up(store):
    store.shop.post("/fake/faults", {"kind": "lost", "operation": "bulkOperationRunQuery"})
    store.shop.post("/fake/faults", {"kind": "bulk_stuck"})
    with pytest.raises((TryLater, Unavailable)):
        store.connector.pull(Want("customers"), store.access)

    page = store.connector.pull(Want("customers"), store.access)

    (only,) = store.state("bulk")
    assert page.cursor["operation"] == only["id"]


@pytest.mark.parametrize("mode", ["full", "changes"])
def test_two_processes_may_read_turn_by_turn(store, mode, monkeypatch):
    monkeypatch.setattr(bulk, "PIECE_BYTES", 500_000)
    wanted, since = changed(store, 300)
    found, cursor = [], None
    while True:
        store.use(KEYS)
        page = store.connector.pull(Want("customers", cursor, since if mode == "changes" else None), store.access)
        found += [event.record_id for event in page.events]
        if page.cursor is None:
            break
        cursor = json.loads(json.dumps(page.cursor))

    assert sorted(found) == (wanted if mode == "changes" else sorted(store.everybody()))


def test_webhooks_are_made_once_and_the_doctor_is_content(store):
    first = store.connector.ensure_webhooks(ADDRESS, store.access)
    second = store.connector.ensure_webhooks(ADDRESS, store.access)
    findings = {one.name: one for one in store.connector.check(store.access)}

    assert (first.failed, first.kept, second.created) == ({}, (), ())
    assert second.kept == first.created
    assert {one.verdict for one in findings.values()} == {"ok"}


def test_webhooks_that_lead_elsewhere_are_repaired(store):
    store.connector.ensure_webhooks(ADDRESS.replace(":9", ":7"), store.access)
    found = store.connector.ensure_webhooks(ADDRESS, store.access)

    assert found.was_deaf
    assert not found.created
    subscriptions = store.state("subscriptions")
    assert {one.partition(" ")[2] for one in subscriptions} == {ADDRESS}


def test_the_owners_consent_opens_the_store_and_is_renewed(store):
    invitation = Invitation("ab" * 16, "http://127.0.0.1:9/connect/lamps", "http://127.0.0.1:9/")
    back = store.shop.http.request("GET", store.connector.invite(invitation), redirect=False).headers["Location"]
    query = dict(parse_qsl(urlsplit(back).query))

    said = store.connector.accept(Callback(query, b"", time.time()), invitation, store.access)
    first = store.access.vault.load()
    assert store.connector.fetch("customers", ["5"], store.access) == []
    store.shop.post("/fake/tokens/expire", {})
    assert store.connector.fetch("customers", ["5"], store.access) == []

    assert "connected to demo.myshopify.com" in said
    assert store.access.vault.load()["refresh_token"] != first["refresh_token"]
    assert store.state("tokens") == {"authorization_code": 1, "refresh_token": 1}


def test_a_refusal_of_the_token_endpoint_is_told_by_name(store):
    store.shop.post("/fake/faults", {"kind": "oauth", "error": "shop_not_permitted"})

    with pytest.raises(ConfigError, match="shop_not_permitted"):
        store.connector.pull(Want("customers"), store.access)
