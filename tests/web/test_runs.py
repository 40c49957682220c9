"""Runs in the API and on the dashboard."""

from __future__ import annotations

import pytest

from customer_sync.store.run import RunKind, RunState

from .test_api import call

#: A form of our own page.
OWN = {"Origin": "http://localhost"}


@pytest.fixture
def run(store):
    found = store.runs.start("lumen", RunKind.FULL)
    store.client.hset(f"tajo:run:{found.id}", mapping={"total": 1000, "n.read": 410, "n.sent": 395, "rate": "59"})
    return found


def test_a_run_tells_where_it_stands(web, run):
    found = call(web, "get", "/api/v1/runs/{number}", number=run.id)

    assert found["share"] == 0.41
    assert found["left_s"] == 10.0
    assert found["counts"]["sent"] == 395
    assert call(web, "get", "/api/v1/runs")["runs"][0]["id"] == run.id


def test_a_run_is_paused_resumed_and_cancelled(web, run, store):
    for verb, state in (("pause", RunState.PAUSED), ("resume", RunState.RUNNING), ("cancel", RunState.CANCELLED)):
        assert call(web, "post", f"/api/v1/runs/{{number}}/{verb}", number=run.id)["state"] == state

    refused = call(web, "post", "/api/v1/runs/{number}/pause", 409, number=run.id)
    assert "cancelled" in refused["error"]


def test_a_run_that_is_not_there_is_told_so(web):
    assert "no such run" in call(web, "get", "/api/v1/runs/{number}", 404, number="12")["error"]
    assert "no such run" in call(web, "get", "/api/v1/runs/{number}", 404, number="x" * 40)["error"]


@pytest.mark.parametrize(
    ("body", "status", "word"),
    [
        ({"source": "nobody"}, 404, "no such source"),
        ({"source": "lumen", "kind": "half"}, 400, "not understood"),
        ({"source": "lumen"}, 409, "cannot be pulled"),
        (["lumen"], 400, "not understood"),
    ],
)
def test_an_order_that_cannot_be_met_says_why(web, body, status, word):
    assert word in call(web, "post", "/api/v1/runs", status, json=body)["error"]


def test_the_page_of_runs_shows_progress_and_what_can_be_done(web, run):
    page = web.get("/runs").text

    assert f'href="/runs/{run.id}"' in page
    assert "410 of 1,000 read" in page
    assert "Pause" in page
    assert "lumen, tulip are heard of by webhook only" in page


def test_a_stopped_run_says_why_and_offers_to_go_on(web, run, store):
    remedy = f"`tajo runs resume {run.id} --force`"
    store.runs.move(run, (RunState.RUNNING,), RunState.STOPPED, reason="60 blocks", remedy=remedy)

    page = web.get(f"/runs/{run.id}").text

    assert "60 blocks" in page
    assert "Resume without the brake" in page
    assert web.post(f"/runs/{run.id}/resume", data={"force": "1"}, headers=OWN).status_code == 303
    assert store.runs.read(run.id).is_forced


def test_a_button_that_comes_too_late_says_so(web, run, store):
    store.runs.cancel(run)

    answer = web.post(f"/runs/{run.id}/pause", headers=OWN)

    assert answer.status_code == 409
    assert "cancelled" in answer.text
