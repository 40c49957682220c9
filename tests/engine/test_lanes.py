"""A lane is data: a toy lane of orders, which lives in these tests only, keeps every promise of the one of people."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from customer_sync.errors import Parkable, TryLater, Unavailable
from customer_sync.model import EventState, Kind, Priority
from customer_sync.operate.erasure import forget_traces, request_erasure, whom
from customer_sync.pipeline import deliver
from customer_sync.store import connect
from customer_sync.store.forms import VERSION
from customer_sync.store.items import Settlement
from customer_sync.store.lanes import COMPACT_AT
from tests.engine.hands import erased, merged, texts
from tests.engine.test_addresses import consent, customer, deleted, opt_in, order
from tests.engine.toy_orders import LANE, OrderEvents, OrdersHandler, Shop
from tests.explore import look
from tests.rig import Rig, at

WITHDRAWN = opt_in(0).state.WITHDRAWN


class OrdersRig(Rig):
    """The line with a second lane."""

    def __init__(self, client, **more):
        super().__init__(client, **more)
        self.shop = Shop()
        self.line.skills.append(OrderEvents())
        self.line.handlers[LANE] = OrdersHandler(self.store, self.shop, lambda: self.rules)
        self.register()

    def register(self):
        self.store.lanes.register(LANE, keeps="records")

    def reset(self):
        super().reset()
        self.register()
        self.shop.orders.clear()
        self.shop.calls.clear()

    def deliver_orders(self):
        while deliver(self.line, LANE).did_work:
            pass

    def settle(self):
        super().settle()
        self.deliver_orders()

    def due(self, target):
        scores = [self.client.zscore(f"tajo:q:{LANE}:{priority}", target) for priority in range(3)]
        return next((score for score in scores if score is not None), None)


@pytest.fixture
def rig(client):
    return OrdersRig(client)


def bought(when, number=1, *, key="1001", total=10, email="ann@example.com", source="shop", **more):
    """An order of a customer, or of a buyer without an account where the number is None."""
    found = order(when, email, number=number, source=source)
    return replace(found, id=f"{source}:{key}:{when}", record_id=key, record={**found.record, "total": total, **more})


def cart(when, remind, key="7"):
    found = bought(when, key=key)
    return replace(found, kind=Kind.CART_UPDATED, record={**found.record, "remindAt": at(remind).isoformat()})


# whose it is ----------------------------------------------------------------------------------------------------------


def test_an_order_whose_key_is_a_person_s_number_overwrites_nobody(rig):
    rig.send(customer(1, "ann@example.com", -100, firstName="Ann"))
    rig.settle()
    number = rig.store.people.find("ann@example.com")
    rig.send(bought(-50, key=number, source="shop"))
    rig.settle()

    assert rig.store.people.read(number).email == "ann@example.com"
    assert rig.shop.orders[f"shop:{number}"]["total"] == 10


def test_an_order_knows_its_person_and_the_ledger_too_and_no_lane_but_that_of_people_holds_an_address(rig):
    rig.send(customer(1, "ann@example.com", -100, firstName="Ann"))
    rig.send(bought(-50))
    rig.read()
    number = rig.store.people.find("ann@example.com")
    waiting = [text for key, text in texts(rig).items() if b":orders" in key]
    rig.settle()

    kept = [text for key, text in texts(rig).items() if b":orders" in key or b":of:" in key]
    assert waiting
    assert kept
    assert not [text for text in (*waiting, *kept) if "example.com" in text]
    assert rig.store.ledger.event("shop:1001:-50").person == number
    assert rig.shop.orders["shop:1001"] == {"total": 10, "email": "ann@example.com", "may_mail": "unknown"}


def test_the_order_of_somebody_without_an_account_is_that_of_the_address(rig):
    rig.send(bought(-50, None, email="guest@example.com"))
    rig.settle()

    assert rig.shop.orders["shop:1001"]["email"] == "guest@example.com"


def test_an_order_that_is_nobody_s_waits_for_nobody(rig):
    rig.send(replace(bought(-50, None), record={"total": 3}))
    rig.settle()

    assert rig.shop.orders["shop:1001"] == {"total": 3}


def test_address_and_consent_are_those_of_the_moment_of_the_delivery(rig):
    rig.send(customer(1, "ann@example.com", -100, opt_in(-100)))
    rig.settle()
    rig.send(bought(-50))
    rig.read()
    rig.send(customer(1, "new@example.com", -40))
    rig.send(consent(1, "new@example.com", -30, WITHDRAWN))
    rig.settle()

    assert rig.shop.orders["shop:1001"] == {"total": 10, "email": "new@example.com", "may_mail": "withdrawn"}


def test_orders_of_a_customer_who_was_merged_are_those_of_the_customer_who_goes_on(rig):
    rig.send(customer(1, "one@example.com", -100))
    rig.send(customer(2, "two@example.com", -100))
    rig.send(bought(-90, 1, email="one@example.com"))
    rig.settle()
    rig.send(merged(1, 2, -50))
    rig.send(bought(-40, 1, total=11, email="one@example.com"))
    rig.settle()
    assert rig.shop.orders["shop:1001"]["email"] == "two@example.com"

    rig.send(erased(2, "two@example.com", -20))
    rig.settle()
    assert not rig.client.exists("tajo:rec:orders:shop:1001")


# what becomes of it ---------------------------------------------------------------------------------------------------


@look(60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(data=st.data())
def test_whatever_the_order_of_arrival_the_last_word_of_the_shop_stands(shared, data):
    shared.reset()
    events = [customer(1, "ann@example.com", -100), bought(-90, status="new")]
    events += [bought(-80 + n, key=str(1001 + n % 2), total=n, status=f"s{n}") for n in range(4)]
    for event in data.draw(st.permutations(events)):
        shared.send(event)
        if data.draw(st.booleans()):
            shared.settle()
    shared.settle()

    for key, last in (("1001", 2), ("1002", 3)):
        found = shared.shop.orders[f"shop:{key}"]
        assert (found["total"], found["status"]) == (last, f"s{last}")


@pytest.fixture(scope="module")
def shared(redis_url):
    return OrdersRig(connect(redis_url))


def test_what_a_dead_worker_held_is_delivered_by_another_and_what_it_says_then_changes_nothing(rig):
    rig.send(bought(-50))
    rig.read()
    taken = rig.store.lanes.take(LANE, 10, lease_s=0.001)
    rig.tick()
    rig.deliver_orders()
    before = rig.client.get("tajo:rec:orders:shop:1001")

    stale, _ = rig.store.lanes.settle(LANE, taken.token, [Settlement("shop:1001", record="2late\n[0,null,{},{}]\n{}")])

    assert stale == {"shop:1001"}
    assert rig.client.get("tajo:rec:orders:shop:1001") == before
    assert rig.shop.calls == ["shop:1001"]


def test_a_change_that_comes_while_the_order_is_delivered_is_delivered_too(rig):
    rig.send(bought(-50))
    rig.read()

    def change():
        rig.send(bought(-40, total=99))
        rig.read()

    rig.shop.meanwhile = change
    rig.deliver_orders()

    assert rig.shop.orders["shop:1001"]["total"] == 99


def test_an_order_that_says_nothing_new_is_not_sent_again(rig):
    rig.send(bought(-50))
    rig.settle()
    rig.send(replace(bought(-40), id="again"))
    rig.settle()

    assert len(rig.shop.calls) == 1
    assert rig.store.ledger.event("again").state is EventState.DELIVERED


def test_an_order_with_many_changes_is_compacted_and_still_knows_whose_it_is(rig):
    rig.send(customer(1, "ann@example.com", -1000))
    for n in range(COMPACT_AT + 5):
        rig.send(bought(-900 + n, total=n))
    rig.read()

    assert rig.client.llen("tajo:c:orders:shop:1001") < COMPACT_AT
    rig.settle()
    assert rig.shop.orders["shop:1001"] == {"total": COMPACT_AT + 4, "email": "ann@example.com", "may_mail": "unknown"}


# states and pauses ----------------------------------------------------------------------------------------------------


def test_an_event_that_is_parked_in_one_lane_and_delivered_in_another_is_parked(rig):
    rig.shop.faults["shop:1001"] = Parkable("no such product", "Make it.")
    rig.send(bought(-50))
    rig.read()
    assert rig.store.ledger.event("shop:1001:-50").state is EventState.PENDING
    rig.deliver()
    assert rig.store.ledger.event("shop:1001:-50").state is EventState.PENDING
    rig.deliver_orders()

    row = rig.store.ledger.event("shop:1001:-50")
    assert (row.state, row.note) == (EventState.PARKED, "no such product")
    assert [state for state, _, _ in row.steps] == ["pending", "delivered", "parked"]

    rig.shop.faults.clear()
    (parked,) = rig.store.parked.list()
    assert parked.person == rig.store.people.find("ann@example.com")
    rig.store.parked.replay(parked)
    rig.settle()
    assert rig.store.ledger.event("shop:1001:-50").state is EventState.DELIVERED
    assert rig.shop.orders["shop:1001"]["email"] == "ann@example.com"


def test_an_event_of_two_lanes_is_counted_once(rig):
    rig.send(bought(-50))
    rig.settle()

    counted = rig.store.counters.read()
    events = [one for one in counted if one.name == "tajo_events_total" and one.labels["state"] == "delivered"]
    items = [one for one in counted if one.name == "tajo_items_total" and one.labels["outcome"] == "delivered"]
    assert [one.value for one in events] == [1]
    assert sorted(one.labels["lane"] for one in items) == ["contacts", "orders"]


def test_a_destination_that_is_down_holds_up_no_other_lane(rig):
    rig.shop.faults["*"] = Unavailable("the shop does not answer")
    rig.send(customer(1, "ann@example.com", -100, firstName="Ann"))
    rig.send(bought(-50))
    rig.read()
    with pytest.raises(Unavailable):
        rig.deliver_orders()
    rig.deliver()

    assert "ann@example.com" in rig.brevo.contacts
    assert rig.store.breakers.read(LANE).reason == "the shop does not answer"
    assert rig.store.breakers.read("contacts") is None
    rig.shop.faults.clear()
    rig.store.breakers.close(LANE)
    rig.client.zadd(f"tajo:q:{LANE}:1", {"shop:1001": 0})
    rig.deliver_orders()
    assert rig.shop.orders


def test_an_order_that_fails_waits_and_holds_up_no_other(rig):
    rig.shop.faults["shop:1"] = TryLater("busy")
    for key in ("1", "2", "3"):
        rig.send(bought(-50 + int(key), key=key))
    rig.settle()

    assert sorted(rig.shop.orders) == ["shop:2", "shop:3"]
    assert rig.client.hget(f"tajo:tries:{LANE}", "shop:1") == b"1"


def test_what_is_urgent_goes_before_what_is_live_and_that_before_a_run(rig):
    for key, priority in (("bulk", Priority.BULK), ("live", Priority.LIVE), ("urgent", Priority.URGENT)):
        rig.client.rpush(f"tajo:c:{LANE}:shop:{key}", '2abcdefgh23456777["shop","1",1,null,{},{},[]]')
        rig.client.zadd(f"tajo:since:{LANE}", {f"shop:{key}": 1})
        rig.client.zadd(f"tajo:q:{LANE}:{int(priority)}", {f"shop:{key}": 1})
        rig.client.hset(f"tajo:prio:{LANE}", f"shop:{key}", int(priority))

    taken = rig.store.lanes.take(LANE, 3)

    assert [item.target for item in taken.items] == ["shop:urgent", "shop:live", "shop:bulk"]


# when it is due -------------------------------------------------------------------------------------------------------


def test_a_cart_is_due_at_its_own_time_which_every_change_moves_both_ways(rig):
    rig.send(customer(1, "ann@example.com", -100))
    rig.send(cart(-50, 3600))
    rig.settle()
    assert rig.due("shop:7") == at(3600).timestamp() * 1000
    rig.send(cart(-40, 7200))
    rig.settle()
    assert rig.due("shop:7") == at(7200).timestamp() * 1000
    rig.send(cart(-30, 1800))
    rig.settle()
    assert rig.due("shop:7") == at(1800).timestamp() * 1000
    assert not rig.shop.calls

    rig.send(replace(bought(-20, key="7"), id="order"))  # what is due now is due now
    rig.settle()
    assert rig.shop.calls == ["shop:7"]


def test_a_cart_that_changes_while_it_is_delivered_is_due_at_its_new_time(rig):
    rig.send(customer(1, "ann@example.com", -100))
    rig.send(cart(-50, -40))
    rig.read()

    def change():
        rig.send(cart(-30, 3600))
        rig.read()

    rig.shop.meanwhile = change
    rig.deliver_orders()

    assert len(rig.shop.calls) == 1
    assert rig.due("shop:7") == at(3600).timestamp() * 1000


def test_a_cart_of_a_worker_that_died_is_due_at_the_time_that_was_told_meanwhile(rig):
    rig.send(customer(1, "ann@example.com", -100))
    rig.send(cart(-50, -40))
    rig.read()
    rig.store.lanes.take(LANE, 1, lease_s=0.001)
    rig.send(cart(-30, 3600))
    rig.read()
    rig.tick()
    rig.deliver_orders()

    assert not rig.shop.calls
    assert rig.due("shop:7") == at(3600).timestamp() * 1000


# erasure --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_guest", [False, True])
def test_an_erasure_forgets_the_orders_those_that_wait_and_those_that_are_parked(rig, is_guest):
    number, email = (None if is_guest else 1), "ann@example.com"
    if not is_guest:
        rig.send(customer(1, email, -100, firstName="Ann"))
    rig.send(bought(-90, number, key="1"))
    rig.settle()
    rig.shop.faults["shop:2"] = Parkable("no", "no")
    rig.send(bought(-80, number, key="2"))
    rig.settle()
    rig.send(bought(-70, number, key="3"))
    rig.send(cart(-60, 3600) if not is_guest else bought(-60, None, key="7"))
    rig.read()

    who = whom(rig.store, email)
    forgotten = forget_traces(rig.store, rig.line.connectors, who)
    request_erasure(rig.store, email, at(-10))
    rig.deliver()
    rig.deliver_orders()

    assert forgotten.parked == 1
    assert not rig.client.keys("tajo:rec:orders:*")
    assert not rig.client.keys("tajo:c:orders:*")
    assert not rig.client.keys("tajo:of:*")
    assert rig.shop.calls == ["shop:1", "shop:2"]


def test_an_order_from_before_the_erasure_that_arrives_late_is_dropped_and_one_from_after_it_is_not(rig):
    rig.send(customer(1, "ann@example.com", -100))
    rig.send(erased(1, "ann@example.com", -50))
    rig.settle()
    rig.send(bought(-60, key="old"))
    rig.send(bought(-40, key="new"))
    rig.settle()

    assert sorted(rig.shop.orders) == ["shop:new"]


def test_a_deletion_leaves_the_orders_to_their_own_platform(rig):
    rig.send(customer(1, "ann@example.com", -100))
    rig.send(bought(-90))
    rig.settle()
    rig.send(deleted(1, -50))
    rig.settle()

    assert rig.client.exists("tajo:rec:orders:shop:1001")


# forms ----------------------------------------------------------------------------------------------------------------


def test_an_order_that_a_newer_version_wrote_is_left_alone_and_stops_nobody(rig):
    rig.send(bought(-50, key="1"))
    rig.send(bought(-50, key="2"))
    rig.read()
    newer = chr(ord(VERSION) + 1)
    rig.client.set("tajo:rec:orders:shop:1", newer + "whom\n[0,null,{}]\nnew")
    items = rig.store.lanes.take(LANE, 10).items

    assert {item.target: bool(item.newer) for item in items} == {"shop:1": True, "shop:2": False}
