"""Bodies that others recorded in test mode, where they lie beside the repository: what becomes of each."""

from __future__ import annotations

import json

import pytest

from connectors.stripe.connector import StripeConnector
from customer_sync.kit.connector import SourceSettings
from customer_sync.model import Inbound
from tests.contract.cases import RECEIVED_AT, REPO

FOLDER = REPO.parent / "shared" / "payloads" / "stripe"
BODIES = sorted(FOLDER.glob("webhook.*.json"))
#: The beginning of the file's name → kind, customer, and some fields.
EXPECTED = {
    "webhook.charge.refunded": ("order_refunded", None, {"state": "refunded", "total": 1.0, "amount": 0.0}),
    "webhook.customer.created.rec": ("customer_created", "cus_00000000000000", {"email": None, "currency": None}),
    "webhook.customer.subscription.created": (
        "customer_updated",
        "cus_00000000000000",
        {"subscriptionStatus": "active", "subscriptionPeriodEnd": "2022-04-26T18:41:50Z"},
    ),
    "webhook.customer.subscription.deleted": (
        "customer_updated",
        "cus_00000000000000",
        {"subscriptionStatus": "canceled"},
    ),
    "webhook.customer.updated.rec": ("customer_updated", "cus_00000000000000", {"language": None}),
    "webhook.customer.updated.sdk": ("customer_updated", "cus_DjL8lObxrWj04W", {"isDelinquent": False}),
    "webhook.invoice.paid": (
        "order_placed",
        "cus_00000000000000",
        {"state": "paid", "amount": 20.0, "currency": "USD", "isRenewal": False, "subscriptionId": None},
    ),
    "webhook.invoice.payment_failed": ("order_updated", "cus_00000000000000", {"state": "placed", "amount": 20.0}),
}
pytestmark = pytest.mark.skipif(not BODIES, reason="the recorded payloads are not beside the repository")


def parse(path, **options):
    connector = StripeConnector(SourceSettings("stripe", "stripe", (), options))
    return connector.parse(Inbound("stripe", {}, path.read_bytes(), RECEIVED_AT))


@pytest.mark.parametrize("path", [one for one in BODIES if ".raw." not in one.name], ids=lambda path: path.stem)
def test_a_recorded_body_tells_what_stripe_meant(path):
    kind, owner, fields = next(value for name, value in EXPECTED.items() if path.name.startswith(name))
    (event,) = parse(path, mode="test")

    assert (str(event.kind), event.customer_id) == (kind, owner)
    assert {name: event.record.get(name) for name in fields} == fields
    assert event.notes == ()


@pytest.mark.parametrize("path", BODIES, ids=lambda path: path.stem)
def test_what_was_recorded_in_test_mode_is_nothing_in_live_mode(path):
    assert json.loads(path.read_bytes())["livemode"] is False
    assert [str(one.kind) for one in parse(path)] == ["source_alert"]
