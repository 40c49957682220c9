"""Opt-outs that go back, and what keeps them from it."""

import json
from itertools import pairwise

import pytest

from connectors.salesforce.fake.org import ApiError
from connectors.salesforce.tests.caller import ANA, NOW, Org, ago
from customer_sync.errors import ConfigError, Parkable, TryLater
from customer_sync.kit.outbound import Reply
from customer_sync.kit.reach import Written

BOXES = {"opt_in_field": "News__c", "opt_in_at_field": "NewsAt__c"}
CUSTOM = {"custom": ("Contact.News__c", "Contact.NewsAt__c"), "boxes": ("Contact.News__c",)}


def written(org):
    return [(path, body) for method, path, body in org.calls if method == "PATCH"]


@pytest.mark.parametrize("sobject", ["Contact", "Lead"])
def test_an_opt_out_ticks_the_box_of_its_record_once(sobject):
    org = Org()
    number, other = org.contact(sobject=sobject), org.contact(sobject=sobject)

    assert org.withdraw(number, " Ana@Example.com") is Written.WRITTEN
    assert org.withdraw(number) is Written.UNCHANGED
    path = f"/services/data/v62.0/sobjects/{sobject}/{number}"
    assert written(org) == [(path, {"HasOptedOutOfEmail": True})]
    assert org.row(other)["HasOptedOutOfEmail"] is False


def test_a_person_account_is_opted_out_on_its_account():
    org = Org(person_accounts=True)
    account = org.fake.make("Account", {"Name": "Ana Lux"})
    number = org.contact(AccountId=account, IsPersonAccount=True)

    assert org.withdraw(number) is Written.WRITTEN
    assert written(org)[0][1] == {"PersonHasOptedOutOfEmail": True}
    assert org.row(number)["HasOptedOutOfEmail"] is True


@pytest.mark.parametrize("number", ["003Fak000000099IAA", "006Fak000000001IAA", "no id", "' OR Id != null OR Id = '"])
def test_what_is_not_there_is_gone(number):
    org = Org()
    org.contact()

    assert org.withdraw(number) is Written.GONE
    assert written(org) == []


def test_a_record_with_another_address_now_is_gone_and_left_alone():
    org = Org()
    number = org.contact(Email="new@example.com")

    assert org.withdraw(number) is Written.GONE
    assert written(org) == []


def test_a_merge_into_a_record_with_another_address_is_gone_too():
    org = Org()
    kept, gone = org.contact(Email="kept@example.com"), org.contact()
    org.fake.merge(kept, gone)

    assert org.withdraw(gone) is Written.GONE
    assert org.row(kept)["HasOptedOutOfEmail"] is False


@pytest.mark.parametrize(
    ("at", "found"), [("2026-11-21T12:30:00Z", Written.NEWER), ("2026-11-21T11:30:00Z", Written.WRITTEN)]
)
def test_an_opt_in_with_a_later_time_stays_and_an_earlier_one_does_not(at, found):
    org = Org(BOXES, **CUSTOM)
    number = org.contact(News__c=True, NewsAt__c=at)

    assert org.withdraw(number) is found
    assert org.row(number)["HasOptedOutOfEmail"] is (found is Written.WRITTEN)


def test_an_opt_in_without_a_time_does_not_hold_an_opt_out_up():
    org = Org({"opt_in_field": "News__c"}, **CUSTOM)
    number = org.contact(ago_s=-3600, News__c=True)

    assert org.withdraw(number, at=ago(hours=2)) is Written.WRITTEN


@pytest.mark.parametrize(
    "settings", [{"hidden": ("Lead.HasOptedOutOfEmail",)}, {"fixed": ("Lead.HasOptedOutOfEmail",)}]
)
def test_a_box_that_cannot_be_ticked_is_a_missing_permission_with_its_name(settings):
    org = Org(**settings)
    number = org.lead()

    with pytest.raises(ConfigError) as error:
        org.withdraw(number)
    assert "Lead.HasOptedOutOfEmail" in error.value.reason
    assert "Read and Edit" in error.value.remedy


@pytest.mark.parametrize(
    ("word", "status", "error"),
    [
        ("FIELD_CUSTOM_VALIDATION_EXCEPTION", 400, Parkable),
        ("INSUFFICIENT_ACCESS_OR_READONLY", 400, ConfigError),
        ("INSUFFICIENT_ACCESS", 403, ConfigError),
        ("UNABLE_TO_LOCK_ROW", 400, TryLater),
    ],
)
def test_a_refusal_says_who_has_to_do_what(monkeypatch, word, status, error):
    org = Org()
    number = org.contact()
    refuse(monkeypatch, org, word, status)

    with pytest.raises(error) as found:
        org.withdraw(number)
    assert ANA not in str(found.value)
    assert getattr(found.value, "remedy", "later")


def test_what_the_org_takes_back_is_not_called_written(monkeypatch):
    org = Org()
    number = org.contact()
    monkeypatch.setattr(org.fake, "write", lambda *_: number)

    with pytest.raises(Parkable, match="shows the old state"):
        org.withdraw(number)


def test_a_record_that_goes_while_it_is_written_is_gone():
    org = Org()
    number = org.contact()
    org.before["PATCH"] = lambda: org.fake.delete(number)

    assert org.withdraw(number, at=NOW) is Written.GONE
    assert len(written(org)) == 1


def refuse(monkeypatch, org, word, status):
    """Let every change be refused with a word."""

    def write(*_):
        raise ApiError(word, "a rule of the org", status)

    monkeypatch.setattr(org.fake, "write", write)


def test_an_opt_out_is_two_calls_and_one_that_is_there_already_is_one():
    org = Org()
    number = org.contact()
    used = org.fake.used
    assert org.withdraw(number) is Written.WRITTEN
    assert org.fake.used == used + 2

    assert org.withdraw(number) is Written.UNCHANGED
    assert org.fake.used == used + 3


@pytest.mark.parametrize("left_out", [0, 1])
def test_a_call_that_lacks_one_of_its_answers_is_made_again(monkeypatch, left_out):
    org = Org()
    number, send = org.contact(), org.send

    def cut(method, url, **more):
        reply = send(method, url, **more)
        if not url.endswith("/composite"):
            return reply
        told = json.loads(reply.body)
        del told["compositeResponse"][left_out]
        return Reply(200, reply.headers, json.dumps(told).encode())

    monkeypatch.setattr(org, "send", cut)
    with pytest.raises(TryLater, match="lacks a part"):
        org.withdraw(number)
    monkeypatch.undo()

    assert org.withdraw(number) is Written.WRITTEN


def test_a_record_that_is_there_and_cannot_be_written_is_not_said_to_be_gone():
    org = Org()
    number = org.contact()
    org.fault("status", status=404, method="PATCH", count=None)

    with pytest.raises(TryLater, match="is there"):
        org.withdraw(number)


def test_a_long_row_of_merges_is_followed_to_its_end():
    org = Org()
    chain = [org.contact() for _ in range(9)]
    for gone, kept in pairwise(chain):
        org.fake.merge(kept, gone)

    assert org.withdraw(chain[0]) is Written.WRITTEN
    assert org.row(chain[-1])["HasOptedOutOfEmail"] is True
    assert [one.record_id for one in org.fetch(chain[0]) if one.kind == "customer_updated"] == [chain[-1]]


def test_an_address_with_an_international_domain_is_the_one_of_the_record():
    org = Org()
    number = org.contact(Email="Ana@B\u00fccher.example")

    assert org.withdraw(number, "ana@xn--bcher-kva.example") is Written.WRITTEN
