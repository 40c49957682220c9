"""Reads all contacts by exports: the file of everybody, and one file for each list, of who left it.

The file of everybody does not tell who left a list. Each step is in Redis before the next, so any worker goes on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Final

import orjson

from customer_sync.base.clock import Clock
from customer_sync.brevo.answers import CONTACTS, PROCESSES
from customer_sync.brevo.client import BUCKET, Brevo
from customer_sync.brevo.contacts.bulk_gate import PatientGate
from customer_sync.brevo.contacts.exported import SUBSCRIPTIONS, Files, Head, NotUnderstood, read_head, read_rows
from customer_sync.brevo.contacts.read_progress import Progress, Turn
from customer_sync.brevo.lists import read_list_ids
from customer_sync.errors import MappingError, PayloadError, TryLater, Unavailable
from customer_sync.model import Json
from customer_sync.person.identity import normalize_email
from customer_sync.store import Store

#: The most lists that are exported: with the file of all contacts they fit into one listing of processes.
MOST_LISTS: Final = 40
#: The bucket of `/processes`: for most accounts 100 calls an hour.
PROCESS_BUCKET: Final = "processes"
#: When the exports are looked at: first after so many seconds, then after waits that double, up to the longest.
FIRST_LOOK_S, LAST_LOOK_S = 3.0, 60.0
#: How often exports are looked at, or a file is asked for in vain, before the pages are read instead: some six minutes.
MOST_LOOKS: Final = 10
#: The longest wait for the hourly limit of `/processes`, in seconds, before the pages are read instead.
PROCESS_WAIT_S: Final = 60.0
#: How long a turn lasts without a word while a piece of a file is fetched, in seconds.
FETCH_TURN_S: Final = 100.0
#: A file with more than this share of rows whose words are not known is not understood.
UNCLEAR_SHARE: Final = 0.1
#: How many addresses are looked up in one step of Redis.
CHUNK: Final = 1000
_EPOCH: Final = "1970-01-01T00:00:00.000Z"
_EXPORT_ROUTE, _PROCESS_ROUTE = "/contacts/export", "/processes"


class Exports:
    """The way of reading that large accounts go.

    Args:
        brevo: the account.
        store: fingerprints, the shared limits, the riders.
        files: fetches the files.
        clock: milliseconds since 1970.
    """

    def __init__(self, brevo: Brevo, store: Store, files: Files, clock: Clock) -> None:
        self._brevo = brevo
        self._store = store
        self._files = files
        self._clock = clock

    def go_on(self, progress: Progress, turn: Turn) -> Progress | None:
        """Do the next piece of work; return how far the read is then, None when all files were read.

        Raises:
            NotUnderstood: exports are of no use in this account.
            TajoError: as `Brevo.call`.
        """
        ways = {"lists": self._list, "ask": self._ask, "wait": self._look, "file": self._read_piece}
        return ways[progress.way](progress, turn)

    def _list(self, progress: Progress, turn: Turn) -> Progress:
        """Find out what is to be exported: everybody, and who left each list."""
        PatientGate(self._store.limits, BUCKET, 1).wait()
        lists = read_list_ids(self._brevo)
        if len(lists) > MOST_LISTS:
            raise NotUnderstood(f"the account has more than {MOST_LISTS} lists")
        return turn.keep(replace(progress, way="ask", todo=[0, *lists]))

    def _ask(self, progress: Progress, turn: Turn) -> Progress:
        """Begin the next export."""
        if not progress.todo:
            return turn.keep(replace(progress, way="wait", look_ms=self._clock() + int(FIRST_LOOK_S * 1000)))
        list_id, *todo = progress.todo
        who: dict[str, Json] = {"actionForContacts": "allContacts", "createdSince": _EPOCH}
        if list_id:
            who = {"actionForContacts": "unsubscribedPerList", "listId": list_id}
        wanted: dict[str, Json] = {
            "customContactFilter": who,
            "exportMandatoryAttributes": True,
            "exportSubscriptionStatus": SUBSCRIPTIONS,
            "exportDateInUTC": True,
            "disableNotification": True,
        }
        number = self._call("POST", _EXPORT_ROUTE, _EXPORT_ROUTE, wanted).get("processId")
        if not isinstance(number, int):
            raise NotUnderstood("Brevo does not tell the number of an export")
        return turn.keep(replace(progress, todo=todo, processes={**progress.processes, str(number): list_id}))

    def _look(self, progress: Progress, turn: Turn) -> Progress:
        """See whether the exports are completed."""
        grant = self._store.limits.reserve(PROCESS_BUCKET, 1)
        if grant.wait_s > PROCESS_WAIT_S:
            raise NotUnderstood("the limit of /processes is used up", for_s=grant.wait_s)
        if not grant.offsets_s:
            raise TryLater("The limit of /processes is used up.", after_s=grant.wait_s, burns=False)
        reply = self._brevo.call(
            "GET",
            f"{_PROCESS_ROUTE}?limit=50&sort=desc",
            bucket=PROCESS_BUCKET,
            answers=PROCESSES,
            endpoint=_PROCESS_ROUTE,
        )
        found = {str(row.get("id")): row for row in rows_of(_object(reply.body).get("processes"))}
        files = []
        for number, list_id in progress.processes.items():
            url = _file_of(found.get(number))
            if url is None and progress.looks >= MOST_LOOKS:
                raise NotUnderstood("an export takes too long")
            if url is None:
                waited_s = min(LAST_LOOK_S, FIRST_LOOK_S * 2**progress.looks)
                look_ms = self._clock() + int(waited_s * 1000)
                return turn.keep(replace(progress, looks=progress.looks + 1, look_ms=look_ms))
            files += [(list_id, url)] if url else []
        return turn.keep(replace(progress, way="file", files=files, looks=0))

    def _read_piece(self, progress: Progress, turn: Turn) -> Progress | None:
        if not progress.files:
            turn.end(progress)
            return None
        (list_id, url), *others = progress.files
        progress = turn.keep(progress, FETCH_TURN_S)
        try:
            piece = self._files.fetch(str(url), progress.at)
        except Unavailable as error:
            if progress.looks >= MOST_LOOKS:
                raise NotUnderstood(str(error)) from error
            turn.keep(replace(progress, looks=progress.looks + 1))
            raise
        lines, head = piece.lines, Head(*progress.head) if progress.head else None
        if head is None and lines:
            head, lines = read_head(lines[0], names_who_left=bool(list_id)), lines[1:]
        if head is not None:
            progress = self._note_rows(turn, progress, lines, head, is_everybody=not list_id)
        if piece.next is None and not list_id and 2 * progress.confirmed < len(progress.unblocked):
            raise NotUnderstood("people whom a page showed unblocked are not shown so")
        if piece.next is None:
            return turn.keep(replace(progress, files=others, at=0, head=None))
        return turn.keep(replace(progress, at=piece.next, head=head))

    def _note_rows(
        self, turn: Turn, progress: Progress, lines: Sequence[str], head: Head, *, is_everybody: bool
    ) -> Progress:
        """Note what the rows show; how far the read is stays as it was, in Redis, until the piece is done."""
        riders, found = self._blocked_riders(), progress
        blocked, unblocked = set(progress.blocked), set(progress.unblocked)
        rest = read_rows(lines, head)
        while rows := list(islice(rest, CHUNK)):
            if any(row.is_unblocked and row.email in riders for row in rows):
                raise NotUnderstood("a canary that is blocked is shown unblocked")
            shown = [self._store.people.fingerprint(row.email) for row in rows if row.email and row.is_unblocked]
            otherwise = [
                self._store.people.fingerprint(row.email) for row in rows if row.email and not row.is_unblocked
            ]
            turn.note(progress, shown, otherwise)
            if is_everybody:
                found = replace(
                    found,
                    rows=found.rows + len(rows),
                    unclear=found.unclear + sum(not row.is_clear for row in rows),
                    shown=found.shown + len(shown),
                    contradicted=found.contradicted + len(blocked.intersection(shown)),
                    confirmed=found.confirmed + len(unblocked.intersection(shown)),
                )
        if found.unclear > UNCLEAR_SHARE * found.rows:
            raise NotUnderstood("the words of the subscriptions are not known")
        if found.contradicted and 2 * found.contradicted >= len(blocked):
            raise NotUnderstood("people whom a page showed blocked are shown unblocked")
        return found

    def _blocked_riders(self) -> frozenset[str]:
        proof = self._store.proofs.read().proof or {}
        return frozenset(address_of(email) or "" for _, email, is_blocked in proof.get("riders", ()) if is_blocked)

    def _call(self, method: str, path: str, endpoint: str, body: Json = None) -> dict[str, Json]:
        return call(self._brevo, self._store, method, path, endpoint, body)


def call(  # noqa: PLR0913, PLR0917  # what a call is
    brevo: Brevo, store: Store, method: str, path: str, endpoint: str, body: Json = None
) -> dict[str, Json]:
    """Make a call within the shared limit, behind live work, and return its answer.

    Raises:
        TajoError: as `Brevo.call`.
    """
    PatientGate(store.limits, BUCKET, 1).wait()
    return _object(brevo.call(method, path, body, bucket=BUCKET, answers=CONTACTS, endpoint=endpoint).body)


def address_of(value: Json) -> str | None:
    """Return an address as people are found by; None when nobody could have it."""
    try:
        return normalize_email(value)
    except MappingError:
        return None


def _object(raw: bytes) -> dict[str, Json]:
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise PayloadError("$", "the answer is not JSON") from error
    return body if isinstance(body, dict) else {}


def rows_of(value: Json) -> list[dict[str, Json]]:
    """Return the rows of a listing."""
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []


def _file_of(process: Mapping[str, Json] | None) -> str | None:
    """Return the file of an export; "" when it has no rows, None while it is not completed.

    Raises:
        NotUnderstood: it failed, or has rows and no file.
    """
    status = process.get("status") if process else None
    if process is None or status in {"queued", "in_process", "processing"}:
        return None
    url = process.get("export_url")
    if status == "completed" and isinstance(url, str) and url:
        return url
    info = process.get("info")
    told = info.get("export") if isinstance(info, dict) else None
    if status == "completed" and isinstance(told, dict) and told.get("total_records") == 0:
        return ""
    raise NotUnderstood(f"an export is {status} and has no file")
