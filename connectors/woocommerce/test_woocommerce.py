"""What is peculiar to WooCommerce; what holds for every connector is asked by the contract suite."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from connectors.woocommerce.connector import WooCommerceConnector, decoded
from customer_sync.connector import SourceSettings
from customer_sync.errors import ConfigError, PayloadError, Refused
from customer_sync.model import ConsentState, Inbound, Kind
from customer_sync.signatures import sign_base64

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def connector(**options):
    return WooCommerceConnector(SourceSettings("tea", "woocommerce", ("secret",), options))


def inbound(topic, body, **headers):
    known = {"x-wc-webhook-topic": topic, "x-wc-webhook-id": "9", "x-wc-webhook-delivery-id": "d1"}
    return Inbound("tea", {**known, **headers}, json.dumps(body).encode(), NOW)


def parse(topic, body, **options):
    return connector(**options).parse(inbound(topic, body))[0]


def box(value, key="ws_opt_in"):
    return {"id": 1, "date_created_gmt": "2026-11-21T10:00:00", "meta_data": [{"id": 5, "key": key, "value": value}]}


@pytest.mark.parametrize(
    ("stored", "used"),
    [
        ("a&amp;b&quot;", 'a&b"'),
        ("it&#039;s", "it's"),
        ("it&#39;s", "it's"),
        ("&#x27;&#X27;", "''"),
        ("&lt;&#060;&gt;", "<<>"),
        ("&amp;amp;", "&amp;"),
        ("&copy; &nbsp;", "&copy; &nbsp;"),
        ("&#x3c;", "&#x3c;"),
        ("plain", "plain"),
    ],
)
def test_a_secret_is_decoded_as_wordpress_does_it(stored, used):
    assert decoded(stored) == used
    body = b'{"id":26}'
    for written in (stored, used):
        request = Inbound("tea", {"x-wc-webhook-signature": sign_base64(body, used)}, body, NOW)
        connector().verify(request, ("other", written))


@pytest.mark.parametrize(
    ("body", "headers", "is_ping"),
    [
        (b"webhook_id=9", {}, True),
        (b"webhook_id=9&x=1", {}, False),
        (b"webhook_id=", {}, False),
        (b'{"webhook_id": 9}', {}, False),
        (b"", {}, False),
        (b"webhook_id=9", {"x-wc-webhook-signature": "x"}, False),
        (b"webhook_id=9", {"x-wc-webhook-topic": "customer.updated"}, False),
    ],
)
def test_only_the_ping_of_a_new_webhook_is_answered_without_a_signature(body, headers, is_ping):
    answer = connector().greet(Inbound("tea", headers, body, NOW))

    assert (answer is not None and answer.status == 200) is is_ping


def test_a_delivery_of_shopify_says_so():
    with pytest.raises(Refused, match="Shopify"):
        connector().verify(Inbound("tea", {"x-shopify-hmac-sha256": "x"}, b"{}", NOW), ("secret",))


def test_two_orders_of_one_second_are_two_events_though_the_delivery_id_is_the_same():
    one, two = parse("order.created", {"id": 1}), parse("order.created", {"id": 2})
    again = connector().parse(replace(inbound("order.created", {"id": 1}), received_at=NOW + timedelta(days=1)))[0]

    assert one.id != two.id
    assert one.id == again.id
    assert one.id.startswith("woo:tea:9:d1:")


@pytest.mark.parametrize("code", ["woocommerce_rest_cannot_view", "Something <odd>", "x" * 500])
def test_a_signed_error_is_an_alert_with_a_remedy_and_never_a_customer(code):
    event = parse("customer.updated", {"code": code, "message": "Sorry, ann@example.com", "data": {"status": 401}})

    assert (event.kind, event.record_id, event.customer_id) == (Kind.SOURCE_ALERT, None, None)
    assert "ann@example.com" not in str(event.record)
    assert "<odd>" not in str(event.record)
    assert len(str(event.record["message"])) < 200
    assert event.record["remedy"]


@pytest.mark.parametrize("body", [{"id": 1, "code": "x", "data": {"status": 1}}, {"id": 1, "code": "x", "data": 1}])
def test_a_record_that_only_resembles_an_error_is_a_record(body):
    assert parse("product.updated", body).kind is Kind.PRODUCT_UPDATED


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("deleted@site.invalid", None),
        ("Deleted@shop.example.com", None),
        ("x@y.INVALID", None),
        ("x@invalid", None),
        ("undeleted@example.com", "undeleted@example.com"),
        ("ann@invalid.example.com", "ann@invalid.example.com"),
        ("", None),
        (None, None),
    ],
)
def test_the_address_that_erasure_leaves_is_known_to_be_empty(address, expected):
    assert parse("customer.updated", {"id": 1, "email": address}).record["email"] == expected
    assert parse("order.updated", {"id": 1, "billing": {"email": address}}).record["customer"]["email"] == expected


@pytest.mark.parametrize("none", [0, "0", None, ""])
def test_a_guest_has_no_customer_id(none):
    event = parse("order.created", {"id": 1, "customer_id": none, "billing": {"email": "guest@example.com"}})

    assert event.customer_id is None
    assert "id" not in event.record["customer"]


@pytest.mark.parametrize(
    ("value", "state"),
    [
        ("1", ConsentState.GRANTED),
        (1, ConsentState.GRANTED),
        (True, ConsentState.GRANTED),
        (" Yes ", ConsentState.GRANTED),
        ("0", ConsentState.WITHDRAWN),
        (False, ConsentState.WITHDRAWN),
        ("unsubscribed", ConsentState.WITHDRAWN),
        ("pending", ConsentState.PENDING),
        ("", None),
        ("maybe", None),
        (None, None),
        (["1"], None),
        ({"value": "1"}, None),
    ],
)
def test_a_box_of_a_customer_is_a_state_and_a_ticked_one_of_an_order_an_act(value, state):
    of_customer = parse("customer.updated", box(value)).consents
    of_order = parse("order.created", box(value)).consents

    assert [seen.state for seen in of_customer] == ([] if state is None else [state])
    assert not any(seen.explicit for seen in of_customer)
    assert [seen.explicit for seen in of_order] == ([True] if state is ConsentState.GRANTED else [])
    assert all(seen.at == NOW.replace(hour=10) for seen in of_order)


@pytest.mark.parametrize("values", [("1", "0"), ("0", "1")])
def test_where_fields_disagree_the_strictest_counts(values):
    meta = [
        {"key": key, "value": value}
        for key, value in zip(("ws_opt_in", "mailchimp_woocommerce_is_subscribed"), values, strict=True)
    ]

    assert [seen.state for seen in parse("customer.updated", {"id": 1, "meta_data": meta}).consents] == ["withdrawn"]
    assert parse("order.created", {"id": 1, "meta_data": meta}).consents == ()


def test_no_time_is_later_than_the_arrival():
    event = parse("order.created", {**box("1"), "date_created_gmt": "2027-01-01T00:00:00"})

    assert event.occurred_at == NOW
    assert [seen.at for seen in event.consents] == [NOW]


@pytest.mark.parametrize(
    ("option", "value", "states"),
    [
        (["newsletter"], "yes", [ConsentState.GRANTED]),
        ("newsletter", "no", [ConsentState.WITHDRAWN]),
        ({"newsletter": ["Agreed"]}, "agreed", [ConsentState.GRANTED]),
        ({"newsletter": ["agreed"]}, "1", []),
        ({"newsletter": [2]}, 2, [ConsentState.GRANTED]),
        ({"newsletter": ["agreed"]}, "0", [ConsentState.WITHDRAWN]),
        ([], "yes", []),
        (None, "yes", []),
    ],
)
def test_the_fields_of_other_plugins_can_be_named(option, value, states):
    event = parse("customer.updated", box(value, "newsletter"), consent_meta_keys=option)

    assert [seen.state for seen in event.consents] == states


@pytest.mark.parametrize("option", [7, [1], {"newsletter": "yes"}, True])
def test_an_option_that_cannot_be_read_is_named_at_the_start(option):
    with pytest.raises(ConfigError, match="consent_meta_keys"):
        connector(consent_meta_keys=option)


@pytest.mark.parametrize("meta", [None, [], {"0": {"key": "ws_opt_in", "value": "1"}}, [{"key": ["ws_opt_in"]}]])
def test_plugins_fields_may_take_any_shape_that_php_gives_a_list(meta):
    event = parse("customer.updated", {"id": 1, "meta_data": meta})

    assert len(event.consents) == (1 if isinstance(meta, dict) else 0)


@pytest.mark.parametrize("zero", [None, "", "0000-00-00T00:00:00", "-0001-11-30T00:00:00"])
def test_a_date_of_zeros_is_none(zero):
    event = parse("customer.updated", {"id": 1, "date_modified_gmt": zero, "date_created_gmt": "2026-11-20T08:15:00"})

    assert event.occurred_at == datetime(2026, 11, 20, 8, 15, tzinfo=UTC)
    assert event.record["updatedAt"] is None


def test_the_sites_own_time_is_never_used():
    assert parse("customer.updated", {"id": 1, "date_modified": "2026-11-20T08:15:00"}).occurred_at == NOW


@pytest.mark.parametrize(
    ("topic", "body", "path"),
    [
        ("order.created", {"id": 1, "line_items": [{"price": 1}, {"price": "free"}]}, "line_items[1].price"),
        ("order.created", {"id": 1, "refunds": [{"total": {}}]}, "refunds[0].total"),
        ("order.created", {"id": 1, "customer_id": 1.5}, "customer_id"),
        ("customer.updated", {"id": 1, "billing": {"phone": ["1"]}}, "billing.phone"),
        ("customer.updated", {"id": 1, "meta_data": "none"}, "meta_data"),
        ("product.updated", {"id": 1, "categories": [{"name": True}]}, "categories[0].name"),
        ("customer.deleted", {"id": "0"}, "id"),
    ],
)
def test_a_fault_is_named_by_its_path(topic, body, path):
    with pytest.raises(PayloadError) as fault:
        parse(topic, body)
    assert fault.value.path == path
