"""Tasks that wait for platforms leave threads to live work."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack

import pytest

from customer_sync.worker.aside import KEPT_S, LIVE_THREADS, Aside


def places_of(aside: Aside) -> int:
    """How many get a place at once."""
    with ExitStack() as held:
        return sum(held.enter_context(aside.place()) for _ in range(20))


@pytest.mark.parametrize(
    ("threads", "is_shared", "places"),
    [(6, True, 6 - LIVE_THREADS), (1, True, 1), (3, True, 1), (6, False, 6), (1, False, 1)],
)
def test_a_worker_that_does_live_work_too_keeps_threads_for_it(threads, is_shared, places):
    aside = Aside()
    aside.fit(threads, is_shared=is_shared)

    assert places_of(aside) == places
    assert places_of(aside) == places  # all were given back


def test_a_place_is_given_back_by_a_task_that_failed():
    aside = Aside(1)
    with pytest.raises(LookupError), aside.place():
        raise LookupError

    assert places_of(aside) == 1


def test_who_found_no_place_has_the_next_one_before_who_had_it():
    aside = Aside(1)
    with aside.place("a"), aside.place("b") as is_free:
        assert not is_free
    assert aside.next() == "b"

    with aside.place("a") as is_free:
        assert not is_free
    with aside.place("b") as is_free:
        assert is_free
    assert aside.next() == "a"


def test_all_take_turns_however_soon_one_comes_again():
    aside, turns = Aside(3), Counter[str]()
    for _ in range(100):
        with ExitStack() as held:
            for name in "abcde":  # always in this order
                turns[name] += held.enter_context(aside.place(name))

    assert set(turns) == set("abcde")
    assert min(turns.values()) * 2 >= max(turns.values())


def test_no_place_is_kept_for_who_does_not_come():
    now_s = 0.0
    aside = Aside(1, lambda: now_s)
    with aside.place("a"), aside.place("b"):
        pass

    now_s = KEPT_S
    with aside.place("a") as is_free:
        assert is_free
    assert aside.next() is None
