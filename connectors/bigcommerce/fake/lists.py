"""V3's numbered pages and filters, and V2's bare arrays."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from math import ceil
from typing import Final

from flask import Response

from customer_sync.kit.fakes.answers import Row, reply
from customer_sync.kit.fakes.clock import seconds_of
from customer_sync.kit.fakes.faults import Fault
from customer_sync.kit.fakes.pages import window

MOST: Final = 250
_DEFAULT: Final = 50
Query = Mapping[str, str]
#: (page) → the fault that strikes the listing.
Take = Callable[[int], Fault | None]


class Refusal(Exception):
    """BigCommerce refuses a request.

    Args:
        status: the HTTP status.
        title: what it says.
        errors: path → what is wrong there.
    """

    def __init__(self, status: int, title: str, errors: Mapping[str, str] | None = None) -> None:
        super().__init__(title)
        self.status, self.title, self.errors = status, title, dict(errors or {})

    def answer(self) -> Response:
        """Return it in the envelope of V3."""
        kind = "/api-docs/getting-started/api-status-codes"
        told: Row = {"status": self.status, "title": self.title, "type": kind}
        return reply(told | ({"errors": self.errors} if self.errors else {}), self.status)


def page_of_v3(rows: list[Row], query: Query, take: Take) -> Response:
    """Return a page of rows, which are filtered here and come by id, as V3 shows it."""
    limit = number(query, "limit", _DEFAULT)
    if not 1 <= limit <= MOST:
        raise Refusal(422, "The limit must be between 1 and 250.", {"limit": "error.number.max"})
    page = max(1, number(query, "page", 1))
    fault = take(page)
    found = rows if fault and fault.kind == "ignore_filter" else [one for one in rows if fits(one, query)]
    total, pages = len(found), ceil(len(found) / limit)
    shown = window(found, (page - 1) * limit, limit, fault)
    meta = {"total": total, "count": len(shown), "per_page": limit, "current_page": page, "total_pages": pages}
    return reply({"data": shown, "meta": {"pagination": {**meta, "links": {"current": f"?page={page}&limit={limit}"}}}})


def page_of_v2(rows: list[Row], query: Query, take: Take) -> Response:
    """Return a page of orders as V2 shows it: a bare array, or 204 without a body where there is none."""
    limit, page = number(query, "limit", _DEFAULT), max(1, number(query, "page", 1))
    if not 1 <= limit <= MOST:
        raise Refusal(400, "The field 'limit' is invalid.")
    fault = take(page)
    found = rows if fault and fault.kind == "ignore_filter" else [one for one in rows if fits_v2(one, query)]
    by, _, way = query.get("sort", "id:asc").partition(":")
    if by not in ("id", "date_modified", "date_created"):
        raise Refusal(400, "The field 'sort' is invalid.")
    key: Callable[[Row], float] = (lambda one: one["id"]) if by == "id" else (lambda one: rfc_s(str(one[by])))
    found.sort(key=key, reverse=way == "desc")
    shown = window(found, (page - 1) * limit, limit, fault)
    return reply(shown) if shown else Response(status=204)


def fits(row: Row, query: Query) -> bool:
    """Tell whether a row of V3 is asked for."""
    for name, value in query.items():
        field, _, how = name.partition(":")
        if how == "in":
            if str(row.get(field)).lower() not in value.lower().split(","):
                return False
        elif field in ("id", "email") and not how:
            if str(row.get(field)).lower() != value.lower():
                return False
        elif field in ("date_modified", "date_created") and how in ("min", "max"):
            at_s, bound_s = seconds_of(str(row[field])), seconds_of(value)
            if at_s is None or bound_s is None:
                raise Refusal(422, "JSON data is missing or invalid", {name: "error.expected.date"})
            if at_s <= bound_s if how == "min" else at_s >= bound_s:
                return False
    return True


def fits_v2(row: Row, query: Query) -> bool:
    """Tell whether an order is asked for; archived ones only where that is said."""
    if row["is_deleted"] and query.get("is_deleted") != "true":
        return False
    at_s = rfc_s(str(row["date_modified"]))
    since, until = query.get("min_date_modified"), query.get("max_date_modified")
    return (
        number(query, "min_id", 0) <= row["id"] <= number(query, "max_id", 2**53)
        and (since is None or at_s >= when_s(since))
        and (until is None or at_s <= when_s(until))
        and query.get("customer_id", str(row["customer_id"])) == str(row["customer_id"])
        and query.get("status_id", str(row["status_id"])) == str(row["status_id"])
    )


def when_s(text: str) -> float:
    """Return a time as V2 takes it: ISO or RFC 2822."""
    found = rfc_s(text) if "," in text else seconds_of(text)
    if found is None:
        raise Refusal(400, "The field 'min_date_modified' is invalid.")
    return found


def rfc_s(text: str) -> float:
    """Return a time of V2 as seconds since 1970."""
    return parsedate_to_datetime(text).timestamp()


def number(query: Query, name: str, default: int) -> int:
    """Return a whole number of a query.

    Raises:
        Refusal: it is none.
    """
    text = query.get(name, "")
    if not text:
        return default
    if not re.fullmatch(r"\d{1,15}", text):
        raise Refusal(400, f"The field '{name}' is invalid.", {name: "error.expected.integer"})
    return int(text)
