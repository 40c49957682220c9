"""Reads contacts and deals: all of them by list, what changed by search, some by id, and who was deleted.

- The list brings 100 a page, in an order of HubSpot's, and tells no number.
- A search brings at most 10,000 records, however it is paged. So every page is a search of its own, for what follows
  the last id, sorted by id: ten thousand records with one and the same time of change are read like any others, and a
  page that was refused is asked for again by itself.
- Archived (deleted) records are in a list of their own for 90 days, and in no search. That list knows neither a filter
  nor an order: each pull looks at its first page, and the first one of a day (UTC) at all of it.
- Contacts that were merged away are in none of them: their survivor names them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final, NamedTuple

from connectors.hubspot import deals
from connectors.hubspot.api import BATCH, MERGED, REST_S, Api, is_id, merged_ids, rows_of
from connectors.hubspot.contacts import Contacts
from connectors.hubspot.statuses import with_statuses
from customer_sync.errors import PayloadError, TryLater
from customer_sync.kit.fields import Node
from customer_sync.kit.reach import Cursor, Page, Want
from customer_sync.kit.rest import Rejected, TooMuch
from customer_sync.model import CUSTOMERS, Event, Json, Kind, OrderState, to_ms

#: How many records a page of the list has, and one of a search: the most that HubSpot gives.
LIST_PAGE: Final = 100
SEARCH_PAGE: Final = 100
#: Searching is allowed five times a second, whatever else is called.
SEARCH_EVERY_S: Final = 0.2
#: How long the names of the properties may be in an address; HubSpot refuses some 8,000 bytes with 414.
MAX_NAMES: Final = 6_000
_DAY_MS: Final = 86_400_000
#: How much earlier than the last whole look the next one begins, in milliseconds: the list may lag behind.
_LAG_MS: Final = 600_000

Row = Mapping[str, Json]


class _Kind(NamedTuple):
    """How one resource is called, and what its time of change is."""

    name: str
    changed: str


KINDS: Final[Mapping[str, _Kind]] = {
    "customers": _Kind("contacts", "lastmodifieddate"),
    "orders": _Kind("deals", "hs_lastmodifieddate"),
}


class Puller:
    """Reads one resource.

    Args:
        api: the account.
        resource: customers or orders.
    """

    def __init__(self, api: Api, resource: str) -> None:
        self._api, self._resource, self._kind = api, resource, KINDS[resource]
        self._now = datetime.fromtimestamp(api.access.now_s(), UTC)
        self._contacts = Contacts(api.account, self._now)
        self._properties = self._contacts.properties if resource == CUSTOMERS else deals.PROPERTIES

    def page(self, want: Want) -> Page:
        """Return the next page; see `Connector.pull`. It is the last for a while where the day's calls run out."""
        page = self._next(want)
        return replace(page, wait_s=REST_S) if self._api.must_rest and page.cursor is not None else page

    def _next(self, want: Want) -> Page:
        cursor = want.cursor or {}
        since = _whole(cursor.get("since"), -1)
        if since < 0:
            since = -1 if want.since is None else to_ms(want.since)
        if since < 0:
            return self._listed(cursor)
        if cursor.get("way") == "archived":
            return self._archived(cursor, since)
        return self._changed(cursor, since)

    def fetch(self, ids: Sequence[str]) -> list[Event | PayloadError]:
        """Return the records with these ids as they are now; see `Connector.fetch`.

        Raises:
            TryLater: what is left of the day's calls is kept for opt-outs.
        """
        known = list(dict.fromkeys(one for one in ids if is_id(one)))
        rows = self._api.read(self._kind.name, known, self._properties)
        if self._api.must_rest:
            raise TryLater("What is left of HubSpot's calls of the day is kept.", after_s=REST_S, burns=False)
        if self._resource != CUSTOMERS:
            return self._read(rows)
        there = {str(row.get("id")) for row in rows}
        merges = merges_in(rows, [one for one in known if one not in there])
        missing = [one for one in known if one not in there and one not in merges]
        survivors = self._survivors(missing)
        merges |= merges_in(survivors, missing)
        rows += [row for row in survivors if str(row.get("id")) not in there]
        return [*self._merged(merges), *self._read(rows)]

    # all

    def _listed(self, cursor: Cursor) -> Page:
        rows, after = self._list(cursor, is_archived=False)
        following = None if after is None else {"after": after, "first": str(rows[0].get("id"))}
        if rows and self._is_too_long:
            rows = self._in_order(rows)
        return Page(self._read(rows), following)

    def _list(self, cursor: Cursor, *, is_archived: bool) -> tuple[list[Row], str | None]:
        """Return a page of the list, and where the next one starts.

        Raises:
            TryLater: it is empty though there are more, or was before.
        """
        asked = {"limit": str(LIST_PAGE), "archived": str(is_archived).lower()}
        if after := cursor.get("after"):
            asked["after"] = str(after)
        names = "hs_object_id" if self._is_too_long or is_archived else ",".join(self._properties)
        try:
            answer = self._api.rest.get(self._api.objects(self._kind.name), {**asked, "properties": names}).object()
        except TooMuch:
            self._names_fit = False
            answer = self._api.rest.get(
                self._api.objects(self._kind.name), {**asked, "properties": "hs_object_id"}
            ).object()
        rows = list(rows_of(answer))
        following = _after(answer)
        if following is not None and not rows:
            raise TryLater("HubSpot gave an empty page, though there are more.")
        if rows and str(rows[0].get("id")) == cursor.get("first"):
            raise TryLater("HubSpot gave a page that was before.")
        return rows, following

    _names_fit = True

    @property
    def _is_too_long(self) -> bool:
        """Whether the properties are too many for an address: then they are read by a batch."""
        return not self._names_fit or len("%2C".join(self._properties)) > MAX_NAMES

    def _in_order(self, rows: Sequence[Row]) -> list[Row]:
        ids = [str(row.get("id")) for row in rows]
        found = {str(row.get("id")): row for row in self._batches(ids)}
        return [found[one] for one in ids if one in found]

    def _batches(self, ids: Sequence[str]) -> list[Row]:
        parts = [ids[at : at + BATCH] for at in range(0, len(ids), BATCH)]
        return [row for part in parts for row in self._api.read(self._kind.name, part, self._properties)]

    # what changed

    def _changed(self, cursor: Cursor, since: int) -> Page:
        last, seen = _whole(cursor.get("last"), 0), _whole(cursor.get("seen"), 0)
        filters: list[Json] = [
            {"propertyName": self._kind.changed, "operator": "GTE", "value": str(since)},
            {"propertyName": "hs_object_id", "operator": "GT", "value": str(last)},
        ]
        rows, total = self._search(filters)
        notes: tuple[str, ...] = ()
        if len(rows) < min(total, SEARCH_PAGE):  # once more: what it says twice is how it is
            rows, total = self._search(filters)
            if len(rows) < min(total, SEARCH_PAGE):
                notes = ("HubSpot's search counts more records than it shows; a full sync reads them from its list.",)
        ids = [_whole(row.get("id"), -1) for row in rows]
        if ids != sorted(set(ids)) or (ids and ids[0] <= last):
            raise TryLater("HubSpot's search gave records in another order than it was asked for.")
        gone = _whole(cursor.get("gone"), -1)
        gone = whole_look_from(since, to_ms(self._now)) if gone < 0 else gone
        following: Cursor = {"since": since, "gone": gone, "way": "archived"}
        if rows and total > len(rows):
            following = {"since": since, "gone": gone, "last": ids[-1], "seen": seen + len(rows)}
        return Page(self._read(rows), following, total=seen + total, wait_s=SEARCH_EVERY_S, notes=notes)

    def _search(self, filters: Sequence[Json]) -> tuple[list[Row], int]:
        """Return what a search shows, and how many it counts.

        Raises:
            TryLater: it does not say.
        """
        answer = self._api.search(self._kind.name, filters, self._properties, SEARCH_PAGE)
        total = _whole(answer.get("total"), -1)
        if total < 0:
            raise TryLater("HubSpot's search does not say how many records it found.")
        return list(rows_of(answer)), total

    def _archived(self, cursor: Cursor, since: int) -> Page:
        """Return who was deleted since. A record that is one with another now is no deletion."""
        rows, after = self._list(cursor, is_archived=True)
        begin = _whole(cursor.get("gone"), since)
        following: Cursor | None = None
        if after is not None and begin:
            first = str(rows[0].get("id"))
            following = {"since": since, "gone": begin, "way": "archived", "after": after, "first": first}
        wanted = begin or since
        gone = {str(row.get("id")): at for row in rows if (at := self._archived_at(row)) and to_ms(at) >= wanted}
        survivors = self._survivors(list(gone)) if self._resource == CUSTOMERS else []
        merges = merges_in(survivors, list(gone))
        deleted = [self._deleted(one, at) for one, at in gone.items() if one not in merges]
        return Page([*self._merged(merges), *self._read(survivors), *deleted], following)

    def _archived_at(self, row: Row) -> datetime | None:
        return Node(row).instant("archivedAt", "updatedAt") or self._now

    # events

    def _read(self, rows: Sequence[Row]) -> list[Event | PayloadError]:
        if self._resource != CUSTOMERS:
            parts = [rows[at : at + BATCH] for at in range(0, len(rows), BATCH)]
            return [one for part in parts for one in deals.events_of(self._api, part, self._now)]
        return with_statuses(self._api, [one for row in rows for one in self._contacts.event(row)])

    def _survivors(self, ids: Sequence[str]) -> list[Row]:
        """Return the contacts that name some of these ids as merged into them."""
        if not ids:
            return []
        filters: list[Json] = [{"propertyName": MERGED, "operator": "IN", "values": list(ids)}]
        try:
            answer = self._api.search(self._kind.name, filters, self._properties, BATCH)
        except Rejected as error:
            if error.status != 400:
                raise
            return []  # an account without the property has merged nobody
        return [row for row in rows_of(answer) if set(merged_ids(row)) & set(ids)]

    def _merged(self, merges: Mapping[str, str]) -> list[Event]:
        return [
            self._event(f"merged:{gone}:{kept}", Kind.CUSTOMER_MERGED, kept, {"keptId": kept, "deletedId": gone})
            for gone, kept in merges.items()
        ]

    def _deleted(self, record_id: str, at: datetime) -> Event:
        if self._resource == CUSTOMERS:
            return self._event(f"deleted:{record_id}:{to_ms(at)}", Kind.CUSTOMER_DELETED, record_id, {}, at)
        state = {"state": str(OrderState.DELETED)}
        return self._event(f"deleted:{record_id}:{to_ms(at)}", Kind.ORDER_DELETED, record_id, state, at)

    def _event(
        self, key: str, kind: Kind, record_id: str, record: Mapping[str, Json], at: datetime | None = None
    ) -> Event:
        return Event(
            id=f"hubspot:{self._kind.name}:{key}",
            source=self._api.account.source,
            kind=kind,
            occurred_at=at or self._now,
            record_id=record_id,
            customer_id=record_id if self._resource == CUSTOMERS else None,
            record={"id": record_id, **record},
            topic="read",
        )


def whole_look_from(since: int, now: int) -> int:
    """Return from when a pull looks for deletions in the whole archive, 0 where it looks at the first page only.

    Args:
        since: when the pull before it began, in milliseconds since 1970.
        now: when it begins itself.

    The first pull of a day looks. The look before it was that of the first pull on the day of `since`, at the earliest
    at the beginning of that day.
    """
    return 0 if since // _DAY_MS == now // _DAY_MS else since // _DAY_MS * _DAY_MS - _LAG_MS


def merges_in(rows: Sequence[Row], ids: Sequence[str]) -> dict[str, str]:
    """Return which of these ids went into which of the records: gone → kept."""
    wanted = set(ids)
    return {gone: str(row.get("id")) for row in rows for gone in merged_ids(row) if gone in wanted}


def _after(answer: Mapping[str, Json]) -> str | None:
    paging = answer.get("paging")
    following = paging.get("next") if isinstance(paging, dict) else None
    after = following.get("after") if isinstance(following, dict) else None
    return None if after is None or after == "" else str(after)


def _whole(value: Json, default: int) -> int:
    if isinstance(value, str) and is_id(value):
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else default
