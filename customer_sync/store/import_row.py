"""A row of an import as Redis keeps it: what has to be written when Brevo has taken it. Compressed, many at a time."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import NamedTuple

from customer_sync.person.merge import from_json, to_json
from customer_sync.store.forms import EventRef


class Row(NamedTuple):
    """One person in an import: what has to be written when Brevo has taken the row.

    Args:
        target: the person.
        email: the address.
        record: the person's record as it is to be stored then.
        events: the events behind the changes that were taken.
        tries: how often it had failed before.
        is_part: whether something is left for a single call: values that no import may carry.
        joins: the lists that the contact joins once the row is verified: the import did not carry them.
        unique: the attributes that only one contact may have and that the row carries.
    """

    target: str
    email: str
    record: str
    events: tuple[EventRef, ...]
    tries: int
    is_part: bool = False
    joins: tuple[int, ...] = ()
    unique: tuple[str, ...] = ()

    @property
    def bare(self) -> Row:
        """The row without anything of the person but the number."""
        return Row(self.target, "", "", (), self.tries)


def pressed(rows: Sequence[Row]) -> bytes:
    """Return rows as stored."""
    packed = [
        [row.target, row.email, row.record, [list(one) for one in row.events], row.tries, int(row.is_part), *row[6:]]
        for row in rows
    ]
    return zlib.compress(to_json(packed).encode(), 1)


def unpressed(raw: bytes) -> list[Row]:
    """Return stored rows. Earlier versions stored six or seven facts of each."""
    return [
        Row(target, email, record, tuple(EventRef(*one) for one in events), tries, bool(is_part), *map(tuple, more))
        for target, email, record, events, tries, is_part, *more in from_json(zlib.decompress(raw))
    ]
