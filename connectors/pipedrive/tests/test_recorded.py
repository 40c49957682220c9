"""Runs over what Pipedrive published and others recorded, where it lies beside the repository."""

from __future__ import annotations

import json

import pytest

from connectors.pipedrive.deals import read as read_deal
from connectors.pipedrive.fake import rows as made
from connectors.pipedrive.fake.app import FakePipedrive
from connectors.pipedrive.fake.settings import Settings
from connectors.pipedrive.persons import outline_of
from connectors.pipedrive.tests.test_pipedrive import NOW, read
from customer_sync.kit.fakes.cast import Cast
from customer_sync.kit.fields import Node
from customer_sync.model import Event, Inbound
from tests.contract.cases import REPO, assert_sound, connector_of, outcome

PAYLOADS = REPO.parent / "shared" / "payloads" / "pipedrive"
WEBHOOKS = sorted(PAYLOADS.glob("webhook.*.json"))
#: What a record of an answer of 2025 has, and ours need not: pictures, other calendars.
UNUSED = {"local_won_date", "local_lost_date", "local_close_date", "acv", "arr", "mrr", "org_id"}
pytestmark = pytest.mark.skipif(not PAYLOADS.is_dir(), reason="the recorded payloads are not beside the repository")


def sample(name):
    return json.loads((PAYLOADS / name).read_text(encoding="utf-8-sig"))


@pytest.mark.parametrize("options", [{}, {"api_token": "t"}], ids=["without a key", "with one"])
@pytest.mark.parametrize("path", WEBHOOKS, ids=lambda path: path.name)
def test_a_recorded_webhook_is_understood(path, options):
    inbound = Inbound("pipedrive", {}, path.read_bytes(), NOW)
    connector = connector_of("pipedrive", options)
    found = outcome(connector, inbound)

    assert_sound(inbound, found)
    assert all(isinstance(one, Event) and one.topic in connector.topics for one in found)
    assert len(found) == 1
    assert found[0].record_id
    assert type(connector).recognises(inbound)


@pytest.mark.parametrize("path", WEBHOOKS, ids=lambda path: path.name)
def test_a_recorded_webhook_leaves_nothing_out(path):
    for event in connector_of("pipedrive").parse(Inbound("pipedrive", {}, path.read_bytes(), NOW)):
        assert event.notes == ()


def test_published_answers_are_read():
    person = sample("api.v2.persons.list.openapi.json")["data"][0]
    deal = Node(sample("api.v2.deals.list.openapi.json")["data"][0])
    event = read(person)

    assert (event.record["email"], event.record["city"], event.notes) == ("email1@email.com", "Sunnyvale", ())
    assert read_deal(deal, outline_of(deal, "crm", NOW, "deal")).record["state"] == "draft"


@pytest.mark.parametrize(
    ("name", "row"),
    [
        ("api.v2.persons.list.openapi.json", made.person(Cast(1), 1, 5, made.FIRST_S)),
        ("api.v2.deals.list.openapi.json", made.deal(1, 5, made.FIRST_S)),
        ("api.v1.leads.list.openapi.json", made.lead(1, 5, made.FIRST_S)),
        ("api.v2.organizations.list.openapi.json", made.organization(1)),
    ],
)
def test_records_of_the_stand_in_have_what_the_published_ones_have(name, row):
    published = sample(name)["data"][0]

    assert set(published) - set(row) <= UNUSED
    for key, value in row.items():
        if value is not None and published.get(key) is not None and key not in UNUSED:
            assert type(value) is type(published[key]), key


def test_webhooks_of_the_stand_in_have_the_shape_of_the_published_ones():
    fake = FakePipedrive(Settings())
    for version in ("1.0", "2.0"):
        hook = {"subscription_url": "http://127.0.0.1:9/", "event_action": "*", "event_object": "*", "version": version}
        fake.hooks.add(hook)
    fake.company.create("person", {"name": "Ann"})
    fake.company.change("person", 1, {"name": "Ann"})
    fake.company.delete("person", 1)
    bodies = [json.loads(one.write().body) for one in fake.hooks.sender.waiting]
    for body, action in zip(bodies[1::2], ("create", "change", "delete"), strict=True):
        published = sample(f"webhook.v2.person.{action}.docs.json")
        assert set(body) == set(published)
        assert set(published["meta"]) == set(body["meta"])
        for part in ("data", "previous"):
            assert (body[part] is None) == (published[part] is None)
    published = sample("webhook.v1.person-update-import.recorded.json")
    assert set(bodies[2]) <= set(published)
    assert set(bodies[2]["meta"]) - {"attempt"} <= set(published["meta"])


def test_a_webhook_that_is_made_is_answered_as_published():
    fake = FakePipedrive(Settings())
    made_hook = fake.hooks.add({"subscription_url": "http://x", "event_action": "*", "event_object": "*"})

    assert set(sample("api.v1.webhooks.create.openapi.json")["data"]) == set(made_hook)


def test_a_token_is_answered_as_published():
    fake = FakePipedrive(Settings())
    caller = fake.app.test_client()
    back = caller.get("/oauth/authorize?client_id=pipedrive-client&redirect_uri=http://127.0.0.1:9/").headers[
        "Location"
    ]
    form = {"grant_type": "authorization_code", "code": back.partition("code=")[2].partition("&")[0]}
    answer = caller.post("/oauth/token", data=form, auth=("pipedrive-client", "pipedrive-secret"))

    assert set(answer.json) == set(sample("oauth.token.openapi.json"))
