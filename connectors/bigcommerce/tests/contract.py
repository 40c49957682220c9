"""What the contract suite must know of BigCommerce and its stand-in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, ClassVar

from connectors.bigcommerce import listing
from connectors.bigcommerce.fake.settings import CLIENT, HASH, SECRET, TOKEN
from connectors.bigcommerce.hooks import HEADER
from connectors.bigcommerce.records import subscriber
from tests.contract.trial import Person, Pulled, Trial

NUMBERS = count(1)
SUBSCRIBER = "subscriber:"
BOTH = ["marketing_newsletter", "abandoned_cart"]
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
ROW = {
    "id": 9,
    "email": "ana@example.com",
    "first_name": "Ana",
    "last_name": "",
    "source": "order",
    "order_id": 100,
    "channel_id": 1,
    "consents": ["abandoned_cart"],
    "date_created": "2026-11-19T10:00:00Z",
    "date_modified": "2026-11-20T10:00:00Z",
}


def call(shop: Any, method: str, route: str, body: Any = None) -> Any:
    """Call the API as another program of the same account does."""
    more = {} if body is None else {"json": body}
    address = f"{shop.address}/stores/{HASH}/{route}"
    answer = shop.http.request(method, address, headers={"X-Auth-Token": TOKEN}, **more)
    assert answer.status < 300, answer.data
    return answer.json() if answer.data else None


def patch(shop: Any, path: str, body: Any) -> Any:
    """Change something by a control route."""
    answer = shop.http.request("PATCH", f"{shop.address}/fake/{path}", json=body)
    assert answer.status < 300, answer.data
    return answer.json()


def hooks(shop: Any) -> list[Any]:
    return shop.get("/fake/state")["webhooks"]


def id_of(shop: Any, topic: str) -> int:
    return next(one["id"] for one in hooks(shop) if one["scope"] == topic)


def spoil(**wrong: Any) -> Any:
    return lambda shop, topic: call(shop, "PUT", f"v3/hooks/{id_of(shop, topic)}", wrong)


class BigCommerce(Trial):
    """Customers, then the newsletter's subscribers, both as records of customers."""

    arguments = ("--customers", "25", "--quota", "1000000")
    options: ClassVar = {"store_hash": HASH, "access_token": TOKEN, "client_id": CLIENT, "client_secret": SECRET}
    hurry = ("--time-scale", "0.1")
    empty_boxes = True
    wrong_keys: ClassVar = {
        "another token": {"access_token": "token-of-nobody"},
        "another store": {"store_hash": "otherstore77"},
    }
    unplayed: ClassVar = {"full": ("ignore_filter",)}
    spoils: ClassVar = {
        "missing": lambda shop, topic: call(shop, "DELETE", f"v3/hooks/{id_of(shop, topic)}"),
        "switched off": spoil(is_active=False),
        "moved": spoil(destination="http://127.0.0.1:7/webhooks/trial"),
        "another secret": spoil(headers={HEADER: "trialsecret2"}),
        "no secret": spoil(headers={}),
    }

    withdrawals = (Pulled(lambda row: subscriber(row, "trial", NOW), ROW, ("consents",)),)

    def prepare(self, patch):
        patch.setattr(listing, "PER_PAGE", 7)

    def everybody(self, shop):
        state = shop.get("/fake/state")
        behind = {f"{SUBSCRIBER}{one['id']}" for one in state["subscribers"]}
        return {str(one["id"]) for one in state["customers"]} | behind

    def change(self, shop):
        at = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=30)
        found = shop.post("/fake/change", {"count": 20, "at": at.isoformat()})["ids"]
        return {str(one) for one in found}, at

    def create(self, shop):
        return str(shop.post("/fake/customers", {"email": f"new{next(NUMBERS)}@example.com"})["id"])

    def delete(self, shop, record_id):
        kind = "subscribers" if record_id.startswith(SUBSCRIBER) else "customers"
        shop.delete(f"/fake/{kind}/{record_id.removeprefix(SUBSCRIBER)}")

    def populate(self, shop, count):
        shop.post("/fake/populate", {"count": count})

    def address(self, shop, record_id):
        state = shop.get("/fake/state")
        kind = "subscribers" if record_id.startswith(SUBSCRIBER) else "customers"
        number = int(record_id.removeprefix(SUBSCRIBER))
        return next(one["email"] for one in state[kind] if one["id"] == number)

    def rename(self, shop, record_id, email):
        if record_id.startswith(SUBSCRIBER):
            number = record_id.removeprefix(SUBSCRIBER)
            call(shop, "PUT", f"v3/customers/subscribers/{number}", {"email": email})
        else:
            patch(shop, f"customers/{record_id}", {"email": email})

    def may_mail(self, shop, record_id):
        email = self.address(shop, record_id).lower()
        rows = [one for one in shop.get("/fake/state")["subscribers"] if one["email"].lower() == email]
        return "marketing_newsletter" in rows[0]["consents"] if rows else None

    def subscribe(self, shop, record_id):
        shop.post("/fake/consent", {"email": self.address(shop, record_id), "consents": BOTH})

    def unsubscribe(self, shop, record_id):
        shop.post("/fake/consent", {"email": self.address(shop, record_id), "consents": []})

    def nickname(self, shop, record_id, first):
        patch(shop, f"customers/{record_id}", {"first_name": first})

    def people(self, shop):
        state = shop.get("/fake/state")
        rows = {one["email"].lower(): "marketing_newsletter" in one["consents"] for one in state["subscribers"]}
        found = {
            f"{SUBSCRIBER}{one['id']}": Person(one["email"], may_mail=rows[one["email"].lower()])
            for one in state["subscribers"]
        }
        for one in state["customers"]:
            email = one["email"]
            found[str(one["id"])] = Person(email, one["first_name"], one["last_name"], rows.get(email.lower()))
        return found

    def webhooks(self, shop):
        spoilt = ({}, {HEADER: self.secrets[1]})
        found = [one for one in hooks(shop) if one["is_active"] and one["headers"] not in spoilt]
        return [(one["scope"], one["destination"]) for one in found]

    def add_webhook(self, shop, topic, address):
        call(shop, "POST", "v3/hooks", {"scope": topic, "destination": address, "headers": {"X-Other": "program"}})


TRIAL = BigCommerce()
