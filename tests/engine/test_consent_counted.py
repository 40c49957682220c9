"""What the metric of consent counts: withdrawals that were upheld against a yes, or against a missing block."""

from __future__ import annotations

from dataclasses import replace

import pytest

from customer_sync.model import Channel, Consent, ConsentState, Event, Kind
from tests.rig import Rig, at

JANE = "jane@example.com"
YES, NO = ConsentState.GRANTED, ConsentState.WITHDRAWN


@pytest.fixture
def rig(client):
    return Rig(client)


def said(state, *, when, channel=Channel.EMAIL, explicit=True, **record):
    consent = Consent(channel, state, at(when), "form", explicit)
    record = {"email": JANE, **record}
    return Event(f"{state}:{when}", "shop", Kind.CUSTOMER_UPDATED, at(when), "1", "1", record, (consent,))


def sync(rig, *events):
    for event in events:
        rig.send(event)
    rig.settle()


def counted(rig, channel="email"):
    name = "tajo_consent_blocked_total"
    return sum(
        int(one.value) for one in rig.store.counters.read() if one.name == name and channel in one.labels.values()
    )


def test_a_block_that_is_set_counts_once(rig):
    sync(rig, said(NO, when=-100))
    sync(rig, said(NO, when=-100, firstName="Jane"))

    assert rig.brevo.contacts[JANE].blocked
    assert counted(rig) == 1


@pytest.mark.parametrize(("explicit", "when"), [(False, -50), (True, -200)], ids=["a ticked box", "an older opt-in"])
def test_a_yes_that_is_not_followed_counts(rig, explicit, when):
    sync(rig, said(NO, when=-100))
    before = counted(rig)

    sync(rig, said(YES, when=when, explicit=explicit))

    assert rig.brevo.contacts[JANE].blocked
    assert counted(rig) - before == 1


def test_a_ticked_box_of_somebody_who_left_at_brevo_counts(rig):
    sync(rig, said(YES, when=-100))
    rig.brevo.unsubscribe(JANE)
    rig.send_brevo({"event": "unsubscribe", "email": JANE, "ts_event": int(at(-50).timestamp())})
    rig.settle()
    before = counted(rig)

    sync(rig, said(YES, when=-10, explicit=False))

    assert counted(rig) - before == 1


def test_each_channel_counts_for_itself(rig):
    sync(rig, said(NO, when=-100, channel=Channel.SMS, phone="+32470123456"))

    assert (counted(rig, "email"), counted(rig, "sms")) == (0, 1)


def test_an_opt_in_that_is_followed_counts_nothing(rig):
    sync(rig, said(NO, when=-100))
    before = counted(rig)

    sync(rig, said(YES, when=-50))

    assert not rig.brevo.contacts[JANE].blocked
    assert counted(rig) == before


def test_a_person_of_whom_nothing_is_known_counts_nothing(rig):
    sync(rig, replace(said(YES, when=-100), consents=()))

    assert counted(rig) == 0


def test_what_could_not_be_delivered_counts_when_it_is(rig):
    rig.brevo.is_down = True
    with pytest.raises(Exception, match="did not answer"):
        sync(rig, said(NO, when=-100))
    assert counted(rig) == 0

    rig.brevo.is_down = False
    rig.client.hset("tajo:brk:contacts", "until", 0)
    for priority in range(3):
        key = f"tajo:q:contacts:{priority}"
        for target in rig.client.zrange(key, 0, -1):
            rig.client.zadd(key, {target: 1})
    rig.settle()

    assert counted(rig) == 1
