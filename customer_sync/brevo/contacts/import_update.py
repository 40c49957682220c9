"""Who may be in an import that updates, and whether Brevo's contacts are to be read for it first.

Everything that an import could harm stays out: a person is in Brevo as far as known, was read unblocked shortly before,
has no withdrawal on record, leaves no list, and has nothing to be emptied. So a lift could only touch a person who
withdraws while the import runs; see docs/decisions/0044-imports-that-update.md.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Final, Literal, Protocol

from customer_sync.brevo.contacts.contact_job import Job
from customer_sync.brevo.contacts.contact_plan import UNIQUE, make_plan
from customer_sync.brevo.contacts.import_rows import has_lists_of_values
from customer_sync.brevo.proof.doors import ALL_ROWS, DoorBook, Doors, Rider
from customer_sync.person.merge import from_json
from customer_sync.store.items import SOLO_TRIES

#: How many canaries ride along at least: one that is blocked and one that is not.
RIDERS: Final = 2
#: A step of a read that took less than this only waited for Brevo, in seconds.
WAITED_S: Final = 0.1
#: An import is worth while for so many times the calls that the missing read takes.
WORTH: Final = 2


class Reads(Protocol):
    """Tells who was read unblocked from Brevo shortly before."""

    def fresh(self) -> int | None:
        """Return when the last whole read began, in ms; None when there is none that is young enough."""
        ...

    def has(self, numbers: Sequence[str]) -> list[bool]:
        """Tell of each person whether they were read unblocked, and had left no list."""
        ...

    def last(self) -> int:
        """Return up to which number people were known when that read began; 0 when there is none."""
        ...

    def step(self, last: int = 0) -> bool:
        """Read for some seconds, for people up to a number; False when there will be no read for the next minutes."""
        ...

    def cost(self) -> int:
        """Return about how many calls a whole read takes; very many where there will be none."""
        ...


def is_fit_update(job: Job, doors: Doors, under_way: Collection[str]) -> bool:
    """Tell whether a person may be put into an import that updates, if they were read unblocked shortly before.

    Args:
        job: the person's job.
        doors: what was proven.
        under_way: the imports that may still change contacts.
    """
    plan, item, has = job.plan, job.item, job.plan.has
    desired = plan.desired
    if plan.action != "write" or desired is None or job.waits or item.tries >= SOLO_TRIES or not has.is_there:
        return False
    if not _mark_fits(job, under_way):
        return False
    if desired.blocked is not None or desired.sms_blocked is not None or has.blocked or has.sms_blocked:
        return False
    if desired.unlist or desired.emptied or not desired.may_update or has_lists_of_values(desired):
        return False
    if has.left_lists or has.left_groups:
        return False
    return _unique_values_fit(job, doors)


def _mark_fits(job: Job, under_way: Collection[str]) -> bool:
    """Tell whether the import that took the person along last has ended, and what it did is known."""
    mark = job.item.mark
    return mark is None or (mark.import_id not in under_way and job.stored.has.is_there)


def _unique_values_fit(job: Job, doors: Doors) -> bool:
    """Tell whether the values that only one contact may have need no single call.

    They need none where Brevo has them as they are, and, with phones proven, where the contact gets its first ones:
    what it gives up may be wanted by others.
    """
    wanted = {name: value for name, value in job.desired.attributes.items() if name in UNIQUE}
    if not wanted:
        return True
    if doors.carries_phones(updates=True) and not job.stored.has.filled & wanted.keys():
        return True
    stored = _as_stored(job)
    return stored is not None and all(stored.get(name) == value for name, value in wanted.items())


def _as_stored(job: Job) -> dict[str, object] | None:
    """Return the values that Brevo took last; None where that is not known."""
    # with the orders of now: where these changed since, the digest differs, and nothing is known
    before = make_plan(replace(job.stored, orders=job.person.orders), job.rules, job.now_ms).desired
    if before is None or before.digest != job.stored.has.digest:
        return None
    return dict(before.attributes)


def riders_of(text: str) -> tuple[Rider, ...]:
    """Return the riders of an import as its record has them."""
    return tuple(Rider(*one) for one in from_json(text))


class Updates:
    """Decides about the people of one worker who could be updated by an import.

    Args:
        book: what was proven.
        reading: who was read unblocked; None where nobody reads: then nobody is updated by an import.
    """

    def __init__(self, book: DoorBook, reading: Reads | None) -> None:
        self._book = book
        self._reading = reading
        self._wants_read = False
        self._wanted = 0

    def doors(self, *, anew: bool = False) -> Doors:
        """Return what was proven; `anew`: asks Redis although the last answer is young."""
        return self._book.read(anew=anew)

    @property
    def may_be(self) -> bool:
        """Whether imports may update now."""
        doors = self._book.read()
        return self._reading is not None and doors.updates.is_open and len(doors.riders) >= RIDERS

    @property
    def is_opening(self) -> bool:
        """Whether imports that update are small yet, because no larger one was passed."""
        return self.may_be and self._book.read().most_rows < ALL_ROWS

    @property
    def wants_read(self) -> bool:
        """Whether Brevo's contacts are to be read before people are loaded."""
        return self._wants_read

    def read_on(self) -> Literal["", "waited", "read"]:
        """Read for some seconds where that was found to be worth while; "" where there is nothing to wait for."""
        if self._reading is None or not self._wants_read:
            return ""
        begun = time.monotonic()
        self._wants_read = self.may_be and self.known_to() < self._wanted and self._reading.step(self._wanted)
        if not self._wants_read or self.known_to() >= self._wanted:
            return ""
        return "read" if time.monotonic() - begun > WAITED_S else "waited"

    def known_to(self) -> int:
        """Return up to which number the read that counts now could know people; 0 where none counts."""
        return 0 if self._reading is None else self._reading.last()

    def is_worth_reading(self, count: int, least: int, last: int) -> bool:
        """Tell whether people whom no fresh read knows are to wait for one; otherwise they go one by one.

        Args:
            count: about how many of them wait.
            least: how many an import is worth while for.
            last: the highest of their numbers.
        """
        if self._reading is None or count < max(least, WORTH * self._reading.cost()):
            return False
        self._wants_read, self._wanted = True, max(self._wanted, last)
        return True

    @property
    def is_read(self) -> bool:
        """Whether there is a read that counts now."""
        return self._reading is not None and self._reading.fresh() is not None

    def unblocked(self, numbers: Sequence[str]) -> list[bool]:
        """Tell of each person whether they were read unblocked."""
        return [False] * len(numbers) if self._reading is None else self._reading.has(numbers)
