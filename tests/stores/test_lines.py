"""The two lines that stand in Redis for every known person."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from customer_sync.person.merge import Stamped, canonical, earliest, from_json, stamp, to_json
from customer_sync.person.person import Has, Person, Record
from customer_sync.store.forms import decode_person, encode_person
from customer_sync.store.lines import from_line, has_from_line, has_to_line, is_line, to_line
from tests.test_merge import STATES, WIDE

BORN_MS = 1_764_340_000_000
IDS = st.none() | st.text(max_size=4) | st.integers(0, 10**24).map(str) | st.sampled_from(["007", "0", "-7", "٣", "²"])
SINCES = st.integers(0, 10**13).map(lambda at_ms: {"since": earliest(at_ms)}) | st.just({})
KNOWN = st.dictionaries(
    st.sampled_from(["SMS", "LASTNAME", "claim", "status", "deleted", "of", "elsewhere", "consent.sms.withdrawn"]),
    st.builds(Stamped, st.none() | st.text(max_size=3), st.integers(0, 2).map(lambda n: n * 1000), st.integers(0, 2)),
)
NUMBERS = st.integers(0, 2**62)
HAS = st.builds(
    Has,
    st.booleans(),
    st.text(max_size=12),
    st.booleans(),
    st.booleans(),
    st.lists(NUMBERS, max_size=3).map(tuple),
    NUMBERS,
    st.dictionaries(st.text(max_size=3), st.text(max_size=3), max_size=2),
    NUMBERS,
    st.frozensets(st.integers(0, 90).map(lambda number: f"A{number}"), max_size=5),
    st.booleans(),
    st.lists(NUMBERS, max_size=3).map(tuple),
    st.dictionaries(NUMBERS, NUMBERS, max_size=3),
)


class Numbered:
    """The attributes `A0`, `A1`, …"""

    def number(self, name):
        return int(name[1:])

    def name(self, number):
        return f"A{number}"


def text(state):
    return {name: (canonical(one.value), one.at_ms, one.seen_us) for name, one in state.items()}


@given(st.text(max_size=4), IDS, STATES | WIDE | KNOWN, SINCES)
def test_a_record_survives_being_stored(source, own_id, state, since):
    line = from_json(to_json(to_line(source, own_id, {**state, **since})))

    found_source, found_id, found = from_line(line)

    assert is_line(line)
    assert (found_source, found_id, text(found)) == (source, own_id, text({**state, **since}))


@given(state=STATES | WIDE | KNOWN, since=SINCES, data=st.data())
def test_equal_records_are_stored_alike_whatever_the_order_of_their_fields(state, since, data):
    whole = {**state, **since}
    shuffled = dict(data.draw(st.permutations(list(whole.items()))))

    assert to_json(to_line("shop", "7", shuffled)) == to_json(to_line("shop", "7", whole))


@given(HAS)
def test_what_brevo_has_survives_being_stored(has):
    assert has_from_line(from_json(to_json(has_to_line(has, Numbered()))), Numbered()) == has


def test_the_stored_lines_never_change_from_one_release_to_the_next():
    seen_us = BORN_MS * 1000 + 1_234_567
    state = {
        "SMS": Stamped("+31612345678", BORN_MS - 10_000, BORN_MS * 1000),
        "FIRSTNAME": Stamped("Zoë", BORN_MS, seen_us),
        "LASTNAME": Stamped(None, BORN_MS, seen_us),
        "SHOE": Stamped(None, BORN_MS - 1, seen_us),
        "claim": Stamped(None, BORN_MS, seen_us),
        "since": earliest(BORN_MS - 10_000),
        "consent.email.granted": Stamped(["x", "label"], BORN_MS, -500),
        "consent.sms.withdrawn": Stamped("y", BORN_MS),
    }
    has = Has(True, "k3", True, False, (2,), BORN_MS, {"A1": "taken"}, BORN_MS + 5, frozenset({"A0", "A1"}), True, (4,))

    assert from_line(to_line("shop", "1001", state))[2] == state
    head = ["shop", 1001, BORN_MS // 1000, 1_234_567, 490_094, 0b101]
    fields = [1, "Zoë", "SHOE", None, 3, "+31612345678", 5, ["x", "label"], 10, "y"]
    others = ["SHOE", -1, 3, [-10_000, BORN_MS * 1000], 5, [0, -500], 10, [0, 0]]
    assert to_line("shop", "1001", state) == [*head, *fields, others]
    later = stamp({"CITY": "Ulm"}, BORN_MS + 1)
    assert to_line("shop", None, later) == ["shop", None, [BORN_MS + 1], None, None, 0, 16, "Ulm"]
    assert has_to_line(has, Numbered()) == ["k3", BORN_MS, 5, 3, 11, [2], {"r": {"A1": "taken"}, "g": [4]}]


def test_a_customer_takes_a_hundred_and_forty_bytes_beside_the_address():
    fields = {"FIRSTNAME": "Rasmus", "LASTNAME": "Washington", "SMS": None, "claim": None}
    state = stamp(fields, BORN_MS, BORN_MS * 1000 + 911_648) | {"since": earliest(BORN_MS)}
    record = Record("2fxtkostwoanact6", "shopify", "9007822602106178", state)
    has = Has(True, "rojDiUz9VtvZ", at_ms=BORN_MS, left_ms=BORN_MS, filled=frozenset({"A0", "A1"}), is_read=True)

    stored = encode_person(Person("a@b.example", {record.ref: record}, {}, has), Numbered())

    assert decode_person(stored, Numbered()).records == {record.ref: record}
    assert len(stored.encode()) <= 140 + len("a@b.example")
