"""What can be done to products, orders and carts below `/fake`. Money is in cents.

| route | does |
|---|---|
| `GET /fake/orders`, `/fake/products`, `/fake/checkouts` | all of them, in the shape of webhooks |
| `POST /fake/orders` | `{"customer" or "email", "lines", "paid", "source", "tags", "codes", "test", "shown", "at"}` |
| `POST /fake/orders/pay`, `/send`, `/cancel`, `/delete` | `{"id"}` |
| `POST /fake/orders/edit` | `{"id", "left": [1, 0]}`: how much is left of each line |
| `POST /fake/orders/refund` | `{"id", "amount"}`; without an amount all that is left |
| `POST /fake/products` | `{"title", "variants": [1000, 1400], "status", "picture", "published", "kind"}` |
| `POST /fake/products/change`, `/delete` | `{"id", ...the same, "price"}`, `{"id"}` |
| `POST /fake/checkouts` | `{"token", "customer", "email", "lines"}`: a cart is begun, or changed |
| `POST /fake/checkouts/empty`, `/complete`, `/delete` | `{"token"}` |

A line is `{"variant", "quantity", "price"}`, or `{"title", "quantity", "price"}` for what is no product any more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from connectors.shopify.fake import sale_bodies
from connectors.shopify.fake.shop import Shop
from customer_sync.kit.fakes.answers import BadRequest, Row
from customer_sync.kit.fakes.clock import seconds_of
from customer_sync.kit.fakes.fake import Act

_NAMES = {"paid": "is_paid", "test": "is_test", "source": "source", "tags": "tags", "codes": "codes"}


def sale_acts(shop: Shop) -> Sequence[Act]:
    """Return the control routes of what is sold."""
    domain = shop.settings.shop
    return (
        ("GET", "orders", lambda _: {"orders": [sale_bodies.order(one, domain) for one in shop.sales.orders.values()]}),
        ("GET", "products", lambda _: {"products": [sale_bodies.product(one) for one in shop.sales.products.values()]}),
        ("GET", "checkouts", lambda _: {"checkouts": [_seen(one, domain) for one in shop.sales.checkouts.values()]}),
        ("POST", "orders", partial(_place, shop)),
        ("POST", "orders/pay", lambda body: _order(shop.sales.pay(_id(body)))),
        ("POST", "orders/send", lambda body: _order(shop.sales.send(_id(body)))),
        ("POST", "orders/edit", lambda body: _order(shop.sales.edit(_id(body), [int(one) for one in body["left"]]))),
        ("POST", "orders/refund", lambda body: _order(shop.sales.refund(_id(body), body.get("amount")))),
        ("POST", "orders/cancel", lambda body: _order(shop.sales.cancel(_id(body)))),
        ("POST", "orders/delete", lambda body: shop.sales.delete(_id(body))),
        ("POST", "products", lambda body: {"id": str(shop.sales.stock(body).id)}),
        ("POST", "products/change", lambda body: {"id": str(shop.sales.change_product(_id(body), body).id)}),
        ("POST", "products/delete", lambda body: shop.sales.drop_product(_id(body))),
        ("POST", "checkouts", partial(_touch, shop)),
        ("POST", "checkouts/empty", lambda body: {"cart": shop.sales.empty(str(body.get("token"))).cart}),
        ("POST", "checkouts/complete", partial(_complete, shop)),
        ("POST", "checkouts/delete", lambda body: shop.sales.drop_checkout(str(body.get("token")))),
    )


def _place(shop: Shop, body: Row) -> Row:
    buyer, more = _buyer(shop, body)
    more |= {ours: body[name] for name, ours in _NAMES.items() if name in body}
    if "shown" in body:
        more["shown"] = (str(body["shown"]["currency"]), float(body["shown"]["rate"]))
    if body.get("at"):
        more["at_s"] = seconds_of(str(body["at"]))
    return _order(shop.sales.place(buyer, {**more, "lines": body.get("lines")}))


def _touch(shop: Shop, body: Row) -> Row:
    buyer, more = _buyer(shop, body)
    found = shop.sales.touch(body.get("token"), buyer, {**more, "lines": body.get("lines")})
    return {"token": found.token, "cart": found.cart}


def _complete(shop: Shop, body: Row) -> Row:
    more = {ours: body[name] for name, ours in _NAMES.items() if name in body}
    return _order(shop.sales.complete(str(body.get("token")), more))


def _buyer(shop: Shop, body: Row) -> tuple[Mapping[str, Any], Row]:
    """Return who buys: a customer by column, or a guest of whom an address is known."""
    if body.get("customer") is None:
        return {"email": body.get("email")}, {"email": body["email"]} if "email" in body else {}
    number = str(body["customer"])
    facts = shop.customers.find(int(number)) if number.isdigit() else None
    if facts is None:
        raise BadRequest("customer: no such customer")
    return facts, {"customer": int(number), "email": body.get("email", facts["email"])}


def _seen(one: Any, domain: str) -> Row:
    return sale_bodies.checkout(one, domain)


def _order(order: Any) -> Row:
    return {"id": str(order.id), "status": order.status, "total": order.total, "left": order.current}


def _id(body: Row) -> int:
    text = str(body.get("id"))
    if not text.isdigit():
        raise BadRequest("id: a number")
    return int(text)
