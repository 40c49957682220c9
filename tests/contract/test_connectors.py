"""Asks the same of every connector folder: proof, fixtures, README, and what it makes of broken bodies."""

import contextlib
import copy
import json
import re
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from customer_sync.errors import ConfigError, Refused
from customer_sync.kit.connector import Connector
from customer_sync.kit.reach import Access, Withdrawal
from customer_sync.model import Channel, Event
from tests.contract.cases import (
    CASES,
    EVENTFUL,
    PLATFORMS,
    RECEIVED_AT,
    REPO,
    SECRETS,
    as_json,
    assert_sound,
    connector_of,
    every_case,
    every_platform,
    outcome,
    places,
    signed,
)

MUTATIONS = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])

# --- fixtures and README


@every_case
def test_a_fixture_tells_where_it_comes_from_and_what_is_expected(case):
    assert case.doc["origin"].strip()
    assert set(case.doc) <= {"origin", "note", "options", "request", "withdrawal", "expect"}
    assert set(case.request) == {"headers", "body", "path"}
    assert len(case.expect) == 1 or set(case.expect) == {"events", "error"}
    assert set(case.expect) <= {"events", "error", "refused", "answer"}


@every_case
def test_a_fixture_gives_what_it_expects(case):
    inbound = case.inbound()
    answer = case.connector.greet(inbound)

    if "answer" in case.expect:
        assert answer.status == case.expect["answer"]
        return
    assert answer is None
    if "refused" in case.expect:
        with pytest.raises(Refused) as refusal:
            case.connector.verify(case.connector.sign(inbound, SECRETS[0]), SECRETS)
        assert refusal.value.status == case.expect["refused"]
        return
    case.connector.verify(case.connector.sign(inbound, SECRETS[0]), SECRETS)
    # Digests of a body are made over the fixture's exact bytes: compact, UTF-8 as it is.
    raw = json.dumps(case.request["body"], ensure_ascii=False, separators=(",", ":")).encode()
    found = outcome(case.connector, case.inbound(raw if not isinstance(case.request["body"], str) else None))
    error = case.expect.get("error")
    assert [as_json(one) for one in found if isinstance(one, Event)] == case.events()
    assert [one for one in found if isinstance(one, tuple)] == ([(error["path"], error["found"])] if error else [])


@every_platform
def test_every_topic_has_a_fixture_that_gives_its_event(platform):
    seen = {event.topic for case in EVENTFUL[platform] for event in case.connector.parse(case.inbound())}

    assert seen == set(connector_of(platform).topics)


@every_platform
def test_a_topic_that_is_not_ours_gives_no_event(platform):
    ignored = [case for case in CASES if case.platform == platform and case.name.startswith("topic_")]

    assert ignored
    assert [case.expect for case in ignored] == [{"events": []}] * len(ignored)


@every_platform
def test_the_readme_lists_the_topics_and_sets_up_in_seven_steps(platform):
    text = (REPO / "connectors" / platform / "README.md").read_text(encoding="utf-8")
    sections = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", text, re.DOTALL | re.MULTILINE))
    rows = [line.split("|")[1] for line in sections["Topics"].splitlines() if line.startswith("| `")]

    assert sorted(topic for row in rows for topic in re.findall(r"`([^`]+)`", row)) == sorted(
        connector_of(platform).topics
    )
    assert 1 <= len(re.findall(r"^\d+\. ", sections["Set-up"], re.MULTILINE)) <= 7
    assert {"Set-up", "Topics", "What it really does", "Limits"} <= set(sections)


@every_platform
def test_the_class_says_who_it_is(platform):
    connector = connector_of(platform)

    assert connector.platform == platform
    assert connector.title
    assert connector.proof
    assert connector.judges
    assert connector.auth or not connector.pulls
    assert all(name == name.lower() for name in connector.keeps)
    option_names = [name for option in connector.options for name in (option.name, *option.aliases)]
    assert len(option_names) == len(set(option_names))
    assert all(mark == mark.lower() for mark in connector.marks)
    assert {*connector.pulls, *connector.fetches} <= set(connector.resources)
    assert connector.pace.per_s > 0


@every_platform
def test_a_platform_that_takes_no_consent_back_says_so(platform):
    connector = connector_of(platform)
    withdrawal = Withdrawal("1", Channel.EMAIL, "ann@example.com", RECEIVED_AT)

    if type(connector).write_consent is Connector.write_consent:
        assert connector.writes == ()
        with pytest.raises(ConfigError, match=f"{connector.title} takes no consent back"):
            connector.write_consent(withdrawal, Access(None, None))
    else:
        assert set(connector.writes) <= set(Channel)
        assert connector.writes


@every_platform
def test_a_request_is_recognised_by_its_own_platform_and_by_no_other(platform):
    for case in EVENTFUL[platform]:
        inbound = case.connector.sign(case.inbound(), SECRETS[0])
        unsigned = replace(case.inbound(), headers={}, path="", query="", body=b"{}")

        assert [one for one in PLATFORMS if type(connector_of(one)).recognises(inbound)] == [platform]
        assert not type(case.connector).recognises(unsigned)


@every_platform
@given(data=st.data())
@MUTATIONS
def test_recognising_never_fails(platform, data):
    headers = {name: data.draw(st.text(max_size=20)) for name in connector_of(platform).marks}
    inbound = replace(EVENTFUL[platform][0].inbound(), headers=headers, body=data.draw(st.binary(max_size=200)))

    assert type(connector_of(platform)).recognises(inbound) in {True, False}


# --- signatures


@every_platform
@pytest.mark.parametrize("secret", SECRETS)
def test_a_request_signed_with_any_live_secret_is_accepted(platform, secret):
    inbound, connector, _ = signed(platform, secret)

    connector.verify(inbound, SECRETS)
    connector.verify(inbound, ("", *SECRETS))


@every_platform
@pytest.mark.parametrize("secrets", [(), ("",), (" ",), ("other",), ("newest-secre",), ("NEWEST-SECRET",)])
def test_a_request_signed_with_another_secret_is_refused(platform, secrets):
    inbound, connector, _ = signed(platform)

    with pytest.raises(Refused) as refusal:
        connector.verify(inbound, secrets)
    assert refusal.value.status == 401
    assert SECRETS[0] not in str(refusal.value)


@every_platform
@given(data=st.data())
@MUTATIONS
def test_one_flipped_bit_of_the_body_is_refused(platform, data):
    inbound, connector, _ = signed(platform)
    bit = data.draw(st.integers(0, len(inbound.body) * 8 - 1))
    body = bytearray(inbound.body)
    body[bit // 8] ^= 1 << bit % 8

    with pytest.raises(Refused) if connector.signs_body else contextlib.suppress(Refused):
        connector.verify(replace(inbound, body=bytes(body)), SECRETS)


@every_platform
@given(data=st.data())
@MUTATIONS
def test_one_changed_character_of_the_proof_is_refused(platform, data):
    inbound, connector, proofs = signed(platform)
    proof = data.draw(st.sampled_from(proofs))
    _, piece = proof.of(inbound)
    at = data.draw(st.integers(0, len(piece) - 1))
    wrong = piece[:at] + chr(ord(piece[at]) ^ 1) + piece[at + 1 :]

    with pytest.raises(Refused):
        connector.verify(proof.changed(inbound, wrong), SECRETS)


@every_platform
def test_a_missing_proof_is_refused(platform):
    inbound, connector, proofs = signed(platform)

    assert proofs
    for proof in proofs:
        for piece in ("", None):
            with pytest.raises(Refused):
                connector.verify(proof.changed(inbound, piece), SECRETS)


@every_platform
@given(data=st.data())
@MUTATIONS
def test_no_header_makes_the_check_fail_in_another_way(platform, data):
    inbound, connector, _ = signed(platform)
    changed = data.draw(st.dictionaries(st.sampled_from(sorted(inbound.headers)), st.text(max_size=40), max_size=3))

    with contextlib.suppress(Refused):
        connector.verify(replace(inbound, headers={**inbound.headers, **changed}), SECRETS)


# --- parse is pure and total


@every_case
def test_the_same_bytes_give_the_same_ids_and_only_the_kept_headers_matter(case):
    inbound = case.inbound()
    later = replace(inbound, received_at=RECEIVED_AT + timedelta(hours=3))
    kept = replace(inbound, headers={k: v for k, v in inbound.headers.items() if k in case.connector.keeps})

    found = outcome(case.connector, inbound)
    assert_sound(inbound, found)
    assert outcome(case.connector, inbound) == found
    assert outcome(case.connector, kept) == found
    assert [getattr(one, "id", one) for one in outcome(case.connector, later)] == [getattr(o, "id", o) for o in found]


@every_platform
@pytest.mark.parametrize("big", ["9007199254740993", "18446744073709551557"])
def test_ids_above_two_to_the_53_survive(platform, big):
    tried = 0
    for case in EVENTFUL[platform]:
        old = case.events()[0]["record_id"]
        if old is None or not old.isdigit():
            continue
        event = case.connector.parse(case.inbound(with_id(case.request["body"], old, big)))[0]
        assert event.record_id == big
        assert event.customer_id in (big, case.events()[0]["customer_id"])
        tried += 1

    assert tried


def with_id(value, old, new):
    """Return a body with an id replaced wherever it stands, as a number, as text or at the end of a path."""
    if isinstance(value, dict):
        return {key: with_id(child, old, new) for key, child in value.items()}
    if isinstance(value, list):
        return [with_id(child, old, new) for child in value]
    if isinstance(value, int) and not isinstance(value, bool) and str(value) == old:
        return int(new)
    if isinstance(value, str) and (value == old or value.endswith(f"/{old}")):
        return value[: len(value) - len(old)] + new
    return value


JUNK = [None, True, False, 0, -1, 1.5, 1e308, 10**30, "", "x", "\0", "\ud800", "9" * 4000, "nan", "1e999", "é" * 300]
JUNK += [[], [None], [[]], {}, {"id": None}, {"id": {"id": 1}}, [{"id": True}], [1, "two"], "gid://shopify/Customer/"]
JUNK += [
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00",
    "2026-13-45",
    "0000-00-00T00:00:00",
    "[deleted]",
    "@",
]


def mangle(body, data):
    """Return a body with one to four places deleted or replaced by junk."""
    body = copy.deepcopy(body)
    for _ in range(data.draw(st.integers(1, 4))):
        path = data.draw(st.sampled_from([path for path in places(body) if path] or [()]))
        if not path:
            return body
        parent = body
        for key in path[:-1]:
            parent = parent[key]
        if data.draw(st.booleans()):
            del parent[path[-1]]
        else:
            parent[path[-1]] = copy.deepcopy(data.draw(st.sampled_from(JUNK)))
    return body


@every_platform
@given(data=st.data())
@settings(MUTATIONS, max_examples=600)
def test_a_mangled_body_gives_events_or_a_path(platform, data):
    case = data.draw(st.sampled_from([case for case in EVENTFUL[platform] if isinstance(case.request["body"], dict)]))
    inbound = case.inbound(mangle(case.request["body"], data))

    assert_sound(inbound, outcome(case.connector, inbound))


@every_platform
@given(data=st.data())
@MUTATIONS
def test_broken_bytes_give_events_or_a_path(platform, data):
    case = data.draw(st.sampled_from(EVENTFUL[platform]))
    whole = case.inbound().body
    at = data.draw(st.integers(0, len(whole) - 1))
    sign = data.draw(st.sampled_from([b"", b"\xff", b"\0", b"\xed\xa0\x80"]))
    torn = whole[:at] + sign + whole[at:] if sign else whole[:at]

    found = outcome(case.connector, case.inbound(torn))
    assert_sound(case.inbound(torn), found)
    assert sign or all(isinstance(one, tuple) for one in found)


@every_case
def test_a_byte_order_mark_changes_nothing(case):
    if isinstance(case.request["body"], dict):
        inbound = case.inbound()
        marked = replace(inbound, body=b"\xef\xbb\xbf" + inbound.body)

        assert [told(one) for one in outcome(case.connector, marked)] == [
            told(one) for one in outcome(case.connector, inbound)
        ]


def told(one):
    """Return an outcome without its id, which may be a digest of the bytes."""
    return replace(one, id="") if isinstance(one, Event) else one


@every_platform
@pytest.mark.parametrize(
    "body",
    [b"", b" ", b"null", b"[]", b"1", b'"x"', b"\xef\xbb\xbf", b"NaN", b"9" * 5000, b'{"id":' * 500, b"[" * 100_000],
    ids=lambda body: body[:12].decode(errors="replace"),
)
def test_a_body_that_is_no_record_gives_a_path(platform, body):
    for case in EVENTFUL[platform]:
        found = outcome(case.connector, case.inbound(body))
        assert_sound(case.inbound(body), found)
        assert all(isinstance(one, tuple) for one in found)


@every_platform
@given(data=st.data())
@MUTATIONS
def test_no_header_makes_parse_fail_in_another_way(platform, data):
    case = data.draw(st.sampled_from(EVENTFUL[platform]))
    inbound = case.inbound()
    changed = data.draw(
        st.dictionaries(st.sampled_from(sorted(case.connector.keeps) or ["x-any"]), st.text(max_size=40), max_size=3)
    )
    inbound = replace(inbound, headers={**inbound.headers, **changed})

    assert_sound(inbound, outcome(case.connector, inbound))
