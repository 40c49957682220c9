"""The bulk gear of the contacts lane: `POST /contacts/import` for many new people at once.

    load      look at bulk items: unchanged items are done, new people are put into an import, other items are given
              back and sent one by one
    send      store everything in Redis, hand the leases over to the import, and only then make the call
    follow    see `customer_sync.brevo.contacts.import_end`

Why only new people are put into an import, and what that costs: docs/decisions/0010.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

import redis

from customer_sync.base.clock import Clock
from customer_sync.base.log import get
from customer_sync.brevo.answers import IMPORTS
from customer_sync.brevo.client import BUCKET
from customer_sync.brevo.contacts.contact_job import prepare, unchanged
from customer_sync.brevo.contacts.contact_plan import Rules
from customer_sync.brevo.contacts.import_rows import Load, Loads, is_fit, item_of
from customer_sync.brevo.contacts.technical_list import TechnicalLists
from customer_sync.brevo.contacts.upload import Uploads
from customer_sync.brevo.gate import Gate
from customer_sync.engine.lane import Delivery, Outcome, Work
from customer_sync.errors import ConfigError, Missing, Parkable, TajoError, TryLater, Unavailable
from customer_sync.kit.outbound import Reply
from customer_sync.model import PEOPLE
from customer_sync.store.counters import Tally
from customer_sync.store.imports import STEP, Gone, Imports, Row
from customer_sync.store.items import Item, Settlement
from customer_sync.store.lanes import LOAD_LEASE_S, Lanes, Pace
from customer_sync.store.people import People

log = get(__name__)

ROUTE: Final = "/contacts/import"
#: How many items are looked at in one step: 20 ms of planning; other threads run between two steps.
CHUNK: Final = 500
#: How long one round goes on loading, in seconds; its leases last longer.
ROUND_S: Final = 8.0
#: How long the leases of a load that waits are good for, in seconds; from the half of it on they are renewed.
KEEP_S: Final = LOAD_LEASE_S - ROUND_S - 2.0
#: How long a load waits for the import before it, in seconds; then its rows are worked out anew.
MOST_KEPT_S: Final = 60.0
#: How soon rows that could not be sent are looked at again, in seconds.
AGAIN_S: Final = 2.0

#: Errors after which Brevo has certainly taken no row.
_CERTAIN = (ConfigError, Parkable, Missing)


_PACE: Final = Pace()


@dataclass(frozen=True, slots=True)
class Terms:
    """When the bulk gear is used.

    Args:
        min_rows: fewer rows are sent one by one: an import costs four calls and the time until it is done.
        pace: when it is worth while to look.
        notify_url: the URL that Brevo calls when an import is done; "" for none. Brevo is asked in both cases.
        with_phones: whether rows carry phones and other values that only one contact may have. An import may merge
            contacts that share one, and delete the other (`brevo.import_phones`).
    """

    min_rows: int = 50
    pace: Pace = _PACE
    notify_url: str = ""
    with_phones: bool = False


_TERMS: Final = Terms()


@dataclass(slots=True)
class _Kept:
    """Loads that wait for the end of the import before them.

    Args:
        loads: the loads.
        ends: until when the loads may be used: their leases must last for another round.
        began: when the first of them was loaded.
        token: the token of their leases.
    """

    loads: Loads
    ends: float
    began: float
    token: str = ""


class Loader:
    """Loads and sends imports.

    Args:
        brevo: the account.
        lanes: where the items are taken from.
        people: decodes and encodes persons.
        imports: the imports under way.
        lists: the technical lists.
        rules: gives the operator's decisions and the account's attributes, as they are now.
        gate: gives the gate for one call.
        first_look_s: how soon an import that was just sent is looked at, in seconds.
        tally: counts the sent rows.
        clock: milliseconds since 1970.
        terms: when the gear is used.
    """

    def __init__(  # noqa: PLR0913  # what a gear needs; all of it is passed by name in one place
        self,
        *,
        brevo: Uploads,
        lanes: Lanes,
        people: People,
        imports: Imports,
        lists: TechnicalLists,
        rules: Callable[[], Rules],
        gate: Callable[[], Gate],
        first_look_s: Callable[[], float],
        tally: Tally,
        clock: Clock,
        terms: Terms = _TERMS,
    ) -> None:
        self._brevo = brevo
        self._lanes = lanes
        self._people = people
        self._imports = imports
        self._lists = lists
        self._rules = rules
        self._gate = gate
        self._first_look_s = first_look_s
        self._tally = tally
        self._terms = terms
        self._clock = clock
        self._kept: _Kept | None = None

    def load(self) -> Generator[Work]:
        """Do one round: yield unchanged items, items to be sent one by one, and rows that could not be sent."""
        has_room = self._imports.has_room()
        if not has_room and self._kept is not None and self._kept.loads.full and self._renew(self._kept):
            return
        try:
            rules = self._rules()
        except (Unavailable, ConfigError) as error:
            yield Work("", Delivery([], error))
            return
        except TajoError as error:
            log.warning("bulk gear waits", error=str(error))
            return
        kept = yield from self._resume()
        loads, ends = kept.loads, time.monotonic() + ROUND_S
        while loads.full < 1 and time.monotonic() < ends:
            taken = self._lanes.load(PEOPLE, CHUNK, kept.token, self._terms.pace)
            if taken.state != "taken":
                break
            kept.token = taken.token
            yield Work(kept.token, Delivery(list(self._sort(taken.items, rules, loads)), None))
        if has_room:
            yield from self._send_off(kept)
        else:
            self._hold(kept)

    def _hold(self, kept: _Kept) -> None:
        """Keep loads that wait for the import before them."""
        if not kept.loads.is_empty:
            self._kept = kept
            self._lanes.tell_loaded(PEOPLE)

    def _renew(self, kept: _Kept) -> bool:
        """Renew the leases of loads that wait where it is time; False where they were kept too long."""
        now = time.monotonic()
        if now >= kept.ends or now - kept.began > MOST_KEPT_S:
            return False
        if kept.ends - now < KEEP_S / 2:
            self._lanes.renew(PEOPLE, kept.token, kept.loads.targets, lease_s=LOAD_LEASE_S)
            kept.ends = now + KEEP_S
        self._lanes.tell_loaded(PEOPLE)
        return True

    def _resume(self) -> Generator[Work, None, _Kept]:
        """Return the loads kept from the last round; loads that were kept too long are given back."""
        kept, self._kept = self._kept, None
        if kept is not None and self._renew(kept):
            return kept
        for load in kept.loads.take_out() if kept is not None else ():
            error = TryLater("It was loaded too long ago.", after_s=0.001, burns=False)
            yield from self._release(kept.token if kept else "", load.rows, error)
        now = time.monotonic()
        return _Kept(Loads(self._clock, self._people, with_phones=self._terms.with_phones), now + KEEP_S, now)

    def _send_off(self, kept: _Kept) -> Generator[Work]:
        """Send one load; loads for other lists are kept for the next import, and small loads are given back."""
        may_begin = True
        for load in kept.loads.take_out():
            if len(load.rows) < self._terms.min_rows:
                yield from _give_back(kept.token, load.rows)
            elif may_begin:
                may_begin = False
                if not (yield from self._dispatch(kept.token, load)):
                    kept.loads.keep(load)
            else:
                kept.loads.keep(load)
        self._hold(kept)

    def _sort(self, items: Sequence[Item], rules: Rules, loads: Loads) -> Iterator[Outcome]:
        """Load new people; yield the outcomes of the other items."""
        under_way: Callable[[], Collection[str]] = cache(self._imports.ids)
        now_ms = self._clock()
        for item in items:
            if item.newer or item.old is not None:
                yield Outcome(item, Settlement(item.target, "back"), "back")
                continue
            job = prepare(item, self._people, rules, now_ms, under_way)
            if job.plan.action == "none" and not job.waits:
                yield unchanged(job, self._people)
            elif not is_fit(job, under_way() if item.mark else ()) or not loads.add(job):
                yield Outcome(item, Settlement(item.target, "back"), "back")

    def _dispatch(self, token: str, load: Load) -> Generator[Work, None, bool]:
        """Send a load, or release its rows; False when no import may begin: then nothing has changed."""
        begun = self._imports.open(PEOPLE)
        if begun is None:
            return False
        yield from self._begin(token, load, *begun)
        return True

    def _begin(self, token: str, load: Load, import_: str, slot: int) -> Generator[Work]:
        try:
            list_id, since = self._lists.ready(slot)
        except TajoError as error:
            self._imports.close(import_)
            yield from self._release(token, load.rows, error)
            return
        rows = load.rows
        try:
            self._imports.prepare(import_, list_id, since)
            self._take_along(token, import_, load)
        except Gone:
            log.warning("import given up before it was sent", import_id=import_)
            for holder in (token, import_):
                yield from _give_back(holder, rows)
            return
        except (redis.OutOfMemoryError, redis.exceptions.ExecAbortError):
            # Redis has no room for an import; sending one by one makes room
            log.warning("import not sent: Redis is full", import_id=import_, rows=len(rows))
            self._imports.close(import_)
            for holder in (token, import_):
                yield from _give_back(holder, rows)
            return
        yield from self._send(import_, slot, load, list_id)

    def _take_along(self, token: str, import_: str, load: Load) -> None:
        """Store all rows of an import, then hand their leases over to the import."""
        self._imports.save_rows(import_, load.rows)
        self._imports.sending(import_)
        out = self._imports.import_take(PEOPLE, token, import_, load.marks(import_))
        if out:
            load.leave(out)
            self._imports.replace_rows(import_, load.rows)
        self._imports.count(import_, len(load.rows))

    def _send(self, import_: str, slot: int, load: Load, list_id: int) -> Generator[Work]:
        if not load.rows:
            self._imports.close(import_)
            return
        body = load.body(list_id, self._terms.notify_url)
        try:
            self._gate().wait()
            process = _process_of(self._brevo.upload(ROUTE, body, bucket=BUCKET, answers=IMPORTS))
        except TajoError as error:
            if not self._is_certain(error):
                # Brevo may have received the import: the follower finds out; until then the import keeps its items
                self._tally.count("tajo_imports_total", outcome="unclear")
                log.warning("import unclear", import_id=import_, rows=len(load.rows), error=str(error))
                yield Work(import_, Delivery([], error if isinstance(error, Unavailable) else None))
                return
            yield from self._refused(import_, slot, load, error)
            return
        self._imports.sent(import_, process, self._first_look_s())
        self._tally.count("tajo_imports_total", outcome="sent")
        self._tally.count("tajo_import_rows_total", by=len(load.rows), outcome="sent")
        log.info("import sent", import_id=import_, process=process, rows=len(load.rows), size_bytes=len(body))

    def _is_certain(self, error: Exception) -> bool:
        if isinstance(error, TryLater):
            return not error.burns  # 429, from Brevo or from the gate before the call
        return isinstance(error, _CERTAIN) or not self._brevo.was_sent(error)

    def _refused(self, import_: str, slot: int, load: Load, error: Exception) -> Generator[Work]:
        """Release the rows of an import that Brevo refused."""
        self._tally.count("tajo_imports_total", outcome="refused")
        log.warning("import refused", import_id=import_, rows=len(load.rows), error=str(error))
        if isinstance(error, Parkable | Missing):
            # a deleted list, no credit, ...: after three tries each row is sent alone, and gets its own error
            self._imports.set_list(slot, None)
        works = list(self._release(import_, load.rows, error))
        yield from works[:-1]
        # the last part may pause the lane with an error: the import must be forgotten before that
        self._imports.close(import_)
        yield from works[-1:]

    def _release(self, token: str, rows: Iterable[Row], error: Exception) -> Generator[Work]:
        """Yield rows as to be tried again; the last part pauses the lane if the error asks for a pause."""
        is_ours = isinstance(error, Parkable | Missing)
        wait_s = (error.after_s if isinstance(error, TryLater) else None) or AGAIN_S
        burns = is_ours or (isinstance(error, TryLater) and error.burns)
        outcomes = (
            Outcome(
                item_of(row),
                Settlement(row.target, "again", due_in_s=wait_s, burns=burns),
                "again" if burns else "held",
                f"import: {error}",
            )
            for row in rows
        )
        works = list(_works(token, outcomes))
        if isinstance(error, Unavailable | ConfigError):
            works[-1:] = [Work(token, Delivery(works[-1].delivery.outcomes if works else [], error))]
        if isinstance(error, Parkable) and works:
            works[0] = works[0]._replace(alert=(f"Brevo refuses imports: {error.reason}", error.remedy))
        yield from works


def _give_back(token: str, rows: Iterable[Row]) -> Generator[Work]:
    """Yield rows as not tried: they are sent one by one."""
    return _works(token, (Outcome(item_of(row), Settlement(row.target, "back"), "back") for row in rows))


def _works(token: str, outcomes: Iterable[Outcome]) -> Generator[Work]:
    part: list[Outcome] = []
    for outcome in outcomes:
        part.append(outcome)
        if len(part) == STEP:
            yield Work(token, Delivery(part, None))
            part = []
    if part:
        yield Work(token, Delivery(part, None))


def _process_of(reply: Reply) -> int:
    body = reply.json()
    number = body.get("processId") if isinstance(body, dict) else None
    if not isinstance(number, int):
        raise TryLater("Brevo accepted an import without a number.")
    return number
