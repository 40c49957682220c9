"""What is parked has a bound and an age, and lists of it take little memory."""

from __future__ import annotations

import tracemalloc

import pytest

from customer_sync.operate.erasure import Erased, forget_traces
from customer_sync.operate.figures.read import parked_groups
from customer_sync.store import keys
from customer_sync.store import parked as module
from customer_sync.store.parked import Parked, encode

DAY_MS = 86_400_000


def park(store, count, *, age_days=0.0, content="x", first=0):
    """Park things, each a millisecond younger than the one before."""
    began_ms = store.now_ms() - round(age_days * DAY_MS)
    pipe = store.client.pipeline()
    for number in range(first, first + count):
        one = Parked(f"p{number}", "inbound", "shop", "It cannot be read.", "Drop it.", content)
        pipe.hset(keys.PARKED, one.id, encode(one))
        pipe.zadd(keys.PARKED_AT, {one.id: began_ms + number})
    pipe.execute()


def sweep(store):
    store.client.delete(keys.wake("sweep"))
    store.sweep(900)


def dropped(store):
    found = store.counters.read()
    return {one.labels["why"]: one.value for one in found if one.name == "tajo_parked_dropped_total" and one.value}


@pytest.fixture
def few(monkeypatch):
    """Let there be three parked things at most."""
    monkeypatch.setattr(module, "MOST", 3)


def test_of_too_many_the_oldest_are_dropped_counted_and_told(store, few):
    park(store, 5)
    sweep(store)

    assert [one.id for one in store.parked.each(10)] == ["p4", "p3", "p2"]
    assert store.parked.count() == 3
    assert dropped(store) == {"number": 2}
    (told,) = store.ledger.alerts()
    assert "dropped" in told["alert"]
    park(store, 5, first=5)
    sweep(store)
    assert dropped(store) == {"number": 7}
    assert len(store.ledger.alerts()) == 1  # once an hour


def test_what_is_parked_for_ninety_days_is_dropped_counted_and_told(store):
    park(store, 2, age_days=90.01)
    park(store, 1, age_days=89.9, first=2)
    sweep(store)

    assert [one.id for one in store.parked.each()] == ["p2"]
    assert dropped(store) == {"age": 2}
    assert "90 days" in store.ledger.alerts()[0]["alert"]


def test_as_long_as_all_is_within_its_bounds_nothing_is_dropped_and_nothing_told(store, few):
    park(store, 3)
    sweep(store)

    assert store.parked.count() == 3
    assert (dropped(store), store.ledger.alerts()) == ({}, [])


def test_lists_groups_and_erasures_hold_few_contents_at_once(store):
    park(store, 400, content="x" * 100_000)
    who = Erased(frozenset({"1"}), frozenset(), frozenset())

    def grouped():
        assert [len(group.members) for group in parked_groups(store)] == [400]

    for read in (lambda: sum(1 for _ in store.parked.each()), lambda: list(store.parked.briefs()), grouped):
        assert peak_bytes(read) < 12_000_000
    assert peak_bytes(lambda: forget_traces(store, {}, who)) < 12_000_000


def peak_bytes(work) -> int:
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
