"""For each field the newest value wins, whatever the order of arrival."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customer_sync.merge import Stamped, canonical, merge, newest, pack, stamp, unpack

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
NAMES = st.sampled_from(["FIRSTNAME", "email", "consent.email.granted"])
SOURCES = st.sampled_from(["shop", "woo", "brevo", "läden", "店"])
#: Mostly ties; a few far away, before 1970 too.
TIMES = st.integers(0, 3) | st.integers(0, 3) | st.integers(-(10**13), 10**13)
STATES = st.dictionaries(NAMES, st.builds(Stamped, VALUES, TIMES, SOURCES), max_size=3)
WIDE = st.dictionaries(
    st.text(max_size=4), st.builds(Stamped, VALUES, TIMES, st.text(min_size=1, max_size=4)), max_size=40
)


def text(state):
    """What a state says, to the letter: `1`, `1.0` and `true` differ."""
    return {name: (canonical(one.value), one.at_ms, one.source) for name, one in state.items()}


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

    merge([one, two])["FIRSTNAME"] = Stamped("changed", 1, "shop")

    assert (text(one), text(two)) == before


@given(one=VALUES, two=VALUES, sources=st.tuples(SOURCES, SOURCES), at_ms=TIMES)
def test_on_a_tie_the_larger_json_wins_and_then_the_larger_source(one, two, sources, at_ms):
    first, second = Stamped(one, at_ms, sources[0]), Stamped(two, at_ms, sources[1])
    expected = max((canonical(one), sources[0]), (canonical(two), sources[1]))

    for winner in (newest(first, second), newest(second, first)):
        assert (canonical(winner.value), winner.source) == expected


@pytest.mark.parametrize(
    ("one", "two"),
    [(1, True), (0, False), (1, 1.0), (0.0, -0.0), ([1], [True]), ({"a": 0}, {"a": False}), ({"a": 1}, {"a": 1.0})],
)
def test_values_that_only_python_takes_for_equal_have_one_winner_too(one, two):
    first, second = Stamped(one, 5, "shop"), Stamped(two, 5, "shop")

    assert canonical(newest(first, second).value) == canonical(newest(second, first).value)


@pytest.mark.parametrize(
    ("one", "two", "winner"),
    [
        (Stamped("a", 2, "shop"), Stamped("z", 1, "woo"), "a"),
        (Stamped(None, 2, "shop"), Stamped("z", 1, "woo"), None),
        (Stamped("a", 1, "shop"), Stamped("b", 1, "shop"), "b"),
        (Stamped("Jane", 1, "shop"), Stamped(None, 1, "shop"), None),
        (Stamped(9, 1, "shop"), Stamped(10, 1, "shop"), 9),
    ],
)
def test_the_later_stamp_wins_before_the_larger_json(one, two, winner):
    assert newest(one, two).value == newest(two, one).value == winner


def test_a_value_is_told_with_the_larger_source_of_those_that_said_it_at_once():
    assert newest(Stamped("a", 1, "shop"), Stamped("a", 1, "woo")).source == "woo"
    assert newest(Stamped("a", 1, "woo"), Stamped("a", 1, "shop")).source == "woo"


@given(fields=st.dictionaries(NAMES, VALUES), at_ms=TIMES, source=SOURCES)
def test_the_fields_of_a_change_share_one_stamp(fields, at_ms, source):
    state = stamp(fields, at_ms, source)

    assert {name: one.value for name, one in state.items()} == fields
    assert {(one.at_ms, one.source) for one in state.values()} <= {(at_ms, source)}


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
    base_ms, base_source, values, others = pack(state)

    stamps = [(one.at_ms, one.source) for one in state.values()]
    assert len(values) == len(state)
    assert len(others) == len([one for one in state.values() if (one.at_ms, one.source) != (base_ms, base_source)])
    assert stamps.count((base_ms, base_source)) == max(map(stamps.count, stamps), default=0)


def test_the_stored_form_never_changes_from_one_release_to_the_next():
    state = {
        "SMS": Stamped("+31612345678", 5_000, "shop"),
        "FIRSTNAME": Stamped("Zoë", 7_000, "shop"),
        "LASTNAME": Stamped("", 7_000, "shop"),
        "CITY": Stamped(None, 6_999, "woo"),
        "email": Stamped(["fp", "zoe@example.com"], 7_000, "shop"),
        "status": Stamped("active", 7_000, "shop"),
        "consent.email.granted": Stamped("x", 7_000, "shop"),
        "consent.sms.withdrawn": Stamped("y", 7_000, "shop"),
    }

    assert pack(state) == [
        7_000,
        "shop",
        {
            "CITY": None,
            "FIRSTNAME": "Zoë",
            "LASTNAME": "",
            "SMS": "+31612345678",
            "@": ["fp", "zoe@example.com"],
            "!": "active",
            "+e": "x",
            "-s": "y",
        },
        {"CITY": [-1, "woo"], "SMS": -2_000},
    ]
    assert pack({}) == [0, "", {}, {}]
