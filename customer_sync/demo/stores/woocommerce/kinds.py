"""The kinds of records of the REST API: customers, orders, products, webhooks, each with its own refusals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from customer_sync.demo.stores.woocommerce import params
from customer_sync.demo.stores.woocommerce.answers import Row, WpError, cannot
from customer_sync.demo.stores.woocommerce.listing import Chosen, Values
from customer_sync.demo.stores.woocommerce.resource import Kind
from customer_sync.demo.stores.woocommerce.webhooks import Hook

if TYPE_CHECKING:
    from customer_sync.demo.stores.woocommerce.store import FakeStore


def get_order(store: FakeStore, number: int) -> Row:
    """Return an order.

    Raises:
        WpError: 404.
    """
    row = store.records.orders.get(number)
    if row is None:
        raise WpError(404, "woocommerce_rest_shop_order_invalid_id", "Invalid ID.")
    return row


def get_product(store: FakeStore, number: int) -> Row:
    """Return a product.

    Raises:
        WpError: 404.
    """
    row = store.records.products.get(number)
    if row is None:
        raise WpError(404, "woocommerce_rest_product_invalid_id", "Invalid ID.")
    return row


def _create_customer(store: FakeStore, body: Row) -> Row:
    if not body.get("email"):
        raise WpError(400, "rest_missing_callback_param", "Missing parameter(s): email", {"params": ["email"]})
    return store.records.create_customer(body)


def _delete_customer(store: FakeStore, number: int, force: bool) -> Row:  # noqa: FBT001 - the shape of all three
    row = store.records.customer(number)
    if row["role"] not in ("customer", "subscriber"):
        text = f"users with {row['role']} role cannot be deleted via this endpoint. Allowed roles: customer, subscriber"
        raise cannot("delete", text, logged_in=True)
    if not force:
        raise WpError(501, "woocommerce_rest_trash_not_supported", "Customers do not support trashing.")
    return store.records.delete_customer(number)


def _update_customer(store: FakeStore, number: int, body: Row) -> Row:
    row = store.records.customer(number)
    if row["role"] not in ("customer", "subscriber") and body.get("email", row["email"]) != row["email"]:
        text = f"email cannot be updated via this endpoint for a user with role {row['role']}."
        raise cannot("edit", text, logged_in=True)
    return store.records.update_customer(number, body)


def _hook(store: FakeStore, number: int, status: int, message: str) -> Hook:
    hook = store.webhooks.hooks.get(number)
    if hook is None:
        raise WpError(status, "woocommerce_rest_shop_webhook_invalid_id", message)
    return hook


def _update_hook(store: FakeStore, number: int, body: Row) -> Row:
    hook = _hook(store, number, 400, "ID is invalid.")
    store.webhooks.update(hook, body)
    return hook.row(store.records.offset_s)


def _delete_hook(store: FakeStore, number: int, force: bool) -> Row:  # noqa: FBT001 - the shape of all three
    if not force:
        raise WpError(501, "woocommerce_rest_trash_not_supported", "Webhooks do not support trashing.")
    row = _hook(store, number, 404, "Invalid ID.").row(store.records.offset_s)
    del store.webhooks.hooks[number]
    return row


def _chosen_hooks(store: FakeStore, values: Values, _route: str) -> Chosen:
    hooks = [one for one in store.webhooks.hooks.values() if values["status"] in ("all", one.status)]
    if values["include"]:
        hooks = [one for one in hooks if one.id in values["include"]]
    if values["orderby"] == "title":
        hooks.sort(key=lambda one: one.name)
    numbers = [one.id for one in hooks if one.id not in values["exclude"] and values["search"] in one.name]
    return Chosen.all_of(numbers[::-1] if values["order"] == "desc" else numbers)


def _knows_modified(store: FakeStore, route: str) -> bool:
    return not store.settings.ignores_modified and not store.faults.take(("ignore_modified",), "GET", route)


CUSTOMERS: Final = Kind(
    "customers",
    params.CUSTOMERS,
    lambda store, values, _: store.listings.customers(values),
    lambda store, number: store.records.customer(number),
    _create_customer,
    _update_customer,
    _delete_customer,
)
ORDERS: Final = Kind(
    "orders",
    params.ORDERS,
    lambda store, values, route: store.listings.orders(values, modified=_knows_modified(store, route)),
    get_order,
    lambda store, body: store.records.create_order(body),
    lambda store, number, body: store.records.update_order(number, body),
    lambda store, number, force: store.records.delete_order(number, force=force),
)
PRODUCTS: Final = Kind(
    "products",
    params.PRODUCTS,
    lambda store, values, route: store.listings.products(values, modified=_knows_modified(store, route)),
    get_product,
    lambda store, body: store.records.put_product(None, body),
    lambda store, number, body: store.records.put_product(number, body),
    lambda store, number, _: store.records.delete_product(number),
)
WEBHOOKS: Final = Kind(
    "webhooks",
    params.WEBHOOKS,
    _chosen_hooks,
    lambda store, number: _hook(store, number, 400, "ID is invalid.").row(store.records.offset_s),
    lambda store, body: store.webhooks.create(body).row(store.records.offset_s),
    _update_hook,
    _delete_hook,
)
KINDS: Final = {kind.area: kind for kind in (CUSTOMERS, ORDERS, PRODUCTS, WEBHOOKS)}
