"""`/api/v1`: what the dashboard shows and does, for programs. `openapi.py` describes it."""

from __future__ import annotations

import base64
from collections.abc import Callable
from itertools import islice

import redis
from flask import Blueprint, Response, jsonify, request
from pydantic import BaseModel, ConfigDict, ValidationError
from werkzeug.exceptions import HTTPException

from customer_sync.base.log import get
from customer_sync.model import EventState, Json
from customer_sync.operate.figures import Figures, findings, iso
from customer_sync.store import Store
from customer_sync.store.ledger import LEDGER_ROWS, Row
from customer_sync.store.parked import Parked, fields_of, inbound_of
from customer_sync.web import receipts, runs
from customer_sync.web.openapi import document
from customer_sync.web.problems import Problem
from customer_sync.web.services import Services
from customer_sync.web.watch import Watch

log = get(__name__)

#: How many entries a list has at most.
MAX_LIMIT = 500
REDIS_AWAY = ("Redis does not answer.", "Start Redis; webhooks are kept in the spool meanwhile.")


class Choice(BaseModel):
    """Which parked things are meant: those with this reason, from this source, or both."""

    model_config = ConfigDict(extra="forbid")

    reason: str | None = None
    source: str | None = None


def blueprint(services: Services, watch: Watch) -> Blueprint:
    """Return the routes below `/api/v1`."""
    routes = Blueprint("api", __name__, url_prefix="/api/v1")
    _frame(routes)
    _readings(routes, services, watch)
    _parked(routes, services)
    runs.add_api(routes, services)
    receipts.add_api(routes, services)
    return routes


def _frame(routes: Blueprint) -> None:
    """What holds for every route: the headers, how faults are told."""

    @routes.after_request
    def protect(response: Response) -> Response:
        response.headers["Cache-Control"] = "no-store"
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response

    @routes.errorhandler(Problem)
    def told(error: Problem) -> tuple[Response, int]:
        return problem(error.status, error.error, error.remedy)

    @routes.errorhandler(redis.RedisError)
    def away(error: redis.RedisError) -> tuple[Response, int]:
        log.warning("API call without Redis", error=type(error).__name__)
        return problem(503, *REDIS_AWAY)

    @routes.errorhandler(Exception)
    def fault(error: Exception) -> tuple[Response, int]:
        if isinstance(error, HTTPException):
            return problem(error.code or 500, error.description or error.name, SEE_DOCUMENT)
        log.exception("API call failed")  # noqa: LOG004  # Flask calls this inside its own handler
        return problem(500, "A fault in this program.", "The log of the web process has the details.")


SEE_DOCUMENT = "GET /api/v1/openapi.json lists every call."


def problem(status: int, error: str, remedy: str, wait_s: int = 0) -> tuple[Response, int]:
    """Return an error as every route answers it."""
    response = jsonify({"error": error, "remedy": remedy})
    if wait_s:
        response.headers["Retry-After"] = str(wait_s)
    if status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response, status


def _readings(routes: Blueprint, services: Services, watch: Watch) -> None:
    @routes.get("/status")
    def status() -> Response:
        return jsonify(status_json(watch.look().figures))

    @routes.get("/events")
    def events() -> Response:
        limit, state, source = _limit(), _state(), request.args.get("source")
        rows = find_events(services.store(), limit, state=state, source=source)
        return jsonify({"events": [event_json(row) for row in rows]})

    @routes.get("/events/<path:event_id>")
    def event(event_id: str) -> Response:
        row = services.store().ledger.event(event_id)
        if row is None:
            raise Problem(404, "The ledger does not have this event.", f"It keeps the newest {LEDGER_ROWS} rows.")
        steps: list[Json] = [{"state": word, "at": iso(at_ms), "note": note} for word, at_ms, note in row.steps]
        return jsonify({**event_json(row), "steps": steps})

    @routes.get("/alerts")
    def alerts() -> Response:
        return jsonify({"alerts": watch.look().figures.to_json()["alerts"]})

    @routes.get("/openapi.json")
    def openapi() -> Response:
        return jsonify(document())


def _parked(routes: Blueprint, services: Services) -> None:
    def one(parked_id: str) -> Parked:
        found = services.store().parked.get(parked_id)
        if found is None:
            raise Problem(
                404, "There is no such parked thing.", "It may have been replayed; GET /api/v1/parked lists all."
            )
        return found

    @routes.get("/parked")
    def listed() -> Response:
        store, limit = services.store(), _limit()
        chosen = _chosen(request.args.get("reason"), request.args.get("source"))
        found = islice(filter(chosen, store.parked.each()), limit)
        return jsonify({"parked": [parked_json(parked) for parked in found], "count": store.parked.count()})

    @routes.get("/parked/<parked_id>")
    def shown(parked_id: str) -> Response:
        parked = one(parked_id)
        return jsonify(
            parked_json(parked)
            | ({"content": reveal(parked, services.store())} if request.args.get("reveal") == "1" else {})
        )

    @routes.post("/parked/<parked_id>/replay")
    def replayed(parked_id: str) -> Response:
        services.store().parked.replay(one(parked_id))
        log.info("parked things replayed", count=1)
        return jsonify({"replayed": 1})

    @routes.delete("/parked/<parked_id>")
    def dropped(parked_id: str) -> Response:
        services.store().parked.drop(one(parked_id))
        log.warning("parked thing dropped", parked=parked_id)
        return jsonify({"dropped": 1})

    @routes.post("/parked/replay")
    def replayed_many() -> Response:
        try:
            choice = Choice.model_validate(request.get_json(silent=True))
        except ValidationError as error:
            raise Problem(400, "The body is not understood.", 'Send {"reason": "..."} or {"source": "..."}.') from error
        if choice.reason is None and choice.source is None:
            raise Problem(400, "Nothing was chosen.", 'Send {"reason": "..."} or {"source": "..."}.')
        return jsonify({"replayed": replay_all(services.store(), choice.reason, choice.source)})


def replay_all(store: Store, reason: str | None, source: str | None) -> int:
    """Send again what is parked for a reason, from a source, or both; return how many."""
    chosen = _chosen(reason, source)
    ids = [parked.id for parked in store.parked.briefs() if chosen(parked)]
    found = 0
    for parked_id in reversed(ids):
        parked = store.parked.get(parked_id)
        if parked is not None:
            store.parked.replay(parked)
            found += 1
    log.info("parked things replayed", count=found)
    return found


def find_events(store: Store, limit: int, *, state: EventState | None, source: str | None) -> list[Row]:
    """Return the newest events of a state and a source, newest first; None means any."""
    if source is None:
        return store.ledger.events(limit, state=state)
    return [row for row in store.ledger.events(LEDGER_ROWS, state=state) if row.source == source][:limit]


def status_json(figures: Figures) -> dict[str, Json]:
    """Return the figures with all that is found, the worst first."""
    found: list[Json] = [one._asdict() for one in findings(figures)]
    return {**figures.to_json(), "verdict": found[0], "findings": found}


def event_json(row: Row) -> dict[str, Json]:
    """Return an event of the ledger."""
    return {
        "id": row.event_id,
        "source": row.source,
        "kind": row.kind,
        "topic": row.topic,
        "state": str(row.state),
        "person": row.person,
        "at": iso(row.at_ms),
        "settled_at": iso(row.settled_at_ms),
        "note": row.note,
    }


def parked_json(parked: Parked) -> dict[str, Json]:
    """Return a parked thing without what it holds of people."""
    size_bytes = len(base64.b64decode(parked.content)) if parked.what == "inbound" else len(parked.content.encode())
    return {
        "id": parked.id,
        "what": parked.what,
        "source": parked.source,
        "topic": parked.topic,
        "person": parked.person,
        "reason": parked.reason,
        "remedy": parked.remedy,
        "at": iso(parked.at_ms),
        "size_bytes": size_bytes,
    }


def reveal(parked: Parked, store: Store) -> dict[str, Json]:
    """Return what a parked thing holds, personal data too, and log that somebody looked."""
    log.warning("parked content shown", parked=parked.id)
    if parked.what == "item":
        return {"fields": {one.name: one.value for one in fields_of(parked, store.people)}}
    inbound = inbound_of(parked)
    try:
        body: dict[str, Json] = {"body": inbound.body.decode()}
    except UnicodeDecodeError:
        body = {"body_base64": base64.b64encode(inbound.body).decode()}
    headers: dict[str, Json] = dict(inbound.headers)
    return {"headers": headers, "path": inbound.path, "query": inbound.query, **body}


def _chosen(reason: str | None, source: str | None) -> Callable[[Parked], bool]:
    return lambda one: (reason is None or one.reason == reason) and (source is None or one.source == source)


def _limit() -> int:
    text = request.args.get("limit", "50")
    if not (text.isascii() and text.isdecimal() and len(text) < 5 and 1 <= int(text) <= MAX_LIMIT):
        raise Problem(400, f"`limit` is {text[:20]!r}.", f"Use a number from 1 to {MAX_LIMIT}.")
    return int(text)


def _state() -> EventState | None:
    text = request.args.get("state")
    try:
        return None if text is None else EventState(text)
    except ValueError as error:
        words = ", ".join(EventState)
        raise Problem(400, f"`state` is {text[:20] if text else ''!r}.", f"Use one of {words}.") from error
