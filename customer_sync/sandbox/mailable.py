"""The oracle: every moment at which somebody who had left could be mailed again, how, and by which call.

Brevo itself keeps no such record. It is here so that a test can say "nobody who left was ever mailed again" and mean
it, whatever the flags look like at the end.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Final, NamedTuple

from customer_sync.model import Json
from customer_sync.sandbox import times
from customer_sync.sandbox.answers import Row
from customer_sync.sandbox.contact import Contact
from customer_sync.sandbox.journal import Journal, Key, Table

#: The ways in which somebody who left becomes mailable again → what happened, for people who look.
WAYS: Final[Mapping[str, str]] = {
    "flag": "the call said `emailBlacklisted: false`, so whoever called knows of an opt-in, or should",
    "null": "the call said `emailBlacklisted: null`, which Brevo reads as false",
    "rename": "the call changed the address of a blocked contact, and Brevo lifts the block then",
    "import": "an import updated the contact, and imports lift blocks here (switch `import_blocks`)",
    "merge": "two contacts became one, and the block of the one that was deleted went with it",
    "recreated": "a blocked contact was deleted, and its address came back without the block",
    "list": "the contact was put back on a list that the person had left",
    "group": "an import put the contact back into a consent group that the person had left",
    "confirmed": "the person clicked the link of a double opt-in: an opt-in of their own",
    "operator": "somebody lifted the block by hand, on Brevo's pages",
    "resubscribed": "the person signed up again with a form of Brevo's: an opt-in of their own",
}


class Cause(NamedTuple):
    """Why a contact changes.

    Args:
        how: the way a block would be lost by it, one of `WAYS`.
        by: the call or act, as `PUT /contacts/{identifier}`.
    """

    how: str = "flag"
    by: str = ""


class MailableHistory:
    """What became mailable, when, how and by which call.

    Args:
        journal: where entries are written.
    """

    def __init__(self, journal: Journal) -> None:
        self.table = Table("mailable", journal)
        #: Blocked addresses that no contact has any more.
        self.left_table = Table("left", journal)
        #: Contact → its entries that are open.
        self._open: dict[int, list[Key]] = {}

    def all(self) -> list[Row]:
        """Return the entries, oldest first.

        Each has `id`, `email`, `at`, `how`, `by` and `blockedAgainAt` (null while open); `listId` or `groupId` where it
        is about a list or a consent group.
        """
        return list(self.table.rows.values())

    def totals(self) -> dict[str, int]:
        """Return how many entries there are of each way."""
        return dict(Counter(str(row["how"]) for row in self.table.rows.values()))

    def released(self, contact: Contact, cause: Cause, now_ms: int) -> None:
        """Note that a blocked contact is mailable from now on; an entry that is open already stays the one."""
        self._note(contact, cause, now_ms, {})

    def put_back(self, contact: Contact, cause: Cause, now_ms: int, **place: int) -> None:
        """Note that a contact was put back on a list (`listId`) or into a group (`groupId`) that it had left."""
        self._note(contact, cause, now_ms, dict(place))

    def blocked(self, contact: Contact, now_ms: int) -> None:
        """Note that a contact is blocked; closes its open entries."""
        for key in self._open.pop(contact.id, ()):
            self._close(key, now_ms)

    def left_again(self, contact: Contact, name: str, number: int, now_ms: int) -> None:
        """Note that a contact is off a list or group again; `name` is `listId` or `groupId`."""
        keys = self._open.get(contact.id, [])
        for key in [one for one in keys if self.table.rows[one].get(name) == number]:
            keys.remove(key)
            self._close(key, now_ms)

    def gone(self, contact: Contact) -> None:
        """Note that a contact was deleted; a block of its address is remembered here and nowhere else."""
        self._open.pop(contact.id, None)
        if contact.email_blacklisted:
            self.left(contact.email)

    def left(self, email: str) -> None:
        """Note that no contact has this address any more, which was blocked."""
        if email:
            self.left_table.put(email, {})

    def arrived(self, contact: Contact, cause: Cause, now_ms: int) -> None:
        """Note that an address came (back) to a contact; tells of it when it had left blocked."""
        if contact.email in self.left_table.rows:
            self.left_table.drop(contact.email)
            if not contact.email_blacklisted:
                self.released(contact, cause, now_ms)

    def loaded(self) -> None:
        """Find the entries that are still open; called after the tables were loaded or cleared."""
        self._open = {}
        for key, row in self.table.rows.items():
            if row["blockedAgainAt"] is None:
                self._open.setdefault(int(str(row["id"])), []).append(key)

    def _note(self, contact: Contact, cause: Cause, now_ms: int, place: Mapping[str, Json]) -> None:
        about: Row = {"email": contact.email, **place}
        keys = self._open.setdefault(contact.id, [])
        if any(_about(self.table.rows[key]) == about for key in keys):
            return
        key = self.table.next_id()
        keys.append(key)
        row: Row = {"id": contact.id, "email": contact.email, "at": times.iso(now_ms), "how": cause.how, "by": cause.by}
        self.table.put(key, {**row, **place, "blockedAgainAt": None})

    def _close(self, key: Key, now_ms: int) -> None:
        self.table.put(key, {**self.table.rows[key], "blockedAgainAt": times.iso(now_ms)})


def _about(row: Row) -> Row:
    """Return whom and what place an entry is about."""
    return {name: row[name] for name in ("email", "listId", "groupId") if name in row}
