"""Whose an order is in Brevo: read at delivery, so that whatever came meanwhile holds."""

from __future__ import annotations

from dataclasses import replace

import pytest

from customer_sync.model import Channel, Consent, ConsentState, Event, Kind
from tests.orders.rig import OrdersRig, order
from tests.rig import at


@pytest.fixture
def rig(client):
    return OrdersRig(client)


def customer(email, *, when=-100, kind=Kind.CUSTOMER_UPDATED, consents=()):
    return Event(f"c:{email}:{when}:{kind}", "shop", kind, at(when), "12", "12", {"email": email}, consents)


def no(when=-5):
    return Consent(Channel.EMAIL, ConsentState.WITHDRAWN, at(when), "shop", explicit=True)


def put(rig, *events):
    """Let events wait in the lanes."""
    for event in events:
        rig.send(event)
    rig.read()


def test_an_order_that_waits_goes_to_the_address_that_its_buyer_has_by_then(rig):
    put(rig, customer("old@example.com"), order(email="old@example.com", customer="12", when=-50))
    put(rig, customer("new@example.com", when=-10))
    rig.deliver_all()

    assert rig.orders["shop:1001"]["email"] == "new@example.com"


def test_an_order_of_somebody_who_was_erased_meanwhile_names_nobody(rig):
    put(rig, customer("ann@example.com"), order(email="ann@example.com", customer="12", when=-50))
    put(rig, replace(customer("ann@example.com", when=-1), kind=Kind.CUSTOMER_ERASED, record={}))
    rig.deliver_orders()

    assert rig.called("/orders/status") == []
    assert rig.waits() == 0


def test_a_withdrawal_that_waits_is_in_brevo_before_an_order_names_the_buyer(rig):
    put(rig, customer("ann@example.com", when=-50, consents=(no(),)), order(customer="12", when=-5))
    rig.deliver_orders()
    before = rig.called("/orders/status")
    rig.deliver()
    rig.client.zadd("tajo:q:orders:1", {"shop:1001": 0})
    rig.deliver_orders()

    assert before == []
    assert rig.orders["shop:1001"]["email"] == "ann@example.com"
    assert rig.sandbox.contacts.roll.get(rig.orders["shop:1001"]["contact_id"]).email_blacklisted is True


def test_an_order_makes_no_contact_of_somebody_who_was_deleted(rig):
    rig.rules = replace(rig.rules, delete={"shop": "hard"})
    rig.tell(customer("ann@example.com", when=-100))
    rig.tell(replace(customer("ann@example.com", when=-50), kind=Kind.CUSTOMER_DELETED))
    rig.tell(order(customer="12", when=-60))

    assert rig.called("/orders/status") == []
    assert "The buyer left, and is no contact in Brevo." in rig.notes()


def test_an_order_without_an_address_is_sent_once_its_buyer_has_one(rig):
    rig.tell(order(email=None, customer="12"))
    first = dict(rig.orders)
    rig.tell(customer("ann@example.com", when=-5))
    rig.tell(order(email=None, customer="12", kind=Kind.ORDER_UPDATED, when=-4, coupons=["A"]))

    assert first == {}
    assert rig.orders["shop:1001"]["email"] == "ann@example.com"


@pytest.mark.parametrize("is_settled", [True, False])
def test_an_order_makes_no_contact_anew_that_somebody_deleted_in_brevo(rig, is_settled):
    rig.tell(customer("ann@example.com", when=-100))
    rig.tick()
    rig.send_brevo({"event": "contact_deleted", "email": "ann@example.com"})
    rig.read()
    if is_settled:
        rig.deliver()
    put(rig, order(customer="12", when=-10))
    rig.deliver_orders()
    rig.deliver()
    rig.client.zadd("tajo:q:orders:1", {"shop:1001": 0})
    rig.deliver_orders()

    assert rig.called("/orders/status") == []
    assert "The buyer left, and is no contact in Brevo." in rig.notes()


@pytest.mark.parametrize("way", ["create", "nobody"])
def test_the_order_of_somebody_new_waits_for_the_contact_and_is_theirs(rig, way):
    rig.sandbox.switches.unknown_person = way
    put(rig, order(customer="12", email="new@example.com", when=-5))
    rig.deliver_orders()
    before = rig.called("/orders/status")
    rig.deliver()
    rig.client.zadd("tajo:q:orders:1", {"shop:1001": 0})
    rig.deliver_orders()

    assert before == []
    assert rig.orders["shop:1001"]["contact_id"] == 1


def test_an_order_at_a_new_address_leaves_the_contact_its_address(rig):
    rig.sandbox.switches.unknown_person = "create"
    rig.tell(customer("old@example.com"))
    put(rig, customer("new@example.com", when=-10), order(email="new@example.com", customer="12", when=-5))
    rig.deliver_orders()
    rig.deliver()
    rig.client.zadd("tajo:q:orders:1", {"shop:1001": 0})
    rig.deliver_orders()

    assert [one.email for number in (1, 2) if (one := rig.sandbox.contacts.roll.get(number))] == ["new@example.com"]
    assert rig.orders["shop:1001"]["contact_id"] == 1
