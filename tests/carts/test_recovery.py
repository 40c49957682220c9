"""A cart that says itself that it was bought: one recovery, with its order, whatever comes first."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from customer_sync.brevo.mail import counts
from customer_sync.model import Kind
from tests.carts.world import World


def report(world):
    return counts.report("abandoned-cart", world.counts())


def revenue(world):
    return [(one.currency, one.orders, one.total) for variant in report(world).variants for one in variant.revenue]


def mailed(world):
    """A cart of which one mail went; it is bought now."""
    world.cart()
    world.pass_time(minutes=95)
    world.bought_at = world.now


def completed(world):
    """The checkout says that it was bought."""
    world.cart(completedAt=world.bought_at.isoformat())


def ordered(world, key="o1", **more):
    """The order comes, which was made when the checkout was bought."""
    world.order(key, amount=35.0, **{"createdAt": world.bought_at.isoformat(), "carts": ["t1"], **more})


def paid_again(world):
    """The order changes once more."""
    ordered(world, status="fulfilled")


def both_at_once(world):
    completed(world)
    ordered(world)


def recoveries(world):
    return [
        (one.get("orderId"), one.get("amount"), one.get("orderCurrency")) for one in world.told(Kind.CART_RECOVERED)
    ]


@pytest.mark.parametrize("carts", [["t1"], []], ids=["names the cart", "names none"])
@pytest.mark.parametrize(
    "acts",
    [[completed, ordered], [ordered, completed], [both_at_once]],
    ids=["checkout first", "order first", "both at once"],
)
def test_a_checkout_and_its_order_of_one_second_are_one_recovery_with_the_order(world, acts, carts):
    mailed(world)
    for act in acts:
        act(world) if act is not ordered else ordered(world, carts=carts)
        world.work()
    world.pass_time(days=3)

    assert recoveries(world) == [("o1", 35.0, "EUR")]
    assert (revenue(world), report(world).ended) == ([("EUR", 1, 35.0)], {"bought": 1})


ACTS = st.sampled_from([completed, ordered, paid_again, both_at_once])


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(ACTS, st.booleans(), st.sampled_from([0, 0, 5, 60, 900])), min_size=1, max_size=6),
    st.sampled_from([["t1"], []]),
)
def test_whatever_comes_in_whatever_order_a_series_is_recovered_once_with_what_its_order_brought(client, acts, carts):
    client.flushdb()
    world = World(client)
    try:
        world.customer()
        mailed(world)
        for act, is_worked, minutes in acts:
            act(world) if act in {completed, both_at_once} else ordered(world, carts=carts)
            if is_worked:
                world.work()
            world.pass_time(minutes=minutes)
        world.pass_time(days=2)

        is_named = any(act is not completed for act, _, _ in acts)
        assert len(recoveries(world)) == 1
        assert sum(one.recovered for one in report(world).variants) == 1
        assert revenue(world) == ([("EUR", 1, 35.0)] if is_named else [])
        assert report(world).ended == {"bought": 1}
        assert world.steps() == [1]
    finally:
        world.close()


def test_a_checkout_without_an_order_ends_the_series_at_once_and_counts_after_a_day(world):
    mailed(world)
    completed(world)
    world.work()
    soon = world.why(), recoveries(world)
    world.pass_time(hours=23)
    before = recoveries(world)
    world.pass_time(hours=2)
    world.pass_time(days=5)

    assert (soon, before) == (("bought", []), [])
    assert recoveries(world) == [(None, None, None)]
    assert (report(world).variants[0].recovered, revenue(world)) == (1, [])
    assert world.steps() == [1]


def test_an_order_that_names_the_cart_days_later_adds_its_amount_and_no_second_recovery(world):
    mailed(world)
    completed(world)
    world.pass_time(days=3)
    ordered(world)
    world.pass_time(days=1)

    assert len(recoveries(world)) == 1
    assert (report(world).variants[0].recovered, revenue(world)) == (1, [("EUR", 1, 35.0)])


def test_another_order_of_the_person_days_later_is_not_the_checkouts(world):
    mailed(world)
    completed(world)
    world.pass_time(days=3)
    ordered(world, "o2", carts=[], createdAt=world.now.isoformat())
    world.pass_time(days=1)

    assert (len(recoveries(world)), revenue(world)) == (1, [])


def test_a_cart_that_is_filled_again_waits_for_its_order_no_more(world):
    mailed(world)
    completed(world)
    world.work()
    world.pass_time(hours=2)
    world.cart(completedAt=world.bought_at.isoformat(), updatedAt=world.now.isoformat())
    world.cart("t1", total=50.0)
    world.pass_time(hours=3)
    again = world.steps(), len(recoveries(world))
    world.bought_at = world.now
    ordered(world, "o2")
    world.pass_time(days=3)

    assert again == ([1, 1], 1)
    assert [one[0] for one in recoveries(world)] == [None, "o2"]
    assert (report(world).variants[0].recovered, revenue(world)) == (2, [("EUR", 1, 35.0)])
    assert report(world).ended == {"bought": 2}


def test_a_checkout_that_was_bought_before_the_mail_recovers_nothing_although_the_order_comes_later(world):
    world.cart()
    world.pass_time(minutes=50)
    world.bought_at = world.now
    world.pass_time(minutes=60)
    ordered(world)
    completed(world)
    world.pass_time(days=2)

    assert recoveries(world) == []
