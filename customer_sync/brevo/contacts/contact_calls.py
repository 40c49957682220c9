"""The calls that bring one contact up to date. Each action makes its calls in order, and may run again from the start.

A contact is put on lists and taken off lists; the whole set of its lists is never sent. A contact that this system did
not create is read before it is first put on a list. Only values that this system wrote are ever emptied.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Final

from customer_sync.base.clock import Clock
from customer_sync.brevo.answers import CONTACTS
from customer_sync.brevo.client import BUCKET, Brevo, contact_path
from customer_sync.brevo.contacts.contact_job import Job
from customer_sync.brevo.contacts.contact_plan import (
    GONE_THERE,
    UNIQUE,
    Desired,
    after_delete,
    after_write,
    digest_of,
    flags_differ,
    lifts,
    may_be_there,
)
from customer_sync.brevo.contacts.leavings import LATE_MS
from customer_sync.brevo.contacts.refusals import remember
from customer_sync.brevo.gate import Calls, Gate
from customer_sync.errors import FieldRefused, Missing, Parkable, TryLater
from customer_sync.kit.outbound import Reply
from customer_sync.model import Json, to_ms
from customer_sync.person.person import Has
from customer_sync.store.items import ImportMark

ROUTE: Final = "/contacts"
ONE_ROUTE: Final = "/contacts/{identifier}"
#: The calls of a rename that must follow each other at once: Brevo lifts the block when the address changes, so the
#: block is set again.
RENAME_CALLS: Final = 2


#: How much older than an import a contact may look that the import made, in milliseconds: clocks differ.
AGE_MS: Final = 60_000


class FoundFirst(Exception):
    """Reading a contact before its rename showed a withdrawal that no webhook had told."""


class _Exists(Exception):
    """A contact that was to be created exists already."""


class ContactCalls:
    """Brings contacts up to date.

    Args:
        brevo: the account.
        clock: milliseconds since 1970.
    """

    def __init__(self, brevo: Brevo, clock: Clock) -> None:
        self._brevo = brevo
        self._clock = clock

    def act(self, job: Job, gate: Gate) -> str:
        """Carry out the plan; return a note for people.

        Raises:
            TajoError: see `Brevo.call`.
        """
        action = job.plan.action
        if action == "write":
            return self.write(job, gate)
        if action == "leave":
            return self._leave(job, gate)
        if action == "rename":
            return self._rename(job, gate)
        if action == "undo":
            return self._undo(job, gate)
        return self._delete(job, gate)

    def block(self, email: str, flags: Mapping[str, Json], gate: Calls) -> None:
        """Block an address; create the contact if it does not exist: a running import then leaves the contact alone."""
        gate.wait()
        body: dict[str, Json] = {"email": email, "updateEnabled": True, **flags}
        try:
            self._brevo.call("POST", ROUTE, body, bucket=BUCKET, answers=CONTACTS, endpoint=ROUTE)
        except FieldRefused as error:
            raise TryLater(str(error)) from error

    def block_alone(self, job: Job, gate: Calls) -> bool:
        """Set the block alone, where Brevo refuses the other values; tell whether the contact exists."""
        blocks: dict[str, Json] = {name: flag for name, flag in flags_of(job.desired).items() if flag}
        return self._put(job.desired.email, blocks, gate)

    def _put(self, email: str, body: dict[str, Json], gate: Calls) -> bool:
        """Change a contact; tell whether the contact exists."""
        gate.wait()
        try:
            self._brevo.call("PUT", contact_path(email), body, bucket=BUCKET, answers=CONTACTS, endpoint=ONE_ROUTE)
        except Missing:
            return False
        return True

    # writing

    def write(self, job: Job, gate: Calls) -> str:
        """Create the contact, or bring it up to date."""
        if must_look(job):
            self._look(job, gate)
        for _ in range(4):
            if job.plan.action != "write":
                break
            if job.has.is_there and not job.desired.may_update:
                if self._leave_alone(job, gate):
                    return "is in Brevo already, left alone"
                self._is_gone(job)
            try:
                note = self._without_refused(job, gate)
            except _Exists:
                if job.desired.may_update:
                    self._look(job, gate)
                else:
                    job.has = replace(job.has, is_there=True)
                continue
            job.has = after_write(job.has, job.desired, self._clock())
            return note
        else:
            raise TryLater("The contact comes and goes in Brevo.")
        # reading the contact changed the plan: nothing is to be written, or the contact only leaves our lists
        return self._leave(job, gate) if job.plan.action == "leave" else job.plan.why

    def _leave_alone(self, job: Job, gate: Calls) -> bool:
        """Only block an existing contact and take it off our lists, as the operator wishes; False if there is none."""
        desired = job.desired
        body = flags_of(desired) if flags_differ(desired, job.has) else {}
        if desired.unlist:
            body["unlinkListIds"] = list(desired.unlist)
        if body and not self._put(desired.email, body, gate):
            return False
        nothing_else = desired._replace(attributes={}, emptied=(), lists=(), added=())
        job.has = after_write(job.has, nothing_else, self._clock())
        return True

    def _look(self, job: Job, gate: Calls) -> None:
        """Read a contact: a block in Brevo of which we know nothing, or a list that the person left, is a withdrawal.

        Raises:
            TryLater: a block is to be lifted, and the answer does not tell whether one stands.
        """
        gate.wait()
        try:
            found = self._brevo.call(
                "GET", contact_path(job.desired.email), bucket=BUCKET, answers=CONTACTS, endpoint=ONE_ROUTE
            ).json()
        except Missing:
            job.learn_none()
            return
        shown = found if isinstance(found, dict) else {}
        if lifts(job.desired) and not isinstance(shown.get("emailBlacklisted"), bool):
            raise TryLater("Brevo's answer about a contact has no emailBlacklisted, so no block is lifted.")
        job.learn(shown)
        if job.plan.action == "none":  # flags and lists are right; the attributes were not compared
            job.plan = job.plan._replace(action="write")

    def _without_refused(self, job: Job, gate: Calls) -> str:
        """Send the contact; leave out each field that Brevo refuses, and send again."""
        while True:
            try:
                return self._send(job, gate)
            except FieldRefused as error:
                at_fault = [name for name in error.fields if name in job.desired.attributes]
                if "EMAIL" in error.fields and not job.has.is_there:
                    raise _Exists from error
                if not at_fault:
                    fields = ", ".join(error.fields)
                    raise Parkable(f"Brevo refused {fields}.", "Compare the mapping, then replay.") from error
                job.plan = job.plan._replace(desired=self._without(job, at_fault, error))

    def _without(self, job: Job, names: Sequence[str], error: FieldRefused) -> Desired:
        desired, taken_ms = job.desired, self._clock() if error.is_taken else None
        values = {name: value for name, value in desired.attributes.items() if name not in names}
        notes = {name: remember(error.reason, desired.attributes[name], taken_ms) for name in names}
        emptied = {*desired.emptied, *(job.has.filled & frozenset(names))}
        return desired._replace(
            attributes=values,
            emptied=tuple(sorted(emptied)),
            refused=desired.refused | notes,
            digest=digest_of(desired.email, values, desired.lists),
        )

    def _send(self, job: Job, gate: Calls) -> str:
        desired, has = job.desired, job.has
        body = _body(desired)
        if has.is_there and desired.unlist:
            if self._put(desired.email, {**body, "unlinkListIds": list[Json](desired.unlist)}, gate):
                return "updated"
            self._is_gone(job)
            return self._send(job, gate)
        # only a new contact may be created with lists: an existing contact is read first
        may_exist = desired.may_update and (has.is_there or not desired.added or desired.blocked is True)
        gate.wait()
        upsert: dict[str, Json] = {"email": desired.email, "updateEnabled": may_exist, **body}
        reply = self._brevo.call("POST", ROUTE, upsert, bucket=BUCKET, answers=CONTACTS, endpoint=ROUTE)
        return self._sent(job, reply, gate)

    def _sent(self, job: Job, reply: Reply, gate: Calls) -> str:
        if reply.status != 201:
            return "updated"
        if job.has.is_there and set(job.desired.lists) - set(job.desired.added) and not job.desired.blocked:
            # the contact had been deleted in Brevo, and this call created it again without its lists
            gate.wait()
            path, lists = contact_path(job.desired.email), list[Json](job.desired.lists)
            self._brevo.call("PUT", path, {"listIds": lists}, bucket=BUCKET, answers=CONTACTS, endpoint=ONE_ROUTE)
        # a block that was reported before now belonged to an earlier contact
        left_ms = max(job.has.left_ms, self._clock())
        job.has = replace(job.has, is_read=True, blocked=False, sms_blocked=False, left_ms=left_ms)
        return "created"

    @staticmethod
    def _is_gone(job: Job) -> None:
        """Note that the contact does not exist: it joins all its lists again, and no value needs emptying."""
        job.has = replace(job.has, is_there=False, is_read=True, lists=(), filled=frozenset())
        desired = job.desired._replace(added=job.desired.lists, unlist=(), emptied=())
        job.plan = job.plan._replace(desired=desired)

    # leaving

    def _leave(self, job: Job, gate: Calls) -> str:
        """Take a contact off our lists, and block the contact if the person withdrew; never create a contact."""
        desired = job.desired
        if not self._put(desired.email, _farewell(desired), gate):
            job.has = Has(digest=desired.digest, at_ms=self._clock(), left_ms=job.has.left_ms)
            return "not in Brevo"
        job.has = after_write(job.has, desired, self._clock())
        return "left"

    def _delete(self, job: Job, gate: Calls) -> str:
        """Delete the contact, and the contact of the old address that was to be renamed."""
        if job.person.email is not None:
            self._delete_one(job.person.email, gate)
        if job.old is not None and job.old.email is not None and may_be_there(job.old.has):
            self._delete_one(job.old.email, gate)
            job.forget_old(Has(at_ms=self._clock()))
        job.has = after_delete(job.has, self._clock())
        return "deleted"

    def _delete_one(self, email: str, gate: Calls) -> None:
        gate.wait()
        with suppress(Missing):
            self._brevo.call("DELETE", contact_path(email), bucket=BUCKET, answers=CONTACTS, endpoint=ONE_ROUTE)

    def _undo(self, job: Job, gate: Calls) -> str:
        """Delete a contact once more that an import made anew: it is on no list but the import's.

        A contact that somebody else made meanwhile stays.
        """
        mark = job.item.mark
        assert mark is not None
        assert job.person.email is not None
        gate.wait()
        with suppress(Missing):
            path = contact_path(job.person.email)
            found = self._brevo.call("GET", path, bucket=BUCKET, answers=CONTACTS, endpoint=ONE_ROUTE).json()
            if isinstance(found, dict) and _made_by(found, mark):
                self._delete_one(job.person.email, gate)
        return GONE_THERE

    # renaming

    def _rename(self, job: Job, gate: Gate) -> str:
        """Give the new address to the contact of the old address. Brevo lifts a block when an address changes."""
        assert job.old is not None
        old = str(job.old.email)
        gate.wait()
        try:
            found = self._brevo.call(
                "GET", contact_path(old), bucket=BUCKET, answers=CONTACTS, endpoint=ONE_ROUTE
            ).json()
        except Missing:
            job.forget_old(Has(at_ms=self._clock()))
            return self._write_anew(job, gate)
        was_blocked = isinstance(found, dict) and found.get("emailBlacklisted") is True
        job.learn(found if isinstance(found, dict) else {}, is_old=True)
        if job.found:
            raise FoundFirst
        job.plan = job.plan._replace(action="write")
        # between the address and the block the person would be mailable: both calls are reserved before the first
        is_torn = was_blocked or job.desired.blocked is True
        calls: Calls = gate.reserve(RENAME_CALLS) if is_torn else gate
        calls.wait()
        body: dict[str, Json] = {"attributes": {"EMAIL": job.desired.email}}
        if job.desired.blocked:
            body["emailBlacklisted"] = True
        try:
            self._brevo.call("PUT", contact_path(old), body, bucket=BUCKET, answers=CONTACTS, endpoint=ONE_ROUTE)
        except FieldRefused:
            return self._stay_behind(job, gate)
        except Missing:
            job.forget_old(Has(at_ms=self._clock()))
            return self._write_anew(job, gate)
        self._take_over(job)
        return "renamed, " + self.write(job, calls)

    def _write_anew(self, job: Job, gate: Calls) -> str:
        """Write the contact of the new address, if there is to be one: a deleted customer gets none."""
        job.replan()
        return self.write(job, gate)

    def _take_over(self, job: Job) -> None:
        """Note that the contact has the new address, with all its values, and without its block."""
        assert job.old is not None
        had = job.old.has
        now_ms = self._clock()
        # a block that Brevo set before the address changed is gone, too, even if the webhook about it comes hours later
        job.has = replace(had, digest="", blocked=False, at_ms=now_ms, left_ms=now_ms + LATE_MS)
        job.forget_old(Has(at_ms=self._clock()))
        job.replan()
        job.plan = job.plan._replace(action="write")

    def _stay_behind(self, job: Job, gate: Gate) -> str:
        """The new address has a contact already: the old contact leaves our lists and gives up its unique values."""
        assert job.old is not None
        had, old = job.old.has, str(job.old.email)
        body: dict[str, Json] = {}
        given_up = sorted(had.filled & UNIQUE)
        if given_up:
            body["attributes"] = dict.fromkeys(given_up, "")
        if had.lists:
            body["unlinkListIds"] = list(had.lists)
        if body:
            self._put(old, body, gate)  # if the contact does not exist any more, nothing is left to give up
        filled = had.filled - frozenset(given_up)
        job.forget_old(replace(had, lists=(), filled=filled, digest="", at_ms=self._clock()))
        self._look(job, gate)
        return "the new address was a contact already, " + self._write_anew(job, gate)


def must_look(job: Job) -> bool:
    """Tell whether the contact is to be read before it is written: before it joins a list, before a block is lifted.

    Also where a person left lists, or everything: the block that we set would hide which.

    Brevo may have set a block since of which we know nothing: its webhook was lost, or our record is an older copy.
    """
    if (lifts(job.desired) or job.is_unclear) and not job.is_looked_at:
        return True
    return bool(job.has.is_there and job.desired.added and not job.has.is_read)


def _made_by(found: Mapping[str, Json], mark: ImportMark) -> bool:
    """Tell whether an import made a contact: as young as the import, on its technical list, on none of others."""
    try:
        made_at = datetime.fromisoformat(str(found.get("createdAt")))
    except ValueError:
        return False
    lists = found.get("listIds")
    others = {one for one in lists if one not in mark.lists} if isinstance(lists, list) else set()
    return to_ms(made_at) > mark.at_ms - AGE_MS and others == {mark.list_id}


def _body(desired: Desired) -> dict[str, Json]:
    """Return the body of a write: values, lists to join, and flags only where one is to be set."""
    body: dict[str, Json] = {"attributes": {**desired.attributes, **dict.fromkeys(desired.emptied, "")}}
    if desired.added and not desired.blocked:
        body["listIds"] = list(desired.added)
    return body | flags_of(desired)


def _farewell(desired: Desired) -> dict[str, Json]:
    body = flags_of(desired)
    if desired.emptied:
        body["attributes"] = dict.fromkeys(desired.emptied, "")
    if desired.unlist:
        body["unlinkListIds"] = list(desired.unlist)
    return body


def flags_of(desired: Desired) -> dict[str, Json]:
    """Return the flags of consent that are to be set."""
    flags: dict[str, Json] = {}
    if desired.blocked is not None:
        flags["emailBlacklisted"] = desired.blocked
    if desired.sms_blocked is not None:
        flags["smsBlacklisted"] = desired.sms_blocked
    return flags
