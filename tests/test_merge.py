"""For each field the newest value wins, whatever the order of arrival."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customer_sync.person.merge import Stamped, canonical, earliest, merge, newest, pack, stamp, unpack

#: 1, 1.0 and true are one value to Python and three to JSON.
LEAVES = (
    st.sampled_from([None, 1, True, 1.0])
    | st.sampled_from([0, False, 0.0, -0.0, "", "é", "e\u0301", "日本", "👩‍👩‍👧", "\u2028", '"\\'])
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=6)
)
#: Mostly plain values: left to itself, `recursive` draws mostly lists and objects.
VALUES = (
    LEAVES
    | LEAVES
    | st.recursive(
        LEAVES,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
        max_leaves=5,
    )
)
NAMES = st.sampled_from(["FIRSTNAME", "claim", "consent.email.granted"])
#: When a state was seen, in microseconds; 0 for none, below for consent's own use.
SEEN = st.integers(0, 3) | st.sampled_from([0, -5, 1_700_000_000_000_000, 1_700_000_000_000_001])
#: Mostly ties; a few far away, before 1970 too.
TIMES = st.integers(0, 3) | st.integers(0, 3) | st.integers(-(10**13), 10**13)
STATES = st.dictionaries(NAMES, st.builds(Stamped, VALUES, TIMES, SEEN), max_size=3)
WIDE = st.dictionaries(
    st.text(max_size=4).filter(lambda name: name not in {"since", "<"}),
    st.builds(Stamped, VALUES, TIMES, SEEN),
    max_size=40,
)


def text(state):
    """What a state says, to the letter: `1`, `1.0` and `true` differ."""
    return {name: (canonical(one.value), one.at_ms, one.seen_us) for name, one in state.items()}


@given(states=st.lists(STATES, max_size=5), data=st.data())
def test_the_order_of_the_states_never_matters(states, data):
    shuffled = data.draw(st.permutations(states))

    assert text(merge(shuffled)) == text(merge(states))


@given(STATES, STATES, STATES)
def test_it_never_matters_what_was_merged_before(one, two, three):
    together = text(merge([one, two, three]))

    assert text(merge([merge([one, two]), three])) == together
    assert text(merge([one, merge([two, three])])) == together


@given(STATES, STATES)
def test_what_was_merged_already_changes_nothing(one, two):
    merged = merge([one, two])

    assert text(merge([one, one])) == text(one)
    assert text(merge([merged, one])) == text(merged)
    assert text(merge([two, merged, one])) == text(merged)


@given(st.lists(STATES, max_size=5))
def test_each_field_has_its_newest_value_and_none_is_lost_or_invented(states):
    merged = text(merge(states))

    assert set(merged) == {name for state in states for name in state}
    for name, winner in merged.items():
        said = [text(state)[name] for state in states if name in state]
        assert winner in said
        assert winner[1] == max(at_ms for _, at_ms, _ in said)


@given(STATES, STATES)
def test_the_states_that_are_merged_stay_as_they_are(one, two):
    before = text(one), text(two)

    merge([one, two])["FIRSTNAME"] = Stamped("changed", 1)

    assert (text(one), text(two)) == before


@given(one=VALUES, two=VALUES, at_ms=TIMES, seen=st.tuples(SEEN, SEEN))
def test_of_two_states_of_one_time_the_one_that_was_seen_later_wins(one, two, at_ms, seen):
    first, second = Stamped(one, at_ms, seen[0]), Stamped(two, at_ms, seen[1])

    for winner in (newest(first, second), newest(second, first)):
        assert winner.seen_us == max(seen)


@given(VALUES.filter(lambda value: value is not None and value not in ("", [])), TIMES, SEEN)
def test_nothing_never_beats_a_value_of_the_same_moment(value, at_ms, seen_us):
    for nothing in (None, "", []):
        one, two = Stamped(value, at_ms, seen_us), Stamped(nothing, at_ms, seen_us)
        assert canonical(newest(one, two).value) == canonical(newest(two, one).value) == canonical(value)


@pytest.mark.parametrize(
    ("one", "two"),
    [(1, True), (0, False), (1, 1.0), (0.0, -0.0), ([1], [True]), ({"a": 0}, {"a": False}), ({"a": 1}, {"a": 1.0})],
)
def test_values_that_only_python_takes_for_equal_have_one_winner_too(one, two):
    first, second = Stamped(one, 5), Stamped(two, 5)

    assert canonical(newest(first, second).value) == canonical(newest(second, first).value)


@pytest.mark.parametrize(
    ("one", "two", "winner"),
    [
        (Stamped("a", 2), Stamped("z", 1, 9), "a"),
        (Stamped(None, 2), Stamped("z", 1), None),
        (Stamped("Ann", 1, 2), Stamped("Zoe", 1, 1), "Ann"),
        (Stamped(None, 1, 2), Stamped("Zoe", 1, 1), None),
        (Stamped("Zoe", 1, 1), Stamped(None, 1, 1), "Zoe"),
        (Stamped("Zoe", 1), Stamped("Ann", 1, 1), "Ann"),
    ],
)
def test_the_spelling_of_a_value_decides_nothing(one, two, winner):
    assert newest(one, two).value == newest(two, one).value == winner


@given(fields=st.dictionaries(NAMES, VALUES), at_ms=TIMES, seen_us=SEEN)
def test_the_fields_of_a_change_share_one_stamp(fields, at_ms, seen_us):
    state = stamp(fields, at_ms, seen_us)

    assert {name: one.value for name, one in state.items()} == fields
    assert {(one.at_ms, one.seen_us) for one in state.values()} <= {(at_ms, seen_us)}


@given(VALUES)
def test_the_canonical_text_is_json_and_does_not_depend_on_the_order_of_keys(value):
    written = canonical(value)

    assert canonical(json.loads(written)) == written
    assert canonical(_reversed(value)) == written


def _reversed(value):
    if isinstance(value, dict):
        return {key: _reversed(value[key]) for key in reversed(list(value))}
    return [_reversed(one) for one in value] if isinstance(value, list) else value


@given(STATES | WIDE)
def test_a_state_survives_being_stored(state):
    stored = json.dumps(pack(state), ensure_ascii=False).encode()

    assert text(unpack(json.loads(stored))) == text(state)


@given(state=STATES | WIDE, data=st.data())
def test_equal_states_are_stored_alike_whatever_the_order_of_their_fields(state, data):
    shuffled = dict(data.draw(st.permutations(list(state.items()))))

    assert json.dumps(pack(shuffled)) == json.dumps(pack(state))


@given(STATES | WIDE)
def test_the_commonest_stamp_is_stored_once(state):
    base_ms, base_seen, values, others = pack(state)

    base = (base_ms, base_seen + base_ms * 1000 if base_seen is not None else 0)
    stamps = [(one.at_ms, one.seen_us) for one in state.values()]
    assert len(values) == len(state)
    assert len(others) == len([one for one in stamps if one != base])
    assert stamps.count(base) == max(map(stamps.count, stamps), default=0)


@given(st.lists(st.integers(0, 10**13), min_size=1))
def test_of_several_beginnings_the_earliest_wins_in_whole_hours(times):
    merged = merge({"since": earliest(at_ms)} for at_ms in times)
    stored = unpack(json.loads(json.dumps(pack(merged))))

    assert stored == merged
    assert 0 <= min(times) + merged["since"].at_ms < 3_600_000


def test_the_stored_form_never_changes_from_one_release_to_the_next():
    seen_us = 1_764_340_001_234_567
    state = {
        "SMS": Stamped("+31612345678", 1_764_339_990_000, 1_764_339_990_000_001),
        "FIRSTNAME": Stamped("Zoë", 1_764_340_000_000, seen_us),
        "LASTNAME": Stamped("", 1_764_340_000_000, seen_us),
        "CITY": Stamped(None, 1_764_339_999_999, seen_us),
        "claim": Stamped(None, 1_764_340_000_000, seen_us),
        "since": earliest(1_764_339_990_000),
        "consent.email.granted": Stamped(["x", "label"], 1_764_340_000_000, -500),
        "consent.sms.withdrawn": Stamped("y", 1_764_340_000_000),
    }

    assert pack(state) == [
        1_764_340_000_000,
        1_234_567,
        {
            "CITY": None,
            "FIRSTNAME": "Zoë",
            "LASTNAME": "",
            "SMS": "+31612345678",
            "@": None,
            "<": 490_094,
            "+e": ["x", "label"],
            "-s": "y",
        },
        {"CITY": -1, "SMS": [-10_000, 1_764_339_990_000_001], "+e": [0, -500], "-s": [0]},
    ]
    assert unpack(json.loads(json.dumps(pack(state)))) == state
    assert pack({}) == [0, None, {}, {}]
