"""When runs start by themselves: each slot once, however many beats there are, and a missed one once."""

from __future__ import annotations

import threading
from collections import Counter
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from customer_sync.batch.cron import latest_slot
from customer_sync.batch.puller import Puller
from customer_sync.config import Settings
from customer_sync.config.settings import Schedule, SourceSync
from customer_sync.kit.connector import SourceSettings
from customer_sync.kit.reach import Upkeep
from customer_sync.store import Store
from customer_sync.store.run import RunKind, RunState
from customer_sync.worker import schedule
from customer_sync.worker.schedule import tick
from tests.runs.shop import RunRig

MORNING = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("line", "now", "slot"),
    [
        ("*/15 * * * *", "2026-11-21T08:14:59", "2026-11-21T08:00:00"),
        ("*/15 * * * *", "2026-11-21T08:15:00", "2026-11-21T08:15:00"),
        ("37 3 * * *", "2026-11-21T03:36:59", "2026-11-20T03:37:00"),
        ("37 3 * * *", "2026-11-21T23:00:00", "2026-11-21T03:37:00"),
        ("0 9 * * 1", "2026-11-21T08:00:00", "2026-11-16T09:00:00"),
        ("0 9 * * 7", "2026-11-21T08:00:00", "2026-11-15T09:00:00"),
        ("0 9 * * mon-fri", "2026-11-21T08:00:00", "2026-11-20T09:00:00"),
        ("0 9 l * *", "2026-11-21T08:00:00", "2026-10-31T09:00:00"),
        ("5 0 1 1 *", "2026-11-21T08:00:00", "2026-01-01T00:05:00"),
        ("0 0 29 2 *", "2026-11-21T08:00:00", "2024-02-29T00:00:00"),
    ],
)
def test_the_latest_slot_is_the_last_minute_the_line_names(line, now, slot):
    found = latest_slot(line, datetime.fromisoformat(now).replace(tzinfo=UTC))

    assert (found and found.replace(tzinfo=None).isoformat()) == slot


@pytest.mark.parametrize(
    ("line", "now", "slot"),
    [
        ("0 4 1 * 1", "2026-11-21", "2026-11-16"),  # a Monday that is no first
        ("0 4 1 * 1", "2026-11-02", "2026-11-01"),  # a first that is a Sunday
        ("0 4 1-7 * 1", "2026-11-21", "2026-11-16"),
        ("0 4 * * 1", "2026-11-21", "2026-11-16"),
        ("0 4 1 * *", "2026-11-21", "2026-11-01"),
        ("0 4 */2 * 1", "2026-11-22", "2026-11-09"),  # a star makes it both: the 16th is even
    ],
)
def test_of_two_restricted_days_either_is_enough(line, now, slot):
    found = latest_slot(line, datetime.fromisoformat(f"{now}T00:00").replace(tzinfo=UTC))

    assert found == datetime.fromisoformat(f"{slot}T04:00").replace(tzinfo=UTC)


def test_a_line_that_never_came_has_no_slot():
    assert latest_slot("0 0 */31 2 1l", MORNING) is None


#: Berlin skips 02:00 to 03:00 on 2026-03-29 and has it twice on 2026-10-25; both at 01:00 UTC.
BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize("day", ["2026-03-29", "2026-10-25"])
@pytest.mark.parametrize(
    ("line", "times"),
    [
        ("30 * * * *", ["22:30", "23:30", "00:30", "01:30", "02:30", "03:30"]),
        ("30 2 * * *", ["02:30"]),
        ("0 1 * * *", ["01:00"]),
    ],
)
def test_when_the_clocks_change_no_slot_is_skipped_or_doubled(day, line, times):
    midnight = datetime.fromisoformat(f"{day}T00:00").replace(tzinfo=UTC)
    minutes = [midnight + timedelta(minutes=n) for n in range(-120, 240)]

    slots = [latest_slot(line, minute.astimezone(BERLIN)) for minute in minutes]

    assert slots == [latest_slot(line, minute) for minute in minutes]
    begun = sorted({slot for slot in slots if slot >= minutes[0]})
    assert [slot.strftime("%H:%M") for slot in begun] == times
    assert all(slot.utcoffset() == timedelta(0) for slot in slots)


def chosen(schedule=None, *, mode="hybrid", public_url=None):
    times = schedule or Schedule(pull="*/15 * * * *", reconcile="37 3 * * *", webhooks="11 * * * *")
    return Settings(
        sources={"shop": SourceSettings("shop", "scripted")},
        source_sync={"shop": SourceSync({}, options={"sync_mode": mode}, schedule=times)},
        public_url=public_url,
    )


@pytest.fixture
def rig(client):
    rig = RunRig(client)
    rig.shop.add(3)
    rig.puller.may_begin = lambda _: True
    return rig


def finish_all(rig):
    for run in rig.store.runs.open_runs():
        rig.finish(run)


def test_the_first_pull_is_at_once_and_reads_everything(rig):
    assert tick(chosen(), rig.puller, MORNING) == ["pull:shop"]

    run = rig.store.runs.open_run("shop")
    assert run.kind is RunKind.FULL
    assert run.by == "schedule"


def test_a_slot_is_begun_once_and_the_next_one_later(rig):
    tick(chosen(), rig.puller, MORNING)
    finish_all(rig)

    assert tick(chosen(), rig.puller, MORNING + timedelta(minutes=14)) == []
    assert tick(chosen(), rig.puller, MORNING + timedelta(minutes=15)) == ["pull:shop"]


def test_missed_slots_are_caught_up_once(rig):
    tick(chosen(), rig.puller, MORNING)
    finish_all(rig)

    assert tick(chosen(), rig.puller, MORNING + timedelta(hours=9)) == ["pull:shop", "compare:shop"][:1]
    finish_all(rig)
    assert tick(chosen(), rig.puller, MORNING + timedelta(hours=9, seconds=5)) == []


def test_a_compare_begins_at_its_first_slot_and_not_at_the_start(rig):
    tick(chosen(), rig.puller, MORNING)
    finish_all(rig)
    night = datetime(2026, 11, 22, 3, 37, tzinfo=UTC)

    assert tick(chosen(), rig.puller, night)[0] == "pull:shop"
    finish_all(rig)
    assert tick(chosen(), rig.puller, night + timedelta(seconds=5)) == ["compare:shop"]


def test_a_slot_that_finds_its_source_busy_waits_for_the_open_run_to_end(rig):
    tick(chosen(), rig.puller, MORNING)

    assert tick(chosen(), rig.puller, MORNING + timedelta(minutes=15)) == []
    finish_all(rig)
    assert tick(chosen(), rig.puller, MORNING + timedelta(minutes=16)) == ["pull:shop"]


def test_a_stopped_run_is_tried_again_once_per_slot(rig):
    tick(chosen(), rig.puller, MORNING)
    run = rig.store.runs.open_run("shop")
    rig.store.runs.move(run, (RunState.RUNNING,), RunState.STOPPED, reason="wrong key")

    assert tick(chosen(), rig.puller, MORNING + timedelta(minutes=15)) == ["pull:shop"]
    assert tick(chosen(), rig.puller, MORNING + timedelta(minutes=16)) == []
    assert rig.read_run(run).state is RunState.RUNNING


def test_a_run_that_the_brake_stopped_waits_for_a_person_and_the_schedule_goes_on(rig):
    tick(chosen(), rig.puller, MORNING)
    braked = rig.store.runs.open_run("shop")
    rig.store.runs.move(braked, (RunState.RUNNING,), RunState.STOPPED, reason="60 blocks", braked=1)

    assert tick(chosen(), rig.puller, MORNING + timedelta(minutes=15)) == ["pull:shop"]
    assert rig.store.runs.open_run("shop").id != braked.id
    assert not rig.store.runs.resume(braked, is_forced=True), "one run at a time"
    finish_all(rig)

    assert rig.read_run(braked).state is RunState.STOPPED
    assert rig.store.runs.resume(braked, is_forced=True)
    assert rig.finish(braked).state is RunState.DONE


def test_realtime_sources_are_never_pulled(rig):
    assert tick(chosen(mode="realtime"), rig.puller, MORNING) == []


def test_webhooks_that_were_off_are_repaired_and_what_was_missed_is_pulled(rig):
    tick(chosen(), rig.puller, MORNING)
    finish_all(rig)
    off = {f"topic/{number}": "was disabled" for number in range(24)} | {"customers/update": "led elsewhere."}
    rig.sources["shop"].ensure_webhooks = lambda address, access: Upkeep(repaired=off)

    begun = tick(chosen(public_url="https://tajo.example"), rig.puller, MORNING + timedelta(minutes=11))

    assert begun == ["webhooks:shop"]
    assert rig.store.runs.open_run("shop").by == "webhooks"
    assert rig.store.ledger.alerts()[0]["alert"] == (
        "25 webhooks of shop were repaired: was disabled (topic/0, topic/1, topic/2 and 21 more); "
        "led elsewhere (customers/update)."
    )


def off_and_on_again(rig):
    """Let the upkeep find a webhook that was off, at the next slot of webhooks."""
    rig.sources["shop"].ensure_webhooks = lambda address, access: Upkeep(repaired={"customers/update": "was disabled"})
    return tick(chosen(public_url="https://tajo.example"), rig.puller, MORNING + timedelta(minutes=11))


def test_where_edited_profiles_cannot_be_listed_everything_is_read_after_webhooks_were_off(rig, monkeypatch):
    monkeypatch.setattr("tests.runs.shop.PullableShop.pulls_edits", False)
    tick(chosen(), rig.puller, MORNING)
    finish_all(rig)

    off_and_on_again(rig)

    assert rig.store.runs.open_run("shop").kind is RunKind.FULL


def test_what_was_missed_while_another_run_was_open_is_pulled_after_it(rig):
    tick(chosen(), rig.puller, MORNING)
    run = rig.store.runs.open_run("shop")

    off_and_on_again(rig)
    assert f"after run {run.id}" in str(rig.store.ledger.alerts())
    finish_all(rig)
    tick(chosen(), rig.puller, MORNING + timedelta(minutes=12))
    finish_all(rig)
    tick(chosen(), rig.puller, MORNING + timedelta(minutes=13))

    assert [one.by for one in rig.store.runs.recent()] == ["webhooks", "schedule"]


def test_nothing_that_begins_by_itself_is_the_first_run_of_a_source(rig):
    rig.puller.may_begin = lambda _: False

    tick(chosen(), rig.puller, MORNING)
    off_and_on_again(rig)
    tick(chosen(), rig.puller, MORNING + timedelta(days=1))

    assert rig.store.runs.recent() == []
    assert "tajo connectors sync shop --full" in str(rig.store.ledger.alerts())


def test_the_schedule_begins_once_the_first_full_run_is_done(rig):
    rig.puller.may_begin = lambda _: False
    tick(chosen(), rig.puller, MORNING)

    rig.finish(rig.start())

    assert tick(chosen(), rig.puller, MORNING + timedelta(minutes=1)) == ["pull:shop"]
    assert rig.store.runs.open_run("shop").kind is RunKind.INCREMENTAL


def test_a_first_full_run_that_stopped_is_tried_again_once_per_slot(rig):
    rig.puller.may_begin = lambda _: False
    run = rig.start()
    rig.store.runs.move(run, (RunState.RUNNING,), RunState.STOPPED, reason="wrong key")

    assert tick(chosen(), rig.puller, MORNING) == ["pull:shop"]
    assert rig.read_run(run).state is RunState.RUNNING


def test_two_beats_and_two_workers_at_once_for_an_hour_run_each_slot_once(rig, redis_url):
    """Four at once look at each simulated minute, twice; the source is quick, so that it is free at the next slot."""
    begun: Counter[str] = Counter()
    lock = threading.Lock()
    barrier = threading.Barrier(4)

    def one() -> None:
        line = rig.line.__class__(**{name: getattr(rig.line, name) for name in rig.line.__slots__})
        line.store = Store(rig.client)
        puller = Puller(line, rig.puller.rules, rig.puller.access, may_begin=lambda _: True)
        for minute in range(60):
            barrier.wait()
            for second in (0, 30):
                found = tick(chosen(), puller, MORNING + timedelta(minutes=minute, seconds=second))
                with lock:
                    begun.update((name, minute) for name in found)
            barrier.wait()
            if barrier.n_waiting == 0 and threading.current_thread().name == "beat-0":
                finish_all(rig)
            barrier.wait()

    threads = [threading.Thread(target=one, name=f"beat-{n}") for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert begun == {("pull:shop", minute): 1 for minute in (0, 15, 30, 45)}
    assert len(rig.store.runs.recent(100)) == 4


def test_of_many_ticks_that_waited_for_a_worker_the_first_does_it_all(rig, monkeypatch):
    done = []
    monkeypatch.setattr(schedule, "line", lambda: rig.line)
    monkeypatch.setattr(schedule, "puller", lambda: rig.puller)
    monkeypatch.setattr(schedule, "settings", chosen)
    monkeypatch.setattr(schedule, "tick", lambda *_: done.append(1))
    monkeypatch.setattr(schedule, "prover", lambda: None)
    monkeypatch.setattr(schedule, "advance_proof", lambda _: None)
    rig.clock.stop(MORNING)

    for _ in range(50):
        schedule.tick_task()
    rig.clock.stop(MORNING + timedelta(seconds=schedule.TICK_EVERY_S))
    schedule.tick_task()

    assert len(done) == 2
