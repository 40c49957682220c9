"""`/admin`: tokens and the GraphQL Admin API, with all that stands between a request and its answer."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from typing import Any, Final

import orjson
from flask import Response, redirect, request
from graphql import GraphQLError
from graphql.execution.values import get_variable_values

from customer_sync.demo.stores.shopify import cost
from customer_sync.demo.stores.shopify.graphql import Execution, GraphError
from customer_sync.demo.stores.shopify.mutations import mutation_root
from customer_sync.demo.stores.shopify.oauth import OAuthError
from customer_sync.demo.stores.shopify.roots import Session, query_root
from customer_sync.demo.stores.shopify.settings import VERSIONS
from customer_sync.demo.stores.shopify.shop import Shop
from customer_sync.model import Json

_HTML: Final = b"<!DOCTYPE html><html><head><title>Something went wrong</title></head><body>Try again.</body></html>"
_UNAUTHORIZED: Final = "[API] Invalid API key or access token (unrecognized login or wrong password)"
#: status → `errors` of an answer without data.
_WORDS: Final[Mapping[int, str]] = {
    401: _UNAUTHORIZED,
    402: "Unavailable Shop",
    403: "Forbidden",
    404: "Not Found",
    423: "Unavailable Shop",
    429: "Exceeded 2 calls per second for api client. Reduce request rates to resume uninterrupted service.",
}


class BrokenConnection(ConnectionResetError):
    """The connection ends without an answer."""


def access_token(shop: Shop) -> Response:
    """Answer the token endpoint."""
    form = request.get_json(silent=True) if request.is_json else request.form.to_dict()
    with shop.lock:
        fault = shop.faults.take("oauth")
        shop.tokens.refusal = str(fault.options.get("error", "app_not_installed")) if fault else None
        try:
            values = {name: str(value) for name, value in (form or {}).items()}
            return _json(shop.tokens.grant(values))
        except OAuthError as error:
            return _json({"error": error.error, "error_description": error.description}, error.status)


def authorize(shop: Shop) -> Response:
    """Send the browser back with a code: the owner agrees at once."""
    try:
        with shop.lock:
            back = shop.tokens.authorize(request.args.to_dict())
    except OAuthError as error:
        return _json({"error": error.error, "error_description": error.description}, error.status)
    return Response(status=302, headers={"Location": redirect(back).location})


def graphql(shop: Shop, version: str) -> Response:
    """Answer the Admin API."""
    answered = _answering(version)
    if answered is None:
        return _json({"errors": "Not Found"}, 404)
    token = request.headers.get("X-Shopify-Access-Token")
    with shop.lock:
        scopes = shop.tokens.scopes_of(token)
    if scopes is None:
        return _json({"errors": _UNAUTHORIZED}, 401, answered)
    body = request.get_json(silent=True) if request.is_json else None
    if not isinstance(body, dict) or not isinstance(body.get("query"), str):
        return _json({"errors": "Required parameter missing or invalid"}, 400, answered)
    try:
        execution = _read(shop, body)
    except (GraphError, GraphQLError) as fault:
        return _json({"errors": [_refused(fault)]}, 200, answered)
    return _answer(shop, execution, (token or "", scopes), answered)


def _answer(shop: Shop, execution: Execution, login: tuple[str, tuple[str, ...]], version: str) -> Response:
    """Return the answer to an operation that was understood, or what a fault makes of it."""
    operations = tuple(field.name for field in execution.top())
    with shop.lock:
        for name in operations:
            shop.calls[name] = shop.calls.get(name, 0) + 1
    early = _fault(shop, operations, login[0], version)
    if early is not None:
        return early
    answer = _paid(shop, execution, login[1], version)
    with shop.lock:
        if shop.faults.take("lost", operations):
            raise BrokenConnection
    return _json(answer, 200, version)


def _paid(shop: Shop, execution: Execution, scopes: tuple[str, ...], version: str) -> dict[str, Json]:
    """Return the answer when the bucket holds enough for it."""
    price = cost.Price(execution, shop.settings.cost)
    most = price.requested()
    if most > cost.MAX_COST:
        message = f"Query cost is {most}, which exceeds the single query max cost limit ({cost.MAX_COST})."
        more: dict[str, Json] = {"cost": most, "maxCost": cost.MAX_COST, "documentation": cost.DOCUMENTATION}
        return {"errors": [{"message": message, "extensions": {"code": "MAX_COST_EXCEEDED", **more}}]}
    if not shop.bucket.take(most):
        return _throttled(shop, most)
    session = Session(shop, scopes, version, request.host_url.rstrip("/"))
    with shop.lock:
        root = mutation_root(session) if execution.is_mutation else query_root(session)
        data = execution.run(root)
        used = min(most, price.actual(data))
        shop.points += used
    shop.bucket.give_back(most - used)
    answer: dict[str, Any] = {"data": data}
    if execution.errors:
        answer["errors"] = execution.errors
    status: Json = shop.bucket.status()
    spent: dict[str, Json] = {"requestedQueryCost": most, "actualQueryCost": used, "throttleStatus": status}
    answer["extensions"] = {"cost": spent, **({"search": session.searches} if session.searches else {})}
    return answer


def _throttled(shop: Shop, most: int) -> dict[str, Json]:
    with shop.lock:
        shop.throttled += 1
    extensions: Json = {"code": "THROTTLED", "documentation": cost.DOCUMENTATION}
    status: Json = shop.bucket.status()
    spent: Json = {"requestedQueryCost": most, "actualQueryCost": None, "throttleStatus": status}
    return {"errors": [{"message": "Throttled", "extensions": extensions}], "extensions": {"cost": spent}}


def _fault(shop: Shop, operations: tuple[str, ...], token: str, version: str) -> Response | None:
    """Return the answer of a fault that is on, None when the call goes its way."""
    with shop.lock:
        slow = shop.faults.take("slow", operations)
    if slow:
        time.sleep(float(str(slow.options.get("delay_s", 1.0))))
    with shop.lock:
        if shop.faults.take("broken", operations):
            raise BrokenConnection
        if shop.faults.take("html", operations):
            return Response(_HTML, 200, {"X-Shopify-API-Version": version}, content_type="text/html; charset=utf-8")
        if shop.faults.take("unauthorized", operations):
            shop.tokens.revoke(token)
            return _json({"errors": _UNAUTHORIZED}, 401, version)
        if shop.faults.take("throttle", operations):
            shop.bucket.drain()
            return _json(_throttled(shop, 10), 200, version)
        if shop.faults.take("internal", operations):
            words = "Internal error. Looks like something went wrong on our end."
            return _json(
                {"data": None, "errors": [{"message": words, "extensions": {"code": "INTERNAL_SERVER_ERROR"}}]},
                200,
                version,
            )
        found = shop.faults.take("status", operations)
    if found is None:
        return None
    status = int(str(found.options.get("status", 503)))
    answer = _json({"errors": _WORDS.get(status, "Internal Server Error")}, status, version)
    if status in (429, 503):
        answer.headers["Retry-After"] = str(found.options.get("retry_after", "2.0"))
    return answer


def _read(shop: Shop, body: dict[str, Any]) -> Execution:
    """Return the operation of a request.

    Raises:
        GraphError: it cannot be run.
        GraphQLError: it is not understood, or does not fit the schema.
    """
    document, faults = shop.reader.read(body["query"])
    if document is None:
        raise faults[0]
    given = body.get("variables")
    execution = Execution(document, given if isinstance(given, dict) else {}, body.get("operationName"))
    if shop.reader.schema:
        found = get_variable_values(
            shop.reader.schema, execution.operation.variable_definitions or (), given if isinstance(given, dict) else {}
        )
        if isinstance(found, list):
            raise GraphError(found[0].message, "INVALID_VARIABLE")
    return execution


def _refused(fault: GraphError | GraphQLError) -> dict[str, Json]:
    if isinstance(fault, GraphError):
        return {"message": str(fault), "extensions": fault.extensions}
    places: list[Json] = [{"line": one.line, "column": one.column} for one in fault.locations or ()]
    code = "undefinedField" if "Cannot query field" in fault.message else "parseError"
    return {"message": fault.message, "locations": places, "extensions": {"code": code}}


def _answering(version: str) -> str | None:
    """Return the version that answers: an old one falls forward to the oldest, an unknown one is not found."""
    if version in (*VERSIONS, "unstable"):
        return version
    is_version = re.fullmatch(r"20\d\d-(01|04|07|10)", version)
    return VERSIONS[0] if is_version and version < VERSIONS[0] else None


def _json(body: Any, status: int = 200, version: str = "") -> Response:
    headers = {"X-Shopify-API-Version": version} if version else {}
    return Response(orjson.dumps(body), status, headers, content_type="application/json; charset=utf-8")
