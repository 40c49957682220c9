"""Magento's orders as canonical orders, all money in the website's base currency: tables, then short functions. Pure.

Each amount stands twice, in the base currency and in the one that was shown (`order_currency_code`); only `base_*` with
`base_currency_code` is read, because a total of several orders has one currency only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from connectors.magento.customers import TIMES, Erased
from customer_sync.errors import PayloadError
from customer_sync.kit.fields import Node, Table, email, filled, identifier, maybe_id, number, strict, take, text
from customer_sync.model import Event, Json, Kind, OrderState

#: `state` is Magento's own and fixed; `status` is named by each shop.
STATES: Final[Mapping[str, OrderState]] = {
    **dict.fromkeys(("new", "pending_payment"), OrderState.PLACED),
    **dict.fromkeys(("processing", "complete"), OrderState.PAID),
    "closed": OrderState.REFUNDED,
    "canceled": OrderState.CANCELLED,
}
_STANDING: Final = frozenset({OrderState.PLACED, OrderState.PAID})

_ORDER: Table = {
    "number": take(text, "increment_id"),
    "status": take(text, "status"),
    "currency": take(text, "base_currency_code"),
    "total": take(number, "base_grand_total"),
    **TIMES,
}
_BUYER: Table = {
    "email": strict(email, "customer_email", "billing_address.email"),
    "firstName": take(text, "customer_firstname", "billing_address.firstname"),
    "lastName": take(text, "customer_lastname", "billing_address.lastname"),
    "phone": take(text, "billing_address.telephone"),
    "country": take(text, "billing_address.country_id"),
    "company": take(text, "billing_address.company"),
    "city": take(text, "billing_address.city"),
    "postcode": take(text, "billing_address.postcode"),
}
_BILLING: Table = {
    "address": take(text, "billing_address.street.0"),
    "city": take(text, "billing_address.city"),
    "countryCode": take(text, "billing_address.country_id"),
    "phone": take(text, "billing_address.telephone"),
    "postCode": take(text, "billing_address.postcode"),
    "region": take(text, "billing_address.region"),
    "paymentMethod": take(text, "payment.method"),
}
_LINE: Table = {"sku": take(text, "sku"), "title": take(text, "name"), "quantity": take(number, "qty_ordered")}
#: Products that hold others: the line of the child repeats the parent's with a price of nothing.
_CHILD: Final = "parent_item_id"


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads orders of one source.

    Args:
        source: its name.
        now: when they are read.
        erased: addresses that belong to nobody any more.
        memos: order's id → what was paid back, credit memo's id → amount.
    """

    source: str
    now: datetime
    erased: Erased
    memos: Mapping[str, Mapping[str, float]]

    def read(self, row: Mapping[str, Json]) -> list[Event | PayloadError]:
        """Return the event of an order, or its fault."""
        node = Node(row)
        try:
            return [self._event(node)]
        except PayloadError as fault:
            return [fault]

    def _event(self, node: Node) -> Event:
        order_id = identifier(node.get("entity_id"), "entity_id")
        state = state_of(node)
        buyer = self._buyer(node)
        found = {"id": order_id, **node.pick(_ORDER), "state": str(state), "lines": _lines(node)}
        paid_back = node.read(number, "base_total_refunded")
        total = found.get("total")
        if isinstance(total, float):
            back = paid_back if isinstance(paid_back, float) else 0.0
            found["amount"] = round(max(total - back, 0.0), 4) if state in _STANDING else 0.0
        if self.memos.get(order_id) or not paid_back:
            found["refunds"] = dict[str, Json](self.memos.get(order_id, {}))
        quote = node.read(maybe_id, "quote_id")
        coupon = node.read(text, "coupon_code")
        found |= {"carts": [quote] if quote else [], "coupons": [coupon] if coupon else [], "customer": buyer}
        is_known = "email" in buyer
        found |= {"email": buyer.get("email"), "billing": filled(node.pick(_BILLING)) if is_known else {}}
        customer_id = buyer.get("id")
        return Event(
            f"magento:orders:{order_id}:{found.get('updatedAt')}",
            self.source,
            Kind.ORDER_UPDATED,
            node.instant("updated_at", "created_at") or self.now,
            record_id=order_id,
            customer_id=str(customer_id) if customer_id else None,
            record=found,
            topic="pull",
            notes=tuple(node.notes),
            is_pulled=True,
        )

    def _buyer(self, node: Node) -> dict[str, Json]:
        """Return who bought: a guest has no id, somebody who was erased has nothing but it."""
        customer_id = maybe_id(node.get("customer_id"), "customer_id")
        known: dict[str, Json] = {"id": customer_id} if customer_id else {}
        address, first, last = (node.get(f"customer_{name}") for name in ("email", "firstname", "lastname"))
        if self.erased.fits(address) or self.erased.is_odd(address, first, last, customer_id):
            node.note(PayloadError("customer_email", "an address that an erasure made up: it is nobody's"))
            return known
        return {**known, **filled(node.pick(_BUYER))}


def state_of(node: Node) -> OrderState:
    """Return where an order stands; what is held or under review counts as paid once something was paid."""
    state = str(node.read(text, "state") or "")
    paid = node.read(number, "base_total_paid")
    return STATES.get(state, OrderState.PAID if paid else OrderState.PLACED)


def memos_of(rows: Sequence[Mapping[str, Json]]) -> dict[str, dict[str, float]]:
    """Return what some credit memos paid back, by order; one that cannot be read is left out: the order has the sum."""
    found: dict[str, dict[str, float]] = {}
    for row in rows:
        node = Node(row)
        memo_id, order_id = node.read(maybe_id, "entity_id"), node.read(maybe_id, "order_id")
        amount = node.read(number, "base_grand_total")
        if isinstance(memo_id, str) and isinstance(order_id, str) and isinstance(amount, float):
            found.setdefault(order_id, {})[memo_id] = amount
    return found


def is_refunded(row: Mapping[str, Json]) -> bool:
    """Tell whether something of an order was paid back."""
    return bool(Node(row).read(number, "base_total_refunded"))


def _lines(node: Node) -> list[Json]:
    return [_line(one) for one in node.children("items") if not one.get(_CHILD)]


def _line(node: Node) -> dict[str, Json]:
    product = node.read(maybe_id, "product_id")
    price = node.read(number, "base_price_incl_tax")
    price = node.read(number, "base_price") if price is None else price
    found = {**({"productId": product} if product else {}), **node.pick(_LINE)}
    return found if price is None else {**found, "price": price}
