"""WooCommerce's own Python client (`woocommerce`) takes the stand-in for a shop.

It signs by OAuth 1.0a over plain HTTP, and over HTTPS sends the key by Basic or in the query, which is chosen by the
address alone; the stand-in has no HTTPS, so the other two are judged by `test_fake.py`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import woocommerce

from connectors.woocommerce.fake.settings import KEY, SECRET
from connectors.woocommerce.tests.caller import signature
from tests.fakes.receiver import receiving, until
from tests.stores.servers import StoreClient, store_server


@pytest.fixture(scope="module")
def shop() -> Iterator[StoreClient]:
    with store_server("woocommerce", "--customers", "60") as found:
        yield found


@pytest.fixture
def api(shop) -> woocommerce.API:
    shop.post("/fake/reset")
    return woocommerce.API(shop.address, KEY, SECRET, version="wc/v3", timeout=30)


def said(answer, status=200):
    assert answer.status_code == status, answer.text
    return answer.json()


@pytest.mark.parametrize("kind", ["customers", "orders", "products"])
def test_it_lists_every_record_page_by_page(api, kind):
    numbers, page, pages = [], 1, 1
    while page <= pages:
        answer = api.get(kind, params={"per_page": 9, "page": page, "orderby": "id", "order": "asc"})
        numbers += [row["id"] for row in said(answer)]
        page, pages = page + 1, int(answer.headers["X-WP-TotalPages"])

    assert pages > 2
    assert numbers == sorted(set(numbers))
    assert len(numbers) == int(answer.headers["X-WP-Total"])


def test_it_creates_finds_changes_and_deletes_a_customer(api):
    made = said(api.post("customers", {"email": "ann+news@example.com", "first_name": "Änn"}), 201)
    found = said(api.get("customers", params={"email": "ann+news@example.com"}))
    changed = said(api.put(f"customers/{made['id']}", {"billing": {"city": "Łódź"}}))
    deleted = said(api.delete(f"customers/{made['id']}", params={"force": True}))
    gone = said(api.get(f"customers/{made['id']}"), 404)

    assert [row["id"] for row in found] == [made["id"]] == [deleted["id"]]
    assert (changed["billing"]["city"], changed["first_name"]) == ("Łódź", "Änn")
    assert gone["code"] == "wc_user_invalid_id"


def test_it_creates_changes_and_deletes_an_order(api):
    lines = [{"product_id": said(api.get("products"))[0]["id"], "quantity": 2}]
    made = said(api.post("orders", {"billing": {"email": "gus@example.com"}, "line_items": lines}), 201)
    changed = said(api.put(f"orders/{made['id']}", {"status": "completed"}))
    binned = said(api.delete(f"orders/{made['id']}"))
    said(api.delete(f"orders/{made['id']}", params={"force": True}))

    assert (made["status"], changed["status"]) == ("pending", "completed")
    assert changed["date_completed_gmt"]
    assert (binned["id"], said(api.get(f"orders/{made['id']}"), 404)["data"]["status"]) == (made["id"], 404)


def test_it_creates_changes_and_deletes_a_product(api):
    made = said(api.post("products", {"name": "Lamp", "regular_price": "21.99"}), 201)
    changed = said(api.put(f"products/{made['id']}", {"regular_price": "24.54"}))
    said(api.delete(f"products/{made['id']}", params={"force": True}))

    assert (made["price"], changed["price"]) == ("21.99", "24.54")
    assert said(api.get(f"products/{made['id']}"), 404)["code"] == "woocommerce_rest_product_invalid_id"


def test_it_creates_lists_changes_and_deletes_webhooks_which_come_signed(api):
    with receiving() as receiver:
        asked = {"name": "new", "topic": "customer.created", "delivery_url": receiver.url, "secret": "s3cr3t"}
        hook = said(api.post("webhooks", asked), 201)
        renamed = said(api.put(f"webhooks/{hook['id']}", {"name": "people"}))
        listed = said(api.get("webhooks", params={"status": "active"}))
        said(api.post("customers", {"email": "ann@example.com"}), 201)
        got = until(lambda: next((one for one in receiver.got if one.body.startswith(b"{")), None))
        said(api.delete(f"webhooks/{hook['id']}", params={"force": True}))

    assert [(row["id"], row["name"]) for row in listed] == [(hook["id"], "people")]
    assert renamed["topic"] == got.headers["x-wc-webhook-topic"] == "customer.created"
    assert got.headers["x-wc-webhook-signature"] == signature(got.body)
    assert json.loads(got.body)["email"] == "ann@example.com"
    assert said(api.get("webhooks")) == []


def test_it_does_many_things_in_one_call(api):
    made = said(api.post("customers/batch", {"create": [{"email": f"{name}@example.com"} for name in "abc"]}))
    numbers = [row["id"] for row in made["create"]]
    done = said(api.post("customers/batch", {"update": [{"id": numbers[0], "last_name": "Z"}], "delete": numbers[1:]}))

    assert done["update"][0]["last_name"] == "Z"
    assert [row["id"] for row in done["delete"]] == numbers[1:]


def test_it_hears_of_faults_as_of_a_shops(shop, api):
    wrong = woocommerce.API(shop.address, KEY, "cs_wrong", version="wc/v3")

    assert said(wrong.get("customers"), 401)["code"] == "woocommerce_rest_authentication_error"
    assert said(api.get("customers", params={"orderby": "shoe_size"}), 400)["code"] == "rest_invalid_param"
    assert said(api.post("customers", {"email": "nobody"}), 400)["data"]["params"] == {
        "email": "Invalid email address."
    }
    assert said(api.put("customers/11", {"email": "nobody"}), 400)["code"] == "rest_invalid_param"
