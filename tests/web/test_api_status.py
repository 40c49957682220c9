from __future__ import annotations

from .calls import call
from .conftest import Seed


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


def test_alerts_are_told(web, store):
    store.ledger.alert("Lane contacts waits.", "Wait.")

    assert [one["text"] for one in call(web, "get", "/api/v1/alerts")["items"]] == ["Lane contacts waits."]
