"""What can be asked for: the fields of QueryRoot. A field is a value, or a function of (info, **arguments)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, Final

from connectors.shopify.fake import nodes, sale_nodes
from connectors.shopify.fake.customers import ORDERS, Key
from connectors.shopify.fake.filters import Filter, read_filter
from connectors.shopify.fake.nodes import fault
from connectors.shopify.fake.sales import VISIBLE_S
from connectors.shopify.fake.settings import VERSIONS
from connectors.shopify.fake.shop import Shop, Subscription
from connectors.shopify.fake.sold import Product
from customer_sync.kit.fakes.answers import Row
from customer_sync.kit.fakes.clock import iso
from customer_sync.kit.fakes.faults import Fault
from customer_sync.kit.fakes.pages import pack, unpack

_PAGE: Final = ("shrink_page", "lose_half", "short_page")


class Session:
    """One request to the Admin API.

    Args:
        shop: the shop.
        scopes: what the token may do.
        version: the version that answers.
        base: the shop's address, for the addresses of files.
    """

    def __init__(self, shop: Shop, scopes: tuple[str, ...], version: str, base: str) -> None:
        self.shop, self.scopes, self.version, self.base = shop, scopes, version, base
        self.searches: list[Row] = []

    @property
    def is_redacted(self) -> bool:
        """Whether personal fields are null."""
        return self.shop.settings.protected_data == "nulls"

    def need(self, what: str, scope: str) -> None:
        """Refuse a field that the token has no scope for.

        Raises:
            GraphQLError: it has not, or the app was not approved for customers.
        """
        if scope not in self.scopes and scope.replace("read_", "write_") not in self.scopes:
            raise nodes.denied(what, scope)
        if scope.endswith("_customers") and self.shop.settings.protected_data == "denied":
            raise nodes.not_approved("Customer")

    def customer(self, number: int | None) -> Row | None:
        """Return a customer, None when there is none."""
        facts = None if number is None else self.shop.customers.find(number)
        return None if facts is None else nodes.customer(facts, is_redacted=self.is_redacted)

    def sold(self, resource: str) -> Sequence[Any]:
        """Return the orders or products that the token may see: without `read_all_orders` no old orders."""
        shop = self.shop
        if resource == "products":
            return list(shop.sales.products.values())
        oldest = 0 if "read_all_orders" in self.scopes else shop.now_s - VISIBLE_S
        return [one for one in shop.sales.orders.values() if one.created_s >= oldest]

    def goods(self, one: Any) -> Row:
        """Return an order or a product."""
        if isinstance(one, Product):
            return sale_nodes.product(one)
        node = sale_nodes.order(one, self.customer(one.customer))
        if not self.is_redacted:
            return node
        return {**node, **dict.fromkeys(("email", "phone", "billingAddress", "shippingAddress"))}

    def subscription(self, found: Subscription) -> Row:
        """Return a webhook subscription."""
        return {
            "__typename": "WebhookSubscription",
            "id": f"gid://shopify/WebhookSubscription/{found.id}",
            "legacyResourceId": str(found.id),
            "topic": found.topic,
            "uri": found.uri,
            "callbackUrl": found.uri,
            "endpoint": {"__typename": "WebhookHttpEndpoint", "callbackUrl": found.uri},
            "format": "JSON",
            "includeFields": found.include_fields,
            "metafieldNamespaces": [],
            "filter": found.filter,
            "name": found.name,
            "createdAt": f"{iso(found.created_s)}Z",
            "updatedAt": f"{iso(found.updated_s)}Z",
            "apiVersion": _version(self.version),
        }


def query_root(session: Session) -> dict[str, Any]:
    """Return QueryRoot."""
    shop = session.shop

    def by_id(_info: Any, id: str) -> Row | None:
        return _any(session, id)

    return {
        "shop": nodes.shop(shop.settings.shop),
        "publicApiVersions": [_version(one) for one in (*VERSIONS, "unstable")],
        **dict.fromkeys(("currentAppInstallation", "appInstallation"), lambda _, **__: _installation(session)),
        "customers": lambda info, **args: _customers(session, list(info.path.as_list()), args),
        "customersCount": lambda info, **args: _count(session, list(info.path.as_list()), args),
        "customerByIdentifier": lambda _, identifier: _by_identifier(session, identifier),
        "orders": lambda info, **args: _sold(session, "orders", list(info.path.as_list()), args),
        "products": lambda info, **args: _sold(session, "products", list(info.path.as_list()), args),
        **dict.fromkeys(("customer", "order", "product", "node", "webhookSubscription", "bulkOperation"), by_id),
        "nodes": lambda _, ids: [_any(session, one) for one in _few(ids)],
        "webhookSubscriptions": lambda _, **args: _subscriptions(session, args),
        "webhookSubscriptionsCount": lambda _, **__: {"count": len(shop.subscriptions), "precision": "EXACT"},
        "bulkOperations": lambda _, **args: nodes.page(args, _operations(session)),
        "currentBulkOperation": lambda _, **__: next(iter(_operations(session)), None),
    }


def number_of(gid: str, kind: str) -> int | None:
    """Return the number in an id of a kind, None when it is of another.

    Raises:
        GraphQLError: it is no id at all.
    """
    if not gid.startswith("gid://shopify/"):
        raise fault(f"Invalid global id '{gid}'", "INVALID_ID")
    name, _, number = gid.removeprefix("gid://shopify/").partition("/")
    return int(number) if name == kind and number.isdigit() else None


def _customers(session: Session, path: list[Any], args: Row) -> Row:
    session.need("customers", "read_customers")
    shop = session.shop
    first, last = nodes.size_of(args)
    size, backwards = (last or 0, True) if first is None else (first, False)
    order = args["sortKey"] if args["sortKey"] in ORDERS else "ID"
    wanted = _filter(session, path, args)
    start = _key(order, args.get("before" if backwards else "after"))
    if shop.take("repeat_page", operation="customers"):
        start = None
    if shop.take("empty_page", operation="customers"):
        return _nothing(args)
    is_reverse = bool(args["reverse"]) is not backwards
    keys = list(islice(_matching(session, order, start, wanted, is_reverse=is_reverse), size + 1))
    has_more, keys = len(keys) > size, keys[:size]
    struck = shop.take(*_PAGE, operation="customers")
    if struck and struck.kind == "shrink_page":
        has_more, keys = True, keys[: max(1, len(keys) // 2)]
    cursors = [pack(last_id=key[1], last_value=key[0], sort=order) for key in keys]
    found = [one for one in (session.customer(number) for _, number in keys) if one]
    if backwards:
        cursors, found = cursors[::-1], found[::-1]
    has_next, has_previous = (start is not None, has_more) if backwards else (has_more, start is not None)
    return _thinned(nodes.connection(found, cursors, has_next=has_next, has_previous=has_previous), struck)


def _thinned(page: Row, struck: Fault | None) -> Row:
    """Return a page without some of its entries; its cursor goes on as if they were there."""
    if struck and struck.kind != "shrink_page":
        drop = int(struck.options.get("drop", 1))
        for name in ("nodes", "edges"):
            page[name] = page[name][::2] if struck.kind == "lose_half" else page[name][: len(page[name]) - drop]
    return page


def _matching(session: Session, order: str, start: Key | None, wanted: Filter, *, is_reverse: bool) -> Iterator[Key]:
    """Yield the keys that a search keeps, in order, reading no more of the customers than it must."""
    customers = session.shop.customers
    if wanted.email is not None:
        number = customers.by_email(wanted.email)
        facts = None if number is None else customers.find(number)
        keys = [(0, number)] if number is not None and facts and wanted.test(facts) else []
        return iter(keys if start is None else [])
    until = None
    if order == "UPDATED_AT":
        start, until = _bounds(start, wanted, is_reverse=is_reverse)
    found = customers.walk(order, start, until=until, backwards=is_reverse)
    if wanted.is_everybody:
        return found
    return (key for key in found if wanted.test(customers.find(key[1]) or {}))


def _bounds(start: Key | None, wanted: Filter, *, is_reverse: bool) -> tuple[Key | None, Key | None]:
    """Return from beyond which key to before which key a search has to read."""
    low = None if wanted.low_s is None else (int(wanted.low_s), -1)
    high = None if wanted.high_s is None else (int(wanted.high_s), -1)
    if is_reverse:
        return min((key for key in (start, high) if key), default=None), low
    return max((key for key in (start, low) if key), default=None), high


def _filter(session: Session, path: list[Any], args: Row, name: str = "customers") -> Filter:
    shop, text = session.shop, args.get("query")
    if text and shop.take("ignore_filter", operation=name):
        return Filter(is_everybody=True)
    found = read_filter(text, shop.clock(), whole_days=shop.settings.whole_days and name == "customers")
    if found.warnings:
        session.searches.append({"path": path, "query": text, "warnings": found.warnings})
    return found


def _sold(session: Session, name: str, path: list[Any], args: Row) -> Row:
    session.need(name, f"read_{name}")
    shop = session.shop
    wanted = _filter(session, path, args, name)
    if shop.take("repeat_page", operation=name):
        args = {**args, "after": None}
    if shop.take("empty_page", operation=name):
        return _nothing(args)
    struck = shop.take(*_PAGE, operation=name)
    if struck and struck.kind == "shrink_page":
        shorter = {"first": max(1, (args["first"] or 2) // 2)} if args.get("first") else {}
        return sale_nodes.listing(session.sold(name), {**args, **shorter}, wanted, session.goods)
    return _thinned(sale_nodes.listing(session.sold(name), args, wanted, session.goods), struck)


def _nothing(args: Row) -> Row:
    """Return a page without entries, though there are more."""
    page = nodes.connection([], [], has_next=True, has_previous=True)
    return {**page, "pageInfo": {**page["pageInfo"], "endCursor": args.get("after")}}


def _count(session: Session, path: list[Any], args: Row) -> Row:
    """Count customers; the platform stops at 10,000 unless told otherwise."""
    session.need("customersCount", "read_customers")
    wanted, everybody = _filter(session, path, args), session.shop.customers.count
    limit = args["limit"] or everybody
    matching = _matching(session, "UPDATED_AT", None, wanted, is_reverse=False)
    count = everybody if wanted.is_everybody else sum(1 for _ in islice(matching, limit + 1))
    return {"count": min(count, limit), "precision": "EXACT" if count <= limit else "AT_LEAST"}


def _by_identifier(session: Session, wanted: Row) -> Row | None:
    session.need("customerByIdentifier", "read_customers")
    customers = session.shop.customers
    if wanted.get("id"):
        return session.customer(number_of(wanted["id"], "Customer"))
    if wanted.get("emailAddress"):
        return session.customer(customers.by_email(wanted["emailAddress"]))
    return session.customer(customers.by_phone(wanted["phoneNumber"])) if wanted.get("phoneNumber") else None


def _any(session: Session, gid: str) -> Row | None:
    """Return whatever an id stands for."""
    shop = session.shop
    if (number := number_of(gid, "BulkOperation")) is not None:
        found = shop.bulk.operations.get(number)
        return shop.bulk.node(found, session.base) if found else None
    if (number := number_of(gid, "WebhookSubscription")) is not None:
        subscription = shop.subscriptions.get(number)
        return session.subscription(subscription) if subscription else None
    if (number := number_of(gid, "Customer")) is not None:
        session.need("customer", "read_customers")
        return session.customer(number)
    for name, kind in (("orders", "Order"), ("products", "Product")):
        if (number := number_of(gid, kind)) is not None:
            session.need(kind.lower(), f"read_{name}")
            return next((session.goods(one) for one in session.sold(name) if one.id == number), None)
    return None


def _few(ids: list[str]) -> list[str]:
    if len(ids) > 250:
        message = f"The input array size of {len(ids)} is greater than the maximum allowed of 250."
        raise fault(message, "MAX_INPUT_SIZE_EXCEEDED")
    return ids


def _operations(session: Session) -> list[Row]:
    """Return the bulk operations, newest first."""
    bulk = session.shop.bulk
    return [bulk.node(one, session.base) for one in reversed(bulk.operations.values())]


def _subscriptions(session: Session, args: Row) -> Row:
    """List the app's own subscriptions, of `topics` and to `uri` where these are given."""
    topics, uri = args.get("topics"), args.get("uri") or args.get("callbackUrl")
    fitting = [
        session.subscription(one)
        for one in session.shop.subscriptions.values()
        if (not topics or one.topic in topics) and (not uri or one.uri == uri)
    ]
    return nodes.page(args, fitting)


def _installation(session: Session) -> Row:
    app = {"id": "gid://shopify/App/777", "title": "Demo", "handle": "demo", "webhookApiVersion": session.version}
    return {
        "id": "gid://shopify/AppInstallation/778",
        "accessScopes": [{"handle": one, "description": one} for one in session.scopes],
        "app": {**app, "apiKey": session.shop.settings.client_id},
    }


def _version(handle: str) -> Row:
    return {"handle": handle, "displayName": handle, "supported": handle in VERSIONS}


def _key(order: str, cursor: Any) -> Key | None:
    """Return where a cursor stands.

    Raises:
        GraphQLError: it is none, or one of another order.
    """
    if cursor is None:
        return None
    found = unpack(str(cursor))
    if found and found.get("sort") == order:
        return (int(found["last_value"]), int(found["last_id"]))
    raise fault("Invalid cursor for current pagination sort.", "BAD_REQUEST")
