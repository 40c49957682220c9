"""`POST /contacts/import` and `/processes`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from flask import Response, request

from customer_sync.model import Json
from customer_sync.sandbox import contact_body, imports, paging, slices
from customer_sync.sandbox.answers import ApiError, Row, as_json, invalid, missing
from customer_sync.sandbox.imports import Import
from customer_sync.sandbox.routes import Route
from customer_sync.sandbox.state import Sandbox

#: The largest body; 8 MB is what Brevo calls safe.
MAX_BYTES = 10_000_000
_NO_IDENTIFIER = (
    "We could not find any valid email or SMS or Contact ID in the file you uploaded. Please add at least one valid "
    "email address (ex: john.smith@example.com) or SMS (e.g: +33xxxxxxxxx or 0033xxxxxxxxx where +33 is the country "
    "code) or Contact ID (e.g: 1) in your file and then try to upload. Also check that you are not using space as a "
    "delimiter"
)


def begin(sandbox: Sandbox) -> Response:
    """Queue an import: 202 with the process id."""
    too_large = ApiError(sandbox.switches.max_import_status, "out_of_range", "Body should not exceed 10 MB")
    if (request.content_length or 0) > MAX_BYTES:
        raise too_large
    text = request.get_data(cache=False)
    if len(text) > MAX_BYTES:
        raise too_large
    body, sliced = slices.read(text)
    rows, file_url = _source(body, sliced)
    updates = contact_body.flag(body, "updateExistingContacts")
    with sandbox.lock:
        list_ids = _lists(sandbox, body)
        job = Import(
            process_id=sandbox.processes.next_id(),
            due=sandbox.clock() + sandbox.switches.import_delay_s,
            rows=rows,
            list_ids=list_ids,
            file_url=file_url,
            block_email=bool(contact_body.flag(body, "emailBlacklist")),
            block_sms=bool(contact_body.flag(body, "smsBlacklist")),
            is_updating=updates is not False,
            is_emptying=bool(contact_body.flag(body, "emptyContactsAttributes")),
            groups=_groups(sandbox, body),
            notify_url=str(body.get("notifyUrl") or ""),
            base_url=request.host_url,
        )
        sandbox.jobs.begin(job)
    return as_json({"processId": job.process_id}, 202)


def list_processes(sandbox: Sandbox) -> Response:
    """Return a page of the processes."""
    page = paging.page(10, 50)
    with sandbox.lock:
        ids = list(sandbox.processes.rows)
        shown: list[Json] = [sandbox.jobs.show(int(one)) for one in page.of(ids)]
        return as_json({"processes": shown, "count": len(ids)})


def read_process(sandbox: Sandbox, process_id: int) -> Response:
    """Return one process; an unknown one is a 404 with an unexpected code, as Brevo has it."""
    with sandbox.lock:
        row = sandbox.jobs.show(process_id)
        if row is None:
            raise ApiError(404, "invalid_parameter", "processId is invalid")
        return as_json(row)


def _source(body: Row, sliced: slices.Rows | None) -> tuple[Iterable[Row], str]:
    given = [name for name in ("jsonBody", "fileBody", "fileUrl") if body.get(name)]
    if not given:
        raise missing("Either fileUrl, fileBody or jsonBody is required")
    if len(given) > 1:
        raise invalid("Only one of fileUrl, fileBody and jsonBody can be passed")
    value = body[given[0]]
    if given[0] == "fileUrl":
        return [], str(value)
    rows: Iterable[Row]
    if given[0] == "jsonBody" and sliced:
        rows = sliced
    elif isinstance(value, str) and given[0] == "fileBody":
        rows = imports.rows_of_csv(value)
    else:
        raise invalid(f"{given[0]} is invalid")
    if not imports.has_identifier(rows):
        raise invalid(_NO_IDENTIFIER)
    return rows, ""


def _lists(sandbox: Sandbox, body: Row) -> tuple[int, ...]:
    list_ids = contact_body.list_ids(body, "listIds")
    sandbox.lists.check(list_ids)
    new = body.get("newList")
    if isinstance(new, dict) and new.get("listName"):
        list_ids += (sandbox.lists.create_list(new["listName"], new.get("folderId"), sandbox.now_ms()),)
    if not list_ids:
        raise missing("Missing listIds or newList")
    return list_ids


def _groups(sandbox: Sandbox, body: Row) -> tuple[int, ...]:
    groups = contact_body.list_ids(body, "consentGroupIds")
    sandbox.groups.check(groups)
    return groups


ROUTES: Final[tuple[Route, ...]] = (
    ("POST", "/contacts/import", begin),
    ("GET", "/processes", list_processes),
    ("GET", "/processes/<int:process_id>", read_process),
)
