"""An installation with a shop of Magento. No tests in here."""

from __future__ import annotations

import json

from connectors.magento.tests.standin import SHOP
from customer_sync import assembly
from customer_sync.batch.runs import step
from customer_sync.batch.starts import start
from customer_sync.model import Inbound
from customer_sync.store import inbox
from customer_sync.store.run import RunKind, RunState
from tests.field import house as houses
from tests.field.house import House

KEYS = (
    f'platform: magento, shop_url: "{SHOP}", webhook_secret: s, consumer_key: fakeconsumerkey, '
    "consumer_secret: fakeconsumersecret, access_token: fakeaccesstoken, access_token_secret: fakeaccesssecret"
)
CONFIG = f"""\
connectors:
  magento: {{{{{KEYS}{{more}}}}}}
skills:
  customer-sync:
    enabled: true
    field_mapping: {{{{email: email, firstName: FIRSTNAME, totalOrders: ORDERS, totalSpent: SPENT}}}}
    options: {{{{list_id: 2}}}}
  order-events: {{{{enabled: true}}}}
"""


class MagentoHouse(House):
    """An installation with one shop of Magento, whose module tells it of what happens.

    Args:
        client: an empty Redis.
        folder: an empty folder.
        patch: puts stand-ins in the place of the network.
        shop: the shop.
        more: options of the source, after a comma.
        config: another tajo.yaml.
        given: for the house.
    """

    def __init__(self, client, folder, patch, shop, more="", *, config=CONFIG, **given):
        patch.setattr(houses, "LANES", ("contacts", "orders", "fetch:magento", "writeback:magento"))
        self.shop = shop
        written = config.format(more=more)
        super().__init__(client, folder, patch, hosts={"shop.example.com": shop.wire}, config=written, **given)
        self.heard = []
        for topic in self.line.connectors["magento"].topics:
            hook = {"topic": topic, "address": "http://127.0.0.1:9/", "secret": "s"}
            shop.fake.telling.put_hook(None, hook)
        shop.fake.clock.set(self.time.now_s)

    def left_in_brevo(self, email):
        """Let somebody leave by the link of a mail of Brevo's."""
        row = {"event": "unsubscribe", "email": email, "ts_event": int(self.time.now_s), "id": len(self.heard)}
        inbound = Inbound("brevo", {}, json.dumps(row).encode(), self.now)
        self.brevo("PUT", f"/contacts/{email}", {"emailBlacklisted": True})
        self.store.inbox.append([inbox.encode(inbound, ())])
        self.work()
        self.pass_time(minutes=5)

    def told(self):
        """Let all that happened in the shop reach us; then some time passes."""
        for one in self.shop.fake.sender.waiting:
            if one not in self.heard:
                self.heard.append(one)
                self._send("magento", {}, json.loads(one.write().body), work=True)
        self.pass_time(minutes=2)
        self.shop.fake.clock.set(self.time.now_s)

    def tell(self, topic, row):
        """Let the shop's module tell of a row, of which nothing is known in the shop itself."""
        at = self.now.strftime("%Y-%m-%d %H:%M:%S")
        store = {"website_id": 1, "website": "base"}
        self._send(
            "magento", {}, {"id": f"row-{at}", "topic": topic, "sent_at": at, "store": store, "data": row}, work=True
        )

    def move(self, seconds):
        """Let time pass here and in the shop, while nobody works."""
        self.time.move(seconds)
        self.shop.fake.clock.set(self.time.now_s)

    def run(self, kind=RunKind.FULL, resource="customers", source="magento"):
        """Read a resource, deliver what it brought, and return the run."""
        puller = assembly.open_puller(self.settings, self.line, self._folder)
        number = start(puller, source, kind, resource=resource).id
        for _ in range(100):
            step(puller, number)
            found = self.store.runs.read(number)
            if found.state not in {RunState.RUNNING, RunState.DELIVERING}:
                self.shop.fake.clock.set(self.time.now_s)
                return found
            if found.state is RunState.DELIVERING:
                self.work()
                self.import_all()
            self.move(max(found.due_ms / 1000 - self.time.now_s, 0.001))
        raise AssertionError(found)
