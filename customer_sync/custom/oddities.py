"""What the pages of a list show about its connector file: an order that is none, a filter that leaves nobody in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from customer_sync.custom import transforms
from customer_sync.custom.form import NONE, Incremental
from customer_sync.custom.records import Records
from customer_sync.errors import PayloadError
from customer_sync.kit.fields import Node
from customer_sync.model import Json


def of_page(name: str, records: Records, kept: Sequence[Node], *, is_empty: bool, is_sorted: bool) -> Iterator[str]:
    """Yield what is odd about a page, for the notes of a run.

    Args:
        name: the resource.
        records: reads its records.
        kept: the rows that are new enough.
        is_empty: whether nothing became of them.
        is_sorted: see `is_sorted`.
    """
    step = records.resource.incremental
    if not is_sorted and step is not None:
        yield f"{name}: the list is not in the order that the file says ({step.order}): write order: none."
    if kept and is_empty and records.kind != NONE:
        yield f"{name}: transform leaves out every record of a page: is that meant?"
    elif len(kept) > 1 and not any(map(records.has_address, kept)):
        yield f"{name}: no record of a page has an address: is mapping.email right?"


def is_sorted(rows: Sequence[Json], step: Incremental) -> bool:
    """Tell whether the times of a page follow one another as the file says; those that cannot be read do not count."""
    if step.order == "none":
        return True
    times = [one for one in (changed_at(row, step) for row in rows) if one is not None]
    return times == sorted(times, reverse=step.order == "desc")


def changed_at(row: Json, step: Incremental) -> datetime | None:
    """Return when a record changed; None where it does not say so, or nobody can read it."""
    try:
        value = step.cursor.get(row) if isinstance(row, dict) else None
        return None if value in (None, "") else transforms.read_moment(value, step.format, step.cursor.path())
    except PayloadError:
        return None
