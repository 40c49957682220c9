"""An order names its buyer once the contact is in Brevo, waits for that, and makes no contact by itself."""

from __future__ import annotations

import pytest

from customer_sync.batch.runs import step
from customer_sync.batch.starts import start
from customer_sync.brevo import order_reach
from customer_sync.brevo.order_reach import HISTORY_MS, LIVE_MS, look_ms, wait_ms
from customer_sync.kit.outbound import Reply
from customer_sync.model import from_ms
from customer_sync.pipeline import deliver
from customer_sync.store.run import RunKind, RunState
from tests.orders.rig import order
from tests.orders.test_history import HistoryRig, sizes


@pytest.fixture
def rig(client, monkeypatch):
    monkeypatch.setattr("customer_sync.brevo.orders.LOOK_MS", 100)
    monkeypatch.setattr(order_reach, "_SOON_MS", 100)
    found = HistoryRig(client)
    found.sandbox.switches.unknown_person = "create"
    return found


def later(rig, ms):
    """Let time pass, and look at every order that waits."""
    rig.clock.set(from_ms(rig.clock() + ms))
    for prio in "012":
        for target in rig.client.zrange(f"tajo:q:orders:{prio}", 0, -1):
            rig.client.zadd(f"tajo:q:orders:{prio}", {target: 0})
    deliver(rig.line, "orders")


def owned(rig):
    """Which contact each order of Brevo belongs to."""
    addresses = {one.id: one.email for one in everybody(rig)}
    return {name: addresses.get(row.get("contact_id")) for name, row in rig.orders.items()}


def everybody(rig):
    """The contacts of Brevo, whoever made them."""
    return rig.sandbox.contacts.roll.choose(None, None)[:]


@pytest.mark.parametrize("lanes", [("orders", "contacts"), ("contacts", "orders"), ("orders", "orders", "contacts")])
def test_after_a_first_full_sync_every_order_has_its_contact_whatever_lane_goes_first(rig, lanes):
    rig.shop.add(20)  # the buyers of some of them
    rig.fill(31)
    runs = [start(rig.puller, "shop", RunKind.FULL, resource=one) for one in ("customers", "orders")]
    for run in runs:
        rig.read_all(run)
    for lane in lanes:
        deliver(rig.line, lane)
    rig.deliver()
    rig.deliver_orders()
    for run in runs:
        rig.again(run)
        step(rig.puller, run.id)

    assert owned(rig) == {f"shop:{n}": f"c{n}@example.com" for n in range(31)}
    assert [rig.read_run(run).state for run in runs] == [RunState.DONE] * 2
    assert len(everybody(rig)) == 31
    assert sizes(rig) == [31]


def test_a_run_is_not_done_while_its_orders_wait_for_contacts_and_no_try_is_used_up(rig):
    rig.fill(5)
    run = rig.begin()
    rig.read_all(run)
    deliver(rig.line, "orders")
    step(rig.puller, run.id)

    assert rig.read_run(run).state is not RunState.DONE
    assert (rig.waits(), rig.client.hlen("tajo:tries:orders"), rig.called("/orders/status/batch")) == (5, 0, [])


def test_a_live_order_goes_the_moment_its_new_buyer_is_there(rig):
    rig.send(order())
    rig.read()
    rig.deliver_orders(patience_s=0.0)
    before = dict(rig.orders)
    rig.deliver()
    rig.deliver_orders(patience_s=0.06)

    assert before == {}
    assert owned(rig) == {"shop:1001": "ann@example.com"}
    assert rig.fired == [("paid", "shop:1001")]


def test_a_live_order_waits_a_minute_and_then_goes_for_nobody_until_the_contact_is_there(rig):
    rig.send(order())
    rig.read()
    later(rig, LIVE_MS - 30_000)
    waits = dict(rig.orders)
    later(rig, 30_001)
    alone = owned(rig), everybody(rig)
    rig.deliver()
    later(rig, 60_000)

    assert waits == {}
    assert alone == ({"shop:1001": None}, [])
    assert owned(rig) == {"shop:1001": "ann@example.com"}
    assert len(rig.called("/orders/status")) == 2
    assert rig.store.lanes.depth("orders")[0] == 0


def test_history_waits_an_hour_and_is_sent_again_as_history_with_its_buyer(rig):
    rig.fill(3)
    rig.read_all(rig.begin())
    later(rig, HISTORY_MS - 60_000)
    waits = dict(rig.orders)
    later(rig, 360_000)  # it was put off by five minutes
    alone = owned(rig), everybody(rig)
    rig.deliver()
    later(rig, 60_000)
    later(rig, 1_000)

    assert waits == {}
    assert alone == (dict.fromkeys(("shop:0", "shop:1", "shop:2")), [])
    assert owned(rig) == {f"shop:{n}": f"c{n}@example.com" for n in range(3)}
    assert (sizes(rig), rig.fired) == ([3, 3], [])


def test_an_order_that_named_nobody_is_looked_at_again_without_a_call(rig):
    rig.fill(1)
    rig.read_all(rig.begin())
    later(rig, HISTORY_MS + 1)
    is_over = rig.client.scard("tajo:put_off:orders") == 0  # no run waits for it
    for _ in range(3):
        later(rig, 3_600_000)

    assert sizes(rig) == [1]
    assert rig.client.zcard("tajo:q:orders:1") == 1
    assert is_over


def test_the_order_of_a_parked_person_goes_at_once_and_names_nobody(rig):
    rig.send(order())
    rig.read()
    refuse_contacts(rig)
    rig.deliver()
    rig.deliver_orders()

    assert rig.client.hlen("tajo:parked") == 1
    assert owned(rig) == {"shop:1001": None}
    assert everybody(rig) == []


def refuse_contacts(rig):
    """Let Brevo refuse every contact."""
    real = rig.http.send

    def send(method, url, *, headers, body=None):
        if "/contacts" in url and body:
            return Reply(400, {}, b'{"code": "invalid_parameter", "message": "bad"}')
        return real(method, url, headers=headers, body=body)

    rig.http.send = send


def test_an_order_of_an_address_to_which_no_customer_leads_makes_no_contact(rig):
    rig.line.skills = rig.line.skills[1:]  # customers are not kept in step
    rig.tell(order())

    assert owned(rig) == {"shop:1001": None}
    assert everybody(rig) == []


def test_history_is_looked_at_about_twenty_times_in_its_hour():
    waited, looks = 0, 0
    while (pause := wait_ms(waited, is_history=True)) is not None:
        waited, looks = waited + pause, looks + 1

    assert looks < 30
    assert HISTORY_MS <= waited < HISTORY_MS + 300_000


def test_an_order_that_names_nobody_is_looked_at_for_72_hours():
    assert look_ms(0, 0) == 60_000
    assert look_ms(0, 72 * 3_600_000 - 1) is not None
    assert look_ms(0, 72 * 3_600_000) is None
