"""Stripe's own client for Python takes the stand-in for Stripe, and the signatures that are made here for Stripe's.

What the client cannot be asked about: that the shapes are whole (it takes any JSON), and limits.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing

import pytest
import stripe

from connectors.stripe.connector import StripeConnector
from connectors.stripe.tests.standin import Account
from customer_sync.kit.connector import SourceSettings
from customer_sync.model import Inbound
from tests.contract.cases import RECEIVED_AT
from tests.fakes.receiver import receiving, until
from tests.stores.servers import StoreClient, store_server


@pytest.fixture(scope="module")
def server() -> Iterator[StoreClient]:
    with store_server("stripe", "--customers", "25") as found:
        yield found


@pytest.fixture
def shop(server) -> StoreClient:
    server.post("/fake/reset")
    return server


@pytest.fixture
def client(shop) -> Iterator[stripe.StripeClient]:
    with closing(stripe.RequestsClient()) as http:
        addresses = {"api": shop.address}
        yield stripe.StripeClient("sk_test_demo", base_addresses=addresses, http_client=http, max_network_retries=0)


def test_it_lists_every_customer_the_newest_first(client, shop):
    found = [one.id for one in client.v1.customers.list({"limit": 10}).auto_paging_iter()]

    assert found == shop.get("/fake/customers")["ids"][::-1]
    assert len(set(found)) == 25


def test_it_creates_finds_changes_and_deletes_a_customer(client):
    made = client.v1.customers.create(
        {"email": "ana@example.com", "name": "Ana Lovelace", "metadata": {"plan": "gold"}, "address": {"country": "FR"}}
    )
    changed = client.v1.customers.update(
        made.id, {"metadata": {"plan": "", "newsletter": "yes"}, "phone": "+33612345678"}
    )
    found = client.v1.customers.list({"email": "ana@example.com"})
    gone = client.v1.customers.delete(made.id)
    left = client.v1.customers.retrieve(made.id)

    assert (made.address.country, made.livemode) == ("FR", False)
    assert (changed.metadata.to_dict(), changed.phone, changed.name) == (
        {"newsletter": "yes"},
        "+33612345678",
        "Ana Lovelace",
    )
    assert [one.id for one in found.data] == [made.id]
    assert (gone.deleted, left.deleted, left.id) == (True, True, made.id)


def test_it_reads_what_happened_with_the_object_of_then(client):
    made = client.v1.customers.create({"email": "ana@example.com"})
    client.v1.customers.update(made.id, {"email": "ana.new@example.com"})
    found = client.v1.events.list({"types": ["customer.updated", "customer.deleted"], "limit": 5}).data

    assert [(one.type, one.data.object.email) for one in found] == [("customer.updated", "ana.new@example.com")]
    assert found[0].data.previous_attributes["email"] == "ana@example.com"
    assert client.v1.events.list({"created": {"lt": made.created}}).data == []


def test_it_expands_charges_refunds_and_subscribes(client):
    made = client.v1.customers.create({"email": "ana@example.com"})
    paid = client.v1.charges.create({"amount": 2_000, "currency": "usd", "customer": made.id})
    back = client.v1.refunds.create({"charge": paid.id, "amount": 500})
    client.v1.subscriptions.create({"customer": made.id, "items": [{"price": "price_oil"}]})
    whole = client.v1.customers.retrieve(made.id, {"expand": ["subscriptions"]})
    seen = client.v1.charges.retrieve(paid.id, {"expand": ["customer"]})

    assert (back.amount, seen.amount_refunded, seen.refunded, seen.customer.email) == (500, 500, False, made.email)
    assert [one.status for one in whole.subscriptions.data] == ["active"]


def test_an_error_is_the_one_that_the_client_knows(client, shop):
    with pytest.raises(stripe.InvalidRequestError) as missing:
        client.v1.charges.retrieve("ch_nothing")
    with pytest.raises(stripe.InvalidRequestError) as unknown:
        client.v1.customers.create({"colour": "green"})  # type: ignore[typeddict-unknown-key]  # that is what is tried
    restricted = stripe.StripeClient("rk_test_demo", base_addresses={"api": shop.address}, max_network_retries=0)
    with pytest.raises(stripe.PermissionError, match="rak_charge_write"):
        restricted.v1.charges.create({"amount": 1, "currency": "usd"})
    with pytest.raises(stripe.AuthenticationError):
        stripe.StripeClient("sk_test_no", base_addresses={"api": shop.address}).v1.customers.list()
    shop.fault("status", status=429)
    with pytest.raises(stripe.RateLimitError):
        client.v1.customers.list()

    assert (missing.value.code, missing.value.http_status) == ("resource_missing", 404)
    assert (unknown.value.code, unknown.value.param) == ("parameter_unknown", "colour")


def test_a_repeated_call_with_one_key_is_done_once(client):
    options = {"idempotency_key": "once"}
    first = client.v1.customers.create({"email": "ana@example.com"}, options)

    assert client.v1.customers.create({"email": "ana@example.com"}, options).id == first.id
    with pytest.raises(stripe.IdempotencyError):
        client.v1.customers.create({"email": "bob@example.com"}, options)


def test_what_an_endpoint_sends_is_verified_by_the_client(client):
    with receiving() as receiver:
        hook = client.v1.webhook_endpoints.create({"url": receiver.url, "enabled_events": ["customer.created"]})
        made = client.v1.customers.create({"email": "ana@example.com"})
        sent = until(lambda: receiver.got)[0]
    event = stripe.Webhook.construct_event(sent.body, sent.headers["stripe-signature"], hook.secret)

    assert (event.type, event.data.object.id) == ("customer.created", made.id)
    assert "secret" not in client.v1.webhook_endpoints.list().data[0].to_dict()
    assert client.v1.webhook_endpoints.delete(hook.id).deleted


def test_a_signature_that_is_made_here_is_taken_by_the_client():
    connector = StripeConnector(SourceSettings("pay", "stripe"))
    body = json.dumps({"id": "evt_1", "object": "event", "type": "customer.created", "data": {"object": {}}}).encode()
    signed = connector.sign(Inbound("pay", {}, body, RECEIVED_AT), "whsec_1").headers["stripe-signature"]

    assert stripe.WebhookSignature.verify_header(body.decode(), signed, "whsec_1", tolerance=None)
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.WebhookSignature.verify_header(body.decode() + " ", signed, "whsec_1", tolerance=None)


def test_objects_have_the_fields_of_the_vendor_s_own_samples():
    """Every field that is shown is one that Stripe's library knows."""
    account = Account(customers=1, invoices=1)
    (row,) = account.fake.books.shelves["invoices"].newest_first()
    known = set(stripe.Invoice.__annotations__)

    assert {name for name in row if not name.startswith("_")} <= known | {"object"}
    (charge,) = account.fake.books.shelves["charges"].newest_first()
    assert {name for name in charge if not name.startswith("_")} <= set(stripe.Charge.__annotations__) | {"object"}
    (customer,) = account.fake.books.shelves["customers"].newest_first()
    assert set(customer) <= set(stripe.Customer.__annotations__) | {"object"}
