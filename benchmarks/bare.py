"""The bare route: the same server, the same framework, and nothing done."""

from __future__ import annotations

from flask import Flask, Response


def create_app() -> Flask:
    """Return a Flask application whose webhook route answers at once."""
    app = Flask(__name__)

    @app.post("/webhooks/<source>")
    def receive(source: str) -> Response:  # noqa: ARG001  # the route has it, as ours has
        return Response(b"", 200, content_type="text/plain; charset=utf-8")

    return app
