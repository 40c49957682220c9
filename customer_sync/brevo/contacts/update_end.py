"""The end of an import that updates: no row counts before the riders show that no block was touched.

whoever withdrew meanwhile is sent first, and the block with them
riders      `passed`; `waits`: look again for some minutes; `flipped`: the doors are closed, everybody goes singly
rows        an import of an opening size is read back row by row; later the listing is read and a page compared
lists       whoever is to join lists joins
settle      and the next opening size may be tried
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Generator, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Final, NamedTuple

from customer_sync.base.log import get
from customer_sync.brevo.client import Brevo
from customer_sync.brevo.contacts.import_rows import item_of
from customer_sync.brevo.contacts.import_update import riders_of
from customer_sync.brevo.contacts.list_joins import ListJoins
from customer_sync.brevo.contacts.read_back import ReadBack, Seen, lacks, tells_of_leaving
from customer_sync.brevo.contacts.refused_rows import RefusedRows
from customer_sync.brevo.contacts.technical_list import CONTACTS_PAGE, TechnicalLists
from customer_sync.brevo.gate import Calls
from customer_sync.brevo.proof.doors import OPENING, UPDATES, DoorBook
from customer_sync.brevo.proof.ride import look
from customer_sync.engine.lane import BREATH, IMPORTED, Delivery, Outcome, Work
from customer_sync.errors import TajoError, TryLater
from customer_sync.model import Json
from customer_sync.store.counters import Tally
from customer_sync.store.import_row import Row
from customer_sync.store.imports import STEP, Import, Imports
from customer_sync.store.items import Settlement

log = get(__name__)

#: How long what an import wrote may take to arrive at its riders, in seconds.
WAITS_S: Final = 300.0
#: The same of an import of which Brevo knows nothing, and works on none: it never came there.
LOST_S: Final = 20.0
#: How often the riders are read meanwhile, in seconds.
WAITS_LOOK_S: Final = 3.0
#: How many rows are read back at once, and for how long in one look, in seconds.
READ_STEP, READ_S = 20, 4.0
#: More rows than this share that do not show what was sent close the door; so few are a coincidence.
ODD_SHARE, FEW_ODD = 0.05, 2
#: An import counts for its opening size if it has at least this share of the rows.
STEP_SHARE: Final = 0.5
#: How soon after a failed look the next look follows, in seconds, and after which age of the import there is none.
AGAIN_S, DESPAIR_S = 5.0, 1680.0
#: Where more than this share of the rows is missing, Brevo's listing may lag behind: look again in so many seconds.
LAG_SHARE, LAG_LOOK_S = 0.1, 3.0


class _Listed(NamedTuple):
    """What the listing shows of the rows.

    Args:
        missing: the addresses that it does not show.
        made: the addresses whose contacts the import has created.
        seen: target → what the contact shows, of those that were compared and are not as sent.
        odd: how many of those are odd.
        compared: how many were compared.
    """

    missing: Collection[str]
    made: Collection[str]
    seen: Mapping[str, Seen]
    odd: int
    compared: int


class _Lagging(Exception):
    """Rows are missing, and Brevo may list them later."""


class UpdateEnd:
    """Finds out the results of the rows of imports that update.

    Args:
        brevo: the account.
        imports: the imports under way.
        lists: lists the contacts of an import.
        refused: reads the files of refused rows.
        joins: puts people on their lists.
        read_back: compares contacts with their rows.
        book: what was proven.
        gate: gives the gate for reading a rider.
        tally: counts the results of the rows.
    """

    def __init__(  # noqa: PLR0913  # what it works with, most of it by name in one place
        self,
        brevo: Brevo,
        imports: Imports,
        lists: TechnicalLists,
        *,
        refused: RefusedRows,
        joins: ListJoins,
        read_back: ReadBack,
        book: DoorBook,
        gate: Callable[[], Calls],
        tally: Tally,
    ) -> None:
        self._brevo = brevo
        self._imports = imports
        self._lists = lists
        self._refused = refused
        self._joins = joins
        self._read_back = read_back
        self._book = book
        self._gate = gate
        self._tally = tally

    def of_known(self, row: Row) -> Settlement:
        """Return what becomes of a person whom an import did not create, because the contact is there already.

        Where imports may update, the bulk gear looks at the person again: they go along once they were read unblocked.
        """
        if not self._book.read().updates.is_open:
            return Settlement(row.target, "solo")
        return self._read_back.existed(row)

    def has_last_row(self, import_: Import) -> bool:
        """Tell whether the rider that is the last row shows that Brevo has come to it."""
        with suppress(TajoError):
            return look(self._brevo, riders_of(import_.riders)[-1:], import_.nonce, self._gate).word != "waits"
        return False

    def settle(self, import_: Import, process: Mapping[str, Json] | None) -> Generator[Work, None, bool]:
        """Yield the results of the rows; False when they are not known yet.

        Args:
            import_: an import that is over.
            process: what Brevo tells of it; None when Brevo does not know it.
        """
        if not import_.ended_ms:
            self._imports.note(import_, ended=import_.now_ms)
        yield from self.block_watched(import_)
        if import_.is_bare:
            yield from self._singly(import_)
            return True
        try:
            return (yield from self._by_riders(import_, process))
        except _Lagging:
            self._imports.note(import_, looks=import_.looks + 1)
            self._imports.look_in([import_.id], LAG_LOOK_S)
        except TajoError as error:
            if import_.age_s > DESPAIR_S:
                log.warning("nothing found out about an import", import_id=import_.id, error=str(error))
                yield from self._singly(import_)
                return True
            after_s = error.after_s if isinstance(error, TryLater) and error.after_s else AGAIN_S
            self._imports.look_in([import_.id], after_s)
        return False

    def block_watched(self, import_: Import) -> Iterator[Work]:
        """Yield people of whom urgent news came meanwhile: their block may have been lifted, so it is set again now."""
        targets = self._imports.watched(import_.id) if import_.is_watched else []
        for start in range(0, len(targets), STEP):
            rows = [Row(target, "", "", (), 0) for target in targets[start : start + STEP]]
            yield Work(import_.id, Delivery([_singly(row) for row in rows], None))

    def _by_riders(self, import_: Import, process: Mapping[str, Json] | None) -> Generator[Work, None, bool]:
        sight = look(self._brevo, riders_of(import_.riders), import_.nonce, self._gate)
        if sight.word == "waits" and import_.since_end_s < (LOST_S if process is None else WAITS_S):
            self._imports.look_in([import_.id], WAITS_LOOK_S)
            return False
        if sight.word == "waits" and process is None:
            yield from self._anew(import_)
            return True
        if sight.word == "flipped":
            self._book.close("flipped", f"{sight.text} Whoever withdrew meanwhile is blocked again.")
        elif sight.word == "waits":
            self._book.close("unclear", sight.text, (UPDATES,))
        if sight.word != "passed":
            self._tally.count("tajo_import_rows_total", by=import_.rows or 0, outcome="unproven")
            yield from self._singly(import_)
            return True
        refused = self._refused.read(process) if process else frozenset()
        if import_.step >= 0:
            return (yield from self._each_row(import_, refused))
        return (yield from self._by_listing(import_, refused))

    # an opening size: each row

    def _each_row(self, import_: Import, refused: Collection[str]) -> Generator[Work, None, bool]:
        """Read the rows back one by one, for some seconds at a time; False while some are left."""
        rows = [row for some in self._imports.rows(import_.id) for row in some]
        done, odd, ends = import_.checked, import_.odd, time.monotonic() + READ_S
        made = yield from self._made(import_)
        while done < len(rows):
            some = rows[done : done + READ_STEP]
            held = self._imports.held(import_, [row.target for row in some])
            seen: dict[str, Seen] = {}
            for row in some:
                if row.target in held and row.email not in refused:
                    seen[row.target] = self._read_back.made(row) if row.email in made else self._read_back.read(row)
                    yield BREATH
            odd += sum(one.word == "odd" for one in seen.values())
            # noted before the rows are settled: whom the import no longer holds is not read again after a crash
            self._imports.note(import_, odd=odd)
            homeless = yield from self._joins.join(import_, [row for row in some if _is_as_sent(seen.get(row.target))])
            outcomes = {row.target: self._outcome(row, seen.get(row.target)) for row in some}
            yield settled(import_, some, outcomes, homeless)
            done += len(some)
            self._imports.note(import_, checked=done)
            if done < len(rows) and time.monotonic() > ends:
                self._imports.look_in([import_.id], 0.0)
                return False
        self._opened(import_, len(rows), odd)
        return True

    def _opened(self, import_: Import, rows: int, odd: int) -> None:
        """Let the next opening size be tried, or close the door."""
        if not self._is_contradicted(odd, rows) and not odd and rows >= STEP_SHARE * OPENING[import_.step]:
            self._book.stepped(import_.step)

    def _is_contradicted(self, odd: int, compared: int) -> bool:
        """Tell whether so many contacts do not show what was sent that imports cannot be trusted; close the door."""
        if odd <= max(FEW_ODD, ODD_SHARE * compared):
            return False
        text = f"After an import {odd} of {compared} contacts did not show what was sent."
        self._book.close("contradicted", text, (UPDATES,))
        return True

    # all sizes after that: the listing

    def _by_listing(self, import_: Import, refused: Collection[str]) -> Generator[Work, None, bool]:
        listed = yield from self._listed(import_, refused)
        if self._is_contradicted(listed.odd, listed.compared):
            yield from self._singly(import_)
            return True
        for rows in self._imports.rows_left(import_):
            outcomes = {row.target: self._listed_outcome(row, listed, refused) for row in rows}
            joining = [row for row in rows if outcomes[row.target].word == "delivered"]
            homeless = yield from self._joins.join(import_, joining)
            yield settled(import_, rows, outcomes, homeless)
        return True

    def _listed_outcome(self, row: Row, listed: _Listed, refused: Collection[str]) -> Outcome:
        if row.email in refused or row.email in listed.missing:
            return self._outcome(row, None)
        if row.email in listed.made:
            return self._outcome(row, self._read_back.made(row))
        return self._outcome(row, listed.seen.get(row.target, Seen("as_sent")))

    def _listed(self, import_: Import, refused: Collection[str]) -> Generator[Work, None, _Listed]:
        """Return what the listing shows: all pages are read for the addresses, and one of them is compared.

        The number of contacts tells nothing: somebody else's change on the list may make up for a row that is missing.

        Yields `BREATH` after each page.

        Raises:
            TajoError: as `Brevo.call`.
            _Lagging: many rows are missing: look once more.
        """
        count, page = self._lists.changed(import_)
        yield BREATH
        made = yield from self._made(import_)
        shown = {str(one.get("email", "")).lower(): one for one in page}
        seen = self._compared(import_, shown)
        compared, odd = len(seen), sum(one.word == "odd" for one in seen.values())
        seen = {target: one for target, one in seen.items() if one.word != "as_sent"}
        emails = {*shown}
        told: dict[str, Mapping[str, Json]] = {}
        carrying = {row.email: row for rows in self._imports.rows(import_.id) for row in rows if row.unique}
        for offset in range(CONTACTS_PAGE, count, CONTACTS_PAGE):
            _, page = self._lists.changed(import_, offset)
            found = {str(one.get("email", "")).lower(): one for one in page}
            emails |= found.keys()
            told |= {email: one for email, one in found.items() if self._is_telling(one, carrying.get(email))}
            yield BREATH
        seen |= {target: one for target, one in self._compared(import_, told).items() if one.word != "as_sent"}
        missing = {row.email for rows in self._imports.rows(import_.id) for row in rows} - emails - {*refused}
        if import_.looks == 0 and len(missing) > LAG_SHARE * (import_.rows or 0):
            raise _Lagging
        return _Listed(missing, made, seen, odd, compared)

    @staticmethod
    def _is_telling(found: Mapping[str, Json], row: Row | None) -> bool:
        """Tell whether a contact is to be compared although its page is not: it shows a withdrawal or lacks a phone."""
        return tells_of_leaving(found) or (row is not None and lacks(row, found))

    def _made(self, import_: Import) -> Generator[Work, None, Collection[str]]:
        """Return the addresses whose contacts the import has created: they were deleted before."""
        has_made = self._lists.count(import_)
        yield BREATH
        return (yield from self._lists.created(import_)) if has_made else ()

    def _compared(self, import_: Import, shown: Mapping[str, Mapping[str, Json]]) -> dict[str, Seen]:
        """Return what contacts show, of those whose item the import still holds."""
        if not shown:
            return {}
        found = [row for rows in self._imports.rows(import_.id) for row in rows if row.email in shown]
        held = self._imports.held(import_, [row.target for row in found])
        return {row.target: self._read_back.judge(row, shown[row.email]) for row in found if row.target in held}

    # results

    def _outcome(self, row: Row, seen: Seen | None) -> Outcome:
        if seen is not None and seen.settlement is not None:
            is_done = seen.settlement.verdict == "done"
            return Outcome(item_of(row), seen.settlement, "delivered" if is_done else "back")
        if _is_as_sent(seen):
            self._tally.count("tajo_import_rows_total", outcome="updated")
            return Outcome(item_of(row), Settlement(row.target, "done", record=row.record), "delivered", IMPORTED)
        self._tally.count("tajo_import_rows_total", outcome="not as sent")
        return _singly(row)

    def _anew(self, import_: Import) -> Iterator[Work]:
        """Yield all rows as to be tried again: the import never came to Brevo."""
        for rows in self._imports.rows(import_.id):
            yield Work(import_.id, Delivery([_again(row) for row in rows], None))

    def _singly(self, import_: Import) -> Iterator[Work]:
        """Yield all rows as to be sent one by one."""
        for rows in self._imports.rows(import_.id):
            yield Work(import_.id, Delivery([_singly(row) for row in rows], None))


def _singly(row: Row) -> Outcome:
    return Outcome(item_of(row), Settlement(row.target, "solo"), "back")


def settled(import_: Import, rows: Sequence[Row], outcomes: Mapping[str, Outcome], homeless: Collection[str]) -> Work:
    """Return the results of rows; whom a list is gone for goes singly."""
    found = [_singly(row) if row.target in homeless else outcomes[row.target] for row in rows]
    return Work(import_.id, Delivery(found, None))


def _again(row: Row) -> Outcome:
    settlement = Settlement(row.target, "again", due_in_s=AGAIN_S, burns=True)
    return Outcome(item_of(row), settlement, "again", "import: the import was lost")


def _is_as_sent(seen: Seen | None) -> bool:
    return seen is not None and seen.word == "as_sent"
