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

from customer_sync.web import api, dashboard, metrics_page
from customer_sync.web.guard import Denial, Guard

#: What answers without the key: health, which says nothing of anybody; connecting, where the owner brings a ticket and
#: the platform a state.
OPEN_BLUEPRINTS: Final = frozenset({"health", "connect"})
#: The same of single routes: the page to sign in at, and its style, script and icon.
OPEN_ENDPOINTS: Final = frozenset({"dashboard.sign_in", "dashboard.show_key", "static"})

Answer = AnyResponse | tuple[Response, int]


def mount(app: Flask, guard: Guard) -> None:
    """Let nobody in without the key but to what is open. What no route knows is told so to everybody."""

    @app.before_request
    def check() -> Answer | None:
        is_open = request.blueprint in OPEN_BLUEPRINTS or request.endpoint in OPEN_ENDPOINTS
        if is_open or request.endpoint is None:
            return None
        denial = guard.denial(request)
        return None if denial is None else _TOLD.get(request.blueprint or "", _page)(denial)


def _page(denial: Denial) -> Answer:
    if denial.status == 401 and request.method == "GET":
        return redirect("/sign-in?" + urlencode({"next": request.full_path.rstrip("?")}))
    return dashboard.message(denial)


def _problem(denial: Denial) -> Answer:
    return api.problem(*denial)


#: Blueprint → how its callers are told; all others see a page.
_TOLD: Final[Mapping[str, Callable[[Denial], Answer]]] = {"api": _problem, "metrics": metrics_page.denied}
