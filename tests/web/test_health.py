from __future__ import annotations

import sqlite3

import pytest

from customer_sync.web import watch

JSON = {"Accept": "application/json"}


def test_a_living_process_is_healthy_with_and_without_redis(web, without_redis):
    answer = web.get("/healthz")

    assert (answer.status_code, answer.text) == (200, "ok\n")


def test_it_is_ready_while_redis_answers(web):
    assert web.get("/readyz").text == "ready\n"
    assert web.get("/readyz", headers=JSON).json == {
        "status": "ready",
        "note": "",
        "text": "",
        "down": [],
    }


def test_without_redis_it_stays_ready_because_the_spool_keeps_requests(web, without_redis):
    answer = web.get("/readyz", headers=JSON)

    assert answer.status_code == 200
    assert answer.json["note"] == "spool"
    assert "spool" in web.get("/readyz").text


def test_with_neither_redis_nor_a_spool_it_is_not_ready(web, without_redis, monkeypatch):
    def refuse(_):
        raise sqlite3.OperationalError("attempt to write a readonly database")

    monkeypatch.setattr(web.application.extensions["tajo"].spool, "append", refuse)

    answer = web.get("/readyz", headers=JSON)

    assert answer.status_code == 503
    assert answer.json["status"] == "not ready"


def test_a_disk_without_room_is_no_spool(web, without_redis, monkeypatch):
    monkeypatch.setattr(watch, "MIN_FREE_BYTES", 1 << 62)

    assert web.get("/readyz").status_code == 503


@pytest.mark.parametrize(
    ("accept", "is_json"), [("*/*", False), ("", False), ("text/html", False), ("application/json", True)]
)
def test_json_is_for_those_who_ask_for_it(web, accept, is_json):
    assert web.get("/healthz", headers={"Accept": accept}).is_json is is_json
