"""`/products` and `/categories`: kept and given back, with the documented checks. Nothing is ever deleted here."""

from __future__ import annotations

import json
import operator
from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from typing import Any, Final
from urllib.parse import urlsplit

from flask import Response, request

from customer_sync.model import Json
from customer_sync.sandbox import paging, times
from customer_sync.sandbox.answers import (
    ApiError,
    Row,
    as_json,
    body_object,
    invalid,
    missing,
    not_found,
    nothing,
)
from customer_sync.sandbox.identifiers import EMAIL, EXT_ID, SMS
from customer_sync.sandbox.routes import Route
from customer_sync.sandbox.state import Sandbox

MOST_CATEGORIES = 100
#: Brevo's texts say 1,000 KB in one place and 20,000 characters in another; the smaller one.
_MOST_META, _MOST_META_TEXT = 20, 20_000
_NOUNS: Final = {"products": "Product", "categories": "Category"}
#: The type of a field that is checked, by name.
_TYPES: Final[Mapping[str, tuple[type, ...]]] = {
    **dict.fromkeys(("name", "url", "imageUrl", "sku", "parentId", "brand", "description", "deletedAt"), (str,)),
    **dict.fromkeys(("price", "alternativePrice", "stock"), (int, float)),
    "isDeleted": (bool,),
    "categories": (list,),
    "metaInfo": (dict,),
}
_COMPARISONS: Final[Mapping[str, Callable[[Any, Any], Any]]] = {
    "lte": operator.le,
    "gte": operator.ge,
    "lt": operator.lt,
    "gt": operator.gt,
    "eq": operator.eq,
    "ne": operator.ne,
}
_LEAST_NAME = 3
#: A picture is loaded from its address.
_WEB: Final = frozenset({"http", "https"})


def post_product(sandbox: Sandbox) -> Response:
    """Create a product (201), or change it with `updateEnabled` (204)."""
    return _post_one(sandbox, "products")


def post_products(sandbox: Sandbox) -> Response:
    """Create or change up to 100 products; more where the account's limit was raised and `updateEnabled` is sent."""
    return _post_many(sandbox, "products", sandbox.switches.products_batch_most)


def list_products(sandbox: Sandbox) -> Response:
    """Return a page of the products."""
    return listing(sandbox, "products", paging.page(50, 1000))


def read_product(sandbox: Sandbox, record_id: str) -> Response:
    """Return one product."""
    return _read(sandbox, "products", record_id)


def alert(sandbox: Sandbox, record_id: str) -> Response:
    """Let a contact know when a product is in stock again: 204."""
    body = body_object()
    with sandbox.lock:
        sandbox.ecommerce.need(sandbox.now_ms())
        if record_id not in sandbox.shop["products"].rows:
            raise not_found("Product id not found")
        given = body.get("contactIdentifiers")
        named = given if isinstance(given, dict) else {}
        kinds = (("email", EMAIL), ("ext_id", EXT_ID), ("sms", SMS))
        if not any(sandbox.contacts.find(kind, str(named.get(key, "")).lower().lstrip("+")) for key, kind in kinds):
            raise invalid("Contact does not exist")
    return nothing()


def post_category(sandbox: Sandbox) -> Response:
    """Create a category (201), or change it with `updateEnabled` (204)."""
    return _post_one(sandbox, "categories")


def post_categories(sandbox: Sandbox) -> Response:
    """Create or change up to 100 categories."""
    return _post_many(sandbox, "categories", MOST_CATEGORIES)


def list_categories(sandbox: Sandbox) -> Response:
    """Return a page of the categories."""
    return listing(sandbox, "categories", paging.page(50, 100))


def read_category(sandbox: Sandbox, record_id: str) -> Response:
    """Return one category."""
    return _read(sandbox, "categories", record_id)


def listing(sandbox: Sandbox, table: str, page: paging.Page) -> Response:
    """Return a page of the records of the shop that fit the query."""
    with sandbox.lock:
        sandbox.ecommerce.need(sandbox.now_ms())
        rows = [row for row in sandbox.shop[table].rows.values() if _fits(row)]
        shown: list[Json] = [_public(table, row) for row in page.of(rows)]
        return as_json({table: shown, "count": len(rows)})


def several(body: Row, name: str, most: int) -> list[Row]:
    """Return the records of a batch.

    Raises:
        ApiError: 400 when there are none, too many, or one is no object.
    """
    values = body.get(name)
    if not isinstance(values, list) or not values:
        raise missing(f"{name} are missing")
    if len(values) > most:
        raise ApiError(400, "out_of_range", f"Maximum {most} {name} can be passed")
    rows = [one for one in values if isinstance(one, dict)]
    if len(rows) != len(values):
        raise invalid(f"{name} should be an array of objects")
    return rows


def _post_one(sandbox: Sandbox, table: str) -> Response:
    body = body_object()
    is_updating = body.pop("updateEnabled", False) is True
    with sandbox.lock:
        sandbox.ecommerce.need(sandbox.now_ms())
        is_new = _put(sandbox, table, body, is_updating=is_updating)
        return as_json({"id": len(sandbox.shop[table].rows)}, 201) if is_new else nothing()


def _post_many(sandbox: Sandbox, table: str, most: int) -> Response:
    body = body_object()
    is_updating = body.get("updateEnabled") is True
    rows = several(body, table, most if is_updating else MOST_CATEGORIES)
    ids = [str(row.get("id")) for row in rows]
    if len(set(ids)) != len(ids):
        raise invalid("Duplicate ids are not allowed")
    with sandbox.lock:
        sandbox.ecommerce.need(sandbox.now_ms())
        for row in rows:
            _check(sandbox, table, row, is_updating=is_updating)
        made = [_put(sandbox, table, row, is_updating=is_updating) for row in rows]
    return as_json({"createdCount": sum(made), "updatedCount": len(made) - sum(made)}, 201)


def _check(sandbox: Sandbox, table: str, body: Row, *, is_updating: bool) -> Row | None:
    noun = _NOUNS[table]
    if not isinstance(body.get("id"), str) or not body["id"]:
        raise missing(f"{noun} id is missing")
    old = sandbox.shop[table].rows.get(str(body["id"]))
    if old and not is_updating:
        raise ApiError(400, "duplicate_parameter", f"{noun} already exists")
    if not old and not body.get("name"):
        raise missing(f"{noun} name is missing")
    for name, types in _TYPES.items():
        value = body.get(name)
        if name in body and (not isinstance(value, types) or isinstance(value, bool) != (bool in types)):
            raise invalid(f"{name} is invalid")
    _check_refused(sandbox, table, body)
    if "deletedAt" in body:
        times.parse(str(body["deletedAt"]), "deletedAt")
    meta = body.get("metaInfo")
    if isinstance(meta, dict) and (len(meta) > _MOST_META or len(json.dumps(meta)) > _MOST_META_TEXT):
        raise invalid(f"metaInfo can have {_MOST_META} keys and {_MOST_META_TEXT} characters")
    return old


def _check_refused(sandbox: Sandbox, table: str, body: Row) -> None:
    """Refuse what the switches name. The words are our guess: Brevo documents none."""
    if table != "products":
        return
    image = body.get("imageUrl")
    if image is not None and (
        urlsplit(str(image)).scheme not in _WEB or _fits_pattern(image, sandbox.switches.images_refused)
    ):
        raise invalid("imageUrl is invalid")
    if _fits_pattern(body["id"], sandbox.switches.products_refused):
        raise invalid("The product could not be processed")


def _fits_pattern(value: Json, pattern: str) -> bool:
    return bool(pattern) and fnmatchcase(str(value), pattern)


def _put(sandbox: Sandbox, table: str, body: Row, *, is_updating: bool) -> bool:
    """Keep a product or category; returns whether it is new."""
    old = _check(sandbox, table, body, is_updating=is_updating)
    at = times.iso(sandbox.now_ms())
    first: Row = old or {"createdAt": at, "isDeleted": False}
    sandbox.shop[table].put(str(body["id"]), {**first, **body, "modifiedAt": at})
    return old is None


def _fits(row: Row) -> bool:
    """Return whether a record is one the query asks for."""
    args = request.args
    ids = [one for text in args.getlist("ids") for one in text.split(",")]
    if ids and row["id"] not in ids:
        return False
    for name, key in (("modifiedSince", "modifiedAt"), ("createdSince", "createdAt")):
        since = paging.since(name)
        if since is not None and times.parse(str(row.get(key, row.get("updatedAt"))), key) <= since:
            return False
    if "isDeleted" in args and row.get("isDeleted", False) is not (args["isDeleted"] == "true"):
        return False
    if not _is_called_so(row):
        return False
    wanted = {one for text in args.getlist("categories") for one in text.split(",")}
    own = row.get("categories")
    if wanted and not (isinstance(own, list) and wanted & {str(one) for one in own}):
        return False
    return all(_has_price(row, key) for key in ("price", "alternativePrice"))


def _is_called_so(row: Row) -> bool:
    name, text = request.args.get("name"), request.args.get("search", "").lower()
    if name is not None and len(name) < _LEAST_NAME:
        raise invalid(f"name should have {_LEAST_NAME} characters at least")
    own, number, sku = (str(row.get(key, "")).lower() for key in ("name", "id", "sku"))
    return (name or "").lower() in own and any(text in one for one in (own, number, sku))


def _has_price(row: Row, key: str) -> bool:
    for word, compare in _COMPARISONS.items():
        text = request.args.get(f"{key}[{word}]")
        if text is None:
            continue
        try:
            wanted = float(text)
        except ValueError as error:
            raise invalid(f"{key} should be a number") from error
        if not compare(row.get(key, 0), wanted):
            return False
    return True


def _read(sandbox: Sandbox, table: str, record_id: str) -> Response:
    with sandbox.lock:
        sandbox.ecommerce.need(sandbox.now_ms())
        row = sandbox.shop[table].rows.get(record_id)
        if row is None:
            raise not_found(f"{_NOUNS[table]} id not found")
        return as_json(_public(table, row))


def _public(table: str, row: Row) -> Row:
    if table == "orders":
        return {name: value for name, value in row.items() if name != "historical"}
    return {**row, "s3ThumbAnalytics": "", "s3ThumbEditor": ""} if table == "products" else row


ROUTES: Final[tuple[Route, ...]] = (
    ("POST", "/products", post_product),
    ("POST", "/products/batch", post_products),
    ("GET", "/products", list_products),
    ("GET", "/products/<record_id>", read_product),
    ("POST", "/products/<record_id>/alerts/back_in_stock", alert),
    ("POST", "/categories", post_category),
    ("POST", "/categories/batch", post_categories),
    ("GET", "/categories", list_categories),
    ("GET", "/categories/<record_id>", read_category),
)
