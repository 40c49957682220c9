"""What the contract suite must know of Pipedrive and its stand-in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from connectors.pipedrive import pull
from connectors.pipedrive.account import Account
from connectors.pipedrive.persons import Context, outline_of
from connectors.pipedrive.tests.standin import person
from customer_sync.kit.fields import Node
from tests.contract.trial import Person, Pulled, Trial

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
TOKEN = {"x-api-token": "pipedrive-token"}
SAYS = {"subscribed": True, "unsubscribed": False}
LOST = "a page may lack persons without a word"


def read(row):
    node = Node(row)
    return Context(Account("trial")).read(node, outline_of(node, "trial", NOW))


def hooks(shop: Any) -> list[Any]:
    return shop.get("/fake/hooks")["hooks"]


def spoil(shop: Any, topic: str, **fields: Any) -> None:
    number = next(one["id"] for one in hooks(shop) if f"{one['event_object']}.{one['event_action']}" == topic)
    if fields:
        shop.post(f"/fake/hooks/{number}", fields)
    else:
        shop.delete(f"/fake/hooks/{number}")


class Pipedrive(Trial):
    """A full pull is in the order of ids, an incremental one in the order of change."""

    arguments = ("--customers", "60", "--calls-per-2s", "100000", "--tokens-per-day", "100000000")
    options: ClassVar = {"api_token": "pipedrive-token"}
    hurry = ("--time-scale", "0.1")
    wrong_keys: ClassVar = {
        "another token": {"api_token": "token-of-nobody"},
        "another app": {"api_token": "", "client_id": "not-the-app", "client_secret": "not-the-secret"},
    }
    unplayed: ClassVar = {"full": ("ignore_filter",)}
    unseen: ClassVar = {"lose_half": LOST, "short_page": LOST}
    spoils: ClassVar = {
        "missing": spoil,
        "off": lambda shop, topic: spoil(shop, topic, is_active=0),
        "version": lambda shop, topic: spoil(shop, topic, version="1.0"),
        "moved": lambda shop, topic: spoil(shop, topic, subscription_url="http://127.0.0.1:7/webhooks/trial"),
        "another user": lambda shop, topic: spoil(shop, topic, http_auth_user="eve"),
    }
    withdrawals = (Pulled(read, person(7, marketing_status="unsubscribed"), ("marketing_status",)),)

    def prepare(self, patch):
        patch.setattr(pull, "SIZE", 12)
        patch.setattr(pull, "LEAD_SIZE", 8)
        patch.setattr(pull, "OVERLAP", 2)

    def everybody(self, shop):
        return {str(one["id"]) for one in shop.get("/fake/persons")["persons"]}

    def change(self, shop):
        since = datetime.now(UTC) - timedelta(seconds=2)
        for number in range(1, 41):
            shop.post(f"/fake/persons/{number}", {"job_title": "Cook"})
        return {str(number) for number in range(1, 41)}, since

    def create(self, shop):
        return str(shop.post("/fake/persons")["id"])

    def delete(self, shop, record_id):
        shop.delete(f"/fake/persons/{record_id}")

    def populate(self, shop, count):
        shop.post("/fake/populate", {"count": count})

    def address(self, shop, record_id):
        return next(one["value"] for one in _one(shop, record_id)["emails"])

    def rename(self, shop, record_id, email):
        shop.post(f"/fake/persons/{record_id}", {"emails": [{"value": email, "primary": True, "label": "work"}]})

    def merge(self, shop, kept, gone):
        return str(shop.post("/fake/merge", {"kept": int(kept), "gone": int(gone)})["id"])

    def may_mail(self, shop, record_id):
        return SAYS.get(_one(shop, record_id)["marketing_status"])

    def subscribe(self, shop, record_id):
        shop.post(f"/fake/subscribe/{record_id}")

    def unsubscribe(self, shop, record_id):
        shop.post(f"/fake/persons/{record_id}", {"marketing_status": "unsubscribed"})

    def nickname(self, shop, record_id, first):
        shop.post(f"/fake/persons/{record_id}", {"first_name": first})

    def people(self, shop):
        return {str(row["id"]): _person(row) for row in shop.get("/fake/persons")["persons"]}

    def webhooks(self, shop):
        return [
            (f"{one['event_object']}.{one['event_action']}", one["subscription_url"])
            for one in hooks(shop)
            if one["is_active"] and one["version"] == "2.0" and one["http_auth_user"] == "tajo"
        ]

    def add_webhook(self, shop, topic, address):
        entity, _, action = topic.partition(".")
        body = {"subscription_url": address, "event_object": entity, "event_action": action, "version": "2.0"}
        shop.http.request("POST", f"{shop.address}/v1/webhooks", headers=TOKEN, json={**body, "http_auth_user": "tajo"})


def _one(shop, record_id):
    return next(one for one in shop.get("/fake/persons")["persons"] if str(one["id"]) == record_id)


def _person(row):
    email = next((one["value"] for one in row["emails"]), "")
    return Person(email, row["first_name"] or "", row["last_name"] or "", SAYS.get(row["marketing_status"]))


TRIAL = Pipedrive()
