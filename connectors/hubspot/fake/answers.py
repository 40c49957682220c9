"""How the platform says no: errors in its shape, and the bodies of its limits."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Final

from flask import Response, request

from connectors.hubspot.fake.portal import Refusal
from customer_sync.kit.fakes.answers import Row, reply

WORDS: Final[Mapping[int, tuple[str, str]]] = {
    401: ("EXPIRED_AUTHENTICATION", "The OAuth token used to make this call expired 0 second(s) ago."),
    403: ("MISSING_SCOPES", "This app hasn't been granted all required scopes to make this call."),
    404: ("OBJECT_NOT_FOUND", "resource not found"),
    414: ("URI_TOO_LONG", "The address is too long."),
    423: ("LOCKED", "The resource is locked."),
    429: ("RATELIMITS", "You have reached your ten_secondly_rolling limit."),
    477: ("MIGRATION_IN_PROGRESS", "This account is being moved."),
}
LIMITS: Final = {
    "secondly": ("You have reached your secondly limit.", "SECONDLY"),
    "ten_secondly": ("You have reached your ten_secondly_rolling limit.", "TEN_SECONDLY_ROLLING"),
    "daily": ("You have reached your daily limit.", "DAILY"),
}


def error_of(status: int) -> Response:
    """Return the error of a status."""
    category, message = WORDS.get(status, ("INTERNAL_ERROR", "internal error"))
    return refused(status, category, message)


def refused(status: int, category: str, message: str, headers: Mapping[str, str] | None = None) -> Response:
    """Return an error in the platform's shape."""
    body = {"status": "error", "message": message, "correlationId": str(uuid.UUID(int=0)), "category": category}
    return reply(body, status, headers)


def limited(kind: str) -> Response:
    """Return the refusal of a limit; that of searches names no policy."""
    message, policy = LIMITS[kind]
    body = {"status": "error", "message": message, "errorType": "RATE_LIMIT", "correlationId": str(uuid.UUID(int=0))}
    return reply(body if kind == "secondly" else {**body, "policyName": policy}, 429)


def body_of() -> Row:
    """Return the JSON object of a call.

    Raises:
        Refusal: there is none.
    """
    found = request.get_json(silent=True)
    if not isinstance(found, dict):
        raise Refusal("Invalid input JSON")
    return found
