from __future__ import annotations

import json

import pytest

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
