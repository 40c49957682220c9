"""`runs` and `connectors sync`: batch syncs from the command line."""

from __future__ import annotations

import time
from dataclasses import replace

import click
import pytest

from customer_sync.base.spans import duration
from customer_sync.cli.progress import progress_line, summary, watch
from customer_sync.store.run import RunKind, RunState


@pytest.fixture
def run(tajo, store):
    return store.runs.start("shopify", RunKind.FULL)


@pytest.fixture
def worker(store):
    store.set_note("worker_seen", {"at": time.time()})


def test_without_a_run_the_list_says_how_to_start_one(tajo):
    assert "tajo connectors sync" in tajo("runs", "list").output


def test_runs_are_listed_and_shown(tajo, run, store):
    store.runs.count(run.id, {"read": 1200, "sent": 1100})

    assert "1,200 read" in tajo("runs", "list").output
    assert tajo.json("runs", "list")["items"][0]["counts"]["sent"] == 1100
    assert "contacts and records that Brevo accepted" in tajo("runs", "show", run.id).output


def test_a_run_is_paused_resumed_and_cancelled(tajo, run, store):
    for verb, state in (("pause", RunState.PAUSED), ("resume", RunState.RUNNING)):
        assert tajo.json("runs", verb, run.id)["state"] == state
    assert f"`tajo runs resume {run.id}`" in tajo("runs", "pause", run.id).output
    assert tajo.json("runs", "cancel", run.id, "--yes")["state"] == RunState.CANCELLED

    assert "is over already: it is cancelled" in tajo("runs", "cancel", run.id, code=1).output


def test_a_run_that_is_not_there_is_told_so(tajo):
    assert "no run 77" in tajo("runs", "show", "77", code=5).output


def test_a_sync_needs_a_worker(tajo):
    assert "No worker runs" in tajo("connectors", "sync", "shopify", "--full", code=4).output


def test_a_sync_of_a_source_that_is_not_there_names_those_that_are(tajo):
    output = tajo("connectors", "sync", "shopfy", code=5).output

    assert "no source shopfy" in output
    assert "shopify, woo" in output


def test_a_sync_of_a_source_without_keys_says_which_keys(tajo, worker):
    output = tajo("connectors", "sync", "woo", code=3).output

    assert "cannot be pulled" in output
    assert "connectors.woo" in output


def test_a_sync_that_finds_a_stopped_run_says_why_that_one_stopped(tajo, worker, run, store, monkeypatch):
    remedy = f"Make a new token. Then `tajo runs resume {run.id}` goes on at the same place."
    store.runs.move(run, (RunState.RUNNING,), RunState.STOPPED, reason="The token has expired.", remedy=remedy)
    monkeypatch.setattr("customer_sync.batch.runs.Puller.reach", lambda *_: None)

    output = tajo("connectors", "sync", "shopify", code=1).output

    assert "is stopped: The token has expired. A source has one run at a time." in output
    assert remedy in output


def test_the_line_of_progress_is_honest_about_what_nobody_can_know(run):
    unknown = replace(run, counts={**run.counts, "read": 500}, rate=50.0, phase="reading")
    known = replace(unknown, total=1000)

    assert "left" not in progress_line(unknown)
    assert "500 of 1,000 read · 0 sent · 50/s · about 10 s of reading left · reading" in progress_line(known)
    assert " 50%" in progress_line(known)


def test_a_dry_run_says_that_nothing_was_sent(run):
    counts = {**run.counts, "read": 9, "changed": 4, "creates": 3, "updates": 1, "blocks": 1}

    text = summary(replace(run, is_dry=True, counts=counts, ended_ms=run.started_ms + 2000))

    assert "at most 3 creates, 1 updates, 1 blocks. Nothing was sent. 2 s." in text


def test_watching_ends_when_the_run_waits_for_somebody(run, capsys):
    states = [run, run, run, replace(run, state=RunState.STOPPED, reason="wrong key")]

    assert watch(lambda: states.pop(0), sleep=lambda _: None).state is RunState.STOPPED


@pytest.mark.parametrize(("seconds", "text"), [(0.4, "0 s"), (59.4, "59 s"), (200, "3 min 20 s"), (7500, "2 h 5 min")])
def test_spans_are_told_in_the_two_largest_units(seconds, text):
    assert duration(seconds) == text


def test_a_run_is_cancelled_only_when_a_person_says_so(tajo, run, store):
    tajo("runs", "cancel", run.id, given="n\n", code=1)
    assert store.runs.read(run.id).is_open

    tajo("runs", "cancel", run.id, given="y\n")

    assert store.runs.read(run.id).state is RunState.CANCELLED


def test_the_brake_is_taken_off_only_when_a_person_has_seen_the_counts(tajo, run, store):
    store.runs.count(run.id, {"blocks": 1080, "harmed": 1080})
    store.runs.move(run, (RunState.RUNNING,), RunState.STOPPED, reason="too many", braked=1)

    output = tajo("runs", "resume", run.id, "--force", given="n\n", code=1).output
    assert "1,080 blocks" in output
    assert store.runs.read(run.id).state is RunState.STOPPED

    tajo("runs", "resume", run.id, "--force", "--yes")
    assert store.runs.read(run.id).is_forced


def test_a_dry_run_of_orders_does_not_call_the_records_of_skills_orders(run):
    counts = {**run.counts, "read": 12, "changed": 12, "record_creates": 36}

    text = summary(replace(run, is_dry=True, resource="orders", counts=counts))

    assert "12 orders read" in text
    assert "36 new records of skills, 0 changed" in text


def test_the_list_tells_dry_runs_parked_contacts_and_why_a_run_is_stopped(tajo, run, store):
    store.runs.count(run.id, {"read": 9, "failed": 2})
    store.runs.move(run, (RunState.RUNNING,), RunState.STOPPED, reason="Wrong key.", remedy="Make a new one.")
    dry = store.runs.start("shopify", RunKind.FULL, is_dry=True)
    store.runs.count(dry.id, {"read": 9, "changed": 4})

    output = tajo("runs", "list").output

    assert "full, dry" in output
    assert "9 read, 4 would change" in output
    assert "2 parked" in output
    assert "stopped: Wrong key.\n  → Make a new one." in output


@pytest.mark.parametrize("words", [(), ("--compare",)])
def test_a_first_sync_without_full_says_how_to_give_the_word(tajo, worker, monkeypatch, store, words):
    monkeypatch.setattr("customer_sync.batch.puller.Puller.reach", lambda *_: None)

    output = tajo("connectors", "sync", "shopify", *words, code=2).output

    assert "waits for your word" in output
    assert "`tajo connectors sync shopify --full --dry-run`" in output
    assert store.runs.recent() == []


def counted(store, run, **counts):
    store.runs.count(run.id, counts)
    store.runs.move(run, (RunState.RUNNING,), RunState.DONE)
    return store.runs.read(run.id)


def test_a_run_tells_what_its_contacts_cost_while_doors_are_closed(tajo, run, store):
    store.limits.learn("contacts", 20)
    counted(store, run, creates=50_000, phones=41_000, updates=12_000)

    output = tajo("runs", "show", run.id).output
    outlook = tajo.json("runs", "show", run.id)["outlook"]

    assert (
        "outlook  With these doors a run with so much to send takes about 53,010 calls to Brevo, about 44 min" in output
    )
    assert "\n         updates: about 12,000 calls, 10 min 0 s" in output
    assert "phones: about 41,000 calls, 34 min 10 s" in output
    assert "`tajo brevo prove` can make it" in output
    assert [(one["door"], one["calls"]) for one in outlook["doors"]] == [("updates", 12_000), ("phones", 41_000)]
    assert tajo.json("runs", "list", "--source", "shopify")["items"][0]["outlook"] == outlook


def test_a_dry_run_tells_how_long_the_real_one_takes(tajo, worker, monkeypatch, store):
    monkeypatch.setattr("customer_sync.batch.puller.Puller.reach", lambda *_: None)
    monkeypatch.setattr(
        "customer_sync.cli.sync.watch", lambda _: counted(store, store.runs.recent(1)[0], creates=100, phones=6_000)
    )

    output = tajo("connectors", "sync", "shopify", "--dry-run").output

    assert "What it counted takes about 6,010 calls to Brevo, about 10 min 31 s" in output
    assert "assumed until Brevo tells its limit" in output
    assert "phones: about 6,000 calls, 10 min 0 s" in output


def test_a_first_dry_run_says_what_comes_next(tajo, worker, monkeypatch, store):
    monkeypatch.setattr("customer_sync.batch.puller.Puller.reach", lambda *_: None)

    def ended(_):
        run = store.runs.recent(1)[0]
        store.runs.move(run, (RunState.RUNNING,), RunState.DONE)
        return store.runs.read(run.id)

    monkeypatch.setattr("customer_sync.cli.sync.watch", ended)

    output = tajo("connectors", "sync", "shopify", "--dry-run").output

    assert "Nothing was sent." in output
    assert "Next: `tajo connectors sync shopify --full` sends them." in output


def interrupt(_seconds):
    raise KeyboardInterrupt


def test_ctrl_c_ends_the_watching_and_says_that_the_run_goes_on(run, capsys):
    with pytest.raises(click.exceptions.Exit) as ended:
        watch(lambda: run, sleep=interrupt)

    assert ended.value.exit_code == 130
    assert f"Run {run.id} goes on. `tajo runs show {run.id} --follow` watches it again" in capsys.readouterr().err


def test_ctrl_c_ends_the_tail_of_events_without_a_complaint(tajo, monkeypatch):
    monkeypatch.setattr("customer_sync.cli.events.time.sleep", interrupt)

    output = tajo("events", "tail", "-f", code=130).output

    assert "Only the watching ended" in output
    assert "Aborted" not in output


def test_numbers_of_a_sentence_have_their_thousands_apart(run):
    counts = {**run.counts, "read": 60_000, "changed": 60_000}

    assert summary(replace(run, counts=counts)).startswith("60,000 customers read, 60,000 changed")
