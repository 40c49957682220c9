"""Runs the connector over recorded and published bodies, where they lie beside the repository."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from connectors.bigcommerce import goods, orders, records
from connectors.bigcommerce.connector import SCOPES, BigCommerceConnector
from connectors.bigcommerce.fake import rows
from connectors.bigcommerce.fake.hooks import signed
from connectors.bigcommerce.tests.standin import NOW, House
from customer_sync.errors import Refused
from customer_sync.kit.connector import SourceSettings
from customer_sync.kit.fields import Node
from customer_sync.model import Event, Inbound
from tests.contract.cases import REPO, as_json, assert_sound, outcome

PAYLOADS = REPO.parent / "shared" / "payloads"
HERE = PAYLOADS / "bigcommerce"
HOOKS = sorted(HERE.glob("hook.*.json"))

pytestmark = pytest.mark.skipif(not HERE.is_dir(), reason="the recorded payloads are not beside the repository")


def made(**options):
    return BigCommerceConnector(SourceSettings("bc", "bigcommerce", ("s",), options))


def read(name):
    return json.loads((HERE / name).read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", HOOKS, ids=lambda path: path.name)
def test_a_recorded_or_published_delivery_is_understood(path):
    doc = json.loads(path.read_text(encoding="utf-8"))
    body = doc["body"] if "headers" in doc else doc
    inbound = Inbound("bc", {}, json.dumps(body).encode(), NOW)
    found = outcome(made(), inbound)

    assert_sound(inbound, found)
    assert [one.topic for one in found if isinstance(one, Event)] == [body["scope"]] * (body["scope"] in SCOPES)
    assert BigCommerceConnector.recognises(inbound)


def test_what_a_recorded_order_and_customer_hold_is_read():
    (person,) = records.customer({**read("v3.customers.list.docs.json")["data"][0], "id": 7}, "bc", NOW)
    bought = orders.event(read("v2.order.docs.json"), [], "bc", NOW)

    assert (person.record["email"], person.record["phone"]) == ("jane.smith@example.com", "555-123-4567")
    assert (bought.record["state"], bought.record["total"], bought.record["currency"]) == ("placed", 69.84, "USD")
    assert bought.record["carts"] == ["7e48f7ef-2e88-4817-aea4-b0ed01490114"]
    assert bought.record["customer"]["id"] == "11"
    assert as_json(bought)["occurred_at"] == "2019-03-11T15:17:25Z"


def test_every_published_status_has_a_state_and_the_name_that_the_stand_in_gives_it():
    told = read("v2.order_statuses.docs.json")
    listed = told if isinstance(told, list) else [told]

    assert listed
    for one in listed:
        assert one["id"] in orders.STATES
        assert rows.STATUSES[one["id"]] == one["name"]


def test_the_stand_in_writes_what_is_published():
    house = House(customers=1, orders=1)
    order, customer = house.fake.orders.get(101), house.fake.customers.get(21)
    hook = house.fake.hooks.make({"scope": "store/order/created", "destination": "http://127.0.0.1:9/x"})
    published = read("v2.order.docs.json")

    assert set(order) <= set(published) | {"is_deleted", "store_default_currency_code"}
    assert {name: type(order[name]) for name in ("total_inc_tax", "date_created", "customer_id", "cart_id")} == {
        name: type(published[name]) if name != "cart_id" else type(None)
        for name in ("total_inc_tax", "date_created", "customer_id", "cart_id")
    }
    assert set(hook) == set(read("v3.hook.created.docs.json")["data"])
    published = {*read("v3.customers.list.docs.json")["data"][0]}
    more = {"id", "date_created", "date_modified", "address_count", "attribute_count", "origin_channel_id"}
    assert set(customer) <= published | more
    found = house.fake.app.test_client().post(
        "/stores/fk7store1/v3/hooks", json={}, headers={"X-Auth-Token": house.fake.settings.access_token}
    )
    assert set(found.json) == set(read("v3.error-422.docs.json"))


def test_the_known_signature_is_judged_as_its_library_judges_and_made_by_the_stand_in():
    vectors = json.loads((PAYLOADS / "ecommerce_signature_vectors.json").read_text(encoding="utf-8"))["vectors"]
    doc = next(one for one in vectors if one["id"] == "bigcommerce.webhook.derived")
    at_s = int(doc["headers"]["webhook-timestamp"])
    given = {**doc["headers"], "x-tajo-hook-secret": "s"}
    inbound = Inbound("bc", given, doc["body"].encode(), datetime.fromtimestamp(at_s, UTC))

    made(client_secret=doc["client_secret"]).verify(inbound, ("s",))
    with pytest.raises(Refused):
        made(client_secret="another").verify(inbound, ("s",))
    name = doc["headers"]["webhook-id"]
    assert signed(doc["client_secret"], name, at_s, inbound.body) == doc["headers"]


def test_a_published_store_tells_its_currency_and_address():
    told = read("v2.store.docs.json")

    assert (told["currency"], told["secure_url"]) == ("USD", "https://my-awesome.store")
    assert goods.Store(told["currency"], told["secure_url"]).site
    assert Node(told).get("currency") == "USD"
