"""HubSpot through the whole line: from its signed webhook, over the read that follows, to what Brevo has then."""

from __future__ import annotations

from itertools import permutations

import pytest

from connectors.hubspot.tests.line import Line
from tests.conftest import client, redis_url  # noqa: F401  # fixtures of an empty Redis

ANA = "ana@example.com"


@pytest.fixture
def line(client, tmp_path, monkeypatch):  # noqa: F811  # the fixture
    found = Line(client, tmp_path, monkeypatch, shuffle=False)
    yield found
    found.house.sandbox.close()


def test_a_contact_that_agreed_comes_on_the_list_by_its_webhook(line):
    line.person(101, email=ANA, lastname="Old")

    assert line.seen(ANA) == ("Old", [2], False)


def test_an_opt_out_takes_effect_though_nothing_can_be_read(line):
    line.person(101, email=ANA, lastname="Old")
    line.house.pass_time(minutes=5)
    line.act("POST", "faults", kind="down", count=None)
    line.act("POST", "statuses", email=ANA)
    line.hear()

    assert line.seen(ANA)[2]


@pytest.mark.parametrize("merged_ids", ["gone", "redirect"])
@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_h2_the_person_stays_with_what_the_third_record_says_and_nobody_is_deleted(line, order, merged_ids):
    line.person(101, email=ANA, lastname="Old")
    line.person(102, email="", lastname="Second")
    line.house.pass_time(minutes=5)
    line.fake.settings.merged_ids = merged_ids
    left = line.act("POST", "merge", kept=101, gone=102)["id"]
    line.act("PATCH", f"contacts/{left}", lastname="New")
    heard = [one for one in line.waiting() if one["subscriptionType"] in ("contact.merge", "contact.deletion")]
    assert len(heard) == 3
    line.hear(*[[heard[at]] for at in order])
    line.house.pass_time(minutes=15)

    assert line.seen(ANA) == ("New", [2], False)
    assert list(line.house.contacts) == [ANA]
    line.act("PATCH", f"contacts/{left}", lastname="Newest")
    line.hear()
    assert line.seen(ANA) == ("Newest", [2], False)


def test_h2_a_deletion_before_the_merge_is_told_or_found_deletes_nobody(line):
    line.person(101, email=ANA, lastname="Old")
    line.person(102, email="", lastname="Second")
    line.house.pass_time(minutes=5)
    line.fake.settings.lag_s = 3600  # no search finds what is left
    line.act("POST", "merge", kept=101, gone=102)
    heard = line.waiting()
    line.hear([one for one in heard if one["subscriptionType"] == "contact.deletion"])

    assert line.seen(ANA) == ("Old", [2], False)
    line.hear([one for one in heard if one["subscriptionType"] == "contact.merge"])
    line.house.pass_time(minutes=15)
    assert line.seen(ANA) == ("Old", [2], False)


def test_a_contact_that_was_deleted_leaves_the_list_a_minute_later(line):
    line.person(101, email=ANA, lastname="Old")
    line.house.pass_time(minutes=5)
    line.act("DELETE", "contacts/101")
    line.hear()
    assert line.seen(ANA)[1:] == ([2], False)
    line.house.pass_time(minutes=5)

    assert line.seen(ANA)[1:] == ([], True)


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_h3_who_was_erased_is_erased_and_no_late_change_brings_them_back(line, order):
    line.person(101, email=ANA, lastname="Old")
    line.house.pass_time(minutes=5)
    line.act("PATCH", "contacts/101", city="Bonn")
    line.act("POST", "contacts/101/erase")
    heard = line.waiting()
    assert [one["subscriptionType"] for one in heard] == [
        "contact.propertyChange",
        "contact.privacyDeletion",
        "contact.deletion",
    ]
    line.hear(*[[heard[at]] for at in order])
    line.house.pass_time(minutes=15)

    assert ANA not in line.house.contacts


def test_a_won_deal_is_a_paid_order_of_one_person(line):
    line.person(101, email=ANA, lastname="Old")
    line.person(102, email="ben@example.com", lastname="Ben")
    flags = {"dealstage": "closedwon", "hs_is_closed_won": "true", "hs_is_closed": "true", "deal_currency_code": "EUR"}
    deal = line.act("POST", "deals", dealname="Lamp", amount="500", **flags)["id"]
    for contact, labels in ((102, ["deal_to_contact", "buyer"]), (101, ["deal_to_contact"])):
        line.act("POST", "ties", deal=deal, contact=contact, labels=labels)
    line.hear()
    line.house.pass_time(minutes=5)
    line.act("POST", "ties", deal=deal, contact=102, labels=["buyer", "deal_to_contact"])
    line.hear()

    assert {name: (row["status"], row["amount"], row["email"]) for name, row in line.house.orders.items()} == {
        f"hub:{deal}": ("paid", 500.0, "ben@example.com")
    }


def test_h4_an_additional_address_makes_no_contact_and_its_opt_out_leaves_the_main_one(line):
    line.person(101, email="b@example.com", hs_additional_emails="a@example.com;c@example.com", lastname="Bea")
    line.act("POST", "statuses", email="a@example.com")
    line.hear()

    assert list(line.house.contacts) == ["b@example.com"]
    assert line.seen("b@example.com")[2] is False


def test_who_leaves_in_brevo_is_opted_out_in_hubspot_whose_echo_changes_nothing(line):
    line.person(101, email=ANA, lastname="Old")
    line.person(102, email="ben@example.com", lastname="Ben")
    line.house.pass_time(minutes=5)
    line.leave(ANA)

    assert line.statuses(ANA) == {"UNSUBSCRIBED"}
    assert line.statuses("ben@example.com") == {"NOT_SPECIFIED"}
    echo = line.waiting()
    assert [one["propertyName"] for one in echo] == ["hs_email_optout"]
    calls = len(line.house.http.calls)
    line.hear(echo)
    line.house.pass_time(minutes=5)
    assert line.seen(ANA)[2]
    assert not line.seen("ben@example.com")[2]
    assert len(line.house.http.calls) - calls <= 1
    assert line.waiting() == []


def test_an_opt_out_that_hubspot_cannot_take_now_is_written_later(line):
    line.person(101, email=ANA, lastname="Old")
    line.house.pass_time(minutes=5)
    line.fake.settings.scopes = ("crm.objects.contacts.read", "crm.objects.deals.read")
    line.leave(ANA)
    assert line.statuses(ANA) == {"NOT_SPECIFIED"}

    line.fake.settings.scopes = (*line.fake.settings.scopes, "communication_preferences.read_write")
    line.house.pass_time(hours=2)
    assert line.statuses(ANA) == {"UNSUBSCRIBED"}
