"""An opt-in that may have been given for another address is no act, and stays none; what nobody doubted is one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest

from customer_sync.model import Channel, Consent, ConsentState, to_ms
from customer_sync.person.consent import OF_BREVO, Voice, decide, register
from customer_sync.person.merge import Stamped, merge
from customer_sync.person.observing import observe
from customer_sync.person.owed import Terms, concerning
from customer_sync.person.person import Part, Person, Record, apply
from customer_sync.store.forms import decode_person, encode_person

EMAIL, HERE = Channel.EMAIL, "ana@example.com"
GRANTED, WITHDRAWN, UNKNOWN = ConsentState.GRANTED, ConsentState.WITHDRAWN, ConsentState.UNKNOWN


def seen(state, second, *, explicit=False, doubted=False, box=True):
    at = datetime(2026, 11, 21, 12, tzinfo=UTC) + timedelta(seconds=second)
    return Consent(EMAIL, state, at, "News__c", explicit, only_after_yes=box, is_doubted=doubted)


def told(one):
    return observe(one, to_ms(one.at), HERE)


LEFT = {register(EMAIL, "withdrawn"): Stamped([f"{OF_BREVO}unsubscribed", "brevo"], to_ms(seen(WITHDRAWN, 1).at))}
DOUBT, ACT = seen(GRANTED, 5, doubted=True), seen(GRANTED, 5, explicit=True)


def standing(*history):
    return decide(EMAIL, [Voice("row", "crm", merge(map(told, history)))], LEFT, HERE)


def test_an_opt_in_that_nobody_doubted_answers():
    assert (standing(ACT).state, standing(ACT).may_lift) == (GRANTED, True)


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_a_doubt_outlives_a_newer_state_whatever_was_heard_first(order):
    """The opt-out field was hidden for a while, and the record of the other address left the bin."""
    history = [DOUBT, seen(UNKNOWN, 9), ACT]
    found = standing(*(history[at] for at in order))

    assert (found.state, found.may_lift) == (WITHDRAWN, False)


def test_an_older_doubted_opt_in_stays_one_behind_a_newer_doubt():
    assert standing(DOUBT, ACT, seen(GRANTED, 9, doubted=True)).state is WITHDRAWN


def test_an_opt_in_that_is_newer_than_the_doubt_answers():
    assert standing(DOUBT, seen(GRANTED, 6, explicit=True)).may_lift


def test_a_mere_state_of_the_same_time_is_no_doubt():
    """A source that learns later where the time of an opt-in stands told the same one as a state first."""
    assert standing(seen(GRANTED, 5, box=False), seen(GRANTED, 5, explicit=True, box=False)).may_lift


def test_a_doubted_tick_is_no_act_though_the_box_was_empty_before():
    empty = seen(WITHDRAWN, 2)

    assert standing(empty, seen(GRANTED, 5)).may_lift
    assert not standing(empty, DOUBT).may_lift


def test_a_doubted_opt_in_without_a_withdrawal_puts_on_lists_and_lifts_nothing():
    found = decide(EMAIL, [Voice("row", "crm", merge(map(told, [DOUBT, ACT])))], {}, HERE)

    assert (found.state, found.granted_by, found.may_lift) == (GRANTED, {"row"}, False)


def person(*history):
    state = merge([{"claim": Stamped(HERE, 1)}, *map(told, history)])
    return Person(HERE, {"r" * 16: Record("r" * 16, "crm", "1", state)}, LEFT)


def test_a_source_is_told_of_the_withdrawal_that_a_doubted_opt_in_does_not_answer():
    def of(*history):
        told = concerning(person(*history), {"crm": Terms()}, frozenset(), {})
        return [one.record.id for one in told if not one.is_known]

    assert (of(ACT), of(DOUBT, ACT)) == ([], ["1"])


def test_a_doubt_is_stored_and_outlives_an_erasure():
    known = decode_person(encode_person(person(DOUBT), None), None)
    erased = apply(known, [Part("r" * 16, "crm", "1", {"erased": Stamped(None, to_ms(seen(GRANTED, 20).at))})])

    assert register(EMAIL, "doubted") in known.records["r" * 16].state
    assert register(EMAIL, "doubted") in erased.records["r" * 16].state
