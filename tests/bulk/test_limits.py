"""Bulk calls take what is left: one at a time, and a tenth while live calls wait."""

from __future__ import annotations

import time

import pytest

from customer_sync.brevo.bulk_gate import BulkGate
from customer_sync.errors import TryLater
from customer_sync.store import keys
from customer_sync.store.limits import SHARE

INTERVAL_S = 1 / (10 * SHARE)


@pytest.fixture
def limits(store, client):
    client.hset(keys.limit("b"), "rps", 10)
    return store.limits


def test_while_nobody_else_calls_bulk_gets_one_call_at_a_time(limits):
    first, second = (limits.reserve("b", 50, is_bulk=True) for _ in range(2))

    assert len(first.offsets_s) == 1
    assert first.offsets_s[0] == 0
    assert second.offsets_s == ()
    assert second.wait_s == pytest.approx(INTERVAL_S, abs=0.02)


def test_a_live_call_waits_behind_one_bulk_call_at_most(limits):
    limits.reserve("b", 1, is_bulk=True)

    assert limits.reserve("b", 1).offsets_s[0] <= INTERVAL_S + 0.001


def test_while_live_calls_wait_bulk_gets_a_tenth(limits, client):
    granted = {"live": 0, "bulk": 0}
    ends = time.monotonic() + 2.5
    while time.monotonic() < ends:
        granted["live"] += len(limits.reserve("b", 2).offsets_s)
        granted["bulk"] += len(limits.reserve("b", 1, is_bulk=True).offsets_s)
        time.sleep(0.01)

    assert 1 <= granted["bulk"] <= 4
    assert granted["live"] >= 20


def test_a_bulk_call_that_gets_no_turn_in_time_goes_back_unburnt(limits):
    limits.hold("b", {"x-sib-ratelimit-limit": "10", "x-sib-ratelimit-reset": "30"})

    with pytest.raises(TryLater) as caught:
        BulkGate(limits, "b", 1).wait()

    assert not caught.value.burns


def test_without_a_limit_bulk_calls_are_not_held_up(store, client):
    client.hset(keys.limit("b"), "rps", 0)

    for _ in range(5):
        assert store.limits.reserve("b", 1, is_bulk=True).offsets_s == (0.0,)


def test_the_hourly_limit_is_known_once_it_was_told(store):
    assert store.limits.per_hour("processes") is None

    headers = {"x-sib-ratelimit-limit": "100", "x-sib-ratelimit-remaining": "99", "x-sib-ratelimit-reset": "3000"}
    store.limits.learn("processes", headers)

    assert store.limits.per_hour("processes") == 100
