"""`/healthz` (the process lives) and `/readyz` (requests can be kept), as text or as JSON."""

from __future__ import annotations

import shutil
import sqlite3

from flask import Blueprint, Response, jsonify, request

from customer_sync.web.services import Services
from customer_sync.web.watch import Watch

#: The room on the disk below which the spool does not count as writable, in bytes: a few of the largest requests.
MIN_FREE_BYTES = 64 * 1024 * 1024


def blueprint(services: Services, watch: Watch) -> Blueprint:
    """Return the routes for machines that watch."""
    routes = Blueprint("health", __name__)

    @routes.get("/healthz")
    def healthz() -> Response:
        return _answer("ok")

    @routes.get("/readyz")
    def readyz() -> Response:
        """Answer 200 while requests can be kept, wherever: a balancer that turned them away would lose them.

        With a Redis that can never be used the answer is 503: a roll-out must stop there.
        """
        known = watch.look().figures.redis
        if known.is_up:
            return _answer("ready")
        why = f"{known.reason} {known.remedy}" if known.reason else "Redis does not answer."
        if known.is_wrong:
            return _answer("not ready", "none", why, 503)
        if is_spool_writable(services):
            return _answer("ready", "spool", f"{why} Requests go to the spool.")
        return _answer("not ready", "none", "Neither Redis nor the spool takes requests.", 503)

    return routes


def is_spool_writable(services: Services) -> bool:
    """Tell whether the spool would take a request: its file opens for writing and the disk has room."""
    try:
        services.spool.append([])
        return shutil.disk_usage(services.home).free >= MIN_FREE_BYTES
    except (sqlite3.Error, OSError):
        return False


def _answer(status: str, note: str = "", text: str = "", code: int = 200) -> Response:
    if request.accept_mimetypes.best_match(["text/plain", "application/json"]) == "application/json":
        response = jsonify({"status": status, "note": note, "text": text})
        response.status_code = code
        return response
    return Response(f"{text or status}\n", code, content_type="text/plain; charset=utf-8")
