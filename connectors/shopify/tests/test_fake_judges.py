"""Shopify's own Python client (ShopifyAPI) takes the stand-in for a shop.

Its REST resources have no counterpart: Shopify ended that API for new apps, and the product does not call it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.client import HTTPConnection
from urllib.error import HTTPError
from urllib.parse import parse_qsl, urlsplit
from urllib.request import HTTPSHandler, build_opener

import pytest
import shopify
import urllib3

from connectors.shopify.tests.caller import CUSTOMERS, EMAIL_CONSENT, SUBSCRIBE
from tests.fakes.receiver import receiving, until
from tests.stores.servers import StoreClient, store_server

CREATE = """mutation Make($input: CustomerInput!) { customerCreate(input: $input) {
  customer { id email tags updatedAt } userErrors { field message } } }"""
UPDATE = """mutation Change($input: CustomerInput!) { customerUpdate(input: $input) {
  customer { id firstName tags } userErrors { field message } } }"""
DELETE = """mutation Drop($id: ID!) { customerDelete(input: {id: $id}) {
  deletedCustomerId userErrors { field message } } }"""
ONE = "query One($id: ID!) { customer(id: $id) { id firstName defaultEmailAddress { marketingState } } }"
HOOKS = "{ webhookSubscriptions(first: 10) { nodes { id topic uri } } }"
MOVE = """mutation Move($id: ID!, $sub: WebhookSubscriptionInput!) {
  webhookSubscriptionUpdate(id: $id, webhookSubscription: $sub) {
    webhookSubscription { id uri } userErrors { field message } } }"""
UNHOOK = """mutation Unhook($id: ID!) { webhookSubscriptionDelete(id: $id) {
  deletedWebhookSubscriptionId userErrors { field message } } }"""


@pytest.fixture(scope="module")
def shop() -> Iterator[StoreClient]:
    with store_server("shopify", "--customers", "60", "--bucket", "1e9", "--schema", "none") as found:
        yield found


@pytest.fixture(autouse=True)
def _client(shop) -> Iterator[None]:
    """Let the client speak to the stand-in, and to nobody afterwards."""
    shop.post("/fake/reset")
    connect(shop, "shpat_demo")
    yield
    shopify.ShopifyResource.clear_session()


def connect(shop: StoreClient, token: str) -> None:
    shopify.ShopifyResource.set_site(f"{shop.address}/admin/api/2026-10")
    shopify.ShopifyResource.headers = {"X-Shopify-Access-Token": token}


def execute(document: str, **variables):
    answer = json.loads(shopify.GraphQL().execute(document, variables))
    assert "errors" not in answer, answer
    return answer["data"]


@pytest.mark.parametrize("resource", ["orders", "products"])
def test_it_lists_what_is_sold(shop, resource):
    product = shop.post("/fake/products", {"title": "Lamp"})["id"]
    order = shop.post("/fake/orders", {"email": "ann@example.com"})["id"]
    found = execute(f"{{ {resource}(first: 5) {{ nodes {{ id legacyResourceId updatedAt }} }} }}")[resource]["nodes"]

    assert [one["legacyResourceId"] for one in found] == [order if resource == "orders" else product]


def test_its_order_holds_a_body_of_ours(shop):
    shop.post("/fake/orders", {"email": "ann@example.com", "lines": [{"title": "Lamp", "price": 1200, "quantity": 2}]})
    (body,) = shop.get("/fake/orders")["orders"]
    order = shopify.Order(body)

    assert (order.id, order.total_price, order.line_items[0].quantity) == (body["id"], "24.00", 2)
    assert order.total_price_set.shop_money.currency_code == "EUR"


def test_it_lists_everybody_page_by_page():
    seen, after, more = [], None, True
    while more:
        page = execute(CUSTOMERS, first=25, after=after)["customers"]
        seen += [node["id"] for node in page["nodes"]]
        after, more = page["pageInfo"]["endCursor"], page["pageInfo"]["hasNextPage"]

    assert len(seen) == len(set(seen)) == 60


def test_it_creates_changes_and_deletes_a_customer():
    made = execute(CREATE, input={"email": "ann@example.com", "firstName": "Ann", "tags": ["vip"]})["customerCreate"]
    gid = made["customer"]["id"]
    changed = execute(UPDATE, input={"id": gid, "firstName": "Anna", "tags": ["vip", "b2b"]})["customerUpdate"]
    consent = {"marketingState": "SUBSCRIBED", "marketingOptInLevel": "SINGLE_OPT_IN"}
    execute(EMAIL_CONSENT, input={"customerId": gid, "emailMarketingConsent": consent})
    found = execute(ONE, id=gid)["customer"]
    deleted = execute(DELETE, id=gid)["customerDelete"]

    assert made["customer"]["email"] == "ann@example.com"
    assert sorted(changed["customer"]["tags"]) == ["b2b", "vip"]
    assert found == {"id": gid, "firstName": "Anna", "defaultEmailAddress": {"marketingState": "SUBSCRIBED"}}
    assert deleted == {"deletedCustomerId": gid, "userErrors": []}
    assert execute(ONE, id=gid) == {"customer": None}
    assert [one["userErrors"] for one in (made, changed)] == [[], []]


def test_it_subscribes_moves_lists_and_ends_webhooks():
    with receiving() as receiver:
        made = execute(SUBSCRIBE, topic="CUSTOMERS_CREATE", sub={"uri": "https://example.com/first"})
        gid = made["webhookSubscriptionCreate"]["webhookSubscription"]["id"]
        execute(MOVE, id=gid, sub={"uri": receiver.url})
        listed = execute(HOOKS)["webhookSubscriptions"]["nodes"]
        execute(CREATE, input={"email": "ann@example.com"})
        got = until(lambda: receiver.got)[0]
        ended = execute(UNHOOK, id=gid)["webhookSubscriptionDelete"]

    assert listed == [{"id": gid, "topic": "CUSTOMERS_CREATE", "uri": receiver.url}]
    assert (got.headers["x-shopify-topic"], json.loads(got.body)["email"]) == ("customers/create", "ann@example.com")
    assert ended == {"deletedWebhookSubscriptionId": gid, "userErrors": []}
    assert execute(HOOKS)["webhookSubscriptions"]["nodes"] == []


def test_it_hears_of_faults_as_of_a_shops(shop, capsys):
    connect(shop, "shpat_wrong")
    with pytest.raises(HTTPError) as raised:
        shopify.GraphQL().execute("{ shop { name } }")
    raised.value.close()

    assert raised.value.code == 401
    assert "Invalid API key or access token" in capsys.readouterr().out


def callback(shop: StoreClient, session: shopify.Session) -> dict[str, str]:
    """Return what the app's callback is given once the owner has agreed."""
    asked = urlsplit(session.create_permission_url(["read_customers"], "http://127.0.0.1:9000/callback", "ab12"))
    answer = urllib3.request("GET", f"{shop.address}{asked.path}?{asked.query}", redirect=False)
    assert answer.status == 302, answer.data
    return dict(parse_qsl(urlsplit(answer.headers["location"]).query))


def test_its_way_through_oauth_ends_with_a_token_that_works(shop, monkeypatch):
    """The client always speaks HTTPS to a shop, so its calls are led to the stand-in's plain HTTP."""
    port = urlsplit(shop.address).port

    class Plain(HTTPSHandler):
        def https_open(self, request):
            return self.do_open(lambda _host, timeout: HTTPConnection("127.0.0.1", port, timeout=timeout), request)

    monkeypatch.setattr("urllib.request._opener", build_opener(Plain))
    shopify.Session.setup(api_key="demo-client-id", secret="demo-client-secret")
    session = shopify.Session("demo.myshopify.com", "unstable")

    params = callback(shop, session)
    token = session.request_token(params)
    connect(shop, token)

    assert params["state"] == "ab12"
    assert str(session.access_scopes) == "read_customers"
    assert execute("{ shop { myshopifyDomain } }") == {"shop": {"myshopifyDomain": "demo.myshopify.com"}}


def test_it_refuses_a_callback_that_somebody_touched(shop):
    shopify.Session.setup(api_key="demo-client-id", secret="demo-client-secret")
    session = shopify.Session("demo.myshopify.com", "unstable")

    with pytest.raises(Exception, match="Invalid HMAC"):
        session.request_token({**callback(shop, session), "shop": "other.myshopify.com"})
