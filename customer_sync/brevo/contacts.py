"""The contacts lane: brings each person's contact in Brevo to what is known of the person. One upsert each."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cache

from customer_sync import retry
from customer_sync.brevo.client import Brevo, Missing
from customer_sync.brevo.contact_calls import BUCKET, ContactCalls, FoundFirst, flags_of
from customer_sync.brevo.contact_job import (
    Job,
    done,
    erasure_of,
    held,
    old_of,
    only_withdrawn,
    prepare,
    record_of,
    unchanged,
    upheld,
)
from customer_sync.brevo.contact_plan import Rules, flags_differ
from customer_sync.brevo.gate import Gate
from customer_sync.clock import Clock, system_clock
from customer_sync.errors import ConfigError, Parkable, TajoError, TryLater, Unavailable
from customer_sync.lane import Delivery, Outcome
from customer_sync.log import get, place
from customer_sync.model import Priority
from customer_sync.person import Part
from customer_sync.store.forms import encode_part
from customer_sync.store.items import Item, Settlement
from customer_sync.store.limits import Limits
from customer_sync.store.parked import encode, park_item
from customer_sync.store.people import People

log = get(__name__)

LANE = "contacts"

#: How many calls may be under way at once in a process. At 60 calls/s, the largest plan, answers may take 260 ms.
THREADS = 16
#: How many items are taken at once when there is no limit.
BATCH = 64

_IMPORTING = "waits until a running import is finished"


class ContactsHandler:
    """The worker step of the contacts lane.

    Args:
        brevo: the account.
        limits: the shared limit.
        people: for fingerprints.
        rules: gives the operator's decisions and the account's attributes, as they are now.
        clock: milliseconds since 1970.
        under_way: gives the ids of the imports that may still make contacts.
        gate: what lets calls through; another one for bulk work.
    """

    lane = LANE

    def __init__(  # noqa: PLR0913  # what a handler needs, half of it with a default
        self,
        brevo: Brevo,
        limits: Limits,
        people: People,
        rules: Callable[[], Rules],
        clock: Clock = system_clock,
        *,
        under_way: Callable[[], Collection[str]] = frozenset,
        gate: type[Gate] = Gate,
    ) -> None:
        self._limits = limits
        self._people = people
        self._rules = rules
        self._clock = clock
        self._under_way = under_way
        self._gate = gate
        self._calls = ContactCalls(brevo, clock)
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="contacts")

    def batch_size(self) -> int:
        """Return how many items to take: what one second allows, so that urgent ones never wait behind more."""
        rate = self._limits.rate(BUCKET)
        return BATCH if not rate else max(1, min(BATCH, int(rate)))

    def deliver(self, items: Sequence[Item]) -> Delivery:
        """Bring the contacts of these people up to date; one bad item never harms another."""
        try:
            rules = self._rules()
        except (Unavailable, ConfigError) as error:
            return Delivery([held(item, str(error)) for item in items], error)
        except TajoError as error:
            return Delivery([held(item, str(error)) for item in items], None)
        under_way, now_ms = cache(self._under_way), self._clock()
        outcomes = [held(item, item.newer) for item in items if item.newer]
        jobs = [prepare(item, self._people, rules, now_ms, under_way) for item in items if not item.newer]
        outcomes += [held(job.item, _IMPORTING) for job in jobs if job.waits and not job.must_block]
        outcomes += [unchanged(job, self._people) for job in jobs if job.plan.action == "none" and not job.waits]
        calls = [job for job in jobs if job.must_block or (job.plan.action != "none" and not job.waits)]
        urgent = any(item.priority is Priority.URGENT for item in items)
        gate = self._gate(self._limits, BUCKET, len(calls), urgent=urgent)
        stop = threading.Event()
        run = self._pool.map if len(calls) > 1 else map
        outcomes += run(lambda job: self._attempt(job, gate, stop), calls)
        for outcome in outcomes:
            if outcome.item.old is not None and outcome.settlement.old is None:
                outcome.settlement.old = (outcome.item.old.target, None)
        return Delivery.of(outcomes)

    def _attempt(self, job: Job, gate: Gate, stop: threading.Event) -> Outcome:
        """Do one person's calls and tell what became of them."""
        target = job.item.target
        if stop.is_set():
            return Outcome(job.item, Settlement(target, "again"), "held")
        try:
            outcome = self._block(job, gate) if job.must_block else self._act(job, gate)
        except (Unavailable, ConfigError) as error:
            stop.set()
            outcome = Outcome(job.item, Settlement(target, "again", due_in_s=1.0), "held", str(error), error)
        except Missing:
            outcome = self._again(job, TryLater("The contact comes and goes in Brevo."), gate)
        except TryLater as error:
            outcome = self._again(job, error, gate)
        except Parkable as error:
            outcome = self._park(job, error.reason, error.remedy, gate)
        except Exception as error:  # noqa: BLE001  # a fault of ours in one item must not stop the others
            # the error's text may hold what was sent: only its name and place are told
            told = {"error": type(error).__name__, "place": place(error)}
            log.error("item not delivered", **told)  # noqa: TRY400  # no traceback, for the reason above
            outcome = self._again(job, TryLater(f"A fault of this service: {told['error']}."), gate)
        if job.found and outcome.settlement.record is not None:
            outcome.settlement.found = encode_part(Part("", "", None, job.found))
        if job.is_moved:
            # the contact has the new address already, whatever failed after that
            outcome.settlement.record = outcome.settlement.record or record_of(job, self._people)
            outcome.settlement.old = old_of(job, self._people)
            # a block that the move lifted is set again before anything else
            outcome.settlement.is_urgent = bool(job.plan.desired and job.plan.desired.blocked)
        return outcome

    def _act(self, job: Job, gate: Gate) -> Outcome:
        try:
            note = self._calls.act(job, gate)
        except FoundFirst:
            # what was found must outlive this worker before the contact moves
            told = Settlement(
                job.item.target, "again", record=record_of(job, self._people), old=old_of(job, self._people)
            )
            told.is_urgent = True
            return Outcome(job.item, told, "held", "found blocked in Brevo")
        if job.plan.action == "erase":
            return Outcome(job.item, erasure_of(job, self._people), "delivered", note)
        return Outcome(job.item, done(job, self._people), "delivered", note, upheld=upheld(job))

    def _again(self, job: Job, error: TryLater, gate: Gate) -> Outcome:
        """Try an item later; what was withdrawn does not wait with the rest."""
        item = job.item
        if error.burns and self._clock() - item.since_ms > retry.HORIZON_S * 1000:
            return self._park(job, f"Tried for 72 hours: {error}", "See what Brevo answers, then replay.", gate)
        wait_s = error.after_s if error.after_s is not None else retry.next_wait_s(item.tries + 1)
        settlement = Settlement(item.target, "again", due_in_s=wait_s, burns=error.burns)
        if error.burns and not job.is_moved:
            settlement.record = self._withdrawn(job, gate)
        return Outcome(item, settlement, "again" if error.burns else "held", str(error))

    def _park(self, job: Job, reason: str, remedy: str, gate: Gate) -> Outcome:
        """Park an item; what was withdrawn is applied and stored, and is not parked with the rest."""
        item = job.item
        record = self._withdrawn(job, gate)
        parked = park_item(item, LANE, reason, remedy, self._clock())
        settlement = Settlement(item.target, "parked", record=record, parked=(parked.id, encode(parked)))
        return Outcome(item, settlement, "parked", f"{reason} {remedy}")

    def _withdrawn(self, job: Job, gate: Gate) -> str | None:
        """Set the block alone of somebody who withdrew; return what is to be stored of the person, None for nothing.

        What was withdrawn is stored even where Brevo refuses the block, too: nothing that comes later forgets it.
        """
        desired = job.plan.desired
        if desired is None or not (desired.blocked or desired.sms_blocked):
            return None
        known = only_withdrawn(job)
        if not flags_differ(desired, job.stored.has):
            return self._people.encode(known)
        try:
            is_there = self._calls.block_alone(job, gate)
        except TajoError as error:
            log.warning("block refused", person=job.item.target, error=type(error).__name__)
            return self._people.encode(known)
        has = replace(
            known.has, is_there=is_there, blocked=bool(desired.blocked), sms_blocked=bool(desired.sms_blocked)
        )
        return self._people.encode(replace(known, has=has if is_there else known.has))

    def _block(self, job: Job, gate: Gate) -> Outcome:
        """Block somebody who withdrew while an import may make them a contact; the rest waits until it is over.

        Only the block is remembered: whether the contact is the import's is told by the import's mark, when it is over.
        """
        flags = {name: value for name, value in flags_of(job.desired).items() if value is True}
        item, has, old = job.item, job.has, job.old
        record: str | None = None
        if item.flown is not None and not has.blocked:
            self._calls.block(item.flown.email, flags, gate)
            known = self._people.decode(item.record)
            has = replace(known.has, blocked=True, sms_blocked="smsBlacklisted" in flags)
            record = self._people.encode(replace(known, has=has))
        if item.old is not None and item.old.flown is not None and old is not None and not old.has.blocked:
            self._calls.block(item.old.flown.email, flags, gate)
            job.forget_old(replace(self._people.decode(item.old.record).has, blocked=True))
        settlement = Settlement(item.target, "again", due_in_s=1.0, record=record, old=old_of(job, self._people))
        return Outcome(item, settlement, "held", f"blocked; the rest {_IMPORTING}", upheld=upheld(job))
