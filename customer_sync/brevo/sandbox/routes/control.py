"""`/sandbox`: switches, acts of people, and oracles. No key is asked for: this is a tool on a loopback address."""

from __future__ import annotations

import sys
from typing import Final

from flask import Response, request

from customer_sync.brevo.sandbox import paging
from customer_sync.brevo.sandbox.answers import Row, as_json, body_object, invalid, not_found, nothing, raw_json
from customer_sync.brevo.sandbox.contact import Contact, Write, page_of
from customer_sync.brevo.sandbox.contact_body import list_ids
from customer_sync.brevo.sandbox.faults import KINDS
from customer_sync.brevo.sandbox.identifiers import EMAIL
from customer_sync.brevo.sandbox.limits import PLANS, Allowance
from customer_sync.brevo.sandbox.routes import Route
from customer_sync.brevo.sandbox.state import Sandbox
from customer_sync.model import Json

#: act of a person → the webhook event and what is added to it.
ACTS: Final[dict[str, tuple[str, Row]]] = {
    "unsubscribe": ("unsubscribed", {}),
    "spam": ("spam", {"reason": "complaint"}),
    "hard_bounce": ("hardBounce", {"reason": "550 5.1.1 no such mailbox"}),
}


def ready(_sandbox: Sandbox) -> Response:
    """Say that calls are answered."""
    return as_json({"ready": True})


def state(sandbox: Sandbox) -> Response:
    """Return every contact in one JSON; with `limit` and `offset` a part of them, in the order of creation."""
    first, limit = paging.number("offset", 0), paging.number("limit", sys.maxsize)
    with sandbox.lock:
        count = len(sandbox.contacts.roll.all)
        contacts = sandbox.contacts.roll.all[first : first + limit]
    return raw_json(page_of(contacts, count))


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
    """Return every moment at which somebody who was blocked could be mailed again; with `email` only of those people.

    `count` is how many there are, `limit` how many are shown, the newest of them.
    """
    emails = {one.strip().lower() for one in request.args.getlist("email")}
    limit = paging.number("limit", sys.maxsize)
    with sandbox.lock:
        rows = sandbox.history.all()
    if emails:
        rows = [row for row in rows if isinstance(row, dict) and row["email"] in emails]
    return as_json({"mailable": rows[max(len(rows) - limit, 0) :], "count": len(rows)})


def imported(sandbox: Sandbox) -> Response:
    """Return what became of the rows of all completed imports, which the API tells nobody."""
    with sandbox.lock:
        found: Row = {name: sandbox.rows[name] for name in ("created", "updated", "untouched", "refused")}
    return as_json({"rows": sum(sandbox.rows.values()), **found})


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


def act(sandbox: Sandbox, name: str) -> Response:
    """Do what a person does: leave everything, or with `list_ids` single lists; complain; have no mailbox."""
    body = body_object()
    with sandbox.lock:
        contact = sandbox.contacts.find(EMAIL, str(body.get("email", "")).strip().lower())
        if contact is None or name not in ACTS:
            raise not_found("Contact does not exist" if name in ACTS else f"one of {', '.join(ACTS)}")
        lists = list_ids(body, "list_ids")
        if lists:
            _leave_lists(sandbox, contact, lists)
        else:
            sandbox.contacts.update(contact, Write(email_blacklisted=True), sandbox.now_ms())
        event, more = ACTS[name]
        sandbox.emit(event, contact, **_mail_facts(sandbox), list_id=list(lists or contact.list_ids), **more)
    return nothing()


def download(sandbox: Sandbox, name: str) -> Response:
    """Return a CSV file of refused rows."""
    with sandbox.lock:
        row = sandbox.files.rows.get(name)
    if row is None:
        raise not_found("no such file")
    return Response(str(row["text"]), content_type="text/csv; charset=utf-8")


def _leave_lists(sandbox: Sandbox, contact: Contact, lists: tuple[int, ...]) -> None:
    left = tuple(dict.fromkeys((*contact.list_unsubscribed, *lists)))

    def leave(one: Contact) -> None:
        one.list_unsubscribed = left
        sandbox.contacts.roll.touch(one, sandbox.now_ms())

    sandbox.contacts.change_all([contact], leave)
    sandbox.contacts.update(contact, Write(remove_lists=lists), sandbox.now_ms())


def _mail_facts(sandbox: Sandbox) -> Row:
    """What every marketing event says of the mail it is about."""
    now = int(sandbox.clock())
    sent: Row = {"camp_id": 1, "campaign name": "Sandbox campaign", "tag": "", "segment_ids": [], "ts_event": now}
    return {**sent, "ts_sent": now}


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
    ("POST", "/sandbox/reset", reset),
    ("GET", "/sandbox/faults", list_faults),
    ("POST", "/sandbox/faults", add_fault),
    ("DELETE", "/sandbox/faults", clear_faults),
    ("DELETE", "/sandbox/faults/<int:fault_id>", clear_faults),
    ("POST", "/sandbox/limits", set_limits),
    ("POST", "/sandbox/<any(unsubscribe, spam, hard_bounce):name>", act),
    ("GET", "/sandbox/files/<name>", download),
)
