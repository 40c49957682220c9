"""Failures that others reported of PayPal, from the signed webhook to what Brevo has then.

The bodies are made up in the shapes that were reported; PayPal's API is the stand-in, in this process.
"""

from __future__ import annotations

import json
from urllib.parse import urlsplit

import pytest

from connectors.paypal.api import LOST_TOKEN_S, Api
from connectors.paypal.connector import PayPalConnector
from connectors.paypal.fake.app import FakePayPal
from connectors.paypal.fake.settings import CLIENT, SECRET, Settings
from connectors.paypal.tests.contract import certificates
from customer_sync.errors import TryLater
from customer_sync.kit.connector import SourceSettings
from customer_sync.kit.fakes.clock import Clock
from customer_sync.kit.outbound import Reply
from customer_sync.kit.reach import Access, Want
from tests.contract.trial import MemoryVault
from tests.field.house import House

CONFIG = f"""\
connectors:
  pay: {{platform: paypal, webhook_id: s, client_id: {CLIENT}, client_secret: {SECRET}}}
  shop: {{platform: shopify, shop_url: lamps.myshopify.com, api_secret: s}}
skills:
  customer-sync:
    enabled: true
    field_mapping: {{email: email, firstName: FIRSTNAME, totalOrders: ORDERS, totalSpent: SPENT}}
    options: {{list_id: 2}}
  order-events: {{enabled: true}}
"""
ANA, BOB = "ana@example.com", "bob@example.com"


class Http:
    """The stand-in in this process, as the network is seen."""

    def __init__(self, fake):
        self.fake, self.asked = fake, []

    def send(self, method, url, *, headers, body=None, is_file=False):
        parts = urlsplit(url)
        self.asked.append((method, parts.path))
        answer = self.fake.app.test_client().open(
            f"{parts.path}?{parts.query}", method=method, data=body, headers=dict(headers)
        )
        return Reply(answer.status_code, {name.lower(): value for name, value in answer.headers.items()}, answer.data)


class Till:
    """A house whose sources are PayPal and a shop."""

    def __init__(self, client, folder, patch):
        patch.setattr(PayPalConnector, "certificates", certificates())
        self.fake = FakePayPal(Settings(customers=0), Clock())
        self.http = Http(self.fake)
        self.house = House(client, folder, patch, hosts={"api-m.paypal.com": self.http}, config=CONFIG)
        self.fake.clock.set(self.house.time.now_s)
        self.told = 0

    def payer(self, email):
        payer = self.fake.book.come()
        payer.email = email
        return payer

    def tell(self, topic, resource, *, number=""):
        self.told += 1
        body = {"id": number or f"WH-{self.told}", "event_type": topic, "resource": resource}
        body["create_time"] = self.house.iso()
        self.house._send("pay", {}, body, work=True)
        self.house.pass_time(minutes=2)

    def paid(self, payment, *, number=""):
        word = "SALE" if payment.agreement else "CAPTURE"
        self.tell(f"PAYMENT.{word}.COMPLETED", payment.row("https://api-m.paypal.com"), number=number)

    @property
    def orders(self):
        return {name: row["amount"] for name, row in self.house.orders.items()}


@pytest.fixture
def till(client, tmp_path, monkeypatch):
    found = Till(client, tmp_path, monkeypatch)
    yield found
    found.house.sandbox.close()


def test_y1_no_contact_is_made_of_an_address_that_paypal_made_up(till):
    masked = till.fake.book.pay(till.payer("0f3a9c51d2@dcc.paypal.com"), value=34.0)
    till.paid(masked)
    till.tell("CHECKOUT.ORDER.APPROVED", {"id": "O1", "payer": masked.payer.row()})
    own = till.fake.book.pay(till.payer(ANA), value=20.0)
    till.paid(own)

    assert set(till.house.contacts) == {ANA}
    assert "pay:" + own.id in till.orders
    assert till.house.totals(ANA) == (1, 20)


def test_y2_a_renewal_with_another_address_renames_nobody_and_takes_no_opt_in_along(till):
    till.house.subscriber(ANA)
    payer = till.payer(ANA)
    subscription, may = till.fake.book.subscribe(payer)
    till.tell("BILLING.SUBSCRIPTION.ACTIVATED", subscription.row())
    till.paid(may)
    payer.email = BOB
    june = till.fake.book.pay(payer, agreement=subscription.id)
    till.tell("BILLING.SUBSCRIPTION.UPDATED", subscription.row())
    till.paid(june)

    contacts = till.house.contacts
    assert 2 in contacts[ANA]["listIds"]
    assert contacts[BOB]["listIds"] == []
    assert {f"pay:{may.id}", f"pay:{june.id}"} <= set(till.orders)
    assert till.house.orders[f"pay:{may.id}"]["email"] == ANA


def test_y2_the_former_address_keeps_its_contact_where_nothing_but_paypal_knows_it(till):
    payer = till.payer(ANA)
    subscription, may = till.fake.book.subscribe(payer)
    till.paid(may)
    payer.email = BOB
    till.tell("BILLING.SUBSCRIPTION.UPDATED", subscription.row())

    assert set(till.house.contacts) == {ANA, BOB}
    assert till.house.totals(ANA)[0] == 1


def test_y3_one_payment_that_is_told_three_times_and_reported_is_one_order(till):
    payer = till.payer(ANA)
    _, sale = till.fake.book.subscribe(payer)
    sale.value = 34.0
    for number in ("WH-a", "WH-b", "WH-a"):
        till.paid(sale, number=number)
    till.house.pull("pay", "orders")

    assert till.orders == {f"pay:{sale.id}": 34.0}
    assert till.house.totals(ANA) == (1, 34)


@pytest.mark.parametrize("is_first", [True, False])
def test_y4_a_reversal_of_a_part_leaves_the_rest_and_counts_once(till, is_first):
    capture = till.fake.book.pay(till.payer(ANA), value=40.0)
    up = [{"rel": "up", "href": f"https://api.paypal.com/v2/payments/captures/{capture.id}"}]
    back = {
        "id": "R1",
        "amount": {"value": "10.00", "currency_code": "EUR"},
        "links": up,
        "create_time": till.house.iso(),
    }
    told = [lambda: till.paid(capture), lambda: till.tell("PAYMENT.CAPTURE.REVERSED", back)]
    for tell in told[:: 1 if is_first else -1]:
        tell()
    till.tell("PAYMENT.CAPTURE.REVERSED", back)

    assert till.orders == {f"pay:{capture.id}": 30.0}
    assert till.house.totals(ANA) == (1, 30)


def test_y5_a_token_that_paypal_lost_is_thrown_away_and_asked_for_once():
    fake = FakePayPal(Settings(customers=3), Clock())
    http, vault, held = Http(fake), MemoryVault(), []
    access = Access(http, vault, fake.clock, held.append)
    settings = SourceSettings("pay", "paypal", (), {"client_id": CLIENT, "client_secret": SECRET})
    connector = PayPalConnector(settings)
    connector.pull(Want("orders", since=None), access)
    fake.oauth.expire()
    before = len(http.asked)
    connector.pull(Want("orders", since=None), access)

    assert [path for _, path in http.asked[before:]] == [
        "/v1/reporting/transactions",
        "/v1/oauth2/token",
        "/v1/reporting/transactions",
    ]
    fake.faults.add({"kind": "lost_token", "count": None})
    with pytest.raises(TryLater) as later:
        Api.of(settings, access).get("/v1/notifications/webhooks")
    assert (later.value.after_s, later.value.burns, held) == (LOST_TOKEN_S, False, [LOST_TOKEN_S])


def test_payments_of_a_masked_payer_are_kept_without_an_address_and_told(till):
    masked = till.fake.book.pay(till.payer("x@dcc.paypal.com"), value=5.0)
    till.paid(masked)

    row = till.house.store.ledger.event(f"paypal:WH-{till.told}")
    assert row is not None
    assert str(row.state) in {"delivered", "ignored", "pending"}
    assert json.dumps(till.house.contacts) == "{}"
