"""Pages of a list that grows while it is read, and the cursors between them.

A cursor names a place in the order of the list, the last entry that was looked at. Entries that arrive later stand
before that place, so no page shows an entry twice, and none leaves out an entry that was there at the beginning.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence
from typing import Final, Generic, NamedTuple, TypeVar

T = TypeVar("T")
#: No cursor is longer, in characters.
_LONGEST: Final = 200
_LETTERS: Final = re.compile(r"[A-Za-z0-9_-]+")


class Page(NamedTuple, Generic[T]):
    """Some entries of a list, the newest first.

    Args:
        items: the entries. Where filters leave out much, a page may hold fewer than were asked for, or none, and have
            a cursor all the same: the work that one page may do is bounded.
        cursor: where the next page begins; None behind the last entry.
    """

    items: list[T]
    cursor: str | None


class BadCursor(ValueError):
    """A cursor that no page of this list gave."""

    def __init__(self, cursor: str) -> None:
        super().__init__(
            f"The cursor {cursor[:40]!r} is none that this list gave. Take `next_cursor` of the page before, "
            "unchanged, or begin without a cursor."
        )


def to_cursor(what: str, *place: str | int) -> str:
    """Return the cursor of a place.

    Args:
        what: the list, one letter: a cursor of another list is refused.
        place: its parts, none with a `|` but the last one.
    """
    text = "|".join([what, *map(str, place)])
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read_cursor(cursor: str, what: str, form: re.Pattern[str]) -> Sequence[str]:
    """Return the parts of the place that a cursor names: the groups of `form`.

    Raises:
        BadCursor: the list gave no such cursor.
    """
    if len(cursor) <= _LONGEST and _LETTERS.fullmatch(cursor):
        try:
            text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
        except (binascii.Error, UnicodeDecodeError):
            raise BadCursor(cursor) from None
        name, _, place = text.partition("|")
        found = form.fullmatch(place)
        # what decodes to the same text is not yet the same cursor
        if name == what and found and to_cursor(what, place) == cursor:
            return found.groups()
    raise BadCursor(cursor)
