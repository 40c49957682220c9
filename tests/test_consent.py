"""What a person allows: nothing but a newer act of their own answers a withdrawal."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customer_sync.consent import Decision, as_fields, decide, may_lift, method, observe, register
from customer_sync.merge import Stamped, merge, stamp
from customer_sync.model import Channel, Consent, ConsentState, to_ms

EMAIL, SMS = Channel.EMAIL, Channel.SMS
GRANTED, PENDING = ConsentState.GRANTED, ConsentState.PENDING
WITHDRAWN, UNKNOWN = ConsentState.WITHDRAWN, ConsentState.UNKNOWN

#: Who may be written to least stands last.
STRICTNESS = {GRANTED: 0, UNKNOWN: 1, PENDING: 1, WITHDRAWN: 2}


def at(second):
    return datetime(2026, 11, 21, 12, tzinfo=UTC) + timedelta(seconds=second)


def said(state, second=0, *, explicit=False, channel=EMAIL, method="box"):
    return Consent(channel, state, at(second), method, explicit)


#: Few seconds, so that ties are common.
SEEN = st.builds(
    said,
    st.sampled_from(ConsentState),
    st.integers(0, 4),
    explicit=st.booleans(),
    channel=st.sampled_from([EMAIL, EMAIL, EMAIL, SMS]),
    method=st.sampled_from(["box", "double opt-in", "brevo:unsubscribed"]),
)
HISTORIES = st.lists(SEEN, max_size=6)


def known(*history, source="shop"):
    """The state of a person of whom all this was seen."""
    return merge(stamp({name: value}, at_ms, source) for name, value, at_ms in map(observe, history))


def newest(history, state, *, explicit=False):
    """When this was said last for e-mail; None when it never was."""
    seen = [one for one in history if one.channel is EMAIL and one.state is state and (one.explicit or not explicit)]
    return max((one.at for one in seen), default=None)


@given(HISTORIES, st.sampled_from(ConsentState))
def test_nobody_is_granted_whose_newest_withdrawal_is_not_older_than_their_newest_explicit_grant(history, missing):
    decision = decide(known(*history), EMAIL, missing)

    withdrawn, granted = newest(history, WITHDRAWN), newest(history, GRANTED, explicit=True)
    if withdrawn is not None and (granted is None or withdrawn >= granted):
        assert decision.state is WITHDRAWN
        assert decision.evidence.at_ms == to_ms(withdrawn)


@given(HISTORIES, SEEN, st.sampled_from([UNKNOWN, GRANTED]))
def test_one_more_withdrawal_never_makes_it_less_strict(history, seen, missing):
    before = decide(known(*history), EMAIL, missing).state
    after = decide(known(*history, replace(seen, state=WITHDRAWN)), EMAIL, missing).state

    assert STRICTNESS[after] >= STRICTNESS[before]


@given(HISTORIES, SEEN)
def test_a_checkbox_never_lifts_a_withdrawal(history, box):
    before = decide(known(*history), EMAIL).state
    after = decide(known(*history, replace(box, explicit=False)), EMAIL).state

    assert before is not WITHDRAWN or after is WITHDRAWN


@given(HISTORIES)
def test_a_block_may_be_lifted_only_on_an_explicit_grant_that_is_newer_than_every_withdrawal(history):
    withdrawn, granted = newest(history, WITHDRAWN), newest(history, GRANTED, explicit=True)

    assert may_lift(known(*history), EMAIL) == (withdrawn is not None and granted is not None and granted > withdrawn)


@given(HISTORIES, SEEN)
def test_a_checkbox_never_decides_whether_a_block_may_be_lifted(history, box):
    ticked = replace(box, state=GRANTED, explicit=False)

    assert may_lift(known(*history, ticked), EMAIL) == may_lift(known(*history), EMAIL)


@given(HISTORIES)
def test_after_a_withdrawal_only_an_act_of_the_person_is_evidence_of_a_grant(history):
    state = known(*history)
    decision = decide(state, EMAIL, GRANTED)

    if decision.state is GRANTED and newest(history, WITHDRAWN) is not None:
        assert decision.evidence == state[register(EMAIL, "granted")]
        assert decision.evidence.at_ms == to_ms(newest(history, GRANTED, explicit=True))


@given(HISTORIES, st.sampled_from(ConsentState))
def test_the_choice_for_missing_consent_never_touches_anyone_who_ever_said_no_or_yes(history, missing):
    state = known(*history)
    acts = [one for one in history if one.channel is EMAIL and (one.state is WITHDRAWN or one.explicit)]

    if any(one.state in {WITHDRAWN, GRANTED} for one in acts):
        assert decide(state, EMAIL, missing) == decide(state, EMAIL)


@given(HISTORIES)
def test_the_choice_for_missing_consent_speaks_only_for_the_unknown(history):
    without = decide(known(*history), EMAIL)

    if without.state is not UNKNOWN:
        assert decide(known(*history), EMAIL, GRANTED) == without


@given(HISTORIES, st.data())
def test_the_order_in_which_it_was_seen_never_matters(history, data):
    shuffled = data.draw(st.permutations(history))

    assert decide(known(*shuffled), EMAIL) == decide(known(*history), EMAIL)


@given(HISTORIES)
def test_seeing_the_same_again_changes_nothing(history):
    assert decide(known(*history, *history), EMAIL) == decide(known(*history), EMAIL)


@given(HISTORIES)
def test_what_is_said_of_one_channel_says_nothing_of_the_other(history):
    by_email = [one for one in history if one.channel is EMAIL]

    assert decide(known(*history), EMAIL, GRANTED) == decide(known(*by_email), EMAIL, GRANTED)


@given(HISTORIES, st.data())
def test_what_one_event_tells_is_what_its_parts_tell_in_any_order(history, data):
    shuffled = data.draw(st.permutations(history))

    groups = as_fields(tuple(shuffled))

    assert merge(stamp(fields, at_ms, "shop") for at_ms, fields in groups.items()) == known(*history)


NO = said(WITHDRAWN, 1, method="brevo:spam")
YES = said(GRANTED, 1, explicit=True, method="double opt-in")
TICKED = said(GRANTED, 1)


@pytest.mark.parametrize(
    ("history", "state", "evidence"),
    [
        ((), UNKNOWN, None),
        ((TICKED,), GRANTED, "box"),
        ((YES,), GRANTED, "double opt-in"),
        ((NO,), WITHDRAWN, "brevo:spam"),
        ((said(PENDING, 1),), PENDING, "box"),
        ((said(UNKNOWN, 1),), UNKNOWN, "box"),
        # a withdrawal is answered by a strictly newer act alone
        ((NO, YES), WITHDRAWN, "brevo:spam"),
        ((NO, said(GRANTED, 2, explicit=True, method="form")), GRANTED, "form"),
        ((YES, said(WITHDRAWN, 2)), WITHDRAWN, "box"),
        ((NO, said(GRANTED, 9)), WITHDRAWN, "brevo:spam"),
        ((NO, said(UNKNOWN, 9)), WITHDRAWN, "brevo:spam"),
        ((NO, said(PENDING, 9, explicit=True)), WITHDRAWN, "brevo:spam"),
        # a record can make a grant weaker, from the same moment on
        ((YES, said(UNKNOWN, 0)), GRANTED, "double opt-in"),
        ((YES, said(UNKNOWN, 1)), UNKNOWN, "box"),
        ((YES, said(PENDING, 1)), PENDING, "box"),
        ((YES, said(UNKNOWN, 2)), UNKNOWN, "box"),
        ((YES, said(GRANTED, 2)), GRANTED, "double opt-in"),
        ((NO, said(GRANTED, 2, explicit=True), said(PENDING, 3)), PENDING, "box"),
        # of records the newest counts, and of two at once the stricter
        ((TICKED, said(PENDING, 2)), PENDING, "box"),
        ((TICKED, said(UNKNOWN, 1)), UNKNOWN, "box"),
        ((TICKED, said(PENDING, 1)), PENDING, "box"),
        ((said(PENDING, 1), said(GRANTED, 2)), GRANTED, "box"),
    ],
)
def test_each_case_is_decided_and_says_on_what_evidence(history, state, evidence):
    decision = decide(known(*history), EMAIL)

    assert decision.state is state
    assert (decision.evidence and method(decision.evidence)) == evidence


@pytest.mark.parametrize(
    ("history", "state"),
    [((), GRANTED), ((said(UNKNOWN),), UNKNOWN), ((said(PENDING),), PENDING), ((NO,), WITHDRAWN), ((YES,), GRANTED)],
)
def test_an_operator_may_choose_for_those_of_whom_nothing_is_known(history, state):
    assert decide(known(*history), EMAIL, GRANTED).state is state


def test_nothing_on_record_is_unknown_and_has_no_evidence():
    assert decide({}, EMAIL) == Decision(UNKNOWN, None)
    assert decide({"FIRSTNAME": Stamped("Jane", 1, "shop")}, SMS) == Decision(UNKNOWN, None)


@pytest.mark.parametrize("state", ConsentState)
@pytest.mark.parametrize("explicit", [True, False])
def test_each_observation_goes_to_one_register(state, explicit):
    name, value, at_ms = observe(said(state, 5, explicit=explicit, channel=SMS, method="form"))

    if state is WITHDRAWN:
        assert (name, value) == ("consent.sms.withdrawn", "form")
    elif state is GRANTED and explicit:
        assert (name, value) == ("consent.sms.granted", "form")
    else:
        assert (name, value) == ("consent.sms.stated", [str(state), "form"])
    assert at_ms == to_ms(at(5))
    assert method(Stamped(value, at_ms, "shop")) == "form"


def test_what_was_said_at_one_time_is_one_change():
    groups = as_fields((NO, said(WITHDRAWN, 1, channel=SMS), said(GRANTED, 2)))

    assert groups == {
        to_ms(at(1)): {"consent.email.withdrawn": "brevo:spam", "consent.sms.withdrawn": "box"},
        to_ms(at(2)): {"consent.email.stated": ["granted", "box"]},
    }
