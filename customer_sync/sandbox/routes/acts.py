"""`/sandbox/acts`: what people do in Brevo without a call of the API."""

from __future__ import annotations

from typing import Final

from flask import Response

from customer_sync.sandbox import acts
from customer_sync.sandbox.answers import Row, as_json, body_object, not_found, nothing
from customer_sync.sandbox.routes import Route
from customer_sync.sandbox.state import Sandbox


def list_all(_sandbox: Sandbox) -> Response:
    """Return what people can do, what each act takes and the webhook that it fires."""
    rows: Row = {
        name: {"plays": act.plays, "takes": list(act.takes), "event": act.event} for name, act in acts.ALL.items()
    }
    return as_json({"acts": rows})


def carry_out(sandbox: Sandbox, name: str) -> Response:
    """Let somebody do something: `{"email": ..., "ago_s": 0, "webhook": true}` and what the act takes."""
    body = body_object()
    with sandbox.lock:
        acts.carry_out(sandbox, name, body)
    return nothing()


def delete_list(sandbox: Sandbox, list_id: int) -> Response:
    """Delete a list by hand, which Brevo tells nobody."""
    with sandbox.lock:
        if list_id not in sandbox.lists.lists.rows:
            raise not_found("List ID does not exist")
        sandbox.contacts.empty_list(list_id, sandbox.now_ms())
        sandbox.lists.lists.drop(list_id)
    return nothing()


ROUTES: Final[tuple[Route, ...]] = (
    ("GET", "/sandbox/acts", list_all),
    ("POST", "/sandbox/acts/<name>", carry_out),
    ("DELETE", "/sandbox/lists/<int:list_id>", delete_list),
    ("POST", "/sandbox/<any(unsubscribe, spam, hard_bounce):name>", carry_out),
)
