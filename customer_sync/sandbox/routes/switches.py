"""`/sandbox/switches`: how this account behaves."""

from __future__ import annotations

from typing import Final

from flask import Response

from customer_sync.sandbox import switches
from customer_sync.sandbox.answers import as_json, body_object, invalid, nothing
from customer_sync.sandbox.routes import Route
from customer_sync.sandbox.state import Sandbox


def list_all(sandbox: Sandbox) -> Response:
    """Return every switch: its value, the values it takes, what it plays and where its default comes from."""
    with sandbox.lock:
        return as_json({"switches": switches.describe(sandbox.switches)})


def change(sandbox: Sandbox) -> Response:
    """Set switches by name: `{"import_blocks": "lift_both"}`. All are set or none."""
    body = body_object()
    with sandbox.lock:
        try:
            switches.change(sandbox.switches, body)
        except ValueError as error:
            raise invalid(str(error)) from error
        return as_json({"switches": switches.describe(sandbox.switches)})


def restore(sandbox: Sandbox) -> Response:
    """Set every switch back to what the sandbox started with."""
    with sandbox.lock:
        sandbox.restore_switches()
    return nothing()


ROUTES: Final[tuple[Route, ...]] = (
    ("GET", "/sandbox/switches", list_all),
    ("POST", "/sandbox/switches", change),
    ("DELETE", "/sandbox/switches", restore),
)
