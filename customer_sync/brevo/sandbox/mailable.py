"""The oracle: every moment at which somebody who was blocked could be mailed again.

Brevo itself keeps no such record. It is here so that a test can say "nobody who left was ever mailed again" and mean
it, whatever the flags look like at the end.
"""

from __future__ import annotations

from customer_sync.brevo.sandbox import times
from customer_sync.brevo.sandbox.answers import Row
from customer_sync.brevo.sandbox.contact import Contact
from customer_sync.brevo.sandbox.journal import Journal, Key, Table
from customer_sync.model import Json

#: The ways a block is lost: the flag was sent as false, the address was changed, an import reset it, contacts were
#: merged, or a deleted contact came back without the block.
WAYS = ("flag", "rename", "import", "merge", "recreated")


class MailableHistory:
    """What became mailable, when and how.

    Args:
        journal: where entries are written.
    """

    def __init__(self, journal: Journal) -> None:
        self.table = Table("mailable", journal)
        #: Blocked addresses that no contact has any more.
        self.left_table = Table("left", journal)
        #: Contact → its entries that are open, each under an address of its own.
        self._open: dict[int, list[Key]] = {}

    def all(self) -> list[Json]:
        """Return the entries, oldest first: `id`, `email`, `at`, `how`, and `blockedAgainAt` (null while open)."""
        return list(self.table.rows.values())

    def released(self, contact: Contact, how: str, now_ms: int) -> None:
        """Note that a blocked contact is mailable from now on; an entry that is open already stays the one."""
        keys = self._open.setdefault(contact.id, [])
        if any(self.table.rows[key]["email"] == contact.email for key in keys):
            return
        key = self.table.next_id()
        keys.append(key)
        row: Row = {"id": contact.id, "email": contact.email, "at": times.iso(now_ms), "how": how}
        self.table.put(key, {**row, "blockedAgainAt": None})

    def blocked(self, contact: Contact, now_ms: int) -> None:
        """Note that a contact is blocked; closes its open entries."""
        for key in self._open.pop(contact.id, ()):
            self.table.put(key, {**self.table.rows[key], "blockedAgainAt": times.iso(now_ms)})

    def gone(self, contact: Contact) -> None:
        """Note that a contact was deleted; a block of its address is remembered here and nowhere else."""
        self._open.pop(contact.id, None)
        if contact.email_blacklisted:
            self.left(contact.email)

    def left(self, email: str) -> None:
        """Note that no contact has this address any more, which was blocked."""
        if email:
            self.left_table.put(email, {})

    def arrived(self, contact: Contact, how: str, now_ms: int) -> None:
        """Note that an address came (back) to a contact; tells of it when it had left blocked."""
        if contact.email in self.left_table.rows:
            self.left_table.drop(contact.email)
            if not contact.email_blacklisted:
                self.released(contact, how, now_ms)

    def loaded(self) -> None:
        """Find the entries that are still open; called after the tables were loaded or cleared."""
        self._open = {}
        for key, row in self.table.rows.items():
            if row["blockedAgainAt"] is None:
                self._open.setdefault(int(str(row["id"])), []).append(key)
