"""Bulk calls take what is left: one at a time, and a tenth while live calls wait."""

from __future__ import annotations

import pytest

from customer_sync.brevo.contacts.bulk_gate import BulkGate, PatientGate
from customer_sync.errors import TryLater
from customer_sync.store import keys
from customer_sync.store.limits import SHARE
from tests.redis_time import TimedLimits

INTERVAL_S = 1 / (10 * SHARE)


@pytest.fixture
def limits(client):
    """Ten calls a second, at a time that the test moves."""
    client.hset(keys.limit("b"), "rps", 10)
    return TimedLimits(client)


def test_while_nobody_else_calls_bulk_gets_one_call_at_a_time(limits):
    first, second = (limits.reserve("b", 50, is_bulk=True) for _ in range(2))

    assert first.offsets_s == (0,)
    assert second.offsets_s == ()
    assert second.wait_s == pytest.approx(INTERVAL_S, abs=0.001)  # whole milliseconds, rounded up


def test_a_live_call_waits_behind_one_bulk_call_at_most(limits):
    limits.reserve("b", 1, is_bulk=True)

    assert limits.reserve("b", 1).offsets_s[0] == pytest.approx(INTERVAL_S, abs=0.001)


def test_while_live_calls_wait_bulk_gets_a_tenth(limits):
    granted = {"live": 0, "bulk": 0}
    for _ in range(2000):  # twenty seconds
        granted["live"] += len(limits.reserve("b", 2).offsets_s)
        granted["bulk"] += len(limits.reserve("b", 1, is_bulk=True).offsets_s)
        limits.time.move(0.01)

    assert sum(granted.values()) == pytest.approx(200, rel=0.05)
    assert granted["bulk"] / sum(granted.values()) == pytest.approx(0.1, abs=0.01)


def test_a_bulk_call_that_gets_no_turn_in_time_goes_back_unburnt(limits):
    limits.hold("b", 30.0)

    with pytest.raises(TryLater) as caught:
        BulkGate(limits, "b", 1).wait()

    assert not caught.value.burns


def test_a_call_for_an_import_waits_for_its_turn_but_not_for_an_hour(store, client, monkeypatch):
    client.hset(keys.limit("b"), "rps", 10)
    limits = store.limits
    monkeypatch.setattr("customer_sync.brevo.gate.PATIENCE_S", 0.05)
    limits.hold("b", 0.2)
    PatientGate(limits, "b", 1).wait()
    limits.hold("b", 3000.0)

    with pytest.raises(TryLater):
        PatientGate(limits, "b", 1).wait()


def test_without_a_limit_bulk_calls_are_not_held_up(store, client):
    client.hset(keys.limit("b"), "rps", 0)

    for _ in range(5):
        assert store.limits.reserve("b", 1, is_bulk=True).offsets_s == (0.0,)


def test_calls_that_were_made_before_the_limit_was_known_count(client):
    limits = TimedLimits(client)
    for _ in range(3):
        assert limits.reserve("b", 1).offsets_s == (0.0,)

    limits.learn("b", 10, 7, 1)

    assert limits.reserve("b", 1).offsets_s[0] == pytest.approx(3 * INTERVAL_S, abs=0.01)


def test_the_hourly_limit_is_known_once_it_was_told(store):
    assert store.limits.per_hour("processes") is None

    store.limits.learn("processes", 100, 99, 3000)

    assert store.limits.per_hour("processes") == 100
