"""Totals equal a recount of the orders, whatever happened and in whatever order it is heard of."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.totals.shop import Shops
from tests.totals.world import World

#: How many things happen in the long history.
LONG = 10_000


@pytest.fixture
def rig(client):
    return Shops(client)


def in_disorder(world: World, chance: Random):
    """Every event twice, in a random order of arrival."""
    found = [*world.events, *world.events]
    chance.shuffle(found)
    return found


def told(rig, world):
    """The totals that the contacts of the recount have in Brevo."""
    found = {}
    for address in world.recount():
        orders, spent = rig.spent(address)
        found[address] = None if orders is None else (orders, spent)
    return found


@given(st.randoms(use_true_random=False), st.integers(1, 40), st.integers(0, 10))
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    phases=(Phase.explicit, Phase.reuse, Phase.generate),  # what chance decided has no smaller form
)
def test_the_totals_in_brevo_equal_a_recount_whatever_the_order_of_arrival(rig, chance, count, pauses):
    rig.reset()
    world = World(chance)
    world.happen(count)
    arrivals = in_disorder(world, chance)
    breaks = {chance.randrange(len(arrivals)) for _ in range(pauses)} if arrivals else set()

    for number, event in enumerate(arrivals):
        rig.send(event)
        if number in breaks:
            chance.choice([rig.read, rig.settle, rig.deliver_orders])()
    rig.settle()

    assert told(rig, world) == world.recount()


@pytest.mark.slow
def test_ten_thousand_things_that_happen_in_disorder_and_twice_come_to_the_recount(rig):
    chance = Random(20261129)
    world = World(chance)
    world.happen(LONG)

    for number, event in enumerate(in_disorder(world, chance)):
        rig.send(event)
        if number % 500 == 0:
            rig.settle()
    rig.settle()

    assert told(rig, world) == world.recount()
    # nothing is left to be done: a look at everybody changes nothing
    before = len(rig.brevo.calls)
    rig.settle()
    assert len(rig.brevo.calls) == before
