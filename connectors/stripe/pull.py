"""What a pull reads: whole lists, the newest first; or Stripe's memory of what happened, which lasts thirty days."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from connectors.stripe.account import CHARGES_VERSION
from connectors.stripe.api import Api, Pairs, Row
from connectors.stripe.events import OF, ORDERS, Found, Reader
from customer_sync.errors import PayloadError
from customer_sync.kit.paging import State
from customer_sync.kit.reach import Cursor, Page, Want
from customer_sync.model import CUSTOMERS, Event, Json, Kind

#: How much earlier than asked is read: an event is listed some seconds after it happened
#: (https://github.com/singer-io/tap-stripe/pull/45). What comes twice has the same id.
OVERLAP: Final = timedelta(minutes=10)
#: How long events are kept is 30 days; a day is left for the pull itself.
MEMORY: Final = timedelta(days=29)
FORGOTTEN: Final = "Stripe keeps events for 30 days, and what is asked for is older: everything is read."
#: Which lists hold a resource, in the order in which they are read.
LISTS: Final[Mapping[str, tuple[str, ...]]] = {CUSTOMERS: ("customers",), ORDERS: ("invoices", "charges")}
_EVENTS: Final = "events"
_SUBSCRIPTIONS: Final = "subscriptions"


class Place(NamedTuple):
    """Where a pull stands.

    Args:
        name: the list that is read; `events` for what changed.
        state: where in it.
        since_s: from when on events are wanted, seconds since 1970.
    """

    name: str
    state: State
    since_s: int = 0

    @classmethod
    def read(cls, cursor: Cursor) -> Place:
        """Return the place that stands in a cursor."""
        state, since_s = cursor.get("state"), cursor.get("since")
        return cls(
            str(cursor.get("list")),
            state if isinstance(state, dict) else {},
            since_s if isinstance(since_s, int) else 0,
        )

    def cursor(self) -> dict[str, Json]:
        """Return the place as it stands in a cursor."""
        return {"list": self.name, "state": dict(self.state), "since": self.since_s}


def begin(want: Want, now_s: float) -> tuple[Place, tuple[str, ...]]:
    """Return where a pull begins, and what is to be said of it."""
    first = Place(LISTS[want.resource][0], {})
    if want.since is None:
        return first, ()
    since = want.since - OVERLAP
    if since < datetime.fromtimestamp(now_s, UTC) - MEMORY:
        return first, (FORGOTTEN,)
    return Place(_EVENTS, {}, int(since.timestamp())), ()


def pull(api: Api, source: str, want: Want) -> Page:
    """Return the next page; see `Connector.pull`.

    Raises:
        TajoError: as `Rest.call`.
    """
    place, notes = (Place.read(want.cursor), ()) if want.cursor else begin(want, api.access.now_s())
    version = CHARGES_VERSION if place.name == "charges" else ""
    listed = api.page(f"/v1/{place.name}", _params(place, want.resource), place.state, version)
    reader = Reader(source, api.account, listed.at)
    found = _read(api, reader, place.name, listed.rows)
    then = None if listed.after is None else place._replace(state=listed.after)
    if then is None and place.name in (names := LISTS[want.resource]) and place.name != names[-1]:
        then = Place(names[names.index(place.name) + 1], {})
    return Page(found, None if then is None else then.cursor(), notes=notes)


def fetch(api: Api, source: str, resource: str, ids: Sequence[str], *, must_answer: bool = True) -> Found:
    """Return records as they are now; who is not there, or deleted, is absent.

    Args:
        api: the API.
        source: the source's name.
        resource: customers or orders.
        ids: whose.
        must_answer: whether a payment that is no order of its own, because its invoice is, is told to be none.

    Raises:
        TajoError: as `Rest.call`.
    """
    found: Found = []
    reader = Reader(source, api.account, datetime.fromtimestamp(api.access.now_s(), UTC))
    for one in filter(api.is_id, ids):
        if resource == CUSTOMERS:
            row = api.one(f"/v1/customers/{one}", (("expand[]", _SUBSCRIPTIONS),))
            found += reader.customers([row]) if row is not None else []
        elif one.startswith("in_"):
            row = api.one(f"/v1/invoices/{one}")
            found += reader.invoices([row]) if row is not None else []
        else:
            row = api.one(f"/v1/charges/{one}", version=CHARGES_VERSION)
            found += reader.charge(row, api.invoice_of(row), must_answer=must_answer) if row is not None else []
    return found


def _params(place: Place, resource: str) -> Pairs:
    if place.name == _EVENTS:
        types = tuple(("types[]", word) for word in OF[resource])
        return (*types, ("created[gte]", str(place.since_s)))
    return (("expand[]", f"data.{_SUBSCRIPTIONS}"),) if place.name == CUSTOMERS else ()


def _read(api: Api, reader: Reader, name: str, rows: list[Row]) -> Found:
    if name == CUSTOMERS:
        return reader.customers(rows)
    if name == "invoices":
        return reader.invoices(rows)
    if name == "charges":
        return [one for row in rows for one in reader.charge(row, api.invoice_of(row))]
    return _followed(api, reader, [one for row in reversed(rows) for one in _told(reader, row)])


def _told(reader: Reader, row: Row) -> Found:
    """Return what an event of the list tells; a fault has the event's id in its path."""
    try:
        return reader.event(row)
    except PayloadError as fault:
        number = row.get("id")
        return [PayloadError(f"events.{number if isinstance(number, str) else '?'}.{fault.path}", fault.found)]


def _followed(api: Api, reader: Reader, found: Found) -> Found:
    """Return events with what hints lead to in their place, each record read once."""
    hints = [one for one in found if isinstance(one, Event) and one.kind is Kind.RECORD_CHANGED]
    told: Found = [one for one in found if one not in hints]
    for resource in LISTS:
        ids = dict.fromkeys(str(one.record_id) for one in hints if one.record["resource"] == resource)
        told += fetch(api, reader.source, resource, list(ids), must_answer=False)
    return told
