"""The roll: who there is, whom each list holds and who changed since when, each in the order of creation.

A million contacts must cost a listing no more than ten do: all is kept in order, nothing is sorted or counted for a
page. The caller holds the sandbox's lock.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from operator import attrgetter
from typing import Final, overload

from customer_sync.sandbox.contact import Contact

_ID: Final = attrgetter("id")
_CREATED: Final = attrgetter("created_ms")
#: The notes of changes may outnumber the contacts by so much before the overtaken ones are thrown away.
_SPARE_NOTES: Final = 1_000


class Rows(Sequence[Contact]):
    """Contacts in the order of creation, without a copy of them.

    Args:
        head: the first ones.
        tail: where the others are.
        start: the first of `tail` that counts.
    """

    def __init__(self, head: list[Contact], tail: list[Contact], start: int = 0) -> None:
        self._head = head
        self._tail = tail
        self._start = start

    def __len__(self) -> int:
        return len(self._head) + len(self._tail) - self._start

    @overload
    def __getitem__(self, place: int) -> Contact: ...
    @overload
    def __getitem__(self, place: slice) -> list[Contact]: ...
    def __getitem__(self, place: int | slice) -> Contact | list[Contact]:
        if not isinstance(place, slice):
            return self[range(len(self))[place] :][0]
        first, end, _ = place.indices(len(self))
        shift = self._start - len(self._head)
        return self._head[first:end] + self._tail[max(first + shift, self._start) : max(end + shift, self._start)]


class Roll:
    """The contacts in order."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forget all contacts."""
        self.all: list[Contact] = []
        self._members: dict[int, list[Contact]] = {}
        #: Lists that somebody joined who was created before the last of them.
        self._unsorted: set[int] = set()
        #: When somebody was changed after being created, and who; what was overtaken by a later note counts no more.
        self._times = array("q")
        self._notes: list[Contact] = []

    def get(self, number: int) -> Contact | None:
        """Return a contact by its number, or None."""
        place = self._place(number)
        return self.all[place] if place < len(self.all) and self.all[place].id == number else None

    def add(self, contacts: Sequence[Contact]) -> None:
        """Add contacts whose numbers are higher than all before, in order. Their lists are told by `join`."""
        self.all.extend(contacts)

    def put(self, number: int, contact: Contact | None) -> None:
        """Set or drop the contact of a number, wherever it stands; `index` is to be called after the last."""
        place = self._place(number)
        is_there = place < len(self.all) and self.all[place].id == number
        self.all[place : place + is_there] = [] if contact is None else [contact]

    def remove(self, contact: Contact) -> None:
        """Take a contact off the roll and all lists."""
        del self.all[self._place(contact.id)]
        for list_id in contact.list_ids:
            self.leave(list_id, contact)
        contact.modified_ms = -1

    def join(self, list_id: int, contacts: Iterable[Contact]) -> None:
        """Let contacts, in order, into a list they are not on."""
        members = self._members.setdefault(list_id, [])
        known = len(members)
        members.extend(contacts)
        if 0 < known < len(members) and members[known].id < members[known - 1].id:
            self._unsorted.add(list_id)

    def leave(self, list_id: int, contact: Contact) -> None:
        """Take a contact off a list it is on."""
        members = self.members(list_id)
        del members[bisect_left(members, contact.id, key=_ID)]

    def drop_list(self, list_id: int) -> list[Contact]:
        """Forget a list, and return who was on it."""
        members = self.members(list_id)
        self._members.pop(list_id, None)
        return members

    def size(self, list_id: int) -> int:
        """Return how many contacts a list holds."""
        return len(self._members.get(list_id, ()))

    def members(self, list_id: int) -> list[Contact]:
        """Return the contacts of a list. Do not change it."""
        members = self._members.get(list_id, [])
        if list_id in self._unsorted:
            # in order but for who joined late: runs, which sort() merges
            members.sort(key=_ID)
            self._unsorted.discard(list_id)
        return members

    def union(self, list_ids: Iterable[int]) -> list[Contact]:
        """Return who is on any of these lists, in order."""
        found = {one for list_id in list_ids for one in self.members(list_id)}
        return sorted(found, key=_ID)

    def touch(self, contact: Contact, now_ms: int) -> None:
        """Note that a contact was changed."""
        contact.modified_ms = now_ms
        if now_ms == contact.created_ms:
            return
        self._times.append(now_ms)
        self._notes.append(contact)
        if len(self._notes) > 2 * len(self.all) + _SPARE_NOTES:
            self._forget_overtaken()

    def index(self) -> None:
        """Find again what follows from the contacts; called after they were put one by one."""
        self._members = {}
        for contact in self.all:
            for list_id in contact.list_ids:
                self._members.setdefault(list_id, []).append(contact)
        changed = sorted((one for one in self.all if one.modified_ms != one.created_ms), key=attrgetter("modified_ms"))
        self._notes = changed
        self._times = array("q", [one.modified_ms for one in changed])

    def choose(self, created: int | None, modified: int | None, list_id: int | None = None) -> Rows:
        """Return who was created after one time and changed after another, in ms; None leaves that open.

        Args:
            created: only who was created later.
            modified: only who was changed (or created) later.
            list_id: only who is on this list.
        """
        everyone = self.all if list_id is None else self.members(list_id)
        latest = max((one for one in (created, modified) if one is not None), default=None)
        start = 0 if latest is None else bisect_right(everyone, latest, key=_CREATED)
        if modified is None or start == 0:
            return Rows([], everyone, start)
        earlier = {one for at, one in self._changes_after(modified) if one.modified_ms == at}
        head = (one for one in earlier if (created or 0) < one.created_ms <= modified)
        return Rows(sorted((one for one in head if list_id in (None, *one.list_ids)), key=_ID), everyone, start)

    def _changes_after(self, at_ms: int) -> Iterator[tuple[int, Contact]]:
        first = bisect_right(self._times, at_ms)
        return zip(self._times[first:], self._notes[first:], strict=True)

    def _forget_overtaken(self) -> None:
        kept = {one: at for at, one in zip(self._times, self._notes, strict=True) if one.modified_ms == at}
        self._notes = list(kept)
        self._times = array("q", kept.values())

    def _place(self, number: int) -> int:
        """Return where a number stands or would stand; numbers without a gap before them stand where they say."""
        guess = number - 1
        if 0 <= guess < len(self.all) and self.all[guess].id == number:
            return guess
        if not self.all or self.all[-1].id < number:
            return len(self.all)
        return bisect_left(self.all, number, key=_ID)
