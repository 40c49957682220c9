"""A lane that no worker can deliver: a skill was switched off, a source removed, another version left work behind."""

from __future__ import annotations

import pytest

from customer_sync import pipeline
from customer_sync.engine.lane import Outcome
from customer_sync.engine.plan import Group, Planned, PlannedPut, Request, commit
from customer_sync.model import Event, Kind, Priority
from customer_sync.person.merge import stamp
from customer_sync.person.person import Part
from customer_sync.store.items import Settlement
from tests.rig import Rig, at

LANE = "toys"


@pytest.fixture
def rig(client):
    """The line with three items in a lane that it has no handler for."""
    found = Rig(client)
    found.store.lanes.register(LANE, keeps="nothing")
    part = Part("", "", None, stamp({"x": 1}, 1))
    puts = [PlannedPut(LANE, part, 1, Priority.LIVE, target=f"shop:{n}") for n in range(3)]
    commit(found.store, [Request("", [Planned([Group(puts=puts)])])], lambda _: None)
    return found


class ToyHandler:
    """Delivers everything, and keeps what it delivered."""

    lane = LANE

    def __init__(self) -> None:
        self.delivered: list[str] = []

    def batch_size(self) -> int:
        return 10

    def begin(self, items, done) -> None:
        self.delivered += [item.target for item in items]
        for item in items:
            done(Outcome(item, Settlement(item.target), "delivered"))


def pause_ends(rig):
    """Let the time of the pause pass."""
    rig.client.hset(f"tajo:brk:{LANE}", "until", 0)


def deliver_all(rig):
    while pipeline.deliver(rig.line, LANE).did_work:
        pass


def test_it_waits_with_one_alert_that_says_what_to_do(rig):
    for _ in range(3):
        rest = pipeline.deliver(rig.line, LANE)
        pause_ends(rig)

    assert (rest.did_work, rest.wait_s) == (False, None)
    (alert,) = rig.store.ledger.alerts()
    assert alert["alert"] == "Lane toys waits: No worker delivers the lane toys."
    assert "Switch the skill or the source" in alert["remedy"]
    assert rig.store.breakers.read(LANE).kind == "config"


def test_its_items_wait_and_burn_no_try(rig):
    pipeline.deliver(rig.line, LANE)

    assert rig.store.lanes.depth(LANE)[0] == 3
    assert rig.client.hlen(f"tajo:tries:{LANE}") == 0
    assert rig.store.parked.count() == 0


def test_other_lanes_go_on(rig):
    pipeline.deliver(rig.line, LANE)
    rig.send(Event("e", "shop", Kind.CUSTOMER_UPDATED, at(-5), "1", "1", {"email": "jane@example.com"}))
    rig.settle()

    assert list(rig.brevo.contacts) == ["jane@example.com"]


def test_nobody_is_woken_for_it_while_it_is_paused(rig):
    pipeline.deliver(rig.line, LANE)

    assert LANE not in rig.store.sweep(1)


def test_once_the_handler_is_there_everything_is_delivered_and_it_is_said(rig):
    pipeline.deliver(rig.line, LANE)
    toys = ToyHandler()
    rig.line.handlers = {**rig.line.handlers, LANE: toys}
    pause_ends(rig)

    deliver_all(rig)

    assert sorted(toys.delivered) == ["shop:0", "shop:1", "shop:2"]
    assert rig.store.breakers.read(LANE) is None
    assert rig.store.ledger.alerts()[0]["alert"] == "Lane toys goes on."


def test_an_older_worker_leaves_the_lane_alone_while_a_newer_one_delivers_it(rig):
    rig.store.lanes.serve([LANE])

    rest = pipeline.deliver(rig.line, LANE)

    assert (rest.did_work, rest.wait_s) == (False, None)
    assert rig.store.ledger.alerts() == []
    assert rig.store.breakers.read(LANE) is None


def test_a_worker_counts_for_twenty_seconds(rig):
    rig.store.lanes.serve([LANE])

    assert 19_000 < rig.client.pttl(f"tajo:served:{LANE}") <= 20_000


def test_a_bulk_wake_up_for_a_lane_without_a_gear_delivers_singly(rig):
    toys = ToyHandler()
    rig.line.handlers = {**rig.line.handlers, LANE: toys}

    assert pipeline.bulk(rig.line, LANE).did_work
    assert len(toys.delivered) == 3
