"""Where the next page of Brevo's contacts begins.

Brevo pages by offset alone (seen in its OpenAPI document, 2026-10): a contact that is deleted meanwhile shifts all that
follow, so each page overlaps the one before, and where none of it is found again the reading steps back.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from typing import Final, NamedTuple

#: The most that Brevo gives in one page.
PAGE: Final = 1000
#: How many contacts of a page are asked for again with the next one.
OVERLAP: Final = 50
#: The route.
ROUTE: Final = "/contacts"


class Place(NamedTuple):
    """Where a page begins.

    Args:
        offset: how many contacts, the oldest first, are before it.
        before: Brevo's numbers of the contacts of the page before; empty for the first page.
    """

    offset: int = 0
    before: AbstractSet[int] = frozenset()

    def path(self, page: int = PAGE) -> str:
        """Return the path of the page."""
        return f"{ROUTE}?limit={page}&offset={self.offset}&sort=asc"

    def adjoins(self, ids: AbstractSet[int]) -> bool:
        """Tell whether nothing is missing between the page before and a page with these contacts."""
        return not self.before or self.offset == 0 or bool(self.before & ids)

    def back(self, page: int = PAGE, overlap: int = OVERLAP) -> Place:
        """Return the place of the page that begins with what was not read yet."""
        return Place(max(0, self.offset - (page - overlap)), self.before)

    def next(self, ids: AbstractSet[int], rows: int, overlap: int = OVERLAP) -> Place:
        """Return the place of the page after one with so many contacts."""
        return Place(self.offset + rows - overlap, ids)
