"""Runs on the dashboard and in the API: where each stands; start, pause, resume, cancel."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from flask import Blueprint, Response, jsonify, redirect, render_template, request
from pydantic import BaseModel, ConfigDict, ValidationError
from werkzeug.wrappers import Response as AnyResponse

from customer_sync.assembly import open_puller_of
from customer_sync.base.log import get
from customer_sync.batch.held import HARMS
from customer_sync.batch.runs import start
from customer_sync.brevo.proof.outlook import headline
from customer_sync.errors import ConfigError
from customer_sync.model import Json
from customer_sync.operate.first_sync import waiting_sources
from customer_sync.store.run import COUNTS, Busy, Run, RunKind, RunState, run_json
from customer_sync.store.runs import Runs
from customer_sync.web import receipts
from customer_sync.web.problems import Problem
from customer_sync.web.services import Services

log = get(__name__)

#: How many runs that are over the page lists.
LISTED: Final = 50
#: Counts that the page of a run shows first.
FIRST_COUNTS: Final = ("read", "changed", "unchanged", "sent")

_VERBS: Final[Mapping[str, Callable[[Runs, Run, bool], bool]]] = {
    "pause": lambda runs, run, _: runs.pause(run),
    "resume": lambda runs, run, force: runs.resume(run, is_forced=force),
    "cancel": lambda runs, run, _: runs.cancel(run),
}


class Order(BaseModel):
    """What a new run is to read."""

    model_config = ConfigDict(extra="forbid")

    source: str
    kind: RunKind = RunKind.INCREMENTAL
    dry_run: bool = False
    force: bool = False


class Move(BaseModel):
    """How a run is moved."""

    model_config = ConfigDict(extra="forbid")

    force: bool = False


def add_api(routes: Blueprint, services: Services) -> None:
    """Add the calls below `/api/v1/runs`."""

    @routes.get("/runs")
    def listed_runs() -> Response:
        source = request.args.get("source")
        found = [run for run in services.store().runs.recent(200) if source in (None, run.source)]
        return jsonify({"runs": [_json(services, run) for run in found]})

    @routes.post("/runs")
    def started_run() -> tuple[Response, int]:
        try:
            order = Order.model_validate(request.get_json(silent=True))
        except ValidationError as error:
            kinds = ", ".join(RunKind)
            remedy = f'Send {{"source": "...", "kind": "..."}}; kinds are {kinds}.'
            raise Problem(400, "The body is not understood.", remedy) from error
        return jsonify(_json(services, _start(services, order, "api"))), 201

    @routes.get("/runs/<number>")
    def shown_run(number: str) -> Response:
        return jsonify(_json(services, _find(services, number)))

    def moved_run(number: str, verb: str) -> Response:
        try:
            move = Move.model_validate(request.get_json(silent=True) or {})
        except ValidationError as error:
            raise Problem(400, "The body is not understood.", 'Send {} or {"force": true}.') from error
        return jsonify(_json(services, _move(services, number, verb, is_forced=move.force)))

    for verb in _VERBS:
        address = f"/runs/<number>/{verb}"
        routes.add_url_rule(address, f"{verb}_run", moved_run, methods=["POST"], defaults={"verb": verb})


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
        try:
            run = _start(
                services, Order(source=request.form.get("source", ""), kind=chosen, dry_run=is_dry), "dashboard"
            )
        except Problem as problem:
            return render_template("runs.html", **_facts(services, problem)), problem.status
        return redirect(f"/runs/{run.id}", 303)

    @routes.post("/runs/compare")
    def compare() -> AnyResponse:
        source = request.form.get("source", "")
        if source not in services.settings.sources:
            raise Problem(404, "There is no such source.", "The page Runs lists those that there are.")
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
    def move_run(number: str, verb: str) -> AnyResponse | str:
        force = "force" in request.form
        if (verb == "cancel" or force) and "sure" not in request.form:
            run = _find(services, number)
            harms = [(COUNTS[name], run.counts[name]) for name in HARMS if run.counts[name]]
            return render_template("confirm_run.html", run=run, verb=verb, force=force, harms=harms)
        _move(services, number, verb, is_forced=force)
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
        "pulled": pulled,
        "others": [name for name in names if name not in pulled],
        "problem": problem,
        "asked": "asked" in request.args,
        "receipts": receipts.newest(services),
    }


def _one(services: Services, number: str) -> dict[str, Any]:
    """Return what the page of a run shows."""
    run = _find(services, number)
    outlook = services.outlook().of(run)
    ahead = [headline(run, outlook), *outlook.sentences] if outlook else []
    return {"run": run, "counts": COUNTS, "first": FIRST_COUNTS, "ahead": ahead}


def _json(services: Services, run: Run) -> dict[str, Json]:
    outlook = services.outlook().of(run)
    return run_json(run, outlook.to_json() if outlook else None)


def _find(services: Services, number: str) -> Run:
    run = services.store().runs.read(number) if number.isascii() and number.isdecimal() and len(number) < 12 else None
    if run is None:
        raise Problem(404, "There is no such run.", "The newest 200 are kept; /runs lists them.")
    return run


def _start(services: Services, order: Order, by: str) -> Run:
    if order.source not in services.settings.sources:
        names = ", ".join(sorted(services.settings.sources)) or "none is configured"
        raise Problem(404, "There is no such source.", f"Sources: {names}.")
    puller = open_puller_of(services.settings, services.store(), services.home)
    try:
        return start(puller, order.source, order.kind, by=by, is_dry=order.dry_run, is_forced=order.force)
    except Busy as busy:
        text = f"Run {busy.run.id} of {order.source} is {busy.run.state}; a source has one run at a time."
        raise Problem(409, text, "Wait for it, or pause, resume or cancel it.") from busy
    except ConfigError as error:
        raise Problem(409, error.reason, error.remedy) from error


def _move(services: Services, number: str, verb: str, *, is_forced: bool) -> Run:
    runs = services.store().runs
    run = _find(services, number)
    if not _VERBS[verb](runs, run, is_forced):
        now = _find(services, number)
        raise Problem(409, f"Run {number} is {now.state}: it cannot {verb}.", "Look at its page for what can be done.")
    log.info("run moved", run=number, verb=verb)
    return _find(services, number)


def can(run: Run) -> list[str]:
    """Return what can be done with a run now."""
    return {
        RunState.RUNNING: ["pause", "cancel"],
        RunState.PAUSED: ["resume", "cancel"],
        RunState.STOPPED: ["resume", "cancel"],
        RunState.DELIVERING: ["cancel"],
    }.get(run.state, [])
