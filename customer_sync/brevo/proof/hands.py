"""What a proof does at Brevo: each method is a few calls, and may be made twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Final, NamedTuple
from urllib.parse import urlencode

from customer_sync.brevo.answers import ATTRIBUTES, CONTACTS, GROUPS, IMPORTS, LISTS, PROCESSES, Answers
from customer_sync.brevo.client import BUCKET, Brevo, NoList, contact_path
from customer_sync.brevo.contacts.bulk_gate import PatientGate
from customer_sync.brevo.contacts.contact_calls import ONE_ROUTE, ROUTE
from customer_sync.brevo.contacts.process_looks import BUCKET as PROCESSES_BUCKET
from customer_sync.brevo.contacts.technical_list import FOLDER, PAGE
from customer_sync.brevo.proof import canaries
from customer_sync.errors import FieldRefused, Missing, TryLater
from customer_sync.kit.outbound import Reply
from customer_sync.model import Json
from customer_sync.store.limits import Limits

_LISTS, _FOLDERS, _IN_FOLDER = "/contacts/lists", "/contacts/folders", "/contacts/folders/{folderId}/lists"
_ATTRIBUTES, _ATTRIBUTE = "/contacts/attributes", "/contacts/attributes/{category}/{name}"
_IMPORT, _PROCESSES, _PROCESS = "/contacts/import", "/processes", "/processes/{processId}"
GROUPS_ROUTE: Final = "/contacts/consent-groups"
#: The most contacts that are looked at for canaries, and how many come on a page.
_MOST, _PAGE = 10_000, 500
_UNFINISHED: Final = frozenset({"queued", "in_process", "processing"})

Row = Mapping[str, Json]


class Place(NamedTuple):
    """A list or folder: its number and its name."""

    number: int
    name: str


class Hands:
    """Makes the calls of a proof.

    Args:
        brevo: the account.
        limits: the shared limits.
        before: called before each call: it ends the step where another process has the turn.
        owner: which Tajo's canaries are ours, see `Proofs.owner`; None for every Tajo's.
    """

    def __init__(self, brevo: Brevo, limits: Limits, before: Callable[[], None], owner: str | None = "") -> None:
        self._brevo = brevo
        self.owner = owner
        self._limits = limits
        self._before = before
        self.calls = 0

    # contacts

    def read(self, email: str) -> Row | None:
        """Return a contact, None where there is none."""
        try:
            return _object(self._call("GET", contact_path(email), answers=CONTACTS, endpoint=ONE_ROUTE))
        except Missing:
            return None

    def create(self, email: str, values: Mapping[str, Json], lists: Sequence[int]) -> bool:
        """Make a contact that is not blocked; False where there is one already."""
        body: dict[str, Json] = {"email": email, "attributes": dict(values), "listIds": list(lists)}
        try:
            self._call("POST", ROUTE, body, answers=CONTACTS)
        except FieldRefused as error:
            if "EMAIL" in error.fields:
                return False
            raise
        return True

    def change(self, email: str, body: Mapping[str, Json]) -> None:
        """Change a contact singly."""
        self._call("PUT", contact_path(email), dict(body), answers=CONTACTS, endpoint=ONE_ROUTE)

    def delete(self, email: str) -> bool:
        """Delete a contact if a proof of ours made it; tell whether it was deleted."""
        found = self.read(email)
        if found is None or not canaries.is_ours(found, self.owner):
            return False
        with suppress(Missing):
            self._call("DELETE", contact_path(email), answers=CONTACTS, endpoint=ONE_ROUTE)
        return True

    def find_ours(self, lists: Sequence[int]) -> list[str]:
        """Return the addresses of all contacts that a proof made: those on its lists, and those with its mark."""
        queries: list[dict[str, str | int]] = [{"listIds": number} for number in lists]
        if canaries.MARK in self.attributes():
            queries.append({"filter": f'equals({canaries.MARK},"{canaries.MARKED}")'})
        rows = (row for query in queries for row in self._contacts(query))
        return list(dict.fromkeys(str(row["email"]) for row in rows if canaries.is_ours(row, self.owner)))

    def _contacts(self, query: Mapping[str, str | int]) -> Iterator[Row]:
        for offset in range(0, _MOST, _PAGE):
            words = urlencode({**query, "limit": _PAGE, "offset": offset})
            rows = _rows(self._call("GET", f"{ROUTE}?{words}", answers=CONTACTS, endpoint=ROUTE), "contacts")
            yield from rows
            if len(rows) < _PAGE:
                return

    # lists and folders

    def folder(self) -> int | None:
        """Return the number of our folder, None where there is none."""
        return next((one.number for one in self._places(_FOLDERS, "folders") if one.name == FOLDER), None)

    def make_folder(self) -> int:
        """Make our folder and return its number."""
        return _id(self._call("POST", _FOLDERS, {"name": FOLDER}, answers=LISTS))

    def lists(self, folder: int) -> list[Place]:
        """Return the lists of a folder."""
        return list(self._places(f"{_FOLDERS}/{folder}/lists", "lists", _IN_FOLDER))

    def make_list(self, name: str, folder: int) -> int:
        """Make a list and return its number."""
        return _id(self._call("POST", _LISTS, {"name": name, "folderId": folder}, answers=LISTS))

    def has_list(self, number: int) -> bool:
        """Tell whether there is a list."""
        try:
            self._call("GET", f"{_LISTS}/{number}", answers=LISTS, endpoint=f"{_LISTS}/{{listId}}")
        except (Missing, NoList):
            return False
        return True

    def delete_list(self, number: int) -> None:
        """Delete a list; its contacts stay."""
        with suppress(Missing, NoList):
            self._call("DELETE", f"{_LISTS}/{number}", answers=LISTS, endpoint=f"{_LISTS}/{{listId}}")

    def delete_folder(self, number: int) -> None:
        """Delete a folder and the lists in it."""
        with suppress(Missing):
            self._call("DELETE", f"{_FOLDERS}/{number}", answers=LISTS, endpoint=f"{_FOLDERS}/{{folderId}}")

    def _places(self, path: str, what: str, endpoint: str = "") -> Iterator[Place]:
        offset, total = 0, 1
        while offset < total:
            reply = self._call("GET", f"{path}?limit={PAGE}&offset={offset}", answers=LISTS, endpoint=endpoint or path)
            rows = _rows(reply, what)
            yield from (Place(int(str(row["id"])), str(row.get("name", ""))) for row in rows)
            count = _object(reply).get("count")
            offset, total = offset + PAGE, count if isinstance(count, int) and rows else 0

    # attributes

    def attributes(self) -> dict[str, tuple[str, str]]:
        """Return attribute → category and type."""
        rows = _rows(self._call("GET", _ATTRIBUTES, answers=ATTRIBUTES), "attributes")
        return {str(row["name"]).upper(): (str(row.get("category")), str(row.get("type") or "")) for row in rows}

    def make_attribute(self, name: str) -> None:
        """Make an attribute of the proof."""
        category, body = canaries.ATTRIBUTES[name]
        path = f"{_ATTRIBUTES}/{category}/{name}"
        self._call("POST", path, body, answers=ATTRIBUTES, endpoint=_ATTRIBUTE)

    def delete_attribute(self, name: str) -> None:
        """Delete an attribute of the proof."""
        category, _ = canaries.ATTRIBUTES[name]
        with suppress(Missing):
            path = f"{_ATTRIBUTES}/{category}/{name}"
            self._call("DELETE", path, answers=ATTRIBUTES, endpoint=_ATTRIBUTE)

    def has_groups(self) -> bool:
        """Tell whether the account has consent groups."""
        return has_groups(lambda: self._call("GET", f"{GROUPS_ROUTE}?limit=1", answers=GROUPS, endpoint=GROUPS_ROUTE))

    # bulk

    def send(self, body: bytes) -> int:
        """Send an import and return the number of its process."""
        self._before()
        self._gate()
        self.calls += 1
        reply = self._brevo.send("POST", _IMPORT, body, bucket=BUCKET, answers=IMPORTS, endpoint=_IMPORT)
        number = _object(reply).get("processId")
        if not isinstance(number, int):
            raise TryLater("Brevo accepted an import without a number.")
        return number

    def process(self, number: int) -> str:
        """Return the status of a process: `queued`, `in_process`, `processing`, `completed`, `failed`, ..."""
        row = _object(self._ask(f"{_PROCESSES}/{number}", _PROCESS))
        return str(row.get("status", ""))

    def is_importing(self) -> bool:
        """Tell whether Brevo works on any import."""
        rows = _rows(self._ask(f"{_PROCESSES}?limit=50&sort=desc", _PROCESSES), "processes")
        return any(row.get("name") == "IMPORTUSER" and row.get("status") in _UNFINISHED for row in rows)

    def _ask(self, path: str, endpoint: str) -> Reply:
        grant = self._limits.reserve(PROCESSES_BUCKET, 1)
        if not grant.offsets_s:
            raise TryLater("The limit of /processes is used up.", after_s=max(1.0, grant.wait_s), burns=False)
        self._before()
        self.calls += 1
        return self._brevo.call("GET", path, bucket=PROCESSES_BUCKET, answers=PROCESSES, endpoint=endpoint)

    def _call(self, method: str, path: str, body: Json = None, *, answers: Answers, endpoint: str = "") -> Reply:
        self._before()
        self._gate()
        self.calls += 1
        return self._brevo.call(method, path, body, bucket=BUCKET, answers=answers, endpoint=endpoint or path)

    def _gate(self) -> None:
        PatientGate(self._limits, BUCKET, 1).wait()


def is_unfinished(status: str) -> bool:
    """Tell whether a process goes on."""
    return status in _UNFINISHED


def has_groups(ask: Callable[[], object]) -> bool:
    """Tell from the answer of `GET /contacts/consent-groups` whether the account has consent groups.

    Raises:
        TajoError: as `Brevo.call`, where the answer does not tell.
    """
    try:
        ask()
    except Missing:
        return False
    return True


def _object(reply: Reply) -> Row:
    body = reply.json()
    return body if isinstance(body, dict) else {}


def _rows(reply: Reply, what: str) -> list[Row]:
    rows = _object(reply).get(what)
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def _id(reply: Reply) -> int:
    number = _object(reply).get("id")
    if not isinstance(number, int):
        raise TryLater("Brevo made a list or folder without a number.")
    return number
