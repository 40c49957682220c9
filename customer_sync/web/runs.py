"""Runs on the dashboard: where each stands; start, pause, resume, cancel."""

from __future__ import annotations

from typing import Any, Final

from flask import Blueprint, redirect, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from customer_sync.api.problem import Problem, not_found
from customer_sync.api.runs import RunMove, RunOrder, Verb, find_run, move_run, start_order
from customer_sync.batch.held import HARMS
from customer_sync.brevo.proof.outlook import headline
from customer_sync.operate.first_sync import waiting_resources, waiting_sources
from customer_sync.store.run import COUNTS, Run, RunKind, RunState
from customer_sync.web import receipts
from customer_sync.web.services import Services

#: How many runs that are over the page lists.
LISTED: Final = 50
#: Counts that the page of a run shows first.
FIRST_COUNTS: Final = ("read", "changed", "unchanged", "sent")


def add_pages(routes: Blueprint, services: Services) -> None:
    """Add the pages below `/runs`."""
    routes.add_app_template_filter(can, "can")

    @routes.get("/runs")
    def runs_page() -> str:
        return render_template("runs.html", **_facts(services))

    @routes.get("/runs/live")
    def runs_live() -> str:
        return render_template("_runs.html", **_facts(services))

    @routes.post("/runs")
    def start_run() -> AnyResponse | tuple[str, int]:
        kind, dry = request.form.get("kind", "").partition(":")[::2]
        chosen = RunKind(kind) if kind in set(RunKind) else RunKind.INCREMENTAL
        is_dry = bool(dry) or "dry_run" in request.form
        order = RunOrder(source=request.form.get("source", ""), kind=chosen, dry_run=is_dry)
        try:
            started = start_order(services, order, "dashboard")
        except Problem as problem:
            return render_template("runs.html", **_facts(services, problem)), problem.status
        return redirect(f"/runs/{started.runs[0].id}" if len(started.runs) == 1 else "/runs", 303)

    @routes.post("/runs/compare")
    def compare() -> AnyResponse:
        source = request.form.get("source", "")
        if source not in services.settings.sources:
            raise not_found("There is no such source.", "The page Runs lists those that there are.")
        services.store().compares.add(source, looks=True)
        return redirect("/runs?asked=1#receipts", 303)

    _one_run(routes, services)


def _one_run(routes: Blueprint, services: Services) -> None:
    @routes.get("/runs/<number>")
    def run_page(number: str) -> str:
        return render_template("run.html", **_one(services, number))

    @routes.get("/runs/<number>/live")
    def run_live(number: str) -> str:
        return render_template("_run.html", **_one(services, number))

    @routes.post("/runs/<number>/<any(pause, resume, cancel):verb>")
    def moved(number: str, verb: Verb) -> AnyResponse | str:
        force = "force" in request.form
        if (verb == "cancel" or force) and "sure" not in request.form:
            run = find_run(services, number)
            harms = [(COUNTS[name], run.counts[name]) for name in HARMS if run.counts[name]]
            return render_template("confirm_run.html", run=run, verb=verb, force=force, harms=harms)
        move_run(services, number, verb, RunMove(force=force))
        return redirect(f"/runs/{number}", 303)


def _facts(services: Services, problem: Problem | None = None) -> dict[str, Any]:
    """Return what the page of runs shows."""
    store, accesses = services.store(), services.accesses()
    runs = store.runs.recent(-1)
    names = sorted(services.settings.sources)
    pulled = [name for name in names if services.connectors[name].pulls and accesses(name) is not None]
    return {
        "stopped": [run for run in runs if run.state in {RunState.STOPPED, RunState.PAUSED}],
        "open": [run for run in runs if run.state in {RunState.RUNNING, RunState.DELIVERING}],
        "over": [run for run in runs if not run.is_open][:LISTED],
        "waiting": waiting_sources(services.settings, store),
        "added": waiting_resources(services.settings, store),
        "pulled": pulled,
        "others": [name for name in names if name not in pulled],
        "problem": problem,
        "asked": "asked" in request.args,
        "receipts": receipts.newest(services),
    }


def _one(services: Services, number: str) -> dict[str, Any]:
    """Return what the page of a run shows."""
    run = find_run(services, number)
    outlook = services.outlook().of(run)
    ahead = [headline(run, outlook), *outlook.sentences] if outlook else []
    return {"run": run, "counts": COUNTS, "first": FIRST_COUNTS, "ahead": ahead}


def can(run: Run) -> list[str]:
    """Return what can be done with a run now."""
    return {
        RunState.RUNNING: ["pause", "cancel"],
        RunState.PAUSED: ["resume", "cancel"],
        RunState.STOPPED: ["resume", "cancel"],
        RunState.DELIVERING: ["cancel"],
    }.get(run.state, [])
