"""What waits for longer than an event may: counted, and estimated where much waits."""

from __future__ import annotations

from datetime import timedelta

import pytest

from customer_sync.base.clock import utc_now
from customer_sync.model import Inbound, to_ms
from customer_sync.operate.figures.read import spool_overdue
from customer_sync.store import LOOKED_AT, inbox, keys
from customer_sync.store.spool import Spool

LANE = "contacts"


@pytest.fixture
def now_ms(store):
    return store.now_ms()


def request_came(store, now_ms, ago_s, count=1):
    for number in range(count):
        store.client.xadd(keys.INBOX, {"r": b"x"}, id=f"{now_ms - ago_s * 1000}-{number}")


def item_waits(store, now_ms, ago_s, *, priority=1, count=1):
    names = [f"{priority}:{ago_s}:{number}" for number in range(count)]
    store.client.zadd(keys.lane(LANE, "since"), dict.fromkeys(names, now_ms - ago_s * 1000))
    store.client.zadd(keys.queue(LANE, priority), dict.fromkeys(names, now_ms))


def overdue(store):
    return store.overdue(60, [LANE, "mail"])


def test_nothing_waits(store):
    assert overdue(store) == {"inbox": 0, LANE: 0, "mail": 0}


def test_what_waits_for_longer_is_counted(store, now_ms):
    request_came(store, now_ms, 300, 3)
    request_came(store, now_ms, 30, 5)
    item_waits(store, now_ms, 70, count=2)
    item_waits(store, now_ms, 50, count=4)

    assert overdue(store) == {"inbox": 3, LANE: 2, "mail": 0}


def test_items_of_runs_do_not_count(store, now_ms):
    item_waits(store, now_ms, 700, priority=2, count=50)
    item_waits(store, now_ms, 70, priority=0)
    item_waits(store, now_ms, 80, priority=1)

    assert overdue(store)[LANE] == 2


def test_a_leased_item_counts_while_no_run_is_under_way(store, now_ms):
    store.client.zadd(keys.lane(LANE, "since"), {"leased": now_ms - 90_000})

    assert overdue(store)[LANE] == 1


def test_many_requests_are_estimated(store, now_ms):
    with store.client.pipeline(transaction=False) as pipe:
        for number in range(3 * LOOKED_AT):
            pipe.xadd(keys.INBOX, {"r": b"x"}, id=f"{now_ms - 120_000 + number * 40}-0")
        pipe.execute()

    assert overdue(store)["inbox"] == pytest.approx(1.5 * LOOKED_AT, rel=0.1)


def test_many_live_items_beside_a_run_are_estimated(store, now_ms):
    item_waits(store, now_ms, 100, priority=2)
    item_waits(store, now_ms, 90, count=2 * LOOKED_AT)
    item_waits(store, now_ms, 10, count=2 * LOOKED_AT)

    assert overdue(store)[LANE] == pytest.approx(2 * LOOKED_AT, rel=0.2)


def test_the_spool_counts_too(store, tmp_path):
    came = [utc_now() - timedelta(seconds=ago_s) for ago_s in (300, 90, 10)]
    Spool(tmp_path / "spool-1.sqlite").append([inbox.encode(Inbound("lumen", {}, b"{}", at)) for at in came])

    assert spool_overdue(tmp_path, to_ms(utc_now())) == 2


def test_a_long_spool_counts_as_a_whole_once_all_that_is_looked_at_is_late(store, tmp_path):
    came = [utc_now() - timedelta(seconds=300)] * (LOOKED_AT + 5)
    Spool(tmp_path / "spool-1.sqlite").append([inbox.encode(Inbound("lumen", {}, b"{}", at)) for at in came])

    assert spool_overdue(tmp_path, to_ms(utc_now())) == LOOKED_AT + 5
