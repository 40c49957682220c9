"""Failures that others reported of Pipedrive, from the signed webhook, or a run, to what Brevo has then."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, urlsplit

import pytest

from connectors.pipedrive.tests.standin import PERSONS, person, reply, rows
from customer_sync.model import Inbound
from customer_sync.pipeline import accept
from customer_sync.store.run import RunKind, RunState
from tests.field.house import House

PLAN, COLOR = "a" * 40, "b" * 40
CONFIG = f"""\
connectors:
  crm: {{platform: pipedrive, api_token: right, webhook_secret: s, base_url: "http://crm.example.com"}}
skills:
  customer-sync:
    enabled: true
    field_mapping: {{email: email, firstName: FIRSTNAME, phone: SMS, {PLAN}: PLAN, {COLOR}: COLOR}}
    options: {{list_id: 2}}
"""
ANA = "ana@example.com"
LEADS = "/v1/leads"
DAY = {"x_ratelimit_remaining": 78, "x_ratelimit_reset": 2, "x_daily_ratelimit_token_limit": 150000}
SPENT = reply(429, {"success": False}, **DAY, x_daily_ratelimit_token_remaining=0)
BROKEN = reply(200, b'{"success": true, "da')


def emails(*values):
    return [{"value": value, "primary": index == 0} for index, value in enumerate(values)]


class Company:
    """A Pipedrive company, as the network is seen: persons by number, and pages of lists that a test writes."""

    def __init__(self):
        self.people, self.calls = {}, []
        self.pages, self.leads = {}, {}  # the cursor, or the start, of a page → its answer
        self.refusal = None  # is answered to everything
        self.left = 100_000  # tokens of the day

    def send(self, method, url, *, headers, body=None, is_file=False):
        parts = urlsplit(url)
        query = dict(parse_qsl(parts.query))
        self.calls.append((method, parts.path, query))
        found = self.refusal or self.answer(method, parts.path, query, json.loads(body) if body else {})
        told = {"x-daily-ratelimit-token-limit": "150000", "x-daily-ratelimit-token-remaining": str(self.left)}
        return found._replace(headers={**told, **found.headers})

    def answer(self, method, path, query, body):
        if path == LEADS:
            return self.leads.get(query["start"]) or rows()
        if path == f"{PERSONS}/search":
            return self.found(query["term"])
        if path.startswith(f"{PERSONS}/"):
            number = int(path.rpartition("/")[2])
            if number not in self.people:
                return reply(404, {"success": False})
            self.people[number] |= body
            return reply(200, {"success": True, "data": self.people[number]})
        if path != PERSONS or "ids" in query:
            there = [self.people.get(int(one)) for one in query.get("ids", "").split(",") if one]
            return rows(*[one for one in there if one]) if path == PERSONS else rows()
        return self.pages[query.get("cursor")] if self.pages else rows(*self.people.values())

    def found(self, term):
        """The answer of the search for an address."""
        having = [one for one in self.people.values() if term in str(one["emails"])]
        items = [{"result_score": 0.3, "item": {"id": one["id"], "type": "person"}} for one in having]
        return reply(200, {"success": True, "data": {"items": items}})

    def lists(self):
        """The queries of the lists of persons, the oldest first."""
        return [
            query for method, path, query in self.calls if (method, path) == ("GET", PERSONS) and "ids" not in query
        ]


class Crm:
    """A house whose one source is a Pipedrive company."""

    def __init__(self, client, folder, patch):
        self.company = Company()
        # the budget of a day is new at midnight, and no test goes on until then
        noon = datetime.now(UTC).replace(hour=12) - timedelta(days=1)
        self.house = House(client, folder, patch, hosts={"crm.example.com": self.company}, config=CONFIG, at=noon)
        for name in ("PLAN", "COLOR"):
            self.house.brevo("POST", f"/contacts/attributes/normal/{name}", {"type": "text"})

    def person(self, number, *addresses, **fields):
        """Somebody as the company has them now."""
        made = person(number, emails=emails(*addresses), update_time=self.house.iso(), **fields)
        self.company.people[number] = made
        return made

    def tell(self, action, number, data, previous=None, **meta):
        """Let Pipedrive tell something, signed, and do all that can be done for some seconds."""
        told = {"action": action, "entity": "person", "entity_id": str(number), **meta}
        body = {"meta": told, "data": data, "previous": previous}
        self.house._send("crm", {}, body, work=True)  # the house knows shops by name only
        self.house.pass_time(seconds=5)

    def leave(self, email):
        """Let somebody unsubscribe in Brevo."""
        self.house.brevo("PUT", f"/contacts/{email}", {"emailBlacklisted": True})
        told = {"event": "unsubscribed", "email": email, "ts_event": int(self.house.time.now_s)}
        accept(self.house.line, Inbound("brevo", {}, json.dumps(told).encode(), self.house.now))
        self.house.pass_time(seconds=5)

    def read_before(self, resource="customers", minutes=60):
        """Let a run have read everything some time ago."""
        until_ms = self.house.now_ms() - minutes * 60_000
        self.house.store.runs.set_reach("crm", resource, until_ms=until_ms, full_ms=until_ms)

    def seen(self, email=ANA):
        row = self.house.contacts[email]
        return row["listIds"], row["emailBlacklisted"]

    def values(self, *names, email=ANA):
        told = self.house.contacts[email]["attributes"]
        return [told.get(name) for name in names]


@pytest.fixture
def crm(client, tmp_path, monkeypatch):
    found = Crm(client, tmp_path, monkeypatch)
    yield found
    found.house.sandbox.close()


# P1: a merge arrives as a delete


@pytest.mark.parametrize("change_first", [False, True], ids=["delete first", "change first"])
@pytest.mark.parametrize("meta", [{}, {"merged_to_id": "11"}], ids=["untold", "told"])
def test_p1_a_merge_that_arrives_as_a_delete_leaves_ana_on_her_lists_fed_by_the_person_that_is_left(
    crm, change_first, meta
):
    for number, email, name in ((11, "other@example.com", "Other"), (12, ANA, "Ana")):
        crm.tell("create", number, crm.person(number, email, first_name=name))
    assert crm.seen() == ([2], False)
    crm.house.pass_time(minutes=5)
    crm.company.people.pop(12)
    kept = crm.person(11, ANA, first_name="Kept")
    told = [
        lambda: crm.tell("delete", 12, None, {"id": 12, "emails": emails(ANA)}, **meta),
        lambda: crm.tell("change", 11, {"id": 11, "emails": kept["emails"]}, {}),
    ]
    for one in told[::-1] if change_first else told:
        one()
        assert crm.seen() == ([2], False)
    crm.house.pass_time(minutes=3)
    assert (crm.seen(), crm.values("FIRSTNAME")) == (([2], False), ["Kept"])

    crm.company.people.pop(11)
    crm.tell("delete", 11, None, {"id": 11, "emails": emails(ANA)})
    crm.house.pass_time(minutes=3)
    assert crm.seen() == ([], True), "nothing else feeds her"


@pytest.mark.parametrize("after", [{"minutes": 10}, None], ids=["ten minutes later", "never"])
def test_p1_a_merge_whose_second_word_comes_late_or_never_leaves_ana_on_her_lists(crm, after):
    for number, email, name in ((11, "other@example.com", "Other"), (12, ANA, "Ana")):
        crm.tell("create", number, crm.person(number, email, first_name=name))
    crm.house.pass_time(minutes=5)
    crm.company.people.pop(12)
    kept = crm.person(11, ANA, first_name="Kept")

    crm.tell("delete", 12, None, {"id": 12, "emails": emails(ANA)})
    crm.house.pass_time(minutes=10)
    assert crm.seen() == ([2], False)
    if after is not None:
        crm.tell("change", 11, {"id": 11, "emails": kept["emails"]}, {})
        crm.house.pass_time(**after)

    assert (crm.seen(), crm.values("FIRSTNAME")) == (([2], False), ["Kept"])


# P2: the cursor moved with pages unread


def changed(crm, first, last):
    return [person(n, update_time=crm.house.iso(-600 + n)) for n in range(first, last + 1)]


def test_p2_a_run_of_changes_whose_second_page_breaks_off_for_good_moves_no_mark_and_the_next_loses_no_row(crm):
    crm.read_before()
    mark = crm.house.store.runs.reach("crm")
    crm.company.pages = {None: rows(*changed(crm, 1, 500), cursor="abc"), "abc": BROKEN}
    number = crm.house.begin("crm", RunKind.INCREMENTAL)
    stopped = crm.house.go_on(number, 40, seconds=400)

    assert (stopped.state, stopped.counts["read"]) == (RunState.STOPPED, 500)
    assert crm.house.store.runs.reach("crm") == mark
    assert len(crm.house.alerts(f"Run {number}")) == 1
    first = crm.company.lists()[0]
    assert {one.get("cursor") for one in crm.company.lists()[1:]} == {"abc"}

    crm.house.store.runs.cancel(stopped)
    crm.company.pages = {None: rows(*changed(crm, 1, 500), cursor="abc"), "abc": rows(*changed(crm, 501, 502))}
    asked = len(crm.company.calls)
    number = crm.house.begin("crm", RunKind.INCREMENTAL)
    done = crm.house.go_on(number)
    crm.house.go_on(number, 1)

    again = crm.company.calls[asked][2]
    assert again["updated_since"] <= first["updated_since"], "from where the first page had begun, or before"
    assert "cursor" not in again
    assert (done.state, done.counts["read"]) == (RunState.DELIVERING, 502)
    assert crm.house.store.runs.reach("crm")["until_ms"] > mark["until_ms"]


def test_p2_a_run_that_stopped_goes_on_with_the_page_that_broke_off(crm):
    crm.read_before()
    crm.company.pages = {None: rows(*changed(crm, 1, 500), cursor="abc"), "abc": BROKEN}
    number = crm.house.begin("crm", RunKind.INCREMENTAL)
    stopped = crm.house.go_on(number, 40, seconds=400)
    crm.company.pages["abc"] = rows(*changed(crm, 501, 502))
    assert crm.house.store.runs.resume(stopped)
    asked = len(crm.company.calls)
    done = crm.house.go_on(number)

    assert crm.company.calls[asked][2]["cursor"] == "abc"
    assert done.counts["read"] == 502


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "UTC"])
def test_p2_a_page_of_the_old_list_that_breaks_off_is_read_again_and_its_times_without_a_zone_are_utc(
    crm, monkeypatch, zone
):
    def lead(number, seconds):
        at = crm.house.iso(seconds)[:19].replace("T", " ")
        return {"id": f"lead-{number}", "title": "Lamps", "person_id": number, "add_time": at, "update_time": at}

    def leads(found, *, is_more):
        told = {"pagination": {"more_items_in_collection": is_more}, "last_timestamp_on_page": found[-1]["update_time"]}
        return reply(200, {"success": True, "data": found, "additional_data": told})

    crm.read_before()
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        page = [lead(n, -n) for n in range(1, 101)]
        crm.company.leads = {"0": leads(page, is_more=True), "95": BROKEN}
        number = crm.house.begin("crm", RunKind.INCREMENTAL)
        assert crm.house.go_on(number, 4).state is RunState.RUNNING
        rest = [*page[95:], lead(101, -3000), lead(102, -6000)]  # the last one changed before the last run
        crm.company.leads["95"] = leads(rest, is_more=False)
        done = crm.house.go_on(number)
    finally:
        monkeypatch.undo()
        time.tzset()

    assert done.counts["read"] == 100 + 6


# P3: part of a record taken for the whole


def test_p3_what_is_in_neither_answer_keeps_its_value_and_what_is_null_is_emptied_where_we_filled_it(crm):
    whole = crm.person(12, ANA, custom_fields={PLAN: "gold", COLOR: None})
    crm.tell("create", 12, whole)
    crm.house.brevo("PUT", f"/contacts/{ANA}", {"attributes": {"COLOR": "blue"}})
    names = ("FIRSTNAME", "SMS", "PLAN", "COLOR")
    assert crm.values(*names) == ["Ann", "33612345678", "gold", "blue"]
    part = {"id": 12, "name": "Ana", "first_name": "Ana", "emails": emails(ANA), "update_time": crm.house.iso(5)}
    crm.company.people[12] = part
    asked = len(crm.company.calls)
    crm.tell("change", 12, part, {"name": "An"})

    assert [query["ids"] for _, path, query in crm.company.calls[asked:] if path == PERSONS] == ["12"]
    assert crm.values(*names) == ["Ana", "33612345678", "gold", "blue"]
    assert crm.seen() == ([2], False)

    crm.house.pass_time(minutes=1)
    crm.company.people[12] = {
        **part,
        "phones": [],
        "custom_fields": {PLAN: None, COLOR: None},
        "update_time": crm.house.iso(),
    }
    crm.tell("change", 12, part, {"name": "Ana"})
    assert [one or None for one in crm.values(*names)] == ["Ana", None, None, "blue"]
    assert crm.seen() == ([2], False)


# P4: odd e-mail lists


@pytest.mark.parametrize(
    ("odd", "name"),
    [
        ([{"value": "", "primary": True}, {"value": " Ana@Example.com ", "primary": False}], "Anna"),
        ([{"value": "x", "primary": False}, {"value": ANA, "primary": False}], "Anna"),
        ([{"value": "[object Object]", "primary": True}], None),
        ([], None),
    ],
)
def test_p4_the_first_address_that_is_one_counts_and_none_removes_nobody(crm, odd, name):
    crm.tell("create", 12, crm.person(12, ANA))
    crm.house.pass_time(minutes=1)
    now = crm.person(12, first_name="Anna") | {"emails": odd}
    crm.company.people[12] = now
    crm.tell("change", 12, now, {"emails": emails(ANA)})
    crm.house.pass_time(minutes=2)

    assert set(crm.house.contacts) == {ANA}
    assert crm.seen()[1] is False
    assert crm.values("FIRSTNAME") == [name or crm.values("FIRSTNAME")[0]]


@pytest.mark.parametrize("is_primary", [True, False])
def test_p4_a_contact_is_made_at_the_first_address_that_is_one(crm, is_primary):
    odd = [{"value": "x", "primary": False}, {"value": " Ana@Example.com ", "primary": is_primary}]
    made = crm.person(12) | {"emails": odd}
    crm.company.people[12] = made
    crm.tell("create", 12, made)

    assert set(crm.house.contacts) == {ANA}


# P5: which limit was it?


def test_p5_reads_leave_a_reserve_with_which_an_opt_out_goes_out_while_they_pause(crm):
    crm.tell("create", 12, crm.person(12, ANA))
    crm.company.left = 7_000  # of 150,000
    number = crm.house.begin("crm")
    crm.house.go_on(number, 3)
    crm.house.pass_time(minutes=2)
    asked = len(crm.company.calls)
    crm.tell("change", 12, crm.person(12, ANA, first_name="Anna"), {"first_name": "Ann"})
    crm.house.go_on(number, 20, seconds=30)
    assert crm.company.calls[asked:] == []
    crm.leave(ANA)
    crm.house.pass_time(minutes=2)

    assert ("PATCH", f"{PERSONS}/12") in [call[:2] for call in crm.company.calls[asked:]]
    assert {call[1] for call in crm.company.calls[asked:]} == {f"{PERSONS}/12"}
    assert crm.company.people[12]["marketing_status"] == "unsubscribed"
    assert crm.house.counted("tajo_writebacks_total", source="crm", result="written") == 1


def test_p5_a_spent_day_is_told_with_its_time_asked_after_once_an_hour_and_then_all_goes_on(crm):
    people = {number: f"p{number}@example.com" for number in range(1, 31)}
    for number, email in people.items():
        crm.tell("create", number, crm.person(number, email))
    crm.house.pass_time(minutes=2)
    crm.company.refusal = SPENT
    asked = len(crm.company.calls)
    number = crm.house.begin("crm")
    for one, email in people.items():
        crm.person(one, email, first_name="New")
        crm.tell("change", one, {"id": one}, {"name": "An"})
        crm.leave(email)
    crm.house.go_on(number, 170, seconds=60)  # three hours
    spent = crm.company.calls[asked:]

    assert len(spent) <= 4 * (1 + 4), "each hour a read, and the opt-outs that are under way at once"
    assert len(crm.house.alerts("Reading crm waits: Pipedrive's tokens of this day are used up; the next look")) == 1
    assert len(crm.house.alerts("Telling opt-outs to crm waits:")) == 1
    assert all(f"{crm.house.now:%Y-%m}" in one and "Z" in one for one in crm.house.alerts("used up"))

    crm.company.refusal = None
    done = crm.house.go_on(number, 70, seconds=60)
    crm.house.pass_time(minutes=70)
    assert done.counts["read"] == 30
    assert {row["marketing_status"] for row in crm.company.people.values()} == {"unsubscribed"}
    assert {row["attributes"]["FIRSTNAME"] for row in crm.house.contacts.values()} == {"New"}
    assert crm.house.counted("tajo_writebacks_total", source="crm", result="written") == 30
