"""What is told: runs that ended, imports that were read back, faults that hold; each once, whoever looks and dies."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from pydantic import TypeAdapter

from customer_sync.api.notice_bodies import AnyNotice
from customer_sync.config.settings import NOTICE_EVENTS
from customer_sync.model import to_ms
from customer_sync.operate.notices import watch as watching
from customer_sync.operate.notices.notice import Notice, of_test
from customer_sync.operate.notices.outbox import put
from customer_sync.operate.notices.states import OTHER, TYPES
from customer_sync.operate.notices.watch import watch
from customer_sync.store.breaker import Pause
from customer_sync.store.notices import Refusal
from customer_sync.store.parked import Parked, encode
from customer_sync.store.run import RunKind, RunState
from tests.notices.hands import open_line, settings, target, waits, work
from tests.rig import at

NOBODY = "http://127.0.0.1:9/"
SHAPES = TypeAdapter(AnyNotice)


@pytest.fixture
def config(receiver):
    return settings(target(receiver.url))


@pytest.fixture
def line(config, client, tmp_path):
    return open_line(config, client, tmp_path)


@pytest.fixture
def look(line, config, tmp_path, monkeypatch):
    """Look for what is new, so many seconds from now; returns what is told."""
    real = watching.read_figures
    later = {"s": 0}

    def figures(*arguments, **more):
        from dataclasses import replace

        found = real(*arguments, **more)
        seen = 1.0  # a worker is there
        return replace(found, at_ms=found.at_ms + later["s"] * 1000, worker_seen_s=seen)

    monkeypatch.setattr(watching, "read_figures", figures)

    def look(seconds: float = 0) -> list[Notice]:
        later["s"] = seconds
        found = watch(line.store, config, tmp_path, lambda _: None)
        for one in found:
            SHAPES.validate_json(one.body)
        return found

    look()
    return look


def run_of(line, state=RunState.DONE, source="shop", **counts):
    run = line.store.runs.start(source, RunKind.FULL)
    line.store.runs.count(run.id, {"read": 10, "sent": 10, **counts})
    put = {"reason": "No key.", "remedy": "Set one."} if state is RunState.STOPPED else {}
    line.store.runs.move(run, (RunState.RUNNING,), state, **put)
    return run


def types(found):
    return [one.type for one in found]


# runs -----------------------------------------------------------------------------------------------------------------


def test_a_run_that_delivered_everything_is_completed_and_one_with_somebody_parked_failed(look, line):
    run_of(line)
    run_of(line, failed=2)
    run_of(line, refused=1)
    run_of(line, RunState.STOPPED)
    run_of(line, RunState.CANCELLED, source="other")

    found = look()

    assert types(found) == ["sync_completed", *["sync_failed"] * 4]
    assert [one.data["state"] for one in found] == ["done", "done", "done", "stopped", "cancelled"]
    assert found[0].data["counts"]["sent"] == 10
    assert (found[3].data["remedy"], found[1].data["remedy"]) == (
        "Set one.",
        "`tajo parked list` says why, and what to do.",
    )


def test_a_run_is_told_once_and_dry_or_open_ones_are_not(look, line):
    run_of(line)
    line.store.runs.start("dry", RunKind.FULL, is_dry=True)
    dry = line.store.runs.open_run("dry", is_dry=True)
    line.store.runs.move(dry, (RunState.RUNNING,), RunState.DONE)
    line.store.runs.start("open", RunKind.FULL)

    assert types(look()) == ["sync_completed"]
    assert look() == []


def test_a_run_that_stops_again_for_the_same_reason_is_sent_once_and_for_another_one_again(look, line, receiver):
    run = run_of(line, RunState.STOPPED)
    look()
    for reason in ("No key.", "Another."):
        line.store.runs.resume(line.store.runs.read(run.id))
        look()
        line.store.runs.move(line.store.runs.read(run.id), (RunState.RUNNING,), RunState.STOPPED, reason=reason)
        look()
    work(line)

    assert sorted(one["data"]["text"].rpartition(": ")[2] for one in receiver.bodies) == ["Another.", "No key."]


def test_what_ended_before_there_was_a_target_is_not_told(line, config, tmp_path):
    run_of(line)
    watch(line.store, settings(), tmp_path, lambda _: None)

    assert watch(line.store, config, tmp_path, lambda _: None) == []


# imports --------------------------------------------------------------------------------------------------------------


def ended(client, batch="i7"):
    fact = {"batch": batch, "kind": "creates", "contacts": 1200, "began_ms": to_ms(at(-60)), "ended_ms": to_ms(at(0))}
    client.rpush("tajo:notices:ended", json.dumps(fact))


def test_an_import_that_was_read_back_is_told_once(look, client):
    ended(client)

    (found,) = look()
    assert (found.type, found.data["contacts"], found.data["batch"]) == ("batch_completed", 1200, "i7")
    assert look() == []
    assert client.llen("tajo:notices:ended") == 0


def test_closing_an_import_notes_its_end_once(line, client):
    name, _ = line.store.imports.open("contacts")

    for _ in range(2):
        line.store.imports.close(name, '{"batch": "x"}')
    other, _ = line.store.imports.open("contacts")
    line.store.imports.close(other)

    assert client.lrange("tajo:notices:ended", 0, -1) == [b'{"batch": "x"}']


# faults ---------------------------------------------------------------------------------------------------------------


def test_a_lane_that_waits_and_goes_on_is_told_with_the_words_of_the_overview(look, line, receiver):
    line.store.breakers.trip("contacts", Pause("config", "Brevo refuses the key.", "Set BREVO_API_KEY.", 1), wait_s=60)
    assert look() == []

    (paused,) = look(60)
    line.store.breakers.close("contacts")
    assert look(70) == []
    (resumed,) = look(200)
    work(line)

    assert (paused.type, resumed.type) == ("lane_paused", "lane_resumed")
    assert (paused.data["text"], paused.data["remedy"]) == ("Brevo refuses the key.", "Set BREVO_API_KEY.")
    assert (paused.data["code"], paused.data["about"], paused.data["ended_at"]) == ("brevo_key", "Brevo", None)
    assert resumed.data["text"].startswith("Over: Brevo refuses the key.")
    assert len(receiver.got) == 2


def test_parked_things_are_told_of_and_that_none_is_left(look, line):
    one = Parked("1", "inbound", "shop", "Broken.", "Mend it.", "", "", "", 1, "")
    line.store.client.hset("tajo:parked", "1", encode(one))
    line.store.client.zadd("tajo:parked:at", {"1": line.store.now_ms()})
    look()
    growing = look(60)
    line.store.parked.drop(one)
    look(70)

    assert types(growing) == ["parked_growing"]
    assert types(look(190)) == ["parked_cleared"]


def test_every_kind_of_change_can_be_chosen():
    assert {one for pair in [*TYPES.values(), OTHER] for one in pair} < set(NOTICE_EVENTS)
    SHAPES.validate_json(of_test("msg_1", 1).body)


# two beats, and who dies ----------------------------------------------------------------------------------------------


def test_two_that_look_at_once_send_nothing_twice(look, line, client, receiver):
    run_of(line)
    ended(client)
    line.store.breakers.trip("contacts", Pause("config", "No key.", "Set one.", 1), wait_s=600)
    look()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: look(60), range(8)))
    work(line)

    assert sorted(one["type"] for one in receiver.bodies) == ["batch_completed", "lane_paused", "sync_completed"]


def test_who_dies_before_it_wrote_what_was_told_sends_nothing_twice(look, line, receiver, monkeypatch, client):
    run_of(line)
    ended(client)
    line.store.breakers.trip("contacts", Pause("config", "No key.", "Set one.", 1), wait_s=600)
    with monkeypatch.context() as patch:
        patch.setattr(line.store.notices, "tell", lambda *_: False)
        look()
    look()
    with monkeypatch.context() as patch:
        patch.setattr(line.store.notices, "tell", lambda *_: False)
        look(60)
    look(60)
    look(70)
    work(line)

    assert sorted(one["type"] for one in receiver.bodies) == ["batch_completed", "lane_paused", "sync_completed"]


def test_a_process_that_begins_anew_goes_on_where_the_one_before_was(look, line, config, receiver, tmp_path):
    line.store.breakers.trip("contacts", Pause("config", "No key.", "Set one.", 1), wait_s=600)
    look()
    look(60)
    work(line)

    other = open_line(config, line.store.client, tmp_path)
    watch(other.store, config, tmp_path, lambda _: None)
    work(other)

    assert len(receiver.got) == 1
    assert waits(other) == 0


def test_a_target_is_not_told_that_it_takes_nothing_and_the_others_are(receiver, client, tmp_path):
    failing, well = target(NOBODY, "failing"), target(receiver.url, "well")
    config = settings(failing, well)
    line = open_line(config, client, tmp_path)
    about = Notice("msg_1", "fault_began", 1, {"text": "The target failing takes nothing.", "remedy": ""}, "failing")

    put(line.store, [failing, well], [about], lambda _: None)

    assert [line.store.lanes.depth(f"notify:{name}")[0] for name in ("failing", "well")] == [0, 1]


def test_what_is_told_of_a_target_that_fails_spares_that_target(look, line, receiver):
    line.store.notices.failed("ops", receiver.url, 1, Refusal("It answered 500.", "See why.", ""))
    look()

    told = look(60)

    assert [(one.data["code"], one.spared) for one in told] == [("notices_not_taken", "ops")]
    assert waits(line) == 0
