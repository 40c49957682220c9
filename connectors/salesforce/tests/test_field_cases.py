"""Failures that others reported of Salesforce, in its own bodies: at the connector, and to what Brevo has then."""

from __future__ import annotations

import json
import threading
from contextlib import suppress
from datetime import timedelta

import pytest

from connectors.salesforce import pull
from connectors.salesforce.connector import SalesforceConnector
from connectors.salesforce.tests.caller import ANA, NOW, Org, Vault, ago, envelope, kinds, of_kind
from customer_sync.errors import ConfigError, ConsentNeeded, Unavailable
from customer_sync.kit.reach import Access, Callback, Invitation, Want, Written
from customer_sync.model import ConsentState, Inbound
from customer_sync.pipeline import deliver
from customer_sync.store import inbox
from tests.field import house as houses

CONFIG = """\
connectors:
  crm:
    {platform: salesforce, base_url: "http://shop.example.com", organization_id: 00DFake0000000a, webhook_secret: s,
     client_id: demo-consumer-key, client_secret: demo-consumer-secret, opt_in_field: News__c, opt_in_at_field: At__c}
skills:
  customer-sync:
    enabled: true
    field_mapping: {email: email, firstName: FIRSTNAME, phone: SMS}
    options: {list_id: 2, missing_consent: granted}
"""


@pytest.fixture
def house(client, tmp_path, monkeypatch):
    """A whole installation whose source hears what a test lets Salesforce tell."""
    monkeypatch.setattr(houses, "CONFIG", CONFIG)
    boxes = [f"{name}.News__c" for name in ("Contact", "Lead")]
    fields = [f"{name}.At__c" for name in ("Contact", "Lead")]
    org = Org(address="http://shop.example.com", custom=(*boxes, *fields), boxes=tuple(boxes))
    found = houses.House(client, tmp_path, monkeypatch, org)
    org.clock.set(found.time.now_s)
    found.org = org
    found.hear = lambda events: hear(found, monkeypatch, events)
    found.tell = lambda *told: tell(found, *told)
    yield found
    found.sandbox.close()


def tell(house, *told):
    """Let an outbound message come, and let all that it brings about be done."""
    house.org.clock.set(house.time.now_s)
    connector = house.line.connectors["crm"]
    inbound = connector.sign(Inbound("crm", {}, envelope(*told), house.now), "s")
    connector.verify(inbound, ("s",))
    house.store.inbox.append([inbox.encode(inbound, connector.keeps)])
    for _ in range(3):
        house.work()
        with suppress(Unavailable):
            while deliver(house.line, "fetch:crm").did_work:
                pass
        house.pass_time(seconds=20)


def hear(found, patch, events):
    """Let the line take what a read gave, as it takes what a webhook tells."""
    told = [one for one in events if not isinstance(one, Exception)]
    told = [type(one)(**{**fields_of(one), "id": f"{number}:{one.id}"}) for number, one in enumerate(told)]
    patch.setattr(SalesforceConnector, "parse", lambda _self, _inbound: told)
    found._send("crm", {}, {"organizationId": "00DFake0000000a", "records": [], "told": repr(told)}, work=True)
    found.pass_time(minutes=1)


def fields_of(event):
    return {name: getattr(event, name) for name in event.__slots__}


def connected(org):
    """Let the owner agree, and return the first token."""
    invitation = Invitation("0" * 32, "https://ours.test/back", "https://ours.test/")
    address = org.connector.invite(invitation)
    back = org.http.get(address, base_url="http://org.example").headers["Location"]
    query = dict(pair.split("=") for pair in back.partition("?")[2].split("&"))
    org.connector.accept(Callback(query, b"", org.clock()), invitation, org.access)
    return org.vault.values["access_token"]


# S1


def test_s1_two_workers_that_meet_401_spend_one_refresh_token_and_both_go_on():
    org = Org(rotation="revoke")
    connected(org)
    org.contact()
    org.act("POST", "tokens/expire")
    lock, vault = threading.Lock(), org.vault

    class Shared(Vault):
        """The same values under a lock that waits."""

        def __init__(self):
            self.values, self.is_locked, self.saves = vault.values, True, []

        def locked(self):
            return lock

    shared, found = Shared(), []

    def work():
        found.append(org.connector.pull(Want("customers"), Access(org, shared, org.clock)))

    workers = [threading.Thread(target=work) for _ in range(4)]
    for one in workers:
        one.start()
    for one in workers:
        one.join()

    assert [len(page.events) for page in found] == [1] * 4
    assert org.fake.tokens.oauth.given["refresh_token"] == 1
    assert shared.values["refresh_token"] != vault.values["refresh_token"]


def test_s1_a_refresh_token_that_was_lost_with_its_process_ends_in_connect_again_without_a_loop():
    org = Org({"client_secret": "demo-consumer-secret"}, rotation="revoke")
    connected(org)
    before = org.vault.load()
    org.act("POST", "tokens/expire")
    org.contact()
    assert org.pull()
    org.vault.values = before  # the process died before it stored
    org.act("POST", "tokens/expire")
    calls = len(org.calls)

    with pytest.raises(ConsentNeeded, match="connect crm"):
        org.pull()
    asked = [path for _, path, _ in org.calls[calls:]]
    assert [one for one in asked if "oauth2" in one] == ["/services/oauth2/token"]


# S2


def test_s2_a_read_goes_on_from_its_last_row_when_the_session_ended_with_its_page_addresses(monkeypatch):
    monkeypatch.setattr(pull, "PAGE", 5)
    org = Org(customers=24, batch=3, session_calls=4)
    found = [one.record_id for page in org.pages() for one in page.events]

    assert sorted(found) == sorted(
        row["Id"] for table in ("Contact", "Lead") for row in org.fake.tables[table].values()
    )
    assert not [path for _, path, _ in org.calls if "/query/01g" in path]
    assert org.fake.tokens.oauth.given["client_credentials"] > 2


def test_s2_a_page_that_is_asked_again_with_a_new_session_is_the_same(monkeypatch):
    monkeypatch.setattr(pull, "PAGE", 5)
    org = Org(customers=12)
    first = next(org.pages())
    org.act("POST", "tokens/expire")
    one = org.connector.pull(Want("customers", first.cursor), org.access)
    org.fault("unauthorized")

    assert org.connector.pull(Want("customers", first.cursor), org.access).events == one.events


# S3


def test_s3_a_row_that_appears_behind_the_cursor_comes_with_the_next_run():
    org = Org()
    seen = org.contact(ago_s=60)
    assert [number for _, number in kinds(org.pull(ago(hours=1)))] == [seen]
    late = org.contact(ago_s=90, Email="late@example.com")  # its transaction ended after the first run
    org.clock.offset_s = 120

    assert late in [number for _, number in kinds(org.pull(NOW))]


def test_s3_what_is_newer_than_half_a_minute_waits_for_the_next_run():
    org = Org()
    org.contact(ago_s=10)

    assert org.pull(ago(hours=1)) == []
    org.clock.offset_s = 60
    assert len(org.pull(NOW)) == 1


# S4


def test_s4_who_is_opted_out_from_birth_is_blocked_and_on_no_list(house):
    org = Org()
    org.contact(HasOptedOutOfEmail=True)
    org.contact(Email="bea@example.com")
    house.hear(org.pull())

    ana, bea = house.contacts[ANA], house.contacts["bea@example.com"]
    assert (ana["emailBlacklisted"], ana["listIds"]) == (True, [])
    assert (bea["emailBlacklisted"], bea["listIds"]) == (False, [])
    asked = [path for method, path in house.http.calls if method in {"POST", "PUT"}]
    assert len([one for one in asked if one.startswith("/v3/contacts")]) <= 2, "no moment without the block"


# S5


def test_s5_a_converted_lead_is_one_contact_and_its_opt_out_is_not_lost(house):
    org = Org()
    contact = org.contact()
    lead = org.lead(HasOptedOutOfEmail=True)
    house.hear(org.fetch(lead, contact))
    org.fake.convert(lead, contact)
    house.hear(org.pull())

    assert list(house.contacts) == [ANA]
    assert (house.contacts[ANA]["emailBlacklisted"], house.contacts[ANA]["listIds"]) == (True, [])


@pytest.mark.parametrize("way", ["looked up", "found out by the refusal"])
def test_s5_an_opt_out_of_a_converted_lead_is_written_to_its_contact(way):
    org = Org()
    contact, lead = org.contact(), org.lead()
    if way == "looked up":
        org.fake.convert(lead, contact)
    else:
        org.before["PATCH"] = lambda: org.fake.convert(lead, contact)

    assert org.withdraw(lead) is Written.WRITTEN
    assert org.row(contact)["HasOptedOutOfEmail"] is True
    assert org.row(lead)["HasOptedOutOfEmail"] is False
    assert len([1 for method, _, _ in org.calls if method == "PATCH"]) == (1 if way == "looked up" else 2)


# S6


def test_s6_the_loser_of_a_merge_leads_to_who_is_kept_and_its_opt_out_survives(house):
    org = Org()
    kept, gone = org.contact(), org.contact(HasOptedOutOfEmail=True, Email="old@example.com")
    house.hear(org.pull())
    org.fake.merge(kept, gone)
    org.clock.offset_s = 60
    told = org.pull(NOW - timedelta(minutes=1))
    house.hear(told)

    merged = of_kind(told, "customer_merged")
    assert [one.record for one in merged] == [{"keptId": kept, "deletedId": gone}]
    assert not of_kind(told, "customer_deleted")
    assert house.contacts[ANA]["emailBlacklisted"] is True
    assert all(row["emailBlacklisted"] for row in house.contacts.values())


def test_s6_an_opt_out_of_the_loser_is_written_to_who_is_kept():
    org = Org()
    kept, gone = org.contact(), org.contact()
    org.before["PATCH"] = lambda: org.fake.merge(kept, gone)

    assert org.withdraw(gone) is Written.WRITTEN
    assert org.row(kept)["HasOptedOutOfEmail"] is True


def test_s6_without_a_master_it_is_a_real_delete():
    org = Org()
    gone = org.contact()
    org.fake.delete(gone)

    assert kinds(org.pull(ago(hours=2))) == []
    org.clock.offset_s = 60
    assert kinds(org.pull(NOW)) == [("customer_deleted", gone)]
    assert org.fetch(gone) == []
    assert org.withdraw(gone) is Written.GONE


def test_s6_a_fetch_of_the_loser_brings_the_merge_before_who_is_kept():
    org = Org()
    kept, middle, gone = org.contact(), org.contact(), org.contact(HasOptedOutOfEmail=True)
    org.fake.merge(middle, gone)
    org.fake.merge(kept, middle)
    told = org.fetch(gone)

    assert [one.record for one in of_kind(told, "customer_merged")] == [
        {"keptId": middle, "deletedId": gone},
        {"keptId": kept, "deletedId": middle},
    ]
    assert kinds(told)[-1] == ("customer_updated", kept)
    left = of_kind(told, "consent_changed")
    assert {(one.record_id, one.record.get("email")) for one in left} == {(gone, ANA), (middle, None)}
    assert {seen.state for one in left for seen in one.consents} == {ConsentState.WITHDRAWN}


def test_s6_an_opt_out_of_the_loser_survives_an_address_that_cannot_be_read():
    org = Org()
    kept, gone = org.contact(), org.contact(HasOptedOutOfEmail=True, Email="no address")
    org.fake.merge(kept, gone)
    told = org.fetch(gone)

    assert kinds(told)[:3] == [("consent_changed", gone), ("consent_changed", kept), ("customer_merged", gone)]
    assert "Email: " in told[0].notes[0]


# S7


def test_s7_each_notification_of_a_message_is_a_hint_of_its_own_whatever_its_action():
    org = Org()
    first = envelope(("04l1", "Contact", {"Id": "003A"}), ("04l2", "Contact", {"Id": "003B"}))
    second = envelope(("04l3", "Contact", {"Id": "003A"}))
    told = [one for body in (first, second) for one in org.connector.parse(org.verified(body))]

    assert [one.record_id for one in told] == ["003A", "003B", "003A"]
    assert len({one.id for one in told}) == 3
    assert [one.id for one in org.connector.parse(org.verified(first))] == [one.id for one in told[:2]]
    assert org.connector.accepted.body.count(b"<Ack>true</Ack>") == 1
    assert org.connector.accepted.content_type.startswith("text/xml")


def test_s7_two_of_one_message_are_read_and_in_brevo_and_the_message_again_changes_nothing(house):
    ana, bea = house.org.contact(), house.org.contact(Email="bea@example.com", FirstName="Bea")
    message = [("04l1", "Contact", {"Id": ana}), ("04l2", "Contact", {"Id": bea})]
    house.tell(*message)
    assert {name: row["attributes"]["FIRSTNAME"] for name, row in house.contacts.items()} == {
        ANA: "Ana",
        "bea@example.com": "Bea",
    }
    house.org.fake.change(ana, {"FirstName": "Anna"})
    calls = len(house.org.calls)
    house.tell(*message)
    assert len(house.org.calls) == calls
    house.tell(("04l3", "Contact", {"Id": ana}))

    assert house.contacts[ANA]["attributes"]["FIRSTNAME"] == "Anna"


def test_a_withdrawal_in_a_message_waits_for_no_read(house):
    ana = house.org.contact(News__c=True, At__c=house.iso(-60))
    house.tell(("04l1", "Contact", {"Id": ana}))
    assert house.contacts[ANA]["listIds"] == [2]
    house.org.fault("unavailable", count=None)
    house.tell(("04l2", "Contact", {"Id": ana, "HasOptedOutOfEmail": "true", "SystemModstamp": house.iso()}))

    assert house.contacts[ANA]["emailBlacklisted"] is True


def test_an_opt_in_box_that_is_emptied_is_a_withdrawal_and_one_that_was_never_ticked_is_none(house):
    ana = house.org.contact(News__c=True, At__c=house.iso(-60))
    bea = house.org.contact(Email="bea@example.com")
    house.tell(("04l1", "Contact", {"Id": ana}), ("04l2", "Contact", {"Id": bea}))
    house.org.fake.change(ana, {"News__c": False})
    house.tell(("04l3", "Contact", {"Id": ana}), ("04l4", "Contact", {"Id": bea}))

    assert house.contacts[ANA]["emailBlacklisted"] is True
    assert house.contacts["bea@example.com"]["emailBlacklisted"] is False


def test_the_opt_in_of_a_converted_lead_lifts_no_opt_out_of_the_contacts_own_address(house):
    bea = house.org.contact(Email="bea@example.com", News__c=True, At__c=house.iso(-600_000))
    lead = house.org.lead()
    house.tell(("04l1", "Contact", {"Id": bea}), ("04l2", "Lead", {"Id": lead}))
    body = {"event": "unsubscribed", "email": "bea@example.com", "ts_event": int(house.time.now_s)}
    house.act("unsubscribe", {"email": "bea@example.com"})
    house.store.inbox.append([inbox.encode(Inbound("brevo", {}, json.dumps(body).encode(), house.now), ())])
    house.work()
    assert house.contacts["bea@example.com"]["emailBlacklisted"] is True
    house.org.fake.change(bea, {"HasOptedOutOfEmail": False})
    house.pass_time(minutes=5)
    agreed = {"News__c": True, "At__c": house.iso()}
    house.org.fake.change(lead, agreed)
    house.tell(("04l3", "Contact", {"Id": bea}), ("04l4", "Lead", {"Id": lead}))
    assert house.contacts["bea@example.com"]["emailBlacklisted"] is True
    house.pass_time(minutes=5)
    house.org.fake.convert(lead, bea)
    house.org.fake.change(bea, agreed)  # what a mapping of lead fields does
    house.tell(("04l5", "Contact", {"Id": bea}), ("04l6", "Lead", {"Id": lead}))

    assert house.contacts["bea@example.com"]["emailBlacklisted"] is True


def test_an_opt_in_that_came_with_a_merge_is_none_for_the_other_address_when_the_bin_is_empty_either(house):
    bea = house.org.contact(Email="bea@example.com")
    gone = house.org.contact()
    house.tell(("04l1", "Contact", {"Id": bea}), ("04l2", "Contact", {"Id": gone}))
    house.act("unsubscribe", {"email": "bea@example.com"})
    body = {"event": "unsubscribed", "email": "bea@example.com", "ts_event": int(house.time.now_s)}
    house.store.inbox.append([inbox.encode(Inbound("brevo", {}, json.dumps(body).encode(), house.now), ())])
    house.work()
    assert house.contacts["bea@example.com"]["emailBlacklisted"] is True
    house.pass_time(minutes=5)
    house.org.clock.set(house.time.now_s)
    agreed = {"News__c": True, "At__c": house.iso()}
    house.org.fake.change(gone, agreed)
    house.pass_time(minutes=5)
    house.org.clock.set(house.time.now_s)
    house.org.fake.merge(bea, gone)
    house.org.fake.change(bea, {**agreed, "HasOptedOutOfEmail": False})  # the values that were chosen
    house.tell(("04l3", "Contact", {"Id": bea}))
    assert house.contacts["bea@example.com"]["emailBlacklisted"] is True
    del house.org.fake.tables["Contact"][gone]  # fifteen days later
    house.pass_time(minutes=5)
    house.org.clock.set(house.time.now_s)
    house.org.fake.change(bea, {"Title": "Dr"})
    house.tell(("04l4", "Contact", {"Id": bea}))

    assert house.contacts["bea@example.com"]["emailBlacklisted"] is True


def test_a_deletion_and_a_merge_are_told_apart_by_the_read_of_a_hint(house):
    ana, other, bea = house.org.contact(), house.org.contact(), house.org.contact(Email="bea@example.com")
    house.tell(*[(f"04l{number}", "Contact", {"Id": number}) for number in (ana, other, bea)])
    house.org.fake.merge(ana, other)
    house.org.fake.delete(bea)
    house.pass_time(minutes=2)
    house.tell(*[(f"04m{number}", "Contact", {"Id": number}) for number in (other, bea)])
    house.pass_time(minutes=2)
    house.tell(("04n1", "Contact", {"Id": ana}))

    assert house.contacts[ANA]["emailBlacklisted"] is False
    assert house.contacts["bea@example.com"]["emailBlacklisted"] is True


def test_who_opted_out_and_was_deleted_before_the_read_has_left_elsewhere_too():
    org = Org()
    gone, lead = org.contact(HasOptedOutOfEmail=True), org.lead(HasOptedOutOfEmail=True)
    for one in (gone, lead):
        org.fake.delete(one)

    found = org.fetch(gone, lead)

    assert kinds(found) == [(kind, one) for one in (gone, lead) for kind in ("consent_changed", "customer_deleted")]
    assert [(one.record["email"], one.consents[0].state) for one in found[::2]] == [(ANA, ConsentState.WITHDRAWN)] * 2


# S8


def test_s8_a_hidden_field_stays_as_it_is_in_brevo_and_nobody_is_put_on_a_list(house):
    org = Org({"opt_in_field": "Newsletter__c"}, custom=("Contact.Newsletter__c",), boxes=("Contact.Newsletter__c",))
    org.fake.settings.hidden = ("Contact.MobilePhone", "Contact.HasOptedOutOfEmail", "Contact.Phone")
    house.brevo("POST", "/contacts", {"email": ANA, "attributes": {"SMS": "+4915112345678"}})
    org.contact(MobilePhone="+4915199999999", Newsletter__c=True)
    told = org.pull()
    house.hear(told)

    assert "phone" not in told[0].record
    assert house.contacts[ANA]["attributes"]["SMS"].endswith("15112345678")
    assert house.contacts[ANA]["listIds"] == []
    assert house.contacts[ANA]["attributes"]["FIRSTNAME"] == "Ana"


def test_s8_a_check_names_the_hidden_fields_and_no_write_back_is_claimed():
    org = Org(hidden=("Contact.MobilePhone", "Contact.HasOptedOutOfEmail"))
    number = org.contact()
    found = [one for one in org.connector.check(org.access) if one.name == "fields of Contact"]

    assert found[0].verdict == "fail"
    assert "MobilePhone" in found[0].cause
    assert "HasOptedOutOfEmail" in found[0].fix
    assert "permission set" in found[0].fix
    with pytest.raises(ConfigError, match="does not see Contact"):
        org.withdraw(number)
    assert not [1 for method, _, _ in org.calls if method == "PATCH"]
