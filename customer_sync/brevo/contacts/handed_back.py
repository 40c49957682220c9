"""Items that the bulk gear hands back untried, in parts of a size that one step of Redis settles."""

from __future__ import annotations

from collections.abc import Generator, Iterable

from customer_sync.brevo.contacts.import_rows import item_of
from customer_sync.engine.lane import Delivery, Outcome, Work
from customer_sync.store.import_row import Row
from customer_sync.store.imports import STEP
from customer_sync.store.items import Item, Settlement


def back(item: Item) -> Outcome:
    """Return an item as not tried: it is sent alone."""
    return Outcome(item, Settlement(item.target, "back"), "back")


def give_back(token: str, rows: Iterable[Row]) -> Generator[Work]:
    """Yield rows as not tried: they are sent one by one."""
    return works(token, (back(item_of(row)) for row in rows))


def works(token: str, outcomes: Iterable[Outcome]) -> Generator[Work]:
    """Yield outcomes in parts."""
    part: list[Outcome] = []
    for outcome in outcomes:
        part.append(outcome)
        if len(part) == STEP:
            yield Work(token, Delivery(part, None))
            part = []
    if part:
        yield Work(token, Delivery(part, None))
