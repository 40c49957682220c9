"""All contacts of the account, found by any of their unique identifiers.

The caller holds the sandbox's lock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from customer_sync.brevo.sandbox.answers import ApiError, missing
from customer_sync.brevo.sandbox.contact import Contact, Write, from_row
from customer_sync.brevo.sandbox.identifiers import EMAIL, EXT_ID, KINDS, SMS
from customer_sync.brevo.sandbox.journal import Entry, Journal, Key
from customer_sync.brevo.sandbox.mailable import MailableHistory
from customer_sync.model import Json


class Contacts:
    """The contacts.

    Args:
        journal: where changes are written.
        history: told of every block that is lost.
    """

    name = "contacts"

    def __init__(self, journal: Journal, history: MailableHistory) -> None:
        self._journal = journal
        self._history = history
        self._index: dict[str, dict[str, int]] = {kind: {} for kind in KINDS}
        self._ordered: dict[int | None, list[Contact]] = {}
        #: list id → contact ids; a dict without values keeps the order.
        self.members: dict[int, dict[int, None]] = {}
        self.by_id: dict[int, Contact] = {}
        self.last_id = 0

    def find(self, kind: str, value: str) -> Contact | None:
        """Return the contact with this identifier, or None."""
        found = self._index[kind].get(value)
        return None if found is None else self.by_id[found]

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

    def create(self, write: Write, now_ms: int) -> Contact:
        """Add a contact whose identifiers are free."""
        self.last_id += 1
        contact = Contact(self.last_id, {}, now_ms, now_ms)
        self.by_id[contact.id] = contact
        self._changed(None)
        self._apply(contact, write, now_ms)
        self._save([contact])
        return contact

    def update(self, contact: Contact, write: Write, now_ms: int, *, how: str = "flag") -> set[str]:
        """Change a contact whose new identifiers are free; returns the names of what changed.

        Args:
            contact: whom.
            write: what it becomes.
            now_ms: the time.
            how: the word for the oracle when the block is lost by the flag.
        """
        changed = self._apply(contact, write, now_ms, how)
        if changed:
            contact.modified_ms = now_ms
            self._save([contact])
        return changed

    def update_many(self, writes: Iterable[tuple[Contact | None, Write]], now_ms: int, *, how: str) -> None:
        """Create and change many contacts with one flush of the journal."""
        touched: list[Contact] = []
        for known, write in writes:
            if known is None:
                self.last_id += 1
            contact = known or Contact(self.last_id, {}, now_ms, now_ms)
            self.by_id[contact.id] = contact
            self._apply(contact, write, now_ms, how)
            contact.modified_ms = now_ms
            touched.append(contact)
        self._changed(None)
        self._save(touched)

    def merge(self, contacts: list[Contact], now_ms: int) -> Contact:
        """Merge contacts into the one that changed last, and delete the others; returns the survivor.

        The survivor's own values win. Its block is its own too: what Brevo does is not documented, and this is the
        worse of the two.
        """
        survivor, *others = sorted(contacts, key=lambda one: (one.modified_ms, one.id), reverse=True)
        for other in others:
            self.delete(other)
            values = {name: value for name, value in other.attributes.items() if name not in survivor.attributes}
            free = {kind: value for kind, value in other.identifiers.items() if kind not in survivor.identifiers}
            write = Write(identifiers=free, attributes=values, add_lists=other.list_ids)
            self._apply(survivor, write, now_ms, "merge")
            if other.email_blacklisted and not survivor.email_blacklisted:
                self._history.released(survivor, "merge", now_ms)
        survivor.modified_ms = now_ms
        self._save([survivor])
        return survivor

    def delete(self, contact: Contact) -> None:
        """Delete a contact."""
        for kind, value in contact.identifiers.items():
            del self._index[kind][value]
        for list_id in contact.list_ids:
            self.members[list_id].pop(contact.id, None)
            self._changed(list_id)
        del self.by_id[contact.id]
        self._changed(None)
        self._history.gone(contact)
        self._journal.write(((self.name, contact.id, None),))

    def change_all(self, contacts: Iterable[Contact], change: Callable[[Contact], None]) -> None:
        """Change many contacts in place, outside their identifiers and lists, with one flush of the journal."""
        touched = list(contacts)
        for contact in touched:
            change(contact)
        self._save(touched)

    def ordered(self, list_id: int | None = None) -> list[Contact]:
        """Return the contacts, all or those of a list, in the order they were created. Do not change the list."""
        found = self._ordered.get(list_id)
        if found is None:
            ids = self.by_id if list_id is None else sorted(self.members.get(list_id, ()))
            found = self._ordered[list_id] = [self.by_id[one] for one in ids]
        return found

    def load(self, key: Key, row: dict[str, Json] | None) -> None:
        """Take one line of the journal."""
        number = int(key)
        self.last_id = max(self.last_id, number)
        known = self.by_id.pop(number, None)
        for kind, value in known.identifiers.items() if known else ():
            self._index[kind].pop(value, None)
        for list_id in known.list_ids if known else ():
            self.members[list_id].pop(number, None)
        if row is None:
            return
        contact = self.by_id[number] = from_row(number, row)
        for kind, value in contact.identifiers.items():
            self._index[kind][value] = number
        for list_id in contact.list_ids:
            self.members.setdefault(list_id, {})[number] = None

    def loaded(self) -> None:
        """Put the contacts in the order they were created; called once after the journal was replayed."""
        self.by_id = dict(sorted(self.by_id.items()))
        self._ordered.clear()

    def entries(self) -> Iterator[Entry]:
        """Yield the journal lines that make these contacts again."""
        if self.last_id and self.last_id not in self.by_id:
            yield self.name, self.last_id, None
        for contact in self.by_id.values():
            yield self.name, contact.id, contact.row()

    def clear(self) -> None:
        """Forget all contacts."""
        self.by_id.clear()
        self.members.clear()
        self._ordered.clear()
        for index in self._index.values():
            index.clear()
        self.last_id = 0

    def _apply(self, contact: Contact, write: Write, now_ms: int, how: str = "flag") -> set[str]:
        before = contact.email
        changed = self._set_identifiers(contact, write)
        if write.attributes:
            changed |= _set_attributes(contact, write)
        if "EMAIL" in changed and contact.email_blacklisted:
            self._history.left(before)
        wanted, how = _block(contact, write, changed, how)
        if wanted != contact.email_blacklisted:
            contact.email_blacklisted = wanted
            changed.add("emailBlacklisted")
            if wanted:
                self._history.blocked(contact, now_ms)
            else:
                self._history.released(contact, how, now_ms)
        if "EMAIL" in changed:
            self._history.arrived(contact, "merge" if how == "merge" else "recreated", now_ms)
        if write.sms_blacklisted is not None and write.sms_blacklisted != contact.sms_blacklisted:
            contact.sms_blacklisted = write.sms_blacklisted
            changed.add("smsBlacklisted")
        if write.transactional:
            contact.transactional = (*contact.transactional, write.transactional)
        return changed | self._set_lists(contact, write)

    def _set_identifiers(self, contact: Contact, write: Write) -> set[str]:
        changed = set()
        for kind, value in write.identifiers.items():
            old = contact.identifiers.get(kind, "")
            if value == old:
                continue
            changed.add({EMAIL: "EMAIL", EXT_ID: "EXT_ID"}.get(kind, kind))
            if old:
                del self._index[kind][old]
            fresh = {key: text for key, text in contact.identifiers.items() if key != kind}
            if value:
                fresh[kind] = value
                self._index[kind][value] = contact.id
            contact.identifiers = fresh
        return changed

    def _set_lists(self, contact: Contact, write: Write) -> set[str]:
        joined = tuple(one for one in dict.fromkeys(write.add_lists) if one not in contact.list_ids)
        left = [one for one in write.remove_lists if one in contact.list_ids]
        if not joined and not left:
            return set()
        contact.list_ids = tuple(one for one in (*contact.list_ids, *joined) if one not in left)
        for one in joined:
            self.members.setdefault(one, {})[contact.id] = None
        for one in left:
            self.members[one].pop(contact.id, None)
        for one in (*joined, *left):
            self._changed(one)
        return {"listIds"}

    def _changed(self, list_id: int | None) -> None:
        self._ordered.pop(list_id, None)

    def _save(self, contacts: list[Contact]) -> None:
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


def _set_attributes(contact: Contact, write: Write) -> set[str]:
    fresh = dict(contact.attributes)
    for name, value in write.attributes.items():
        if value is None:
            fresh.pop(name, None)
        else:
            fresh[name] = value
    changed = {name for name in write.attributes if fresh.get(name) != contact.attributes.get(name)}
    contact.attributes = fresh
    return changed


def _block(contact: Contact, write: Write, changed: set[str], how: str) -> tuple[bool, str]:
    """Return whether mail is blocked after this write, and by which way a block would be lost.

    "If a blocklisted contact's email address is updated, it is going to remove that blocklisting": seen in the
    docstring of brevo-python 5.1.0. Whether the flag of the same request is heard is not said; here it is not.
    """
    if contact.email_blacklisted and "EMAIL" in changed:
        return False, "rename"
    return (contact.email_blacklisted if write.email_blacklisted is None else write.email_blacklisted), how
