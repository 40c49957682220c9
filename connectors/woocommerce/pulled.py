"""What a pull reads, as events: the same canonical records as by webhook. Pure.

Three kinds of records come: customers, whole; orders, for their guests and for newsletter boxes ticked at checkout;
rows of WooCommerce Analytics' report, for totals and guests. Each gives only the fields that it knows, with a stamp of
its own, so their order does not matter.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from connectors.woocommerce import records
from customer_sync.connector import parse_time
from customer_sync.errors import PayloadError
from customer_sync.fields import Node, maybe_id, moment
from customer_sync.model import Consent, Event, Json, Kind

TOPIC = "pull"
_LONG_AGO = datetime.fromtimestamp(0, tz=UTC)
_DAY_ONE = datetime(2020, 1, 1, tzinfo=UTC)

Found = list[Event | PayloadError]


@dataclass(frozen=True, slots=True)
class Reader:
    """Turns a source's records into events.

    Args:
        source: the source's name.
        consent_keys: see `records.consent`.
        now: nothing is later than this, whatever the shop's clock says.
    """

    source: str
    consent_keys: Mapping[str, frozenset[str]]
    now: datetime

    def customers(self, rows: Sequence[Node]) -> Found:
        """Return an event for each customer."""
        return _each("customers", rows, self._customer)

    def orders(self, rows: Sequence[Node]) -> Found:
        """Return an event for each guest, and for each box that a registered customer ticked."""
        return _each("orders", rows, self._order)

    def report(self, rows: Sequence[Node], zone: tzinfo, read_on: datetime) -> Found:
        """Return the totals of each customer, and each guest with theirs.

        Args:
            rows: rows of the report.
            zone: the site's own time zone, in which the report tells the last order.
            read_on: the day of the pull.
        """
        return _each("report", rows, lambda row: self._row(row, zone, read_on))

    def _customer(self, body: Node) -> Event:
        told = records.told(body, self.consent_keys, self.now)
        name = f"{told.record['id']}:{body.get('date_modified_gmt') or body.get('date_created_gmt') or ''}"
        return self._event(name, Kind.CUSTOMER_UPDATED, told.record, told.at, told.consents)

    def _order(self, body: Node) -> Event | None:
        if body.get("status") in records.DRAFTS:
            return None
        buyer = records.buyer(body)
        seen = records.ordered_consent(body, self.consent_keys, self.now)
        at = records.modified_at(body)
        name = f"order-{records.own_id(body)}:{body.get('date_modified_gmt') or ''}"
        if "id" not in buyer:
            return self._event(name, Kind.CUSTOMER_UPDATED, buyer, at, seen) if buyer.get("email") else None
        # The address stays out: an order holds an older copy of it, which must rename nobody.
        return self._event(name, Kind.CONSENT_CHANGED, {"id": buyer["id"]}, at, seen) if seen else None

    def _row(self, row: Node, zone: tzinfo, read_on: datetime) -> Event | None:
        user_id = maybe_id(row.get("user_id"), "user_id")
        record: dict[str, Json] = {"id": user_id} if user_id else records.guest(row)
        if not user_id and not record.get("email"):
            return None
        last_order = site_time(row.get("date_last_order"), zone, "date_last_order")
        record |= records.totals(row)
        if "date_last_order" in row:
            record["lastOrderDate"] = None if last_order is None else moment(last_order.isoformat(), "date_last_order")
        at = stamp_of(row, last_order, zone, read_on)
        return self._event(f"report-{records.own_id(row)}:{at.isoformat()}", Kind.CUSTOMER_UPDATED, record, at, ())

    def _event(
        self, name: str, kind: Kind, record: dict[str, Json], at: datetime | None, consents: tuple[Consent, ...]
    ) -> Event:
        found = record.get("id")
        record_id = None if found is None else str(found)
        return Event(
            id=f"woocommerce:pull:{name}",
            source=self.source,
            kind=kind,
            occurred_at=min(at or self.now, self.now),
            record_id=record_id,
            customer_id=record_id,
            record=record,
            consents=tuple(replace(seen, at=min(seen.at, self.now)) for seen in consents),
            topic=TOPIC,
        )


def stamp_of(row: Node, last_order: datetime | None, zone: tzinfo, read_on: datetime) -> datetime:
    """Return the stamp of a row of the report: the last thing that its person is known to have done.

    The report is filled by background jobs and says not when, so the time of reading would claim too much: it would
    beat a webhook that told more, and another shop where the same person bought later. Orders and refunds both move
    `date_last_order`. What changes without them (an order that is cancelled) keeps the stamp, so the day of the pull
    stands in the thousandths of a second, which WooCommerce leaves empty: of two rows with one stamp, the one that was
    read on the later day wins.

    The day of the last visit and of the registration are in UTC in some versions and in the site's own time in others,
    and their `_gmt` twins are shifted the wrong way (read in Reports/Customers/Controller.php and DataStore.php,
    2026-11): they are read both ways and the earlier counts, so that no stamp lies ahead.
    """
    active = _earlier(row.get("date_last_active"), zone, "date_last_active")
    known = [at for at in (active, last_order) if at is not None]
    at = max(known, default=None) or _earlier(row.get("date_registered"), zone, "date_registered") or _LONG_AGO
    return at.replace(microsecond=0) + timedelta(milliseconds=(read_on - _DAY_ONE).days % 1000)


def site_time(value: Json, zone: tzinfo, path: str) -> datetime | None:
    """Return a time without a zone, as WordPress's tables hold it, in UTC; None where there is none.

    Raises:
        PayloadError: it is no time.
    """
    if value is None or value == "" or records.is_zero_date(value):
        return None
    at = parse_time(value, path)
    has_zone = str(value).strip()[-1] in "zZ" or "+" in str(value) or str(value).count("-") > 2
    return at if has_zone else at.replace(tzinfo=zone).astimezone(UTC)


def _earlier(value: Json, zone: tzinfo, path: str) -> datetime | None:
    return min((at for one in (UTC, zone) if (at := site_time(value, one, path))), default=None)


def zone_name(index: Mapping[str, Json]) -> str:
    """Return the site's zone as its index tells it: a name, or hours from UTC; "" when it tells nothing."""
    name = index.get("timezone_string")
    if isinstance(name, str) and name and _named(name) is not None:
        return name
    offset = index.get("gmt_offset")
    return str(offset) if isinstance(offset, str | int | float) and _shifted(str(offset)) is not None else ""


def zone_of(name: str) -> tzinfo:
    """Return the zone that `zone_name` wrote; UTC for ""."""
    return _named(name) or _shifted(name) or UTC


def _named(name: str) -> tzinfo | None:
    try:
        return ZoneInfo(name) if name else None
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def _shifted(hours: str) -> tzinfo | None:
    try:
        return timezone(timedelta(hours=float(hours)))
    except (ValueError, OverflowError):
        return None


def _each(name: str, rows: Sequence[Node], read: Callable[[Node], Event | None]) -> Found:
    """Return the events of a page; a record at fault leaves its error in its place, with its id in the path."""
    found: Found = []
    for row in rows:
        try:
            event = read(row)
        except PayloadError as error:
            row_id = row.get("id")
            where = f"{name}.{row_id}" if isinstance(row_id, int) and not isinstance(row_id, bool) else name
            found.append(PayloadError(f"{where}.{error.path}", error.found, error.remedy))
            continue
        if event is not None:
            found.append(event)
    return found
