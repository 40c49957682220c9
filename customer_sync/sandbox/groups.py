"""Consent groups: kinds of mail that a person may leave one by one. Off unless the account has the feature.

With them a click on "unsubscribe" leaves the group of that mail and nothing else: `emailBlacklisted` stays false
(Brevo's help 33595674951314; changelog of 2026-06-30).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from customer_sync.model import Json
from customer_sync.sandbox import times
from customer_sync.sandbox.answers import ApiError, Row, invalid, missing, not_found
from customer_sync.sandbox.journal import Journal, Table
from customer_sync.sandbox.switches import Switches

_MODES: Final = ("manual", "automatic")
_MOST_NAME, _MOST_DESCRIPTION = 255, 500
#: The group that Brevo makes by itself.
_FIRST: Final[Row] = {
    "id": 1,
    "name": "Marketing",
    "description": "",
    "signupMode": "automatic",
    "isDefault": True,
    "createdAt": times.iso(0),
    "updatedAt": times.iso(0),
}


class Groups:
    """The consent groups of one account. The caller holds the sandbox's lock.

    Args:
        journal: where changes are written.
        switches: whether there are any.
    """

    def __init__(self, journal: Journal, switches: Switches) -> None:
        self.table = Table("groups", journal, {1: _FIRST})
        self._switches = switches

    @property
    def is_on(self) -> bool:
        """Whether the account has consent groups."""
        return self._switches.consent_groups

    def need(self) -> None:
        """Return when the account has consent groups.

        Raises:
            ApiError: 403.
        """
        if not self.is_on:
            raise ApiError(403, "CONSENT_GROUP_NOT_ENABLED", "Consent groups are not enabled for this account")

    def automatic(self) -> tuple[int, ...]:
        """Return the groups that every new contact joins."""
        if not self.is_on:
            return ()
        return tuple(int(str(row["id"])) for row in self.table.rows.values() if row["signupMode"] == "automatic")

    def check(self, numbers: Iterable[int]) -> None:
        """Return when all groups exist.

        Raises:
            ApiError: 403 without the feature, 400 for a group that does not exist.
        """
        wanted = tuple(numbers)
        if wanted:
            self.need()
        if any(one not in self.table.rows for one in wanted):
            raise invalid("Consent group ID does not exist")

    def get(self, number: int) -> Row:
        """Return one group.

        Raises:
            ApiError: 403 without the feature, 404 when there is no such group.
        """
        self.need()
        if number not in self.table.rows:
            raise not_found("Consent group does not exist")
        return self.table.rows[number]

    def create(self, body: Mapping[str, Json], now_ms: int) -> Row:
        """Add a group and return it.

        Raises:
            ApiError: 400 for a body that makes no sense, 409 when the name is taken.
        """
        for name in ("name", "signupMode"):
            if not body.get(name):
                raise missing(f"{name} is missing")
        at = times.iso(now_ms)
        number = self.table.next_id()
        row: Row = {"id": number, "description": "", **self._fields(body, 0), "isDefault": False}
        self.table.put(number, {**row, "createdAt": at, "updatedAt": at})
        return self.table.rows[number]

    def update(self, number: int, body: Mapping[str, Json], now_ms: int) -> Row:
        """Change a group and return it.

        Raises:
            ApiError: 400 for a body that makes no sense, 404, 409 when the name is taken.
        """
        row = self.get(number)
        fields = self._fields(body, number)
        if not fields:
            raise missing("At least one of name, description and signupMode should be passed")
        self.table.put(number, {**row, **fields, "updatedAt": times.iso(now_ms)})
        return self.table.rows[number]

    def _fields(self, body: Mapping[str, Json], own: int) -> Row:
        found: Row = {name: body[name] for name in ("name", "description", "signupMode") if name in body}
        if not all(isinstance(value, str) for value in found.values()):
            raise invalid("name, description and signupMode should be strings")
        if found.get("signupMode", _MODES[0]) not in _MODES:
            raise invalid("signupMode should be manual or automatic")
        name = str(found.get("name", "x")).strip()
        if not 0 < len(name) <= _MOST_NAME or len(str(found.get("description", ""))) > _MOST_DESCRIPTION:
            raise invalid("name or description is too long")
        taken = (row for row in self.table.rows.values() if row["id"] != own)
        if any(str(row["name"]).lower() == name.lower() for row in taken):
            raise ApiError(409, "duplicate_parameter", "A consent group with this name already exists")
        return found
