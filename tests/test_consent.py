"""What a person allows: nothing but a newer act of their own, given for this very address, answers a withdrawal."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customer_sync.model import Channel, Consent, ConsentState, to_ms, to_us
from customer_sync.person import consent
from customer_sync.person.consent import (
    Ends,
    Evidence,
    Voice,
    decide,
    label_of,
    register,
)
from customer_sync.person.merge import Stamped, merge
from customer_sync.person.observing import observe, said_of_address

EMAIL, SMS = Channel.EMAIL, Channel.SMS
GRANTED, PENDING = ConsentState.GRANTED, ConsentState.PENDING
WITHDRAWN, UNKNOWN = ConsentState.WITHDRAWN, ConsentState.UNKNOWN
HERE, ELSEWHERE = "jane@example.com", "old@example.com"

#: Who may be written to least stands last.
STRICTNESS = {GRANTED: 0, UNKNOWN: 1, PENDING: 1, WITHDRAWN: 2}


def at(second):
    return datetime(2026, 11, 21, 12, tzinfo=UTC) + timedelta(seconds=second)


def said(state, second=0, *, explicit=False, channel=EMAIL, method="box", seen=None):
    return Consent(channel, state, at(second), method, explicit, None if seen is None else at(seen))


#: Few seconds, so that ties are common.
SEEN = st.builds(
    said,
    st.sampled_from(ConsentState),
    st.integers(0, 4),
    explicit=st.booleans(),
    channel=st.sampled_from([EMAIL, EMAIL, EMAIL, SMS]),
    method=st.sampled_from(["box", "double opt-in", "form"]),
)
HISTORIES = st.lists(SEEN, max_size=6)


def voice(*history, ref="r", source="shop", address=HERE, missing=UNKNOWN):
    """A record that told all this, each observation when it was made."""
    state = merge(observe(one, to_ms(one.at), address) for one in history)
    return Voice(ref, source, state, missing)


def of_address(*history):
    """All this, said of the address itself by Brevo."""
    return merge(said_of_address(one, "brevo", 0) for one in history)


def standing(*history, missing=UNKNOWN, channel=EMAIL):
    """What one record allows that told all this with this very address."""
    return decide(channel, [voice(*history, missing=missing)], {}, HERE)


def newest(history, state, *, explicit=False):
    """When this was said last for e-mail; None when it never was."""
    seen = [one for one in history if one.channel is EMAIL and one.state is state and (one.explicit or not explicit)]
    return max((one.at for one in seen), default=None)


def unticked(history):
    """When a box was last seen without its tick."""
    seen = [one.at for one in history if one.channel is EMAIL and one.state is WITHDRAWN and not one.explicit]
    return max(seen, default=None)


@given(HISTORIES, st.sampled_from(ConsentState))
def test_nobody_is_granted_whose_newest_withdrawal_is_not_older_than_their_newest_act(history, missing):
    found = standing(*history, missing=missing)

    withdrawn, granted = newest(history, WITHDRAWN), newest(history, GRANTED, explicit=True)
    ticked, empty = newest(history, GRANTED), unticked(history)
    is_ticked_anew = empty is not None and ticked is not None and withdrawn == empty < ticked
    if withdrawn is not None and (granted is None or withdrawn >= granted) and not is_ticked_anew:
        assert found.state is WITHDRAWN
        assert found.evidence.at_ms == to_ms(withdrawn)


@given(HISTORIES, SEEN, st.sampled_from([UNKNOWN, GRANTED]))
def test_one_more_act_of_withdrawing_never_makes_it_less_strict(history, seen, missing):
    before = standing(*history, missing=missing).state
    after = standing(*history, replace(seen, state=WITHDRAWN, explicit=True), missing=missing).state

    assert STRICTNESS[after] >= STRICTNESS[before]


@given(HISTORIES, SEEN)
def test_a_tick_never_lifts_the_withdrawal_of_somebody_whose_box_was_not_empty_since(history, box):
    history = [replace(one, explicit=True) for one in history]
    before = standing(*history).state
    after = standing(*history, replace(box, state=GRANTED, explicit=False)).state

    assert before is not WITHDRAWN or after is WITHDRAWN


def test_a_tick_after_an_empty_box_is_an_act():
    left = said(WITHDRAWN, 1, explicit=True)

    assert standing(left, said(WITHDRAWN, 2), said(GRANTED, 3)).state is GRANTED
    assert standing(left, said(WITHDRAWN, 2), said(GRANTED, 3)).may_lift
    assert standing(said(WITHDRAWN, 0), left, said(GRANTED, 3)).state is WITHDRAWN
    assert decide(EMAIL, [voice(said(WITHDRAWN, 2), said(GRANTED, 3))], of_address(said(WITHDRAWN, 1)), HERE).may_lift
    assert not decide(
        EMAIL, [voice(said(WITHDRAWN, 2), said(GRANTED, 4))], of_address(said(WITHDRAWN, 3)), HERE
    ).may_lift


@given(HISTORIES)
def test_a_block_may_be_lifted_only_on_an_act_that_is_newer_than_every_withdrawal(history):
    history = [replace(one, explicit=True) for one in history]
    withdrawn, granted = newest(history, WITHDRAWN), newest(history, GRANTED)

    may_lift = standing(*history).may_lift
    assert may_lift == (granted is not None and (withdrawn is None or granted > withdrawn))


@given(HISTORIES, st.sampled_from(ConsentState), st.sampled_from(Channel))
def test_the_short_way_for_who_never_withdrew_says_what_the_long_one_does(history, missing, channel):
    history = [one for one in history if one.state is not WITHDRAWN]
    short = standing(*history, missing=missing, channel=channel)
    with mock.patch.object(consent, "_never_withdrew", return_value=False):
        assert short == standing(*history, missing=missing, channel=channel)


@given(HISTORIES, st.sampled_from(ConsentState))
def test_the_choice_for_missing_consent_speaks_only_for_those_of_whom_nothing_is_known(history, missing):
    by_email = [one for one in history if one.channel is EMAIL]

    if by_email:
        assert standing(*history, missing=missing) == standing(*history)


@given(HISTORIES, st.data())
def test_the_order_in_which_it_was_seen_never_matters(history, data):
    shuffled = data.draw(st.permutations(history))

    assert standing(*shuffled) == standing(*history)
    assert standing(*history, *history) == standing(*history)


@given(HISTORIES)
def test_what_is_said_of_one_channel_says_nothing_of_the_other(history):
    by_email = [one for one in history if one.channel is EMAIL]

    assert standing(*history, missing=GRANTED) == standing(*by_email, missing=GRANTED)


NO = said(WITHDRAWN, 1, explicit=True, method="form")
YES = said(GRANTED, 1, explicit=True, method="double opt-in")
TICKED = said(GRANTED, 1)


@pytest.mark.parametrize(
    ("history", "state", "evidence"),
    [
        ((), UNKNOWN, None),
        ((TICKED,), GRANTED, "box"),
        ((YES,), GRANTED, "double opt-in"),
        ((NO,), WITHDRAWN, "form"),
        ((said(PENDING, 1),), PENDING, "box"),
        ((said(UNKNOWN, 1),), UNKNOWN, "box"),
        # a withdrawal is answered by a strictly newer act alone
        ((NO, YES), WITHDRAWN, "form"),
        ((NO, said(GRANTED, 2, explicit=True, method="again")), GRANTED, "again"),
        ((YES, said(WITHDRAWN, 2)), WITHDRAWN, "box"),
        ((NO, said(GRANTED, 9)), WITHDRAWN, "form"),
        ((NO, said(UNKNOWN, 9)), WITHDRAWN, "form"),
        ((NO, said(PENDING, 9, explicit=True)), WITHDRAWN, "form"),
        # of one second the platform's finer time decides, where it tells one for both; never our time of arrival
        ((replace(NO, seen_at=at(1.2)), replace(YES, seen_at=at(1.4))), GRANTED, "double opt-in"),
        ((replace(NO, seen_at=at(1.4)), replace(YES, seen_at=at(1.2))), WITHDRAWN, "form"),
        ((replace(NO, seen_at=at(1.2)), replace(YES, seen_at=at(1.2))), WITHDRAWN, "form"),
        ((NO, replace(YES, seen_at=at(1.4))), WITHDRAWN, "form"),
        # a record can make a grant weaker, from the same moment on
        ((YES, said(UNKNOWN, 0)), GRANTED, "double opt-in"),
        ((YES, said(UNKNOWN, 1)), UNKNOWN, "box"),
        ((YES, said(PENDING, 1)), PENDING, "box"),
        ((said(PENDING, 1, seen=1.1), replace(YES, seen_at=at(1.3))), GRANTED, "double opt-in"),
        ((YES, said(UNKNOWN, 2)), UNKNOWN, "box"),
        ((YES, said(GRANTED, 2)), GRANTED, "box"),
        ((NO, said(GRANTED, 2, explicit=True), said(PENDING, 3)), PENDING, "box"),
        # of records the newest counts, and of two at once the stricter
        ((TICKED, said(PENDING, 2)), PENDING, "box"),
        ((TICKED, said(UNKNOWN, 1)), UNKNOWN, "box"),
        ((TICKED, said(PENDING, 1)), PENDING, "box"),
        ((said(PENDING, 1), said(GRANTED, 2)), GRANTED, "box"),
    ],
)
def test_each_case_is_decided_and_says_on_what_evidence(history, state, evidence):
    found = standing(*history)

    assert found.state is state
    assert (found.evidence and found.evidence.method) == evidence


@pytest.mark.parametrize(
    ("history", "state"),
    [((), GRANTED), ((said(UNKNOWN),), UNKNOWN), ((said(PENDING),), PENDING), ((NO,), WITHDRAWN), ((YES,), GRANTED)],
)
def test_an_operator_may_choose_for_those_of_whom_nothing_is_known(history, state):
    assert standing(*history, missing=GRANTED).state is state


# Addresses: an opt-in answers for the address it was given for, and no other


LEFT = of_address(said(WITHDRAWN, 3, explicit=True, method="brevo:unsubscribed"))
AGAIN = said(GRANTED, 5, explicit=True)


def test_an_opt_in_answers_a_withdrawal_of_the_address_it_was_given_for():
    assert decide(EMAIL, [voice(AGAIN)], LEFT, HERE).state is GRANTED


def test_an_opt_in_for_another_address_answers_no_withdrawal_of_this_one():
    found = decide(EMAIL, [voice(AGAIN, address=ELSEWHERE)], LEFT, HERE)

    assert (found.state, found.may_lift) == (WITHDRAWN, False)


def test_an_opt_in_of_which_nobody_knows_the_address_answers_none_that_was_said_of_the_address():
    assert decide(EMAIL, [voice(AGAIN, address=None)], LEFT, HERE).state is WITHDRAWN


def test_a_record_answers_its_own_withdrawal_wherever_it_leads():
    assert decide(EMAIL, [voice(NO, AGAIN, address=ELSEWHERE)], {}, HERE).state is GRANTED


def test_of_two_tellings_of_one_act_the_one_closer_to_it_knows_its_address():
    told_at_once = observe(AGAIN, to_ms(at(5)), ELSEWHERE)
    told_later = observe(AGAIN, to_ms(at(900)), HERE)

    for states in ([told_at_once, told_later], [told_later, told_at_once]):
        assert merge(states)[register(EMAIL, "granted")].value[1] == label_of(ELSEWHERE)


def test_one_record_s_opt_in_answers_another_s_withdrawal_only_for_this_address():
    left, came = voice(NO, ref="a"), voice(AGAIN, ref="b", source="woo")

    assert decide(EMAIL, [left, came], {}, HERE).state is GRANTED
    assert decide(EMAIL, [left, voice(AGAIN, ref="b", address=ELSEWHERE)], {}, HERE).state is WITHDRAWN


def test_each_record_speaks_for_itself():
    agreed, silent = voice(YES, ref="a"), voice(ref="b", source="woo")

    assert decide(EMAIL, [agreed, silent], {}, HERE).granted_by == {"a"}
    assert decide(EMAIL, [agreed, silent._replace(missing=GRANTED)], {}, HERE).granted_by == {"a", "b"}


def test_who_agreed_before_a_withdrawal_that_another_record_answered_did_not_agree_again():
    before, after = voice(YES, ref="a"), voice(AGAIN, ref="b", source="woo")

    assert decide(EMAIL, [before, after], LEFT, HERE).granted_by == {"b"}


# What no shop lifts


@pytest.mark.parametrize("method", ["brevo:hard_bounce", "brevo:spam"])
def test_no_opt_in_of_a_shop_lifts_a_bounce_or_a_complaint(method):
    gone = of_address(said(WITHDRAWN, 1, explicit=True, method=method))

    found = decide(EMAIL, [voice(AGAIN)], gone, HERE)

    assert (found.state, found.may_lift, found.evidence.method) == (WITHDRAWN, False, method)


@pytest.mark.parametrize(("second", "state"), [(0, WITHDRAWN), (1, GRANTED), (2, GRANTED)])
def test_an_operator_clears_a_bounce_that_is_not_newer(second, state):
    gone = of_address(said(WITHDRAWN, 1, explicit=True, method="brevo:hard_bounce"))
    cleared = {register(EMAIL, "cleared"): Stamped("operator", to_ms(at(second)))}

    assert decide(EMAIL, [voice(YES)], merge([gone, cleared]), HERE).state is state


def test_a_withdrawal_of_somebody_who_left_the_address_holds_while_nobody_has_it():
    after = {register(EMAIL, "after"): Stamped(["form", "shop"], to_ms(at(3)))}

    assert decide(EMAIL, [], after, HERE).state is WITHDRAWN
    assert decide(EMAIL, [voice(YES)], after, HERE).state is GRANTED
    # but it lifts no block: we may have set it for the one who left
    assert not decide(EMAIL, [voice(YES)], after, HERE).may_lift
    assert decide(EMAIL, [voice(AGAIN)], after, HERE).may_lift


def test_the_end_of_the_last_record_is_a_withdrawal_like_any_other():
    over = [Evidence(WITHDRAWN, "deleted", to_ms(at(3)), "deleted", "shop")]

    assert decide(EMAIL, [voice(YES)], {}, HERE, Ends(tuple(over), tuple(over))).state is WITHDRAWN
    assert decide(EMAIL, [voice(AGAIN)], {}, HERE, Ends(tuple(over), tuple(over))).state is GRANTED


# Registers


def test_nothing_on_record_is_unknown_and_has_no_evidence():
    nobody = decide(EMAIL, [], {}, HERE)

    assert (nobody.state, nobody.evidence, nobody.may_lift, nobody.granted_by) == (UNKNOWN, None, False, frozenset())


@pytest.mark.parametrize("state", ConsentState)
@pytest.mark.parametrize("explicit", [True, False])
def test_each_observation_goes_to_its_register(state, explicit):
    found = observe(said(state, 5, explicit=explicit, channel=SMS, method="form"), to_ms(at(5)), HERE)

    names = {name.removeprefix("consent.sms.") for name in found}
    if state is WITHDRAWN:
        assert names == ({"withdrawn"} if explicit else {"withdrawn", "unticked"})
    elif state is GRANTED and explicit:
        assert names == {"granted"}
    else:
        assert names == {"stated"}
    assert {one.at_ms for one in found.values()} == {to_ms(at(5))}


def test_a_withdrawal_is_said_of_the_address_too_and_nothing_else_is():
    assert of_address(TICKED, YES, said(PENDING)) == {}
    assert set(of_address(NO, said(WITHDRAWN, 1, channel=SMS))) == {"consent.email.withdrawn"}
    assert set(of_address(said(WITHDRAWN, 1, method="brevo:spam"))) == {
        "consent.email.complained",
        "consent.email.here",
    }
    assert of_address(replace(NO, seen_at=at(1.5)))["consent.email.withdrawn"].seen_us == to_us(at(1.5))
