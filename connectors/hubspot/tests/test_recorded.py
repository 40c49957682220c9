"""What HubSpot published, where it lies beside the repository: bodies of webhooks and of the API, and signatures.

The common suite looks up one body for each topic; HubSpot's are arrays.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.hubspot.account import Account
from connectors.hubspot.connector import HubSpotConnector
from connectors.hubspot.contacts import Contacts
from connectors.hubspot.tests.caller import NOW, Hub
from customer_sync.errors import Refused
from customer_sync.kit.connector import SourceSettings
from customer_sync.model import Event, Inbound
from tests.contract.cases import REPO, assert_sound, outcome

PAYLOADS = REPO.parent / "shared" / "payloads"
SAMPLES = sorted((PAYLOADS / "hubspot").glob("*.json"))
needs_payloads = pytest.mark.skipif(not SAMPLES, reason="the published samples are not beside the repository")
pytestmark = needs_payloads


def connector(**options: Any) -> HubSpotConnector:
    return HubSpotConnector(SourceSettings("hub", "hubspot", (), options))


def sample(name: str) -> Any:
    (path,) = [one for one in SAMPLES if one.name.startswith(name)]
    return json.loads(path.read_bytes())


def shape(value: Any) -> Any:
    """Return what a value is made of: its keys and types, not its values."""
    if isinstance(value, dict):
        return {key: shape(child) for key, child in value.items()}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return type(value).__name__


@pytest.mark.parametrize("name", ["webhook.contact.creation", "webhook.contact.propertyChange"])
def test_a_published_webhook_is_understood(name):
    (path,) = [one for one in SAMPLES if one.name.startswith(name)]
    inbound = Inbound("hub", {}, path.read_bytes(), NOW)
    found = outcome(connector(), inbound)

    assert_sound(inbound, found)
    assert [(one.kind, one.topic) for one in found] == [("record_changed", name.removeprefix("webhook."))]


def test_published_contacts_are_understood():
    reader = Contacts(Account.of(SourceSettings("hub", "hubspot")), NOW)
    for name in ("api.contacts.list", "api.contacts.search"):
        for row in sample(name)["results"]:
            (event,) = reader.event(row)
            assert isinstance(event, Event)
            assert (event.record_id, event.record["email"]) == (row["id"], row["properties"]["email"])
            assert event.occurred_at.isoformat().startswith(row["updatedAt"][:19])


def test_the_stand_in_answers_in_the_published_shapes():
    hub = Hub()
    listed = hub.api("GET", "/crm/objects/2026-09/contacts?limit=1").get_json()
    found = hub.api("POST", "/crm/objects/2026-09/contacts/search", {"limit": 5}).get_json()
    types = hub.api("GET", "/communication-preferences/2026-09/definitions").get_json()
    statuses = hub.api("GET", "/communication-preferences/2026-09/statuses/a@example.com?channel=EMAIL").get_json()
    fault = hub.api("GET", "/crm/objects/2026-09/contacts?limit=0").get_json()
    token = hub.fake.tokens.pair(hub.fake.settings.scopes)
    form = {"grant_type": "refresh_token", "refresh_token": token.refresh}
    form |= {"client_id": hub.fake.settings.client_id, "client_secret": hub.fake.settings.client_secret}
    oauth = hub.http.post("/oauth/v3/token", data=form).get_json()

    assert shape(listed) == shape(sample("api.contacts.list"))
    assert shape(found["results"]) == shape(sample("api.contacts.search")["results"])
    assert shape(types) == shape(sample("api.subscription-definitions"))
    assert shape(statuses["results"]) == shape(sample("api.subscription-statuses")["results"])
    assert set(fault) <= set(sample("error.validation"))
    assert shape(oauth) == shape(sample("oauth.token"))


def vectors() -> list[Any]:
    path = PAYLOADS / "signature_vectors.json"
    found = json.loads(path.read_text(encoding="utf-8"))["vectors"] if path.is_file() else []
    return [pytest.param(one, id=one["id"]) for one in found if one.get("platform") == "hubspot"]


@pytest.mark.parametrize("doc", vectors())
def test_a_published_signature_is_judged_as_hubspot_judges(doc):
    now_s = doc.get("now_unix_ms", 0) / 1000
    headers = {name.lower(): value for name, value in doc["headers"].items()}
    at = datetime.fromtimestamp(now_s, UTC) if now_s else NOW
    inbound = Inbound("hub", headers, doc["body"].encode(), at, url=doc["url"] or "", method=doc["method"])
    wrong = Inbound("hub", headers, doc["body"].encode() + b" ", at, url=doc["url"] or "", method=doc["method"])
    is_old = not doc["scheme"].endswith("v3")

    if doc.get("expect", "valid") == "valid":
        connector(old_signatures=str(is_old).lower()).verify(inbound, ("other", doc["secret"]))
    with pytest.raises(Refused):
        connector(old_signatures="true").verify(wrong, (doc["secret"],))
    if is_old:
        with pytest.raises(Refused):
            connector().verify(inbound, (doc["secret"],))
