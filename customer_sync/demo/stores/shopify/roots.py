"""What can be asked for: the fields of QueryRoot."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from itertools import islice
from typing import Any

import orjson

from customer_sync.demo.stores.shopify import nodes
from customer_sync.demo.stores.shopify.customers import ORDERS, Key
from customer_sync.demo.stores.shopify.filters import Filter, read_filter
from customer_sync.demo.stores.shopify.graphql import Field, GraphError, connection
from customer_sync.demo.stores.shopify.hooks import Subscription
from customer_sync.demo.stores.shopify.settings import VERSIONS
from customer_sync.demo.stores.shopify.shop import Shop
from customer_sync.demo.stores.shopify.times import text_of


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
        self.searches: list[dict[str, Any]] = []

    @property
    def is_redacted(self) -> bool:
        """Whether personal fields are null."""
        return self.shop.settings.protected_data == "nulls"

    def need(self, field: Field, scope: str) -> None:
        """Refuse a field that the token has no scope for.

        Raises:
            GraphError: it has not, or the app was not approved for customers.
        """
        if scope not in self.scopes and scope.replace("read_", "write_") not in self.scopes:
            raise nodes.denied(field.name, scope)
        if scope.endswith("_customers") and self.shop.settings.protected_data == "denied":
            raise nodes.not_approved("Customer")

    def customer(self, number: int | None) -> dict[str, Any] | None:
        """Return a customer, None when there is none."""
        facts = None if number is None else self.shop.customers.find(number)
        return None if facts is None else nodes.customer(facts, is_redacted=self.is_redacted)

    def subscription(self, found: Subscription) -> dict[str, Any]:
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
            "createdAt": text_of(found.created_s),
            "updatedAt": text_of(found.updated_s),
            "apiVersion": _version(self.version),
        }


def query_root(session: Session) -> dict[str, Any]:
    """Return QueryRoot."""
    shop = session.shop
    return {
        "__typename": "QueryRoot",
        "shop": nodes.shop(shop.settings.shop),
        "publicApiVersions": [_version(one) for one in (*VERSIONS, "unstable")],
        "currentAppInstallation": _installation(session),
        "appInstallation": _installation(session),
        "customers": lambda field: _customers(session, field),
        "customersCount": lambda field: _count(session, field),
        "customer": lambda field: _one(session, field, field.args.get("id")),
        "customerByIdentifier": lambda field: _by_identifier(session, field),
        "node": lambda field: _any(session, field, str(field.args.get("id"))),
        "nodes": lambda field: [_any(session, field, str(one)) for one in _ids(field)],
        "webhookSubscriptions": lambda field: _subscriptions(session, field),
        "webhookSubscription": lambda field: _any(session, field, str(field.args.get("id"))),
        "webhookSubscriptionsCount": {
            "__typename": "Count",
            "count": len(shop.hooks.subscriptions),
            "precision": "EXACT",
        },
        "bulkOperation": lambda field: _any(session, field, str(field.args.get("id"))),
        "bulkOperations": lambda field: nodes.page(field, _operations(session)),
        "currentBulkOperation": lambda _: next(iter(_operations(session)), None),
    }


def number_of(gid: Any, kind: str) -> int | None:
    """Return the number in an id of a kind, None when it is none.

    Raises:
        GraphError: it is no id at all.
    """
    if not isinstance(gid, str) or not gid.startswith("gid://shopify/"):
        raise GraphError(f"Invalid global id '{gid}'", "INVALID_ID")
    name, _, number = gid.removeprefix("gid://shopify/").partition("/")
    return int(number) if name == kind and number.isdigit() else None


def _customers(session: Session, field: Field) -> dict[str, Any]:
    session.need(field, "read_customers")
    shop = session.shop
    first, last = nodes.size_of(field)
    size, backwards = (last or 0, True) if first is None else (first, False)
    order = field.args.get("sortKey") if field.args.get("sortKey") in ORDERS else "ID"
    is_reverse = bool(field.args.get("reverse")) is not backwards
    wanted = _filter(session, field)
    start = _key(order, field.args.get("before" if backwards else "after"))
    if shop.faults.take("repeat_page", ("customers",)):
        start = None
    if shop.faults.take("empty_page", ("customers",)):
        return _emptied(field.args.get("after"))
    keys = list(islice(_matching(session, str(order), start, wanted, is_reverse=is_reverse), size + 1))
    has_more, keys = len(keys) > size, keys[:size]
    if shop.faults.take("shrink_page", ("customers",)):
        has_more, keys = True, keys[: max(1, len(keys) // 2)]
    cursors = [_cursor(str(order), key) for key in keys]
    found = [session.customer(number) for _, number in keys]
    if backwards:
        cursors, found = cursors[::-1], found[::-1]
    page = connection(
        [one for one in found if one],
        cursors,
        has_next=(start is not None) if backwards else has_more,
        has_previous=has_more if backwards else start is not None,
    )
    if shop.faults.take("lose_half", ("customers",)):
        page["nodes"], page["edges"] = page["nodes"][::2], page["edges"][::2]
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


def _filter(session: Session, field: Field) -> Filter:
    shop, text = session.shop, field.args.get("query")
    if text and shop.faults.take("ignore_filter", ("customers",)):
        return Filter(is_everybody=True)
    found = read_filter(text, shop.now_s(), whole_days=shop.settings.whole_days)
    if found.warnings:
        session.searches.append({"path": list(field.path), "query": text, "warnings": found.warnings})
    return found


def _count(session: Session, field: Field) -> dict[str, Any]:
    """Count customers; the platform stops at 10,000 unless told otherwise."""
    session.need(field, "read_customers")
    wanted = _filter(session, field)
    limit = field.args.get("limit", 10_000) or session.shop.customers.count
    if wanted.is_everybody:
        count = session.shop.customers.count
    else:
        count = sum(1 for _ in islice(_matching(session, "UPDATED_AT", None, wanted, is_reverse=False), limit + 1))
    precision = "EXACT" if count <= limit else "AT_LEAST"
    return {"__typename": "Count", "count": min(count, limit), "precision": precision}


def _one(session: Session, field: Field, gid: Any) -> dict[str, Any] | None:
    session.need(field, "read_customers")
    return session.customer(number_of(gid, "Customer"))


def _by_identifier(session: Session, field: Field) -> dict[str, Any] | None:
    session.need(field, "read_customers")
    wanted = field.args.get("identifier") or {}
    customers = session.shop.customers
    if wanted.get("id"):
        return session.customer(number_of(wanted["id"], "Customer"))
    if wanted.get("emailAddress"):
        return session.customer(customers.by_email(str(wanted["emailAddress"])))
    if wanted.get("phoneNumber"):
        return session.customer(customers.by_phone(str(wanted["phoneNumber"])))
    return None


def _any(session: Session, field: Field, gid: str) -> dict[str, Any] | None:
    """Return whatever an id stands for."""
    shop = session.shop
    if (number := number_of(gid, "BulkOperation")) is not None:
        found = shop.bulk.operations.get(number)
        return shop.bulk.node(found, session.base) if found else None
    if (number := number_of(gid, "WebhookSubscription")) is not None:
        subscription = shop.hooks.subscriptions.get(number)
        return session.subscription(subscription) if subscription else None
    if (number := number_of(gid, "Customer")) is not None:
        session.need(field, "read_customers")
        return session.customer(number)
    return None


def _ids(field: Field) -> list[Any]:
    ids = field.args.get("ids") or []
    if len(ids) > 250:
        message = f"The input array size of {len(ids)} is greater than the maximum allowed of 250."
        raise GraphError(message, "MAX_INPUT_SIZE_EXCEEDED")
    return list(ids)


def _operations(session: Session) -> list[dict[str, Any]]:
    """Return the bulk operations, newest first."""
    bulk = session.shop.bulk
    return [bulk.node(one, session.base) for one in reversed(bulk.operations.values())]


def _subscriptions(session: Session, field: Field) -> dict[str, Any]:
    """List the app's own subscriptions, of `topics` and to `uri` where these are given."""
    topics, uri = field.args.get("topics"), field.args.get("uri") or field.args.get("callbackUrl")
    fitting = [
        session.subscription(one)
        for one in session.shop.hooks.subscriptions.values()
        if (not topics or one.topic in topics) and (not uri or one.uri == uri)
    ]
    return nodes.page(field, fitting)


def _installation(session: Session) -> dict[str, Any]:
    scopes = [{"__typename": "AccessScope", "handle": one, "description": one} for one in session.scopes]
    app = {
        "__typename": "App",
        "id": "gid://shopify/App/777",
        "title": "Demo",
        "handle": "demo",
        "apiKey": session.shop.settings.client_id,
        "webhookApiVersion": session.version,
    }
    return {
        "__typename": "AppInstallation",
        "id": "gid://shopify/AppInstallation/778",
        "accessScopes": scopes,
        "app": app,
    }


def _version(handle: str) -> dict[str, Any]:
    return {"__typename": "ApiVersion", "handle": handle, "displayName": handle, "supported": handle in VERSIONS}


def _emptied(after: Any) -> dict[str, Any]:
    page = connection([], [], has_next=True, has_previous=True)
    page["pageInfo"]["endCursor"] = after
    return page


def _cursor(order: str, key: Key) -> str:
    return base64.b64encode(orjson.dumps({"last_id": key[1], "last_value": key[0], "sort": order})).decode()


def _key(order: Any, cursor: Any) -> Key | None:
    """Return where a cursor stands.

    Raises:
        GraphError: it is none, or one of another order.
    """
    if cursor is None:
        return None
    try:
        found = orjson.loads(base64.b64decode(str(cursor), validate=True))
        if found["sort"] == order:
            return (int(found["last_value"]), int(found["last_id"]))
    except (ValueError, KeyError, TypeError):
        pass
    raise GraphError("Invalid cursor for current pagination sort.", "BAD_REQUEST")
