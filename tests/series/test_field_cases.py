"""What went wrong with carts and their mails elsewhere, each with the smallest input and the right outcome.

The numbers are those of the cases as they were gathered from public reports.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from customer_sync.model import ConsentState, Kind
from customer_sync.series.decide import Recipient, Why
from tests.series.line import at, cart, line, options, order

ALL_THREE = [("0 11:30", "t1", 1), ("1 11:30", "t1", 2), ("3 11:30", "t1", 3)]


def whys(found, name="t1"):
    return [end.why for _, one, end in found.ends if one == name]


def test_a_cart_that_is_left_has_three_mails_and_is_lost():
    found = line(cart("10:00")).run("9 0:00")

    assert found.told() == ALL_THREE
    assert whys(found) == [Why.LOST]


def test_24_an_emptied_cart_is_not_mailed():
    found = line(cart("10:00"), cart("10:05", lines=[], total=0)).run("2 10:00")

    assert found.told() == []
    assert whys(found) == [Why.EMPTIED]


def test_24_a_deleted_cart_is_not_mailed():
    gone = replace(cart("10:05"), kind=Kind.CART_DELETED, record={"id": "t1"})
    found = line(cart("10:00"), gone).run("2 10:00")

    assert found.told() == []


def test_24_a_cart_that_is_filled_again_starts_afresh():
    found = line(cart("10:00"), cart("10:05", lines=[], total=0), cart("11:00")).run("9 0:00")

    assert found.told() == [("0 12:30", "t1", 1), ("1 12:30", "t1", 2), ("3 12:30", "t1", 3)]


def test_25_an_order_of_the_same_address_closes_a_guests_cart_without_its_token():
    bought = order("10:40", email="EVA@example.com", account="5")
    found = line(cart("10:00", email="eva@example.com"), bought).run("9 0:00")

    assert found.told() == []
    assert whys(found) == [Why.BOUGHT]


def test_26_the_mail_goes_to_the_typed_address_only_and_its_order_closes_the_cart():
    account = {"customer": {"id": "3", "email": "anna@example.com"}, "account": "3"}
    left = cart("10:00", email="anna.work@example.com", **account)
    found = line(left, order("1 9:00", email="anna.work@example.com", **account), accounts={"3": "anna@example.com"})
    found.run("9 0:00")

    assert [one.to for one in found.mails] == ["anna.work@example.com"]
    assert whys(found) == [Why.BOUGHT]


def test_26_an_order_of_the_account_closes_the_accounts_cart_whatever_address_is_on_it():
    account = {"customer": {"id": "3", "email": "anna@example.com"}, "account": "3"}
    left = cart("10:00", email=None, **account)
    found = line(left, order("10:30", email="anna.work@example.com", **account), accounts={"3": "anna@example.com"})

    assert found.run("9 0:00").told() == []


@pytest.mark.parametrize("order_of_arrival", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_27_the_address_that_was_typed_last_gets_the_one_series(order_of_arrival):
    stages = [
        cart("10:00", email="lea@example"),
        cart("10:01", email="lea@example.co"),
        cart("10:02", email="lea@example.com"),
    ]
    found = line()
    for place, number in enumerate(order_of_arrival):
        found.tells(stages[number], arrives=f"10:{10 + place}")
    found.run("9 0:00")

    assert {one.to for one in found.mails} == {"lea@example.com"}
    assert [one.send.step for one in found.mails] == [1, 2, 3]


def test_27_where_what_was_typed_last_is_no_address_nobody_is_mailed():
    found = line(cart("10:00", email="lea@example.com"), cart("10:01", email="lea@")).run("9 0:00")

    assert found.told() == []
    assert whys(found) == [Why.NO_ADDRESS]


@pytest.mark.parametrize("address", ["john.smith-0001@storebotmail.joonix.net", "x@eu.robots.example"])
def test_28_a_robots_cart_is_not_mailed_and_does_not_count_as_left(address):
    settings = options(exclusions={"domains": ["robots.example"]})
    found = line(cart("10:00", email=address), options=settings).run("9 0:00")

    assert found.told() == []
    assert found.left == {}
    assert whys(found) == [Why.EXCLUDED]


def test_29_the_mail_shows_the_price_that_the_buyer_saw():
    two = [{"productId": "7", "quantity": 2, "price": 20.0}]
    found = line(cart("10:00", lines=two, total=40.0)).run("0 12:00")

    shown = found.mails[0].send.params["cart"]
    assert shown == {
        "currency": "EUR",
        "total": 40.0,
        "lines": two,
        "url": "https://shop.example.com/c/1",
    }
    assert sum(one["quantity"] * one["price"] for one in shown["lines"]) == shown["total"]


def test_30_two_carts_of_one_address_have_one_series_about_the_newer_one():
    phone, desktop = cart("9:00", "p1", "ole@example.com"), cart("9:20", "d1", "ole@example.com")
    found = line(phone, desktop).run("9 0:00")

    assert found.told() == [("0 10:50", "d1", 1), ("1 10:50", "d1", 2), ("3 10:50", "d1", 3)]
    assert whys(found, "p1") == [Why.NEWER_CART]


def test_30_the_order_ends_both_carts_and_recovers_one():
    phone, desktop = cart("9:00", "p1", "ole@example.com"), cart("9:20", "d1", "ole@example.com")
    found = line(phone, desktop, order("11:00", email="ole@example.com", carts=["d1"])).run("9 0:00")

    assert found.told() == [("0 10:50", "d1", 1)]
    assert [(name, end.is_recovered) for _, name, end in found.ends if end.why is Why.BOUGHT] == [("d1", True)]


def test_30_the_mail_of_the_older_cart_makes_the_newer_one_wait():
    phone, desktop = cart("9:00", "p1", "ole@example.com"), cart("10:35", "d1", "ole@example.com")
    found = line(phone, desktop, options=options(detection={"inactivity_threshold": "5m"}))
    found.run("0 23:00")

    assert found.told() == [("0 10:05", "p1", 1), ("0 11:40", "d1", 1)]


@pytest.mark.parametrize("second", ["t2", "t1"], ids=["another id", "the same id"])
def test_31_a_second_cart_of_a_person_has_a_full_series(second):
    found = line(cart("10:00"), order("10:40"), cart("30 10:00", second)).run("40 0:00")

    assert [(name, step) for _, name, step in found.told()] == [(second, 1), (second, 2), (second, 3)]


def test_31_a_full_series_follows_a_series_that_was_bought_after_its_second_mail():
    found = line(cart("10:00"), order("1 12:00", carts=["t1"]), cart("30 10:00")).run("40 0:00")

    assert [step for _, _, step in found.told()] == [1, 2, 1, 2, 3]
    assert whys(found) == [Why.BOUGHT, Why.LOST]


def test_31_a_cart_that_changes_after_its_first_mail_has_no_second_first_mail():
    changes = [cart("12:10"), cart("12:50"), cart("13:30", total=90.0)]
    found = line(cart("10:00"), changes).run("9 0:00")

    assert found.told() == ALL_THREE
    assert found.mails[1].send.params["cart"]["total"] == 90.0


def test_32_a_draft_closes_nothing_and_the_order_marks_the_cart_recovered_once():
    draft = order("10:01", "810", state="draft", status="checkout-draft", carts=["t1"])
    made = draft.record["createdAt"]
    paid = order("12:00", "810", carts=["t1"], createdAt=made)
    again = order("13:00", "810", carts=["t1"], createdAt=made, status="completed")
    found = line(cart("10:00"), draft, paid, again).run("9 0:00")

    assert found.left == {"cart:t1": at("10:30")}
    assert found.told() == [("0 11:30", "t1", 1)]
    assert [(end.why, end.is_recovered) for _, _, end in found.ends] == [(Why.BOUGHT, True)]


def test_33_a_purchase_by_bank_transfer_that_is_told_late_lets_one_mail_out_at_most():
    found = line(cart("10:00"))
    found.tells(order("11:25", state="placed", status="on-hold"), arrives="11:31")

    assert found.run("9 0:00").told() == [("0 11:30", "t1", 1)]


@pytest.mark.parametrize("status", ["pending", "failed"])
def test_33_an_order_that_is_not_paid_at_the_till_ends_no_series(status):
    found = line(cart("10:00"), order("10:05", state="placed", status=status)).run("9 0:00")

    assert found.told() == ALL_THREE


LEAVES = [
    {"consent": ConsentState.WITHDRAWN},
    {"has_left_list": True},
    {"erased": True},
]


@pytest.mark.parametrize("change", LEAVES)
def test_34_nobody_is_mailed_who_left_between_two_mails(change):
    found = line(cart("10:00", email="ben@example.com"))
    found.says("ben@example.com", "0 15:00", **change)
    found.run("9 0:00")

    assert found.told() == [("0 11:30", "t1", 1)]
    assert whys(found) == [Why.ERASED if "erased" in change else Why.UNSUBSCRIBED]


def test_35_after_a_standstill_one_mail_goes_out_and_the_gaps_are_kept():
    found = line(cart("10:00")).run("20 0:00", asleep=("0 10:10", "4 10:10"))

    assert found.told() == [("4 10:10", "t1", 1), ("5 10:10", "t1", 2)]
    assert whys(found) == [Why.TOO_OLD]


def test_35_a_first_start_mails_no_old_carts():
    carts = [cart("10:00", f"c{number}", f"p{number}@example.com") for number in range(300)]
    found = line(enabled_at=at("300 0:00"))
    for one in carts:
        found.tells(one, arrives="300 1:00")
    found.run("310 0:00")

    assert found.told() == []
    assert {end.why for _, _, end in found.ends} == {Why.TOO_OLD}


def test_35_a_cart_left_shortly_before_the_skill_was_enabled_is_not_mailed():
    found = line(cart("10:00"), enabled_at=at("10:01")).run("9 0:00")

    assert found.told() == []


def test_6_the_renewal_of_a_subscription_does_not_close_the_open_cart():
    found = line(cart("10:00"), order("10:30", "655", isRenewal=True)).run("9 0:00")

    assert found.told() == ALL_THREE


def test_a_person_who_was_never_asked_is_not_mailed():
    unknown = Recipient("kai@example.com", ConsentState.UNKNOWN)
    found = line(cart("10:00"), people={"kai@example.com": unknown}).run("9 0:00")

    assert found.told() == []
    assert whys(found) == [Why.NO_CONSENT]
    assert found.left == {"cart:t1": at("10:30")}


def test_a_person_who_confirms_late_is_mailed_then():
    pending = Recipient("kai@example.com", ConsentState.PENDING)
    found = line(cart("10:00"), people={"kai@example.com": pending})
    found.says("kai@example.com", "14:00", consent=ConsentState.GRANTED)

    assert found.run("0 23:00").told() == [("0 14:30", "t1", 1)]
