"""What the lane `mail` keeps of carts and purchases, read from the fields of its records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final, NamedTuple

from customer_sync.model import Json, OrderState, from_ms

#: What the name of a cart's field begins with that holds an order made from it; the order's id follows.
ORDER: Final = "order:"
#: Words of a shop for an order whose buyer has not paid, and may never do: the buyer is still at the till.
_AT_THE_TILL: Final = frozenset({"pending", "failed"})
#: The states of an order that somebody bought.
_BOUGHT: Final = frozenset({OrderState.PLACED, OrderState.PAID, OrderState.REFUNDED})
#: How long after its making an order may become a purchase. WooCommerce makes an order when the checkout page opens,
#: and throws it away a day later where nothing came of it; an order that changes after that was bought before.
_LATEST: Final = timedelta(days=1)


class Line(NamedTuple):
    """One line of a cart or an order: what exclusions ask of it."""

    product: str | None = None
    variant: str | None = None
    sku: str | None = None


class Purchase(NamedTuple):
    """An order that ends series: placed by a person, and not left unpaid at the till.

    Args:
        order: the platform's id of the order; "" where only the cart says that it was bought.
        at: since when it is a purchase; see `purchase_of`.
        carts: the names of the carts that it was made from.
        amount: what it is worth, None where that is not known.
        currency: of the amount.
        changed_at: when the order changed last.
    """

    order: str
    at: datetime
    carts: frozenset[str] = frozenset()
    amount: Decimal | None = None
    currency: str | None = None
    changed_at: datetime | None = None

    def after(self, cart: CartSeen) -> Purchase:
        """Return it as bought after somebody touched the cart that it was until then.

        WooCommerce's open checkout becomes the order, with the same number, however long it was open.
        """
        if self.order not in cart.names or self.changed_at is None:
            return self
        return self._replace(at=max(self.at, min(self.changed_at, cart.touched_at + _LATEST)))


@dataclass(frozen=True, slots=True)
class CartSeen:
    """A cart as its record has it now.

    Args:
        touched_at: when somebody did something with it last.
        names: what orders may call it.
        total: what it is worth, None where that is not known.
        lines: what is in it.
        is_emptied: nothing is in it, or it was deleted.
        has_address: what was typed last into it is an address, or an account stands for one.
        is_logged_in: its buyer was logged in; None where that is not known.
        bought: orders that name it, whoever placed them.
        content: `total`, `currency`, `url`, `lines` as `model.Cart` has them, for the mail.
    """

    touched_at: datetime
    names: frozenset[str] = frozenset()
    total: Decimal | None = None
    lines: tuple[Line, ...] = ()
    is_emptied: bool = False
    has_address: bool = True
    is_logged_in: bool | None = None
    bought: tuple[Purchase, ...] = ()
    content: Mapping[str, Json] = field(default_factory=dict)


def cart_of(fields: Mapping[str, Json]) -> CartSeen | None:
    """Return a cart from the fields of its record; None while only an order named it and the cart itself is unknown."""
    touched_at = _time(fields.get("touchedAt"))
    if touched_at is None:
        return None
    content = fields.get("cart")
    content = content if isinstance(content, dict) else {}
    told = content.get("lines")
    lines = [one for one in told if isinstance(one, dict)] if isinstance(told, list) else []
    is_logged_in = content.get("isLoggedIn")
    found = CartSeen(
        touched_at,
        _texts(fields.get("carts")),
        _total(content, lines),
        tuple(_line(one) for one in lines),
        fields.get("emptied") is True,
        fields.get("hasAddress") is not False,
        is_logged_in if isinstance(is_logged_in, bool) else None,
        content={name: value for name, value in content.items() if name != "isLoggedIn"},
    )
    return replace(found, bought=tuple(one.after(found) for one in _named(fields)))


def _named(fields: Mapping[str, Json]) -> list[Purchase]:
    """Return the orders that name the cart, and the cart's own word that it was bought."""
    orders = [(name.removeprefix(ORDER), one) for name, one in fields.items() if name.startswith(ORDER)]
    found = [purchase_of(order, one) for order, one in orders if isinstance(one, dict)]
    completed_at = _time(fields.get("completedAt"))
    if completed_at is not None:
        found.append(Purchase("", completed_at))
    return [one for one in found if one is not None]


def purchase_of(order: str, fields: Mapping[str, Json], known_since: datetime | None = None) -> Purchase | None:
    """Return an order as a purchase; None for one that ends no series.

    None for a draft, for one that is pending or failed, for one that was cancelled before it was a purchase, and for
    the renewal of a subscription, at which nobody was at the till.

    Args:
        order: the order's id; the field `order` of the record says the same, and wins: an order may have two records.
        fields: of its record: `state`, `status`, `createdAt` and `changedAt` (ms), `carts`, `amount`, `currency`,
            `isRenewal`.
        known_since: since when it is a purchase, as this function said at the first look: later changes of the order
            do not move that, nor take it back.
    """
    if fields.get("isRenewal") is True:
        return None
    at = known_since if known_since is not None else _since(fields)
    if at is None:
        return None
    amount, currency, told = fields.get("amount"), fields.get("currency"), fields.get("order")
    order = told if isinstance(told, str) else order
    told_in = currency if isinstance(currency, str) else None
    changed_at = _time(fields.get("changedAt"))
    return Purchase(order, at, _texts(fields.get("carts")), _money(amount), told_in, changed_at)


def _since(fields: Mapping[str, Json]) -> datetime | None:
    """Return since when an order is a purchase: when it changed last, but not long after it was made."""
    status = fields.get("status")
    is_at_the_till = isinstance(status, str) and status.lower() in _AT_THE_TILL
    if fields.get("state") not in _BOUGHT or (fields.get("state") == OrderState.PLACED and is_at_the_till):
        return None
    changed_at, created_at = _time(fields.get("changedAt")), _time(fields.get("createdAt"))
    if changed_at is None or created_at is None:
        return changed_at or created_at
    return min(max(changed_at, created_at), created_at + _LATEST)


def _time(value: Json) -> datetime | None:
    return from_ms(value) if isinstance(value, int) and not isinstance(value, bool) else None


def _texts(value: Json) -> frozenset[str]:
    return frozenset(one for one in value if isinstance(one, str)) if isinstance(value, list) else frozenset()


def _money(value: Json) -> Decimal | None:
    return Decimal(str(value)) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _total(content: Mapping[str, Json], lines: list[dict[str, Json]]) -> Decimal | None:
    """Return what a cart is worth: as the platform says, else the sum of its lines where all have a price."""
    told = _money(content.get("total"))
    if told is not None or not lines:
        return told
    found = Decimal(0)
    for one in lines:
        price, quantity = _money(one.get("price")), _money(one.get("quantity"))
        if price is None or quantity is None:
            return None
        found += price * quantity
    return found


def _line(one: Mapping[str, Json]) -> Line:
    product, variant, sku = (one.get(name) for name in ("productId", "variantId", "sku"))
    return Line(*(value if isinstance(value, str) else None for value in (product, variant, sku)))
