"""What can be done below `/fake`, beside what every stand-in has.

| route | does |
|---|---|
| `POST /fake/customers` | somebody registers: `{"email": ..., "channel_ids": [2]}` |
| `PATCH, DELETE /fake/customers/<id>` | a customer is edited, or deleted |
| `POST /fake/populate` | `{"count": 50}` customers more, without webhooks |
| `POST /fake/change` | `{"count": 24, "at": "2026-11-20T10:00:00Z"}`: so many are edited, a second apart |
| `POST /fake/consent` | `{"email": ..., "consents": [...]}`, as a box at the storefront sets it |
| `DELETE /fake/subscribers/<id>` | a subscriber's row is deleted |
| `POST /fake/orders` | `{"customer_id": 21}` or `{"email": ...}` buys; `status_id` and other fields of V2 |
| `PATCH /fake/orders/<id>` | an order is edited |
| `POST /fake/orders/<id>/refunds` | `{"amount": 5}` is paid back |
| `POST /fake/carts` | `{"customer_id": 21}` or `{"email": ...}` fills a cart; `{"convert": "<cart>"}` buys it |
| `POST /fake/codes` | a code as an installation brings it |
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from connectors.bigcommerce.fake.rows import v3_time
from customer_sync.kit.fakes.answers import BadRequest, Row
from customer_sync.kit.fakes.clock import seconds_of
from customer_sync.kit.fakes.fake import Act

if TYPE_CHECKING:
    from connectors.bigcommerce.fake.store import Store


def acts_of(store: Store) -> Sequence[Act]:
    """Return the control routes of a store."""
    return (
        ("POST", "customers", store.add_customer),
        ("PATCH", "customers/<int:number>", lambda body, number: store.change_customer(number, body)),
        ("DELETE", "customers/<int:number>", lambda _body, number: store.remove_customer(number)),
        ("POST", "populate", lambda body: _populate(store, body)),
        ("POST", "change", lambda body: _change(store, body)),
        ("POST", "consent", lambda body: store.agree(str(body["email"]), list(body["consents"]))),
        ("DELETE", "subscribers/<int:number>", lambda _body, number: store.remove_subscriber(number)),
        ("POST", "orders", lambda body: _order(store, body)),
        ("PATCH", "orders/<int:number>", lambda body, number: store.change_order(number, body)),
        ("POST", "orders/<int:number>/refunds", lambda body, number: store.refund(number, float(body["amount"]))),
        ("POST", "carts", lambda body: _cart(store, body)),
        ("POST", "codes", lambda _body: _code(store)),
    )


def state_of(store: Store) -> Row:
    """Return what the store adds to `GET /fake/state`."""
    return {
        "customers": [dict(one) for one in store.customers.values()],
        "subscribers": [dict(one) for one in store.subscribers.values()],
        "orders": sorted(store.orders),
        "webhooks": list(store.hooks.rows.values()),
        "blocked": store.hooks.counts["blocked"],
        "deletedLists": store.deleted["subscriber lists"],
    }


def _populate(store: Store, body: Row) -> Row:
    habits = store.hooks.sender.habits
    was_on, habits.is_on = habits.is_on, False
    try:
        names = (f"crowd{store.customers.next_number()}@mail.example" for _ in range(int(body["count"])))
        made = [store.add_customer({"email": one}) for one in names]
    finally:
        habits.is_on = was_on
    return {"ids": [one["id"] for one in made]}


def _change(store: Store, body: Row) -> Row:
    at_s = seconds_of(str(body["at"]))
    if at_s is None:
        raise BadRequest("at: a time as 2026-11-21T10:00:00Z")
    chosen = list(store.customers.values())[: int(body["count"])]
    for after, one in enumerate(chosen):
        edited = {"first_name": f"Edited {after}", "date_modified": v3_time(at_s + after)}
        store.customers.put(one["id"], {**one, **edited})
    return {"ids": [one["id"] for one in chosen]}


def _buyer(store: Store, body: Row) -> Row:
    return store.customer(int(body["customer_id"])) if body.get("customer_id") else {"email": str(body["email"])}


def _order(store: Store, body: Row) -> Row:
    given = {name: value for name, value in body.items() if name not in ("customer_id", "email")}
    return store.add_order(_buyer(store, body), **{"status_id": 11, **given})


def _cart(store: Store, body: Row) -> Row:
    if "convert" not in body:
        return store.fill_cart(_buyer(store, body))
    cart = store.carts[str(body["convert"])]
    buyer = {"id": cart["customer_id"], "email": cart["email"]} if cart["customer_id"] else {"email": cart["email"]}
    made = store.add_order(buyer, cart_id=cart["id"], status_id=11)
    store.convert(cart["id"], made["id"])
    return made


def _code(store: Store) -> Row:
    told = {"client_id": store.settings.client_id, "redirect_uri": "https://tajo.example/callback"}
    return {"code": store.oauth.authorize(told)["code"]}
