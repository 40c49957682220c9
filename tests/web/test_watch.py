from __future__ import annotations

import threading

import pytest
import redis

from customer_sync.store import Store
from customer_sync.web.watch import ALERTS, REST, Watch

from .conftest import Seed


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def services(make_app):
    return make_app().extensions["tajo"]


def test_a_look_is_used_for_a_second(services, seed: Seed):
    clock = Clock()
    watch = Watch(services, clock=clock)
    assert watch.look().events == ()
    seed.event(1)

    clock.now = 0.9
    assert watch.look().events == ()
    clock.now = 1.1
    assert len(watch.look().events) == 1


def test_those_who_ask_at_the_same_time_share_one_look(services, store, monkeypatch):
    reads, found, goes_on = [], [], threading.Event()
    real = store.counters.read
    monkeypatch.setattr(store.counters, "read", lambda: reads.append(goes_on.wait(5)) or real())
    watch = Watch(services, patience_s=5)
    asking = threading.Barrier(4)

    def ask() -> None:
        asking.wait(5)
        found.append(watch.look())

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    asking.wait(5)
    while not reads and watch._reading is None:
        threading.Event().wait(0.001)
    goes_on.set()
    for thread in threads:
        thread.join()

    assert len(reads) == 1
    assert all(look is found[0] for look in found)


def test_a_frozen_redis_holds_no_page_for_long_and_is_seen_again(services, store, monkeypatch):
    goes_on = threading.Event()
    real = store.counters.read
    monkeypatch.setattr(store.counters, "read", lambda: goes_on.wait(5) and real())
    watch = Watch(services, patience_s=0.05)

    assert not watch.look().figures.redis.is_up
    assert not watch.look().figures.redis.is_up

    goes_on.set()
    watch.patience_s = 5
    assert watch.look().figures.redis.is_up


def test_a_fault_of_ours_is_raised_and_does_not_stay(services, store, monkeypatch):
    watch = Watch(services)
    with monkeypatch.context() as patch:
        patch.setattr(store.counters, "read", lambda: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            watch.look()

    assert watch.look().figures.redis.is_up


def test_a_redis_that_is_away_is_left_alone_for_longer(services, monkeypatch):
    tries = []

    def refuse(_: object) -> Store:
        tries.append(1)
        raise redis.TimeoutError

    monkeypatch.setattr("customer_sync.web.services.Services.store", refuse)
    clock = Clock()
    watch = Watch(services, clock=clock)
    assert not watch.look().figures.redis.is_up

    clock.now = REST - 0.1
    watch.look()
    assert len(tries) == 1
    clock.now = REST + 0.1
    watch.look()
    assert len(tries) == 2


def test_groups_are_read_again_only_when_something_was_parked_or_left(services, store, seed: Seed, monkeypatch):
    reads = []
    real = store.parked.briefs
    monkeypatch.setattr(store.parked, "briefs", lambda *limit: reads.append(1) or real(*limit))
    watch = Watch(services, max_age_s=0)

    def sizes() -> list[int]:
        return [len(group.members) for group in watch.look().groups]

    assert (sizes(), len(reads)) == ([], 0)
    first = seed.inbound("A")
    assert (sizes(), sizes(), len(reads)) == ([1], [1], 1)
    seed.inbound("A")
    assert (sizes(), len(reads)) == ([2], 2)
    store.parked.drop(store.parked.get(first))
    assert (sizes(), len(reads)) == ([1], 3)


def test_alerts_are_found_however_many_events_came_after_them_and_the_newest_are_kept(store, seed: Seed):
    for number in range(ALERTS + 5):
        store.ledger.alert(str(number), "")
    seed.event(1)

    found = [one["alert"] for one in store.ledger.alerts(ALERTS)]

    assert found == [str(number) for number in range(ALERTS + 4, 4, -1)]
