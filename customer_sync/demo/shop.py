"""One shop: who its customers are, and what they do next."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random

from customer_sync.demo.dialect import PRODUCTS, Dialect, Notice, Order
from customer_sync.kit.invented.people import Customer, correct, make_email, make_person

#: How many customers and orders a shop remembers. The oldest are forgotten, never told of again.
KEPT_CUSTOMERS = 1_000
KEPT_ORDERS = 100

#: Each act with how often it happens, in a thousand.
WEIGHTS: Mapping[str, int] = {
    "sign_up": 230,
    "edit": 180,
    "visit": 80,
    "agree": 110,
    "withdraw": 50,
    "rename": 30,
    "order": 190,
    "order_as_guest": 60,
    "change_order": 50,
    "delete": 17,
    "erase": 3,
}
#: What happens first, so that whoever looks sees each act within a minute.
OPENING = (
    *("sign_up", "sign_up", "sign_up", "order", "sign_up", "agree", "edit", "sign_up", "order_as_guest", "withdraw"),
    *("sign_up", "order", "agree", "rename", "visit", "change_order", "edit", "sign_up", "delete", "agree", "order"),
    *("edit", "withdraw", "sign_up", "sign_up", "erase", "order_as_guest", "edit", "agree", "order"),
)
_NAMES, _WEIGHTS = tuple(WEIGHTS), tuple(WEIGHTS.values())


class Shop:
    """A shop with customers.

    Args:
        dialect: how its platform tells of what happens.
        rng: the dice; the same dice make the same shop.
    """

    def __init__(self, dialect: Dialect, rng: Random) -> None:
        self._dialect = dialect
        self._rng = rng
        self._customers: dict[int, Customer] = {}
        self._orders: deque[Order] = deque(maxlen=KEPT_ORDERS)
        self._opening = deque(OPENING)
        self._number = 1000 + rng.randrange(1000)
        self._acts: Mapping[str, Callable[[datetime], list[Notice]]] = {
            "sign_up": self._sign_up,
            "edit": self._edit,
            "visit": self._visit,
            "agree": self._agree,
            "withdraw": self._withdraw,
            "rename": self._rename,
            "order": self._order,
            "order_as_guest": self._order_as_guest,
            "change_order": self._change_order,
            "delete": self._delete,
            "erase": self._erase,
        }

    def next(self, at: datetime) -> list[Notice]:
        """Let the next thing happen and return the webhooks that tell of it; none when nobody is there to do it.

        Args:
            at: when it happens, UTC.
        """
        return self._acts[self._choose()](at)

    def _choose(self) -> str:
        chosen = self._opening.popleft() if self._opening else self._rng.choices(_NAMES, _WEIGHTS)[0]
        return "delete" if chosen in self._dialect.silent else chosen

    def _somebody(self, fits: Callable[[Customer], bool] = lambda _: True) -> Customer | None:
        found = [customer for customer in self._customers.values() if fits(customer)]
        return self._rng.choice(found) if found else None

    def _sign_up(self, at: datetime) -> list[Notice]:
        at = at.replace(microsecond=0)
        agrees = self._rng.choice((True, True, None))
        customer = Customer(self._dialect.customer_id(), make_person(self._rng), at, at, agrees, at if agrees else None)
        self._customers[customer.id] = customer
        if len(self._customers) > KEPT_CUSTOMERS:
            del self._customers[next(iter(self._customers))]
        return self._dialect.signed_up(customer)

    def _edit(self, at: datetime) -> list[Notice]:
        """Let somebody correct their profile; every fourth does so twice, a moment apart."""
        customer = self._somebody()
        if customer is None:
            return []
        notices = self._correct(customer, at)
        if self._rng.random() < 0.25:
            again = self._correct(customer, at + timedelta(seconds=1))
            notices += [notice._replace(after_s=1.0) for notice in again]
        return notices

    def _correct(self, customer: Customer, at: datetime) -> list[Notice]:
        person = customer.person
        correct(self._rng, person)
        customer.touch(at)
        return self._dialect.edited(customer)

    def _visit(self, at: datetime) -> list[Notice]:
        """Nothing a contact shows changes, yet the platform tells: WooCommerce does so at each log-in."""
        customer = self._somebody()
        if customer is None:
            return []
        customer.touch(at)
        return self._dialect.edited(customer)

    def _agree(self, at: datetime) -> list[Notice]:
        return self._ask(at, self._somebody(lambda one: not one.agrees), agrees=True)

    def _withdraw(self, at: datetime) -> list[Notice]:
        return self._ask(at, self._somebody(lambda one: one.agrees is True), agrees=False)

    def _ask(self, at: datetime, customer: Customer | None, *, agrees: bool) -> list[Notice]:
        if customer is None:
            return []
        customer.touch(at)
        customer.agrees, customer.asked_at = agrees, customer.updated_at
        return self._dialect.asked(customer)

    def _rename(self, at: datetime) -> list[Notice]:
        customer = self._somebody()
        if customer is None:
            return []
        customer.person.email = make_email(self._rng, customer.person.first, customer.person.last)
        customer.touch(at)
        return self._dialect.edited(customer)

    def _order(self, at: datetime) -> list[Notice]:
        customer = self._somebody()
        return self._place(at, customer) if customer else []

    def _order_as_guest(self, at: datetime) -> list[Notice]:
        return self._place(at, None)

    def _place(self, at: datetime, customer: Customer | None) -> list[Notice]:
        at = at.replace(microsecond=0)
        self._number += 1
        order = Order(
            id=self._dialect.order_id(),
            number=self._number,
            # an order keeps the buyer as they were, whatever becomes of their account
            buyer=replace(customer.person) if customer else make_person(self._rng),
            customer=customer,
            lines=tuple((product, self._rng.randint(1, 3)) for product in self._rng.sample(PRODUCTS, 2)),
            created_at=at,
            updated_at=at,
            opts_in=customer is None and self._rng.random() < 0.5,
        )
        self._orders.append(order)
        if customer:
            customer.orders += 1
            customer.spent += order.total
            customer.touch(at)
        return self._dialect.ordered(order)

    def _change_order(self, at: datetime) -> list[Notice]:
        if not self._orders:
            return []
        order = self._rng.choice(self._orders)
        order.updated_at = at.replace(microsecond=0)
        if self._rng.random() < 0.2:
            order.state = "cancelled"
        return self._dialect.reordered(order)

    def _delete(self, at: datetime) -> list[Notice]:
        customer = self._somebody()
        return self._dialect.deleted(self._remove(customer, at)) if customer else []

    def _erase(self, at: datetime) -> list[Notice]:
        customer = self._somebody()
        return self._dialect.erased(self._remove(customer, at), at) if customer else []

    def _remove(self, customer: Customer, at: datetime) -> Customer:
        customer.touch(at)
        return self._customers.pop(customer.id)
