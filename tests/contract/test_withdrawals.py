"""A withdrawal of consent is heard whatever is wrong with the rest of its body, by webhook and by pull."""

import copy
import json

import pytest

from customer_sync.kit.json_text import MAX_DEPTH, json_value
from customer_sync.model import ConsentState, Event, Kind
from tests.contract.cases import CASES, PLATFORMS, assert_sound, every_platform, outcome, places
from tests.contract.trial import trial_of

WITHDRAWN = [case for case in CASES if "withdrawal" in case.doc]

GONE = object()
DEEP = json.loads("[" * 300 + "]" * 300)
#: What may stand where something else should.
ODD = [GONE, None, True, False, 0, -1, 1.5, 1e308, float("inf"), 10**400, "", " ", "x", "\0", "a\0b", "\ud83d", "@"]
ODD += ["0000-00-00", "9999-12-31T23:59:59-14:00", "9" * 300, [], [None], ["x"], [[]], {}, {"a": {"b": []}}, DEEP]


def broken(body, needs):
    """Yield the body with each of its places broken in turn, but for those that the withdrawal itself needs."""
    needed = [tuple(int(key) if key.isdecimal() else key for key in path.split(".")) for path in needs]
    for path in places(body):
        if path and not any(path == one[: len(path)] for one in needed):
            for odd in ODD:
                yield path, odd, altered(body, path, odd)


def altered(body, path, odd):
    body = copy.deepcopy(body)
    parent = body
    for key in path[:-1]:
        parent = parent[key]
    if odd is GONE:
        del parent[path[-1]]
    else:
        parent[path[-1]] = odd
    return body


def withdrawals(outcomes):
    return [
        (seen.channel, one)
        for one in outcomes
        if isinstance(one, Event)
        for seen in one.consents
        if seen.state is ConsentState.WITHDRAWN
    ]


def assert_heard(outcomes, expected, where):
    """Assert that the withdrawals are there, of the same person, and that a fault beside them leaves nothing else."""
    found = withdrawals(outcomes)
    assert [channel for channel, _ in found] == [channel for channel, _ in expected], where
    for (_, one), (_, other) in zip(found, expected, strict=True):
        by_id = one.customer_id is not None and one.customer_id == other.customer_id
        assert by_id or one.record.get("email") == other.record.get("email") is not None, where
    if any(not isinstance(one, Event) for one in outcomes):
        (event,) = [one for one in outcomes if isinstance(one, Event)]
        assert event.kind is Kind.CONSENT_CHANGED, where
        assert event.id.endswith(":consents"), where
        assert {seen.state for seen in event.consents} == {ConsentState.WITHDRAWN}, where
        assert set(event.record) <= {"id", "email"}, where


@every_platform
def test_every_fixture_with_a_withdrawal_says_what_it_needs(platform):
    cases = [case for case in CASES if case.platform == platform and isinstance(case.request["body"], dict)]
    having = [case for case in cases if withdrawals(outcome(case.connector, case.inbound()))]
    found = [one for case in cases for one in outcome(case.connector, case.inbound()) if isinstance(one, Event)]

    # webhooks that are hints alone tell of no consent at all
    assert having or not any(one.consents for one in found)
    assert having == [case for case in cases if case in WITHDRAWN]


@pytest.mark.parametrize("case", WITHDRAWN, ids=lambda case: f"{case.platform}/{case.name}")
def test_a_withdrawal_is_heard_whatever_else_is_broken(case):
    body, needs = case.request["body"], case.doc["withdrawal"]
    expected = withdrawals(outcome(case.connector, case.inbound()))

    for path, odd, torn in broken(body, needs):
        found = outcome(case.connector, case.inbound(torn))
        assert_sound(case.inbound(torn), found)
        assert_heard(found, expected, f"{path}: {str(odd)[:40]}")


@pytest.mark.parametrize("case", WITHDRAWN, ids=lambda case: f"{case.platform}/{case.name}")
def test_what_a_fixture_says_it_needs_is_needed(case):
    expected = withdrawals(outcome(case.connector, case.inbound()))
    for path in case.doc["withdrawal"]:
        keys = tuple(int(key) if key.isdecimal() else key for key in path.split("."))
        found = withdrawals(outcome(case.connector, case.inbound(altered(case.request["body"], keys, GONE))))
        assert len(found) < len(expected), path


@pytest.mark.parametrize("case", WITHDRAWN, ids=lambda case: f"{case.platform}/{case.name}")
def test_the_rest_of_a_body_replayed_after_a_fix_is_no_repetition(case):
    found = outcome(case.connector, case.inbound())
    ids = [one.id for one in found if isinstance(one, Event)]

    assert [one.endswith(":consents") for one in ids] == ["error" in case.expect] * len(ids)


# by pull

PULLED = [
    pytest.param(one, id=f"{platform}-{number}")
    for platform in PLATFORMS
    if (trial := trial_of(platform)) is not None
    for number, one in enumerate(trial.withdrawals)
]


@pytest.mark.parametrize("pulled", PULLED)
def test_a_pulled_withdrawal_is_heard_whatever_else_is_broken(pulled):
    expected = withdrawals(pulled.read(copy.deepcopy(pulled.record)))
    assert expected

    for path, odd, torn in broken(pulled.record, pulled.needs):
        found = pulled.read(torn)
        assert_heard([one if isinstance(one, Event) else (one.path, one.found) for one in found], expected, (path, odd))


def depth(value):
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + max(map(depth, children), default=0) if isinstance(value, dict | list) else 0


def test_json_of_any_kind_is_readable_afterwards():
    raw = json.dumps([*[odd for odd in ODD if odd is not GONE], {"k\0": "\ud83d"}]).encode()
    value = json_value(b"\xef\xbb\xbf" + raw.replace(b'"x"', b'"\xff"'))

    assert depth(value) <= MAX_DEPTH
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    assert "\0" not in text
    text.encode()
