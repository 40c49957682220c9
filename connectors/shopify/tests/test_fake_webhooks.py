"""Webhooks of the fake shop: subscriptions, what is told, how it is delivered."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re

import pytest

from connectors.shopify.tests.caller import PLENTY, SUBSCRIBE, caller
from tests.fakes.receiver import receiving, until

SECRET = b"demo-client-secret"
LIST = "{ webhookSubscriptions(first: 250) { nodes { id topic uri } } }"
#: Ten seconds of Shopify's waits take a millisecond here.
QUICK = {"time_scale": 0.0001}


@pytest.fixture
def app():
    with caller(**PLENTY, **QUICK) as found:
        yield found


@pytest.fixture
def receiver():
    with receiving() as found:
        yield found


def topics(receiver):
    return [one.headers["x-shopify-topic"] for one in receiver.got]


def bodies(receiver, topic):
    return [json.loads(one.body) for one in receiver.got if one.headers["x-shopify-topic"] == topic]


def someone(app, **wanted):
    found = app.fake("customers?limit=1000")["customers"]
    return next(one for one in found if all(one[name] == value for name, value in wanted.items()))


def settled(app, count: int):
    """Wait until so many calls came to an end and return them all."""

    def check():
        found = app.fake("deliveries?limit=5000")["deliveries"]
        return found if sum(one["state"] != "waiting" for one in found) >= count else None

    return until(check)


# Subscriptions


def test_a_subscription_is_made_listed_changed_and_deleted(app):
    app.subscribe("CUSTOMERS_UPDATE", "https://shop.example/hook")
    found = app.data(LIST)["webhookSubscriptions"]["nodes"]
    app.data(
        """mutation($id: ID!) { webhookSubscriptionUpdate(id: $id, webhookSubscription: {uri: "https://b.example/"}) {
           webhookSubscription { uri } userErrors { message } } }""",
        id=found[0]["id"],
    )
    changed = app.data(LIST)["webhookSubscriptions"]["nodes"]
    gone = app.data(
        "mutation($id: ID!) { webhookSubscriptionDelete(id: $id) { deletedWebhookSubscriptionId } }", id=found[0]["id"]
    )

    assert [(one["topic"], one["uri"]) for one in found] == [("CUSTOMERS_UPDATE", "https://shop.example/hook")]
    assert changed[0]["uri"] == "https://b.example/"
    assert gone["webhookSubscriptionDelete"]["deletedWebhookSubscriptionId"] == found[0]["id"]
    assert app.data(LIST)["webhookSubscriptions"]["nodes"] == []


@pytest.mark.parametrize(
    ("topic", "uri", "words"),
    [
        ("CUSTOMERS_UPDATE", "https://shop.example/hook", "already been taken"),
        ("CUSTOMERS_UPDATE", "http://shop.example/hook", "protocol http:// is not supported"),
        ("CUSTOMERS_UPDATE", "", "can't be blank"),
        ("CUSTOMERS_MERGE", "https://shop.example/hook", "specified topic"),
    ],
)
def test_what_cannot_be_subscribed_to_is_a_user_error(topic, uri, words):
    with caller(scopes=("read_customers",), **PLENTY) as app:
        app.subscribe("CUSTOMERS_UPDATE", "https://shop.example/hook")
        found = app.data(SUBSCRIBE, topic=topic, sub={"uri": uri})["webhookSubscriptionCreate"]

    assert found["webhookSubscription"] is None
    assert words in found["userErrors"][0]["message"]


def test_the_privacy_topics_are_no_topics_of_the_api(app):
    answer = app.call(SUBSCRIBE, topic="CUSTOMERS_REDACT", sub={"uri": "https://shop.example/hook"})

    assert answer["errors"][0]["message"].startswith("Variable $topic of type WebhookSubscriptionTopic! was provided")


# What is told


def test_a_delivery_is_signed_and_says_what_it_is(app, receiver):
    app.subscribe("CUSTOMERS_UPDATE", receiver.url, name="ours")
    app.fake("events", {"missing": 0})
    app.fake("customers/change", {"count": 1})
    until(lambda: receiver.got)

    headers, body = receiver.got[0].headers, receiver.got[0].body
    assert headers["x-shopify-hmac-sha256"] == base64.b64encode(hmac.digest(SECRET, body, hashlib.sha256)).decode()
    assert headers["x-shopify-topic"] == "customers/update"
    assert headers["x-shopify-shop-domain"] == "demo.myshopify.com"
    assert headers["x-shopify-name"] == "ours"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z", headers["x-shopify-triggered-at"])
    assert {"x-shopify-webhook-id", "x-shopify-event-id", "x-shopify-api-version"} <= set(headers)


def test_a_customers_body_says_nothing_of_tags_totals_and_consent(app, receiver):
    app.subscribe("CUSTOMERS_UPDATE", receiver.url)
    who = someone(app, emailState="SUBSCRIBED")
    app.fake("customers/change", {"ids": [who["id"]], "fields": {"firstName": "Zoé"}})
    until(lambda: receiver.got)

    body = bodies(receiver, "customers/update")[0]
    assert (body["id"], body["first_name"], body["email"]) == (int(who["legacyResourceId"]), "Zoé", who["email"])
    assert not {"tags", "total_spent", "orders_count", "email_marketing_consent"} & set(body)


def test_consent_is_told_twice_as_a_change_and_as_consent(app, receiver):
    for topic in ("CUSTOMERS_UPDATE", "CUSTOMERS_EMAIL_MARKETING_CONSENT_UPDATE"):
        app.subscribe(topic, receiver.url)
    app.fake("events", {"missing": 0})
    who = someone(app, emailState="SUBSCRIBED")
    mutation = """mutation($input: CustomerEmailMarketingConsentUpdateInput!) {
      customerEmailMarketingConsentUpdate(input: $input) { userErrors { message } } }"""
    consent = {"marketingState": "UNSUBSCRIBED", "consentUpdatedAt": "2026-11-20T00:00:00Z"}
    app.data(mutation, input={"customerId": who["id"], "emailMarketingConsent": consent})
    until(lambda: len(receiver.got) == 2)

    assert bodies(receiver, "customers_email_marketing_consent/update") == [
        {
            "customer_id": int(who["legacyResourceId"]),
            "email_address": who["email"],
            "email_marketing_consent": {
                "state": "unsubscribed",
                "opt_in_level": "single_opt_in",
                "consent_updated_at": "2026-11-20T00:00:00Z",
            },
        }
    ]
    assert set(topics(receiver)) == {"customers/update", "customers_email_marketing_consent/update"}
    assert len({headers["x-shopify-event-id"] for _, _, headers, _ in receiver.got}) == 1
    assert len({headers["x-shopify-webhook-id"] for _, _, headers, _ in receiver.got}) == 2


@pytest.mark.parametrize(
    ("topic", "act", "told"),
    [
        ("CUSTOMERS_CREATE", ("customers", {"count": 1}), "customers/create"),
        ("CUSTOMERS_DELETE", ("customers/delete", {"count": 1}), "customers/delete"),
        ("CUSTOMERS_PURCHASING_SUMMARY", ("customers/change", {"count": 1}), "customers/purchasing_summary"),
        ("CUSTOMER_TAGS_ADDED", ("customers/change", {"count": 1, "fields": {"tags": ["x"]}}), "customer.tags_added"),
        (
            "CUSTOMERS_DISABLE",
            ("customers/change", {"count": 20, "fields": {"state": "DISABLED"}}),
            "customers/disable",
        ),
    ],
)
def test_each_act_has_its_topic(app, receiver, topic, act, told):
    app.subscribe(topic, receiver.url)
    app.fake(*act)
    until(lambda: receiver.got)

    assert set(topics(receiver)) == {told}


def test_a_deleted_customer_is_an_id_and_nothing_else(app, receiver):
    app.subscribe("CUSTOMERS_DELETE", receiver.url)
    app.fake("customers/delete", {"count": 1})
    until(lambda: receiver.got)

    assert set(bodies(receiver, "customers/delete")[0]) == {"id", "tax_exemptions", "admin_graphql_api_id"}


def test_a_merge_names_both_and_may_have_failed(app, receiver):
    app.subscribe("CUSTOMERS_MERGE", receiver.url)
    kept, gone = (one["id"] for one in app.fake("customers?limit=2")["customers"])
    for status in ("REQUESTED", "IN_PROGRESS", "FAILED", "COMPLETED"):
        app.fake("customers/merge", {"kept": kept, "gone": gone, "status": status})
    until(lambda: len(receiver.got) == 4)

    told = bodies(receiver, "customers/merge")
    assert sorted(one["status"] for one in told) == ["completed", "failed", "in_progress", "requested"]
    assert [bool(one["errors"]) for one in told if one["status"] == "failed"] == [True]
    assert {one["admin_graphql_api_customer_deleted_id"] for one in told} == {gone}


@pytest.mark.parametrize("deletes", [True, False])
def test_a_merge_tells_of_a_deletion_or_does_not(receiver, deletes):
    with caller(merge_deletes=deletes, **PLENTY) as app:
        for topic in ("CUSTOMERS_UPDATE", "CUSTOMERS_DELETE", "CUSTOMERS_MERGE"):
            app.subscribe(topic, receiver.url)
        kept, gone = (one["id"] for one in app.fake("customers?limit=2")["customers"])
        app.fake("customers/merge", {"kept": kept, "gone": gone})
        settled(app, 2 + deletes)

    assert set(topics(receiver)) == {"customers/update", "customers/merge"} | (
        {"customers/delete"} if deletes else set()
    )


def test_a_new_customer_is_told_of_twice_with_one_time(app, receiver):
    for topic in ("CUSTOMERS_CREATE", "CUSTOMERS_UPDATE"):
        app.subscribe(topic, receiver.url)
    app.fake("customers", {"count": 1})
    until(lambda: len(receiver.got) == 2)

    (created,), (updated,) = bodies(receiver, "customers/create"), bodies(receiver, "customers/update")
    assert created == updated
    assert created["updated_at"].startswith("2026-11-21T10:0")


def test_two_changes_in_one_second_differ_in_the_time_of_the_delivery_alone(receiver):
    with caller(**PLENTY) as app:
        app.shop.clock.__init__(1_795_255_200.25)  # stands still
        app.subscribe("CUSTOMERS_UPDATE", receiver.url)
        who = app.fake("customers?limit=1")["customers"][0]["id"]
        for name in ("Ann", "Bea"):
            app.fake("customers/change", {"ids": [who], "fields": {"firstName": name}})
        until(lambda: len(receiver.got) == 2)

    assert {one["updated_at"] for one in bodies(receiver, "customers/update")} == {"2026-11-21T10:00:00Z"}
    assert len({one.headers["x-shopify-triggered-at"] for one in receiver.got}) == 2
    assert all(one.headers["x-shopify-triggered-at"].startswith("2026-11-21T10:00:00.2500") for one in receiver.got)


def test_people_act_by_themselves_and_are_told_of(app, receiver):
    for topic in ("CREATE", "UPDATE", "DELETE", "MERGE", "EMAIL_MARKETING_CONSENT_UPDATE", "PURCHASING_SUMMARY"):
        app.subscribe(f"CUSTOMERS_{topic}", receiver.url)
    happened = app.fake("crowd", {"acts": 150})["happened"]
    sent = len(app.fake("deliveries?limit=5000")["deliveries"])
    settled(app, sent)

    assert sum(happened.values()) == 150
    assert len(bodies(receiver, "customers/merge")) == happened["merge"]
    assert len(bodies(receiver, "customers/redact")) == happened["erase"]
    assert len(bodies(receiver, "customers/purchasing_summary")) == app.fake("state")["orders"] > 0
    assert len(bodies(receiver, "customers/create")) == happened["register"] + happened["buy_as_guest"]


def test_requests_of_privacy_go_where_they_are_sent(app, receiver):
    who = someone(app, emailState="SUBSCRIBED")
    for topic in ("CUSTOMERS_REDACT", "CUSTOMERS_DATA_REQUEST", "SHOP_REDACT"):
        app.fake("privacy", {"topic": topic, "id": who["id"], "uri": receiver.url})
    until(lambda: len(receiver.got) == 3)

    for topic in ("customers/redact", "customers/data_request"):
        assert bodies(receiver, topic)[0]["customer"]["email"] == who["email"]
    assert app.http.post("/fake/privacy", json={"topic": "SHOP_UPDATE", "uri": receiver.url}).status_code == 400
    assert bodies(receiver, "shop/redact") == [{"shop_id": 777001, "shop_domain": "demo.myshopify.com"}]


def test_the_end_of_a_bulk_operation_is_told(app, receiver):
    app.subscribe("BULK_OPERATIONS_FINISH", receiver.url)
    found = app.bulk("{ customers { edges { node { id } } } }")
    until(lambda: receiver.got)

    body = bodies(receiver, "bulk_operations/finish")[0]
    assert (body["admin_graphql_api_id"], body["status"]) == (found["id"], "completed")


def test_without_protected_data_personal_keys_are_absent(receiver):
    with caller(protected_data="nulls", **PLENTY) as app:
        app.subscribe("CUSTOMERS_UPDATE", receiver.url)
        app.fake("customers/change", {"count": 1})
        until(lambda: receiver.got)

    assert not {"email", "first_name", "phone", "default_address"} & set(bodies(receiver, "customers/update")[0])


def test_only_the_fields_that_were_asked_for_are_sent(app, receiver):
    app.subscribe("CUSTOMERS_UPDATE", receiver.url, includeFields=["id", "updated_at"])
    app.fake("customers/change", {"count": 1})
    until(lambda: receiver.got)

    assert set(bodies(receiver, "customers/update")[0]) == {"id", "updated_at"}


# How it is delivered


def test_a_failed_delivery_is_repeated_unchanged_and_after_eight_more_the_subscription_is_gone(app, receiver):
    receiver.status = 500
    app.subscribe("CUSTOMERS_UPDATE", receiver.url)
    app.fake("customers/change", {"count": 1})
    found = settled(app, 1)[0]

    assert (found["state"], found["statuses"]) == ("given_up", [500] * 9)
    assert len({body for *_, body in receiver.got}) == 1
    assert len({headers["x-shopify-webhook-id"] for _, _, headers, _ in receiver.got}) == 1
    assert app.data(LIST)["webhookSubscriptions"]["nodes"] == []


@pytest.mark.parametrize("status", [301, 404])
def test_only_two_hundreds_count(app, receiver, status):
    receiver.status = status
    app.subscribe("CUSTOMERS_UPDATE", receiver.url)
    app.fake("customers/change", {"count": 1})
    until(lambda: len(receiver.got) >= 2)
    receiver.status = 202

    found = settled(app, 1)[0]
    assert found["state"] == "delivered"
    assert found["statuses"][0] == status


def test_a_receiver_that_is_slow_has_failed(receiver):
    receiver.delay_s = 0.15
    with caller(webhook_timeout_s=0.05, time_scale=0.001, **PLENTY) as app:
        app.subscribe("CUSTOMERS_UPDATE", receiver.url)
        app.fake("customers/change", {"count": 1})
        until(lambda: len(receiver.got) >= 2)
        receiver.delay_s = 0.0

        assert settled(app, 1)[0]["statuses"][0] == 0


def test_nobody_but_this_machine_is_called(app):
    app.subscribe("CUSTOMERS_UPDATE", "https://shop.example/hook")
    app.fake("customers/change", {"count": 1})

    assert settled(app, 1)[0]["state"] == "elsewhere"


def test_changes_can_be_silent(app, receiver):
    app.subscribe("CUSTOMERS_UPDATE", receiver.url)
    app.fake("customers/change", {"count": 1, "silent": True})
    app.fake("webhooks", {"is_on": False})
    app.fake("customers/change", {"count": 1})
    app.fake("webhooks", {"is_on": True})
    assert app.fake("deliveries")["deliveries"] == []

    app.fake("customers/change", {"count": 1})

    assert len(app.fake("deliveries")["deliveries"]) == 1


def test_deliveries_can_be_doubled_and_overtake_one_another(app, receiver):
    app.subscribe("CUSTOMERS_UPDATE", receiver.url)
    app.fake("webhooks", {"duplicates": 1.0, "reorder_s": 0.1})
    app.fake("customers/change", {"count": 20})
    settled(app, 40)

    came = [headers["x-shopify-webhook-id"] for _, _, headers, _ in receiver.got]
    sent = [one["headers"]["X-Shopify-Webhook-Id"] for one in app.fake("deliveries")["deliveries"]]
    assert sorted(came) == sorted(sent)
    assert len(set(came)) == 20
    # more than the few calls that are made at once could do
    assert max(abs(came.index(one) - sent.index(one)) for one in sent) > 10


def test_some_deliveries_have_no_event_id(app, receiver):
    app.subscribe("CUSTOMERS_UPDATE", receiver.url)
    app.fake("events", {"missing": 1.0})
    app.fake("customers/change", {"count": 1})
    until(lambda: receiver.got)

    assert "x-shopify-event-id" not in receiver.got[0].headers


def test_ids_beyond_a_float_are_sent_as_they_are(app, receiver):
    app.subscribe("CUSTOMERS_UPDATE", receiver.url)
    large = next(one for one in app.fake("customers?limit=1000")["customers"] if len(one["legacyResourceId"]) > 16)
    app.fake("customers/change", {"ids": [large["id"]]})
    until(lambda: receiver.got)

    body = receiver.got[0].body
    assert f'"id":{large["legacyResourceId"]},'.encode() in body
    assert json.loads(body)["admin_graphql_api_id"] == large["id"]
