"""The whole line with a key: what events of the newest generation leave open is read again at the stand-in."""

from __future__ import annotations

import json

import pytest

from connectors.stripe.fake import bodies
from connectors.stripe.tests.standin import BASE, KEY, Account
from customer_sync.errors import TajoError
from customer_sync.model import Inbound
from customer_sync.pipeline import accept, deliver
from tests.field import house as houses
from tests.field.house import House, Way

CONFIG = f"""\
connectors:
  pay: {{platform: stripe, webhook_secret: s, api_key: {KEY}, base_url: "{BASE}"}}
skills:
  customer-sync:
    enabled: true
    field_mapping: {{email: email, subscriptionStatus: PLAN, totalOrders: ORDERS, totalSpent: SPENT}}
    options: {{list_id: 2}}
  order-events: {{enabled: true}}
"""
ANA = "ana@example.com"
LANE, BACK = "fetch:pay", "writeback:pay"


class Shop:
    """A house, an account, and the events that go from one to the other."""

    def __init__(self, house, account):
        self.house, self.account, self.told = house, account, set()
        house.brevo("POST", "/contacts/attributes/normal/PLAN", {"type": "text"})
        account.clock.set(float(int(house.time.now_s)))

    def hear(self, version="2026-10-28.endive"):
        """Let the events that happened arrive, and do all that can be done."""
        for event in self.account.fake.books.shelves["events"]:
            if event["id"] not in self.told:
                self.told.add(event["id"])
                self.house._send("pay", {}, bodies.event(event, version), work=False)  # as its own words do
        self.work()

    def work(self):
        self.house.work()
        for lane in (LANE, BACK, LANE):
            try:
                while deliver(self.house.line, lane).did_work:
                    pass
            except TajoError:
                pass
            self.house.work()

    def leave(self, email):
        """Let somebody unsubscribe in Brevo."""
        self.house.brevo("PUT", f"/contacts/{email}", {"emailBlacklisted": True})
        told = {"event": "unsubscribed", "email": email, "ts_event": int(self.house.time.now_s)}
        accept(self.house.line, Inbound("brevo", {}, json.dumps(told).encode(), self.house.now))
        self.work()

    def pass_time(self, seconds):
        self.house.time.move(seconds)
        self.account.clock.set(self.account.clock() + seconds)
        self.work()


@pytest.fixture
def shop(client, tmp_path, monkeypatch):
    account = Account(customers=0)
    monkeypatch.setattr(houses, "CONFIG", CONFIG)
    monkeypatch.setattr(houses, "Way", lambda hosts: Way({**hosts, "stripe.example": account}))
    found = House(client, tmp_path, monkeypatch)
    yield Shop(found, account)
    found.sandbox.close()


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
