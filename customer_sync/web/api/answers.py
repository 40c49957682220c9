"""Writes answers and problems, with the headers that every answer has."""

from __future__ import annotations

from flask import Response
from pydantic import BaseModel
from werkzeug.exceptions import HTTPException

from customer_sync import __version__
from customer_sync.api.problem import (
    AWAY,
    FAULT,
    NO_SUCH_CALL,
    NOT_ALLOWED,
    NOT_LET_IN,
    NOT_UNDERSTOOD,
    TOO_LARGE,
    TOO_MANY,
    WRONG_METHOD,
    Problem,
)

#: What Redis' absence is answered with.
REDIS_AWAY = ("Redis does not answer.", "Start Redis; webhooks are kept in the spool meanwhile.")
SEE_DOCUMENT = "GET /api/v1/openapi.json lists every call."

#: Status → the kind of problem that it is where Flask or the entrance turns a request away.
_TITLES = {
    401: NOT_LET_IN,
    403: NOT_ALLOWED,
    404: NO_SUCH_CALL,
    405: WRONG_METHOD,
    413: TOO_LARGE,
    429: TOO_MANY,
    500: FAULT,
    503: AWAY,
}


def answer(model: BaseModel, status: int = 200) -> Response:
    """Return an answer."""
    return Response(model.model_dump_json(), status, content_type="application/json")


def problem(error: Problem) -> Response:
    """Return a problem as every route answers it."""
    text = error.details.model_dump_json(exclude_none=True)
    response = Response(text, error.status, content_type="application/problem+json")
    if error.wait_s:
        response.headers["Retry-After"] = str(error.wait_s)
    if error.status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def turned_away(status: int, detail: str, remedy: str, wait_s: int = 0) -> Response:
    """Return why a request was turned away before it reached its function."""
    return problem(Problem(status, _TITLES.get(status, NOT_UNDERSTOOD), detail, remedy, wait_s=wait_s))


def of_http(error: HTTPException) -> Response:
    """Return what Flask found."""
    return turned_away(error.code or 500, error.description or error.name, SEE_DOCUMENT)


def frame(response: Response) -> Response:
    """Put the headers onto an answer that all have."""
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Tajo-Version"] = __version__
    return response
