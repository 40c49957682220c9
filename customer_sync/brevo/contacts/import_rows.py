"""Rows of an import: what a row holds, and loads of rows for one import. An import creates contacts, or updates some.

`import_update` tells who may be in an import that updates. Into one that creates only persons are put that have no
contact in Brevo, as far as known, and only without a block to set or lift, or a list to leave. So it never changes a
contact, and the order of the import and of a single write for the same person does not matter.

What more a row carries depends on the doors (`customer_sync.brevo.proof.doors`). Closed: the e-mail is the only
identifier, because an import may merge contacts that share a phone, and delete one of them; and the import puts nobody
on a list of people, because it may put contacts there that exist already, and that left the list. An import that
updates never does, whatever the doors: its people join, after their row was verified, the lists they are not on yet.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from customer_sync.base.clock import Clock
from customer_sync.brevo.contacts.contact_job import REACH_MS, Job, record_of
from customer_sync.brevo.contacts.contact_plan import UNIQUE, Desired, after_write, digest_of
from customer_sync.brevo.proof.doors import ALL_ROWS, Doors, Rider
from customer_sync.brevo.proof.ride import row_of
from customer_sync.model import Json, Priority
from customer_sync.person.merge import to_json
from customer_sync.store.import_row import Row
from customer_sync.store.imports import Kind
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
    if has_lists_of_values(desired):
        return False
    if item.mark is None:
        return not plan.has.is_there
    # the person was in an import that has ended, and whether that import created the contact is unknown
    is_over = item.mark.import_id not in under_way and item.mark.import_id != CREATED and not item.mark.updates
    return is_over and not job.stored.has.is_there


def is_whole(job: Job) -> bool:
    """Tell whether a person's row holds all that they have: nothing is left for a single call."""
    return without_unique(job.desired) is job.desired


def has_lists_of_values(desired: Desired) -> bool:
    """Tell whether values are lists: whether an import reads them is not documented."""
    return any(isinstance(value, list) for value in desired.attributes.values())


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


class Key(NamedTuple):
    """What the rows of one load have in common.

    Args:
        kind: whether the import creates or updates.
        lists: the lists of people that the import puts its contacts on; none of an import that updates.
        with_phones: whether rows may carry values that only one contact may have.
    """

    kind: Kind
    lists: tuple[int, ...]
    with_phones: bool = False

    def fits(self, doors: Doors) -> bool:
        """Tell whether the doors that the rows were made for are still open."""
        is_open = doors.updates.is_open or self.kind == "creates"
        return (
            is_open
            and (doors.lists.is_open or not self.lists)
            and (doors.carries_phones(updates=self.kind == "updates") or not self.with_phones)
        )


@dataclass(slots=True)
class Load:
    """Rows for one import.

    Args:
        key: what they have in common.
        at_ms: when the load was begun.
        most_rows: how many rows it may have.
        is_kept: whether the load waits for the end of the import before it.
    """

    key: Key
    at_ms: int
    most_rows: int = ALL_ROWS
    is_kept: bool = False
    rows: list[Row] = field(default_factory=list)
    texts: list[bytes] = field(default_factory=list)
    filled: list[frozenset[str]] = field(default_factory=list)
    emails: set[str] = field(default_factory=set)
    size: int = _FRAME_BYTES

    @property
    def updates(self) -> bool:
        """Whether the import updates contacts."""
        return self.key.kind == "updates"

    def takes(self, email: str, text: bytes) -> bool:
        """Tell whether the load has room for a row, and no row with this address."""
        has_room = self.size + len(text) + 1 <= MAX_BYTES and len(self.rows) < self.most_rows
        return has_room and email not in self.emails

    def add(self, job: Job, fitted: Fitted, text: bytes, people: People) -> None:
        """Add a person with their row."""
        job.has = replace(after_write(job.has, fitted.stored, self.at_ms), is_read=True)
        if self.updates:
            # Brevo's news of a block that the import may have lifted is not believed: the block is set again
            job.has = replace(job.has, left_ms=max(job.has.left_ms, self.at_ms + REACH_MS))
        item, row = job.item, fitted.row
        record, unique = record_of(job, people), tuple(sorted(UNIQUE & row.attributes.keys()))
        self.rows.append(
            Row(item.target, row.email, record, item.events, item.tries, fitted.is_part, fitted.joins, unique)
        )
        self.texts.append(text)
        self.filled.append(frozenset(row.attributes))
        self.emails.add(row.email)
        self.size += len(text) + 1

    def marks(self, import_: str, list_id: int) -> list[tuple[str, ImportMark]]:
        """Return each person's mark: the address, the lists and the attributes that the import may bring.

        Args:
            import_: the import.
            list_id: its technical list.
        """
        lists = self.key.lists
        return [
            (row.target, ImportMark(import_, row.email, row.joins or lists, self.at_ms, filled, list_id))
            for row, filled in zip(self.rows, self.filled, strict=True)
        ]

    def leave(self, out: Collection[str]) -> None:
        """Remove the rows of persons whose items live work has taken back."""
        kept = [one for one in zip(self.rows, self.texts, self.filled, strict=True) if one[0].target not in out]
        self.rows = [row for row, _, _ in kept]
        self.texts = [text for _, text, _ in kept]
        self.filled = [filled for _, _, filled in kept]

    def body(self, list_id: int, notify_url: str, riders: Sequence[Rider] = (), nonce: str = "") -> bytes:
        """Return the body of the call.

        Args:
            list_id: the technical list.
            notify_url: the URL that Brevo is to call when the import is done; "" for none.
            riders: of an import that updates: its canaries; all but the last come first.
            nonce: what the canaries are sent.
        """
        ride = [row_of(rider, nonce) for rider in riders]
        texts = [*ride[:-1], *self.texts, *ride[-1:]]
        return import_body(texts, [*self.key.lists, list_id], notify_url, updates=self.updates)


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


class Fitted(NamedTuple):
    """What an import takes along of a person.

    Args:
        row: what the row says.
        stored: what Brevo is taken to have then.
        is_part: whether something is left for a single call.
        joins: the lists to join once the row is verified.
    """

    row: Desired
    stored: Desired
    is_part: bool
    joins: tuple[int, ...]


def fitted(job: Job, doors: Doors, kind: Kind) -> Fitted:
    """Return what an import takes along of a person, by the doors that are open."""
    desired = job.desired
    row = desired if doors.carries_phones(updates=kind == "updates") else without_unique(desired)
    if kind == "updates":
        # values that only one contact may have are in Brevo already, or else the row carries them: see `is_fit_update`
        return Fitted(row, desired, False, desired.added)
    joins = () if doors.lists.is_open else desired.added
    if row.digest != desired.digest:
        # the single call that follows puts the contact on its lists, too
        return Fitted(row, row if doors.lists.is_open else row._replace(lists=()), True, ())
    return Fitted(row, row, False, joins)


def _carried(row: Desired, doors: Doors, kind: Kind) -> tuple[int, ...]:
    """Return the lists of people that the import itself puts its contacts on.

    One that updates has none: its contacts may have left a list since, or been taken off it, and the riders are no
    customers.
    """
    return row.lists if kind == "creates" and doors.lists.is_open else ()


class Loads:
    """The loads of one round, by what their rows have in common, and the loads that were kept from the round before.

    Args:
        clock: milliseconds since 1970.
        people: encodes persons.
    """

    def __init__(self, clock: Clock, people: People) -> None:
        self._clock = clock
        self._people = people
        self._open: dict[Key, Load] = {}
        self._full: list[Load] = []

    def add(self, job: Job, doors: Doors, kind: Kind = "creates") -> bool:
        """Add a person; False when a load has a row with the same address."""
        one = fitted(job, doors, kind)
        key = Key(kind, _carried(one.row, doors, kind), doors.carries_phones(updates=kind == "updates"))
        text = encode_row(one.row)
        load = self._open.get(key)
        if load is not None and one.row.email in load.emails:
            return False
        if load is not None and not load.takes(one.row.email, text):
            self._full.append(self._open.pop(key))
            load = None
        if load is None:
            most_rows = doors.most_rows if kind == "updates" else ALL_ROWS
            load = self._open[key] = Load(key, self._clock(), most_rows)
        load.add(job, one, text, self._people)
        return True

    @property
    def full(self) -> int:
        """The number of full loads."""
        return len(self._full) + sum(len(load.rows) >= load.most_rows for load in self._open.values())

    @property
    def targets(self) -> list[str]:
        """The persons of all loads."""
        return [row.target for load in (*self._full, *self._open.values()) for row in load.rows]

    @property
    def largest(self) -> int:
        """The number of rows of the largest load."""
        return max((len(load.rows) for load in (*self._full, *self._open.values())), default=0)

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
        if load.key in self._open:
            self._full.append(load)
        else:
            self._open[load.key] = load
