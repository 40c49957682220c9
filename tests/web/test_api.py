from __future__ import annotations

import re
import tracemalloc

import pytest
from jsonschema import Draft202012Validator, FormatChecker

from customer_sync.model import EventState
from customer_sync.store import inbox, keys
from customer_sync.store.parked import Parked, encode
from customer_sync.store.wrong_keys import FROM_ONE
from customer_sync.web.openapi import OPERATIONS, document

from .conftest import ADDRESS, KEY, Seed, with_key

DOCUMENT = document()


def schema_of(path: str, verb: str, status: int) -> dict:
    return DOCUMENT["paths"][path][verb]["responses"][str(status)]["content"]["application/json"]["schema"]


def check(value: object, schema: dict) -> None:
    whole = {**schema, "components": DOCUMENT["components"]}
    Draft202012Validator(whole, format_checker=FormatChecker()).validate(value)


def call(web, verb: str, template: str, status: int = 200, **how):
    """Make a call, check the answer against the document, return it."""
    names = {name: how.pop(name) for name in re.findall(r"{(\w+)}", template)}
    if verb == "post" and "json" not in how:
        how["content_type"] = "application/json"
    answer = web.open(template.format(**names), method=verb.upper(), **how)
    assert answer.status_code == status, answer.text
    check(answer.json, schema_of(template, verb, status))
    return answer.json


# the document --------------------------------------------------------------------------------------------------------


def test_the_document_has_every_route_and_no_other(make_app):
    rules = [rule for rule in make_app().url_map.iter_rules() if rule.rule.startswith("/api/v1")]
    routes = {
        (re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule), verb.lower())
        for rule in rules
        for verb in rule.methods - {"HEAD", "OPTIONS"}
    }

    assert routes == {(path, verb) for path, verbs in DOCUMENT["paths"].items() for verb in verbs}


def test_every_schema_is_a_schema_and_every_reference_leads_somewhere():
    for schema in DOCUMENT["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)
    references = re.findall(r"#/components/schemas/(\w+)", str(DOCUMENT))

    assert set(references) == set(DOCUMENT["components"]["schemas"])


def test_operation_ids_are_unique():
    ids = [operation["operationId"] for verbs in DOCUMENT["paths"].values() for operation in verbs.values()]

    assert len(set(ids)) == len(ids) == len(OPERATIONS)


def test_the_document_is_served(web):
    assert call(web, "get", "/api/v1/openapi.json") == DOCUMENT


# readings ------------------------------------------------------------------------------------------------------------


def test_the_status_of_an_empty_installation_fits_the_document(web):
    assert call(web, "get", "/api/v1/status")["verdict"]["text"] == "Ready for the first event."


def test_the_status_of_a_busy_installation_fits_the_document(web, store, seed: Seed):
    seed.event(1)
    seed.item()
    store.inbox.append([b"x"])
    store.limits.learn("contacts", 10)
    store.ledger.alert("Lane contacts waits.", "Wait.")
    store.lanes.register("contacts", keeps="people")
    store.client.hset("tajo:brk:contacts", items=["kind", "config", "reason", "R", "remedy", "M", "since", 1])
    store.set_note("worker_seen", {"at": 1})

    status = call(web, "get", "/api/v1/status")

    assert status["pauses"][0]["reason"] == "R"
    assert status["alerts"][0]["text"] == "Lane contacts waits."


def test_the_status_without_redis_is_an_honest_answer_and_no_error(web, without_redis):
    status = call(web, "get", "/api/v1/status")

    assert status["redis"]["is_up"] is False
    assert status["verdict"]["level"] == "down"


def test_events_come_newest_first(web, seed: Seed):
    ids = [seed.event(number) for number in range(3)]

    events = call(web, "get", "/api/v1/events")["events"]

    assert [event["id"] for event in events] == ids[::-1]
    assert events[0]["state"] == "delivered"
    assert events[0]["note"] == "note of 2"


def test_events_can_be_chosen_by_state_and_source_and_number(web, seed: Seed):
    seed.event(1, source="tulip")
    seed.event(2, EventState.RETRYING)
    seed.event(3)

    def ids(**query: str | int) -> list[str]:
        events = call(web, "get", "/api/v1/events", query_string=query)["events"]
        return [event["id"].rsplit(":", 1)[1] for event in events]

    assert ids(limit=2) == ["3", "2"]
    assert ids(state="retrying") == ["2"]
    assert ids(source="tulip") == ["1"]
    assert ids(source="lumen", limit=1) == ["3"]
    assert ids(source="tulip", state="retrying") == []


def test_one_event_tells_every_state_it_was_in(web, seed: Seed):
    event_id = seed.event(1, EventState.PARKED)

    event = call(web, "get", "/api/v1/events/{event_id}", event_id=event_id)

    assert [step["state"] for step in event["steps"]] == ["ignored", "parked"]


def test_an_event_id_may_hold_a_slash(web, seed: Seed):
    event_id = seed.event("a/b")

    assert call(web, "get", "/api/v1/events/{event_id}", event_id=event_id)["id"] == event_id


def test_an_event_that_the_ledger_has_not_is_not_found(web):
    assert "ledger" in call(web, "get", "/api/v1/events/{event_id}", 404, event_id="none")["error"]


def test_alerts_are_told(web, store):
    store.ledger.alert("Lane contacts waits.", "Wait.")

    assert [one["text"] for one in call(web, "get", "/api/v1/alerts")["alerts"]] == ["Lane contacts waits."]


# parked --------------------------------------------------------------------------------------------------------------


def test_parked_things_are_listed_without_what_they_hold(web, seed: Seed):
    seed.inbound()
    seed.item()

    answer = web.get("/api/v1/parked")
    listed = call(web, "get", "/api/v1/parked")

    assert listed["count"] == 2
    assert {one["what"] for one in listed["parked"]} == {"inbound", "item"}
    assert "example.com" not in answer.text


def test_parked_things_can_be_chosen(web, seed: Seed):
    seed.inbound("A")
    seed.inbound("B", source="tulip")

    def count(**query: str | int) -> int:
        return len(call(web, "get", "/api/v1/parked", query_string=query)["parked"])

    assert (count(), count(reason="A"), count(source="tulip"), count(reason="A", source="tulip")) == (2, 1, 1, 0)
    assert count(limit=1) == 1


@pytest.mark.parametrize("make", ["inbound", "item"])
def test_personal_data_is_shown_only_when_asked_for(web, seed: Seed, make, caplog):
    parked_id = getattr(seed, make)()
    path = "/api/v1/parked/{parked_id}"

    plain = call(web, "get", path, parked_id=parked_id)
    assert "example.com" not in str(plain)
    assert "parked content shown" not in caplog.text

    shown = call(web, "get", path, parked_id=parked_id, query_string={"reveal": "1"})
    assert ADDRESS in str(shown["content"])
    assert "parked content shown" in caplog.text
    assert "example.com" not in caplog.text


def test_bytes_that_are_no_text_can_be_shown(web, seed: Seed, store):
    from dataclasses import replace

    from customer_sync.store.parked import encode, inbound_of, park_inbound

    parked = store.parked.get(seed.inbound())
    raw = inbox.encode(replace(inbound_of(parked), body=b"\xff\xfe"))
    other = park_inbound(raw, "lumen", "R", "M", 0)
    store.client.hset("tajo:parked", other.id, encode(other))

    shown = call(web, "get", "/api/v1/parked/{parked_id}", parked_id=other.id, query_string={"reveal": "1"})

    assert shown["content"]["body_base64"] == "//4="


def test_a_replayed_request_is_in_the_inbox_again_as_it_came(web, seed: Seed, store):
    parked_id = seed.inbound()

    assert call(web, "post", "/api/v1/parked/{parked_id}/replay", parked_id=parked_id) == {"replayed": 1}

    (entry,) = store.inbox.read(10)
    assert ADDRESS in entry.inbound.body.decode()
    assert store.parked.count() == 0
    call(web, "post", "/api/v1/parked/{parked_id}/replay", 404, parked_id=parked_id)


def test_a_dropped_thing_is_gone(web, seed: Seed, store):
    parked_id = seed.item()

    assert call(web, "delete", "/api/v1/parked/{parked_id}", parked_id=parked_id) == {"dropped": 1}

    assert store.parked.count() == 0
    call(web, "delete", "/api/v1/parked/{parked_id}", 404, parked_id=parked_id)
    call(web, "get", "/api/v1/parked/{parked_id}", 404, parked_id=parked_id)


@pytest.mark.parametrize(
    ("choice", "left"), [({"reason": "A"}, 1), ({"source": "lumen"}, 1), ({"reason": "A", "source": "tulip"}, 2)]
)
def test_many_are_replayed_by_reason_or_source(web, seed: Seed, store, choice, left):
    seed.inbound("A")
    seed.inbound("B")
    seed.inbound("A", source="tulip")

    answer = call(web, "post", "/api/v1/parked/replay", json=choice)

    assert answer == {"replayed": 3 - left}
    assert store.parked.count() == left


def test_replaying_many_keeps_their_order(web, seed: Seed, store):
    first, second = seed.inbound("A", source="lumen"), seed.inbound("A", source="tulip")
    store.client.zadd("tajo:parked:at", {first: 1, second: 2})

    call(web, "post", "/api/v1/parked/replay", json={"reason": "A"})

    assert [entry.inbound.source for entry in store.inbox.read(10)] == ["lumen", "tulip"]


# what goes wrong -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", ["0", "501", "-1", "x", "", "1.5", "99999999999999999999", "٣"])
def test_a_limit_that_is_none_is_refused(web, limit):
    assert "500" in call(web, "get", "/api/v1/events", 400, query_string={"limit": limit})["remedy"]


def test_a_state_that_is_none_is_refused_with_the_six(web):
    remedy = call(web, "get", "/api/v1/events", 400, query_string={"state": "done"})["remedy"]

    assert all(state in remedy for state in EventState)


@pytest.mark.parametrize("body", [{}, {"reason": None}, {"reason": 1}, {"all": True}, [], "A", {"reason": "A", "x": 1}])
def test_a_choice_that_chooses_nothing_replays_nothing(web, seed: Seed, store, body):
    seed.inbound("A")

    call(web, "post", "/api/v1/parked/replay", 400, json=body)

    assert store.parked.count() == 1


def test_a_body_that_is_no_json_is_told_so(web):
    answer = web.post("/api/v1/parked/replay", data="{", content_type="application/json")

    assert answer.status_code == 400
    assert "reason" in answer.json["remedy"]


@pytest.mark.parametrize(
    ("verb", "path", "status"),
    [("GET", "/api/v1/nothing", 404), ("GET", "/api/v2/x", 404), ("PUT", "/api/v1/status", 405)],
)
def test_a_call_that_does_not_exist_leads_to_the_document(web, verb, path, status):
    answer = web.open(path, method=verb, content_type="application/json")

    assert answer.status_code == status
    assert "openapi.json" in answer.json["remedy"]


def test_without_redis_every_call_that_needs_it_says_so(web, without_redis):
    for template, verb in (("/api/v1/events", "get"), ("/api/v1/parked", "get")):
        assert "Redis" in call(web, verb, template, 503)["error"]


def test_a_fault_of_ours_is_json_too_and_says_nothing_of_the_inside(web, store, monkeypatch, caplog):
    monkeypatch.setattr(store.parked, "each", lambda: 1 / 0)

    answer = web.get("/api/v1/parked")

    assert answer.status_code == 500
    assert "ZeroDivision" not in answer.text
    assert "ZeroDivisionError" in caplog.text


def test_the_api_needs_the_key(make_app):
    web = make_app(api_key="key").test_client()

    answer = web.get("/api/v1/status")
    assert answer.status_code == 401
    check(answer.json, schema_of("/api/v1/status", "get", 401))
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert web.get("/api/v1/status", headers={"Authorization": "Bearer key"}).status_code == 200


def test_a_program_that_shows_a_wrong_key_again_and_again_is_told_when_to_come_back(make_app):
    web = make_app(api_key="key").test_client()
    wrong = {"Authorization": "Bearer old-key"}

    answers = [web.get("/api/v1/status", headers=wrong) for _ in range(FROM_ONE + 1)]

    assert [answer.status_code for answer in answers] == [401] * FROM_ONE + [429]
    check(answers[-1].json, schema_of("/api/v1/status", "get", 429))
    assert int(answers[-1].headers["Retry-After"]) > 0
    assert "WWW-Authenticate" not in answers[-1].headers


def test_another_sites_page_cannot_replay(make_app, seed: Seed, store):
    web = make_app().test_client()
    web.post("/sign-in", data={"key": KEY})
    seed.inbound("A")

    answer = web.post("/api/v1/parked/replay", data="reason=A", headers={"Origin": "http://attacker.example"})

    assert answer.status_code == 403
    assert store.parked.count() == 1


def test_no_answer_stays_in_a_cache(web):
    assert web.get("/api/v1/status").headers["Cache-Control"] == "no-store"


def test_a_list_of_a_few_parked_things_takes_little_memory_however_much_is_parked(make_app, store):
    big = [Parked(f"p{number}", "inbound", "lumen", "R.", "D.", "eHh4" * 25_000) for number in range(400)]
    store.client.hset(keys.PARKED, mapping={one.id: encode(one) for one in big})
    store.client.zadd(keys.PARKED_AT, {one.id: number for number, one in enumerate(big)})
    web = with_key(make_app())
    web.get("/api/v1/parked?limit=1")

    tracemalloc.start()
    found = web.get("/api/v1/parked?limit=1&source=lumen").json
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert ([one["id"] for one in found["parked"]], found["count"]) == (["p399"], 400)
    assert found["parked"][0]["size_bytes"] == 75_000
    assert peak_bytes < 12_000_000
