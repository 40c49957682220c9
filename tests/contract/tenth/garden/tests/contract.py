"""What the contract suite must know of Garden and its stand-in."""

from datetime import UTC, datetime, timedelta
from typing import ClassVar

from connectors.garden.connector import SUBJECT, read

from customer_sync.kit.fields import Node
from customer_sync.kit.rescue import hear
from customer_sync.model import Event, Kind
from tests.contract.trial import Pulled, Trial

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
KEY = {"X-Key": "garden-key"}
OUTLINE = Event("garden:7", "trial", Kind.CUSTOMER_UPDATED, NOW)
LEFT = {"id": 7, "email": "ann@example.com", "name": "Ann", "agrees": False, "agreedAt": "2026-11-20T10:00:00Z"}


def hooks(shop):
    return shop.http.request("GET", f"{shop.address}/api/hooks", headers=KEY).json()["hooks"]


def change(shop, method, topic, **more):
    number = next(one["id"] for one in hooks(shop) if one["topic"] == topic)
    shop.http.request(method, f"{shop.address}/api/hooks/{number}", headers=KEY, json=more)


def pulled(row):
    node = Node(row)
    return hear(lambda: read(node, OUTLINE), node, SUBJECT, OUTLINE)


class Garden(Trial):
    options: ClassVar = {"key": "garden-key"}
    wrong_keys: ClassVar = {"another key": {"key": "another-garden"}}
    unseen: ClassVar = {
        "lose_half": "a page may lack customers without a word",
        "short_page": "a page may lack customers without a word",
    }
    spoils: ClassVar = {
        "missing": lambda shop, topic: change(shop, "DELETE", topic),
        "disabled": lambda shop, topic: change(shop, "PUT", topic, on=False),
    }
    withdrawals = (Pulled(pulled, LEFT, ("agrees",)),)

    def everybody(self, shop):
        return {str(one) for one in shop.get("/fake/customers")["ids"]}

    def change(self, shop):
        since = datetime.now(UTC) - timedelta(seconds=2)
        for number in range(1, 18):
            shop.post(f"/fake/customers/{number}")
        return {str(number) for number in range(1, 18)}, since

    def create(self, shop):
        return str(shop.post("/fake/customers")["id"])

    def delete(self, shop, record_id):
        shop.delete(f"/fake/customers/{record_id}")

    def webhooks(self, shop):
        return [(one["topic"], one["url"].removesuffix(f"/{self.secrets[0]}")) for one in hooks(shop) if one["on"]]

    def add_webhook(self, shop, topic, address):
        body = {"topic": topic, "url": address, "on": True}
        shop.http.request("POST", f"{shop.address}/api/hooks", headers=KEY, json=body)


TRIAL = Garden()
