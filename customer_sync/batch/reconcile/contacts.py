"""Reads all contacts from Brevo, page by page, within the shared limit and behind live work."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from customer_sync.base import retry
from customer_sync.base.clock import Clock, system_clock
from customer_sync.batch.reconcile.compare import Contact, read_contact
from customer_sync.brevo.answers import CONTACTS, Answers
from customer_sync.brevo.client import BUCKET, Brevo, contact_path
from customer_sync.brevo.contacts.contact_calls import ONE_ROUTE
from customer_sync.brevo.contacts.listing import OVERLAP, PAGE, ROUTE, Place
from customer_sync.brevo.gate import Gate
from customer_sync.errors import Missing, PayloadError, TryLater, Unavailable
from customer_sync.kit.outbound import Reply
from customer_sync.model import PEOPLE, Json, Priority
from customer_sync.store import Store

#: How many pages back a contact is recognised as read already.
REMEMBERED = 4
#: While live work waits, one call in so many is ours.
LIVE_SHARE = 10
#: How often a call that fails is tried.
MAX_TRIES = 6


class Seen(NamedTuple):
    """Contacts, and a time before which Brevo's answer was not older: what was written since may not be in it."""

    contacts: Sequence[Contact]
    at_ms: int


class BrevoContacts:
    """The contacts of the account.

    Args:
        brevo: the account.
        store: the shared limit, and what waits.
        page: contacts in a page.
        overlap: how many of them were in the page before.
        sleep: waits, in seconds.
        clock: milliseconds since 1970; the clock that stamps deliveries.
    """

    def __init__(  # noqa: PLR0913  # what it works with, and sizes that tests make small
        self,
        brevo: Brevo,
        store: Store,
        *,
        page: int = PAGE,
        overlap: int = OVERLAP,
        sleep: Callable[[float], None] = time.sleep,
        clock: Clock = system_clock,
    ) -> None:
        self._brevo = brevo
        self._store = store
        self._page = page
        self._overlap = min(overlap, page // 2)
        self._sleep = sleep
        self._clock = clock
        #: Calls made so far.
        self.calls = 0
        #: How many contacts the account has, as it last told.
        self.total = 0
        #: Whether every page was read.
        self.is_complete = False

    def pages(self) -> Iterator[Seen]:
        """Yield every contact, each once, in the order in which they were created.

        Raises:
            TajoError: Brevo does not give them; see `Brevo.call`.
        """
        place = Place()
        known: deque[frozenset[int]] = deque(maxlen=REMEMBERED)
        while True:
            at_ms = self._clock()
            rows = self._read(place)
            ids = frozenset(one.id for one in rows)
            if not place.adjoins(ids):
                place = place.back(self._page, self._overlap)
                continue
            fresh = [one for one in rows if not any(one.id in some for some in known)]
            yield Seen(fresh, at_ms)
            known.append(ids)
            self.is_complete = place.offset + len(rows) >= self.total
            if self.is_complete or len(rows) <= self._overlap:
                return
            place = place.next(ids, len(rows), self._overlap)

    def read(self, email: str) -> Seen | None:
        """Return the contact with an address, None when there is none.

        Raises:
            TajoError: as `pages`.
        """
        at_ms = self._clock()
        try:
            found = read_contact(self.call(contact_path(email), ONE_ROUTE))
        except Missing:
            return None
        return Seen([found], at_ms) if found else None

    def call(self, path: str, endpoint: str, answers: Answers = CONTACTS) -> Json:
        """Return the answer of one GET call, made when its turn comes.

        Raises:
            Missing: 404.
            TajoError: as `Brevo.call`, after several tries.
        """
        tries = 0
        while True:
            tries += 1
            try:
                return self._once(path, endpoint, answers)
            except TryLater as error:
                if error.burns and tries >= MAX_TRIES:
                    raise
                tries -= 0 if error.burns else 1
                self._sleep(error.after_s if error.after_s is not None else retry.next_wait_s(tries))
            except (Unavailable, PayloadError) as error:
                if tries >= MAX_TRIES:
                    raise Unavailable(str(error)) from error
                self._sleep(retry.next_wait_s(tries))

    def _once(self, path: str, endpoint: str, answers: Answers) -> Json:
        self._make_way()
        Gate(self._store.limits, BUCKET, 1).wait()
        self.calls += 1
        reply: Reply = self._brevo.call("GET", path, bucket=BUCKET, answers=answers, endpoint=endpoint)
        return reply.json()

    def _make_way(self) -> None:
        """Wait while live work waits, so that nearly all calls are left to it."""
        rate = self._store.limits.rate(BUCKET)
        if not rate:
            return
        if self._store.lanes.is_any_due(PEOPLE, (Priority.URGENT, Priority.LIVE), self._clock()):
            self._sleep(LIVE_SHARE / rate)

    def _read(self, place: Place) -> list[Contact]:
        body = self.call(place.path(self._page), ROUTE)
        rows = body.get("contacts") if isinstance(body, dict) else None
        count = body.get("count") if isinstance(body, dict) else None
        self.total = count if isinstance(count, int) else 0
        return [one for row in (rows if isinstance(rows, list) else []) if (one := read_contact(row)) is not None]
