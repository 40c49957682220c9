"""The routes around a shop: tokens, the Admin API, the files of bulk operations."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

from flask import Flask, Response, g, redirect, request
from graphql import ExecutionResult, GraphQLError, execute_sync, print_ast

from connectors.shopify.fake import acts, cost, downloads
from connectors.shopify.fake.changes import mutation_root
from connectors.shopify.fake.graph import Session, query_root
from connectors.shopify.fake.nodes import denied
from connectors.shopify.fake.query import Query
from connectors.shopify.fake.sale_acts import sale_acts
from connectors.shopify.fake.schema import ANSWERED
from connectors.shopify.fake.settings import VERSIONS
from connectors.shopify.fake.shop import Shop
from customer_sync.kit.fakes.answers import Row, reply
from customer_sync.kit.fakes.fake import Act
from customer_sync.kit.fakes.faults import Asked, Fault
from customer_sync.kit.fakes.oauth import OAuthError

_UNAUTHORIZED: Final = "[API] Invalid API key or access token (unrecognized login or wrong password)"
#: Status → `errors` of an answer without data.
_WORDS: Final[Mapping[int, str]] = {
    401: _UNAUTHORIZED,
    402: "Unavailable Shop",
    403: "Forbidden",
    404: "Not Found",
    423: "Unavailable Shop",
    429: "Exceeded 2 calls per second for api client. Reduce request rates to resume uninterrupted service.",
}
_UNKNOWN_FIELD: Final = re.compile(r"Cannot query field '(\w+)' on type '(\w+)'")
_VARIABLE: Final = re.compile(r"Variable '\$(\w+)'")


class FakeShop(Shop):
    """A Shopify shop in memory, on the loopback."""

    struck = "/admin/api/*"
    strikes: ClassVar = {"throttle": "THROTTLED in a 200, the bucket is drained"}

    def routes(self, app: Flask) -> None:
        """Add the routes of the platform."""
        add = app.add_url_rule
        add("/admin/oauth/access_token", view_func=self._token, methods=["POST"])
        add("/admin/oauth/authorize", view_func=self._authorize, methods=["GET"])
        add("/admin/api/<version>/graphql.json", view_func=self._graphql, methods=["POST"])
        add("/bulk/<int:number>/<key>.jsonl", "bulk", lambda number, key: downloads.download(self, number, key))

    def acts(self) -> Sequence[Act]:
        """Return the control routes."""
        return (*acts.acts_of(self), *sale_acts(self))

    def state(self) -> Row:
        """Return counts, points, tokens, subscriptions and bulk operations."""
        return acts.state_of(self)

    # What the platform says in its own words

    def asked(self) -> Asked:
        """Return what the call is about; of a query, the fields at its top."""
        operations: tuple[str, ...] = ()
        g.query = None
        if request.path.endswith("/graphql.json"):
            body = request.get_json(silent=True) if request.is_json else None
            g.query = self._read(body) if isinstance(body, dict) and isinstance(body.get("query"), str) else None
            if isinstance(g.query, Query):
                operations = tuple(field.name for field in g.query.top())
        return Asked(request.method, request.path, operations)

    def status(self, status: int) -> Response:
        """Return an answer without data."""
        headers = {"Retry-After": "2.0"} if status in (429, 503) else {}
        return reply({"errors": _WORDS.get(status, "Internal Server Error")}, status, headers)

    def error(self) -> Response:
        """Return a fault of the platform: inside a 200."""
        words = "Internal error. Looks like something went wrong on our end."
        return reply({"data": None, "errors": [{"message": words, "extensions": {"code": "INTERNAL_SERVER_ERROR"}}]})

    def unauthorized(self) -> Response:
        """Refuse the token and revoke it."""
        with self.lock:
            self.tokens.revoke(request.headers.get("X-Shopify-Access-Token", ""))
        return self.status(401)

    def forbidden(self) -> Response:
        """Say that a scope is missing: inside a 200."""
        found = denied(", ".join(g.asked.operations), "read_customers")
        return reply({"data": None, "errors": [{"message": found.message, "extensions": found.extensions}]})

    def strike(self, fault: Fault) -> Response:
        """Throttle a call that could be paid."""
        del fault
        self.bucket.drain()
        return reply(self._throttled(10))

    # Routes

    def _token(self) -> Response:
        form = request.get_json(silent=True) if request.is_json else request.form.to_dict()
        fault = self.take("oauth")
        with self.lock:
            self.tokens.refusal = str(fault.options.get("error", "app_not_installed")) if fault else None
            try:
                return reply(self.tokens.answer({name: str(value) for name, value in (form or {}).items()}))
            except OAuthError as error:
                return reply(error.body(), error.status)

    def _authorize(self) -> Response:
        try:
            with self.lock:
                back = self.tokens.callback(request.args.to_dict())
        except OAuthError as error:
            return reply(error.body(), error.status)
        return Response(status=302, headers={"Location": redirect(back).location})

    def _graphql(self, version: str) -> Response:
        answered = _answering(version)
        if answered is None:
            return self.status(404)
        headers = {"X-Shopify-API-Version": answered}
        with self.lock:
            token = self.tokens.find(request.headers.get("X-Shopify-Access-Token"))
        if token is None:
            return reply({"errors": _UNAUTHORIZED}, 401, headers)
        if g.query is None:
            return reply({"errors": "Required parameter missing or invalid"}, 400, headers)
        if isinstance(g.query, GraphQLError):
            return reply({"errors": [_refused(g.query)]}, 200, headers)
        return reply(
            self._paid(g.query, Session(self, token.scopes, answered, request.host_url.rstrip("/"))), 200, headers
        )

    def _read(self, body: Row) -> Query | GraphQLError:
        document, faults = self.reader.read(body["query"])
        if document is None:
            return faults[0]
        given = body.get("variables")
        g.document, g.variables, g.name = document, given if isinstance(given, dict) else {}, body.get("operationName")
        try:
            return Query(document, g.variables, g.name)
        except GraphQLError as fault:
            return fault

    def _paid(self, query: Query, session: Session) -> Row:
        """Return the answer when the bucket holds enough for it."""
        price = cost.Price(query, self.settings.cost)
        most = price.requested()
        if most > cost.MAX_COST:
            message = f"Query cost is {most}, which exceeds the single query max cost limit ({cost.MAX_COST})."
            more = {"code": "MAX_COST_EXCEEDED", "cost": most, "maxCost": cost.MAX_COST, "documentation": cost.ABOUT}
            return {"errors": [{"message": message, "extensions": more}]}
        if not self.bucket.take(most):
            return self._throttled(most)
        with self.lock:
            result = self._executed(query, session)
            used = most if result.data is None else min(most, price.actual(result.data))
            self.points += used
        self.bucket.take(used - most)
        spent = {"requestedQueryCost": most, "actualQueryCost": used, "throttleStatus": self._left()}
        answer: Row = {"data": result.data}
        if result.errors:
            answer["errors"] = [_told(one, query) for one in result.errors]
        answer["extensions"] = {"cost": spent, **({"search": session.searches} if session.searches else {})}
        return answer

    def _executed(self, query: Query, session: Session) -> ExecutionResult:
        root = mutation_root(session) if query.is_mutation else query_root(session)
        return execute_sync(ANSWERED, g.document, root, variable_values=g.variables, operation_name=g.name)

    def _throttled(self, most: int) -> Row:
        with self.lock:
            self.throttled += 1
        spent = {"requestedQueryCost": most, "actualQueryCost": None, "throttleStatus": self._left()}
        errors = [{"message": "Throttled", "extensions": {"code": "THROTTLED", "documentation": cost.ABOUT}}]
        return {"errors": errors, "extensions": {"cost": spent}}

    def _left(self) -> Row:
        left = int(self.bucket.left)
        return {"maximumAvailable": self.bucket.size, "currentlyAvailable": left, "restoreRate": self.bucket.restore}


def _answering(version: str) -> str | None:
    """Return the version that answers: an old one falls forward to the oldest, an unknown one is not found."""
    if version in (*VERSIONS, "unstable"):
        return version
    is_version = re.fullmatch(r"20\d\d-(01|04|07|10)", version)
    return VERSIONS[0] if is_version and version < VERSIONS[0] else None


def _refused(fault: GraphQLError) -> Row:
    """Return why a query is not run at all."""
    places = [{"line": one.line, "column": one.column} for one in fault.locations or ()]
    if match := _UNKNOWN_FIELD.search(fault.message):
        message = f"Field '{match[1]}' doesn't exist on type '{match[2]}' (or is not part of this stand-in)"
        return {"message": message, "locations": places, "extensions": {"code": "undefinedField"}}
    return {"message": fault.message, "locations": places, "extensions": {"code": "parseError"}}


def _told(fault: GraphQLError, query: Query) -> Any:
    """Return an error of an answer, in the platform's words."""
    match = None if fault.path else _VARIABLE.search(fault.message)
    if match is None:
        return fault.formatted
    types = {one.variable.name.value: print_ast(one.type) for one in query.operation.variable_definitions or ()}
    message = f"Variable ${match[1]} of type {types.get(match[1])} was provided invalid value"
    return {
        "message": message,
        "extensions": {"code": "INVALID_VARIABLE", "problems": [{"explanation": fault.message}]},
    }
