"""Whose an order is, and what an erasure forgets: by the newest word, whatever comes first."""

from __future__ import annotations

from dataclasses import replace

import pytest

from customer_sync.engine.plan import RecordSays, Who
from customer_sync.errors import Parkable
from customer_sync.model import EventState
from customer_sync.operate.erasure import forget_traces, whom
from customer_sync.skills import Intent
from tests.engine.hands import erased, merged
from tests.engine.test_addresses import customer
from tests.engine.test_lanes import LANE, OrdersRig, bought, cart
from tests.rig import at


@pytest.fixture
def rig(client):
    return OrdersRig(client)


def bare(event, **record):
    return replace(event, record={"customer": event.record["customer"], **record})


def test_an_older_word_that_arrives_late_does_not_give_the_order_to_the_person_it_belonged_to_before(rig):
    rig.send(customer(1, "ann@example.com", -100))
    rig.send(customer(2, "bob@example.com", -100))
    rig.settle()
    rig.send(bought(-50, 1, email="ann@example.com", total=20))
    rig.send(bought(-90, 2, email="bob@example.com", total=10))  # older, and arrives later
    rig.settle()
    assert rig.shop.orders["shop:1001"] == {"total": 20, "email": "ann@example.com", "may_mail": "unknown"}


def test_the_same_after_the_newer_word_was_delivered(rig):
    rig.send(customer(1, "ann@example.com", -100))
    rig.send(customer(2, "bob@example.com", -100))
    rig.settle()
    rig.send(bought(-50, 1, email="ann@example.com", total=20))
    rig.settle()
    rig.send(bought(-90, 2, email="bob@example.com", total=10, status="new"))
    rig.settle()
    assert rig.shop.orders["shop:1001"]["email"] == "ann@example.com"


def test_an_erasure_of_the_former_owner_takes_no_order_from_its_present_one(rig):
    rig.send(customer(1, "ann@example.com", -100))
    rig.send(customer(2, "bob@example.com", -100))
    rig.send(bought(-90, 1, email="ann@example.com"))
    rig.settle()
    rig.send(bought(-50, 2, email="bob@example.com", total=20))
    rig.settle()
    rig.send(bought(-40, 2, email="bob@example.com", total=30))
    rig.send(erased(1, "ann@example.com", -10))
    rig.read()
    rig.deliver()
    rig.deliver_orders()
    assert rig.shop.orders["shop:1001"]["total"] == 30


def test_what_waited_from_before_an_erasure_does_not_come_back_beside_what_is_newer(rig):
    rig.send(customer(1, "ann@example.com", -100))
    rig.settle()
    rig.send(bare(bought(-90), status="secret"))
    rig.read()
    rig.send(bare(bought(-40), total=11))
    rig.send(erased(1, "ann@example.com", -50))
    rig.read()
    rig.deliver()
    rig.deliver_orders()
    rig.settle()
    kept = rig.client.get("tajo:rec:orders:shop:1001") or b""
    assert b"secret" not in kept
    assert "status" not in rig.shop.orders.get("shop:1001", {})


def test_a_worker_that_holds_an_order_during_an_erasure_does_not_write_the_old_record_back(rig):
    rig.send(customer(1, "ann@example.com", -100))
    rig.send(bare(bought(-90), status="secret"))
    rig.settle()
    rig.send(bare(bought(-60), total=10))
    rig.read()

    def meanwhile():
        rig.send(bare(bought(-40), total=11))
        rig.send(erased(1, "ann@example.com", -50))
        rig.read()
        rig.deliver()

    rig.shop.meanwhile = meanwhile
    rig.deliver_orders()
    rig.settle()
    assert b"secret" not in (rig.client.get("tajo:rec:orders:shop:1001") or b"")


def test_an_order_newer_than_the_erasure_that_was_delivered_before_it_is_not_forgotten(rig):
    rig.send(customer(1, "ann@example.com", -100))
    rig.settle()
    rig.send(erased(1, "ann@example.com", -50))
    rig.read()
    rig.send(bought(-40, total=11))
    rig.read()
    rig.deliver_orders()  # the lane of people is slower, or paused
    rig.deliver()
    rig.settle()
    assert rig.client.exists("tajo:rec:orders:shop:1001")
    rig.send(bare(bought(-30), status="paid"))
    rig.settle()
    assert rig.shop.orders["shop:1001"]["total"] == 11


def test_a_compacted_order_with_something_newer_than_the_erasure_is_not_dropped(rig):
    class Wide:
        name = "wide"

        def intent(self, event):
            who = Who(event.source, event.occurred_at, "1")
            fields = {name: value for name, value in event.record.items() if name != "customer"}
            return Intent([RecordSays(LANE, event.source, "1001", event.occurred_at, fields, who)])

    rig.send(customer(1, "ann@example.com", -2000))
    rig.settle()
    rig.line.skills[:] = [rig.line.skills[0], Wide()]
    rig.send(bare(bought(-900), total=1, status="new", tax=2))
    rig.send(bare(bought(-40), total=11))  # newer than the erasure
    rig.read()
    assert rig.store.lanes.compact(LANE, "shop:1001")
    rig.send(replace(erased(1, "ann@example.com", -50), record={}))
    rig.line.skills.pop()
    rig.read()
    rig.deliver()
    assert rig.client.exists("tajo:c:orders:shop:1001")


def test_an_order_of_a_customer_who_was_merged_and_erased_does_not_come_back(rig):
    rig.send(customer(1, "one@example.com", -100))
    rig.send(customer(2, "two@example.com", -100))
    rig.send(merged(1, 2, -60))
    rig.settle()
    rig.send(erased(2, "two@example.com", -20))
    rig.settle()
    found = bought(-40, 1)
    found = replace(found, record={"total": 7})
    rig.send(found)
    rig.settle()
    assert not rig.client.keys("tajo:rec:orders:*")


@pytest.mark.parametrize("bad", ["8", "9"])
@pytest.mark.parametrize("apart", [False, True])
def test_an_event_of_two_orders_of_which_one_is_parked_is_parked(rig, bad, apart):
    class Two:
        name = "two"

        def intent(self, event):
            return Intent([RecordSays(LANE, event.source, key, event.occurred_at, {"total": 1}) for key in ("8", "9")])

    rig.line.skills[:] = [Two()]
    rig.shop.faults[f"shop:{bad}"] = Parkable("no", "no")
    rig.send(customer(1, "ann@example.com", -50))
    rig.read()
    if apart:
        import time

        rig.line.handlers[LANE].batch_size = lambda: 1
        rig.shop.meanwhile = lambda: time.sleep(0.005)
    rig.deliver_orders()
    event = rig.store.ledger.events()[0]
    assert rig.store.parked.count() == 1
    assert event.state is EventState.PARKED


def test_a_replayed_order_from_before_does_not_take_the_order_back_to_its_former_owner(rig):
    rig.send(customer(1, "ann@example.com", -100))
    rig.send(customer(2, "bob@example.com", -100))
    rig.settle()
    rig.shop.faults["shop:1001"] = Parkable("no", "no")
    rig.send(bought(-90, 1, email="ann@example.com", status="new"))
    rig.settle()
    rig.shop.faults.clear()
    rig.send(bought(-50, 2, email="bob@example.com", total=20))
    rig.settle()
    (parked,) = rig.store.parked.list()
    rig.store.parked.replay(parked)
    rig.settle()
    assert rig.shop.orders["shop:1001"]["email"] == "bob@example.com"


def test_a_customer_only_known_by_orders_is_forgotten(rig):
    from tests.engine.toy_orders import OrderEvents

    rig.line.skills[:] = [one for one in rig.line.skills if not hasattr(one, "x")]
    customer_sync = rig.line.skills[0]
    rig.line.skills[:] = [OrderEvents()]
    rig.send(replace(bought(-90, 1), record={"total": 7}))
    rig.settle()
    rig.line.skills[:] = [customer_sync, OrderEvents()]
    rig.send(replace(erased(1, "ann@example.com", -10), record={}))
    rig.settle()
    assert not rig.client.keys("tajo:rec:orders:*")


def test_an_older_cart_that_arrives_late_does_not_move_the_reminder(rig):
    rig.send(customer(1, "ann@example.com", -100))
    rig.send(cart(-30, 7200))
    rig.read()
    rig.send(cart(-60, 1800))
    rig.read()

    assert rig.due("shop:7") == at(7200).timestamp() * 1000


def test_a_parked_order_of_a_merged_and_erased_customer_is_forgotten(rig):
    rig.send(customer(1, "one@example.com", -100))
    rig.send(
        customer(9, "one@example.com", -100, source="crm")
        if "crm" in rig.line.connectors
        else customer(9, "one@example.com", -99)
    )
    rig.send(customer(2, "two@example.com", -100))
    rig.settle()
    rig.shop.faults["shop:1001"] = Parkable("no", "no")
    rig.send(bought(-90, 1, email="one@example.com"))
    rig.settle()
    rig.send(merged(1, 2, -60))
    rig.settle()
    forget_traces(rig.store, rig.line.connectors, whom(rig.store, "two@example.com"))

    assert rig.store.parked.count() == 0


def test_a_merge_of_a_customer_whom_only_orders_know_takes_the_orders_along(rig):
    from tests.engine.toy_orders import OrderEvents

    customer_sync = rig.line.skills[0]
    rig.line.skills[:] = [OrderEvents()]
    rig.send(replace(bought(-90, 1), record={"total": 7}))
    rig.settle()
    rig.line.skills[:] = [customer_sync, OrderEvents()]
    rig.send(customer(2, "two@example.com", -100))
    rig.send(merged(1, 2, -60))
    rig.settle()
    rig.send(erased(2, "two@example.com", -20))
    rig.settle()
    assert not rig.client.keys("tajo:rec:orders:*")


def test_a_cart_that_is_put_off_is_no_backlog(rig):
    for seen, due in ((-50, 3 * 3600), (-40, 6 * 3600)):
        rig.send(cart(seen, due))
        rig.settle()

        due_ms = int(at(due).timestamp() * 1000)
        assert rig.store.lanes.depth(LANE) == (0, None)
        assert rig.store.lanes.queue(LANE, due_ms - 1) == (0, None, 1)
        assert rig.store.lanes.queue(LANE, due_ms) == (1, due_ms, 0)


def test_an_erasure_that_waits_does_not_let_an_order_of_the_person_be_delivered_with_the_address(rig):
    rig.send(customer(1, "ann@example.com", -100))
    rig.settle()
    rig.send(bought(-90))
    rig.read()
    rig.send(erased(1, "ann@example.com", -50))
    rig.read()
    rig.deliver_orders()  # the lane of people is slower, or paused
    assert "ann@example.com" not in str(rig.shop.orders)


def test_a_withdrawal_that_waits_for_brevo_holds_for_the_other_lanes_already(rig):
    from tests.engine.test_addresses import consent, opt_in
    from tests.engine.test_lanes import WITHDRAWN

    rig.send(customer(1, "ann@example.com", -100, opt_in(-100)))
    rig.settle()
    rig.send(consent(1, "ann@example.com", -30, WITHDRAWN))
    rig.send(bought(-20))
    rig.read()
    rig.deliver_orders()  # Brevo is paused (401, or down): nothing of the lane of people is delivered
    assert rig.shop.orders["shop:1001"]["may_mail"] == "withdrawn"


def test_the_order_of_a_customer_who_is_new_does_not_go_off_without_their_consent(rig):
    from tests.engine.test_addresses import opt_in
    from tests.engine.test_lanes import WITHDRAWN

    rig.send(customer(1, "ann@example.com", -100, opt_in(-100, WITHDRAWN)))
    rig.send(bought(-20))
    rig.read()
    rig.deliver_orders()
    assert rig.shop.orders["shop:1001"]["may_mail"] == "withdrawn"
