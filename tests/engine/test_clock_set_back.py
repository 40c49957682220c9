"""Redis' clock is set back, or a replica that is behind takes over: what was due is still due."""

from __future__ import annotations

import pytest

from customer_sync.store import Store, keys
from customer_sync.store.breaker import Pause
from customer_sync.store.items import Settlement
from customer_sync.store.run import RunKind
from customer_sync.store.runs import LEASE_MS
from customer_sync.store.turns import TURN_S
from tests.redis_time import StandingTime
from tests.toy_lane import ORDERS, order

LANE = ORDERS.name
HOUR_MS = 3_600_000


@pytest.fixture(params=[120, 3600, 90_000])
def back_s(request):
    """By how much it is set back."""
    return float(request.param)


@pytest.fixture
def timed(client):
    """A store whose scripts read a time that the test moves, and that time."""
    store, time = Store(client), StandingTime(client)
    store.scripts = store.lanes._scripts = time
    store.lanes.register(LANE, keeps="records")
    store.lanes.register("contacts", keeps="people", has_gear=True)
    sweep(store)
    return store, time


def put(store, time, lane, target):
    """Put an item into a lane, due now."""
    now_ms = round(time.now_s * 1000)
    store.client.zadd(keys.queue(lane, 1), {target: now_ms})
    store.client.zadd(keys.lane(lane, "since"), {target: now_ms})
    store.client.rpush(keys.changes(lane, target), "")


def sweep(store):
    """What needs a wake-up, a second later: the lock of the sweep and the wake-ups are over."""
    store.client.delete(keys.wake("sweep"), *(keys.wake(f"deliver:{lane}") for lane in ("contacts", LANE)))
    return store.sweep(900)


def due(store, time, lane):
    now_ms = round(time.now_s * 1000)
    return {target.decode() for target in store.client.zrangebyscore(keys.queue(lane, 1), "-inf", now_ms)}


@pytest.mark.parametrize("lane", ["contacts", LANE])
def test_what_was_due_is_due(timed, back_s, lane):
    store, time = timed
    targets = {str(number) for number in range(2500)}
    for target in targets:
        put(store, time, lane, target)
    time.move(1)
    sweep(store)
    time.move(-back_s)

    assert lane in (sweep(store) or ())
    assert due(store, time, lane) == targets


def test_what_a_dead_worker_held_is_due_again(timed, back_s):
    store, time = timed
    put(store, time, LANE, "shop:1")
    (target,) = store.lanes.take(LANE, 1).targets
    sweep(store)
    time.move(-back_s)
    sweep(store)
    time.move(4)

    assert LANE in (sweep(store) or ())
    assert list(store.lanes.take(LANE, 1).targets) == [target]


@pytest.mark.parametrize("lane", ["contacts", LANE])
def test_a_try_that_waits_does_not_wait_longer(timed, back_s, lane):
    store, time = timed
    put(store, time, lane, "1")
    taken = store.lanes.take(lane, 1)
    store.lanes.settle(lane, taken.token, [Settlement("1", "again", due_in_s=100, burns=True)])
    sweep(store)
    time.move(-back_s)
    sweep(store)

    time.move(99)
    assert due(store, time, lane) == set()
    time.move(2)
    assert due(store, time, lane) == {"1"}


def test_a_time_that_was_asked_for_in_so_many_words_stays(timed, back_s):
    store, time = timed
    put(store, time, LANE, "cart:1")
    at_ms = round(time.now_s * 1000) + 2 * HOUR_MS
    store.client.zadd(keys.queue(LANE, 1), {"cart:1": at_ms})
    sweep(store)
    time.move(-back_s)
    sweep(store)

    assert store.client.zscore(keys.queue(LANE, 1), "cart:1") == at_ms


def test_a_run_that_waits_does_not_wait_longer(timed, back_s):
    store, time = timed
    run = store.runs.start("shop", RunKind.FULL)
    store.runs.put_off(run, round(time.now_s * 1000) + 2000, "", 0)
    time.move(-back_s)
    sweep(store)
    time.move(3)

    assert store.runs.due(round(time.now_s * 1000)) == [run.id]


def test_a_source_is_read_at_its_next_slot_and_from_where_it_was_read_to(timed, back_s):
    store, time = timed
    store.runs.start("shop", RunKind.FULL)
    ahead_ms = round(time.now_s * 1000)
    store.runs.take_slot("pull:shop", ahead_ms)
    store.runs.set_reach("shop", "customers", until_ms=ahead_ms, full_ms=ahead_ms - 1000)
    time.move(-back_s)
    sweep(store)

    now_ms = round(time.now_s * 1000)
    assert store.runs.slot("pull:shop") == now_ms
    assert store.runs.reach("shop") == {"until_ms": now_ms, "full_ms": now_ms - 1000}


def test_a_clock_that_goes_a_little_astray_moves_nothing(timed):
    store, time = timed
    put(store, time, LANE, "shop:1")
    taken = store.lanes.take(LANE, 1)
    ends = store.client.zscore(keys.lane(LANE, "lease"), taken.targets[0])
    sweep(store)
    time.move(-1.5)
    sweep(store)

    assert store.client.zscore(keys.lane(LANE, "lease"), taken.targets[0]) == ends


def test_a_pause_of_a_lane_is_over(timed, back_s):
    store, time = timed
    store.breakers.trip(LANE, Pause("unavailable", "away", "", 0), wait_s=2)
    until_ms = round((time.now_s + 2) * 1000)
    store.client.hset(keys.breaker(LANE), "until", until_ms)
    put(store, time, LANE, "shop:1")
    assert store.lanes.take(LANE, 1).state == "closed"
    sweep(store)
    time.move(-back_s)

    assert LANE in (sweep(store) or ())
    assert store.lanes.take(LANE, 1).state == "probe"


# Redis ends its keys by its own clock: they live longer by as much


def lengthen(client, key):
    assert client.pexpire(key, HOUR_MS)


def test_a_wake_up_is_sent(store):
    assert store.wake("inbox")
    assert not store.wake("inbox")
    lengthen(store.client, keys.wake("inbox"))

    assert store.wake("inbox")
    assert not store.wake("inbox")


def test_what_was_put_to_sleep_wakes_up(store):
    store.put_to_sleep("reconcile", 60)
    assert not store.wake("reconcile")
    lengthen(store.client, keys.wake("reconcile"))

    assert store.wake("reconcile")


def test_the_sweep_goes_on(store):
    assert store.sweep(900) is not None
    assert store.sweep(900) is None
    lengthen(store.client, keys.wake("sweep"))

    assert store.sweep(900) is not None


def test_the_run_of_a_dead_worker_goes_on(store):
    key = keys.run("1", "lease")
    store.client.set(key, "somebody", px=LEASE_MS)
    with store.runs.lease("1") as is_ours:
        assert not is_ours
    lengthen(store.client, key)

    with store.runs.lease("1") as is_ours:
        assert is_ours
    assert not store.client.exists(key)


def test_imports_are_followed(store):
    store.client.set(keys.FOLLOWER, "somebody", px=int(TURN_S * 1000))
    assert store.imports.turns.begin() is None
    lengthen(store.client, keys.FOLLOWER)

    assert store.imports.turns.begin()


def test_an_order_put_before_is_still_delivered(store):
    store.lanes.register(LANE, keeps="records")
    order(store, "shop:1")
    store.sweep(1)

    assert list(store.lanes.take(LANE, 1).targets) == ["shop:1"]
