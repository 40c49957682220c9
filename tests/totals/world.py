"""Shops in which things happen to orders and customers, what is told of it, and a recount that uses no code of ours.

Everything that happens has a time of its own; the events may be sent in any order, and more than once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

from customer_sync.model import Event, Kind
from tests.engine.hands import merged
from tests.engine.test_addresses import customer
from tests.rig import at
from tests.totals.shop import order

#: The time of the first event, and the time between two, in seconds; all of them are in the past.
BEGIN_S, STEP_S = -500_000.0, 7.0
SOURCES = ("shop", "woo")


@dataclass
class Account:
    """A customer's account: where it leads, and the account that it became."""

    address: str
    became: int | None = None


@dataclass
class Sold:
    """An order as its shop has it."""

    source: str
    total: int
    currency: str
    placed_s: float
    state: str
    #: An account's number, or the address of a buyer without one.
    buyer: int | str
    refunds: dict[str, int] = field(default_factory=dict)


class World:
    """What happened, and what was told of it.

    Args:
        chance: decides everything.
    """

    def __init__(self, chance: Random) -> None:
        self.chance = chance
        self.accounts: dict[int, Account] = {}
        self.orders: dict[str, Sold] = {}
        self.guests: set[str] = set()
        self.events: list[Event] = []
        self._claimed: set[str] = set()
        self._n = 0

    def happen(self, count: int) -> None:
        """Let so many things happen."""
        acts = [self.order, self.order, self.guest_order, self.refund, self.refund, self.change, self.change]
        acts += [self.register, self.rename, self.merge, self.link]
        for _ in range(count):
            self.chance.choice(acts)()

    # things that happen

    def register(self) -> None:
        free = sorted(self.guests - self._claimed)
        address = self.chance.choice(free) if free and self.chance.random() < 0.5 else f"p{self._next()}@example.com"
        number = len(self.accounts) + 1
        self.accounts[number] = Account(address)
        self._claimed.add(address)
        self.events.append(customer(number, address, self._now()))

    def rename(self) -> None:
        if (number := self._living()) is not None:
            address = f"m{self._next()}@example.com"
            self.accounts[number].address = address
            self._claimed.add(address)
            self.events.append(customer(number, address, self._now()))

    def merge(self) -> None:
        gone, kept = self._living(), self._living()
        if gone is not None and kept is not None and gone != kept and self.chance.random() < 0.4:
            self.accounts[gone].became = kept
            self.events.append(merged(gone, kept, self._now()))

    def order(self) -> None:
        if (number := self._living()) is None:
            self.register()
        else:
            self._sell(number, "shop")

    def guest_order(self) -> None:
        known = sorted(self.guests)
        is_old = known and self.chance.random() < 0.6
        address = self.chance.choice(known) if is_old else f"g{self._next()}@example.com"
        self.guests.add(address)
        self._sell(address, self.chance.choice(SOURCES))

    def link(self) -> None:
        """The shop finds that a guest's order is that of an account."""
        number, found = self._living(), [key for key, one in self.orders.items() if isinstance(one.buyer, str)]
        theirs = [key for key in found if self.orders[key].source == "shop"]
        if number is not None and theirs and self.chance.random() < 0.3:
            key = self.chance.choice(theirs)
            self.orders[key].buyer = number
            self._tell(key, names_buyer=True)

    def refund(self) -> None:
        if (key := self._any_order()) is not None:
            sold = self.orders[key]
            left = sold.total - sum(sold.refunds.values())
            if left > 0:
                refund, amount = f"r{self._next()}", self.chance.randint(1, left)
                sold.refunds[refund] = amount
                told = order(key, self._now(), kind=Kind.ORDER_REFUNDED, source=sold.source, refunds={refund: amount})
                self.events.append(told)

    def change(self) -> None:
        """An order is paid, cancelled, deleted, or restored."""
        if (key := self._any_order()) is not None:
            sold = self.orders[key]
            sold.state = self.chance.choice(["paid", "paid", "cancelled", "deleted"])
            if sold.state == "deleted":
                self.events.append(order(key, self._now(), kind=Kind.ORDER_DELETED, source=sold.source))
            else:
                self._tell(key, names_buyer=self.chance.random() < 0.5)

    # what follows

    def recount(self) -> dict[str, tuple[int, int] | None]:
        """Return address → how many orders count and what was spent; None where nothing is to be told of orders."""
        found: dict[str, list[Sold]] = {one.address: [] for one in self.accounts.values() if one.became is None}
        found |= {address: found.get(address, []) for address in self.guests}
        for sold in self.orders.values():
            found[sold.buyer if isinstance(sold.buyer, str) else self._address(sold.buyer)].append(sold)
        return {address: _total(those) for address, those in found.items()}

    # parts

    def _next(self) -> int:
        self._n += 1
        return self._n

    def _now(self) -> float:
        return BEGIN_S + STEP_S * self._next()

    def _living(self) -> int | None:
        found = [number for number, one in self.accounts.items() if one.became is None]
        return self.chance.choice(found) if found else None

    def _any_order(self) -> str | None:
        return self.chance.choice(list(self.orders)) if self.orders else None

    def _address(self, number: int) -> str:
        account = self.accounts[number]
        return account.address if account.became is None else self._address(account.became)

    def _sell(self, buyer: int | str, source: str) -> None:
        key, currency = f"o{self._next()}", "MXN" if self.chance.random() < 0.1 else "EUR"
        state = "placed" if self.chance.random() < 0.2 else "paid"
        self.orders[key] = Sold(source, self.chance.randint(0, 90), currency, self._now(), state, buyer)
        self._tell(key, names_buyer=True)

    def _tell(self, key: str, *, names_buyer: bool) -> None:
        """Tell all of an order; the shop takes off what it paid back so far."""
        sold = self.orders[key]
        account = sold.buyer if isinstance(sold.buyer, int) else None
        email = self._address(account) if account is not None else str(sold.buyer)
        told = order(
            key,
            self._now(),
            email if names_buyer else None,
            account=account if names_buyer else None,
            source=sold.source,
            state=sold.state,
            currency=sold.currency,
            total=sold.total,
            amount=sold.total - sum(sold.refunds.values()),
            createdAt=at(sold.placed_s).isoformat(),
        )
        self.events.append(told)


def _total(orders: list[Sold]) -> tuple[int, int] | None:
    paid = [one for one in orders if one.state == "paid"]
    counted = [one for one in paid if one.currency == "EUR"]
    if not orders or (paid and not counted):
        return None
    return len(counted), sum(one.total - sum(one.refunds.values()) for one in counted)
