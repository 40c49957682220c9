"""Carts and orders as connectors tell them, and the hands that put them into a rig of the shop."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from customer_sync.model import Event, Kind
from tests.rig import at
from tests.shop.rig import ShopRig

MUG = {"title": "Mug", "price": 20.0, "quantity": 2, "url": "https://shop.example/mug", "productId": "30"}


def cart(when: float, key: str = "t1", *, email: str | None = None, number: int | None = None, **record: Any) -> Event:
    """A cart with two mugs at a time in seconds from now; `email` was typed, `number` is the account."""
    told = {
        "id": key,
        "carts": [key],
        "lines": [MUG],
        "total": 40.0,
        "currency": "EUR",
        "url": f"https://shop.example/{key}",
    }
    more: dict[str, Any] = {} if email is None else {"email": email}
    account = None if number is None else str(number)
    return Event(f"cart:{key}:{when}", "shop", Kind.CART_UPDATED, at(when), key, account, {**told, **more, **record})


def gone(when: float, key: str = "t1") -> Event:
    """A cart that the platform deleted."""
    return Event(f"cart:{key}:gone:{when}", "shop", Kind.CART_DELETED, at(when), key, None, {"id": key})


def bought(
    when: float, key: str = "1001", *, email: str = "ann@example.com", number: int | None = 1, **record: Any
) -> Event:
    """An order of forty euros, paid, at a time in seconds from now; made then unless `createdAt` says otherwise."""
    told: dict[str, Any] = {
        "id": key,
        "number": f"#{key}",
        "state": "paid",
        "total": 40.0,
        "amount": 40.0,
        "currency": "EUR",
    }
    told |= {"lines": [MUG], "createdAt": at(when).isoformat(), "customer": {"email": email}}
    account = None if number is None else str(number)
    return Event(f"order:{key}:{when}", "shop", Kind.ORDER_PLACED, at(when), key, account, {**told, **record})


def customer(when: float, email: str = "ann@example.com", number: int = 1, **record: Any) -> Event:
    """A customer with an account."""
    told: Mapping[str, Any] = {"email": email, "firstName": "Ann", **record}
    return Event(f"customer:{number}:{when}", "shop", Kind.CUSTOMER_UPDATED, at(when), str(number), str(number), told)


def tell(rig: ShopRig, *events: Event, is_quiet: bool = True) -> None:
    """Let events come in, and, where nobody does anything for a while, that while pass."""
    for one in events:
        rig.send(one)
    rig.settle()
    if is_quiet:
        rig.ripen("events")
        rig.settle()
