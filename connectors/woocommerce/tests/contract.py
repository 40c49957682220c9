"""What the contract suite must know of WooCommerce and its stand-in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from html import unescape
from itertools import count
from typing import Any, ClassVar

from connectors.woocommerce import analytics, api, place, pull
from connectors.woocommerce.boxes import CONSENT_META_KEYS, Boxes
from connectors.woocommerce.connector import _consent_keys
from connectors.woocommerce.fake.settings import KEY, SECRET
from connectors.woocommerce.pulled import Reader
from connectors.woocommerce.tests.caller import basic
from tests.contract.trial import Person, Pulled, Trial

NUMBERS = count(1)
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
ACCOUNT = {
    "id": 26,
    "date_created": "2026-11-20T09:15:00",
    "date_created_gmt": "2026-11-20T08:15:00",
    "date_modified": "2026-11-21T12:30:00",
    "date_modified_gmt": "2026-11-21T11:30:00",
    "email": "noor@example.com",
    "first_name": "Noor",
    "last_name": "",
    "role": "customer",
    "is_paying_customer": True,
    "billing": {"first_name": "Noor", "phone": "020 123 4567", "country": "NL", "email": "noor@example.com"},
    "meta_data": [{"id": 1, "key": "other", "value": {"a": 1}}, {"id": 2, "key": "ws_opt_in", "value": "0"}],
}


#: The field of the newsletter box of Brevo's own plugin.
BOX = "ws_opt_in"


def call(shop: Any, method: str, route: str, body: Any = None) -> Any:
    """Call the REST API as another program does."""
    more = {} if body is None else {"json": body}
    answer = shop.http.request(method, f"{shop.address}/wp-json/wc/v3/{route}", headers=basic(), **more)
    assert answer.status < 300, answer.data
    return answer.json()


def id_of(shop: Any, topic: str) -> int:
    return next(one["id"] for one in shop.get("/fake/state")["webhooks"] if one["topic"] == topic)


def accounts(shop: Any) -> list[Any]:
    """Return every account, page by page."""
    found: list[Any] = []
    while True:
        page = call(shop, "GET", f"customers?role=all&per_page=100&page={len(found) // 100 + 1}&orderby=id")
        found += page
        if len(page) < 100:
            return found


def says(row: Any) -> bool | None:
    """Tell what the newsletter boxes of an account say; one that is not ticked outweighs the others."""
    said = [one["value"] == "1" for one in row["meta_data"] if one["key"] in CONSENT_META_KEYS]
    return all(said) if said else None


class WooCommerce(Trial):
    """Accounts by numbered pages, then the customers report; changes by what was bought."""

    arguments = ("--customers", "30", "--report-lag", "0", "--behind-tls", "--no-https-callbacks")
    options: ClassVar = {"consumer_key": KEY, "consumer_secret": SECRET, "auth": "basic"}
    journey: ClassVar = {"calls_per_s": 1000}
    wrong_keys: ClassVar = {
        "another key": {"consumer_key": "ck_of_nobody"},
        "another secret": {"consumer_secret": "cs_of_nobody"},
    }
    unplayed: ClassVar = {"full": ("ignore_filter",)}
    spoils: ClassVar = {
        "missing": lambda shop, topic: call(shop, "DELETE", f"webhooks/{id_of(shop, topic)}?force=true"),
        "disabled": lambda shop, topic: call(shop, "PUT", f"webhooks/{id_of(shop, topic)}", {"status": "disabled"}),
        "paused": lambda shop, topic: call(shop, "PUT", f"webhooks/{id_of(shop, topic)}", {"status": "paused"}),
        "moved": lambda shop, topic: call(
            shop, "PUT", f"webhooks/{id_of(shop, topic)}", {"delivery_url": "http://127.0.0.1:7/webhooks/trial"}
        ),
    }
    withdrawals = (
        Pulled(
            lambda row: Reader("trial", Boxes(_consent_keys(None)), NOW).customers([row]),
            ACCOUNT,
            ("meta_data.1.key", "meta_data.1.value"),
        ),
    )

    def prepare(self, patch):
        patch.setattr(api, "PER_PAGE", 10)
        for module in (pull, place, analytics):
            patch.setattr(module, "PER_PAGE", 10)

    def everybody(self, shop):
        return {str(one["id"]) for one in accounts(shop)}

    def change(self, shop):
        since = datetime.now(UTC)
        shop.post("/fake/clock", {"offset_s": 600})
        buyers = sorted(self.everybody(shop))[:24]
        for one in buyers:
            shop.post("/fake/orders", {"customer_id": int(one), "status": "processing"})
        return set(buyers), since + timedelta(seconds=60)

    def edit(self, shop):
        since = datetime.now(UTC)
        shop.post("/fake/clock", {"offset_s": 600})
        edited = sorted(self.everybody(shop))[:3]
        for one in edited:
            shop.http.request("PATCH", f"{shop.address}/fake/customers/{one}", json={"first_name": "Edited"})
        return set(edited), since + timedelta(seconds=60)

    def create(self, shop):
        return str(shop.post("/fake/customers", {"email": f"new{next(NUMBERS)}@example.com"})["id"])

    def delete(self, shop, record_id):
        shop.delete(f"/fake/customers/{record_id}")

    def populate(self, shop, count):
        for _ in range(count):
            self.create(shop)

    def address(self, shop, record_id):
        return shop.get(f"/fake/customers/{record_id}")["email"]

    def rename(self, shop, record_id, email):
        shop.http.request("PATCH", f"{shop.address}/fake/customers/{record_id}", json={"email": email})

    def may_mail(self, shop, record_id):
        return says(shop.get(f"/fake/customers/{record_id}"))

    def subscribe(self, shop, record_id):
        ticked = {"meta_data": [{"key": BOX, "value": "1"}]}
        shop.http.request("PATCH", f"{shop.address}/fake/customers/{record_id}", json=ticked)

    def unsubscribe(self, shop, record_id):
        emptied = {"meta_data": [{"key": BOX, "value": "0"}]}
        shop.http.request("PATCH", f"{shop.address}/fake/customers/{record_id}", json=emptied)

    def nickname(self, shop, record_id, first):
        shop.http.request("PATCH", f"{shop.address}/fake/customers/{record_id}", json={"first_name": first})

    def people(self, shop):
        found = {
            str(row["id"]): Person(row["email"], unescape(row["first_name"]), unescape(row["last_name"]), says(row))
            for row in accounts(shop)
        }
        # who bought without an account is in the report of customers only
        address = f"{shop.address}/wp-json/wc-analytics/reports/customers"
        fields = {"user_type": "guest", "per_page": 100}
        for row in shop.http.request("GET", address, fields=fields, headers=basic()).json():
            first, _, last = unescape(row["name"]).partition(" ")
            found[f"guest:{row['id']}"] = Person(row["email"], first, last)
        return found

    def webhooks(self, shop):
        found = shop.get("/fake/state")["webhooks"]
        return [(one["topic"], one["delivery_url"]) for one in found if one["status"] == "active"]

    def add_webhook(self, shop, topic, address):
        call(shop, "POST", "webhooks", {"topic": topic, "delivery_url": address, "secret": "another"})


TRIAL = WooCommerce()
