"""The contacts lane: brings each contact in Brevo up to date with what is known of the person. One upsert each."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from functools import cache
from typing import ClassVar, Final

from customer_sync.base.clock import Clock, system_clock
from customer_sync.base.log import get
from customer_sync.brevo.client import BUCKET, Brevo, NoList
from customer_sync.brevo.contacts.contact_calls import ContactCalls, FoundFirst, must_look
from customer_sync.brevo.contacts.contact_job import (
    Job,
    done,
    erasure_of,
    old_of,
    only_withdrawn,
    prepare,
    record_of,
    unchanged,
    upheld,
)
from customer_sync.brevo.contacts.contact_plan import Rules, flags_differ
from customer_sync.brevo.gate import Gate
from customer_sync.engine.attempt import LaneStep
from customer_sync.engine.lane import HELD_S, LaneDescription, Outcome, held
from customer_sync.errors import TajoError, TryLater
from customer_sync.model import PEOPLE
from customer_sync.person.person import Has, Part
from customer_sync.store.forms import encode_part
from customer_sync.store.items import Item, Settlement
from customer_sync.store.limits import Limits
from customer_sync.store.people import People

log = get(__name__)

CONTACTS: Final = LaneDescription(PEOPLE, keeps="person", bucket=BUCKET, destination="Brevo", has_gear=True)

#: Processes believe for five seconds what they read of the account.
READ_AGAIN_S: Final = 6.0
_IMPORTING = "waits until a running import is finished"


class ContactsHandler(LaneStep[Job, Gate]):
    """The worker step of the contacts lane.

    Args:
        brevo: the account.
        limits: the shared limit.
        people: for fingerprints.
        rules: gives the operator's decisions and the account's attributes, as they are now.
        clock: milliseconds since 1970.
        under_way: gives the ids of the imports that may still make contacts.
        forget_account: called when Brevo has not a list that the rules say it has, so that they are read again.
        gate: makes what lets calls through; bulk work has another gate.
    """

    #: At 60 calls/s, the largest plan, answers may take 260 ms.
    threads: ClassVar[int] = 16

    def __init__(  # noqa: PLR0913  # what a handler needs, half of it with a default
        self,
        brevo: Brevo,
        limits: Limits,
        people: People,
        rules: Callable[[], Rules],
        clock: Clock = system_clock,
        *,
        under_way: Callable[[], Collection[str]] = frozenset,
        forget_account: Callable[[], None] = lambda: None,
        gate: type[Gate] = Gate,
    ) -> None:
        super().__init__(CONTACTS, limits, gate, clock)
        self._people = people
        self._rules = rules
        self._under_way = under_way
        self._forget_account = forget_account
        self._calls = ContactCalls(brevo, clock)

    def planner(self) -> Callable[[Item], Outcome | Job]:
        """Return what plans one person's item, by the rules as they are now."""
        rules, under_way, now_ms = self._rules(), cache(self._under_way), self._clock()

        def plan(item: Item) -> Outcome | Job:
            job = prepare(item, self._people, rules, now_ms, under_way)
            if log.tells_all:
                _tell_plan(job)
            if job.must_block:
                return job
            if job.waits:
                return held(item, _IMPORTING)
            return unchanged(job, self._people) if job.plan.action == "none" else job

        return plan

    def calls(self, job: Job) -> int:
        """Return how many calls a job is expected to make: one more where the contact is read first."""
        return 2 if job.plan.action == "write" and must_look(job) else 1

    def carry_out(self, job: Job, gate: Gate) -> Outcome:
        """Make one person's calls."""
        if job.must_block:
            return self._block(job, gate)
        try:
            note = self._calls.act(job, gate)
        except NoList as error:
            self._forget_account()
            raise TryLater(error.reason, after_s=READ_AGAIN_S) from error
        except FoundFirst:
            # the withdrawal must be stored before the contact is renamed: this worker may die
            told = Settlement(
                job.item.target, "again", record=record_of(job, self._people), old=old_of(job, self._people)
            )
            told.is_urgent = True
            return Outcome(job.item, told, "held", "found blocked in Brevo")
        if job.plan.action == "erase":
            return Outcome(job.item, erasure_of(job, self._people), "delivered", note)
        return Outcome(job.item, done(job, self._people), "delivered", note, upheld=upheld(job))

    def complete(self, job: Job, outcome: Outcome) -> None:
        """Store withdrawals found in Brevo, and a rename that is done already, even where a later call failed."""
        if job.found and outcome.settlement.record is not None:
            outcome.settlement.found = encode_part(Part("", "", None, job.found))
        if job.is_moved:
            outcome.settlement.record = outcome.settlement.record or record_of(job, self._people)
            outcome.settlement.old = old_of(job, self._people)
            # the rename lifted the block: set it again before any other change
            outcome.settlement.is_urgent = bool(job.plan.desired and job.plan.desired.blocked)

    def save(self, job: Job, gate: Gate, *, is_parked: bool) -> str | None:
        """Set only the block, for a person who withdrew; return the person's text to be stored, None for nothing.

        The withdrawal is stored even where Brevo refuses the block: so later deliveries know of the withdrawal.
        """
        desired = job.plan.desired
        if desired is None or not (desired.blocked or desired.sms_blocked) or (job.is_moved and not is_parked):
            return None
        known = only_withdrawn(job)
        if not flags_differ(desired, job.stored.has) and not job.is_shaken:
            return self._people.encode(known)
        try:
            is_there = self._calls.block_alone(job, gate)
        except TajoError as error:
            log.warning("block refused", person=job.item.target, error=type(error).__name__)
            return self._people.encode(known)
        has = replace(
            known.has,
            is_there=is_there,
            blocked=known.has.blocked or bool(desired.blocked),
            sms_blocked=known.has.sms_blocked or bool(desired.sms_blocked),
        )
        return self._people.encode(replace(known, has=has if is_there else known.has))

    def _block(self, job: Job, gate: Gate) -> Outcome:
        """Block a person who withdrew while an import may create the contact; other changes wait for the import's end.

        Only the block is stored. After the import, its mark tells whether the import created the contact.
        """
        item, own, old = job.item, job.own_blocks, job.old_blocks
        record: str | None = None
        if item.mark is not None and own:
            self._calls.block(item.mark.email, own, gate)
            known = self._people.decode(item.record)
            record = self._people.encode(replace(known, has=_blocked(known.has, own)))
        if item.old is not None and item.old.mark is not None and old:
            self._calls.block(item.old.mark.email, old, gate)
            job.forget_old(_blocked(self._people.decode(item.old.record).has, old))
        settlement = Settlement(item.target, "again", due_in_s=HELD_S, record=record, old=old_of(job, self._people))
        return Outcome(item, settlement, "held", f"blocked; the rest {_IMPORTING}", upheld=upheld(job))


def _blocked(has: Has, flags: Collection[str]) -> Has:
    """Return what Brevo has once these flags are set."""
    return replace(
        has,
        blocked=has.blocked or "emailBlacklisted" in flags,
        sms_blocked=has.sms_blocked or "smsBlacklisted" in flags,
    )


def _tell_plan(job: Job) -> None:
    """Log what is to be done for a person, and why; names of fields, never a value."""
    plan, desired = job.plan, job.plan.desired
    facts: dict[str, object] = {"person": job.item.target, "action": plan.action, "why": plan.why, "waits": job.waits}
    if desired is not None:
        facts |= {"sets": ",".join(desired.attributes), "left_out": ",".join(desired.refused)}
        facts |= {"joins": desired.added, "leaves": desired.unlist, "blocks": desired.blocked}
    log.debug("planned", **facts)
