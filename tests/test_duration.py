"""Durations as people write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customer_sync.base.duration import read_duration, write_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30m", 1800), ("1h", 3600), ("2d", 172_800), ("1h30m", 5400), (" 1H 30M ", 5400), ("0s", 0), ("90s", 90)],
)
def test_a_duration_is_read(text, seconds):
    assert read_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "30", "m", "30m1h", "-5m", "1.5h", "5 minutes", "1w", "٣m"])
def test_what_is_no_duration_is_none(text):
    assert read_duration(text) is None


@given(st.integers(0, 10**8))
def test_what_is_written_is_read_again(seconds):
    assert read_duration(write_duration(seconds)) == seconds
