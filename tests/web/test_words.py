from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customer_sync.web import words


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (None, "–"),  # noqa: RUF001  # a dash as long as a number
        (0, "0 %"),
        (1, "100 %"),
        (0.99999, "99.9 %"),
        (0.00001, "< 0.1 %"),
        (0.012, "1.2 %"),
        (0.5, "50.0 %"),
        (0.33117, "33.1 %"),
        (0.36809, "36.8 %"),
        (0.988, "98.8 %"),
    ],
)
def test_a_share_never_reads_better_than_it_is(share, text):
    assert words.percent(share).replace("\u00a0", " ") == text


@given(st.floats(0, 1, exclude_min=True, exclude_max=True))
def test_only_all_reads_as_all_and_only_nothing_as_nothing(share):
    assert words.percent(share) not in {words.percent(0), words.percent(1)}


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "–"),  # noqa: RUF001  # a dash as long as a number
        (0, "0 ms"),
        (0.0421, "42 ms"),
        (1.234, "1.2 s"),
        (42, "42 s"),
        (90, "1.5 min"),
        (3000, "50 min"),
        (7200, "2.0 h"),
        (900_000, "10 d"),
    ],
)
def test_a_time_span_is_written_short(seconds, text):
    assert words.duration(seconds).replace("\u00a0", " ") == text


@pytest.mark.parametrize(
    ("amount", "text"),
    [(0, "0 bytes"), (1536, "1.5 KB"), (2_500_000, "2.4 MB"), (50_000_000, "48 MB"), (5e9, "4.7 GB")],
)
def test_memory_is_written_short(amount, text):
    assert words.size(amount).replace("\u00a0", " ") == text


@pytest.mark.parametrize(("text", "whole"), [("", ""), ("fix it", "Fix it."), ("Done.", "Done."), ("why?", "Why?")])
def test_what_a_program_wrote_becomes_a_sentence(text, whole):
    assert words.sentence(text) == whole


def test_every_state_has_its_meaning():
    assert {str(state) for state in words.EventState} == {str(state) for state in words.MEANINGS}


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("Run `tajo doctor`.", "Run <code>tajo doctor</code>."),
        ("<b> & `<i>`", "&lt;b&gt; &amp; <code>&lt;i&gt;</code>"),
        ("one ` alone", "one ` alone"),
        ("", ""),
    ],
)
def test_what_stands_between_backticks_is_code_and_nothing_else_is_html(text, html):
    assert words.marked(text) == html


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ('{"name": "\\u00d8stergaard"}', '{\n  "name": "Østergaard"\n}'),
        ({"name": "Østergaard"}, '{\n  "name": "Østergaard"\n}'),
        ('{"name": "\\u00d8st', '{"name": "\\u00d8st'),
        ("plain words", "plain words"),
    ],
)
def test_what_is_parked_is_written_with_its_own_letters(value, text):
    assert words.readable(value) == text
