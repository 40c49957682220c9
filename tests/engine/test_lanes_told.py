"""What figures and doctor tell of a lane of records: its depth, its oldest, what is for later, why it is paused."""

from __future__ import annotations

import pytest

from customer_sync.config import Settings
from customer_sync.operate.doctor.findings import Patient
from customer_sync.operate.doctor.installation import CHECKS
from customer_sync.operate.figures import findings, read_figures
from customer_sync.store.breaker import Pause
from tests.engine.test_addresses import customer
from tests.engine.test_lanes import LANE, OrdersRig, bought, cart


@pytest.fixture
def rig(client):
    rig = OrdersRig(client)
    rig.send(customer(1, "ann@example.com", -100))
    rig.settle()
    return rig


def figures(rig, tmp_path):
    return read_figures(rig.store, Settings(), tmp_path)


def told(rig, tmp_path):
    """The finding of doctor on the lane."""
    patient = Patient(Settings(), tmp_path, {}, rig.store, None)
    return next(one for check in CHECKS for one in check(patient) if one.name == f"lane {LANE}")


def queue(rig, tmp_path):
    return next(one for one in figures(rig, tmp_path).queues if one.name == LANE)


def test_what_is_for_later_is_no_lag(rig, tmp_path):
    rig.send(cart(-50, 3600))
    rig.read()

    assert queue(rig, tmp_path)[1:] == (0, None, 1)
    assert figures(rig, tmp_path).waiting == 0
    assert figures(rig, tmp_path).oldest_age_s is None
    assert (told(rig, tmp_path).verdict, told(rig, tmp_path).cause) == ("ok", "nothing waits; 1 for a later time")


def test_what_waits_now_is_told_beside_what_is_for_later(rig, tmp_path):
    rig.send(cart(-50, 3600, key="8"))
    rig.send(bought(-50, key="7"))
    rig.read()
    rig.client.zadd(f"tajo:since:{LANE}", {"shop:7": rig.store.now_ms() - 60_000})

    assert queue(rig, tmp_path).waiting == 1
    assert queue(rig, tmp_path).later == 1
    assert queue(rig, tmp_path).oldest_age_s == pytest.approx(60, abs=5)
    assert told(rig, tmp_path).verdict == "warn"


def test_a_paused_lane_of_records_is_told_like_that_of_people(rig, tmp_path):
    rig.store.breakers.trip(LANE, Pause("config", "the key may not write orders", "Make another.", rig.store.now_ms()))
    seen = figures(rig, tmp_path)

    assert [(one.lane, one.reason) for one in seen.pauses] == [(LANE, "the key may not write orders")]
    assert any("the key may not write orders" in one.text for one in findings(seen))
