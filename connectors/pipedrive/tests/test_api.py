"""What is asked of the API: keys, firewall, lists, labels, opt-outs, webhooks, the owner's consent."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime

import pytest

from connectors.pipedrive.account import Account
from connectors.pipedrive.tests.standin import (
    APP,
    DEALS,
    FIELDS,
    NOW_S,
    PERSONS,
    Answers,
    Clock,
    FakeVault,
    Held,
    StandIn,
    access,
    connector,
    deal,
    person,
    reply,
    rows,
)
from customer_sync.errors import ConfigError, ConsentNeeded, PayloadError, Refused, TryLater
from customer_sync.kit.reach import Callback, Invitation, Want
from customer_sync.kit.rest import Rejected
from customer_sync.model import Kind

STATE = "5" * 32
ME = "GET /v1/users/me"
CODE = Invitation(STATE, "https://tajo.example/callback", "https://tajo.example/done")
TOKEN = {"access_token": "v1u:one", "token_type": "Bearer", "expires_in": 3599, "refresh_token": "1:1:a"}


# the door


def test_a_token_goes_in_its_header_and_never_in_the_address():
    http = StandIn({f"GET {PERSONS}": rows()})
    connector().pull(Want("customers"), access(http))

    assert {call.headers["x-api-token"] for call in http.calls} == {"right"}
    assert not [call.url for call in http.calls if "right" in call.url]


def test_without_a_key_the_remedy_says_what_to_set():
    with pytest.raises(ConfigError, match="api_token"):
        connector({}).pull(Want("customers"), access(StandIn({})))
    assert not connector({}).can_pull()
    assert connector().can_pull()
    assert connector(APP).can_pull()


def test_an_owner_agrees_and_the_company_is_asked_at_its_own_address():
    answer = reply(200, {**TOKEN, "api_domain": "https://lamps.pipedrive.com"})
    http, vault = StandIn({"POST /oauth/token": answer, f"GET {PERSONS}": rows()}), FakeVault()
    made = connector(APP, base_url=None)
    assert made.invite(CODE).startswith("https://oauth.pipedrive.com/oauth/authorize?client_id=app&redirect_uri=https")
    told = made.accept(Callback({"code": "c1", "state": STATE}, b"", NOW_S), CODE, access(http, vault))
    made.pull(Want("customers"), access(http, vault))

    asked, listed = http.calls
    assert asked.url == "https://oauth.pipedrive.com/oauth/token"
    assert asked.headers["Authorization"] == f"Basic {base64.b64encode(b'app:app-secret').decode()}"
    assert b"client_secret" not in asked.body
    assert listed.url.startswith("https://lamps.pipedrive.com/api/v2/persons?")
    assert listed.headers["Authorization"] == "Bearer v1u:one"
    assert "https://lamps.pipedrive.com" in told


def test_a_token_is_renewed_before_it_ends_and_once_where_it_is_refused():
    kept = {"kind": "connection", "client_id": "app", "access_token": "old", "refresh_token": "1:1:a"}
    vault = FakeVault(**kept, expires_at_s=NOW_S + 10, renew_at_s=NOW_S - 10, api_domain="http://127.0.0.1:1")
    second = {**TOKEN, "access_token": "v1u:two", "api_domain": "http://127.0.0.1:1"}
    http = StandIn(
        {
            "POST /oauth/token": Answers(
                [reply(200, {**TOKEN, "api_domain": "http://127.0.0.1:1"}), reply(200, second)]
            ),
            f"GET {PERSONS}": Answers([reply(401, {"success": False}), rows()]),
        }
    )
    connector(APP).pull(Want("customers"), access(http, vault))

    shown = [call.headers["Authorization"] for call in http.asked("GET", PERSONS)]
    assert shown == ["Bearer v1u:one", "Bearer v1u:two"]


def test_a_connection_that_has_ended_needs_the_owner():
    kept = {"kind": "connection", "client_id": "app", "access_token": "old", "refresh_token": "1:1:a"}
    http = StandIn({"POST /oauth/token": reply(400, {"error": "invalid_grant"})})
    with pytest.raises(ConsentNeeded, match="tajo connectors connect crm"):
        connector(APP).pull(Want("customers"), access(http, FakeVault(**kept, expires_at_s=1, renew_at_s=1)))


@pytest.mark.parametrize(
    "domain", ["https://evil.example", "http://lamps.pipedrive.com", "https://pipedrive.com.evil.example"]
)
def test_a_token_is_sent_to_no_host_but_pipedrives(domain):
    with pytest.raises(ConfigError, match="no host of Pipedrive"):
        Account("crm", client_id="app", client_secret="s").api_at(domain)


@pytest.mark.parametrize("query", [{"code": "c1", "state": "x"}, {"state": STATE, "error": "access_denied"}, {}])
def test_an_answer_of_another_attempt_or_a_no_is_refused(query):
    with pytest.raises(Refused):
        connector(APP).accept(Callback(query, b"", NOW_S), CODE, access(StandIn({})))


def test_a_firewalls_page_keeps_everybody_away_for_five_minutes():
    held = Held()
    page = reply(403, b"<html>Error 1015</html>", content_type="text/html")
    with pytest.raises(TryLater) as late:
        connector().pull(Want("customers"), access(StandIn({f"GET {PERSONS}": page}), held=held))

    assert held == [300.0]
    assert late.value.after_s == 300.0


def test_a_403_in_json_is_a_matter_of_rights():
    refused = reply(403, {"success": False, "error": "Scope and URL mismatch"})
    with pytest.raises(ConfigError, match="rights"):
        connector().pull(Want("customers"), access(StandIn({f"GET {PERSONS}": refused})))


# lists


def test_a_company_that_refuses_the_marketing_status_is_read_without_it():
    def listed(call):
        return (
            reply(400, {"success": False}) if "include_fields" in call.query else rows(person(1, marketing_status=None))
        )

    page = connector().pull(Want("customers"), access(StandIn({f"GET {PERSONS}": listed})))

    assert [one.consents for one in page.events] == [()]


def test_companies_are_named_and_asked_for_only_where_somebody_has_one():
    path = "/api/v2/organizations"
    http = StandIn(
        {f"GET {PERSONS}": rows(person(1, org_id=7), person(2)), f"GET {path}": rows({"id": 7, "name": "Lamps"})}
    )
    page = connector().pull(Want("customers"), access(http))

    assert [one.record["company"] for one in page.events] == ["Lamps", None]
    assert [call.query["ids"] for call in http.asked("GET", path)] == ["7"]


def test_labels_are_read_once_an_hour_by_whichever_process():
    label = {"field_code": "label_ids", "options": [{"id": 1, "label": "Hot"}]}
    http = StandIn({f"GET {PERSONS}": rows(person(1, label_ids=[1, 2])), f"GET {FIELDS}": rows(label)})
    vault, clock = FakeVault(), Clock()
    for wait_s in (0, 3599, 2):
        clock.now_s += wait_s
        page = connector().pull(Want("customers"), access(http, vault, clock))
        assert page.events[0].record["tags"] == ["Hot"]

    assert len(http.asked("GET", FIELDS)) == 2


def test_leads_are_read_from_the_newest_down_to_those_that_are_known():
    def lead(number, day):
        return {
            "id": f"u{number}",
            "title": "Lamp",
            "person_id": number + 1,
            "update_time": f"2026-11-{day:02}T10:00:00Z",
        }

    def listed(call):
        start = int(call.query["start"])
        found = [lead(number, 21 - number) for number in range(start, start + 3)]
        more = {"pagination": {"more_items_in_collection": True}}
        return reply(200, {"success": True, "data": found, "additional_data": more})

    http, since = StandIn({"GET /v1/leads": listed}), datetime(2026, 11, 18, tzinfo=UTC)
    cursor, found = {"part": "/v1/leads", "since": "2026-11-18T00:00:00Z"}, set()
    while cursor is not None:
        page = connector().pull(Want("customers", cursor, since), access(http))
        found |= {one.record_id for one in page.events}
        cursor = page.cursor

    assert found == {"1", "2", "3", "4"}
    assert {call.query["sort"] for call in http.calls} == {"update_time DESC"}


def test_deals_are_read_with_the_deleted_and_the_archived_ones():
    archived = f"{DEALS}/archived"
    http = StandIn({f"GET {DEALS}": rows(deal(1), deal(2, is_deleted=True)), f"GET {archived}": rows(deal(3))})
    since, cursor, found = datetime(2026, 11, 20, tzinfo=UTC), None, []
    for _ in range(2):
        page = connector().pull(Want("orders", cursor, since), access(http))
        found += page.events
        cursor = json.loads(json.dumps(page.cursor))

    assert cursor is None
    assert [(one.record_id, one.kind) for one in found] == [
        ("1", Kind.ORDER_UPDATED),
        ("2", Kind.ORDER_DELETED),
        ("3", Kind.ORDER_UPDATED),
    ]
    assert http.asked("GET", DEALS)[0].query["status"] == "open,won,lost,deleted"


def test_a_deal_that_is_archived_is_not_taken_for_gone():
    http = StandIn({f"GET {DEALS}": rows(deal(1)), f"GET {DEALS}/archived": rows(deal(3))})
    found = connector().fetch("orders", ["1", "3", "9"], access(http))

    assert [one.record_id for one in found] == ["1", "3"]
    assert http.asked("GET", f"{DEALS}/archived")[0].query["ids"] == "3,9"


def test_a_record_that_cannot_be_read_is_there_all_the_same():
    found = connector().fetch("customers", ["1"], access(StandIn({f"GET {PERSONS}": rows(person(1, id=1.5))})))

    assert [type(one) for one in found] == [PayloadError]


def test_a_list_that_gives_the_page_before_once_more_is_found_out():
    same = [person(1), person(2)]
    http = StandIn({f"GET {PERSONS}": Answers([rows(*same, cursor="a"), rows(*same, cursor="b")])})
    page = connector().pull(Want("customers"), access(http))
    with pytest.raises(TryLater, match="once more"):
        connector().pull(Want("customers", page.cursor), access(http))


def test_another_refusal_than_that_of_the_word_is_told():
    def listed(call):
        return reply(409, {"success": False, "error": "no such filter"}) if "cursor" in call.query else rows()

    want = Want("customers", {"part": PERSONS, "word": "abc"})
    with pytest.raises(Rejected, match="filter"):
        connector().pull(want, access(StandIn({f"GET {PERSONS}": listed})))


# webhooks


def test_a_new_password_reaches_the_webhooks():
    made, vault = [], FakeVault()

    def make(call):
        made.append({**call.body, "id": len(made) + 1, "is_active": 1})
        return reply(201, {"data": made[-1]})

    def remove(call):
        made[:] = [one for one in made if one["id"] != int(call.path.rpartition("/")[2])]
        return {}

    http = StandIn({"POST /v1/webhooks": make, "GET /v1/webhooks": lambda _: list(made)})
    http.answers |= {f"DELETE /v1/webhooks/{number}": remove for number in range(1, 30)}
    address = "https://tajo.example/webhooks/crm"
    assert len(connector(secrets=("tajo:one",)).ensure_webhooks(address, access(http, vault)).created) == 9
    assert len(connector(secrets=("tajo:one",)).ensure_webhooks(address, access(http, vault)).kept) == 9
    found = connector(secrets=("tajo:two", "tajo:one")).ensure_webhooks(address, access(http, vault))

    assert set(found.repaired.values()) == {"another password"}
    assert {one["http_auth_password"] for one in made} == {"two"}
    assert {one["version"] for one in made} == {"2.0"}
    assert len(made) == 9


def test_a_webhook_that_is_refused_is_told_and_the_others_are_made():
    def make(call):
        if call.body["event_object"] == "lead":
            return reply(400, {"success": False, "error": "The limit of webhooks is reached"})
        return reply(201, {"data": {"id": 1}})

    http = StandIn({"POST /v1/webhooks": make, "GET /v1/webhooks": []})
    found = connector().ensure_webhooks("https://tajo.example/webhooks/crm", access(http))

    assert len(found.created) == 6
    assert set(found.failed) == {"lead.create", "lead.change", "lead.delete"}


def test_without_a_password_no_webhook_is_made():
    with pytest.raises(ConfigError, match="webhook_secret"):
        connector(secrets=("",)).ensure_webhooks("https://tajo.example/webhooks/crm", access(StandIn({})))


# the doctor


@pytest.mark.parametrize(
    ("options", "row", "fields", "verdict", "cause"),
    [
        ({}, person(1), [], "ok", "marketing_status"),
        ({}, {"id": 1}, [], "warn", "Campaigns"),
        (
            {"opt_out_field": "label"},
            {"id": 1},
            [{"field_code": "label_ids", "options": [{"id": 1, "label": "x"}]}],
            "fail",
            "no option",
        ),
        ({"opt_out_field": "8" * 40}, {"id": 1}, [], "ok", "8" * 40),
    ],
)
def test_the_doctor_tells_where_opt_outs_go(options, row, fields, verdict, cause):
    http = StandIn(
        {ME: {"is_admin": 1}, f"GET {PERSONS}": rows(row), f"GET {FIELDS}": rows(*fields), "GET /v1/webhooks": []}
    )
    (found,) = [one for one in connector({"api_token": "t", **options}).check(access(http)) if one.name == "opt-outs"]

    assert found.verdict == verdict
    assert cause in found.cause


def test_the_doctor_warns_of_a_user_who_sees_a_part_and_of_a_day_that_is_nearly_spent():
    told = {"x_daily_ratelimit_token_limit": 30000, "x_daily_ratelimit_token_remaining": 100}
    me = reply(200, {"success": True, "data": {"is_admin": 0}}, **told)
    http = StandIn({ME: me, f"GET {PERSONS}": rows(person(1)), "GET /v1/webhooks": []})
    found = {one.name: one for one in connector().check(access(http))}

    assert found["user"].verdict == "warn"
    assert found["tokens"].verdict == "warn"
    assert "100 of 30000" in found["tokens"].cause
    assert found["webhooks"].verdict == "warn"
