"""What is peculiar to WooCommerce; what holds for every connector is asked by the contract suite."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from connectors.woocommerce.boxes import CONSENT_META_KEYS
from connectors.woocommerce.connector import decoded
from connectors.woocommerce.records import PERSONAL
from connectors.woocommerce.tests.deliveries import NOW, connector, inbound, parse
from customer_sync.errors import ConfigError, PayloadError, Refused
from customer_sync.kit.signatures import sign_base64
from customer_sync.model import ConsentState, Inbound, Kind


def box(value, key="ws_opt_in"):
    return {"id": 1, "date_created_gmt": "2026-11-21T10:00:00", "meta_data": [{"id": 5, "key": key, "value": value}]}


@pytest.mark.parametrize(
    ("secret", "body", "signature"),
    [
        # made with: printf '%s' "$body" | openssl dgst -sha256 -hmac "$secret" -binary | base64
        ("tea-secret", b'{"id":26,"email":"john@example.com"}', "Ts7jDJDjqo4JXGZD8xGuWZpJ4MxBAWjmSlsyr35Q974="),
        ("a&amp;b", b'{"id":27}', "MpgmcVVoRR8hsA+bvxTHvQ6+Xg8PdAYBO9r2dnY8oKs="),  # signed with a&b
    ],
)
def test_a_delivery_that_openssl_signed_is_genuine(secret, body, signature):
    delivery = Inbound("tea", {"x-wc-webhook-signature": signature}, body, NOW)

    connector().verify(delivery, (secret,))
    with pytest.raises(Refused):
        connector().verify(replace(delivery, body=body + b" "), (secret,))


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
    assert parse("order.updated", {"id": 1, "billing": {"email": address}}).record["customer"].get("email") == expected


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
def test_a_box_is_a_state_and_never_an_act_and_one_left_empty_at_an_order_tells_nothing(value, state):
    of_customer = parse("customer.updated", box(value)).consents
    of_order = parse("order.created", box(value)).consents

    assert [seen.state for seen in of_customer] == ([] if state is None else [state])
    assert [seen.state for seen in of_order] == ([state] if state is ConsentState.GRANTED else [])
    assert not any(seen.explicit for seen in (*of_customer, *of_order))
    assert all(seen.at == NOW.replace(hour=10) for seen in of_order)


@pytest.mark.parametrize("key", CONSENT_META_KEYS)
def test_the_boxes_of_known_plugins_are_read(key):
    assert [seen.method for seen in parse("order.created", box("1", key)).consents] == [key]


def test_an_orders_box_comes_with_the_address_of_the_order():
    event = parse("order.created", {**box("1"), "customer_id": 5, "billing": {"email": "other@example.com"}})

    assert event.record["customer"] == {"id": "5", "email": "other@example.com"}


@pytest.mark.parametrize("values", [("1", "0"), ("0", "1")])
def test_where_fields_disagree_the_strictest_counts(values):
    meta = [
        {"key": key, "value": value}
        for key, value in zip(("ws_opt_in", "mailchimp_woocommerce_is_subscribed"), values, strict=True)
    ]

    assert [seen.state for seen in parse("customer.updated", {"id": 1, "meta_data": meta}).consents] == ["withdrawn"]
    assert parse("order.created", {"id": 1, "meta_data": meta}).consents == ()


def test_times_are_those_of_the_shop_though_they_lie_ahead():
    ahead = datetime(2027, 1, 1, tzinfo=UTC)
    event = parse("customer.updated", {**box("0"), "date_modified_gmt": "2027-01-01T00:00:00"})

    assert event.occurred_at == ahead
    assert [seen.at for seen in event.consents] == [ahead]


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
        ("order.created", {"id": 1, "customer_id": 1.5}, "customer_id"),
        ("order.created", {"id": 1, "billing": {"email": "ann@shop"}}, "billing.email"),
        ("order.created", {"id": 1, "billing": "none"}, "billing"),
        ("customer.updated", {"id": 1, "email": False}, "email"),
        ("customer.updated", {"id": 1, "meta_data": "none"}, "meta_data"),
        ("customer.deleted", {"id": "0"}, "id"),
    ],
)
def test_a_fault_of_identity_or_consent_is_named_by_its_path(topic, body, path):
    with pytest.raises(PayloadError) as fault:
        parse(topic, body)
    assert fault.value.path == path


@pytest.mark.parametrize(
    ("topic", "body", "note"),
    [
        ("order.created", {"line_items": [{"price": 1}, {"price": "-"}]}, "line_items[1].price"),
        ("order.created", {"line_items": [{"sku": 12.5}]}, "line_items[0].sku"),
        ("order.created", {"line_items": [{"quantity": "1,5"}]}, "line_items[0].quantity"),
        ("order.created", {"line_items": [{"total": "1,00"}]}, "line_items[0].total"),
        ("order.created", {"currency": False}, "currency"),
        ("order.created", {"total": "1,00"}, "total"),
        ("order.created", {"number": False}, "number"),
        ("order.created", {"date_paid_gmt": "0"}, "date_paid_gmt"),
        ("order.created", {"refunds": [{"total": {}}]}, "refunds[0].total"),
        ("order.created", {"coupon_lines": "AUTUMN"}, "coupon_lines"),
        ("order.created", {"billing": False}, "billing"),
        ("customer.updated", {"billing": False}, "billing"),
        ("customer.updated", {"billing": {"phone": ["1"]}}, "billing.phone"),
        ("customer.updated", {"billing": {"company": False}}, "billing.company"),
        ("customer.updated", {"last_name": False}, "last_name"),
        ("customer.updated", {"meta_data": False}, "meta_data"),
        ("customer.updated", {"meta_data": ["x"]}, "meta_data[0]"),
        ("customer.updated", {"meta_data": [{"key": "ws_opt_in", "value": ["1"]}]}, "meta_data[0].value"),
        ("product.updated", {"categories": [{"name": True}]}, "categories[0].name"),
    ],
)
def test_what_is_odd_elsewhere_is_left_out_and_noted_by_its_path(topic, body, note):
    event = parse(topic, {"id": 1, **body})

    assert [one.partition(": ")[0] for one in event.notes] == [note]


@pytest.mark.parametrize("odd", [False, "21/11/2026", 1795255200, {}])
def test_a_change_whose_time_cannot_be_read_counts_from_the_creation_but_its_withdrawal_from_the_arrival(odd):
    event = parse("customer.updated", {**box("0"), "date_modified_gmt": odd})

    assert event.occurred_at == NOW.replace(hour=10)
    assert [(seen.state, seen.at) for seen in event.consents] == [(ConsentState.WITHDRAWN, NOW)]
    assert [one.partition(": ")[0] for one in event.notes] == ["date_modified_gmt"]
    assert parse("customer.updated", {"id": 1, "date_modified_gmt": odd}).occurred_at == NOW


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("Print&copyshop GmbH", "Print&copyshop GmbH"),
        ("Research&regional", "Research&regional"),
        ("Print &copy GmbH", "Print &copy GmbH"),
        ("Tom &amp; Ann", "Tom & Ann"),
        ("Tom &amp;amp; Ann", "Tom &amp; Ann"),
        ("O&#039;Brien", "O'Brien"),
        ("O&#x27;Brien", "O'Brien"),
        ("Caf&eacute;", "Café"),
        ("A&notin; B &notit; C", "A∉ B &notit; C"),
        ("A&B;C", "A&B;C"),
        ("O\\'Brien", "O\\'Brien"),
    ],
)
def test_an_entity_ends_with_its_semicolon(written, read):
    assert parse("customer.updated", {"id": 1, "billing": {"company": written}}).record["company"] == read


EMPTY = dict.fromkeys(("first_name", "last_name", "company", "address_1", "city", "postcode", "country", "phone"), "")
NAMELESS = {"id": 1, "email": "gus@example.com", "first_name": "", "last_name": ""}


@pytest.mark.parametrize(
    ("body", "empty"),
    [
        ({"billing": EMPTY, "is_paying_customer": False}, set()),
        ({"billing": {**EMPTY, "country": "DE"}}, set()),
        ({"billing": {**EMPTY, "first_name": " "}}, set()),
        ({"billing": []}, set()),
        ({"billing": {**EMPTY, "address_1": "Main St 1"}}, set(PERSONAL)),
        ({"billing": EMPTY, "is_paying_customer": True}, set(PERSONAL)),
    ],
)
def test_what_an_account_never_knew_is_unknown_and_what_it_had_is_known_to_be_empty(body, empty):
    record = parse("customer.created", {**NAMELESS, **body}).record

    assert {name for name in PERSONAL if name in record and record[name] is None} == empty
    assert record["email"] == "gus@example.com"


def test_an_order_tells_nothing_by_what_is_empty_in_it():
    event = parse("order.created", {"id": 1, "billing": {**EMPTY, "email": "gus@example.com", "city": "Hamburg"}})

    assert event.record["customer"] == {"email": "gus@example.com", "city": "Hamburg"}


@pytest.mark.parametrize("phone", ["000 0000 0000", "000 000 0000", "0", "(0) 000-0"])
def test_a_phone_number_of_zeros_is_an_erased_one(phone):
    billing = {"email": "ann@example.com", "phone": phone, "city": "Bonn"}

    assert parse("customer.updated", {"id": 1, "billing": billing}).record["phone"] is None
    assert parse("customer.updated", {"id": 1, "billing": {**billing, "phone": "0300"}}).record["phone"] == "0300"


def test_an_order_that_wordpress_erased_tells_of_nobody_in_whatever_language():
    billing = {"first_name": "[gelöscht]", "city": "[gelöscht]", "email": "geloescht@site.example"}
    meta = [{"id": 1, "key": "_anonymized", "value": "yes"}, {"id": 2, "key": "ws_opt_in", "value": "1"}]
    event = parse("order.updated", {"id": 1, "customer_id": 0, "billing": billing, "meta_data": meta})

    assert [event.record[name] for name in ("email", "customer", "billing")] == [None, {}, {}]
    assert [one.partition(": ")[0] for one in event.notes] == ["billing"]


@pytest.mark.parametrize(
    ("created", "shown"),
    [
        ("2026-11-01T00:30:00", "2026-11-01T00:30:00+01:00"),
        ("2026-10-31T18:30:00", "2026-10-31T18:30:00-05:00"),
        ("2026-11-01T05:15:00", "2026-11-01T05:15:00+05:45"),
        ("2026-10-31T23:30:00", "2026-10-31T23:30:00Z"),
        # what is no zone is no reason to believe it
        ("2026-10-31T23:37:00", "2026-10-31T23:30:00Z"),
        ("2026-11-05T00:30:00", "2026-10-31T23:30:00Z"),
        (None, "2026-10-31T23:30:00Z"),
        ("soon", "2026-10-31T23:30:00Z"),
    ],
)
def test_a_time_is_shown_in_the_zone_of_the_site(created, shown):
    body = {"id": 1, "date_created": created, "date_created_gmt": "2026-10-31T23:30:00"}

    assert parse("customer.created", body).record["createdAt"] == shown


@pytest.mark.parametrize(
    "code", ["wc_user_invalid_id", "woocommerce_rest_shop_order_invalid_id", "woocommerce_rest_product_invalid_id"]
)
def test_a_record_that_was_deleted_before_its_webhook_is_gone_and_no_alert(code):
    assert connector().parse(inbound("customer.updated", {"code": code, "message": "x", "data": {"status": 404}})) == []


@pytest.mark.parametrize(
    ("code", "status", "words"),
    [
        ("woocommerce_rest_cannot_view", 401, "lost its rights"),
        ("woocommerce_rest_cannot_view", 403, "lost its rights"),
        ("rest_no_route", 404, "REST API"),
        ("internal_error", 500, "REST API"),
    ],
)
def test_other_errors_in_the_place_of_a_record_are_alerts_with_their_cause(code, status, words):
    event = parse("customer.updated", {"code": code, "message": "x", "data": {"status": status}})

    assert event.kind is Kind.SOURCE_ALERT
    assert words in f"{event.record['message']} {event.record['remedy']}"


@pytest.mark.parametrize("resource", ["customer", "order", "product"])
def test_a_payload_of_the_legacy_api_is_named_with_where_to_change_it(resource):
    with pytest.raises(PayloadError, match="Legacy API v3") as fault:
        parse(f"{resource}.updated", {resource: {"id": 1, "email": "ann@example.com"}})
    assert "Advanced > Webhooks" in fault.value.remedy


def test_total_spent_is_free_of_the_noise_of_floats():
    assert parse("customer.updated", {"id": 1, "total_spent": 130.79999999999998}).record["totalSpent"] == 130.8
    assert parse("customer.updated", {"id": 1, "total_spent": "12.3456"}).record["totalSpent"] == 12.3456
