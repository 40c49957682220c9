"""The rest of what others reported of PayPal: what is kept of a masked payer, what is shown, a lost token in a run."""

from __future__ import annotations

import pytest

from connectors.paypal.tests import test_field_cases as cases
from connectors.paypal.tests.test_field_cases import ANA, BOB, Till
from customer_sync import assembly
from customer_sync.batch.runs import step
from customer_sync.batch.starts import start
from customer_sync.kit.reach import Access
from customer_sync.store.run import RunKind
from tests.contract.trial import MemoryVault


@pytest.fixture
def till(client, tmp_path, monkeypatch):
    found = Till(client, tmp_path, monkeypatch)
    yield found
    found.house.sandbox.close()


def test_y1_the_payment_of_a_masked_payer_is_kept_and_told_to_be_without_an_address(till):
    masked = till.fake.book.pay(till.payer("0f3a9c51d2@dcc.paypal.com"), value=34.0)
    till.paid(masked)
    row = till.house.store.ledger.event(f"paypal:WH-{till.told}")

    assert till.house.contacts == {}
    assert row is not None
    assert "address" in row.note or till.orders == {f"pay:{masked.id}": 34.0}


def test_y1_the_list_of_such_domains_can_be_extended(client, tmp_path, monkeypatch):
    monkeypatch.setattr(
        cases, "CONFIG", cases.CONFIG.replace("webhook_id: s", "webhook_id: s, masked_domains: [made.example.com]")
    )
    till = Till(client, tmp_path, monkeypatch)
    till.paid(till.fake.book.pay(till.payer("x1@made.example.com"), value=5.0))
    till.paid(till.fake.book.pay(till.payer(ANA), value=5.0))

    assert set(till.house.contacts) == {ANA}
    till.house.sandbox.close()


def test_y2_a_payment_with_another_address_belongs_to_its_subscription(client, tmp_path, monkeypatch):
    mapping = "firstName: FIRSTNAME, subscriptionId: PLAN"
    monkeypatch.setattr(cases, "CONFIG", cases.CONFIG.replace("firstName: FIRSTNAME", mapping))
    till = Till(client, tmp_path, monkeypatch)
    till.house.brevo("POST", "/contacts/attributes/normal/PLAN", {"type": "text"})
    payer = till.payer(ANA)
    subscription, may = till.fake.book.subscribe(payer)
    till.tell("BILLING.SUBSCRIPTION.ACTIVATED", subscription.row())
    till.paid(may)
    payer.email = BOB
    june = till.fake.book.pay(payer, agreement=subscription.id)
    till.tell("BILLING.SUBSCRIPTION.UPDATED", subscription.row())
    till.paid(june)

    api = Access(till.http, MemoryVault(), till.fake.clock)
    connector = till.house.line.connectors["pay"]
    paid = connector.fetch("orders", [may.id, june.id], api)
    assert {one.record["subscriptionId"] for one in paid} == {subscription.id}
    assert till.house.totals(ANA)[0] == 1
    assert [till.house.contacts[one]["attributes"]["PLAN"] for one in (ANA, BOB)] == [subscription.id] * 2
    till.house.sandbox.close()


def test_y5_a_run_whose_new_tokens_fail_too_slows_down_and_asks_for_no_token_at_each_call(till):
    house = till.house
    till.fake.book.pay(till.payer(ANA), value=5.0)
    till.fake.faults.add({"kind": "lost_token", "count": None})
    puller = assembly.open_puller(house.settings, house.line, house._folder)
    number = start(puller, "pay", RunKind.FULL, resource="orders").id
    before = len(till.http.asked)
    for _ in range(60):  # an hour, looked at each minute
        step(puller, number)
        house.pass_time(seconds=60)
        till.fake.clock.set(house.time.now_s)
    asked = [path for _, path in till.http.asked[before:]]
    alerts = [one["alert"] for one in house.store.ledger.alerts()]

    assert len([one for one in asked if "oauth2" in one]) <= 15
    assert len(asked) <= 45
    assert len(alerts) == 1, alerts
    till.fake.faults.clear()
    house.pass_time(minutes=6)
    step(puller, number)
    assert house.store.runs.read(number).reason == ""
    assert house.store.runs.read(number).counts["pages"] == 1
