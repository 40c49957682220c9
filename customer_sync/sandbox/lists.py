"""Folders and the lists in them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from customer_sync.sandbox import times
from customer_sync.sandbox.answers import ApiError, Row, invalid, not_found
from customer_sync.sandbox.journal import Journal, Key, Table
from customer_sync.sandbox.switches import Switches

#: The two lists every new account has, by the names Brevo gives them.
NAMES: Final[Mapping[int, str]] = {1: "identified_contacts", 2: "Your first list"}


class Lists:
    """The folders and lists of one account.

    Args:
        journal: where changes are written.
        switches: how the account behaves.
        first: ids of the lists a new account has, in folder 1.
    """

    def __init__(self, journal: Journal, switches: Switches, first: Iterable[int]) -> None:
        self.folders = Table("folders", journal, {1: {"id": 1, "name": "Your first folder"}})
        rows: dict[Key, Row] = {
            one: {"id": one, "name": NAMES.get(one, f"List {one}"), "folderId": 1, "createdAt": times.iso(0)}
            for one in first
        }
        self.lists = Table("lists", journal, rows)
        self._switches = switches

    def check(self, ids: Iterable[int]) -> None:
        """Return when all lists exist.

        Raises:
            ApiError: 400 or 404, as configured.
        """
        unknown = [one for one in ids if one not in self.lists.rows]
        if unknown:
            status = self._switches.unknown_list_status
            code = "document_not_found" if status == 404 else "invalid_parameter"
            raise ApiError(status, code, "List ID does not exist")

    def known(self, ids: Iterable[int]) -> tuple[int, ...]:
        """Return those lists that exist."""
        return tuple(one for one in ids if one in self.lists.rows)

    def create_folder(self, name: object) -> int:
        """Add a folder.

        Raises:
            ApiError: 400 when the name is missing.
        """
        folder_id = self.folders.next_id()
        self.folders.put(folder_id, {"id": folder_id, "name": _name(name)})
        return folder_id

    def create_list(self, name: object, folder_id: object, now_ms: int) -> int:
        """Add a list.

        Raises:
            ApiError: 400 when the name is missing or the folder does not exist.
        """
        row: Row = {"name": _name(name), "folderId": self._folder_id(folder_id), "createdAt": times.iso(now_ms)}
        list_id = self.lists.next_id()
        self.lists.put(list_id, {"id": list_id, **row})
        return list_id

    def rename_folder(self, folder_id: int, name: object) -> None:
        """Rename a folder.

        Raises:
            ApiError: 404 when it does not exist, 400 when the name is missing.
        """
        self.folders.put(folder_id, {**self.folder(folder_id), "name": _name(name)})

    def update_list(self, list_id: int, body: Row) -> None:
        """Rename a list or move it to another folder, one at a time.

        Raises:
            ApiError: 404 when it does not exist, 400 for a body with neither or both.
        """
        row = self.list(list_id)
        if ("name" in body) == ("folderId" in body):
            raise invalid("Either name or folderId should be passed")
        if "name" in body:
            self.lists.put(list_id, {**row, "name": _name(body["name"])})
        else:
            self.lists.put(list_id, {**row, "folderId": self._folder_id(body["folderId"])})

    def folder(self, folder_id: int) -> Row:
        """Return a folder.

        Raises:
            ApiError: 404.
        """
        if folder_id not in self.folders.rows:
            raise not_found("Folder ID does not exist")
        return self.folders.rows[folder_id]

    def list(self, list_id: int) -> Row:
        """Return a list.

        Raises:
            ApiError: 404.
        """
        if list_id not in self.lists.rows:
            raise not_found("List ID does not exist")
        return self.lists.rows[list_id]

    def in_folder(self, folder_id: int) -> tuple[Row, ...]:
        """Return the lists of a folder."""
        return tuple(row for row in self.lists.rows.values() if row["folderId"] == folder_id)

    def _folder_id(self, folder_id: object) -> int:
        if not isinstance(folder_id, int) or folder_id not in self.folders.rows:
            raise invalid("Folder ID does not exist")
        return folder_id


def _name(name: object) -> str:
    if not isinstance(name, str) or not name.strip():
        raise ApiError(400, "missing_parameter", "name is missing")
    return name.strip()
