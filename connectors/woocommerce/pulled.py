"""What a pull reads, as events: the same canonical records as by webhook. Pure.

A pull of customers brings three kinds of records: customers, whole; orders, for their guests and for newsletter boxes
ticked at checkout; rows of WooCommerce Analytics' report, for totals and guests. Each gives only the fields that it
knows, with a stamp of its own, so their order does not matter. Pulls of orders, carts and products bring these, whole.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import partial
from hashlib import sha256
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from connectors.woocommerce import orders, products, records
from connectors.woocommerce.boxes import Boxes
from customer_sync.errors import PayloadError
from customer_sync.kit.connector import parse_time
from customer_sync.kit.fields import Node, maybe_id, to_text
from customer_sync.kit.rescue import Subject, hear
from customer_sync.model import Consent, Event, Json, Kind

#: A record as the shop's API gives it.
Row = Mapping[str, Json]


class Variations(NamedTuple):
    """The variations of a product, and whether there are no others."""

    rows: Sequence[Row]
    is_all: bool


TOPIC = "pull"
_LONG_AGO = datetime.fromtimestamp(0, tz=UTC)

Found = list[Event | PayloadError]


@dataclass(frozen=True, slots=True)
class Reader:
    """Turns a source's records into events.

    Args:
        source: the source's name.
        boxes: where plugins keep the newsletter box.
        now: when the records are read; counts where one tells no time.
        zone: the site's own zone, for orders and products that do not tell their times in UTC; None: not known.
    """

    source: str
    boxes: Boxes
    now: datetime
    zone: tzinfo | None = None

    def customers(self, rows: Sequence[Row]) -> Found:
        """Return an event for each customer."""
        return self._each("customers", rows, self._customer, self.boxes.subject)

    def orders(self, rows: Sequence[Row]) -> Found:
        """Return an event for each guest, and for each box that a registered customer ticked."""
        return self._each("orders", rows, self._order)

    def sales(self, rows: Sequence[Row]) -> Found:
        """Return an event for each order, whole; what is no order yet is passed over."""
        return self._each("orders", rows, self._sale)

    def carts(self, rows: Sequence[Row]) -> Found:
        """Return an event for each open checkout; what is none any more is passed over."""
        return self._each("carts", rows, self._cart)

    def products(self, rows: Sequence[Row], variations: Mapping[str, Variations], currency: str) -> Found:
        """Return an event for each product.

        Args:
            rows: products.
            variations: of those that have some, by the product's number.
            currency: the shop's; "" is not known.
        """
        return self._each("products", rows, lambda node: self._product(node, variations, currency))

    def report(self, rows: Sequence[Row], zone: tzinfo) -> Found:
        """Return the totals of each customer, and each guest who ordered with theirs.

        Args:
            rows: rows of the report.
            zone: the site's own time zone, in which the report tells the last order.
        """
        return self._each("report", rows, lambda row: self._row(row, zone))

    def _each(
        self, name: str, rows: Sequence[Row], read: Callable[[Node], Event | None], subject: Subject | None = None
    ) -> Found:
        """Return the events of a page; a record at fault leaves its error in its place, with its id in the path."""
        found: Found = []
        for row in rows:
            node = Node(row)
            row_id = row.get("id")
            where = f"{name}.{row_id}" if isinstance(row_id, int) and not isinstance(row_id, bool) else name
            outline = self._event(f"{where}:{_changed(row)}", Kind.CUSTOMER_UPDATED, {}, None, ())
            for one in hear(partial(read, node), node, subject, outline):
                if isinstance(one, PayloadError):
                    found.append(PayloadError(f"{where}.{one.path}", one.found, one.remedy))
                else:
                    found.append(one)
        return found

    def _customer(self, node: Node) -> Event:
        told = self.boxes.told(node, self.now)
        name = f"{told.record['id']}:{_changed(node.body)}"
        return self._event(name, Kind.CUSTOMER_UPDATED, told.record, told.at, told.consents)

    def _order(self, node: Node) -> Event | None:
        if orders.is_draft(node.body):
            return None
        order_id, buyer = records.own_id(node), orders.buyer(node)
        seen = self.boxes.of_order(node, self.now)
        at = records.modified_at(node)
        name = f"order-{order_id}:{_changed(node.body)}"
        if not buyer.get("email"):
            return None
        if "id" not in buyer:
            return self._event(name, Kind.CUSTOMER_UPDATED, buyer, at, seen)
        # As by webhook: an order holds an older copy of its customer, and its box speaks for the address in that copy.
        order: dict[str, Json] = {"id": order_id, "customer": buyer}
        return self._event(name, Kind.ORDER_UPDATED, order, at, seen) if seen else None

    def _sale(self, node: Node) -> Event | None:
        if orders.is_draft(node.body):
            return None
        record = orders.order(node, self.zone)
        seen = self.boxes.of_order(node, self.now)
        name = f"sale-{record['id']}:{_digest(node.body)}"
        return self._event(name, Kind.ORDER_UPDATED, record, records.told_at(record), seen)

    def _cart(self, node: Node) -> Event | None:
        if not orders.is_cart(node.body):
            return None
        record = orders.cart(node, zone=self.zone)
        name = f"cart-{record['id']}:{_digest(node.body)}"
        return self._event(name, Kind.CART_UPDATED, record, records.told_at(record), ())

    def _product(self, node: Node, variations: Mapping[str, Variations], currency: str) -> Event:
        record = products.product(node, currency, self.zone)
        parts = variations.get(str(record["id"]))
        if parts is not None and record["hasAllVariants"] is False:
            record = products.with_variants(record, [Node(row) for row in parts.rows], is_all=parts.is_all)
        name = f"product-{record['id']}:{_digest(record)}"
        return self._event(name, Kind.PRODUCT_UPDATED, record, records.told_at(record), ())

    def _row(self, node: Node, zone: tzinfo) -> Event | None:
        user_id = maybe_id(node.get("user_id"), "user_id")
        record: dict[str, Json] = {"id": user_id} if user_id else records.guest(node)
        last_order = _site_time(node, "date_last_order", zone)
        record |= records.totals(node)
        # Who typed an address into the checkout and left has a draft of an order, and a row (seen on WooCommerce 9.8.3,
        # 2026-11-28).
        has_ordered = last_order is not None or record.get("totalOrders")
        if not user_id and not (record.get("email") and has_ordered):
            return None
        if "date_last_order" in node:
            record["lastOrderDate"] = None if last_order is None else to_text(last_order.astimezone(zone))
        at = stamp_of(node, last_order, zone)
        name = f"report-{records.own_id(node)}:{at.isoformat()}"
        return self._event(name, Kind.CUSTOMER_UPDATED, record, at, ())

    def _event(
        self, name: str, kind: Kind, record: dict[str, Json], at: datetime | None, consents: tuple[Consent, ...]
    ) -> Event:
        person = record.get("customer", record)
        return Event(
            id=f"woocommerce:pull:{name}",
            source=self.source,
            kind=kind,
            occurred_at=at or self.now,
            record_id=_id(record),
            customer_id=_id(person) if isinstance(person, dict) else None,
            record=record,
            consents=consents,
            topic=TOPIC,
        )


def _id(record: dict[str, Json]) -> str | None:
    found = record.get("id")
    return None if found is None else str(found)


def _digest(row: Row) -> str:
    """Return what tells two states of a record apart, where its own time may not: see the connector's README."""
    return sha256(json.dumps(row, sort_keys=True, default=str).encode()).hexdigest()[:16]


def _changed(row: Row) -> str:
    """Return the time of a record's last change as it is written, for the event's id."""
    found = row.get("date_modified_gmt") or row.get("date_created_gmt")
    return found[:40] if isinstance(found, str) else ""


def stamp_of(node: Node, last_order: datetime | None, zone: tzinfo) -> datetime:
    """Return the stamp of a row of the report: the last order, else the registration.

    The report is filled by background jobs and says not when, so the time of reading would claim too much: it would
    beat a webhook that told more, and another shop where the same person bought later. The last visit
    (`date_last_active`) claims too much as well: an order that is imported sets it *back* to when the order was placed,
    so that a row with the order would lose to one without (seen on WooCommerce 11.0.1, 2026-11-28). Orders and refunds
    both move `date_last_order`. Of two rows with one stamp the one that was read later wins.

    The registration is in UTC in some versions and in the site's own time in others, and its `_gmt` twin is shifted the
    wrong way (read in Reports/Customers/Controller.php and DataStore.php, 2026-11): it is read both ways and the
    earlier counts, so that no stamp lies ahead.
    """
    at = last_order or _earlier(node, "date_registered", zone) or _LONG_AGO
    return at.replace(microsecond=0)


def site_time(value: Json, zone: tzinfo, path: str) -> datetime | None:
    """Return a time without a zone, as WordPress's tables hold it, in UTC; None where there is none.

    Raises:
        PayloadError: it is no time.
    """
    if value is None or value == "" or records.is_zero_date(value):
        return None
    at = parse_time(value, path)
    has_zone = str(value).strip()[-1] in "zZ" or "+" in str(value) or str(value).count("-") > 2
    try:
        in_utc = at if has_zone else at.replace(tzinfo=zone).astimezone(UTC)
        in_utc.astimezone(zone)
    except OverflowError as error:
        raise PayloadError(path, "expected a time of our age") from error
    return in_utc


def _site_time(node: Node, key: str, zone: tzinfo) -> datetime | None:
    """Return a time of a record as `site_time` does; one that cannot be read is left out and noted."""
    try:
        return site_time(node.get(key), zone, node.path(key))
    except PayloadError as fault:
        node.note(fault)
        return None


def _earlier(node: Node, key: str, zone: tzinfo) -> datetime | None:
    return min((at for one in (UTC, zone) if (at := _site_time(node, key, one))), default=None)


def zone_name(index: Mapping[str, Json]) -> str:
    """Return the site's zone as its index tells it: a name, or hours from UTC; "" when it tells nothing."""
    name = index.get("timezone_string")
    if isinstance(name, str) and name and _named(name) is not None:
        return name
    offset = index.get("gmt_offset")
    return str(offset) if isinstance(offset, str | int | float) and _shifted(str(offset)) is not None else ""


def zone_of(name: str) -> tzinfo:
    """Return the zone that `zone_name` wrote; UTC for ""."""
    return zone_named(name) or UTC


def zone_named(name: str) -> tzinfo | None:
    """Return the zone of a name, or of hours from UTC; None where there is no such zone."""
    return _named(name) or _shifted(name)


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
