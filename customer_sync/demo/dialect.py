"""What happens in a shop, and the form in which a platform tells of it."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, NamedTuple

from customer_sync.kit.invented.people import Customer, Person


class Product(NamedTuple):
    """Something to buy; the price in cents."""

    id: int
    sku: str
    title: str
    price: int


PRODUCTS = (
    Product(7701, "LAN-S", "Paper lantern, small", 2400),
    Product(7702, "LAN-L", "Paper lantern, large", 4900),
    Product(7703, "DESK-1", "Desk lamp “Zürich”", 8990),
    Product(7704, "BULB-4", "Four bulbs, warm white", 1690),
    Product(7705, "TEA-SEN", "Sencha, 100 g", 1250),
    Product(7706, "TEA-OOL", "Oolong, spring harvest", 1890),
)


@dataclass(slots=True)
class Order:
    """One order.

    Args:
        id: the platform's id.
        number: what the buyer sees.
        buyer: who it goes to.
        customer: their account; None for a guest.
        lines: what was bought, and how many.
        created_at: when it was placed.
        updated_at: when it last changed.
        opts_in: whether the newsletter box was ticked.
        state: `pending`, `paid` or `cancelled`.
    """

    id: int
    number: int
    buyer: Person
    customer: Customer | None
    lines: tuple[tuple[Product, int], ...]
    created_at: datetime
    updated_at: datetime
    opts_in: bool = False
    state: str = "pending"

    @property
    def total(self) -> int:
        """What it costs, in cents."""
        return sum(product.price * count for product, count in self.lines)


class Notice(NamedTuple):
    """One webhook before it is signed.

    Args:
        source: the source it is sent to.
        topic: the platform's word.
        headers: all of them but the signature.
        body: the raw bytes.
        after_s: how long after the act it is sent, in seconds.
    """

    source: str
    topic: str
    headers: dict[str, str]
    body: bytes
    after_s: float = 0.0


class Dialect(ABC):
    """How a platform tells of what happens; each act gives the webhooks that the platform would send."""

    #: The acts of `shop` that the platform has no webhook for.
    silent: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, source: str) -> None:
        self.source = source

    @abstractmethod
    def customer_id(self) -> int:
        """Return the id of a new customer."""

    @abstractmethod
    def order_id(self) -> int:
        """Return the id of a new order."""

    @abstractmethod
    def signed_up(self, customer: Customer) -> list[Notice]:
        """Tell of a new customer, and of their consent when the box was ticked."""

    @abstractmethod
    def edited(self, customer: Customer) -> list[Notice]:
        """Tell that a customer changed."""

    @abstractmethod
    def asked(self, customer: Customer) -> list[Notice]:
        """Tell that consent was given or withdrawn."""

    @abstractmethod
    def deleted(self, customer: Customer) -> list[Notice]:
        """Tell that a customer is gone."""

    @abstractmethod
    def erased(self, customer: Customer, at: datetime) -> list[Notice]:
        """Tell that a person wants to be forgotten."""

    @abstractmethod
    def ordered(self, order: Order) -> list[Notice]:
        """Tell of a new order."""

    @abstractmethod
    def reordered(self, order: Order) -> list[Notice]:
        """Tell that an order changed."""


def encode(body: dict[str, Any]) -> bytes:
    """Return a body as the platforms write it: compact, in UTF-8."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def money(cents: int) -> str:
    """Return an amount as both platforms write it: a text with a dot."""
    return f"{cents // 100}.{cents % 100:02d}"
