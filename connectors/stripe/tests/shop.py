"""A whole installation with a key of Stripe, whose API is the stand-in in this process. No tests in here."""

from __future__ import annotations

import json

from connectors.stripe.fake import bodies
from connectors.stripe.tests.standin import BASE, KEY, Account
from customer_sync.errors import TajoError
from customer_sync.model import Inbound
from customer_sync.pipeline import accept, deliver
from tests.field.house import House

CONFIG = f"""\
connectors:
  pay: {{platform: stripe, webhook_secret: s, api_key: {KEY}, base_url: "{BASE}"}}
skills:
  customer-sync:
    enabled: true
    field_mapping: {{email: email, firstName: FIRSTNAME, subscriptionStatus: PLAN,
                    totalOrders: ORDERS, totalSpent: SPENT}}
    options: {{list_id: 2}}
  order-events: {{enabled: true}}
"""
ANA = "ana@example.com"
LANE, BACK = "fetch:pay", "writeback:pay"


class Shop:
    """A house and an account of Stripe, at one time, and the events that go from one to the other.

    Args:
        config: another tajo.yaml.
        at_s: the time at the start; None: now.
    """

    def __init__(self, client, folder, patch, config=CONFIG, at_s=None):
        self.account, self.told = Account(customers=0), set()
        self.house = House(client, folder, patch, hosts={"stripe.example": self.account}, config=config)
        self.house.brevo("POST", "/contacts/attributes/normal/PLAN", {"type": "text"})
        if at_s is not None:
            self.house.time.move(at_s - self.house.time.now_s)
        self.account.clock.set(float(int(self.house.time.now_s)))

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
