"""The routes around a store, and which part of WordPress answers a path."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, ClassVar, Final
from urllib.parse import quote

from flask import Flask, Response, g, request

from connectors.woocommerce.fake import acts, reads
from connectors.woocommerce.fake.authorize import authorize
from connectors.woocommerce.fake.checkout import answer_shopper
from connectors.woocommerce.fake.keys import ApiKey, Shown
from connectors.woocommerce.fake.params import Query, parse_query
from connectors.woocommerce.fake.rest import KINDS, Call
from connectors.woocommerce.fake.store import Store
from connectors.woocommerce.fake.wordpress import WpError, answer, no_route
from customer_sync.kit.fakes.answers import Row, page
from customer_sync.kit.fakes.fake import Act
from customer_sync.kit.fakes.faults import Asked, Fault

_PRETTY: Final = "/wp-json"
_AREAS: Final = f"/<any({','.join(KINDS)}):area>"
_WRITES: Final = ["GET", "POST", "PUT", "PATCH", "DELETE"]


class FakeStore(Store):
    """A WooCommerce shop in memory, on the loopback."""

    #: Routes of the REST API; other paths have no slash at their beginning.
    struck = "/*"
    strikes: ClassVar = {"strip_authorization": "the `Authorization` header is lost on the way"}

    def routes(self, app: Flask) -> None:
        """Add the routes of the platform."""
        app.url_map.strict_slashes = False
        v3 = f"{_PRETTY}/wc/v3"
        self._add("many", f"{v3}{_AREAS}", ["GET", "POST"], lambda call, area: KINDS[area].many(call))
        self._add(
            "one", f"{v3}{_AREAS}/<int:number>", _WRITES, lambda call, area, number: KINDS[area].one(call, number)
        )
        self._add("batch", f"{v3}{_AREAS}/batch", _WRITES[1:4], lambda call, area: KINDS[area].batch(call))
        self._add("refunds", f"{v3}/orders/<int:number>/refunds", ["GET"], reads.refunds)
        self._add("variations", f"{v3}/products/<int:number>/variations", ["GET"], reads.variations)
        self._add("setting", f"{v3}/settings/<group>/<name>", ["GET"], reads.setting)
        self._add("store", f"{_PRETTY}/wc/store/v1/<path:route>", ["GET", "POST"], answer_shopper)
        for route, read in reads.ROUTES.items():
            self._add(route, f"{_PRETTY}{route}", ["GET"], read)
        self._add("unknown", f"{_PRETTY}/<path:route>", _WRITES, _unknown)
        app.add_url_rule("/wc-auth/v1/authorize", "authorize", lambda: authorize(self, _query()), methods=["GET"])
        app.register_error_handler(404, lambda _: self._page())
        app.register_error_handler(405, lambda _: _refused(no_route()))
        app.wsgi_app = _Permalinks(self, app.wsgi_app)  # type: ignore[method-assign]  # as Flask's manual says to do

    def acts(self) -> Sequence[Act]:
        """Return the control routes."""
        return acts.acts_of(self)

    def state(self) -> Row:
        """Return settings, keys, counts, webhooks with secret and failures, what waits."""
        return acts.state_of(self)

    # What the platform says in its own words

    def asked(self) -> Asked:
        """Return what the call is about: the route of the REST API."""
        path = request.path
        route = path.removeprefix(_PRETTY) if path.startswith(_PRETTY) else path.lstrip("/")
        return Asked(request.method.replace("HEAD", "GET"), route or "/")

    def status(self, status: int) -> Response:
        """Return an error of WordPress."""
        return _refused(
            WpError(status, "internal_server_error", "<p>There has been a critical error on this website.</p>")
        )

    def unauthorized(self) -> Response:
        """Refuse a key."""
        return _refused(WpError(401, "woocommerce_rest_authentication_error", "Consumer key is invalid."))

    def forbidden(self) -> Response:
        """Say that the key's user may not do this."""
        return _refused(WpError(403, "woocommerce_rest_cannot_view", "Sorry, you cannot list resources."))

    def strike(self, fault: Fault) -> Response | None:
        """Lose the header."""
        del fault
        g.is_stripped = True
        return None

    # One call

    def _add(self, name: str, rule: str, methods: list[str], act: Callable[..., Response]) -> None:
        self.app.add_url_rule(rule, name, lambda **named: self._answered(act, named), methods=methods)

    def _answered(self, act: Callable[..., Response], named: Row) -> Response:
        limit = self.settings.max_per_second
        if 0 < limit < g.in_second:
            return page("429 Too Many Requests", "Slow down.", 429, {"Retry-After": "1"})
        try:
            query = _query()
            key = self._who(query)
            if key is not None:
                key.check(request.method)
            with self._guard():
                return act(Call(self, g.asked.method, g.asked.path, query, _body(), key), **named)
        except WpError as error:
            return _refused(error)

    def _guard(self) -> AbstractContextManager[object]:
        """Return the store's lock; writing webhooks posts pings, which must not be done under it."""
        is_posting = g.asked.method != "GET" and g.asked.path.startswith("/wc/v3/webhooks")
        return nullcontext() if is_posting else self.lock

    def _who(self, query: Query) -> ApiKey | None:
        """Return whose key was shown, None for nobody.

        Without pretty permalinks a real shop looks at no key at all, unless the address holds `wp-json/wc/` or
        `wp-json/wc-` (seen on WooCommerce 11.0.1, 2026-11-28).
        """
        settings, path = self.settings, request.environ["woo.path"]
        is_plain = request.environ.get("woo.plain", False)
        if is_plain and settings.strict_permalinks and "wp-json/wc" not in request.query_string.decode():
            return None
        is_lost = settings.strip_authorization or getattr(g, "is_stripped", False)
        header = "" if is_lost else request.headers.get("Authorization", "")
        # the home page is signed without its slash (read in WC_REST_Authentication::check_oauth_signature, 2026-11)
        site, quoted = (
            self.site().rstrip("/"),
            quote(path.encode("latin-1"), safe="/~").removesuffix("/" * (path == "/")),
        )
        # the fake has no TLS of its own: a client that signs sees http where the store believes in https
        urls = (site + quoted, f"https://{site.partition('://')[2]}{quoted}")
        with self.lock:
            shown = Shown(g.asked.method, urls if settings.behind_tls else urls[:1], query, header, settings.behind_tls)
            key, g.auth = self.keys.who(shown)
        if key is not None and not g.asked.path.startswith(("/wc/", "/wc-")) and g.asked.path.strip("/"):
            text = "The provided API key cannot be used to access this endpoint."
            raise WpError(401, "woocommerce_rest_authentication_error", text)
        return key

    def _page(self) -> Response:
        """Return a page for people.

        Where a front controller answers everything, a pretty path without pretty permalinks is sent to itself with a
        slash, and then is a page (nginx; seen on WooCommerce 11.0.1, 2026-11-28); Apache says 404.
        """
        path = request.environ["woo.path"]
        if request.environ.get("woo.off") and self.settings.strict_permalinks:
            if not path.endswith("/"):
                return Response(status=301, headers={"Location": f"{path}/", "X-Redirect-By": "WordPress"})
            return page("Demo shop", "Hello world!")
        return page("Page not found", "Nothing was found at this location.", 404)


class _Permalinks:
    """Turns `?rest_route=` and `/index.php/wp-json` into pretty paths, and pretty ones away where there are none."""

    def __init__(self, store: Store, app: Callable[..., Iterable[bytes]]) -> None:
        self._store, self._app = store, app

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        path = environ["woo.path"] = environ.get("PATH_INFO", "/")
        route = parse_query(environ.get("QUERY_STRING", "")).get("rest_route")
        pretty = path.removeprefix("/index.php") if path.startswith(f"/index.php{_PRETTY}") else path
        if isinstance(route, str) and path in {"/", "/index.php"}:
            environ["woo.plain"], pretty = True, _PRETTY + route
        elif pretty.startswith(_PRETTY) and not self._store.settings.pretty_permalinks:
            environ["woo.off"], pretty = True, "/nothing"
        environ["PATH_INFO"] = f"{_PRETTY}/" if pretty == _PRETTY else pretty
        return self._app(environ, start_response)


def _query() -> dict[str, str | list[str]]:
    return parse_query(request.query_string.decode("utf-8", "replace"))


def _unknown(_call: Call, route: str) -> Response:
    del route
    raise no_route()


def _refused(error: WpError) -> Response:
    return answer(error.body(), error.status)


def _body() -> Row:
    """Return the JSON object or the form of a request; {} when there is none.

    Raises:
        WpError: 400; it claims to be JSON and is not.
    """
    raw = request.get_data()
    if not raw:
        return {}
    if "json" not in (request.content_type or ""):
        return dict(parse_query(raw.decode("utf-8", "replace")))
    try:
        value = json.loads(raw)
    except ValueError as error:
        raise WpError(400, "rest_invalid_json", "Invalid JSON body passed.") from error
    return value if isinstance(value, dict) else {}
