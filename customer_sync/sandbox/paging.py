"""The parameters all listings share: `limit`, `offset`, `sort`, times and ids."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from flask import request

from customer_sync.sandbox import times
from customer_sync.sandbox.answers import ApiError, invalid

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of a listing was asked for."""

    limit: int
    offset: int
    is_newest_first: bool

    def of(self, rows: Sequence[T]) -> Sequence[T]:
        """Return this part of rows that stand in the order they were created."""
        if not self.is_newest_first:
            return rows[self.offset : self.offset + self.limit]
        end = max(len(rows) - self.offset, 0)
        return rows[max(end - self.limit, 0) : end][::-1]


def page(default: int, most: int) -> Page:
    """Return the page the request asks for.

    Args:
        default: the limit when none is sent.
        most: the highest limit.

    Raises:
        ApiError: 400.
    """
    limit = number("limit", default)
    if not 0 <= limit <= most:
        raise ApiError(400, "out_of_range", f"Limit exceeds max value: {most}")
    offset = number("offset", 0)
    if offset < 0:
        raise ApiError(400, "out_of_range", "Offset should be 0 or greater")
    sort = request.args.get("sort", "desc")
    if sort not in ("asc", "desc"):
        raise invalid("sort should be asc or desc")
    return Page(limit, offset, sort == "desc")


def number(name: str, default: int) -> int:
    """Return a whole number of the query.

    Raises:
        ApiError: 400.
    """
    text = request.args.get(name)
    if text is None:
        return default
    try:
        return int(text)
    except ValueError as error:
        raise invalid(f"{name} should be an integer") from error


def numbers(name: str) -> list[int]:
    """Return whole numbers of the query, repeated (`a=1&a=2`) or joined by commas.

    Raises:
        ApiError: 400.
    """
    texts = [one for text in request.args.getlist(name) for one in text.split(",") if one]
    try:
        return [int(one) for one in texts]
    except ValueError as error:
        raise invalid(f"{name} should be integers") from error


def since(name: str) -> int | None:
    """Return a time of the query in ms since 1970, None when it is absent.

    A `+` in a time zone that was not URL-encoded arrives as a blank and is an error, as it should be.

    Raises:
        ApiError: 400.
    """
    text = request.args.get(name)
    return None if text is None else times.parse(text, name)
