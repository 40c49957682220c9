"""What real samples of webhooks hold, the stand-in's hold too: the same keys, and the same types where both say one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from connectors.shopify.tests.caller import PLENTY, caller
from tests.fakes.receiver import receiving, until

SAMPLES = Path(__file__).resolve().parents[4] / "shared" / "payloads" / "shopify"
#: topic → the sample of it.
TOPICS = {
    "customers/create": "customers.create.docs-2026-04.json",
    "customers/update": "customers.update.docs-2026-04.json",
    "customers/delete": "customers.delete.docs-2026-04.json",
    "customers/merge": "customers.merge.recorded-2024-10.json",
    "customers/purchasing_summary": "customers.purchasing_summary.docs-2026-04.json",
    "customers_email_marketing_consent/update": "customers_email_marketing_consent.update.docs-2026-04.json",
    "customers_marketing_consent/update": "customers_marketing_consent.update.docs-2026-04.json",
    "customer.tags_added": "customer.tags_added.docs-2026-04.json",
    "customers/redact": "customers.redact.docs-2026-04.json",
    "customers/data_request": "customers.data_request.docs-2026-04.json",
    "shop/redact": "shop.redact.docs-2026-04.json",
}
SUBSCRIBED = (
    *("CUSTOMERS_CREATE", "CUSTOMERS_UPDATE", "CUSTOMERS_DELETE", "CUSTOMERS_MERGE", "CUSTOMERS_PURCHASING_SUMMARY"),
    *("CUSTOMERS_EMAIL_MARKETING_CONSENT_UPDATE", "CUSTOMERS_MARKETING_CONSENT_UPDATE", "CUSTOMER_TAGS_ADDED"),
)


def shapes(value: Any, path: str = "") -> dict[str, str]:
    """Return each path of keys with the type of what stands there; entries of a list share one path."""
    found = {path: "number" if type(value) in (int, float) else type(value).__name__}
    for key, child in value.items() if isinstance(value, dict) else ():
        found |= shapes(child, f"{path}.{key}")
    for child in value if isinstance(value, list) else ():
        found |= shapes(child, f"{path}[]")
    return found


@pytest.fixture(scope="module")
def told():
    """One delivery of each topic."""
    with caller(**PLENTY, customers=200) as app, receiving() as receiver:
        for topic in SUBSCRIBED:
            app.subscribe(topic, receiver.url)
        app.fake("events", {"missing": 0})
        people = app.fake("customers?limit=200")["customers"]
        asked = [one for one in people if one["email"] and one["phone"] and one["lastOrderId"] and one["note"]]
        who, other, gone = (one["legacyResourceId"] for one in asked[:3])
        fields = {"firstName": "Bob", "email": "bob@biller.com", "note": "ice", "tags": ["vip"]}
        app.fake("customers", {"customers": [fields]})
        app.fake("customers/change", {"ids": [who]})
        app.fake("customers/change", {"ids": [who], "fields": {"tags": ["tag1", "tag2"]}})
        for channel in ("email", "sms"):
            app.fake("customers/consent", {"ids": [who], "channel": channel, "state": "UNSUBSCRIBED"})
        app.fake("customers/merge", {"kept": who, "gone": other, "status": "FAILED"})
        app.fake("customers/delete", {"ids": [gone]})
        for topic in ("CUSTOMERS_REDACT", "CUSTOMERS_DATA_REQUEST", "SHOP_REDACT"):
            app.fake("privacy", {"topic": topic, "id": who, "uri": receiver.url})
        until(lambda: {one.headers["x-shopify-topic"] for one in receiver.got} == set(TOPICS))
        return {one.headers["x-shopify-topic"]: one for one in receiver.got}


@pytest.fixture
def sample():
    if not SAMPLES.exists():
        pytest.skip("the folder with real samples is not beside the repository")
    return lambda name: json.loads((SAMPLES / name).read_text(encoding="utf-8"))


@pytest.mark.parametrize("topic", sorted(TOPICS))
def test_a_body_has_the_keys_and_types_of_the_sample(told, sample, topic):
    found = sample(TOPICS[topic])
    wanted, ours = shapes(found.get("body", found)), shapes(json.loads(told[topic].body))

    both = {path for path in wanted if "NoneType" not in (wanted[path], ours.get(path))}
    assert {path: ours.get(path) for path in both} == {path: wanted[path] for path in both}
    # a list that is empty in the sample tells nothing of its entries
    assert {path for path in ours if not path.startswith(".addresses[]")} == set(wanted)


def test_a_delivery_has_the_headers_of_a_recorded_one(told, sample):
    recorded = sample(TOPICS["customers/merge"])["headers"]

    ours = told["customers/merge"].headers
    # the recording is of a test that the platform's command line triggered, through Node's fetch
    assert set(recorded) - set(ours) - {"x-shopify-test", "accept", "accept-encoding"} == set()
    for name in ("user-agent", "content-type", "x-shopify-topic"):
        assert ours[name] == recorded[name]
    assert len(ours["x-shopify-triggered-at"]) == len(recorded["x-shopify-triggered-at"])
