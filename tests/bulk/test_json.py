"""What Redis holds comes back as it was: every number exact, every letter the same."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customer_sync.person.merge import canonical, from_json, to_json

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=10)


@given(VALUES)
def test_a_value_comes_back_the_very_same(value):
    found = from_json(to_json(value).encode("utf-8", "surrogatepass"))

    assert repr(found) == repr(value)


@given(VALUES)
def test_other_programs_read_it_too(value):
    assert repr(json.loads(to_json(value))) == repr(value)


@pytest.mark.parametrize("value", [2**64, -(2**70), {"id": [10**30]}])
def test_a_whole_number_of_any_length_stays_whole(value):
    assert from_json(to_json(value)) == value
    assert json.loads(canonical(value)) == value


def test_equal_values_have_one_text_whatever_the_order_of_their_keys():
    assert canonical({"b": 1, "a": [1.5, "é"]}) == canonical({"a": [1.5, "é"], "b": 1}) == '{"a":[1.5,"é"],"b":1}'
