"""The incremental pull: records in the order in which they changed, page by page; and customers by id.

Shopify documents its filter on `updated_at` as matching whole days for customers, and ignores a filter that it does not
understand. So the filter only narrows: what is older than wanted is dropped here, by its own time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any, Final

from connectors.shopify import nodes, queries, shopping, sight
from connectors.shopify.api import MAX_COST, Answer, Api, Cost, TooCostly, branch, items
from connectors.shopify.sight import Sight
from customer_sync.errors import ConfigError, PayloadError, TryLater
from customer_sync.kit.connector import parse_time
from customer_sync.kit.reach import Cursor, Page
from customer_sync.model import Event, Json

CUSTOMERS: Final = "customers"
#: How far the filter reaches back behind what is wanted: it may match whole days only, in the store's own zone.
OVERLAP: Final = timedelta(days=1)
#: What is older than this before the filter's own time proves that the filter was ignored.
SLACK: Final = timedelta(days=2)
#: The most records Shopify gives in a page, and how many are asked for where it does not tell what they cost.
MAX_SIZE: Final = 250
DEFAULT_SIZE: Final = 100
#: With how many orders or products the first page begins; the next are as large as the points allow.
FIRST_SIZE: Final = 10
#: The share of the bucket one page may take: live work asks the same store.
SHARE: Final = 0.5
#: The share of a page that may stand in the wrong order before the order counts as ignored.
DISORDER: Final = 0.2

IGNORED: Final = (
    "Shopify ignored the filter on updated_at; records are read newest first until the time that was asked for."
)
UNSORTED: Final = "Shopify ignored the order by updated_at; every record is read, the old ones are dropped here."
SHORT: Final = "Shopify gave shorter pages than asked for, twice the same; they were taken as they are."


@dataclass(frozen=True, slots=True)
class Place:
    """Where an incremental pull stands.

    Args:
        since: what is older is not wanted.
        after: Shopify's cursor of the last record; None at the beginning.
        size: records to ask for.
        seen: records that came, and how many of them were dropped as too old.
        dropped: see `seen`.
        newest_first: whether the order was turned, because the filter is ignored.
        unsorted: whether that order is ignored too, so that nothing can be left out.
        sight: what the app may see.
        resource: what is read.
    """

    since: datetime
    after: str | None = None
    size: int = DEFAULT_SIZE
    seen: int = 0
    dropped: int = 0
    newest_first: bool = False
    unsorted: bool = False
    sight: Sight = field(default_factory=Sight)
    resource: str = CUSTOMERS

    @classmethod
    def read(cls, cursor: Cursor) -> Place:
        """Return the place that a cursor keeps."""
        after = cursor.get("after")
        return cls(
            since=parse_time(cursor.get("since"), "since"),
            after=None if after is None else str(after),
            size=min(MAX_SIZE, max(1, _count(cursor, "size"))),
            seen=_count(cursor, "seen"),
            dropped=_count(cursor, "dropped"),
            newest_first=bool(cursor.get("newest_first")),
            unsorted=bool(cursor.get("unsorted")),
            sight=Sight.read(cursor),
            resource=str(cursor.get("resource") or CUSTOMERS),
        )

    def write(self) -> dict[str, Json]:
        """Return the cursor that keeps it."""
        return {
            "mode": "changes",
            "since": _iso(self.since),
            "after": self.after,
            "size": self.size,
            "seen": self.seen,
            "dropped": self.dropped,
            "newest_first": self.newest_first,
            "unsorted": self.unsorted,
            "resource": self.resource,
            **self.sight.write(),
        }

    @property
    def filter(self) -> str:
        """The search text. Without the quotes around the time Shopify ignores it (ShopifyAPI for Ruby, #583)."""
        return f"updated_at:>='{_iso(self.since - OVERLAP)}'"


def begin(api: Api, since: datetime, resource: str = CUSTOMERS) -> Place:
    """Return where an incremental pull begins, with what the app may see and the size its pages can have.

    Raises:
        TajoError: as `Api.ask`.
    """
    if resource != CUSTOMERS:
        return Place(since=since, size=FIRST_SIZE, resource=resource)
    found = sight.look(api)
    if text := sight.explain(found.sight):
        api.note(text)
    size = DEFAULT_SIZE
    if found.cost and found.bucket:
        size = int(min(MAX_COST * 0.95, found.bucket.maximum * SHARE) / found.cost)
    return Place(since=since, size=min(MAX_SIZE, max(1, size)), sight=found.sight)


def changes(api: Api, place: Place) -> Page:
    """Return the next page of what changed.

    Raises:
        TryLater: the page repeats, or is empty although more is to come; or as `Api.ask`.
        TajoError: as `Api.ask`.
    """
    answer, place = _ask(api, place)
    found = _sound(answer, place)
    if found.more and len(found.nodes) < place.size:
        answer, place = _ask(api, place)
        again = _sound(answer, place)
        if again.more and len(again.nodes) <= len(found.nodes):
            api.note(SHORT)
        found = again
    times = [_updated(node) for node in found.nodes]
    seen = place.sight.after(found.nodes)
    seen = seen._replace(denied=seen.denied | answer.denied & set(queries.fields(place.resource)))
    wanted = [node for node, at in zip(found.nodes, times, strict=True) if at is None or at >= place.since]
    events = _events(api, place, wanted, seen, sight.zone_name(answer.data))
    after = replace(
        place,
        after=found.end,
        size=_fitting(place, answer.cost),
        seen=place.seen + len(found.nodes),
        dropped=place.dropped + len(found.nodes) - len(wanted),
        sight=seen,
    )
    goes_on = _next(api, place, after, [at for at in times if at is not None]) if found.more else None
    wait_s = answer.cost.wait_s() if answer.cost and goes_on else 0.0
    return Page(events, goes_on.write() if goes_on else None, wait_s=wait_s, notes=tuple(api.notes))


def _events(api: Api, place: Place, found: list[Any], seen: Sight, zone: str) -> list[Event | PayloadError]:
    if place.resource == CUSTOMERS:
        return read_all(found, reader(api, seen, zone))
    read = shopping_reader(api, place.resource, zone)
    return [read.read(_complete(api, place.resource, node)) for node in found]


def _complete(api: Api, resource: str, node: Any) -> Any:
    """Return an order with all its lines, a product with all its variants: those that did not come with it, too."""
    below = queries.BELOW[resource]
    page = node.get(below.name) if isinstance(node, dict) else None
    while isinstance(page, dict) and (info := branch(page, "pageInfo")).get("hasNextPage"):
        end = info.get("endCursor")
        data = api.ask(queries.more(resource), id=node.get("id"), after=end).data
        if data.get("node") is None:  # it was deleted this moment: what is known of it is told
            return node
        page = branch(data, "node", below.name)
        found, more = items(page, "nodes"), branch(page, "pageInfo")
        if more.get("hasNextPage") and (not found or more.get("endCursor") == end):
            raise TryLater(f"Shopify gave the same page of {below.name} again.")
        whole = [*items(branch(node, below.name), "nodes"), *found]
        node = {**node, below.name: {"nodes": whole, "pageInfo": more}}
    return node


def _fitting(place: Place, cost: Cost | None) -> int:
    """Return how many records the next page may have: what one of them costs is known now."""
    if place.resource == CUSTOMERS or cost is None or not cost.requested:
        return place.size
    each = cost.requested / place.size
    return min(MAX_SIZE, max(1, int(min(MAX_COST * 0.95, cost.maximum * SHARE) / each)))


def shopping_reader(api: Api, resource: str, zone: str) -> shopping.Reader:
    """Return what turns orders or products into events.

    Args:
        api: whose.
        resource: `orders` or `products`.
        zone: the name of the store's zone.
    """
    now = datetime.fromtimestamp(api.access.now_s(), tz=UTC)
    return shopping.Reader(api.account.source, resource, now, sight.zone_of(zone), api.account.storefront())


def fetch(api: Api, ids: Sequence[str]) -> list[Event | PayloadError]:
    """Return customers by id; who is gone is absent.

    Raises:
        TajoError: as `Api.ask`; also where somebody cannot be seen, who would else be taken for gone.
    """
    known = [one for one in ids if one.isascii() and one.isdigit()]
    found: list[Event | PayloadError] = [
        PayloadError("id", "no id of a Shopify customer") for one in ids if one not in known
    ]
    if known:
        found += _by_id(api, known)
    return found


def reader(api: Api, seen: Sight, zone: str) -> nodes.Reader:
    """Return what turns customers into events.

    Args:
        api: whose customers.
        seen: what the app may see of them.
        zone: the name of the store's zone.
    """
    now = datetime.fromtimestamp(api.access.now_s(), tz=UTC)
    return nodes.Reader(api.account.source, now, seen.hidden, sight.zone_of(zone))


def read_all(found: Sequence[Any], reader: nodes.Reader) -> list[Event | PayloadError]:
    """Return customers as events, a `PayloadError` in the place of each that cannot be read, its withdrawals before."""
    return [event for node in found for event in reader.read(node)]


@dataclass(frozen=True, slots=True)
class _Found:
    """One page as it came."""

    nodes: list[Any]
    end: str | None
    more: bool


def _ask(api: Api, place: Place) -> tuple[Answer, Place]:
    """Return a page; one that costs too much is halved until it fits."""
    while True:
        try:
            answer = api.ask(
                queries.changes(place.resource, place.sight.denied),
                first=place.size,
                after=place.after,
                query=place.filter,
                reverse=place.newest_first,
            )
        except TooCostly:
            if place.size == 1:
                raise
            place = replace(place, size=place.size // 2)
        else:
            return answer, place


def _sound(answer: Answer, place: Place) -> _Found:
    page = branch(answer.data, place.resource)
    info, found = branch(page, "pageInfo"), items(page, "nodes")
    end, more = info.get("endCursor"), bool(info.get("hasNextPage"))
    if more and (not found or not end):
        raise TryLater("Shopify gave an empty page although more is to come.")
    if more and end == place.after:
        raise TryLater("Shopify gave the same page again.")
    return _Found(found, None if end is None else str(end), more)


def _next(api: Api, place: Place, after: Place, times: Sequence[datetime]) -> Place | None:
    """Return where to go on; None when all that is wanted was seen."""
    if not times or place.unsorted:
        return after
    if not place.newest_first:
        if min(times) >= place.since - OVERLAP - SLACK:
            return after
        api.note(IGNORED)
        return replace(after, after=None, newest_first=True)
    # Single records may stand in the wrong place: the index that sorts is a little behind the records.
    rising = sum(earlier < later for earlier, later in pairwise(times))
    if rising > len(times) * DISORDER:
        api.note(UNSORTED)
        return replace(after, unsorted=True)
    return None if max(times) < place.since else after


def _by_id(api: Api, ids: Sequence[str]) -> list[Event | PayloadError]:
    try:
        answer = api.ask(queries.BY_ID, ids=[f"{nodes.GID}{one}" for one in ids])
    except TooCostly:
        if len(ids) == 1:
            raise
        half = len(ids) // 2
        return _by_id(api, ids[:half]) + _by_id(api, ids[half:])
    found = items(answer.data, "nodes")
    if len(found) != len(ids):
        raise TryLater("Shopify answered for another number of customers than were asked for.")
    here = [node for node in found if node is not None]
    # What none of them has may be hidden; it counts as unknown. The pulls, which see more customers, know better.
    lacking = Sight(answer.denied, frozenset(queries.PROTECTED)).after(here)
    return read_all(here, reader(api, lacking, sight.zone_name(answer.data)))


def _updated(node: Any) -> datetime | None:
    """Return when a customer changed; None where that cannot be read, which `read_all` will tell."""
    try:
        return parse_time(node.get("updatedAt"), "updatedAt")
    except (AttributeError, PayloadError):
        return None


def _count(cursor: Mapping[str, Json], name: str) -> int:
    value = cursor.get(name)
    return value if isinstance(value, int) else 0


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def is_changes(cursor: Cursor | None) -> bool:
    """Tell whether a cursor belongs to an incremental pull.

    Raises:
        ConfigError: it belongs to no pull of this connector.
    """
    mode = None if cursor is None else cursor.get("mode")
    if cursor is not None and mode not in ("changes", "all"):
        raise ConfigError("The run's cursor is not one of this connector.", "Cancel the run and start it again.")
    return mode == "changes"
