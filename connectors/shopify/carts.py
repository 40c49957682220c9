"""Carts and checkouts in Shopify's REST shape as canonical carts. Pure.

A cart knows no person; a checkout is made from a cart once the visitor goes to the till, and is told of once an e-mail
or a phone number is typed. Both are one cart here, known by the cart's token: so a cart that is emptied ends what its
checkout began, and `checkouts/delete`, which had no token of its own before 2026-04, is matched.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from connectors.shopify import orders
from customer_sync.kit.fields import Node, Table, email, filled, identifier, moment, take, text
from customer_sync.model import Json

#: The names of a cart or a checkout, the one by which it is known first. `id` of checkouts went in 2026-04.
NAMES: Final = ("cart_token", "token")

# In a checkout the address may be half typed.
VISITOR: Table = {**orders.BUYER, "email": orders.BUYER["email"]._replace(is_strict=False)}

CART: Table = {
    "email": take(email, "email"),
    "currency": take(text, "total_price_set.shop_money.currency_code", "currency", "presentment_currency"),
    "total": orders.shop_money("total_price"),
    "url": take(text, "abandoned_checkout_url"),
    "completedAt": take(moment, "completed_at"),
    "createdAt": take(moment, "created_at"),
    "updatedAt": take(moment, "updated_at"),
}
#: What of these a checkout may have lost on its way: null tells nothing of the cart.
_TOLD: Final = ("currency", "total", "url", "createdAt", "updatedAt")


def cart(node: Node) -> dict[str, Json]:
    """Return a cart or a checkout; without lines it was emptied, without `lines` the body does not tell of them."""
    known_by = orders.names(node, *NAMES)
    record_id = known_by[0] if known_by else identifier(node.get("id"), "id")
    picked = node.pick(CART)
    told = {name: value for name, value in picked.items() if value is not None or name not in _TOLD}
    return {
        "id": record_id,
        "carts": known_by or [record_id],
        **told,
        **({"lines": orders.lines(node)} if "line_items" in node else {}),
        **_sum(node, told),
        **_account(node),
        "customer": orders.buyer(node, VISITOR),
    }


def _sum(node: Node, told: dict[str, Json]) -> dict[str, Json]:
    """Return total and currency of a cart, whose body has them at its lines only, in the shop's currency."""
    if "total" in told or "line_items" not in node:
        return {}
    found = [one.pick(_PRICED) for one in node.children("line_items")]
    amounts = [one.get("amount") for one in found]
    currencies = {str(one["currency"]) for one in found if one.get("currency")}
    if not all(isinstance(one, float) for one in amounts) or len(currencies) > 1:
        return {}
    total = float(sum((Decimal(str(one)) for one in amounts), Decimal(0)))
    return {"total": total, **({"currency": currencies.pop()} if currencies else {})}


_PRICED: Table = {
    "amount": orders.shop_money("line_price"),
    "currency": take(text, "line_price_set.shop_money.currency_code"),
}


def _account(node: Node) -> dict[str, Json]:
    """Tell whether the visitor has an account of the shop; nothing where the body does not tell.

    Nothing says who is logged in; a visitor without an account surely is not.
    """
    if "customer" not in node:
        return {}
    told = filled(node.pick({"state": take(text, "customer.state")}))
    if node.get("customer") and not told:
        return {}
    return {"isLoggedIn": str(told.get("state", "")).lower() == "enabled"}
