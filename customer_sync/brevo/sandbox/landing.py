"""How the rows of an import come into the contacts, without keeping other calls waiting for it.

Most rows of a large import are people whom nobody knows. They are made outside the lock and come in all at once, when
the import is completed: nothing of them can be seen before. The other rows (known people, repeats, refused ones) are
looked at some at a time.
"""

from __future__ import annotations

from collections import deque
from typing import Final

import orjson

from customer_sync.brevo.sandbox.answers import Row
from customer_sync.brevo.sandbox.contact import NAMES, Contact, as_shown
from customer_sync.brevo.sandbox.contacts import Batch, Contacts
from customer_sync.brevo.sandbox.identifiers import EMAIL, KINDS
from customer_sync.brevo.sandbox.imports import DUPLICATES, INVALID, Import, Prepared, Refused

#: How many rows are looked at while the lock is held: a few milliseconds.
SLICE: Final = 500


class Landing:
    """One import on its way into the contacts.

    Args:
        job: the import.
        contacts: where it goes.

    First `add` each row, without the lock. Then, with the lock, `settle` until nothing is left, and `finish`.
    """

    def __init__(self, job: Import, contacts: Contacts) -> None:
        self._job = job
        self._contacts = contacts
        self._list_ids = tuple(dict.fromkeys(job.list_ids))
        self._batch = Batch()
        self._rest: deque[Prepared] = deque()
        #: kind → values of the rows in `_rest`: who shares one with them comes after them.
        self._claimed: dict[str, set[str]] = {kind: set() for kind in KINDS}
        #: kind → values of rows that were taken, beside those of the batch.
        self._seen: dict[str, set[str]] = {kind: set() for kind in KINDS}
        self.refused = Refused()
        self._created = self._updated = self._untouched = 0

    def add(self, one: Prepared) -> None:
        """Take one row, in the order sent."""
        if self._is_new(one):
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
        for _ in range(min(SLICE, len(self._rest))):
            self._settle(self._rest.popleft(), now_ms)
        return bool(self._rest)

    def finish(self, now_ms: int) -> None:
        """Bring in all new contacts at once; who is no longer new, because of a call meanwhile, goes singly."""
        taken = self._contacts.taken(self._batch)
        if taken:
            self._drop(taken)
            while self.settle(now_ms):
                pass
        self._contacts.add(self._batch, now_ms)
        self._created += len(self._batch.contacts)

    def counts(self) -> dict[str, int]:
        """Return what became of the rows: `untouched` are those of people who are known and were not to be updated."""
        refused = sum(len(rows) for rows in self.refused.rows.values())
        done = {"created": self._created, "updated": self._updated, "untouched": self._untouched}
        return {**done, "refused": refused}

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
        email = identifiers.get(EMAIL, "")
        return Contact(0, 0, 0, email, as_shown(values), job.block_email, job.block_sms, self._list_ids)

    def _settle(self, one: Prepared, now_ms: int) -> None:
        known, report = self._judge(one)
        if report:
            self.refused.add(report, one.row)
            return
        for kind, value in one.identifiers.items():
            self._seen[kind].add(value)
        if known is None:
            self._contacts.create(one.write(self._job), now_ms)
            self._created += 1
        elif self._job.is_updating:
            self._contacts.update(known, one.write(self._job), now_ms, how="import")
            self._updated += 1
        else:
            self._untouched += 1

    def _judge(self, one: Prepared) -> tuple[Contact | None, str]:
        """Return the contact a row is about and the report it goes to, "" for none.

        Of two rows for one person the first is taken.
        """
        known = self._contacts.roll.get(int(one.number)) if one.number.isdecimal() else None
        if not known and (not one.identifiers or (one.has_email and EMAIL not in one.identifiers)):
            return None, INVALID
        for kind in KINDS:
            value = one.identifiers.get(kind, "")
            if not value:
                continue
            if value in self._seen[kind] or value in self._batch.index[kind]:
                return None, DUPLICATES[kind]
            other = self._contacts.find(kind, value)
            if known is None and (kind == EMAIL or EMAIL not in one.identifiers):
                known = other
            elif other is not None and other is not known:
                return None, DUPLICATES[kind]
        return known, ""

    def _drop(self, taken: set[Contact]) -> None:
        """Take contacts out of the batch and their rows back."""
        batch = self._batch
        self._rest.extend(_row_of(one) for one in batch.contacts if one in taken)
        batch.contacts = [one for one in batch.contacts if one not in taken]
        for kind, index in batch.index.items():
            batch.index[kind] = {value: one for value, one in index.items() if one not in taken}


def _row_of(contact: Contact) -> Prepared:
    """Return the row a new contact was made of, as far as Brevo kept it."""
    row: Row = {"email": contact.email, "attributes": orjson.loads(contact.shown)}
    return Prepared(row, "", bool(contact.email), contact.identifiers, contact.attributes)
