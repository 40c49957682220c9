"""What the sandbox answers: JSON bodies, empty bodies and Brevo's errors in its own words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import orjson
from flask import Response, request

from customer_sync.model import Json

#: A row of the store: a JSON object.
Row = dict[str, Json]


class ApiError(Exception):
    """An answer that is not 2xx, with Brevo's flat body `{"code", "message"}`.

    Args:
        status: the HTTP status.
        code: Brevo's word for the kind of fault.
        message: Brevo's sentence.
        metadata: further facts; contacts name the identifiers that collide here.
    """

    def __init__(self, status: int, code: str, message: str, metadata: Mapping[str, Json] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.metadata = metadata

    def body(self) -> Row:
        """Return the JSON body."""
        body: Row = {"code": self.code, "message": self.message}
        if self.metadata is not None:
            body["metadata"] = dict(self.metadata)
        return body


def invalid(message: str) -> ApiError:
    """Return a 400 for a value Brevo does not take."""
    return ApiError(400, "invalid_parameter", message)


def missing(message: str) -> ApiError:
    """Return a 400 for a key Brevo wants and did not get."""
    return ApiError(400, "missing_parameter", message)


def not_found(message: str) -> ApiError:
    """Return a 404 for a record that does not exist."""
    return ApiError(404, "document_not_found", message)


def as_json(value: Mapping[str, Json] | Sequence[Json], status: int = 200) -> Response:
    """Return a JSON answer."""
    return raw_json(orjson.dumps(value), status)


def raw_json(text: bytes, status: int = 200) -> Response:
    """Return an answer whose JSON is written already."""
    return Response(text, status, content_type="application/json")


def nothing(status: int = 204) -> Response:
    """Return an answer without a body, as Brevo gives after an update."""
    response = Response(status=status)
    del response.headers["Content-Type"]
    return response


def body_object() -> Row:
    """Return the request's body as a JSON object.

    Raises:
        ApiError: 400 when it is something else.
    """
    return object_of(request.get_data(cache=False))


def object_of(text: bytes) -> Row:
    """Return a text as a JSON object.

    Raises:
        ApiError: 400 when it is something else.
    """
    try:
        value = orjson.loads(text)
    except ValueError as error:
        raise invalid("Input must be a valid JSON object") from error
    if not isinstance(value, dict):
        raise invalid("Input must be a valid JSON object")
    return value


def optional_object() -> Row:
    """Return the request's body as a JSON object, `{}` when there is none.

    Raises:
        ApiError: 400 when it is something else.
    """
    return body_object() if request.content_length else {}
