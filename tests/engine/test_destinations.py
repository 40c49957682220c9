"""What is told of each lane: whom it calls, which limit it shares, what it keeps."""

from __future__ import annotations

import pytest

from customer_sync import assembly
from customer_sync.config import Settings
from customer_sync.config.settings import BrevoSettings
from customer_sync.destinations import LANES, described
from customer_sync.engine.lane import LaneDescription
from customer_sync.store.breaker import Pause


@pytest.fixture
def line(client, tmp_path):
    return assembly.open_line(Settings(), client, lambda _: None, tmp_path)


def test_every_lane_that_is_delivered_is_described_and_no_other(line):
    assert {name: one.lane for name, one in line.handlers.items()} == {one.name: one for one in LANES}
    assert set(line.gears) == {one.name for one in LANES if one.has_gear}


def test_the_store_is_told_what_each_lane_is(line, client):
    records = {name.encode(): b"r" for name in ("events", "mail", "orders", "products")}
    assert client.hgetall("tajo:lanes") == {b"contacts": b"pg", **records}


def test_a_lane_that_another_version_left_behind_names_no_platform_that_it_may_not_call():
    assert described("fetch:shop").destination == "The platform of shop"


def test_another_key_ends_the_pauses_of_lanes_to_brevo_and_of_no_other(line, client, tmp_path, monkeypatch):
    back = LaneDescription("writeback:shop", keeps="record", bucket="writeback:shop", destination="Tulip")
    monkeypatch.setattr(assembly, "LANES", (*LANES, back))
    for lane in ("contacts", "writeback:shop"):
        line.store.breakers.trip(lane, Pause("config", "No key.", "Set one.", 1), wait_s=60)
        line.store.limits.learn(lane, 10)

    assembly.open_line(Settings(brevo=BrevoSettings(api_key="new")), client, lambda _: None, tmp_path)

    assert line.store.breakers.read("contacts") is None
    assert line.store.limits.rate("contacts") is None
    assert line.store.breakers.read("writeback:shop") is not None
    assert line.store.limits.rate("writeback:shop") == 10
