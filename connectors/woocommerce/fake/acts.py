"""Acts of people below `/fake`, and what can be seen of the store there.

| route | does |
|---|---|
| `POST /fake/customers`, `GET, PATCH, DELETE /fake/customers/<id>` | an account |
| `POST /fake/customers/<id>/login` | a webhook about nothing |
| `POST /fake/customers/<id>/role` | `{"role": "subscriber"}`: no webhook, no date |
| `POST /fake/customers/<id>/erase` | WordPress's own erasure; `POST /fake/erase {"email"}` for guests |
| `POST /fake/customers/touch` | `{"every": 100, "fields": {...}}` changes every so many-th of the first accounts |
| `POST /fake/checkout` | `{"customer_id", "email", "box"}`: an order; without `box` the box is left as it is shown |
| `POST /fake/orders`, `GET, PATCH, DELETE /fake/orders/<id>` | an order; `DELETE` is the trash, or `?force=true` |
| `POST /fake/orders/<id>/pay`, `.../cancel` | the money came; nothing comes of it |
| `POST /fake/orders/<id>/refund`, `.../restore` | `{"amount": "5.00"}`; out of the trash |
| `POST /fake/carts`, `POST /fake/carts/expire` | a checkout that is left open; all are deleted untold |
| `POST /fake/products`, `GET, PATCH, DELETE /fake/products/<id>` | a product or a variation; `DELETE` as of orders |
| `POST /fake/products/<id>/variations`, `.../restore` | `{"size", "regular_price"}`; out of the trash |
| `POST /fake/hidden` | `{"orders": [ids], "products": [ids]}` may not be read, though they count |
| `POST /fake/hooks/<id>/save` | an administrator opens a webhook in wp-admin and saves it |
| `POST /fake/keys`, `DELETE /fake/keys/<key>` | one more key `{"permissions", "role"}`, of another user; away with it |

`"silent": true` in a change of a customer or an order raises no webhook, as imports do.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from functools import partial
from typing import get_args

from connectors.woocommerce.fake import params
from connectors.woocommerce.fake.checkout import Cart, check_out
from connectors.woocommerce.fake.goods import FIRST_ID
from connectors.woocommerce.fake.orders import DRAFT
from connectors.woocommerce.fake.people import number_of
from connectors.woocommerce.fake.settings import Permissions
from connectors.woocommerce.fake.store import ADMIN, Store
from connectors.woocommerce.fake.wordpress import cents_of
from customer_sync.kit.fakes.answers import BadRequest, Row
from customer_sync.kit.fakes.fake import Act


def acts_of(store: Store) -> Sequence[Act]:
    """Return the control routes of a store."""
    one = "<int:number>"
    return (
        ("POST", "customers", lambda body: _account(store, store.records.create_customer(body).id)),
        ("GET", f"customers/{one}", lambda _, number: _account(store, number)),
        ("PATCH", f"customers/{one}", partial(_change_customer, store)),
        ("DELETE", f"customers/{one}", lambda _, number: {"id": store.records.delete_customer(number).id}),
        ("POST", f"customers/{one}/login", lambda _, number: store.records.login(number)),
        ("POST", f"customers/{one}/role", lambda body, number: store.records.set_role(number, body["role"])),
        ("POST", f"customers/{one}/erase", partial(_erase, store)),
        ("POST", "erase", lambda body: store.records.erase_address(body["email"])),
        ("POST", "customers/touch", partial(_touch, store)),
        ("POST", "checkout", partial(_checkout, store)),
        ("POST", "orders", lambda body: _order(store, store.records.create_order(body).id)),
        ("GET", f"orders/{one}", lambda _, number: _order(store, number)),
        ("PATCH", f"orders/{one}", partial(_change_order, store)),
        ("DELETE", f"orders/{one}", partial(_delete_order, store)),
        ("POST", f"orders/{one}/refund", partial(_refund, store)),
        ("POST", f"orders/{one}/restore", lambda _, number: _order(store, store.records.restore_order(number).id)),
        ("POST", f"orders/{one}/pay", lambda _, number: _change_order(store, {"status": "processing"}, number)),
        ("POST", f"orders/{one}/cancel", lambda _, number: _change_order(store, {"status": "cancelled"}, number)),
        ("POST", "carts", partial(_leave, store)),
        ("POST", "carts/expire", lambda _: {"deleted": store.records.expire_drafts()}),
        ("POST", "products", lambda body: store.records.shelf.put(None, body)),
        ("GET", f"products/{one}", lambda _, number: store.records.shelf.row(number)),
        ("PATCH", f"products/{one}", lambda body, number: store.records.shelf.put(number, body)),
        ("DELETE", f"products/{one}", lambda body, number: store.records.shelf.delete(number, force=_is_forced(body))),
        ("POST", f"products/{one}/variations", lambda body, number: store.records.shelf.add_part(number, body)),
        ("POST", f"products/{one}/restore", lambda _, number: store.records.shelf.restore(number)),
        ("POST", "hidden", partial(_hide, store)),
        ("POST", f"hooks/{one}/save", partial(_save_hook, store)),
        ("POST", "keys", partial(_add_key, store)),
        ("DELETE", "keys/<key>", lambda _, key: {"id": store.keys.by_key.pop(key).id}),
    )


def state_of(store: Store) -> Row:
    """Return what can be seen of a store."""
    records, settings = store.records, store.settings
    counts = {name: len(getattr(records, name)) for name in ("customers", "orders", "products")}
    return {
        "settings": {name: getattr(settings, name) for name in settings.__slots__ if name != "secret"},
        "counts": counts,
        "keys": [{"id": key.id, "key": key.key, "permissions": key.permissions} for key in store.keys.by_key.values()],
        "webhooks": [
            {
                **hook.row(records.offset_s),
                "secret": hook.secret,
                "failures": hook.failures,
                "wantsPing": hook.wants_ping,
                "userId": hook.user_id,
            }
            for hook in store.webhooks.hooks.values()
        ],
    }


def _account(store: Store, number: int) -> Row:
    return {**store.records.customer_row(number), "meta_data": store.records.account(number).meta}


def _change_customer(store: Store, body: Row, number: int) -> Row:
    store.records.update_customer(number, body, silent=bool(body.pop("silent", False)))
    return _account(store, number)


def _erase(store: Store, _body: Row, number: int) -> Row:
    return store.records.erase_address(store.records.account(number).email)


def _order(store: Store, number: int) -> Row:
    return store.records.order_row(number)


def _change_order(store: Store, body: Row, number: int) -> Row:
    return _order(store, store.records.update_order(number, body, silent=bool(body.pop("silent", False))).id)


def _delete_order(store: Store, body: Row, number: int) -> Row:
    return store.records.delete_order(number, force=_is_forced(body))


def _is_forced(body: Row) -> bool:
    return bool(params.read(params.FORCE, body)["force"])


def _leave(store: Store, body: Row) -> Row:
    told = {**body, "status": DRAFT, "created_via": "store-api"}
    return _order(store, store.records.create_order(told).id)


def _refund(store: Store, body: Row, number: int) -> Row:
    return _order(store, store.records.refund_order(number, cents_of(body.get("amount", 1))).id)


def _save_hook(store: Store, _body: Row, number: int) -> None:
    store.webhooks.save_in_admin(store.webhooks.hooks[number], ADMIN)


def _checkout(store: Store, body: Row) -> Row:
    shopper = store.records.account(int(body["customer_id"])) if body.get("customer_id") else None
    cart = Cart([{"product_id": FIRST_ID, "quantity": 1}])
    cart.billing["email"] = str(body.get("email") or (shopper.email if shopper else ""))
    return store.records.order_row(check_out(store, shopper, cart, box=body.get("box")).id)


def _touch(store: Store, body: Row) -> Row:
    every, silent, changed = int(body.get("every", 100)), bool(body.get("silent", False)), 0
    for index in range(0, store.settings.customers, max(1, every)):
        if store.records.customers.get(number_of(index)):
            fields = body.get("fields") or {"first_name": f"Changed {index}"}
            store.records.update_customer(number_of(index), fields, silent=silent)
            changed += 1
    return {"changed": changed}


def _hide(store: Store, body: Row) -> Row:
    store.hidden.update({area: set(body.get(area, ())) for area in store.hidden})
    return {area: sorted(numbers) for area, numbers in store.hidden.items()}


def _add_key(store: Store, body: Row) -> Row:
    permissions = str(body.get("permissions", "read_write"))
    if permissions not in get_args(Permissions):
        raise BadRequest(f"permissions: one of {', '.join(get_args(Permissions))}")
    key = str(body.get("key") or f"ck_{secrets.token_hex(20)}")
    secret = str(body.get("secret") or f"cs_{secrets.token_hex(20)}")
    made = store.keys.add(key, secret, permissions, "control route", str(body.get("role", "administrator")))
    return {"id": made.id, "key": key, "secret": secret, "permissions": permissions}
