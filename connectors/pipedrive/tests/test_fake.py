"""The stand-in: limits, the firewall, paging, webhooks that are tried again, muted and deleted; and the whole way."""

from __future__ import annotations

import base64
import json
from urllib.parse import parse_qsl, urlsplit

import pytest

from connectors.pipedrive.connector import PipedriveConnector
from connectors.pipedrive.fake.app import FakePipedrive
from connectors.pipedrive.fake.settings import Settings
from connectors.pipedrive.tests.standin import FakeVault, access, connector
from customer_sync.errors import TryLater
from customer_sync.kit.outbound import Reply
from customer_sync.kit.reach import Callback, Invitation, Want, Withdrawal, Written
from customer_sync.model import Channel, Inbound, Kind, from_ms
from tests.fakes.receiver import receiving

TOKEN = {"x-api-token": "pipedrive-token"}
#: What a caller without a server calls.
HOST = "http://localhost"


class Company:
    """A stand-in without a server, and a connector that calls it."""

    def __init__(self, **settings):
        self.fake = FakePipedrive(Settings(**{"customers": 30, "calls_per_2s": 1000, **settings}))
        self.caller = self.fake.app.test_client()
        self.vault, self.held = FakeVault(), []

    def get(self, path, **more):
        return self.caller.get(path, headers=TOKEN, **more)

    def act(self, path, body=None, method="POST"):
        answer = self.caller.open(f"/fake/{path}", method=method, json=body or {})
        assert answer.status_code == 200, answer.data
        return answer.json

    def send(self, method, url, *, headers, body=None, is_file=False):
        answer = self.caller.open(url.removeprefix(HOST), method=method, headers=headers, data=body)
        return Reply(answer.status_code, {k.lower(): v for k, v in answer.headers.items()}, answer.data)

    @property
    def access(self):
        return access(self, self.vault, self.fake.clock, self.held.append)

    def connector(self, **options):
        return connector({"api_token": "pipedrive-token", **options}, base_url=HOST)

    def everybody(self, resource="customers", **options):
        cursor, found = None, []
        while True:
            page = self.connector(**options).pull(Want(resource, cursor), self.access)
            found += page.events
            cursor = page.cursor
            if cursor is None:
                return found

    def pass_s(self, seconds):
        self.act("clock", {"advance_s": seconds})


# limits


def test_each_answer_tells_both_limits_and_each_call_costs_what_it_costs():
    company = Company(tokens_per_day=1000, calls_per_2s=80)
    for path in ("/api/v2/persons", "/api/v2/persons/1", "/v1/leads"):
        told = company.get(path).headers

    assert told["x-ratelimit-limit"] == "80"
    assert told["x-ratelimit-remaining"] == "77"
    assert (told["x-daily-ratelimit-token-limit"], told["x-daily-ratelimit-token-remaining"]) == ("1000", "969")


def test_the_day_ends_at_midnight_and_two_seconds_in_two_seconds():
    company = Company(tokens_per_day=15, calls_per_2s=2)
    assert [company.get("/api/v2/persons").status_code for _ in range(2)] == [200, 429]
    company.pass_s(2)
    assert company.get("/api/v2/persons").status_code == 429
    assert [company.get("/api/v2/persons/1").status_code for _ in range(3)] == [200, 200, 429]
    company.pass_s(86_400)
    assert company.get("/api/v2/persons").status_code == 200


def test_who_ignores_429_meets_the_firewall_for_five_minutes():
    company = Company(tokens_per_day=0, ban_after=3)
    assert [company.get("/api/v2/persons").status_code for _ in range(5)] == [429, 429, 429, 429, 403]
    assert company.get("/v1/leads").data.startswith(b"<!DOCTYPE html>")
    company.pass_s(300)
    assert company.get("/api/v2/persons").status_code == 429


def test_the_connector_stops_before_the_budget_does_and_writes_all_the_same():
    company = Company(tokens_per_day=1000)
    company.act("spend", {"tokens": 940})
    number = next(row["id"] for row in company.fake.company.persons.values() if row["marketing_status"] == "subscribed")
    company.connector().pull(Want("customers"), company.access)
    for _ in range(20):
        with pytest.raises(TryLater):
            company.connector().pull(Want("customers"), company.access)
    assert company.fake.spent < 1000

    address = company.fake.company.persons.get(number)["emails"][0]["value"]
    left = Withdrawal(str(number), Channel.EMAIL, address, from_ms(round(company.fake.clock() * 1000)))
    assert company.connector().write_consent(left, company.access) is Written.WRITTEN
    assert company.fake.company.persons.get(number)["marketing_status"] == "unsubscribed"


# records


def test_everybody_comes_with_company_labels_and_consent():
    company = Company()
    found = company.everybody()
    people = {one.record_id: one for one in found if "email" in one.record}

    assert len(people) == 30
    assert people["1"].record["company"] == "Company 2"
    assert people["3"].record["tags"] == ["Customer"]
    assert people["4"].record["6" * 40] == "Lamps, Chairs"
    assert {seen.state for one in people.values() for seen in one.consents} == {"granted", "withdrawn", "unknown"}
    assert sum("leadTitle" in one.record for one in found) == 12


@pytest.mark.parametrize("refuses_status", [False, True])
def test_a_company_without_campaigns_tells_no_consent(refuses_status):
    found = Company(campaigns=False, refuses_status=refuses_status).everybody()

    assert [one for one in found if one.consents] == []


def test_every_deal_comes_also_the_archived_ones():
    states = [one.record["state"] for one in Company().everybody("orders")]

    assert len(states) == 40
    assert set(states) == {"draft", "paid", "cancelled"}


@pytest.mark.parametrize("query", ["limit=501", "limit=x", "sort_by=name", "cursor=abc", "updated_since=soon", "ids=a"])
def test_a_wrong_parameter_is_refused(query):
    assert Company().get(f"/api/v2/persons?{query}").status_code == 400


def test_pages_of_a_list_follow_one_another_while_others_change():
    company = Company(customers=7)
    seen, query = [], "limit=3&sort_by=update_time"
    word = ""
    while word is not None:
        page = company.get(f"/api/v2/persons?{query}" + (f"&cursor={word}" if word else "")).json
        seen += [row["id"] for row in page["data"]]
        word = page["additional_data"]["next_cursor"]
        if len(seen) == 3:
            company.act("persons/2", {"job_title": "Cook"})

    assert seen == [1, 2, 3, 4, 5, 6, 7, 2]


def test_forbidden_changes_of_a_status_are_kept_without_a_word():
    company = Company()

    def status(number, wanted):
        body = {"marketing_status": wanted}
        assert company.caller.patch(f"/api/v2/persons/{number}", json=body, headers=TOKEN).status_code == 200
        return company.fake.company.persons.get(number)["marketing_status"]

    assert status(1, "unsubscribed") == "unsubscribed"
    assert status(1, "subscribed") == "unsubscribed"
    company.act("settings", {"keeps_status": True})
    assert status(4, "unsubscribed") == "subscribed"
    answer = company.caller.patch("/api/v2/persons/4", json={"marketing_status": "x"}, headers=TOKEN)
    assert answer.status_code == 400


def test_the_token_of_an_owner_works_until_it_ends_and_is_renewed():
    company = Company()
    made = connector({"client_id": "pipedrive-client", "client_secret": "pipedrive-secret"}, base_url=HOST)
    invitation = Invitation("5" * 32, "http://127.0.0.1:9/callback", "http://127.0.0.1:9/done")
    back = company.caller.get(made.invite(invitation).removeprefix(HOST)).headers["Location"]
    answer = dict(parse_qsl(urlsplit(back).query))
    made.accept(Callback(answer, b"", company.fake.clock()), invitation, company.access)
    assert made.pull(Want("customers"), company.access).events
    first = company.vault.kept["access_token"]
    company.pass_s(3600)
    assert made.pull(Want("customers"), company.access).events
    assert company.vault.kept["access_token"] != first
    assert company.vault.kept["api_domain"] == HOST


# webhooks


def test_what_happens_is_told_in_the_shape_of_its_version_and_is_ours():
    with receiving() as receiver:
        company = Company()
        for version in ("1.0", "2.0"):
            body = {"subscription_url": receiver.url, "event_action": "*", "event_object": "*", "version": version}
            company.fake.hooks.add({**body, "http_auth_user": "tajo", "http_auth_password": "secret"})
        company.act("persons", {"name": "Ann Lee", "emails": [{"value": "ann@example.com", "primary": True}]})
        company.act("persons/1", {"job_title": "Cook"})
        company.act("merge", {"kept": 2, "gone": 3})
        company.act("deals/1", {"status": "won"})
        company.act("leads/1", {"title": "Lamp"})
        company.act("deliver")
        found = list(receiver.got)

    kinds = []
    for call in found:
        inbound = Inbound("crm", {"authorization": call.headers["authorization"]}, call.body, from_ms(0))
        connector().verify(inbound, ("tajo:secret",))
        assert PipedriveConnector.recognises(inbound)
        kinds += [(one.topic, one.kind) for one in connector().parse(inbound)]
    assert ("person.delete", Kind.CUSTOMER_MERGED) in kinds
    assert ("deal.change", Kind.ORDER_UPDATED) in kinds
    assert ("lead.change", Kind.CUSTOMER_UPDATED) in kinds
    assert ("person.create", Kind.RECORD_CHANGED) in kinds
    assert len(found) == 12


def add_hook(company, url="http://127.0.0.1:9/nobody"):
    company.fake.hooks.add({"subscription_url": url, "event_action": "*", "event_object": "*"})


def test_a_webhook_is_tried_again_after_3_30_and_150_seconds():
    company = Company()
    add_hook(company)
    company.act("persons/1", {"job_title": "Cook"})
    waits = []
    for _ in range(4):
        company.fake.hooks.sender.deliver(everything=True)
        waits += [one.due_s - company.fake.clock() for one in company.fake.hooks.sender.waiting]
    (delivery,) = company.fake.hooks.sender.log

    assert waits == [3.0, 30.0, 150.0]
    assert (delivery.state, len(delivery.statuses)) == ("given_up", 4)
    assert json.loads(delivery.body)["meta"]["attempt"] == 4


def test_ten_failures_mute_a_webhook_and_what_happens_meanwhile_is_lost():
    company = Company()
    add_hook(company)
    for number in range(1, 11):
        company.act(f"persons/{number}", {"job_title": "Cook"})
        company.act("deliver", {"due": True})
    company.act("persons/11", {"job_title": "Cook"})
    assert company.act("state", method="GET")["hooks_lost"] == 1
    company.pass_s(1801)
    company.act("persons/12", {"job_title": "Cook"})

    assert company.act("state", method="GET")["hooks_lost"] == 1
    assert any(json.loads(one.write().body)["meta"]["entity_id"] == "12" for one in company.fake.hooks.sender.waiting)


def test_three_days_without_a_success_delete_a_webhook_and_ours_is_made_again():
    company = Company()
    made = company.connector()
    address = "http://127.0.0.1:9/webhooks/crm"
    assert len(made.ensure_webhooks(address, company.access).created) == 9
    company.pass_s(3 * 86_400)
    company.act("persons/1", {"job_title": "Cook"})
    company.act("deliver")

    assert len(company.get("/v1/webhooks").json["data"]) == 8
    assert made.ensure_webhooks(address, company.access).created == ("person.change",)


def test_no_more_than_forty_webhooks_are_made():
    company = Company()
    for _ in range(40):
        add_hook(company)
    body = {"subscription_url": "http://x", "event_action": "*", "event_object": "*"}

    assert company.caller.post("/v1/webhooks", json=body, headers=TOKEN).status_code == 400


def test_a_part_of_the_fields_and_a_merge_that_is_not_told_can_be_had():
    company = Company(hook_fields=False, tells_merges=False)
    add_hook(company)
    company.act("merge", {"kept": 2, "gone": 3, "change_first": True})
    changed, deleted = (json.loads(one.write().body) for one in company.fake.hooks.sender.waiting)

    assert (changed["meta"]["action"], deleted["meta"]["action"]) == ("change", "delete")
    assert "phones" not in changed["data"]
    assert "merged_to_id" not in deleted["meta"]
    assert len(company.fake.company.persons.get(2)["emails"]) == 2


def test_user_and_password_are_shown_as_the_standard_has_it():
    company = Company()
    body = {"subscription_url": "http://127.0.0.1:9/", "event_action": "*", "event_object": "*"}
    company.fake.hooks.add({**body, "http_auth_user": "ann", "http_auth_password": "open sesame"})
    company.act("persons/1", {"job_title": "Cook"})
    (delivery,) = company.fake.hooks.sender.waiting

    assert delivery.write().headers["Authorization"] == f"Basic {base64.b64encode(b'ann:open sesame').decode()}"
