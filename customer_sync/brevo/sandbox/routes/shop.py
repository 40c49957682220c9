"""`/orders`, `/products`, `/categories` and `/ecommerce`: kept and given back, with the documented checks."""

from __future__ import annotations

from typing import Final

from flask import Response, request

from customer_sync.brevo.sandbox import paging, times
from customer_sync.brevo.sandbox.answers import (
    ApiError,
    Row,
    as_json,
    body_object,
    invalid,
    missing,
    not_found,
    nothing,
)
from customer_sync.brevo.sandbox.contact import Contact
from customer_sync.brevo.sandbox.identifiers import TYPES
from customer_sync.brevo.sandbox.routes import Route
from customer_sync.brevo.sandbox.state import Sandbox
from customer_sync.model import Json

MOST_ORDERS, MOST_ORDER_BYTES = 1_000, 5_000_000
MOST_PRODUCTS = MOST_CATEGORIES = 100
_MOST_META = 20
_ORDER_KEYS: Final = ("id", "createdAt", "updatedAt", "status", "amount", "products")


def post_order(sandbox: Sandbox) -> Response:
    """Create or change an order: 204."""
    order = check_order(body_object())
    with sandbox.lock:
        _need_ecommerce(sandbox)
        _put_order(sandbox, order)
    return nothing()


def post_orders(sandbox: Sandbox) -> Response:
    """Create or change up to 1,000 orders: 202; what is wrong with single ones is told to `notifyUrl` only."""
    if (request.content_length or 0) > MOST_ORDER_BYTES:
        raise ApiError(400, "out_of_range", "Body should not exceed 5 MB")
    body = body_object()
    orders = _several(body, "orders", MOST_ORDERS)
    failed: list[Json] = []
    with sandbox.lock:
        _need_ecommerce(sandbox)
        for order in orders:
            try:
                _put_order(sandbox, {**check_order(order), "historical": body.get("historical", True)})
            except ApiError as error:
                failed.append({"id": order.get("id"), "message": error.message})
        batch_id = sandbox.processes.next_id()
        if body.get("notifyUrl"):
            sandbox.webhooks.call(str(body["notifyUrl"]), {"batchId": batch_id, "errors": failed})
    return as_json({"batchId": batch_id, "count": len(orders)}, 202)


def list_orders(sandbox: Sandbox) -> Response:
    """Return a page of the orders."""
    return _listing(sandbox, "orders", paging.page(50, 100))


def post_product(sandbox: Sandbox) -> Response:
    """Create a product (201), or change it with `updateEnabled` (204)."""
    return _post_one(sandbox, "products", "Product")


def post_products(sandbox: Sandbox) -> Response:
    """Create or change up to 100 products."""
    return _post_many(sandbox, "products", "Product", MOST_PRODUCTS)


def list_products(sandbox: Sandbox) -> Response:
    """Return a page of the products."""
    return _listing(sandbox, "products", paging.page(50, 1000))


def read_product(sandbox: Sandbox, record_id: str) -> Response:
    """Return one product."""
    return _read(sandbox, "products", record_id, "Product")


def post_category(sandbox: Sandbox) -> Response:
    """Create a category (201), or change it with `updateEnabled` (204)."""
    return _post_one(sandbox, "categories", "Category")


def post_categories(sandbox: Sandbox) -> Response:
    """Create or change up to 100 categories."""
    return _post_many(sandbox, "categories", "Category", MOST_CATEGORIES)


def list_categories(sandbox: Sandbox) -> Response:
    """Return a page of the categories."""
    return _listing(sandbox, "categories", paging.page(50, 100))


def read_category(sandbox: Sandbox, record_id: str) -> Response:
    """Return one category."""
    return _read(sandbox, "categories", record_id, "Category")


def activate(sandbox: Sandbox) -> Response:
    """Activate eCommerce; Brevo takes five minutes, this takes none."""
    with sandbox.lock:
        sandbox.is_ecommerce_on = True
    return as_json({"message": "The eCommerce activation is in process, please wait for 5 minutes"})


def check_order(order: Row) -> Row:
    """Return the order when it has what an order needs.

    Raises:
        ApiError: 400 that names the key.
    """
    for name in _ORDER_KEYS:
        if order.get(name) in (None, ""):
            raise missing(f"{name} is missing")
    for name in ("createdAt", "updatedAt"):
        times.parse(str(order[name]), name)
    if isinstance(order["amount"], bool) or not isinstance(order["amount"], int | float):
        raise invalid("amount should be a number")
    products = order["products"]
    if not isinstance(products, list):
        raise invalid("products should be an array")
    for product in products:
        _check_line(product)
    return order


def _check_line(line: Json) -> None:
    if not isinstance(line, dict) or not isinstance(line.get("productId"), str):
        raise missing("productId is missing")
    if isinstance(line.get("price"), bool) or not isinstance(line.get("price"), int | float):
        raise missing("price is missing")
    if "quantity" in line and (isinstance(line["quantity"], bool) or not isinstance(line["quantity"], int)):
        raise invalid("quantity should be an integer")


def contact_of(sandbox: Sandbox, identifiers: Json) -> Contact | None:
    """Return whom an order or event belongs to; Brevo's number wins over all. Nobody is created for it."""
    if not isinstance(identifiers, dict):
        return None
    number = identifiers.get("contact_id")
    if isinstance(number, int):
        return sandbox.contacts.roll.get(number)
    for name, kind in TYPES.items():
        value = identifiers.get(name)
        found = sandbox.contacts.find(kind, str(value).strip().lower().lstrip("+")) if value else None
        if found:
            return found
    return None


def _put_order(sandbox: Sandbox, order: Row) -> None:
    contact = contact_of(sandbox, order.get("identifiers") or {"email_id": order.get("email")})
    owner: Row = {"contact_id": contact.id, "email": contact.email} if contact else {}
    sandbox.shop["orders"].put(str(order["id"]), {**order, **owner})


def _post_one(sandbox: Sandbox, table: str, noun: str) -> Response:
    body = body_object()
    is_updating = body.pop("updateEnabled", False) is True
    with sandbox.lock:
        _need_ecommerce(sandbox)
        is_new = _put(sandbox, table, noun, body, is_updating=is_updating)
        return as_json({"id": len(sandbox.shop[table].rows)}, 201) if is_new else nothing()


def _post_many(sandbox: Sandbox, table: str, noun: str, most: int) -> Response:
    body = body_object()
    rows = _several(body, table, most)
    ids = [str(row.get("id")) for row in rows]
    if len(set(ids)) != len(ids):
        raise invalid("Duplicate ids are not allowed")
    is_updating = body.get("updateEnabled") is True
    with sandbox.lock:
        _need_ecommerce(sandbox)
        for row in rows:
            _check(sandbox, table, noun, row, is_updating=is_updating)
        made = [_put(sandbox, table, noun, row, is_updating=is_updating) for row in rows]
    return as_json({"createdCount": sum(made), "updatedCount": len(made) - sum(made)}, 201)


def _check(sandbox: Sandbox, table: str, noun: str, body: Row, *, is_updating: bool) -> Row | None:
    if not isinstance(body.get("id"), str) or not body["id"]:
        raise missing(f"{noun} id is missing")
    old = sandbox.shop[table].rows.get(str(body["id"]))
    if old and not is_updating:
        raise ApiError(400, "duplicate_parameter", f"{noun} already exists")
    if not old and not body.get("name"):
        raise missing(f"{noun} name is missing")
    meta = body.get("metaInfo")
    if isinstance(meta, dict) and len(meta) > _MOST_META:
        raise invalid(f"metaInfo can have {_MOST_META} keys")
    return old


def _put(sandbox: Sandbox, table: str, noun: str, body: Row, *, is_updating: bool) -> bool:
    """Keep a product or category; returns whether it is new."""
    old = _check(sandbox, table, noun, body, is_updating=is_updating)
    at = times.iso(sandbox.now_ms())
    first: Row = old or {"createdAt": at, "isDeleted": False}
    sandbox.shop[table].put(str(body["id"]), {**first, **body, "modifiedAt": at})
    return old is None


def _listing(sandbox: Sandbox, table: str, page: paging.Page) -> Response:
    with sandbox.lock:
        _need_ecommerce(sandbox)
        rows = list(sandbox.shop[table].rows.values())
        ids = request.args.getlist("ids")
        if ids:
            rows = [row for row in rows if row["id"] in ids]
        for name, key in (("modifiedSince", "modifiedAt"), ("createdSince", "createdAt")):
            since = paging.since(name)
            if since is not None:
                rows = [row for row in rows if times.parse(str(row.get(key, row.get("updatedAt"))), key) > since]
        shown: list[Json] = [_public(table, row) for row in page.of(rows)]
        return as_json({table: shown, "count": len(rows)})


def _read(sandbox: Sandbox, table: str, record_id: str, noun: str) -> Response:
    with sandbox.lock:
        _need_ecommerce(sandbox)
        row = sandbox.shop[table].rows.get(record_id)
        if row is None:
            raise not_found(f"{noun} id not found")
        return as_json(_public(table, row))


def _public(table: str, row: Row) -> Row:
    return {**row, "s3ThumbAnalytics": "", "s3ThumbEditor": ""} if table == "products" else row


def _several(body: Row, name: str, most: int) -> list[Row]:
    values = body.get(name)
    if not isinstance(values, list) or not values:
        raise missing(f"{name} are missing")
    if len(values) > most:
        raise ApiError(400, "out_of_range", f"Maximum {most} {name} can be passed")
    rows = [one for one in values if isinstance(one, dict)]
    if len(rows) != len(values):
        raise invalid(f"{name} should be an array of objects")
    return rows


def _need_ecommerce(sandbox: Sandbox) -> None:
    if not sandbox.is_ecommerce_on:
        raise ApiError(403, "permission_denied", "Permission denied. eCommerce is not activated")


ROUTES: Final[tuple[Route, ...]] = (
    ("POST", "/ecommerce/activate", activate),
    ("POST", "/orders/status", post_order),
    ("POST", "/orders/status/batch", post_orders),
    ("GET", "/orders", list_orders),
    ("POST", "/products", post_product),
    ("POST", "/products/batch", post_products),
    ("GET", "/products", list_products),
    ("GET", "/products/<record_id>", read_product),
    ("POST", "/categories", post_category),
    ("POST", "/categories/batch", post_categories),
    ("GET", "/categories", list_categories),
    ("GET", "/categories/<record_id>", read_category),
)
