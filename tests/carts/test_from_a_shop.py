"""Checkouts that are left open in a shop's stand-in: read as the shop tells of them, reminded of, and ended."""

from __future__ import annotations

from dataclasses import replace

import pytest

from connectors.woocommerce.tests.caller import NOW_S, Woo
from connectors.woocommerce.tests.deliveries import connector, inbound
from customer_sync.model import Kind
from tests.carts.world import EMAIL


class Till:
    """The checkout of a shop, and the line that hears of it."""

    def __init__(self, world, **options):
        self.world, self.woo, self.connector = world, Woo(), connector(**options)

    def act(self, path, body=None, method="POST"):
        """Let something happen now, and be heard of."""
        self.woo.clock.offset_s = self.world.time.now_s - NOW_S
        row = self.woo.fake(method, path, body or {})
        topic = "order.deleted" if method == "DELETE" else "order.updated"
        told = {"id": row["id"]} if method == "DELETE" else row
        for event in self.connector.parse(replace(inbound(topic, told), received_at=self.world.now)):
            self.world.tell(replace(event, source="shop", id=f"{event.id}:{self.world.now}"))
        self.world.work()
        return row["id"]

    def leave(self, **body):
        """Let somebody open the checkout, type an address and go."""
        return self.act("carts", {"email": EMAIL, **body})


@pytest.fixture
def till(world):
    return Till(world)


def test_a_checkout_that_is_left_open_is_reminded_of_until_it_is_bought(till, world):  # field case 32
    number = till.leave()
    world.pass_time(hours=3)
    reminded = world.steps()
    till.act(f"orders/{number}/pay")
    world.pass_time(days=6)

    assert reminded == [1]
    assert world.steps() == [1]
    assert world.why(f"shop:cart:{number}") == "bought"
    assert [one["id"] for one in world.told(Kind.CART_RECOVERED)] == [str(number)]


def test_a_payment_that_is_still_open_or_was_refused_ends_nothing(till, world):
    number = till.leave()
    for status in ("pending", "failed"):
        till.act(f"orders/{number}", {"status": status}, "PATCH")
    world.pass_time(hours=3)

    assert world.steps() == [1]


def test_a_bank_transfer_ends_it(till, world):
    number = till.leave()
    till.act(f"orders/{number}", {"status": "on-hold"}, "PATCH")
    world.pass_time(days=6)

    assert world.mails() == []


def test_an_order_of_the_same_address_closes_the_cart_of_a_guest(till, world):  # field case 25
    till.leave()
    till.act("orders", {"customer_id": 11, "billing": {"email": EMAIL.upper()}, "status": "processing"})
    world.pass_time(days=6)

    assert world.mails() == []


def test_the_renewal_of_a_subscription_leaves_the_cart_open(till, world):  # field case 6
    till.leave()
    till.act("orders", {"email": EMAIL, "status": "processing", "created_via": "subscription"})
    world.pass_time(hours=3)

    assert world.steps() == [1]


def test_a_checkout_that_the_owner_throws_into_the_bin_is_not_reminded_of(till, world):
    number = till.leave()
    till.act(f"orders/{number}", method="DELETE")
    world.pass_time(days=6)

    assert world.mails() == []


def test_an_order_that_is_thrown_into_the_bin_starts_no_reminder(till, world):
    number = till.leave()
    till.act(f"orders/{number}/pay")
    world.pass_time(hours=1)
    till.act(f"orders/{number}", method="DELETE")
    till.act(f"orders/{number}/restore")
    world.pass_time(days=6)

    assert world.mails() == []


def test_an_emptied_checkout_is_not_reminded_of(till, world):
    number = till.leave()
    till.act(f"orders/{number}", {"line_items": []}, "PATCH")
    world.pass_time(days=6)

    assert world.mails() == []


def test_an_order_that_was_not_paid_is_reminded_of_where_the_owner_says_so(world):
    till = Till(world, unpaid_carts=True)
    number = till.act("orders", {"email": EMAIL, "status": "pending", "created_via": "checkout"})
    world.pass_time(hours=3)
    till.act(f"orders/{number}/pay")
    world.pass_time(days=6)

    (mail,) = world.mails()
    assert f"/order-pay/{number}/" in mail["params"]["cartUrl"]
    assert world.why(f"shop:cart:{number}") == "bought"


def test_nobody_is_reminded_who_typed_an_address_and_never_agreed(till, world):
    till.leave(email="eve@example.com")
    world.pass_time(days=6)

    assert world.mails() == []
