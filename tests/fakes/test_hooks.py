"""Webhooks of every stand-in: signed, tried again by the platform's rules, and with the faults of real deliveries."""

from __future__ import annotations

import pytest

from customer_sync.kit.fakes.clock import Clock
from customer_sync.kit.fakes.hooks import Rules
from tests.fakes.receiver import receiving, until
from tests.fakes.toy import Toy, sign


@pytest.fixture
def receiver():
    with receiving() as found:
        yield found


def toy_of(receiver, rules=None, **habits) -> Toy:
    toy = Toy(clock=Clock(1000.0), rules=rules)
    toy.url = receiver.url
    assert toy.app.test_client().post("/fake/webhooks", json=habits).status_code == 200
    return toy


def topics(receiver) -> list[str]:
    return [one.headers["x-topic"] for one in receiver.got]


def told(toy):
    return toy.app.test_client().get("/fake/deliveries").json["deliveries"]


def test_a_delivery_is_signed_when_it_is_sent_and_remembered(receiver):
    toy = toy_of(receiver)
    toy.tell("hello")
    toy.clock.offset_s = 5

    assert toy.app.test_client().post("/fake/deliver").json == {"posted": 1}

    sent = receiver.got[0]
    assert sent.headers["x-signature"] == sign(sent.body, 1005)["X-Signature"]
    assert told(toy)[0]["state"] == "delivered"
    assert (told(toy)[0]["status"], told(toy)[0]["body"]) == (200, '{"word":"hello"}')


def test_failed_deliveries_are_tried_again_after_the_platforms_waits_and_then_given_up(receiver):
    toy = toy_of(receiver, Rules(waits_s=(3, 30)))
    receiver.status = 500
    toy.tell("hello")
    statuses = []
    for offset_s in (0, 2, 3, 32, 33, 9999):
        toy.clock.offset_s = offset_s
        toy.sender.deliver()
        statuses.append(len(receiver.got))

    assert statuses == [1, 1, 2, 2, 3, 3]
    assert (told(toy)[0]["state"], told(toy)[0]["statuses"]) == ("given_up", [500] * 3)
    assert toy.app.test_client().get("/fake/state").json["deliveries"] == {"given_up": 1, "waiting": 0}


def test_the_platform_decides_what_counts_as_success(receiver):
    toy = toy_of(receiver, Rules(is_taken=lambda answer: answer.status == 404))
    receiver.status = 404
    toy.tell("hello")
    toy.sender.deliver()

    assert told(toy)[0]["state"] == "delivered"


def test_a_receiver_that_is_slow_has_failed(receiver):
    toy = toy_of(receiver, Rules(timeout_s=0.05))
    receiver.delay_s = 0.3
    toy.tell("hello")
    toy.sender.deliver()

    assert told(toy)[0]["statuses"] == [0]


def test_only_this_machine_is_called(receiver):
    toy = toy_of(receiver, Rules(waits_s=(1, 1)))
    for toy.url in ("https://127.0.0.1/x", "http://192.0.2.1/x", "http://shop.example/x"):
        toy.tell("hello")
    toy.sender.deliver()

    assert {(one["state"], one["status"]) for one in told(toy)} == {("elsewhere", 0)}


def test_deliveries_are_doubled_lost_and_silenced(receiver):
    toy = toy_of(receiver, duplicates=1.0)
    toy.tell("twice")
    toy.sender.habits.duplicates, toy.sender.habits.lost = 0.0, 1.0
    toy.tell("never")
    toy.sender.habits.is_on = False
    toy.tell("silent")
    toy.sender.deliver()

    assert topics(receiver) == ["twice", "twice"]
    assert [one["state"] for one in told(toy)] == ["delivered", "delivered", "lost"]


def test_deliveries_wait_and_overtake_one_another(receiver):
    toy = toy_of(receiver, delay_s=60, reorder_s=60)
    for number in range(20):
        toy.tell(str(number))
    toy.clock.offset_s = 59
    assert toy.sender.deliver() == 0
    toy.clock.offset_s = 120
    toy.sender.deliver()

    assert sorted(topics(receiver), key=int) == [str(number) for number in range(20)] != topics(receiver)


def test_a_burst_is_held_back_until_it_is_complete(receiver):
    toy = toy_of(receiver, burst=3)
    counts = []
    for number in range(4):
        toy.tell(str(number))
        counts.append(toy.sender.deliver())

    assert counts == [0, 0, 3, 0]
    assert toy.sender.deliver(everything=True) == 1


def test_signatures_may_be_wrong_or_old_and_bodies_cut(receiver):
    toy = toy_of(receiver)
    for habits in ({"wrong_signature": 1.0}, {"wrong_signature": 0.0, "old_s": 600}, {"old_s": 0, "truncated": 1.0}):
        toy.app.test_client().post("/fake/webhooks", json=habits)
        toy.tell("hello")
        toy.sender.deliver()

    wrong, old, cut = receiver.got
    whole = b'{"word":"hello"}'
    assert wrong.headers["x-signature"] != sign(whole, 1000)["X-Signature"]
    assert old.headers["x-signature"] == sign(whole, 400)["X-Signature"]
    assert (cut.body, cut.headers["x-signature"]) == (whole[:8], sign(whole, 1000)["X-Signature"])


def test_a_habit_that_there_is_not_is_refused(receiver):
    client = toy_of(receiver).app.test_client()

    assert client.post("/fake/webhooks", json={"colour": 1}).status_code == 400
    assert client.post("/fake/webhooks", json={"burst": "many"}).status_code == 400


@pytest.mark.parametrize("senders", [1, 4])
def test_webhooks_go_out_by_themselves_once_started(receiver, senders):
    toy = toy_of(receiver, Rules(senders=senders))
    receiver.delay_s = 0.02
    toy.start()
    for number in range(20):
        toy.tell(str(number))
    toy.sender.deliver()
    until(lambda: len(receiver.got) == 20)
    toy.close()

    assert sorted(topics(receiver), key=int) == [str(number) for number in range(20)]
    assert (receiver.most == 1) is (senders == 1)


def test_a_reset_forgets_webhooks_and_lets_them_go_out_again(receiver):
    toy = toy_of(receiver)
    toy.start()
    toy.tell("one")
    until(lambda: receiver.got)
    toy.app.test_client().post("/fake/reset")
    assert told(toy) == []

    toy.tell("two")
    until(lambda: len(receiver.got) == 2)
    toy.close()
