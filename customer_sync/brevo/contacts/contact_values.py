"""The values that a contact should have: what its records tell, and below that what its orders come to. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from customer_sync.brevo.attributes import Refused, fit
from customer_sync.brevo.contacts.refusals import is_due
from customer_sync.model import Json
from customer_sync.person.merge import Stamped, is_empty
from customer_sync.person.person import FREED, Has, Person, Record, Told, attributes
from customer_sync.person.totals import Asked, Ordered, attributes_of

#: What is known below the records where nothing is.
_NOTHING: Final[Mapping[str, Json]] = {}


def orders_of(person: Person, living: Sequence[Record]) -> tuple[Ordered, ...]:
    """Return the orders that count for a contact: those of its living records, and those of the address itself.

    A record that was deleted, or that another customer took the address from, takes its orders along.
    """
    if not living or not person.orders:
        return ()
    refs = {record.ref for record in living}
    return tuple(one for one in person.orders if one.whom in refs or one.whom.startswith("#"))


def sums(person: Person, living: Sequence[Record], asked: Asked, currency: str | None) -> Mapping[str, Json]:
    """Return attribute → sum of a person's orders; see `attributes_of`."""
    found = orders_of(person, living) if asked else ()
    return attributes_of(found, asked, currency) if found else _NOTHING


def fit_attributes(  # noqa: PLR0913, PLR0917  # what decides about a value
    person: Person,
    living: Sequence[Record],
    has: Has,
    known: Mapping[str, str] | None,
    now_ms: int,
    below: Mapping[str, Json] = _NOTHING,
) -> tuple[dict[str, Json], dict[str, str]]:
    """Return the attributes a contact should have and, for each one left out, why.

    Args:
        person: all that is known.
        living: the records that lead to the address.
        has: what Brevo has.
        known: attribute → type in the account; None when Brevo did not answer.
        now_ms: the time; values that were refused long ago are tried again.
        below: attribute → value, for attributes of which no record tells a value.
    """
    values: dict[str, Json] = {}
    refused: dict[str, str] = {}
    freed = person.said.get(FREED)
    told = attributes(living)
    for name in sorted(below.keys() | told.keys() if below else told):
        raw = _value(name, told.get(name), below)
        if is_empty(raw):
            continue
        kind = "text" if known is None else known.get(name)
        if kind is None:
            refused[name] = "There is no such attribute in Brevo: `tajo attributes apply` makes it."
            continue
        value = fit(raw, "" if known is None else kind)
        note = has.refused.get(name)
        if isinstance(value, Refused):
            refused[name] = value.reason
        elif note is not None and not is_due(note, value, now_ms, _freed_ms(freed, name)):
            refused[name] = note
        else:
            values[name] = value
    return values, refused


def _value(name: str, told: Told | None, below: Mapping[str, Json]) -> Json:
    """Return the value of an attribute: what a record tells, else what is below."""
    if told is None:
        return below[name]
    value = told.stamped.value
    if name not in below or (not is_empty(value) and told.stamped.at_ms >= 0):
        return value
    # nothing, or what only an order's copy of its customer tells (stamps before 1970), is older than what is below
    return below[name]


def _freed_ms(freed: Stamped | None, name: str) -> int:
    return freed.at_ms if freed is not None and isinstance(freed.value, list) and name in freed.value else 0
