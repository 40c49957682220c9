"""Which lists there are in the account: a contact with one that is not there would be refused as a whole."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from customer_sync.brevo.answers import LISTS
from customer_sync.brevo.client import BUCKET, Brevo

#: The most lists that Brevo gives on a page; without a limit it gives ten.
PAGE: Final = 50


def read_list_ids(brevo: Brevo) -> list[int]:
    """Return the numbers of all lists of the account, in ascending order.

    Raises:
        TajoError: as `Brevo.call`.
    """
    return sorted(set(_ids(brevo)))


def _ids(brevo: Brevo) -> Iterator[int]:
    offset, total = 0, 1
    while offset < total:
        path = f"/contacts/lists?limit={PAGE}&offset={offset}"
        body = brevo.call("GET", path, bucket=BUCKET, answers=LISTS, endpoint="/contacts/lists").json()
        rows = body.get("lists") if isinstance(body, dict) else None
        if not isinstance(body, dict) or not isinstance(rows, list) or not rows:
            return
        for row in rows:
            number = row.get("id") if isinstance(row, dict) else None
            if isinstance(number, int):
                yield number
        count = body.get("count")
        offset, total = offset + len(rows), count if isinstance(count, int) else 0
