"""One person brought up to date: read again at the sources, and compared with Brevo."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from connectors.api.connector import ApiConnector
from customer_sync.assembly import brevo_of, open_line, skills_of
from customer_sync.config import BrevoSettings, Settings, SkillSettings
from customer_sync.errors import ConfigError, PayloadError, TryLater, Unavailable
from customer_sync.kit.connector import SourceSettings
from customer_sync.model import Event, Inbound, Kind
from customer_sync.operate.refresh import OVER, Asked, InBrevo, Patience, Refresher, person_now
from customer_sync.pipeline import accept, deliver, process_inbox
from customer_sync.skills.found import definitions
from customer_sync.store.counters import Tally
from tests.sandbox_server import sandbox_server

ANN = "ann@example.com"
ALL = {name: SkillSettings(name, one.is_on) for name, one in definitions().items()}


@pytest.fixture(scope="module")
def sandbox():
    with sandbox_server("--plan", "none") as running:
        yield running


class Askable(ApiConnector):
    """A platform that can be asked for single customers; a test says what it answers."""

    title = "Askable"
    fetches = ("customers",)
    answer: object = ()

    def fetch(self, resource, ids, access):
        if isinstance(self.answer, Exception):
            raise self.answer
        return [one for one in self.answer if not isinstance(one, Event) or one.record_id in ids]


class Scene:
    """One installation over a sandbox, with the hands of a worker."""

    def __init__(self, client, sandbox):
        sandbox.reset()
        self.sandbox = sandbox
        built_in = {name: SourceSettings(name, "api", ("s",)) for name in ("shop", "crm")}
        self.settings = Settings(sources=built_in, skills=ALL, brevo=BrevoSettings("k", sandbox.url))
        self.line = open_line(self.settings, client, lambda _: None)
        self.shop = Askable(built_in["shop"])
        self.line.connectors = {**self.line.connectors, "shop": self.shop}
        self.has_access = True

    def tell(self, source="shop", **data):
        body = {"event": "customer_updated", "data": {"id": "1", "email": ANN, **data}}
        accept(self.line, Inbound(source, {}, json.dumps(body).encode(), datetime.now(UTC) - timedelta(minutes=5)))
        self.work()

    def work(self):
        while process_inbox(self.line):
            pass
        while deliver(self.line, "contacts").did_work:
            pass

    @property
    def number(self):
        return self.line.store.people.find(ANN)

    def refresher(self, *, has_brevo=True):
        store = self.line.store
        brevo = brevo_of(self.settings, store, Tally()) if has_brevo else None
        return Refresher(
            store,
            self.line.connectors,
            lambda _: object() if self.has_access else None,
            skills_of(self.settings),
            self.line.rules,
            brevo,
            self.line.clock,
        )

    def contact(self):
        return self.sandbox.contacts()[ANN]


@pytest.fixture
def scene(client, sandbox):
    return Scene(client, sandbox)


def customer(**record):
    now = datetime.now(UTC)
    return Event(f"e{now}", "shop", Kind.CUSTOMER_UPDATED, now, "1", "1", {"id": "1", "email": ANN, **record})


def test_what_a_source_says_now_reaches_brevo(scene):
    scene.tell(firstName="Ann")
    scene.shop.answer = [customer(firstName="Anna")]

    asked = scene.refresher().sources(scene.number)
    scene.work()

    assert asked == [Asked("shop", "1", "read")]
    assert scene.contact()["attributes"]["FIRSTNAME"] == "Anna"


def test_who_is_not_at_the_source_any_more_counts_as_deleted(scene):
    scene.tell(firstName="Ann")

    asked = scene.refresher().sources(scene.number)
    scene.work()

    assert asked == [Asked("shop", "1", "gone")]
    assert [one.is_deleted for one in person_now(scene.line.store, scene.number).records.values()] == [True]
    assert scene.contact()["emailBlacklisted"]


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (ConfigError("The key is wrong.", "Give another."), "The key is wrong. Give another."),
        (Unavailable("No answer."), "No answer."),
        (TryLater("Slower."), "Slower."),
        ([PayloadError("customer.email", "expected a text")], "customer.email: expected a text"),
    ],
)
def test_a_source_that_cannot_tell_says_why_and_nobody_counts_as_deleted(scene, answer, why):
    scene.tell(firstName="Ann")
    scene.shop.answer = answer

    asked = scene.refresher().sources(scene.number)

    assert asked == [Asked("shop", "1", "failed", why)]
    assert not any(one.is_deleted for one in person_now(scene.line.store, scene.number).records.values())


def test_sources_that_cannot_be_asked_are_named_with_the_reason(scene):
    scene.tell(firstName="Ann")
    scene.tell("crm", id="7")
    scene.tell(id=None)
    scene.has_access = False

    asked = {(one.source, one.id): one.why for one in scene.refresher().sources(scene.number)}

    assert asked == {
        ("shop", "1"): "It is not connected.",
        ("crm", "7"): "Tajo API cannot be asked for one record.",
        ("shop", None): "It was told without an id of its own, so nobody can ask for it.",
    }


def test_what_was_changed_in_brevo_is_found_and_mended(scene):
    scene.tell(firstName="Ann")
    assert scene.refresher().brevo_side(scene.number) == InBrevo("equal")
    scene.sandbox.call("PUT", f"/v3/contacts/{ANN}", {"attributes": {"FIRSTNAME": "Else"}})

    found = scene.refresher().brevo_side(scene.number)
    scene.work()

    assert found == InBrevo("differs", ("FIRSTNAME",))
    assert scene.contact()["attributes"]["FIRSTNAME"] == "Ann"


def test_who_left_in_brevo_is_remembered_and_not_mended(scene):
    scene.tell(firstName="Ann", acceptsMarketing=True)
    scene.sandbox.call("PUT", f"/v3/contacts/{ANN}", {"emailBlacklisted": True})

    found = scene.refresher().brevo_side(scene.number)
    scene.work()

    assert found.result == "differs"
    assert "consent.email.withdrawn" in found.fields
    assert scene.contact()["emailBlacklisted"]
    assert not scene.sandbox.mailable()


def test_a_contact_that_was_deleted_in_brevo_is_told(scene):
    scene.tell(firstName="Ann")
    scene.sandbox.call("DELETE", f"/v3/contacts/{ANN}")

    assert scene.refresher().brevo_side(scene.number) == InBrevo("absent", why="The contact was deleted in Brevo.")


def test_changes_that_wait_come_first_and_without_an_account_nobody_is_asked(scene):
    scene.tell(firstName="Ann")

    assert scene.refresher(has_brevo=False).brevo_side(scene.number).result == "not_asked"
    scene.shop.answer = [customer(firstName="Anna")]
    scene.refresher().sources(scene.number)
    assert scene.refresher().brevo_side(scene.number) == InBrevo("waits")


def test_when_the_time_is_up_no_other_source_is_asked(scene):
    scene.tell(firstName="Ann")
    scene.shop.answer = AssertionError("asked")
    refresher = replace(scene.refresher(), patience=Patience(0.0))

    assert refresher.sources(scene.number) == [Asked("shop", "1", "not_asked", OVER)]


def test_no_wait_for_brevo_is_longer_than_there_is_time():
    slept = []
    patience = Patience(20.0, lambda: 0.0, slept.append)

    patience.sleep(20.0)
    with pytest.raises(Unavailable, match="ask again in a while"):
        patience.sleep(20.5)

    assert slept == [20.0]
