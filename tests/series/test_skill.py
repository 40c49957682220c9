"""What the skill tells the lane of mails: whose a cart is, when it is looked at, and what a purchase reaches."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from customer_sync.config import Settings
from customer_sync.engine.plan import Due, Who
from customer_sync.model import Kind, to_ms
from customer_sync.skills.abandoned_cart import SKILL, AbandonedCart
from customer_sync.skills.definition import KeyFault
from tests.series.line import KEYS, at, cart, order

TEN = timedelta(minutes=10)
ACCOUNT = {"customer": {"id": "3", "email": "Anna@example.com"}, "account": "3"}


def steps(event):
    return AbandonedCart(TEN).intent(event).steps


def test_a_cart_is_looked_at_when_it_counts_as_left_and_every_touch_moves_that():
    (first,), (second,) = steps(cart("10:00")), steps(cart("10:07"))

    assert (first.lane, first.target, first.id) == ("mail", "shop:cart:t1", "cart:t1")
    assert first.due == Due(at("10:10"), is_moved=True)
    assert second.due == Due(at("10:17"), is_moved=True)
    assert second.at == at("10:07")


def test_a_cart_holds_what_the_mail_shows_and_no_address():
    (said,) = steps(cart("10:00", email="Kai@Example.com", carts=["t1", "t1-long"], isLoggedIn=True))

    assert said.fields == {
        "touchedAt": to_ms(at("10:00")),
        "carts": ["t1", "t1-long"],
        "emptied": False,
        "hasAddress": True,
        "cart": {
            "total": 40.0,
            "currency": "EUR",
            "url": "https://shop.example.com/c/1",
            "lines": [{"productId": "7", "title": "Mug", "quantity": 1, "price": 40.0}],
            "isLoggedIn": True,
        },
    }


def test_a_cart_belongs_to_the_address_that_was_typed_and_not_to_the_account():
    (said,) = steps(cart("10:00", email="Work@Example.com", **ACCOUNT))

    assert said.who == Who("shop", at("10:00"), email="work@example.com")


def test_a_cart_without_a_typed_address_belongs_to_the_account():
    (said,) = steps(cart("10:00", email=None, **ACCOUNT))

    assert said.who == Who("shop", at("10:00"), "3", "anna@example.com", is_copy=True)
    assert said.fields["hasAddress"] is True


@pytest.mark.parametrize("typed", ["lea@", "lea@example", 5])
def test_where_what_was_typed_is_no_address_the_account_does_not_stand_in_for_it(typed):
    intent = AbandonedCart(TEN).intent(cart("10:00", email=typed, **ACCOUNT))

    assert intent.steps[0].who is None
    assert intent.steps[0].fields["hasAddress"] is False
    assert intent.note.startswith("email: ")
    assert "lea" not in intent.note


def test_a_body_that_does_not_tell_the_address_leaves_it_as_it_was():
    event = cart("10:00")
    record = {name: value for name, value in event.record.items() if name != "email"}
    (said,) = steps(replace(event, record=record))

    assert said.who is None
    assert "hasAddress" not in said.fields


def test_an_emptied_and_a_deleted_cart_are_looked_at_now():
    gone = replace(cart("10:05"), kind=Kind.CART_DELETED, record={"id": "t1"})
    for event in (cart("10:05", lines=[]), gone):
        (said,) = steps(event)

        assert said.fields["emptied"] is True
        assert said.due == Due()


def test_a_body_without_lines_says_nothing_of_whether_the_cart_was_emptied():
    event = cart("10:00")
    record = {name: value for name, value in event.record.items() if name != "lines"}
    (said,) = steps(replace(event, record=record))

    assert "emptied" not in said.fields


def test_what_the_platform_changes_after_a_cart_was_bought_is_no_touch():
    (said,) = steps(cart("12:00", completedAt=at("10:30").isoformat()))

    assert said.fields["completedAt"] == said.fields["touchedAt"] == to_ms(at("10:30"))
    assert said.due == Due()


def test_a_purchase_is_told_to_its_address_its_account_and_the_carts_that_it_names():
    said = steps(order("10:00", email="Work@example.com", carts=["t1", "t2"], **ACCOUNT))

    assert [(one.id, one.who) for one in said] == [
        ("order:900", Who("shop", at("10:00"), email="work@example.com")),
        ("order:900:account", Who("shop", at("10:00"), "3", "anna@example.com", is_copy=True)),
        ("cart:t1", None),
        ("cart:t2", None),
    ]
    told = said[0].fields
    assert told == {
        "order": "900",
        "state": "paid",
        "status": "processing",
        "carts": ["t1", "t2"],
        "amount": 40.0,
        "currency": "EUR",
        "createdAt": to_ms(at("10:00")),
        "changedAt": to_ms(at("10:00")),
        "isRenewal": False,
    }
    assert said[1].fields == told
    assert [one.fields for one in said[2:]] == [{"order:900": told}] * 2
    assert {one.due for one in said} == {Due()}


def test_a_guests_purchase_is_told_to_the_address_of_the_buyer():
    said = steps(order("10:00", email=None, customer={"email": "Tove@example.com"}))

    assert [(one.id, one.who.email) for one in said] == [("order:900", "tove@example.com")]


@pytest.mark.parametrize(
    "more",
    [
        {"state": "draft", "status": "checkout-draft"},
        {"state": "placed", "status": "pending"},
        {"state": "cancelled"},
        {"isRenewal": True},
        {"state": 7},
    ],
)
def test_what_is_no_purchase_is_told_to_nobody(more):
    assert steps(order("10:00", carts=["t1"], **more)) == []


@pytest.mark.parametrize(
    "event",
    [
        replace(cart("10:00"), record_id=None),
        replace(order("10:00"), kind=Kind.CUSTOMER_UPDATED),
        replace(order("10:00"), kind=Kind.ORDER_DELETED),
    ],
)
def test_what_is_of_no_interest_gives_nothing(event):
    assert list(steps(event)) == []


@pytest.mark.parametrize("value", ["x", 5, True, [1], {"a": 1}, None])
@pytest.mark.parametrize("key", ["carts", "createdAt", "completedAt", "customer", "amount", "currency", "lines", "url"])
def test_no_value_of_a_field_stops_a_cart_or_an_order(key, value):
    assert steps(cart("10:00", **{key: value}))
    assert steps(order("10:00", **{key: value}))


def test_the_skill_waits_as_long_as_the_settings_say_and_full_runs_know():
    assert SKILL.make(Settings()).terms("shop") == "30m"
    assert AbandonedCart(TEN).terms("shop") == "10m"


def test_the_skill_refuses_keys_that_do_not_fit():
    assert SKILL.check(KEYS) == []
    assert SKILL.check({}) == [KeyFault("sequence", "found nothing", "Write a list of mails.")]
