"""`POST /contacts/export`."""

from __future__ import annotations

from typing import Final

from flask import Response, request

from customer_sync.sandbox import exports
from customer_sync.sandbox.answers import as_json, body_object
from customer_sync.sandbox.exports import Export
from customer_sync.sandbox.routes import Route
from customer_sync.sandbox.state import Sandbox


def begin(sandbox: Sandbox) -> Response:
    """Queue an export: 202 with the process id. The file's address stands in the process when it is completed."""
    body = body_object()
    with sandbox.lock:
        choice, columns = exports.choice_of(body), exports.columns_of(body, sandbox.attributes)
        if choice.list_id is not None:
            sandbox.lists.check((choice.list_id,))
        job = Export(
            process_id=sandbox.processes.next_id(),
            due=sandbox.clock() + sandbox.switches.import_delay_s,
            choice=choice,
            columns=columns,
            is_utc=body.get("exportDateInUTC") is True,
            delimiter=sandbox.switches.export_delimiter,
            notify_url=str(body.get("notifyUrl") or ""),
            base_url=request.host_url,
        )
        sandbox.jobs.begin_export(job)
    return as_json({"processId": job.process_id}, 202)


ROUTES: Final[tuple[Route, ...]] = (("POST", "/contacts/export", begin),)
