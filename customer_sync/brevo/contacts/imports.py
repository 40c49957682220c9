"""The bulk gear of the contacts lane: `POST /contacts/import` for many people at once.

    load      look at bulk items: unchanged items are done, new people are put into an import that creates, people who
              are in Brevo into one that updates where that was proven, other items are given back and sent one by one
    send      store everything in Redis, hand the leases over to the import, and only then make the call
    follow    see `customer_sync.brevo.contacts.import_end`

Why an import creates or updates and never both, and what that costs: docs/decisions/0010 and 0044.
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
from customer_sync.brevo.contacts.contact_job import Job, prepare, unchanged
from customer_sync.brevo.contacts.contact_plan import Rules
from customer_sync.brevo.contacts.handed_back import back, give_back, works
from customer_sync.brevo.contacts.import_rows import Load, Loads, is_fit, is_whole, item_of
from customer_sync.brevo.contacts.import_update import Updates, is_fit_update, riders_of
from customer_sync.brevo.contacts.kept_loads import ROUND_S, Kept
from customer_sync.brevo.contacts.technical_list import TechnicalLists
from customer_sync.brevo.contacts.upload import Uploads, process_of
from customer_sync.brevo.gate import Gate
from customer_sync.brevo.proof.doors import ALL_ROWS, OPENING
from customer_sync.brevo.proof.ride import new_nonce
from customer_sync.engine.lane import Delivery, Outcome, Work, held
from customer_sync.errors import ConfigError, Missing, Parkable, TajoError, TryLater, Unavailable
from customer_sync.model import PEOPLE
from customer_sync.person.merge import to_json
from customer_sync.store.counters import Tally
from customer_sync.store.import_row import Row
from customer_sync.store.imports import Gone, Imports, Kind
from customer_sync.store.items import Item, Settlement
from customer_sync.store.lanes import Lanes, Pace
from customer_sync.store.people import People

log = get(__name__)

ROUTE: Final = "/contacts/import"
#: How many items are looked at in one step: 20 ms of planning; other threads run between two steps.
CHUNK: Final = 500
#: A load of so many rows is sent as soon as an import may begin; a smaller one is added to until the round is over.
#: 50 imports for a million rows: Brevo tells of 100 an hour (`GET /processes`).
GOOD_ROWS: Final = 20_000
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
        quick_s: where single calls for all who wait take no longer than this, in seconds, a person whose row would lack
            values that only one contact may have goes singly: one call for them is to be made in any case. 0.0: every
            such person has a row.
    """

    min_rows: int = 50
    pace: Pace = _PACE
    notify_url: str = ""
    quick_s: float = 60.0


_TERMS: Final = Terms()


class Loader:
    """Loads and sends imports.

    Args:
        brevo: the account.
        lanes: where the items are taken from.
        people: decodes and encodes persons.
        imports: the imports under way.
        lists: the technical lists.
        updates: what was proven of imports, and who may be updated by one.
        rules: gives the operator's decisions and the account's attributes, as they are now.
        gate: gives the gate for one call.
        is_quick: tells whether single calls are quick, see `Terms.quick_s`.
        first_look_s: how soon an import that was just sent is looked at, in seconds, by its kind and number of rows.
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
        updates: Updates,
        rules: Callable[[], Rules],
        gate: Callable[[], Gate],
        is_quick: Callable[[], bool],
        first_look_s: Callable[[Kind, int], float],
        tally: Tally,
        clock: Clock,
        terms: Terms = _TERMS,
    ) -> None:
        self._brevo = brevo
        self._lanes = lanes
        self._people = people
        self._imports = imports
        self._lists = lists
        self._updates = updates
        self._rules = rules
        self._gate = gate
        self._is_quick = is_quick
        self._first_look_s = first_look_s
        self._tally = tally
        self._terms = terms
        self._clock = clock
        self._kept: Kept | None = None

    def load(self) -> Generator[Work]:
        """Do one round: yield unchanged items, items to be sent one by one, and rows that could not be sent."""
        has_room = self._imports.has_room()
        if not has_room and self._must_wait():
            return
        try:
            rules = self._rules()
        except (Unavailable, ConfigError) as error:
            yield Work("", Delivery([], error))
            return
        except TajoError as error:
            log.warning("bulk gear waits", error=str(error))
            return
        if read := self._updates.read_on():
            yield from [Work("", Delivery([], None))] if read == "read" else []
            return
        kept = yield from self._resume()
        loads, ends = kept.loads, time.monotonic() + ROUND_S
        while loads.full < 1 and time.monotonic() < ends:
            taken = self._lanes.load(PEOPLE, CHUNK, kept.token, self._terms.pace)
            if taken.state != "taken":
                break
            kept.token = taken.token
            outcomes = self._sort(taken.items, rules, loads)
            yield Work(kept.token, Delivery(outcomes, None))
            if self._updates.wants_read or (loads.largest >= GOOD_ROWS and self._imports.has_room()):
                break
        if has_room or self._imports.has_room():
            yield from self._send_off(kept)
        self._hold(kept)

    def _must_wait(self) -> bool:
        """Tell whether nothing is to be loaded while another import runs."""
        kept = self._kept
        if kept is not None and kept.loads.full and kept.renew(self._lanes):
            return True
        return self._updates.is_opening  # the next import may have more rows than could be prepared now

    def _hold(self, kept: Kept) -> None:
        """Keep loads that wait for the import before them."""
        if not kept.loads.is_empty:
            self._kept = kept
            self._lanes.tell_loaded(PEOPLE)

    def _resume(self) -> Generator[Work, None, Kept]:
        """Return the loads kept from the last round; loads that were kept too long are given back."""
        kept, self._kept = self._kept, None
        if kept is not None and kept.renew(self._lanes):
            return kept
        for load in kept.loads.take_out() if kept is not None else ():
            error = TryLater("It was loaded too long ago.", after_s=0.001, burns=False)
            yield from self._release(kept.token if kept else "", load.rows, error)
        return Kept.begin(Loads(self._clock, self._people))

    def _send_off(self, kept: Kept) -> Generator[Work]:
        """Send one load; other loads are kept for the next import, and small loads are given back."""
        may_begin = True
        for load in kept.loads.take_out():
            if len(load.rows) < min(self._terms.min_rows, load.most_rows):
                yield from give_back(kept.token, load.rows)
            elif may_begin:
                may_begin = False
                if not (yield from self._dispatch(kept.token, load)):
                    kept.loads.keep(load)
            elif load.most_rows < ALL_ROWS:
                # the next import may have more rows than this one
                error = TryLater("It waits for the import before it.", after_s=AGAIN_S, burns=False)
                yield from self._release(kept.token, load.rows, error)
            else:
                kept.loads.keep(load)

    def _sort(self, items: Sequence[Item], rules: Rules, loads: Loads) -> list[Outcome]:
        """Load people who go together; return the outcomes of the other items."""
        under_way: Callable[[], Collection[str]] = cache(self._imports.ids)
        now_ms, doors = self._clock(), self._updates.doors()
        takes_parts = doors.phones.is_open or not self._is_quick()
        may_update = self._updates.may_be
        outcomes: list[Outcome] = []
        known: list[Job] = []
        for item in items:
            if item.newer or item.old is not None:
                outcomes.append(back(item))
                continue
            job = prepare(item, self._people, rules, now_ms, under_way)
            if job.plan.action == "none" and not job.waits:
                outcomes.append(unchanged(job, self._people))
            elif is_fit(job, under_way() if item.mark else ()):
                if not ((takes_parts or is_whole(job)) and loads.add(job, doors)):
                    outcomes.append(back(item))
            elif may_update and is_fit_update(job, doors, under_way() if item.mark else ()):
                known.append(job)
            else:
                outcomes.append(back(item))
        if known:
            outcomes += self._sort_known(known, len(items), loads)
        return outcomes

    def _sort_known(self, jobs: Sequence[Job], looked_at: int, loads: Loads) -> Iterator[Outcome]:
        """Load people who may be updated together, and were read unblocked; yield the outcomes of the others."""
        known_to, doors = self._updates.known_to(), self._updates.doors()
        may_go = self._updates.unblocked([job.item.target for job in jobs])
        unread = [int(job.item.target) for job, is_read in zip(jobs, may_go, strict=True) if not is_read]
        unread = [number for number in unread if number > known_to]
        count = len(unread) + int(len(unread) / looked_at * self._lanes.unlooked(PEOPLE))
        waits = bool(unread) and self._updates.is_worth_reading(count, self._terms.min_rows, max(unread))
        for job, is_unblocked in zip(jobs, may_go, strict=True):
            if not is_unblocked and waits and int(job.item.target) > known_to:
                yield held(job.item, "waits until Brevo's contacts are read")
            elif not is_unblocked or not loads.add(job, doors, "updates"):
                yield back(job.item)

    def _dispatch(self, token: str, load: Load) -> Generator[Work, None, bool]:
        """Send a load, or release its rows; False when no import may begin: then nothing has changed."""
        if not self._may_send(load):
            yield from self._put_back(token, load)
            return True
        begun = self._imports.open(PEOPLE, load.key.kind)
        if begun is None:
            return False
        yield from self._begin(token, load, *begun)
        return True

    def _may_send(self, load: Load) -> bool:
        """Tell whether a load may still go: its doors are open, and whom it updates was read shortly before."""
        return self._fits(load) and (not load.updates or self._updates.is_read)

    def _fits(self, load: Load) -> bool:
        """Tell whether the doors that a load was made for are open, and as wide."""
        doors = self._updates.doors(anew=True)
        if not load.key.fits(doors):
            return False
        return not load.updates or (self._updates.may_be and len(load.rows) <= doors.most_rows)

    def _put_back(self, token: str, load: Load) -> Generator[Work]:
        """Yield the rows of a load that may not go: where only the read is too old, they wait for a new one."""
        if not self._fits(load):
            yield from give_back(token, load.rows)
            return
        error = TryLater("Brevo's contacts were read too long ago.", after_s=AGAIN_S, burns=False)
        yield from self._release(token, load.rows, error)

    def _facts(self, load: Load) -> dict[str, str | int]:
        """Return what is to be known of an import that updates before it is sent."""
        if not load.updates:
            return {}
        doors = self._updates.doors()
        step = doors.step if doors.step < len(OPENING) else -1
        return {"nonce": new_nonce(), "riders": to_json(doors.riders), "step": step}

    def _begin(self, token: str, load: Load, import_: str, slot: int) -> Generator[Work]:
        try:
            list_id, since = self._lists.ready(slot)
        except TajoError as error:
            self._imports.close(import_)
            yield from self._release(token, load.rows, error)
            return
        rows, facts = load.rows, self._facts(load)
        try:
            self._imports.prepare(import_, list_id, since, **facts)
            self._take_along(token, import_, load, list_id)
        except Gone:
            log.warning("import given up before it was sent", import_id=import_)
            for holder in (token, import_):
                yield from give_back(holder, rows)
            return
        except (redis.OutOfMemoryError, redis.exceptions.ExecAbortError):
            # Redis has no room for an import; sending one by one makes room
            log.warning("import not sent: Redis is full", import_id=import_, rows=len(rows))
            self._imports.close(import_)
            for holder in (token, import_):
                yield from give_back(holder, rows)
            return
        riders = riders_of(str(facts.get("riders", "[]")))
        body = load.body(list_id, self._terms.notify_url, riders, str(facts.get("nonce", "")))
        yield from self._send(import_, slot, load, body)

    def _take_along(self, token: str, import_: str, load: Load, list_id: int) -> None:
        """Store all rows of an import, then hand their leases over to the import."""
        self._imports.save_rows(import_, load.rows)
        self._imports.sending(import_)
        out = self._imports.import_take(PEOPLE, token, import_, load.marks(import_, list_id))
        if out:
            load.leave(out)
            self._imports.replace_rows(import_, load.rows)
        self._imports.count(import_, len(load.rows))

    def _send(self, import_: str, slot: int, load: Load, body: bytes) -> Generator[Work]:
        if not load.rows:
            self._imports.close(import_)
            return
        if not self._may_send(load):
            self._imports.unsent(import_)
            yield from self._put_back(import_, load)
            self._imports.close(import_)
            return
        try:
            self._gate().wait()
            self._imports.sending(import_)  # this worker may have stood still for long
            process = process_of(self._brevo.upload(ROUTE, body, bucket=BUCKET, answers=IMPORTS))
        except Gone:
            log.warning("import given up before it was sent", import_id=import_)
            yield from give_back(import_, load.rows)
            return
        except TajoError as error:
            if not self._is_certain(error):
                # Brevo may have received the import: the follower finds out; until then the import keeps its items
                self._tally.count("tajo_imports_total", outcome="unclear")
                log.warning("import unclear", import_id=import_, rows=len(load.rows), error=str(error))
                yield Work(import_, Delivery([], error if isinstance(error, Unavailable) else None))
                return
            yield from self._refused(import_, slot, load, error)
            return
        self._imports.sent(import_, process, self._first_look_s(load.key.kind, len(load.rows)))
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
        self._imports.unsent(import_)
        parts = list(self._release(import_, load.rows, error))
        yield from parts[:-1]
        # the last part may pause the lane with an error: the import must be forgotten before that
        self._imports.close(import_)
        yield from parts[-1:]

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
        parts = list(works(token, outcomes))
        if isinstance(error, Unavailable | ConfigError):
            parts[-1:] = [Work(token, Delivery(parts[-1].delivery.outcomes if parts else [], error))]
        if isinstance(error, Parkable) and parts:
            parts[0] = parts[0]._replace(alert=(f"Brevo refuses imports: {error.reason}", error.remedy))
        yield from parts
