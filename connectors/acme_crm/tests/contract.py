"""What the contract suite must know of Acme CRM and its stand-in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, ClassVar

from connectors.acme_crm.connector import CONNECTOR
from connectors.acme_crm.fake.settings import CLIENT_ID, CLIENT_SECRET
from customer_sync.custom.records import Records
from customer_sync.kit.fields import Node
from tests.contract.trial import Pulled, Trial

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
NUMBERS = count(1)
SIZE = 5
LEFT = {
    "id": 104,
    "contact": {"email": "ann@example.com", "first_name": "Ann", "last_name": "Abel", "phone": "+31201234567"},
    "address": {"city": "Delft", "postcode": "2611 AA", "country": "NL"},
    "plan": {"code": " gold "},
    "marketing": {"opt_in": False, "changed_at": "2026-11-20T10:00:00Z"},
    "tags": ["tea"],
    "member_since": 1_795_000_000,
    "deleted": False,
    "created_at": "2026-11-01T10:00:00Z",
    "updated_at": "2026-11-20T10:00:00Z",
}


def token(shop: Any) -> dict[str, str]:
    """Return the header of a token, as another program gets it."""
    form = {"grant_type": "client_credentials", "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
    answer = shop.http.request_encode_body("POST", f"{shop.address}/oauth/token", form, encode_multipart=False)
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


def call(shop: Any, method: str, path: str, body: Any = None) -> Any:
    """Call the API as another program does."""
    more = {} if body is None else {"json": body}
    answer = shop.http.request(method, f"{shop.address}/api/{path}", headers=token(shop), **more)
    assert answer.status < 300, answer.data
    return answer.json() if answer.data else None


def hook_of(shop: Any, event: str) -> int:
    """Return the number of the webhook of an event, by our word for it."""
    return next(one["id"] for one in shop.get("/fake/state")["webhooks"] if ours(one["event"]) == event)


def ours(event: str) -> str:
    return event.replace(".", "_")


def pulled(row: Any) -> Any:
    """Read a record as the pull does."""
    records = Records("acme_crm", CONNECTOR.form.resources["customers"], "contact")
    node = Node(row)
    return records.events(node, records.outline(node, "trial", NOW, "pull"))


class AcmeCrm(Trial):
    """Customers by cursor; changes by time."""

    arguments = ("--customers", "24")
    options: ClassVar = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
    wrong_keys: ClassVar = {
        "another id": {"client_id": "acme-nobody"},
        "another secret": {"client_secret": "acme-wrong"},
    }
    unplayed: ClassVar = {"full": ("ignore_filter",)}
    spoils: ClassVar = {
        "missing": lambda shop, topic: call(shop, "DELETE", f"webhooks/{hook_of(shop, topic)}"),
        "disabled": lambda shop, topic: call(shop, "PUT", f"webhooks/{hook_of(shop, topic)}", {"active": False}),
        "moved": lambda shop, topic: call(
            shop, "PUT", f"webhooks/{hook_of(shop, topic)}", {"url": "http://127.0.0.1:7/webhooks/trial"}
        ),
    }
    withdrawals = (Pulled(pulled, LEFT, ("marketing.opt_in",)),)

    def prepare(self, patch):
        form = CONNECTOR.form
        small = {
            name: one.model_copy(update={"pagination": one.pagination.model_copy(update={"size": SIZE})})
            for name, one in form.resources.items()
        }
        patch.setattr(CONNECTOR, "form", form.model_copy(update={"resources": small}))

    def everybody(self, shop):
        return {str(one) for one in shop.get("/fake/customers")["ids"]}

    def change(self, shop):
        since = datetime.now(UTC) - timedelta(seconds=2)
        changed = sorted(self.everybody(shop), key=int)[:18]
        for one in changed:
            shop.http.request("PATCH", f"{shop.address}/fake/customers/{one}", json={"first_name": "Edited"})
        return set(changed), since

    def create(self, shop):
        contact = {"email": f"new{next(NUMBERS)}@example.com", "first_name": "New", "last_name": "One"}
        return str(shop.post("/fake/customers", {"contact": contact})["id"])

    def delete(self, shop, record_id):
        shop.delete(f"/fake/customers/{record_id}")

    def populate(self, shop, count):
        shop.post("/fake/customers/more", {"count": count})

    def address(self, shop, record_id):
        return str(shop.get(f"/fake/customers/{record_id}")["contact"]["email"])

    def rename(self, shop, record_id, email):
        shop.http.request("PATCH", f"{shop.address}/fake/customers/{record_id}", json={"email": email})

    def merge(self, shop, kept, gone):
        return str(shop.post("/fake/customers/merge", {"kept": kept, "gone": gone})["id"])

    def may_mail(self, shop, record_id):
        found: bool | None = shop.get(f"/fake/customers/{record_id}")["marketing"]["opt_in"]
        return found

    def subscribe(self, shop, record_id):
        shop.http.request("PATCH", f"{shop.address}/fake/customers/{record_id}", json={"agrees": True})

    def webhooks(self, shop):
        there = shop.get("/fake/state")["webhooks"]
        return [(ours(one["event"]), one["url"]) for one in there if one["active"]]

    def add_webhook(self, shop, topic, address):
        event = topic.replace("_", ".")
        call(shop, "POST", "webhooks", {"event": event, "url": address, "secret": "another", "active": True})


TRIAL = AcmeCrm()
