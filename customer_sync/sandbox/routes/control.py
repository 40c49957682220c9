"""`/sandbox`: switches, acts of people, and oracles. No key is asked for: this is a tool on a loopback address."""

from __future__ import annotations

import sys
from typing import Final

from flask import Response, request

from customer_sync.model import Json
from customer_sync.sandbox import paging
from customer_sync.sandbox.answers import Row, as_json, body_object, invalid, not_found, nothing, raw_json
from customer_sync.sandbox.contact import Contact, page_of
from customer_sync.sandbox.faults import KINDS
from customer_sync.sandbox.import_run import FATES
from customer_sync.sandbox.limits import PLANS, Allowance
from customer_sync.sandbox.routes import Route
from customer_sync.sandbox.state import Sandbox


def ready(_sandbox: Sandbox) -> Response:
    """Say that calls are answered."""
    return as_json({"ready": True})


def state(sandbox: Sandbox) -> Response:
    """Return every contact in one JSON; with `limit` and `offset` a part of them, in the order of creation."""
    first, limit = paging.number("offset", 0), paging.number("limit", sys.maxsize)
    with sandbox.lock:
        count = len(sandbox.contacts.roll.all)
        contacts = sandbox.contacts.roll.all[first : first + limit]
        show = sandbox.show if sandbox.switches.consent_groups else Contact.json
    return raw_json(page_of(contacts, count, show))


def calls(sandbox: Sandbox) -> Response:
    """Return totals and the newest calls."""
    limit = paging.number("limit", 1000)
    with sandbox.lock:
        return as_json(sandbox.calls.summary(limit))


def forget_calls(sandbox: Sandbox) -> Response:
    """Start counting calls afresh."""
    with sandbox.lock:
        sandbox.calls.clear()
    return nothing()


def mailable(sandbox: Sandbox) -> Response:
    """Return every moment at which somebody who had left could be mailed again, how and by which call.

    With `email` only of those people, with `how` only of those ways (see `mailable.WAYS`). `count` is how many there
    are, `limit` how many are shown, the newest of them.
    """
    ways = request.args.getlist("how")
    emails = {one.strip().lower() for one in request.args.getlist("email")}
    limit = paging.number("limit", sys.maxsize)
    with sandbox.lock:
        rows = sandbox.history.all()
    if emails:
        rows = [row for row in rows if row["email"] in emails]
    if ways:
        rows = [row for row in rows if row["how"] in ways]
    shown: list[Json] = [*rows[max(len(rows) - limit, 0) :]]
    return as_json({"mailable": shown, "count": len(rows)})


def imported(sandbox: Sandbox) -> Response:
    """Return what became of the rows of all completed imports, which the API tells nobody."""
    with sandbox.lock:
        found: Row = {fate: sandbox.jobs.rows[fate] for fate in FATES}
        total = sum(sandbox.jobs.rows.values())
    return as_json({"rows": total, **found})


def webhooks(sandbox: Sandbox) -> Response:
    """Return the webhook calls that were made or wait, oldest first."""
    with sandbox.lock:
        rows: list[Json] = [delivery.row() for delivery in sandbox.webhooks.log]
    return as_json({"deliveries": rows})


def shop(sandbox: Sandbox, table: str) -> Response:
    """Return all orders, products, categories, events or mails."""
    with sandbox.lock:
        if table not in sandbox.shop:
            raise not_found(f"one of {', '.join(sandbox.shop)}")
        rows: list[Json] = list(sandbox.shop[table].rows.values())
    return as_json({table: rows, "count": len(rows)})


def automations(sandbox: Sandbox) -> Response:
    """Return how often workflows were started, by orders that were not historical and by events; newest first."""
    limit = paging.number("limit", 1000)
    with sandbox.lock:
        counts: Row = {kind: sandbox.automations.counts[kind] for kind in ("orders", "events")}
        total = sum(sandbox.automations.counts.values())
        fired: list[Json] = [*sandbox.automations.newest(limit)]
    return as_json({"count": total, **counts, "fired": fired})


def mails(sandbox: Sandbox) -> Response:
    """Return each transactional mail to one receiver, oldest first, and how the receiver stood at that moment."""
    emails = {one.strip().lower() for one in request.args.getlist("email")}
    with sandbox.lock:
        rows: list[Json] = [row for row in sandbox.mails.rows() if not emails or row["to"] in emails]
    return as_json({"mails": rows, "count": len(rows)})


def reset(sandbox: Sandbox) -> Response:
    """Go back to a new account."""
    sandbox.reset()
    return nothing()


def list_faults(sandbox: Sandbox) -> Response:
    """Return the faults that are on, and the kinds there are."""
    with sandbox.lock:
        rows: list[Json] = [fault.row() for fault in sandbox.faults.active]
    kinds: Row = dict(KINDS)
    return as_json({"faults": rows, "kinds": kinds})


def add_fault(sandbox: Sandbox) -> Response:
    """Switch a fault on."""
    body = body_object()
    with sandbox.lock:
        try:
            return as_json(sandbox.faults.add(body).row(), 201)
        except ValueError as error:
            raise invalid(str(error)) from error


def clear_faults(sandbox: Sandbox, fault_id: int | None = None) -> Response:
    """Switch one fault off, or all."""
    with sandbox.lock:
        sandbox.faults.clear(fault_id)
    return nothing()


def set_limits(sandbox: Sandbox) -> Response:
    """Choose a plan, with single buckets replaced: `{"plan": "general", "buckets": {"contacts": [5, null]}}`."""
    body = body_object()
    plan = str(body.get("plan", sandbox.limits.plan))
    buckets = body.get("buckets", {})
    if plan not in PLANS or not isinstance(buckets, dict):
        raise invalid(f"plan: one of {', '.join(PLANS)}; buckets: an object")
    with sandbox.lock:
        sandbox.limits.choose(plan, {name: _allowance(pair) for name, pair in buckets.items()})
    return nothing()


def download(sandbox: Sandbox, name: str) -> Response:
    """Return a CSV file: of refused rows, or of an export; in pieces where a range is asked for."""
    with sandbox.lock:
        row = sandbox.files.rows.get(name)
    if row is None:
        raise not_found("no such file")
    raw = str(row["text"]).encode()
    asked = request.range.range_for_length(len(raw)) if request.range else None
    if request.range and asked is None:
        return Response(status=416, headers={"Content-Range": f"bytes */{len(raw)}"})
    start, end = asked or (0, len(raw))
    reply = Response(raw[start:end], 206 if asked else 200, content_type="text/csv; charset=utf-8")
    if asked:
        reply.headers["Content-Range"] = f"bytes {start}-{end - 1}/{len(raw)}"
    return reply


def _allowance(pair: Json) -> Allowance:
    if not isinstance(pair, list) or len(pair) != 2 or not all(one is None or isinstance(one, int) for one in pair):
        raise invalid("a bucket is [calls a second, calls an hour]")
    second, hour = pair
    return (second if isinstance(second, int) else None, hour if isinstance(hour, int) else None)


ROUTES: Final[tuple[Route, ...]] = (
    ("GET", "/sandbox/ready", ready),
    ("GET", "/sandbox/state", state),
    ("GET", "/sandbox/calls", calls),
    ("DELETE", "/sandbox/calls", forget_calls),
    ("GET", "/sandbox/mailable", mailable),
    ("GET", "/sandbox/imports", imported),
    ("GET", "/sandbox/webhooks", webhooks),
    ("GET", "/sandbox/shop/<table>", shop),
    ("GET", "/sandbox/automations", automations),
    ("GET", "/sandbox/mails", mails),
    ("POST", "/sandbox/reset", reset),
    ("GET", "/sandbox/faults", list_faults),
    ("POST", "/sandbox/faults", add_fault),
    ("DELETE", "/sandbox/faults", clear_faults),
    ("DELETE", "/sandbox/faults/<int:fault_id>", clear_faults),
    ("POST", "/sandbox/limits", set_limits),
    ("GET", "/sandbox/files/<name>", download),
)
