"""Whose opt-in it is, where a record took in another one."""

from __future__ import annotations

import pytest

from connectors.salesforce import origins
from connectors.salesforce.tests.caller import ANA, NOW, Org, ago, of_kind
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
