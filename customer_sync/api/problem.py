"""What cannot be done, told alike by the API, the dashboard and the command line.

The form is that of RFC 9457, with two members of our own: `remedy`, what to do, and `errors`, every single fault.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field

#: What every type begins with; the slug of the title follows.
TYPE: Final = "urn:tajo:problem:"

#: Titles. Each names a kind of problem, and the type is made from it: `urn:tajo:problem:not-found`.
NOT_UNDERSTOOD: Final = "Not understood"
NOT_LET_IN: Final = "Not let in"
NOT_ALLOWED: Final = "Not allowed"
NOT_FOUND: Final = "Not found"
NO_SUCH_CALL: Final = "No such call"
WRONG_METHOD: Final = "Method not allowed"
CONFLICT: Final = "Not possible now"
AMBIGUOUS: Final = "Ambiguous"
TOO_LARGE: Final = "Too large"
TOO_SLOW: Final = "Too slow"
INVALID: Final = "Wrong body"
TOO_MANY: Final = "Too many"
FAULT: Final = "Our fault"
AWAY: Final = "Not reachable"


#: The longest value that a fault shows, in characters.
SHOWN: Final = 80
#: What is never shown: secrets, and whom something is about.
_HIDDEN: Final = re.compile(r"key|secret|token|passw|credential|auth|person|email|data|content", re.IGNORECASE)


def shown(path: str, found: Any) -> Any:
    """Return what a fault shows of what stands at a path: None of secrets and persons, and of all but single values."""
    if _HIDDEN.search(path) or not isinstance(found, str | int | float | bool):
        return None
    return found[:SHOWN] if isinstance(found, str) else found


class Fault(BaseModel):
    """One thing that is wrong with what was sent."""

    model_config = ConfigDict(extra="forbid")

    path: str = Field(description="Where it is: `options.list_id`, `limit`; empty for the whole.")
    detail: str = Field(description="What is wrong.")
    found: Any = Field(default=None, description="What stands there; null where that is secret, or nothing does.")
    choices: list[str] | None = Field(default=None, description="What may stand there, where that can be listed.")


class ProblemDetails(BaseModel):
    """A problem as it is answered."""

    model_config = ConfigDict(extra="forbid", title="Problem")

    type: str = Field(description="Names the kind of problem, for programs.")
    title: str = Field(description="Names the kind of problem, for people.")
    status: int = Field(description="The HTTP status.")
    detail: str = Field(description="What is wrong this time.")
    remedy: str = Field(description="What to do.")
    errors: list[Fault] | None = Field(default=None, description="Every single fault, where there are some.")


class Problem(Exception):
    """What is asked for cannot be done.

    Args:
        status: the HTTP status.
        title: the kind of problem, one of the titles above.
        detail: what is wrong this time.
        remedy: what to do.
        errors: every single fault, where there are some.
        wait_s: how many seconds to wait before the next try; 0 tells nothing of that.
    """

    def __init__(  # noqa: PLR0913  # the members of the answer
        self, status: int, title: str, detail: str, remedy: str, *, errors: Sequence[Fault] = (), wait_s: int = 0
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.title = title
        self.detail = detail
        self.remedy = remedy
        self.errors = tuple(errors)
        self.wait_s = wait_s

    @property
    def details(self) -> ProblemDetails:
        """The problem as it is answered."""
        slug = re.sub(r"[^a-z]+", "-", self.title.lower())
        return ProblemDetails(
            type=TYPE + slug,
            title=self.title,
            status=self.status,
            detail=self.detail,
            remedy=self.remedy,
            errors=list(self.errors) or None,
        )


def not_found(detail: str, remedy: str) -> Problem:
    """Return the problem that there is no such thing."""
    return Problem(404, NOT_FOUND, detail, remedy)


def conflict(detail: str, remedy: str) -> Problem:
    """Return the problem that it cannot be done as things stand."""
    return Problem(409, CONFLICT, detail, remedy)


def not_understood(*errors: Fault, remedy: str = "GET /api/v1/openapi.json lists what each call takes.") -> Problem:
    """Return the problem that parameters are wrong."""
    return Problem(400, NOT_UNDERSTOOD, _told(errors), remedy, errors=errors)


def invalid(*errors: Fault, remedy: str = "GET /api/v1/openapi.json lists what each call takes.") -> Problem:
    """Return the problem that a body is JSON but wrong."""
    return Problem(422, INVALID, _told(errors), remedy, errors=errors)


def _told(errors: Sequence[Fault]) -> str:
    first = f"{errors[0].path}: {errors[0].detail}" if errors[0].path else errors[0].detail
    return first if len(errors) == 1 else f"{len(errors)} faults; the first: {first}"
