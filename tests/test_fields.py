"""The readers of records: by table, with a path for every fault."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customer_sync.errors import PayloadError
from customer_sync.kit.fields import (
    ABSENT,
    MAX_ID,
    MAX_NOTES,
    MAX_WHOLE,
    Node,
    any_of,
    as_object,
    email,
    filled,
    flag,
    identifier,
    join,
    maybe_id,
    moment,
    number,
    strict,
    take,
    text,
    to_text,
    whole,
)
from customer_sync.kit.json_text import UNREADABLE, json_value

#: Each reader, and what it gives where it gives something.
READERS = {
    text: str,
    email: str,
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
        "four": strict(email, "a.b.c"),
    }
    known = [place for group in places.values() for place in group]
    notes = []

    found, path = read_or_fault(Node(node, at, notes).pick, table)

    assert set(found or ()) <= set(table)
    for where in [path, *(note.partition(": ")[0] for note in notes)]:
        if where is not None:
            below = where.removeprefix(f"{at}.") if at else where
            assert where == join(at, below)
            assert any(place == below or place.startswith(f"{below}.") for place in known)
    lenient = {name: field._replace(is_strict=False) for name, field in table.items()}
    assert read_or_fault(Node(node, at).pick, lenient)[1] is None


@given(value=JSON)
def test_any_value_is_a_list_of_objects_and_what_is_none_is_noted(value):
    node = Node({"a": value}, "order")
    found = node.children("a")

    assert all(re.fullmatch(r"order\.a(\[\d\])?: .*", note) for note in node.notes)
    assert all(re.fullmatch(r"order\.a\[\d\]", one.at) and isinstance(one.body, dict) for one in found)
    if isinstance(value, list | dict):
        assert len(found) + len(node.notes) == len(value)


@given(body=OBJECTS)
def test_any_value_is_a_time_in_utc_or_none_and_noted(body):
    node = Node(body, "order")
    found = node.instant("a", "b")

    assert {note.partition(": ")[0] for note in node.notes} <= {"order.a", "order.b"}
    assert found is None or found.tzinfo is UTC
    assert node.has_bad_time("c") == (body.get("c") not in (None, "") and node.instant("c") is None)


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
    assert Node(node).pick({"name": take(text, "name", "address.person.name")}) == expected
    assert Node(node).pick({"name": strict(text, "name", "address.person.name")}) == expected


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
    assert Node(node).pick({"name": take(text, "name", "alias")}) == {"name": expected}


@pytest.mark.parametrize(("value", "expected"), [(0, 0.0), ("0", 0.0), ("0.00", 0.0)])
def test_zero_is_a_value_and_not_an_empty_place(value, expected):
    assert Node({"total": value, "sum": 5}).pick({"total": take(number, "total", "sum")}) == {"total": expected}


def test_no_is_a_value_and_not_an_empty_place():
    assert Node({"test": False, "trial": True}).pick({"test": take(flag, "test", "trial")}) == {"test": False}


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
        Node(node, "order").pick({"name": strict(text, "a.b.c")})
    assert fault.value.path == path

    lenient = Node(node, "order")
    assert lenient.pick({"name": take(text, "a.b.c")}) == {}
    assert [note.partition(": ")[0] for note in lenient.notes] == [path]


@pytest.mark.parametrize("nothing", [False, ""])
def test_how_php_writes_an_object_that_is_not_there_is_no_fault_of_what_is_in_it(nothing):
    node = Node({"billing": nothing})

    assert node.pick({"email": strict(email, "billing.email"), "phone": take(text, "billing.phone")}) == {}
    assert len(node.notes) == 1
    assert node.notes[0].startswith("billing: expected an object, found ")


@pytest.mark.parametrize(
    "body",
    [{"phone": False, "mobile": ""}, {"phone": "", "mobile": False}, {"phone": None, "billing": False}, {"phone": 1.5}],
)
def test_what_cannot_be_read_is_unknown_though_its_other_places_are_empty(body):
    node = Node(body)

    assert node.pick({"phone": take(text, "phone", "mobile", "billing.phone")}) == {}
    assert len(node.notes) == 1


def test_what_cannot_be_read_at_one_place_is_read_at_the_next():
    node = Node({"phone": False, "mobile": "030 1"})

    assert node.pick({"phone": take(text, "phone", "mobile")}) == {"phone": "030 1"}
    assert node.notes == ["phone: expected a text, found true or false"]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"mobile": None, "home": None}, None),
        ({"home": None}, ABSENT),
        ({"mobile": None}, ABSENT),
        ({}, ABSENT),
        ({"home": "1"}, "1"),
    ],
)
def test_a_field_with_a_hidden_place_is_not_known_to_be_empty(body, expected):
    assert Node(body).take(any_of(text, "mobile", "home")) == expected


@pytest.mark.parametrize(
    ("addresses", "expected"),
    [([{"city": "Ulm"}], {"city": "Ulm"}), ([], {}), ([[]], {"city": None}), ({"0": {"city": "Ulm"}}, {"city": "Ulm"})],
)
def test_a_number_reaches_into_a_list(addresses, expected):
    assert Node({"addresses": addresses}).pick({"city": take(text, "addresses.0.city")}) == expected


def test_an_endless_list_of_faults_gives_few_notes():
    node = Node({"lines": [1] * 1000})

    assert node.children("lines") == []
    assert len(node.notes) == MAX_NOTES + 1
    assert node.notes[-1] == "more was left out"


def test_the_notes_of_a_body_are_shared_by_all_its_parts():
    node = Node({"lines": [{"price": "free"}], "buyer": {"phone": False}})
    node.children("lines")[0].pick({"price": take(number, "price")})
    assert node.child("buyer").read(text, "phone") is None

    assert [note.partition(": ")[0] for note in node.notes] == ["lines[0].price", "buyer.phone"]


def test_what_is_empty_can_be_taken_out():
    assert filled({"a": None, "b": 0, "c": False, "d": "x"}) == {"b": 0, "c": False, "d": "x"}


@pytest.mark.parametrize(
    ("raw", "name", "note"),
    [
        (b'{"name": "Zo\\ud83d"}', "Zo", "a character that cannot be read was left out"),
        (b'{"name": "An\\u0000n"}', "Ann", "a character that cannot be read was left out"),
        (b'{"name": "M\xfcller"}', "Mller", "a character that cannot be read was left out"),
        (b'{"name": "An\0n"}', "Ann", "a character that cannot be read was left out"),
        (b'{"name": "\\ud83d\\u0000"}', ..., "expected a text, found what no text can hold, as 1e400"),
        (b'{"name": 1e999}', ..., "expected a text, found what no text can hold, as 1e400"),
        (b'{"name": 1E+0400}', ..., "expected a text, found what no text can hold, as 1e400"),
        (b'{"name": ' + b"9" * 400 + b".0}", ..., "expected a text, found what no text can hold, as 1e400"),
        (b'{"name": -Infinity}', ..., "expected a text, found what no text can hold, as 1e400"),
        (b'{"name": NaN}', ..., "expected a text, found what no text can hold, as 1e400"),
        (b'{"name": "\\ud83d\\ude00"}', "\U0001f600", None),
        (b'\xef\xbb\xbf{"name": "Ann"}', "Ann", None),
        (b'{"other": ' + b"9" * 5000 + b', "name": "Ann"}', "Ann", None),
        (b'{"other": ' + b"[" * 300 + b"]" * 300 + b', "name": "Ann"}', "Ann", None),
        (b'{"name": "a\nb"}', "a\nb", None),
    ],
)
def test_what_no_text_can_hold_is_left_out_and_costs_nothing_else(raw, name, note):
    node = Node(json_value(raw))

    assert node.pick({"name": take(text, "name")}).get("name", ...) == name
    assert node.notes == ([] if note is None else [f"name: {note}"])


@pytest.mark.parametrize("sign", ["\0", "\ud83d", UNREADABLE])
def test_an_id_or_an_address_is_never_mended(sign):
    for read, value in ((identifier, f"1{sign}2"), (email, f"ann{sign}@example.com"), (email, f"ann@straße{sign}.de")):
        with pytest.raises(PayloadError):
            read(value, "here")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (" Ann@Example.com ", "Ann@Example.com"),
        ("", None),
        (None, None),
        ("deleted@site.invalid", None),
        ("49170@mailin-sms.com", None),
    ],
)
def test_an_address_is_read_as_it_is_written_and_one_that_reaches_nobody_is_none(value, expected):
    assert email(value, "email") == expected


def test_a_time_as_text_keeps_its_zone():
    assert to_text(datetime(2026, 11, 21, 10, tzinfo=UTC)) == "2026-11-21T10:00:00Z"
    assert to_text(datetime.fromisoformat("2026-11-21T10:00:00-05:00")) == "2026-11-21T10:00:00-05:00"


@pytest.mark.parametrize(
    ("read", "value", "expected"),
    [
        (text, 1015, "1015"),
        (text, 706405506930370084, "706405506930370084"),
        (text, " a b\n", "a b"),
        (text, "half an emoji \ud83d", "half an emoji"),
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
        (moment, "2026-11-21T10:00:00+02:00", "2026-11-21T10:00:00+02:00"),
        (moment, "2026-11-21T10:00:00+00:00", "2026-11-21T10:00:00Z"),
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
    assert [(one.body, one.at) for one in Node({"lines": value}).children("lines")] == expected
    assert Node({}).children("lines") == []


@pytest.mark.parametrize(
    ("value", "path", "left"), [("text", "order.lines", 0), (5, "order.lines", 0), ([{}, 1], "order.lines[1]", 1)]
)
def test_what_is_no_list_of_objects_is_named_by_its_place(value, path, left):
    node = Node({"lines": value}, "order")

    assert len(node.children("lines")) == left
    assert [note.partition(": ")[0] for note in node.notes] == [path]


@pytest.mark.parametrize("empty", [None, [], {}])
def test_nothing_is_an_empty_object(empty):
    assert as_object(empty, "address") == {}


@pytest.mark.parametrize("value", ["", "text", 0, False, [1]])
def test_what_is_no_object_is_a_fault(value):
    with pytest.raises(PayloadError, match=r"^address: expected an object"):
        as_object(value, "address")


def test_the_first_time_that_can_be_read_counts():
    node = Node({"modified": "", "changed": None, "odd": False, "created": "2026-11-20T08:15:00"})

    assert node.instant("modified", "changed", "odd", "created") == datetime(2026, 11, 20, 8, 15, tzinfo=UTC)
    assert node.instant("modified", "gone") is None
    assert node.notes == ["odd: expected an ISO 8601 time, found true or false"]


def test_a_path_begins_without_a_dot():
    assert join("", "email") == "email"
    assert join("order.lines[0]", "price") == "order.lines[0].price"


@pytest.mark.parametrize("zero", ["1970-01-01T00:00:00Z", "1970-01-02T00:00:00Z", "0001-01-01T00:00:00"])
def test_a_zeroed_time_is_none_and_the_next_one_counts(zero):
    assert Node({"at": zero}).instant("at") is None
    assert Node({"at": zero, "changed": "2026-11-20T00:00:00Z"}).instant("at", "changed").year == 2026
