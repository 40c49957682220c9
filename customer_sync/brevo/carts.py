"""What there is to tell of a cart or an order, by what the lane `events` knows of them: pure functions.

A cart is told as it is now, however often it changed, and never after it was bought. An order is told once.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import Final, NamedTuple

from customer_sync.model import Json, to_ms
from customer_sync.person.merge import State, canonical
from customer_sync.series.records import CartSeen, Purchase, cart_of, purchase_of
from customer_sync.store.forms import Kept

#: What the lane remembers of a cart: what was told last and when it was touched then (ms), whether Brevo has it as an
#: open one, and when it was bought (ms). Of an order: that it was told, or was seen before it was a purchase, or is
#: history.
CONTENT, TOUCHED, OPEN, BOUGHT = "t", "at", "open", "b"
TOLD, WAITED, HISTORY = "told", "w", "h"

#: Platforms touch a cart once more while they make an order of it, and know whole seconds.
SLACK: Final = timedelta(minutes=1)
#: The same goods in a cart that was bought are no new cart for so long: not every platform empties it at once.
AGAIN: Final = timedelta(hours=1)
#: An order that was made longer ago is no news, unless it was seen before anybody paid for it.
YOUNG: Final = timedelta(days=7)


class Cart(NamedTuple):
    """A cart, and what was told of it."""

    seen: CartSeen
    has: Mapping[str, Json]
    digest: str

    @property
    def is_open(self) -> bool:
        """Whether Brevo has it as one that is neither bought nor emptied."""
        return self.has.get(OPEN) is True

    @property
    def since_ms(self) -> int:
        """Since when an order may be of it: since it was touched last; of one that is empty, since it was told."""
        told = self.has.get(TOUCHED)
        return told if self.seen.is_emptied and isinstance(told, int) else to_ms(self.seen.touched_at)

    def bought_by(self, purchases: Collection[Purchase]) -> Purchase | None:
        """Return the newest purchase that it may have become; None where it was touched after all of them."""
        limit_ms = self.since_ms - SLACK // timedelta(milliseconds=1)
        fitting = [one for one in (*self.seen.bought, *purchases) if to_ms(one.at) >= limit_ms]
        return max(fitting, key=lambda one: (one.at, one.order), default=None)

    def ended_by(self, purchase: Purchase) -> dict[str, Json]:
        """Return what the lane remembers of it once it was bought."""
        return {CONTENT: self.digest, BOUGHT: to_ms(purchase.at)}

    def why_not(self, *, is_live: bool) -> str:
        """Return why it is not told, whatever it holds; "" where it is."""
        if not self.seen.has_address:
            return "no whole address was typed"
        return "" if is_live or self.is_open else "only read: a run starts nothing"

    def is_same_again(self) -> bool:
        """Tell whether it holds what was told, and that is open, or was bought just now."""
        if self.has.get(CONTENT) != self.digest:
            return False
        bought = self.has.get(BOUGHT)
        if not isinstance(bought, int):
            return self.is_open
        return to_ms(self.seen.touched_at) - bought <= AGAIN // timedelta(milliseconds=1)


def fields_of(state: State) -> dict[str, Json]:
    """Return the values of a record."""
    return {name: one.value for name, one in state.items()}


def cart_in(kept: Kept) -> Cart | None:
    """Return the cart of a record; None while only an order named it."""
    seen = cart_of(fields_of(kept.state))
    if seen is None:
        return None
    shown = {name: seen.content.get(name) for name in ("total", "currency", "lines")}
    return Cart(seen, kept.has, canonical(shown))


def purchases_in(records: Mapping[str, Kept]) -> list[Purchase]:
    """Return the purchases among records of a person, by target."""
    found = [purchase_in(target, kept) for target, kept in records.items() if kind_of_target(target) == "order"]
    return [one for one in found if one is not None]


def purchase_in(target: str, kept: Kept) -> Purchase | None:
    """Return the purchase of an order's record; None for a draft, an unpaid one, a renewal, a test."""
    fields = fields_of(kept.state)
    return None if fields.get("isTest") is True else purchase_of(target.split(":", 2)[2], fields)


def open_carts(records: Mapping[str, Kept], purchase: Purchase) -> list[str]:
    """Return the ids of a person's carts that Brevo has as open, and that a purchase may be of.

    What was bought before by another order that was told is open no more, whether or not that order named it.
    """
    told = {target: kept for target, kept in records.items() if kept.has.get(TOLD) is True}
    others = [one for one in purchases_in(told) if one.order != purchase.order and one.at <= purchase.at]
    found: list[str] = []
    for target, kept in records.items():
        cart = cart_in(kept) if kind_of_target(target) == "cart" else None
        if cart is not None and cart.is_open and cart.bought_by([purchase]) and not cart.bought_by(others):
            found.append(target.split(":", 2)[2])
    return found


def kind_of_target(target: str) -> str:
    """Return what a record is: `cart`, `order`, or an event that is told as it stands."""
    return target.split(":", 2)[1]
