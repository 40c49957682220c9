"""Rows of an import: who may go along, how a row looks, and loads of rows that go together. Pure.

Only who is new to Brevo as far as we know goes along, with nothing to block, to lift or to leave. So an import never
changes anybody, and it makes no difference whether a row comes before or after a single write for the same person.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from customer_sync.brevo.contact_job import Job, desired_of, record_of
from customer_sync.brevo.contact_plan import Desired, after_write
from customer_sync.merge import to_json
from customer_sync.model import Json, Priority
from customer_sync.store.flights import Row
from customer_sync.store.lanes import SOLO_TRIES, Flown, Item
from customer_sync.store.people import decode

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
    if item.flown is None:
        return plan.has.email is None
    # an import that is over took them along, and it is not known to have made a contact
    return item.flown.flight not in under_way and decode(item.record).has.email is None


def encode_row(desired: Desired) -> bytes:
    """Return a row as Brevo takes it.

    What is empty is left out, there is nothing to empty. Booleans are texts: an import was seen not to apply JSON
    booleans, and to apply texts in the same row (getbrevo/brevo-python issue 95).
    """
    attributes = {name: _value(value) for name, value in desired.attributes.items() if value != ""}
    return to_json({"email": desired.email, "attributes": attributes}).encode()


def _value(value: Json) -> Json:
    return ("true" if value else "false") if isinstance(value, bool) else value


def item_of(row: Row) -> Item:
    """Return as much of an item as is needed to tell what became of a row."""
    return Item(row.target, {}, row.events, row.tries, 0, Priority.BULK, "")


@dataclass(slots=True)
class Load:
    """Rows that go together: they are for the same lists.

    Args:
        lists: the lists; empty for people who are put on none.
        at_ms: when it was begun.
    """

    lists: tuple[int, ...]
    at_ms: int
    rows: list[Row] = field(default_factory=list)
    texts: list[bytes] = field(default_factory=list)
    emails: set[str] = field(default_factory=set)
    size: int = _FRAME_BYTES

    def takes(self, email: str, text: bytes) -> bool:
        """Tell whether there is room for a row, and nobody with this address yet."""
        return self.size + len(text) + 1 <= MAX_BYTES and email not in self.emails

    def add(self, job: Job, text: bytes) -> None:
        """Add a person with their row."""
        desired = desired_of(job)
        job.has = after_write(job.has, desired, self.at_ms)
        item = job.item
        self.rows.append(Row(item.target, desired.email, record_of(job), item.events, item.tries))
        self.texts.append(text)
        self.emails.add(desired.email)
        self.size += len(text) + 1

    def marks(self, flight: str) -> list[tuple[str, Flown]]:
        """Return for each person where the import may make a contact."""
        return [(row.target, Flown(flight, row.email, self.lists, self.at_ms)) for row in self.rows]

    def leave(self, out: Collection[str]) -> None:
        """Leave people behind who were taken back meanwhile."""
        kept = [(row, text) for row, text in zip(self.rows, self.texts, strict=True) if row.target not in out]
        self.rows = [row for row, _ in kept]
        self.texts = [text for _, text in kept]

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
    """The loads of one round, by lists.

    Args:
        at_ms: now.
    """

    def __init__(self, at_ms: int) -> None:
        self._at_ms = at_ms
        self._open: dict[tuple[int, ...], Load] = {}
        self._full: list[Load] = []

    def add(self, job: Job) -> bool:
        """Add a person; False when somebody with the same address goes along already."""
        desired = desired_of(job)
        text = encode_row(desired)
        load = self._open.get(desired.lists)
        if load is not None and desired.email in load.emails:
            return False
        if load is not None and not load.takes(desired.email, text):
            self._full.append(self._open.pop(desired.lists))
            load = None
        if load is None:
            load = self._open[desired.lists] = Load(desired.lists, self._at_ms)
        load.add(job, text)
        return True

    @property
    def full(self) -> int:
        """How many loads are full."""
        return len(self._full)

    def empty(self) -> Iterator[Load]:
        """Yield every load, the full ones first."""
        yield from self._full
        yield from self._open.values()
