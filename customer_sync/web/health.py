"""`/healthz` (the process lives) and `/readyz` (requests can be kept), as text or as JSON."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, request

from customer_sync.operate.figures import Verdict, findings
from customer_sync.operate.figures.verdict import SHUT
from customer_sync.web.watch import Watch


def blueprint(watch: Watch) -> Blueprint:
    """Return the routes for machines that watch."""
    routes = Blueprint("health", __name__)

    @routes.get("/healthz")
    def healthz() -> Response:
        return _answer("ok")

    @routes.get("/readyz")
    def readyz() -> Response:
        """Answer 200 while requests can be kept, wherever: a balancer that turned them away would lose them.

        Of all that may be wrong only the codes in `SHUT` make it 503. The others are named: they are for people.
        """
        look = watch.look()
        grave = [one for one in findings(look.figures) if one.level == "down"]
        if any(one.code in SHUT for one in grave):
            return _answer("not ready", "none", grave, 503)
        return _answer("ready", "" if look.figures.redis.is_up else "spool", grave)

    return routes


def _answer(status: str, note: str = "", grave: list[Verdict] | None = None, code: int = 200) -> Response:
    text = " ".join(f"{one.text} {one.remedy}" for one in grave or ())
    if request.accept_mimetypes.best_match(["text/plain", "application/json"]) == "application/json":
        codes = [one.code for one in grave or ()]
        response = jsonify({"status": status, "note": note, "text": text, "down": codes})
        response.status_code = code
        return response
    return Response(f"{status}{': ' if text else ''}{text}\n", code, content_type="text/plain; charset=utf-8")
