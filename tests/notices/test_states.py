"""Which faults hold: told once when one began, once when it is over, and not at all while it flickers."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from customer_sync.operate.figures.faults import ROWS, Verdict
from customer_sync.operate.figures.parts import Figures, Paused, RedisHealth
from customer_sync.operate.notices.states import GONE_MS, HOLDS_MS, advance, held_now

PAUSED = Verdict("down", "No key.", "Set one.", "lane_paused", about="Brevo")
START = 1_790_000_000_000


def run(*moments):
    """Return (second, type) of what is told; a moment is (second, findings)."""
    known, told = {}, []
    for second, found in moments:
        now_ms = START + second * 1000
        known, changes = advance(known, held_now(found, 0), now_ms)
        told += [(second, one.type) for one in changes]
    return told


def test_a_fault_that_holds_is_told_once_and_once_when_it_is_over():
    moments = [(second, [PAUSED] if second < 300 else []) for second in range(0, 600, 10)]

    assert run(*moments) == [(60, "lane_paused"), (420, "lane_resumed")]


def test_a_fault_that_comes_and_goes_within_a_minute_is_not_told():
    assert run(*[(second, [PAUSED] if second % 60 < 50 else []) for second in range(0, 600, 10)]) == []


def test_a_fault_that_was_told_and_flickers_is_not_told_again():
    moments = [(second, [PAUSED] if second < 100 or second % 100 < 50 else []) for second in range(0, 900, 10)]

    assert run(*moments) == [(60, "lane_paused")]


@given(st.lists(st.booleans(), max_size=200))
def test_what_is_told_of_a_fault_alternates_and_each_has_held(seen):
    moments = [(10 * index, [PAUSED] if is_there else []) for index, is_there in enumerate(seen)]

    told = run(*moments)

    assert [type_ for _, type_ in told] == (["lane_paused", "lane_resumed"] * len(told))[: len(told)]
    for second, type_ in told:
        held_s = (HOLDS_MS if type_ == "lane_paused" else GONE_MS) // 1000
        states = [is_there for index, is_there in enumerate(seen) if second - held_s <= 10 * index <= second]
        assert all(one == (type_ == "lane_paused") for one in states)


def test_two_lanes_that_wait_are_two_faults():
    other = PAUSED._replace(about="Shop")

    assert len(run((0, [PAUSED, other]), (60, [PAUSED, other]))) == 2


def test_work_that_waits_is_no_fault():
    assert run(*[(second, [Verdict("busy", "5 wait.", "", "backlog")]) for second in range(0, 300, 10)]) == []


def test_parked_things_are_told_of_again_when_they_are_ten_times_as_many_and_cleared_once():
    parked = Verdict("look", "Things need a person.", "The page Parked.", "parked")
    known, told = {}, []
    for second, count in [(0, 1), (60, 1), (120, 12), (180, 12), (240, 15), (300, 0), (420, 0), (600, 0)]:
        now = held_now([parked] if count else [], count)
        known, changes = advance(known, now, START + second * 1000)
        told += [(second, one.type) for one in changes]

    assert told == [(60, "parked_growing"), (180, "parked_growing"), (420, "parked_cleared")]
    assert known == {}


def test_a_clock_that_was_set_back_holds_nothing_up():
    known, _ = advance({}, held_now([PAUSED], 0), START + 86_400_000)
    known, _ = advance(known, held_now([PAUSED], 0), START)
    _, changes = advance(known, held_now([PAUSED], 0), START + HOLDS_MS)

    assert [one.type for one in changes] == ["lane_paused"]


def test_the_judge_says_of_a_pause_whom_it_is_about():
    pause = Paused("writeback:shop", "config", "No key.", "Set one.", 1, "Shopify")
    figures = Figures(START, RedisHealth(is_up=True), "account", pauses=(pause,), worker_seen_s=1.0)

    assert [one.about for row in ROWS for one in row(figures) if one.code == "lane_paused"] == ["Shopify"]
