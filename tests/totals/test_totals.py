"""What a contact's totals are: sums over the orders' own records, whatever happens to them and in whatever order."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import permutations

import pytest

from customer_sync.model import Event, Kind
from tests.engine.hands import erased, merged
from tests.engine.test_addresses import customer, deleted
from tests.rig import NOW, at
from tests.totals.shop import Shops, bought, order
from tests.toy_lane import OrdersHandler, toyland

MIA, LEO, NOOR, JO = "mia@example.com", "leo@example.com", "noor@example.com", "jo@example.com"


@pytest.fixture
def rig(client):
    return Shops(client)


def sent(rig, *events):
    for event in events:
        rig.send(event)
    rig.settle()


# what was seen in the field


def test_a_partial_refund_takes_its_money_out_of_the_totals_once(rig):
    sent(rig, bought("501", -100, MIA, 100))
    refunded = order("501", -50, MIA, state="paid", total=100, refunds={"9": 30})
    sent(rig, refunded)
    assert rig.spent(MIA) == (1, 70)
    calls = rig.calls(MIA)

    sent(rig, replace(refunded, id="again"))

    assert rig.spent(MIA) == (1, 70)
    assert rig.calls(MIA) == calls


def test_an_order_that_was_never_paid_and_is_cancelled_is_in_no_total(rig):
    sent(rig, bought("1", -100, LEO, 80, state="placed"))
    sent(rig, order("1", -50, LEO, state="cancelled", total=80, amount=0, cancelledAt=at(-50).isoformat()))

    assert rig.totals(LEO) == {"TOTAL_ORDERS": 0, "TOTAL_SPENT": 0}


def test_an_amount_in_another_currency_is_never_added(rig):
    sent(rig, bought("1", -100, MIA, 30))
    sent(rig, bought("2", -90, MIA, 590, currency="MXN", source="woo"))

    assert rig.spent(MIA) == (1, 30)


def test_while_the_currency_of_the_account_is_not_known_orders_in_one_currency_count(client):
    rig = Shops(client, currency=None)
    sent(rig, bought("1", -100, MIA, 590, currency="MXN"))
    assert rig.spent(MIA) == (1, 590)

    sent(rig, bought("2", -90, MIA, 30))

    assert rig.totals(MIA) == {}


@pytest.mark.parametrize("arrival", [*permutations(range(4))])
def test_orders_of_a_guest_join_the_account_with_their_address(rig, arrival):
    events = [
        bought("1", -100, "Noor@Example.com", 20),
        bought("2", -90, NOOR, 30),
        customer(12, NOOR, -80),
        bought("3", -70, NOOR, 50, account=12),
    ]
    for which in arrival:
        sent(rig, events[which])

    assert list(rig.brevo.contacts) == [NOOR]
    assert rig.spent(NOOR) == (3, 100)


@pytest.mark.parametrize("arrival", [*permutations(range(3))])
def test_an_order_that_three_webhooks_tell_is_one(rig, arrival):
    events = [bought("7001", -100 + n, MIA, 45, kind=kind) for n, kind in enumerate((Kind.ORDER_PLACED,) * 3)]
    for which in arrival:
        rig.send(events[which])
        rig.send(events[which])
    rig.settle()

    assert rig.spent(MIA) == (1, 45)


def test_a_renewal_is_an_order_of_its_own(rig):
    sent(rig, bought("610", -100, MIA, 25), bought("655", -50, MIA, 25, isRenewal=True))

    assert rig.spent(MIA) == (2, 50)


def test_a_draft_is_none_and_an_order_on_hold_counts_once_it_is_paid_with_its_first_date(rig):
    placed = {"createdAt": at(-400_000).isoformat()}
    sent(rig, customer(1, "ida@example.com", -500_000))
    sent(rig, bought("700", -400_000, "ida@example.com", 60, state="draft", **placed))
    assert rig.totals("ida@example.com") == {}
    sent(rig, bought("700", -399_000, "ida@example.com", 60, state="placed", **placed))
    assert rig.totals("ida@example.com") == {"TOTAL_ORDERS": 0, "TOTAL_SPENT": 0}

    sent(rig, bought("700", -100, "ida@example.com", 60, **placed))

    day = at(-400_000).date().isoformat()
    found = rig.totals("ida@example.com")
    assert found == {"TOTAL_ORDERS": 1, "TOTAL_SPENT": 60, "AVERAGE": 60, "FIRST_ORDER": day, "LAST_ORDER": day}


def test_an_order_paid_with_a_gift_card_is_one_order_of_nothing(rig):
    sent(rig, bought("1", -100, MIA, 0))

    assert rig.spent(MIA) == (1, 0)


def test_a_deleted_order_is_out_of_the_totals_and_in_them_again_once_it_is_restored(rig):
    sent(rig, bought("76", -200, JO, 10), bought("77", -100, JO, 40))
    sent(rig, order("77", -50, kind=Kind.ORDER_DELETED))
    assert rig.spent(JO) == (1, 10)

    sent(rig, bought("77", -40, JO, 40))

    assert rig.spent(JO) == (2, 50)


# whose orders they are


def test_a_refund_that_names_no_customer_follows_within_the_same_step(rig):
    sent(rig, bought("1", -100, MIA, 100))
    rig.send(order("1", -50, kind=Kind.ORDER_REFUNDED, refunds={"r1": 60}))
    rig.read()

    rig.deliver()  # before the lane of orders

    assert rig.spent(MIA) == (1, 40)


def test_a_refund_that_arrives_before_its_order_counts(rig):
    sent(rig, order("1", -50, kind=Kind.ORDER_REFUNDED, refunds={"r1": 60}))
    sent(rig, bought("1", -100, MIA, 100))

    assert rig.spent(MIA) == (1, 40)


def test_an_order_that_becomes_somebody_else_s_leaves_the_totals_of_the_one_before(rig):
    sent(rig, customer(1, MIA, -300), customer(2, LEO, -300))
    sent(rig, bought("1", -200, MIA, 20, account=1), bought("2", -190, MIA, 5, account=1))
    assert rig.spent(MIA) == (2, 25)

    sent(rig, bought("1", -100, LEO, 20, account=2))

    assert rig.spent(MIA) == (1, 5)
    assert rig.spent(LEO) == (1, 20)


def test_a_guest_s_order_whose_address_was_corrected_leaves_the_totals_of_the_wrong_one(rig):
    sent(rig, bought("1", -200, MIA, 20), bought("2", -190, MIA, 5))
    sent(rig, bought("1", -100, LEO, 20))

    assert rig.spent(MIA) == (1, 5)
    assert rig.spent(LEO) == (1, 20)


def test_orders_go_along_with_a_customer_who_has_a_new_address(rig):
    sent(rig, customer(1, MIA, -300), bought("1", -200, MIA, 20, account=1))
    sent(rig, customer(1, "new@example.com", -100))
    sent(rig, order("1", -50, kind=Kind.ORDER_REFUNDED, refunds={"r1": 5}))

    assert list(rig.brevo.contacts) == ["new@example.com"]
    assert rig.spent("new@example.com") == (1, 15)


def test_orders_of_a_merged_customer_are_those_of_the_one_that_is_kept(rig):
    sent(rig, customer(1, MIA, -300), customer(2, LEO, -300))
    sent(rig, bought("1", -200, MIA, 20, account=1), bought("2", -190, LEO, 5, account=2))
    sent(rig, merged(1, 2, -100))
    assert rig.spent(LEO) == (2, 25)

    sent(rig, bought("3", -50, MIA, 7, account=1))  # told under the id that is gone

    assert rig.spent(LEO) == (3, 32)


def test_who_takes_over_an_address_gets_none_of_the_orders_of_the_one_before(rig):
    sent(rig, customer(1, MIA, -300), bought("1", -200, MIA, 20, account=1))
    sent(rig, customer(2, MIA, -100))  # where the first one went is not known yet

    assert rig.totals(MIA) == {}


def test_orders_of_two_shops_are_summed_up_for_one_address(rig):
    sent(rig, bought("1", -200, MIA, 20), bought("1", -100, MIA, 5, source="woo"))

    assert rig.spent(MIA) == (2, 25)


# what is written, and what is not


def test_a_customer_without_orders_gets_no_totals(rig):
    sent(rig, customer(1, MIA, -100))

    assert rig.totals(MIA) == {}


def test_what_the_platform_tells_wins(rig):
    sent(rig, customer(1, MIA, -300), bought("1", -200, MIA, 20, account=1))
    told = Event("t", "shop", Kind.CUSTOMER_UPDATED, at(-100), "1", "1", {"email": MIA, "totalOrders": 9})
    rig.line.skills[0] = type(rig.line.skills[0])(lambda _: {"email": "email", "totalOrders": "TOTAL_ORDERS"})
    sent(rig, told)

    assert rig.spent(MIA) == (9, 20)


def test_totals_are_made_for_sources_whose_mapping_asks_for_them_only(rig):
    rig.rules = replace(rig.rules, sums={"woo": {"totalOrders": "TOTAL_ORDERS"}})
    sent(rig, bought("1", -200, MIA, 20), bought("1", -100, MIA, 5, source="woo"))

    assert rig.totals(MIA) == {"TOTAL_ORDERS": 1}


def test_where_nobody_asks_for_totals_an_order_s_refund_makes_nobody_due(rig):
    rig.store.orders.lane = ""
    rig.store.lanes.register("orders", keeps="records")
    sent(rig, bought("1", -100, MIA, 100))
    rig.send(order("1", -50, kind=Kind.ORDER_REFUNDED, refunds={"r1": 60}))
    rig.read()

    assert rig.store.lanes.depth("contacts")[0] == 0


def test_the_averages_and_days_are_those_of_the_shop(rig):
    early, late = "2026-03-28T23:30:00-04:00", "2026-03-29T03:31:00+00:00"
    sent(rig, bought("1", -200, MIA, 10, createdAt=late), bought("2", -100, MIA, 5.01, createdAt=early))

    found = rig.totals(MIA)

    assert (found["AVERAGE"], found["TOTAL_SPENT"]) == (7.51, 15.01)
    assert (found["FIRST_ORDER"], found["LAST_ORDER"]) == ("2026-03-28", "2026-03-29")


def test_an_order_that_arrives_while_the_contact_is_written_is_written_too(rig):
    sent(rig, bought("1", -200, MIA, 20))
    rig.send(bought("2", -100, MIA, 5))
    rig.read()

    def meanwhile():
        rig.send(order("1", -50, kind=Kind.ORDER_REFUNDED, refunds={"r1": 8}))
        rig.read()

    rig.brevo.meanwhile = meanwhile
    rig.deliver()

    assert rig.spent(MIA) == (2, 17)


def test_a_deleted_customer_s_contact_keeps_what_it_has(rig):
    sent(rig, customer(1, MIA, -300), bought("1", -200, MIA, 20, account=1))
    sent(rig, deleted(1, -100))
    sent(rig, order("1", -50, kind=Kind.ORDER_REFUNDED, refunds={"r1": 8}))

    assert rig.spent(MIA) == (1, 20)


def test_an_erasure_leaves_no_orders_and_a_late_refund_brings_nothing_back(rig):
    sent(rig, customer(1, MIA, -300), bought("1", -200, MIA, 20, account=1), bought("2", -190, MIA, 5))
    number = rig.store.people.find(MIA)
    rig.send(erased(1, MIA, -10))
    rig.settle()
    sent(rig, order("1", -20, kind=Kind.ORDER_REFUNDED, refunds={"r1": 8}))

    assert MIA not in rig.brevo.contacts
    assert rig.store.orders.of([number]) == [()]
    assert rig.client.keys("tajo:of:*") == []


def test_an_order_that_brevo_refuses_counts_all_the_same(rig):
    with toyland() as land:
        land.answers["shop:1"] = 400
        rig.client.hset("tajo:lim:toy", "rps", 0)
        rig.line.handlers["orders"] = OrdersHandler(land.url, rig.store.limits, clock=rig.clock)
        sent(rig, bought("1", -100, MIA, 20))
    assert rig.store.parked.count() == 1
    sent(rig, customer(1, MIA, -50))

    assert rig.spent(MIA) == (1, 20)


def test_orders_far_from_now_are_summed_up_like_any_other(rig):
    old = (NOW - timedelta(days=9000)).isoformat()
    sent(rig, bought("1", -100, MIA, 20, createdAt=old))

    assert rig.totals(MIA)["FIRST_ORDER"] == old[:10]
