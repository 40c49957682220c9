"""A whole installation with PayPal and a shop; PayPal's API is the stand-in, in this process. No tests in here."""

from __future__ import annotations

from urllib.parse import urlsplit

from connectors.paypal.connector import PayPalConnector
from connectors.paypal.fake.app import FakePayPal
from connectors.paypal.fake.settings import CLIENT, SECRET, Settings
from connectors.paypal.tests.contract import certificates
from customer_sync.kit.fakes.clock import Clock
from customer_sync.kit.outbound import Reply
from tests.field.house import House

CONFIG = f"""\
connectors:
  pay: {{platform: paypal, webhook_id: s, client_id: {CLIENT}, client_secret: {SECRET}}}
  shop: {{platform: shopify, shop_url: lamps.myshopify.com, api_secret: s}}
skills:
  customer-sync:
    enabled: true
    field_mapping: {{email: email, firstName: FIRSTNAME, totalOrders: ORDERS, totalSpent: SPENT, subscriptionId: PLAN}}
    options: {{list_id: 2}}
  order-events: {{enabled: true}}
"""
ANA, BOB = "ana@example.com", "bob@example.com"
TOKEN = "/v1/oauth2/token"


class Http:
    """The stand-in in this process, as the network is seen; remembers the paths that it was asked for."""

    def __init__(self):
        self.fake, self.asked = None, []

    def send(self, method, url, *, headers, body=None, is_file=False):
        parts = urlsplit(url)
        self.asked.append(parts.path)
        answer = self.fake.app.test_client().open(
            f"{parts.path}?{parts.query}", method=method, data=body, headers=dict(headers)
        )
        return Reply(answer.status_code, {name.lower(): value for name, value in answer.headers.items()}, answer.data)


class Till:
    """A house whose sources are PayPal and a shop, at one time with the stand-in.

    Args:
        config: another tajo.yaml.
    """

    def __init__(self, client, folder, patch, config=CONFIG):
        patch.setattr(PayPalConnector, "certificates", certificates())
        self.http, self.told = Http(), 0
        self.house = House(client, folder, patch, hosts={"api-m.paypal.com": self.http}, config=config)
        time = self.house.time
        self.fake = self.http.fake = FakePayPal(Settings(customers=0), Clock(time.now_s, lambda: time.now_s))
        self.house.brevo("POST", "/contacts/attributes/normal/PLAN", {"type": "text"})

    def payer(self, email):
        payer = self.fake.book.come()
        payer.email = email
        return payer

    def tell(self, topic, resource, *, number=""):
        """Let PayPal tell something, signed, and do all that can be done for two minutes."""
        self.told += 1
        body = {"id": number or f"WH-{self.told}", "event_type": topic, "resource": resource}
        body["create_time"] = self.house.iso()
        self.house._send("pay", {}, body, work=True)  # the house knows shops by name only
        self.house.pass_time(minutes=2)

    def paid(self, payment, *, number=""):
        word = "SALE" if payment.agreement else "CAPTURE"
        self.tell(f"PAYMENT.{word}.COMPLETED", payment.row("https://api-m.paypal.com"), number=number)

    def later(self, **span):
        """Let time pass in one piece."""
        self.house.pass_time(work=False, **span)

    def row(self):
        """What the ledger knows of what was told last."""
        return self.house.store.ledger.event(f"paypal:WH-{self.told}")

    def plan(self, email):
        return self.house.contacts[email]["attributes"].get("PLAN")

    @property
    def orders(self):
        return {name: row["amount"] for name, row in self.house.orders.items()}
