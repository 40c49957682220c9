"""X1, reported of several CRMs: who leaves one list is not opted out of everything, and nobody else is touched."""

from __future__ import annotations

import json
from contextlib import suppress

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

    def __init__(self, client, folder, patch):
        boxes = tuple(f"{name}.News__c" for name in ("Contact", "Lead"))
        times = tuple(f"{name}.At__c" for name in ("Contact", "Lead"))
        self.orgs = {
            name: Org(address=f"http://{name}.example.com", custom=(*boxes, *times), boxes=boxes) for name in SOURCES
        }
        hosts = {f"{name}.example.com": org for name, org in self.orgs.items()}
        self.house = House(client, folder, patch, hosts=hosts, config=CONFIG)
        self.people = {}
        for name, org in self.orgs.items():
            org.clock.set(self.house.time.now_s)
            yes = {"News__c": True, "At__c": self.house.iso(-600)}
            self.people[name] = {email: org.contact(Email=email, **yes) for email in (ANA, BEA)}
            self.tell(name, *self.people[name].values())

    def tell(self, source, *ids):
        """Let an org tell of contacts."""
        told = [(f"04l{source}{number}", "Contact", {"Id": one}) for number, one in enumerate(ids)]
        connector = self.house.line.connectors[source]
        inbound = connector.sign(Inbound(source, {}, envelope(*told), self.house.now), "s")
        self.house.store.inbox.append([inbox.encode(inbound, connector.keeps)])
        self.work()

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
def town(client, tmp_path, monkeypatch):
    found = Town(client, tmp_path, monkeypatch)
    yield found
    found.house.sandbox.close()


def test_x1_a_list_that_was_left_is_told_where_it_is_the_sources_own_and_everything_everywhere(town):
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
