"""Pages of a pull: of everybody by id, of what changed by the time of the change. Each page goes on from its last row.

A row's time is set when it is saved and seen when its transaction ends, which may be minutes later: a pull of what
changed begins `OVERLAP` earlier, and ends `BEHIND` before now. Deleted rows are asked for apart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from connectors.salesforce import bulk
from connectors.salesforce.account import OPT_OUT
from connectors.salesforce.api import Api, Found, is_id, is_invalid_field, moment_text, quoted
from connectors.salesforce.objects import LEAD, OBJECTS, ORDERS, STAMP, SObject, columns, of_resource, soql
from connectors.salesforce.origins import origins
from connectors.salesforce.records import Reader
from customer_sync.errors import ConfigError, PayloadError, TryLater
from customer_sync.kit.connector import parse_time
from customer_sync.kit.reach import Cursor, Page, Want
from customer_sync.kit.rest import Rejected
from customer_sync.model import CUSTOMERS, Event, Json

#: How many rows a page has; the most that one answer holds.
PAGE: Final = 2_000
OVERLAP: Final = timedelta(minutes=5)
BEHIND: Final = timedelta(seconds=30)
_JOB: Final = ("job", "locator", "kinds")
_FAILED: Final = (
    "A query job of Salesforce's failed, or cannot be read on; the rest is read by queries, which cost more calls."
)
#: Said where nobody could see whose opt-ins those of a page are.
_UNTOLD: Final = "Opt-ins answer no opt-out until the next read: Salesforce does not tell what their records took in."


@dataclass(frozen=True, slots=True)
class Place:
    """Where a pull stands.

    Args:
        sobject: the object that is read.
        is_gone: whether its deleted rows are.
        start: from then on, as text; "" for a pull of everybody.
        until: up to then, as text; "" likewise.
        asked: what a query asks for; () until the object was described.
        after: time and id of the last row; () before the first.
        job: the query job that brings the rows; "" where queries do.
        locator: where its next piece begins; "" before the first.
        kinds: a letter for each field that the job was asked for, see `bulk.begin`.
    """

    sobject: str
    is_gone: bool = False
    start: str = ""
    until: str = ""
    asked: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    job: str = ""
    locator: str = ""
    kinds: str = ""

    @classmethod
    def of(cls, want: Want, now_s: float) -> Place:
        """Return where a step begins.

        Raises:
            ConfigError: the cursor is none of this connector's.
        """
        if want.cursor is not None:
            return cls._read(want.cursor)
        first = of_resource(want.resource)[0].name
        if want.since is None:
            return cls(first)
        until = datetime.fromtimestamp(now_s, UTC) - BEHIND
        return cls(first, False, moment_text(min(want.since - OVERLAP, until)), moment_text(until))

    @classmethod
    def _read(cls, cursor: Cursor) -> Place:
        sobject, asked, after = cursor.get("sobject"), cursor.get("asked"), cursor.get("after")
        if sobject not in OBJECTS or not isinstance(asked, list) or not isinstance(after, list):
            raise ConfigError("The place of the pull cannot be read.", "Start the run again.")
        start, until = str(cursor.get("start") or ""), str(cursor.get("until") or "")
        job, locator, kinds = (str(cursor.get(one) or "") for one in _JOB)
        rows = (tuple(map(str, asked)), tuple(map(str, after)))
        return cls(str(sobject), cursor.get("gone") is True, start, until, *rows, job, locator, kinds)

    def encode(self) -> Cursor:
        """Return it as it stands in a cursor."""
        told: dict[str, Json] = {"sobject": self.sobject, "gone": self.is_gone, "start": self.start}
        told |= {name: value for name in _JOB if (value := getattr(self, name))}
        return {**told, "until": self.until, "asked": list(self.asked), "after": list(self.after)}

    def next(self) -> Place | None:
        """Return where the next list begins: the deleted rows of the object, then the next object; None at the end."""
        if self.start and not self.is_gone:
            return replace(self, is_gone=True, after=())
        there = of_resource(OBJECTS[self.sobject].resource)
        names = [one.name for one in there]
        left = names[names.index(self.sobject) + 1 :]
        return Place(left[0], False, self.start, self.until) if left else None


class Key(NamedTuple):
    """What a row is ordered by."""

    at: datetime
    id: str


def step(api: Api, want: Want) -> Page:
    """Return the next page; see `Connector.pull`.

    Raises:
        TajoError: as `Api.query`.
    """
    place = Place.of(want, api.access.now_s())
    sobject = OBJECTS[place.sobject]
    notes: tuple[str, ...] = ()
    if not place.asked:
        try:
            seen = api.describe(sobject.name)
        except ConfigError as error:
            if sobject is not LEAD:
                raise
            # many orgs work without leads
            return _turned(place, (), (f"Leads are left out: {error.reason}",))
        place = replace(place, asked=columns(sobject, api.account, seen))
        notes = _notes(sobject, seen)
        job, kinds = ("", "") if place.start else bulk.begin(api, sobject, place.asked)
        if job:
            return Page((), replace(place, job=job, kinds=kinds).encode(), wait_s=bulk.LOOK_S, notes=notes)
    if place.job:
        return _piece(api, place, sobject)
    place, found = _rows(api, place, sobject)
    keys = [_key(row) for row in found.rows]
    _check(place, keys)
    events, told = _events(api, sobject, found.rows)
    notes += told
    if keys and (not found.is_whole or len(keys) >= PAGE):
        last = keys[-1]
        here = replace(place, after=(moment_text(last.at), last.id))
        return Page(events, here.encode(), notes=notes)
    return _turned(place, events, notes)


def _piece(api: Api, place: Place, sobject: SObject) -> Page:
    """Return what the query job brings; where it fails, queries go on behind the last row."""
    found = bulk.piece(api, place.job, place.locator, dict(zip(place.asked, place.kinds, strict=False)))
    if found is None:
        return Page((), replace(place, job="", locator="").encode(), notes=(_FAILED,))
    if not found.is_ready:
        return Page((), place.encode(), wait_s=bulk.LOOK_S)
    keys = [_key(row) for row in found.rows.rows]
    _check(place, keys)
    events, notes = _events(api, sobject, found.rows.rows)
    if not found.locator:
        return _turned(place, events, notes)
    after = (moment_text(keys[-1].at), keys[-1].id) if keys else place.after
    return Page(events, replace(place, after=after, locator=found.locator).encode(), notes=notes)


def _events(
    api: Api, sobject: SObject, rows: Sequence[Mapping[str, Json]]
) -> tuple[list[Event | PayloadError], tuple[str, ...]]:
    """Return what rows tell, and what the operator should know of it."""
    found = origins(api, sobject, rows)
    notes = (f"{_UNTOLD} {found.why}",) if found.untold else ()
    return read(Reader(api.account, api.access.now_s(), found), sobject, rows), notes


def read(reader: Reader, sobject: SObject, rows: Sequence[Mapping[str, Json]]) -> list[Event | PayloadError]:
    """Return what rows tell, living and deleted, merged and converted ones."""
    found: list[Event | PayloadError] = []
    for row in rows:
        kept = successor(row)
        if sobject.resource == ORDERS:
            found += [reader.deleted(row, sobject)] if row.get("IsDeleted") is True else reader.deal(row)
        elif kept:
            found += [*reader.last_words(row, kept), reader.merged(row, kept)]
        elif row.get("IsDeleted") is True:
            found += [*reader.last_words(row, None), reader.deleted(row, sobject)]
        else:
            found += reader.person(row, sobject)
    return found


def successor(row: Mapping[str, Json]) -> str:
    """Return the id of the record that a row became a part of, by a merge or as a converted lead; "" for none."""
    for sign, name in (("IsDeleted", "MasterRecordId"), ("IsConverted", "ConvertedContactId")):
        value = row.get(name)
        if row.get(sign) is True and isinstance(value, str) and is_id(value):
            return value
    return ""


def _rows(api: Api, place: Place, sobject: SObject) -> tuple[Place, Found]:
    """Return the rows of a page, and what was asked for: a field that was hidden meanwhile is left out."""
    try:
        return place, _ask(api, place, sobject)
    except Rejected as error:
        if not is_invalid_field(error):
            raise
    again = replace(place, asked=columns(sobject, api.account, api.describe(sobject.name)))
    if again.asked == place.asked:
        again = replace(place, asked=columns(sobject, api.account, api.describe(sobject.name), is_plain=True))
    return again, _ask(api, again, sobject)


def _ask(api: Api, place: Place, sobject: SObject) -> Found:
    if not place.start:
        where = f"Id > {quoted(place.after[1])}" if place.after else "Id != null"
        return api.query(soql(sobject, place.asked, where, "Id", PAGE))
    at, after = place.after or (place.start, "")
    bound = f"{STAMP} > {at} OR ({STAMP} = {at} AND Id > {quoted(after)})" if after else f"{STAMP} >= {at}"
    where = f"({bound}) AND {STAMP} <= {place.until}"
    where += " AND IsDeleted = true" if place.is_gone else ""
    asked = soql(sobject, place.asked, where, f"{STAMP}, Id", PAGE)
    return api.query(asked, with_deleted=place.is_gone)


def _key(row: Mapping[str, Json]) -> Key:
    number = row.get("Id")
    try:
        at = parse_time(row.get(STAMP), STAMP)
    except PayloadError as error:
        raise TryLater(f"Salesforce gave a row without {STAMP}.") from error
    if not isinstance(number, str) or not is_id(number):
        raise TryLater("Salesforce gave a row without an id.")
    return Key(at, number)


def _check(place: Place, keys: Sequence[Key]) -> None:
    """Return when rows lie where they were asked for: behind the last one, within the window.

    Raises:
        TryLater: they do not.
    """
    if place.after:
        last = Key(parse_time(place.after[0], STAMP), place.after[1])
        if any((one <= last) if place.start else (one.id <= last.id) for one in keys):
            raise TryLater("Salesforce gave rows that were there before.")
    if place.start:
        start, until = parse_time(place.start, STAMP), parse_time(place.until, STAMP)
        if any(not start <= one.at <= until for one in keys):
            raise TryLater("Salesforce gave rows that did not change in the time that was asked for.")


def _turned(place: Place, events: Sequence[Event | PayloadError], notes: tuple[str, ...]) -> Page:
    """Return the last page of a list; the next list comes after it."""
    following = place.next() if place.asked else replace(place, is_gone=True).next()
    return Page(events, following.encode() if following else None, notes=notes)


def _notes(sobject: SObject, seen: Mapping[str, bool]) -> tuple[str, ...]:
    if sobject.resource != CUSTOMERS or OPT_OUT in seen:
        return ()
    told = f"Salesforce hides {sobject.name}.{OPT_OUT}: nobody of these is put on a list."
    return (f"{told} Give the integration user's permission set Read on it.",)
