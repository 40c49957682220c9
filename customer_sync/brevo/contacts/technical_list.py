"""The technical lists: one for each running import, to tell the contacts that it created from all other contacts.

Brevo does not tell how many contacts an import created, nor which. But every import must put its contacts on a list,
and contacts can be counted by list and by the time of their creation. So each import has a list that no other import
uses at the same time: contacts on this list that were created since the import began were created by the import.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from datetime import UTC, timedelta
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import urlencode

from customer_sync.base.clock import Clock, system_clock, utc_now
from customer_sync.brevo.answers import LISTS
from customer_sync.brevo.client import BUCKET, Brevo, NoList
from customer_sync.brevo.gate import Gate
from customer_sync.engine.lane import BREATH, Work
from customer_sync.errors import Missing, Parkable, TryLater
from customer_sync.kit.outbound import Reply
from customer_sync.model import Json
from customer_sync.person.merge import from_json
from customer_sync.store.imports import Import, Imports

FOLDER: Final = "Tajo"
#: The most folders, lists and contacts that Brevo gives on a page.
PAGE, CONTACTS_PAGE = 50, 1000
#: More rows than go into one import.
MOST_ROWS: Final = 100_000
#: How far back contacts are looked for where Brevo does not tell its time, in seconds.
BLIND_S: Final = 120.0

_LISTS, _FOLDERS, _IN_FOLDER = "/contacts/lists", "/contacts/folders", "/contacts/folders/{folderId}/lists"


def list_name(slot: int) -> str:
    """Return the name of a technical list."""
    return f"Tajo import {slot}, do not send"


class TechnicalLists:
    """Finds and makes the lists, and tells which contacts were created on them.

    Args:
        brevo: the account.
        imports: holds the lists' numbers.
        gate: gives the gate for one call.
        clock: milliseconds since 1970.
    """

    def __init__(
        self,
        brevo: Brevo,
        imports: Imports,
        gate: Callable[[], Gate],
        clock: Clock = system_clock,
    ) -> None:
        self._brevo = brevo
        self._imports = imports
        self._gate = gate
        self._clock = clock

    def ready(self, slot: int) -> tuple[int, str]:
        """Return the list of a slot, and a time by Brevo's clock since which no contact was created on the list.

        Raises:
            TryLater: a contact was created since: the import before has just ended. It uses up no try.
            TajoError: as `Brevo.call`.
        """
        list_id = self._imports.list_of(slot)
        seen = None if list_id is None else self._read(list_id)
        if list_id is None or seen is None:
            list_id = self._find(slot)
            self._imports.set_list(slot, list_id)
            seen = self._read(list_id)
        if seen is None:
            raise TryLater("A new list is not there yet.", after_s=2.0)
        since = self._time_of(seen)
        if count_of(self._contacts(list_id, since, limit=1)):
            raise TryLater("The last import has hardly ended.", after_s=2.0, burns=False)
        return list_id, since

    def count(self, import_: Import) -> int:
        """Return how many contacts an import created.

        Raises:
            TajoError: as `Brevo.call`.
        """
        return count_of(self._contacts(import_.list_id, import_.since, limit=1))

    def changed(self, import_: Import, offset: int = 0) -> tuple[int, list[dict[str, Json]]]:
        """Return how many contacts of an import's list were changed since it began, and a page of them.

        Raises:
            TajoError: as `Brevo.call`.
        """
        query: dict[str, str | int] = {"listIds": import_.list_id, "modifiedSince": import_.since}
        query |= {"limit": CONTACTS_PAGE, "offset": offset, "sort": "asc"}
        reply = self._call("GET", f"/contacts?{urlencode(query)}", endpoint="/contacts")
        return count_of(reply), _rows(reply, "contacts")

    def created(self, import_: Import) -> Generator[Work, None, set[str]]:
        """Return the addresses of the contacts that an import created; yield `BREATH` after each page.

        Raises:
            TajoError: as `Brevo.call`; or Brevo lists more contacts than an import can have.
        """
        emails: set[str] = set()
        offset, total = 0, 1
        most = 2 * (import_.rows or MOST_ROWS) + CONTACTS_PAGE
        while offset < total:
            reply = self._contacts(import_.list_id, import_.since, limit=CONTACTS_PAGE, offset=offset)
            rows = _rows(reply, "contacts")
            emails.update(str(row.get("email", "")).lower() for row in rows)
            offset, total = offset + CONTACTS_PAGE, count_of(reply) if rows else 0
            yield BREATH
            if total > most:
                raise Parkable("Brevo lists more contacts than an import has rows.", "Look at the list in Brevo.")
        return emails

    def _read(self, list_id: int) -> Reply | None:
        try:
            return self._call("GET", f"{_LISTS}/{list_id}", endpoint=f"{_LISTS}/{{listId}}")
        except (Missing, NoList):
            return None

    def _time_of(self, reply: Reply) -> str:
        """Return a time just before an answer, by Brevo's clock, as Brevo writes it."""
        try:
            at = parsedate_to_datetime(reply.headers.get("date", "")) - timedelta(seconds=1)
        except ValueError:
            at = utc_now(self._clock) - timedelta(seconds=BLIND_S)
        return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")

    def _find(self, slot: int) -> int:
        """Return the list of a slot in our folder; make the list and the folder where they are missing."""
        name = list_name(slot)
        folder = next((one for one in self._pages(_FOLDERS, "folders") if one.get("name") == FOLDER), None)
        folder_id = _id(folder) if folder else _id(self._make(_FOLDERS, {"name": FOLDER}))
        path = f"{_FOLDERS}/{folder_id}/lists"
        found = next((one for one in self._pages(path, "lists", _IN_FOLDER) if one.get("name") == name), None)
        return _id(found) if found else _id(self._make(_LISTS, {"name": name, "folderId": folder_id}))

    def _make(self, path: str, body: dict[str, Json]) -> dict[str, Json]:
        made = self._call("POST", path, body).json()
        return made if isinstance(made, dict) else {}

    def _pages(self, path: str, what: str, endpoint: str = "") -> Iterator[dict[str, Json]]:
        offset, total = 0, 1
        while offset < total:
            reply = self._call("GET", f"{path}?limit={PAGE}&offset={offset}", endpoint=endpoint or path)
            rows = _rows(reply, what)
            yield from rows
            offset, total = offset + PAGE, count_of(reply) if rows else 0

    def _contacts(self, list_id: int, since: str, *, limit: int, offset: int = 0) -> Reply:
        query = urlencode({"listIds": list_id, "createdSince": since, "limit": limit, "offset": offset, "sort": "asc"})
        return self._call("GET", f"/contacts?{query}", endpoint="/contacts")

    def _call(self, method: str, path: str, body: Json = None, *, endpoint: str = "") -> Reply:
        self._gate().wait()
        return self._brevo.call(method, path, body, bucket=BUCKET, answers=LISTS, endpoint=endpoint or path)


def count_of(reply: Reply) -> int:
    """Return the `count` of a listing.

    Raises:
        Parkable: the listing has no `count`.
    """
    body = from_json(reply.body)
    count = body.get("count") if isinstance(body, dict) else None
    if not isinstance(count, int):
        raise Parkable("Brevo does not say how many contacts there are.", "Look at https://status.brevo.com.")
    return count


def _rows(reply: Reply, what: str) -> list[dict[str, Json]]:
    body = from_json(reply.body)
    rows = body.get(what) if isinstance(body, dict) else None
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def _id(made: dict[str, Json]) -> int:
    number = made.get("id")
    if not isinstance(number, int):
        raise Parkable("Brevo made a list or folder without a number.", "Look at https://status.brevo.com.")
    return number
