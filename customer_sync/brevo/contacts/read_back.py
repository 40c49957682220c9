"""What a contact shows after an import that updated it: what was sent, or not, or a withdrawal that nobody told of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Literal, NamedTuple

from customer_sync.base.clock import Clock
from customer_sync.brevo.answers import CONTACTS
from customer_sync.brevo.client import BUCKET, Brevo, contact_path
from customer_sync.brevo.contacts.contact_calls import ONE_ROUTE
from customer_sync.brevo.contacts.contact_job import prepare, record_of
from customer_sync.brevo.contacts.contact_plan import UNIQUE, Rules
from customer_sync.brevo.contacts.stored_value import stored
from customer_sync.brevo.gate import Calls
from customer_sync.errors import Missing
from customer_sync.model import Json, Priority
from customer_sync.person.merge import is_empty
from customer_sync.person.person import Part
from customer_sync.store.forms import encode_part
from customer_sync.store.import_row import Row
from customer_sync.store.items import Item, Settlement
from customer_sync.store.people import People


class Seen(NamedTuple):
    """What a contact shows.

    Args:
        word: `as_sent`; `odd`: a value is not the one that was sent; `short`: only one that no two contacts may have is
            not, which another contact may have; `withdrew`: a block, or a list that was left; `made`: the import made
            it anew.
        settlement: of who withdrew: what is stored, and whether a block is to be set; of who was made anew the same.
    """

    word: Literal["as_sent", "odd", "short", "withdrew", "made"]
    settlement: Settlement | None = None


class ReadBack:
    """Compares contacts with what an import was to make of them.

    Args:
        brevo: the account.
        people: decodes and encodes persons.
        rules: gives the operator's decisions and the account's attributes, as they are now.
        gate: gives the gate for one call.
        clock: milliseconds since 1970.
    """

    def __init__(
        self, brevo: Brevo, people: People, rules: Callable[[], Rules], gate: Callable[[], Calls], clock: Clock
    ) -> None:
        self._brevo = brevo
        self._people = people
        self._rules = rules
        self._gate = gate
        self._clock = clock

    def read(self, row: Row) -> Seen:
        """Read one contact.

        Raises:
            TajoError: as `Brevo.call`.
        """
        self._gate().wait()
        try:
            found = self._brevo.call(
                "GET", contact_path(row.email), bucket=BUCKET, answers=CONTACTS, endpoint=ONE_ROUTE
            ).json()
        except Missing:
            return Seen("odd")
        return self.judge(row, found if isinstance(found, dict) else {})

    def judge(self, row: Row, found: Mapping[str, Json]) -> Seen:
        """Tell what a contact shows that was read already."""
        item, rules = Item(row.target, (), row.events, row.tries, 0, Priority.BULK, row.record), self._rules()
        job = prepare(item, self._people, rules, self._clock(), frozenset)
        if job.plan.desired is None:
            return Seen("odd")
        shown, kinds = found.get("attributes"), rules.attributes or {}
        values = shown if isinstance(shown, dict) else {}
        sent = {name: value for name, value in job.desired.attributes.items() if name not in UNIQUE}
        is_right = all(shows(name, value, values.get(name), kinds.get(name, "text")) for name, value in sent.items())
        is_whole = all(shows(name, job.desired.attributes.get(name), values.get(name), "text") for name in row.unique)
        if tells_of_leaving(found):
            job.learn(found)
        if job.found:
            must_block = job.plan.action != "none" or not (is_right and is_whole)
            told = Settlement(row.target, "solo" if must_block else "done", record=record_of(job, self._people))
            told.found, told.is_urgent = encode_part(Part("", "", None, job.found)), must_block
            return Seen("withdrew", told)
        if not is_right:
            return Seen("odd")
        return Seen("as_sent" if is_whole else "short")

    def existed(self, row: Row) -> Settlement:
        """Return what is stored of a contact that was there before us: nothing of it is known, and it waits."""
        known = self._people.decode(row.record)
        has = replace(known.has, digest="", lists=(), filled=frozenset(), is_read=False)
        record = self._people.encode(replace(known, has=has))
        return Settlement(row.target, "again", due_in_s=0.0, record=record)

    def made(self, row: Row) -> Seen:
        """Tell of a contact that the import created: it was deleted before, and is on no list now; it goes singly."""
        known = self._people.decode(row.record)
        has = replace(known.has, digest="", lists=(), is_read=True)
        return Seen("made", Settlement(row.target, "solo", record=self._people.encode(replace(known, has=has))))


def tells_of_leaving(found: Mapping[str, Json]) -> bool:
    """Tell whether a contact shows a block, or a list or group that may have been left; a missing flag counts."""
    if found.get("emailBlacklisted") is not False or found.get("smsBlacklisted") is True:
        return True
    return bool(found.get("listUnsubscribed") or found.get("consentGroups"))


def lacks(row: Row, found: Mapping[str, Json]) -> bool:
    """Tell whether a contact has no value at all where the row carried one that only one contact may have."""
    values = found.get("attributes")
    return not isinstance(values, dict) or any(is_empty(values.get(name)) for name in row.unique)


def shows(name: str, sent: Json, shown: Json, kind: str) -> bool:
    """Tell whether a contact shows a value that was sent, in whatever spelling Brevo gives it back.

    A category may be given back by its id or by its label (changed 2026-05), and a label that does not exist is
    dropped: only another label is another value.
    """
    if stored(sent, name, kind) == stored(shown, name, kind):
        return True
    return kind == "category" and (is_empty(shown) or str(shown).isdecimal())
