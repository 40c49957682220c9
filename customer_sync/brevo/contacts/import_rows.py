"""Rows of an import: which persons may be in it, what a row holds, and loads of rows for one import.

Only persons that have no contact in Brevo, as far as known, are put into an import, and only without a block to set or
lift, or a list to leave. So an import never changes a contact, and the order of the import and of a single write for
the same person does not matter. The e-mail is the only identifier of a row: an import may merge contacts that share a
phone, and delete one of them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
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
#: The largest size of the other parts of a body, in bytes: lists, switches, the URL for the notice.
_FRAME_BYTES = 2_000


def is_fit(job: Job, under_way: Collection[str]) -> bool:
    """Tell whether a person may be put into an import.

    Args:
        job: the person's job.
        under_way: the imports that may still create contacts; a person is in one import at a time.
    """
    plan, item = job.plan, job.item
    desired = plan.desired
    if plan.action != "write" or desired is None or job.waits or item.tries >= SOLO_TRIES:
        return False
    if desired.blocked is not None or desired.sms_blocked is not None or desired.unlist:
        return False
    # values that are lists: whether an import reads them is not documented
    if any(isinstance(value, list) for value in desired.attributes.values()):
        return False
    if item.mark is None:
        return not plan.has.is_there
    # the person was in an import that has ended, and whether that import created the contact is unknown
    is_over = item.mark.import_id not in under_way and item.mark.import_id != CREATED
    return is_over and not job.stored.has.is_there


def without_unique(desired: Desired) -> Desired:
    """Return the values for a row: without values that only one contact may have, except the address."""
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
    """Return the parts of an item that are needed to settle a row."""
    return Item(row.target, (), row.events, row.tries, 0, Priority.BULK, "")


@dataclass(slots=True)
class Load:
    """Rows for one import: all for the same lists.

    Args:
        lists: the lists; empty for people who are put on none.
        at_ms: when the load was begun.
        is_kept: whether the load waits for the end of the import before it.
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
        """Tell whether the load has room for a row, and no row with this address."""
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
        """Return each person's mark: the address, lists and attributes of the contact that the import may create."""
        return [
            (row.target, ImportMark(import_, row.email, self.lists, self.at_ms, filled))
            for row, filled in zip(self.rows, self.filled, strict=True)
        ]

    def leave(self, out: Collection[str]) -> None:
        """Remove the rows of persons whose items live work has taken back."""
        kept = [one for one in zip(self.rows, self.texts, self.filled, strict=True) if one[0].target not in out]
        self.rows = [row for row, _, _ in kept]
        self.texts = [text for _, text, _ in kept]
        self.filled = [filled for _, _, filled in kept]

    def body(self, list_id: int, notify_url: str) -> bytes:
        """Return the body of the call.

        Args:
            list_id: the technical list.
            notify_url: the URL that Brevo is to call when the import is done; "" for none.
        """
        return import_body(self.texts, [*self.lists, list_id], notify_url)


def import_body(rows: Iterable[bytes], lists: Sequence[int], notify_url: str, *, updates: bool = False) -> bytes:
    """Return the body of `POST /contacts/import`: the one form in which imports are sent.

    Args:
        rows: encoded, see `encode_row`.
        lists: the lists of all its contacts.
        notify_url: the URL that Brevo is to call when the import is done; "" for none.
        updates: whether contacts that exist are updated. Never with a flag: what an import does to a block is proven
            in each account before, see `customer_sync.brevo.proof`.
    """
    settings: dict[str, Json] = {
        "listIds": list(lists),
        "updateExistingContacts": updates,
        # without this, Brevo sends a mail to the account's owner for each import
        "disableNotification": True,
    }
    if updates:
        settings["emptyContactsAttributes"] = False
    if notify_url:
        settings["notifyUrl"] = notify_url
    return b'{"jsonBody":[' + b",".join(rows) + b"]," + to_json(settings).encode()[1:]


class Loads:
    """The loads of one round, by lists, and the loads that were kept from the round before.

    Args:
        clock: milliseconds since 1970.
        people: encodes persons.
        with_phones: whether rows carry values that only one contact may have.
    """

    def __init__(self, clock: Clock, people: People, *, with_phones: bool = False) -> None:
        self._clock = clock
        self._people = people
        self._with_phones = with_phones
        self._open: dict[tuple[int, ...], Load] = {}
        self._full: list[Load] = []

    def add(self, job: Job) -> bool:
        """Add a person; False when a load has a row with the same address."""
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
        """The number of full loads."""
        return len(self._full)

    @property
    def targets(self) -> list[str]:
        """The persons of all loads."""
        return [row.target for load in (*self._full, *self._open.values()) for row in load.rows]

    @property
    def is_empty(self) -> bool:
        """Whether there are no loads."""
        return not self._full and not self._open

    def take_out(self) -> list[Load]:
        """Return and remove all loads: kept loads first, then the largest."""
        found = sorted([*self._full, *self._open.values()], key=lambda load: (not load.is_kept, -load.size))
        self._full, self._open = [], {}
        return found

    def keep(self, load: Load) -> None:
        """Keep a load for the next import: one import runs at a time."""
        load.is_kept = True
        if load.lists in self._open:
            self._full.append(load)
        else:
            self._open[load.lists] = load
