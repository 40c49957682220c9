"""Known records: who told a full run nothing new is found by one look at the text, before it is read at all.

An imprint is of a customer's record: the records of other lanes are compared with what the lane keeps.
A text is as it was when the run finds the imprint that stands for it (`customer_sync.store.imprints`). What the reading
depends on goes into the imprint, so that after a change of the settings, of the rules or of this program everybody is
read again. A compare run reads everybody in any case.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

import phonenumbers

from customer_sync import __version__
from customer_sync.brevo.contacts.contact_plan import Rules
from customer_sync.brevo.rules import digest_of_rules
from customer_sync.model import CUSTOMERS, Event, Kind
from customer_sync.pipeline import Line
from customer_sync.skills import Steady
from customer_sync.store.imprints import imprint, new_token
from customer_sync.store.run import Run, RunKind

#: Events that tell all that is known of a record.
_WHOLE = frozenset({Kind.CUSTOMER_CREATED, Kind.CUSTOMER_UPDATED})


class KnownRecords:
    """The known records of one page of a run; see `customer_sync.kit.reach.Known`.

    Args:
        line: the line.
        rules: the rules in force.
        run: the run.
    """

    def __init__(self, line: Line, rules: Rules, run: Run) -> None:
        self._store = line.store
        self._source = run.source
        number = self._store.imprints.number_of(digest_of_rules(rules))
        terms = [skill.terms(run.source) for skill in line.skills if isinstance(skill, Steady)]
        self._terms = repr((__version__, phonenumbers.__version__, run.source, number, terms))
        self._imprints: dict[str, str] = {}
        #: What a lookup leaves where an imprint may follow, see `Runs.lookup`; "" where none may.
        self.token = ""
        self._may_set = not run.is_dry

    @staticmethod
    def of(line: Line, rules: Rules, run: Run) -> KnownRecords | None:
        """Return them for a run that may leave records out; None where all are to be read."""
        is_told = rules.attributes is not None and all(isinstance(skill, Steady) for skill in line.skills)
        may = run.kind is RunKind.FULL and run.resource == CUSTOMERS and is_told
        return KnownRecords(line, rules, run) if may else None

    def __call__(self, records: Sequence[tuple[str, bytes]], context: str) -> Sequence[bool]:
        """Tell which records need not be read."""
        people = self._store.people
        key = blake2b(f"{self._terms} {context}".encode(), key=people.salt[:64]).digest()
        prints = [imprint(text, key) for _, text in records]
        refs = [people.ref(self._source, one) for one, _ in records]
        known = self._store.imprints.known(list(zip(refs, prints, strict=True)))
        if self._may_set:
            self._imprints = {one: text for (one, _), text in zip(records, prints, strict=True) if one}
            self.token = new_token()
        return known

    def imprint_of(self, event: Event) -> str:
        """Return the imprint of a record that was read whole, "" where it may have none."""
        if event.kind not in _WHOLE or event.notes or event.record_id is None:
            return ""
        return self._imprints.get(event.record_id, "")
