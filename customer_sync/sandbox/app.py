"""The sandbox as a Flask application: Brevo below `/v3`, the switches below `/sandbox`, a page at `/`."""

from __future__ import annotations

import re
from functools import partial
from typing import Final

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from customer_sync.sandbox import gate, guide, page
from customer_sync.sandbox.answers import ApiError, as_json, not_found
from customer_sync.sandbox.routes.tables import BREVO_ROUTES, OWN_ROUTES
from customer_sync.sandbox.state import Sandbox

_PARAMETER: Final = re.compile(r"<(?:[^<>]*:)?(\w+)>")


def create_app(sandbox: Sandbox) -> Flask:
    """Return the application for one account.

    Args:
        sandbox: the account. Without `Sandbox.start` imports and webhooks go on when the next request comes.
    """
    app = Flask(__name__, static_folder=None)
    app.url_map.merge_slashes = False
    routes = [(method, gate.PREFIX + path, handler) for method, path, handler in BREVO_ROUTES]
    for method, path, handler in (*routes, *OWN_ROUTES, ("GET", "/sandbox", guide.show), ("GET", "/", page.show)):
        name = f"{method} " + _PARAMETER.sub(r"{\1}", path.removeprefix(gate.PREFIX))
        view = partial(handler, sandbox)
        app.add_url_rule(path, name, view, methods=[method], provide_automatic_options=False)
    app.before_request(partial(gate.before, sandbox))
    app.after_request(partial(gate.after, sandbox))
    app.register_error_handler(ApiError, _api_error)
    app.register_error_handler(HTTPException, _http_error)
    return app


def _api_error(error: ApiError) -> Response:
    return as_json(error.body(), error.status)


def _http_error(error: HTTPException) -> Response:
    if isinstance(error, MethodNotAllowed):
        text = f"{request.method} Method is not allowed on this path"
        return _api_error(ApiError(405, "method_not_allowed", text))
    if error.code == 404:
        return _api_error(not_found("The sandbox has no such path"))
    return _api_error(ApiError(error.code or 500, "bad_request", error.description or ""))
