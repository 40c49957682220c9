"""What is peculiar to Shopify; what holds for every connector is asked by the contract suite."""

import gzip
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.shopify.connector import ShopifyConnector
from connectors.shopify.records import CONSENT_STATES
from customer_sync.errors import PayloadError, Refused
from customer_sync.kit.connector import SourceSettings
from customer_sync.model import Channel, ConsentState, Inbound, Kind

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
GID = "gid://shopify/Customer/706405506930370084"


def connector(**options):
    return ShopifyConnector(SourceSettings("lamps", "shopify", ("secret",), options))


def inbound(topic, body, **headers):
    known = {"x-shopify-topic": topic, "x-shopify-webhook-id": "w-1", "x-shopify-shop-domain": "lamps.myshopify.com"}
    return Inbound("lamps", {**known, **headers}, json.dumps(body).encode(), NOW)


def parse(topic, body, **headers):
    """Return the event of a body; raise its fault."""
    found = connector().parse(inbound(topic, body, **headers))[-1]
    if isinstance(found, PayloadError):
        raise found
    return found


@pytest.mark.parametrize(
    ("secret", "body", "signature"),
    [
        # made with: printf '%s' "$body" | openssl dgst -sha256 -hmac "$secret" -binary | base64
        (
            "hush",
            b'{"id":706405506930370084,"email":"bob@biller.com"}',
            "WxDgBL1/ovzvO2Lfp0EetoVjhhhSMbm2zV5VGVf5us8=",
        ),
        (
            "shpss_0123456789abcdef",
            rb'{"id":1,"note":"caf\u00e9 & <b>"}',
            "ElGxzHe2VIFTr0RIQEg5FnU//vKowfX9JU53EM+CfwE=",
        ),
    ],
)
def test_a_delivery_that_openssl_signed_is_genuine(secret, body, signature):
    delivery = Inbound("lamps", {"x-shopify-hmac-sha256": signature}, body, NOW)

    connector().verify(delivery, (secret,))
    with pytest.raises(Refused):
        connector().verify(replace(delivery, body=body + b" "), (secret,))


@pytest.mark.parametrize(
    ("shop_url", "shop", "is_ours"),
    [
        ("lamps.myshopify.com", "lamps.myshopify.com", True),
        ("https://Lamps.myshopify.com/admin", "lamps.myshopify.com", True),
        ("http://lamps.myshopify.com:443", "LAMPS.myshopify.com", True),
        ("lamps.myshopify.com", "", True),
        ("", "any.myshopify.com", True),
        (None, "any.myshopify.com", True),
        ("lamps.myshopify.com", "other.myshopify.com", False),
        ("lamps.myshopify.com", "lamps.myshopify.com.evil.example", False),
        ("lamps.myshopify.com", "evil.example/lamps.myshopify.com", False),
        ("lamps.myshopify.com", "[::1", False),
    ],
)
def test_a_genuine_delivery_of_another_store_is_refused(shop_url, shop, is_ours):
    ours = connector(shop_url=shop_url)
    signed = ours.sign(inbound("customers/update", {"id": 1}, **{"x-shopify-shop-domain": shop}), "secret")

    if is_ours:
        ours.verify(signed, ("secret",))
    else:
        with pytest.raises(Refused) as refusal:
            ours.verify(signed, ("secret",))
        assert refusal.value.status == 401


def test_the_signature_is_found_under_either_prefix():
    ours = connector()
    signed = ours.sign(inbound("customers/update", {"id": 1}), "secret")
    bare = {name.removeprefix("x-"): value for name, value in signed.headers.items()}

    ours.verify(replace(signed, headers=bare), ("secret",))
    assert ours.parse(replace(signed, headers=bare)) == ours.parse(signed)


def test_a_retry_has_the_same_id_and_another_delivery_another():
    first = parse("customers/update", {"id": 1}, **{"x-shopify-shop-domain": "Lamps.myshopify.com"})
    retry = connector().parse(replace(inbound("customers/update", {"id": 1}), received_at=NOW + timedelta(hours=1)))[0]
    other = parse("customers/update", {"id": 1}, **{"x-shopify-webhook-id": "w-2"})

    assert first.id == retry.id == "shopify:lamps.myshopify.com:w-1"
    assert other.id != first.id


def test_without_a_webhook_id_the_same_change_at_another_time_is_another_event():
    ids = {
        parse("customers/delete", {"id": 1}, **{"x-shopify-webhook-id": "", "x-shopify-triggered-at": at}).id
        for at in ("2026-11-21T10:00:00Z", "2026-11-21T10:00:00Z", "2026-11-21T11:00:00Z")
    }

    assert len(ids) == 2


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"id": 706405506930370000, "admin_graphql_api_id": GID}, "706405506930370084"),
        ({"id": 7.0640550693037e17, "admin_graphql_api_id": GID}, "706405506930370084"),
        ({"id": 706405506930370084}, "706405506930370084"),
        ({"id": "706405506930370084"}, "706405506930370084"),
        ({"id": 5, "admin_graphql_api_id": None}, "5"),
        ({"id": 5, "admin_graphql_api_id": ["gid"]}, "5"),
    ],
)
def test_the_gid_is_believed_before_the_number(body, expected):
    event = parse("customers/delete", body)

    assert (event.record_id, event.customer_id, event.record["id"]) == (expected, expected, expected)


@pytest.mark.parametrize("word", [*CONSENT_STATES, "SUBSCRIBED", "something_new", None, ""])
def test_a_consent_state_without_a_time_is_no_act_of_the_person(word):
    body = {"customer_id": 1, "email_address": None, "email_marketing_consent": {"state": word}}
    seen = parse("customers_email_marketing_consent/update", body).consents[0]

    assert seen.state is CONSENT_STATES.get((word or "").lower(), ConsentState.UNKNOWN)
    assert (seen.channel, seen.explicit, seen.at) == (Channel.EMAIL, False, NOW)


@pytest.mark.parametrize("state", ["subscribed", "unsubscribed"])
def test_a_consent_carries_the_time_that_shopify_tells_though_it_lies_ahead(state):
    consent = {"state": state, "opt_in_level": "single_opt_in", "consent_updated_at": "2027-01-01T00:00:00Z"}
    seen = parse("customers_marketing_consent/update", {"id": 1, "sms_marketing_consent": consent}).consents[0]

    assert (seen.channel, seen.at, seen.explicit) == (Channel.SMS, datetime(2027, 1, 1, tzinfo=UTC), True)


TRIGGERED = {"x-shopify-triggered-at": "2026-11-21T11:59:58.123456789Z"}
TRIGGERED_AT = datetime(2026, 11, 21, 11, 59, 58, 123456, tzinfo=UTC)
ACT = {"state": "subscribed", "opt_in_level": "single_opt_in", "consent_updated_at": "2026-11-21T10:00:00Z"}


def test_the_finer_time_of_shopify_goes_along():
    event = parse("customers/update", {"id": 1, "updated_at": "2026-11-21T11:59:50Z"}, **TRIGGERED)

    assert (event.occurred_at, event.seen_at) == (TRIGGERED_AT.replace(second=50, microsecond=0), TRIGGERED_AT)
    assert parse("customers/update", {"id": 1}).seen_at is None


def test_only_a_delivery_about_the_consent_tells_the_finer_time_of_the_act():
    feed = {"customer_id": 1, "email_address": "a@example.com", "email_marketing_consent": ACT}
    whole = {"id": 1, "email_marketing_consent": ACT}

    told = parse("customers_email_marketing_consent/update", feed, **TRIGGERED).consents[0]
    beside = parse("customers/update", whole, **TRIGGERED).consents[0]

    assert (told.seen_at, beside.seen_at) == (TRIGGERED_AT, None)
    assert (told.at, told.explicit) == (beside.at, beside.explicit) == (NOW.replace(hour=10), True)


def test_a_finer_time_that_cannot_be_read_is_noted_and_the_arrival_counts():
    event = parse("customers/update", {"id": 1}, **{"x-shopify-triggered-at": "soon"})

    assert (event.seen_at, event.occurred_at) == (None, NOW)
    assert event.notes == ("headers.x-shopify-triggered-at: expected an ISO 8601 time such as 2026-11-21T10:00:00Z",)


def test_an_import_without_the_time_of_an_act_is_a_state():
    seen = parse("customers/update", {"id": 1, "email_marketing_consent": {**ACT, "consent_updated_at": None}})

    assert (seen.consents[0].state, seen.consents[0].explicit) == (ConsentState.GRANTED, False)


def test_a_consent_delivery_without_its_consent_is_a_fault():
    with pytest.raises(PayloadError, match=r"^email_marketing_consent: "):
        parse("customers_email_marketing_consent/update", {"customer_id": 1, "email_address": "a@example.com"})


@given(status=st.sampled_from(["requested", "in_progress", "failed", "FAILED", "something_new"]))
def test_only_a_completed_merge_is_one(status):
    body = {"admin_graphql_api_customer_kept_id": GID, "admin_graphql_api_customer_deleted_id": GID, "status": status}

    assert connector().parse(inbound("customers/merge", body)) == []
    assert parse("customers/merge", {**body, "status": "COMPLETED"}).kind is Kind.CUSTOMER_MERGED


def test_a_merge_that_does_not_tell_its_status_is_a_fault():
    with pytest.raises(PayloadError, match=r"^status: "):
        parse("customers/merge", {"admin_graphql_api_customer_kept_id": GID})


def test_a_guest_is_erased_by_address_alone_and_nobody_is_a_fault():
    event = parse("customers/redact", {"customer": {"id": None, "email": "guest@example.com"}})

    assert (event.kind, event.customer_id, event.record["email"]) == (Kind.CUSTOMER_ERASED, None, "guest@example.com")
    assert event.notes == ()
    with pytest.raises(PayloadError, match=r"^customer\.id: "):
        parse("customers/redact", {"customer": {}})


def test_what_was_never_modified_counts_from_when_it_was_seen():
    seen_at = {"x-shopify-triggered-at": "2026-11-21T10:00:00.987654321Z"}

    assert parse("customers/update", {"id": 1}, **seen_at).occurred_at == NOW.replace(hour=10, microsecond=987654)
    assert parse("customers/update", {"id": 1}).occurred_at == NOW


def test_the_address_of_a_customer_counts_before_the_one_typed_at_the_checkout():
    body = {"id": 1, "email": "typed@example.com", "customer": {"id": 2, "email": "own@example.com"}}

    assert parse("orders/create", body).record["customer"]["email"] == "own@example.com"


@pytest.mark.parametrize(("address", "known"), [([], {"country": None}), (None, {"country": None}), ({}, {})])
def test_an_address_that_is_not_there_is_known_to_be_empty(address, known):
    record = parse("customers/update", {"id": 1, "default_address": address}).record

    assert {name: record[name] for name in record if name == "country"} == known


def test_an_order_takes_from_the_addresses_what_the_customer_lacks():
    body = {
        "id": 1,
        "email": "typed@example.com",
        "customer": {"id": 2, "email": None, "first_name": "", "default_address": []},
        "billing_address": {"first_name": "Ann", "last_name": "Example", "country_code": "NL"},
    }

    assert parse("orders/create", body).record["customer"] == {
        "id": "2",
        "email": "typed@example.com",
        "firstName": "Ann",
        "lastName": "Example",
        "country": "NL",
    }


@pytest.mark.parametrize(
    ("states", "status"),
    [
        ({"financial_status": None}, "unpaid"),
        ({"financial_status": "pending"}, "unpaid"),
        ({"financial_status": "paid"}, "paid"),
        ({"financial_status": "paid", "fulfillment_status": "fulfilled"}, "fulfilled"),
        ({"financial_status": "paid", "fulfillment_status": "partial"}, "paid"),
        ({"financial_status": "refunded", "fulfillment_status": "fulfilled"}, "refunded"),
        ({"financial_status": "voided"}, "voided"),
        ({"financial_status": "paid", "cancelled_at": "2026-11-21T10:00:00Z"}, "cancelled"),
    ],
)
def test_an_order_has_one_status_of_the_three_that_shopify_keeps_and_is_never_called_pending(states, status):
    assert parse("orders/updated", {"id": 1, **states}).record["status"] == status


@pytest.mark.parametrize(
    ("topic", "body", "path"),
    [
        ("orders/create", {"id": 1, "customer": {"email": "a@example.com"}}, "customer.id"),
        ("orders/create", {"id": 1, "customer": "Ann"}, "customer"),
        ("orders/create", {"id": 1, "email": "ann@example"}, "email"),
        ("customers/delete", {"id": "9" * 256}, "id"),
        ("customers/delete", {"id": "a\nb"}, "id"),
        ("customers/delete", {"id": "12\0"}, "id"),
        ("customers/update", {"id": 1, "email": ["ann@example.com"]}, "email"),
        ("customers/update", {"id": 1, "email": "ann\ud83d@example.com"}, "email"),
        ("customers/update", {"id": 1, "accepts_marketing": "yes"}, "accepts_marketing"),
        ("customers/update", {"id": 1, "email_marketing_consent": "yes"}, "email_marketing_consent"),
        ("customers/update", {"id": 1, "sms_marketing_consent": {"state": True}}, "sms_marketing_consent.state"),
        (
            "customers/update",
            {"id": 1, "email_marketing_consent": {"state": "subscribed\0"}},
            "email_marketing_consent.state",
        ),
        ("checkouts/update", {"email": "a@example.com"}, "id"),
    ],
)
def test_a_fault_of_identity_or_consent_is_named_by_its_path(topic, body, path):
    with pytest.raises(PayloadError) as fault:
        parse(topic, body)
    assert fault.value.path == path


@pytest.mark.parametrize(
    ("topic", "body", "note"),
    [
        ("orders/create", {"line_items": [{"price": "9.00"}, {"price": "free"}]}, "line_items[1].price"),
        ("orders/create", {"line_items": ["lamp"]}, "line_items[0]"),
        ("orders/create", {"line_items": "lamp"}, "line_items"),
        ("orders/create", {"total_price": float("inf")}, "total_price"),
        ("orders/create", {"financial_status": ["paid"]}, "financial_status"),
        ("customers/update", {"first_name": ["Ann"]}, "first_name"),
        ("customers/update", {"default_address": "Main Street"}, "default_address"),
        ("customers/update", {"default_address": {"zip": {"a": 1}}}, "default_address.zip"),
        ("customers/update", {"updated_at": "9999-12-31T23:59:59-14:00"}, "updated_at"),
        ("customers/update", {"updated_at": False, "created_at": "2020-01-01T00:00:00Z"}, "updated_at"),
        ("customers/update", {"orders_count": 1.5}, "orders_count"),
        ("customers/update", {"total_spent": "n/a"}, "total_spent"),
        ("customers/redact", {"customer": {"id": 1}, "orders_to_redact": 7}, "orders_to_redact"),
        ("customers/redact", {"customer": {"id": 1.5, "email": "ann@example.com"}}, "customer.id"),
        ("products/update", {"variants": [{"id": 1.5}, {"id": 2}]}, "variants[0].id"),
        ("checkouts/update", {"email": "ann@"}, "email"),
    ],
)
def test_what_is_odd_elsewhere_is_left_out_and_noted_by_its_path(topic, body, note):
    event = parse(topic, {"id": 1, **body})

    assert [one.partition(": ")[0] for one in event.notes] == [note]
    assert event.occurred_at == NOW


@pytest.mark.parametrize(
    ("body", "country"),
    [
        ({"addresses": [{"country_code": "NL"}]}, "NL"),
        ({"default_address": None, "addresses": [{"country_code": "NL"}, {"country_code": "DE"}]}, "NL"),
        ({"default_address": {"country_code": "FR"}, "addresses": [{"country_code": "NL"}]}, "FR"),
        ({"default_address": None, "addresses": []}, None),
    ],
)
def test_where_no_address_is_the_default_one_the_first_tells_the_country(body, country):
    assert parse("customers/update", {"id": 1, **body}).record["country"] == country


def test_the_phone_of_an_address_is_not_the_customers():
    event = parse("customers/update", {"id": 1, "phone": None, "default_address": {"phone": "+33612345678"}})

    assert event.record["phone"] is None


def test_a_time_keeps_the_zone_in_which_shopify_writes_it():
    event = parse("customers/create", {"id": 1, "created_at": "2026-11-01T00:30:00+01:00"})

    assert event.record["createdAt"] == "2026-11-01T00:30:00+01:00"
    assert event.occurred_at == datetime(2026, 10, 31, 23, 30, tzinfo=UTC)


def test_a_body_compressed_by_a_proxy_is_refused_with_its_cause():
    signed = connector().sign(inbound("customers/update", {"id": 1}), "secret")

    with pytest.raises(Refused, match=r"compressed \(gzip\)"):
        connector().verify(replace(signed, body=gzip.compress(signed.body)), ("secret",))


def test_beside_a_consent_object_the_old_box_tells_nothing_unless_the_object_cannot_be_read():
    left = {**ACT, "state": "unsubscribed"}
    told = parse("customers/update", {"id": 1, "accepts_marketing": True, "email_marketing_consent": left}).consents
    body = {"id": 1, "accepts_marketing": False, "email_marketing_consent": "x"}
    withdrawal, fault = connector().parse(inbound("customers/update", body))

    assert [(seen.state, seen.method) for seen in told] == [(ConsentState.WITHDRAWN, "shopify:unsubscribed")]
    assert [(seen.state, seen.method) for seen in withdrawal.consents] == [
        (ConsentState.WITHDRAWN, "accepts_marketing")
    ]
    assert fault.path == "email_marketing_consent"
