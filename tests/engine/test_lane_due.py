"""When a record of another lane is due: by what was told last, and never hotter than a failure allows."""

from __future__ import annotations

from dataclasses import replace

import pytest

from customer_sync.engine.plan import Due, RecordSays
from customer_sync.errors import Parkable, TryLater
from customer_sync.skills import Intent
from tests.engine.test_addresses import customer
from tests.engine.test_lanes import LANE, OrdersRig, bought, cart
from tests.rig import at


@pytest.fixture
def rig(client):
    return OrdersRig(client)


class Delayed:
    """Says an order that is due some seconds from now, at the sooner of two times."""

    name = "delayed"

    def intent(self, event):
        after_s = event.record["after"]
        due = Due(at(after_s)) if after_s else Due()
        return Intent(
            [RecordSays(LANE, event.source, "7", event.occurred_at, {"total": event.record["total"]}, due=due)]
        )


@pytest.mark.parametrize("is_leased", [False, True])
def test_what_is_due_now_stays_due_now_when_something_for_later_is_told_behind_it(rig, is_leased):
    rig.line.skills[:] = [Delayed()]

    def tell(n, after):
        rig.send(replace(bought(-50 + n, total=n, after=after), id=f"e{n}"))
        rig.read()

    def two():
        tell(1, 0)
        tell(2, 3600)

    tell(0, 0)
    if is_leased:
        rig.shop.meanwhile = two
    else:
        two()
    rig.deliver_orders()
    assert rig.shop.orders["shop:7"]["total"] == 2


def test_cart_that_failed_once_is_due_at_the_time_that_was_told_last(rig):
    rig.send(customer(1, "ann@example.com", -100))
    rig.shop.faults["shop:7"] = TryLater("busy")
    rig.send(cart(-50, -40))
    rig.settle()
    rig.send(cart(-30, 7200))
    rig.settle()
    rig.send(cart(-20, 1800))
    rig.settle()
    assert rig.due("shop:7") == at(1800).timestamp() * 1000


def test_replay_does_not_bring_a_cart_forward_that_was_put_off_meanwhile(rig):
    rig.send(customer(1, "ann@example.com", -100))
    rig.shop.faults["shop:7"] = Parkable("no", "no")
    rig.send(cart(-50, -40))
    rig.settle()
    rig.shop.faults.clear()
    rig.shop.calls.clear()
    rig.send(cart(-30, 3600))
    rig.settle()
    (parked,) = rig.store.parked.list()
    rig.store.parked.replay(parked)
    rig.settle()
    assert not rig.shop.calls


def test_limit_that_ends_later_than_any_may_counts_as_past(rig):
    rig.client.hset("tajo:lim:toy", mapping={"rps": 0, "hold": rig.store.now_ms() + 2 * 86_400_000})
    assert rig.store.limits.reserve("toy", 1).offsets_s


def test_lease_that_ends_later_than_any_may_counts_as_over(rig):
    rig.send(bought(-50))
    rig.read()
    rig.store.lanes.take(LANE, 1)
    rig.client.zadd(f"tajo:lease:{LANE}", {"shop:1001": rig.store.now_ms() + 2 * 86_400_000})
    rig.deliver_orders()
    assert rig.shop.calls


def test_what_is_put_off_does_not_wait_yet(rig):
    rig.send(customer(1, "ann@example.com", -100))
    rig.send(cart(-50, 3600, key="8"))
    rig.read()
    put_off = rig.store.lanes.depth(LANE)
    rig.send(bought(-40))
    rig.read()

    assert put_off == (0, None)
    assert rig.store.lanes.depth(LANE)[0] == 1
