"""What is counted of a skill's mails, and the report of it. Counts are written by the step that settles a record."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from decimal import Decimal
from math import sqrt
from typing import Final, NamedTuple

#: What is added: (skill, field, by), see `customer_sync.store.items.Settlement`.
Count = tuple[str, str, float]
#: A mean lies within so many standard errors in 95 of 100 such tests, for the dozens of orders that a test needs.
INTERVAL: Final = 1.96


def field(*parts: str | int) -> str:
    """Return the name of a count: `["mails","a",1]`."""
    return json.dumps(parts, separators=(",", ":"), ensure_ascii=False)


def left(skill: str) -> Count:
    """Return the count of a cart that counts as left."""
    return skill, field("left"), 1


def mail(skill: str, variant: str, step: int, *, is_first: bool, in_doubt: bool) -> list[Count]:
    """Return the counts of a mail; the first of a cart counts the cart, too."""
    found: list[Count] = [(skill, field("doubt" if in_doubt else "mails", variant, step), 1)]
    return [*found, (skill, field("carts", variant), 1)] if is_first else found


def ended(skill: str, why: str, before: str = "") -> list[Count]:
    """Return the counts of a series that ended; `before` is the end that this one replaces."""
    return [(skill, field("ended", why), 1), *([(skill, field("ended", before), -1)] if before else [])]


def recovered(skill: str, variant: str, amount_of_order: Decimal | None, currency: str | None) -> list[Count]:
    """Return the counts of a cart that was bought after a mail; an amount counts only with its currency."""
    return [(skill, field("recovered", variant), 1), *amount(skill, variant, amount_of_order, currency)]


def amount(skill: str, variant: str, amount_of_order: Decimal | None, currency: str | None) -> list[Count]:
    """Return the counts of what a recovered cart brought; none where amount or currency is not known."""
    if amount_of_order is None or not currency:
        return []
    worth = float(amount_of_order)
    told = {"orders": 1.0, "sum": worth, "squares": worth * worth}
    return [(skill, field(name, variant, currency), by) for name, by in told.items()]


class Revenue(NamedTuple):
    """What one variant brought in one currency.

    Args:
        currency: ISO 4217.
        orders: how many orders.
        total: their sum.
        mean: for each cart that was mailed, those that bought nothing included.
        standard_error: of that mean; None where fewer than two carts were mailed.
    """

    currency: str
    orders: int
    total: float
    mean: float
    standard_error: float | None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Where the true mean lies, 95 times of 100; None where that is not known."""
        if self.standard_error is None:
            return None
        return self.mean - INTERVAL * self.standard_error, self.mean + INTERVAL * self.standard_error


class VariantReport(NamedTuple):
    """One variant: carts that were mailed, mails by step, mails in doubt, carts recovered, and what that brought."""

    name: str
    carts: int
    mails: Mapping[int, int]
    in_doubt: int
    recovered: int
    revenue: tuple[Revenue, ...]


class Report(NamedTuple):
    """A skill's report: carts left, ends by reason, and each variant. Amounts of two currencies are never added."""

    skill: str
    left: int
    ended: Mapping[str, int]
    variants: tuple[VariantReport, ...]


def report(skill: str, counts: Mapping[str, float]) -> Report:
    """Return the report of what was counted."""
    found: defaultdict[str, dict[tuple[str, ...], float]] = defaultdict(dict)
    for name, value in counts.items():
        what, *rest = (str(one) for one in json.loads(name))
        found[what][tuple(rest)] = value
    names = sorted({key[0] for what in ("carts", "mails", "doubt", "recovered") for key in found[what]})
    ends = {key[0]: round(value) for key, value in sorted(found["ended"].items()) if round(value)}
    left_count = round(found["left"].get((), 0))
    return Report(skill, left_count, ends, tuple(_variant(name, found) for name in names))


def _variant(name: str, found: Mapping[str, Mapping[tuple[str, ...], float]]) -> VariantReport:
    def of(what: str) -> dict[tuple[str, ...], float]:
        return {key[1:]: value for key, value in found.get(what, {}).items() if key[0] == name}

    carts = round(of("carts").get((), 0))
    return VariantReport(
        name,
        carts,
        {int(step): round(value) for (step,), value in sorted(of("mails").items(), key=lambda one: int(one[0][0]))},
        round(sum(of("doubt").values())),
        round(of("recovered").get((), 0)),
        tuple(_revenues(carts, of("orders"), of("sum"), of("squares"))),
    )


def _revenues(
    carts: int,
    orders: Mapping[tuple[str, ...], float],
    sums: Mapping[tuple[str, ...], float],
    squares: Mapping[tuple[str, ...], float],
) -> Iterator[Revenue]:
    for key in sorted(orders):
        total, square = sums.get(key, 0.0), squares.get(key, 0.0)
        many = max(carts, round(orders[key]))
        mean = total / many
        error = None
        if many > 1:
            variance = max(0.0, square - many * mean * mean) / (many - 1)
            error = sqrt(variance / many)
        yield Revenue(key[0], round(orders[key]), round(total, 4), mean, error)
