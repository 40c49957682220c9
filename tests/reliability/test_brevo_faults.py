"""Brevo fails in every way it can, under a real worker: nothing is lost, nothing is doubled, everything goes on."""

from __future__ import annotations

import time

import pytest

from tests.reliability.servers import wait_until
from tests.reliability.stack import address

pytestmark = pytest.mark.slow

PEOPLE = range(40)
EXPECTED = {address(number): "Jane" for number in PEOPLE}


@pytest.mark.alone
def test_while_brevo_is_down_no_try_is_burnt_and_afterwards_everything_is_delivered(stack, measured):
    stack.sandbox.fault("down", seconds=4)
    stack.feed(PEOPLE, first_name="Jane")
    burnt, ends = 0, time.monotonic() + 4
    while time.monotonic() < ends:
        burnt = max(burnt, stack.tries())
        time.sleep(0.05)
    took_s = stack.settled()

    assert stack.names() == EXPECTED
    assert burnt == 0
    assert [text.split(":")[0] for text in stack.alerts()] == ["Lane contacts waits", "Lane contacts goes on."]
    assert stack.sandbox.count("POST", "/contacts", 0) <= 45  # one batch under way, then single looks
    assert took_s <= 6
    measured("recovery_s", took_s)


def test_a_brevo_that_answers_503_is_down_too(stack):
    stack.sandbox.fault("down", mode="503", seconds=2)
    stack.feed(PEOPLE, first_name="Jane")
    time.sleep(0.2)
    stack.settled()

    assert stack.names() == EXPECTED
    assert stack.tries() == 0


@pytest.mark.parametrize(("headers", "count"), [("present", 6), ("absent", 2), ("wrong", 6)])
def test_a_storm_of_429_spends_no_attempt_and_the_limit_holds(stack, headers, count):
    stack.sandbox.limits("general")
    stack.sandbox.fault("storm", count=count, headers=headers, reset_s=1, path="/contacts")
    stack.feed(PEOPLE, first_name="Jane")
    burnt = 0
    while stack.waiting():
        burnt = max(burnt, stack.tries())
        time.sleep(0.02)

    calls = stack.sandbox.calls()
    assert stack.names() == EXPECTED
    assert burnt == 0
    # the storm's own, and those that were under way when the account, unlimited until now, got its limit
    assert count <= calls["refused429"] <= count + 16
    assert calls["maxInOneSecond"] <= 10
    assert not stack.alerts()


def test_a_connection_that_breaks_after_the_write_leaves_the_right_state_once(stack):
    stack.sandbox.fault("reset_after_commit", count=4, path="/contacts")
    stack.feed(PEOPLE, first_name="June")
    stack.feed(PEOPLE, first_name="Jane")
    stack.settled()

    assert stack.names() == EXPECTED
    assert stack.store.parked.count() == 0


@pytest.mark.parametrize("kind", ["html_524", "busy", "html_error", "empty_error"])
def test_an_answer_that_is_no_json_or_too_early_is_tried_again(stack, kind):
    stack.sandbox.fault(kind, count=4, path="/contacts")
    stack.feed(PEOPLE, first_name="Jane")
    stack.settled()

    assert stack.names() == EXPECTED
    assert stack.store.parked.count() == 0
    assert stack.tries() == 0


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("wrong_key", "does not accept the API key"),
        ("unknown_ip", "does not know this machine's IP address"),
        ("restricted_key", "lacks a permission"),
    ],
)
def test_a_wrong_setting_pauses_the_lane_with_one_alert_that_says_which(stack, kind, words):
    fault = stack.sandbox.fault(kind)
    stack.feed(PEOPLE, first_name="Jane")
    wait_until(lambda: stack.alerts() and stack.fails(), stack.told)
    for _ in range(2):  # the lane looks again and again and stays quiet about it
        fails = stack.fails()
        stack.look_again()
        wait_until(lambda fails=fails: stack.fails() > fails, stack.told)
    (alert,) = stack.alerts()
    waiting, burnt = stack.waiting(), stack.tries()
    stack.sandbox.call("DELETE", f"/sandbox/faults/{fault}")
    stack.look_again()
    stack.settled()

    assert words in alert
    assert (waiting, burnt) == (len(PEOPLE), 0)
    assert stack.names() == EXPECTED
    assert [text.split(":")[0] for text in stack.alerts()] == ["Lane contacts waits", "Lane contacts goes on."]
    assert stack.store.parked.count() == 0


def test_consent_withdrawn_overtakes_a_backlog_under_ten_calls_a_second(stack, measured):
    stack.feed([1], first_name="Jane")
    stack.consent([1], "subscribed")
    stack.settled()
    stack.sandbox.limits("general")
    stack.client.delete("tajo:lim:contacts")
    stack.feed(range(100, 220), first_name="Backlog")
    # the limit is known now: a batch is one second's work
    wait_until(lambda: len(stack.sandbox.contacts()) > 35, stack.told)

    stack.consent([1], "unsubscribed")
    took_s = wait_until(lambda: stack.sandbox.contacts()[address(1)]["emailBlacklisted"], stack.told)
    waiting = stack.waiting()
    stack.sandbox.limits("none")
    stack.client.delete("tajo:lim:contacts")
    stack.settled()

    assert waiting >= 40  # of some 85: a sweep, a batch under way and the limit took no more than half of them
    assert not stack.sandbox.mailable()
    measured("withdrawn_after_s", took_s)


def test_what_redis_forgot_under_a_living_worker_does_not_stop_it(stack):
    stack.feed([1], first_name="Jane")
    stack.settled()
    stack.client.flushall()

    stack.feed(PEOPLE, first_name="Jane")
    stack.settled()

    assert stack.names() == EXPECTED
