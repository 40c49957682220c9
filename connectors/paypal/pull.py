"""What PayPal's reports and its payments API hold, page by page.

Reports reach three years back, 31 days at a time, and a transaction appears in them up to three hours late
(https://developer.paypal.com/docs/api/transaction-search/v1/). More than 10,000 lines of one window are refused: then
the window is halved. Subscriptions are listed besides, for payers whose first payment is to come.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

from connectors.paypal import records
from connectors.paypal.api import Api
from customer_sync.errors import Missing, PayloadError, TryLater
from customer_sync.kit.connector import SourceSettings
from customer_sync.kit.fields import Node
from customer_sync.kit.paging import dig
from customer_sync.kit.reach import Cursor, Page, Want
from customer_sync.kit.rest import Answer, Rejected, TooMuch
from customer_sync.kit.windows import Window, first_window, window_of
from customer_sync.model import CUSTOMERS, Event, Json, Kind

TRANSACTIONS: Final = "/v1/reporting/transactions"
SUBSCRIPTIONS: Final = "/v1/billing/subscriptions"
#: The most lines of a page, and what a page of subscriptions holds.
PAGE, SUBSCRIPTIONS_PAGE = 500, 20
#: The longest window: PayPal allows 31 days.
LONGEST: Final = timedelta(days=30)
#: A sale that is younger was paid with the address that its subscription shows.
FRESH: Final = timedelta(days=1)
#: How late a transaction may appear, and an hour.
LATE: Final = timedelta(hours=4)
#: How far back reports reach, less a day for the way there.
HISTORY_DAYS: Final = 1_094
#: Where a payment may be, the newer API first.
_PLACES: Final = ("/v2/payments/captures/", "/v1/payments/sale/")


def pull(api: Api, settings: SourceSettings, want: Want, masked: Sequence[str]) -> Page:
    """Return the next page.

    Raises:
        TajoError: as `Connector.pull`.
    """
    cursor = want.cursor or {}
    if cursor.get("stage") == "subscriptions":
        return _subscriptions(api, settings, want, masked)
    window = window_of(cursor) or _first(settings, want, api.access.now_s())
    number = _whole(cursor.get("page"), 1)
    try:
        answer = api.get(TRANSACTIONS, _query(window, number))
    except TooMuch:
        return Page((), {**window.halved().encode(), "page": 1})
    rows, pages, total = _lines(answer, number)
    events = list(_told(rows, settings, want, masked, window))
    after = _after(window, number, pages)
    if after is None and want.resource == CUSTOMERS:
        after = {"stage": "subscriptions", "page": 1}
    return Page(events, after, total=total if window.next is None and window.start == _first_start(want) else None)


def _first(settings: SourceSettings, want: Want, now_s: float) -> Window:
    if want.since is not None:
        return first_window(want.since, now_s, lookback=LATE, longest=LONGEST)
    days = min(max(_whole(settings.options.get("history_days"), HISTORY_DAYS), 1), HISTORY_DAYS)
    return first_window(datetime.fromtimestamp(now_s, UTC) - timedelta(days=days), now_s, longest=LONGEST)


def _first_start(want: Want) -> datetime | None:
    return None if want.since is None else want.since - LATE


def _query(window: Window, number: int) -> Mapping[str, str]:
    return {
        "start_date": _written(window.start),
        # to the end of its second: times are told in whole ones
        "end_date": _written(window.end + timedelta(seconds=1)),
        "fields": "all",
        "balance_affecting_records_only": "Y",
        "page_size": str(PAGE),
        "page": str(number),
    }


def _written(at: datetime) -> str:
    return at.astimezone(UTC).replace(microsecond=0).isoformat().replace("+00:00", "Z")


def _lines(answer: Answer, number: int) -> tuple[list[Node], int, int | None]:
    """Return the lines of a page, how many pages there are, and how many lines altogether.

    Raises:
        TryLater: it is another page than was asked for, or lines of it are missing.
    """
    body = Node(answer.object())
    rows = body.children("transaction_details")
    pages, total = _whole(body.get("total_pages"), -1), _whole(body.get("total_items"), -1)
    if pages < 0 or total < 0 or not isinstance(body.get("transaction_details"), list):
        raise TryLater("PayPal's report does not say how long it is.")
    if _whole(body.get("page"), number) != number:
        raise TryLater("PayPal gave another page than was asked for.")
    expected = min(PAGE, max(0, total - (number - 1) * PAGE))
    if len(rows) != expected:
        raise TryLater(f"PayPal's page has {len(rows)} of {expected} lines.")
    return rows, pages, total


def _after(window: Window, number: int, pages: int) -> Cursor | None:
    if number < pages:
        return {**window.encode(), "page": number + 1}
    return None if window.next is None else {**window.next.encode(), "page": 1}


def _told(
    rows: Sequence[Node], settings: SourceSettings, want: Want, masked: Sequence[str], window: Window
) -> Iterator[Event | PayloadError]:
    outline = Event("paypal", settings.name, Kind.ORDER_UPDATED, window.start, topic="report")
    for row in rows:
        try:
            event = records.reported(row, masked, outline)
        except PayloadError as fault:
            yield fault
            continue
        if event is None:
            continue
        event = replace(event, notes=tuple(row.notes))
        if want.resource != CUSTOMERS:
            yield event
        elif isinstance(payer := event.record.get("customer"), dict):
            key = str(payer["id"])
            yield replace(
                event,
                id=f"{event.id}:payer",
                kind=Kind.CUSTOMER_UPDATED,
                record_id=key,
                customer_id=key,
                record=payer,
            )


def _subscriptions(api: Api, settings: SourceSettings, want: Want, masked: Sequence[str]) -> Page:
    """Return a page of subscriptions; where the list is not open to this app, a note."""
    number = _whole((want.cursor or {}).get("page"), 1)
    query = {"page": str(number), "page_size": str(SUBSCRIPTIONS_PAGE), "total_required": "true"}
    if want.since is not None:
        query["status_updated_after"] = _written(want.since - LATE)
    try:
        answer = api.get(SUBSCRIPTIONS, query)
    except (Missing, Rejected) as error:
        # only the first page tells whether the list is open; what breaks off, or refuses the keys, is no end of it
        if number > 1 or (isinstance(error, Rejected) and not (error.is_of_request or error.status == 403)):
            raise
        return Page((), None, notes=("PayPal does not list subscriptions to this app: they come by webhook.",))
    body = Node(answer.object())
    rows = body.children("subscriptions")
    events: list[Event | PayloadError] = []
    for row in rows:
        event = _subscription(api, settings, row, masked)
        events += [event] if event is not None else []
    is_more = number < _whole(body.get("total_pages"), 0)
    if is_more and not rows:
        raise TryLater("PayPal gave an empty page of subscriptions, though there are more.")
    return Page(events, {"stage": "subscriptions", "page": number + 1} if is_more else None)


def _subscription(api: Api, settings: SourceSettings, row: Node, masked: Sequence[str]) -> Event | PayloadError | None:
    key = str(row.get("id") or "")
    try:
        if not isinstance(row.get("subscriber"), dict):
            row = Node(api.get(f"{SUBSCRIPTIONS}/{key}").object())
        at = records.seen(row, "status_update_time", "update_time", otherwise=_now(api))
        outline = Event(f"paypal:{key}:{at.timestamp():.0f}", settings.name, Kind.CUSTOMER_UPDATED, at, topic="list")
        return records.subscriber(row, masked, outline)
    except Missing:
        return None
    except PayloadError as fault:
        return fault


def payments(
    api: Api, settings: SourceSettings, ids: Sequence[str], masked: Sequence[str]
) -> Sequence[Event | PayloadError]:
    """Return payments as they are now, each with its payer: that of its order, or of its subscription.

    Raises:
        TajoError: as `Connector.fetch`.
    """
    found: list[Event | PayloadError] = []
    for one in ids:
        node = _payment(api, one)
        if node is None:
            continue
        at = records.seen(node, "update_time", "create_time", otherwise=_now(api))
        outline = Event(f"paypal:{one}:{at.timestamp():.0f}", settings.name, Kind.ORDER_UPDATED, at, topic="read")
        payer = _payer(api, node)
        try:
            event = records.payment(node, payer, masked, outline)
        except PayloadError as fault:
            found.append(fault)
            continue
        found.append(replace(event, notes=(*node.notes, *(() if payer is None else payer.notes))))
    return found


def _payment(api: Api, key: str) -> Node | None:
    if not (key.isascii() and key.isalnum()):
        return None
    for place in _PLACES:
        try:
            return Node(api.get(place + key).object())
        except Missing:
            continue
    return None


def _payer(api: Api, node: Node) -> Node | None:
    """Return who paid; None where PayPal does not tell."""
    order = dig("supplementary_data.related_ids.order_id")(dict(node.body))
    agreement = node.get("billing_agreement_id")
    try:
        if isinstance(order, str) and order.isalnum():
            return Node(api.get(f"/v2/checkout/orders/{order}").object()).child("payer")
        if isinstance(agreement, str) and agreement.replace("-", "").isalnum():
            subscriber = Node(api.get(f"{SUBSCRIPTIONS}/{agreement}").object()).child("subscriber")
            return _as_then(api, agreement, node, subscriber)
    except Missing:
        return None
    return None


def _as_then(api: Api, agreement: str, sale: Node, subscriber: Node) -> Node:
    """Return who paid for a subscription with the address of that time: the subscription shows the newest one.

    A sale of today needs no second question.
    """
    at = sale.instant("create_time")
    if at is None or _now(api) - at < FRESH:
        return subscriber
    query = {"start_time": _written(at - FRESH), "end_time": _written(at + FRESH)}
    try:
        rows = Node(api.get(f"{SUBSCRIPTIONS}/{agreement}/transactions", query).object()).children("transactions")
    except Missing:
        return subscriber
    told = next((one for one in rows if one.get("id") == sale.get("id")), None)
    if told is None or not told.get("payer_email"):
        return subscriber
    then = {"email_address": told.get("payer_email"), "name": told.get("payer_name")}
    return Node({**subscriber.body, **then}, "subscriber", subscriber.notes)


def _now(api: Api) -> datetime:
    return datetime.fromtimestamp(api.access.now_s(), UTC)


def _whole(value: Json, default: int) -> int:
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 20:
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else default
