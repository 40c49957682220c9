"""A series from the cart to its end: what is sent, when, to whom, and why no more."""

from __future__ import annotations

from customer_sync.model import Kind
from tests.carts.world import EMAIL


def test_three_mails_come_after_their_delays_and_then_no_more(world):
    world.cart()
    world.pass_time(days=6)

    first, second, third = world.mails(EMAIL)
    assert world.steps() == [1, 2, 3]
    assert first["params"]["firstName"] == "Ann"
    assert first["params"]["cartUrl"] == "https://shop.example/c/t1"
    assert second["subject"] == "Still there"
    assert world.why() == "lost"
    assert len({one["idempotencyKey"] for one in (first, second, third)}) == 3


def test_a_cart_that_counts_as_left_is_told_once(world):
    world.cart()
    world.pass_time(days=1)

    (told,) = world.told(Kind.CART_ABANDONED)
    assert {name: told[name] for name in ("id", "email", "total", "currency")} == {
        "id": "t1",
        "email": EMAIL,
        "total": 40.0,
        "currency": "EUR",
    }
    assert world.counts()['["left"]'] == 1
