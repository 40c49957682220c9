"""Times as platforms write them: ISO 8601 and RFC 2822 are one and the same, and nothing else is taken for a time."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from customer_sync.errors import PayloadError
from customer_sync.kit.connector import parse_time
from customer_sync.kit.fields import moment
from customer_sync.kit.times import is_ahead
from customer_sync.kit.windows import window_of

JANUARY = datetime(2013, 1, 18, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "2013-01-18T00:00:00Z",
        "2013-01-18",
        "Fri, 18 Jan 2013 00:00:00 +0000",
        " Fri, 18 Jan 2013 01:00:00 +0100 ",
        "18 Jan 2013 00:00 GMT",
        "Thu, 17 Jan 2013 19:00:00 EST",
        "Fri, 18 Jan 2013 00:00:00 -0000",
    ],
)
def test_one_time_has_several_spellings(text):
    assert parse_time(text, "at") == JANUARY


@pytest.mark.parametrize(
    "text",
    [
        "Fri",
        "18 Jan",
        "Fri, 32 Jan 2013 00:00:00 +0000",
        "Fri, 18 Jan 2013 00:00:00 XYZ",
        "Fri, 18 Jan 2013",
        "",
        "soon",
    ],
)
def test_what_is_no_time_is_a_fault_and_never_another_time(text):
    with pytest.raises(PayloadError, match="at: expected an ISO 8601 time"):
        parse_time(text, "at")


def test_a_value_keeps_the_zone_in_which_it_is_written():
    assert moment("Fri, 18 Jan 2013 01:00:00 +0100", "at") == "2013-01-18T01:00:00+01:00"


def test_a_window_in_a_cursor_whose_times_are_such_texts_is_understood_and_not_begun_again():
    texts = {
        "start": "Fri, 18 Jan 2013 00:00:00 +0000",
        "end": "Sat, 19 Jan 2013 00:00:00 +0000",
        "until": "Sun, 20 Jan 2013 00:00:00 +0000",
    }

    window = window_of(texts)
    assert window is not None
    assert window.start == JANUARY
    assert [one.day for one in (window.end, window.until)] == [19, 20]


@pytest.mark.parametrize(
    ("until_s", "expected"), [(999, False), (1000, False), (1001, True), (1061, True), (1062, False)]
)
def test_the_end_of_a_wait_is_ahead_unless_it_is_past_or_further_than_the_longest_wait(until_s, expected):
    assert is_ahead(until_s, 1000.0, 60.0) is expected
