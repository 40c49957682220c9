"""What was recovered, told once and counted once; and the report of it."""

from __future__ import annotations

from math import sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customer_sync import pipeline
from customer_sync.brevo.mail import counts
from customer_sync.model import Kind
from tests.carts.test_never_twice import Killed


def report(world):
    return counts.report("abandoned-cart", world.counts())


def test_a_purchase_after_a_mail_is_told_and_counted_once(world):
    world.cart()
    world.pass_time(minutes=95)
    world.order("o1", carts=["t1"], amount=35.0)
    world.work()
    world.order("o1", carts=["t1"], amount=35.0)
    world.pass_time(days=3)

    (told,) = world.told(Kind.CART_RECOVERED)
    assert {name: told[name] for name in ("id", "orderId", "amount", "orderCurrency", "step", "total")} == {
        "id": "t1",
        "orderId": "o1",
        "amount": 35.0,
        "orderCurrency": "EUR",
        "step": 1,
        "total": 40.0,
    }
    (variant,) = report(world).variants
    assert (report(world).left, variant.carts, variant.recovered) == (1, 1, 1)
    assert [(one.currency, one.orders, one.total) for one in variant.revenue] == [("EUR", 1, 35.0)]
    assert report(world).ended == {"bought": 1}


def test_a_purchase_before_any_mail_recovers_nothing(world):
    world.cart()
    world.pass_time(minutes=50)
    world.order(carts=["t1"])
    world.pass_time(days=2)

    assert world.told(Kind.CART_RECOVERED) == []
    assert report(world).variants == ()


def test_a_purchase_after_the_last_mail_is_recovered_too_and_counted_in_place_of_lost(world):
    world.cart()
    world.pass_time(days=4)
    lost = report(world).ended
    world.order(carts=["t1"])
    world.work()

    assert lost == {"lost": 1}
    assert report(world).ended == {"bought": 1}
    assert len(world.told(Kind.CART_RECOVERED)) == 1


def test_a_worker_killed_before_it_settles_counts_once(world, monkeypatch):
    world.cart()
    world.pass_time(minutes=95)
    world.order(carts=["t1"])
    world.read()
    settle = pipeline.settle

    def die(*_):
        raise Killed

    monkeypatch.setattr(pipeline, "settle", die)
    with pytest.raises(Killed):
        pipeline.deliver(world.line, "mail")
    monkeypatch.setattr(pipeline, "settle", settle)
    world.restart()
    world.pass_time(minutes=5)

    assert len(world.told(Kind.CART_RECOVERED)) <= 2  # the same event: the second one is known by its id
    assert len({event.id for event in world.heard.events if event.kind is Kind.CART_RECOVERED}) == 1
    assert report(world).variants[0].recovered == 1
    assert report(world).variants[0].mails == {1: 1}


@given(st.lists(st.integers(1, 100_000), max_size=20), st.integers(0, 30))
def test_mean_and_error_are_those_of_all_carts_that_were_mailed(cents, without):
    found: dict[str, float] = {}
    amounts = [one / 100 for one in cents]
    for _ in range(len(amounts) + without):
        add(found, counts.mail("s", "a", 1, is_first=True, in_doubt=False))
    for amount in amounts:
        add(found, counts.recovered("s", "a", amount, "EUR"))

    revenue = [one for variant in counts.report("s", found).variants for one in variant.revenue]

    everybody = [*amounts, *[0.0] * without]
    if not amounts:
        assert revenue == []
        return
    mean = sum(everybody) / len(everybody)
    assert revenue[0].mean == pytest.approx(mean)
    if len(everybody) > 1:
        variance = sum((one - mean) ** 2 for one in everybody) / (len(everybody) - 1)
        assert revenue[0].standard_error == pytest.approx(sqrt(variance / len(everybody)), abs=1e-4)
    else:
        assert revenue[0].standard_error is None


def test_two_currencies_are_never_added():
    found: dict[str, float] = {}
    for amount, currency in ((10, "EUR"), (590, "MXN"), (20, "EUR")):
        add(found, counts.recovered("s", "", amount, currency))

    (variant,) = counts.report("s", found).variants

    assert [(one.currency, one.total) for one in variant.revenue] == [("EUR", 30), ("MXN", 590)]


def add(found, more):
    for _, name, by in more:
        found[name] = found.get(name, 0) + by
