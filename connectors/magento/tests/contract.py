"""What the contract suite must know of Magento and its stand-in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, ClassVar

from connectors.magento import pull
from connectors.magento.customers import Reader
from connectors.magento.fake.settings import FOUR
from tests.contract.trial import Person, Pulled, Trial

NUMBERS = count(1)
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
KEYS = dict(zip(("consumer_key", "consumer_secret", "access_token", "access_token_secret"), FOUR, strict=True))
ACCOUNT = {
    "id": 26,
    "group_id": 1,
    "default_billing": "7",
    "created_at": "2026-11-20 08:15:00",
    "updated_at": "2026-11-21 11:30:00",
    "created_in": "Default Store View",
    "email": "noor@example.com",
    "firstname": "Noor",
    "lastname": "",
    "store_id": 1,
    "website_id": 1,
    "addresses": [{"id": 7, "country_id": "NL", "street": ["Kade 1"], "telephone": "020 123", "default_billing": True}],
    "disable_auto_group_change": 0,
    "extension_attributes": {"is_subscribed": False},
}


def put(shop: Any, topic: str, **more: Any) -> None:
    number = next(one["id"] for one in shop.get("/fake/state")["webhooks"] if one["topic"] == topic)
    shop.post("/fake/hooks", {"id": number, **more})


def drop(shop: Any, topic: str) -> None:
    number = next(one["id"] for one in shop.get("/fake/state")["webhooks"] if one["topic"] == topic)
    shop.delete(f"/fake/hooks/{number}")


class Magento(Trial):
    """Accounts by id, then by change; each is read alone for its newsletter."""

    arguments = ("--customers", "24")
    options: ClassVar = KEYS
    journey: ClassVar = {"calls_per_s": 900}
    empty_boxes = True
    calls_a_page = 40
    wrong_keys: ClassVar = {
        "another consumer": {"consumer_key": "consumer-of-nobody"},
        "another consumer secret": {"consumer_secret": "secret-of-nobody"},
        "another token": {"access_token": "token-of-nobody"},
        "another token secret": {"access_token_secret": "token-secret-of-nobody"},
        "the token alone, which is switched off": {
            "consumer_key": "",
            "consumer_secret": "",
            "access_token_secret": "",
        },
    }
    unplayed: ClassVar = {"full": ("ignore_filter",)}
    spoils: ClassVar = {
        "missing": drop,
        "disabled": lambda shop, topic: put(shop, topic, is_active=False),
        "moved": lambda shop, topic: put(shop, topic, address="http://127.0.0.1:7/webhooks/trial"),
    }
    withdrawals = (
        Pulled(lambda row: Reader("trial", NOW).read(row), ACCOUNT, ("extension_attributes.is_subscribed",)),
    )

    def prepare(self, patch):
        patch.setattr(pull, "PAGE", 5)

    def everybody(self, shop):
        return {str(one) for one in shop.get("/fake/customers")["ids"]}

    def change(self, shop):
        since = datetime.now(UTC)
        shop.post("/fake/clock", {"offset_s": 900})
        changed = sorted(map(int, self.everybody(shop)))[:17]
        for one in changed:
            shop.post(f"/fake/customers/{one}", {"firstname": f"Changed {one}"})
        # the clock of the shop is put right again: calls are signed with the time
        shop.post("/fake/clock", {"offset_s": 0})
        return {str(one) for one in changed}, since + timedelta(seconds=800)

    def edit(self, shop):
        since = datetime.now(UTC) - timedelta(seconds=60)
        edited = sorted(self.everybody(shop))[:3]
        for one in edited:
            shop.post(f"/fake/customers/{one}/newsletter", {"agrees": False})
        return set(edited), since

    def create(self, shop):
        body = {"email": f"new{next(NUMBERS)}@example.com", "firstname": "New", "lastname": "Comer"}
        return str(shop.post("/fake/customers", body)["id"])

    def delete(self, shop, record_id):
        shop.delete(f"/fake/customers/{record_id}")

    def unsubscribe(self, shop, record_id):
        shop.post(f"/fake/customers/{record_id}/newsletter", {"agrees": False})

    def nickname(self, shop, record_id, first):
        shop.post(f"/fake/customers/{record_id}", {"firstname": first})

    def people(self, shop):
        rows = {one: shop.get(f"/fake/customers/{one}") for one in self.everybody(shop)}
        return {
            one: Person(row["email"], row["firstname"], row["lastname"], row["extension_attributes"]["is_subscribed"])
            for one, row in rows.items()
        }

    def webhooks(self, shop):
        return [(one["topic"], one["address"]) for one in shop.get("/fake/state")["webhooks"] if one["is_active"]]

    def add_webhook(self, shop, topic, address):
        shop.post("/fake/hooks", {"topic": topic, "address": address, "secret": "another", "is_active": True})

    def populate(self, shop, count):
        for number in range(count):
            body = {"email": f"many{number}@example.com", "firstname": "One", "lastname": f"Of {number}"}
            shop.post("/fake/customers", body)

    def address(self, shop, record_id):
        return shop.get(f"/fake/customers/{record_id}")["email"]

    def rename(self, shop, record_id, email):
        shop.post(f"/fake/customers/{record_id}", {"email": email})

    def may_mail(self, shop, record_id):
        return shop.get(f"/fake/customers/{record_id}")["extension_attributes"]["is_subscribed"]

    def subscribe(self, shop, record_id):
        shop.post(f"/fake/customers/{record_id}/newsletter", {"agrees": True})


TRIAL = Magento()
