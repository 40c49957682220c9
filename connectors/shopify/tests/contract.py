"""What the contract suite must know of Shopify and its stand-in."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, ClassVar

from connectors.shopify import bulk, nodes, pull
from connectors.shopify.connector import TOPICS
from connectors.shopify.tests.standin import customer
from connectors.shopify.upkeep import enum_of, subscribable
from customer_sync.kit.fakes.faults import PAGES
from tests.contract.trial import Person, Pulled, Trial

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
AT = datetime(2026, 11, 20, 10, tzinfo=UTC)
TOKEN = "shpat_demo"
SAYS = {"SUBSCRIBED": True, "UNSUBSCRIBED": False}
KEYS = {"shop_url": "demo.myshopify.com", "api_key": "demo-client-id", "api_secret": "demo-client-secret"}
LEFT = {"marketingState": "UNSUBSCRIBED", "marketingOptInLevel": None, "marketingUpdatedAt": "2026-11-20T08:00:00Z"}
LIST = "query Hooks { webhookSubscriptions(first: 100) { nodes { id topic uri } } }"
CREATE = """mutation Sub($topic: WebhookSubscriptionTopic!, $sub: WebhookSubscriptionInput!) {
  webhookSubscriptionCreate(topic: $topic, webhookSubscription: $sub) { userErrors { message } } }"""
DELETE = """mutation Delete($id: ID!) {
  webhookSubscriptionDelete(id: $id) { deletedWebhookSubscriptionId userErrors { message } } }"""
UPDATE = """mutation Update($id: ID!, $sub: WebhookSubscriptionInput!) {
  webhookSubscriptionUpdate(id: $id, webhookSubscription: $sub) { userErrors { message } } }"""


def ask(shop: Any, query: str, **variables: Any) -> Any:
    """Ask the Admin API as another program with the same app does."""
    answer = shop.http.request(
        "POST",
        f"{shop.address}/admin/api/2026-10/graphql.json",
        json={"query": query, "variables": variables},
        headers={"X-Shopify-Access-Token": TOKEN},
    ).json()
    assert "errors" not in answer, answer
    return answer["data"]


def hooks(shop: Any) -> list[Any]:
    return ask(shop, LIST)["webhookSubscriptions"]["nodes"]


def id_of(shop: Any, topic: str) -> str:
    return next(one["id"] for one in hooks(shop) if one["topic"] == enum_of(topic))


class Shopify(Trial):
    """A full pull is the file of a bulk operation, an incremental one a listing."""

    arguments = (
        *("--customers", "120", "--bucket", "100000", "--restore", "100000", "--bulk-seconds", "0.02"),
        *("--schema", "none"),
    )
    options: ClassVar = KEYS
    secret = ("api_secret", KEYS["api_secret"])
    hurry = ("--time-scale", "0.1")
    wrong_keys: ClassVar = {
        "another secret": {"api_secret": "not-the-secret"},
        "another app": {"api_key": "not-the-app"},
        "another token": {"access_token": "shpat_of_nobody"},
    }
    unplayed: ClassVar = {"full": tuple(PAGES)}
    spoils: ClassVar = {
        "missing": lambda shop, topic: ask(shop, DELETE, id=id_of(shop, topic)),
        "moved": lambda shop, topic: ask(
            shop, UPDATE, id=id_of(shop, topic), sub={"uri": "http://127.0.0.1:7/webhooks/trial"}
        ),
    }
    withdrawals = (
        Pulled(
            lambda node: nodes.Reader("trial", NOW).read(node),
            customer(7, defaultEmailAddress={"emailAddress": "ann@example.com", **LEFT}),
            ("defaultEmailAddress.marketingState", "defaultPhoneNumber.marketingState"),
        ),
    )

    def prepare(self, patch):
        patch.setattr(bulk, "PIECE_BYTES", 20_000)
        patch.setattr(pull, "MAX_SIZE", 15)

    def everybody(self, shop):
        rows = shop.get("/fake/customers?limit=1000")["customers"]
        return {row["id"].rpartition("/")[2] for row in rows}

    def change(self, shop):
        found = shop.post("/fake/customers/change", {"count": 60, "at": AT.isoformat()})["ids"]
        return set(found), AT

    def create(self, shop):
        (found,) = shop.post("/fake/customers", {"count": 1})["ids"]
        return found

    def delete(self, shop, record_id):
        shop.post("/fake/customers/delete", {"ids": [record_id]})

    def populate(self, shop, count):
        shop.post("/fake/customers", {"count": count})

    def address(self, shop, record_id):
        return _shown(shop, record_id)["email"]

    def rename(self, shop, record_id, email):
        shop.post("/fake/customers/change", {"ids": [record_id], "fields": {"email": email}})

    def merge(self, shop, kept, gone):
        shop.post("/fake/customers/merge", {"kept": kept, "gone": gone})
        return kept

    def may_mail(self, shop, record_id):
        return SAYS.get(_shown(shop, record_id)["emailState"])

    def subscribe(self, shop, record_id):
        shop.post("/fake/customers/consent", {"ids": [record_id], "state": "SUBSCRIBED"})

    def unsubscribe(self, shop, record_id):
        shop.post("/fake/customers/consent", {"ids": [record_id], "state": "UNSUBSCRIBED"})

    def nickname(self, shop, record_id, first):
        shop.post("/fake/customers/change", {"ids": [record_id], "fields": {"firstName": first}})

    def people(self, shop):
        lines = shop.http.request("GET", shop.address + "/fake/customers.jsonl").data.splitlines()
        rows = [json.loads(line) for line in lines]
        return {row["legacyResourceId"]: _person(row) for row in rows}

    def webhooks(self, shop):
        words = {enum_of(topic): topic for topic in subscribable(TOPICS)}
        return [(words[one["topic"]], one["uri"]) for one in hooks(shop)]

    def add_webhook(self, shop, topic, address):
        ask(shop, CREATE, topic=enum_of(topic), sub={"uri": address})


def _shown(shop: Any, record_id: str) -> Any:
    (row,) = shop.get(f"/fake/customers?ids={record_id}")["customers"]
    return row


def _person(row: Any) -> Person:
    return Person(row["email"] or "", row["firstName"] or "", row["lastName"] or "", SAYS.get(row["emailState"]))


TRIAL = Shopify()
