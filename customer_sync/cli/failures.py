"""The system's errors as the command line tells them: one table from the class to remedy and exit code."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import redis

from customer_sync.api.problem import Problem
from customer_sync.cli.output import FAILED, NO_ANSWER, NOT_FOUND, REFUSED, WRONG_USE, Failure
from customer_sync.config import ConfigFaults
from customer_sync.errors import (
    ConfigError,
    Missing,
    Parkable,
    PayloadError,
    TajoError,
    TryLater,
    Unavailable,
)
from customer_sync.store.server import told

_REDIS_DOWN: Final = "Start it, or correct TAJO_REDIS_URL; `tajo doctor` tells more."
#: Status of a problem → the exit code; all others are 1.
_STATUS: Final = {400: WRONG_USE, 403: REFUSED, 404: NOT_FOUND, 422: WRONG_USE, 503: NO_ANSWER}
_AWAY: Final = "Look at its status page (Brevo's is https://status.brevo.com) and at this network, then try again."


def _problem(problem: Problem) -> Failure:
    """Return a problem with every single fault of it; what it says of HTTP is not said here."""
    faults = [f"{one.path}: {one.detail}" if one.path else one.detail for one in problem.errors]
    faults = [
        f"{one} Choices: {', '.join(fault.choices)}." if fault.choices and "Choices: " not in one else one
        for one, fault in zip(faults, problem.errors, strict=True)
    ]
    remedy = "" if problem.errors and "/api/v1" in problem.remedy else problem.remedy
    return Failure("\n".join(faults) or problem.detail, remedy, _STATUS.get(problem.status, FAILED))


#: The first class that fits is taken.
_ROWS: Final[tuple[tuple[type[Exception], Callable[..., Failure]], ...]] = (
    (ConfigFaults, lambda error: Failure(str(error), "", WRONG_USE)),
    (Problem, _problem),
    (ConfigError, lambda error: Failure(error.reason, error.remedy, REFUSED)),
    (Unavailable, lambda error: Failure(f"No answer: {error}.", _AWAY, NO_ANSWER)),
    (TryLater, lambda error: Failure(str(error), _later(error), FAILED)),
    (Parkable, lambda error: Failure(error.reason, error.remedy, FAILED)),
    (PayloadError, lambda error: Failure(str(error), error.remedy, FAILED)),
    (Missing, lambda error: Failure(str(error), "", NOT_FOUND)),
    (TajoError, lambda error: Failure(str(error), "", FAILED)),
    (redis.ConnectionError, lambda error: Failure(f"Redis does not answer: {_short(error)}", _REDIS_DOWN, NO_ANSWER)),
    (redis.TimeoutError, lambda error: Failure(f"Redis does not answer: {_short(error)}", _REDIS_DOWN, NO_ANSWER)),
    (redis.RedisError, lambda error: Failure(f"Redis refuses: {_short(error)}", "`tajo doctor` tells more.", FAILED)),
)


def as_failure(error: Exception) -> Failure | None:
    """Return how an error is told, None for one that nobody planned: that one keeps its traceback."""
    if isinstance(error, redis.RedisError):
        error = told(error) or error
    for kind, tell in _ROWS:
        if isinstance(error, kind):
            return tell(error)
    return None


def _later(error: TryLater) -> str:
    return f"Try again in {error.after_s:.0f} s." if error.after_s is not None else "Try again in a moment."


def _short(error: Exception) -> str:
    """Return the first line of an error of Redis; passwords do not stand in it."""
    return str(error).partition("\n")[0].partition(" : <")[0].rstrip(".") + "."
