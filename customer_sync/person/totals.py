"""A customer's totals: sums over the records of their orders. Pure, so the order of arrival cannot matter.

Nothing is counted up or down: whatever happens to an order, the sums are made again of what is known of all orders.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Final, NamedTuple

from customer_sync.model import Json, OrderState
from customer_sync.person.orders import counts, net

#: The canonical fields that can be summed up, in the order in which people are told of them.
SUMMED: Final = ("totalOrders", "totalSpent", "averageOrderValue", "firstOrderDate", "lastOrderDate")

#: The smallest piece of money that an average is told in; finer where an order's worth is finer (dinars have three).
_CENT: Final = Decimal("0.01")
#: Orders in these states are none for anybody's totals: nothing was bought yet, or nobody knows.
_NOT_YET: Final = frozenset({None, OrderState.DRAFT})


class Ordered(NamedTuple):
    """What one order says of its customer's totals.

    Args:
        target: its record, as `source:id`.
        whom: whose it is: the key of a customer's record, or `#` and a person's number for a buyer without an account.
        number: what people call it; the platform's id where it has no number.
        state: see `model.OrderState`; None where only parts of it were heard of.
        currency: None where none was told.
        worth: what is left of it; None where no amount was told.
        counts: whether it counts as an order of its customer.
        is_test: whether no money moved.
        created_at: when it was placed, as the platform wrote it; None where that was not told.
    """

    target: str
    whom: str
    number: str
    state: str | None
    currency: str | None
    worth: Decimal | None
    counts: bool
    is_test: bool
    created_at: str | None

    @property
    def source(self) -> str:
        """The source of the order."""
        return self.target.partition(":")[0]

    @property
    def id(self) -> str:
        """The platform's id of the order."""
        return self.target.partition(":")[2]


class Sums(NamedTuple):
    """What orders come to.

    Args:
        counted: the orders that are in the sums.
        left_out: orders that would count, and why they are not in the sums.
        values: canonical field → sum; none where nothing was ever bought, or where all that was is left out.
    """

    counted: tuple[Ordered, ...]
    left_out: tuple[tuple[Ordered, str], ...]
    values: Mapping[str, Json]


#: Source → canonical field → the attribute that holds its sum.
Asked = Mapping[str, Mapping[str, str]]


def ordered(target: str, fields: Mapping[str, Json], whom: str) -> Ordered:
    """Return what the record of an order says of totals.

    Args:
        target: the record, as `source:id`.
        fields: its fields.
        whom: whose it is.
    """
    return Ordered(
        target=target,
        whom=whom,
        number=_text(fields.get("number")) or target.partition(":")[2],
        state=_text(fields.get("state")),
        currency=(_text(fields.get("currency")) or "").strip().upper() or None,
        worth=net(fields),
        counts=counts(fields),
        is_test=fields.get("isTest") is True,
        created_at=_text(fields.get("createdAt")),
    )


def add_up(orders: Iterable[Ordered], currency: str | None) -> Sums:
    """Return the sums over orders.

    Args:
        orders: all that are somebody's; each once.
        currency: the currency that Brevo shows amounts in; None where that is not known: then the orders count only
            if all of them are in one currency. What is in another currency is never added.
    """
    known = [one for one in orders if one.state not in _NOT_YET and not one.is_test]
    would = [one for one in known if one.counts]
    told = sorted({one.currency for one in would if one.currency is not None})
    counted: list[Ordered] = []
    left_out: list[tuple[Ordered, str]] = []
    for one in would:
        why = _why_not(one, currency, told)
        if why:
            left_out.append((one, why))
        else:
            counted.append(one)
    values = _values(counted) if counted or (known and not left_out) else {}
    return Sums(tuple(counted), tuple(left_out), values)


def attributes_of(orders: Sequence[Ordered], asked: Asked, currency: str | None) -> dict[str, Json]:
    """Return attribute → sum, over the orders of all sources that ask for that attribute.

    Args:
        orders: the orders of one person; each once.
        asked: the attributes that each source's mapping asks for.
        currency: see `add_up`.
    """
    if not orders:
        return {}
    sources: dict[tuple[str, str], list[str]] = {}
    for source, fields in asked.items():
        for name, attribute in fields.items():
            sources.setdefault((name, attribute), []).append(source)
    made: dict[tuple[str, ...], Sums] = {}
    values: dict[str, Json] = {}
    for (name, attribute), those in sorted(sources.items()):
        key = tuple(sorted(those))
        if key not in made:
            made[key] = add_up((one for one in orders if one.source in key), currency)
        if name in made[key].values:
            values[attribute] = made[key].values[name]
    return values


def _why_not(one: Ordered, currency: str | None, told: Sequence[str]) -> str:
    if one.worth is None:
        return "It tells no amount."
    if one.currency is None:
        return "It tells no currency."
    if currency is not None:
        return "" if one.currency == currency else f"It is in {one.currency}, and Brevo shows amounts in {currency}."
    if len(told) > 1:
        return f"There are orders in {' and '.join(told)}, and the currency that Brevo shows is not known yet."
    return ""


def _values(counted: Sequence[Ordered]) -> dict[str, Json]:
    worths = [one.worth for one in counted if one.worth is not None]
    spent = sum(worths, Decimal(0))
    found: dict[str, Json] = {"totalOrders": len(counted), "totalSpent": float(spent)}
    if counted:
        found["averageOrderValue"] = float((spent / len(counted)).quantize(_smallest(worths), ROUND_HALF_UP))
    placed = sorted((at, day) for one in counted for at, day in _placed(one))
    if placed:
        found |= {"firstOrderDate": placed[0][1], "lastOrderDate": placed[-1][1]}
    return found


def _smallest(worths: Iterable[Decimal]) -> Decimal:
    found = [one.normalize().as_tuple().exponent for one in worths]
    return min([_CENT, *(Decimal(1).scaleb(one) for one in found if isinstance(one, int))])


def _placed(one: Ordered) -> Iterable[tuple[datetime, str]]:
    """Yield when an order was placed, and the day as the platform wrote it: the day in the shop's zone."""
    try:
        at = datetime.fromisoformat((one.created_at or "").strip())
    except ValueError:
        return
    yield (at if at.tzinfo else at.replace(tzinfo=UTC)), at.date().isoformat()


def _text(value: Json) -> str | None:
    return value if isinstance(value, str) and value else None
