"""People join their lists after their row was verified: an import might put somebody on a list who left it before."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Generator, Sequence
from contextlib import suppress
from typing import Final

from customer_sync.brevo.answers import LIST_ADDS
from customer_sync.brevo.client import BUCKET, Brevo, NoList
from customer_sync.brevo.gate import Calls
from customer_sync.engine.lane import BREATH, Delivery, Work
from customer_sync.errors import Missing
from customer_sync.store.import_row import Row
from customer_sync.store.imports import Import, Imports

#: How many contacts one call puts on a list (`POST /contacts/lists/{listId}/contacts/add`).
MOST: Final = 150
ROUTE: Final = "/contacts/lists/{listId}/contacts/add"


class ListJoins:
    """Puts the contacts of an import on their lists. A call may be made twice: the second one changes nothing.

    Args:
        brevo: the account.
        imports: tells whose items the import still holds.
        gate: gives the gate for one call.
        forget_account: called when Brevo has not a list that the rows say it has, so that the rules are read again.
    """

    def __init__(
        self, brevo: Brevo, imports: Imports, gate: Callable[[], Calls], forget_account: Callable[[], None]
    ) -> None:
        self._brevo = brevo
        self._imports = imports
        self._gate = gate
        self._forget_account = forget_account

    def join(self, import_: Import, rows: Sequence[Row]) -> Generator[Work, None, frozenset[str]]:
        """Put the contacts of verified rows on their lists; whom live work took back is left to that work.

        Yields `BREATH` after each call. Returns whom a list of theirs is gone for: by later rules they go singly.

        Raises:
            TajoError: as `Brevo.call`; some contacts may have joined.
        """
        joining = [row for row in rows if row.joins]
        if not joining:
            return frozenset()
        held = self._imports.held(import_, [row.target for row in joining])
        wanted: defaultdict[int, list[Row]] = defaultdict(list)
        for row in joining:
            for number in row.joins if row.target in held else ():
                wanted[number].append(row)
        homeless: set[str] = set()
        for number, some in wanted.items():
            for start in range(0, len(some), MOST):
                try:
                    self._add(import_, number, some[start : start + MOST])
                except NoList as error:
                    homeless.update(row.target for row in some)
                    self._forget_account()
                    yield Work(import_.id, Delivery([], None), (f"Brevo has no list {number}.", error.remedy))
                    break
                yield BREATH
        return frozenset(homeless)

    def _add(self, import_: Import, number: int, rows: Sequence[Row]) -> None:
        self._gate().wait()
        self._imports.joining(import_.id, [row.target for row in rows])
        with suppress(Missing):  # all of them are on the list already
            self._brevo.call(
                "POST",
                f"/contacts/lists/{number}/contacts/add",
                {"emails": [row.email for row in rows]},
                bucket=BUCKET,
                answers=LIST_ADDS,
                endpoint=ROUTE,
            )
