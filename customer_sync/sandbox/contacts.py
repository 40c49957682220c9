"""All contacts of the account, found by any of their unique identifiers.

The caller holds the sandbox's lock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson

from customer_sync.model import Json
from customer_sync.sandbox.answers import ApiError, missing
from customer_sync.sandbox.contact import NAMES, Contact, Write, as_shown, from_row
from customer_sync.sandbox.identifiers import EMAIL, EXT_ID, KINDS, SMS
from customer_sync.sandbox.journal import Entry, Journal, Key
from customer_sync.sandbox.mailable import Cause, MailableHistory
from customer_sync.sandbox.roll import Roll
from customer_sync.sandbox.switches import Switches


@dataclass(slots=True)
class Batch:
    """New contacts that come in at once, without a number yet.

    Args:
        contacts: who, with the same lists.
        index: kind → value → contact: all their identifiers.
    """

    contacts: list[Contact] = field(default_factory=list)
    index: dict[str, dict[str, Contact]] = field(default_factory=lambda: {kind: {} for kind in KINDS})


class Contacts:
    """The contacts.

    Args:
        journal: where changes are written.
        history: told of every block that is lost.
        switches: how the account behaves.
    """

    name = "contacts"

    def __init__(self, journal: Journal, history: MailableHistory, switches: Switches) -> None:
        self._journal = journal
        self._history = history
        self._switches = switches
        self._index: dict[str, dict[str, Contact]] = {kind: {} for kind in KINDS}
        #: Everyone in order, and the members of the lists.
        self.roll = Roll()
        self.last_id = 0

    def find(self, kind: str, value: str) -> Contact | None:
        """Return the contact with this identifier, or None. Needs no lock."""
        return self._index[kind].get(value)

    def locate(self, write: Write) -> Contact | None:
        """Return the contact a create with `updateEnabled` means: by address, else own id, else phone, as sent.

        Raises:
            ApiError: 400 when none of the three was sent.
        """
        for kind in (EMAIL, EXT_ID, SMS):
            if write.identifiers.get(kind):
                return self.find(kind, write.identifiers[kind])
        raise missing("Please provide Email or SMS attribute value to create user")

    def collisions(self, write: Write, own: Contact | None) -> dict[str, Contact]:
        """Return the identifiers of this write that belong to another contact, with that contact."""
        found = {kind: self.find(kind, value) for kind, value in write.identifiers.items() if value}
        return {kind: other for kind, other in found.items() if other is not None and other is not own}

    def create(self, write: Write, now_ms: int, by: str = "") -> Contact:
        """Add a contact whose identifiers are free; `by` is the call."""
        self.last_id += 1
        contact = Contact(self.last_id, now_ms, now_ms)
        self.roll.add((contact,))
        self._apply(contact, write, now_ms, Cause(by=by))
        self._save([contact])
        return contact

    def taken(self, batch: Batch) -> set[Contact]:
        """Return those of a batch whose identifiers belong to somebody."""
        return {own[value] for kind, own in batch.index.items() for value in own.keys() & self._index[kind].keys()}

    def add(self, batch: Batch, now_ms: int, by: str) -> None:
        """Add a batch of contacts whose identifiers are free; `by` is the call."""
        if not batch.contacts:
            return
        for number, contact in enumerate(batch.contacts, self.last_id + 1):
            contact.id = number
            contact.created_ms = contact.modified_ms = now_ms
        self.last_id += len(batch.contacts)
        for kind, own in batch.index.items():
            self._index[kind].update(own)
        self.roll.add(batch.contacts)
        for list_id in batch.contacts[0].list_ids:
            self.roll.join(list_id, batch.contacts)
        if self._history.left_table.rows:
            for contact in batch.contacts:
                self._history.arrived(contact, Cause("recreated", by), now_ms)
        self._save(batch.contacts)

    def update(self, contact: Contact, write: Write, now_ms: int, cause: Cause, *, touches: bool = True) -> set[str]:
        """Change a contact whose new identifiers are free; returns the names of what changed.

        Args:
            contact: whom.
            write: what it becomes.
            now_ms: the time.
            cause: the call, and the word for the oracle when a block is lost by the flag. An import counts as a change
                always.
            touches: whether it counts as a change of the contact.
        """
        changed = self._apply(contact, write, now_ms, cause)
        if changed or cause.how == "import":
            if touches:
                self.roll.touch(contact, now_ms)
            self._save([contact])
        return changed

    def merge(self, survivor: Contact, others: Iterable[Contact], now_ms: int, by: str) -> None:
        """Merge contacts into one and delete the others.

        The survivor's own values win, and it gets what it lacks. Its block is its own too: "history data associated
        with the deleted contact is permanently lost" (help 32331116133522); of a block nothing is said, so it goes too.
        """
        cause = Cause("merge", by)
        for other in others:
            self.delete(other)
            own, taken = survivor.attributes, survivor.identifiers
            values = {name: value for name, value in other.attributes.items() if name not in own}
            free = {kind: value for kind, value in other.identifiers.items() if kind not in taken}
            write = Write(identifiers=free, attributes=values, add_lists=other.list_ids)
            self._apply(survivor, write, now_ms, cause)
            if other.email_blacklisted and not survivor.email_blacklisted:
                self._history.released(survivor, cause, now_ms)
        self.roll.touch(survivor, now_ms)
        self._save([survivor])

    def delete(self, contact: Contact) -> None:
        """Delete a contact."""
        for kind, value in contact.identifiers.items():
            del self._index[kind][value]
        self.roll.remove(contact)
        self._history.gone(contact)
        self._journal.write(((self.name, contact.id, None),))

    def change_all(self, contacts: Iterable[Contact], change: Callable[[Contact], None]) -> None:
        """Change many contacts in place, outside their identifiers and lists, with one flush of the journal."""
        touched = list(contacts)
        for contact in touched:
            change(contact)
        self._save(touched)

    def leave_lists(self, contact: Contact, lists: Iterable[int], now_ms: int, *, touches: bool) -> None:
        """Let a person leave lists: off them, and remembered as left."""
        left = tuple(dict.fromkeys(lists))
        contact.list_unsubscribed = tuple(dict.fromkeys((*contact.list_unsubscribed, *left)))
        self._set_lists(contact, Write(remove_lists=left), now_ms, Cause())
        if touches:
            self.roll.touch(contact, now_ms)
        self._save([contact])

    def leave_groups(self, contact: Contact, groups: Iterable[int], now_ms: int, *, touches: bool) -> None:
        """Let a person leave consent groups."""
        left = tuple(dict.fromkeys(groups))
        contact.groups = tuple({**dict(contact.groups), **dict.fromkeys(left, False)}.items())
        for one in left:
            self._history.left_again(contact, "groupId", one, now_ms)
        if touches:
            self.roll.touch(contact, now_ms)
        self._save([contact])

    def drop_group(self, group: int) -> None:
        """Take a consent group from all contacts."""
        members = [one for one in self.roll.all if any(number == group for number, _ in one.groups)]
        for contact in members:
            contact.groups = tuple(pair for pair in contact.groups if pair[0] != group)
        self._save(members)

    def empty_list(self, list_id: int, now_ms: int) -> int:
        """Take everybody off a list; returns how many were on it."""
        members = self.roll.drop_list(list_id)
        for contact in members:
            contact.list_ids = tuple(one for one in contact.list_ids if one != list_id)
            self.roll.touch(contact, now_ms)
        self._save(members)
        return len(members)

    def load(self, key: Key, row: dict[str, Json] | None) -> None:
        """Take one line of the journal."""
        number = int(key)
        self.last_id = max(self.last_id, number)
        known = self.roll.get(number)
        for kind, value in known.identifiers.items() if known else ():
            self._index[kind].pop(value, None)
        contact = None if row is None else from_row(number, row)
        self.roll.put(number, contact)
        if contact:
            self._index_all(contact)

    def loaded(self) -> None:
        """Find the members of the lists; called once after the journal was replayed."""
        self.roll.index()

    def entries(self) -> Iterator[Entry]:
        """Yield the journal lines that make these contacts again."""
        if self.last_id and not self.roll.get(self.last_id):
            yield self.name, self.last_id, None
        for contact in self.roll.all:
            yield self.name, contact.id, contact.row()

    def clear(self) -> None:
        """Forget all contacts."""
        self.roll.clear()
        for index in self._index.values():
            index.clear()
        self.last_id = 0

    def _index_all(self, contact: Contact) -> None:
        for kind, value in contact.identifiers.items():
            self._index[kind][value] = contact

    def _apply(self, contact: Contact, write: Write, now_ms: int, cause: Cause) -> set[str]:
        before = contact.email
        shown: dict[str, Any] = orjson.loads(contact.shown)
        changed = self._set_identifiers(contact, shown, write) | _set_attributes(shown, write)
        if changed:
            contact.shown = as_shown(shown)
        if "EMAIL" in changed and contact.email_blacklisted:
            self._history.left(before)
        wanted, how = _block(contact, write, changed, cause.how)
        if wanted != contact.email_blacklisted:
            contact.email_blacklisted = wanted
            changed.add("emailBlacklisted")
            if wanted:
                self._history.blocked(contact, now_ms)
            else:
                self._history.released(contact, Cause(how, cause.by), now_ms)
        if "EMAIL" in changed:
            self._history.arrived(contact, cause if how == "merge" else Cause("recreated", cause.by), now_ms)
        if write.sms_blacklisted is not None and write.sms_blacklisted != contact.sms_blacklisted:
            contact.sms_blacklisted = write.sms_blacklisted
            changed.add("smsBlacklisted")
        if write.transactional:
            contact.transactional = (*contact.transactional, write.transactional)
        if write.add_groups:
            changed |= self._join_groups(contact, write.add_groups, now_ms, cause)
        changed |= self._set_lists(contact, write, now_ms, cause)
        if write.forgets_left:
            contact.list_unsubscribed = ()
        return changed

    def _set_identifiers(self, contact: Contact, shown: dict[str, Any], write: Write) -> set[str]:
        changed = set()
        for kind, value in write.identifiers.items():
            name = NAMES[kind]
            old = contact.email if kind == EMAIL else shown.get(name, "")
            if value == old:
                continue
            changed.add(name)
            if old:
                del self._index[kind][old]
            if value:
                self._index[kind][value] = contact
            if kind == EMAIL:
                contact.email = value
            elif value:
                shown[name] = value
            else:
                del shown[name]
        return changed

    def _set_lists(self, contact: Contact, write: Write, now_ms: int, cause: Cause) -> set[str]:
        joined = tuple(one for one in dict.fromkeys(write.add_lists) if one not in contact.list_ids)
        if joined and contact.list_unsubscribed:
            joined = self._put_back(contact, joined, now_ms, cause)
        left = [one for one in write.remove_lists if one in contact.list_ids]
        if not joined and not left:
            return set()
        for one in joined:
            self.roll.join(one, (contact,))
        for one in left:
            self.roll.leave(one, contact)
            self._history.left_again(contact, "listId", one, now_ms)
        contact.list_ids = tuple(one for one in (*contact.list_ids, *joined) if one not in left)
        return {"listIds"}

    def _put_back(self, contact: Contact, joined: tuple[int, ...], now_ms: int, cause: Cause) -> tuple[int, ...]:
        """Return the lists that a contact joins, of which the person may have left some."""
        way = self._switches.relisting
        left = set(contact.list_unsubscribed)
        if way == "ignore":
            return tuple(one for one in joined if one not in left)
        for one in joined:
            if one in left:
                self._history.put_back(contact, Cause("list", cause.by), now_ms, listId=one)
        if way == "forget":
            contact.list_unsubscribed = tuple(one for one in contact.list_unsubscribed if one not in joined)
        return joined

    def _join_groups(self, contact: Contact, numbers: tuple[int, ...], now_ms: int, cause: Cause) -> set[str]:
        before = dict(contact.groups)
        for one in numbers:
            if before.get(one) is False:
                self._history.put_back(contact, Cause("group", cause.by), now_ms, groupId=one)
        contact.groups = tuple({**before, **dict.fromkeys(numbers, True)}.items())
        return {"consentGroups"} if dict(contact.groups) != before else set()

    def _save(self, contacts: Iterable[Contact]) -> None:
        if self._journal.is_kept:
            self._journal.write((self.name, one.id, one.row()) for one in contacts)


def duplicate(collisions: Iterable[str], verb: str) -> ApiError:
    """Return Brevo's 400 for identifiers that belong to another contact.

    Args:
        collisions: the kinds, as `identifiers.KINDS`.
        verb: `create` or `update`.

    Seen in PipedreamHQ/pipedream issue 15034 and pass-culture pull request 22628.
    """
    kinds = sorted(collisions, key=KINDS.index)
    names: list[Json] = list(kinds)
    is_are = "is already" if len(kinds) == 1 else "are already"
    message = f"Unable to {verb} contact, {' or '.join(kinds)} {is_are} associated with another Contact"
    return ApiError(400, "duplicate_parameter", message, {"duplicate_identifiers": names})


def _set_attributes(shown: dict[str, Any], write: Write) -> set[str]:
    changed = {name: value for name, value in write.attributes.items() if shown.get(name) != value}
    for name, value in changed.items():
        if value is None:
            del shown[name]
        else:
            shown[name] = value
    return set(changed)


def _block(contact: Contact, write: Write, changed: set[str], how: str) -> tuple[bool, str]:
    """Return whether mail is blocked after this write, and by which way a block would be lost.

    "If a blocklisted contact's email address is updated, it is going to remove that blocklisting": seen in the
    docstring of brevo-python 5.1.0. Whether the flag of the same request is heard is not said; here it is not.
    """
    if contact.email_blacklisted and "EMAIL" in changed:
        return False, "rename"
    return (contact.email_blacklisted if write.email_blacklisted is None else write.email_blacklisted), how
