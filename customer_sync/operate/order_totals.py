"""A person's totals, explained: which orders count and which do not and why, the sums, and what platforms tell."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from customer_sync.brevo.contacts.contact_plan import Rules, View
from customer_sync.brevo.contacts.contact_values import orders_of
from customer_sync.model import Json, OrderState
from customer_sync.person.merge import is_empty
from customer_sync.person.person import Person, attributes
from customer_sync.person.totals import SUMMED, Ordered, add_up, attributes_of

#: How many orders are shown, the newest first.
SHOWN_ORDERS: Final = 100

#: Why an order of a state is not counted.
_STATES: Final[Mapping[str | None, str]] = {
    None: "Only parts of it were heard of.",
    OrderState.DRAFT: "Nothing was bought yet.",
    OrderState.PLACED: "It is not paid.",
    OrderState.REFUNDED: "It was paid back in full.",
    OrderState.CANCELLED: "It was cancelled.",
    OrderState.DELETED: "It was deleted in the shop.",
}
_TEST: Final = "It is a test: no money moved."
_ELSEWHERE: Final = "The customer record that it belongs to does not lead to this address now."
_NOT_ASKED: Final = "The source's mapping asks for no totals, or order-events does not act on the source."


class OrderShown(NamedTuple):
    """One order of a person.

    Args:
        source: the source.
        id: the platform's id of the order.
        number: what people call it.
        state: see `model.OrderState`; None where only parts of it were heard of.
        currency: None where none was told.
        worth: what is left of it; None where no amount was told.
        created: when it was placed, as the platform wrote it.
        counts: whether it is in the sums.
        why: why it is not; "" where it is.
    """

    source: str
    id: str
    number: str
    state: str | None
    currency: str | None
    worth: float | None
    created: str | None
    counts: bool
    why: str


class Total(NamedTuple):
    """One total of a person.

    Args:
        field: the canonical field.
        attribute: the Brevo attribute that holds it.
        sum: what the orders come to; None where they come to nothing.
        platform: what a platform tells, which wins; None where none does.
        source: the source that tells it; "" where none does.
        difference: the sum less what the platform tells, of numbers; None where one of the two is not there.
    """

    field: str
    attribute: str
    sum: Json
    platform: Json
    source: str
    difference: float | None


class Totals(NamedTuple):
    """The totals of a person.

    Args:
        currency: the currency that Brevo shows amounts in; None where that is not known.
        known: how many orders are known.
        orders: the newest of them.
        totals: each that a mapping asks for.
    """

    currency: str | None
    known: int
    orders: tuple[OrderShown, ...]
    totals: tuple[Total, ...]


def totals_of_person(person: Person, seen: View, rules: Rules) -> Totals | None:
    """Return what a person's totals are made of; None where no totals are made of orders."""
    if not rules.sums:
        return None
    theirs = orders_of(person, seen.roll, rules.sharing)
    counting = [one for one in theirs if one.source in rules.sums]
    sums = add_up(counting, rules.currency)
    reasons = {one.target: why for one, why in sums.left_out}
    reasons |= {one.target: _NOT_ASKED for one in theirs if one.source not in rules.sums}
    reasons |= {one.target: _ELSEWHERE for one in person.orders if one not in theirs}
    newest = sorted(person.orders, key=lambda one: (one.created_at or "", one.target), reverse=True)
    counted = {one.target for one in sums.counted}
    shown = tuple(_shown(one, reasons, is_counted=one.target in counted) for one in newest[:SHOWN_ORDERS])
    return Totals(rules.currency, len(newest), shown, tuple(_totals(seen, rules, theirs)))


def _shown(one: Ordered, reasons: Mapping[str, str], *, is_counted: bool) -> OrderShown:
    why = "" if is_counted else reasons.get(one.target) or (_TEST if one.is_test else _STATES.get(one.state, ""))
    worth = None if one.worth is None else float(one.worth)
    return OrderShown(one.source, one.id, one.number, one.state, one.currency, worth, one.created_at, is_counted, why)


def _totals(seen: View, rules: Rules, orders: Sequence[Ordered]) -> Iterator[Total]:
    sums = attributes_of(orders, rules.sums, rules.currency)
    told = attributes(seen.roll.living)
    asked = {(name, attribute) for fields in rules.sums.values() for name, attribute in fields.items()}
    for name, attribute in sorted(asked, key=lambda pair: (SUMMED.index(pair[0]), pair[1])):
        found = told.get(attribute)
        platform, source = None, ""
        if found is not None and not is_empty(found.stamped.value) and found.stamped.at_ms >= 0:
            platform, source = found.stamped.value, found.record.source
        total = sums.get(attribute)
        yield Total(name, attribute, total, platform, source, _difference(total, platform))


def _difference(total: Json, platform: Json) -> float | None:
    if isinstance(total, int | float) and isinstance(platform, int | float):
        return round(total - platform, 4)
    return None
