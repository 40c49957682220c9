"""What others reported of Salesforce, with the records and answers of the report, through the whole line: S2 to S8."""

from __future__ import annotations

import json
from collections import Counter
from datetime import timedelta

import pytest

from connectors.salesforce.connector import SalesforceConnector
from connectors.salesforce.fake.org import stamp
from connectors.salesforce.tests import test_field_line
from connectors.salesforce.tests.caller import ANA
from customer_sync import assembly
from customer_sync.batch.runs import step
from customer_sync.batch.starts import start
from customer_sync.pipeline import bulk, follow, single
from customer_sync.store.run import RunKind, RunState

house = test_field_line.house
SESSION_OF_TOKEN = "Authorization"


class Running:
    """A run, step by step."""

    def __init__(self, house, kind, resource="customers"):
        self.house = house
        self.puller = assembly.open_puller(house.settings, house.line, house._folder)
        self.number = start(self.puller, "crm", kind, resource=resource).id

    @property
    def now(self):
        return self.house.store.runs.read(self.number)

    def step(self):
        self.house.org.clock.set(self.house.time.now_s)
        step(self.puller, self.number)
        return self.now

    def end(self, *, seconds=1, most=60):
        """Go on until it has ended, and return it."""
        for _ in range(most):
            if self.step().state not in (RunState.RUNNING, RunState.DELIVERING):
                return self.now
            for work in (bulk, single):
                while work(self.house.line, "contacts").did_work:
                    pass
            while follow(self.house.line).did_work:
                pass
            self.house.pass_time(seconds=seconds)
        raise AssertionError(f"it does not end: {self.now}")


def heard(patch):
    """Return what runs read from now on: the id of each record, as often as it was read."""
    found, pull = Counter(), SalesforceConnector.pull

    def counted(self, want, access):
        page = pull(self, want, access)
        found.update(one.record_id for one in page.events)
        return page

    patch.setattr(SalesforceConnector, "pull", counted)
    return found


# S2


@pytest.mark.parametrize(("word", "status"), [("INVALID_SESSION_ID", 401), ("INVALID_QUERY_LOCATOR", 400)])
def test_s2_a_read_whose_page_address_is_dead_with_the_old_and_the_new_token_brings_all_rows_once(
    house, monkeypatch, word, status
):
    org, read = house.org, heard(monkeypatch)
    org.fake.settings.batch = 2  # of six contacts an answer shows two, and names the address of the others
    ids = [org.contact(Email=f"c{number}@example.com") for number in range(6)]
    run = Running(house, RunKind.FULL)
    assert run.step().counts["read"] == 2
    (locator,) = org.fake._locators
    old = org.fake._locators[locator][0]
    org.act("POST", "tokens/expire")
    if word == "INVALID_QUERY_LOCATOR":
        org.fake._locators.clear()
    ended = run.end()

    assert ended.state is RunState.DONE
    assert read == dict.fromkeys(ids, 1)
    assert ended.counts["read"] == 6
    assert org.fake.tokens.oauth.given["client_credentials"] == 2
    assert not [path for _, path, _ in org.calls if "/query/" in path]
    asked = [path for _, path, _ in org.calls if "SELECT+Id" in path and "FROM+Contact" in path]
    assert len(asked) == 3 + 1  # one of them once more with the new session
    new = f"Bearer {house.line.handlers['fetch:crm']._access().vault.load()['access_token']}"
    if word == "INVALID_QUERY_LOCATOR":
        org.fake._locators.clear()
    for shown in (old, new):  # what others asked for again and again
        answer = org.http.get(f"/services/data/v62.0/query/{locator}", headers={SESSION_OF_TOKEN: shown})
        assert (answer.status_code, answer.json[0]["errorCode"]) in {(status, word), (401, "INVALID_SESSION_ID")}
    assert (answer.status_code, answer.json[0]["errorCode"]) == (status, word)


# S3


def at(house, hour, minute, second=0):
    """Let it be a time of day, within the next 24 hours; nothing is done meanwhile."""
    left = house.now.replace(hour=hour, minute=minute, second=second) - house.now
    house.time.move((left % timedelta(days=1)).total_seconds())
    house.org.clock.set(house.time.now_s)


def appear(house, email, hour, minute, second=0):
    """Let the transaction of a contact end now, whose row has an older time."""
    at_s = house.now.replace(hour=hour, minute=minute, second=second).timestamp()
    return house.org.fake.make("Contact", {"LastName": "Late", "Email": email, "SystemModstamp": stamp(at_s)}, at_s)


@pytest.fixture
def read_at_211030(house):
    """An org that was read in full at 20:00, and what changed at 21:10:30, when the newest row was of 21:10:08."""
    at(house, 20, 0)
    Running(house, RunKind.FULL).end()
    at(house, 21, 10, 30)
    seen = house.org.contact(Email="seen@example.com", ago_s=22)
    run = Running(house, RunKind.INCREMENTAL)
    run.end()
    return house, seen


def test_s3_a_row_that_becomes_visible_behind_the_cursor_comes_with_the_next_run(read_at_211030, monkeypatch):
    house, seen = read_at_211030
    late, read = appear(house, "late@example.com", 21, 9, 40), heard(monkeypatch)
    at(house, 21, 25)
    ended = Running(house, RunKind.INCREMENTAL).end()

    assert read == {seen: 1, late: 1}
    assert ended.counts["creates"] == 2
    assert {"seen@example.com", "late@example.com"} <= set(house.contacts)


def test_s3_what_a_transaction_of_hours_held_back_is_found_by_the_compare_of_the_night_which_says_so(
    read_at_211030, monkeypatch
):
    house, seen = read_at_211030
    appear(house, "late@example.com", 20, 30)
    at(house, 21, 25)
    read = heard(monkeypatch)
    Running(house, RunKind.INCREMENTAL).end()
    assert read == {seen: 1}
    at(house, 3, 0)
    ended = Running(house, RunKind.COMPARE).end()

    assert "late@example.com" in house.contacts
    assert (ended.counts["read"], ended.counts["creates"]) == (2, 1)
    assert list(ended.notes) == ["Records that no webhook and no pull had brought before: 1."]
    at(house, 3, 0)
    assert list(Running(house, RunKind.COMPARE).end().notes) == []


# S4


def test_s4_who_is_opted_out_when_first_seen_by_a_run_is_blocked_by_the_call_that_makes_her(house, monkeypatch):
    house.org.contact(HasOptedOutOfEmail=True)
    house.org.contact(Email="bea@example.com", News__c=True, At__c=house.iso(-60))
    sent, send = [], house.http.send

    def noted(method, url, *, headers, body=None):
        if method != "GET" and ANA.encode() in (body or b"") + url.replace("%40", "@").encode():
            sent.append((method, url.partition("/v3")[2], json.loads(body or b"null")))
        return send(method, url, headers=headers, body=body)

    monkeypatch.setattr(house.http, "send", noted)
    Running(house, RunKind.FULL).end()

    first = sent[0]
    assert (first[0], first[1], first[2]["emailBlacklisted"]) == ("POST", "/contacts", True)
    assert not [one for one in sent if "listIds" in (one[2] or {}) or "/lists/" in one[1] or "import" in one[1]]
    assert house.contacts[ANA]["emailBlacklisted"] is True
    assert (house.contacts["bea@example.com"]["listIds"], house.contacts[ANA]["listIds"]) == ([2], [])
    assert house.act("mailable", method="GET")["mailable"] == []


# S5, S6


def test_s5_the_opt_out_of_a_lead_that_was_converted_before_it_was_seen_counts_and_goes_to_its_contact(house):
    contact, lead = house.org.contact(), house.org.lead(HasOptedOutOfEmail=True)
    house.org.fake.change(lead, {"IsConverted": True, "ConvertedContactId": contact}, house.time.now_s - 3600)
    Running(house, RunKind.FULL).end()
    assert list(house.contacts) == [ANA]
    assert (house.contacts[ANA]["emailBlacklisted"], house.contacts[ANA]["listIds"]) == (True, [])
    test_field_line.leave(house)
    calls = len(house.org.calls)
    house.pass_time(hours=48)

    assert (house.org.row(contact)["HasOptedOutOfEmail"], test_field_line.patches(house)) == (True, [contact])
    assert not [path for method, path, _ in house.org.calls[calls:] if method == "PATCH"]
    assert "parked" not in test_field_line.counted(house)


def test_s6_a_contact_that_was_merged_before_it_was_seen_leads_to_who_is_kept_and_her_opt_out_stays(house):
    kept = house.org.contact()
    Running(house, RunKind.FULL).end()
    gone = house.org.contact(HasOptedOutOfEmail=True)
    house.org.fake.change(gone, {"IsDeleted": True, "MasterRecordId": kept}, house.time.now_s - 60)
    Running(house, RunKind.INCREMENTAL).end()
    assert list(house.contacts) == [ANA]
    assert (house.contacts[ANA]["emailBlacklisted"], house.contacts[ANA]["listIds"]) == (True, [])
    test_field_line.leave(house)
    house.pass_time(hours=48)

    assert (house.org.row(kept)["HasOptedOutOfEmail"], test_field_line.patches(house)) == (True, [kept])


def test_s6_without_a_master_it_is_a_real_delete(house):
    gone = house.org.contact()
    Running(house, RunKind.FULL).end()
    assert house.contacts[ANA]["emailBlacklisted"] is False
    house.org.fake.change(gone, {"IsDeleted": True}, house.time.now_s - 60)
    Running(house, RunKind.INCREMENTAL).end()

    assert house.contacts[ANA]["emailBlacklisted"] is True


# S7


def test_s7_two_notifications_of_one_message_and_one_of_the_next_are_three_reads_and_the_first_again_is_none(house):
    ana, bea = house.org.contact(), house.org.contact(Email="bea@example.com")
    first = [("04l1", "Contact", {"Id": ana}), ("04l2", "Contact", {"Id": bea})]  # all have the same ActionId
    house.tell(*first)
    house.tell(("04l3", "Contact", {"Id": ana}))
    house.tell(*first)

    read = [number for _, path, _ in house.org.calls for number in (ana, bea) if "Id+IN" in path and number in path]
    assert sorted(read) == sorted([ana, bea, ana])
    assert set(house.contacts) == {ANA, "bea@example.com"}


# S8


@pytest.mark.parametrize("filled_by", ["Brevo", "us"])
def test_s8_the_phone_in_brevo_stays_where_the_mobile_phone_is_hidden_and_the_other_one_is_empty(house, filled_by):
    ana = house.org.contact(MobilePhone="+4915112345678" if filled_by == "us" else None, ago_s=7200)
    if filled_by == "Brevo":
        house.brevo("POST", "/contacts", {"email": ANA, "attributes": {"SMS": "+4915112345678"}})
    Running(house, RunKind.FULL).end()
    assert house.contacts[ANA]["attributes"]["SMS"].endswith("15112345678")
    house.org.fake.settings.hidden = ("Contact.MobilePhone", "Contact.HasOptedOutOfEmail")
    house.org.fake.change(ana, {"News__c": True, "At__c": house.iso(-60), "Title": "Dr"}, house.time.now_s - 60)
    ended = Running(house, RunKind.INCREMENTAL).end()

    assert ended.counts["read"] == 1
    assert house.contacts[ANA]["attributes"]["SMS"].endswith("15112345678")
    assert house.contacts[ANA]["listIds"] == []
    assert "HasOptedOutOfEmail" in ended.notes[0]
