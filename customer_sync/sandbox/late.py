"""Reads that come too early: after an import the API may still show what was there before.

Which of it is shown, for how long and of whom is said by the switches `import_reads`, `import_reads_s` and
`import_reads_of`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from customer_sync.sandbox.contact import Contact
from customer_sync.sandbox.switches import Switches


@dataclass(slots=True, eq=False)
class Before:
    """What was there before one import.

    Args:
        copies: number → the contact as JSON; None for one that was not there.
        first: the first number of the contacts that came in all at once.
        last: the last of them.
        ended_ms: when the import was completed; None while it runs.
        begin_ms: from when on this is shown; None for at once.
        end_ms: until when this is shown; None for no end yet.
    """

    copies: dict[int, bytes | None] = field(default_factory=dict)
    first: int = 1
    last: int = 0
    ended_ms: int | None = None
    begin_ms: int | None = None
    end_ms: int | None = None

    def holds(self, contact: Contact, now_ms: int) -> bool:
        """Return whether the contact is shown as it was before. Who was written since is not."""
        if self.ended_ms is not None and contact.modified_ms > self.ended_ms:
            return False
        if not (contact.id in self.copies or self.first <= contact.id <= self.last):
            return False
        return (self.begin_ms or 0) <= now_ms and (self.end_ms is None or now_ms < self.end_ms)


class LateReads:
    """What reads show of imported contacts. The caller holds the sandbox's lock, except in `show`.

    Args:
        switches: how the account behaves.
        show: gives a contact as it is, as JSON.
    """

    def __init__(self, switches: Switches, show: Callable[[Contact], bytes]) -> None:
        self._switches = switches
        self._show = show
        self._befores: list[Before] = []

    def clear(self) -> None:
        """Forget what was there before."""
        self._befores = []

    def begin(self) -> Before | None:
        """Return what is to be filled with copies while an import goes on; None when reads show all at once."""
        if self._switches.import_reads == "at_once":
            return None
        before = Before()
        if self._switches.import_reads == "late":
            self._befores.append(before)
        return before

    def copy(self, before: Before, contact: Contact) -> None:
        """Remember a contact as it is, before it is changed the first time."""
        if contact.id not in before.copies:
            before.copies[contact.id] = self._show(contact)

    def end(self, before: Before, now_ms: int) -> None:
        """Say from when until when the old state is shown: the import is completed."""
        wait_ms = int(self._switches.import_reads_s * 1000)
        before.ended_ms = now_ms
        if before in self._befores:
            before.end_ms = now_ms + wait_ms
        else:
            before.begin_ms, before.end_ms = now_ms + wait_ms, now_ms + 2 * wait_ms
            self._befores.append(before)

    def show(self, contact: Contact, now_ms: int) -> bytes | None:
        """Return a contact as reads see it, as JSON; None for one that they do not see yet."""
        if fnmatchcase(contact.email, self._switches.import_reads_of):
            for before in self._befores:
                if before.holds(contact, now_ms):
                    return before.copies.get(contact.id)
        return self._show(contact)

    def forget(self, now_ms: int) -> None:
        """Throw away what is shown no more."""
        if self._befores:
            self._befores = [one for one in self._befores if one.end_ms is None or now_ms < one.end_ms]

    @property
    def is_empty(self) -> bool:
        """Whether every contact is shown as it is."""
        return not self._befores
