"""What models share, and lists: how a list is asked for, what it answers, and how a page of the store becomes that.

pydantic builds a model when it is first used (`defer_build`): a process starts sooner, and without what it never needs.
"""

from __future__ import annotations

from typing import Annotated, Any, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel

from customer_sync.api.problem import Fault, Problem, not_understood
from customer_sync.store.paging import BadCursor

#: How many entries a list has at most, and how many when nothing is said.
MAX_LIMIT: Final = 500
DEFAULT_LIMIT: Final = 50


class Body(BaseModel):
    """What a call takes: nothing that it does not know; `dry_run` and `dryRun` are the same."""

    model_config = ConfigDict(
        extra="forbid", alias_generator=to_camel, populate_by_name=True, strict=True, defer_build=True
    )


class Query(BaseModel):
    """The parameters of a call, given as texts; nothing that it does not know."""

    model_config = ConfigDict(extra="forbid", defer_build=True)


class Answer(BaseModel):
    """What is answered; every field is always there."""

    model_config = ConfigDict(extra="forbid", json_schema_serialization_defaults_required=True, defer_build=True)


def _number(text: Any) -> int:
    plain = str(text)
    if not (plain.isascii() and plain.isdecimal() and len(plain) < 10 and 1 <= int(plain) <= MAX_LIMIT):
        raise ValueError(f"use a number from 1 to {MAX_LIMIT}")
    return int(plain)


class ListQuery(Query):
    """How much of a list is wanted, and from where."""

    limit: Annotated[int, Field(ge=1, le=MAX_LIMIT), BeforeValidator(_number)] = Field(
        default=DEFAULT_LIMIT, description="At most so many, the newest first."
    )
    cursor: str | None = Field(
        default=None,
        description="`next_cursor` of the page before; without it the newest.",
        json_schema_extra={"pattern": "^[A-Za-z0-9_-]{1,200}$"},
    )


class ListAnswer(Answer):
    """A page of a list."""

    next_cursor: str | None = Field(
        description="Asks for the next page; null behind the last entry. A page may hold fewer than `limit`."
    )


def bad_cursor(error: BadCursor, found: str | None) -> Problem:
    """Return the problem that a cursor is none."""
    return not_understood(Fault(path="cursor", detail=str(error), found=found))
