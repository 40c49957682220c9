"""Reads whom Brevo shows unblocked, shortly before imports update contacts: only these people may go along.

Small accounts are read page by page. A large one is exported: the file of all contacts, and one file for each list of
who left it, because the first one does not tell that. A file that is not understood, or contradicts a page or a canary,
is left, and the pages are read. What a read showed is only ever a permission: whoever has none goes singly.
Rules: `docs/decisions/0045-read-before-update.md`.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from customer_sync.base.clock import Clock, system_clock
from customer_sync.base.log import get
from customer_sync.brevo.client import BUCKET, Brevo
from customer_sync.brevo.contacts.exported import Files, NotUnderstood
from customer_sync.brevo.contacts.exports import Exports, address_of, call, rows_of
from customer_sync.brevo.contacts.leavings import groups_left
from customer_sync.brevo.contacts.listing import OVERLAP, PAGE, ROUTE, Place
from customer_sync.brevo.contacts.read_progress import Progress, Turn, progress_of
from customer_sync.errors import ConfigError, Missing, Parkable, PayloadError, TajoError, TryLater, Unavailable
from customer_sync.model import Json
from customer_sync.store import Store
from customer_sync.store.reads import OtherTurn

log = get(__name__)

#: How long a whole read is believed, from its beginning, in seconds.
FRESH_S: Final = 900.0
#: The part of that time that reading itself may take: an account that takes longer is not read that way.
MOST_S: Final = 600.0
#: How long one step works, in seconds.
STEP_S: Final = 2.0
#: From so many contacts on an account is exported: their pages are more than 20 seconds of all calls.
EXPORT_FROM: Final = 200_000
#: How many contacts of the first page the file of everybody is judged by: so many blocked, and so many unblocked ones.
CONTROLS: Final = 100
#: About how many calls an export takes beside the hourly ones.
EXPORT_CALLS: Final = 12
#: More calls than any read is worth.
NO_READ: Final = 1_000_000_000
#: A read that takes too long and was worked on within this time, in seconds, is too slow; an older one was left.
WORKED_ON_S: Final = 60.0
#: How long a way is left alone that was of no use, in seconds.
NO_EXPORT_S, NO_READ_S, RETRY_S = 86_400.0, 3_600.0, 120.0
_EXPORT, _READ = "export", "read"


class Reading:
    """The read of all contacts, shared by all workers.

    Args:
        brevo: the account.
        store: where it is kept; the shared limits.
        base_url: Brevo's address, for the files of exports.
        files: fetches these files; made here where it is None.
        clock: milliseconds since 1970.
        page: contacts in a page.
        export_from: from so many contacts on an account is exported.
        step_s: how long one step works, in seconds.
    """

    def __init__(  # noqa: PLR0913  # what it works with, and sizes that tests make small
        self,
        brevo: Brevo,
        store: Store,
        base_url: str,
        *,
        files: Files | None = None,
        clock: Clock = system_clock,
        page: int = PAGE,
        export_from: int = EXPORT_FROM,
        step_s: float = STEP_S,
    ) -> None:
        self._brevo = brevo
        self._store = store
        self._reads = store.reads
        self._exports = Exports(brevo, store, files or Files(base_url), clock)
        self._clock = clock
        self._page = page
        self._overlap = min(OVERLAP, page // 2)
        self._export_from = export_from
        self._step_s = step_s

    def fresh(self) -> int | None:
        """Return when the last whole read began, in ms, where it is younger than `FRESH_S`; None otherwise."""
        return self._believed(self._reads.at_ms())

    def last(self) -> int:
        """Return up to which number people were known when the last whole read began; 0 where it is not fresh."""
        return self._reads.last() if self.fresh() is not None else 0

    def has(self, numbers: Sequence[str]) -> list[bool]:
        """Tell of each person whether the last whole read showed them unblocked; of nobody where it is not fresh.

        Unblocked is: neither e-mail nor SMS blocked, no list and no consent group left.
        """
        found = self._reads.bits(numbers)
        return found.are_shown if self._believed(found.at_ms) is not None else [False] * len(numbers)

    def cost(self, contacts: int | None = None) -> int:
        """Return about how many calls a whole read takes.

        Args:
            contacts: how many contacts the account has; None: as many as there are people here.

        Returns:
            `NO_READ` where there will be no read for the next minutes.
        """
        if self._is_given_up(_READ):
            return NO_READ
        contacts = self._store.people.count() if contacts is None else contacts
        is_exported = contacts >= self._export_from and not self._is_given_up(_EXPORT)
        return EXPORT_CALLS if is_exported else 1 + contacts // (self._page - self._overlap)

    def step(self, last: int = 0) -> bool:
        """Read on for about `STEP_S`, where nobody else does and there is no fresh read.

        Args:
            last: the highest number of the people that are asked for: a read that began before they were known here is
                not fresh for them.

        Returns:
            Whether waiting pays: there is a fresh read, or one is under way. False when there will be none for the next
            minutes: Brevo refuses, or the account is too large to be read in time.
        """
        if self.fresh() is not None and self._reads.last() >= last:
            return True
        if self._is_given_up(_READ):
            return False
        token = self._reads.take_turn()
        if token is None:
            return True
        turn = Turn(self._reads, token, self._clock)
        try:
            return self._work(turn)
        except OtherTurn:
            return True
        finally:
            turn.leave()

    def _believed(self, at_ms: int | None) -> int | None:
        return at_ms if at_ms is not None and 0 <= self._clock() - at_ms < FRESH_S * 1000 else None

    def _is_given_up(self, way: str) -> bool:
        return 0 < self._reads.given_up(way) - self._clock() <= NO_EXPORT_S * 1000

    def _give_up(self, way: str, for_s: float, why: str) -> None:
        log.warning("contacts not read", way=way, why=why)
        self._reads.give_up(way, self._clock() + int(for_s * 1000))

    # one step

    def _work(self, turn: Turn) -> bool:
        ends_at = time.monotonic() + self._step_s
        found = self._found()
        if self._is_given_up(_READ):
            return False
        progress: Progress | None = found or turn.begin()
        try:
            while progress is not None and time.monotonic() < ends_at:
                if progress.way == "wait" and progress.look_ms > self._clock():
                    return True
                progress = self._go_on(progress, turn)
        except (TryLater, Unavailable, PayloadError) as error:
            log.info("reading contacts waits", error=type(error).__name__)
        except TajoError as error:
            self._give_up(_READ, RETRY_S, str(error))
        return not self._is_given_up(_READ)

    def _found(self) -> Progress | None:
        """Return how far the read under way is; None when there is none that could still be of use."""
        found = progress_of(self._reads.progress())
        now_ms = self._clock()
        if found is None or 0 <= now_ms - found.begun_ms < MOST_S * 1000:
            return found
        if 0 <= now_ms - found.noted_ms < WORKED_ON_S * 1000:
            way, for_s = (_READ, NO_READ_S) if found.way == "pages" else (_EXPORT, NO_EXPORT_S)
            self._give_up(way, for_s, "it takes too long")
        return None

    def _go_on(self, progress: Progress, turn: Turn) -> Progress | None:
        """Do the next piece of work; return how far the read is then, None when it has ended."""
        if progress.way == "never":
            self._give_up(_READ, NO_READ_S, "the account is too large to be read in time")
            return None
        try:
            after = self._read_page(progress, turn) if progress.way == "pages" else self._exports.go_on(progress, turn)
        except NotUnderstood as error:
            self._give_up(_EXPORT, error.for_s or NO_EXPORT_S, str(error))
            return turn.begin()
        except (Parkable, Missing, ConfigError) as error:
            if progress.way == "pages":
                raise
            self._give_up(_EXPORT, NO_EXPORT_S, str(error))
            return turn.begin()
        if after is None:
            took_s = (self._clock() - progress.begun_ms) / 1000
            log.info("contacts read", way=progress.way, contacts=progress.total, shown=progress.shown, took_s=took_s)
        return after

    # pages

    def _read_page(self, progress: Progress, turn: Turn) -> Progress | None:
        place = Place(progress.offset, frozenset(progress.before))
        body = call(self._brevo, self._store, "GET", place.path(self._page), ROUTE)
        contacts, count = rows_of(body.get("contacts")), body.get("count")
        ids = frozenset(number for row in contacts if isinstance(number := row.get("id"), int))
        is_next = place.adjoins(ids)
        after = place.next(ids, len(contacts), self._overlap) if is_next else place.back(self._page, self._overlap)
        shown, otherwise = self._sort(contacts)
        total = count if isinstance(count, int) else 0
        way = self._choose(total) if place.offset == 0 else "pages"
        progress = replace(progress, way=way, total=total, shown=progress.shown + len(shown), offset=after.offset)
        if way != "pages":
            blocked = self._sort(row for row in contacts if row.get("emailBlacklisted") is True)[1]
            progress = replace(progress, blocked=blocked[:CONTROLS], unblocked=shown[:CONTROLS])
        else:
            progress = replace(progress, before=sorted(after.before))
        turn.note(progress, shown, otherwise)
        if way != "pages":
            return progress
        if is_next and (place.offset + len(contacts) >= total or len(contacts) <= self._overlap):
            turn.end(progress)
            return None
        return progress

    def _sort(self, contacts: Iterable[Mapping[str, Json]]) -> tuple[list[str], list[str]]:
        """Return the fingerprints of who is shown unblocked, and of who is not."""
        shown: list[str] = []
        otherwise: list[str] = []
        for row in contacts:
            email = address_of(row.get("email"))
            if email:
                (shown if is_unblocked(row) else otherwise).append(self._store.people.fingerprint(email))
        return shown, otherwise

    def _choose(self, total: int) -> str:
        """Return by which way an account of so many contacts is read: `pages`, `lists` (by exports) or `never`."""
        if total >= self._export_from and not self._is_given_up(_EXPORT):
            return "lists"
        rate = self._store.limits.rate(BUCKET)
        takes_s = total / (self._page - self._overlap) / rate if rate else 0.0
        return "pages" if takes_s < MOST_S else "never"


def is_unblocked(contact: Mapping[str, Json]) -> bool:
    """Tell whether a contact, as Brevo lists it, is blocked in no way: what Brevo does not say counts as blocked."""
    if contact.get("emailBlacklisted") is not False or contact.get("smsBlacklisted") is not False:
        return False
    return not contact.get("listUnsubscribed") and not groups_left(contact)
