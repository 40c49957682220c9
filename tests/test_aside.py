"""Tasks that wait for platforms leave threads to live work."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from customer_sync.worker.aside import LIVE_THREADS, Aside


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
