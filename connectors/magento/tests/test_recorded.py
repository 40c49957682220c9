"""Runs the connector over bodies that others recorded or published, where they lie beside the repository."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from connectors.magento import customers, goods, orders
from connectors.magento.api import word_of
from connectors.magento.auth import OAuth1
from connectors.magento.customers import Erased
from connectors.magento.fake import bodies
from connectors.magento.tests.standin import Standin, inbound
from customer_sync.kit.logins import Request
from customer_sync.model import ConsentState, Event
from tests.contract.cases import REPO

PAYLOADS = REPO.parent / "shared" / "payloads"
HERE = PAYLOADS / "magento"
NOW = datetime(2026, 11, 21, tzinfo=UTC)
pytestmark = pytest.mark.skipif(not HERE.is_dir(), reason="the recorded payloads are not beside the repository")


def load(name):
    return json.loads((HERE / name).read_text(encoding="utf-8"))


def events(found):
    assert all(isinstance(one, Event) for one in found), found
    return found


@pytest.mark.parametrize("name", ["rest.customer.cif", "rest.customer-created.docs", "rest.customer-created-2.docs"])
def test_a_recorded_account_is_read_and_ours_has_its_fields(name):
    row = load(f"{name}.json")
    (event,) = events(customers.Reader("magento", NOW).read(row))
    ours = Standin().alone(2)

    assert event.record["email"] == row["email"]
    assert event.notes == ()
    assert set(row) <= set(ours) | {"dob", "gender", "prefix", "middlename", "suffix", "taxvat"}


def test_a_recorded_order_is_read_and_ours_has_the_fields_that_are_read():
    row = load("rest.order-registered.docs.json")
    (event,) = events(orders.Reader("magento", NOW, Erased(), {}).read(row))
    shop = Standin()
    ours = shop.act("orders", {"customer_id": 2})

    assert (event.record["total"], event.record["currency"], event.customer_id) == (165.0, "USD", "3")
    assert event.record["lines"]
    assert event.notes == ()
    assert set(ours) - {"extension_attributes"} <= set(row) | {"total_due", "base_total_due"}


def test_recorded_products_are_read():
    rows = load("rest.products-list.vsf.json")["items"]  # the other sample is an answer of GraphQL
    reader = goods.Reader("magento", NOW, goods.Place("https://shop.example/", "", "USD"), Erased())

    assert rows
    for row in rows:
        (event,) = events(reader.product(row))
        assert event.record["name"] == row["name"]
        assert event.notes == ()
    assert set(bodies.product(1, 0.0)) >= set(rows[0]) - {"product_links", "tier_prices", "options"}


def test_recorded_carts_are_read():
    reader = goods.Reader("magento", NOW, goods.Place(), Erased())
    for name in ("rest.cart-no-address.cif", "rest.cart-composite.cif", "rest.cart-composite-empty.cif"):
        body = load(f"{name}.json")
        (event,) = events(reader.cart(body.get("cart_details", body)))
        assert event.record["currency"] == "USD"


@pytest.mark.parametrize("name", sorted(one.name for one in HERE.glob("observer.newsletter_*.json")))
def test_a_recorded_newsletter_row_is_heard(name):
    row = load(name)["subscriber"]
    body = {"id": "e1", "topic": "newsletter_subscriber_save_after", "data": row}
    (event,) = events(Standin().connector().parse(inbound(body)))
    (seen,) = event.consents

    assert seen.state is (ConsentState.WITHDRAWN if "unsubscription" in name else ConsentState.GRANTED)
    assert seen.explicit
    assert seen.at == datetime(2018, 10, 4, 14, 56, 57, tzinfo=UTC)
    assert event.record["email"] == row["subscriber_email"]


@pytest.mark.parametrize(
    ("name", "topic", "resource", "key"),
    [
        ("catalog_product_save_after", "catalog_product_save_after", "products", "entity_id"),
        ("sales_order_invoice_save_after", "sales_order_invoice_save_after", "orders", "order_id"),
    ],
)
def test_a_published_event_of_adobe_is_a_hint(name, topic, resource, key):
    body = load(f"io-event.{name}.docs.json")
    value = body["event"]["data"]["value"]
    body["event"]["type"] = f"com.adobe.commerce.observer.{topic}"
    told = inbound({**body, "event_id": "e1", "recipient_client_id": "c"})
    (event,) = events(Standin().connector().parse(told))

    assert (event.record, event.record_id) == ({"resource": resource}, value[key])


def test_a_recorded_refusal_is_told_with_its_resource():
    assert word_of(load("error.not-authorized-401.cif.json")["error"]) == (
        "The consumer isn't authorized to access self"
    )


def test_the_published_vector_of_oauth_is_met(monkeypatch):
    vectors = json.loads((PAYLOADS / "ecommerce_signature_vectors.json").read_text())["vectors"]
    (doc,) = [one for one in vectors if one["id"].startswith("magento.oauth1")]
    monkeypatch.setattr("connectors.magento.auth.secrets.token_hex", lambda _: doc["nonce"])
    login = OAuth1((doc["consumer_key"], doc["consumer_secret"], doc["access_token"], doc["access_token_secret"]))
    access = Standin().access
    made = login.prove(
        Request(doc["method"], doc["url"]), type(access)(access.http, access.vault, lambda: float(doc["timestamp"]))
    )

    assert made.headers["Authorization"] == doc["authorization"]
