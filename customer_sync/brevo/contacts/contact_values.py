"""The values that a contact should have: what its records tell, and below that what its orders come to. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Final

from customer_sync.brevo.attributes import Refused, fit
from customer_sync.brevo.contacts.refusals import is_due
from customer_sync.model import Json
from customer_sync.person.merge import Stamped, is_empty
from customer_sync.person.person import FREED, Has, Person, Record, Roll, Told, attributes
from customer_sync.person.totals import Asked, Ordered, attributes_of

#: What is known below the records where nothing is.
_NOTHING: Final[Mapping[str, Json]] = {}


def orders_of(person: Person, found: Roll, sharing: AbstractSet[str]) -> tuple[Ordered, ...]:
    """Return the orders that count for a contact: those of its living records, and those of the address itself.

    A record that another customer took the address from takes its orders along, and so does one that was deleted. But
    where a platform lets several customers have one address, they are one buyer: what a deleted one bought counts on
    for the address that it led to last, as long as a customer of the same source leads there.

    Args:
        person: all that is known.
        found: its records, sorted.
        sharing: the sources whose platform lets several customers have one address.
    """
    if not found.living or not person.orders:
        return ()
    refs = {record.ref for record in found.living}
    shared = {record.source for record in found.living if record.id is not None and record.source in sharing}
    refs |= {record.ref for record in found.deleted if record.source in shared}
    return tuple(one for one in person.orders if one.whom in refs or one.whom.startswith("#"))


def sums(
    person: Person, found: Roll, sharing: AbstractSet[str], asked: Asked, currency: str | None
) -> Mapping[str, Json]:
    """Return attribute → sum of a person's orders; see `orders_of` and `attributes_of`."""
    counting = orders_of(person, found, sharing) if asked else ()
    return attributes_of(counting, asked, currency) if counting else _NOTHING


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
