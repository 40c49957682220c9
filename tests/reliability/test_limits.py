"""The rate limit: all that is allowed is used, and no call is refused."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from itertools import pairwise
from types import SimpleNamespace

import pytest

from customer_sync.brevo.client import Brevo
from customer_sync.brevo.contacts.handler import ContactsHandler
from customer_sync.brevo.gate import Gate
from customer_sync.errors import TryLater
from customer_sync.kit.outbound import HttpClient
from customer_sync.model import Channel, Consent, ConsentState, Event, Kind
from customer_sync.store.counters import Tally
from customer_sync.store.limits import SHARE
from tests.redis_time import TimedLimits
from tests.reliability.stack import address
from tests.rig import Rig, at
from tests.sandbox_server import sandbox_server

BUCKET = "contacts"
#: How late a call may come before an eleventh falls into a second, with some to spare; see `SHARE`.
SPARE_S = 0.02


# in real time, against the sandbox ----------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.alone
def test_sixty_waiting_contacts_use_95_percent_of_the_general_plan_and_get_no_429(stack, measured):
    # a call that this machine holds up for longer than the 30 ms there are to spare may be refused, as at Brevo
    for _ in range(3):
        found = _sixty(stack)
        if found.is_as_planned:
            break
    measured("calls_per_second", found.rate)
    measured("a timer was late by ms", found.late_s * 1000)

    assert found.is_as_planned or found.late_s >= SPARE_S, found


def _sixty(stack) -> SimpleNamespace:
    """Let sixty contacts wait, and tell how they came to the sandbox, once all are there."""
    stack.reset()
    stack.sandbox.limits("general")
    with lateness() as late:
        stack.feed(range(60), first_name="Jane")
        stack.settled()
    assert len(stack.sandbox.contacts()) == 60
    calls, rate = stack.sandbox.calls(), _steady_rate(stack)
    most, refused = calls["maxInOneSecond"], calls["refused429"]
    return SimpleNamespace(
        is_as_planned=most <= 10 and refused == 0 and rate >= 9.5,
        most_in_one_second=most,
        refused=refused,
        rate=rate,
        late_s=late.worst_s,
    )


@contextmanager
def lateness() -> Iterator[SimpleNamespace]:
    """Find out how late a timer of five milliseconds is at worst while the block lasts."""
    found, is_over = SimpleNamespace(worst_s=0.0), threading.Event()

    def watch() -> None:
        while not is_over.is_set():
            began = time.monotonic()
            time.sleep(0.005)
            found.worst_s = max(found.worst_s, time.monotonic() - began - 0.005)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield found
    finally:
        is_over.set()
        thread.join()


def _steady_rate(stack) -> float:
    """Calls per second after the first second."""
    calls = stack.sandbox.calls()["calls"]
    times = sorted(_seconds(one["at"]) for one in calls if one["route"] == "/contacts")
    steady = [at for at in times if at > times[0] + 1]
    return (len(steady) - 1) / (steady[-1] - steady[0])


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


class OverHttp(Rig):
    """The rig, with the sandbox in the place of the Brevo in memory."""

    def __init__(self, client, url: str) -> None:
        super().__init__(client)
        self.http = HttpClient()
        account = Brevo(url, "k", self.http, self.store.limits, Tally())
        handler = ContactsHandler(account, self.store.limits, self.store.people, lambda: self.rules)
        self.line.handlers = {"contacts": handler}

    def customer(self, number: int) -> None:
        record = {"email": address(number), "firstName": "Jane"}
        self.send(Event(f"c{number}", "shop", Kind.CUSTOMER_UPDATED, at(-100), str(number), str(number), record))

    def withdraw(self, number: int) -> None:
        left = Consent(Channel.EMAIL, ConsentState.WITHDRAWN, at(-5), "shop", explicit=True)
        record = {"email": address(number)}
        who = str(number)
        self.send(Event(f"w{number}", "shop", Kind.CONSENT_CHANGED, at(-5), who, who, record, (left,)))


@pytest.fixture(scope="module")
def sandbox():
    with sandbox_server("--plan", "none") as running:
        yield running


@pytest.fixture
def rig(client, sandbox):
    sandbox.reset()
    sandbox.clear_faults()
    made = OverHttp(client, sandbox.url)
    yield made
    made.http.close()


@pytest.mark.parametrize(("plan", "rate"), [("none", 0), ("general", 10), ("advanced", 20), ("extended", 60)])
def test_the_limit_of_each_plan_is_learned_from_the_first_answer(rig, sandbox, plan, rate):
    sandbox.limits(plan)
    rig.customer(1)
    rig.settle()

    assert rig.store.limits.rate(BUCKET) == rate


def test_a_new_plan_is_learned_while_work_goes_on(rig, sandbox):
    sandbox.limits("general")
    rig.customer(1)
    rig.settle()
    sandbox.limits("extended")
    rig.store.limits._told.clear()  # a second later
    rig.customer(2)
    rig.settle()

    assert rig.store.limits.rate(BUCKET) == 60


def test_near_the_end_of_the_hour_all_but_urgent_work_is_held(rig, sandbox):
    sandbox.limits("none", contacts=(None, 50))
    for number in range(60):
        rig.store.limits._told.clear()  # every answer is heard
        rig.customer(number)
        rig.settle()

    held = 60 - len(sandbox.contacts())
    assert held == 11  # one call of fifty is kept for those who leave
    rig.withdraw(5)
    rig.settle()
    assert sandbox.contacts()[address(5)]["emailBlacklisted"] is True
    assert sandbox.calls(0)["refused429"] == 0
    assert rig.store.lanes.depth("contacts")[0] == held


# the rules, one by one ----------------------------------------------------------------------------------------------


@pytest.fixture
def limits(client):
    """The shared limit, at a time that the test moves."""
    return TimedLimits(client)


def reserve_for(limits: TimedLimits, seconds: float, at_once: int) -> list[float]:
    """Reserve all calls that are granted for a while, so many at once, each time as soon as there may be more."""
    calls: list[float] = []
    ends = limits.time.now_s + seconds
    while limits.time.now_s < ends:
        grant = limits.reserve(BUCKET, at_once)
        calls += [limits.time.now_s + offset_s for offset_s in grant.offsets_s]
        limits.time.move(grant.wait_s or max(0.0, calls[-1] - limits.time.now_s) or 0.001)
    return calls


def most_in_a_second(calls: list[float]) -> int:
    """The most calls in any second; both of its ends count."""
    return max(sum(call <= one <= call + 1 for one in calls[index:]) for index, call in enumerate(calls))


@pytest.mark.parametrize("rate", [10, 20, 60])
@pytest.mark.parametrize("at_once", [1, 7, 64])
def test_of_what_a_plan_allows_95_percent_are_used_and_never_one_call_too_many(limits, rate, at_once):
    limits.learn(BUCKET, rate, rate - 1, 1)
    calls = reserve_for(limits, 10.0, at_once)

    used = [call for call in calls if calls[0] + 1 <= call < calls[0] + 9]
    assert len(used) >= 8 * rate * 0.95
    assert most_in_a_second(calls) <= rate


@pytest.mark.parametrize("rate", [10, 20, 60])
def test_calls_that_the_network_holds_up_for_some_milliseconds_are_not_too_many_either(limits, rate):
    limits.learn(BUCKET, rate, rate - 1, 1)
    rng = random.Random(rate)
    spare_s = 0.9 * (1 / SHARE - 1)  # of a second, whatever the rate

    arrived = sorted(call + rng.uniform(0, spare_s) for call in reserve_for(limits, 30.0, 16))

    assert most_in_a_second(arrived) <= rate


def test_many_threads_share_a_gate_and_each_has_a_start_of_its_own(limits):
    limits.learn(BUCKET, 20, 19, 1)
    gate = Gate(limits, BUCKET, 8)
    starts: list[float] = []
    threads = [threading.Thread(target=lambda: starts.append(gate._next_start())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    starts.sort()
    assert len(starts) == 8
    assert min(later - one for one, later in pairwise(starts)) >= 0.9 / (20 * SHARE) - 0.001


def test_calls_that_a_busy_machine_held_up_do_not_catch_up_in_a_burst(limits, monkeypatch):
    here = SimpleNamespace(now_s=100.0)
    monkeypatch.setattr("customer_sync.brevo.gate.time", SimpleNamespace(monotonic=lambda: here.now_s))
    limits.learn(BUCKET, 20, 19, 1)
    gate = Gate(limits, BUCKET, 8)
    gate._next_start()

    here.now_s += 10  # all eight are overdue
    starts = [gate._next_start() for _ in range(7)]

    assert starts[0] == here.now_s
    assert min(later - one for one, later in pairwise(starts)) >= 0.9 / (20 * SHARE) - 0.001


def test_before_the_limit_is_known_only_a_few_calls_go_out(store):
    first = store.limits.reserve(BUCKET, 50)
    second = store.limits.reserve(BUCKET, 50)

    assert len(first.offsets_s) == 4
    assert second.offsets_s == ()
    assert second.wait_s > 0


def test_after_a_429_everybody_waits_until_the_reset(limits):
    limits.learn(BUCKET, 10, 9, 1)
    limits.hold(BUCKET, 1)

    assert limits.reserve(BUCKET, 1, urgent=True).wait_s == 1
    limits.time.move(0.75)
    assert limits.reserve(BUCKET, 1, urgent=True).wait_s == 0.25
    limits.hold(BUCKET, 30)
    with pytest.raises(TryLater):
        Gate(limits, BUCKET, 1).wait()


def test_an_hour_that_is_used_up_holds_everybody(limits):
    limits.learn(BUCKET, 100, 0, 1800)

    assert limits.reserve(BUCKET, 1).wait_s == 1800
    limits.time.move(1000)
    assert limits.reserve(BUCKET, 1, urgent=True).wait_s == 800


def test_the_last_two_percent_of_an_hour_are_for_urgent_work(store):
    store.limits.learn(BUCKET, 100, 5, 1800)

    granted = store.limits.reserve(BUCKET, 10)
    refused = store.limits.reserve(BUCKET, 1)
    urgent = store.limits.reserve(BUCKET, 10, urgent=True)

    assert len(granted.offsets_s) == 3
    assert refused.offsets_s == ()
    assert len(urgent.offsets_s) == 2


@pytest.mark.parametrize("known", [None, 10.0])
@pytest.mark.parametrize(
    "told",
    [
        (0, 0, 1),
        (-5, 3, 1),
        (float("nan"), 3, 1),
        (float("inf"), 3, 1),
        (10, float("nan"), 1),
        (10, 3, float("nan")),
        (-5, 3, 1800),
        (0.5, 0, 1800),
    ],
)
def test_a_limit_that_cannot_be_is_refused_and_what_was_known_stays(store, known, told):
    if known:
        store.limits.learn(BUCKET, known, 9, 1)

    store.limits.learn(BUCKET, *told)

    assert store.limits.rate(BUCKET) == known
    assert store.limits.per_hour(BUCKET) is None


@pytest.mark.parametrize("reset_s", [3601, 365 * 24 * 3600, 1e300, float("inf")])
def test_an_end_that_is_further_ahead_than_an_hour_is_not_believed_and_one_call_a_minute_asks_again(limits, reset_s):
    limits.learn(BUCKET, 100, 0, reset_s)
    assert limits.reserve(BUCKET, 1, urgent=True).wait_s == 60
    limits.time.move(61)

    assert limits.reserve(BUCKET, 1).offsets_s == (0.0,)
    assert limits.hold(BUCKET, reset_s) == 60


@pytest.mark.parametrize(("remaining", "granted"), [(-7, 0), (2.9, 2), (1_000_000, 98), (1e300, 98)])
def test_calls_that_are_left_are_never_more_than_the_limit_nor_less_than_none(limits, remaining, granted):
    limits.learn(BUCKET, 100, remaining, 1800)

    assert len(limits.reserve(BUCKET, 1000, urgent=granted < 98).offsets_s) == granted


def test_a_limit_beyond_all_measure_counts_as_very_many_calls(limits):
    limits.learn(BUCKET, 1e300, 1e300, 1800)

    assert limits.per_hour(BUCKET) == 1e9
    assert len(limits.reserve(BUCKET, 50).offsets_s) == 50


def test_an_end_that_has_passed_holds_nobody_for_long(limits):
    assert limits.hold(BUCKET, -100.0) <= 0.05


def test_a_wait_that_is_no_number_counts_as_unknown(limits):
    assert limits.hold(BUCKET, float("nan")) == 1.0


def test_calls_of_the_hour_that_are_under_way_are_not_granted_a_second_time(store):
    store.limits.learn(BUCKET, 100, 50, 1800)
    under_way = store.limits.reserve(BUCKET, 20)
    store.limits._told.clear()
    store.limits.learn(BUCKET, 100, 49, 1799)  # the answer to the first of them

    more = store.limits.reserve(BUCKET, 100)

    assert len(under_way.offsets_s) + len(more.offsets_s) <= 50


def test_the_window_of_the_hour_is_not_mistaken_for_a_second_when_it_ends(store):
    store.limits.learn(BUCKET, 10, 9, 1)
    store.limits.learn(BUCKET, 36_000, 1_080, 200)
    store.limits._told.clear()
    store.limits.learn(BUCKET, 36_000, 1_040, 1)

    assert store.limits.rate(BUCKET) == 10


def test_calls_that_were_refused_together_without_headers_count_as_one_refusal(store):
    waits = [store.limits.hold(BUCKET) for _ in range(10)]

    assert max(waits) <= 2


def test_refusals_in_a_row_without_headers_wait_longer_each_time_and_a_success_forgets_them(limits):
    waits = []
    for _ in range(4):
        waits.append(limits.hold(BUCKET))
        limits.time.move(waits[-1])
    limits.learn(BUCKET, 10, 9, 1)

    assert waits == [1, 2, 4, 8]
    assert limits.hold(BUCKET) == 1


def test_waits_that_nobody_told_differ_by_chance_and_each_is_longer_than_the_one_before(client):
    rows = []
    for chance in (0.0, 0.5, 1.0):
        client.flushdb()
        limits = TimedLimits(client)
        limits._chance = lambda chance=chance: chance
        rows.append([])
        for _ in range(8):
            rows[-1].append(limits.hold(BUCKET))
            limits.time.move(rows[-1][-1])
        assert limits.hold(BUCKET, 30) == 30

    assert [row[:3] for row in rows] == [[1, 2, 4], [1.125, 2.25, 4.5], [1.25, 2.5, 5]]
    assert rows[0][-1] * 1.25 == rows[2][-1] == 75
    assert all(low > high for low, high in zip(rows[0][1:6], rows[2][:5], strict=True))


def test_a_new_hour_gives_all_its_calls_although_the_end_of_the_old_one_is_known_to_the_second_only(limits):
    limits.learn(BUCKET, 100, 3, 2)
    limits.time.move(1.1)
    limits.learn(BUCKET, 100, 99, 3600)

    assert len(limits.reserve(BUCKET, 50).offsets_s) == 50


@pytest.mark.parametrize(
    ("reset_s", "words"), [(301, "for 5 minutes"), (3600, "for 60 minutes"), (1.79e9, "a minute asks")]
)
def test_a_person_is_told_once_an_hour_that_calls_are_held_for_long(store, reset_s, words):
    for _ in range(3):
        store.limits.hold(BUCKET, reset_s)

    (told,) = store.ledger.alerts()
    assert words in told["alert"]


def test_a_short_hold_is_no_news(store):
    store.limits.hold(BUCKET, 300)
    store.limits.hold(BUCKET)

    assert store.ledger.alerts() == []


# Redis' clock is set back


@pytest.fixture(params=[120, 3600, 90_000])
def back_s(request):
    """By how much."""
    return -float(request.param)


@pytest.mark.parametrize("urgent", [False, True])
@pytest.mark.parametrize("is_bulk", [False, True])
def test_calls_go_on_when_the_clock_is_set_back(limits, back_s, urgent, is_bulk):
    limits.learn(BUCKET, 10, 9, 1)
    for _ in range(20):
        limits.reserve(BUCKET, 5)
        limits.reserve(BUCKET, 1, is_bulk=True)

    limits.time.move(back_s)

    assert limits.reserve(BUCKET, 1, urgent=urgent, is_bulk=is_bulk).offsets_s


def test_a_hold_and_an_hour_that_were_set_before_the_clock_was_set_back_count_as_over(limits, back_s):
    limits.learn(BUCKET, 10, 9, 1)
    limits.hold(BUCKET, 30)
    limits.time.move(back_s)
    assert limits.reserve(BUCKET, 1).offsets_s
    limits.learn(BUCKET, 100, 0, 60)
    limits.time.move(back_s)

    assert limits.reserve(BUCKET, 1).offsets_s


def test_a_new_hold_counts_although_the_clock_was_set_back_before_it(limits, back_s):
    limits.hold(BUCKET, 30)
    limits.time.move(back_s)

    assert limits.hold(BUCKET, 20) == 20
    assert limits.reserve(BUCKET, 1).wait_s == 20
    limits.time.move(21)
    assert limits.reserve(BUCKET, 1).offsets_s


def test_calls_before_the_limit_is_known_go_on_when_the_clock_is_set_back(limits, back_s):
    while limits.reserve(BUCKET, 50).offsets_s:
        pass
    limits.time.move(back_s)

    assert limits.reserve(BUCKET, 1).offsets_s
