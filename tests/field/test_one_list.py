"""X1, reported of several CRMs: who leaves one list is not opted out of everything, and nobody else is touched."""

from __future__ import annotations

import json
from contextlib import suppress
from itertools import count

import pytest

from connectors.salesforce.tests.caller import ANA, Org, envelope
from customer_sync.errors import Unavailable
from customer_sync.model import Inbound
from customer_sync.pipeline import deliver
from customer_sync.store import inbox
from tests.field.house import House

BEA = "bea@example.com"
KEYS = (
    "platform: salesforce, organization_id: 00DFake0000000a, webhook_secret: s, client_id: demo-consumer-key, "
    "client_secret: demo-consumer-secret, opt_in_field: News__c, opt_in_at_field: At__c"
)
APART = "brevo: {leaving_a_list: list}\n"
CONFIG = f"""\
connectors:
  lists: {{{KEYS}, base_url: "http://lists.example.com", options: {{list_id: 2, write_back: lists}}}}
  other: {{{KEYS}, base_url: "http://other.example.com", options: {{list_id: 3, write_back: lists}}}}
  whole: {{{KEYS}, base_url: "http://whole.example.com", options: {{list_id: 2}}}}
skills:
  customer-sync: {{enabled: true, field_mapping: {{email: email, firstName: FIRSTNAME}}}}
"""
SOURCES = ("lists", "other", "whole")


class Town:
    """Three orgs that know Ana and Bea, and Brevo: two of them may be told of a list that was left."""

    def __init__(self, client, folder, patch, more=""):
        boxes = tuple(f"{name}.News__c" for name in ("Contact", "Lead"))
        times = tuple(f"{name}.At__c" for name in ("Contact", "Lead"))
        self.orgs = {
            name: Org(address=f"http://{name}.example.com", custom=(*boxes, *times), boxes=boxes) for name in SOURCES
        }
        hosts = {f"{name}.example.com": org for name, org in self.orgs.items()}
        self.house = House(client, folder, patch, hosts=hosts, config=CONFIG + more)
        self.people, self.numbers = {}, count(1)
        for name, org in self.orgs.items():
            org.clock.set(self.house.time.now_s)
            yes = {"News__c": True, "At__c": self.house.iso(-600)}
            self.people[name] = {email: org.contact(Email=email, **yes) for email in (ANA, BEA)}
            self.tell(name, *self.people[name].values())

    def tell(self, source, *ids):
        """Let an org tell of contacts."""
        told = [(f"04l{next(self.numbers)}", "Contact", {"Id": one}) for one in ids]
        connector = self.house.line.connectors[source]
        inbound = connector.sign(Inbound(source, {}, envelope(*told), self.house.now), "s")
        self.house.store.inbox.append([inbox.encode(inbound, connector.keeps)])
        self.work()

    def edit(self, source, **fields):
        """Let Ana's contact be edited in an org, which tells of it."""
        number = self.people[source][ANA]
        self.orgs[source].fake.change(number, fields)
        self.tell(source, number)

    def work(self):
        """Do all that can be done, for some minutes."""
        for _ in range(4):
            self.house.work()
            for lane in (*(f"fetch:{one}" for one in SOURCES), *(f"writeback:{one}" for one in SOURCES)):
                with suppress(Unavailable):
                    while deliver(self.house.line, lane).did_work:
                        pass
            self.house.pass_time(seconds=40)
            for org in self.orgs.values():
                org.clock.set(self.house.time.now_s)

    def leave(self, **more):
        """Let Brevo tell that Ana left."""
        told = {"event": "unsubscribed", "email": ANA, "ts_event": int(self.house.time.now_s), **more}
        self.house.store.inbox.append(
            [inbox.encode(Inbound("brevo", {}, json.dumps(told).encode(), self.house.now), ())]
        )
        self.work()

    def opted_out(self, email=ANA):
        """The orgs that have the global opt-out of somebody."""
        return {name for name, org in self.orgs.items() if org.row(self.people[name][email])["HasOptedOutOfEmail"]}

    def seen(self, email=ANA):
        row = self.house.contacts[email]
        return sorted(row["listIds"]), row["emailBlacklisted"]


@pytest.fixture
def towns(client, tmp_path, monkeypatch):
    """Make a town; `more` goes to the end of its tajo.yaml."""
    made = []

    def make(more=""):
        made.append(Town(client, tmp_path, monkeypatch, more))
        return made[-1]

    yield make
    for one in made:
        one.house.sandbox.close()


@pytest.fixture
def town(towns):
    """Where a list is a consent of its own."""
    return towns(APART)


def test_x1_by_itself_who_leaves_a_list_is_blocked_too_and_a_global_flag_is_told_of_everything_only(towns):
    town = towns()
    assert town.seen() == town.seen(BEA) == ([2, 3], False)
    town.house.act("unsubscribe", {"email": ANA, "list_ids": [2]})
    town.leave(list_id=[2])

    # blocked, too: stricter than leaving list 2 alone
    assert town.seen() == ([3], True)
    assert town.opted_out() == {"lists"}

    town.tell("lists", town.people["lists"][ANA])  # our own word comes back
    assert 2 not in town.seen()[0]
    assert town.opted_out() == {"lists"}

    town.house.brevo("PUT", f"/contacts/{ANA}", {"emailBlacklisted": True})
    town.leave()
    assert town.seen()[1] is True
    assert town.opted_out() == set(SOURCES)
    assert (town.seen(BEA), town.opted_out(BEA)) == (([2, 3], False), set())


def leave_list(town, *numbers):
    """Let Ana leave lists in Brevo, which takes her off them and tells of it."""
    town.house.act("unsubscribe", {"email": ANA, "list_ids": [*numbers]})
    town.leave(list_id=[*numbers])


def test_x1_off_one_list_and_an_opt_out_where_consent_means_it_then_everything_at_every_record(town):
    leave_list(town, 2)

    assert town.seen() == ([3], False)
    assert town.opted_out() == {"lists"}

    town.house.brevo("PUT", f"/contacts/{ANA}", {"emailBlacklisted": True})
    town.leave()

    assert town.seen()[1] is True
    assert town.opted_out() == set(SOURCES)
    assert (town.seen(BEA), town.opted_out(BEA)) == (([2, 3], False), set())


def test_x1_our_own_word_coming_back_and_a_later_edit_anywhere_change_nothing(town):
    leave_list(town, 2)
    for source in SOURCES:
        town.tell(source, town.people[source][ANA])
        town.edit(source, FirstName="Anna")

    assert town.house.contacts[ANA]["attributes"]["FIRSTNAME"] == "Anna"
    assert town.seen() == ([3], False)
    assert town.opted_out() == {"lists"}


def test_x1_who_leaves_the_second_list_too_is_on_none_and_still_not_blocked(town):
    for number in (2, 3):
        leave_list(town, number)

    assert town.seen() == ([], False)
    assert town.opted_out() == {"lists", "other"}


def test_x1_a_global_opt_out_that_brevo_tells_with_lists_is_one_of_everything(town):
    leave_list(town, 2)
    town.house.act("unsubscribe", {"email": ANA})
    town.leave(list_id=[2])

    assert town.seen()[1] is True
    assert town.opted_out() == set(SOURCES)


def test_x1_an_opt_out_at_a_source_that_means_its_lists_takes_off_those_and_one_at_another_source_blocks(town):
    town.edit("other", HasOptedOutOfEmail=True)
    assert town.seen() == ([2], False)

    town.edit("whole", HasOptedOutOfEmail=True)
    assert town.seen()[1] is True


def test_x1_on_doubt_whether_it_was_one_list_the_contact_is_blocked(town):
    town.leave(list_id=[2])  # and the contact shows no list as left

    assert town.seen()[1] is True


def test_x1_a_complaint_after_it_is_told_everywhere_and_nobody_lifts_its_block(town):
    leave_list(town, 2)
    town.house.act("spam", {"email": ANA})
    town.leave(event="spam")

    assert town.seen()[1] is True
    assert town.opted_out() == set(SOURCES)


def test_x1_a_list_that_was_left_before_proves_nothing_of_another_one(town):
    leave_list(town, 3)
    town.house.pass_time(hours=30)
    assert town.seen() == ([2], False)

    town.leave(list_id=[2])  # and the contact does not show it as left

    assert town.seen()[1] is True


def test_x1_who_opts_in_to_one_list_again_stays_on_the_other_that_they_never_left(town):
    leave_list(town, 2)
    assert town.seen() == ([3], False)

    town.edit("lists", HasOptedOutOfEmail=False, News__c=True, At__c=town.house.iso(0))
    assert town.seen() == ([2, 3], False)

    town.edit("other", FirstName="Anna")  # another delivery changes nothing
    assert town.seen() == ([2, 3], False)
