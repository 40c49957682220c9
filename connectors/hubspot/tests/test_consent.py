"""Opt-outs written back: looked at first, for one address, of one type or of all, with and without the scope."""

from __future__ import annotations

from datetime import timedelta

import pytest

from connectors.hubspot.fake.settings import SCOPES
from connectors.hubspot.tests.caller import NOW, Hub
from customer_sync.errors import ConfigError, Parkable, TryLater, Unavailable
from customer_sync.kit.outbound import Reply

ANA = "ana@example.com"
TYPE = {"subscription_type": "5001"}
NO_SCOPE = tuple(one for one in SCOPES if "communication" not in one)


@pytest.fixture
def hub():
    return Hub(customers=0)


@pytest.fixture
def who(hub):
    return hub.person(email=ANA)


def test_an_opt_out_is_one_of_all_mail_and_reads_back(hub, who):
    assert hub.withdraw(who, ANA) == "written"
    assert hub.statuses(ANA) == {"UNSUBSCRIBED"}
    assert hub.fake_call("GET", f"contacts/{who}")["hs_email_optout"] == "true"
    assert hub.withdraw(who, ANA) == "unchanged"


def test_an_opt_out_of_one_type_leaves_the_others(hub, who):
    assert hub.withdraw(who, ANA, **TYPE) == "written"
    rows = hub.http.get(f"/fake/statuses?email={ANA}").get_json()["statuses"]
    assert {row["subscriptionId"]: row["status"] for row in rows} == {5001: "UNSUBSCRIBED", 5002: "NOT_SPECIFIED"}
    assert hub.withdraw(who, ANA, **TYPE) == "unchanged"
    assert hub.fake_call("GET", f"contacts/{who}").get("hs_email_optout") is None


def test_another_address_another_record_and_what_is_no_id_are_gone(hub, who):
    hub.person(email="other@example.com")

    for record_id, address in ((who, "other@example.com"), ("999", ANA), ("ana", ANA), (who, "")):
        assert hub.withdraw(record_id, address) == "gone"
    assert hub.statuses("other@example.com") == hub.statuses(ANA) == {"NOT_SPECIFIED"}


def test_the_record_of_a_merged_contact_is_found_where_hubspot_leads_to_it(hub, who):
    hub.fake.settings.merged_ids = "redirect"
    other = hub.person(email="second@example.com")
    hub.fake_call("POST", "merge", kept=int(who), gone=int(other))

    assert hub.withdraw(other, "second@example.com") == "written"
    assert hub.statuses(ANA) == {"NOT_SPECIFIED"}


@pytest.mark.parametrize(("later_s", "said", "options"), [(-60, "written", {}), (60, "newer", {}), (60, "newer", TYPE)])
def test_who_subscribed_after_the_opt_out_stays(hub, who, later_s, said, options):
    at = (NOW + timedelta(seconds=later_s)).isoformat()
    agreed = {"state": "SUBSCRIBED", "basis": "CONSENT_WITH_NOTICE"}
    hub.fake_call("POST", "statuses", email=ANA, subscription=5001, at=at, **agreed)

    assert hub.withdraw(who, ANA, NOW, **options) == said


@pytest.mark.parametrize("basis", [None, "LEGITIMATE_INTEREST_CLIENT", "NON_GDPR"])
@pytest.mark.parametrize("options", [{}, TYPE])
def test_whom_the_company_subscribed_after_the_opt_out_is_opted_out(hub, who, basis, options):
    at = (NOW + timedelta(seconds=60)).isoformat()
    hub.fake_call("POST", "statuses", email=ANA, subscription=5001, state="SUBSCRIBED", at=at, basis=basis)

    assert hub.withdraw(who, ANA, NOW, **options) == "written"
    assert "UNSUBSCRIBED" in hub.statuses(ANA)


def test_who_agreed_by_the_owners_own_property_after_the_opt_out_stays(hub, who):
    hub.fake_call("PATCH", f"contacts/{who}", newsletter_since="2026-11-22")

    assert hub.withdraw(who, ANA, NOW, opt_in_property="newsletter_since") == "newer"
    assert hub.withdraw(who, ANA, NOW + timedelta(days=2), opt_in_property="newsletter_since") == "written"


def test_a_later_date_is_read_as_the_pull_reads_it(hub, who):
    hub.fake_call("PATCH", f"contacts/{who}", newsletter_since=str(int((NOW + timedelta(hours=1)).timestamp() * 1000)))

    assert hub.withdraw(who, ANA, NOW, opt_in_property="newsletter_since") == "newer"


def test_a_later_date_of_a_contact_with_several_addresses_answers_no_opt_out(hub):
    several = hub.person(email=ANA, hs_additional_emails="a@example.com", newsletter_since="2026-11-22")

    assert hub.withdraw(several, ANA, NOW, opt_in_property="newsletter_since") == "written"


def test_what_somebody_agreed_to_later_of_another_type_does_not_keep_them(hub, who):
    hub.fake_call("POST", "statuses", email=ANA, subscription=5002, state="SUBSCRIBED", at="2026-11-22T10:00:00Z")

    assert hub.withdraw(who, ANA, NOW, **TYPE) == "written"
    rows = hub.http.get(f"/fake/statuses?email={ANA}").get_json()["statuses"]
    assert {row["subscriptionId"]: row["status"] for row in rows} == {5001: "UNSUBSCRIBED", 5002: "SUBSCRIBED"}


def test_what_a_contact_agreed_to_later_does_not_keep_its_additional_address(hub):
    who = hub.person(email="b@example.com", hs_additional_emails=ANA, newsletter_since="2026-11-22")

    assert hub.withdraw(who, ANA, NOW, opt_in_property="newsletter_since") == "written"


def test_without_the_scope_the_owners_own_property_is_set(who, hub):
    hub.fake.settings.scopes = NO_SCOPE
    with pytest.raises(ConfigError, match="lacks the scope") as fault:
        hub.withdraw(who, ANA)
    assert "opt_out_property" in fault.value.remedy

    assert hub.withdraw(who, ANA, opt_out_property="no_mail") == "written"
    assert hub.fake_call("GET", f"contacts/{who}")["no_mail"] == "true"
    assert hub.withdraw(who, ANA, opt_out_property="no_mail") == "unchanged"
    assert hub.fetch(who, opt_out_property="no_mail")[0].consents


def test_the_property_never_opts_out_an_address_that_did_not_ask(hub):
    hub.fake.settings.scopes = NO_SCOPE
    who = hub.person(email="b@example.com", hs_additional_emails=ANA)

    with pytest.raises(ConfigError, match="scope"):
        hub.withdraw(who, ANA, opt_out_property="no_mail")
    assert hub.fake_call("GET", f"contacts/{who}").get("no_mail") is None


def test_a_status_that_does_not_read_back_is_looked_at_again(hub, who, monkeypatch):
    send = hub.send

    def lying(method, url, **more):
        reply = send(method, url, **more)
        return reply._replace(body=reply.body.replace(b'"UNSUBSCRIBED"', b'"SUBSCRIBED"'))

    monkeypatch.setattr(hub, "send", lying)
    with pytest.raises(TryLater, match="still shows"):
        hub.withdraw(who, ANA)


@pytest.mark.parametrize(
    ("fault", "error"), [("error", Unavailable), ("ten_secondly", TryLater), ("lost", ConnectionResetError)]
)
def test_a_failure_is_no_outcome(hub, who, fault, error):
    hub.fault(fault, path="*/statuses/*")

    with pytest.raises(error):
        hub.withdraw(who, ANA)


def refusing(hub, monkeypatch, address):
    """HubSpot takes this address for none, wherever it stands in a call of statuses."""
    send = hub.send

    def refuse(method, url, **more):
        if f"/statuses/{address.replace('@', '%40')}" in url:
            body = b'{"status":"error","category":"VALIDATION_ERROR","message":"Invalid email"}'
            return Reply(400, {"content-type": "application/json"}, body)
        return send(method, url, **more)

    monkeypatch.setattr(hub, "send", refuse)


def test_an_address_that_hubspot_takes_for_none_is_parked_and_holds_up_nobody(hub, who, monkeypatch):
    refusing(hub, monkeypatch, ANA)

    with pytest.raises(Parkable, match="VALIDATION_ERROR"):
        hub.withdraw(who, ANA)


def test_an_address_that_hubspot_takes_for_none_stops_no_pull_of_statuses(hub, who, monkeypatch):
    other = hub.person(email="b@example.com")
    said = {"state": "SUBSCRIBED", "basis": "CONSENT_WITH_NOTICE"}
    hub.fake_call("POST", "statuses", email="b@example.com", subscription=5001, **said)
    refusing(hub, monkeypatch, ANA)

    found = {one.record_id: one for one in hub.pull(read_statuses="true", **TYPE)}

    assert found[who].consents == ()
    assert found[who].notes
    assert not any("ana" in note for note in found[who].notes)
    assert found[other].consents


def test_a_property_that_cannot_be_set_is_parked(hub, who):
    hub.fake.settings.scopes = NO_SCOPE
    with pytest.raises((Parkable, ConfigError)):
        hub.withdraw(who, ANA, opt_out_property="hs_object_id")


@pytest.mark.parametrize("field", ["email", "hs_additional_emails"])
def test_an_address_with_an_international_domain_is_opted_out_as_hubspot_writes_it(hub, field):
    own = "ana@b\u00fccher.example"
    who = hub.person(**{"email": "b@example.com", field: own})

    assert hub.withdraw(who, "ana@xn--bcher-kva.example") == "written"
    assert hub.statuses(own) == {"UNSUBSCRIBED"}
