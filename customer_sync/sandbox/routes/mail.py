"""`/smtp` and `/contacts/doubleOptinConfirmation`: transactional mail, its templates, and who gets none."""

from __future__ import annotations

from typing import Final

from flask import Response, request

from customer_sync.model import Json
from customer_sync.sandbox import mails, optins, paging, times
from customer_sync.sandbox.answers import Row, as_json, body_object, missing, not_found, nothing
from customer_sync.sandbox.routes import Route
from customer_sync.sandbox.state import Sandbox


def send(sandbox: Sandbox) -> Response:
    """Take a transactional mail: 201, or 202 when it is to be sent later. A blocked receiver is no error."""
    body = body_object()
    with sandbox.lock:
        numbers, is_later = sandbox.mails.send(body, sandbox.now_ms())
    told: list[Json] = list(numbers)
    answer: Row = {"messageIds": told} if "messageVersions" in body else {"messageId": numbers[0]}
    return as_json(answer, 202 if is_later else 201)


def list_mails(sandbox: Sandbox) -> Response:
    """Return a page of what was sent to an address, with a template or as one message."""
    page = paging.page(500, 1000)
    args = request.args
    if not {"email", "templateId", "messageId"} & set(args):
        raise missing("email, templateId or messageId is missing")
    with sandbox.lock:
        rows = [row for row in sandbox.mails.rows() if row["state"] == "sent"]
    rows = [row for row in rows if row["to"] == args.get("email", str(row["to"])).lower()]
    rows = [row for row in rows if row["messageId"] == args.get("messageId", row["messageId"])]
    rows = [row for row in rows if str(row["templateId"]) == args.get("templateId", str(row["templateId"]))]
    shown: list[Json] = [_sent(row) for row in page.of(rows)]
    return as_json({"count": len(rows), "transactionalEmails": shown})


def list_templates(sandbox: Sandbox) -> Response:
    """Return a page of the templates; with `templateStatus` only the active or the others."""
    page = paging.page(50, 1000)
    with sandbox.lock:
        rows = list(sandbox.mails.templates.rows.values())
    if "templateStatus" in request.args:
        rows = [row for row in rows if row["isActive"] is (request.args["templateStatus"] == "true")]
    shown: list[Json] = list(page.of(rows))
    return as_json({"count": len(rows), "templates": shown})


def create_template(sandbox: Sandbox) -> Response:
    """Add a template."""
    body = body_object()
    with sandbox.lock:
        return as_json({"id": sandbox.mails.create_template(body, sandbox.now_ms())}, 201)


def read_template(sandbox: Sandbox, template_id: int) -> Response:
    """Return one template, and whether it is one for double opt-in."""
    with sandbox.lock:
        row = sandbox.mails.template(template_id)
        return as_json({**row, "doiTemplate": mails.is_for_optin(row)})


def update_template(sandbox: Sandbox, template_id: int) -> Response:
    """Change a template."""
    body = body_object()
    with sandbox.lock:
        sandbox.mails.update_template(template_id, body, sandbox.now_ms())
    return nothing()


def delete_template(sandbox: Sandbox, template_id: int) -> Response:
    """Delete a template that is not active."""
    with sandbox.lock:
        sandbox.mails.delete_template(template_id)
    return nothing()


def list_blocked(sandbox: Sandbox) -> Response:
    """Return a page of who gets no transactional mail, and why."""
    page = paging.page(50, 100)
    with sandbox.lock:
        rows = list(sandbox.blocked.table.rows.values())
    since, until = request.args.get("startDate"), request.args.get("endDate")
    rows = [row for row in rows if not since or str(row["blockedAt"])[:10] >= since]
    rows = [row for row in rows if not until or str(row["blockedAt"])[:10] <= until]
    shown: list[Json] = list(page.of(rows))
    return as_json({"contacts": shown, "count": len(rows)})


def unblock(sandbox: Sandbox, email: str) -> Response:
    """Let an address have transactional mail again; the block of the contact stays."""
    address = email.strip().lower()
    with sandbox.lock:
        if address not in sandbox.blocked.table.rows:
            raise not_found("Contact does not exist")
        sandbox.blocked.table.drop(address)
    return nothing()


def ask_for_optin(sandbox: Sandbox) -> Response:
    """Send the mail of a double opt-in: 201, or 204 to somebody who is a contact already."""
    body = body_object()
    with sandbox.lock:
        is_known = optins.ask(sandbox, body)
    return nothing(204 if is_known else 201)


def _sent(row: Row) -> Row:
    template: Row = {"templateId": row["templateId"]} if row["templateId"] else {}
    at = str(row["at"])
    about: Row = {
        "messageId": row["messageId"],
        "uuid": f"{times.parse(at, 'at')}-{row['to']}",
        "date": at,
        "tags": row["tags"] or [],
    }
    return {"email": row["to"], "subject": row["subject"] or "", "from": "shop@sandbox.example", **about, **template}


ROUTES: Final[tuple[Route, ...]] = (
    ("POST", "/smtp/email", send),
    ("GET", "/smtp/emails", list_mails),
    ("GET", "/smtp/templates", list_templates),
    ("POST", "/smtp/templates", create_template),
    ("GET", "/smtp/templates/<int:template_id>", read_template),
    ("PUT", "/smtp/templates/<int:template_id>", update_template),
    ("DELETE", "/smtp/templates/<int:template_id>", delete_template),
    ("GET", "/smtp/blockedContacts", list_blocked),
    ("DELETE", "/smtp/blockedContacts/<email>", unblock),
    ("POST", "/contacts/doubleOptinConfirmation", ask_for_optin),
)
