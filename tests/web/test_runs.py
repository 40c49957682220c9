"""Runs in the API and on the dashboard."""

from __future__ import annotations

import pytest

from customer_sync.config.settings import SourceSync
from customer_sync.kit.connector import SourceSettings
from customer_sync.store.run import RunKind, RunState

from .calls import call
from .conftest import with_key

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
    assert call(web, "get", "/api/v1/runs")["items"][0]["id"] == run.id


def test_a_run_tells_how_many_calls_it_takes_and_what_a_proof_can_save(web, run, store):
    unknown = call(web, "get", "/api/v1/runs/{number}", number=run.id)["outlook"]
    store.runs.count(run.id, {"creates": 90_000, "phones": 41_000})

    found = call(web, "get", "/api/v1/runs/{number}", number=run.id)["outlook"]
    page = web.get(f"/runs/{run.id}/live").text

    assert unknown is None
    assert (found["calls"], found["rate_per_s"], found["rate_is_assumed"]) == (41_020, 10, True)
    (phones,) = found["doors"]
    assert (phones["why"], phones["calls"], phones["proven_calls"]) == ("never_proven", 41_000, 0)
    assert call(web, "get", "/api/v1/runs")["items"][0]["outlook"] == found
    assert "What is counted so far takes about 41,020 calls to Brevo" in page
    assert "<li>Phones: about 41,000 calls, 1 h 8 min" in page
    assert "<code>tajo brevo prove</code> can make it" in page


def test_a_run_is_paused_resumed_and_cancelled(web, run, store):
    for verb, state in (("pause", RunState.PAUSED), ("resume", RunState.RUNNING), ("cancel", RunState.CANCELLED)):
        assert call(web, "post", f"/api/v1/runs/{{number}}/{verb}", number=run.id)["state"] == state

    refused = call(web, "post", "/api/v1/runs/{number}/pause", 409, number=run.id)
    assert "cancelled" in refused["detail"]


def test_a_run_that_is_not_there_is_told_so(web):
    assert "no such run" in call(web, "get", "/api/v1/runs/{number}", 404, number="12")["detail"]
    assert "no such run" in call(web, "get", "/api/v1/runs/{number}", 404, number="x" * 40)["detail"]


@pytest.mark.parametrize(
    ("body", "status", "word"),
    [
        ({"source": "nobody"}, 404, "no such source"),
        ({"source": "lumen", "kind": "half"}, 422, "'compare'"),
        ({"source": "lumen"}, 409, "cannot be pulled"),
        (["lumen"], 422, "object"),
    ],
)
def test_an_order_that_cannot_be_met_says_why(web, body, status, word):
    assert word in call(web, "post", "/api/v1/runs", status, json=body)["detail"]


def test_the_page_of_runs_shows_progress_and_what_can_be_done(web, run):
    page = web.get("/runs").text

    assert f'href="/runs/{run.id}"' in page
    assert "410 of 1,000 read" in page
    assert "Pause" in page
    assert "lumen, tulip are heard of by webhook only" in page


def test_a_stopped_run_says_why_and_offers_to_go_on(web, run, store):
    remedy = f"`tajo runs resume {run.id} --force`"
    store.runs.count(run.id, {"blocks": 1060, "held": 1060})
    store.runs.move(run, (RunState.RUNNING,), RunState.STOPPED, reason="60 blocks", remedy=remedy, braked=1)

    page = web.get(f"/runs/{run.id}").text
    asked = web.post(f"/runs/{run.id}/resume", data={"force": "1"}, headers=OWN)

    assert "60 blocks" in page
    assert "Resume without the brake" in page
    assert asked.status_code == 200
    assert "1,060 contacts that are blocked" in asked.text
    assert store.runs.read(run.id).state is RunState.STOPPED
    assert web.post(f"/runs/{run.id}/resume", data={"force": "1", "sure": "1"}, headers=OWN).status_code == 303
    assert store.runs.read(run.id).is_forced


def test_a_run_is_cancelled_on_the_page_only_when_a_person_is_sure(web, run, store):
    asked = web.post(f"/runs/{run.id}/cancel", headers=OWN)
    assert f"Cancel run {run.id} of lumen?" in asked.text
    assert store.runs.read(run.id).is_open

    web.post(f"/runs/{run.id}/cancel", data={"sure": "1"}, headers=OWN)

    assert store.runs.read(run.id).state is RunState.CANCELLED


def test_a_run_that_waits_for_a_person_does_not_stand_under_way(web, run, store):
    store.runs.move(run, (RunState.RUNNING,), RunState.STOPPED, reason="wrong key")

    waiting, _, rest = web.get("/runs").text.partition("Under way")

    assert "Waiting for you" in waiting
    assert f'href="/runs/{run.id}"' in waiting
    assert f'href="/runs/{run.id}"' not in rest
    assert "No run is under way" in rest


def test_the_line_of_a_run_has_one_space_around_each_dot(web, run, store):
    store.client.hset(f"tajo:run:{run.id}", mapping={"phase": "reading"})

    page = web.get(f"/runs/{run.id}").text

    assert "410 of 1,000 read · 395 sent · 59 a second · about 10\u00a0s of reading left · reading</p>" in page


@pytest.fixture
def pulled(make_app):
    """A caller of a web process whose source has keys and waits for the word."""
    keys = {"shop_url": "lumen.myshopify.com", "api_key": "key", "api_secret": "secret"}
    sources = {"lumen": SourceSettings("lumen", "shopify", ("secret",), keys)}
    return with_key(make_app(sources=sources, source_sync={"lumen": SourceSync({})}))


def test_a_source_that_waits_for_the_word_has_a_dry_run_and_the_word_beside_each_other(pulled, store):
    page = pulled.get("/runs").text
    assert "waits for your word" in page
    assert "What changed" not in page
    assert "waits for your word" in pulled.get("/").text

    dry = pulled.post("/runs", data={"source": "lumen", "kind": "full:dry"}, headers=OWN)
    assert dry.status_code == 303
    refused = pulled.post("/runs", data={"source": "lumen", "kind": "incremental"}, headers=OWN)
    assert refused.status_code == 409
    assert "waits for your word" in refused.text
    pulled.post("/runs", data={"source": "lumen", "kind": "full"}, headers=OWN)

    assert [(run.kind, run.is_dry) for run in store.runs.recent()] == [(RunKind.FULL, False), (RunKind.FULL, True)]
    assert "waits for your word" not in pulled.get("/").text


def test_both_sides_are_compared_on_demand_and_nothing_is_mended(web, store):
    answer = web.post("/runs/compare", data={"source": "lumen"}, headers=OWN)

    assert answer.status_code == 303
    assert store.compares.due(looks=True) == ["lumen"]
    assert store.compares.due() == []
    assert "The comparison begins in a moment" in web.get(answer.location.partition("#")[0]).text
    assert "no such source" in web.post("/runs/compare", data={"source": "nobody"}, headers=OWN).text


def test_a_button_that_comes_too_late_says_so(web, run, store):
    store.runs.cancel(run)

    answer = web.post(f"/runs/{run.id}/pause", headers=OWN)

    assert answer.status_code == 409
    assert "cancelled" in answer.text
