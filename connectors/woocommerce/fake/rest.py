"""`/wp-json/wc/v3`: customers, orders, products and webhooks, each listed, read, written, and in batches."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from flask import Response

from connectors.woocommerce.fake import params
from connectors.woocommerce.fake.keys import ApiKey
from connectors.woocommerce.fake.orders import DRAFT, STATUSES
from connectors.woocommerce.fake.params import Query, Values
from connectors.woocommerce.fake.store import Store
from connectors.woocommerce.fake.webhooks import Hook
from connectors.woocommerce.fake.wordpress import WpError, answer, bound, cannot
from customer_sync.kit.fakes.answers import Row
from customer_sync.kit.fakes.cast import roll
from customer_sync.kit.fakes.clock import iso
from customer_sync.kit.fakes.faults import PAGES
from customer_sync.kit.fakes.pages import links, window

#: How many records one batch call may name.
MAX_BATCH: Final = 100
#: What `status=any` means: everything but what a checkout has not finished.
ANY: Final = frozenset(STATUSES) - {DRAFT}
#: What was asked → WordPress's word for it and its sentence.
_ASKED: Final = {
    "list": ("view", "you cannot list resources."),
    "view": ("view", "you cannot view this resource."),
    "create": ("create", "you are not allowed to create resources."),
    "edit": ("edit", "you are not allowed to edit this resource."),
    "delete": ("delete", "you are not allowed to delete this resource."),
    "batch": ("batch", "you are not allowed to batch manipulate this resource."),
}
_READ_ONLY: Final = frozenset(("id", "role", "is_paying_customer"))
#: Roles whose accounts the API may delete and give another address.
_TENDER: Final = ("customer", "subscriber")


@dataclass(frozen=True, slots=True)
class Call:
    """One call of the REST API, after it is known who calls.

    Args:
        store: the store.
        method: the verb in capitals.
        route: as `/wc/v3/orders`.
        query: the parameters as they came: links repeat them all, keys included.
        body: the JSON object, or the form, that was sent.
        key: whose key; None is nobody.
    """

    store: Store
    method: str
    route: str
    query: Query
    body: Row
    key: ApiKey | None

    def may(self, area: str, asked: str) -> None:
        """Check that the caller may do this.

        Raises:
            WpError: 401 for nobody, 403 for a user without the right.
        """
        if self.key is None or area in self.store.settings.forbidden:
            raise cannot(*_ASKED[asked], logged_in=self.key is not None)

    @property
    def is_administrator(self) -> bool:
        """Whether the key is an administrator's."""
        return self.key is not None and self.store.role_of(self.key) == "administrator"

    @property
    def is_forced(self) -> bool:
        """Whether `force` was asked for."""
        return bool(params.read(params.FORCE, {**self.query, **self.body})["force"])

    def page(self, values: Values, numbers: list[int], row: Callable[[int], Row | None]) -> Response:
        """Return one page of a listing; a record that is None is left out of the page, though it counts."""
        size, total = values["per_page"], len(numbers)
        start = values["offset"] or (values["page"] - 1) * size
        number, pages = start // size + 1, -(-total // size)
        fault = self.store.take(*(kind for kind in PAGES if kind != "ignore_filter"), page=number)
        rows = [one for one in map(row, window(numbers, start, size, fault)) if one is not None]
        if values["_fields"]:
            wanted = {name.partition(".")[0].strip() for name in values["_fields"]}
            rows = [{name: value for name, value in one.items() if name in wanted} for one in rows]
        headers = {"X-WP-Total": str(total), "X-WP-TotalPages": str(pages)}
        if link := links(self._address, number, pages):
            headers["Link"] = link
        return answer(rows, headers=headers)

    def tie(self, values: Values, number: int) -> int:
        """Return what orders records that are equal in the column they are sorted by.

        A database promises nothing there: MariaDB gave tied rows in another order on each page, so that some came twice
        and some never (`orderby=date_last_active` and `registered_date`, seen on WooCommerce 9.8.3 and 11.0.1,
        2026-11-28).
        """
        return roll(values["page"], number) if self.store.settings.arbitrary_ties else number

    def _address(self, number: int) -> str:
        query = {name: value for name, value in self.query.items() if name != "rest_route"}
        pairs = [
            (f"{name}[{at}]" if isinstance(value, list) else name, one)
            for name, value in {**query, "page": str(number)}.items()
            for at, one in enumerate(value if isinstance(value, list) else [value])
        ]
        text = "&".join(f"{quote(name, safe='[]')}={quote(one, safe=':,')}" for name, one in pairs)
        root = self.store.api()
        return f"{root}{self.route}{'&' if '?' in root else '?'}{text}"


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of record: how it is listed, read and written.

    Args:
        area: its plural.
        params: what the listing takes.
        chosen: (call, values) → the numbers that fit, in order.
        get: (call, number) → record as it is shown; raises when there is none.
        create: (call, body) → number.
        update: (call, number, body) → number.
        delete: (call, number, whether for good) → record as it was.
    """

    area: str
    params: Mapping[str, params.Param]
    chosen: Callable[[Call, Values], list[int]]
    get: Callable[[Call, int], Row]
    create: Callable[[Call, Row], int]
    update: Callable[[Call, int, Row], int]
    delete: Callable[[Call, int, bool], Row]

    def many(self, call: Call) -> Response:
        """Answer a call of `/<area>`."""
        if call.method == "GET":
            values = params.read(self.params, call.query)
            call.may(self.area, "list")
            return call.page(values, self.chosen(call, values), lambda number: self._seen(call, number))
        call.may(self.area, "create")
        row = self._linked(call, self.create(call, _writable(call.body)))
        return answer(row, 201, {"Location": f"{call.store.api()}/wc/v3/{self.area}/{row['id']}"})

    def one(self, call: Call, number: int) -> Response:
        """Answer a call of `/<area>/<number>`."""
        verb = {"GET": "view", "DELETE": "delete"}.get(call.method, "edit")
        call.may(self.area, verb)
        if verb == "edit":
            return answer(self._linked(call, self.update(call, number, _writable(call.body))))
        if verb == "delete":
            return answer(call.store.linked(self.delete(call, number, call.is_forced), self.area))
        row = self._linked(call, number)
        if call.store.hides(self.area, number):
            raise cannot(*_ASKED["view"], logged_in=True)
        return answer(row)

    def batch(self, call: Call) -> Response:
        """Answer a call of `/<area>/batch`: each record on its own, faults in the place of records."""
        call.may(self.area, "batch")
        parts = {name: list(call.body.get(name) or []) for name in ("create", "update", "delete")}
        if sum(map(len, parts.values())) > MAX_BATCH:
            text = f"Unable to accept more than {MAX_BATCH} items for this request."
            raise WpError(413, "woocommerce_rest_request_entity_too_large", text)
        done: Row = {
            "create": [_tried(0, self._made, call, one) for one in parts["create"]],
            "update": [_tried(int(one.get("id") or 0), self._changed, call, one) for one in parts["update"]],
            "delete": [_tried(int(one), self.delete, call, int(one), True) for one in parts["delete"]],
        }
        return answer({name: rows for name, rows in done.items() if rows})

    def _made(self, call: Call, body: Row) -> Row:
        return self.get(call, self.create(call, _writable(body)))

    def _changed(self, call: Call, body: Row) -> Row:
        return self.get(call, self.update(call, int(body.get("id") or 0), _writable(body)))

    def _seen(self, call: Call, number: int) -> Row | None:
        return None if call.store.hides(self.area, number) else self._linked(call, number)

    def _linked(self, call: Call, number: int) -> Row:
        return call.store.linked(self.get(call, number), self.area)


def _writable(body: Row) -> Row:
    return {name: value for name, value in body.items() if name not in _READ_ONLY}


def _tried(number: int, act: Callable[..., Row], *arguments: object) -> Row:
    try:
        return act(*arguments)
    except WpError as error:
        return {"id": number, "error": error.body()}


# Customers


def _chosen_customers(call: Call, values: Values) -> list[int]:
    keys: dict[str, Callable[[Any], Any]] = {
        "registered_date": lambda one: (one.created_s, call.tie(values, one.id)),
        "name": lambda one: (f"{one.first} {one.last}".lower(), call.tie(values, one.id)),
    }
    fitting = [
        one
        for one in call.store.records.customers.values()
        if values["role"] in ("all", one.role)
        and values["email"].lower() in ("", one.email.lower())
        and _holds((one.first, one.last, one.email, one.username), values["search"])
    ]
    fitting.sort(key=keys.get(values["orderby"], lambda one: one.id), reverse=values["order"] == "desc")
    return _narrowed([one.id for one in fitting], values)


def _create_customer(call: Call, body: Row) -> int:
    if not body.get("email"):
        raise WpError(400, "rest_missing_callback_param", "Missing parameter(s): email", {"params": ["email"]})
    params.read(params.CUSTOMER, body)
    return call.store.records.create_customer(body).id


def _update_customer(call: Call, number: int, body: Row) -> int:
    account = call.store.records.account(number)
    if account.role not in _TENDER and body.get("email", account.email) != account.email:
        text = f"email cannot be updated via this endpoint for a user with role {account.role}."
        raise cannot("edit", text, logged_in=True)
    params.read(params.CUSTOMER, body)
    return call.store.records.update_customer(number, body).id


def _delete_customer(call: Call, number: int, is_forced: bool) -> Row:  # noqa: FBT001  # the shape of all
    role = call.store.records.account(number).role
    if role not in _TENDER:
        text = f"users with {role} role cannot be deleted via this endpoint. Allowed roles: customer, subscriber"
        raise cannot("delete", text, logged_in=True)
    if not is_forced:
        raise WpError(501, "woocommerce_rest_trash_not_supported", "Customers do not support trashing.")
    row = call.store.records.customer_row(number, is_administrator=call.is_administrator)
    call.store.records.delete_customer(number)
    return row


# Orders and products


def _chosen_orders(call: Call, values: Values) -> list[int]:
    statuses = ANY if "any" in values["status"] else set(values["status"])
    times = {
        "date": lambda one: iso(one.created_s),
        "modified": lambda one: iso(one.modified_s),
    }
    fitting = [
        one
        for one in call.store.records.orders.values()
        if one.status in statuses
        and values["customer"] in (None, one.customer_id or -1)
        and _holds(one.billing.values(), values["search"])
    ]
    return _posts(call, values, fitting, lambda one: one.id, times)


def _chosen_products(call: Call, values: Values) -> list[int]:
    times = {"date": lambda row: row["date_created_gmt"], "modified": lambda row: row["date_modified_gmt"]}
    fitting = [
        row
        for row in call.store.records.products.values()
        if (values["status"] == row["status"] or (values["status"] == "any" and row["status"] != "trash"))
        and values["sku"] in ("", row["sku"])
        and _holds((row["name"],), values["search"])
    ]
    return _posts(call, values, fitting, lambda row: row["id"], times)


def _posts(
    call: Call,
    values: Values,
    fitting: Iterable[Any],
    number: Callable[[Any], int],
    times: Mapping[str, Callable[[Any], str]],
) -> list[int]:
    """Return the numbers of orders or products between the times that a query names, these not included."""
    ignores = call.store.settings.ignores_modified or call.store.take("ignore_filter")
    for by, prefix in (("date", ""), ("modified", "modified_")):
        after, before = (
            text and bound(text, call.store.records.offset_s, is_gmt=values["dates_are_gmt"])
            for text in (values[f"{prefix}after"], values[f"{prefix}before"])
        )
        if (after or before) and not (by == "modified" and ignores):
            at = times[by]
            fitting = [one for one in fitting if (not after or at(one) > after) and (not before or at(one) < before)]
    key = times.get(values["orderby"], lambda _: "")

    def rank(one: Any) -> tuple[str, int]:
        return key(one), call.tie(values, number(one)) if values["orderby"] in times else number(one)

    ordered = sorted(fitting, key=rank, reverse=values["order"] == "desc")
    return _narrowed([number(one) for one in ordered], values)


def _narrowed(numbers: list[int], values: Values) -> list[int]:
    """Return those that `include` and `exclude` leave, in the order of `include` where that is wished."""
    if values["include"] and values["orderby"] == "include":
        fitting = set(numbers)
        numbers = [one for one in values["include"] if one in fitting]
    elif values["include"]:
        numbers = [one for one in numbers if one in values["include"]]
    return [one for one in numbers if one not in values["exclude"]]


def _holds(texts: Iterable[Any], search: str) -> bool:
    return not search or any(search.lower() in str(text).lower() for text in texts)


# Webhooks


def _hook(call: Call, number: int, status: int, message: str) -> Hook:
    hook = call.store.webhooks.hooks.get(number)
    if hook is None:
        raise WpError(status, "woocommerce_rest_shop_webhook_invalid_id", message)
    return hook


def _create_hook(call: Call, body: Row) -> int:
    return call.store.webhooks.create(body, call.key.id if call.key else 0).id


def _update_hook(call: Call, number: int, body: Row) -> int:
    call.store.webhooks.update(_hook(call, number, 400, "ID is invalid."), body)
    return number


def _delete_hook(call: Call, number: int, is_forced: bool) -> Row:  # noqa: FBT001  # the shape of all
    if not is_forced:
        raise WpError(501, "woocommerce_rest_trash_not_supported", "Webhooks do not support trashing.")
    hook = _hook(call, number, 404, "Invalid ID.")
    call.store.webhooks.delete(hook)
    return hook.row(call.store.records.offset_s)


def _chosen_hooks(call: Call, values: Values) -> list[int]:
    hooks = [one for one in call.store.webhooks.hooks.values() if values["status"] in ("all", one.status)]
    if values["orderby"] == "title":
        hooks.sort(key=lambda one: one.name)
    numbers = [one.id for one in hooks if values["search"] in one.name]
    return _narrowed(numbers[::-1] if values["order"] == "desc" else numbers, values)


KINDS: Final[Mapping[str, Kind]] = {
    kind.area: kind
    for kind in (
        Kind(
            "customers",
            params.CUSTOMERS,
            _chosen_customers,
            lambda call, number: call.store.records.customer_row(number, is_administrator=call.is_administrator),
            _create_customer,
            _update_customer,
            _delete_customer,
        ),
        Kind(
            "orders",
            params.ORDERS,
            _chosen_orders,
            lambda call, number: call.store.records.order_row(number),
            lambda call, body: call.store.records.create_order(body).id,
            lambda call, number, body: call.store.records.update_order(number, body).id,
            lambda call, number, is_forced: call.store.records.delete_order(number, force=is_forced),
        ),
        Kind(
            "products",
            params.PRODUCTS,
            _chosen_products,
            lambda call, number: call.store.records.shelf.row(number),
            lambda call, body: int(call.store.records.shelf.put(None, body)["id"]),
            lambda call, number, body: int(call.store.records.shelf.put(number, body)["id"]),
            lambda call, number, is_forced: call.store.records.shelf.delete(number, force=is_forced),
        ),
        Kind(
            "webhooks",
            params.WEBHOOKS,
            _chosen_hooks,
            lambda call, number: _hook(call, number, 400, "ID is invalid.").row(call.store.records.offset_s),
            _create_hook,
            _update_hook,
            _delete_hook,
        ),
    )
}
