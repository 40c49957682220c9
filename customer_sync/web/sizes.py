"""How large the body of a request may be that is no webhook: as the call says, for who shows a key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from flask import Flask
from werkzeug.exceptions import HTTPException
from werkzeug.routing import RoutingException

from customer_sync.web.guard import Guard


class Sizes:
    """Knows it of each route.

    Args:
        app: has the routes.
        guard: knows the keys.
        larger: route → how large its bodies may be, in bytes, where that is more than forms need.
    """

    def __init__(self, app: Flask, guard: Guard, larger: Mapping[str, int]) -> None:
        self._app = app
        self._guard = guard
        self._larger: Final = larger

    def of(self, verb: str, path: str, authorization: str) -> int:
        """Return how large a body may be, in bytes: what a stranger sends is never held beyond the size of a form."""
        forms: int = self._app.config["MAX_CONTENT_LENGTH"]
        try:
            route, _ = self._app.url_map.bind("localhost").match(path, method=verb)
        except (HTTPException, RoutingException):
            return forms
        larger = self._larger.get(route, forms)
        return larger if larger > forms and self._guard.has_key(authorization) else forms
