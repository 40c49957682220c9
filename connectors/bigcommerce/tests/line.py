"""A whole installation with one BigCommerce store: its webhooks go in signed, a sandbox shows what came of it."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

from connectors.bigcommerce.fake.app import FakeBigCommerce
from connectors.bigcommerce.fake.settings import HASH, SECRET, TOKEN, Settings
from connectors.bigcommerce.tests.standin import ADDRESS
from customer_sync.kit.fakes.clock import Clock
from customer_sync.kit.outbound import Reply
from customer_sync.kit.reach import Access
from customer_sync.model import Inbound
from customer_sync.store import inbox
from tests.contract.trial import MemoryVault
from tests.field import house as field
from tests.field.house import House

CONFIG = f"""\
connectors:
  bc: {{platform: bigcommerce, store_hash: {HASH}, access_token: {TOKEN}, client_secret: {SECRET}, webhook_secret: s,
       base_url: "http://shop.example.com"}}
  shop: {{platform: shopify, shop_url: lamps.myshopify.com, storefront_url: "https://lamps.example", api_secret: s}}
skills:
  customer-sync:
    enabled: true
    field_mapping: {{email: email, firstName: FIRSTNAME, totalOrders: ORDERS, totalSpent: SPENT,
                    firstOrderDate: FIRST, lastOrderDate: LAST}}
    options: {{list_id: 2}}
  order-events: {{enabled: true}}
"""


class Store:
    """The stand-in, in the place of the network."""

    def __init__(self, now_s):
        self.answers, self.calls = [], []
        self.fake = FakeBigCommerce(Settings(customers=0, orders=0, quota=10**6), Clock(now_s(), now_s))

    def send(self, method, url, *, headers, body=None, is_file=False):
        """Call it; `answers` come before the store's own, and calls are noted with their times."""
        del is_file
        parts = urlsplit(url)
        self.calls.append((self.fake.clock(), method, parts.path, dict(parse_qsl(parts.query))))
        if self.answers:
            return self.answers.pop(0)
        path = f"{parts.path}?{parts.query}" if parts.query else parts.path
        found = self.fake.app.test_client().open(path, method=method, data=body, headers=dict(headers))
        return Reply(found.status_code, {name.lower(): value for name, value in found.headers.items()}, found.data)


class Line:
    """The installation; see the module.

    Args:
        client: an empty Redis.
        folder: an empty folder.
        patch: puts stand-ins in the place of the network.
        more: for the house.
    """

    def __init__(self, client, folder, patch, **more):
        patch.setattr(field, "LANES", ("fetch:bc", *field.LANES))
        self.store = None
        self.house = House(client, folder, patch, self, config=CONFIG, **more)
        self.store = Store(lambda: self.house.time.now_s)
        self.fake = self.store.fake
        self.connector = self.house.line.connectors["bc"]
        access = Access(self.store, MemoryVault(), self.fake.clock)
        assert not self.connector.ensure_webhooks(ADDRESS, access).failed
        self.access = access

    def send(self, method, url, **more):
        """Stand for the network: hand a call on."""
        return self.store.send(method, url, **more)

    def hear(self, *, last_first=False):
        """Let the webhooks that wait arrive, and do what is to be done."""
        waiting = self.fake.sender.waiting
        for one in waiting[::-1] if last_first else waiting:
            message = one.write()
            headers = {**message.headers, **message.sign(message.body, self.fake.clock())}
            told = Inbound("bc", {name.lower(): text for name, text in headers.items()}, message.body, self.house.now)
            self.connector.verify(told, self.connector.settings.secrets)
            self.house.store.inbox.append([inbox.encode(told, self.connector.keeps)])
        for number in self.fake.hooks.rows:
            self.fake.sender.drop(number)
        self.house.work()
        self.house.work()

    def customer(self, email, *channels):
        """Let somebody register, and return the number."""
        return self.fake.add_customer({"email": email, "first_name": "Ana", "channel_ids": list(channels) or [1]})["id"]

    def lists(self, email):
        """The lists that a contact is on."""
        return self.house.contacts[email]["listIds"]

    def is_blocked(self, email):
        """Whether Brevo may mail nothing to a contact."""
        return self.house.contacts[email]["emailBlacklisted"]
