"""Webhooks: user and password, both shapes, ids of events; and what becomes of persons, deals and leads."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from connectors.pipedrive import deals, leads
from connectors.pipedrive.account import Account, pair_of, proof
from connectors.pipedrive.connector import PipedriveConnector
from connectors.pipedrive.persons import Context, outline_of
from connectors.pipedrive.tests.standin import connector, deal, person
from customer_sync.errors import Refused
from customer_sync.kit.fields import Node
from customer_sync.model import Event, Inbound, Kind

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
KEY, MONEY, SPAN = "5" * 40, "7" * 40, "9" * 40


def inbound(body=b"{}", **headers):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Inbound("crm", headers, raw, NOW)


def hook(action="change", entity="person", data=None, previous=None, **meta):
    told = {"action": action, "entity": entity, "entity_id": "1", "id": "a1", "timestamp": NOW.isoformat(), **meta}
    return inbound({"data": data, "previous": previous, "meta": told})


def read(row, **context):
    node = Node(row)
    (event,) = Context(Account("crm", **context.pop("account", {})), **context).read(node, outline_of(node, "crm", NOW))
    return event


# the proof


@pytest.mark.parametrize(
    ("user", "password", "expected"),
    [
        # RFC 7617, sections 2 and 2.1; the same as: printf '%s' 'Aladdin:open sesame' | openssl base64
        ("Aladdin", "open sesame", "QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),
        ("test", "123\u00a3", "dGVzdDoxMjPCow=="),
    ],
)
def test_user_and_password_are_written_as_the_standard_has_them(user, password, expected):
    assert proof(user, password) == expected
    connector().verify(inbound(authorization=f"Basic {expected}"), (f"{user}:{password}",))


def test_a_secret_is_a_password_or_a_user_and_a_password():
    assert pair_of("open sesame") == ("tajo", "open sesame")
    assert pair_of("ann:open:sesame") == ("ann", "open:sesame")


@pytest.mark.parametrize(
    "given",
    [
        *(
            "",
            "Basic",
            "Basic ",
            "Bearer dGFqbzpzZWNyZXQ=",
            "Basic dGFqbzpzZWNyZXQ",
            "Basic dGFqbzpzZWNyZXR=",
            "tajo:secret",
        ),
        *(f"Basic {proof('tajo', '')}", f"Basic {proof('', 'secret')}", f"Basic {proof('other', 'secret')}"),
    ],
)
def test_whatever_is_not_exactly_user_and_password_is_refused(given):
    with pytest.raises(Refused):
        connector().verify(inbound(authorization=given), ("tajo:secret",))


@pytest.mark.parametrize("secret", ["", " ", ":", "tajo:", ":secret", "tajo: "])
def test_a_secret_without_a_user_or_a_password_opens_nothing(secret):
    user, password = pair_of(secret)
    with pytest.raises(Refused):
        connector().verify(inbound(authorization=f"Basic {proof(user, password)}"), (secret,))


# events


def test_a_second_try_of_a_delivery_is_a_repetition_and_another_delivery_is_none():
    def event_id(**meta):
        return connector({}).parse(hook(data=person(1), **meta))[0].id

    assert event_id(attempt=1) == event_id(attempt=3)
    assert (
        len({event_id(), event_id(id="a2"), event_id(entity_id="2"), event_id(timestamp="2026-11-21T11:00:00Z")}) == 4
    )


def test_old_webhooks_without_an_id_of_their_own_are_told_apart_by_their_time():
    def event_id(**meta):
        told = {"action": "updated", "object": "person", "id": 1, "timestamp": 1795262400, **meta}
        return connector({}).parse(inbound({"meta": told, "current": {"id": 1}, "previous": {}}))[0].id

    assert event_id() == event_id()
    assert event_id() != event_id(timestamp_micro=1795262400000001)


@pytest.mark.parametrize(
    ("timestamp", "expected"),
    [
        ("2026-11-21T10:00:00.724Z", "2026-11-21T10:00:00.724000+00:00"),
        (1795255200, "2026-11-21T10:00:00+00:00"),
        (1795255200724, "2026-11-21T10:00:00.724000+00:00"),
        ("soon", "2026-11-21T11:00:00+00:00"),
        (True, "2026-11-21T11:00:00+00:00"),
        (10**30, "2026-11-21T11:00:00+00:00"),
        (None, "2026-11-21T11:00:00+00:00"),
    ],
)
def test_the_time_of_a_hint_is_that_of_the_webhook_else_of_the_record(timestamp, expected):
    (event,) = connector().parse(hook(data=person(1), timestamp=timestamp))

    assert event.occurred_at.isoformat() == expected


def test_the_deletion_of_a_person_is_looked_into_and_that_of_a_deal_is_believed():
    (gone,) = connector().parse(hook("delete", previous=person(1, marketing_status=None)))
    (lost,) = connector().parse(hook("delete", "deal", previous=deal(1)))

    assert (gone.kind, gone.record) == (Kind.RECORD_CHANGED, {"resource": "customers"})
    assert (lost.kind, lost.record) == (Kind.RECORD_CHANGED, {"resource": "orders", "isDeletion": True})


@pytest.mark.parametrize("options", [{}, {"api_token": "t"}])
def test_the_withdrawal_of_somebody_who_was_deleted_or_merged_is_heard(options):
    left = person(12, marketing_status="unsubscribed")
    for meta in ({"entity_id": "12"}, {"entity_id": "12", "merged_to_id": 11}):
        found = connector(options).parse(hook("delete", previous=left, **meta))

        assert found[0].kind is Kind.CONSENT_CHANGED
        assert (found[0].record_id, found[0].record["email"]) == ("12", "ann12@example.com")
        assert [seen.state for seen in found[0].consents] == ["withdrawn"]
        assert len({one.id for one in found}) == len(found)


def test_a_merge_is_told_by_either_of_its_two_webhooks():
    gone = connector().parse(hook("delete", previous=person(12, marketing_status=None), entity_id=12, merged_to_id=11))
    kept = connector().parse(hook("change", data=person(11, marketing_status=None), entity_id=11, merged_from_id="12"))

    for found in (gone, kept):
        merged, hinted = found
        assert (merged.kind, merged.record) == (Kind.CUSTOMER_MERGED, {"id": "11", "keptId": "11", "deletedId": "12"})
        assert (hinted.kind, hinted.record_id) == (Kind.RECORD_CHANGED, "11")


def test_an_agreement_waits_for_the_read():
    found = connector().parse(hook(data=person(1, marketing_status="subscribed")))

    assert [one.kind for one in found] == [Kind.RECORD_CHANGED]


# persons


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("subscribed", [("granted", False)]),
        ("unsubscribed", [("withdrawn", True)]),
        ("no_consent", [("unknown", False)]),
        ("archived", [("unknown", False)]),
        ("a new word", [("unknown", False)]),
        (None, []),
    ],
)
def test_a_marketing_status_is_a_state_that_was_seen_and_a_yes_is_never_an_act(status, expected):
    event = read(person(1, marketing_status=status))

    assert [(seen.state, seen.explicit) for seen in event.consents] == expected
    assert all(seen.at == datetime(2026, 11, 21, 11, tzinfo=UTC) for seen in event.consents)


@pytest.mark.parametrize(
    ("account", "row"),
    [
        ({"opt_out_field": "label"}, {"label_ids": [1, 9]}),
        ({"opt_out_field": KEY}, {"custom_fields": {KEY: 32}}),
        ({"opt_out_field": KEY, "opt_out_option": "GONE"}, {"custom_fields": {KEY: [31, 33]}}),
        ({"opt_out_field": MONEY, "opt_out_option": "no"}, {"custom_fields": {MONEY: "No"}}),
    ],
)
def test_an_opt_out_that_is_kept_elsewhere_outweighs_the_status(account, row):
    labels = {"label_ids": {"1": "Hot", "9": "Unsubscribed in Brevo"}}
    labels[KEY] = {"31": "Small", "32": "unsubscribed in brevo", "33": "gone"}
    event = read(person(1, **row), account=account, labels=labels)

    assert [(seen.state, seen.method) for seen in event.consents] == [("withdrawn", "opt_out_field")]
    assert read(person(1), account=account, labels=labels).consents[0].state == "granted"


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ({KEY: 32}, {KEY: "Large"}),
        ({KEY: "32"}, {KEY: "Large"}),
        ({KEY: {"type": "enum", "id": 32}}, {KEY: "Large"}),
        ({KEY: [31, 32]}, {KEY: "Small, Large"}),
        ({KEY: {"type": "set", "values": [{"id": 31}, {"id": 77}]}}, {KEY: "Small, 77"}),
        ({KEY: []}, {KEY: None}),
        ({MONEY: {"value": 10.5, "currency": "EUR"}}, {MONEY: 10.5, f"{MONEY}_currency": "EUR"}),
        ({MONEY: {"type": "monetary", "value": 10, "currency": "EUR"}}, {MONEY: 10, f"{MONEY}_currency": "EUR"}),
        ({SPAN: {"value": "2026-01-01", "until": "2026-02-01"}}, {SPAN: "2026-01-01", f"{SPAN}_until": "2026-02-01"}),
        ({SPAN: {"value": "Tallinn", "country": "Estonia"}}, {SPAN: "Tallinn"}),
        ({SPAN: None}, {SPAN: None}),
        ({SPAN: {"value": {"deep": 1}}}, {}),
        ({"short": 1}, {}),
    ],
)
def test_custom_fields_are_told_by_their_key_in_whichever_shape(written, expected):
    labels = {KEY: {"31": "Small", "32": "Large"}}
    event = read(person(1, custom_fields=written), labels=labels)

    assert {name: value for name, value in event.record.items() if name[0] in "579s"} == expected


def test_custom_fields_of_version_1_stand_beside_the_others():
    row = {"id": 1, KEY: "31,32", MONEY: 250, f"{MONEY}_currency": "EUR", "email": [], "org_name": "Lamps Ltd"}
    event = read(row, labels={KEY: {"31": "Small", "32": "Large"}})

    assert event.record[KEY] == "Small, Large"
    assert (event.record[MONEY], event.record[f"{MONEY}_currency"]) == (250, "EUR")
    assert event.record["company"] == "Lamps Ltd"


def test_the_company_is_that_of_the_organization_and_none_where_there_is_none():
    assert read(person(1, org_id=7), companies={"7": "Lamps Ltd"}).record["company"] == "Lamps Ltd"
    assert read(person(1, org_id=None)).record["company"] is None
    assert "company" not in read(person(1, org_id=8), companies={"7": "Lamps Ltd"}).record


# deals and leads


@pytest.mark.parametrize(
    ("row", "state", "amount", "created"),
    [
        ({"status": "open", "won_time": None}, "draft", 200.0, "2026-11-01T08:00:00Z"),
        ({"status": "won"}, "paid", 200.0, "2026-11-21T10:59:00Z"),
        ({"status": "lost", "lost_time": "2026-11-21T10:00:00Z"}, "cancelled", 0.0, "2026-11-01T08:00:00Z"),
    ],
)
def test_a_deal_is_an_order_from_the_day_it_is_won(row, state, amount, created):
    event = deals.read(Node(deal(1, **row)), Event("e", "crm", Kind.ORDER_UPDATED, NOW))

    assert (event.record["state"], event.record["amount"], event.record["createdAt"]) == (state, amount, created)
    assert (event.customer_id, event.record["customer"], event.record["currency"]) == ("1", {"id": "1"}, "EUR")


@pytest.mark.parametrize("row", [{"is_deleted": True}, {"status": "deleted"}])
def test_a_deal_that_was_deleted_is_no_order_any_more(row):
    event = deals.read(Node(deal(1, **row)), Event("e", "crm", Kind.ORDER_UPDATED, NOW))

    assert (event.kind, event.record) == (Kind.ORDER_DELETED, {"id": "1"})


@pytest.mark.parametrize("person_id", [7, {"value": 7, "name": "Ann"}])
def test_the_buyer_of_a_deal_is_its_person_in_either_shape(person_id):
    event = deals.read(Node(deal(1, person_id=person_id)), Event("e", "crm", Kind.ORDER_UPDATED, NOW))

    assert event.customer_id == "7"


def test_a_lead_is_told_of_its_person_and_of_nobody_else():
    row = {
        "id": "u",
        "title": "Lamp",
        "person_id": 7,
        "value": {"amount": 9, "currency": "USD"},
        "add_time": "2026-11-01",
    }
    outline = Event("e", "crm", Kind.CUSTOMER_UPDATED, NOW)
    event = leads.read(Node(row), outline)
    gone = leads.read(Node(row), outline, is_deleted=True)

    assert (event.record_id, event.record["leadStatus"], event.record["leadValue"]) == ("7", "open", 9.0)
    assert (gone.record["leadStatus"], gone.occurred_at - event.occurred_at > timedelta(0)) == ("deleted", True)
    assert leads.read(Node({**row, "person_id": None}), outline) is None


def test_bodies_of_others_are_not_taken_for_ours():
    for body in (
        b"",
        b'{"meta": {}}',
        b'{"meta": {"webhook_id": 1}, "data": {}}',
        b'{"id": "evt_1", "object": "event"}',
    ):
        assert not PipedriveConnector.recognises(inbound(body))
