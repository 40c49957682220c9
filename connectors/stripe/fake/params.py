"""Forms and queries as Stripe takes them: `metadata[a]=b`, `expand[]=data.customer`, `created[gte]=1`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Any, Final

from customer_sync.kit.fakes.answers import Row

_PIECES: Final = re.compile(r"\[([^\]]*)\]")
_COMPARE: Final[Mapping[str, Any]] = {
    "gte": lambda value, limit: value >= limit,
    "gt": lambda value, limit: value > limit,
    "lte": lambda value, limit: value <= limit,
    "lt": lambda value, limit: value < limit,
}


class StripeError(Exception):
    """An answer that is an error.

    Args:
        status: of HTTP.
        message: the sentence.
        code: Stripe's code; "" for none.
        param: the parameter at fault; "" for none.
        kind: the type of the error.
    """

    def __init__(
        self, status: int, message: str, code: str = "", param: str = "", kind: str = "invalid_request_error"
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.code, self.param, self.kind = status, message, code, param, kind

    def body(self) -> Row:
        """Return the error as it is sent."""
        told = {"message": self.message, "type": self.kind}
        return {"error": {**told, **({"code": self.code} if self.code else {}), **_param(self.param)}}


def _param(name: str) -> Row:
    return {"param": name} if name else {}


def tree(pairs: Iterable[tuple[str, str]]) -> Row:
    """Return what a form or a query means."""
    found: Row = {}
    for name, value in pairs:
        first, *inner = [name.partition("[")[0], *_PIECES.findall(name)]
        here: Any = found
        keys = [first, *inner]
        for key, then in pairwise(keys):
            if then == "" or then.isdecimal():
                here = here.setdefault(key, [])
                break
            here = here.setdefault(key, {})
        if isinstance(here, list):
            here.append(value)
        else:
            here[keys[-1]] = value
    return found


def whole(params: Row, name: str, default: int | None = None) -> int | None:
    """Return a whole number that was sent.

    Raises:
        StripeError: it is none.
    """
    value = params.get(name)
    if value is None:
        return default
    if not re.fullmatch(r"-?\d{1,15}", str(value)):
        raise StripeError(400, f"Invalid integer: {value}", "parameter_invalid_integer", name)
    return int(value)


def created(params: Row) -> Any:
    """Return whether the time of an object fits the filter `created`.

    Raises:
        StripeError: a limit is no number.
    """
    asked = params["created"]
    limits = asked if isinstance(asked, dict) else {"gte": asked, "lte": asked}
    tests = [(_COMPARE[name], whole(limits, name)) for name in limits if name in _COMPARE]
    return lambda row: all(test(row["created"], limit) for test, limit in tests)
