"""The dashboard: pages that work without a script; with one, the overview renews itself every two seconds.

The script fetches `/live`, the same templates once more, and puts in what changed: each thing is written once.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import redis
from flask import Blueprint, Flask, Response, make_response, redirect, render_template, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed
from werkzeug.wrappers import Response as AnyResponse

from customer_sync.api.events import find_event
from customer_sync.api.parked import Choice, drop_one, find_parked, replay_many, replay_one, reveal
from customer_sync.api.problem import Problem
from customer_sync.base.log import get
from customer_sync.model import EventState
from customer_sync.operate.figures import findings, parked_groups
from customer_sync.registry import hears
from customer_sync.web import proof, receipts, runs
from customer_sync.web.api import answers
from customer_sync.web.api.answers import REDIS_AWAY, SEE_DOCUMENT
from customer_sync.web.guard import Denial, Guard
from customer_sync.web.services import Services
from customer_sync.web.watch import Watch

log = get(__name__)

#: Nothing from elsewhere, no script and no style inside the page, in nobody's frame.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
#: The largest form of the sign-in page, in bytes.
MAX_FORM_BYTES = 16 * 1024
#: How many events the page of events has.
EVENTS = 200
#: How many members a group shows.
MEMBERS = 20


def blueprint(services: Services, watch: Watch, guard: Guard) -> Blueprint:
    """Return the pages."""
    routes = Blueprint("dashboard", __name__)
    _frame(routes)
    _sign_in(routes, guard)
    _overview(routes, services, watch)
    _events(routes, services)
    _parked(routes, services)
    runs.add_pages(routes, services)
    receipts.add_pages(routes, services)
    proof.add_pages(routes, services)
    return routes


def _frame(routes: Blueprint) -> None:
    """What holds for every page: the security headers, what a fault looks like."""

    @routes.after_request
    def protect(response: Response) -> Response:
        response.headers["Content-Security-Policy"] = POLICY
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "same-origin"
        response.headers["Cache-Control"] = "no-store"
        return response

    @routes.errorhandler(Problem)
    def told(error: Problem) -> Response:
        return message(Denial(error.status, error.detail, error.remedy))

    @routes.errorhandler(redis.RedisError)
    def away(error: redis.RedisError) -> Response:
        log.warning("page without Redis", error=type(error).__name__)
        return message(Denial(503, *REDIS_AWAY))


def register_missing(app: Flask) -> None:
    """Answer what no route knows: JSON below `/api/`, a page elsewhere."""

    def missing(error: HTTPException) -> AnyResponse:
        code = error.code or 404
        if request.path.startswith("/api/"):
            response = answers.turned_away(code, f"There is no {request.method} {request.path[:80]}.", SEE_DOCUMENT)
            answers.frame(response)
        else:
            response = message(Denial(code, "There is no such page.", "The overview leads to everything there is."))
        if isinstance(error, MethodNotAllowed):
            response.headers["Allow"] = ", ".join(sorted(error.valid_methods or ()))
        return response

    app.register_error_handler(404, missing)
    app.register_error_handler(405, missing)


def message(denial: Denial) -> Response:
    """Show why a request was turned away, and what to do."""
    page = render_template("message.html", title=denial.error, remedy=denial.remedy)
    return Response(page, denial.status, denial.headers)


def _sign_in(routes: Blueprint, guard: Guard) -> None:
    @routes.get("/sign-in")
    def sign_in() -> AnyResponse:
        link = request.args.get("link")
        # a preview of a link asks with HEAD: that must not use it up
        if link is not None and request.method == "GET":
            return _by_link(guard, link)
        return make_response(render_template("sign_in.html", goal=_local(request.args.get("next", "/"))))

    @routes.post("/sign-in")
    def show_key() -> AnyResponse:
        request.max_content_length = MAX_FORM_BYTES  # anybody may send something here
        goal = _local(request.form.get("next", "/"))
        if guard.is_key(request.form.get("key", "")):
            return _signed_in(guard, redirect(goal, 303))
        denial = guard.wrong_key(request)
        if not denial.wait_s:
            log.warning("sign-in refused")
        return Response(render_template("sign_in.html", goal=goal, denial=denial), denial.status, denial.headers)

    @routes.post("/sign-out")
    def sign_out() -> AnyResponse:
        response = redirect("/sign-in", 303)
        assert isinstance(response, Response)
        guard.sign_out(response, request)
        return response


def _by_link(guard: Guard, link: str) -> AnyResponse:
    if guard.has_session(request):
        return redirect("/")
    if not guard.use_link(link):
        log.warning("sign-in link refused")
        return Response(render_template("sign_in.html", goal="/", is_old_link=True), 401)
    # no redirect: who comes from another site (a terminal in a browser) would not show the new cookie on the way
    return _signed_in(guard, Response(render_template("signed_in.html"), headers={"Refresh": "0; url=/"}))


def _signed_in(guard: Guard, response: AnyResponse) -> AnyResponse:
    assert isinstance(response, Response)
    guard.sign_in(response, request)
    return response


def _overview(routes: Blueprint, services: Services, watch: Watch) -> None:
    def facts() -> dict[str, Any]:
        look = watch.look()
        return {
            "now": look.figures,
            "findings": findings(look.figures),
            "events": look.events,
            "groups": look.groups,
            "hooks": hooks(services),
            "waiting": look.waiting,
            "added": look.added,
            "is_local": services.settings.public_url is None,
        }

    @routes.get("/")
    def overview() -> str:
        return render_template("overview.html", **facts())

    @routes.get("/live")
    def live() -> str:
        return render_template("_live.html", **facts())


def _events(routes: Blueprint, services: Services) -> None:
    @routes.get("/events")
    def events() -> str:
        state = request.args.get("state", "")
        source = request.args.get("source", "")
        chosen = EventState(state) if state in set(EventState) else None
        rows = services.store().ledger.page(EVENTS, state=chosen, source=source or None).items
        sources = sorted({*services.connectors})
        return render_template("events.html", events=rows, state=state, source=source, sources=sources)

    @routes.get("/events/<path:event_id>")
    def event(event_id: str) -> str:
        return render_template("event.html", row=find_event(services, event_id, request.args.get("source")))


def _parked(routes: Blueprint, services: Services) -> None:
    @routes.get("/parked")
    def parked() -> str:
        store = services.store()
        done = request.args.get("done", "")
        return render_template(
            "parked.html",
            groups=parked_groups(store),
            total=store.parked.count(),
            members=MEMBERS,
            done=int(done) if done.isascii() and done.isdecimal() and len(done) < 9 else None,
        )

    @routes.post("/parked/replay")
    def replay() -> AnyResponse:
        done = replay_many(services, Choice(reason=request.form.get("reason", "")))
        return redirect(f"/parked?done={done.replayed}", 303)

    @routes.get("/parked/<parked_id>")
    def shown(parked_id: str) -> str:
        one = find_parked(services, parked_id)
        content = reveal(one, services.store()) if request.args.get("reveal") == "1" else None
        return render_template("parked_one.html", one=one, content=content)

    @routes.post("/parked/<parked_id>/<any(replay, drop):verb>")
    def settle(parked_id: str, verb: str) -> AnyResponse:
        try:
            if verb == "replay":
                replay_one(services, parked_id)
                return redirect("/parked?done=1", 303)
            drop_one(services, parked_id)
        except Problem:  # somebody else was faster
            log.info("parked thing was gone", verb=verb)
        return redirect("/parked", 303)


def hooks(services: Services) -> list[str]:
    """Return the address of each source that has webhooks, as the shop must know it."""
    base = (services.settings.public_url or request.host_url).rstrip("/")
    return [f"{base}/webhooks/{name}" for name, one in sorted(services.settings.sources.items()) if hears(one.platform)]


def _local(goal: str) -> str:
    """Return a path on this site, the overview when the goal is anything else."""
    parts = urlsplit(goal)
    is_path = goal.startswith("/") and not goal.startswith(("//", "/\\")) and not parts.scheme and not parts.netloc
    return goal if is_path and "\\" not in goal else "/"
