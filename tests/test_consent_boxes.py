"""A box that is empty for whoever never saw it, too: empty, it is a withdrawal only where it was ticked before."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customer_sync.model import Channel, Consent, ConsentState, to_ms
from customer_sync.person.consent import Voice, decide
from customer_sync.person.merge import merge
from customer_sync.person.observing import observe, said_of_address

HERE = "ana@example.com"
GRANTED, WITHDRAWN, UNKNOWN = ConsentState.GRANTED, ConsentState.WITHDRAWN, ConsentState.UNKNOWN


def seen(state, second, *, explicit=False, is_box=True):
    at = datetime(2026, 11, 21, 12, tzinfo=UTC) + timedelta(seconds=second)
    return Consent(Channel.EMAIL, state, at, "box", explicit, only_after_yes=is_box)


def voice(*history, ref="row"):
    return Voice(ref, "store", merge(observe(one, to_ms(one.at), HERE) for one in history))


def standing(*voices):
    return decide(Channel.EMAIL, list(voices), {}, HERE)


def test_an_empty_box_that_was_never_ticked_says_nothing():
    found = standing(voice(seen(WITHDRAWN, 5)))

    assert (found.state, found.may_lift) == (UNKNOWN, False)


@pytest.mark.parametrize("explicit", [True, False])
def test_an_empty_box_that_was_never_ticked_leaves_an_opt_in_of_another_record_alone(explicit):
    other = voice(seen(GRANTED, 1, explicit=explicit, is_box=False), ref="other")

    assert standing(voice(seen(WITHDRAWN, 5)), other).state is GRANTED


@pytest.mark.parametrize("order", list(permutations(range(2))))
def test_an_empty_box_that_was_ticked_is_a_withdrawal_whatever_was_heard_first(order):
    history = [seen(GRANTED, 1), seen(WITHDRAWN, 5)]
    other = voice(seen(GRANTED, 2, explicit=True, is_box=False), ref="other")
    found = standing(voice(*(history[at] for at in order)), other)

    assert (found.state, found.evidence.register, found.evidence.at_ms) == (WITHDRAWN, "emptied", to_ms(history[1].at))


def test_a_tick_of_one_record_makes_the_empty_box_of_another_no_withdrawal():
    assert standing(voice(seen(WITHDRAWN, 5)), voice(seen(GRANTED, 1), ref="other")).state is GRANTED


def test_a_tick_after_that_is_an_act_and_lifts():
    found = standing(voice(seen(GRANTED, 1), seen(WITHDRAWN, 5), seen(GRANTED, 9)))

    assert (found.state, found.may_lift) == (GRANTED, True)


def test_a_newer_explicit_opt_in_answers_it_and_an_older_one_does_not():
    row = voice(seen(GRANTED, 1), seen(WITHDRAWN, 5))

    assert standing(row, voice(seen(GRANTED, 9, explicit=True, is_box=False), ref="o")).state is GRANTED
    assert standing(row, voice(seen(GRANTED, 5, explicit=True, is_box=False), ref="o")).state is WITHDRAWN


def test_nothing_of_it_is_said_of_the_address_because_only_the_record_can_tell():
    assert said_of_address(seen(WITHDRAWN, 5), "store", 0) == {}
    assert said_of_address(seen(WITHDRAWN, 5, is_box=False), "store", 0)


@given(st.lists(st.tuples(st.sampled_from([GRANTED, WITHDRAWN]), st.integers(0, 5)), max_size=6), st.randoms())
def test_any_history_ends_the_same_in_any_order_and_never_mails_whose_last_word_is_empty(history, dice):
    told = [seen(state, second) for state, second in history]
    mixed = list(told)
    dice.shuffle(mixed)
    found = standing(voice(*told))

    assert standing(voice(*mixed)) == found
    ticks = [one.at for one in told if one.state is GRANTED]
    empties = [one.at for one in told if one.state is WITHDRAWN]
    if empties and (not ticks or max(empties) >= max(ticks)):
        assert found.state is (WITHDRAWN if ticks else UNKNOWN)
    elif ticks:
        assert found.state is GRANTED
