"""Webhooks of the fake shop: subscriptions, what is told, how it is delivered."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re

import pytest

from tests.stores.shopify_caller import PLENTY, SUBSCRIBE, Receiver, caller, until

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
    found = Receiver()
    yield found
    found.close()


def someone(app, **wanted):
    found = app.fake("customers?limit=1000")["customers"]
    return next(one for one in found if all(one[name] == value for name, value in wanted.items()))


def settled(app, count: int):
    """Wait until so many calls came to an end and return them all."""

    def check():
        found = app.fake("webhooks")["deliveries"]
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
        ("CUSTOMERS_REDACT", "https://shop.example/hook", "specified topic"),
        ("CUSTOMERS_MERGE", "https://shop.example/hook", "specified topic"),
    ],
)
def test_what_cannot_be_subscribed_to_is_a_user_error(topic, uri, words):
    with caller(scopes=("read_customers",), **PLENTY) as app:
        app.subscribe("CUSTOMERS_UPDATE", "https://shop.example/hook")
        found = app.data(SUBSCRIBE, topic=topic, sub={"uri": uri})["webhookSubscriptionCreate"]

    assert found["webhookSubscription"] is None
    assert words in found["userErrors"][0]["message"]


# What is told


def test_a_delivery_is_signed_and_says_what_it_is(app, receiver):
    app.subscribe("CUSTOMERS_UPDATE", receiver.uri, name="ours")
    app.fake("webhooks", {"missing_event_id": 0})
    app.fake("customers/change", {"count": 1})
    until(lambda: receiver.got)

    headers, body = receiver.got[0]
    assert headers["X-Shopify-Hmac-Sha256"] == base64.b64encode(hmac.digest(SECRET, body, hashlib.sha256)).decode()
    assert headers["X-Shopify-Topic"] == "customers/update"
    assert headers["X-Shopify-Shop-Domain"] == "demo.myshopify.com"
    assert headers["X-Shopify-Name"] == "ours"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z", headers["X-Shopify-Triggered-At"])
    assert {"X-Shopify-Webhook-Id", "X-Shopify-Event-Id", "X-Shopify-API-Version"} <= set(headers)


def test_a_customers_body_says_nothing_of_tags_totals_and_consent(app, receiver):
    app.subscribe("CUSTOMERS_UPDATE", receiver.uri)
    who = someone(app, emailState="SUBSCRIBED")
    app.fake("customers/change", {"ids": [who["id"]], "fields": {"firstName": "Zoé"}})
    until(lambda: receiver.got)

    body = receiver.bodies("customers/update")[0]
    assert (body["id"], body["first_name"], body["email"]) == (int(who["legacyResourceId"]), "Zoé", who["email"])
    assert not {"tags", "total_spent", "orders_count", "email_marketing_consent"} & set(body)


def test_consent_is_told_twice_as_a_change_and_as_consent(app, receiver):
    for topic in ("CUSTOMERS_UPDATE", "CUSTOMERS_EMAIL_MARKETING_CONSENT_UPDATE"):
        app.subscribe(topic, receiver.uri)
    app.fake("webhooks", {"missing_event_id": 0})
    who = someone(app, emailState="SUBSCRIBED")
    mutation = """mutation($input: CustomerEmailMarketingConsentUpdateInput!) {
      customerEmailMarketingConsentUpdate(input: $input) { userErrors { message } } }"""
    consent = {"marketingState": "UNSUBSCRIBED", "consentUpdatedAt": "2026-11-20T00:00:00Z"}
    app.data(mutation, input={"customerId": who["id"], "emailMarketingConsent": consent})
    until(lambda: len(receiver.got) == 2)

    assert receiver.bodies("customers_email_marketing_consent/update") == [
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
    assert set(receiver.topics()) == {"customers/update", "customers_email_marketing_consent/update"}
    assert len({headers["X-Shopify-Event-Id"] for headers, _ in receiver.got}) == 1
    assert len({headers["X-Shopify-Webhook-Id"] for headers, _ in receiver.got}) == 2


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
    app.subscribe(topic, receiver.uri)
    app.fake(*act)
    until(lambda: receiver.got)

    assert set(receiver.topics()) == {told}


def test_a_deleted_customer_is_an_id_and_nothing_else(app, receiver):
    app.subscribe("CUSTOMERS_DELETE", receiver.uri)
    app.fake("customers/delete", {"count": 1})
    until(lambda: receiver.got)

    assert set(receiver.bodies("customers/delete")[0]) == {"id", "tax_exemptions", "admin_graphql_api_id"}


def test_a_merge_names_both_and_may_have_failed(app, receiver):
    app.subscribe("CUSTOMERS_MERGE", receiver.uri)
    kept, gone = (one["id"] for one in app.fake("customers?limit=2")["customers"])
    app.fake("customers/merge", {"kept": kept, "gone": gone, "failed": True})
    app.fake("customers/merge", {"kept": kept, "gone": gone})
    until(lambda: len(receiver.got) == 2)

    bodies = receiver.bodies("customers/merge")
    assert sorted(one["status"] for one in bodies) == ["failed", "success"]
    assert {one["admin_graphql_api_customer_deleted_id"] for one in bodies} == {gone}


def test_an_erasure_goes_where_it_is_sent(app, receiver):
    who = someone(app, emailState="SUBSCRIBED")
    app.fake("customers/redact", {"ids": [who["id"]], "uri": receiver.uri})
    until(lambda: receiver.got)

    assert receiver.bodies("customers/redact")[0]["customer"]["email"] == who["email"]


def test_the_end_of_a_bulk_operation_is_told(app, receiver):
    app.subscribe("BULK_OPERATIONS_FINISH", receiver.uri)
    found = app.bulk("{ customers { edges { node { id } } } }")
    until(lambda: receiver.got)

    body = receiver.bodies("bulk_operations/finish")[0]
    assert (body["admin_graphql_api_id"], body["status"]) == (found["id"], "completed")


def test_without_protected_data_personal_keys_are_absent(receiver):
    with caller(protected_data="nulls", **PLENTY) as app:
        app.subscribe("CUSTOMERS_UPDATE", receiver.uri)
        app.fake("customers/change", {"count": 1})
        until(lambda: receiver.got)

    assert not {"email", "first_name", "phone", "default_address"} & set(receiver.bodies("customers/update")[0])


def test_only_the_fields_that_were_asked_for_are_sent(app, receiver):
    app.subscribe("CUSTOMERS_UPDATE", receiver.uri, includeFields=["id", "updated_at"])
    app.fake("customers/change", {"count": 1})
    until(lambda: receiver.got)

    assert set(receiver.bodies("customers/update")[0]) == {"id", "updated_at"}


# How it is delivered


def test_a_failed_delivery_is_repeated_unchanged_and_after_eight_more_the_subscription_is_gone(app, receiver):
    receiver.status = 500
    app.subscribe("CUSTOMERS_UPDATE", receiver.uri)
    app.fake("customers/change", {"count": 1})
    found = settled(app, 1)[0]

    assert (found["state"], found["statuses"]) == ("given_up", [500] * 9)
    assert len({body for _, body in receiver.got}) == 1
    assert len({headers["X-Shopify-Webhook-Id"] for headers, _ in receiver.got}) == 1
    assert app.data(LIST)["webhookSubscriptions"]["nodes"] == []


@pytest.mark.parametrize("status", [301, 404])
def test_only_two_hundreds_count(app, receiver, status):
    receiver.status = status
    app.subscribe("CUSTOMERS_UPDATE", receiver.uri)
    app.fake("customers/change", {"count": 1})
    until(lambda: len(receiver.got) >= 2)
    receiver.status = 202

    found = settled(app, 1)[0]
    assert found["state"] == "delivered"
    assert found["statuses"][0] == status


def test_a_receiver_that_is_slow_has_failed(receiver):
    receiver.delay_s = 0.15
    with caller(webhook_timeout_s=0.05, time_scale=0.001, **PLENTY) as app:
        app.subscribe("CUSTOMERS_UPDATE", receiver.uri)
        app.fake("customers/change", {"count": 1})
        until(lambda: len(receiver.got) >= 2)
        receiver.delay_s = 0.0

        assert settled(app, 1)[0]["statuses"][0] == 0


def test_nobody_but_this_machine_is_called(app):
    app.subscribe("CUSTOMERS_UPDATE", "https://shop.example/hook")
    app.fake("customers/change", {"count": 1})

    assert app.fake("webhooks")["deliveries"][0]["state"] == "elsewhere"


def test_changes_can_be_silent(app, receiver):
    app.subscribe("CUSTOMERS_UPDATE", receiver.uri)
    app.fake("customers/change", {"count": 1, "silent": True})
    app.fake("webhooks", {"on": False})
    app.fake("customers/change", {"count": 1})
    app.fake("webhooks", {"on": True})
    assert app.fake("webhooks")["deliveries"] == []

    app.fake("customers/change", {"count": 1})

    assert len(app.fake("webhooks")["deliveries"]) == 1


def test_deliveries_can_be_doubled_and_overtake_one_another(app, receiver):
    app.subscribe("CUSTOMERS_UPDATE", receiver.uri)
    app.fake("webhooks", {"duplicates": 1.0, "reorder_s": 0.1})
    app.fake("customers/change", {"count": 20})
    settled(app, 40)

    came = [headers["X-Shopify-Webhook-Id"] for headers, _ in receiver.got]
    sent = [one["headers"]["X-Shopify-Webhook-Id"] for one in app.fake("webhooks")["deliveries"]]
    assert sorted(came) == sorted(sent)
    assert len(set(came)) == 20
    # more than the few calls that are made at once could do
    assert max(abs(came.index(one) - sent.index(one)) for one in sent) > 10


def test_some_deliveries_have_no_event_id(app, receiver):
    app.subscribe("CUSTOMERS_UPDATE", receiver.uri)
    app.fake("webhooks", {"missing_event_id": 1.0})
    app.fake("customers/change", {"count": 1})
    until(lambda: receiver.got)

    assert "X-Shopify-Event-Id" not in receiver.got[0][0]


def test_ids_beyond_a_float_are_sent_as_they_are(app, receiver):
    app.subscribe("CUSTOMERS_UPDATE", receiver.uri)
    large = next(one for one in app.fake("customers?limit=1000")["customers"] if len(one["legacyResourceId"]) > 16)
    app.fake("customers/change", {"ids": [large["id"]]})
    until(lambda: receiver.got)

    body = receiver.got[0][1]
    assert f'"id":{large["legacyResourceId"]},'.encode() in body
    assert json.loads(body)["admin_graphql_api_id"] == large["id"]
