"""The web process in this one, over a real Redis, with its looks taken anew each time."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import redis
from flask import Flask
from flask.testing import FlaskClient

from customer_sync import __version__
from customer_sync.brevo.proof.doors import DOORS, mark_of
from customer_sync.config import Settings
from customer_sync.engine.plan import Planned, Request, commit
from customer_sync.kit.connector import SourceSettings
from customer_sync.model import Event, EventState, Inbound, Kind
from customer_sync.person.merge import stamp
from customer_sync.person.person import Part, Person
from customer_sync.store import Store, inbox, keys
from customer_sync.store.forms import encode_part
from customer_sync.store.ledger import event_row, outcome_row
from customer_sync.store.parked import Parked, encode, park_inbound
from customer_sync.store.receipts import Receipt
from customer_sync.store.run import RunKind
from customer_sync.web import create_app

ADDRESS = "amelie.durand@example.com"
AT = datetime(2026, 9, 1, 12, 0, tzinfo=UTC)

KEY = "the-key"

MakeApp = Callable[..., Flask]


def sources(*names: str) -> dict[str, SourceSettings]:
    return {name: SourceSettings(name, "shopify", ("secret",)) for name in names}


def with_key(app: Flask) -> FlaskClient:
    """Return a caller that shows the key with every request."""
    caller = app.test_client()
    caller.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {KEY}"
    return caller


@pytest.fixture
def make_app(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MakeApp:
    """Make the web process with these settings; two shops and `KEY` when nothing else is given. A worker is at work."""
    monkeypatch.setenv("TAJO_HOME", str(tmp_path))
    store.set_note("worker_seen", {"at": store.now_ms() / 1000})

    def make(**settings) -> Flask:
        app = create_app(Settings(**{"sources": sources("lumen", "tulip"), "api_key": KEY, **settings}))
        app.extensions["tajo"]._store = store
        app.extensions["tajo.watch"].max_age_s = 0.0
        return app

    return make


@pytest.fixture
def web(make_app: MakeApp) -> FlaskClient:
    """A caller that shows the key with every request."""
    return with_key(make_app())


@pytest.fixture
def without_redis(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take Redis away from every web process of the test."""

    def refuse(_: object) -> Store:
        raise redis.ConnectionError("refused")

    monkeypatch.setattr("customer_sync.web.services.Services.store", refuse)


def prove(store: Store, *, passed: Sequence[str] = DOORS, failed: str = "", **more: Any) -> None:
    """Keep the record of a proof of the account that the tests' settings name.

    Args:
        store: where it is kept.
        passed: the doors that it opened.
        failed: what was seen of the others; "" leaves them unclear.
        more: what else the record holds.
    """
    shut = {"verdict": "failed", "text": failed} if failed else {"verdict": "unclear", "text": "Nothing arrived."}
    settings = Settings(sources=sources("lumen", "tulip"), api_key=KEY)
    record = {
        "mark": mark_of(settings, store),
        "version": __version__,
        "proven_ms": store.now_ms(),
        "doors": {door: {"verdict": "passed", "text": "As before."} if door in passed else shut for door in DOORS},
        "riders": [["A", "me+tajo-ra-1f2e@example.com", True], ["B", "me+tajo-rb-1f2e@example.com", False]],
        "covers_left": False,
        **more,
    }
    store.proofs.open(record, passed)


class Seed:
    """Puts things into the store as the line would."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def event(self, number: int, state: EventState = EventState.DELIVERED, *, source: str = "lumen") -> str:
        event = Event(f"{source}:shop.example:{number}", source, Kind.CUSTOMER_UPDATED, AT, topic="customers/update")
        for _ in range(2 if state is EventState.REPEATED else 1):
            self._commit(events=[Planned([], f"{source}{number}", event_row(event))])
        if state not in {EventState.IGNORED, EventState.REPEATED}:
            row = outcome_row(state, str(number), [event.id], f"note of {number}")
            self.store.client.xadd("tajo:ledger", dict(zip(row[::2], row[1::2], strict=True)))
        return event.id

    def inbound(self, reason: str = "customer.email: not an address", *, source: str = "lumen") -> str:
        body = f'{{"email": "{ADDRESS}"}}'.encode()
        inbound = Inbound(source, {"x-topic": "customers/update"}, body, AT)
        parked = park_inbound(inbox.encode(inbound), source, reason, "Fix the sender, then replay.", 1_795_219_200_000)
        return self._park(parked)

    def item(self, reason: str = "Brevo refused SMS.") -> str:
        people = self.store.people
        fields = Part(people.ref("lumen", "7"), "lumen", "7", stamp({"FIRSTNAME": "Amélie"}, 1))
        self.store.client.set(keys.person("12"), people.encode(Person(ADDRESS)))
        text = json.dumps([encode_part(fields)])
        return self._park(
            Parked(
                "p" + secrets.token_hex(5), "item", "contacts", reason, "Compare the mapping.", text, "12", person="12"
            )
        )

    def _park(self, parked: Parked) -> str:
        row = ["e", parked.id, "s", parked.source, "k", "", "t", "", "n", parked.reason]
        self._commit(parked=[[parked.id, encode(parked), row]])
        return parked.id

    def _commit(self, events: Sequence[Planned] = (), parked: Sequence[Sequence[object]] = ()) -> None:
        commit(self.store, [Request("", events, parked)], lambda _: None)


@pytest.fixture
def seed(store: Store) -> Seed:
    return Seed(store)


@pytest.fixture
def full(seed: Seed) -> Seed:
    """Something of everything in the store."""
    store = seed.store
    for number in range(20):
        seed.event(number)
    seed.inbound()
    seed.item()
    store.runs.cancel(store.runs.start("lumen", RunKind.FULL))
    store.receipts.keep(Receipt(sources=("lumen",), started_ms=1_795_219_200_000, ended_ms=1_795_219_260_000))
    store.ledger.alert("Lane contacts waits.", "Wait.")
    return seed
