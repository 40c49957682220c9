"""Listings: numbered pages, opaque cursors, links to neighbours; and pages that a fault spoils."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import orjson

from customer_sync.kit.fakes.answers import Row
from customer_sync.kit.fakes.faults import Fault

Entry = TypeVar("Entry")


def pack(**values: Any) -> str:
    """Return a cursor that tells a reader nothing."""
    return base64.urlsafe_b64encode(orjson.dumps(values)).decode()


def unpack(cursor: str) -> Row | None:
    """Return what a cursor was made of, None when it is none."""
    try:
        found = orjson.loads(base64.b64decode(cursor, altchars=b"-_", validate=True))
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def links(url_of: Callable[[int], str], number: int, pages: int) -> str:
    """Return a `Link` header (RFC 8288) to the page before and after; "" when there is neither.

    Args:
        url_of: page → its address.
        number: the page that is shown, from 1.
        pages: how many there are.
    """
    found = [(min(number - 1, pages), "prev")] if number > 1 else []
    found += [(number + 1, "next")] if number < pages else []
    return ", ".join(f'<{url_of(at)}>; rel="{name}"' for at, name in found)


def window(entries: Sequence[Entry], start: int, size: int, fault: Fault | None) -> list[Entry]:
    """Return a page of a listing, as a fault leaves it.

    Args:
        entries: the whole listing.
        start: where the page begins.
        size: how long it is.
        fault: what strikes the page, one of the kinds of `faults.PAGES`; None for nothing.
    """
    kind = fault.kind if fault else ""
    if kind == "empty_page":
        return []
    if kind == "repeat_page":
        start = max(0, start - size)
    found = list(entries[start : start + size])
    if kind == "shrink_page":
        return found[: max(1, len(found) // 2)]
    if kind == "lose_half":
        return found[::2]
    if fault and kind == "short_page":
        return found[: max(0, len(found) - int(fault.options.get("drop", 1)))]
    return found
