from __future__ import annotations

import tracemalloc

import pytest

from customer_sync.store import inbox, keys
from customer_sync.store.parked import Parked, encode

from .calls import call
from .conftest import ADDRESS, Seed, with_key


def test_parked_things_are_listed_without_what_they_hold(web, seed: Seed):
    seed.inbound()
    seed.item()

    answer = web.get("/api/v1/parked")
    listed = call(web, "get", "/api/v1/parked")

    assert listed["count"] == 2
    assert {one["what"] for one in listed["items"]} == {"inbound", "item"}
    assert "example.com" not in answer.text


def test_parked_things_can_be_chosen(web, seed: Seed):
    seed.inbound("A")
    seed.inbound("B", source="tulip")

    def count(**query: str | int) -> int:
        return len(call(web, "get", "/api/v1/parked", query_string=query)["items"])

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

    assert ([one["id"] for one in found["items"]], found["count"]) == (["p399"], 400)
    assert found["items"][0]["size_bytes"] == 75_000
    assert peak_bytes < 12_000_000
