"""What is peculiar to HubSpot's webhooks: arrays, repeats, withdrawals, imports, merges."""

from __future__ import annotations

import pytest

from connectors.hubspot.tests.caller import NOW, event, kinds, told
from customer_sync.errors import PayloadError
from customer_sync.model import ConsentState

OUT = {"propertyName": "hs_email_optout", "propertyValue": "true"}


def test_a_hundred_events_are_a_hundred_hints():
    events = told(*(event("contact.propertyChange", one, propertyName="city") for one in range(1, 101)))

    assert kinds(events) == [("record_changed", str(one)) for one in range(1, 101)]
    assert len({one.id for one in events}) == 100


def test_a_retry_has_the_same_id_and_the_number_of_the_event_does_not_count():
    (first,) = told(event("contact.creation", 101, eventId=1, attemptNumber=0))
    (again,) = told(event("contact.creation", 101, eventId=2, attemptNumber=3))

    assert first.id == again.id


@pytest.mark.parametrize(
    "other",
    [{"portalId": 1}, {"subscriptionId": 26}, {"propertyName": "zip"}, {"occurredAt": 1}, {"objectId": 102}],
)
def test_events_that_differ_have_ids_that_differ(other):
    base = event("contact.propertyChange", 101, propertyName="city")

    assert told(base)[0].id != told({**base, **other})[0].id


def test_a_withdrawal_waits_for_no_read_and_has_the_time_of_the_act():
    withdrawn, again = told(event("contact.propertyChange", 101, **OUT))

    assert kinds([withdrawn, again]) == [("consent_changed", "101"), ("record_changed", "101")]
    (said,) = withdrawn.consents
    assert (said.state, said.at, said.method, said.explicit) == (ConsentState.WITHDRAWN, NOW, OUT["propertyName"], True)


@pytest.mark.parametrize("value", ["false", "", None, "maybe", 0])
def test_an_opt_out_that_is_not_set_is_no_withdrawal_and_no_opt_in(value):
    events = told(event("contact.propertyChange", 101, propertyName="hs_email_optout", propertyValue=value))

    assert kinds(events) == [("record_changed", "101")]
    assert not events[0].consents


def test_a_property_of_the_owners_own_is_a_withdrawal_where_the_settings_name_it():
    change = event("contact.propertyChange", 101, propertyName="no_mail", propertyValue="true")

    assert kinds(told(change)) == [("record_changed", "101")]
    assert kinds(told(change, opt_out_property="no_mail")) == [("consent_changed", "101"), ("record_changed", "101")]
    deal = event("deal.propertyChange", 101, propertyName="no_mail", propertyValue="true")
    assert kinds(told(deal, opt_out_property="no_mail")) == [("record_changed", "101")]


def test_imports_wait_for_the_next_pull_where_the_settings_say_so_but_nothing_that_cannot_wait():
    heard = [
        event("contact.creation", 1, changeSource="IMPORT"),
        event("contact.propertyChange", 2, changeSource="IMPORT", propertyName="city"),
        event("contact.propertyChange", 3, changeSource="IMPORT", **OUT),
        event("contact.deletion", 4, changeSource="IMPORT"),
        event("contact.privacyDeletion", 5, changeSource="IMPORT"),
        event("contact.creation", 6, changeSource="CRM_UI"),
    ]

    assert {one.record_id for one in told(*heard)} == {"1", "2", "3", "4", "5", "6"}
    kept = told(*heard, skip_import_events="true")
    assert kinds(kept) == [
        ("consent_changed", "3"),
        ("record_changed", "3"),
        ("record_changed", "4"),
        ("customer_erased", "5"),
        ("record_changed", "6"),
    ]


def test_an_event_that_cannot_be_read_costs_no_other_its_turn():
    events = told(
        event("contact.creation", 1), {"subscriptionType": "contact.creation", "objectId": None}, event("x", 2)
    )

    assert events[0].record_id == "1"
    assert isinstance(events[1], PayloadError)
    assert events[1].path == "[1].objectId"
    assert len(events) == 2


def test_a_merge_of_deals_reads_all_of_them_again():
    events = told(event("deal.merge", primaryObjectId=9001, mergedObjectIds=[9002], newObjectId=9003))

    assert kinds(events) == [("record_changed", "9002"), ("record_changed", "9001"), ("record_changed", "9003")]
    assert {one.record["resource"] for one in events} == {"orders"}


def test_a_merge_without_the_id_that_is_left_is_a_fault():
    (fault,) = told(event("contact.merge", mergedObjectIds=[102]))

    assert isinstance(fault, PayloadError)
    assert fault.path == "[0].primaryObjectId"


def test_a_deals_deletion_is_believed_and_an_association_means_the_deal():
    deletion, tie = told(
        event("deal.deletion", 9001), event("deal.associationChange", fromObjectId=9002, toObjectId=101)
    )

    assert deletion.record == {"resource": "orders", "isDeletion": True}
    assert (tie.record_id, tie.record) == ("9002", {"resource": "orders"})
