"""The one entrance of the web process: what stands open, and that everything else needs the key.

A route that somebody adds is closed until it is named here. The webhooks, which stand in front of the application and
check signatures, do not come by.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import urlencode

from flask import Flask, Response, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from customer_sync.config import Role
from customer_sync.web import dashboard, metrics_page
from customer_sync.web.api import answers, routes
from customer_sync.web.caller import Caller, let_in
from customer_sync.web.guard import Denial, Guard

#: What answers without the key: health, which says nothing of anybody; connecting, where the owner brings a ticket and
#: the platform a state.
OPEN_BLUEPRINTS: Final = frozenset({"health", "connect"})
#: The same of single routes: the page to sign in at, and its style, script and icon.
OPEN_ENDPOINTS: Final = frozenset({"dashboard.sign_in", "dashboard.show_key", "static"})

#: What a key opens that may only read; see the roles of the calls.
READING_BLUEPRINTS: Final = frozenset({routes.NAME, "metrics"})

Answer = AnyResponse | tuple[Response, int]


def mount(app: Flask, guard: Guard) -> None:
    """Let nobody in without the key but to what is open. What no route knows is told so to everybody."""

    @app.before_request
    def check() -> Answer | None:
        is_open = request.blueprint in OPEN_BLUEPRINTS or request.endpoint in OPEN_ENDPOINTS
        if is_open or request.endpoint is None:
            return None
        found = guard.admit(request)
        if isinstance(found, Caller):
            let_in(found)
            denial = _overreach(found)
        else:
            denial = found
        return None if denial is None else _TOLD.get(request.blueprint or "", _page)(denial)


def _overreach(who: Caller) -> Denial | None:
    """Return why a key that may only read is turned away from pages; the routes of the API ask for roles themselves."""
    if who.may(Role.OPERATE) or request.blueprint in READING_BLUEPRINTS:
        return None
    return Denial(
        403, f"The key `{who.name}` has the role {who.role}.", "It opens the API and the metrics, not the dashboard."
    )


def _page(denial: Denial) -> Answer:
    if denial.status == 401 and request.method == "GET":
        return redirect("/sign-in?" + urlencode({"next": request.full_path.rstrip("?")}))
    return dashboard.message(denial)


def _problem(denial: Denial) -> Answer:
    return answers.frame(answers.turned_away(*denial))


#: Blueprint → how its callers are told; all others see a page.
_TOLD: Final[Mapping[str, Callable[[Denial], Answer]]] = {routes.NAME: _problem, "metrics": metrics_page.denied}
