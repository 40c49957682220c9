"""What real samples hold, the fakes hold too: no key of a documented or recorded body is missing from theirs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from connectors.woocommerce.tests.caller import Woo

SAMPLES = Path(__file__).resolve().parents[4] / "shared" / "payloads" / "woocommerce"
#: sample → where the fake tells of the same.
ROUTES = {
    "rest.customer.docs-v3.json": "customers?role=all",
    "rest.order.docs-v3.json": "orders",
    "rest.order-completed.docs-v3.json": "orders?status=completed",
    "rest.product.docs-v3.json": "products",
    "rest.refund.docs-v3.json": "orders/{refunded}/refunds",
    "rest.webhook.docs-v3.json": "webhooks",
}


def shapes(value, path=""):
    """Yield each path of keys with the type of what stands there; entries of a list share one path."""
    if isinstance(value, dict):
        for key, child in value.items():
            yield f"{path}.{key}", kind_of(child)
            yield from shapes(child, f"{path}.{key}")
    elif isinstance(value, list):
        for child in value:
            yield from shapes(child, f"{path}[]")


def kind_of(value):
    return "number" if isinstance(value, int | float) and not isinstance(value, bool) else type(value).__name__


@pytest.fixture(scope="module")
def shop():
    woo = Woo(customers=400)
    woo.hook("order.updated", "http://127.0.0.1:9/")
    return woo


@pytest.mark.parametrize("name", sorted(ROUTES))
def test_the_fake_has_every_key_of_a_real_sample_and_of_the_same_type(shop, name):
    if not (SAMPLES / name).exists():
        pytest.skip("the folder with real samples is not beside the repository")
    sample = json.loads((SAMPLES / name).read_text(encoding="utf-8"))
    refunded = next(row["id"] for row in shop.all("orders") if row["refunds"])

    ours = set()
    for row in shop.all(ROUTES[name].format(refunded=refunded)):
        ours.update(shapes(row))

    missing = {one for one in shapes(sample) if one not in ours}
    assert missing == set()


def test_every_sample_of_the_rest_api_is_compared():
    if not SAMPLES.exists():
        pytest.skip("the folder with real samples is not beside the repository")

    assert {path.name for path in SAMPLES.glob("rest.*.json")} == set(ROUTES)
