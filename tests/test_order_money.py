"""What an order is worth, and whether it counts."""

from __future__ import annotations

from decimal import Decimal

import pytest

from customer_sync.model import OrderState
from customer_sync.person.orders import counts, net

PAID = {"state": "paid", "total": 100.0, "amount": 100.0}


@pytest.mark.parametrize(
    ("fields", "worth"),
    [
        (PAID, "100"),
        ({**PAID, "refund:9": 30.0}, "70"),
        ({**PAID, "refund:9": -30.0}, "70"),
        ({**PAID, "refund:9": 30.0, "refund:10": 10.0}, "60"),
        ({**PAID, "amount": 70.0, "refund:9": 30.0}, "70"),
        ({**PAID, "total": 96.0, "amount": 38.4}, "38.4"),
        ({**PAID, "total": 96.0, "amount": 120.0}, "120"),
        ({**PAID, "state": "cancelled"}, "0"),
        ({**PAID, "state": "deleted"}, "0"),
        ({**PAID, "refund:9": 130.0}, "0"),
        ({"state": "placed", "total": 60.0}, "60"),
        ({"state": "paid", "amount": -5.0}, "0"),
    ],
)
def test_an_order_is_worth_what_is_left_of_it(fields, worth):
    assert net(fields) == Decimal(worth)


def test_an_order_without_any_amount_has_no_worth():
    assert net({"state": "paid", "total": None, "amount": True}) is None


def test_only_paid_orders_count_and_tests_never():
    counted = [state for state in OrderState if counts({"state": state})]

    assert counted == [OrderState.PAID]
    assert not counts({**PAID, "isTest": True})
