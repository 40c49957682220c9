"""Turns the table of calls into routes: who may, what came, the function, what goes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache
from typing import Final

import redis
from flask import Blueprint, Response, request
from werkzeug.exceptions import HTTPException

from customer_sync.api.installation import Installation
from customer_sync.api.problem import AWAY, FAULT, NOT_ALLOWED, TOO_LARGE, TOO_SLOW, Problem
from customer_sync.base.log import get
from customer_sync.config import Role
from customer_sync.errors import Refused
from customer_sync.web.api import answers
from customer_sync.web.api.call import BASE, Call
from customer_sync.web.api.document import document
from customer_sync.web.api.gate import Gate
from customer_sync.web.api.requests import no_query, read_body, read_query
from customer_sync.web.caller import caller

log = get(__name__)

#: The name of the blueprint.
NAME: Final = "api"
#: Where a request says, with a `Refused`, why its body was not read: who has the right key is told, all others that
#: the key is missing.
UNREAD: Final = "tajo.unread"
#: How soon to come again when all bodies under way hold too much, in seconds.
BUSY_S: Final = 10


def blueprint(tajo: Installation, calls: Iterable[Call]) -> Blueprint:
    """Return the routes below `/api/v1`."""
    routes = Blueprint(NAME, __name__, url_prefix=BASE)
    gate = Gate(tajo)
    routes.before_request(gate.check)
    routes.before_request(_check_read)
    routes.after_request(gate.tell)
    routes.after_request(answers.frame)
    routes.register_error_handler(Problem, answers.problem)
    routes.register_error_handler(redis.RedisError, _away)
    routes.register_error_handler(Exception, _fault)
    table = tuple(calls)
    for call in table:
        routes.add_url_rule(call.rule, call.name, _view(tajo, call), methods=[call.verb])

    @cache
    def text() -> str:  # when it is first asked for: most processes never are
        return document(table)

    @routes.get("/openapi.json")
    def openapi() -> Response:
        no_query(request)
        return Response(text(), content_type="application/json")

    return routes


def sizes(calls: Iterable[Call]) -> dict[str, int]:
    """Return the route of each call that takes larger bodies than forms → how large, in bytes."""
    return {f"{NAME}.{call.name}": call.max_bytes for call in calls if call.max_bytes is not None}


def unread(error: Refused) -> Problem:
    """Return why the body of a call was not read."""
    if error.status == 413:
        return Problem(413, TOO_LARGE, str(error), "Send less in one call: what is to be done may be split.")
    if error.status == 503:
        return Problem(503, AWAY, str(error), "Send it again in a while.", wait_s=BUSY_S)
    return Problem(error.status, TOO_SLOW, str(error), "Send all of the body at once, on a better line.")


def _check_read() -> None:
    """Refuse a call whose body was not read.

    Raises:
        Problem: why it was not.
    """
    error: Refused | None = request.environ.get(UNREAD)
    if error is not None:
        raise unread(error)


def _view(tajo: Installation, call: Call) -> Callable[..., Response]:
    def view(**parts: str) -> Response:
        _check_role(call.role)
        for name, role in call.guarded.items():
            if name in request.args:
                _check_role(role)
        given: dict[str, object] = {**parts, **call.fixed}
        if call.query is None:
            no_query(request)
        else:
            given["query"] = read_query(call.query, request)
        if call.body is not None:
            if call.max_bytes is not None:
                request.max_content_length = call.max_bytes
            given["body"] = read_body(call.body, request, needs_body=call.needs_body)
        return answers.answer(call.function(tajo, **given), call.status)

    return view


def _check_role(role: Role) -> None:
    """Refuse a caller whose role does not do this.

    Raises:
        Problem: naming the role that does.
    """
    who = caller()
    if not who.may(role):
        detail = f"The key `{who.name}` has the role {who.role}; this needs {role}."
        raise Problem(403, NOT_ALLOWED, detail, "Send a key with that role; `api.keys` in tajo.yaml gives roles.")


def _away(error: redis.RedisError) -> Response:
    log.warning("API call without Redis", error=type(error).__name__)
    return answers.problem(Problem(503, AWAY, *answers.REDIS_AWAY))


def _fault(error: Exception) -> Response:
    if isinstance(error, HTTPException):
        return answers.of_http(error)
    log.exception("API call failed")  # noqa: LOG004  # Flask calls this inside its own handler
    remedy = "The log of the web process has the details."
    return answers.problem(Problem(500, FAULT, "A fault in this program.", remedy))
