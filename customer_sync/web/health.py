"""`/healthz` (the process lives), `/readyz` (requests can be kept) and `/metrics`."""

from __future__ import annotations

from flask import Blueprint, Response

from customer_sync.web.services import Services


def blueprint(services: Services) -> Blueprint:
    """Return the routes for machines that watch."""
    routes = Blueprint("health", __name__)

    @routes.get("/healthz")
    def healthz() -> Response:
        return Response("ok\n", content_type="text/plain")

    @routes.get("/readyz")
    def readyz() -> Response:
        if services.is_redis_up():
            return Response("ready\n", content_type="text/plain")
        return Response("Redis does not answer; requests go to the spool.\n", 503, content_type="text/plain")

    return routes
