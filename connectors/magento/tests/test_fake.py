"""What the stand-in does as Magento does it, beside what clients and the contract suite try."""

from __future__ import annotations

import json

import pytest

from connectors.magento.tests.standin import Standin, account, inbound
from customer_sync.kit.fakes.crowd import WEIGHTS

BEARER = {"Authorization": "Bearer fakeaccesstoken"}
AT = "searchCriteria[filter_groups][{}][filters][{}][{}]"


@pytest.fixture
def shop():
    return Standin(bearer=True)


def call(shop, method, path, body=None, **query):
    return shop.fake.app.test_client().open(
        f"/rest/{path}", method=method, headers=BEARER, json=body, query_string={**query, **query.pop("query", {})}
    )


def search(shop, path, *filters, **query):
    """Search by filters (group, field, condition, value)."""
    asked = {}
    for at, (group, field, condition, value) in enumerate(filters):
        parts = {"field": field, "condition_type": condition, "value": value}
        asked |= {AT.format(group, at, name): one for name, one in parts.items()}
    more = {f"searchCriteria[{name}]": one for name, one in query.items()}
    return call(shop, "GET", f"all/V1/{path}", query={**asked, **more})


def ids(answer):
    return [row["id"] for row in answer.json["items"]]


def test_groups_are_joined_by_and_the_filters_of_one_by_or(shop):
    found = search(
        shop, "customers/search", (0, "entity_id", "gt", 3), (1, "entity_id", "lteq", 5), (1, "entity_id", "eq", 9)
    )

    assert ids(found) == [4, 5, 9]
    assert found.json["total_count"] == 3


@pytest.mark.parametrize(
    ("condition", "value", "expected"),
    [
        ("eq", "5", [5]),
        ("neq", "5", [1, 2, 3, 4, 6]),
        ("in", "2,4", [2, 4]),
        ("nin", "2,4", [1, 3, 5, 6]),
        ("from", "5", [5, 6]),
        ("to", "2", [1, 2]),
        ("lt", "2", [1]),
        ("like", "1%", [1]),
        ("notnull", "", [1, 2, 3, 4, 5, 6]),
        ("null", "", []),
    ],
)
def test_conditions(condition, value, expected):
    shop = Standin(bearer=True, customers=6)

    assert ids(search(shop, "customers/search", (0, "entity_id", condition, value))) == expected


def test_a_page_past_the_end_is_the_last_one_again_or_empty(shop):
    last = ids(search(shop, "customers/search", pageSize=10, currentPage=3))
    assert ids(search(shop, "customers/search", pageSize=10, currentPage=9)) == last == [21, 22, 23, 24]

    shop.fake.settings.clamps = False
    assert ids(search(shop, "customers/search", pageSize=10, currentPage=9)) == []


def test_a_page_that_is_too_large_is_refused_with_a_name_in_the_sentence(shop):
    shop.fake.settings.max_page_size = 10
    answer = search(shop, "customers/search", pageSize=11)

    assert (answer.status_code, answer.json["message"]) == (400, "Maximum SearchCriteria pageSize is %max")
    assert answer.json["parameters"] == {"max": 10}


def test_fields_that_are_asked_for_come_alone(shop):
    answer = call(shop, "GET", "V1/customers/search", fields="items[id,email],total_count")

    assert set(answer.json) == {"items", "total_count"}
    assert set(answer.json["items"][0]) == {"id", "email"}


def test_a_field_that_the_table_lacks_is_an_error(shop):
    assert search(shop, "customers/search", (0, "is_subscribed", "eq", 1)).status_code == 400


def test_a_put_that_leaves_things_out_resets_them(shop):
    number = 2
    before = shop.alone(number)
    assert before["addresses"]
    sent = {name: before[name] for name in ("id", "email", "firstname", "lastname", "website_id")}
    answer = call(shop, "PUT", f"default/V1/customers/{number}", {"customer": sent})

    assert answer.status_code == 200
    assert answer.json["addresses"] == []
    assert "default_billing" not in answer.json
    assert call(shop, "PUT", f"default/V1/customers/{number}", {"customer": {"id": 2}}).status_code == 400


def test_the_newsletter_is_that_of_the_store_view_that_is_called(shop):
    number = account(shop, "ana@example.com", "second")
    row = {**shop.alone(number), "extension_attributes": {"is_subscribed": False}}
    call(shop, "PUT", f"default/V1/customers/{number}", {"customer": row})
    assert shop.alone(number)["extension_attributes"] == {"is_subscribed": True}

    call(shop, "PUT", f"second/V1/customers/{number}", {"customer": row})
    assert shop.alone(number)["extension_attributes"] == {"is_subscribed": False}
    assert shop.fake.shop.mails == [{"to": "ana@example.com", "customer_id": number, "kind": "unsubscribed"}]


def test_neither_the_newsletter_nor_an_address_moves_the_time_of_an_account(shop):
    before = shop.alone(1)["updated_at"]
    shop.act("customers/1/newsletter", {"agrees": False})
    shop.act("customers/1", {"addresses": []})
    assert shop.alone(1)["updated_at"] == before

    shop.act("customers/1", {"firstname": "New"})
    assert shop.alone(1)["updated_at"] > before


def test_an_address_has_one_account_for_each_website(shop):
    account(shop, "ana@example.com")
    account(shop, "ana@example.com", "second")
    body = {"customer": {"email": "ANA@example.com", "firstname": "A", "lastname": "B", "website_id": 1}}

    assert call(shop, "POST", "default/V1/customers", body).status_code == 400


def test_the_crowd_acts_and_every_act_is_told(shop):
    for topic in ("customer_save_after", "sales_order_save_after", "newsletter_subscriber_save_after"):
        shop.fake.telling.put_hook(None, {"topic": topic, "address": "http://127.0.0.1:9/", "secret": "s"})
    shop.act("crowd", {"acts": 150})
    happened = shop.fake.crowd.happened
    topics = [one.topic for one in shop.fake.sender.waiting]

    assert set(happened) == set(WEIGHTS) - {"merge"}
    assert topics.count("customer_save_after") >= happened["register"] + happened["edit"]
    assert topics.count("sales_order_save_after") >= happened["buy"]
    assert "newsletter_subscriber_save_after" in topics


def test_what_the_module_and_adobe_send_is_heard_by_the_connector(shop):
    fake = shop.fake
    fake.settings.io_url = "http://127.0.0.1:9/"
    fake.telling.put_hook(None, {"topic": "customer_save_after", "address": "http://127.0.0.1:9/", "secret": "s3cret"})
    shop.act("customers/1", {"firstname": "New"})
    options = {"io_client_id": fake.settings.io_client_id, "io_keys": dict(fake.telling.pems)}
    connector = shop.connector(**options)
    for delivery in fake.sender.waiting:
        message = delivery.write()
        headers = {**message.headers, **message.sign(message.body, fake.clock())}
        told = inbound(message.body, {name.lower(): one for name, one in headers.items()})
        connector.verify(told, ("s3cret",))
        (event,) = connector.parse(told)
        assert (event.record_id, event.topic, event.record) == ("1", "customer_save_after", {"resource": "customers"})
    assert len(fake.sender.waiting) == 2


def test_a_deletion_takes_the_newsletter_along_and_leaves_the_orders(shop):
    shop.act("customers/1", method="DELETE")

    assert call(shop, "GET", "V1/customers/1").status_code == 404
    assert not [one for one in shop.fake.shop.subscribers.values() if one.customer_id == 1]
    assert [row for row in shop.fake.shop.orders.values() if row.get("customer_id") == 1]


def test_a_call_that_was_made_before_is_refused():
    shop = Standin()
    sent = []
    send = shop.wire.send

    def keep(method, url, **more):
        sent.append((method, url, more))
        return send(method, url, **more)

    shop.wire.send = keep
    shop.fetch("customers", 1)
    method, url, more = sent[0]

    assert send(method, url, **more).status == 401
    assert "nonce" in json.loads(send(method, url, **more).body)["message"]
