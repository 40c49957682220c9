"""Hosts whose clocks are wrong: nobody's consent goes wrong by them, and a person is told once."""

from __future__ import annotations

import time
from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from customer_sync.base.clock import system_clock, utc_now
from customer_sync.model import Channel, Consent, ConsentState, Event, Kind
from customer_sync.store import Store, connect
from customer_sync.store.hosts import Hosts, Skew
from tests.rig import Rig

JANE = "jane@example.com"
MINUTE = 60_000


class Host:
    """A host with a clock of its own.

    Args:
        client: Redis.
        name: its name.
        ahead_ms: how far its clock is ahead of the right time.
    """

    def __init__(self, client, name: str, ahead_ms: int) -> None:
        self.ahead_ms = ahead_ms
        self.hosts = Hosts(client, name, lambda: system_clock() + self.ahead_ms)

    def tend(self) -> None:
        self.hosts._tended_at = float("-inf")  # it is time again
        self.hosts.tend()


def alerts(store: Store) -> list[str]:
    return [one["alert"] for one in store.ledger.alerts()]


def test_a_clock_that_is_wrong_is_told_once_however_many_processes_measure_it(client, store):
    processes = [Host(client, "web-1", -40 * MINUTE), Host(client, "web-1", -40 * MINUTE), Host(client, "web-2", 0)]

    for _ in range(3):
        for one in processes:
            one.tend()

    assert alerts(store) == ["The clock of web-1 is 40 min behind that of Redis."]
    [skew] = store.hosts.skews()
    assert (skew.host, round(skew.offset_s)) == ("web-1", -2400)


def test_a_clock_that_is_right_again_is_told_of_no_more_and_again_when_it_goes_wrong(client, store):
    host = Host(client, "web-1", 3000)
    host.tend()
    host.ahead_ms = 0
    host.tend()
    assert store.hosts.skews() == []

    host.ahead_ms = 5000
    host.tend()

    assert alerts(store) == [
        "The clock of web-1 is 5 s ahead of that of Redis.",
        "The clock of web-1 is 3 s ahead of that of Redis.",
    ]


@pytest.mark.parametrize(("offset_s", "is_wrong"), [(1.9, False), (-1.9, False), (2.1, True), (-2.1, True)])
def test_two_seconds_are_allowed(offset_s, is_wrong):
    assert Skew("x", offset_s).is_wrong is is_wrong


@given(ahead_ms=st.integers(-60 * MINUTE, 60 * MINUTE), step_ms=st.integers(-60 * MINUTE, 60 * MINUTE))
def test_the_time_is_that_of_redis_whatever_the_host_says_and_however_it_is_put_right(shared, ahead_ms, step_ms):
    host = Host(shared, "web-1", ahead_ms)
    host.hosts.measure()

    host.ahead_ms += step_ms

    assert abs(host.hosts.now_ms() - Store(shared).now_ms()) < 500


@pytest.mark.skipif(not hasattr(time, "CLOCK_BOOTTIME"), reason="only Linux has this clock")
def test_the_time_for_which_the_machine_sleeps_counts(client, monkeypatch):
    host, real, slept_s = Host(client, "laptop", 0), time.clock_gettime, 8 * 3600
    host.hosts.measure()

    monkeypatch.setattr(time, "clock_gettime", lambda clock: real(clock) + slept_s * (clock == time.CLOCK_BOOTTIME))

    assert abs(host.hosts.now_ms() - Store(client).now_ms() - slept_s * 1000) < 500


@pytest.fixture(scope="module")
def shared(redis_url):
    found = connect(redis_url)
    yield found
    found.connection_pool.disconnect()


def test_before_the_first_measurement_the_host_is_believed(client):
    host = Host(client, "web-1", 10 * MINUTE)

    assert abs(host.hosts.now_ms() - system_clock() - 10 * MINUTE) < 500


# consent --------------------------------------------------------------------------------------------------------------


class TwoHosts:
    """A line, and what two hosts with clocks of their own put into its inbox."""

    def __init__(self, client) -> None:
        self.rig = Rig(client)
        self.rig.send(Event("0", "shop", Kind.CUSTOMER_CREATED, ago(7200), "1", "1", {"email": JANE}))
        self.rig.settle()
        self._number = 0

    def shop(self, ahead_s: float, state: ConsentState, when=None) -> None:
        """The shop tells a consent, with a time of its own or none: then the time of its arrival stands for it."""
        self._number += 1
        seen = utc_now(self.rig.clock) + timedelta(seconds=ahead_s)
        said = Consent(Channel.EMAIL, state, when or seen, "shop", explicit=True)
        event = Event(
            f"e{self._number}", "shop", Kind.CONSENT_CHANGED, when or seen, "1", "1", {"email": JANE}, (said,)
        )
        self.rig.send(event, received=seen)
        self.rig.settle()

    def brevo(self, ahead_s: float, **told: object) -> None:
        """Jane leaves a list in Brevo, and we are told: to block her is left to us."""
        told["list_id"] = [2]
        seen = utc_now(self.rig.clock) + timedelta(seconds=ahead_s)
        self.rig.send_brevo({"event": "unsubscribe", "email": JANE, **told}, received=seen)
        self.rig.settle()

    @property
    def is_mailable(self) -> bool:
        return not self.rig.brevo.contacts[JANE].blocked


@pytest.fixture
def two(client):
    return TwoHosts(client)


GRANTED, WITHDRAWN = ConsentState.GRANTED, ConsentState.WITHDRAWN


def seconds(offset_s: float) -> int:
    return int(time.time() + offset_s)


def ago(offset_s: float) -> datetime:
    return utc_now() - timedelta(seconds=offset_s)


@pytest.mark.parametrize("skew_s", [-3000, -2400, -601, 601, 2400, 3000])
def test_a_host_with_a_wrong_clock_takes_the_withdrawal_that_follows_an_opt_in(two, skew_s):
    two.shop(0, GRANTED, ago(1200))
    two.brevo(skew_s, ts_event=seconds(-1180))

    assert not two.is_mailable


@pytest.mark.parametrize("skew_s", [-2400, 600, 3000])
def test_a_host_with_a_wrong_clock_takes_the_opt_in_before_a_withdrawal(two, skew_s):
    two.shop(skew_s, GRANTED)
    two.rig.tick()
    two.brevo(0, ts_event=seconds(0))

    assert not two.is_mailable


def test_a_host_that_is_ahead_takes_an_opt_in_and_the_withdrawal_follows_on_a_right_one(two):
    two.shop(600, GRANTED)
    two.rig.tick()
    two.shop(0, WITHDRAWN)

    assert not two.is_mailable


def test_a_time_of_brevo_an_hour_ahead_never_makes_a_withdrawal_older(two):
    two.shop(0, GRANTED, ago(20))
    two.brevo(0, ts=seconds(3590))

    assert not two.is_mailable


def test_the_time_of_the_event_counts_before_that_of_the_message(two):
    two.brevo(0, ts_event=seconds(-600), ts=seconds(3000))
    two.shop(0, GRANTED, ago(60))

    assert two.is_mailable


ACTS = st.lists(
    st.tuples(st.integers(-3000, 3000), st.sampled_from(("granted", "withdrawn", "left"))), min_size=2, max_size=5
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(acts=ACTS, order=st.randoms(use_true_random=False))
def test_who_left_last_is_not_mailable_whatever_the_clocks_of_the_hosts_and_the_order_of_arrival(client, acts, order):
    two = TwoHosts(client)
    told = [(60 + 10 * (len(acts) - place), *act) for place, act in enumerate(acts)]
    order.shuffle(told)

    for before_s, skew_s, act in told:
        if act == "left":
            two.brevo(skew_s, ts_event=seconds(-before_s))
        else:
            two.shop(skew_s, ConsentState(act), ago(before_s))

    # on doubt the stricter may win: a host far ahead that takes an old withdrawal
    assert acts[-1][1] == "granted" or not two.is_mailable
