"""The routes of a shop's REST API, and how it answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from flask import Flask, Response, g, request

from connectors.magento.fake import acts, criteria
from connectors.magento.fake.criteria import Refusal
from connectors.magento.fake.keys import Keys
from connectors.magento.fake.settings import SWITCHES, VIEWS, Settings, View
from connectors.magento.fake.shop import Shop
from connectors.magento.fake.telling import PATHS, Telling
from customer_sync.kit.fakes.answers import Row, page, reply
from customer_sync.kit.fakes.crowd import Crowd
from customer_sync.kit.fakes.fake import Act, Fake
from customer_sync.kit.fakes.faults import PAGES
from customer_sync.kit.fakes.hooks import Rules, Sender
from customer_sync.kit.fakes.oauth import OAuth, OAuthError, Terms
from customer_sync.kit.fakes.pages import window

#: Resource of the integration → what cannot be called without it.
RESOURCES: Final = {
    "customers": "Magento_Customer::customer",
    "orders": "Magento_Sales::sales",
    "creditmemos": "Magento_Sales::creditmemo",
    "products": "Magento_Catalog::products",
    "carts": "Magento_Cart::manage",
    "store": "Magento_Backend::store",
    "tajo": "Tajo_CustomerSync::webhooks",
}
_FIELDS: Final = ("updated_at", "created_at", "store_id", "website_id", "email", "group_id", "status", "state", "sku")
_MORE: Final = ("order_id", "customer_id", "customer_email", "is_active", "visibility", "name", "firstname", "lastname")
#: List → the key of the id in its rows; in filters it is `entity_id` everywhere.
LISTS: Final = {"customers": "id", "orders": "entity_id", "creditmemos": "entity_id", "products": "id", "carts": "id"}
_FAULT: Final = "Internal Error. Details are available in Magento log file. Report ID: webapi-0a1b2c3d4e5f6"
_RETRIES_S: Final = (60.0, 120.0, 240.0, 480.0, 960.0)


class FakeMagento(Fake[Settings]):
    """A Magento shop in memory, on the loopback."""

    struck = "/*V1/*"
    switches = SWITCHES
    refusals = (Refusal,)

    def fill(self) -> None:
        """Make the records of the start."""
        settings = self.settings
        self.sender = Sender(self.clock, Rules(waits_s=_RETRIES_S, timeout_s=2.0), seed=settings.seed)
        self.telling = Telling(settings, self.clock, self.sender)
        self.keys = Keys(settings)
        self.tokens = OAuth(self.clock, (settings.client_id, settings.client_secret), (), Terms(86_399.0))
        self.shop = Shop(settings, self.clock, self.telling.tell)
        self.crowd = Crowd(self.shop, settings.seed)

    def routes(self, app: Flask) -> None:
        """Add the routes of the platform."""
        app.url_map.strict_slashes = False
        one = "<int:number>"
        self._add(
            "GET", "customers/search", lambda _v: self._search("customers", self.shop.customers, self.shop.in_list)
        )
        self._add("POST", "customers", self._create_customer)
        self._add("GET", f"customers/{one}", lambda _v, number: self.shop.alone(self.shop.customer(number)))
        self._add("PUT", f"customers/{one}", self._put_customer)
        self._add("DELETE", f"customers/{one}", self._drop_customer)
        self._add("GET", "orders", lambda _v: self._search("orders", self.shop.orders))
        self._add("GET", f"orders/{one}", lambda _v, number: self._one(self.shop.orders.get(number)))
        self._add("GET", "creditmemos", lambda _v: self._search("creditmemos", self.shop.memos))
        self._add("GET", "products", lambda _v: self._search("products", self.shop.products))
        self._add("GET", "products/<sku>", lambda _v, sku: self._one(self._by_sku(sku)))
        self._add("PUT", "products/<sku>", self._put_product)
        self._add("DELETE", "products/<sku>", self._drop_product)
        self._add("POST", "products", lambda _v: self.shop.put_product(None, _sent("product")))
        self._add("GET", "carts/search", lambda _v: self._search("carts", self.shop.carts))
        self._add("GET", f"carts/{one}", lambda _v, number: self._one(self.shop.carts.get(number)))
        self._add("GET", "store/websites", lambda _v: _websites(self._views()))
        self._add("GET", "store/storeViews", lambda _v: [_view(one) for one in self._views()])
        self._add("GET", "store/storeConfigs", lambda _v: [self._config(one) for one in self._views() if one.id])
        self._add("GET", "tajo/webhooks", lambda _v: [self.telling.shown(row) for row in self._hooks().values()])
        self._add("POST", "tajo/webhooks", lambda _v: self._put_hook(None))
        self._add("PUT", f"tajo/webhooks/{one}", lambda _v, number: self._put_hook(number))
        self._add("DELETE", f"tajo/webhooks/{one}", lambda _v, number: self._hooks().delete(number) is not None)
        app.add_url_rule("/magento_version", "version", self._version)
        app.add_url_rule("/ims/token/v3", "ims", self._token, methods=["POST"])
        app.add_url_rule("/prod/keys/<name>", "keys", lambda name: self._pem(f"/prod/keys/{name}"))
        app.register_error_handler(404, lambda _: page("404 Not Found", "The page you requested was not found.", 404))
        app.register_error_handler(405, lambda _: reply({"message": "Request does not match any route."}, 404))

    def acts(self) -> Sequence[Act]:
        """Return the control routes."""
        return acts.acts_of(self)

    def state(self) -> Row:
        """Return counts, webhooks with their secret, and the mails that Magento sent."""
        return acts.state_of(self)

    # What the platform says in its own words

    def status(self, status: int) -> Response:
        """Return an error in JSON."""
        return reply({"message": _FAULT if status >= 500 else "Request does not match any route."}, status)

    def unauthorized(self) -> Response:
        """Refuse the integration."""
        return _refused(Refusal(401, "The signature is invalid. Verify and try again."))

    def forbidden(self) -> Response:
        """Say that a resource is missing: that is a 401, too."""
        message = "The consumer isn't authorized to access %resources."
        return _refused(Refusal(401, message, {"resources": RESOURCES["customers"]}))

    # One call

    def _add(self, method: str, path: str, act: Callable[..., Any]) -> None:
        for at, start in enumerate(("/rest/V1", "/rest/<store>/V1", "/V1")):
            name = f"{method} {path} {at}"
            self.app.add_url_rule(f"{start}/{path}", name, lambda **named: self._called(act, **named), methods=[method])

    def _called(self, act: Callable[..., Any], store: str = "", **named: Any) -> Response:
        try:
            with self.lock:
                self._prove()
                view = self._view(store or request.headers.get("Store", "default"))
                return reply(act(view, **named))
        except Refusal as refusal:
            return _refused(refusal)
        except OAuthError as error:
            return _refused(Refusal(401, str(error)))

    def _prove(self) -> None:
        header, settings = request.headers.get("Authorization", ""), self.settings
        area = RESOURCES[request.path.partition("/V1/")[2].partition("/")[0]]
        is_saas = not request.path.startswith("/rest/")
        if is_saas is not bool(settings.client_id):
            raise Refusal(404, "Request does not match any route.")
        if is_saas:
            if self.tokens.find(header.removeprefix("Bearer ")) is None:
                raise Refusal(401, "Oauth token is not valid")
            g.auth = "ims"
        else:
            query = list(request.args.items(multi=True))
            g.auth = self.keys.check(header, request.method, request.base_url, query, self.clock())
        if area in settings.forbidden:
            raise Refusal(401, "The consumer isn't authorized to access %resources.", {"resources": area})

    def _view(self, store: str) -> View:
        found = VIEWS[0] if store == "all" else next((one for one in VIEWS if one.code == store), None)
        if found is None:
            raise Refusal(404, "The store that was requested wasn't found. Verify the store and try again.")
        return found

    def _views(self) -> list[View]:
        return [one for one in VIEWS if one.website_id <= self.settings.websites]

    def _search(self, area: str, table: Any, shown: Callable[[Row], Row] = lambda row: row) -> Row:
        fault = self.take(*PAGES)
        kind, key = fault.kind if fault else "", LISTS[area]
        asked = criteria.read(request.args.to_dict(), self.settings.max_page_size)
        if kind == "ignore_filter":
            groups = [group for group in asked.groups if all(one.field != "updated_at" for one in group)]
            asked = asked._replace(groups=groups)
        fields = {name: name for name in (*_FIELDS, *_MORE)} | {"entity_id": key}
        found = criteria.chosen([row for row in table.values() if row is not None], asked, fields)
        size = asked.size or len(found) or 1
        pages = max(1, -(-len(found) // size))
        number = min(asked.page, pages) if self.settings.clamps else asked.page
        items = window(found, (max(number, 1) - 1) * size, size, fault)
        if any(row[key] in self.shop.bad.get(area, ()) for row in items):
            raise Refusal(500, _FAULT)
        rows: Any = [shown(row) for row in items]
        if not rows and self.settings.null_items:
            rows = None
        return _projected({"items": rows, "search_criteria": asked.row(), "total_count": len(found)})

    # single records

    def _create_customer(self, view: View) -> Row:
        body = _sent("customer")
        flag = (body.get("extension_attributes") or {}).get("is_subscribed")
        return self.shop.alone(self.shop.create(body, view, subscribes=flag if isinstance(flag, bool) else None))

    def _put_customer(self, view: View, number: int) -> Row:
        return self.shop.alone(self.shop.replace(number, _sent("customer"), view))

    def _drop_customer(self, _view: View, number: int) -> bool:
        self.shop.delete(number)
        return True

    def _by_sku(self, sku: str) -> Row | None:
        return next((row for row in self.shop.products.values() if row["sku"] == sku), None)

    def _put_product(self, _view: View, sku: str) -> Row:
        return self.shop.put_product(self._one(self._by_sku(sku))["id"], _sent("product"))

    def _drop_product(self, _view: View, sku: str) -> bool:
        self.shop.drop_product(self._one(self._by_sku(sku))["id"])
        return True

    def _one(self, row: Row | None) -> Row:
        if row is None:
            raise Refusal(404, "The entity that was requested doesn't exist. Verify the entity and try again.")
        return row

    def _hooks(self) -> Any:
        if not self.settings.module:
            raise Refusal(404, "Request does not match any route.")
        return self.telling.hooks

    def _put_hook(self, number: int | None) -> Row:
        self._hooks()
        return self.telling.shown(self.telling.put_hook(number, _sent("webhook")))

    def _config(self, view: View) -> Row:
        address = request.host_url
        media = {"base_media_url": f"{address}media/", "secure_base_media_url": f"{address}media/"}
        known = {"id": view.id, "code": view.code, "website_id": view.website_id, "timezone": self.settings.timezone}
        currency = {"base_currency_code": self.settings.currency}
        shown = {"default_display_currency_code": self.settings.shown_currency}
        return {**known, **currency, **shown, **media, "base_url": address, "secure_base_url": address}

    def _version(self) -> Response:
        text = self.settings.version
        return Response(text, content_type="text/html") if text else page("404 Not Found", "Not found.", 404)

    def _token(self) -> Response:
        try:
            token = self.tokens.grant(request.form.to_dict(), request.headers.get("Authorization", ""))
        except OAuthError as error:
            return reply({"error": error.error, "error_description": error.description}, error.status)
        return reply({"access_token": token.value, "token_type": "bearer", "expires_in": 86_399})

    def _pem(self, path: str) -> Response:
        return Response(self.telling.pems[path]) if path in PATHS else page("404 Not Found", "Not found.", 404)


def _websites(views: Sequence[View]) -> list[Row]:
    return [
        {"id": number, "code": code, "name": code.title(), "default_group_id": number}
        for number, code in sorted({(one.website_id, one.website) for one in views})
    ]


def _view(one: View) -> Row:
    known = {"id": one.id, "code": one.code, "name": one.code.title(), "website_id": one.website_id}
    return {**known, "store_group_id": one.website_id, "is_active": 1}


def _sent(name: str) -> Row:
    """Return the object of a body.

    Raises:
        Refusal: 400; there is none.
    """
    body = request.get_json(force=True, silent=True)
    found = body.get(name) if isinstance(body, Mapping) else None
    if not isinstance(found, dict):
        raise Refusal(400, '"%fieldName" is required. Enter and try again.', {"fieldName": name})
    return found


def _projected(body: Row) -> Row:
    """Return what `fields` asks for: `items[id,email],total_count`; nested fields are given whole."""
    text = request.args.get("fields", "")
    if not text:
        return body
    names = text.partition("items[")[2].partition("]")[0].split(",") if "items[" in text else []
    items = (
        [{name: row[name] for name in names if name in row} for row in body["items"] or ()] if names else body["items"]
    )
    kept = {name: body[name] for name in ("total_count", "search_criteria") if name in text}
    return {"items": items, **kept} if "items" in text else kept


def _refused(refusal: Refusal) -> Response:
    return reply(refusal.body(), refusal.status)
