"""`/wc/store/v1`: the block checkout as a shopper's browser calls it, as far as consent and orders are concerned.

Who is logged in says so by the cookie `wordpress_logged_in`, which holds the account's number here. A cart is found by
the header `Cart-Token`.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field

from flask import Response, request

from connectors.woocommerce.fake.orders import DRAFT, Order
from connectors.woocommerce.fake.people import Account, empty_billing
from connectors.woocommerce.fake.rest import Call
from connectors.woocommerce.fake.store import Store
from connectors.woocommerce.fake.wordpress import WpError, answer
from customer_sync.kit.fakes.answers import Row


@dataclass(slots=True)
class Cart:
    """What a shopper has in hand: the lines, the address typed in so far, and the draft of an order."""

    lines: list[Row] = field(default_factory=list)
    billing: Row = field(default_factory=empty_billing)
    draft: int = 0


def answer_shopper(call: Call, route: str) -> Response:
    """Answer a call of a shopper's browser.

    Raises:
        WpError: there is no such route, or the cart is empty.
    """
    store, token = call.store, request.headers.get("Cart-Token") or secrets.token_hex(16)
    cart = store.carts.setdefault(token, Cart())
    steps = {
        ("POST", "cart/add-item"): _add_item,
        ("POST", "cart/update-customer"): _update_customer,
        ("GET", "checkout"): _look,
        ("POST", "checkout"): _order,
    }
    step = steps.get((call.method, route.strip("/")))
    if step is None:
        raise WpError(404, "rest_no_route", "No route was found matching the URL and request method.")
    return answer(step(store, cart, call.body), 201 if step is _add_item else 200, {"Cart-Token": token})


def check_out(store: Store, shopper: Account | None, cart: Cart, *, box: bool | None) -> Order:
    """Place an order.

    A box that was registered at `contact` is kept with the account and pre-filled the next time: the order then says
    "1" without any new act. One of `order` is not (both seen on WooCommerce 11.0.1, 2026-11-28).

    Args:
        store: the store.
        shopper: who is logged in; None is a guest.
        cart: what is bought, and the address.
        box: how the newsletter box was left; None: as it was shown.
    """
    shown = _prefilled(store, shopper)
    ticked = bool(shown) if box is None else box
    if shopper:
        shopper.box = ticked
    key = f"_wc_other/{store.settings.checkout_field}"
    body = {
        "customer_id": shopper.id if shopper else 0,
        "billing": {name: value for name, value in cart.billing.items() if value},
        "line_items": cart.lines,
        "meta_data": [{"key": key, "value": "1" if ticked else "0"}],
        "created_via": "store-api",
        "status": "processing",
    }
    if cart.draft:
        number, cart.draft = cart.draft, 0
        return store.records.update_order(number, body)
    return store.records.create_order(body)


def _add_item(_store: Store, cart: Cart, body: Row) -> Row:
    cart.lines.append({"product_id": int(body.get("id") or 0), "quantity": int(body.get("quantity") or 1)})
    return {"items": cart.lines}


def _update_customer(_store: Store, cart: Cart, body: Row) -> Row:
    cart.billing |= {name: str(value) for name, value in (body.get("billing_address") or {}).items()}
    return {"billing_address": cart.billing}


def _look(store: Store, cart: Cart, _body: Row) -> Row:
    """Show the checkout. WooCommerce 9.8.3 makes the draft of an order here, 11.0.1 does not yet (2026-11-28)."""
    shopper = _shopper(store)
    if not cart.lines:
        raise WpError(400, "woocommerce_rest_cart_empty", "Cannot create order from empty cart.")
    if store.settings.version == "9.8.3":
        billing = {name: value for name, value in cart.billing.items() if value}
        told = {"status": DRAFT, "customer_id": shopper.id if shopper else 0, "created_via": "store-api"}
        told |= {"billing": billing, "line_items": cart.lines}
        if store.records.orders.get(cart.draft):
            store.records.update_order(cart.draft, told)
        else:
            cart.draft = store.records.create_order(told).id
    return _checkout(store, shopper, cart, cart.draft, DRAFT)


def _order(store: Store, cart: Cart, body: Row) -> Row:
    shopper = _shopper(store)
    if not cart.lines:
        raise WpError(400, "woocommerce_rest_cart_empty", "Cannot create order from empty cart.")
    _update_customer(store, cart, body)
    order = check_out(
        store, shopper, cart, box=(body.get("additional_fields") or {}).get(store.settings.checkout_field)
    )
    cart.lines = []
    return _checkout(store, shopper, cart, order.id, order.status)


def _checkout(store: Store, shopper: Account | None, cart: Cart, number: int, status: str) -> Row:
    shown = _prefilled(store, shopper)
    fields = {} if shown is None else {store.settings.checkout_field: shown}
    about = {"order_id": number, "status": status, "customer_id": shopper.id if shopper else 0}
    return {**about, "billing_address": cart.billing, "additional_fields": fields}


def _prefilled(store: Store, shopper: Account | None) -> bool | None:
    return shopper.box if shopper and store.settings.field_location == "contact" else None


def _shopper(store: Store) -> Account | None:
    number = request.cookies.get("wordpress_logged_in", "")
    return store.records.customers.get(int(number)) if number.isdigit() else None
