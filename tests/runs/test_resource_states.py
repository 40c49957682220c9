"""What runs of a resource tell, and when they are done."""

from __future__ import annotations

import pytest

from customer_sync.batch.runs import step
from customer_sync.model import Event, Kind
from customer_sync.store.run import RunState
from tests.engine.toy_orders import LANE
from tests.runs.shop import ago
from tests.runs.test_resources import OrderRunRig, _finish


@pytest.fixture
def rig(client):
    return OrderRunRig(client)


def test_orders_of_known_customers_that_a_run_delivered_are_counted_as_sent(rig):
    rig.shop.add(1)
    rig.orders = {1: (1, 1)}
    _finish(rig, rig.begin("customers"))
    _finish(rig, rig.begin())
    rig.orders |= {n: (n, 1) for n in range(2, 8)}
    before = len(rig.destination.calls)
    run = _finish(rig, rig.begin())
    assert run.state is RunState.DONE
    assert len(rig.destination.calls) == before + 6
    assert run.counts["changed"] == 6
    assert run.counts["sent"] == 6


def test_a_dry_run_of_many_orders_of_one_buyer_counts_one_new_contact(rig):
    rig.orders = {n: (n, 1) for n in range(1, 11)}
    run = rig.read_all(rig.begin(is_dry=True))
    assert run.counts["creates"] == 1


def test_a_run_is_not_done_while_its_order_waits_that_a_live_change_made_more_urgent(rig):
    rig.orders = {1: (1, 1)}
    run = rig.read_all(rig.begin())
    rig.deliver()
    record = {"total": 5, "customer": {"email": "c1@example.com"}}
    event = Event("live:1", "shop", Kind.ORDER_UPDATED, ago(10), "1", "1", record, topic="live")
    rig.send_live(event) if hasattr(rig, "send_live") else _live(rig, event)
    run = rig.look(run)
    assert rig.client.zscore(f"tajo:since:{LANE}", "shop:1") is not None
    assert run.state is RunState.DELIVERING


def _live(rig, event):
    from customer_sync.base.clock import utc_now
    from customer_sync.engine.plan import Planned, Request, commit
    from customer_sync.engine.planner import Planner
    from customer_sync.store.forms import EventRef

    steps = [s for skill in rig.line.skills for s in skill.intent(event).steps]
    groups = Planner(rig.store.people, rig.store.now_ms()).groups(
        steps, [EventRef(event.id, "shop", 1)], utc_now(rig.line.clock)
    )
    commit(rig.store, [Request("", [Planned(groups)])], lambda _: None)


def test_a_lane_that_a_run_does_not_feed_holds_up_no_run(rig, monkeypatch):
    from customer_sync.batch import runs

    monkeypatch.setattr(runs, "HIGH_WATER", 5)
    rig.orders = {n: (n, n) for n in range(1, 11)}
    rig.read_all(rig.begin())  # ten orders wait: their destination is shut
    rig.deliver()
    rig.shop.add(3)
    run = rig.begin("customers")
    step(rig.puller, run.id)
    assert rig.read_run(run).counts["read"] == 3


def test_a_run_does_not_stay_open_until_a_reminder_of_tomorrow_is_due(rig):
    from dataclasses import replace
    from datetime import timedelta

    real = rig.order
    remind = (ago(0) + timedelta(days=1)).isoformat()

    def order(key):
        found = real(key)
        return replace(found, kind=Kind.CART_UPDATED, record={**found.record, "remindAt": remind})

    rig.order = order
    rig.orders = {1: (1, 1)}
    run = rig.read_all(rig.begin())
    rig.deliver()
    rig.deliver_orders()
    assert rig.look(run).state is RunState.DONE
