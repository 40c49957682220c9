"""The two ways of paging: a word that tells a reader nothing (version 2), and how many rows are above (version 1)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from customer_sync.kit.fakes.answers import Row
from customer_sync.kit.fakes.clock import seconds_of
from customer_sync.kit.fakes.faults import Fault
from customer_sync.kit.fakes.pages import pack, unpack, window

MOST: Final = 500
SORTED: Final = ("id", "add_time", "update_time")
#: Faults after which a list goes on behind what was shown.
_SHOWN: Final = ("shrink_page", "empty_page")


class Wrong(Exception):
    """A parameter cannot be used; the text says which."""


def page_of(rows: Sequence[Row], query: Row, fault: Fault | None) -> tuple[list[Row], str | None]:
    """Return a page of version 2 and the word for the next; None after the last.

    Raises:
        Wrong: a parameter cannot be used.
    """
    by, is_down = query.get("sort_by", "id"), query.get("sort_direction", "asc") == "desc"
    size = _number(query, "limit", 100)
    if by not in SORTED or not 1 <= size <= MOST:
        raise Wrong("sort_by or limit is wrong")
    wanted = sorted(_filtered(rows, query, fault), key=lambda row: (row[by], row["id"]), reverse=is_down)
    start = 0
    if query.get("cursor"):
        known = unpack(str(query["cursor"]))
        if known is None or known.get("field") != by:
            raise Wrong("cursor is wrong")
        last = (known["value"], known["id"])
        start = sum((row[by], row["id"]) >= last if is_down else (row[by], row["id"]) <= last for row in wanted)
    shown = window(wanted, start, size, fault)
    end = start + (len(shown) if fault and fault.kind in _SHOWN else size)
    if end >= len(wanted):
        return shown, None
    if end == 0:
        return shown, pack(field=by, value=wanted[0][by][:0] if by != "id" else 0, id=0)
    return shown, pack(field=by, value=wanted[end - 1][by], id=wanted[end - 1]["id"])


def _filtered(rows: Sequence[Row], query: Row, fault: Fault | None) -> list[Row]:
    if query.get("ids"):
        ids = str(query["ids"]).split(",")
        if len(ids) > 100 or not all(one.isdecimal() for one in ids):
            raise Wrong("ids: at most 100 numbers")
        return [row for row in rows if str(row["id"]) in ids]
    if fault and fault.kind == "ignore_filter":
        return list(rows)
    since, until = (_time(query, name) for name in ("updated_since", "updated_until"))
    return [
        row
        for row in rows
        if (since is None or (seconds_of(row["update_time"]) or 0) >= since)
        and (until is None or (seconds_of(row["update_time"]) or 0) < until)
    ]


def offset_page(rows: Sequence[Row], query: Row, fault: Fault | None) -> tuple[list[Row], Row]:
    """Return a page of version 1, and what stands below `pagination`.

    Raises:
        Wrong: a parameter cannot be used.
    """
    start, size = _number(query, "start", 0), _number(query, "limit", 100)
    if not 1 <= size <= MOST or start < 0:
        raise Wrong("start or limit is wrong")
    by, _, way = str(query.get("sort") or "add_time DESC").partition(" ")
    if by not in ("id", "add_time", "update_time", "title"):
        raise Wrong("sort is wrong")
    since = _time(query, "updated_since")
    found = [row for row in rows if since is None or (seconds_of(row["update_time"]) or 0) >= since]
    wanted = sorted(found, key=lambda row: (row[by], row["id"]), reverse=way.upper() == "DESC")
    shown = window(wanted, start, size, fault)
    end = start + (len(shown) if fault and fault.kind in _SHOWN else size)
    told: dict[str, Any] = {"start": start, "limit": size, "more_items_in_collection": end < len(wanted)}
    return shown, {**told, "next_start": end} if end < len(wanted) else told


def _number(query: Row, name: str, default: int) -> int:
    value = str(query.get(name, default))
    if not value.isdecimal():
        raise Wrong(f"{name} must be a number")
    return int(value)


def _time(query: Row, name: str) -> float | None:
    if not query.get(name):
        return None
    found = seconds_of(str(query[name]))
    if found is None:
        raise Wrong(f"{name} must be RFC3339")
    return found
