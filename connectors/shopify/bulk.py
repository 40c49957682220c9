"""The full pull: Shopify writes every record into a file, which is read in pieces from a byte offset.

https://shopify.dev/docs/api/usage/bulk-operations/queries. The operation's id and the offset are all that a cursor
keeps, so any process can go on. The file's address opens it to whoever has it, so it is asked for anew for each piece.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, Final, NamedTuple

from connectors.shopify import findings, jsonl, queries, sight
from connectors.shopify.api import Api, branch, items, missing_scope, refused
from connectors.shopify.nodes import GID, Reader
from connectors.shopify.pull import CUSTOMERS, reader, shopping_reader
from connectors.shopify.sight import Sight
from customer_sync.errors import ConfigError, PayloadError, TryLater, Unavailable
from customer_sync.kit.connector import parse_time
from customer_sync.kit.outbound import Reply
from customer_sync.kit.reach import Cursor, Known, Page
from customer_sync.model import Event, Json, from_ms

#: How much of the file is read for one page: about 2,500 customers. Larger pieces are no faster, only heavier.
PIECE_BYTES: Final = 2 * 1024 * 1024
#: The same where the file's server gives all of it each time, whatever was asked for.
WHOLE_PIECE_BYTES: Final = 16 * 1024 * 1024
#: A line longer than this is none.
MAX_LINE_BYTES: Final = 32 * 1024 * 1024
#: The first wait for the operation, how it grows, and the longest, in seconds.
FIRST_WAIT_S: Final = 0.5
WAIT_GROWTH: Final = 1.5
MAX_WAIT_S: Final = 15.0
#: An operation of ours that runs already and is younger than this was started by a process that died before it could
#: say so. What is older may show customers as they were before this pull began.
ADOPT: Final = timedelta(minutes=5)
#: How long others' operations are waited for, in seconds, before they are looked at again.
BUSY_WAIT_S: Final = 30.0
#: How often an operation that failed is started again at once.
MAX_RESTARTS: Final = 1
#: An operation that failed longer ago than this is started again when the run is resumed, however often it failed.
RESUMED: Final = timedelta(minutes=1)

WAITING: Final = frozenset({"CREATED", "RUNNING", "CANCELING"})
WHOLE: Final = "The server of Shopify's file gives no pieces of it; each piece costs the whole file."

_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a full pull stands.

    Args:
        operation: Shopify's id of the operation; None before it is started.
        polls: how often it was asked whether it is done.
        restarts: how often it was started again.
        at: how many bytes of the file were read.
        lines: how many of its lines.
        sight: what the app may see.
        zone: the name of the store's zone, "" when it is not known.
        resource: what is read.
    """

    operation: str | None = None
    polls: int = 0
    restarts: int = 0
    at: int = 0
    lines: int = 0
    sight: Sight = field(default_factory=Sight)
    zone: str = ""
    resource: str = CUSTOMERS

    @classmethod
    def read(cls, cursor: Cursor | None, resource: str = CUSTOMERS) -> Place:
        """Return the place that a cursor keeps; the beginning of the resource without one."""
        if cursor is None:
            return cls(resource=resource)
        operation = cursor.get("operation")
        numbers = {name: _whole(cursor.get(name)) for name in ("polls", "restarts", "at", "lines")}
        return cls(
            operation=None if operation is None else str(operation),
            sight=Sight.read(cursor),
            zone=str(cursor.get("zone") or ""),
            resource=str(cursor.get("resource") or CUSTOMERS),
            **numbers,
        )

    def write(self) -> dict[str, Json]:
        """Return the cursor that keeps it."""
        return {
            "mode": "all",
            "operation": self.operation,
            "polls": self.polls,
            "restarts": self.restarts,
            "at": self.at,
            "lines": self.lines,
            "zone": self.zone,
            "resource": self.resource,
            **self.sight.write(),
        }


def everybody(api: Api, place: Place, known: Known | None = None) -> Page:
    """Return the next page of everybody: nothing while Shopify writes the file, then piece after piece of it.

    Args:
        api: the store.
        place: where the pull stands.
        known: tells who may be left out; None: nobody.

    Raises:
        ConfigError: the operation cannot be started, or failed twice.
        TajoError: as `Api.ask`; `TryLater` also where the file's server gives something else than was asked for.
    """
    if place.operation is None:
        return _begin(api, place)
    told = api.ask(queries.BULK_READ, id=place.operation).data.get("bulkOperation")
    operation = told if isinstance(told, dict) else {"status": "GONE"}
    status = str(operation.get("status"))
    if status in WAITING:
        wait_s = min(MAX_WAIT_S, FIRST_WAIT_S * WAIT_GROWTH**place.polls)
        return _page(api, (), replace(place, polls=min(place.polls + 1, 99)), wait_s=wait_s)
    if status != "COMPLETED":
        return _again(api, place, operation, status)
    total = _whole(operation.get("rootObjectCount")) or _whole(operation.get("objectCount"))
    url = operation.get("url")
    if not url:
        return _page(api, (), None, total=0) if not total else _again(api, place, operation, "EXPIRED")
    return _read(api, place, str(url), total, known)


def _begin(api: Api, place: Place) -> Page:
    if place.resource != CUSTOMERS:
        if place.resource == "orders" and (text := findings.old_orders(api)):
            api.note(text)
        answer = api.ask(queries.changes(place.resource), first=1, after=None, query=None, reverse=True)
        denied = Sight(answer.denied & set(queries.fields(place.resource)))
        return _start(api, replace(place, sight=denied, zone=sight.zone_name(answer.data)))
    found = sight.look(api)
    if text := sight.explain(found.sight):
        api.note(text)
    return _start(api, replace(place, sight=found.sight, zone=found.zone))


def _start(api: Api, place: Place) -> Page:
    """Take up an operation of ours that runs, or start one."""
    query = queries.everybody(place.resource, place.sight.denied)
    operation = _running(api, query) or _run(api, query, place.resource)
    if operation is None:
        raise TryLater("Another bulk operation runs in this store.", after_s=BUSY_WAIT_S, burns=False)
    return _page(api, (), replace(place, operation=operation, polls=0, at=0, lines=0), wait_s=FIRST_WAIT_S)


def _running(api: Api, query: str) -> str | None:
    """Return the operation that a process of ours started before it died.

    Since API version 2026-01 five may run in a store at once, so starting another would not be refused.
    """
    listed = branch(api.ask(queries.BULK_LIST).data, "bulkOperations")
    since = from_ms(int(api.access.now_s() * 1000)) - ADOPT
    for one in items(listed, "nodes"):
        if not isinstance(one, dict) or one.get("status") not in ("CREATED", "RUNNING"):
            continue
        is_ours = str(one.get("query") or "").split() == query.split()
        if is_ours and parse_time(one.get("createdAt"), "createdAt") >= since:
            return str(one.get("id"))
    return None


def _run(api: Api, query: str, resource: str) -> str | None:
    """Start the operation and return its id; None while as many run as may."""
    grouped = resource in queries.BELOW
    payload = branch(api.ask(queries.BULK_START, query=query, grouped=grouped).data, "bulkOperationRunQuery")
    said = " ".join(refused(payload))
    if not said:
        return str(branch(payload, "bulkOperation").get("id"))
    if any(word in said for word in ("OPERATION_IN_PROGRESS", "LIMIT_REACHED", "already in progress")):
        return _running(api, query)
    raise ConfigError(f"Shopify refuses the bulk operation: {said}", f"Check the scope read_{resource} of the app.")


def _again(api: Api, place: Place, operation: Mapping[str, Any], status: str) -> Page:
    """Start an operation that did not end well once more; then a person must look."""
    code = str(operation.get("errorCode") or status)
    if place.restarts < MAX_RESTARTS or _is_long_ago(api, operation):
        api.note(f"Shopify's bulk operation ended as {code}; another one was started.")
        return _start(api, replace(place, restarts=min(place.restarts + 1, 99)))
    if code == "ACCESS_DENIED":
        raise missing_scope([f"read_{place.resource}"])
    raise ConfigError(
        f"Shopify's bulk operation ended as {code}, twice.",
        "Look at Shopify's status page and wait some minutes; if it stays so, cancel the run and start another.",
    )


def _is_long_ago(api: Api, operation: Mapping[str, Any]) -> bool:
    ended = operation.get("completedAt") or operation.get("createdAt")
    return bool(ended) and from_ms(int(api.access.now_s() * 1000)) - parse_time(ended, "completedAt") > RESUMED


class _Part(NamedTuple):
    """Bytes of the file: from the place's offset on, and whether the file ends with them."""

    data: bytes
    is_last: bool


def _read(api: Api, place: Place, url: str, total: int, known: Known | None) -> Page:
    wanted, cut = PIECE_BYTES, jsonl.cut if place.resource == CUSTOMERS else jsonl.cut_families
    while True:
        part = _load(api, place, url, wanted)
        if part is None:  # the address has expired
            told = branch(api.ask(queries.BULK_READ, id=place.operation).data, "bulkOperation")
            part = _load(api, place, str(told.get("url") or url), wanted)
        if part is None:
            return _again(api, place, {}, "EXPIRED")
        piece = cut(part.data, is_last=part.is_last)
        if piece.size_bytes or part.is_last:
            break
        wanted *= 4
        if wanted > MAX_LINE_BYTES:
            raise TryLater("A line of Shopify's file has no end.")
    found = list(jsonl.objects(piece.lines))
    if found and all(isinstance(one, PayloadError) for one in found):
        raise TryLater("The server of Shopify's file gave something else than the file.")
    if place.resource != CUSTOMERS:
        after = replace(place, at=place.at + piece.size_bytes)
        return _families(api, after, found, total, is_last=part.is_last)
    seen = place.sight.after(found)
    left_out = _known(piece.lines, found, f"{sorted(seen.hidden)} {place.zone}", known)
    news = [one for one, is_known in zip(found, left_out, strict=True) if not is_known] if any(left_out) else found
    events = read_all_lines(news, reader(api, seen, place.zone))
    after = replace(place, at=place.at + piece.size_bytes, lines=place.lines + len(piece.lines), sight=seen)
    _note_missing(api, after, total, is_last=part.is_last)
    page = _page(api, events, None if part.is_last else after, total=total)
    return replace(page, unchanged=len(found) - len(news))


def _families(api: Api, place: Place, found: list[dict[str, Any] | PayloadError], total: int, *, is_last: bool) -> Page:
    """Return the orders or products of a piece, each with what is below it; the place is behind the piece."""
    read, name = shopping_reader(api, place.resource, place.zone), queries.BELOW[place.resource].name
    families = list(jsonl.families(found, is_grouped=True))
    events = [
        one
        if isinstance(one, PayloadError)
        else read.read({**one.node, name: {"nodes": [c.node for c in one.children]}})
        for one in families
    ]
    after = replace(place, lines=place.lines + len(families))
    _note_missing(api, after, total, is_last=is_last)
    return _page(api, events, None if is_last else after, total=total)


def _note_missing(api: Api, after: Place, total: int, *, is_last: bool) -> None:
    if is_last and total > after.lines:
        api.note(f"Shopify's file holds {after.lines} of {total} {after.resource}.")


def _known(
    lines: list[bytes], found: list[dict[str, Any] | PayloadError], context: str, known: Known | None
) -> Sequence[bool]:
    """Tell which lines need not be read; one without an id that can be read always is."""
    if known is None:
        return ()
    ids = ["" if isinstance(node, PayloadError) else str(node.get("id")).removeprefix(GID) for node in found]
    return known(list(zip(ids, lines, strict=True)), context)


def read_all_lines(found: list[dict[str, Any] | PayloadError], reader: Reader) -> list[Event | PayloadError]:
    """Return the objects of lines as events; what is no object stays the fault that it is."""
    return [event for one in found for event in ((one,) if isinstance(one, PayloadError) else reader.read(one))]


def _load(api: Api, place: Place, url: str, wanted: int) -> _Part | None:
    """Return the next bytes of the file; None when its address is good no more.

    The file lies at another company's storage: it is shown no token.
    """
    headers = {"Range": f"bytes={place.at}-{place.at + wanted - 1}", "Accept-Encoding": "identity"}
    reply = api.access.http.send("GET", url, headers=headers, is_file=True)
    if reply.status == 206:
        return _partial(reply, place)
    if reply.status == 200:
        if len(reply.body) < place.at:
            raise TryLater("Shopify's file is shorter than before.")
        if place.at or len(reply.body) > wanted:
            api.note(WHOLE)
        size = max(WHOLE_PIECE_BYTES, wanted)
        return _Part(reply.body[place.at : place.at + size], place.at + size >= len(reply.body))
    if reply.status == 416:
        if reply.headers.get("content-range", "").endswith(f"/{place.at}"):
            return _Part(b"", is_last=True)
        raise TryLater("Shopify's file is shorter than before.")
    if reply.status in (400, 401, 403, 404, 410):
        return None
    if reply.status == 429:
        raise TryLater("The server of Shopify's file wants it slower.", after_s=BUSY_WAIT_S, burns=False)
    raise Unavailable(f"The server of Shopify's file answers {reply.status}.")


def _partial(reply: Reply, place: Place) -> _Part:
    found = _RANGE.fullmatch(reply.headers.get("content-range", "").strip())
    if found is None or int(found[1]) != place.at or int(found[2]) - place.at + 1 != len(reply.body):
        raise TryLater("The server of Shopify's file gave another piece than was asked for.")
    is_last = found[3] != "*" and int(found[2]) + 1 >= int(found[3])
    return _Part(reply.body, is_last)


def _page(
    api: Api,
    events: list[Event | PayloadError] | tuple[()],
    place: Place | None,
    *,
    total: int | None = None,
    wait_s: float = 0.0,
) -> Page:
    return Page(events, None if place is None else place.write(), total, wait_s, tuple(api.notes))


def _whole(value: Json) -> int:
    """Return a count; Shopify writes those that may be large as text."""
    try:
        return int(value) if isinstance(value, str | int) else 0
    except ValueError:
        return 0
