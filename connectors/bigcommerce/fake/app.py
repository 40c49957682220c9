"""The routes of V3, V2 and the login; the key, its scopes and the rate limit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Final

from flask import Flask, Response, g, redirect, request

from connectors.bigcommerce.fake import acts, rows
from connectors.bigcommerce.fake.lists import Refusal, fits, fits_v2, page_of_v2, page_of_v3
from connectors.bigcommerce.fake.store import WINDOW_S, Store
from customer_sync.kit.fakes.answers import Row, reply
from customer_sync.kit.fakes.fake import Act
from customer_sync.kit.fakes.faults import PAGES, Fault
from customer_sync.kit.fakes.oauth import OAuthError, back_to

_STORE: Final = "/stores/<store>"
#: The beginning of a path behind the store → the scope it needs; the longest counts.
_NEEDS: Final = {
    "/v3/customers": "store_v2_customers",
    "/v3/catalog": "store_v2_products",
    "/v3/carts": "store_cart",
    "/v3/orders": "store_v2_orders",
    "/v2/orders": "store_v2_orders",
    "/v2/order_statuses": "store_v2_orders",
    "/v2/store": "store_v2_information",
}
#: How many customers one call may make or change.
_BATCH: Final = 10


class FakeBigCommerce(Store):
    """A BigCommerce store in memory, on the loopback."""

    struck = "/stores/*"
    strikes: ClassVar = {"conflict": "409: somebody else changed the record meanwhile"}

    def routes(self, app: Flask) -> None:
        """Add the routes of the platform."""
        customers, subscribers = "/v3/customers", "/v3/customers/subscribers"
        self._add("GET", customers, lambda: self._listed(self.customers, _shown))
        self._add("POST", customers, lambda: self._batch(self.add_customer))
        self._add("PUT", customers, lambda: self._batch(lambda one: self.change_customer(int(one["id"]), one)))
        self._add("DELETE", customers, self._delete_customers)
        self._add("GET", subscribers, lambda: self._listed(self.subscribers))
        self._add("POST", subscribers, lambda: _data(self.add_subscriber(_body())))
        self._add("DELETE", subscribers, self._delete_subscribers)
        one = f"{subscribers}/<int:number>"
        self._add("GET", one, lambda number: _data(self.subscriber(number)))
        self._add("PUT", one, lambda number: _data(self.change_subscriber(number, _body())))
        self._add("DELETE", one, self._delete_subscriber)
        self._add("GET", "/v3/catalog/products", lambda: self._listed(self.products, _parts))
        self._add("GET", "/v3/carts/<name>", self._cart)
        self._add("GET", "/v3/orders/payment_actions/refunds", self._refunds)
        self._add("GET", "/v3/hooks", lambda: self._page([*self.hooks.rows.values()]))
        self._add("POST", "/v3/hooks", lambda: _data(self.hooks.make(_body())))
        self._add("GET", "/v3/hooks/<int:number>", lambda number: _data(self.hooks.get(number)))
        self._add("PUT", "/v3/hooks/<int:number>", lambda number: _data(self.hooks.change(number, _body())))
        self._add("DELETE", "/v3/hooks/<int:number>", lambda number: _data(self.hooks.delete(number)))
        self._add("GET", "/v2/store", lambda: reply(self._about()))
        self._add("GET", "/v2/time", lambda: reply({"time": int(self.clock())}))
        self._add("GET", "/v2/order_statuses", lambda: reply(_statuses()))
        self._add("GET", "/v2/orders", self._orders)
        self._add("POST", "/v2/orders", self._new_order)
        self._add("GET", "/v2/orders/count", self._count)
        self._add("GET", "/v2/orders/<int:number>", lambda number: reply(self._order_shown(self.order_row(number))))
        self._add("PUT", "/v2/orders/<int:number>", lambda number: reply(self.change_order(number, _body())))
        self._add("DELETE", "/v2/orders/<int:number>", self._archive)
        self._add("GET", "/v2/orders/<int:number>/products", self._lines)
        app.add_url_rule("/oauth2/token", "token", self._token, methods=["POST"])
        app.add_url_rule("/app/<client>/install", "install", self._install)
        app.register_error_handler(Refusal, lambda refused: refused.answer())
        app.register_error_handler(404, lambda _: Refusal(404, "Not found.").answer())
        app.register_error_handler(405, lambda _: Refusal(405, "Method not allowed.").answer())

    def acts(self) -> Sequence[Act]:
        """Return the control routes."""
        return acts.acts_of(self)

    def state(self) -> Row:
        """Return counts, webhooks, and what was deleted by whole lists."""
        return acts.state_of(self)

    # What the platform says in its own words

    def status(self, status: int) -> Response:
        """Return an error in V3's envelope; a 429 without any header that tells when to go on."""
        return Refusal(status, "Something happened.").answer()

    def unauthorized(self) -> Response:
        """Refuse the token that was shown; it is not revoked, because nothing brings another."""
        return Refusal(401, "Unauthorized").answer()

    def forbidden(self) -> Response:
        """Say that the token may not do this."""
        return Refusal(403, "You don't have a required scope to access the endpoint").answer()

    def strike(self, fault: Fault) -> Response | None:
        """Answer 409."""
        del fault
        return Refusal(409, "The record was changed meanwhile.").answer()

    # One call

    def _add(self, method: str, path: str, act: Callable[..., Response]) -> None:
        def answered(store: str, **named: Any) -> Response:
            with self.lock:
                self._let_in(store, path, method)
                response = self._limited() or act(**named)
                if response.status_code != 429 or not self.settings.bare_429:
                    response.headers.update(self._rates())
                return response

        self.app.add_url_rule(_STORE + path, f"{method} {path}", answered, methods=[method])

    def _let_in(self, store: str, path: str, method: str) -> None:
        token = self.oauth.find(request.headers.get("X-Auth-Token"))
        g.auth = "token"
        if token is None or store != self.settings.store_hash:
            raise Refusal(401, "Unauthorized")
        scope = next((one for start, one in _NEEDS.items() if path.startswith(start)), "")
        enough = {scope} if method != "GET" else {scope, f"{scope}_read_only"}
        if scope and not enough & set(token.scopes):
            raise Refusal(403, "You don't have a required scope to access the endpoint")

    def _limited(self) -> Response | None:
        self.limit.size = self.settings.quota
        if self.limit.take():
            return None
        return Refusal(429, "Too many requests").answer()

    def _rates(self) -> dict[str, str]:
        return {
            "X-Rate-Limit-Time-Window-Ms": str(int(WINDOW_S * 1000)),
            "X-Rate-Limit-Time-Reset-Ms": str(int(self.limit.reset_s * 1000)),
            "X-Rate-Limit-Requests-Quota": str(self.settings.quota),
            "X-Rate-Limit-Requests-Left": str(int(self.limit.left)),
        }

    def _page(self, found: list[Row], query: Row | None = None) -> Response:
        asked = request.args.to_dict() if query is None else query
        return page_of_v3(found, asked, lambda page: self.take(*PAGES, page=page))

    def _listed(self, table: Any, show: Callable[[Row], Row] = lambda row: row) -> Response:
        found = [table.get(at) for at in table.ordered("id", lambda row: row["id"])]
        return self._page([show(one) for one in found])

    def _batch(self, act: Callable[[Row], Row]) -> Response:
        given = request.get_json(force=True, silent=True)
        if not isinstance(given, list) or not 1 <= len(given) <= _BATCH:
            raise Refusal(422, "An array of 1 to 10 customers.", {".customer_create": "error.array"})
        return reply({"data": [_shown(act(one)) for one in given], "meta": {}})

    def _delete_customers(self) -> Response:
        ids = [int(one) for one in request.args.get("id:in", "").split(",") if one.isdigit()]
        for one in ids:
            self.remove_customer(one)
        return Response(status=204)

    def _delete_subscribers(self) -> Response:
        """Delete what the filter names; without a filter everybody, as the real one does."""
        self.deleted["subscriber lists"] += 1
        for one in [row for row in self.subscribers.values() if fits(row, request.args)]:
            self.remove_subscriber(one["id"])
        return Response(status=204)

    def _delete_subscriber(self, number: int) -> Response:
        self.remove_subscriber(number)
        return Response(status=204)

    def _archive(self, number: int) -> Response:
        self.archive(number)
        return Response(status=204)

    def _cart(self, name: str) -> Response:
        if name not in self.carts:
            raise Refusal(404, "Cart not found.")
        return _data(self.carts[name])

    def _refunds(self) -> Response:
        wanted = request.args.get("order_id:in", "").split(",")
        found = [one for one in self.refunds.values() if wanted == [""] or str(one["order_id"]) in wanted]
        query = {name: value for name, value in request.args.items() if name in ("limit", "page")}
        return self._page(found, query)

    def _orders(self) -> Response:
        found = [self._order_shown(one) for one in self.orders.values()]
        return page_of_v2(found, request.args, lambda page: self.take(*PAGES, page=page))

    def _order_shown(self, row: Row) -> Row:
        """Return an order with the parts that are asked for."""
        if request.args.get("include") != "consignments.line_items":
            return row
        parts = {"shipping": [{"id": row["id"], "line_items": self.lines[row["id"]]}], "pickups": [], "downloads": []}
        return {**row, "consignments": parts}

    def _new_order(self) -> Response:
        given = _body()
        buyer = given.get("billing_address") or {}
        if not given.get("products") or not buyer:
            raise Refusal(400, "The field 'products' is invalid.")
        if given.get("customer_id"):
            buyer = self.customer(int(given["customer_id"]))
        return reply(self.add_order(buyer, status_id=int(given.get("status_id", 1))), 201)

    def _count(self) -> Response:
        found = [one for one in self.orders.values() if fits_v2(one, request.args)]
        counted = [{**one, "count": sum(row["status_id"] == one["id"] for row in found)} for one in _statuses()]
        return reply({"statuses": counted, "count": len(found)})

    def _lines(self, number: int) -> Response:
        self.order_row(number)
        return reply(self.lines[number])

    def _about(self) -> Row:
        name = self.settings.store_hash
        urls = {"domain": "shop.example", "secure_url": "https://shop.example"}
        return {"id": name, **urls, "name": "Lamps", "currency": self.settings.currency, "plan_name": "Standard"}

    # The login

    def _token(self) -> Response:
        form = request.form.to_dict() or _body()
        if form.get("context") != f"stores/{self.settings.store_hash}":
            return reply({"error": "invalid_context"}, 400)
        try:
            with self.lock:
                token = self.oauth.grant(form)
        except OAuthError as error:
            return reply(error.body(), error.status)
        person = {"id": 24654, "username": "owner@example.com", "email": "owner@example.com"}
        told = {"access_token": token.value, "scope": " ".join(token.scopes), "user": person, "owner": person}
        return reply({**told, "context": form["context"], "account_uuid": "8d4d492f-17a1-4d95-b396-e1c5720815a5"})

    def _install(self, client: str) -> Any:
        """Let the owner install the app at once; the way back is the one of the app's profile."""
        with self.lock:
            url = self.settings.callback_url
            found = self.oauth.authorize({"client_id": client, "redirect_uri": url})
        context = f"stores/{self.settings.store_hash}"
        more = {"code": found["code"], "scope": " ".join(self.settings.scopes), "context": context}
        return redirect(back_to(url, more), 302)


def _body() -> Row:
    found = request.get_json(force=True, silent=True)
    if not isinstance(found, dict):
        raise Refusal(422, "JSON data is missing or invalid", {"": "error.expected.jsobject"})
    return found


def _data(row: Row) -> Response:
    return reply({"data": row, "meta": {}})


def _shown(row: Row) -> Row:
    """Return a customer with the parts that are asked for."""
    if "addresses" in request.args.get("include", "").split(","):
        return row
    return {name: value for name, value in row.items() if name != "addresses"}


def _parts(row: Row) -> Row:
    """Return a product with the parts that are asked for."""
    asked = request.args.get("include", "").split(",")
    return {name: value for name, value in row.items() if name not in ("variants", "images") or name in asked}


def _statuses() -> list[Row]:
    return [{"id": at, "name": name, "order": at} for at, name in enumerate(rows.STATUSES)]
