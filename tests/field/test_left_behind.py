"""What is left in memory of requests that cannot be used: workers look for garbage seldom, and a body may be large."""

from __future__ import annotations

import gc

import pytest

from customer_sync.errors import PayloadError

BODIES = {
    "an id that is none": {"id": {"x": 1}, "email": "ann@example.com"},
    "an address that is none": {"id": 1, "email": "ann at example"},
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
@pytest.mark.parametrize("tell", ["shopify", "woo"])
def test_a_request_that_is_parked_leaves_no_circle_of_garbage(house, tell, body):
    topic = {"shopify": "customers/update", "woo": "customer.updated"}[tell]
    getattr(house, tell)(topic, body)  # what is loaded once is loaded
    gc.collect()
    gc.disable()
    try:
        before = faults()
        getattr(house, tell)(topic, {**body, "first_name": "Ann"}, work=False)
        house.read()
        after = faults()
    finally:
        gc.enable()

    assert house.store.parked.count() == 2
    assert after == before


def faults():
    """How many faults are kept in memory."""
    return sum(isinstance(one, PayloadError) for one in gc.get_objects())
