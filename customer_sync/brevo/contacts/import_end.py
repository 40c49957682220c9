"""Follows imports to their end, and finds out the result of each row before any row counts as delivered.

An import that updates has an end of its own, see `update_end`. Of one that creates:

Brevo tells that an import is over, and names the refused rows in CSV files. Brevo does not tell which rows it left out
because the contact exists. So the created contacts are counted. If their number equals the number of rows that were not
refused, each of these rows was created. Otherwise the created contacts are read, and contacts that were not created are
sent one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Final

from customer_sync.base import retry
from customer_sync.base.log import get
from customer_sync.brevo.answers import PROCESSES
from customer_sync.brevo.client import Brevo
from customer_sync.brevo.contacts.import_rows import item_of
from customer_sync.brevo.contacts.list_joins import ListJoins
from customer_sync.brevo.contacts.process_looks import BUCKET, Looks
from customer_sync.brevo.contacts.refused_rows import RefusedRows
from customer_sync.brevo.contacts.technical_list import TechnicalLists
from customer_sync.brevo.contacts.update_end import UpdateEnd, settled
from customer_sync.engine.lane import BREATH, IMPORTED, Delivery, Outcome, Work
from customer_sync.errors import Missing, TajoError, TryLater
from customer_sync.model import Json
from customer_sync.person.merge import from_json, to_json
from customer_sync.store.counters import Tally
from customer_sync.store.import_row import Row
from customer_sync.store.imports import SILENT_S, Import, Imports, Kind
from customer_sync.store.items import Settlement
from customer_sync.store.limits import Limits

log = get(__name__)

LIST_ROUTE, ROUTE = "/processes", "/processes/{processId}"
#: How long after a failed look the next look follows, in seconds.
FAILED_LOOK_S: Final = 5.0
#: An import that is not over after this time is given up, in seconds; its leases end later.
PATIENCE_S: Final = 1500.0
#: How soon rows are tried again when the result of their import is unknown, in seconds.
DESPAIR_S: Final = 1680.0
#: A given-up import may still change contacts for this long, in seconds.
OVERDUE_S: Final = 86_400.0
#: Where more than this share of the rows is missing, Brevo's lists may lag behind: look once more, in so many seconds.
LAG_SHARE, LAG_LOOK_S = 0.1, 3.0

#: An import that updates and is late is asked for again when it is so many times as old.
LATER: Final = 1.5

_UNFINISHED: Final = frozenset({"queued", "in_process", "processing"})
_FAILED: Final = frozenset({"failed", "cancelled"})

Process = Mapping[str, Json]


class Follower:
    """Follows the imports of one lane.

    Args:
        brevo: the account.
        limits: the shared limits.
        imports: the imports under way.
        looks: when Brevo is asked.
        lists: counts the created contacts.
        refused: reads the files of refused rows.
        joins: puts people on their lists.
        updates: finds out the results of imports that update.
        tally: counts the results of the rows.
    """

    def __init__(  # noqa: PLR0913  # what a follower needs; all of it is passed by name in one place
        self,
        *,
        brevo: Brevo,
        limits: Limits,
        imports: Imports,
        looks: Looks,
        lists: TechnicalLists,
        refused: RefusedRows,
        joins: ListJoins,
        updates: UpdateEnd,
        tally: Tally,
        jitter: Callable[[float], float] = retry.full_jitter,
    ) -> None:
        self._brevo = brevo
        self._limits = limits
        self._imports = imports
        self._looks = looks
        self._lists = lists
        self._refused = refused
        self._joins = joins
        self._updates = updates
        self._tally = tally
        self._jitter = jitter

    def follow(self) -> Generator[Work]:
        """Look at the imports that are due; yield the results of the rows of ended imports."""
        wait_s = self._imports.due_s()
        turn = self._imports.turns.begin() if wait_s == 0.0 else None
        if turn is None:
            return
        try:
            yield from self._look(turn)
        finally:
            self._imports.turns.end(turn)

    def _look(self, turn: str) -> Generator[Work]:
        imports = self._imports.under_way()
        due = [one for one in imports if one.is_due]
        running = [one for one in due if one.state != "ended"]
        arrived = [one for one in running if self._has_arrived(one)]
        is_time = bool(arrived) or any(self._must_ask(one) for one in running)
        found, asked = self._ask(imports) if is_time else ({}, [])
        for import_ in imports:
            if import_ not in asked and import_ not in due:
                continue
            if not self._imports.turns.keep(turn):
                return
            if import_ in asked or import_.state in {"ended", "opened"} or _is_half_given_up(import_):
                self._imports.look_in([import_.id], self._looks.again_s(import_))
                for work in self._judge(import_, found):
                    if work is not BREATH:
                        yield work
                    if not self._imports.turns.keep(turn):
                        return
            elif not is_time:
                self._imports.look_in([import_.id], self._looks.again_s(import_))
            elif import_ in arrived:
                # rows may be worked on in any order: whoever withdrew is blocked now, and again when Brevo is done
                yield from self._updates.block_watched(import_)

    def _has_arrived(self, import_: Import) -> bool:
        """Tell whether the last row of an import that updates has arrived; Brevo is asked where that costs nothing."""
        if import_.kind != "updates" or import_.state != "sent" or not self._looks.is_limited:
            return False
        return self._updates.has_last_row(import_)

    def _must_ask(self, import_: Import) -> bool:
        """Tell whether Brevo is to be asked for an import of which nothing is known."""
        if import_.kind != "updates" or import_.state != "sent" or not self._looks.is_limited:
            return True
        if import_.age_s < self._looks.late_s(import_):
            return False
        self._imports.note(import_, ask_s=LATER * import_.age_s)
        return True

    def _ask(self, imports: Sequence[Import]) -> tuple[Mapping[int, Process], Sequence[Import]]:
        """Return Brevo's processes, and the imports that can be judged by them: none while it may not be asked."""
        asked = [one for one in imports if one.state != "ended"]
        wait_s = self._looks.wait_s()
        if wait_s <= 0:
            try:
                return self._processes(asked), asked
            except TajoError as error:
                wait_s = _after_s(error)
        self._imports.look_in([one.id for one in asked], wait_s)
        return {}, []

    def first_look_s(self, kind: Kind, rows: int) -> float:
        """Return how long until the first look at an import that was just sent, in seconds."""
        return self._looks.first_s(kind, rows)

    def _processes(self, imports: Sequence[Import]) -> dict[int, Process]:
        """Return the newest processes of the account, and those that belong to imports of ours, by number.

        Raises:
            TajoError: as `Brevo.call`; the limit is used up.
        """
        self._imports.ask()
        rows = self._call(f"{LIST_ROUTE}?limit=50&sort=desc", LIST_ROUTE).get("processes")
        found: dict[int, Process]
        found = {int(str(row["id"])): row for row in rows if isinstance(row, dict)} if isinstance(rows, list) else {}
        for import_ in imports:
            if import_.process is not None and import_.process not in found:
                with suppress(Missing):
                    found[import_.process] = self._call(f"{LIST_ROUTE}/{import_.process}", ROUTE)
        return found

    def _call(self, path: str, endpoint: str) -> dict[str, Json]:
        grant = self._limits.reserve(BUCKET, 1)
        if not grant.offsets_s:
            raise TryLater("The limit of /processes is used up.", after_s=max(1.0, grant.wait_s), burns=False)
        body = from_json(self._brevo.call("GET", path, bucket=BUCKET, answers=PROCESSES, endpoint=endpoint).body)
        return body if isinstance(body, dict) else {}

    def _judge(self, import_: Import, found: Mapping[int, Process]) -> Generator[Work]:
        """Yield the result of an import; nothing while it runs."""
        if import_.state == "ended":
            yield from self._verify(import_, from_json(import_.info))
        elif import_.state == "opened":
            if import_.age_s > SILENT_S:
                self._end(import_, "void")
        elif _is_half_given_up(import_):
            yield from self._give_up(import_)
        elif import_.process is None or import_.process not in found:
            yield from self._unknown(import_, found)
        else:
            yield from self._known(import_, found[import_.process])

    def _known(self, import_: Import, process: Process) -> Generator[Work]:
        status = process.get("status")
        is_over = status not in _UNFINISHED
        if is_over and import_.state != "overdue":
            self._imports.took(import_)
        if import_.unknown_ms:
            self._imports.note(import_, unknown=0, ended=0)
            import_ = replace(import_, unknown_ms=0, ended_ms=0)
        if import_.state == "overdue":
            if is_over or import_.age_s > OVERDUE_S:
                yield from self._late(import_)
        elif status in _FAILED:
            reason = str(process.get("error") or f"the import is {status}")
            text = f"Brevo could not import {import_.rows or 0} contacts: {reason}"
            yield from self._release_all(import_, reason, text)
            self._end(import_, "failed")
        elif is_over:
            yield from self._verify(import_, process)
        elif import_.age_s > PATIENCE_S:
            yield from self._give_up(import_)

    def _unknown(self, import_: Import, found: Mapping[int, Process]) -> Generator[Work]:
        """Judge an import that Brevo may yet carry out: it has no number that Brevo knows."""
        is_lost = self._is_lost(import_, found)
        if import_.state == "overdue":
            if import_.age_s > OVERDUE_S or is_lost:
                yield from self._late(import_)
        elif is_lost:
            if import_.state not in {"sending", "sent"} or self._imports.lose(import_):
                yield from self._verify(import_, None)
        elif import_.age_s > PATIENCE_S:
            yield from self._give_up(import_)

    def _is_lost(self, import_: Import, found: Mapping[int, Process]) -> bool:
        """Tell whether an import never came to Brevo, as far as can be known.

        Without a number, the worker died or no answer came. A number that Brevo does not know may be known to it later.
        """
        if import_.process is not None and not import_.unknown_ms:
            self._imports.note(import_, unknown=import_.now_ms)
        since_s = import_.age_s if import_.process is None else import_.unknown_s
        return since_s > SILENT_S and not self._is_anything_running(found)

    def _is_anything_running(self, found: Mapping[int, Process]) -> bool:
        ours = {one.process for one in self._imports.under_way()}
        return any(
            process.get("name") == "IMPORTUSER" and process.get("status") in _UNFINISHED and number not in ours
            for number, process in found.items()
        )

    def _give_up(self, import_: Import) -> Generator[Work]:
        """Stop waiting for an import: created contacts count, other rows are tried again, its list is not reused."""
        if import_.kind == "updates":
            # it may yet overwrite what is sent singly now: that is sent again after its end
            self._imports.note(import_, state="overdue")
            for rows in self._imports.rows(import_.id):
                yield Work(import_.id, Delivery([self._again(row, "the import does not end") for row in rows], None))
            is_settled = True
        else:
            is_settled = yield from self._settle_counted(import_, None)
        if is_settled:
            self._imports.give_up(import_)
            self._tally.count("tajo_imports_total", outcome="overdue")
            log.error("import given up", import_id=import_.id, process=import_.process, rows=import_.rows)

    def _late(self, import_: Import) -> Generator[Work]:
        """End an import that was given up."""
        if import_.kind == "updates":
            self._imports.note(import_, state="ended", info="{}")
            yield from self._updates.settle(import_, None)
        self._end(import_, "late")

    def _verify(self, import_: Import, process: Process | None) -> Generator[Work]:
        """Find out the results of the rows and yield them.

        Args:
            import_: the import.
            process: what Brevo tells of it; None when Brevo does not know it.
        """
        if process is not None and import_.state != "ended":
            self._imports.note(import_, state="ended", info=to_json(dict(process)))
        by = self._updates.settle if import_.kind == "updates" else self._settle_counted
        is_settled = yield from by(import_, process)
        if is_settled:
            self._end(import_, "done" if process else "lost")

    def _settle_counted(self, import_: Import, process: Process | None) -> Generator[Work, None, bool]:
        """Settle the rows by the created contacts; False when these are not known yet."""
        refused = self._refused.read(process) if process else frozenset()
        try:
            created = yield from self._created(import_, refused, may_lag=process is not None)
        except _Lagging:
            self._imports.note(import_, looks=import_.looks + 1)
            self._imports.look_in([import_.id], LAG_LOOK_S)
            return False
        except TajoError as error:
            if import_.age_s < DESPAIR_S:
                self._imports.look_in([import_.id], _after_s(error))
                return False
            text = f"Nothing could be found out about an import of {import_.rows or 0} contacts: {error}"
            yield from self._release_all(import_, str(error), text)
            return True
        for rows in self._imports.rows_left(import_):
            outcomes = {row.target: self._outcome(row, refused, created, is_known=process is not None) for row in rows}
            try:
                joining = [row for row in rows if outcomes[row.target].word == "delivered"]
                homeless = yield from self._joins.join(import_, joining)
            except TajoError as error:
                self._imports.look_in([import_.id], _after_s(error))
                return False
            yield settled(import_, rows, outcomes, homeless)
        return True

    def _created(
        self, import_: Import, refused: Collection[str], *, may_lag: bool
    ) -> Generator[Work, None, Collection[str] | None]:
        """Return the addresses of the created contacts; None: all but the refused rows were created.

        Yields `BREATH` after each page.

        Raises:
            TajoError: as `Brevo.call`.
            _Lagging: many contacts are missing: Brevo's list may lag behind, so look once more.
        """
        count = self._lists.count(import_)
        yield BREATH
        if import_.rows is not None and count == import_.rows - len(refused):
            return None
        created = yield from self._lists.created(import_)
        rows = import_.rows or 0
        if may_lag and import_.looks == 0 and rows - len(refused) - len(created) > LAG_SHARE * rows:
            raise _Lagging
        return created

    def _outcome(
        self, row: Row, refused: Collection[str], created: Collection[str] | None, *, is_known: bool
    ) -> Outcome:
        item = item_of(row)
        if row.email in refused:
            self._tally.count("tajo_import_rows_total", outcome="refused")
            return Outcome(item, Settlement(row.target, "solo"), "back")
        if created is None or row.email in created:
            if row.is_part:
                # the contact exists now; its phone follows in a single call
                self._tally.count("tajo_import_rows_total", outcome="without phone")
                return Outcome(item, Settlement(row.target, "solo", record=row.record), "back")
            return Outcome(item, Settlement(row.target, "done", record=row.record), "delivered", IMPORTED)
        if is_known:
            self._tally.count("tajo_import_rows_total", outcome="existed")
            return Outcome(item, self._updates.of_known(row), "back")
        return self._again(row, "the import was lost")

    def _release_all(self, import_: Import, reason: str, alert: str) -> Generator[Work]:
        """Yield all rows as to be tried again; after a few tries each row is sent one by one."""
        log.error("import failed", import_id=import_.id, process=import_.process, rows=import_.rows, reason=reason)
        remedy = "Nothing to do: it is tried again, then each contact goes singly."
        told: tuple[str, str] | None = (alert, remedy)
        for rows in self._imports.rows(import_.id):
            yield Work(import_.id, Delivery([self._again(row, reason) for row in rows], None), told)
            told = None

    def _again(self, row: Row, reason: str) -> Outcome:
        wait_s = retry.FIRST_WAIT_S + retry.next_wait_s(row.tries + 1, jitter=self._jitter)
        settlement = Settlement(row.target, "again", due_in_s=wait_s, burns=True)
        return Outcome(item_of(row), settlement, "again", f"import: {reason}")

    def _end(self, import_: Import, outcome: str) -> None:
        told: dict[str, Json] = {"batch": import_.id, "kind": import_.kind, "contacts": import_.rows or 0}
        told |= {"began_ms": import_.begun_ms, "ended_ms": import_.now_ms}
        self._imports.close(import_.id, to_json(told) if outcome == "done" else "")
        self._tally.count("tajo_imports_total", outcome=outcome)
        log.info(
            "import ended", import_id=import_.id, outcome=outcome, rows=import_.rows, seconds=round(import_.age_s, 1)
        )


def _is_half_given_up(import_: Import) -> bool:
    """Tell whether a worker died while it gave an import up: the rows still hold names."""
    return import_.state == "overdue" and import_.kind == "updates" and not import_.is_bare


def _after_s(error: TajoError) -> float:
    return error.after_s if isinstance(error, TryLater) and error.after_s else FAILED_LOOK_S


class _Lagging(Exception):
    """Contacts are missing on the list, and Brevo may list them later."""
