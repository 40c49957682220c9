"""The readers of records: by table, with a path for every fault."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customer_sync.errors import PayloadError
from customer_sync.fields import (
    MAX_ID,
    MAX_WHOLE,
    as_object,
    flag,
    identifier,
    instant,
    join,
    maybe_id,
    moment,
    number,
    objects,
    pick,
    take,
    text,
    whole,
)

#: Each reader, and what it gives where it gives something.
READERS = {
    text: str,
    number: float,
    whole: int,
    flag: bool,
    moment: str,
    identifier: str,
    maybe_id: str,
}

LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=10**300, max_value=10**310)
    | st.floats()
    | st.text(max_size=12)
    | st.datetimes().map(str)
    | st.sampled_from(
        ["", "0", 0, "19.99", "1e999", "nan", "\ud83d", "2026-11-21T10:00:00Z", "0001-01-01T00:00:00+14:00"]
    )
)
#: Mostly plain values: left to itself, `recursive` draws mostly lists and objects.
JSON = (
    LEAVES
    | LEAVES
    | st.recursive(
        LEAVES,
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "c", ""]), inner, max_size=3)
        ),
        max_leaves=8,
    )
)
OBJECTS = st.dictionaries(st.sampled_from(["a", "b", "c"]), JSON, max_size=3)


def read_or_fault(read, *args, **kwargs):
    """What was read and None, or None and the path of the fault; any other error is a failed test."""
    try:
        return read(*args, **kwargs), None
    except PayloadError as fault:
        return None, fault.path


@pytest.mark.parametrize(("read", "kind"), READERS.items())
@given(value=JSON)
def test_any_json_is_a_value_of_one_type_or_a_fault_with_its_path(read, kind, value):
    found, path = read_or_fault(read, value, "order.lines[0].price")

    assert path in (None, "order.lines[0].price")
    assert found is None or type(found) is kind
    json.dumps(found, allow_nan=False, ensure_ascii=False).encode()


@given(node=OBJECTS, at=st.sampled_from(["", "order.lines[2]"]))
def test_a_table_reads_any_object_or_names_one_of_its_places(node, at):
    places = {"one": ("a.b.c", "b"), "two": ("c",), "three": ("a", "b.a")}
    table = {
        "one": take(text, *places["one"]),
        "two": take(number, *places["two"]),
        "three": take(flag, *places["three"]),
    }
    known = [place for group in places.values() for place in group]

    found, path = read_or_fault(pick, node, table, at)

    assert set(found or ()) <= set(table)
    if path is not None:
        below = path.removeprefix(f"{at}.") if at else path
        assert path == join(at, below)
        assert any(place == below or place.startswith(f"{below}.") for place in known)


@given(value=JSON)
def test_any_value_is_a_list_of_objects_or_a_fault_below_its_key(value):
    found, path = read_or_fault(objects, {"a": value}, "a", "order")

    assert path is None or re.fullmatch(r"order\.a(\[\d\])?", path)
    assert [where for _, where in found or ()] == [f"order.a[{i}]" for i in range(len(found or ()))]
    assert all(isinstance(one, dict) for one, _ in found or ())


@given(node=OBJECTS)
def test_any_value_is_a_time_in_utc_or_none_or_a_fault_at_its_key(node):
    found, path = read_or_fault(instant, node, "a", "b", at="order")

    assert path in (None, "order.a", "order.b")
    assert found is None or found.tzinfo is UTC


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        ({}, {}),
        ({"name": None}, {"name": None}),
        ({"name": ""}, {"name": None}),
        ({"name": "  "}, {"name": None}),
        ({"name": " Jane "}, {"name": "Jane"}),
        ({"address": {}}, {}),
        ({"address": None}, {"name": None}),
        ({"address": []}, {"name": None}),
        ({"address": {"person": None}}, {"name": None}),
        ({"address": {"person": {}}}, {}),
        ({"address": {"person": {"name": None}}}, {"name": None}),
        ({"address": {"person": {"name": "Ann"}}}, {"name": "Ann"}),
    ],
)
def test_absent_is_unknown_and_an_empty_place_is_known_to_be_empty(node, expected):
    assert pick(node, {"name": take(text, "name", "address.person.name")}) == expected


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        ({"name": "Jane", "alias": "J"}, "Jane"),
        ({"name": "", "alias": "J"}, "J"),
        ({"name": None, "alias": "J"}, "J"),
        ({"alias": "J"}, "J"),
        ({"name": "Jane", "alias": ""}, "Jane"),
        ({"name": "Jane", "alias": ["J"]}, "Jane"),
    ],
)
def test_the_first_place_that_is_not_empty_wins(node, expected):
    assert pick(node, {"name": take(text, "name", "alias")}) == {"name": expected}


@pytest.mark.parametrize(("value", "expected"), [(0, 0.0), ("0", 0.0), ("0.00", 0.0)])
def test_zero_is_a_value_and_not_an_empty_place(value, expected):
    assert pick({"total": value, "sum": 5}, {"total": take(number, "total", "sum")}) == {"total": expected}


def test_no_is_a_value_and_not_an_empty_place():
    assert pick({"test": False, "trial": True}, {"test": take(flag, "test", "trial")}) == {"test": False}


@pytest.mark.parametrize(
    ("node", "path"),
    [
        ({"a": {"b": {"c": []}}}, "order.a.b.c"),
        ({"a": {"b": "text"}}, "order.a.b"),
        ({"a": "text"}, "order.a"),
        ({"a": ["text"]}, "order.a"),
    ],
)
def test_a_fault_on_the_way_is_named_where_it_stands(node, path):
    with pytest.raises(PayloadError) as fault:
        pick(node, {"name": take(text, "a.b.c")}, "order")
    assert fault.value.path == path


@pytest.mark.parametrize(
    ("read", "value", "expected"),
    [
        (text, 1015, "1015"),
        (text, 706405506930370084, "706405506930370084"),
        (text, " a b\n", "a b"),
        (text, "half an emoji \ud83d", "half an emoji ?"),
        (number, "19.99", 19.99),
        (number, 5, 5.0),
        (number, "-3.50", -3.5),
        (number, "", None),
        (whole, "3", 3),
        (whole, 3.0, 3),
        (whole, MAX_WHOLE, MAX_WHOLE),
        (whole, "", None),
        (flag, True, True),
        (flag, None, None),
        (moment, "2026-11-21T10:00:00+02:00", "2026-11-21T08:00:00Z"),
        (moment, "2026-11-21T10:00:00.5", "2026-11-21T10:00:00.500000Z"),
        (moment, "", None),
        (identifier, 706405506930370084, "706405506930370084"),
        (identifier, " gid-1 ", "gid-1"),
        (identifier, "9" * MAX_ID, "9" * MAX_ID),
        (maybe_id, 0, None),
        (maybe_id, "0", None),
        (maybe_id, "", None),
        (maybe_id, None, None),
        (maybe_id, 26, "26"),
    ],
)
def test_each_reader_gives_the_canonical_value(read, value, expected):
    found = read(value, "here")

    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("read", "value"),
    [
        (text, True),
        (text, 1.5),
        (text, ["a"]),
        (number, "free"),
        (number, "1e999"),
        (number, "nan"),
        (number, True),
        (number, 10**400),
        (whole, 1.5),
        (whole, MAX_WHOLE * 2),
        (flag, "yes"),
        (flag, 1),
        (moment, 1795255200),
        (moment, "yesterday"),
        (moment, "9999-12-31T23:59:59-14:00"),
        (identifier, None),
        (identifier, ""),
        (identifier, "  "),
        (identifier, 7.0640550693037e17),
        (identifier, False),
        (identifier, "9" * (MAX_ID + 1)),
        (identifier, "a\nb"),
        (maybe_id, 1.5),
    ],
)
def test_what_does_not_fit_is_a_fault_that_does_not_show_the_value(read, value):
    with pytest.raises(PayloadError) as fault:
        read(value, "here")

    assert fault.value.path == "here"
    assert isinstance(value, bool) or value in (None, "", "  ") or str(value) not in str(fault.value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, []),
        ([], []),
        ({}, []),
        ([{"sku": 1}, None, []], [({"sku": 1}, "lines[0]"), ({}, "lines[1]"), ({}, "lines[2]")]),
        ({"0": {"sku": 1}, "5": {"sku": 2}}, [({"sku": 1}, "lines[0]"), ({"sku": 2}, "lines[1]")]),
    ],
)
def test_a_list_may_be_absent_or_written_as_php_writes_one_with_gaps(value, expected):
    assert objects({"lines": value}, "lines") == expected
    assert objects({}, "lines") == []


@pytest.mark.parametrize(("value", "path"), [("text", "order.lines"), (5, "order.lines"), ([{}, 1], "order.lines[1]")])
def test_what_is_no_list_of_objects_is_named_by_its_place(value, path):
    with pytest.raises(PayloadError) as fault:
        objects({"lines": value}, "lines", "order")
    assert fault.value.path == path


@pytest.mark.parametrize("empty", [None, [], {}])
def test_nothing_is_an_empty_object(empty):
    assert as_object(empty, "address") == {}


@pytest.mark.parametrize("value", ["", "text", 0, False, [1]])
def test_what_is_no_object_is_a_fault(value):
    with pytest.raises(PayloadError, match=r"^address: expected an object"):
        as_object(value, "address")


def test_the_first_time_that_is_there_counts():
    node = {"modified": "", "changed": None, "created": "2026-11-20T08:15:00"}

    assert instant(node, "modified", "changed", "created") == datetime(2026, 11, 20, 8, 15, tzinfo=UTC)
    assert instant(node, "modified", "gone") is None


def test_a_path_begins_without_a_dot():
    assert join("", "email") == "email"
    assert join("order.lines[0]", "price") == "order.lines[0].price"
