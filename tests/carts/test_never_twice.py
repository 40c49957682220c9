"""A mail goes once: workers are killed, two work at a time, Brevo gives no answer, Redis forgets."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from customer_sync import pipeline
from customer_sync.errors import Unavailable
from customer_sync.person.merge import stamp
from customer_sync.person.person import Part
from tests.carts.world import EMAIL
from tests.redis_time import KEY

SEND = "POST /smtp/email"


class Killed(BaseException):
    """A worker is killed: nothing of it goes on."""


def due(world):
    """A cart whose first mail is due now."""
    world.cart()
    world.pass_time(minutes=88)
    world.time.move(180)


def die(world, when):
    """The next call of the mail kills its worker, before Brevo has it or after."""

    def kill():
        raise Killed

    getattr(world.http, when)[SEND] = kill
    with pytest.raises(Killed):
        pipeline.deliver(world.line, "mail")
    world.restart()


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("minutes", [1, 20])
def test_a_worker_killed_at_the_call_sends_one_mail_all_the_same(world, when, minutes):
    due(world)
    die(world, when)
    world.pass_time(minutes=minutes)

    assert world.steps() == [1]
    assert world.counts()['["mails","",1]'] == 1
    world.pass_time(days=5)
    assert world.steps() == [1, 2, 3]


def test_a_worker_killed_after_the_call_and_found_an_hour_later_is_known_by_the_log(world):
    due(world)
    die(world, "after")
    world.time.move(3600)
    world.work()

    assert world.steps() == [1]
    assert world.http.count("GET /smtp/emails") == 1
    assert world.state()["step:1"]["state"] == "sent"


def test_a_worker_killed_before_the_call_and_found_an_hour_later_sends_where_the_log_shows_other_mails(world):
    world.customer("bob@example.com", "2")
    world.cart("t2", "bob@example.com")
    world.pass_time(minutes=95)
    due(world)
    die(world, "before")
    world.time.move(3600)
    world.work()

    assert world.steps(EMAIL) == [1]


def test_a_mail_is_not_sent_again_where_the_log_cannot_tell(world):
    due(world)
    die(world, "before")
    world.time.move(3600)
    world.work()

    assert world.mails() == []  # a log without a single mail of the template may be none
    assert world.state()["step:1"]["state"] == "doubt"
    assert world.counts()['["doubt","",1]'] == 1
    world.pass_time(days=2)
    assert world.steps() == [2]


def test_who_bought_after_a_cut_try_gets_no_second_one(world):
    due(world)
    die(world, "before")
    world.order()
    world.pass_time(days=3)

    assert world.mails() == []
    assert world.why() == "bought"


def test_a_call_without_an_answer_is_made_again_unless_the_log_shows_the_mail(world):
    due(world)

    def lose():
        raise Unavailable("no answer")

    world.http.after[SEND] = lose
    world.deliver()
    world.pass_time(minutes=10)

    assert world.steps() == [1]
    assert world.http.count(SEND) == 1
    assert world.http.count("GET /smtp/emails") == 1


def test_two_workers_at_once_send_one_mail(world):
    due(world)
    lines = [world.line, world.another()]
    threads = [threading.Thread(target=pipeline.deliver, args=(line, "mail")) for line in lines]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert world.steps() == [1]


def test_a_worker_that_was_frozen_past_its_lease_sends_nothing(world):
    due(world)
    other = world.another()

    def freeze():
        world.time.move(60)
        pipeline.deliver(other, "mail")

    world.http.after[f"GET /contacts/{EMAIL.replace('@', '%40')}"] = freeze
    world.deliver()

    assert world.steps() == [1]
    assert world.http.count(SEND) == 1


def test_redis_put_back_to_an_older_day_sends_nothing_that_went_before(world):
    world.cart()
    world.pass_time(minutes=60)
    before = {key: world.client.dump(key) for key in world.client.scan_iter("tajo:*")}
    world.pass_time(days=1, hours=3)
    sent = world.steps()
    for key in world.client.scan_iter("tajo:*"):
        world.client.delete(key)
    for key, value in before.items():
        world.client.restore(key, 0, value)
    world.work()
    world.pass_time(hours=2)

    assert sent == [1, 2]
    assert world.steps() == [1, 2]


def test_a_word_that_redis_lost_is_known_to_brevo_by_its_key(world):
    due(world)
    before = {key: world.client.dump(key) for key in world.client.scan_iter("tajo:*")}

    def lose():
        world.client.delete(*world.client.scan_iter("tajo:*"))
        for key, value in before.items():
            world.client.restore(key, 0, value)
        raise Killed

    world.http.after[SEND] = lose  # Redis is killed, and begins again with what it had a second ago; the worker dies
    with pytest.raises(Killed):
        pipeline.deliver(world.line, "mail")
    world.restart()
    world.time.move(5)
    world.work()

    assert world.steps() == [1]
    assert world.http.count(SEND) == 2


def test_a_purchase_that_another_worker_reads_during_the_look_at_the_contact_stops_the_mail(world):
    due(world)

    def buy():
        world.order()
        world.read()

    world.http.after[f"GET /contacts/{EMAIL.replace('@', '%40')}"] = buy
    world.pass_time(days=3)

    assert world.mails() == []
    assert world.why() == "bought"


def test_whoever_lost_the_lease_may_write_no_word(world):
    due(world)
    lanes, mails = world.store.lanes, world.store.mails
    first = lanes.take("mail", 1).items[0]
    sight = mails.look("mail", first)
    world.time.move(60)
    second = lanes.take("mail", 1).items[0]
    word = Part("", "", None, stamp({"step:1": {"step": 1}}, world.now_ms()))

    assert mails.say("mail", first, sight, word) == "lost"
    assert mails.look("mail", first) == "lost"
    assert mails.say("mail", second, mails.look("mail", second), word) == "said"


@pytest.mark.parametrize("minutes", [-120, -20])
def test_a_clock_that_was_set_back_after_a_cut_try_brings_no_second_mail(world, minutes):
    due(world)
    die(world, "after")
    world.sandbox.mails._keys.clear()  # so long it was in truth
    world.time.move(minutes * 60)
    world.pass_time(hours=5)

    assert world.steps() == [1]


def test_carts_from_before_redis_lost_everything_are_not_mailed_again_by_living_workers(world):
    world.cart()
    world.pass_time(hours=3)
    cart = replace(world.shop.events[-1], is_pulled=True)
    time = world.client.get(KEY)
    world.client.flushdb()
    world.client.set(KEY, time)
    world.store.keep()
    world.store.lanes.register_again()
    world.customer()
    world.tell(cart)
    world.pass_time(days=1)

    assert world.steps() == [1]
