"""`/contacts/consent-groups`."""

from __future__ import annotations

from typing import Final

from flask import Response, request

from customer_sync.model import Json
from customer_sync.sandbox import contact_body, paging
from customer_sync.sandbox.answers import Row, as_json, body_object, nothing
from customer_sync.sandbox.contact import Write
from customer_sync.sandbox.mailable import Cause
from customer_sync.sandbox.routes import Route, this_call
from customer_sync.sandbox.state import Sandbox


def list_all(sandbox: Sandbox) -> Response:
    """Return a page of the groups, narrowed by `id`, `name` (a part of it) and `signupMode`."""
    sandbox.groups.need()
    page = paging.page(10, 50)
    args = request.args
    with sandbox.lock:
        rows = list(sandbox.groups.table.rows.values())
        if "id" in args:
            rows = [row for row in rows if row["id"] == paging.number("id", 0)]
        rows = [row for row in rows if args.get("name", "").lower() in str(row["name"]).lower()]
        rows = [row for row in rows if row["signupMode"] == args.get("signupMode", row["signupMode"])]
        shown: list[Json] = [_group(sandbox, row) for row in rows[page.offset : page.offset + page.limit]]
    return as_json({"consentGroups": shown, "total": len(rows), "limit": page.limit, "offset": page.offset})


def create(sandbox: Sandbox) -> Response:
    """Add a group; the contacts of `listIds` are copied into it once."""
    sandbox.groups.need()
    body = body_object()
    with sandbox.lock:
        lists = contact_body.list_ids(body, "listIds")
        sandbox.lists.check(lists)
        row = sandbox.groups.create(body, sandbox.now_ms())
        write = Write(add_groups=(int(str(row["id"])),))
        for contact in sandbox.contacts.roll.union(lists):
            sandbox.contacts.update(contact, write, sandbox.now_ms(), Cause(by=this_call()))
        return as_json(_group(sandbox, row), 201)


def read(sandbox: Sandbox, group_id: int) -> Response:
    """Return one group."""
    with sandbox.lock:
        return as_json(_group(sandbox, sandbox.groups.get(group_id)))


def update(sandbox: Sandbox, group_id: int) -> Response:
    """Change name, description or sign-up of a group."""
    body = body_object()
    with sandbox.lock:
        return as_json(_group(sandbox, sandbox.groups.update(group_id, body, sandbox.now_ms())))


def delete(sandbox: Sandbox, group_id: int) -> Response:
    """Delete a group and take it from all contacts."""
    with sandbox.lock:
        sandbox.groups.get(group_id)
        sandbox.contacts.drop_group(group_id)
        sandbox.groups.table.drop(group_id)
    return nothing()


def _group(sandbox: Sandbox, row: Row) -> Row:
    own = (int(str(row["id"])), True)
    return {**row, "contactsCount": sum(own in one.groups for one in sandbox.contacts.roll.all)}


ROUTES: Final[tuple[Route, ...]] = (
    ("GET", "/contacts/consent-groups", list_all),
    ("POST", "/contacts/consent-groups", create),
    ("GET", "/contacts/consent-groups/<int:group_id>", read),
    ("PUT", "/contacts/consent-groups/<int:group_id>", update),
    ("DELETE", "/contacts/consent-groups/<int:group_id>", delete),
)
