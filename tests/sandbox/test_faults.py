from __future__ import annotations

import gzip
import json

import pytest

from customer_sync.sandbox import faults

ANN = "ann@example.com"


def fault(brevo, kind: str, **options) -> None:
    brevo.control("POST", "/faults", {"kind": kind, **options})


def post(brevo, email: str = ANN):
    return brevo.call("POST", "/contacts", {"email": email})


@pytest.mark.parametrize(
    ("kind", "status", "code", "words"),
    [
        ("unknown_ip", 401, "unauthorized", "unrecognised IP address"),
        ("wrong_key", 401, "unauthorized", "Key not found"),
        ("restricted_key", 403, "permission_denied", 'Access denied for resource "contacts"'),
        ("busy", 425, "account_in_process", "processed"),
        ("storm", 429, "too_many_requests", "Too many requests"),
    ],
)
def test_a_fault_has_brevos_body_and_changes_nothing(brevo, kind, status, code, words):
    fault(brevo, kind, count=1)

    refused, done = post(brevo), post(brevo)

    assert (refused.status_code, refused.json["code"], done.status_code) == (status, code, 201)
    assert words in refused.json["message"]


@pytest.mark.parametrize(
    ("options", "status", "kind", "is_empty"),
    [
        ({"kind": "html_524"}, 524, "text/html; charset=UTF-8", False),
        ({"kind": "html_error"}, 500, "text/html; charset=utf-8", False),
        ({"kind": "html_error", "status": 400}, 400, "text/html; charset=utf-8", False),
        ({"kind": "empty_error", "status": 400}, 400, "text/html; charset=utf-8", True),
        ({"kind": "down", "mode": 503}, 503, "text/html; charset=utf-8", False),
    ],
)
def test_bodies_that_are_no_json(brevo, options, status, kind, is_empty):
    fault(brevo, **options)

    answer = brevo._http.post("/v3/contacts", json={"email": ANN}, headers={"api-key": "test"})

    assert (answer.status_code, answer.content_type, not answer.data) == (status, kind, is_empty)


@pytest.mark.parametrize(("kind", "is_kept"), [("down", False), ("reset_after_commit", True)])
def test_a_broken_connection_before_or_after_the_commit(brevo, kind, is_kept):
    fault(brevo, kind, count=1)

    with pytest.raises(ConnectionResetError):
        post(brevo)

    assert (brevo.call("GET", "/contacts").json["count"] == 1) is is_kept
    assert brevo.control("GET", "/calls")["calls"][-1]["status"] == 0


def test_the_headers_of_a_storm_are_there_or_not_or_wrong(brevo):
    seen = []
    for headers in ("present", "absent", "wrong"):
        fault(brevo, "storm", count=1, headers=headers, reset_s=7)
        seen.append(post(brevo).headers.get("x-sib-ratelimit-reset"))

    assert seen == ["7", None, "soon"]


def test_codes_drift_while_the_metadata_stays(brevo):
    post(brevo)
    fault(brevo, "code_drift")

    drifted = post(brevo).json

    assert (drifted["code"], drifted["metadata"]) == ("invalid_parameter", {"duplicate_identifiers": ["email"]})


def test_headers_can_be_stripped(make_brevo):
    brevo = make_brevo(plan="general")
    fault(brevo, "stripped_headers", count=1)

    stripped, whole = brevo.call("GET", "/contacts"), brevo.call("GET", "/contacts")

    assert "x-sib-ratelimit-limit" not in stripped.headers
    assert whole.headers["x-sib-ratelimit-limit"] == "10"


def test_a_fault_strikes_only_the_calls_it_is_for(brevo):
    fault(brevo, "busy", method="post", path="/v3/contacts/lists*")

    assert post(brevo).status_code == 201
    assert brevo.call("GET", "/contacts/lists").status_code == 200
    answer = brevo._http.post("/v3/contacts/lists", json={}, headers={"api-key": "test"})
    assert answer.status_code == 425


def test_a_fault_ends_after_its_seconds(brevo):
    fault(brevo, "busy", seconds=5)
    first = post(brevo)
    brevo.clock.sleep(5)

    assert (first.status_code, post(brevo).status_code) == (425, 201)


def test_faults_are_listed_and_cleared(brevo):
    fault(brevo, "busy")
    fault(brevo, "slow", delay_s=0.01, count=3)
    [first, second] = brevo.control("GET", "/faults")["faults"]

    brevo.control("DELETE", f"/faults/{first['id']}")
    assert post(brevo).status_code == 201
    assert brevo.control("GET", "/faults")["faults"] == [{**second, "hits": 1, "count": 2}]
    brevo.control("DELETE", "/faults")

    assert brevo.control("GET", "/faults")["faults"] == []


@pytest.mark.parametrize("body", [{"kind": "boom"}, {"kind": "busy", "count": 0}, {"kind": "busy", "seconds": "x"}])
def test_a_fault_that_makes_no_sense_is_refused(brevo, body):
    assert brevo._http.post("/sandbox/faults", data=json.dumps(body)).status_code == 400


def test_no_key_and_a_wrong_key_are_told_apart(make_brevo):
    brevo = make_brevo(keys=("right",))

    none, wrong, right = (brevo.call("GET", "/account", key=key) for key in (None, "wrong", "right"))

    assert none.json == {"code": "unauthorized", "message": "authentication not found in headers"}
    assert wrong.json == {"code": "unauthorized", "message": "Key not found"}
    assert (none.status_code, wrong.status_code, right.status_code) == (401, 401, 200)


@pytest.mark.parametrize(
    ("kind", "denied"),
    [
        ("restricted_key", ["GET", "POST", "PUT", "DELETE"]),
        ("read_only_key", ["POST", "PUT", "DELETE"]),
        ("no_delete_key", ["DELETE"]),
    ],
)
def test_a_key_may_lack_rights_for_a_resource(brevo, kind, denied):
    brevo.create(email=ANN)
    fault(brevo, kind, resource="contacts")
    calls = {
        "GET": ("/contacts", None),
        "POST": ("/contacts", {"email": "bob@example.com"}),
        "PUT": (f"/contacts/{ANN}", {"attributes": {}}),
        "DELETE": (f"/contacts/{ANN}", None),
    }

    answers = {method: brevo.call(method, *call) for method, call in calls.items()}

    refused = {method: answer for method, answer in answers.items() if answer.status_code == 403}
    assert list(refused) == denied
    for answer in refused.values():
        assert answer.json["code"] == "permission_denied"
        assert answer.json["message"].startswith('Access denied for resource "contacts". The API key does not include')
    assert brevo.call("GET", "/account").status_code == 200
    assert brevo.control("GET", "/faults")["faults"][0]["hits"] == len(denied)


def test_a_plan_may_have_no_imports(brevo):
    fault(brevo, "no_imports")

    answer = brevo.call("POST", "/contacts/import", {"jsonBody": [{"email": ANN}], "listIds": [2]})

    assert (answer.status_code, answer.json["code"]) == (403, "permission_denied")
    assert post(brevo).status_code == 201
    assert brevo.call("GET", "/processes").json["count"] == 0


@pytest.mark.parametrize(
    ("odd", "value"), [("huge", "9999999999"), ("negative", "-5"), ("text", "soon"), ("empty", ""), ("epoch", None)]
)
def test_the_reset_of_a_storm_may_be_odd(brevo, odd, value):
    fault(brevo, "storm", count=1, reset=odd)

    answer = post(brevo)

    found = answer.headers["x-sib-ratelimit-reset"]
    assert (answer.status_code, answer.headers["x-sib-ratelimit-remaining"]) == (429, "0")
    assert found == value if value is not None else int(found) > 1_700_000_000


@pytest.mark.parametrize(("options", "count"), [({}, 1), ({"events": 2}, 2), ({"events": 3}, 3)])
def test_a_batch_of_events_may_fail_in_part(brevo, options, count):
    event = {"event_name": "cart_updated", "identifiers": {"email_id": ANN}}
    fault(brevo, "partial", count=1, **options)

    answer = brevo.call("POST", "/events/batch", {"events": [event] * 3})

    assert (answer.status_code, answer.json["failed_events"]) == (207 if count < 3 else 400, count)
    assert answer.json["errors"][0]["eventIndex"] == list(range(count))
    assert brevo.control("GET", "/shop/events")["count"] == 3 - count
    assert brevo.call("POST", "/events/batch", {"events": [event]}).status_code == 202


def test_a_code_can_drift_to_another_word(brevo):
    post(brevo)
    fault(brevo, "code_drift", code="out_of_range")

    assert post(brevo).json["code"] == "out_of_range"


def test_two_faults_of_one_stage_can_strike_one_call(brevo):
    fault(brevo, "slow", delay_s=0.01)
    fault(brevo, "html_524")

    answer = brevo._http.post("/v3/contacts", json={"email": ANN}, headers={"api-key": "test"})

    assert answer.status_code == 524
    assert [one["hits"] for one in brevo.control("GET", "/faults")["faults"]] == [1, 1]


@pytest.mark.parametrize("kind", ["drip", "endless", "gzip_bomb"])
def test_a_call_with_a_strange_answer_is_carried_out(brevo, kind):
    fault(brevo, kind, count=1, every_s=0.0, megabytes=1)

    answer = brevo._http.post("/v3/contacts", json={"email": ANN}, headers={"api-key": "test"})

    text = gzip.decompress(answer.data) if kind == "gzip_bomb" else answer.data
    assert answer.status_code == 201
    assert text.strip() == {"drip": b'{"id":1}', "endless": b"", "gzip_bomb": b"{}"}[kind]
    assert len(text) == {"drip": 8, "endless": 15 * 65536, "gzip_bomb": 1_000_002}[kind]
    assert answer.headers.get("content-encoding") == ("gzip" if kind == "gzip_bomb" else None)
    assert len(answer.data) < 2_000 or kind == "endless"
    assert brevo.read(ANN)["id"] == 1


def test_every_kind_of_fault_can_strike(brevo):
    kinds = set(brevo.control("GET", "/faults")["kinds"])

    assert kinds == {
        *(faults.BEFORE_KEY + faults.AT_KEY + faults.AT_LIMIT + faults.BEFORE_BODY + faults.AFTERWARDS),
        *("import_fails", "partial"),
    }
