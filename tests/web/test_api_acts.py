"""The calls of the API that act: events told by programs, skills, contacts, connectors."""

from __future__ import annotations

import json
import random
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from connectors.api.connector import ApiConnector
from customer_sync.assembly import open_line
from customer_sync.brevo.contacts.contact_plan import Rules, view
from customer_sync.config import SkillSettings
from customer_sync.kit.connector import SourceSettings
from customer_sync.model import Inbound
from customer_sync.operate.refresh import person_now
from customer_sync.pipeline import process_inbox
from customer_sync.skills.found import definitions
from customer_sync.store import keys
from customer_sync.web.intake import Intake

from .calls import call
from .conftest import with_key

ANN = "ann@example.com"
NOW = datetime.now(UTC)
ALL = {name: SkillSettings(name, one.is_on) for name, one in definitions().items()}


@pytest.fixture
def app(make_app, redis_url, monkeypatch):
    monkeypatch.setenv("TAJO_REDIS_URL", redis_url)
    monkeypatch.setattr(Intake, "start", lambda _: None)
    monkeypatch.setattr(Intake, "wake", lambda *_: None)  # no worker is here, and no broker may be
    return make_app(skills=ALL)


@pytest.fixture
def web(app):
    return with_key(app)


@pytest.fixture
def read(store, app):
    """Read the inbox as a worker does, with the settings that the web process has."""

    def work():
        line = open_line(app.extensions["tajo"].settings, store.client, lambda _: None)
        while process_inbox(line):
            pass

    return work


def created(**data):
    return {"event": "customer_created", "data": {"id": "cust_1", "email": ANN, **data}}


def tell(web, body, status=202):
    return call(web, "post", "/api/v1/events", status, json=body)


def explain(web, address=ANN, status=200):
    return call(web, "get", "/api/v1/contacts/{address}", status, address=address)


def values(web, address=ANN):
    return {one["field"]: one["value"] for one in explain(web, address)["values"]}


# events


def test_the_bodies_of_the_documents_become_values_of_a_person(web, read):
    tell(web, {**created(firstName="Ann", lastName="Lee", acceptsMarketing=True), "timestamp": "2026-11-21T10:00:00Z"})
    changes = {"firstName": {"old": "Ann", "new": "Anna"}}
    tell(web, {"event": "customer_updated", "data": {"id": "cust_1", "email": ANN, "changes": changes}})
    tell(web, {"event": "customer_updated", "data": {"email": ANN, "last_name": "Lane"}})
    read()

    found = explain(web)
    assert values(web) == {"status": "active", "FIRSTNAME": "Anna", "LASTNAME": "Lane"}
    assert found["links"] == [{"source": "api", "id": "cust_1", "state": "living"}]
    assert found["consents"][0]["state"] == "granted"


def test_a_body_without_time_and_id_is_new_each_time_and_one_with_either_is_not(web, read, store):
    for name in ("Ann", "Bea", "Ann"):
        tell(web, created(firstName=name))
    ids = [tell(web, {**created(firstName="Cy"), "id": "once"})["ids"] for _ in range(2)]
    at = (NOW - timedelta(hours=1)).isoformat()
    ids += [tell(web, {**created(lastName="Old"), "timestamp": at})["ids"] for _ in range(2)]
    read()

    assert ids[0] == ids[1]
    assert "once" not in ids[0][0]
    assert ids[2] == ids[3]
    states = Counter(str(row.state) for row in store.ledger.events(20))
    assert states == {"pending": 5, "repeated": 2}
    assert values(web)["FIRSTNAME"] == "Cy"


def test_a_withdrawal_is_urgent_and_what_says_nothing_is_no_opt_in(web, read, store):
    tell(web, created(firstName="Ann"))
    read()
    assert explain(web)["consents"][0]["state"] == "unknown"

    tell(web, {"event": "customer_updated", "data": {"email": ANN, "accepts_marketing": False}})
    read()

    assert explain(web)["consents"][0]["state"] == "withdrawn"
    assert store.client.zcard(keys.queue("contacts", 0)) == 1


def test_a_deletion_by_the_address_alone_means_the_one_customer_who_has_it(web, read):
    tell(web, created())
    read()
    tell(web, {"event": "customer_deleted", "data": {"email": ANN}})
    read()

    assert explain(web)["links"] == [{"source": "api", "id": "cust_1", "state": "deleted"}]


def test_an_id_alone_is_enough_once_it_was_told_with_an_address_even_before_that_is_read(web, read):
    update = {"event": "customer_updated", "data": {"id": "cust_1", "firstName": "Ann"}}
    refused = tell(web, update, 422)
    assert refused["errors"] == [
        {"path": "data.email", "detail": "An address is needed: nobody is known by this id yet."}
    ]

    tell(web, created())
    tell(web, update)
    read()
    assert values(web)["FIRSTNAME"] == "Ann"
    assert (
        tell(web, {"events": [created(id="cust_2"), {**update, "data": {"id": "cust_2", "note": "x"}}]})["accepted"]
        == 2
    )


def test_all_faults_of_all_bodies_are_told_at_once_and_nothing_is_taken(web, store):
    bodies = [
        created(),
        {"event": "order_placed", "data": {"email": "nobody"}, "colour": 1},
        {"event": "customer_updated", "timestamp": "yesterday", "data": {"id": "c", "changes": {"firstName": "Ann"}}},
        {"data": {"email": ANN, "acceptsMarketing": "yes"}},
        "text",
    ]

    told = tell(web, {"events": bodies}, 422)

    assert {one["path"] for one in told["errors"]} == {
        "events[1].event",
        "events[1].colour",
        "events[1].data.email",
        "events[2].timestamp",
        "events[2].data.changes.firstName",
        "events[3].event",
        "events[3].data.acceptsMarketing",
        "events[4]",
    }
    (event,) = [one for one in told["errors"] if one["path"] == "events[1].event"]
    assert event["choices"] == ["customer_created", "customer_updated", "customer_deleted"]
    assert "nobody" not in json.dumps(told)
    assert store.client.xlen(keys.INBOX) == 0


@pytest.mark.parametrize(
    ("body", "paths"),
    [
        ({}, ["event", "data"]),
        ({"event": "customer_created"}, ["data"]),
        ({"event": "customer_created", "data": []}, ["data"]),
        ({"event": "customer_created", "data": {}}, ["data.email"]),
        ({"event": "customer_created", "data": {"email": "a@b@c"}}, ["data.email"]),
        ({"event": "customer_created", "data": {"email": 5}}, ["data.email"]),
        ({"event": "customer_deleted", "data": {"deletedAt": "x"}}, ["data.id"]),
        ({"event": "customer_deleted", "data": {"id": 1.5}}, ["data.id"]),
        ({"event": "customer_updated", "data": {"id": "1", "email": ANN, "changes": [1]}}, ["data.changes"]),
        ({"event": ["customer_created"], "data": {"email": ANN}}, ["event"]),
        ({**created(), "id": True}, ["id"]),
        ({**created(), "source": "shopify"}, ["source"]),
        ({**created(), "timestamp": 5}, ["timestamp"]),
        ({**created(acceptsMarketing=1)}, ["data.acceptsMarketing"]),
        ({**created(), "id": {}}, ["id"]),
        ({**created(first_name="A", firstName="B")}, ["data.firstName", "data.first_name"]),
        (
            {**created(acceptsMarketing=True, accepts_marketing=False)},
            ["data.acceptsMarketing", "data.accepts_marketing"],
        ),
        ({**created(consent={"email": {"state": "granted"}})}, ["data.consent.email.at"]),
        ({**created(consent={"email": {"state": "granted", "at": "2026-11-21T10:00:00"}})}, ["data.consent.email.at"]),
        ({**created(consent={"email": {"state": "yes"}})}, ["data.consent.email.state"]),
        ({**created(consent={"post": {}})}, ["data.consent.post"]),
        ({**created(consent={"email": {"status": 1}})}, ["data.consent.email.state", "data.consent.email.status"]),
        ({**created(changes={"consent": {"old": 1, "new": 2}})}, ["data.changes.consent"]),
        ({"events": [1, {**created(), "id": []}], "x": 1}, ["x", "events[0]", "events[1].id"]),
        ({"events": []}, ["events"]),
        ({"events": {}, "event": "customer_created"}, ["event", "events"]),
    ],
)
def test_a_bad_body_says_where_it_is_wrong(web, body, paths):
    assert [one["path"] for one in tell(web, body, 422)["errors"]] == paths


def test_what_cannot_be_read_beside_identity_and_consent_is_left_out_and_told(web):
    told = tell(web, created(totalOrders="many"))

    assert told["left_out"] == ["data.totalOrders: expected a number such as 19.99"]


def test_too_many_events_are_refused(web):
    told = tell(web, {"events": [created()] * 1001}, 422)

    assert told["errors"][0]["detail"] == "This is no list of 1 to 1,000 events."


def test_the_address_of_the_built_in_source_lets_no_webhook_in(app):
    answer = app.test_client().post("/webhooks/api", json=created())

    assert answer.status_code in {401, 404}


def test_events_go_to_the_spool_while_redis_refuses(web, app, monkeypatch):
    import redis as client  # the error of a Redis that is away

    def refuse(*_):
        raise client.ConnectionError

    intake = app.extensions["tajo"].intake
    monkeypatch.setattr(intake._inbox, "append", refuse)

    assert tell(web, created())["accepted"] == 1
    assert app.extensions["tajo"].spool.depth() == 1


def withdrawn(**data):
    return {"event": "customer_updated", "data": {"id": "cust_1", "email": ANN, "acceptsMarketing": False, **data}}


def acted(at, **data):
    act = {"state": "granted", "at": at.isoformat(), "method": "form"}
    return {"event": "customer_updated", "data": {"id": "cust_1", "email": ANN, "consent": {"email": act}, **data}}


def state(web, address=ANN):
    return explain(web, address)["consents"][0]["state"]


def test_a_box_lifts_nothing_whatever_it_said_before_and_an_act_with_its_time_does(web, read):
    tell(web, withdrawn())
    read()
    tell(web, created(acceptsMarketing=True))
    tell(web, {**created(acceptsMarketing=True), "timestamp": (NOW + timedelta(minutes=1)).isoformat()})
    read()
    assert state(web) == "withdrawn"

    tell(web, acted(NOW - timedelta(days=1)))
    read()
    assert state(web) == "withdrawn"

    tell(web, acted(datetime.now(UTC) + timedelta(minutes=1)))
    read()
    assert state(web) == "granted"


@pytest.mark.parametrize("at_once", [True, False])
def test_one_id_with_other_content_is_an_event_of_its_own(web, read, at_once):
    bodies = [{**one, "id": ANN} for one in (created(acceptsMarketing=True), withdrawn(), withdrawn())]
    calls = [{"events": bodies}] if at_once else bodies
    ids = [one for body in calls for one in tell(web, body)["ids"]]
    read()

    assert ids[0] != ids[1] == ids[2]
    assert not [one for one in ids if "ann" in one]
    assert state(web) == "withdrawn"


@pytest.mark.parametrize("changes", [False, True])
def test_of_two_spellings_in_a_webhook_the_stricter_counts(changes):
    boxes = {"acceptsMarketing": True, "accepts_marketing": False}
    told = {"changes": {name: {"old": None, "new": one} for name, one in boxes.items()}} if changes else boxes
    body = json.dumps({"event": "customer_updated", "data": {"email": ANN, **told}}).encode()

    (event,) = ApiConnector(SourceSettings("shop", "api")).parse(Inbound("shop", {}, body, NOW))

    assert "withdrawn" in [one.state for one in event.consents]


def test_of_one_call_the_last_body_wins(web, read):
    tell(web, {"events": [created(firstName=name) for name in ("Zoe", "Ann", "Mia", "Bea")]})
    read()
    assert values(web)["FIRSTNAME"] == "Bea"

    tell(web, {"events": [{"event": "customer_deleted", "data": {"id": "cust_1"}}, created(firstName="Cy")]})
    read()
    assert values(web) == {"status": "active", "FIRSTNAME": "Cy"}


@pytest.mark.parametrize("seed", range(6))
def test_nobody_who_withdrew_last_may_be_mailed_whatever_ids_and_calls(web, read, seed):
    pick = random.Random(seed)
    words = [created(acceptsMarketing=True), withdrawn(), created(firstName="Ann")]
    bodies = [{**pick.choice(words), "id": pick.choice(["a", "b", None])} for _ in range(pick.randint(1, 6))]
    bodies += [{**withdrawn(note=str(seed)), "id": "a"}, {**created(acceptsMarketing=True), "id": pick.choice("ab")}]
    while bodies:
        size = pick.randint(1, len(bodies))
        tell(web, {"events": bodies[:size]})
        bodies = bodies[size:]
    read()

    assert state(web) == "withdrawn"


def test_a_deletion_of_an_unknown_address_makes_no_customer(web, read, store):
    tell(web, {"event": "customer_deleted", "data": {"email": ANN}})
    read()

    number = store.people.find(ANN)
    assert view(person_now(store, number), Rules()).word == "deleted"


def test_an_address_that_several_customers_have_names_none_of_them(web, read):
    tell(web, {"events": [created(), created(id="cust_2")]})
    read()

    for event in ("customer_deleted", "customer_updated"):
        told = tell(web, {"event": event, "data": {"email": ANN}}, 422)
        assert [(one["path"], "data.id" in one["detail"]) for one in told["errors"]] == [("data.id", True)]
    tell(web, off())
    read()
    assert state(web) == "withdrawn"


# skills


def enable(web, body=None, status=200, name="customer-sync"):
    how = {} if body is None else {"json": body}
    return call(web, "post", "/api/v1/skills/{name}/enable", status, name=name, **how)


def skill(web, name="customer-sync"):
    return call(web, "get", "/api/v1/skills/{name}", name=name)


def move(web, verb, status=200, name="customer-sync"):
    return call(web, "post", f"/api/v1/skills/{{name}}/{verb}", status, name=name)


def test_a_skill_is_enabled_with_the_config_of_the_documents_in_either_spelling(web):
    snake = enable(
        web,
        {"source": "lumen", "field_mapping": {"first_name": "NICK"}, "options": {"sync_mode": "batch", "list_id": 5}},
    )
    camel = enable(
        web, {"source": "lumen", "fieldMapping": {"firstName": "NICK"}, "options": {"syncMode": "batch", "listId": 5}}
    )

    assert snake == camel == skill(web)
    assert camel["set_by"] == "api"
    assert camel["acts_on"] == ["lumen", "api"]
    assert camel["config"]["field_mapping"] == {"firstName": "NICK"}
    assert camel["config"]["options"] == {"list_ids": [5], "sync_mode": "batch"}


def test_disabling_keeps_the_config_and_reset_goes_back_to_the_file(web):
    before = skill(web)
    enable(web, {"options": {"list_id": 5}})
    off = move(web, "disable")
    on = enable(web)

    assert (off["enabled"], off["acts_on"]) == (False, [])
    assert on["enabled"]
    assert on["config"]["options"] == off["config"]["options"] == {"list_ids": [5]}
    assert move(web, "reset") == before
    assert before["set_by"] == "file"


def test_every_fault_of_a_config_is_told_with_its_path_in_the_body(web):
    config = {
        "source": "nowhere",
        "enabled": False,
        "fieldMapping": {"firstName": "no good", "first_name": "X"},
        "options": {"syncMode": "fast", "listId": "many", "missing_consent": "granted"},
        "log_level": "loud",
        "colour": 1,
    }

    told = enable(web, config, 422)

    found = {one["path"]: one for one in told["errors"]}
    assert set(found) == {
        "source",
        "enabled",
        "fieldMapping.firstName",
        "fieldMapping.first_name",
        "options.syncMode",
        "options.listId",
        "options.missing_consent",
        "log_level",
        "colour",
    }
    assert found["options.syncMode"]["choices"] == ["realtime", "batch", "hybrid"]
    assert found["options.syncMode"]["found"] == "fast"
    assert "in line" not in json.dumps(told)
    assert "Only tajo.yaml may say this" in found["options.missing_consent"]["detail"]
    assert skill(web)["set_by"] == "file"


@pytest.mark.parametrize("name", ["secret_key", "apiKey", "access_token", "password"])
def test_a_fault_does_not_show_what_may_be_a_secret(web, name):
    told = enable(web, {name: "s3cr3t", "options": {name: "s3cr3t"}}, 422)

    assert {one["path"] for one in told["errors"]} == {name, f"options.{name}"}
    assert "s3cr3t" not in json.dumps(told)


def test_a_config_without_end_is_refused(web):
    deep = {}
    for _ in range(200):
        deep = {"options": deep}

    assert "nested without end" in json.dumps(enable(web, deep, 422)).lower()


@pytest.mark.parametrize("verb", ["enable", "disable", "reset", "trigger"])
def test_a_skill_that_is_not_there_says_what_is(web, verb):
    how = {"json": created()} if verb == "trigger" else {}
    told = call(web, "post", f"/api/v1/skills/{{name}}/{verb}", 404, name="nothing", **how)

    assert told["detail"] == "There is no such skill."
    assert told["remedy"] == f"There are: {', '.join(definitions())}."


def test_a_skill_that_is_off_takes_no_event(web, read):
    trigger = "/api/v1/skills/{name}/trigger"
    assert call(web, "post", trigger, 202, name="customer-sync", json=created())["accepted"] == 1
    move(web, "disable")

    told = call(web, "post", trigger, 409, name="customer-sync", json=created())

    assert told["detail"] == "The skill customer-sync is off."


def off():
    return {"event": "customer_updated", "data": {"email": ANN, "acceptsMarketing": False}}


def test_while_no_skill_is_on_only_what_withdraws_is_taken_and_counts_afterwards(web, read):
    tell(web, created(firstName="Ann", acceptsMarketing=True))
    read()
    move(web, "disable")

    told = tell(web, created(firstName="Bea"), 409)
    assert "nothing was taken" in told["detail"]
    assert "skills enable" in told["remedy"]
    tell(web, {"events": [off(), created(firstName="Bea")]}, 409)
    tell(web, {**off(), "data": {**off()["data"], "firstName": "Bea"}})
    read()
    enable(web)
    tell(web, created(acceptsMarketing=True, lastName="Lee"))
    read()

    assert explain(web)["consents"][0]["state"] == "withdrawn"
    assert values(web) == {"status": "active", "FIRSTNAME": "Ann", "LASTNAME": "Lee"}


def test_while_no_skill_is_on_a_deletion_counts_and_nobody_becomes_known(web, read):
    tell(web, created())
    read()
    move(web, "disable")

    tell(web, {"event": "customer_deleted", "data": {"email": ANN}})
    unknown = {"email": "new@example.com"}
    tell(web, {"event": "customer_updated", "data": {**unknown, "acceptsMarketing": False}})
    tell(web, {"event": "customer_deleted", "data": unknown})
    read()

    assert explain(web)["links"] == [{"source": "api", "id": "cust_1", "state": "deleted"}]
    explain(web, "new@example.com", 404)


def test_a_skill_is_asked_as_it_is_now_whatever_this_process_heard(web, store):
    trigger = "/api/v1/skills/{name}/trigger"
    store.skill_states.say("customer-sync", "disabled")
    call(web, "post", trigger, 409, name="customer-sync", json=created())
    store.skill_states.say("customer-sync", "enabled")
    call(web, "post", trigger, 202, name="customer-sync", json=created())


def test_the_list_tells_of_every_skill(web):
    found = {one["name"]: one for one in call(web, "get", "/api/v1/skills")["items"]}

    assert set(found) == set(definitions())
    assert found["customer-sync"]["origin"] == "built-in"
    assert found["customer-sync"]["summary"] == definitions()["customer-sync"].summary


# contacts


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("ann%2Bnews@example.com", "ann+news@example.com"),
        ("ann+news@example.com", "ann+news@example.com"),
        ("ann%25x@example.com", "ann%x@example.com"),
        ("a%2Fb@example.com", "a/b@example.com"),
        ("ann@b%C3%BCcher.example", "ann@bücher.example"),
        ("ANN%40Example.COM", "ann@example.com"),
    ],
)
def test_an_address_is_found_however_its_url_is_written(web, read, written, address):
    tell(web, created(email=address))
    read()

    assert explain(web, written)["person"]


@pytest.mark.parametrize("written", ["nobody", "a@b@c", "%00@example.com", "@"])
def test_what_is_no_address_is_refused(web, written):
    assert explain(web, written, 400)["errors"][0]["path"] == "address"


def test_nobody_is_404(web):
    for verb, path, status in (("get", "", 404), ("post", "/sync", 404)):
        call(web, verb, f"/api/v1/contacts/{{address}}{path}", status, address="x@example.com")


def test_an_erasure_forgets_what_waits_and_is_asked_for_before_all_else(web, read, store):
    tell(web, created())
    read()
    tell(web, created(firstName="Ann"))

    told = call(web, "delete", "/api/v1/contacts/{address}", address=ANN)

    assert told["was_known"]
    assert not told["is_done"]
    assert told["removed"]["inbox"] == 1
    assert store.client.zcard(keys.queue("contacts", 0)) == 1


def test_a_sync_says_which_sources_could_not_be_asked_and_why(web, read):
    tell(web, created())
    read()

    told = call(web, "post", "/api/v1/contacts/{address}/sync", 202, address=ANN)

    why = "Tajo API cannot be asked for one record."
    assert told["sources"] == [{"source": "api", "id": "cust_1", "result": "not_asked", "why": why}]
    assert told["brevo"]["result"] == "waits"


# connectors


def test_the_sources_and_the_one_of_the_api_are_listed_with_their_states(web, read):
    tell(web, created())
    read()

    told = call(web, "get", "/api/v1/connectors")

    states = {one["name"]: one["state"] for one in told["items"]}
    assert states == {"lumen": "quiet", "tulip": "quiet", "api": "healthy"}
    assert "api" in {one["platform"] for one in told["platforms"]}
    one = call(web, "get", "/api/v1/connectors/{source}", source="api")
    assert one["events"]["pending"] + one["events"]["delivered"] >= 0
    assert one["last_event_at"]


@pytest.mark.parametrize(("source", "status"), [("nowhere", 404), ("api", 409), ("lumen", 409)])
def test_a_source_that_cannot_be_read_says_why(web, source, status):
    for what in ("sync", "install"):
        told = call(web, "post", f"/api/v1/connectors/{{source}}/{what}", status, source=source)
        assert told["remedy"]
