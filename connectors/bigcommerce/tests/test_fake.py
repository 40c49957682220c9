"""What the stand-in does as the real store is said to do; its clients judge the rest in `test_fake_judges.py`."""

from __future__ import annotations

import json
from email.utils import parsedate_to_datetime

import pytest

from connectors.bigcommerce.fake.hooks import BLOCKED_S, ENOUGH, WAITS_S
from connectors.bigcommerce.fake.settings import HASH, TOKEN
from connectors.bigcommerce.tests.standin import CARTS, NEWSLETTER, House
from customer_sync.kit.fakes.crowd import WEIGHTS
from tests.fakes.receiver import receiving


@pytest.fixture
def house():
    return House(customers=9, orders=4, products=3)


def ask(house, method, path, body=None, *, token=TOKEN, store=HASH):
    address = f"/stores/{store}{path}"
    return house.fake.app.test_client().open(address, method=method, json=body, headers={"X-Auth-Token": token})


def hook(url, **more):
    return {"scope": "store/customer/created", "destination": url, **more}


# V2 and V3


def test_v2_is_bare_in_text_and_v3_wrapped_in_numbers(house):
    orders, products = ask(house, "GET", "/v2/orders").json, ask(house, "GET", "/v3/catalog/products").json

    assert [type(one["total_inc_tax"]) for one in orders] == [str] * 4
    assert all(len(one["total_inc_tax"].partition(".")[2]) == 4 for one in orders)
    assert all(parsedate_to_datetime(one["date_created"]) for one in orders)
    assert [one["date_shipped"] for one in orders] == [""] * 4
    assert isinstance(products["data"][0]["price"], float)
    assert products["meta"]["pagination"]["total"] == 3


def test_no_order_is_204_and_nothing(house):
    answer = ask(house, "GET", "/v2/orders?min_id=9000")

    assert (answer.status_code, answer.data) == (204, b"")


def test_orders_are_found_since_a_time_in_either_way_of_writing_it(house):
    house.act("orders/102", {"status_id": 10}, "PATCH")
    for written in ("2026-11-21T09:00:00Z", "Sat%2C%2021%20Nov%202026%2009%3A00%3A00%20%2B0000"):
        found = ask(house, "GET", f"/v2/orders?min_date_modified={written}").json
        assert [one["id"] for one in found] == [102]


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/v3/customers?limit=900", None, 422),
        ("POST", "/v3/customers", {"email": "a@example.com"}, 422),
        ("POST", "/v3/customers", [{}], 422),
        ("POST", "/v3/customers/subscribers", {}, 422),
        ("GET", "/v3/customers/subscribers/900", None, 404),
        ("GET", "/v3/carts/none", None, 404),
        ("POST", "/v3/hooks", {"scope": "store/order/created"}, 422),
        ("POST", "/v3/hooks", hook("http://sync.example/x"), 422),
        ("POST", "/v3/hooks", hook("https://sync.example:8443/x"), 422),
        ("POST", "/v3/hooks", {**hook("https://sync.example/x"), "scope": "order"}, 422),
    ],
)
def test_a_refusal_has_the_envelope_of_v3(house, method, path, body, status):
    answer = ask(house, method, path, body)

    assert answer.status_code == answer.json["status"] == status
    assert {"status", "title", "type"} <= set(answer.json)


def test_an_address_is_free_in_another_channel_and_has_one_subscriber(house):
    email = house.fake.customers.get(21)["email"]

    assert ask(house, "POST", "/v3/customers", [{"email": email}]).status_code == 422
    made = ask(house, "POST", "/v3/customers", [{"email": email, "channel_ids": [2]}]).json["data"][0]
    assert made["channel_ids"] == [2]
    assert ask(house, "POST", "/v3/customers/subscribers", {"email": email}).status_code == 409


def test_a_key_of_another_store_or_without_the_scope_is_refused(house):
    assert ask(house, "GET", "/v3/customers", token="x").status_code == 401  # no key
    assert ask(house, "GET", "/v3/customers", store="other").status_code == 401
    house.fake.oauth.add("poor", ("store_v2_customers_read_only",))
    assert ask(house, "GET", "/v3/customers", token="poor").status_code == 200  # opens this fake
    assert ask(house, "PUT", "/v3/customers", [{"id": 21}], token="poor").status_code == 403  # as above
    assert ask(house, "GET", "/v2/orders", token="poor").status_code == 403  # as above


@pytest.mark.parametrize("is_bare", [False, True])
def test_the_limit_is_told_by_every_answer_and_refused_without_retry_after(is_bare):
    house = House(quota=2, bare_429=is_bare)
    left = [ask(house, "GET", "/v2/time").headers["X-Rate-Limit-Requests-Left"] for _ in range(2)]
    refused = ask(house, "GET", "/v2/time")
    house.fake.clock.offset_s += 30

    assert (left, refused.status_code) == (["1", "0"], 429)
    assert "Retry-After" not in refused.headers
    assert ("X-Rate-Limit-Time-Reset-Ms" in refused.headers) is not is_bare
    assert ask(house, "GET", "/v2/time").status_code == 200


def test_a_delete_of_the_subscribers_without_a_filter_deletes_all_of_them(house):
    email = next(iter(house.fake.subscribers.values()))["email"]
    before = len(house.fake.subscribers)
    ask(house, "DELETE", f"/v3/customers/subscribers?email={email}")
    after_one = len(house.fake.subscribers)
    ask(house, "DELETE", "/v3/customers/subscribers")

    assert (after_one, len(house.fake.subscribers)) == (before - 1, 0)
    assert house.act("state", method="GET")["deletedLists"] == 2


# webhooks


def test_a_scope_takes_ten_webhooks_and_each_address_once(house):
    for number in range(10):
        assert ask(house, "POST", "/v3/hooks", hook(f"http://127.0.0.1:9/{number}")).status_code == 200
    ask(house, "DELETE", "/v3/hooks/18048287")

    assert ask(house, "POST", "/v3/hooks", hook("http://127.0.0.1:9/1")).status_code == 422
    assert ask(house, "POST", "/v3/hooks", hook("http://127.0.0.1:9/0")).status_code == 200
    assert ask(house, "POST", "/v3/hooks", hook("http://127.0.0.1:9/new")).status_code == 422


def test_a_webhook_that_is_never_taken_is_tried_for_two_days_and_switched_off(house):
    with receiving() as receiver:
        receiver.status = 500
        house.fake.hooks.make(hook(receiver.url))
        house.act("customers", {"email": "ann@example.com"})
        waits, before = [], house.fake.clock()
        while house.fake.sender.waiting:
            (one,) = house.fake.sender.waiting
            waits.append(one.due_s - before)
            before = max(one.due_s, before)
            house.fake.clock.set(before)
            house.fake.sender.deliver()
    (row,) = house.fake.hooks.rows.values()

    assert waits == [0.0, *WAITS_S]
    assert len(receiver.got) == len(WAITS_S) + 1
    assert len({got.headers["webhook-id"] for got in receiver.got}) == 1
    assert row["is_active"] is False


def test_an_address_that_takes_too_little_is_left_alone_for_three_minutes(house):
    with receiving() as receiver:
        receiver.status = 500
        house.fake.hooks.make(hook(receiver.url))
        for number in range(ENOUGH):
            house.act("customers", {"email": f"a{number}@example.com"})
        house.fake.sender.deliver(everything=True)
        house.act("customers", {"email": "late@example.com"})
        late = max(house.fake.sender.waiting, key=lambda one: json.loads(one.write().body)["data"]["id"])

    assert house.act("state", method="GET")["blocked"] == 1
    assert late.due_s == house.fake.clock() + BLOCKED_S


# what people do


def test_one_purchase_tells_what_a_real_one_tells(house):
    house.fake.hooks.make({"scope": "store/*", "destination": "http://127.0.0.1:9/x"})
    house.act("crowd", {"act": "register"})
    house.act("crowd", {"act": "buy"})
    told = [json.loads(one.write().body) for one in house.fake.sender.waiting]
    scopes = [one["scope"].removeprefix("store/") for one in told if "customer" not in one["scope"]]

    assert [one for one in scopes if "subscriber" not in one] == [
        "cart/created",
        "order/created",
        "order/updated",
        "order/statusUpdated",
        "cart/converted",
    ]
    assert [one["data"].get("status") for one in told if one["scope"].endswith("statusUpdated")] == [
        {"previous_status_id": 0, "new_status_id": 11}
    ]
    assert house.fake.carts == {}


@pytest.mark.parametrize("act", [one for one in WEIGHTS if one != "merge"])
def test_people_can_do_all_but_merge(house, act):
    for _ in range(3):
        house.act("crowd", {"act": "register"})
    happened = house.act("crowd", {"act": act})["happened"]

    assert happened[act] >= 1


def test_who_is_erased_leaves_no_row(house):
    made = house.act("customers", {"email": "ann@example.com"})
    house.act("consent", {"email": "ann@example.com", "consents": [NEWSLETTER, CARTS]})
    house.fake.erase(made["id"])

    assert house.subscriber("ann@example.com") is None
    assert house.fake.customers.get(made["id"]) is None
