"""Records by the API: lists page by page, and records by id.

Persons, deals and organizations come from version 2, in the order of change, with a word for the next page; leads from
version 1, whose filter by time is new and not relied on: the newest first, up to those that are known. The cursor holds
the page that comes next, so nothing that was not read is ever passed over (airbyte issue 27502).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Final

from connectors.pipedrive import deals, labels, leads
from connectors.pipedrive.api import Api
from connectors.pipedrive.persons import STATUS, Context, outline_of
from customer_sync.errors import PayloadError, TryLater
from customer_sync.kit.fields import Node
from customer_sync.kit.paging import dig
from customer_sync.kit.reach import Cursor, Page, Want
from customer_sync.kit.rescue import hear
from customer_sync.kit.rest import Answer, Rejected
from customer_sync.model import CUSTOMERS, Event, Json

PERSONS: Final = "/api/v2/persons"
DEALS: Final = "/api/v2/deals"
ARCHIVED: Final = "/api/v2/deals/archived"
ORGANIZATIONS: Final = "/api/v2/organizations"
LEADS: Final = "/v1/leads"
#: Rows of a page of version 2 and of version 1; Pipedrive gives at most 500.
SIZE, LEAD_SIZE = 200, 100
#: So many leads of the page before are read again: what is deleted meanwhile moves the others up.
OVERLAP = 5
#: The most ids that one call takes.
IDS: Final = 100
#: Resource → its lists, in the order in which they are read.
PARTS: Final[Mapping[str, tuple[str, ...]]] = {"customers": (PERSONS, LEADS), "orders": (DEALS, ARCHIVED)}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a pull stands.

    Args:
        part: the list.
        since: only what changed since, ISO 8601; "" for all.
        word: Pipedrive's word for the page; "" for the first.
        first: id and time of the first row of the page before: a page that begins with it is the same one again.
        seen: the time of the last row, where the list is in the order of change.
        start: how many leads are above the page.
    """

    part: str
    since: str = ""
    word: str = ""
    first: str = ""
    seen: str = ""
    start: int = 0

    @classmethod
    def of(cls, want: Want) -> Place:
        """Return where a pull stands, or its beginning."""
        if want.cursor is not None:
            known = {name: want.cursor[name] for name in cls.__dataclass_fields__ if name in want.cursor}
            return cls(**known)  # type: ignore[arg-type]  # it is our own JSON
        since = "" if want.since is None else want.since.astimezone(UTC).isoformat(timespec="seconds")
        return cls(PARTS[want.resource][0], since.replace("+00:00", "Z"))

    def after(self, resource: str) -> Place | None:
        """Return the beginning of the next list, None after the last."""
        parts = PARTS[resource]
        rest = parts[parts.index(self.part) + 1 :]
        return Place(rest[0], self.since) if rest else None


def pull(api: Api, want: Want) -> Page:
    """Return the next page.

    Raises:
        TryLater: a limit, or a page that cannot be right.
        TajoError: as `Rest.call`.
    """
    place = Place.of(want)
    rows, following = _leads(api, place) if place.part == LEADS else _list(api, place)
    following = following or place.after(want.resource)
    events = [one for one in events_of(api, place.part, rows) if _is_wanted(one, want.since)]
    cursor: Cursor | None = None if following is None else {k: v for k, v in asdict(following).items() if v}
    return Page(events, cursor)


def fetch(api: Api, resource: str, ids: Sequence[str]) -> list[Event | PayloadError]:
    """Return records by id; who is gone is absent. Archived deals are in a list of their own.

    Raises:
        TajoError: as `Rest.call`.
    """
    known = [one for one in dict.fromkeys(ids) if one.isascii() and one.isdecimal() and len(one) <= 19]
    if not known:
        return []
    path = PERSONS if resource == CUSTOMERS else DEALS
    rows = _by_id(api, path, known)
    there = {_id(row) for row in rows}
    if path == DEALS and (missing := [one for one in known if one not in there]):
        rows += _by_id(api, ARCHIVED, missing)
    return events_of(api, path, rows)


def find(api: Api, address: str) -> list[Event | PayloadError]:
    """Return the persons who have an address now.

    The search knows a change a moment later than the record does (its index), and answers with whom it finds, by id.

    Raises:
        TajoError: as `Rest.call`.
    """
    answer = api.get(f"{PERSONS}/search", {"term": address, "fields": "email", "exact_match": "true"})
    items = dig("data.items")(answer.value)
    found = [dig("item.id")(one) for one in items] if isinstance(items, list) else []
    return fetch(api, CUSTOMERS, [str(one) for one in found][:IDS])


def events_of(api: Api, part: str, rows: Sequence[Json]) -> list[Event | PayloadError]:
    """Return the events of rows of a list."""
    now = datetime.fromtimestamp(api.access.now_s(), UTC)
    source, found = api.account.source, list[Event | PayloadError]()
    context = context_of(api, rows) if part == PERSONS else None
    for row in rows:
        if not isinstance(row, dict):
            found.append(PayloadError("data", "expected an object for each record"))
            continue
        node = Node(row)
        if context is not None:
            if not _is_deleted(row):
                found += context.read(node, outline_of(node, source, now))
        elif part == LEADS:
            outline = outline_of(node, source, now, "lead")
            found += hear(lambda node=node, outline=outline: leads.read(node, outline), node, None, outline)  # type: ignore[misc]  # bound now
        else:
            outline = outline_of(node, source, now, "deal")
            found += hear(lambda node=node, outline=outline: deals.read(node, outline), node, None, outline)  # type: ignore[misc]  # as above
    return found


def context_of(api: Api, rows: Sequence[Json]) -> Context:
    """Return what persons need beside their own rows: names of companies, labels of options."""
    numbers = {str(one) for row in rows if isinstance(one := dig("org_id")(row), int) and not isinstance(one, bool)}
    names: dict[str, str] = {}
    wanted = sorted(numbers)
    for at in range(0, len(wanted), IDS):
        for row in _by_id(api, ORGANIZATIONS, wanted[at : at + IDS]):
            name = dig("name")(row)
            if isinstance(name, str) and name.strip():
                names[_id(row)] = name.strip()
    return Context(api.account, labels.of(api) if rows else {}, names)


def _list(api: Api, place: Place) -> tuple[list[Json], Place | None]:
    """Return a page of a list of version 2, and where the next one is."""
    query = {"limit": str(SIZE), "sort_direction": "asc", "sort_by": "update_time" if place.since else "id"}
    if place.since:
        query["updated_since"] = place.since
        if place.part == DEALS:
            query["status"] = "open,won,lost,deleted"
    answer = _page(api, place, query)
    rows = api.rows(answer)
    word = dig("additional_data.next_cursor")(answer.value)
    if word and not rows:
        raise TryLater("Pipedrive gave an empty page, though it says that there are more.")
    first = _mark(rows[0]) if rows else ""
    if (first and first == place.first) or (word and word == place.word):
        raise TryLater("Pipedrive gave the page before once more.")
    if not word:
        return rows, None
    seen = dig("update_time")(rows[-1])
    return rows, replace(place, word=str(word), first=first, seen=seen if isinstance(seen, str) else "")


def _page(api: Api, place: Place, query: dict[str, str]) -> Answer:
    """Return the page of a word; where Pipedrive has forgotten the word, the list begins again at what was seen."""
    if not place.word:
        return ask(api, place.part, query)
    try:
        return ask(api, place.part, {**query, "cursor": place.word})
    except Rejected as error:
        if error.status != 400:
            raise
        return ask(api, place.part, {**query, "updated_since": place.seen} if place.since and place.seen else query)


def ask(api: Api, path: str, query: Mapping[str, str]) -> Answer:
    """Return the answer of a list, or of one person, with the marketing status where the company has one.

    It "can only be included if the company has the marketing app": where it is refused, it is asked for no more.

    Raises:
        TajoError: as `Rest.call`.
    """
    if not path.startswith(PERSONS) or not api.has_status:
        return api.get(path, query)
    try:
        return api.get(path, {**query, "include_fields": STATUS})
    except Rejected as error:
        if error.status not in (400, 402, 403):
            raise
        answer = api.get(path, query)
        api.has_status = False
        return answer


def _leads(api: Api, place: Place) -> tuple[list[Json], Place | None]:
    query = {"start": str(place.start), "limit": str(LEAD_SIZE), "sort": "update_time DESC"}
    if place.since:
        query["updated_since"] = place.since  # in the vendor's client of 2026-11, not in its documents of 2025-12
    answer = api.get(place.part, query)
    rows = api.rows(answer)
    if not rows or not dig("additional_data.pagination.more_items_in_collection")(answer.value):
        return rows, None
    oldest = Node(rows[-1] if isinstance(rows[-1], dict) else {}).instant("update_time", "add_time")
    since = datetime.fromisoformat(place.since) if place.since else None
    if since is not None and oldest is not None and oldest < since:
        return rows, None
    return rows, replace(place, start=place.start + max(len(rows) - OVERLAP, 1))


def _by_id(api: Api, path: str, ids: Sequence[str]) -> list[Json]:
    return api.rows(ask(api, path, {"ids": ",".join(ids), "limit": str(IDS)}))


def _is_wanted(event: Event | PayloadError, since: datetime | None) -> bool:
    return since is None or isinstance(event, PayloadError) or event.occurred_at >= since.replace(microsecond=0)


def _is_deleted(row: Json) -> bool:
    return isinstance(row, dict) and row.get("is_deleted") is True


def _id(row: Json) -> str:
    value = dig("id")(row)
    return str(value) if isinstance(value, int | str) else ""


def _mark(row: Json) -> str:
    return json.dumps([dig("id")(row), dig("update_time")(row)])[:200]
