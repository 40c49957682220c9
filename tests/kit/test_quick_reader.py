"""The quick reader of JSON bodies finds what the careful one does, or leaves the body to it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customer_sync.errors import PayloadError
from customer_sync.kit import json_text
from customer_sync.kit.fields import is_unfit
from customer_sync.kit.json_text import MAX_DEPTH, UNREADABLE, json_value

LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=2**63 - 5, max_value=2**64 + 5)
    | st.floats()
    | st.text(max_size=12)
    | st.sampled_from(["\0", "\ud83d", "\uffff", "NaN", "1e999", "9" * 40])
)
VALUES = st.recursive(
    LEAVES, lambda some: st.lists(some, max_size=4) | st.dictionaries(st.text(max_size=5), some, max_size=4)
)


def carefully(raw):
    try:
        return json_text._with_care(raw)
    except PayloadError as fault:
        return fault.path


def quickly(raw):
    try:
        return json_value(raw)
    except PayloadError as fault:
        return fault.path


@given(VALUES, st.booleans())
def test_both_find_the_same(value, is_ascii):
    raw = json.dumps(value, ensure_ascii=is_ascii).encode(errors="surrogatepass")

    assert repr(quickly(raw)) == repr(carefully(raw))


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b" ",
        b"{",
        b"[1,]",
        b"01",
        b"\xef\xbb\xbf[1]",
        b'["\xff"]',
        b'["a\tb"]',
        b'["a\0b"]',
        b'["\\u0000"]',
        b'["\\ud800"]',
        b'{"a":1,"a":2}',
        b"[NaN, -Infinity, 1e400, 1e-400, -0, -0.0]",
        b"[18446744073709551616, -9223372036854775809, 9007199254740993]",
        b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1),
        b'["a"] b',
    ],
)
def test_both_find_the_same_in_what_is_odd(raw):
    assert repr(quickly(raw)) == repr(carefully(raw))


def test_an_id_of_more_than_64_bits_stays_exact():
    assert json_value(b'{"id":12345678901234567890123}') == {"id": 12345678901234567890123}


def test_a_plain_body_is_left_to_the_quick_reader(monkeypatch):
    monkeypatch.setattr(json_text, "_with_care", lambda raw: pytest.fail("read with care"))

    assert json_value('{"name": "Ann Éire", "id": 123456789012345678}'.encode()) == {
        "name": "Ann Éire",
        "id": 123456789012345678,
    }


@given(st.text() | st.sampled_from(["a\0", "é\0", UNREADABLE, "\ud83d", ""]))
def test_what_no_text_can_hold_is_seen_in_every_text(text):
    assert is_unfit(text) == any(one in "\0\uffff" or "\ud800" <= one <= "\udfff" for one in text)
