"""BigCommerce's orders (V2) as canonical orders: tables, then short functions. Pure.

V2 writes money as text with four decimals and times as RFC 2822; a guest's `customer_id` is 0.
https://developer.bigcommerce.com/docs/rest-management/orders
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from connectors.bigcommerce import rows
from connectors.bigcommerce.rows import LINE, own_id
from customer_sync.errors import PayloadError
from customer_sync.kit.fields import (
    Node,
    Table,
    email,
    filled,
    identifier,
    maybe_id,
    moment,
    number,
    strict,
    take,
    text,
    whole,
)
from customer_sync.model import Event, Json, Kind, OrderState

#: Status id → where the order stands. 0 is a checkout that is still open, 13 a dispute: its money is not earned yet.
STATES: Final[Mapping[int, OrderState]] = {
    0: OrderState.DRAFT,
    **dict.fromkeys((1, 7, 12, 13), OrderState.PLACED),
    **dict.fromkeys((2, 3, 8, 9, 10, 11, 14), OrderState.PAID),
    4: OrderState.REFUNDED,
    5: OrderState.CANCELLED,
    6: OrderState.CANCELLED,
}
#: Of orders in these states something is left.
_STANDING: Final = frozenset({OrderState.PLACED, OrderState.PAID})


_ORDER: Table = {
    "number": take(text, "id"),
    "status": take(text, "status"),
    # the currency of the payment; `currency_code` is only what was shown (bigcommerce/dev-docs PR 578, 2020-08)
    "currency": take(text, "default_currency_code"),
    "total": take(number, "total_inc_tax"),
    "createdAt": take(moment, "date_created"),
    "updatedAt": take(moment, "date_modified"),
}
_BUYER: Table = {
    "email": strict(email, "billing_address.email"),
    "firstName": take(text, "billing_address.first_name"),
    "lastName": take(text, "billing_address.last_name"),
    "phone": take(text, "billing_address.phone"),
    "company": take(text, "billing_address.company"),
    "city": take(text, "billing_address.city"),
    "postcode": take(text, "billing_address.zip"),
    "country": take(text, "billing_address.country_iso2"),
}
_BILLING: Table = {
    "address": take(text, "billing_address.street_1"),
    "city": take(text, "billing_address.city"),
    "countryCode": take(text, "billing_address.country_iso2"),
    "phone": take(text, "billing_address.phone"),
    "postCode": take(text, "billing_address.zip"),
    "region": take(text, "billing_address.state"),
    "paymentMethod": take(text, "payment_method"),
}
_LINE: Table = {
    **LINE,
    "price": take(number, "price_inc_tax"),
}


def event(row: Json, refunds: Sequence[Json], source: str, now: datetime) -> Event | PayloadError:
    """Return the event of an order's row.

    Args:
        row: the order.
        refunds: those of all orders that were read with it.
        source: the source's name.
        now: the time of a row that tells none.
    """
    return rows.event(row, Kind.ORDER_UPDATED, source, now, lambda node: order(node, refunds))


def order(node: Node, refunds: Sequence[Json] = ()) -> dict[str, Json]:
    """Return an order with its lines and its buyer; `customer` has no `id` for a guest, and only that for a draft."""
    found, state = {"id": own_id(node), **node.pick(_ORDER)}, state_of(node)
    account = maybe_id(node.get("customer_id"), "customer_id")
    buyer: dict[str, Json] = {"id": account} if account else {}
    if state is not OrderState.DRAFT:
        buyer |= filled(node.pick(_BUYER))
        found["email"] = buyer.get("email")
    total, back = found.get("total"), node.read(number, "refunded_amount")
    if isinstance(total, float):
        left = max(total - (back if isinstance(back, float) else 0.0), 0.0) if state in _STANDING else 0.0
        found["amount"] = round(left, 4)
    cart = node.read(text, "cart_id")
    if (paid_back := _refunds(found["id"], refunds)) or not back:
        found["refunds"] = paid_back
    return {
        **found,
        "state": str(state),
        "lines": list[Json](_lines(node)),
        "billing": filled(node.pick(_BILLING)),
        "carts": [cart] if cart else [],
        "customer": buyer,
    }


def state_of(node: Node) -> OrderState:
    """Return where an order stands; a status that nobody knows must not count as revenue."""
    if node.get("is_deleted") is True:
        return OrderState.DELETED
    status = node.read(whole, "status_id")
    return STATES.get(status, OrderState.PLACED) if isinstance(status, int) else OrderState.PLACED


def was_paid_back(row: Json) -> bool:
    """Tell whether something of an order was paid back, so that there are refunds to be read."""
    back = Node(row).read(number, "refunded_amount") if isinstance(row, dict) else None
    return isinstance(back, float) and back > 0


def _lines(node: Node) -> list[dict[str, Json]]:
    """Return what was bought, of every way in which it is handed over."""
    try:
        ways = node.child("consignments")
    except PayloadError as fault:
        node.note(fault)
        return []
    parts = [one for way in ("shipping", "pickups", "downloads") for one in ways.children(way)]
    return [filled(line.pick(_LINE)) for part in parts for line in part.children("line_items")]


def _refunds(order_id: Json, refunds: Sequence[Json]) -> dict[str, Json]:
    found: dict[str, Json] = {}
    for one in refunds:
        if isinstance(one, dict) and str(one.get("order_id")) == order_id:
            node = Node(one)
            amount = node.read(number, "total_amount")
            if isinstance(amount, float) and (name := node.read(identifier, "id")):
                found[str(name)] = amount
    return found
