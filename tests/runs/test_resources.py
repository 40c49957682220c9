"""A run reads one resource of a source and is done when the lanes that it fed are: a toy lane of orders shows it."""

from __future__ import annotations

import pytest

from customer_sync.batch import runs
from customer_sync.batch.runs import step
from customer_sync.batch.starts import start
from customer_sync.kit.reach import Page
from customer_sync.model import Event, Kind, Priority
from customer_sync.pipeline import deliver
from customer_sync.store.breaker import Pause
from customer_sync.store.run import Busy, RunKind, RunState
from tests.engine.toy_orders import LANE, OrderEvents, OrdersHandler, Shop
from tests.runs.shop import RunRig, ago


class OrderRunRig(RunRig):
    """A shop whose orders can be pulled, too."""

    def __init__(self, client):
        super().__init__(client)
        self.orders = {}
        self.when = ago(4000)
        self.destination = Shop()
        self.line.skills.append(OrderEvents())
        self.line.handlers[LANE] = OrdersHandler(self.store, self.destination, lambda: self.rules)
        self.store.lanes.register(LANE, keeps="records")
        self.puller.wanted = lambda _: ("customers", "orders")
        connector, customers = self.sources["shop"], self.sources["shop"].pull

        def pull(want, access):
            return customers(want, access) if want.resource == "customers" else self.page(want)

        connector.pull = pull

    def page(self, want):
        after = int(str((want.cursor or {}).get("after", 0)))
        wanted = sorted(key for key in self.orders if key > after)
        events = [self.order(key) for key in wanted[:10]]
        return Page(events, {"after": wanted[9]} if len(wanted) > 10 else None)

    def order(self, key):
        total, number = self.orders[key]
        record = {"total": total, "customer": {"email": f"c{number}@example.com"}}
        return Event(
            f"pull:order:{key}", "shop", Kind.ORDER_UPDATED, self.when, str(key), str(number), record, topic="pull"
        )

    def begin(self, resource="orders", **more):
        return start(self.puller, "shop", RunKind.FULL, resource=resource, **more)

    def read_all(self, run):
        while self.read_run(run).state is RunState.RUNNING:
            step(self.puller, run.id)
        return self.look(run)

    def deliver_orders(self):
        while deliver(self.line, LANE).did_work:
            pass

    def look(self, run):
        self.client.hset(f"tajo:run:{run.id}", "due", 0)
        step(self.puller, run.id)
        return self.read_run(run)


@pytest.fixture
def rig(client):
    return OrderRunRig(client)


def test_a_run_of_orders_is_done_when_its_orders_are_and_not_before(rig):
    rig.orders = {key: (key, 1) for key in range(1, 26)}
    run = rig.read_all(rig.begin())
    rig.deliver()  # the lane of people has nothing left
    run = rig.look(run)

    assert run.state is RunState.DELIVERING
    assert run.waiting == 25
    assert set(run.lanes) == {"contacts", "orders"}

    rig.deliver_orders()
    run = rig.look(run)
    assert run.state is RunState.DONE
    assert len(rig.destination.orders) == 25


def test_a_run_that_waits_for_a_paused_lane_says_which_and_why(rig):
    rig.orders = {1: (1, 1)}
    rig.store.breakers.trip(LANE, Pause("unavailable", "the shop is shut", "Open it.", 1))
    run = rig.read_all(rig.begin())
    rig.deliver()
    run = rig.look(run)

    assert (run.state, run.reason) == (RunState.DELIVERING, "the shop is shut")


def test_orders_that_are_known_are_not_put_again(rig):
    rig.orders = {key: (key, 1) for key in range(1, 6)}
    _finish(rig, rig.begin())
    rig.orders[3] = (99, 1)
    calls = len(rig.destination.calls)
    run = _finish(rig, rig.begin())

    assert rig.destination.calls[calls:] == ["shop:3"]
    assert run.counts["unchanged"] == 4
    assert run.counts["changed"] == 1


def _finish(rig, run):
    rig.read_all(run)
    rig.deliver()
    rig.deliver_orders()
    return rig.look(run)


def test_each_resource_of_a_source_has_a_run_of_its_own(rig):
    rig.shop.add(5)
    rig.orders = {1: (1, 1)}
    customers, orders = rig.begin("customers"), rig.begin("orders")
    with pytest.raises(Busy):
        rig.begin("orders")

    assert rig.store.runs.open_run("shop").id == customers.id
    assert rig.store.runs.open_run("shop", "orders").id == orders.id
    assert [_finish(rig, run).state for run in (customers, orders)] == [RunState.DONE] * 2
    assert rig.store.runs.open_runs() == []
    assert rig.store.runs.reach("shop", "orders")["full_ms"] == orders.started_ms


def test_no_page_is_read_while_a_lane_that_the_run_feeds_is_full(rig, monkeypatch):
    monkeypatch.setattr(runs, "HIGH_WATER", 5)
    rig.orders = {key: (key, 1) for key in range(1, 26)}
    run = rig.begin()
    step(rig.puller, run.id)
    rig.deliver()
    step(rig.puller, run.id)

    assert rig.read_run(run).counts["read"] == 10


def test_orders_of_a_run_go_behind_those_that_came_live(rig):
    rig.orders = {key: (key, 1) for key in range(1, 4)}
    rig.read_all(rig.begin())

    assert {item.priority for item in rig.store.lanes.take(LANE, 10).items} == {Priority.BULK}


def test_the_brake_counts_contacts_and_no_orders(rig):
    rig.orders = {key: (key, 1) for key in range(1, 101)}
    run = _finish(rig, rig.begin())

    assert run.state is RunState.DONE
    assert run.counts["harmed"] == 0
    assert len(rig.destination.orders) == 100
