"""What a pull makes of PayPal's answers, over a way in memory."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import pytest

from connectors.paypal.connector import PayPalConnector
from customer_sync.errors import ConfigError, TryLater
from customer_sync.kit.connector import SourceSettings
from customer_sync.kit.outbound import Reply
from customer_sync.kit.own_hooks import told_secret
from customer_sync.kit.reach import Access, Want
from tests.contract.trial import MemoryVault

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def reply(status, value):
    return Reply(status, {"content-type": "application/json"}, json.dumps(value).encode())


class Http:
    """Answers by path; `answers` holds functions of the query."""

    def __init__(self, **answers):
        self.answers, self.asked = answers, []

    def send(self, method, url, *, headers, body=None, is_file=False):
        parts = urlsplit(url)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if parts.path == "/v1/oauth2/token":
            return reply(200, {"access_token": "t", "expires_in": 32_400})
        self.asked.append(query)
        return self.answers[parts.path.rpartition("/")[2]](query)


def pull(http, want):
    settings = SourceSettings("pay", "paypal", (), {"client_id": "i", "client_secret": "s"})
    return PayPalConnector(settings).pull(want, Access(http, MemoryVault(), NOW.timestamp))


def subscriptions(status, name, page=1):
    http = Http(subscriptions=lambda _query: reply(status, {"name": name}))
    return pull(http, Want("customers", cursor={"stage": "subscriptions", "page": page}))


@pytest.mark.parametrize(("status", "name"), [(404, "RESOURCE_NOT_FOUND"), (403, "NOT_AUTHORIZED"), (400, "X")])
def test_an_app_that_may_not_list_subscriptions_is_told_so(status, name):
    page = subscriptions(status, name)

    assert (page.events, page.cursor, len(page.notes)) == ((), None, 1)


@pytest.mark.parametrize(
    ("status", "name", "page"),
    [(401, "AUTHENTICATION_FAILURE", 1), (400, "INVALID_REQUEST", 2), (302, "", 1), (403, "NOT_AUTHORIZED", 2)],
)
def test_a_run_whose_list_of_subscriptions_breaks_off_is_not_complete(status, name, page):
    with pytest.raises(ConfigError):
        subscriptions(status, name, page)


@pytest.mark.parametrize("related", [None, 7, "x", [], {"order_id": ["x"]}, {"order_id": None}])
def test_a_payment_that_does_not_tell_its_order_is_read_without_its_payer(related):
    row = {"id": "CAP1", "status": "COMPLETED", "amount": {"value": "5.00", "currency_code": "EUR"}}
    http = Http(CAP1=lambda _query: reply(200, {**row, "supplementary_data": {"related_ids": related}}))
    settings = SourceSettings("pay", "paypal", (), {"client_id": "i", "client_secret": "s"})

    (event,) = PayPalConnector(settings).fetch("orders", ["CAP1"], Access(http, MemoryVault(), NOW.timestamp))

    assert (event.record_id, event.record["amount"], event.customer_id) == ("CAP1", 5.0, None)


@pytest.mark.parametrize("field", ["page", "total_pages", "total_items"])
def test_a_number_of_thousands_of_digits_is_no_number(field):
    told = {"transaction_details": [], "page": 1, "total_pages": 1, "total_items": 0, field: "1" * 5_000}
    http = Http(transactions=lambda _query: reply(200, told))

    if field == "page":
        assert pull(http, Want("orders")).events == []
    else:
        with pytest.raises(TryLater):
            pull(http, Want("orders"))


def test_the_id_of_a_webhook_counts_as_its_secret_as_soon_as_it_is_made_and_the_doctor_knows_it():
    there = []

    def webhooks(_query):
        listed = [*there]
        there[:] = [{"id": "WH-1", "url": "https://x.example/webhooks/pay", "event_types": [{"name": "*"}]}]
        return reply(200, {"webhooks": listed, "id": "WH-1"})

    http, vault = Http(webhooks=webhooks, transactions=lambda _query: reply(200, {})), MemoryVault()
    settings = SourceSettings("pay", "paypal", (), {"client_id": "i", "client_secret": "s"})
    connector, access = PayPalConnector(settings), Access(http, vault, NOW.timestamp)

    assert connector.ensure_webhooks("https://x.example/webhooks/pay", access).secret == "WH-1"

    assert told_secret(vault) == "WH-1"
    assert [one.verdict for one in connector.check(access) if one.name == "webhooks"] == ["ok"]
