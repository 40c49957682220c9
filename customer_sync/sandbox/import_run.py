"""How the rows of an import come into the contacts, without keeping other calls waiting for it.

Most rows of a large import are people whom nobody knows. They are made outside the lock and come in all at once, when
the import is completed: nothing of them can be seen before. The other rows (known people, repeats, refused ones) are
looked at some at a time.
"""

from __future__ import annotations

from collections import Counter, deque
from fnmatch import fnmatchcase
from typing import Final

import orjson

from customer_sync.sandbox.account import Account
from customer_sync.sandbox.answers import Row
from customer_sync.sandbox.contact import NAMES, Contact, Write, as_shown
from customer_sync.sandbox.contacts import Batch
from customer_sync.sandbox.identifiers import EMAIL, EXT_ID, KINDS, LANDLINE, SMS, WHATSAPP
from customer_sync.sandbox.imports import DUPLICATES, INVALID, Import, Prepared, Refused
from customer_sync.sandbox.mailable import Cause

#: How many rows are looked at while the lock is held: a few milliseconds.
SLICE: Final = 500
#: The identifiers from the highest to the lowest; Brevo's own number stands above them (help 32331116133522).
RANK: Final = (EXT_ID, EMAIL, SMS, WHATSAPP, LANDLINE)
#: What becomes of a row: `untouched` is one of somebody who is known and was not to be updated, `ignored` one that was
#: passed over by a switch.
FATES: Final = ("created", "updated", "untouched", "ignored", "refused")


class ImportRun:
    """One import on its way into the contacts.

    Args:
        job: the import.
        account: where it goes.

    First `add` each row, without the lock. Then, with the lock, `settle` until nothing is left, and `finish`.
    """

    def __init__(self, job: Import, account: Account) -> None:
        self._job = job
        self._account = account
        self._contacts = account.contacts
        self._switches = account.switches
        self._cause = Cause("import", job.call)
        self._list_ids = tuple(dict.fromkeys(job.list_ids))
        self._new_groups = dict.fromkeys((*account.groups.automatic(), *job.groups), True)
        self._batch = Batch()
        self._rest: deque[Prepared] = deque()
        #: kind → values of the rows in `_rest`: who shares one with them comes after them.
        self._claimed: dict[str, set[str]] = {kind: set() for kind in KINDS}
        #: kind → values of rows that were taken, beside those of the batch.
        self._seen: dict[str, set[str]] = {kind: set() for kind in KINDS}
        self._before = account.late.begin()
        self._fates: Counter[str] = Counter()
        self.refused = Refused()

    def add(self, one: Prepared) -> None:
        """Take one row, in the order sent."""
        if self._switches.import_ignores and self._is_ignored(one):
            self._fates["ignored"] += 1
        elif self._is_new(one):
            contact = self._contact(one)
            self._batch.contacts.append(contact)
            for kind, value in one.identifiers.items():
                self._batch.index[kind][value] = contact
        else:
            self._rest.append(one)
            for kind, value in one.identifiers.items():
                self._claimed[kind].add(value)

    def settle(self, now_ms: int) -> bool:
        """Bring in some of the rows that are not simply new; False when there are none left."""
        self._look_at_lists()
        for _ in range(min(SLICE, len(self._rest))):
            self._settle(self._rest.popleft(), now_ms)
        return bool(self._rest)

    def finish(self, now_ms: int) -> None:
        """Create all new contacts at once; a contact that another call created by now is imported one by one."""
        taken = self._contacts.taken(self._batch)
        if taken:
            self._drop(taken)
            while self.settle(now_ms):
                pass
        self._look_at_lists()
        if self._before is not None:
            self._before.first = self._contacts.last_id + 1
        self._contacts.add(self._batch, now_ms, self._job.call)
        if self._before is not None:
            self._before.last = self._contacts.last_id
            self._account.late.end(self._before, now_ms)
        self._fates["created"] += len(self._batch.contacts)

    def counts(self) -> dict[str, int]:
        """Return what became of the rows, by `FATES`."""
        self._fates["refused"] = sum(len(rows) for rows in self.refused.rows.values())
        return {fate: self._fates[fate] for fate in FATES}

    def _is_ignored(self, one: Prepared) -> bool:
        return fnmatchcase(one.identifiers.get(EMAIL, ""), self._switches.import_ignores)

    def _is_new(self, one: Prepared) -> bool:
        if one.number or not one.identifiers or (one.has_email and EMAIL not in one.identifiers):
            return False
        for kind, value in one.identifiers.items():
            if value in self._batch.index[kind] or value in self._claimed[kind] or self._contacts.find(kind, value):
                return False
        return True

    def _contact(self, one: Prepared) -> Contact:
        job, values, identifiers = self._job, one.values, one.identifiers
        if job.is_emptying:
            values = {name: value for name, value in values.items() if value is not None}
        more = {NAMES[kind]: value for kind, value in identifiers.items() if kind != EMAIL}
        if more:
            values = {**values, **more}
        contact = Contact(0, 0, 0, identifiers.get(EMAIL, ""), as_shown(values), job.block_email, job.block_sms)
        contact.list_ids = self._list_ids
        if self._new_groups:
            contact.groups = tuple(self._new_groups.items())
        return contact

    def _look_at_lists(self) -> None:
        """Leave out lists that somebody deleted meanwhile."""
        known = self._account.lists.known(self._list_ids)
        if known != self._list_ids:
            self._list_ids = known
            for contact in self._batch.contacts:
                contact.list_ids = known

    def _settle(self, one: Prepared, now_ms: int) -> None:
        leads, report = self._judge(one)
        if report:
            self.refused.add(report, one.row)
            return
        for kind, value in one.identifiers.items():
            self._seen[kind].add(value)
        if not leads:
            created = self._contacts.create(self._first_write(one), now_ms, self._job.call)
            if self._before is not None:
                self._before.copies[created.id] = None
            self._fates["created"] += 1
            return
        known = leads[0]
        if self._before is not None:
            self._account.late.copy(self._before, known)
        if len(leads) > 1:
            self._contacts.merge(known, leads[1:], now_ms, self._job.call)
        if self._job.is_updating:
            self._contacts.update(known, self._write(one, known), now_ms, self._cause)
            self._fates["updated"] += 1
        else:
            if self._switches.import_untouched_lists == "add":
                write = Write(add_lists=self._list_ids)
                self._contacts.update(known, write, now_ms, Cause("list", self._job.call))
            self._fates["untouched"] += 1

    def _judge(self, one: Prepared) -> tuple[list[Contact], str]:
        """Return the contacts a row leads to, the one to keep first, and the report it goes to, "" for none.

        Of two rows of one import for one person the first is taken.
        """
        owner = self._contacts.roll.get(int(one.number)) if one.number.isdecimal() else None
        if not owner and (not one.identifiers or (one.has_email and EMAIL not in one.identifiers)):
            return [], INVALID
        for kind, value in one.identifiers.items():
            if value in self._seen[kind] or value in self._batch.index[kind]:
                return [], DUPLICATES[kind]
        identifiers = one.identifiers
        found = {kind: self._contacts.find(kind, identifiers[kind]) for kind in RANK if kind in identifiers}
        if self._switches.import_shared == "refuse":
            return _one_or_refused(owner, found)
        return [one for one in dict.fromkeys((owner, *found.values())) if one], ""

    def _first_write(self, one: Prepared) -> Write:
        """Return what the row wants of a contact that is made of it."""
        job = self._job
        groups = tuple(self._new_groups)
        return Write(one.identifiers, one.values, job.block_email, job.block_sms, self._list_ids, add_groups=groups)

    def _write(self, one: Prepared, known: Contact) -> Write:
        """Return what the row wants of a contact that exists. False says nothing of a block, or lifts it."""
        job, ways = self._job, self._switches
        mail, sms = self._lifts(known)
        others = () if ways.import_lists == "add" else tuple(set(known.list_ids) - set(self._list_ids))
        unnamed = known.attributes.keys() - one.values.keys() if ways.import_empties == "not_sent" else ()
        return Write(
            one.identifiers,
            {**dict.fromkeys(unnamed), **one.values},
            True if job.block_email else mail,
            True if job.block_sms else sms,
            add_lists=self._list_ids,
            remove_lists=others,
            add_groups=job.groups,
            forgets_left=ways.import_left_lists == "reset",
        )

    def _lifts(self, known: Contact) -> tuple[bool | None, bool | None]:
        """Return False for each block, of mail and of text messages, that the import lifts, None for the others."""
        way = self._switches.import_blocks
        if way == "lift_new" and self._job.blocked:
            mail, sms = self._job.blocked
            lifts = (known.id not in mail, known.id not in sms)
        else:
            lifts = (way in ("lift_email", "lift_both"), way in ("lift_sms", "lift_both"))
        return (False if lifts[0] else None, False if lifts[1] else None)

    def _drop(self, taken: set[Contact]) -> None:
        """Take contacts out of the batch and their rows back."""
        batch = self._batch
        self._rest.extend(_row_of(one) for one in batch.contacts if one in taken)
        batch.contacts = [one for one in batch.contacts if one not in taken]
        for kind, index in batch.index.items():
            batch.index[kind] = {value: one for value, one in index.items() if one not in taken}


def _one_or_refused(owner: Contact | None, found: dict[str, Contact | None]) -> tuple[list[Contact], str]:
    """Return the one contact a row may be about, or the report of the identifier that leads to another.

    It is the one of the number, else of the address; without an address the first that any identifier leads to.
    """
    known = owner or (found.get(EMAIL) if EMAIL in found else next((one for one in found.values() if one), None))
    for kind, other in found.items():
        if other is not None and other is not known:
            return [], DUPLICATES[kind]
    return ([known] if known else []), ""


def _row_of(contact: Contact) -> Prepared:
    """Return the row a new contact was made of, as far as Brevo kept it."""
    row: Row = {"email": contact.email, "attributes": orjson.loads(contact.shown)}
    return Prepared(row, "", bool(contact.email), contact.identifiers, contact.attributes)
