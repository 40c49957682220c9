"""PayPal's own client reads the stand-in as it reads PayPal: tokens, orders, captures, transactions, subscriptions.

It verifies no webhooks and manages none (paypal-server-sdk 2.4.0), so these are judged by the documents alone.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from paypalserversdk.configuration import Configuration, Environment, Server
from paypalserversdk.http.auth.o_auth_2 import ClientCredentialsAuthCredentials
from paypalserversdk.paypal_serversdk_client import PaypalServersdkClient

from connectors.paypal.fake.settings import CLIENT, SECRET
from tests.stores.servers import store_server


@pytest.fixture(scope="module")
def shop():
    with store_server("paypal", "--customers", "9") as found:
        yield found


@pytest.fixture
def client(shop, monkeypatch):
    # the client knows two addresses and takes no other
    monkeypatch.setitem(Configuration.environments[Environment.SANDBOX], Server.DEFAULT, shop.address)
    return PaypalServersdkClient(
        client_credentials_auth_credentials=ClientCredentialsAuthCredentials(CLIENT, SECRET),
        environment=Environment.SANDBOX,
    )


def test_an_order_and_its_capture_are_read_with_their_payer(client, shop):
    paid = shop.post("/fake/customers", {"email": "judge@example.com"})
    capture = client.payments.get_captured_payment({"capture_id": paid["payment"]}).body
    order = client.orders.get_order({"id": capture.supplementary_data.related_ids.order_id}).body

    assert capture.status == "COMPLETED"
    assert float(capture.amount.value) > 0
    assert order.payer.email_address == "judge@example.com"


def test_what_was_paid_back_changes_the_capture(client, shop):
    paid = shop.post("/fake/customers")
    shop.post(f"/fake/payments/{paid['payment']}/back", {"value": 1.0})

    assert client.payments.get_captured_payment({"capture_id": paid["payment"]}).body.status == "PARTIALLY_REFUNDED"


def test_transactions_are_listed_with_their_payers(client):
    end = datetime.now(UTC).replace(microsecond=0)
    asked = {
        "start_date": (end - timedelta(days=30)).isoformat().replace("+00:00", "Z"),
        "end_date": end.isoformat().replace("+00:00", "Z"),
        "fields": "all",
        "page_size": 100,
    }
    found = client.transaction_search.search_transactions(asked).body

    assert found.total_items == len(found.transaction_details) >= 9
    first = found.transaction_details[0]
    assert "@" in first.payer_info.email_address
    assert first.transaction_info.transaction_event_code in {"T0002", "T0006"}


def test_a_subscription_is_read_with_its_subscriber(client, shop):
    made = shop.post("/fake/customers/1/subscribe")
    found = client.subscriptions.get_subscription({"id": made["subscription"]}).body

    assert (found.status, found.id) == ("ACTIVE", made["subscription"])
    assert "@" in found.subscriber.email_address
