"""Webhooks of a connector file: every way of proving, what they become, and how they are made at the platform."""

from __future__ import annotations

import base64
import hmac
from dataclasses import replace
from datetime import timedelta

import pytest
from standardwebhooks import Webhook

from customer_sync.errors import PayloadError, Refused
from customer_sync.model import ConsentState, Event, Kind
from tests.custom.bench import LEAST, NOW, Wire, connector, webhook, with_customers

SECRETS = ("newest", "older")
STAMP = str(int(NOW.timestamp()))
BODY = {"type": "customer.changed", "data": {"id": 7, "email": "ann@example.com", "agrees": False}}
HMAC = {"type": "hmac", "header": "X-Lamps-Signature"}
VERIFY = {
    "hmac": HMAC,
    "hmac in base64 and sha512": {**HMAC, "algorithm": "sha512", "encoding": "base64"},
    "hmac of time and body": {
        **HMAC,
        "prefix": "v0=",
        "message": "v0:{timestamp}:{body}",
        "timestamp_header": "X-Lamps-Time",
    },
    "hmac of milliseconds": {**HMAC, "message": "{timestamp}{body}", "timestamp_header": "X-T", "timestamp_unit": "ms"},
    "hmac of the address": {**HMAC, "message": "{method}{url}{body}"},
    "standard webhooks": {"type": "standard_webhooks"},
    "svix": {"type": "standard_webhooks", "prefix": "svix-"},
    "stripe": {"type": "stripe"},
    "hubspot": {"type": "hubspot_v3"},
    "shopify": {"type": "shopify"},
    "basic": {"type": "basic", "username": "tajo"},
    "bearer": {"type": "bearer"},
    "a header": {"type": "static_header", "header": "X-Lamps-Token", "prefix": "T "},
    "the path": {"type": "path_token"},
}
EVENT = {"customer_changed": {"path": "/customer", "record": "data"}}


def made(verify=None, events=None, secrets=SECRETS, document=LEAST, **more):
    webhooks = {"events": EVENT if events is None else events, **more}
    return connector({**document, "webhooks": webhooks if verify is None else {"verify": verify, **webhooks}}, secrets)


@pytest.mark.parametrize("name", VERIFY)
def test_a_webhook_with_its_proof_is_taken_and_every_other_is_refused(name):
    one = made(VERIFY[name])
    bare = webhook(BODY, "customer")
    for secret in SECRETS:
        one.verify(one.sign(bare, secret), SECRETS)
    good = one.sign(bare, "newest")
    for wrong in (bare, one.sign(bare, "another")):
        with pytest.raises(Refused):
            one.verify(wrong, SECRETS)
    with pytest.raises(Refused):
        one.verify(good, ("", " "))
    changed = replace(good, body=good.body + b" ")
    if one.signs_body:
        with pytest.raises(Refused):
            one.verify(changed, SECRETS)
    assert [type(found) for found in one.parse(good)] == [Event]
    assert one.signs_body is (name not in {"basic", "bearer", "a header", "the path"})
    assert one.signs_url is (name in {"hmac of the address", "hubspot"})


@pytest.mark.parametrize(
    "name", ["hmac of time and body", "hmac of milliseconds", "standard webhooks", "svix", "stripe", "hubspot"]
)
@pytest.mark.parametrize("late_s", [-301, 301])
def test_a_signed_time_outside_the_window_is_refused(name, late_s):
    one = made(VERIFY[name])
    good = one.sign(webhook(BODY, "customer"), "newest")

    one.verify(replace(good, received_at=NOW + timedelta(seconds=299)), SECRETS)
    with pytest.raises(Refused, match="outside the window"):
        one.verify(replace(good, received_at=NOW + timedelta(seconds=late_s)), SECRETS)


def test_the_signatures_are_those_of_others():
    bare = webhook(BODY, "customer")
    plain = hmac.digest(b"newest", bare.body, "sha256")
    timed = hmac.digest(b"newest", f"v0:{STAMP}:".encode() + bare.body, "sha256").hex()
    standard = Webhook(base64.b64encode(b"newest").decode()).sign("msg_1", NOW, bare.body.decode())
    stripe = hmac.digest(b"newest", f"{STAMP}.".encode() + bare.body, "sha256").hex()
    sent = {
        "hmac": {"x-lamps-signature": plain.hex()},
        "hmac of time and body": {"x-lamps-signature": f"v0={timed}", "x-lamps-time": STAMP},
        "shopify": {"x-shopify-hmac-sha256": base64.b64encode(plain).decode()},
        "standard webhooks": {"webhook-id": "msg_1", "webhook-timestamp": STAMP, "webhook-signature": standard},
        "stripe": {"stripe-signature": f"t={STAMP},v1={stripe}"},
        "basic": {"authorization": f"Basic {base64.b64encode(b'tajo:newest').decode()}"},
        "bearer": {"authorization": "Bearer newest"},
        "a header": {"x-lamps-token": "T newest"},
    }
    for name, headers in sent.items():
        made(VERIFY[name]).verify(replace(bare, headers=headers), SECRETS)


def test_without_a_word_of_verifying_all_are_refused_and_none_is_asked_for():
    one = made()

    with pytest.raises(Refused, match="does not say how its webhooks are verified"):
        one.verify(webhook(BODY), SECRETS)
    assert one.secret_keys == ()
    assert [found.cause for found in one.check(Wire(lambda _: []).access()) if found.name == "webhooks"]


def test_only_who_writes_it_down_takes_what_anybody_sends():
    one = made({"type": "none", "allow_insecure": True})
    one.verify(webhook(BODY), ())

    assert one.secret_keys == ()
    with pytest.raises(NotImplementedError):
        one.sign(webhook(BODY), "x")


def test_a_secret_may_come_from_the_environment():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LAMPS_HOOK", "from-env")
        one = made({**HMAC, "secret": ["${secret.hook}", "${env.LAMPS_HOOK}"]})
    good = replace(
        webhook(BODY), headers={"x-lamps-signature": hmac.digest(b"from-env", webhook(BODY).body, "sha256").hex()}
    )

    assert one.secret_keys == ("hook",)
    with pytest.raises(Refused):
        one.verify(good, ())
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LAMPS_HOOK", "from-env")
        made({**HMAC, "secret": ["${secret.hook}", "${env.LAMPS_HOOK}"]}).verify(good, ())


# what they become


@pytest.mark.parametrize("path", ["customer", "webhooks/customer", "customer/", "/customer"])
def test_an_event_is_found_by_its_path_however_it_is_called(path):
    (event,) = made().parse(webhook(BODY, path))

    assert (event.kind, event.topic, event.record_id) == (Kind.CUSTOMER_UPDATED, "customer_changed", "7")
    assert event.record == {"id": "7", "email": "ann@example.com"}


def test_a_path_that_no_event_has_is_parked_with_those_that_there_are():
    with pytest.raises(PayloadError) as fault:
        made().parse(webhook(BODY, "lamp"))
    assert (fault.value.path, fault.value.remedy) == ("path", "call one of customer")


@pytest.mark.parametrize(
    ("name", "more", "kind"),
    [
        ("customer_created", {}, Kind.CUSTOMER_CREATED),
        ("customer_changed", {}, Kind.CUSTOMER_UPDATED),
        ("customer_deleted", {}, Kind.CUSTOMER_DELETED),
        ("customer_changed", {"action": "delete"}, Kind.CUSTOMER_DELETED),
        ("customer_gone", {"action": "erase"}, Kind.CUSTOMER_ERASED),
        ("customer_joined", {"action": "merge", "record_id": "data.id", "kept_id": "kept"}, Kind.CUSTOMER_MERGED),
    ],
)
def test_what_happened_is_told_by_the_name_or_the_action(name, more, kind):
    (event,) = made(events={name: {"record": "data", **more}}).parse(webhook({**BODY, "kept": 8}))

    assert event.kind is kind
    if kind is Kind.CUSTOMER_MERGED:
        assert event.record == {"id": "8", "keptId": "8", "deletedId": "7"}


def test_match_and_topic_choose_the_event():
    events = {
        "customer_created": {"match": "type == 'new'", "record": "data"},
        "customer_changed": {"match": "type == 'customer.changed'", "record": "data"},
    }
    by_header = {"customer_created": {"topic": "new", "record": "data"}, "customer_changed": {"record": "data"}}

    assert [one.topic for one in made(events=events).parse(webhook(BODY))] == ["customer_changed"]
    one = made(events=by_header, topic_header="X-Topic")
    assert one.keeps == ("x-topic",)
    assert [found.topic for found in one.parse(webhook(BODY, x_topic="new"))] == ["customer_created"]
    assert [found.topic for found in one.parse(webhook(BODY, x_topic="customer_changed"))] == ["customer_changed"]
    assert not one.parse(webhook(BODY, x_topic="other"))


def test_a_batch_gives_an_event_of_each_and_a_fault_in_the_place_of_one():
    events = {"customer_changed": {"items": "@", "match": "id", "event_id": ["id", "n"]}}
    rows = [{"id": 1, "n": 1, "email": "a@example.com"}, {"no": 1}, 3, {"id": 2.5, "n": 1}]

    found = made(events=events).parse(webhook(rows))

    assert [one.record_id if isinstance(one, Event) else one.path for one in found] == ["1", "[2]", "[3].id"]


def test_the_same_delivery_has_the_same_id_and_another_has_another():
    events = {"customer_changed": {"record": "data", "event_id": "event"}}
    one, by_digest = made(events=events), made()
    first, again = webhook({**BODY, "event": "e1"}), webhook({**BODY, "event": "e1", "try": 2})

    assert one.parse(first)[0].id == one.parse(again)[0].id
    assert one.parse(first)[0].id != one.parse(webhook({**BODY, "event": "e2"}))[0].id
    assert (
        by_digest.parse(replace(first, path="customer"))[0].id != by_digest.parse(replace(again, path="customer"))[0].id
    )
    headed = made(id_header="X-Id")
    ids = {headed.parse(webhook(BODY, "customer", x_id=word))[0].id for word in ("a", "b", "a")}
    assert len(ids) == 2


def test_the_time_of_an_event_is_its_own():
    events = {"customer_changed": {"record": "data", "occurred_at": "at"}}
    times = ["2026-11-14T00:00:00Z", 1794614400, 1794614400000, None, "soon", []]

    told = [made(events=events).parse(webhook({**BODY, "at": one}))[0].occurred_at.isoformat() for one in times]

    assert told == ["2026-11-14T00:00:00+00:00"] * 3 + [NOW.isoformat()] * 3


CRM = with_customers(mapping={"email": "email", "consent.email": "agrees"}, by_id={"endpoint": "/customers/{id}"})


def test_a_hint_is_read_again_and_a_withdrawal_beside_it_waits_for_no_read():
    events = {"customer_changed": {"record": "data", "fetch": "always"}}

    found = made(events=events, document=CRM).parse(webhook(BODY))

    assert [one.kind for one in found] == [Kind.CONSENT_CHANGED, Kind.RECORD_CHANGED]
    assert found[0].consents[0].state is ConsentState.WITHDRAWN
    assert found[0].record == {"id": "7", "email": "ann@example.com"}
    assert found[1].record == {"resource": "customers"}
    granted = {**BODY, "data": {**BODY["data"], "agrees": True}}
    assert [one.kind for one in made(events=events, document=CRM).parse(webhook(granted))] == [Kind.RECORD_CHANGED]


def test_a_record_that_lacks_a_field_is_read_again():
    events = {"customer_changed": {"record": "data", "fetch": {"if_missing": ["email"]}}}
    one = made(events=events, document=CRM)

    assert [found.kind for found in one.parse(webhook({"data": {"id": 7}}))] == [Kind.RECORD_CHANGED]
    assert [found.kind for found in one.parse(webhook({"data": {"id": 7, "email": "a@example.com"}}))] == [
        Kind.CUSTOMER_UPDATED
    ]


def test_a_deletion_that_may_be_a_merge_is_read_again():
    events = {"customer_deleted": {"record": "data", "fetch": "always"}}

    assert [one.kind for one in made(events=events, document=CRM).parse(webhook({"data": {"id": 7}}))] == [
        Kind.RECORD_CHANGED
    ]


def test_an_event_whose_resource_is_not_described_is_parked():
    (fault,) = made(events={"order_placed": {}}).parse(webhook(BODY))

    assert (fault.path, fault.remedy) == (
        "webhooks.events.order_placed",
        "describe its resource in the connector file, start again, then replay",
    )


def test_an_event_of_a_name_of_its_own_is_parked_with_what_to_write():
    (fault,) = made(events={"somebody_moved": {}}).parse(webhook(BODY))

    assert fault.remedy == "write `resource: customers` in the event, start again, then replay"


# how they are made

MAKING = {
    "list": {"endpoint": "/hooks", "topic": "event", "active": "on"},
    "create": {"endpoint": "/hooks", "json": {"event": "{topic}", "url": "{url}", "secret": "{secret}"}},
    "update": {"method": "PUT", "endpoint": "/hooks/{id}", "json": {"url": "{url}"}},
}
ADDRESS = "https://tajo.example/webhooks/shop"


def test_webhooks_are_made_repaired_and_kept():
    events = {
        name: {"path": f"/{name}", "record": "data"}
        for name in ("customer_a", "customer_b", "customer_c", "customer_d")
    }
    there = [
        {"id": 1, "event": "customer_a", "url": f"{ADDRESS}/customer_a", "on": True},
        {"id": 2, "event": "customer_b", "url": "https://old.example/webhooks/shop/customer_b", "on": True},
        {"id": 3, "event": "customer_c", "url": f"{ADDRESS}/customer_c", "on": False},
        {"id": 4, "event": "customer_d", "url": "https://other.example/program", "on": True},
    ]
    wire = Wire(lambda asked: there if asked.method == "GET" else {})
    one, access = made(HMAC, events, subscriptions=MAKING), wire.access()
    access.vault.save({"webhooks": {"ids": ["1", "2", "3"]}})

    found = one.ensure_webhooks(ADDRESS, access)

    assert (found.kept, found.created) == (("customer_a",), ("customer_d",))
    assert found.repaired == {"customer_b": "another address", "customer_c": "off"}
    assert [(asked.method, asked.path, asked.json) for asked in wire.asked[1:-1]] == [
        ("PUT", "/hooks/2", {"url": f"{ADDRESS}/customer_b"}),
        ("PUT", "/hooks/3", {"url": f"{ADDRESS}/customer_c"}),
        ("POST", "/hooks", {"event": "customer_d", "url": f"{ADDRESS}/customer_d", "secret": "newest"}),
    ]
    assert one.chooses_secret


def test_one_webhook_that_cannot_be_made_stops_no_other():
    events = {name: {"record": "data"} for name in ("customer_a", "customer_b")}
    wire = Wire(
        lambda asked: [] if asked.method == "GET" else (422, {}, {}) if asked.json["event"] == "customer_a" else {}
    )

    found = made(HMAC, events, subscriptions=MAKING).ensure_webhooks(ADDRESS, wire.access())

    assert (list(found.failed), found.created) == (["customer_a"], ("customer_b",))


def test_the_secret_of_a_path_stands_in_the_address():
    wire = Wire(lambda asked: [] if asked.method == "GET" else {})
    made({"type": "path_token"}, EVENT, subscriptions=MAKING).ensure_webhooks(ADDRESS, wire.access())

    assert wire.asked[1].json["url"] == f"{ADDRESS}/newest/customer"
