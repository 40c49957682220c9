"""What visitors do in a shop: they fill a cart, leave it, come back to it and buy; some orders change afterwards."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random
from typing import Any, Final

from connectors.shopify.fake.sales import Sales

#: How often a visitor does what, in a hundred.
VISITS: Final[Mapping[str, int]] = {"buy": 50, "leave": 20, "come_back": 15, "empty": 5, "refund": 6, "cancel": 4}


class Habits:
    """Visitors who act, one visit after the other.

    Args:
        sales: what is sold.
        seed: the same number brings the same visits.
    """

    def __init__(self, sales: Sales, seed: int) -> None:
        self._sales, self._dice = sales, Random(seed)
        self._acts: Mapping[str, Callable[[Mapping[str, Any]], None]] = {
            "buy": self._buy,
            "leave": self._leave,
            "come_back": self._come_back,
            "empty": self._empty,
            "refund": self._refund,
            "cancel": self._cancel,
        }

    def visit(self, facts: Mapping[str, Any], name: str = "") -> str:
        """Let a visitor do the next thing and return what it was.

        Args:
            facts: the customer by column.
            name: what happens; "" lets the dice decide.
        """
        name = name or self._dice.choices(list(VISITS), list(VISITS.values()))[0]
        self._acts[name](facts)
        return name

    def _leave(self, facts: Mapping[str, Any]) -> None:
        self._sales.touch(None, facts, _visitor(facts))

    def _buy(self, facts: Mapping[str, Any]) -> None:
        self._sales.complete(self._sales.touch(None, facts, _visitor(facts)).token)

    def _come_back(self, facts: Mapping[str, Any]) -> None:
        """Buy what was left in the newest cart of the visitor, or else something new."""
        token = self._left(facts)
        if token is None:
            self._buy(facts)
        else:
            self._sales.complete(token)

    def _empty(self, facts: Mapping[str, Any]) -> None:
        token = self._left(facts)
        if token is None:
            self._leave(facts)
        else:
            self._sales.empty(token)

    def _refund(self, facts: Mapping[str, Any]) -> None:
        """Get a part of the money of one's last order back, or else buy."""
        number = self._last(facts)
        if number is None:
            self._buy(facts)
        else:
            self._sales.refund(number, self._sales.orders[number].total // 3)

    def _cancel(self, facts: Mapping[str, Any]) -> None:
        number = self._last(facts)
        if number is None:
            self._buy(facts)
        else:
            self._sales.cancel(number)

    def _left(self, facts: Mapping[str, Any]) -> str | None:
        who = int(facts["legacyResourceId"])
        open_ones = [
            one
            for one in self._sales.checkouts.values()
            if one.customer == who and one.completed_s is None and one.lines
        ]
        return open_ones[-1].token if open_ones else None

    def _last(self, facts: Mapping[str, Any]) -> int | None:
        who = int(facts["legacyResourceId"])
        bought = [one for one in self._sales.orders.values() if one.customer == who and one.status == "PAID"]
        return bought[-1].id if bought else None


def _visitor(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {"email": facts["email"], "customer": int(facts["legacyResourceId"])}
