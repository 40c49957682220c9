"""`/fake/...`: switches, acts of people and a look inside. No key is asked for: this is a tool on the loopback.

| route | does |
|---|---|
| `GET /fake/ready` | `{"ready": true}` |
| `GET /fake/state` | settings, keys, counts, webhooks with secret and failures, what waits |
| `GET, DELETE /fake/calls?limit=` | who called what, the newest first |
| `GET, DELETE /fake/deliveries` | every webhook posted, with headers, body and answer |
| `POST /fake/deliver` | post what waits now, due or not; `{"due": true}` only what is due |
| `POST /fake/settings` | throw switches: `{"behind_tls": true, "owner": "gone", ...}` |
| `POST /fake/clock` | `{"offset_s": 900}` or `{"advance_s": 60}` |
| `GET, POST, DELETE /fake/faults[/id]` | see `faults` |
| `POST /fake/customers`, `GET, PATCH, DELETE /fake/customers/<id>` | an account |
| `POST /fake/customers/<id>/login`, `.../erase` | a webhook about nothing; WordPress's own erasure |
| `POST /fake/customers/touch` | `{"every": 100, "fields": {...}}` changes every so many-th of the first accounts |
| `POST /fake/orders`, `GET, PATCH, DELETE /fake/orders/<id>` | an order; `DELETE ...?force=true` for good |
| `POST /fake/orders/<id>/refund`, `.../restore` | `{"amount": "5.00"}`; out of the trash |
| `POST /fake/products`, `GET, PATCH, DELETE /fake/products/<id>` | a product |
| `POST /fake/hidden` | `{"orders": [ids], "products": [ids]}` may not be read, though they count |
| `POST /fake/keys`, `DELETE /fake/keys/<ck_...>` | one more key `{"permissions": "read"}`; away with one |
| `POST /fake/reset` | the first records, one key, no webhooks |

`"silent": true` in a change of a customer or an order raises no webhook, as imports do.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from customer_sync.demo.stores.woocommerce.answers import Answer, Row, WpError
from customer_sync.demo.stores.woocommerce.faults import KINDS
from customer_sync.demo.stores.woocommerce.kinds import get_order, get_product
from customer_sync.demo.stores.woocommerce.params import Query
from customer_sync.demo.stores.woocommerce.products import cents_of
from customer_sync.demo.stores.woocommerce.settings import PERMISSIONS

if TYPE_CHECKING:
    from customer_sync.demo.stores.woocommerce.store import FakeStore


def state(store: FakeStore, _query: Query, _body: Row) -> Row:
    """Return how the store stands."""
    records, hooks = store.records, store.webhooks.hooks.values()
    tables = {"customers": records.customers, "orders": records.orders, "products": records.products}
    return {
        "settings": store.settings.row(),
        "now": store.now(),
        "counts": {name: len(table) for name, table in tables.items()},
        "changed": {name: len(table.changed) for name, table in tables.items()},
        "keys": [{"id": key.id, "key": key.key, "permissions": key.permissions} for key in store.keys.by_key.values()],
        "webhooks": [
            {
                **hook.row(records.offset_s),
                "secret": hook.secret,
                "failures": hook.failures,
                "wantsPing": hook.wants_ping,
            }
            for hook in hooks
        ],
        "pending": [{"webhookId": hook, "arg": arg, "due": due} for (hook, arg), due in store.webhooks.pending.items()],
        "coalesced": store.webhooks.coalesced,
        "delivered": len(store.webhooks.log),
        "faults": [fault.row() for fault in store.faults.active],
    }


def calls(store: FakeStore, query: Query, _body: Row) -> Row:
    """Return who called what."""
    return store.calls.summary(int(str(query.get("limit", "100"))))


def faults(store: FakeStore, _query: Query, _body: Row) -> Row:
    """Return the faults that are on, and the kinds there are."""
    return {"faults": [fault.row() for fault in store.faults.active], "kinds": dict(KINDS)}


def set_clock(store: FakeStore, _query: Query, body: Row) -> Row:
    """Move the store's clock."""
    store.offset_s = float(body.get("offset_s", store.offset_s)) + float(body.get("advance_s", 0))
    store.webhooks.due_soon.set()
    return {"now": store.now(), "offset_s": store.offset_s}


def set_switches(store: FakeStore, _query: Query, body: Row) -> Row:
    """Throw switches."""
    store.settings.throw(body)
    store.webhooks.due_soon.set()
    return store.settings.row()


def hide(store: FakeStore, _query: Query, body: Row) -> Row:
    """Choose single records that may not be read."""
    store.hidden.update({area: set(body.get(area, ())) for area in store.hidden})
    return {area: sorted(numbers) for area, numbers in store.hidden.items()}


def touch(store: FakeStore, _query: Query, body: Row) -> Row:
    """Change every so many-th of the first accounts."""
    every, silent = int(body.get("every", 100)), bool(body.get("silent", False))
    people, changed = store.records.people, 0
    for index in range(0, people.count, max(1, every)):
        number = people.id_of(index)
        if store.records.customers.get(number) is not None:
            fields = body.get("fields") or {"first_name": f"Changed {index}"}
            store.records.update_customer(number, fields, silent=silent)
            changed += 1
    return {"changed": changed}


def add_key(store: FakeStore, _query: Query, body: Row) -> Row:
    """Make one more key."""
    permissions = str(body.get("permissions", "read_write"))
    if permissions not in PERMISSIONS:
        raise ValueError(f"permissions: one of {', '.join(PERMISSIONS)}")
    key = str(body.get("key") or f"ck_{secrets.token_hex(20)}")
    secret = str(body.get("secret") or f"cs_{secrets.token_hex(20)}")
    one = store.keys.add(key, secret, permissions, "control route")
    return {"id": one.id, "key": key, "secret": secret, "permissions": permissions}


def customer(store: FakeStore, method: str, number: int | None, body: Row) -> Row:
    """Make, read, change or delete an account."""
    records = store.records
    if number is None:
        return records.create_customer(body)
    if method == "PATCH":
        return records.update_customer(number, body, silent=bool(body.pop("silent", False)))
    return records.delete_customer(number) if method == "DELETE" else records.customer(number)


def order(store: FakeStore, method: str, number: int | None, body: Row) -> Row:
    """Make, read, change or delete an order."""
    records = store.records
    if number is None:
        return records.create_order(body)
    if method == "PATCH":
        return records.update_order(number, body, silent=bool(body.pop("silent", False)))
    if method == "DELETE":
        return records.delete_order(number, force=body.get("force") in (True, "true", "1"))
    return get_order(store, number)


def product(store: FakeStore, method: str, number: int | None, body: Row) -> Row:
    """Make, read, change or delete a product."""
    if number is None or method == "PATCH":
        return store.records.put_product(number, body)
    return store.records.delete_product(number) if method == "DELETE" else get_product(store, number)


def act(store: FakeStore, area: str, number: int, what: str, body: Row) -> Row:
    """Let something happen to a record."""
    records = store.records
    acts: dict[tuple[str, str], Callable[[], Any]] = {
        ("customers", "login"): lambda: records.login(number),
        ("customers", "erase"): lambda: {"orders": records.erase(number)},
        ("orders", "refund"): lambda: records.refund_order(number, cents_of(str(body.get("amount", 1)))),
        ("orders", "restore"): lambda: records.restore_order(number),
    }
    if (area, what) not in acts:
        raise _no_route()
    return acts[area, what]() or {}


def _forget(clear: Callable[[FakeStore], None]) -> Callable[[FakeStore, Query, Row], Row]:
    def forget(store: FakeStore, _query: Query, _body: Row) -> Row:
        clear(store)
        return {}

    return forget


_READS: Final[dict[tuple[str, str], Callable[[FakeStore, Query, Row], Row]]] = {
    ("GET", "ready"): lambda _store, _query, _body: {"ready": True},
    ("GET", "state"): state,
    ("GET", "calls"): calls,
    ("DELETE", "calls"): _forget(lambda store: store.calls.clear()),
    ("GET", "deliveries"): lambda store, _q, _b: {"deliveries": [one.row() for one in store.webhooks.log]},
    ("DELETE", "deliveries"): _forget(lambda store: store.webhooks.log.clear()),
    ("POST", "settings"): set_switches,
    ("POST", "clock"): set_clock,
    ("GET", "faults"): faults,
    ("POST", "faults"): lambda store, _query, body: store.faults.add(body).row(),
    ("DELETE", "faults"): _forget(lambda store: store.faults.clear()),
    ("POST", "customers/touch"): touch,
    ("POST", "hidden"): hide,
    ("POST", "keys"): add_key,
    ("POST", "reset"): _forget(lambda store: store.reset()),
}
_AREAS: Final = {"customers": customer, "orders": order, "products": product}
_RECORD = re.compile(r"(customers|orders|products)(?:/(\d+))?(?:/([a-z]+))?")


def answer(store: FakeStore, method: str, path: str, query: Query, body: Row) -> Answer:
    """Answer a call of a control route; what is wrong is 400 with `{"error": sentence}`."""
    name = path.removeprefix("/fake/").rstrip("/")
    try:
        if (method, name) == ("POST", "deliver"):  # posts, so the lock must be free
            return Answer({"posted": store.webhooks.deliver(everything=not body.get("due"))})
        with store.lock:
            return Answer(_found(store, method, name, query, body))
    except WpError as error:
        return Answer({"error": str(error)}, error.status)
    except (ValueError, TypeError, KeyError) as error:
        return Answer({"error": str(error)}, 400)


def _found(store: FakeStore, method: str, name: str, query: Query, body: Row) -> Row:
    if (method, name) in _READS:
        return _READS[method, name](store, query, body)
    first, _, rest = name.partition("/")
    if (method, first) == ("DELETE", "faults") and rest.isdigit():
        store.faults.clear(int(rest))
        return {}
    if (method, first) == ("DELETE", "keys") and rest in store.keys.by_key:
        del store.keys.by_key[rest]
        return {}
    match = _RECORD.fullmatch(name)
    if match is None or (match[2] is None and method != "POST"):
        raise _no_route()
    number = int(match[2]) if match[2] else None
    if number is not None and match[3]:
        return act(store, match[1], number, match[3], body)
    return _AREAS[match[1]](store, method, number, {**query, **body} if method == "DELETE" else body)


def _no_route() -> WpError:
    return WpError(
        404, "none", "The fake has no such control route; see customer_sync.demo.stores.woocommerce.control."
    )
