from __future__ import annotations

from customer_sync.engine.plan import Planned, Request, commit
from customer_sync.model import Event, EventState, Kind
from customer_sync.store.ledger import event_row

from .calls import call
from .conftest import AT, Seed


def test_events_come_newest_first(web, seed: Seed):
    ids = [seed.event(number) for number in range(3)]

    events = call(web, "get", "/api/v1/events")["items"]

    assert [event["id"] for event in events] == ids[::-1]
    assert events[0]["state"] == "delivered"
    assert events[0]["note"] == "note of 2"


def test_events_can_be_chosen_by_state_and_source_and_number(web, seed: Seed):
    seed.event(1, source="tulip")
    seed.event(2, EventState.RETRYING)
    seed.event(3)

    def ids(**query: str | int) -> list[str]:
        events = call(web, "get", "/api/v1/events", query_string=query)["items"]
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
    assert "history" in call(web, "get", "/api/v1/events/{event_id}", 404, event_id="none")["detail"]


def test_an_id_that_two_sources_gave_needs_the_source_and_says_which(web, seed: Seed, store):
    for source in ("lumen", "tulip"):
        event = Event("order-7", source, Kind.CUSTOMER_UPDATED, AT, topic="customers/update")
        commit(store, [Request("", [Planned([], f"seen-{source}", event_row(event))])], lambda _: None)

    told = call(web, "get", "/api/v1/events/{event_id}", 409, event_id="order-7")

    assert told["title"] == "Ambiguous"
    assert told["errors"] == [
        {"path": "source", "detail": "Several sources have an event with this id.", "choices": ["lumen", "tulip"]}
    ]
    for source in ("lumen", "tulip"):
        found = call(web, "get", "/api/v1/events/{event_id}", event_id="order-7", query_string={"source": source})
        assert found["source"] == source
    call(web, "get", "/api/v1/events/{event_id}", 404, event_id="order-7", query_string={"source": "shop"})


def test_a_call_with_another_verb_says_so(web):
    answer = web.put("/api/v1/events", json={})

    assert (answer.status_code, answer.json["title"]) == (405, "Method not allowed")
