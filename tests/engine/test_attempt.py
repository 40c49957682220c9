"""What every lane gets from the common worker step, shown with a toy lane of orders."""

from __future__ import annotations

import inspect
import threading
import time

import pytest
import redis

from customer_sync import pipeline
from customer_sync.base import retry
from customer_sync.engine import attempt
from customer_sync.engine.attempt import LaneStep
from customer_sync.engine.lane import Outcome
from customer_sync.errors import (
    FieldRefused,
    Missing,
    Parkable,
    PayloadError,
    TajoError,
    TryLater,
    Unavailable,
)
from customer_sync.store import keys
from customer_sync.store.items import Settlement
from tests.rig import at
from tests.toy_lane import ORDERS, OrdersHandler, attempted, order

LANE = ORDERS.name
FOUR = [f"shop:{n}" for n in range(4)]


def deliver(rig):
    """Deliver until nothing is due; whether the lane waits for its destination."""
    try:
        while pipeline.deliver(rig.line, LANE).did_work:
            pass
    except Unavailable:
        return True
    return False


def due_in_s(rig, target):
    """How long until an item is due, by Redis' clock."""
    due = [rig.client.zscore(keys.queue(LANE, priority), target) for priority in range(3)]
    return (next(one for one in due if one is not None) - rig.store.now_ms()) / 1000


def tries(rig, target):
    return int(rig.client.hget(keys.lane(LANE, "tries"), target) or 0)


def test_a_handler_says_what_is_its_own_in_less_than_forty_lines():
    assert len(inspect.getsource(OrdersHandler).splitlines()) < 40


def test_orders_are_delivered(rig, land):
    for target in FOUR:
        order(rig.store, target, amount=3)

    deliver(rig)

    assert sorted(land.got, key=lambda one: one["id"]) == [{"id": target, "amount": 3} for target in FOUR]
    assert rig.store.lanes.depth(LANE) == (0, None)


def test_a_limit_that_was_learned_says_how_many_are_taken_at_once(rig):
    assert rig.orders.batch_size() == 64
    rig.client.hset(keys.limit(ORDERS.bucket), "rps", 5)
    assert rig.orders.batch_size() == 5


def test_what_a_worker_held_that_died_is_delivered_when_its_lease_ends(rig, land):
    order(rig.store, FOUR[0])
    rig.store.lanes.take(LANE, 10)
    deliver(rig)
    assert land.got == []

    rig.client.zadd(keys.lane(LANE, "lease"), {FOUR[0]: 0})
    deliver(rig)

    assert land.asked == [FOUR[0]]


def test_an_order_that_fails_is_tried_again_later_each_time_and_no_other_waits_for_it(rig, land, monkeypatch):
    monkeypatch.setattr(retry, "next_wait_s", lambda attempt: 100.0 * attempt)
    land.answers = {FOUR[1]: 409}
    for target in FOUR:
        order(rig.store, target)

    deliver(rig)

    assert sorted(land.asked) == FOUR
    assert rig.store.lanes.depth(LANE)[0] == 1
    assert due_in_s(rig, FOUR[1]) == pytest.approx(100, abs=5)
    assert tries(rig, FOUR[1]) == 1


def test_a_limit_that_is_used_up_burns_no_try_and_waits_as_long_as_it_says(rig, land):
    land.answers = {FOUR[0]: 429}
    order(rig.store, FOUR[0])

    deliver(rig)

    assert due_in_s(rig, FOUR[0]) == pytest.approx(7, abs=3)
    assert tries(rig, FOUR[0]) == 0


def test_what_only_a_person_can_mend_is_parked_with_what_to_do(rig, land):
    land.answers = {FOUR[0]: 400}
    order(rig.store, FOUR[0])

    deliver(rig)

    (parked,) = rig.store.parked.list()
    assert (parked.source, parked.target) == (LANE, FOUR[0])
    assert (parked.reason, parked.remedy) == ("Toyland does not know this order.", "Correct it, then replay.")
    assert rig.store.lanes.depth(LANE)[0] == 0


def test_after_72_hours_of_trying_an_order_is_parked_with_the_last_answer(rig, land):
    land.answers = {FOUR[0]: 409}
    order(rig.store, FOUR[0])
    rig.clock.set(at(retry.HORIZON_S + 3600))

    deliver(rig)

    (parked,) = rig.store.parked.list()
    assert parked.reason == "Tried for 72 hours: Toyland is busy with this order."
    assert parked.remedy == "See what Toyland answers, then replay."


@pytest.mark.parametrize("status", [429, 503, 401])
def test_what_is_no_fault_of_the_order_never_parks_it_however_long_it_takes(rig, land, status):
    land.answers = {FOUR[0]: status}
    order(rig.store, FOUR[0])
    rig.clock.set(at(retry.HORIZON_S + 3600))

    deliver(rig)

    assert rig.store.parked.count() == 0
    assert tries(rig, FOUR[0]) == 0


@pytest.mark.parametrize(
    ("status", "kind", "reason"),
    [(503, "unavailable", "Toyland is closed."), (401, "config", "Toyland does not accept the key.")],
)
def test_a_destination_that_is_down_stops_the_lane_after_a_few_calls_and_nothing_is_burnt(
    rig, land, status, kind, reason
):
    targets = [f"shop:{n}" for n in range(40)]
    land.answers = dict.fromkeys(targets, status)
    for target in targets:
        order(rig.store, target)

    deliver(rig)

    assert len(land.got) <= OrdersHandler.threads
    pause = rig.store.breakers.read(LANE)
    assert (pause.kind, pause.reason) == (kind, reason)
    assert rig.store.lanes.depth(LANE)[0] == 40
    assert rig.client.hlen(keys.lane(LANE, "tries")) == 0


def test_a_lane_that_waits_holds_up_no_other_and_goes_on_when_its_destination_answers(rig, land):
    land.answers = {FOUR[0]: 503}
    order(rig.store, FOUR[0])
    assert deliver(rig)

    assert rig.store.breakers.read("contacts") is None
    land.answers = {}
    rig.client.hset(keys.breaker(LANE), "until", 0)
    rig.client.zadd(keys.queue(LANE, 1), {FOUR[0]: 0})
    deliver(rig)

    assert rig.store.breakers.read(LANE) is None
    assert rig.store.lanes.depth(LANE)[0] == 0


def test_calls_go_out_no_faster_than_the_shared_limit_allows(rig, land):
    rig.client.hset(keys.limit(ORDERS.bucket), mapping={"rps": 100, "hold": rig.store.now_ms() + 60_000})
    order(rig.store, FOUR[0])

    deliver(rig)

    assert land.got == []
    assert tries(rig, FOUR[0]) == 0
    assert due_in_s(rig, FOUR[0]) > 30


def test_a_newer_form_is_left_alone(rig, land):
    order(rig.store, FOUR[0])
    rig.client.rpush(keys.changes(LANE, FOUR[0]), '{"v":99}')

    pipeline.deliver(rig.line, LANE)

    assert land.got == []
    assert tries(rig, FOUR[0]) == 0


class Odd(OrdersHandler):
    """Fails as the test says, at whatever step."""

    def __init__(self, *arguments, **more):
        super().__init__(*arguments, **more)
        self.at_planner: TajoError | None = None
        self.at_plan: dict[str, TajoError] = {}
        self.at_call: dict[str, TajoError] = {}
        self.at_save: TajoError | None = None
        self.saved: list[str] = []
        self.completed: list[tuple[str, str]] = []

    def planner(self):
        if self.at_planner:
            raise self.at_planner
        return super().planner()

    def _plan_order(self, item):
        if item.target in self.at_plan:
            raise self.at_plan[item.target]
        return super()._plan_order(item)

    def carry_out(self, job, gate):
        if job[0].target in self.at_call:
            raise self.at_call[job[0].target]
        return super().carry_out(job, gate)

    def save(self, job, gate, *, is_parked):
        if self.at_save:
            raise self.at_save
        self.saved.append((job[0].target, is_parked))
        return "saved"

    def complete(self, job, outcome: Outcome):
        self.completed.append((job[0].target, outcome.word))


@pytest.fixture
def odd(rig, land):
    """The same lane with a handler that fails as the test says, and four orders in it."""
    found = Odd(land.url, rig.store.limits, clock=rig.clock)
    rig.line.handlers = {**rig.line.handlers, LANE: found}
    for target in FOUR:
        order(rig.store, target)
    return found


@pytest.mark.parametrize(
    ("error", "word"),
    [
        (Parkable("No.", "Do."), "parked"),
        (FieldRefused(("colour", "size"), "unknown"), "parked"),
        (TryLater("Busy."), "again"),
        (TryLater("Full.", burns=False), "held"),
        (Missing("It is not there."), "again"),
        (PayloadError("$", "not JSON"), "again"),
    ],
)
@pytest.mark.parametrize("step", ["at_plan", "at_call"])
def test_whatever_is_wrong_with_one_order_the_others_are_delivered(rig, odd, step, error, word):
    setattr(odd, step, {FOUR[2]: error})
    taken = rig.store.lanes.take(LANE, 10)

    delivery = attempted(odd, taken.items)

    assert {one.item.target: one.word for one in delivery.outcomes} == dict.fromkeys(FOUR, "delivered") | {
        FOUR[2]: word
    }
    assert delivery.pause is None


def test_a_fault_of_ours_in_one_order_is_told_without_its_text_and_the_others_are_delivered(rig, odd, caplog):
    odd.at_call = {FOUR[2]: LookupError("jane@example.com")}

    delivery = attempted(odd, rig.store.lanes.take(LANE, 10).items)

    assert {one.item.target: one.word for one in delivery.outcomes} == dict.fromkeys(FOUR, "delivered") | {
        FOUR[2]: "again"
    }
    assert [one.note for one in delivery.outcomes if one.word == "again"] == ["A fault of this service: LookupError."]
    assert "jane@example.com" not in caplog.text


def test_a_redis_that_is_away_is_no_fault_of_an_order(rig, odd):
    odd.at_call = {FOUR[2]: redis.ConnectionError("away")}

    with pytest.raises(redis.ConnectionError):
        attempted(odd, rig.store.lanes.take(LANE, 10).items)


def test_fields_that_are_refused_and_that_a_handler_cannot_leave_out_are_named(rig, odd):
    odd.at_call = {FOUR[0]: FieldRefused(("colour", "size"), "unknown")}

    deliver(rig)

    assert [one.reason for one in rig.store.parked.list()] == ["Toyland refused colour, size."]


def test_before_an_order_is_parked_what_must_not_wait_with_it_is_done(rig, odd):
    odd.at_call = {FOUR[0]: Parkable("No.", "Do.")}

    deliver(rig)

    assert odd.saved == [(FOUR[0], True)]
    assert rig.store.parked.count() == 1


def test_it_is_done_as_well_before_an_order_is_tried_again(rig, odd):
    odd.at_call = {FOUR[0]: TryLater("Busy."), FOUR[1]: TryLater("Full.", burns=False)}

    attempted(odd, rig.store.lanes.take(LANE, 10).items)

    assert odd.saved == [(FOUR[0], False)]


@pytest.mark.parametrize("error", [TryLater("Busy."), Unavailable("Closed."), FieldRefused(("a",), "b")])
def test_an_order_is_not_parked_until_that_is_done(rig, odd, error):
    odd.at_call, odd.at_save = {FOUR[0]: Parkable("No.", "Do.")}, error

    deliver(rig)

    assert rig.store.parked.count() == 0
    assert rig.client.zscore(keys.lane(LANE, "since"), FOUR[0]) is not None


def test_an_order_is_parked_all_the_same_where_nobody_can_do_that(rig, odd):
    odd.at_call, odd.at_save = {FOUR[0]: Parkable("No.", "Do.")}, Parkable("Never.", "Nothing.")

    deliver(rig)

    assert [one.reason for one in rig.store.parked.list()] == ["No."]


def test_every_order_that_was_tried_may_add_what_its_calls_have_changed(rig, odd):
    odd.at_call = {FOUR[0]: TryLater("Busy.")}

    attempted(odd, rig.store.lanes.take(LANE, 10).items)

    assert sorted(odd.completed) == [(target, "again" if target == FOUR[0] else "delivered") for target in FOUR]


@pytest.mark.parametrize("error", [Unavailable("Closed."), TryLater("Busy.")])
def test_where_nothing_can_be_planned_every_order_waits_and_none_is_burnt(rig, land, odd, error):
    odd.at_planner = error

    delivery = attempted(odd, rig.store.lanes.take(LANE, 10).items)

    assert [(one.word, one.settlement.burns, one.note) for one in delivery.outcomes] == [
        ("held", False, str(error))
    ] * 4
    assert (delivery.pause is error) == isinstance(error, Unavailable)
    assert land.got == []


def test_no_more_threads_than_it_says_make_calls_at_once(rig, odd):
    now, most, lock = [0], [0], threading.Lock()
    together = threading.Barrier(OrdersHandler.threads)

    def call(job, _):
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        together.wait(5)
        with lock:
            now[0] -= 1
        return Outcome(job[0], Settlement(job[0].target), "delivered")

    odd.carry_out = call
    for n in range(4, 4 * OrdersHandler.threads):
        order(rig.store, f"shop:{n}")

    attempted(odd, rig.store.lanes.take(LANE, 64).items)

    assert most == [OrdersHandler.threads]


def test_a_batch_whose_time_is_up_begins_no_further_job_and_the_rest_is_due_at_once(rig, land, monkeypatch):
    monkeypatch.setattr(attempt, "BATCH_S", 0.3)
    real = rig.orders.carry_out
    monkeypatch.setattr(rig.orders, "carry_out", lambda *job: (time.sleep(0.4), real(*job))[1])
    targets = [f"shop:{n}" for n in range(3 * LaneStep.threads)]
    for target in targets:
        order(rig.store, target)

    pipeline.deliver(rig.line, LANE)

    assert len(land.got) == LaneStep.threads
    left = set(targets) - set(land.asked)
    assert max(due_in_s(rig, target) for target in left) <= 0
    assert {tries(rig, target) for target in left} == {0}
