"""The contacts lane: brings each person's contact in Brevo to what is known of the person. One upsert each."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cache

from customer_sync import retry
from customer_sync.brevo.client import Brevo, Missing, contact_path
from customer_sync.brevo.contact_job import Job, desired_of, held, prepare, record_of, unchanged
from customer_sync.brevo.contact_plan import (
    BREVO,
    Desired,
    Rules,
    after_delete,
    after_write,
    digest_of,
    remember,
)
from customer_sync.brevo.gate import Gate
from customer_sync.clock import Clock, system_clock
from customer_sync.errors import ConfigError, FieldRefused, Parkable, TajoError, TryLater, Unavailable
from customer_sync.lane import Delivery, Outcome
from customer_sync.merge import Stamped
from customer_sync.model import Json, Priority
from customer_sync.store.lanes import Item, Settlement, encode_change
from customer_sync.store.limits import Limits
from customer_sync.store.parked import Parked, encode, new_id
from customer_sync.store.people import People, Person, address_of, decode, refs_of
from customer_sync.store.people import encode as encode_person

LANE = "contacts"
BUCKET = "contacts"
ROUTE = "/contacts"
ONE_ROUTE = "/contacts/{identifier}"

#: How many calls may be under way at once in a process. At 60 calls/s, the largest plan, answers may take 260 ms.
THREADS = 16
#: How many items are taken at once when there is no limit.
BATCH = 64

_AIRBORNE = "waits for an import to land"


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
        self._brevo = brevo
        self._limits = limits
        self._people = people
        self._rules = rules
        self._clock = clock
        self._under_way = under_way
        self._gate = gate
        self._actions: Mapping[str, Callable[[Job, Gate], str]] = {
            "write": self._write,
            "leave": self._leave,
            "rename": self._rename,
            "delete": self._delete,
            "erase": self._delete,
        }
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
        under_way = cache(self._under_way)
        jobs = [prepare(item, rules, under_way) for item in items]
        outcomes = [held(job.item, _AIRBORNE) for job in jobs if job.waits and not job.must_block]
        outcomes += [unchanged(job) for job in jobs if job.plan.action == "none" and not job.waits]
        calls = [job for job in jobs if job.must_block or (job.plan.action != "none" and not job.waits)]
        urgent = any(item.priority is Priority.URGENT for item in items)
        gate = self._gate(self._limits, BUCKET, len(calls), urgent=urgent)
        stop = threading.Event()
        run = self._pool.map if len(calls) > 1 else map
        outcomes += run(lambda job: self._attempt(job, gate, stop), calls)
        return Delivery.of(outcomes)

    def _attempt(self, job: Job, gate: Gate, stop: threading.Event) -> Outcome:
        """Do one person's calls and tell what became of them."""
        target = job.item.target
        if stop.is_set():
            return Outcome(job.item, Settlement(target, "again"), "held")
        try:
            return self._block(job, gate) if job.must_block else self._act(job, gate)
        except (Unavailable, ConfigError) as error:
            stop.set()
            return Outcome(job.item, Settlement(target, "again", due_in_s=1.0), "held", str(error), error)
        except TryLater as error:
            return self._again(job, error)
        except Parkable as error:
            return self._park(job, error.reason, error.remedy)

    def _act(self, job: Job, gate: Gate) -> Outcome:
        note = self._actions[job.plan.action](job, gate)
        if job.plan.action == "erase":
            return Outcome(job.item, self._erased(job), "delivered", note)
        return Outcome(job.item, Settlement(job.item.target, "done", record=record_of(job)), "delivered", note)

    def _again(self, job: Job, error: TryLater) -> Outcome:
        item = job.item
        if error.burns and self._clock() - item.since_ms > retry.HORIZON_S * 1000:
            return self._park(job, f"Tried for 72 hours: {error}", "See what Brevo answers, then replay.")
        wait_s = error.after_s if error.after_s is not None else retry.next_wait_s(item.tries + 1)
        settlement = Settlement(item.target, "again", due_in_s=wait_s, burns=error.burns)
        return Outcome(item, settlement, "again" if error.burns else "held", str(error))

    def _park(self, job: Job, reason: str, remedy: str) -> Outcome:
        item = job.item
        sources = sorted({event.source for event in item.events})
        parked = Parked(
            id=new_id(),
            what="item",
            source=LANE,
            reason=reason,
            remedy=remedy,
            content=encode_change(item.state, item.events),
            target=item.target,
            topic=", ".join(sources),
            at_ms=self._clock(),
        )
        settlement = Settlement(item.target, "parked", parked=(parked.id, encode(parked)))
        return Outcome(item, settlement, "parked", f"{reason} {remedy}")

    def _erased(self, job: Job) -> Settlement:
        emails = {email for email in (job.has.email, address_of(job.state)) if email}
        fps = tuple(self._people.fingerprint(email) for email in sorted(emails))
        refs = tuple(self._people.ref(source, record_id) for source, record_id in refs_of(job.state).items())
        at_ms = max(self._clock(), job.state["status"].at_ms)
        return Settlement(job.item.target, "erased", fps=fps, refs=refs, erased_at_ms=at_ms)

    def _block(self, job: Job, gate: Gate) -> Outcome:
        """Block somebody who withdrew while an import may make them a contact; the rest waits until it has landed.

        This makes the contact where the import has not yet: the import then leaves it alone.
        """
        assert job.item.flown is not None
        flags = {name: value for name, value in _flags(desired_of(job)).items() if value is True}
        body: dict[str, Json] = {"email": job.item.flown.email, "updateEnabled": True, **flags}
        gate.wait()
        try:
            self._brevo.call("POST", ROUTE, body, bucket=BUCKET, endpoint=ROUTE)
        except FieldRefused as error:
            raise TryLater(str(error)) from error
        known = decode(job.item.record)
        has = replace(job.has, email=job.item.flown.email, blocked=True)
        record = encode_person(Person(known.state, has))
        settlement = Settlement(job.item.target, "again", due_in_s=1.0, record=record)
        return Outcome(job.item, settlement, "held", "blocked; the rest waits for an import to land")

    # The actions. Each makes its calls in order and may be run again from the start after a crash.

    def _write(self, job: Job, gate: Gate) -> str:
        desired = desired_of(job)
        try:
            note = self._upsert(job, desired, gate)
        except FieldRefused as error:
            raise Parkable(f"Brevo refused {', '.join(error.fields)}.", "Compare the mapping, then replay.") from error
        job.has = after_write(job.has, desired_of(job), self._clock())
        return note

    def _upsert(self, job: Job, desired: Desired, gate: Gate) -> str:
        """Send the contact; what Brevo refuses of it is left out, once for each field."""
        while True:
            try:
                return self._send(job, desired, gate)
            except FieldRefused as error:
                at_fault = [name for name in error.fields if name in desired.attributes]
                if error.fields == ("EMAIL",) and not desired.may_update:
                    return "is in Brevo already, left alone"
                if not at_fault:
                    raise
                desired = _without(desired, at_fault, error.reason)
                job.plan = job.plan._replace(desired=desired)

    def _send(self, job: Job, desired: Desired, gate: Gate) -> str:
        body = _body(desired)
        if desired.unlist:
            gate.wait()
            try:
                update = {**body, "unlinkListIds": list[Json](desired.unlist)}
                self._brevo.call("PUT", contact_path(desired.email), update, bucket=BUCKET, endpoint=ONE_ROUTE)
            except Missing:
                job.has = replace(job.has, email=None, lists=())
            else:
                return "updated"
        if job.has.email is None:
            body["attributes"] = {name: value for name, value in desired.attributes.items() if value != ""}
        gate.wait()
        upsert: dict[str, Json] = {"email": desired.email, "updateEnabled": desired.may_update, **body}
        reply = self._brevo.call("POST", ROUTE, upsert, bucket=BUCKET, endpoint=ROUTE)
        return "created" if reply.status == 201 else "updated"

    def _leave(self, job: Job, gate: Gate) -> str:
        """Take a contact off our lists and block it if the person withdrew; never make a new one."""
        desired = desired_of(job)
        body = _flags(desired)
        if desired.unlist:
            body["unlinkListIds"] = list(desired.unlist)
        gate.wait()
        try:
            self._brevo.call("PUT", contact_path(desired.email), body, bucket=BUCKET, endpoint=ONE_ROUTE)
        except Missing:
            job.has = replace(job.has, email=None, digest=desired.digest, lists=(), at_ms=self._clock())
            return "not in Brevo"
        job.has = after_write(job.has, desired, self._clock())
        return "left"

    def _rename(self, job: Job, gate: Gate) -> str:
        """Give the contact its new address. Brevo lifts a block when an address changes, so it is set again at once."""
        desired, old = desired_of(job), str(job.has.email)
        gate.wait()
        try:
            found = self._brevo.call("GET", contact_path(old), bucket=BUCKET, endpoint=ONE_ROUTE).json()
        except Missing:
            job.has = replace(job.has, email=None, digest="", lists=())
            return self._write(job, gate)
        was_blocked = isinstance(found, dict) and found.get("emailBlacklisted") is True
        if was_blocked and desired.blocked is None:
            # blocked at Brevo without our knowledge: that is a withdrawal like any other
            job.learned["consent.email.withdrawn"] = Stamped("brevo:found_blocked", self._clock(), BREVO)
            desired = desired._replace(blocked=True)
        job.plan = job.plan._replace(desired=desired)
        body: dict[str, Json] = {"attributes": {"EMAIL": desired.email}}
        if desired.blocked:
            body["emailBlacklisted"] = True
        gate.wait()
        try:
            self._brevo.call("PUT", contact_path(old), body, bucket=BUCKET, endpoint=ONE_ROUTE)
        except FieldRefused:
            # the new address is a contact already: the old one leaves, the other is brought up to date
            if job.has.lists:
                gate.wait()
                leave: dict[str, Json] = {"unlinkListIds": list(job.has.lists)}
                self._brevo.call("PUT", contact_path(old), leave, bucket=BUCKET, endpoint=ONE_ROUTE)
            job.has = replace(job.has, lists=())
        except Missing:
            pass
        return "renamed, " + self._write(job, gate)

    def _delete(self, job: Job, gate: Gate) -> str:
        for email in sorted({email for email in (job.has.email, address_of(job.state)) if email}):
            gate.wait()
            try:
                self._brevo.call("DELETE", contact_path(email), bucket=BUCKET, endpoint=ONE_ROUTE)
            except Missing:
                continue
        job.has = after_delete(job.has, self._clock())
        return "deleted"


def _without(desired: Desired, names: Sequence[str], reason: str) -> Desired:
    attributes = {name: value for name, value in desired.attributes.items() if name not in names}
    notes = {name: remember(reason, desired.attributes[name]) for name in names}
    digest = digest_of(desired.email, attributes, desired.lists)
    return desired._replace(attributes=attributes, refused=desired.refused | notes, digest=digest)


def _body(desired: Desired) -> dict[str, Json]:
    """Return what every write of a contact has: attributes, lists, and flags only where there is one to set."""
    body: dict[str, Json] = {"attributes": dict(desired.attributes)}
    if desired.lists and not desired.blocked:
        body["listIds"] = list(desired.lists)
    return body | _flags(desired)


def _flags(desired: Desired) -> dict[str, Json]:
    flags: dict[str, Json] = {}
    if desired.blocked is not None:
        flags["emailBlacklisted"] = desired.blocked
    if desired.sms_blocked is not None:
        flags["smsBlacklisted"] = desired.sms_blocked
    return flags
