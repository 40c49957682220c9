"""`/orders` and `/ecommerce`: kept and given back, with the documented checks.

Whether a batch is worked off at once is not documented; here it is, and what is wrong with single orders is told to
`notifyUrl` and nowhere else, in a body that is our guess.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from flask import Response, request

from customer_sync.model import Json
from customer_sync.sandbox import paging, times, whom
from customer_sync.sandbox.answers import ApiError, Row, as_json, body_object, invalid, missing, nothing
from customer_sync.sandbox.routes import Route, this_call
from customer_sync.sandbox.routes.catalogue import listing, several
from customer_sync.sandbox.state import Sandbox

MOST_ORDERS, MOST_ORDER_BYTES = 1_000, 5_000_000
_ORDER_KEYS: Final = ("id", "createdAt", "updatedAt", "status", "amount", "products")
#: The texts that an order may have below each key, as Brevo's document names them.
_TEXTS: Final[Mapping[str, frozenset[str]]] = {
    "identifiers": frozenset({"email_id", "ext_id", "phone_id", "loyalty_subscription_id"}),
    "billing": frozenset({"address", "city", "country", "countryCode", "paymentMethod", "phone", "postCode", "region"}),
}


def post_order(sandbox: Sandbox) -> Response:
    """Create or change an order: 204. It is live, and starts workflows."""
    order = check_order(body_object())
    with sandbox.lock:
        sandbox.ecommerce.need(sandbox.now_ms())
        _put_order(sandbox, order, is_live=True)
    return nothing()


def post_orders(sandbox: Sandbox) -> Response:
    """Create or change up to 1,000 orders: 202. They start workflows with `historical: false` only."""
    if (request.content_length or 0) > MOST_ORDER_BYTES:
        raise ApiError(400, "out_of_range", "Body should not exceed 5 MB")
    body = body_object()
    orders = several(body, "orders", MOST_ORDERS)
    historical = body.get("historical", True)
    if not isinstance(historical, bool):
        raise invalid("historical should be a boolean")
    failed: list[Json] = []
    with sandbox.lock:
        sandbox.ecommerce.need(sandbox.now_ms())
        for order in orders:
            try:
                _put_order(sandbox, check_order(order), is_live=not historical)
            except ApiError as error:
                failed.append({"id": order.get("id"), "code": error.code, "message": error.message})
        batch_id = sandbox.processes.next_id()
        if body.get("notifyUrl"):
            told: Row = {"batchId": batch_id, "count": len(orders), "errors": failed}
            sandbox.webhooks.call(str(body["notifyUrl"]), told)
    return as_json({"batchId": batch_id, "count": len(orders)}, 202)


def list_orders(sandbox: Sandbox) -> Response:
    """Return a page of the orders."""
    return listing(sandbox, "orders", paging.page(50, 100))


def activate(sandbox: Sandbox) -> Response:
    """Ask for eCommerce; it is there after `activation_delay_s`."""
    with sandbox.lock:
        sandbox.ecommerce.activate(sandbox.now_ms())
    return as_json({"message": "The eCommerce activation is in process, please wait for 5 minutes"})


def read_currency(sandbox: Sandbox) -> Response:
    """Return the display currency."""
    with sandbox.lock:
        sandbox.ecommerce.need(sandbox.now_ms())
        return as_json({"code": sandbox.ecommerce.currency})


def set_currency(sandbox: Sandbox) -> Response:
    """Set the display currency."""
    body = body_object()
    with sandbox.lock:
        sandbox.ecommerce.need(sandbox.now_ms())
        sandbox.ecommerce.set_currency(body)
        return as_json({"code": sandbox.ecommerce.currency})


def check_order(order: Row) -> Row:
    """Return the order when it has what an order needs.

    Raises:
        ApiError: 400 that names the key.
    """
    for name in _ORDER_KEYS:
        if order.get(name) in (None, ""):
            raise missing(f"{name} is missing")
    for name in ("id", "status", "storeId"):
        if not isinstance(order.get(name, ""), str):
            raise invalid(f"{name} should be a string")
    for name in ("createdAt", "updatedAt"):
        times.parse(str(order[name]), name)
    if isinstance(order["amount"], bool) or not isinstance(order["amount"], int | float):
        raise invalid("amount should be a number")
    for name, keys in _TEXTS.items():
        _check_texts(order.get(name, {}), name, keys)
    _check_extras(order)
    products = order["products"]
    if not isinstance(products, list):
        raise invalid("products should be an array")
    for product in products:
        _check_line(product)
    return order


def _check_texts(found: Json, name: str, keys: frozenset[str]) -> None:
    if not isinstance(found, dict):
        raise invalid(f"{name} should be an object")
    for key in keys & found.keys():
        if not isinstance(found[key], str):
            raise invalid(f"{name}.{key} should be a string")


def _check_extras(order: Row) -> None:
    coupons, meta = order.get("coupons", []), order.get("metaInfo", {})
    if not isinstance(coupons, list) or not all(isinstance(one, str) for one in coupons):
        raise invalid("coupons should be an array of strings")
    if not isinstance(meta, dict) or not all(isinstance(one, str | int) for one in meta.values()):
        raise invalid("metaInfo should be an object of strings, integers and booleans")


def _check_line(line: Json) -> None:
    if not isinstance(line, dict) or not isinstance(line.get("productId"), str):
        raise missing("productId is missing")
    if isinstance(line.get("price"), bool) or not isinstance(line.get("price"), int | float):
        raise missing("price is missing")
    if not isinstance(line.get("variantId", ""), str):
        raise invalid("variantId should be a string")
    counts = [name for name in ("quantity", "quantityFloat") if name in line]
    if len(counts) != 1:
        raise missing("Either quantity or quantityFloat should be passed")
    count = line[counts[0]]
    if isinstance(count, bool) or not isinstance(count, int if counts == ["quantity"] else int | float):
        raise invalid("quantity should be an integer, quantityFloat a number")


def _put_order(sandbox: Sandbox, order: Row, *, is_live: bool) -> None:
    by = this_call()
    contact = whom.find(sandbox, order.get("identifiers") or {"email_id": order.get("email")}, by)
    owner: Row = {"contact_id": contact.id, "email": contact.email} if contact else {}
    sandbox.shop["orders"].put(str(order["id"]), {**order, "historical": not is_live, **owner})
    if is_live:
        sandbox.automations.fire("orders", str(order["status"]), str(order["id"]), contact, by)


ROUTES: Final[tuple[Route, ...]] = (
    ("POST", "/ecommerce/activate", activate),
    ("GET", "/ecommerce/config/displayCurrency", read_currency),
    ("POST", "/ecommerce/config/displayCurrency", set_currency),
    ("POST", "/orders/status", post_order),
    ("POST", "/orders/status/batch", post_orders),
    ("GET", "/orders", list_orders),
)
