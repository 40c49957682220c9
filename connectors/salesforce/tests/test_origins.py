"""Whose opt-in it is, where a record took in another one."""

from __future__ import annotations

import json

import pytest

from connectors.salesforce import origins
from connectors.salesforce.tests.caller import ANA, NOW, Org, ago, of_kind
from customer_sync.kit.outbound import Reply
from customer_sync.kit.reach import Written

BOXES = tuple(f"{name}.News__c" for name in ("Contact", "Lead"))
FIELDS = (*BOXES, *(f"{name}.At__c" for name in ("Contact", "Lead")))
OTHER = "bea@example.com"


def org_of(**settings):
    return Org({"opt_in_field": "News__c", "opt_in_at_field": "At__c"}, custom=FIELDS, boxes=BOXES, **settings)


def agreed(hours=1.0):
    return {"News__c": True, "At__c": ago(hours=hours).isoformat()}


def acts(events):
    """Return who told an opt-in, and whether it was an act of their own."""
    living = of_kind(events, "customer_updated")
    return {one.record_id: said.explicit for one in living for said in one.consents if said.state == "granted"}


@pytest.mark.parametrize(("address", "is_own"), [(ANA, True), (OTHER, False), (None, False), ("ANA@Example.com", True)])
def test_the_opt_in_of_a_contact_counts_as_an_act_unless_a_lead_of_another_address_became_it(address, is_own):
    org = org_of()
    contact, lead = org.contact(**agreed()), org.lead(Email=address, **agreed())
    org.fake.convert(lead, contact)

    assert acts(org.fetch(contact)) == acts(org.pull()) == {contact: is_own}


@pytest.mark.parametrize(("days", "is_own"), [(1, False), (3, True)])
def test_an_opt_in_that_is_newer_than_the_conversion_is_of_the_contact_itself(days, is_own):
    org = org_of()
    contact, lead = org.contact(), org.lead(Email=OTHER)
    org.fake.convert(lead, contact)
    org.clock.offset_s = days * 86_400
    org.fake.change(contact, {"News__c": True, "At__c": org.now.isoformat()})

    assert acts(org.fetch(contact)) == {contact: is_own}


@pytest.mark.parametrize("sobject", ["Contact", "Lead"])
def test_the_same_holds_of_a_merge(sobject):
    org = org_of()
    kept, gone = (org.contact(sobject=sobject, Email=one) for one in (ANA, OTHER))
    org.fake.change(gone, agreed())
    org.fake.merge(kept, gone)
    org.fake.change(kept, agreed())  # the value that was chosen

    assert acts(org.fetch(kept)) == acts(org.pull()) == {kept: False}


@pytest.mark.parametrize("hidden", ["Lead", "Lead.Email", "Lead.ConvertedDate"])
def test_where_leads_cannot_be_read_no_opt_in_of_a_contact_is_an_act(hidden):
    org = org_of(hidden=(hidden,))
    contact = org.contact(**agreed())

    assert acts(org.fetch(contact)) == {contact: False}


def test_only_opt_ins_with_a_time_are_asked_about_and_many_in_one_call(monkeypatch):
    monkeypatch.setattr(origins, "AT_ONCE", 3)
    org = org_of()
    for number in range(4):
        org.contact(Email=f"c{number}@example.com", **agreed())
    for fields in ({}, {"News__c": True}, {"HasOptedOutOfEmail": True, **agreed()}):
        org.contact(**fields)
    org.pull()

    asked = [body["compositeRequest"] for _, path, body in org.calls if path.endswith("/composite")]
    assert [len(one) for one in asked] == [2, 2]
    assert sum(one["url"].count("003Fak") for call in asked for one in call) == 2 * 4


def test_an_opt_in_of_another_address_is_no_answer_to_an_opt_out_from_brevo():
    org = org_of()
    contact, lead = org.contact(), org.lead(Email=OTHER)
    org.fake.convert(lead, contact)
    org.fake.change(contact, {"News__c": True, "At__c": NOW.isoformat()})

    assert org.withdraw(contact, at=ago(hours=1)) is Written.WRITTEN
    own = org.contact(News__c=True, At__c=NOW.isoformat())
    assert org.withdraw(own, at=ago(hours=1)) is Written.NEWER


def chain(org, first, hops):
    """Let a record of another address become a contact, that another contact, and so on; return the last."""
    last = org.contact()
    gone = org.contact(sobject="Lead" if first == "convert" else "Contact", Email=OTHER, **agreed())
    org.fake.convert(gone, last) if first == "convert" else org.fake.merge(last, gone)
    for _ in range(hops - 1):
        kept = org.contact()
        org.fake.merge(kept, last)
        last = kept
    org.fake.change(last, agreed())
    return last


@pytest.mark.parametrize("hops", [1, 2, 3])
@pytest.mark.parametrize("first", ["convert", "merge"])
def test_an_opt_in_stays_of_the_other_address_however_many_records_it_went_through(first, hops):
    org = org_of()
    last = chain(org, first, hops)

    assert acts(org.fetch(last)) == acts(org.pull()) == {last: False}
    assert org.withdraw(last, at=ago(hours=2)) is Written.WRITTEN


def test_a_lead_that_took_in_another_one_and_became_a_contact_brings_that_one_s_opt_in():
    org = org_of()
    gone, lead = (org.contact(sobject="Lead", Email=one, **agreed()) for one in (OTHER, ANA))
    contact = org.contact(**agreed())
    org.fake.merge(lead, gone)
    org.fake.convert(lead, contact)

    assert acts(org.fetch(contact)) == {contact: False}


def test_records_of_one_address_alone_leave_the_opt_in_what_it_is():
    org = org_of()
    first, second, last = org.contact(), org.contact(), org.contact(**agreed())
    org.fake.merge(second, first)
    org.fake.merge(last, second)

    assert acts(org.fetch(last)) == {last: True}


def test_an_opt_in_given_between_two_merges_is_of_the_address_that_the_record_had_then():
    org = org_of()
    middle, gone = org.contact(), org.contact(Email=OTHER)
    org.fake.merge(middle, gone)
    org.clock.offset_s = 86_400
    own = {"News__c": True, "At__c": org.now.isoformat()}
    org.fake.change(middle, own)
    org.clock.offset_s = 2 * 86_400
    last = org.contact()
    org.fake.merge(last, middle)
    org.fake.change(last, own)

    assert acts(org.fetch(last)) == {last: True}


def test_an_opt_in_behind_which_there_is_still_more_to_ask_is_foreign(monkeypatch):
    monkeypatch.setattr(origins, "MAX_DEPTH", 2)
    org = org_of()
    told = []
    for merges in (1, 2):
        last = org.contact(**agreed())
        for _ in range(merges):
            kept = org.contact(**agreed())
            org.fake.merge(kept, last)
            last = kept
        told.append(last)

    assert acts(org.fetch(*told)) == {told[0]: True, told[1]: False}


def test_a_foreign_opt_in_is_doubted_for_good_and_one_that_nobody_could_tell_of_is_not():
    org = org_of()
    contact = chain(org, "convert", 1)
    hidden = org_of(hidden=("Lead",))
    other = hidden.contact(**agreed())

    assert [one.is_doubted for event in org.fetch(contact) for one in event.consents] == [True]
    assert [one.is_doubted for event in hidden.fetch(other) for one in event.consents] == [False]


def failing(org, status, word):
    """Let the question what became a contact fail: one query of the call, or for a status of 0 the call as a whole."""
    send = org.send

    def answer(method, url, *, headers, body=None, is_file=False):
        found = send(method, url, headers=headers, body=body, is_file=is_file)
        if not url.endswith("/composite") or b"ConvertedContactId" not in (body or b""):
            return found
        if not status:
            return Reply(503, {"content-type": "application/json"}, b"[]")
        told = json.loads(found.body)
        fault = [{"errorCode": word, "message": "Your query request was running for too long."}]
        told["compositeResponse"][-1] |= {"httpStatusCode": status, "body": fault}
        return Reply(200, found.headers, json.dumps(told).encode())

    org.send = answer


FAULTS = [
    (400, "QUERY_TIMEOUT"),
    (400, "OPERATION_TOO_LARGE"),
    (400, "INSUFFICIENT_ACCESS"),
    (403, "INSUFFICIENT_ACCESS"),
    (500, "UNKNOWN_EXCEPTION"),
    (0, ""),
]


@pytest.mark.parametrize(("status", "word"), FAULTS)
def test_where_nobody_can_tell_whose_opt_in_it_is_opt_outs_go_on_and_it_is_said(status, word):
    org = org_of()
    left, agreeing = org.contact(HasOptedOutOfEmail=True), org.contact(**agreed())
    failing(org, status, word)
    page = next(org.pages())
    read = org.fetch(left, agreeing)

    for events in (page.events, read):
        assert acts(events) == {agreeing: False}
        assert [event.record_id for event in events for one in event.consents if one.state == "withdrawn"] == [left]
        assert [event.record_id for event in events if "At__c: taken as a state" in "".join(event.notes)] == [agreeing]
    assert len(page.notes) == 1
    assert page.notes[0].startswith("Opt-ins answer no opt-out")


@pytest.mark.parametrize(("status", "word"), FAULTS)
def test_an_opt_out_from_brevo_is_written_where_nobody_can_tell_whose_the_newer_opt_in_is(status, word):
    org = org_of()
    contact = org.contact(**agreed())
    failing(org, status, word)

    assert org.withdraw(contact, at=ago(hours=2)) is Written.WRITTEN
    assert org.fake.record(contact)["HasOptedOutOfEmail"] is True
