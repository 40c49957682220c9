"""The WSGI app: which part of WordPress answers a path, and what may go wrong on the way."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from customer_sync.demo.stores.woocommerce import control, rest
from customer_sync.demo.stores.woocommerce.access import ApiKey, Request
from customer_sync.demo.stores.woocommerce.answers import HEADERS, JSON, Answer, Row, WpError, page
from customer_sync.demo.stores.woocommerce.authorize import authorize
from customer_sync.demo.stores.woocommerce.faults import AFTER, BEFORE, answer_of, spoil
from customer_sync.demo.stores.woocommerce.listing import Place
from customer_sync.demo.stores.woocommerce.params import parse_query
from customer_sync.demo.stores.woocommerce.resource import Call

if TYPE_CHECKING:
    from customer_sync.demo.stores.woocommerce.store import FakeStore

#: The longest body that is read.
MAX_BODY: Final = 8 << 20
_PRETTY: Final = ("/wp-json", "/index.php/wp-json")


class App:
    """The store over HTTP (PEP 3333).

    Args:
        store: the store.
    """

    def __init__(self, store: FakeStore) -> None:
        self._store = store

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answer one request. After a fault the body may raise `ConnectionResetError`: nothing is to be answered."""
        self._store.seen_at = f"http://{environ.get('HTTP_HOST') or environ['SERVER_NAME']}"
        try:
            answer, body = self._answered(environ)
        except ConnectionResetError as error:
            start_response("520 Broken", [("Content-Length", "1")])
            return _Broken(error)
        is_head = environ["REQUEST_METHOD"] == "HEAD"
        common = HEADERS if answer.content_type == JSON else {}
        headers = {**common, "Content-Type": answer.content_type, "Content-Length": str(len(body)), **answer.headers}
        start_response(f"{answer.status} {HTTPStatus(answer.status).phrase}", list(headers.items()))
        return [b"" if is_head else body]

    def _answered(self, environ: dict[str, Any]) -> tuple[Answer, bytes]:
        path, query = environ.get("PATH_INFO", "/"), parse_query(environ.get("QUERY_STRING", ""))
        if path.startswith("/fake/"):
            answer = control.answer(self._store, environ["REQUEST_METHOD"], path, query, _body(environ))
        elif path.rstrip("/") == "/wc-auth/v1/authorize":
            answer = authorize(self._store, query)
        else:
            return self._wordpress(environ, path, query)
        return answer, answer.encoded()

    def _wordpress(self, environ: dict[str, Any], path: str, query: Row) -> tuple[Answer, bytes]:
        store, method = self._store, environ["REQUEST_METHOD"].replace("HEAD", "GET")
        route = self._route(path, query)
        if route is None:
            return (answer := page("Page not found", "Nothing was found at this location.", 404)), answer.encoded()
        shown_by, status = "none", 0
        with store.lock:
            in_second = store.calls.arrive(store.now())
        try:
            answer, shown_by = self._answer(environ, method, route, query, in_second)
            status, body = answer.status, answer.encoded()
            with store.lock:
                fault = store.faults.take(AFTER, method, route)
            return answer, spoil(fault, body) if fault else body
        finally:
            with store.lock:
                told = {"at": store.now(), "method": method, "route": route, "query": query}
                store.calls.add({**told, "auth": shown_by, "status": status})

    def _route(self, path: str, query: Row) -> str | None:
        """Return the route of the REST API that a path means; None when it means a page for people."""
        route = query.get("rest_route")
        if isinstance(route, str) and path in {"/", "/index.php"}:
            return route
        for prefix in _PRETTY if self._store.settings.pretty_permalinks else ():
            if path == prefix or path.startswith(prefix + "/"):
                return path.removeprefix(prefix)
        return None

    def _answer(
        self, environ: dict[str, Any], method: str, route: str, query: Row, in_second: int
    ) -> tuple[Answer, str]:
        """Return what is answered, and how the caller showed a key."""
        store, shown_by = self._store, "none"
        try:
            with store.lock:
                fault = store.faults.take(BEFORE, method, route)
            if fault is not None:
                if fault.kind == "slow":
                    time.sleep(float(fault.options.get("delay_s", 1)))
                elif (spoiled := answer_of(fault)) is not None:
                    return spoiled, shown_by
            if 0 < store.settings.max_per_second < in_second:
                return page("429 Too Many Requests", "Slow down.", 429, {"Retry-After": "1"}), shown_by
            key, shown_by = self._who(environ, method, route, query)
            if key is not None:
                key.check(method)
            call = Call(method, Place(route, query, store.api()), _body(environ), key)
            with self._guard(method, route):
                return rest.answer(store, call), shown_by
        except WpError as error:
            return Answer(error.body(), error.status), shown_by

    def _guard(self, method: str, route: str) -> AbstractContextManager[object]:
        """Return the store's lock; writing webhooks posts pings, which must not be done under it."""
        is_posting = method != "GET" and route.startswith("/wc/v3/webhooks")
        return nullcontext() if is_posting else self._store.lock

    def _who(self, environ: dict[str, Any], method: str, route: str, query: Row) -> tuple[ApiKey | None, str]:
        store, settings = self._store, self._store.settings
        with store.lock:
            is_lost = store.faults.take(("strip_authorization",), method, route) is not None
            header = "" if is_lost or settings.strip_authorization else environ.get("HTTP_AUTHORIZATION", "")
            path = quote(environ.get("PATH_INFO", "/").encode("latin-1"), safe="/~")
            site = store.site().rstrip("/")
            # the fake has no TLS of its own: a client that signs sees http where the store believes in https
            urls = (
                (f"{site}{path}", f"https://{site.partition('://')[2]}{path}")
                if settings.behind_tls
                else (site + path,)
            )
            key, shown_by = store.keys.who(Request(method, urls, query, header, settings.behind_tls))
        if key is not None and not route.startswith(("/wc/", "/wc-")) and route.strip("/"):
            text = "The provided API key cannot be used to access this endpoint."
            raise WpError(401, "woocommerce_rest_authentication_error", text)
        return key, shown_by


class _Broken:
    """A body that fails at its first byte: the server then closes the connection without an answer."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        raise self._error


def _body(environ: dict[str, Any]) -> Row:
    """Return the JSON object or the form of a request; {} when there is none.

    Raises:
        WpError: 400; it claims to be JSON and is not.
    """
    raw = environ["wsgi.input"].read(min(int(environ.get("CONTENT_LENGTH") or 0), MAX_BODY))
    if not raw:
        return {}
    if "json" not in environ.get("CONTENT_TYPE", ""):
        return dict(parse_query(raw.decode("utf-8", "replace")))
    try:
        value = json.loads(raw)
    except ValueError as error:
        raise WpError(400, "rest_invalid_json", "Invalid JSON body passed.") from error
    return value if isinstance(value, dict) else {}
