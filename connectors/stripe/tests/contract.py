"""What the contract suite must know of Stripe and its stand-in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar
from urllib.parse import urlencode

from connectors.stripe import api
from connectors.stripe.account import YES, Account
from connectors.stripe.events import Reader
from tests.contract.trial import Person, Pulled, Trial

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
KEY = "rk_test_demo"
SECRET_KEY = "sk_test_demo"
HOOKS = "/v1/webhook_endpoints"
LEFT = {
    "id": "cus_Ann",
    "object": "customer",
    "address": {"city": "Lyon", "country": "FR", "postal_code": "69003"},
    "created": 1_795_000_000,
    "currency": "eur",
    "delinquent": False,
    "email": "ann@example.com",
    "livemode": False,
    "metadata": {"newsletter": "no"},
    "name": "Ann Example",
    "phone": None,
    "preferred_locales": ["fr"],
    "subscriptions": {"object": "list", "data": [{"id": "sub_1", "status": "active"}]},
}


def call(shop: Any, method: str, path: str, *pairs: tuple[str, str]) -> Any:
    """Ask the API as another program of the same account does."""
    answer = shop.http.request(
        method,
        f"{shop.address}{path}",
        body=urlencode(pairs),
        headers={"Authorization": f"Bearer {SECRET_KEY}", "Content-Type": "application/x-www-form-urlencoded"},
    )
    assert answer.status == 200, answer.data
    return answer.json()


def hooks(shop: Any) -> list[Any]:
    return call(shop, "GET", f"{HOOKS}?limit=100")["data"]


def forget(shop: Any, topic: str) -> None:
    """Take one topic out of the endpoint."""
    (hook,) = hooks(shop)
    kept = [("enabled_events[]", one) for one in hook["enabled_events"] if one != topic]
    call(shop, "POST", f"{HOOKS}/{hook['id']}", *kept)


def says(row: Any) -> bool | None:
    """Tell what the metadata of a customer say of e-mails."""
    if row["metadata"].get("brevo_email_optout") == "true":
        return False
    return {"yes": True, "no": False}.get(row["metadata"].get("newsletter"))


def person(row: Any) -> Person:
    """Return a customer; of the one name the last word is the last name."""
    first, _, last = str(row["name"] or "").rpartition(" ")
    return Person(row["email"] or "", first or last, last if first else "", says(row))


class Stripe(Trial):
    """A full pull is the list of customers, an incremental one the list of events."""

    arguments = ("--customers", "60")
    options: ClassVar = {"api_key": KEY, "consent_metadata": "newsletter"}
    secret = ("webhook_secret", "")
    hurry = ("--time-scale", "0.1")
    wrong_keys: ClassVar = {
        "another key": {"api_key": "rk_test_of_nobody"},
        "no key": {"api_key": ""},
    }
    unseen: ClassVar = {
        "lose_half": "a page may lack rows and nothing in it says so",
        "short_page": "a page may lack rows and nothing in it says so",
    }
    # there is one endpoint for all topics: one that is off or elsewhere is so for all of them
    spoils: ClassVar = {"missing": forget}
    withdrawals = (
        Pulled(
            lambda row: Reader("trial", Account(consent={"newsletter": YES}), NOW).customers([row]),
            LEFT,
            ("metadata.newsletter",),
        ),
    )

    def prepare(self, patch):
        patch.setattr(api, "PAGE_SIZE", 12)

    def everybody(self, shop):
        return set(shop.get("/fake/customers")["ids"])

    def change(self, shop):
        since = datetime.now(UTC) - timedelta(seconds=2)
        return set(shop.post("/fake/customers/change", {"count": 40})["ids"]), since

    def create(self, shop):
        (found,) = shop.post("/fake/customers", {"count": 1})["ids"]
        return found

    def delete(self, shop, record_id):
        shop.delete(f"/fake/customers/{record_id}")

    def populate(self, shop, count):
        shop.post("/fake/customers/populate", {"count": count})

    def address(self, shop, record_id):
        return call(shop, "GET", f"/v1/customers/{record_id}")["email"]

    def rename(self, shop, record_id, email):
        call(shop, "POST", f"/v1/customers/{record_id}", ("email", email))

    def may_mail(self, shop, record_id):
        return says(call(shop, "GET", f"/v1/customers/{record_id}"))

    def subscribe(self, shop, record_id):
        call(shop, "POST", f"/v1/customers/{record_id}", ("metadata[newsletter]", "yes"))
        shop.post("/fake/checkout", {"customer": record_id, "promotions": "opt_in"})

    def unsubscribe(self, shop, record_id):
        call(shop, "POST", f"/v1/customers/{record_id}", ("metadata[newsletter]", "no"))

    def nickname(self, shop, record_id, first):
        name = str(call(shop, "GET", f"/v1/customers/{record_id}")["name"] or "").split()
        call(shop, "POST", f"/v1/customers/{record_id}", ("name", " ".join([first, *name[-1:]])))

    def people(self, shop):
        found, after = {}, ""
        while True:
            page = call(shop, "GET", f"/v1/customers?limit=100{after}")
            found |= {row["id"]: person(row) for row in page["data"]}
            if not page["has_more"]:
                return found
            after = f"&starting_after={page['data'][-1]['id']}"

    def webhooks(self, shop):
        return [(topic, one["url"]) for one in hooks(shop) for topic in one["enabled_events"]]

    def add_webhook(self, shop, topic, address):
        call(shop, "POST", HOOKS, ("url", address), ("enabled_events[]", topic))


TRIAL = Stripe()
