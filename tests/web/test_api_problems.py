from __future__ import annotations

import pytest

from customer_sync.model import EventState

from .calls import call, check, schema_of
from .conftest import KEY, Seed


@pytest.mark.parametrize("limit", ["0", "501", "-1", "x", "", "1.5", "99999999999999999999", "٣"])
def test_a_limit_that_is_none_is_refused(web, limit):
    (fault,) = call(web, "get", "/api/v1/events", 400, query_string={"limit": limit})["errors"]

    assert (fault["path"], fault["found"]) == ("limit", limit)
    assert "500" in fault["detail"]


def test_a_state_that_is_none_is_refused_with_the_six(web):
    (fault,) = call(web, "get", "/api/v1/events", 400, query_string={"state": "done"})["errors"]

    assert (fault["path"], fault["found"]) == ("state", "done")
    assert fault["choices"] == [*EventState]


@pytest.mark.parametrize("body", [{}, {"reason": None}, {"reason": 1}, {"all": True}, [], "A", {"reason": "A", "x": 1}])
def test_a_choice_that_chooses_nothing_replays_nothing(web, seed: Seed, store, body):
    seed.inbound("A")

    call(web, "post", "/api/v1/parked/replay", 422, json=body)

    assert store.parked.count() == 1


def test_a_body_that_is_no_json_is_told_so(web):
    answer = web.post("/api/v1/parked/replay", data="{", content_type="application/json")

    assert answer.status_code == 400
    assert "no JSON" in answer.json["detail"]


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
        assert "Redis" in call(web, verb, template, 503)["detail"]


def test_a_fault_of_ours_is_json_too_and_says_nothing_of_the_inside(web, store, monkeypatch, caplog):
    monkeypatch.setattr(store.parked, "count", lambda: 1 / 0)

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


def test_another_sites_page_cannot_replay(make_app, seed: Seed, store):
    web = make_app().test_client()
    web.post("/sign-in", data={"key": KEY})
    seed.inbound("A")

    answer = web.post("/api/v1/parked/replay", data="reason=A", headers={"Origin": "http://attacker.example"})

    assert answer.status_code == 403
    assert store.parked.count() == 1
