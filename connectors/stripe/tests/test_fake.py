"""The stand-in: what Stripe is known to do, without a client in between."""

from __future__ import annotations

import hmac
from collections import Counter

import pytest

from connectors.stripe.tests.standin import KEY, Account

SECRET = {"Authorization": "Bearer sk_test_demo"}


@pytest.fixture
def account():
    return Account()


def get(account, path, status=200, key=KEY, **headers):
    answer = account.http.get(f"/v1/{path}", headers={"Authorization": f"Bearer {key}", **headers})
    assert answer.status_code == status, answer.data
    return answer.get_json()


def test_a_list_says_whether_there_is_more_and_goes_on_behind_an_id(account):
    first = get(account, "customers?limit=3")
    second = get(account, f"customers?limit=3&starting_after={first['data'][-1]['id']}")

    assert (first["has_more"], second["has_more"], first["url"]) == (True, False, "/v1/customers")
    assert len({one["id"] for one in first["data"] + second["data"]}) == 5
    created = [one["created"] for one in first["data"] + second["data"]]
    assert created == sorted(created, reverse=True)


def test_a_list_cannot_go_on_behind_what_is_deleted(account):
    number = get(account, "customers?limit=1")["data"][0]["id"]
    account.act(f"customers/{number}", "DELETE")
    error = get(account, f"customers?starting_after={number}", 400)["error"]

    assert (error["code"], error["param"]) == ("resource_missing", "starting_after")
    assert get(account, f"customers/{number}") == {"id": number, "object": "customer", "deleted": True}
    assert number not in [one["id"] for one in get(account, "customers")["data"]]


@pytest.mark.parametrize("limit", ["0", "101", "many"])
def test_a_page_has_one_to_a_hundred_rows(account, limit):
    assert get(account, f"customers?limit={limit}", 400)["error"]["param"] == "limit"


def test_events_are_listed_late_and_forgotten_after_thirty_days(account):
    account.fake.settings.lag_s = 5.0
    account.customer()
    seen = []
    for wait_s in (0, 6, 29 * 86_400, 86_400):
        account.clock.offset_s += wait_s
        seen.append(len(get(account, "events")["data"]))

    assert seen == [0, 1, 1, 0]


def test_more_than_twenty_types_are_refused(account):
    types = "&".join(f"types[]=a.{number}" for number in range(21))
    assert get(account, f"events?{types}", 400)["error"]["param"] == "types"


def test_too_many_calls_of_one_second_are_refused_with_the_reason(account):
    account.fake.settings.calls_per_s = 2
    answers = [account.http.get("/v1/customers", headers={"Authorization": f"Bearer {KEY}"}) for _ in range(3)]

    assert [one.status_code for one in answers] == [200, 200, 429]
    assert answers[-1].headers["Stripe-Rate-Limited-Reason"] == "endpoint-rate"
    assert answers[-1].get_json()["error"]["code"] == "rate_limit"


def test_an_old_version_shows_what_a_new_one_took_away(account):
    number = account.customer()
    account.act("subscriptions", customer=number)
    bill = account.act("invoices", customer=number, subscription="sub_1")
    old, new = {"Stripe-Version": "2025-02-24.acacia"}, {"Stripe-Version": "2025-03-31.basil"}
    shown = {
        name: [get(account, path, **version) for version in (old, new)]
        for name, path in {
            "charge": f"charges/{bill['charge']}",
            "invoice": f"invoices/{bill['id']}",
            "subscription": f"subscriptions/{get(account, 'subscriptions')['data'][0]['id']}",
        }.items()
    }

    assert (shown["charge"][0]["invoice"], "invoice" in shown["charge"][1]) == (bill["id"], False)
    assert (shown["invoice"][0]["subscription"], "subscription" in shown["invoice"][1]) == ("sub_1", False)
    assert shown["invoice"][1]["parent"]["subscription_details"]["subscription"] == "sub_1"
    assert "current_period_end" in shown["subscription"][0]
    assert "current_period_end" in shown["subscription"][1]["items"]["data"][0]
    assert "current_period_end" not in shown["subscription"][1]


def test_what_changed_is_told_with_what_was_there_before(account):
    number = account.customer(metadata={"plan": "gold"})
    body = {"metadata[plan]": "", "metadata[size]": "xl", "name": "Ana Lee"}
    account.http.post(f"/v1/customers/{number}", data=body, headers=SECRET)
    account.http.post(f"/v1/customers/{number}", data=body, headers=SECRET)
    events = get(account, "events")["data"]

    assert [one["type"] for one in events] == ["customer.updated", "customer.created"]
    assert events[0]["data"]["previous_attributes"]["metadata"] == {"plan": "gold", "size": None}
    assert events[0]["data"]["object"]["metadata"] == {"size": "xl"}


def test_a_webhook_is_signed_over_time_and_body_anew_at_each_try(account):
    hook = account.http.post(
        "/v1/webhook_endpoints",
        data={"url": "http://127.0.0.1:9/hook", "enabled_events[]": "*"},
        headers=SECRET,
    ).get_json()
    account.customer()
    account.act("deliver")
    account.clock.offset_s += 60
    account.act("deliver")
    (told,) = account.http.get("/fake/deliveries").get_json()["deliveries"]
    pairs = dict(one.split("=") for one in told["headers"]["Stripe-Signature"].split(","))
    message = f"{pairs['t']}.{told['body']}".encode()

    assert int(pairs["t"]) == int(account.clock())
    assert len(told["statuses"]) == 2
    assert pairs["v1"] == hmac.digest(hook["secret"].encode(), message, "sha256").hex()
    assert pairs["v0"] != pairs["v1"]


def test_a_disabled_endpoint_and_one_for_other_events_hear_nothing(account):
    for url, event in (("http://127.0.0.1:9/a", "customer.deleted"), ("http://127.0.0.1:9/b", "customer.created")):
        data = {"url": url, "enabled_events[]": event}
        hook = account.http.post("/v1/webhook_endpoints", data=data, headers=SECRET).get_json()
    account.http.post(f"/v1/webhook_endpoints/{hook['id']}", data={"disabled": "true"}, headers=SECRET)
    account.customer()

    assert account.http.get("/fake/deliveries").get_json()["deliveries"] == []


def test_its_people_act_and_each_act_is_an_event(account):
    account.act("crowd", acts=60)
    counts = Counter(one["type"] for one in account.fake.books.shelves["events"])

    assert {"customer.created", "customer.updated", "invoice.paid", "checkout.session.completed"} <= set(counts)
    assert account.http.get("/fake/state").get_json()["customers"] > 5


def test_a_reset_brings_the_same_people_back(account):
    before = account.http.get("/fake/customers").get_json()
    account.act("crowd", acts=10)
    account.act("customers/populate", count=3)
    account.act("reset")

    assert account.http.get("/fake/customers").get_json() == before


def test_customers_that_are_populated_are_told_by_no_event(account):
    account.act("customers/populate", count=3)

    assert len(get(account, "customers")["data"]) == 8
    assert get(account, "events")["data"] == []


@pytest.mark.parametrize(
    ("path", "body"),
    [("invoices", {"customer": "cus_no"}), ("checkout", {"customer": "cus_no"}), ("charges/ch/refund", {})],
)
def test_a_control_route_says_what_it_cannot_find(account, path, body):
    answer = account.http.post(f"/fake/{path}", json=body)

    assert answer.status_code == 400
    assert "there is no" in answer.get_json()["error"]
