"""What the contract suite must know of HubSpot and its stand-in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, ClassVar

from connectors.hubspot import pull
from connectors.hubspot.account import Account
from connectors.hubspot.contacts import Contacts
from connectors.hubspot.fake.settings import APP, CLIENT_SECRET, DEVELOPER, PORTAL, TOKEN
from customer_sync.kit.connector import SourceSettings
from tests.contract.trial import Person, Pulled, Trial

NUMBERS = count(1)
#: The properties that tell of consent: the one of all e-mail, and a date of the owner's own.
LEFT, AGREED = "hs_email_optout", "newsletter_since"
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
CONTACT = {
    "id": "101",
    "properties": {
        "email": "noor@example.com",
        "firstname": "Noor",
        "lastname": None,
        "phone": "+31201234567",
        "hs_country_region_code": "NL",
        "hs_email_optout": "true",
        "total_revenue": "12.50",
        "lastmodifieddate": "2026-11-21T11:30:00.000Z",
    },
    "createdAt": "2026-11-20T08:15:00.000Z",
    "updatedAt": "2026-11-21T11:30:00.000Z",
    "archived": False,
}


def reader() -> Contacts:
    return Contacts(Account.of(SourceSettings("trial", "hubspot")), NOW)


def call(shop: Any, method: str, path: str, body: Any = None) -> Any:
    """Call the API of webhooks as another program does."""
    headers = {"Authorization": f"Bearer {DEVELOPER}"}
    more = {} if body is None else {"json": body}
    answer = shop.http.request(
        method, f"{shop.address}/app-webhooks/2026-09/{APP}/subscriptions{path}", headers=headers, **more
    )
    assert answer.status < 300, answer.data


def ids_of(shop: Any, topic: str) -> list[str]:
    """Return the subscriptions of our app to a word: one, or one for each property."""
    return [
        one["id"] for one in shop.get("/fake/state")["subscriptions"] if (one["app"], one["eventType"]) == (APP, topic)
    ]


def spoil(method: str, body: Any = None) -> Any:
    """Return what takes all subscriptions to a word away, or pauses them."""

    def act(shop: Any, topic: str) -> None:
        for one in ids_of(shop, topic):
            call(shop, method, f"/{one}", body)

    return act


def put(shop: Any, record_id: str, values: Any) -> None:
    """Change properties of a contact."""
    answer = shop.http.request("PATCH", f"{shop.address}/fake/contacts/{record_id}", json=values)
    assert answer.status < 300, answer.data


def says(values: Any) -> bool | None:
    """Tell what a contact's properties say of e-mails."""
    return False if values.get(LEFT) == "true" else True if values.get(AGREED) else None


def person(values: Any) -> Person:
    return Person(values.get("email") or "", values.get("firstname") or "", values.get("lastname") or "", says(values))


class HubSpot(Trial):
    """Contacts by list, changes by search, and then those that were deleted."""

    arguments = ("--customers", "30", "--deals", "12", "--calls", "0", "--searches", "0", "--calls-a-day", "0")
    options: ClassVar = {
        "access_token": TOKEN,
        "portal_id": str(PORTAL),
        "app_id": str(APP),
        "developer_token": DEVELOPER,
    }
    journey: ClassVar = {"opt_in_property": AGREED}
    secret = ("client_secret", CLIENT_SECRET)
    wrong_keys: ClassVar = {
        "another token": {"access_token": "pat-of-nobody"},
        "another app's token": {"developer_token": "developer-of-nobody"},
        "no connection": {"access_token": "", "client_id": "app", "client_secret": "secret-of-nobody"},
    }
    unplayed: ClassVar = {"full": ("ignore_filter",)}
    unseen: ClassVar = {
        "lose_half": "a page of the list may lack contacts without a word",
        "short_page": "a page of the list may lack contacts without a word",
    }
    has_room_for_two = False
    spoils: ClassVar = {"missing": spoil("DELETE"), "paused": spoil("PATCH", {"active": False})}
    withdrawals = (Pulled(lambda row: reader().event(row), CONTACT, ("properties.hs_email_optout",)),)

    def prepare(self, patch):
        patch.setattr(pull, "LIST_PAGE", 6)
        patch.setattr(pull, "SEARCH_PAGE", 6)

    def everybody(self, shop):
        return {str(one) for one in shop.get("/fake/contacts")["ids"]}

    def change(self, shop):
        since = datetime.now(UTC) - timedelta(seconds=1)
        touched = shop.post("/fake/touch", {"count": 26, "properties": {"city": f"Town {next(NUMBERS)}"}})
        return {str(one) for one in touched["ids"]}, since

    def create(self, shop):
        return str(shop.post("/fake/contacts", {"email": f"new{next(NUMBERS)}@example.com"})["id"])

    def delete(self, shop, record_id):
        shop.delete(f"/fake/contacts/{record_id}")

    def populate(self, shop, count):
        shop.post("/fake/populate", {"count": count})

    def address(self, shop, record_id):
        return shop.get(f"/fake/contacts/{record_id}")["email"]

    def rename(self, shop, record_id, email):
        put(shop, record_id, {"email": email})

    def merge(self, shop, kept, gone):
        return str(shop.post("/fake/merge", {"kept": int(kept), "gone": int(gone)})["id"])

    def may_mail(self, shop, record_id):
        return says(shop.get(f"/fake/contacts/{record_id}"))

    def subscribe(self, shop, record_id):
        put(shop, record_id, {AGREED: datetime.now(UTC).isoformat(timespec="milliseconds"), LEFT: ""})

    def unsubscribe(self, shop, record_id):
        shop.post("/fake/statuses", {"email": self.address(shop, record_id)})

    def nickname(self, shop, record_id, first):
        put(shop, record_id, {"firstname": first})

    def people(self, shop):
        found, after = {}, "0"
        while after:
            query = {"limit": 100, "after": after, "properties": f"email,firstname,lastname,{LEFT},{AGREED}"}
            path = f"{shop.address}/crm/objects/2026-09/contacts"
            body = shop.http.request("GET", path, fields=query, headers={"Authorization": f"Bearer {TOKEN}"}).json()
            found |= {one["id"]: person(one["properties"]) for one in body["results"]}
            after = body.get("paging", {}).get("next", {}).get("after")
        return found

    def webhooks(self, shop):
        found = shop.get("/fake/state")["subscriptions"]
        return sorted({(one["eventType"], one["target"]) for one in found if one["active"]})

    def add_webhook(self, shop, topic, address):
        name = "email" if topic.endswith("propertyChange") else None
        shop.post("/fake/apps", {"app": 7, "topic": topic, "target": address, "property": name})


TRIAL = HubSpot()
