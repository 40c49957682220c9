"""The routes around a shop."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

import orjson
from flask import Flask, Response

from customer_sync.demo.stores.shopify import admin, control
from customer_sync.demo.stores.shopify.downloads import download
from customer_sync.demo.stores.shopify.settings import Settings
from customer_sync.demo.stores.shopify.shop import Shop
from customer_sync.serving import whole


class FakeShop(Shop):
    """A shop that answers requests.

    Args:
        settings: how it behaves.
        clock: seconds since 1970.
    """

    def __init__(self, settings: Settings | None = None, clock: Callable[[], float] = time.time) -> None:
        super().__init__(settings, clock)
        #: The Flask app; `app.test_client()` calls it without a server.
        self.app = _app(self)
        self._whole = whole(self.app)

    def wsgi(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answer a request of a server: files as a stream, all else in one piece."""
        answer = self.app if environ["PATH_INFO"].endswith(".jsonl") else self._whole
        return answer(environ, start_response)


def _app(shop: Shop) -> Flask:
    app = Flask("shopify", static_folder=None)
    add = app.add_url_rule
    add("/admin/oauth/access_token", "token", partial(admin.access_token, shop), methods=["POST"])
    add("/admin/oauth/authorize", "authorize", partial(admin.authorize, shop), methods=["GET"])
    add("/admin/api/<version>/graphql.json", "graphql", partial(admin.graphql, shop), methods=["POST"])
    add("/bulk/<int:number>/<key>.jsonl", "download", partial(download, shop), methods=["GET"])
    for method, path, answer in control.ROUTES:
        add(path, f"{method} {path}", partial(answer, shop), methods=[method])
    app.register_error_handler(control.BadRequest, _bad_request)
    app.register_error_handler(admin.BrokenConnection, lambda _: _break_off())
    return app


def _break_off() -> Response:
    """Return an answer that the client sees break off: its head promises a byte that never comes.

    The server may have sent the head by then, so it is one that nobody takes for a success.
    """
    return Response(_broken(), 520, {"Content-Length": "1"}, direct_passthrough=True)


def _broken() -> Iterator[bytes]:
    for _ in (0,):
        raise ConnectionResetError
    yield b""


def _bad_request(error: control.BadRequest) -> Response:
    return Response(orjson.dumps({"error": str(error)}), 400, content_type="application/json")
