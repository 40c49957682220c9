"""What the contract suite must know of PayPal and its stand-in."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any, ClassVar

from connectors.paypal import pull
from connectors.paypal.certificates import Certificates
from connectors.paypal.connector import PayPalConnector
from connectors.paypal.fake.authority import CERT_PATH, Authority
from connectors.paypal.fake.settings import CLIENT, SECRET
from customer_sync.errors import Unavailable
from tests.contract.trial import ADDRESS, Person, Trial

#: Signs what the contract suite sends; only this process believes it.
AUTHORITY = Authority()
CERT_URL = f"https://api.paypal.com{CERT_PATH}"


def certificates(*authorities: Any) -> Certificates:
    """Return certificates that lead to roots of tests; there is one file, at its own address."""
    found = authorities or (AUTHORITY,)

    def fetch(url: str) -> bytes:
        if url != CERT_URL:
            raise Unavailable("404")
        return found[0].certificate

    ticks = count(0, 60)
    return Certificates(b"".join(one.root for one in found), fetch=fetch, ticks=lambda: float(next(ticks)))


def signed(inbound: Any, webhook_id: str) -> Any:
    """Return a request as PayPal sends it."""
    number = hashlib.sha256(inbound.body).hexdigest()[:20]
    made = AUTHORITY.sign(inbound.body, inbound.received_at.timestamp(), webhook_id, CERT_URL, number)
    return replace(inbound, headers={**inbound.headers, **{name.lower(): value for name, value in made.items()}})


PayPalConnector.signer = staticmethod(signed)
PayPalConnector.certificates = certificates()


def digest(email: str) -> str:
    return hashlib.sha256(email.strip().lower().encode()).hexdigest()[:12]


def call(shop: Any, method: str, path: str, body: Any = None) -> Any:
    """Call the API as another program of the same app does."""
    pair = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
    token = shop.http.request(
        "POST",
        f"{shop.address}/v1/oauth2/token",
        headers={"Authorization": f"Basic {pair}"},
        fields={"grant_type": "client_credentials"},
        encode_multipart=False,
    ).json()["access_token"]
    more = {} if body is None else {"json": body}
    answer = shop.http.request(method, f"{shop.address}{path}", headers={"Authorization": f"Bearer {token}"}, **more)
    assert answer.status < 300, answer.data
    return answer.json() if answer.data else None


def hook(shop: Any) -> Any:
    return next(one for one in shop.get("/fake/hooks")["hooks"] if one["url"] == ADDRESS)


class PayPal(Trial):
    """Payers, by the reports of what they paid."""

    arguments = ("--customers", "30", "--seed", "3")
    options: ClassVar = {"client_id": CLIENT, "client_secret": SECRET}
    journey: ClassVar = {"history_days": 60}
    secret = ("webhook_id", "")
    calls_a_page = 12
    hurry = ("--time-scale", "0.1")
    secrets = ("96605875FF6516633", "4JH86294D6297924G")
    wrong_keys: ClassVar = {"another id": {"client_id": "nobody"}, "another secret": {"client_secret": "wrong"}}
    spoils: ClassVar = {
        "missing": lambda shop, topic: call(
            shop,
            "PATCH",
            f"/v1/notifications/webhooks/{hook(shop)['id']}",
            [
                {
                    "op": "replace",
                    "path": "/event_types",
                    "value": [one for one in hook(shop)["event_types"] if one["name"] != topic] or [{"name": "X"}],
                }
            ],
        ),
    }

    def prepare(self, patch: Any) -> None:
        patch.setattr(pull, "PAGE", 5)
        patch.setattr(pull, "SUBSCRIPTIONS_PAGE", 4)
        patch.setattr(pull, "HISTORY_DAYS", 60)

    def everybody(self, shop: Any) -> set[str]:
        return set(shop.get("/fake/customers")["ids"])

    def change(self, shop: Any) -> tuple[set[str], datetime]:
        since = datetime.now(UTC) - timedelta(seconds=2)
        paid = [shop.post(f"/fake/customers/{index}/pay")["payer"] for index in range(17)]
        return set(paid), since

    def create(self, shop: Any) -> str:
        return str(shop.post("/fake/customers")["payer"])

    def delete(self, shop: Any, record_id: str) -> None:
        """Nobody is ever deleted at PayPal."""

    def populate(self, shop: Any, count: int) -> None:
        shop.post("/fake/grow", {"count": count})

    def address(self, shop: Any, record_id: str) -> str:
        found = (one for one in shop.get("/fake/customers")["emails"] if record_id.endswith(f"/{digest(one)}"))
        return str(next(found))

    def may_mail(self, shop: Any, record_id: str) -> bool | None:
        """PayPal says nothing of mails."""
        return None

    def trusts(self, shop: Any, folder: Path) -> dict[str, Any]:
        roots = folder / "roots.pem"
        roots.write_text(shop.get("/fake/roots")["pem"])
        return {"trusted_roots": str(roots)}

    def people(self, shop: Any) -> dict[str, Person]:
        rows = shop.get("/fake/customers")["people"]
        return {key: Person(one["email"], one["first"], one["last"]) for key, one in rows.items()}

    def webhooks(self, shop: Any) -> list[tuple[str, str]]:
        return [(kind["name"], one["url"]) for one in shop.get("/fake/hooks")["hooks"] for kind in one["event_types"]]

    def add_webhook(self, shop: Any, topic: str, address: str) -> None:
        call(shop, "POST", "/v1/notifications/webhooks", {"url": address, "event_types": [{"name": topic}]})


TRIAL = PayPal()
