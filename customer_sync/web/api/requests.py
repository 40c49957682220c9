"""Reads what came with a call into its models; says every fault at once, with what may stand there."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeVar

from flask import Request
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from customer_sync.api.paging import Body, Query
from customer_sync.api.problem import NOT_UNDERSTOOD, Fault, Problem, invalid, not_understood, shown

Q = TypeVar("Q", bound=Query)
B = TypeVar("B", bound=Body)

#: pydantic's kind of fault → our words, where its own would confuse.
_WORDS: Final = {
    "extra_forbidden": "This is not known.",
    "missing": "This is missing.",
    "string_type": "This is no text.",
    "bool_type": "This is neither true nor false.",
    "int_type": "This is no whole number.",
    "json_type": "This is no text.",
}


def read_query(model: type[Q], request: Request) -> Q:
    """Return the parameters of a call.

    Raises:
        Problem: with everything that is wrong with them.
    """
    faults = [
        Fault(path=name, detail=f"This is given {len(values)} times.", found=None)
        for name, values in request.args.lists()
        if len(values) > 1
    ]
    try:
        query = model.model_validate(request.args.to_dict())
    except ValidationError as error:
        faults += [fault_of(one, model) for one in error.errors(include_url=False)]
    if faults:
        raise not_understood(*faults)
    return query


def no_query(request: Request) -> None:
    """Refuse the parameters of a call that has none.

    Raises:
        Problem: there are some.
    """
    read_query(Query, request)


def read_body(model: type[B], request: Request, *, needs_body: bool) -> B:
    """Return the body of a call.

    Raises:
        Problem: it is not JSON, or not what the call takes: with everything that is wrong.
    """
    raw = request.get_data()
    if not raw and not needs_body:
        raw = b"{}"
    elif request.mimetype != "application/json":
        sent = request.mimetype or "of no kind"
        raise Problem(415, NOT_UNDERSTOOD, f"The body is {sent}.", "Send JSON, with `Content-Type: application/json`.")
    try:
        return model.model_validate_json(raw)
    except ValidationError as error:
        found = error.errors(include_url=False)
        if any(one["type"] == "json_invalid" for one in found):
            fault = Fault(path="", detail=f"The body is no JSON: {found[0]['ctx']['error']}.")
            raise not_understood(fault, remedy="Send JSON, encoded as UTF-8.") from None
        raise invalid(*(fault_of(one, model) for one in found)) from None


def fault_of(error: ErrorDetails, model: type[Query | Body]) -> Fault:
    """Return one fault that pydantic found in our words: where, what, what stands there, what may."""
    path = path_of(error["loc"])
    kind = error["type"]
    context = error.get("ctx", {})
    choices = _choices(kind, context, model, error["loc"])
    detail = _WORDS.get(kind) or _sentence(error["msg"].removeprefix("Value error, "))
    return Fault(path=path, detail=detail, found=_shown(path, kind, error["input"]), choices=choices)


def path_of(places: Sequence[str | int]) -> str:
    """Return a place as people write it: `events[2].data.email`."""
    text = "".join(f"[{one}]" if isinstance(one, int) else f".{one}" for one in places)
    return text.removeprefix(".")


def _choices(
    kind: str, context: Mapping[str, Any], model: type[Query | Body], places: Sequence[str | int]
) -> list[str] | None:
    if kind in {"enum", "literal_error"}:
        return re.findall(r"'([^']*)'", str(context["expected"]))
    if kind == "extra_forbidden" and len(places) == 1:
        return list(model.model_fields)
    return None


def _shown(path: str, kind: str, found: Any) -> Any:
    return None if kind == "missing" else shown(path, found)


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".")
