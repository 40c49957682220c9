"""Before a block is lifted the contact is read: who left in Brevo since the opt-in stays blocked, unheard or not."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import pytest

from customer_sync.brevo.contacts.contact_plan import view
from customer_sync.brevo.contacts.leavings import REACH_BACK_MS, words_of
from customer_sync.errors import Unavailable
from customer_sync.kit.outbound import Reply
from customer_sync.model import Channel, Consent, to_ms
from tests.engine.test_addresses import GRANTED, consent, customer, opt_in, seen, unsubscribed
from tests.rig import LIST, NOW, Rig, at

WITHDRAWN = GRANTED.WITHDRAWN
ANN = "ann@example.com"


@pytest.fixture
def rig(client):
    """Ann left at the shop, and Brevo has our block."""
    rig = Rig(client)
    rig.send(customer(1, ANN, -300, opt_in(-300)))
    rig.send(consent(1, ANN, -200, WITHDRAWN))
    rig.settle()
    rig.brevo.calls.clear()
    return rig


def agree(rig, when=-100):
    rig.send(consent(1, ANN, when))
    rig.settle()


def methods(rig):
    return [method for method, _, _ in rig.brevo.calls]


def state(rig):
    return view(rig.store.people.read(rig.store.people.find(ANN)), rig.rules).email.state


def test_an_opt_in_lifts_our_own_block_with_one_read_and_one_write(rig):
    agree(rig)

    assert methods(rig) == ["GET", "POST"]
    assert seen(rig, ANN)[1:] == ([LIST], False)


@pytest.mark.parametrize("word", ["unsubscribe", "hard_bounce", "spam", "block"])
@pytest.mark.parametrize("left", [-50, -150])
def test_what_happened_in_brevo_after_the_opt_in_keeps_the_block_and_is_on_record(rig, word, left):
    if word == "block":  # after our last call
        left += 3600
    rig.brevo.unsubscribe(ANN, when=at(left), word=word)
    agree(rig, -100 if word != "block" else 3400 + 100)
    is_later = left == -50 or word in {"spam", "block"}

    assert rig.brevo.contacts[ANN].blocked is is_later
    assert (rig.brevo.lifted == []) is is_later
    assert (state(rig) is WITHDRAWN) is is_later


def test_a_block_that_may_be_our_own_is_none_of_somebody_else(rig):
    """Whether a call that blocks stands in `adminUnsubscription` is not documented."""
    rig.brevo.unsubscribe(ANN, when=at(0), word="block")

    agree(rig)

    assert rig.brevo.lifted == [ANN]


def test_where_the_operator_wishes_new_contacts_only_the_contact_is_read_too(rig):
    rig.rules = replace(rig.rules, update={"shop": False})
    rig.brevo.unsubscribe(ANN, when=at(-50))

    agree(rig)

    assert rig.brevo.lifted == []
    assert methods(rig) == ["GET"]


def test_a_contact_that_is_not_there_has_no_block_to_lift(rig):
    del rig.brevo.contacts[ANN]

    agree(rig)

    assert [data.get("emailBlacklisted") for _, _, data in rig.brevo.calls] == [None, None]
    assert seen(rig, ANN)[1:] == ([LIST], False)


@pytest.mark.parametrize("answer", [Reply(500, {}, b""), Reply(200, {}, b"{}"), Reply(200, {}, b"[]")])
def test_where_the_read_tells_nothing_nothing_is_lifted_now(rig, answer):
    rig.brevo.answers = [answer]

    rig.send(consent(1, ANN, -100))
    rig.read()
    with suppress(Unavailable):
        rig.deliver_once()
    assert rig.brevo.contacts[ANN].blocked
    assert methods(rig) == ["GET"]

    rig.resume()
    rig.settle()
    assert not rig.brevo.contacts[ANN].blocked


@pytest.mark.parametrize("delay", ["heard at once", "heard late"])
def test_who_leaves_between_the_read_and_the_lift_is_blocked_again_when_brevo_tells_of_it(rig, delay):
    def leave():
        rig.brevo.unsubscribe(ANN, when=at(-50))
        if delay == "heard at once":
            rig.send_brevo(unsubscribed(ANN, -50))
            rig.read()

    rig.brevo.after = leave
    agree(rig)
    assert rig.brevo.lifted == [ANN]

    if delay == "heard late":
        assert not rig.brevo.contacts[ANN].blocked
        rig.tick()
        rig.send_brevo(unsubscribed(ANN, -50))
        rig.settle()

    assert rig.brevo.contacts[ANN].blocked


def test_who_leaves_between_the_read_and_the_new_address_is_blocked_again_however_late_brevo_tells_of_it(rig):
    agree(rig)
    rig.brevo.after = lambda: rig.brevo.unsubscribe(ANN, when=at(-50))
    rig.send(customer(1, "new@example.com", -40))
    rig.settle()
    rig.tick()

    rig.send_brevo(unsubscribed(ANN, -50))
    rig.settle()

    assert rig.brevo.contacts["new@example.com"].blocked


def test_a_new_address_lifts_no_block_of_who_left_in_brevo_after_the_opt_in(rig):
    rig.send(consent(1, ANN, -100))
    rig.brevo.unsubscribe(ANN, when=at(-50))
    rig.send(customer(1, "new@example.com", -40, opt_in(-100)))
    rig.settle()

    assert rig.brevo.contacts["new@example.com"].blocked


def test_an_opt_in_from_before_brevo_s_statistics_lifts_nothing(rig):
    days = REACH_BACK_MS / 1000 + 60
    rig.send(customer(2, "bob@example.com", -days - 50, opt_in(-days - 50, WITHDRAWN)))
    rig.settle()

    rig.send(consent(2, "bob@example.com", -days))
    rig.settle()

    assert rig.brevo.contacts["bob@example.com"].blocked


def test_a_list_that_was_left_before_the_opt_in_keeps_no_block(rig):
    """Brevo's webhook told of it: the record holds no list, and the read shows it."""
    agree(rig)
    rig.brevo.contacts[ANN].lists, rig.brevo.contacts[ANN].left = set(), {LIST}
    rig.send_brevo(unsubscribed(ANN, -80, list_id=[LIST]))
    rig.settle()

    agree(rig, -50)

    assert seen(rig, ANN)[1:] == ([LIST], False)


def sms(when, what=GRANTED):
    return customer(1, ANN, when, Consent(Channel.SMS, what, at(when), "form", explicit=True), phone="+32470123456")


def test_for_sms_brevo_has_a_flag_alone_and_our_own_block_is_lifted_after_a_read(rig):
    rig.send(sms(-90, WITHDRAWN))
    rig.settle()
    rig.brevo.calls.clear()

    rig.send(sms(-80))
    rig.settle()

    assert methods(rig) == ["GET", "POST"]
    assert not rig.brevo.contacts[ANN].sms_blocked
    assert rig.brevo.contacts[ANN].blocked


def test_a_contact_that_brevo_refuses_is_blocked_on_one_channel_and_lifted_on_none(rig):
    rig.send(customer(2, "bob@example.com", -90, Consent(Channel.SMS, WITHDRAWN, at(-90), "form", explicit=True)))
    rig.settle()
    rig.brevo.calls.clear()
    refusal = Reply(400, {}, b'{"code":"invalid_parameter","message":"x"}')
    again = Consent(Channel.SMS, GRANTED, at(-80), "form", explicit=True)
    shown = Reply(200, {}, b'{"emailBlacklisted":false,"smsBlacklisted":true,"listIds":[]}')
    rig.brevo.answers = [shown, refusal]

    rig.send(customer(2, "bob@example.com", -80, again, opt_in(-80, WITHDRAWN)))
    rig.settle()

    assert rig.brevo.calls[-1][2] == {"emailBlacklisted": True}
    assert rig.brevo.contacts["bob@example.com"].sms_blocked


@pytest.mark.parametrize(
    ("statistics", "ms"),
    [
        ({}, None),
        (None, None),
        ({"unsubscriptions": {"userUnsubscription": [{"eventTime": "2026-01-01T10:00:00Z"}]}}, 999),
        ({"unsubscriptions": {"userUnsubscription": [{"eventTime": "2026-01-01T12:00:00.000+02:00"}]}}, 999),
        ({"unsubscriptions": {"userUnsubscription": [{"eventTime": "2026-01-01T10:00:00"}]}}, 999),
        ({"unsubscriptions": {"userUnsubscription": [{"eventTime": "yesterday"}]}}, 5_000),
        ({"unsubscriptions": {"userUnsubscription": [{}]}}, 5_000),
        ({"unsubscriptions": {"userUnsubscription": []}, "complaints": []}, None),
    ],
)
def test_times_are_read_in_every_form_and_one_that_is_none_counts_as_now(statistics, ms):
    base = to_ms(NOW.replace(year=2026, month=1, day=1, hour=10, minute=0, second=0, microsecond=0))

    words = words_of({"statistics": statistics}, 0, None, base + 5_000)

    assert [one.at_ms - base for one in words.values()] == ([] if ms is None else [ms])


def test_the_calls_of_a_batch_are_asked_for_with_the_reads(rig, monkeypatch):
    asked = []
    reserve = type(rig.store.limits).reserve

    def spy(self, bucket, count, **more):
        asked.append(count)
        return reserve(self, bucket, count, **more)

    monkeypatch.setattr(type(rig.store.limits), "reserve", spy)

    agree(rig)

    assert asked == [2]
