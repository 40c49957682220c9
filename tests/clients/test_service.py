"""Both clients and the running service: what is sent arrives in Brevo, and every call gives what its type says."""

from __future__ import annotations

import json
import re
import secrets
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from customer_sync import __version__
from customer_sync.web.api.document import document
from customer_sync.web.api.table import CALLS
from tajo import TajoClient, table
from tajo.calls import Call
from tests.clients.service import BREVO_KEY, KEY, READ_KEY

DOCUMENT = json.loads(document(CALLS))
TABLE = [one for one in vars(table).values() if isinstance(one, Call)] + [*table.MOVES.values()]


@pytest.fixture
def call(hands, service):
    """Make a call of the running service."""

    def made(name, *places, more=None, take=0, **options):
        given = {"api_key": KEY, "base_url": service.url, **options}
        return hands.call(name, *places, options=given, more=more, take=take)

    return made


@pytest.fixture
def ann():
    return f"ann.{secrets.token_hex(4)}@mail.example"


def created(email, **data):
    return {"event": "customer_created", "data": {"email": email, **data}}


# the calls of the client are those of the service


def test_every_call_of_the_client_is_one_of_the_service():
    there = sorted((row.verb, re.sub(r"{\w+}", "{}", row.template)) for row in CALLS)

    assert sorted((one.method, one.path) for one in TABLE) == there


@pytest.mark.parametrize("one", TABLE, ids=lambda one: f"{one.method} {one.path}")
def test_what_a_call_gives_is_named_as_in_the_document(one):
    (path,) = [row.template for row in CALLS if row.verb == one.method and _like(row.template, one.path)]
    answers = DOCUMENT["paths"][f"/api/v1{path}"][one.method.lower()]["responses"]
    (answer,) = [answer for status, answer in answers.items() if status.startswith("2")]
    name = answer["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
    items = DOCUMENT["components"]["schemas"][name]["properties"].get("items", {}).get("items", {})
    whole = DOCUMENT["components"]["schemas"][name]["properties"]

    assert one.gives.__name__ == (items["$ref"].rpartition("/")[2] if "next_cursor" in whole else name)


def _like(template: str, path: str) -> bool:
    one, other = template.split("/"), path.split("/")
    return len(one) == len(other) and all(b in (a, "{}") for a, b in zip(one, other, strict=True))


# what is sent arrives


def test_an_event_arrives_in_brevo_and_its_end_is_told(call, service, ann):
    sent = call("events.send", created(ann, firstName="Ann"))
    service.work()

    assert sent.value["accepted"] == 1
    assert service.attributes(ann)["FIRSTNAME"] == "Ann"
    told = call("events.get", sent.value["ids"][0]).value
    assert told["state"] == "delivered"
    assert call("contacts.explain", ann).value["address"] == ann


def test_many_events_are_one_call(call, service, ann):
    people = [f"{number}.{ann}" for number in range(5)]
    sent = call("events.send", [created(one) for one in people])
    service.work()

    assert sent.value["accepted"] == 5
    assert set(people) <= set(service.sandbox.contacts())
    assert len({one["id"] for one in call("events.list", more={"source": "api", "limit": 5}).value}) == 5


def test_the_same_event_twice_is_one(call, service, ann):
    body = {**created(ann), "id": f"e-{ann}"}
    one, two = call("events.send", body), call("events.send", body)
    service.work()

    assert one.value["ids"] == two.value["ids"]
    assert len([row for row in call("events.list", more={"person": ann}).value if row["state"] == "delivered"]) == 1


def test_all_faults_of_all_events_come_back_and_none_is_taken(call, service, ann):
    found = call("events.send", [created(ann), {"event": "order_exploded", "data": {}}, {"data": 5}])
    service.work()

    assert found.fault.name == "Refused"
    assert found.fault.status == 422
    paths = {one["path"].partition("]")[0] + "]" for one in found.fault.errors}
    assert paths == {"events[1]", "events[2]"}
    assert "choices" in next(one for one in found.fault.errors if one["path"] == "events[1].event")
    assert ann not in service.sandbox.contacts()


def test_a_skill_is_switched_off_and_on_and_set_back(call, ann):
    off = call("skills.disable", "customer-sync").value
    refused = call("skills.trigger", "customer-sync", created(ann)).fault
    on = call("skills.enable", "customer-sync", {"options": {"listId": 7}}).value
    back = call("skills.reset", "customer-sync").value

    assert (off["enabled"], off["set_by"]) == (False, "api")
    assert (refused.name, refused.status) == ("Conflict", 409)
    assert on["enabled"]
    assert on["config"]["options"] == {"list_ids": [7]}
    assert (back["enabled"], back["set_by"]) == (True, "file")
    assert "customer-sync" in [one["name"] for one in call("skills.list").value]
    assert call("skills.get", "customer-sync").value["name"] == "customer-sync"


def test_a_config_with_faults_changes_nothing_and_names_them_all(call):
    found = call("skills.enable", "customer-sync", {"sourc": "x", "options": {"list_id": "five", "sync_mode": "now"}})

    assert found.fault.name == "Refused"
    assert {"options.list_id", "options.sync_mode"} <= {one["path"] for one in found.fault.errors}
    assert len(found.fault.errors) >= 3


def test_a_person_is_erased_here_and_in_brevo(call, service, ann):
    call("events.send", created(ann))
    service.work()
    assert call("contacts.erase", ann).fault is None
    service.work()

    assert ann not in service.sandbox.contacts()
    assert ann not in str(call("events.list", more={"limit": 20}).value)


def test_sources_platforms_and_figures_are_told(call):
    names = {one["name"] for one in call("connectors.list").value}

    assert {"shopify", "woocommerce", "api"} <= names
    assert call("connectors.get", "shopify").value["platform"] == "shopify"
    assert "shopify" in {one["platform"] for one in call("connectors.platforms").value}
    assert call("status").value["brevo"] == "account"
    assert call("runs.list").value == []
    assert call("receipts.list").value == []
    assert isinstance(call("alerts").value, list)


# what is refused


def test_a_wrong_key_is_told_without_a_hint(call):
    found = call("status", api_key="a-key-that-nobody-has-0123456789").fault

    assert (found.name, found.status) == ("KeyRefused", 401)
    assert "a-key-that-nobody-has" not in found.text


def test_a_key_that_may_read_reads_and_does_not_write(call):
    found = call("skills.disable", "customer-sync", api_key=READ_KEY).fault

    assert call("status", api_key=READ_KEY).fault is None
    assert (found.name, found.status) == ("RoleRefused", 403)
    assert "grafana" in found.text
    assert "operate" in found.text


def test_the_brevo_account_is_checked_without_sending_its_key(call):
    assert call("status", brevo_api_key=BREVO_KEY).fault is None
    found = call("status", brevo_api_key="xkeysib-of-somebody-else").fault

    assert (found.name, found.status) == ("Conflict", 409)
    assert "another Brevo account" in found.text


def test_what_is_not_there_is_told(call):
    assert call("runs.get", 4711).fault.name == "NotFound"
    assert call("parked.get", "p0").fault.name == "NotFound"
    assert call("connectors.sync", "nobody").fault.name in {"NotFound", "Refused"}
    assert call("runs.pause", 4711).fault.name == "NotFound"


def test_a_wrong_filter_is_told_with_what_is_allowed(call):
    found = call("events.list", more={"state": "lost"}).fault

    assert (found.name, found.status) == ("Refused", 400)
    assert "delivered" in found.errors[0]["choices"]


# the types are true


@pytest.mark.parametrize(
    ("name", "places", "schema"),
    [("status", (), "Status"), ("skills.list", (), "Skill"), ("connectors.list", (), "Source")],
)
def test_what_comes_is_what_the_type_says(service, name, places, schema):
    with TajoClient(KEY, base_url=service.url) as client:
        found: Any = client
        for word in name.split("."):
            found = getattr(found, word)
        value = found(*places)

    rows = value if isinstance(value, list) else [value]
    for row in rows:
        whole = {"$ref": f"#/components/schemas/{schema}", "components": DOCUMENT["components"]}
        Draft202012Validator(whole).validate(row)


def test_the_versions_of_the_clients_are_that_of_the_service(service):
    from pathlib import Path

    import tajo

    root = Path(tajo.__file__).parents[1]
    packages = [json.loads((root / f"clients/js/{name}/package.json").read_text()) for name in ("sdk", "connector-sdk")]
    assert {tajo.__version__, *(one["version"] for one in packages)} == {__version__}
