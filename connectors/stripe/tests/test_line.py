"""The whole line with a key: what events of the newest generation leave open is read again at the stand-in."""

from __future__ import annotations

import pytest

from connectors.stripe.tests.shop import ANA, BACK, LANE, Shop


@pytest.fixture
def shop(client, tmp_path, monkeypatch):
    found = Shop(client, tmp_path, monkeypatch)
    yield found
    found.house.sandbox.close()


@pytest.mark.parametrize("version", ["2025-02-24.acacia", "2026-10-28.endive"])
def test_payments_refunds_and_subscriptions_come_right_in_both_generations(shop, version):
    number = shop.account.customer(email=ANA)
    shop.account.act("subscriptions", customer=number)
    bill = shop.account.act("invoices", customer=number, amount=2000, currency="eur")
    alone = shop.account.act("charges", customer=number, amount=1000, currency="eur")
    shop.hear(version)
    before = shop.house.totals(ANA)
    shop.pass_time(60)
    shop.account.act(f"charges/{bill['charge']}/refund", amount=500)
    shop.account.act(f"charges/{alone['id']}/refund")
    shop.hear(version)
    shop.pass_time(60)

    assert before == (2, 30)
    assert shop.house.totals(ANA) == (1, 15)
    assert shop.house.contacts[ANA]["attributes"]["PLAN"] == "active"
    assert shop.house.store.lanes.depth(LANE)[0] == 0


def test_a_subscription_that_ended_beside_another_ends_nothing(shop):
    number = shop.account.customer(email=ANA)
    first = shop.account.act("subscriptions", customer=number)
    shop.account.act("subscriptions", customer=number, plan="wick")
    shop.hear()
    shop.pass_time(60)
    shop.account.act(f"subscriptions/{first['id']}", "DELETE")
    shop.hear()
    shop.pass_time(60)

    assert shop.house.contacts[ANA]["attributes"]["PLAN"] == "active"


def test_a_customer_that_is_deleted_before_it_is_read_again_is_gone(shop):
    number = shop.account.customer(email=ANA)
    shop.hear()
    shop.account.act("subscriptions", customer=number)
    shop.pass_time(5)
    shop.account.act(f"customers/{number}", "DELETE")
    shop.hear()
    shop.pass_time(90)

    assert shop.house.contacts[ANA]["emailBlacklisted"]
    assert shop.house.store.lanes.depth(LANE)[0] == 0


def test_t1_an_opt_out_in_brevo_is_told_to_each_customer_that_is_left_and_never_comes_back(shop):
    numbers = [shop.account.customer(email=one) for one in (ANA, "Ana@Example.com", ANA, "bob@example.com")]
    shop.hear()
    shop.account.act(f"customers/{numbers[0]}", "DELETE")
    shop.pass_time(5)
    shop.leave(ANA)
    shop.pass_time(60)
    shop.hear()
    shop.pass_time(60)
    marks = [shop.account.row(one)["metadata"].get("brevo_email_optout") for one in numbers[1:]]

    assert marks == ["true", "true", None]
    assert len([one for one in shop.account.sent if one[0] == "POST"]) == 2
    assert shop.house.contacts[ANA]["emailBlacklisted"]
    assert not shop.house.contacts["bob@example.com"]["emailBlacklisted"]
    assert shop.house.store.lanes.depth(BACK)[0] == 0
