"""A customer of the API and the webhook of the same customer tell the same; the fast reader and the exact one agree."""

import json
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.shopify import nodes, queries
from connectors.shopify.tests.standin import connector, customer
from customer_sync.errors import PayloadError
from customer_sync.kit.json_text import UNREADABLE
from customer_sync.model import Inbound, Kind, from_ms

WORDS = st.one_of(st.none(), st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12))
#: Spaces around it too.
NAMES = st.builds(
    "{}{}{}".format, st.sampled_from(["", " "]), st.text("Zoë-x", max_size=5), st.sampled_from(["", "\t"])
)
TIMES = st.integers(1_000_000_000, 1_795_000_000).map(lambda s: from_ms(s * 1000).isoformat().replace("+00:00", "Z"))
LEVELS = st.sampled_from([None, "SINGLE_OPT_IN", "CONFIRMED_OPT_IN", "UNKNOWN"])
STATES = ["SUBSCRIBED", "UNSUBSCRIBED", "NOT_SUBSCRIBED", "PENDING"]
IDS = st.integers(1, 2**63)


def consent(states, **address):
    parts = {"marketingState": st.sampled_from(states), "marketingOptInLevel": LEVELS}
    return st.fixed_dictionaries({**address, **parts, "marketingUpdatedAt": st.none() | TIMES})


CUSTOMERS = st.fixed_dictionaries(
    {
        "id": IDS.map("gid://shopify/Customer/{}".format),
        "updatedAt": TIMES,
        "createdAt": TIMES,
        "firstName": WORDS | NAMES,
        "lastName": WORDS,
        "locale": st.sampled_from(["fr", "pt-BR"]),
        "state": st.sampled_from(["ENABLED", "DISABLED", "INVITED", "DECLINED"]),
        "tags": st.lists(st.text("ab ", max_size=3), max_size=3),
        "note": WORDS,
        "numberOfOrders": st.integers(0, 10**6).map(str),
        "amountSpent": st.fixed_dictionaries(
            {"amount": st.floats(0, 1e7).map(lambda n: f"{n:.2f}"), "currencyCode": st.sampled_from(["EUR", "JPY"])}
        ),
        "lastOrder": st.none() | st.fixed_dictionaries({"processedAt": TIMES}),
        "defaultEmailAddress": st.none() | consent([*STATES, "INVALID"], emailAddress=st.just("Ann@example.com")),
        "defaultPhoneNumber": st.none() | consent([*STATES, "REDACTED"], phoneNumber=st.just("+33612345678")),
        "defaultAddress": st.none()
        | st.fixed_dictionaries(
            {"city": WORDS, "countryCodeV2": st.just("FR") | st.none(), "zip": WORDS, "company": WORDS}
        ),
    }
)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=5)
    | st.just("SUBSCRIBED\0"),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)


NOW = datetime(2026, 11, 22, tzinfo=UTC)


def reader(hidden=(), zone=None):
    return nodes.Reader("lamps", NOW, hidden, zone)


def read(node, hidden=(), zone=None):
    """Return the event of a customer that can be read."""
    (event,) = reader(hidden, zone).read(node)
    return event


def outcome(found):
    """Return what a reader gave, faults as their path and reason."""
    return [(one.path, one.found) if isinstance(one, PayloadError) else one for one in found]


def as_webhook(node):
    """Return the body of the webhook of the same customer, in the shape of API version 2024-10, which had it all."""
    email, phone, place = (node[key] for key in queries.PROTECTED[2:])
    body = {
        "id": int(node["id"].rpartition("/")[2]),
        "admin_graphql_api_id": node["id"],
        "created_at": node["createdAt"],
        "updated_at": node["updatedAt"],
        "first_name": node["firstName"],
        "last_name": node["lastName"],
        "state": node["state"].lower(),
        "note": node["note"],
        "tags": ", ".join(node["tags"]),
        "orders_count": int(node["numberOfOrders"]),
        "total_spent": node["amountSpent"]["amount"],
        "currency": node["amountSpent"]["currencyCode"],
        "email": email and email["emailAddress"],
        "phone": phone and phone["phoneNumber"],
        "default_address": place
        and {
            "city": place["city"],
            "country_code": place["countryCodeV2"],
            "zip": place["zip"],
            "company": place["company"],
        },
    }
    for way, key in ((email, "email_marketing_consent"), (phone, "sms_marketing_consent")):
        if way:
            level = way["marketingOptInLevel"]
            body[key] = {
                "state": way["marketingState"].lower(),
                "opt_in_level": level and level.lower(),
                "consent_updated_at": way["marketingUpdatedAt"],
            }
    return body


@given(node=CUSTOMERS)
@settings(deadline=None)
def test_a_pulled_customer_is_the_same_as_one_of_a_webhook(node):
    headers = {"x-shopify-topic": "customers/update", "x-shopify-webhook-id": "w"}
    body = json.dumps(as_webhook(node)).encode()
    (told,) = connector().parse(Inbound("lamps", headers, body, NOW))
    pulled = read(node)
    more = {"language", "lastOrderDate"}

    assert {name: value for name, value in pulled.record.items() if name not in more} == dict(told.record)
    assert {name: type(value) for name, value in told.record.items()} == {
        name: type(value) for name, value in pulled.record.items() if name not in more
    }
    assert pulled.consents == told.consents
    assert (pulled.occurred_at, pulled.record_id) == (told.occurred_at, told.record_id)


@given(node=CUSTOMERS, data=st.data())
@settings(deadline=None, max_examples=300)
def test_the_fast_reader_gives_what_the_exact_one_gives(node, data):
    for key in data.draw(st.lists(st.sampled_from(sorted(node)), max_size=3, unique=True)):
        how = data.draw(st.sampled_from(["gone", "other", "inside"]))
        if how == "gone":
            del node[key]
        elif how == "inside" and isinstance(node[key], dict):
            inner = data.draw(st.sampled_from(sorted(node[key])))
            node[key] = {**node[key], inner: data.draw(JSON)}
        else:
            node[key] = data.draw(JSON)

    zone = data.draw(st.sampled_from([None, ZoneInfo("America/New_York")]))
    assert outcome(reader(zone=zone).read(node)) == outcome(nodes.exact(node, reader(zone=zone)))


def test_a_whole_customer_is_read():
    event = read(customer(8112233445566778899))

    assert event.id == "shopify:pull:8112233445566778899:2026-11-21T11:00:00Z"
    assert (event.kind, event.topic, event.occurred_at.hour) == (Kind.CUSTOMER_UPDATED, "pull", 11)
    assert event.record == {
        "id": "8112233445566778899",
        "email": "ann8112233445566778899@example.com",
        "firstName": "Ann",
        "lastName": "Example",
        "phone": "+33612345678",
        "country": "FR",
        "company": None,
        "city": "Lyon",
        "postcode": "69003",
        "language": "fr",
        "currency": "EUR",
        "note": None,
        "state": "enabled",
        "tags": ["vip", "lighting"],
        "totalOrders": 4,
        "totalSpent": 312.4,
        "lastOrderDate": "2026-11-20T09:00:00Z",
        "createdAt": "2026-11-20T08:15:00Z",
        "updatedAt": "2026-11-21T11:00:00Z",
        "acceptsMarketing": True,
    }
    assert [(seen.channel, seen.state, seen.method, seen.explicit) for seen in event.consents] == [
        ("email", "granted", "confirmed_opt_in", True),
        ("sms", "withdrawn", "shopify:unsubscribed", True),
    ]


def test_a_state_without_a_time_is_no_act_of_the_person():
    way = {**customer()["defaultEmailAddress"], "marketingUpdatedAt": None}
    (seen, _) = read(customer(1, defaultEmailAddress=way)).consents

    assert (seen.explicit, seen.at) == (False, datetime(2026, 11, 21, 11, tzinfo=UTC))


def test_null_is_known_to_be_empty_but_hidden_null_and_absent_are_unknown():
    bare = customer(1, **dict.fromkeys(queries.PROTECTED))

    assert read(bare).record["email"] is None
    hidden = read(bare, frozenset(queries.PROTECTED)).record
    assert not {"email", "phone", "firstName", "lastName", "city", "acceptsMarketing"} & set(hidden)
    assert read(customer(1), frozenset(queries.PROTECTED)).record["city"] == "Lyon"


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"id": None}, "id"),
        ({"id": 1.5}, "id"),
        ({"id": "gid://shopify/Customer/7\0"}, "id"),
        ({"defaultEmailAddress": "ann"}, "defaultEmailAddress"),
        (
            {"defaultEmailAddress": {"emailAddress": "ann", "marketingState": "PENDING"}},
            "defaultEmailAddress.emailAddress",
        ),
        (
            {"defaultEmailAddress": {"emailAddress": "ann\ud83d@example.com", "marketingState": "PENDING"}},
            "defaultEmailAddress.emailAddress",
        ),
        (
            {
                "defaultEmailAddress": {
                    "emailAddress": "ann@example.com",
                    "marketingState": "PENDING",
                    "marketingUpdatedAt": "x",
                }
            },
            "defaultEmailAddress.marketingUpdatedAt",
        ),
    ],
)
def test_a_fault_of_identity_or_consent_is_named_by_its_path_and_the_withdrawal_beside_it_is_heard(fields, path):
    withdrawal, fault = reader().read(customer(1, **fields))

    assert fault.path == path
    assert [(seen.channel, seen.state) for seen in withdrawal.consents] == [("sms", "withdrawn")]


@pytest.mark.parametrize(
    ("fields", "lacking", "note"),
    [
        ({"firstName": ["Ann"]}, "firstName", "firstName: expected a text, found a list"),
        ({"numberOfOrders": "many"}, "totalOrders", "numberOfOrders: expected a number such as 19.99"),
        (
            {"amountSpent": {"amount": "free", "currencyCode": "EUR"}},
            "totalSpent",
            "amountSpent.amount: expected a number such as 19.99",
        ),
        ({"defaultAddress": "Lyon"}, "city", "defaultAddress: expected an object, found a text"),
        ({"createdAt": "soon"}, "createdAt", "createdAt: expected an ISO 8601 time such as 2026-11-21T10:00:00Z"),
    ],
)
def test_what_is_odd_elsewhere_is_left_out_and_noted(fields, lacking, note):
    event = read(customer(1, **fields))

    assert lacking not in event.record
    assert event.notes == (note,)
    assert event.record["email"] == "ann1@example.com"


def test_a_sign_that_no_text_can_hold_is_left_out():
    event = read(customer(1, firstName="An\0n", note=f"Zo{UNREADABLE}"))

    assert (event.record["firstName"], event.record["note"]) == ("Ann", "Zo")
    assert event.notes == (
        "firstName: a character that cannot be read was left out",
        "note: a character that cannot be read was left out",
    )


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("2026-11-21T13:00:00+01:00", "2026-11-21T13:00:00+01:00"),
        ("2026-11-21T12:00:00.123456789Z", "2026-11-21T12:00:00.123456Z"),
        ("2026-11-21T120000.1Z", "2026-11-21T12:00:00.100000Z"),
        ("2026-11-21 12:00:00Z", "2026-11-21T12:00:00Z"),
        ("2026-W47-6T12:00:00Z", "2026-11-21T12:00:00Z"),
        ("2026-11-21T12:00:00", "2026-11-21T12:00:00Z"),
    ],
)
def test_a_time_of_another_form_becomes_the_canonical_one(written, canonical):
    assert read(customer(1, updatedAt=written)).record["updatedAt"] == canonical


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Tokyo"])
def test_a_time_at_the_end_of_all_years_stops_nobody(at, zone):
    assert read(customer(1, createdAt=at), zone=ZoneInfo(zone)).record["email"] == "ann1@example.com"


def test_times_are_shown_in_the_stores_own_zone_as_webhooks_write_them():
    late = customer(1, createdAt="2026-10-31T23:30:00Z", lastOrder={"processedAt": "2026-07-01T22:10:00Z"})
    event = read(late, zone=ZoneInfo("Europe/Berlin"))

    assert event.record["createdAt"] == "2026-11-01T00:30:00+01:00"
    assert event.record["lastOrderDate"] == "2026-07-02T00:10:00+02:00"
    assert event.occurred_at == datetime(2026, 11, 21, 11, tzinfo=UTC)
