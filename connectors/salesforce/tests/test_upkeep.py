"""Webhooks made by the Tooling API, and what the doctor says."""

import pytest

from connectors.salesforce.tests.caller import SECRET, Org
from customer_sync.errors import ConfigError
from customer_sync.kit.connector import SourceSettings
from customer_sync.kit.reach import Access

ADDRESS = "https://ours.test/webhooks/crm"


def messages(org):
    return {row["EntityDefinitionId"]: row for row in org.fake.tooling.rows["WorkflowOutboundMessage"].values()}


def findings(org):
    return {one.name: one for one in org.connector.check(org.access)}


def test_each_object_gets_a_message_and_a_flow_that_sends_it():
    org = Org()
    done = org.connector.ensure_webhooks(ADDRESS, org.access)

    assert done.created == ("Contact", "Lead", "Opportunity")
    contact = messages(org)["Contact"]
    assert contact["FullName"] == "Contact.Tajo_crm"
    assert contact["Metadata"]["endpointUrl"] == f"{ADDRESS}/{SECRET}"
    assert contact["Metadata"]["fields"] == ["Id", "SystemModstamp", "Email", "HasOptedOutOfEmail"]
    assert contact["Metadata"]["includeSessionId"] is False
    assert contact["Metadata"]["integrationUser"] == "sync@lamps.example"
    assert org.fake.tooling.told_by("Lead") == [messages(org)["Lead"]]


def test_a_message_that_sends_the_session_or_lacks_the_opt_out_is_repaired_and_keeps_the_rest():
    org = Org()
    org.connector.ensure_webhooks(ADDRESS, org.access)
    meta = messages(org)["Lead"]["Metadata"]
    meta |= {"includeSessionId": True, "fields": ["Id", "Rating"], "integrationUser": "other@lamps.example"}
    done = org.connector.ensure_webhooks(ADDRESS, org.access)

    assert set(done.repaired) == {"Lead"}
    assert "session" in done.repaired["Lead"]
    assert "HasOptedOutOfEmail" in done.repaired["Lead"]
    meta = messages(org)["Lead"]["Metadata"]
    assert meta["fields"] == ["Id", "Rating", "SystemModstamp", "Email", "HasOptedOutOfEmail"]
    assert (meta["includeSessionId"], meta["integrationUser"]) == (False, "other@lamps.example")


def test_a_user_who_may_not_make_them_is_told_how_to_make_them_by_hand():
    org = Org()
    org.fault("scope", count=None, path="*/tooling/*")

    with pytest.raises(ConfigError) as error:
        org.connector.ensure_webhooks(ADDRESS, org.access)
    assert "Outbound Messages" in error.value.remedy
    assert "Customize Application" in error.value.remedy
    assert SECRET not in str(error.value)


def test_what_one_object_refuses_does_not_keep_the_others_from_theirs():
    org = Org()
    org.fault("status", status=400, path="*/tooling/sobjects/Flow", skip=1)
    done = org.connector.ensure_webhooks(ADDRESS, org.access)

    assert done.created == ("Contact", "Opportunity")
    assert set(done.failed) == {"Lead"}
    assert org.connector.ensure_webhooks(ADDRESS, org.access).created == ("Lead",)


@pytest.mark.parametrize("secrets", [(), ("with/slash",), ("whsec_YWJj+/==",), ("a b",)])
def test_a_secret_that_no_address_can_hold_is_told(secrets):
    org = Org()
    connector = type(org.connector)(SourceSettings("crm", "salesforce", secrets, org.options, "http://org.example"))

    with pytest.raises(ConfigError, match="letters and digits"):
        connector.ensure_webhooks(ADDRESS, Access(org, org.vault, org.clock))
    assert messages(org) == {}


# the doctor


def test_the_doctor_is_content_with_what_is_well():
    org = Org()
    org.connector.ensure_webhooks(ADDRESS, org.access)
    found = findings(org)

    assert {one.verdict for one in found.values()} == {"ok"}
    assert "80 %" in found["calls"].cause


@pytest.mark.parametrize(
    ("options", "settings", "name", "verdict", "words"),
    [
        ({"organization_id": ""}, {}, "org", "warn", "00DFake0000000aEAA"),
        ({"organization_id": "00DOther0000000"}, {}, "org", "fail", "00DFake0000000aEAA"),
        ({}, {"scopes": ("refresh_token",)}, "scopes", "fail", "`api`"),
        ({}, {"used": 13_000}, "calls", "warn", "API Usage"),
        ({}, {"hidden": ("Lead",)}, "fields of Lead", "warn", "Read on Lead"),
        ({}, {"hidden": ("Contact.Title",)}, "fields of Contact", "warn", "Title"),
        ({}, {"fixed": ("Contact.HasOptedOutOfEmail",)}, "fields of Contact", "warn", "Edit on HasOptedOutOfEmail"),
        ({"opt_in_field": "News__c"}, {}, "fields of Contact", "warn", "News__c"),
        ({"fields": "Tier__c, Rank__c"}, {"custom": ("Lead.Rank__c",)}, "more fields", "warn", "Read on Tier__c."),
        ({}, {}, "webhooks", "warn", "install crm"),
    ],
)
def test_the_doctor_names_what_is_not_well_and_what_to_do(options, settings, name, verdict, words):
    found = findings(Org(options, **settings))[name]

    assert found.verdict == verdict
    assert words in found.fix


def test_without_keys_the_doctor_says_what_to_set():
    found = findings(Org({"client_id": "", "client_secret": ""}))

    assert found["token"].verdict == "warn"
    assert "client_id" in found["token"].fix
