"""BigCommerce's own Python client (`bigcommerce` 0.23.4) takes the stand-in for a store, and `standardwebhooks` its
deliveries for genuine ones.

The client speaks https and V2 only: the scheme is put right here, and V3 (customers, subscribers, products, carts,
webhooks) is judged by recorded bodies in `test_recorded.py`. Its V2 resources for customers, products and webhooks ask
for addresses that the stand-in does not have.
"""

from __future__ import annotations

import base64
import json

import bigcommerce
import pytest
import standardwebhooks
from bigcommerce.exception import ClientRequestException, RateLimitingException

from connectors.bigcommerce.fake.settings import CLIENT, HASH, SECRET, TOKEN
from connectors.bigcommerce.tests.contract import call
from tests.fakes.receiver import receiving, until
from tests.stores.servers import store_server

BILLED = {"first_name": "Ann", "last_name": "Lee", "email": "ann@example.com", "country_iso2": "GB"}


@pytest.fixture(scope="module")
def running():
    with store_server("bigcommerce", "--customers", "12", "--orders", "30") as found:
        yield found


@pytest.fixture
def shop(running):
    running.delete("/fake/faults")
    running.post("/fake/settings", {"quota": 150, "signed": True})
    running.post("/fake/reset")
    return running


@pytest.fixture
def api(shop):
    found = bigcommerce.api.BigcommerceApi(client_id=CLIENT, store_hash=HASH, access_token=TOKEN)
    host = shop.address
    found.connection.full_path = lambda url: f"{host}/stores/{HASH}/v2/{url}"
    yield found
    found.connection._session.close()


def test_it_lists_every_order_page_by_page_and_counts_them(api):
    found = [one for page in (1, 2, 3) for one in api.Orders.all(page=page, limit=10)]

    assert [one.id for one in found] == list(range(101, 131))
    assert api.Orders.count() == 30
    assert len([one.id for one in api.Orders.iterall()]) == 30
    assert "id" not in api.Orders.all(page=4, limit=10)  # 204 without a body


def test_it_creates_finds_changes_and_archives_an_order(api):
    made = api.Orders.create(products=[{"product_id": 77, "quantity": 1}], billing_address=BILLED, status_id=7)
    found = api.Orders.get(made.id)
    found.update(status_id=11)
    changed = api.Orders.get(made.id)
    changed.delete()

    assert (found.customer_id, found.billing_address["email"]) == (0, "ann@example.com")
    assert (changed.status_id, changed.status) == (11, "Awaiting Fulfillment")
    assert made.id not in [one.id for one in api.Orders.iterall()]
    assert api.Orders.get(made.id).is_deleted is True


def test_it_reads_lines_statuses_store_and_time(api):
    order = api.Orders.get(101)

    assert [one.product_id for one in order.products()]
    assert [one.id for one in api.OrderStatuses.all()] == list(range(15))
    assert api.Store.all().id == HASH
    assert api.Time.all().time > 0


def test_it_sees_the_limit_and_what_is_not_there(api, shop):
    api.Orders.get(101)
    told = dict(api.connection.rate_limit)
    with pytest.raises(ClientRequestException):
        api.Orders.get(9999)
    shop.post("/fake/settings", {"quota": 1})

    assert (told["requests_quota"], told["window_size_ms"]) == (150, 30_000)
    assert 0 < told["ms_until_reset"] <= 30_000
    with pytest.raises(RateLimitingException):
        api.Orders.get(101)


def test_it_exchanges_the_code_of_an_installation_for_a_token_that_works(api, shop):
    code = shop.post("/fake/codes")["code"]
    fresh = bigcommerce.api.BigcommerceApi(client_id=CLIENT, store_hash=HASH)
    fresh.connection.full_path = api.connection.full_path
    # its `host` is https alone, so the address of the token is given
    given = (SECRET, code, f"stores/{HASH}", "store_v2_orders", "https://tajo.example/callback")
    answer = fresh.connection.fetch_token(*given, f"{shop.address}/oauth2/token")

    assert answer["context"] == f"stores/{HASH}"
    assert fresh.Orders.get(101).id == 101
    with pytest.raises(ClientRequestException):
        fresh.connection.fetch_token(*given, f"{shop.address}/oauth2/token")
    fresh.connection._session.close()


@pytest.mark.parametrize("signed", [True, False])
def test_its_deliveries_hold_ids_only_and_are_genuine_to_the_library(shop, signed):
    shop.post("/fake/settings", {"signed": signed})
    with receiving() as receiver:
        hook = {"scope": "store/customer/*", "destination": receiver.url, "headers": {"X-Own": "word"}}
        call(shop, "POST", "v3/hooks", hook)
        shop.post("/fake/customers", {"email": "ben@example.com"})
        until(lambda: receiver.got)
    (got,) = receiver.got
    body = json.loads(got.body)

    assert got.headers["x-own"] == "word"
    assert (body["producer"], body["scope"], set(body["data"])) == (
        f"stores/{HASH}",
        "store/customer/created",
        {"type", "id"},
    )
    assert ("webhook-signature" in got.headers) is signed
    if signed:
        judge = standardwebhooks.Webhook(base64.b64encode(SECRET.encode()).decode())
        assert judge.verify(got.body.decode(), got.headers)["data"] == body["data"]
