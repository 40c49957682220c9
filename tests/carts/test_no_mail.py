"""Who is never mailed: those who bought, who left, who are gone; read just before each mail."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from customer_sync.model import Kind
from customer_sync.operate.erasure import request_erasure
from tests.carts.world import EMAIL


def test_an_emptied_cart_is_not_mailed(world):
    world.cart()
    world.pass_time(minutes=5)
    world.cart(lines=[], total=0.0)
    world.pass_time(days=2)

    assert world.mails() == []
    assert world.why() == "emptied"


def test_a_purchase_that_waits_in_the_inbox_is_read_before_the_mail_that_is_due(world):
    world.cart()
    world.pass_time(minutes=89)
    world.order(status="on-hold", state="placed")  # arrived, and nobody read it
    world.time.move(120)
    world.deliver()
    waited = world.mails()
    world.pass_time(days=4)

    assert waited == []
    assert world.mails() == []
    assert world.why() == "bought"


def test_requests_that_wait_outside_redis_hold_mails(world):
    world.cart()
    world.behind = True
    world.pass_time(hours=2)
    held = len(world.mails())
    world.behind = False
    world.pass_time(minutes=5)

    assert held == 0
    assert world.steps() == [1]


def test_a_purchase_that_is_heard_of_after_the_mail_stops_the_rest(world):
    world.cart()
    world.pass_time(minutes=91)
    world.order(status="on-hold", state="placed")
    world.pass_time(days=5)

    assert world.steps() == [1]
    assert world.why() == "bought"


@pytest.mark.parametrize("status", ["pending", "failed"])
def test_an_order_that_was_not_paid_at_the_till_stops_nothing(world, status):
    world.cart()
    world.pass_time(minutes=91)
    world.order(status=status, state="placed")
    world.pass_time(days=2)

    assert world.steps() == [1, 2]


@pytest.mark.parametrize("act", ["unsubscribe", "hard_bounce", "spam"])
def test_who_left_in_brevo_between_two_mails_gets_no_other_although_no_webhook_told_of_it(world, act):
    world.cart()
    world.pass_time(minutes=95)
    world.control("POST", f"/sandbox/acts/{act}", {"email": EMAIL})
    world.pass_time(days=5)

    assert world.steps() == [1]
    assert world.why() == "unsubscribed"


def test_who_left_our_list_in_brevo_gets_no_other_mail(world):
    world.cart()
    world.pass_time(minutes=95)
    world.control("POST", "/sandbox/acts/leave_list", {"email": EMAIL, "list_ids": [2]})
    world.pass_time(days=5)

    assert world.steps() == [1]


def test_a_withdrawal_counts_while_brevo_has_not_got_it_yet(world):
    world.cart()
    world.pass_time(minutes=85)
    world.withdraw()
    world.read()
    world.time.move(600)
    world.deliver()  # and not the lane of contacts

    assert world.mails() == []
    assert world.why() == "unsubscribed"


def test_a_contact_that_was_deleted_in_brevo_is_not_mailed(world):
    world.cart()
    world.control("DELETE", f"/v3/contacts/{EMAIL}")
    world.pass_time(days=2)

    assert world.mails() == []
    assert world.why() == "no_address"


def test_who_never_said_yes_is_not_mailed_but_the_cart_counts_as_left(make_world):
    world = make_world()
    world.cart()
    world.pass_time(days=3)

    assert world.mails() == []
    assert world.why() == "no_consent"
    assert len(world.told(Kind.CART_ABANDONED)) == 1


def test_the_mail_goes_to_the_typed_address_and_to_no_other(world):
    world.customer("ann.work@example.com", "2")
    world.cart(email="ann.work@example.com")
    world.pass_time(days=2)

    assert {one["to"] for one in world.mails()} == {"ann.work@example.com"}


def test_a_typed_address_that_its_owner_left_for_another_is_not_mailed_nor_is_the_other(world):
    world.cart()
    world.pass_time(minutes=40)
    world.customer("ann.new@example.com")  # the same account
    world.pass_time(days=3)

    assert world.mails() == []


def test_a_purchase_ends_the_carts_of_two_browsers(world):
    world.cart("p1", total=30.0)
    world.pass_time(minutes=20)
    world.cart("d1", total=50.0)
    world.pass_time(minutes=95)
    first = world.mails()
    world.order(carts=["d1"])
    world.pass_time(days=5)

    assert [one["params"]["cart"]["total"] for one in first] == [50.0]
    assert len(world.mails()) == 1
    assert (world.why("shop:cart:p1"), world.why("shop:cart:d1")) == ("newer_cart", "bought")


def test_an_order_with_the_address_in_capitals_ends_the_series(world):
    world.cart()
    world.pass_time(minutes=50)
    world.order(email="ANN@Example.com")
    world.pass_time(days=3)

    assert world.mails() == []


def test_an_erasure_while_a_mail_waits_leaves_nothing_and_no_mail_goes(world):
    world.cart()
    world.pass_time(minutes=70)
    request_erasure(world.store, EMAIL, world.now, lambda _: None)
    world.work()
    world.pass_time(days=3)

    assert world.mails() == []
    assert world.state() == {}
    assert not list(world.client.scan_iter("tajo:*mail*t1*"))


def test_an_erasure_at_the_very_moment_of_the_mail_stops_it(world):
    world.cart()
    world.pass_time(minutes=85)

    def erase():
        request_erasure(world.store, EMAIL, world.now, lambda _: None)
        world.deliver("contacts")

    world.http.after[f"GET /contacts/{EMAIL.replace('@', '%40')}"] = erase
    world.pass_time(days=3)

    assert world.mails() == []
    assert world.state() == {}


def test_after_a_standstill_of_four_days_one_mail_goes_and_the_gaps_are_kept_from_there(world):
    world.cart()
    world.pass_time(days=4, step=timedelta(days=4), work=False)
    world.work()
    at_once = world.steps()
    world.pass_time(hours=23)
    before = world.steps()
    world.pass_time(hours=2)

    assert at_once == [1]
    assert before == [1]
    assert world.steps() == [1, 2]


def test_carts_from_before_the_skill_was_on_get_no_mail(make_world):
    world = make_world()
    world.customer()
    world.switch(is_on=False)
    world.cart()
    world.pass_time(hours=1)
    world.switch(is_on=True)
    world.pass_time(days=4)

    assert world.mails() == []
    assert world.why() == "too_old"


def test_a_purchase_while_the_skill_was_off_for_the_source_is_followed_by_no_mail(world):
    world.cart()
    world.pass_time(minutes=30)
    world.switch(is_on=True, source="another")  # nobody would hear of a purchase
    world.pass_time(minutes=30)
    world.switch(is_on=True)
    world.pass_time(days=3)

    assert world.mails() == []
    assert world.why() == "too_old"


def test_a_cart_of_an_account_without_a_typed_address_goes_where_the_account_is_now(world):
    world.tell(cart_of_account(world))
    world.pass_time(minutes=40)
    world.customer("ann.new@example.com")
    world.pass_time(minutes=80)

    assert [one["to"] for one in world.mails()] == ["ann.new@example.com"]


def cart_of_account(world):
    """A cart whose platform tells the account and no address."""
    lines = [{"productId": "p", "quantity": 1, "price": 40.0}]
    record = {"id": "t1", "total": 40.0, "currency": "EUR", "lines": lines}
    return world._event(Kind.CART_UPDATED, "t1", record, "1")


def test_a_cart_that_changes_during_its_series_gets_no_second_first_mail(world):
    world.cart(total=40.0)
    world.pass_time(minutes=95)
    for total in (50.0, 60.0, 70.0):
        world.cart(total=total)
        world.pass_time(minutes=40)
    world.pass_time(days=2)

    assert world.steps() == [1, 2]
    assert world.mails()[1]["params"]["cart"]["total"] == 70.0


def test_a_cart_after_a_bought_one_gets_a_series_of_its_own(world):
    world.cart("may")
    world.pass_time(minutes=95)
    world.order(carts=["may"])
    world.pass_time(days=20, step=timedelta(hours=6))
    world.cart("june")
    world.pass_time(days=4)

    assert [one["params"]["cart"]["url"][-3:] for one in world.mails()] == ["may", "une", "une", "une"]


def test_a_checkout_that_was_open_for_days_and_is_bought_gets_no_further_mail(world):
    begun = world.now.isoformat()
    world.cart("810", carts=["810"])
    world.pass_time(days=2, hours=3)
    sent = world.steps()
    world.cart("810", carts=["810"])  # the buyer comes back to it
    world.pass_time(minutes=20)
    world.order("810", carts=["810"], createdAt=begun)
    world.pass_time(days=5)

    assert sent == [1, 2]
    assert world.steps() == [1, 2]
    assert world.why("shop:cart:810") == "bought"


def test_such_a_purchase_ends_the_cart_of_another_browser_too(world):
    begun = world.now.isoformat()
    world.cart("810", carts=["810"])
    world.pass_time(days=2, hours=3)
    world.cart("810", carts=["810"])
    world.pass_time(minutes=5)
    world.cart("811", carts=["811"])
    world.pass_time(minutes=5)
    sent = len(world.mails())
    world.order("810", carts=["810"], createdAt=begun)
    world.pass_time(days=5)

    assert len(world.mails()) == sent


def test_two_shops_that_count_their_orders_alike_have_two_orders(world):
    world.order("810", carts=["810"])
    world.pass_time(days=3)
    world.cart("900", carts=["900"])
    world.pass_time(minutes=35)
    other = world._event(Kind.ORDER_PLACED, "810", dict(world.shop.events[-2].record))
    record = {**other.record, "createdAt": world.now.isoformat()}
    world.tell(replace(other, source="zoo", record=record))
    world.pass_time(days=5)

    assert world.mails() == []
    assert world.why("shop:cart:900") == "bought"


def test_what_became_another_persons_says_nothing_of_the_first_any_more(world):
    world.customer("bob@example.com", "2")
    world.cart("t1", EMAIL)
    world.pass_time(minutes=5)
    world.cart("t2", EMAIL)
    world.order("o1", EMAIL)
    world.pass_time(minutes=5)
    world.cart("t2", EMAIL)
    world.cart("t1", "bob@example.com")  # the address is typed anew
    world.order("o1", "bob@example.com")  # and corrected on the order
    world.pass_time(hours=2)

    assert world.steps(EMAIL) == [1]
