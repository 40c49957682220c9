"""`/contacts/folders` and `/contacts/lists`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from flask import Response

from customer_sync.model import Json
from customer_sync.sandbox import paging, times
from customer_sync.sandbox.answers import ApiError, Row, as_json, body_object, invalid, nothing
from customer_sync.sandbox.contact import Contact, Write
from customer_sync.sandbox.identifiers import EMAIL, EXT_ID
from customer_sync.sandbox.mailable import Cause
from customer_sync.sandbox.routes import Route, this_call
from customer_sync.sandbox.state import Sandbox

_MOST = 150


def list_folders(sandbox: Sandbox) -> Response:
    """Return a page of the folders."""
    page = paging.page(10, 50)
    with sandbox.lock:
        rows = list(sandbox.lists.folders.rows.values())
        shown: list[Json] = [_folder(sandbox, row) for row in page.of(rows)]
        return as_json({"folders": shown, "count": len(rows)})


def create_folder(sandbox: Sandbox) -> Response:
    """Add a folder."""
    with sandbox.lock:
        return as_json({"id": sandbox.lists.create_folder(body_object().get("name"))}, 201)


def read_folder(sandbox: Sandbox, folder_id: int) -> Response:
    """Return one folder."""
    with sandbox.lock:
        return as_json(_folder(sandbox, sandbox.lists.folder(folder_id)))


def rename_folder(sandbox: Sandbox, folder_id: int) -> Response:
    """Rename a folder."""
    with sandbox.lock:
        sandbox.lists.rename_folder(folder_id, body_object().get("name"))
    return nothing()


def delete_folder(sandbox: Sandbox, folder_id: int) -> Response:
    """Delete a folder and its lists."""
    with sandbox.lock:
        sandbox.lists.folder(folder_id)
        for row in sandbox.lists.in_folder(folder_id):
            _delete_list(sandbox, int(str(row["id"])))
        sandbox.lists.folders.drop(folder_id)
    return nothing()


def list_in_folder(sandbox: Sandbox, folder_id: int) -> Response:
    """Return a page of the lists of one folder."""
    page = paging.page(10, 50)
    with sandbox.lock:
        sandbox.lists.folder(folder_id)
        rows = sandbox.lists.in_folder(folder_id)
        shown: list[Json] = [_list(sandbox, row) for row in page.of(rows)]
        return as_json({"lists": shown, "count": len(rows)})


def list_lists(sandbox: Sandbox) -> Response:
    """Return a page of the lists; 10 when no limit is sent, and never more than 50."""
    page = paging.page(10, 50)
    with sandbox.lock:
        rows = list(sandbox.lists.lists.rows.values())
        shown: list[Json] = [_list(sandbox, row) for row in page.of(rows)]
        return as_json({"lists": shown, "count": len(rows)})


def create_list(sandbox: Sandbox) -> Response:
    """Add a list to a folder."""
    body = body_object()
    with sandbox.lock:
        list_id = sandbox.lists.create_list(body.get("name"), body.get("folderId"), sandbox.now_ms())
    return as_json({"id": list_id}, 201)


def read_list(sandbox: Sandbox, list_id: int) -> Response:
    """Return one list."""
    with sandbox.lock:
        row = sandbox.lists.list(list_id)
        more: Row = {"createdAt": row["createdAt"], "campaignStats": [], "dynamicList": False}
        return as_json({**_list(sandbox, row), **more})


def update_list(sandbox: Sandbox, list_id: int) -> Response:
    """Rename a list or move it."""
    with sandbox.lock:
        sandbox.lists.update_list(list_id, body_object())
    return nothing()


def delete_list(sandbox: Sandbox, list_id: int) -> Response:
    """Delete a list; its contacts stay."""
    with sandbox.lock:
        sandbox.lists.list(list_id)
        _delete_list(sandbox, list_id)
    return nothing()


def add_members(sandbox: Sandbox, list_id: int) -> Response:
    """Add up to 150 contacts that exist; 400 when not one of them could be added."""
    with sandbox.lock:
        sandbox.lists.list(list_id)
        wanted = _wanted(sandbox, body_object())
        joining = {key: one for key, one in wanted.items() if one and list_id not in one.list_ids}
        if not joining:
            raise invalid("Contact already in list and/or does not exist")
        cause = Cause(by=this_call())
        for contact in joining.values():
            sandbox.contacts.update(contact, Write(add_lists=(list_id,)), sandbox.now_ms(), cause)
            sandbox.emit("listAddition", contact, list_id=[list_id])
        return _answer(wanted, joining)


def remove_members(sandbox: Sandbox, list_id: int) -> Response:
    """Remove up to 150 contacts, or all."""
    body = body_object()
    with sandbox.lock:
        sandbox.lists.list(list_id)
        if body.get("all") is True:
            return _remove_all(sandbox, list_id)
        wanted = _wanted(sandbox, body)
        leaving = {key: one for key, one in wanted.items() if one and list_id in one.list_ids}
        if not leaving:
            raise invalid("Contact already removed from list and/or does not exist")
        cause = Cause(by=this_call())
        for contact in leaving.values():
            sandbox.contacts.update(contact, Write(remove_lists=(list_id,)), sandbox.now_ms(), cause)
        return _answer(wanted, leaving)


def _remove_all(sandbox: Sandbox, list_id: int) -> Response:
    """Brevo does this in the background; here it is done at once and the process is there for show."""
    total = sandbox.contacts.empty_list(list_id, sandbox.now_ms())
    process_id = sandbox.processes.next_id()
    at = times.iso(sandbox.now_ms())
    row: Row = {"id": process_id, "name": "IMPORTUSER", "status": "completed", "created_at": at, "completed_at": at}
    sandbox.processes.put(process_id, row)
    return as_json({"contacts": {"processId": process_id, "total": total}}, 201)


def _delete_list(sandbox: Sandbox, list_id: int) -> None:
    sandbox.contacts.empty_list(list_id, sandbox.now_ms())
    sandbox.lists.lists.drop(list_id)


def _wanted(sandbox: Sandbox, body: Row) -> dict[str | int, Contact | None]:
    """Return whom the body names, under the name it uses; exactly one of the three ways, 1 to 150."""
    finders: dict[str, Callable[[Json], Contact | None]] = {
        "emails": lambda one: sandbox.contacts.find(EMAIL, str(one).strip().lower()),
        "ids": lambda one: sandbox.contacts.roll.get(one) if isinstance(one, int) else None,
        "extIds": lambda one: sandbox.contacts.find(EXT_ID, str(one)),
    }
    ways = [(body[name], find) for name, find in finders.items() if name in body]
    if len(ways) != 1:
        raise invalid("Pass either emails, ids or extIds")
    [(values, find)] = ways
    if not isinstance(values, list) or not values:
        raise invalid("At least one contact should be passed")
    if len(values) > _MOST:
        raise ApiError(400, "out_of_range", f"Maximum {_MOST} contacts can be passed")
    return {one: find(one) for one in values if isinstance(one, str | int)}


def _answer(wanted: Iterable[str | int], done: Iterable[str | int]) -> Response:
    success: list[Json] = list(done)
    failure: list[Json] = [one for one in wanted if one not in success]
    return as_json({"contacts": {"success": success, "failure": failure}}, 201)


def _list(sandbox: Sandbox, row: Row) -> Row:
    """`totalSubscribers` and `totalBlacklisted` have been 0 for everybody since 2024."""
    size = sandbox.contacts.roll.size(int(str(row["id"])))
    counts: Row = {"totalSubscribers": 0, "totalBlacklisted": 0, "uniqueSubscribers": size}
    return {"id": row["id"], "name": row["name"], "folderId": row["folderId"], **counts}


def _folder(sandbox: Sandbox, row: Row) -> Row:
    lists = [int(str(one["id"])) for one in sandbox.lists.in_folder(int(str(row["id"])))]
    roll = sandbox.contacts.roll
    filled = [one for one in lists if roll.size(one)]
    size = roll.size(filled[0]) if len(filled) == 1 else len(roll.union(filled))
    counts: Row = {"totalSubscribers": 0, "totalBlacklisted": 0, "uniqueSubscribers": size}
    return {**row, **counts}


ROUTES: Final[tuple[Route, ...]] = (
    ("GET", "/contacts/folders", list_folders),
    ("POST", "/contacts/folders", create_folder),
    ("GET", "/contacts/folders/<int:folder_id>", read_folder),
    ("PUT", "/contacts/folders/<int:folder_id>", rename_folder),
    ("DELETE", "/contacts/folders/<int:folder_id>", delete_folder),
    ("GET", "/contacts/folders/<int:folder_id>/lists", list_in_folder),
    ("GET", "/contacts/lists", list_lists),
    ("POST", "/contacts/lists", create_list),
    ("GET", "/contacts/lists/<int:list_id>", read_list),
    ("PUT", "/contacts/lists/<int:list_id>", update_list),
    ("DELETE", "/contacts/lists/<int:list_id>", delete_list),
    ("POST", "/contacts/lists/<int:list_id>/contacts/add", add_members),
    ("POST", "/contacts/lists/<int:list_id>/contacts/remove", remove_members),
)
