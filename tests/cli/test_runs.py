"""`runs` and `connectors sync`: batch syncs from the command line."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from customer_sync.cli.progress import duration, progress_line, summary, watch
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
    assert tajo.json("runs", "list")[0]["counts"]["sent"] == 1100
    assert "contacts that Brevo accepted" in tajo("runs", "show", run.id).output


def test_a_run_is_paused_resumed_and_cancelled(tajo, run, store):
    for verb, state in (("pause", RunState.PAUSED), ("resume", RunState.RUNNING), ("cancel", RunState.CANCELLED)):
        tajo("runs", verb, run.id)
        assert store.runs.read(run.id).state is state

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

    assert "3 creates, 1 updates, 1 blocks. Nothing was sent. 2 s." in text


def test_watching_ends_when_the_run_waits_for_somebody(run, capsys):
    states = [run, run, replace(run, state=RunState.STOPPED, reason="wrong key")]

    assert watch(lambda: states.pop(0), sleep=lambda _: None).state is RunState.STOPPED


@pytest.mark.parametrize(("seconds", "text"), [(0.4, "0 s"), (59.4, "59 s"), (200, "3 min 20 s"), (7500, "2 h 5 min")])
def test_spans_are_told_in_the_two_largest_units(seconds, text):
    assert duration(seconds) == text
