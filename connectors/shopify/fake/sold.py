"""What is sold: products, orders, carts with their checkouts. Money is in cents, times in seconds since 1970."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

CURRENCY: Final = "EUR"


@dataclass(slots=True)
class Variant:
    """A variant of a product; money in cents."""

    id: int
    title: str
    sku: str
    price: int
    stock: int = 10
    compare_at: int | None = None
    picture: str | None = None


@dataclass(slots=True)
class Product:
    """A product; times in seconds since 1970."""

    id: int
    title: str
    created_s: int
    updated_s: int
    status: str = "ACTIVE"
    vendor: str = "Lumen"
    kind: str = "Lamps"
    published_s: int | None = None
    picture: str | None = None
    variants: list[Variant] = field(default_factory=list)

    @property
    def handle(self) -> str:
        """What stands in its address."""
        return self.title.lower().replace(" ", "-")


@dataclass(slots=True)
class Line:
    """A line of an order or a cart: the first quantity, and what is left of it; the price of one piece in cents."""

    id: int
    title: str
    price: int
    quantity: int
    left: int
    product: int | None = None
    variant: int | None = None
    sku: str | None = None


@dataclass(slots=True)
class Refund:
    """What was paid back, in cents."""

    id: int
    amount: int
    at_s: int


@dataclass(slots=True)
class Order:
    """An order. `buyer` is what is known of who bought: a customer by column; `customer` the number of one."""

    id: int
    number: int
    created_s: int
    updated_s: int
    lines: list[Line]
    buyer: Mapping[str, Any]
    customer: int | None = None
    email: str | None = None
    is_paid: bool = True
    is_sent: bool = False
    is_test: bool = False
    cancelled_s: int | None = None
    refunds: list[Refund] = field(default_factory=list)
    source: str = "web"
    tags: list[str] = field(default_factory=list)
    codes: list[str] = field(default_factory=list)
    cart: str | None = None
    checkout: str | None = None
    #: The currency that the buyer saw, and how much of it one of the shop's is.
    shown: tuple[str, float] = (CURRENCY, 1.0)

    @property
    def total(self) -> int:
        """What was ordered, in cents."""
        return sum(line.price * line.quantity for line in self.lines)

    @property
    def current(self) -> int:
        """What is left of the lines, in cents."""
        return sum(line.price * line.left for line in self.lines)

    @property
    def refunded(self) -> int:
        """What was paid back, in cents."""
        return sum(one.amount for one in self.refunds)

    @property
    def status(self) -> str:
        """Whether it is paid, of OrderDisplayFinancialStatus."""
        if not self.is_paid:
            return "PENDING" if self.cancelled_s is None else "VOIDED"
        if not self.refunded:
            return "PAID"
        return "REFUNDED" if self.refunded >= self.total else "PARTIALLY_REFUNDED"


@dataclass(slots=True)
class Checkout:
    """A cart, and the checkout that was made of it once an address was typed."""

    token: str
    cart: str
    created_s: int
    updated_s: int
    lines: list[Line]
    buyer: Mapping[str, Any]
    customer: int | None = None
    email: str | None = None
    completed_s: int | None = None
