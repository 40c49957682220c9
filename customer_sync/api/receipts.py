"""Receipts of comparisons: whether both sides agree, and where they did not."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any, Final, Literal

from pydantic import Field

from customer_sync.api.filters import SpanQuery
from customer_sync.api.installation import Installation
from customer_sync.api.paging import Answer, ListAnswer, bad_cursor
from customer_sync.api.problem import not_found
from customer_sync.model import to_ms
from customer_sync.store.paging import BadCursor, read_cursor, to_cursor
from customer_sync.store.receipts import KEPT

#: The form of a place in the list: when the comparison ended, in ms, and its id.
_PLACE: Final = re.compile(r"(\d{1,15})\|(\w{1,40})")


class Drift(Answer):
    """How many people differ in one thing, and the numbers of the first few."""

    count: int
    people: list[str]


class Worst(Answer):
    """Whose figure the one of a comparison is."""

    source: str = Field(description="Empty: everybody.")
    side: Literal["at the source", "in Brevo"]
    equal: int
    compared: int
    in_sync: float


class AtSource(Answer):
    """How a source's customers and what is known here differ."""

    in_sync: float | None
    read: int
    customers: int
    equal: int
    differ: int
    by_field: dict[str, int]
    missing_here: int
    gone_at_source: int
    harmful: int
    healed: int
    refused: dict[str, int]
    notes: list[str]


class OfSource(Answer):
    """The figures of one source on both sides."""

    in_sync: float | None
    in_brevo: float | None
    compared: int
    equal: int
    source: AtSource | None


class Receipt(Answer):
    """One comparison of both sides: what differed and what was mended."""

    id: str
    started: str | None
    ended: str | None
    sources: list[str]
    heal: bool = Field(description="Whether what differed was to be mended.")
    stopped: str = Field(description="Why nothing was mended; empty when the brake did not act.")
    in_sync: float | None = Field(
        description="The worst of all sources on both sides, before anything was mended, 0 to 1; null when nobody was "
        "compared."
    )
    worst: Worst | None
    totals: dict[str, int]
    mailable_though_withdrawn: dict[str, Drift] = Field(description="Channel → who withdrew and is still mailable.")
    left_in_brevo_since: dict[str, Drift] = Field(description="Channel → who is blocked in Brevo, or left a list.")
    by_field: dict[str, Drift] = Field(description="What differs → how many people.")
    deleted_in_brevo: Drift
    refused: dict[str, int] = Field(description="Why something that differs is not mended → how many people.")
    not_in_brevo: dict[str, int] = Field(description="Why people have no contact → how many.")
    by_source: dict[str, OfSource]
    calls: int
    notes: list[str]


class ReceiptList(ListAnswer):
    """Receipts, the newest first."""

    items: list[Receipt]


class ReceiptQuery(SpanQuery):
    """Which receipts are wanted, by the time when the comparison ended."""

    source: str | None = Field(default=None, description="Only those in which this source was compared.")


def list_receipts(tajo: Installation, query: ReceiptQuery) -> ReceiptList:
    """Return receipts, the newest first."""
    kept = [(_place(one), one) for one in tajo.store().receipts.recent()]
    try:
        before = None if query.cursor is None else _read(query.cursor)
    except BadCursor as error:
        raise bad_cursor(error, query.cursor) from error
    found = [
        (place, one)
        for place, one in sorted(kept, key=lambda pair: pair[0], reverse=True)
        if (before is None or place < before)
        and (query.source is None or query.source in one["sources"])
        and (query.since is None or place[0] >= query.since)
        and (query.until is None or place[0] < query.until)
    ]
    cursor = to_cursor("c", *found[query.limit - 1][0]) if len(found) > query.limit else None
    items = [Receipt.model_validate(one) for _, one in found[: query.limit]]
    return ReceiptList(items=items, next_cursor=cursor)


def show_receipt(tajo: Installation, receipt_id: str) -> Receipt:
    """Return one receipt.

    Raises:
        Problem: there is none.
    """
    return Receipt.model_validate(find_receipt(tajo, receipt_id))


def find_receipt(tajo: Installation, receipt_id: str) -> dict[str, Any]:
    """Return one receipt as it is stored.

    Raises:
        Problem: there is none.
    """
    found = tajo.store().receipts.find(receipt_id)
    if found is None:
        raise not_found("There is no such receipt.", f"The newest {KEPT} are kept; `receipts` lists them.")
    return found


def _place(receipt: dict[str, Any]) -> tuple[int, str]:
    return to_ms(datetime.fromisoformat(receipt["ended"])) if receipt["ended"] else 0, receipt["id"]


def _read(cursor: str) -> tuple[int, str]:
    at_ms, receipt_id = read_cursor(cursor, "c", _PLACE)
    return int(at_ms), receipt_id
