"""Batches overlap: a slow call keeps back nobody, and nothing is taken that nobody could work on."""

from __future__ import annotations

import threading
from contextlib import nullcontext

import pytest

from customer_sync import pipeline
from customer_sync.engine import flow as module
from customer_sync.engine.flow import Flow
from customer_sync.engine.lane import NOT_BEGUN, Outcome
from customer_sync.errors import Unavailable
from customer_sync.model import Priority
from customer_sync.store import keys
from customer_sync.store.items import Item, Settlement, Taken
from tests.reliability.servers import wait_until
from tests.toy_lane import ORDERS, order

LANE = ORDERS.name


@pytest.fixture
def slow(rig, land):
    """An order whose call is out, and the step that made it."""
    land.answers = {"shop:slow": 0}
    order(rig.store, "shop:slow")
    order(rig.store, "shop:beside")
    step = threading.Thread(target=pipeline.deliver, args=(rig.line, LANE))
    step.start()
    wait_until(lambda: "shop:slow" in land.asked, "the slow call is made", 5)
    yield step
    land.is_open.set()
    step.join(10)


def waiting(rig):
    return set(rig.client.zrange(keys.lane(LANE, "since"), 0, -1))


def test_what_was_taken_with_a_slow_call_is_settled_before_it_ends(rig, slow):
    wait_until(lambda: waiting(rig) == {b"shop:slow"}, "the other one is settled", 5)

    assert slow.is_alive()


def test_what_comes_while_a_slow_call_is_out_is_delivered_meanwhile(rig, land, slow):
    order(rig.store, "shop:later")

    wait_until(lambda: waiting(rig) == {b"shop:slow"}, "the later one is delivered", 5)

    assert slow.is_alive()
    assert "shop:later" in land.asked


def test_what_comes_long_after_a_slow_call_is_delivered_meanwhile(rig, land, slow, monkeypatch):
    monkeypatch.setattr(module, "SLOW_S", 0.3)
    slow.join(module.FLOW_S + 0.2)  # others had their turn, were there any
    order(rig.store, "shop:later")

    wait_until(lambda: waiting(rig) == {b"shop:slow"}, "the later one is delivered", 5)

    assert slow.is_alive()


# when more is taken --------------------------------------------------------------------------------------------------


class Hands:
    """A handler whose results come when the test says so."""

    lane = ORDERS

    def __init__(self):
        self.out = []

    def batch_size(self):
        return 8

    def begin(self, items, done):
        self.out += [(item, done) for item in items]

    def end(self, count, error=None):
        for item, done in self.out[:count]:
            done(Outcome(item, Settlement(item.target, "done"), "held" if error else "delivered", "", error))
        del self.out[:count]


@pytest.fixture
def hands():
    return Hands()


@pytest.fixture
def seconds():
    return [0.0]


@pytest.fixture
def flow(hands, seconds):
    return Flow(hands, lambda: seconds[0])


def take(flow, count, state="taken"):
    items = tuple(Item(f"shop:{n}", (), (), 0, 0, Priority.LIVE, "") for n in range(count))
    flow.begin(Taken(state, 0.0, "token", items), 8, nullcontext())


def test_the_next_batch_is_taken_when_few_calls_of_a_full_one_are_out(flow, hands):
    take(flow, 8)
    assert not flow.has_room()

    hands.end(6)

    assert flow.has_room()


def test_a_flow_takes_no_other_batch_after_its_last_call(flow, hands):
    take(flow, 8)
    hands.end(8)
    (batch, delivery) = flow.results()[0]
    flow.close(batch)

    assert len(delivery.outcomes) == 8
    assert not flow.has_room()
    assert not flow.is_busy


def test_where_fewer_were_found_than_asked_for_it_is_looked_again_in_a_moment(flow, seconds):
    take(flow, 2)
    assert not flow.has_room()

    seconds[0] += module.LOOK_S

    assert flow.has_room()


def test_after_its_time_a_flow_takes_nothing_unless_a_call_is_slow(flow, hands, seconds):
    take(flow, 8)
    hands.end(6)
    seconds[0] = module.FLOW_S
    assert not flow.has_room()

    seconds[0] = module.SLOW_S + 0.1

    assert flow.has_room()


def test_a_flow_whose_calls_never_end_comes_to_an_end_itself(flow, hands, seconds):
    take(flow, 8)
    hands.end(7)

    seconds[0] = module.MOST_S

    assert not flow.has_room()


def test_where_all_calls_are_slow_no_more_is_taken_than_can_be_called(flow, hands, seconds):
    take(flow, 8)
    seconds[0] = module.SLOW_S + 0.1
    assert flow.has_room()

    take(flow, 8)

    assert not flow.has_room()


def test_after_a_pause_one_item_is_tried_and_nothing_else_is_taken(flow, seconds):
    take(flow, 1, state="probe")

    seconds[0] = module.LOOK_S

    assert not flow.has_room()


# failures wait for the end of their batch ----------------------------------------------------------------------------


def test_a_failure_waits_until_it_is_known_whether_the_others_got_through(flow, hands):
    take(flow, 8)
    hands.end(1, Unavailable("Closed."))
    assert [delivery.outcomes for _, delivery in flow.results()] == [[]]

    hands.end(7)
    ((_, delivery),) = flow.results()

    assert delivery.pause is None
    assert sorted(one.word for one in delivery.outcomes) == ["again"] + ["delivered"] * 7


def test_after_a_failure_nothing_is_taken_until_it_is_known_what_is_at_fault(flow, hands, seconds):
    take(flow, 2)
    seconds[0] += module.LOOK_S
    hands.end(1, Unavailable("Closed."))
    flow.results()

    assert not flow.has_room()


def test_what_was_not_begun_waits_with_the_failure_that_stopped_it(flow, hands):
    take(flow, 8)
    hands.end(1, Unavailable("Closed."))
    for item, done in hands.out[:6]:
        done(Outcome(item, Settlement(item.target, "again"), "held", NOT_BEGUN))
    del hands.out[:6]
    assert [delivery.outcomes for _, delivery in flow.results()] == [[]]

    hands.end(1, Unavailable("Closed."))
    ((_, delivery),) = flow.results()

    assert len(delivery.outcomes) == 8
    assert isinstance(delivery.pause, Unavailable)


def test_others_that_got_through_and_were_settled_before_the_failure_count(flow, hands):
    take(flow, 8)
    hands.end(7)
    flow.results()
    hands.end(1, Unavailable("Closed."))

    ((_, delivery),) = flow.results()

    assert delivery.pause is None
    assert [one.settlement.burns for one in delivery.outcomes] == [True]


def test_a_lane_whose_calls_all_fail_waits(flow, hands):
    take(flow, 8)
    hands.end(8, Unavailable("Closed."))

    ((_, delivery),) = flow.results()

    assert isinstance(delivery.pause, Unavailable)
    assert not any(one.settlement.burns for one in delivery.outcomes)
