"""Rows of an import: who may go along, how a row looks, and loads of rows that go together.

Only who is new to Brevo as far as we know goes along, with nothing to block, to lift or to leave. So an import never
changes anybody, and it makes no difference whether a row comes before or after a single write for the same person. A
row carries the e-mail as the only identifier: an import may merge contacts that share a phone, and delete one of them.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace

from customer_sync.base.clock import Clock
from customer_sync.brevo.contacts.contact_job import Job, record_of
from customer_sync.brevo.contacts.contact_plan import UNIQUE, Desired, after_write, digest_of
from customer_sync.model import Json, Priority
from customer_sync.person.merge import to_json
from customer_sync.store.imports import Row
from customer_sync.store.items import CREATED, SOLO_TRIES, ImportMark, Item
from customer_sync.store.people import People

#: The largest body of an import, in bytes. Brevo takes 10 MB and calls 8 MB safe (`POST /contacts/import`).
MAX_BYTES = 8_000_000
#: What stands around the rows of a body, at most: lists, switches, the address for the notice.
_FRAME_BYTES = 2_000


def is_fit(job: Job, under_way: Collection[str]) -> bool:
    """Tell whether a person may go along in an import.

    Args:
        job: what is to be done for them.
        under_way: the imports that may still make contacts; a person is in one at a time.
    """
    plan, item = job.plan, job.item
    desired = plan.desired
    if plan.action != "write" or desired is None or job.waits or item.tries >= SOLO_TRIES:
        return False
    if desired.blocked is not None or desired.sms_blocked is not None or desired.unlist:
        return False
    # lists in a row: nobody has said whether an import reads them
    if any(isinstance(value, list) for value in desired.attributes.values()):
        return False
    if item.mark is None:
        return not plan.has.is_there
    # an import that is over took them along, and it is not known to have made a contact
    is_over = item.mark.import_id not in under_way and item.mark.import_id != CREATED
    return is_over and not job.stored.has.is_there


def without_unique(desired: Desired) -> Desired:
    """Return what a row may say: nothing that only one contact may have, but the address."""
    values = {name: value for name, value in desired.attributes.items() if name not in UNIQUE}
    if len(values) == len(desired.attributes):
        return desired
    return desired._replace(attributes=values, digest=digest_of(desired.email, values, desired.lists))


def encode_row(desired: Desired) -> bytes:
    """Return a row as Brevo takes it.

    Booleans are texts: an import was seen not to apply JSON booleans, and to apply texts in the same row
    (getbrevo/brevo-python issue 95).
    """
    attributes = {name: _value(value) for name, value in desired.attributes.items()}
    return to_json({"email": desired.email, "attributes": attributes}).encode()


def _value(value: Json) -> Json:
    return ("true" if value else "false") if isinstance(value, bool) else value


def item_of(row: Row) -> Item:
    """Return as much of an item as is needed to tell what became of a row."""
    return Item(row.target, (), row.events, row.tries, 0, Priority.BULK, "")


@dataclass(slots=True)
class Load:
    """Rows that go together: they are for the same lists.

    Args:
        lists: the lists; empty for people who are put on none.
        at_ms: when it was begun.
        is_kept: whether it waits for the import before it to end.
    """

    lists: tuple[int, ...]
    at_ms: int
    is_kept: bool = False
    rows: list[Row] = field(default_factory=list)
    texts: list[bytes] = field(default_factory=list)
    filled: list[frozenset[str]] = field(default_factory=list)
    emails: set[str] = field(default_factory=set)
    size: int = _FRAME_BYTES

    def takes(self, email: str, text: bytes) -> bool:
        """Tell whether there is room for a row, and nobody with this address yet."""
        return self.size + len(text) + 1 <= MAX_BYTES and email not in self.emails

    def add(self, job: Job, desired: Desired, text: bytes, people: People) -> None:
        """Add a person with their row."""
        job.has = replace(after_write(job.has, desired, self.at_ms), is_read=True)
        item, is_part = job.item, desired.digest != job.desired.digest
        self.rows.append(Row(item.target, desired.email, record_of(job, people), item.events, item.tries, is_part))
        self.texts.append(text)
        self.filled.append(frozenset(desired.attributes))
        self.emails.add(desired.email)
        self.size += len(text) + 1

    def marks(self, import_: str) -> list[tuple[str, ImportMark]]:
        """Return for each person where the import may make a contact, and what of it would be ours."""
        return [
            (row.target, ImportMark(import_, row.email, self.lists, self.at_ms, filled))
            for row, filled in zip(self.rows, self.filled, strict=True)
        ]

    def leave(self, out: Collection[str]) -> None:
        """Leave people behind who were taken back meanwhile."""
        kept = [one for one in zip(self.rows, self.texts, self.filled, strict=True) if one[0].target not in out]
        self.rows = [row for row, _, _ in kept]
        self.texts = [text for _, text, _ in kept]
        self.filled = [filled for _, _, filled in kept]

    def body(self, list_id: int, notify_url: str) -> bytes:
        """Return the body of the call.

        Args:
            list_id: the technical list.
            notify_url: what Brevo is to call when it is done; "" for nothing.
        """
        settings: dict[str, Json] = {
            "listIds": [*self.lists, list_id],
            # never an update, never a flag: the block of a contact that is updated may be reset
            # (seen in gip-inclusion/les-emplois, which turned updates off for this)
            "updateExistingContacts": False,
            # otherwise each import sends a mail to the account's owner
            "disableNotification": True,
        }
        if notify_url:
            settings["notifyUrl"] = notify_url
        return b'{"jsonBody":[' + b",".join(self.texts) + b"]," + to_json(settings).encode()[1:]


class Loads:
    """The loads of one round, by lists, and those that were kept from the round before.

    Args:
        clock: milliseconds since 1970.
        people: writes what is known of them.
        with_phones: whether rows carry values that only one contact may have.
    """

    def __init__(self, clock: Clock, people: People, *, with_phones: bool = False) -> None:
        self._clock = clock
        self._people = people
        self._with_phones = with_phones
        self._open: dict[tuple[int, ...], Load] = {}
        self._full: list[Load] = []

    def add(self, job: Job) -> bool:
        """Add a person; False when somebody with the same address goes along already."""
        desired = job.desired if self._with_phones else without_unique(job.desired)
        text = encode_row(desired)
        load = self._open.get(desired.lists)
        if load is not None and desired.email in load.emails:
            return False
        if load is not None and not load.takes(desired.email, text):
            self._full.append(self._open.pop(desired.lists))
            load = None
        if load is None:
            load = self._open[desired.lists] = Load(desired.lists, self._clock())
        load.add(job, desired, text, self._people)
        return True

    @property
    def full(self) -> int:
        """How many loads are full."""
        return len(self._full)

    @property
    def is_empty(self) -> bool:
        """Whether there is none."""
        return not self._full and not self._open

    def take_out(self) -> list[Load]:
        """Return every load, and forget it: those that were kept first, then the largest."""
        found = sorted([*self._full, *self._open.values()], key=lambda load: (not load.is_kept, -load.size))
        self._full, self._open = [], {}
        return found

    def keep(self, load: Load) -> None:
        """Take a load back: one import runs at a time, and it waits for the next one."""
        load.is_kept = True
        if load.lists in self._open:
            self._full.append(load)
        else:
            self._open[load.lists] = load
