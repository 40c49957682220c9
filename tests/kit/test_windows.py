"""Where an incremental pull stands: no time is left out, and none is read for ever."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customer_sync.errors import ConfigError
from customer_sync.kit.windows import Window, first_window, window_of

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
minutes = st.integers(1, 200_000).map(lambda n: timedelta(minutes=n))


@given(
    age=minutes,
    longest=minutes | st.none(),
    lookback=minutes,
    behind=st.integers(0, 300).map(lambda s: timedelta(seconds=s)),
)
def test_windows_follow_one_another_without_a_gap(age, longest, lookback, behind):
    window = first_window(NOW - age, NOW.timestamp(), lookback=lookback, longest=longest, behind=behind)
    assert window.start <= NOW - age
    seen = window.start
    for _ in range(500):
        assert window.start == seen
        assert longest is None or window.end - window.start <= longest
        seen = window.end
        if window.next is None:
            break
        window = window_of(json.loads(json.dumps(window.next.encode())))
    else:
        return
    assert seen == NOW - behind


def test_a_window_is_halved_until_it_cannot_be():
    window = Window(NOW, NOW + timedelta(seconds=4), NOW + timedelta(seconds=4))
    half = window.halved()

    assert (half.start, half.end, half.until) == (NOW, NOW + timedelta(seconds=2), window.until)
    assert half.next == Window(NOW + timedelta(seconds=2), window.until, window.until)
    with pytest.raises(ConfigError, match="More happened in the second"):
        half.halved().halved()


@pytest.mark.parametrize("longest", [timedelta(days=30), None])
def test_one_dense_stretch_does_not_make_all_that_follows_small(longest):
    window = first_window(NOW - timedelta(days=1_000), NOW.timestamp(), longest=longest)
    for _ in range(12):
        window = window_of(json.loads(json.dumps(window.halved().encode())))
    asked = 0
    while window is not None:
        assert longest is None or window.end - window.start <= longest
        asked += 1
        window = window.next and window_of(json.loads(json.dumps(window.next.encode())))

    assert asked < 60


def test_a_cursor_of_an_older_version_grows_no_longer_than_it_was():
    written = {
        name: (NOW + timedelta(days=day)).isoformat() for name, day in (("start", 0), ("end", 30), ("until", 99))
    }
    following = window_of(written).next

    assert following.end - following.start == timedelta(days=30)


@pytest.mark.parametrize(
    "cursor", [None, {}, {"start": "x", "end": "y", "until": "z"}, {"start": 1, "end": 2, "until": 3}]
)
def test_a_cursor_without_a_window_has_none(cursor):
    assert window_of(cursor) is None
