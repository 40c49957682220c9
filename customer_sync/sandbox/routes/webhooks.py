"""`/webhooks`: who is told what."""

from __future__ import annotations

from typing import Final

from flask import Response, request

from customer_sync.model import Json
from customer_sync.sandbox import times
from customer_sync.sandbox.answers import Row, as_json, body_object, invalid, missing, not_found, nothing
from customer_sync.sandbox.routes import Route
from customer_sync.sandbox.state import Sandbox
from customer_sync.sandbox.webhooks_out import EVENTS, TRANSACTIONAL

#: type → the events it may be registered for.
ALLOWED: Final = {
    "marketing": frozenset(EVENTS),
    "transactional": TRANSACTIONAL | {"reply"},
    "inbound": frozenset({"inboundEmailProcessed"}),
}
MOST = 40
_OPTIONAL: Final = ("description", "headers", "auth", "batched", "domain")


def list_all(sandbox: Sandbox) -> Response:
    """Return the webhooks of one type: transactional when none is asked for."""
    kind = request.args.get("type", "transactional")
    if kind not in ALLOWED:
        raise invalid("type is invalid")
    with sandbox.lock:
        rows: list[Json] = [row for row in sandbox.webhooks.table.rows.values() if row["type"] == kind]
    if request.args.get("sort", "desc") == "desc":
        rows.reverse()
    return as_json({"webhooks": rows})


def create(sandbox: Sandbox) -> Response:
    """Register a webhook."""
    body = body_object()
    kind = body.get("type", "transactional")
    if kind not in ALLOWED:
        raise invalid("type is invalid")
    if body.get("channel", "email") not in ("email", "sms"):
        raise invalid("channel is invalid")
    url, events = _url(body), _events(body, str(kind))
    with sandbox.lock:
        at = times.iso(sandbox.now_ms())
        if len(sandbox.webhooks.table.rows) >= MOST:
            raise invalid(f"Maximum {MOST} webhooks are allowed")
        hook_id = sandbox.webhooks.table.next_id()
        row: Row = {"id": hook_id, "type": kind, "channel": body.get("channel", "email"), "url": url, "events": events}
        more: Row = {name: body[name] for name in _OPTIONAL if name in body}
        times_at: Row = {"createdAt": at, "modifiedAt": at}
        sandbox.webhooks.table.put(hook_id, {**row, "description": "", **more, **times_at})
    return as_json({"id": hook_id}, 201)


def read(sandbox: Sandbox, webhook_id: int) -> Response:
    """Return one webhook."""
    with sandbox.lock:
        return as_json(_existing(sandbox, webhook_id))


def update(sandbox: Sandbox, webhook_id: int) -> Response:
    """Change a webhook; its type stays."""
    body = body_object()
    with sandbox.lock:
        row = dict(_existing(sandbox, webhook_id))
        if "url" in body:
            row["url"] = _url(body)
        if "events" in body:
            row["events"] = _events(body, str(row["type"]))
        row.update({name: body[name] for name in _OPTIONAL if name in body})
        row["modifiedAt"] = times.iso(sandbox.now_ms())
        sandbox.webhooks.table.put(webhook_id, row)
    return nothing()


def delete(sandbox: Sandbox, webhook_id: int) -> Response:
    """Delete a webhook."""
    with sandbox.lock:
        _existing(sandbox, webhook_id)
        sandbox.webhooks.table.drop(webhook_id)
    return nothing()


def _existing(sandbox: Sandbox, webhook_id: int) -> Row:
    row = sandbox.webhooks.table.rows.get(webhook_id)
    if row is None:
        raise not_found("Webhook ID does not exist")
    return row


def _url(body: Row) -> Json:
    url = body.get("url")
    if not isinstance(url, str):
        raise missing("url is missing")
    if not url.startswith(("http://", "https://")):
        raise invalid("url is invalid")
    return url


def _events(body: Row, kind: str) -> Json:
    events = body.get("events")
    if not isinstance(events, list) or not events:
        raise missing("events are missing")
    unknown = [one for one in events if one not in ALLOWED[kind]]
    if unknown:
        raise invalid(f"Invalid event {unknown[0]} for type {kind}")
    return events


ROUTES: Final[tuple[Route, ...]] = (
    ("GET", "/webhooks", list_all),
    ("POST", "/webhooks", create),
    ("GET", "/webhooks/<int:webhook_id>", read),
    ("PUT", "/webhooks/<int:webhook_id>", update),
    ("DELETE", "/webhooks/<int:webhook_id>", delete),
)
