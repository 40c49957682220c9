"""What went wrong at those who read Pipedrive before us: cursors, partial records, odd addresses, limits."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from connectors.pipedrive.account import Account
from connectors.pipedrive.api import PAUSED
from connectors.pipedrive.persons import Context, outline_of
from connectors.pipedrive.tests.standin import (
    PERSONS,
    Answers,
    Clock,
    FakeVault,
    StandIn,
    access,
    connector,
    person,
    reply,
    rows,
)
from customer_sync.errors import TryLater
from customer_sync.kit.fields import Node
from customer_sync.kit.reach import Want, Withdrawal, Written
from customer_sync.model import Channel, Inbound, Kind

ANA = "ana@example.com"
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
DAY = {"x_daily_ratelimit_token_limit": 150000, "x_daily_ratelimit_token_remaining": 0}


def emails(*values):
    return [{"value": value, "primary": index == 0, "label": "work"} for index, value in enumerate(values)]


def webhook(number, record):
    told = {"action": "change", "entity": "person", "entity_id": str(number), "id": f"change-{number}"}
    told |= {"timestamp": NOW.isoformat(), "company_id": "1", "webhook_id": "1"}
    return json.dumps({"data": record, "previous": {}, "meta": told}).encode()


# P2: the cursor moved with pages unread


def test_p2_a_page_that_breaks_off_is_asked_for_again_and_nothing_of_it_is_lost():
    first = rows(*[person(n) for n in range(1, 4)], cursor="abc")
    http = StandIn({f"GET {PERSONS}": Answers([first, reply(200, b'{"success": true, "da'), rows(person(4))])})
    since = datetime(2026, 11, 20, tzinfo=UTC)
    page = connector().pull(Want("customers", None, since), access(http))
    cursor = json.loads(json.dumps(page.cursor))
    with pytest.raises(TryLater):
        connector().pull(Want("customers", cursor, since), access(http))
    rest = connector().pull(Want("customers", cursor, since), access(http))

    assert [one.record_id for one in (*page.events, *rest.events)] == ["1", "2", "3", "4"]
    asked = [call.query for call in http.asked("GET", PERSONS)]
    assert [one.get("cursor") for one in asked] == [None, "abc", "abc"]
    assert {one["updated_since"] for one in asked} == {"2026-11-20T00:00:00Z"}


def test_p2_a_word_that_pipedrive_has_forgotten_begins_again_at_what_was_seen():
    def listed(call):
        if "cursor" in call.query:
            return reply(400, {"success": False, "error": "cursor is wrong"})
        seen = [1, 2] if call.query["updated_since"] == "2026-11-20T00:00:00Z" else [2, 3]
        times = {1: "2026-11-21T08:00:00Z", 2: "2026-11-21T09:00:00Z", 3: "2026-11-21T10:00:00Z"}
        found = [person(n, update_time=times[n]) for n in seen]
        return rows(*found, cursor="abc" if seen[0] == 1 else None)

    http, since = StandIn({f"GET {PERSONS}": listed}), datetime(2026, 11, 20, tzinfo=UTC)
    page = connector().pull(Want("customers", None, since), access(http))
    rest = connector().pull(Want("customers", page.cursor, since), access(http))

    assert [one.record_id for one in (*page.events, *rest.events)] == ["1", "2", "2", "3"]


def test_p2_times_without_a_zone_are_utc():
    body = {
        "meta": {"v": 1, "action": "updated", "object": "person", "id": 1, "timestamp": 1687252169},
        "current": {"id": 1, "email": "ana@example.com", "update_time": "2023-06-20 09:09:29"},
        "previous": {},
    }
    (event,) = connector({}).parse(Inbound("crm", {}, json.dumps(body).encode(), NOW))

    assert event.occurred_at == datetime(2023, 6, 20, 9, 9, 29, tzinfo=UTC)


# P3: part of a record taken for the whole

PART = {"id": 1, "name": "Ana", "first_name": "Ana", "emails": emails(ANA)}
WHOLE = person(1, emails=emails(ANA), custom_fields={"a" * 40: None})


def test_p3_a_webhook_with_a_part_of_the_fields_has_the_person_read():
    (hinted,) = connector().parse(Inbound("crm", {}, webhook(1, PART), NOW))
    http = StandIn({f"GET {PERSONS}": rows(WHOLE)})
    (read,) = connector().fetch("customers", ["1"], access(http))

    assert (hinted.kind, hinted.record_id) == (Kind.RECORD_CHANGED, "1")
    assert http.asked("GET", PERSONS)[0].query["include_fields"] == "marketing_status"
    assert read.record["phone"] == "+33612345678"
    assert [seen.state for seen in read.consents] == ["granted"]


def test_p3_what_is_not_there_is_unknown_and_what_is_there_and_null_is_empty():
    (event,) = connector({}).parse(Inbound("crm", {}, webhook(1, PART), NOW))
    node = Node(WHOLE)
    (whole,) = Context(Account("crm")).read(node, outline_of(node, "crm", NOW))

    assert set(event.record) == {"id", "firstName", "email"}
    assert event.consents == ()
    assert whole.record["a" * 40] is None
    assert whole.record["jobTitle"] is None


# P4: odd lists of addresses


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([{"value": "", "primary": True}, {"value": " Ana@Example.com ", "primary": False}], "Ana@Example.com"),
        ([{"value": "[object Object]", "primary": True}], "unknown"),
        ([{"value": "[object Object]", "primary": True}, {"value": ANA, "primary": False}], ANA),
        ([], None),
        ([{"value": "", "primary": True}], None),
        ([{"value": "x", "primary": False}, {"value": ANA, "primary": False}, {"value": "b@example.com"}], ANA),
        ([{"value": "b@example.com", "primary": False}, {"value": ANA, "primary": True}], ANA),
        ("ana@example.com", ANA),
        (None, None),
        ([None, 7, {"value": {"value": ANA}}], "unknown"),
    ],
)
def test_p4_the_first_that_is_an_address_counts_and_junk_tells_nothing(given, expected):
    body = webhook(1, {"id": 1, "emails": given})
    (event,) = connector({}).parse(Inbound("crm", {}, body, NOW))

    assert event.kind is Kind.CUSTOMER_UPDATED
    assert event.record.get("email", "unknown") == expected


# P5: which limit was it?


def test_p5_a_spent_day_pauses_reads_until_the_budget_is_new_and_opt_outs_go_on():
    spent = reply(429, {"success": False}, **DAY, x_ratelimit_remaining=78)
    http, vault = StandIn({f"GET {PERSONS}": spent, f"GET {PERSONS}/1": person(1)}), FakeVault()
    clock = Clock()
    with pytest.raises(TryLater) as late:
        connector().pull(Want("customers"), access(http, vault, clock))
    assert (late.value.after_s, late.value.burns) == (3600.0, False)
    assert "2026-11-21T13:00Z" in str(late.value)
    for _ in range(5):
        with pytest.raises(TryLater):
            connector().fetch("customers", ["1"], access(http, vault, clock))

    assert len(http.calls) == 1
    leaving = Withdrawal("1", Channel.EMAIL, "another@example.com", NOW)
    assert connector().write_consent(leaving, access(http, vault, clock)) is Written.GONE

    clock.now_s += 3601
    http.answers[f"GET {PERSONS}"] = rows(person(1))
    assert connector().fetch("customers", ["1"], access(http, vault, clock))


def test_p5_a_pause_that_a_clock_noted_while_it_was_ahead_is_over():
    spent = reply(429, {"success": False}, **DAY, x_ratelimit_remaining=78)
    person_1 = f"GET {PERSONS}/1"
    http, vault, clock = StandIn({f"GET {PERSONS}": spent, person_1: spent}), FakeVault(), Clock()
    leaving = Withdrawal("1", Channel.EMAIL, "another@example.com", NOW)
    clock.now_s += 30 * 86_400
    with pytest.raises(TryLater):
        connector().pull(Want("customers"), access(http, vault, clock))
    with pytest.raises(TryLater):
        connector().write_consent(leaving, access(http, vault, clock))
    clock.now_s -= 30 * 86_400
    http.answers |= {f"GET {PERSONS}": rows(person(1)), person_1: person(1)}

    assert connector().write_consent(leaving, access(http, vault, clock)) is Written.GONE
    assert connector().fetch("customers", ["1"], access(http, vault, clock))


def test_p5_shortly_before_midnight_reads_look_again_when_the_day_is_over():
    spent = reply(429, {"success": False}, **DAY, x_ratelimit_remaining=78)
    clock = Clock(datetime(2026, 11, 21, 23, 50, tzinfo=UTC).timestamp())
    with pytest.raises(TryLater, match="2026-11-22T00:00Z") as late:
        connector().pull(Want("customers"), access(StandIn({f"GET {PERSONS}": spent}), clock=clock))

    assert late.value.after_s == pytest.approx(601)


def test_p5_a_page_that_was_paid_for_is_brought_to_its_end():
    told = {"x_daily_ratelimit_token_limit": 150000, "x_daily_ratelimit_token_remaining": 7000}
    listed = reply(200, {"success": True, "data": [person(1, org_id=7)]}, **told)
    http = StandIn({f"GET {PERSONS}": listed, "GET /api/v2/organizations": rows({"id": 7, "name": "Lamps"})})
    vault = FakeVault()
    page = connector().pull(Want("customers"), access(http, vault))

    assert page.events[0].record["company"] == "Lamps"
    with pytest.raises(TryLater, match="used up"):
        connector().pull(Want("customers", page.cursor), access(http, vault))


@pytest.mark.parametrize(("left", "is_paused"), [(7499, True), (7500, False)])
def test_p5_reads_leave_a_share_of_the_day_to_opt_outs(left, is_paused):
    told = {"x_daily_ratelimit_token_limit": 150000, "x_daily_ratelimit_token_remaining": left}
    found = reply(200, {"success": True, "data": []}, **told)
    vault = FakeVault()
    connector().pull(Want("customers"), access(StandIn({f"GET {PERSONS}": found}), vault))

    assert (PAUSED in vault.kept) is is_paused


def test_p5_the_short_limit_is_two_seconds_and_pauses_nobody_for_the_day():
    told = {"x_daily_ratelimit_token_limit": 150000, "x_daily_ratelimit_token_remaining": 9000}
    burst = reply(429, {"success": False}, **told, x_ratelimit_remaining=0)
    vault = FakeVault()
    with pytest.raises(TryLater) as late:
        connector().pull(Want("customers"), access(StandIn({f"GET {PERSONS}": burst}), vault))

    assert (late.value.after_s, late.value.burns) == (2.0, False)
    assert PAUSED not in vault.kept
