"""The page at `/`: what is in this Brevo, at a glance."""

from __future__ import annotations

from flask import Response, render_template

from customer_sync.brevo.sandbox.state import Sandbox

_SHOWN = 50


def show(sandbox: Sandbox) -> Response:
    """Return the page."""
    with sandbox.lock:
        everyone = list(sandbox.contacts.roll.all)
    blocked = sum(one.email_blacklisted for one in everyone)
    with sandbox.lock:
        newest = [contact.public() for contact in reversed(everyone[-_SHOWN:])]
        size = sandbox.contacts.roll.size
        lists = [{**row, "size": size(int(str(key)))} for key, row in sandbox.lists.lists.rows.items()]
        view = {
            "contacts": newest,
            "count": len(everyone),
            "blocked": blocked,
            "lists": lists,
            "calls": sandbox.calls.totals(),
            "max_in_second": sandbox.calls.max_in_second,
            "plan": sandbox.limits.plan,
            "faults": [fault.row() for fault in sandbox.faults.active],
            "mailable": len(sandbox.history.all()),
            "sizes": {name: len(table.rows) for name, table in sandbox.shop.items()},
        }
    return Response(render_template("page.html", **view))
