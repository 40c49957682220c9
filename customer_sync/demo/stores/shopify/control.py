"""`/fake`: switches, acts of the shop's owner and customers, and oracles. No token is asked for.

```
GET    /fake/state                     counts, points, tokens, webhooks, bulk operations
GET    /fake/customers?ids=1,2         customers as they are now, by column (`crowd.COLUMNS`); `limit=`, `email=` too
GET    /fake/customers.jsonl           all of them
POST   /fake/customers                 {"count"} or {"customers": [{column: value}]}
POST   /fake/customers/change          {"count" | "ids", "fields", "at", "silent"}; without fields each buys something
POST   /fake/customers/delete          {"count" | "ids"}
POST   /fake/customers/merge           {"kept", "gone", "failed"}
POST   /fake/customers/consent         {"count" | "ids", "channel", "state", "at", "level"}
POST   /fake/customers/redact          {"ids", "uri"}: customers/redact goes to the address
GET    /fake/faults                    those that are on, and the kinds there are
POST   /fake/faults                    {"kind", "count", "skip", "operation", ...}
DELETE /fake/faults
POST   /fake/clock                     {"offset_s"}
GET    /fake/webhooks                  the calls that were made or wait, oldest first; `limit=`
POST   /fake/webhooks                  {"on", "duplicates", "reorder_s", "missing_event_id"}
POST   /fake/tokens/expire             {"permanent"}
DELETE /fake/calls                     count afresh
POST   /fake/reset                     back to the beginning
```
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, Final

import orjson
from flask import Response, request

from customer_sync.demo.stores.shopify.crowd import COLUMNS
from customer_sync.demo.stores.shopify.faults import KINDS
from customer_sync.demo.stores.shopify.shop import Shop
from customer_sync.demo.stores.shopify.times import seconds_of, text_of
from customer_sync.model import Json

Answer = Callable[[Shop], Response]
#: How many customers are answered at most when no limit is given.
_LIMIT: Final = 1_000


class BadRequest(Exception):
    """The body is not as it should be."""


def state(shop: Shop) -> Response:
    """Return how the shop stands."""
    with shop.lock:
        topics: list[Json] = [f"{one.topic} {one.uri}" for one in shop.hooks.subscriptions.values()]
        bulk: list[Json] = [
            {"id": one.gid, "status": one.status, "objects": one.objects, "bytes": one.ready}
            for one in shop.bulk.operations.values()
        ]
        return _json(
            {
                "customers": shop.customers.count,
                "now": text_of(int(shop.now_s())),
                "calls": shop.calls,
                "points": shop.points,
                "throttled": shop.throttled,
                "throttleStatus": shop.bucket.status(),
                "tokens": shop.tokens.given,
                "faults": shop.faults.happened,
                "subscriptions": topics,
                "webhooks": {**shop.hooks.counts, "waiting": shop.hooks.waiting},
                "bulk": bulk,
            }
        )


def show(shop: Shop) -> Response:
    """Return customers by column."""
    with shop.lock:
        if "email" in request.args:
            number = shop.customers.by_email(request.args["email"])
            numbers = [] if number is None else [number]
        elif "ids" in request.args:
            numbers = [_number(one) for one in request.args["ids"].split(",")]
        else:
            keys = shop.customers.walk("ID")
            numbers = [number for _, number in islice(keys, request.args.get("limit", _LIMIT, type=int))]
        return _json({"customers": [shop.customers.find(number) for number in numbers]})


def show_all(shop: Shop) -> Response:
    """Return every customer by column, one a line."""
    names = [f'"{name}":' for name in COLUMNS]

    def lines() -> Iterator[bytes]:
        rows = shop.customers.export()
        while chunk := list(islice(rows, _LIMIT)):
            texts = (",".join([name + text for name, text in zip(names, row, strict=True)]) for row in chunk)
            yield "".join([f"{{{text}}}\n" for text in texts]).encode()

    return Response(lines(), content_type="application/jsonl")


def create(shop: Shop) -> Response:
    """Let people sign up."""
    body = _body()
    given = body.get("customers")
    with shop.lock:
        if not isinstance(given, list):
            given = [_newcomer(shop, place) for place in range(_whole(body, "count", 1))]
        numbers = [shop.create(_fields(one), _at(body)) for one in given]
        return _json({"ids": [str(number) for number in numbers]}, 201)


def change(shop: Shop) -> Response:
    """Change customers; without `fields` each of them buys something."""
    body = _body()
    with shop.lock, _Silence(shop, is_silent=bool(body.get("silent"))):
        numbers = [
            number
            for number in _chosen(shop, body)
            if shop.change(number, _fields(body["fields"]) if "fields" in body else shop.buy(number), _at(body))
        ]
        return _json({"ids": [str(number) for number in numbers]})


def delete(shop: Shop) -> Response:
    """Delete customers."""
    body = _body()
    with shop.lock, _Silence(shop, is_silent=bool(body.get("silent"))):
        return _json({"ids": [str(number) for number in _chosen(shop, body) if shop.delete(number)]})


def merge(shop: Shop) -> Response:
    """Merge two customers."""
    body = _body()
    with shop.lock:
        is_done = shop.merge(_number(body.get("kept")), _number(body.get("gone")), has_failed=bool(body.get("failed")))
    return _json({"merged": is_done}, 200 if is_done else 404)


def consent(shop: Shop) -> Response:
    """Let people say yes or no."""
    body = _body()
    channel = str(body.get("channel", "email"))
    if channel not in ("email", "sms"):
        raise BadRequest("channel: email or sms")
    with shop.lock, _Silence(shop, is_silent=bool(body.get("silent"))):
        at_s = _at(body)
        fields: dict[str, Json] = {
            f"{channel}State": str(body.get("state", "UNSUBSCRIBED")),
            f"{channel}Level": str(body.get("level", "SINGLE_OPT_IN")),
            f"{channel}At": text_of(int(shop.now_s() if at_s is None else at_s)),
        }
        done = [number for number in _chosen(shop, body) if shop.change(number, fields, at_s, is_consent=True)]
        return _json({"ids": [str(number) for number in done]})


def redact(shop: Shop) -> Response:
    """Send customers/redact."""
    body = _body()
    with shop.lock:
        done = [number for number in _chosen(shop, body) if shop.erase(number, str(body.get("uri")))]
    return _json({"ids": [str(number) for number in done]})


def list_faults(shop: Shop) -> Response:
    """Return the faults that are on, and the kinds there are."""
    with shop.lock:
        return _json({"faults": [fault.row() for fault in shop.faults.active], "kinds": dict(KINDS)})


def add_fault(shop: Shop) -> Response:
    """Switch a fault on."""
    with shop.lock:
        try:
            return _json(shop.faults.add(_body()).row(), 201)
        except ValueError as error:
            raise BadRequest(str(error)) from error


def clear_faults(shop: Shop) -> Response:
    """Switch all faults off."""
    with shop.lock:
        shop.faults.clear()
        for one in shop.bulk.operations.values():
            one.is_stuck = False
    return Response(status=204)


def set_clock(shop: Shop) -> Response:
    """Let the shop's time differ from ours."""
    offset = _body().get("offset_s")
    if not isinstance(offset, int | float):
        raise BadRequest("offset_s: a number")
    with shop.lock:
        shop.offset_s = float(offset)
    return _json({"now": text_of(int(shop.now_s()))})


def list_webhooks(shop: Shop) -> Response:
    """Return the calls that were made or wait."""
    found = list(shop.hooks.log)[-request.args.get("limit", _LIMIT, type=int) :]
    return _json({"deliveries": [delivery.row() for delivery in found]})


def set_webhooks(shop: Shop) -> Response:
    """Say how webhooks arrive."""
    body, habits = _body(), shop.hooks.habits
    with shop.lock:
        habits.is_on = bool(body.get("on", habits.is_on))
        habits.duplicates = float(str(body.get("duplicates", habits.duplicates)))
        habits.reorder_s = float(str(body.get("reorder_s", habits.reorder_s)))
        habits.missing_event_id = float(str(body.get("missing_event_id", habits.missing_event_id)))
    return Response(status=204)


def expire_tokens(shop: Shop) -> Response:
    """End every token."""
    with shop.lock:
        shop.tokens.expire(permanent=bool(_body().get("permanent")))
    return Response(status=204)


def forget_calls(shop: Shop) -> Response:
    """Count afresh."""
    with shop.lock:
        shop.calls, shop.points, shop.throttled = {}, 0.0, 0
    return Response(status=204)


def reset(shop: Shop) -> Response:
    """Go back to the beginning."""
    with shop.lock:
        shop.reset()
    return Response(status=204)


ROUTES: Final[tuple[tuple[str, str, Answer], ...]] = (
    ("GET", "/fake/state", state),
    ("GET", "/fake/customers", show),
    ("GET", "/fake/customers.jsonl", show_all),
    ("POST", "/fake/customers", create),
    ("POST", "/fake/customers/change", change),
    ("POST", "/fake/customers/delete", delete),
    ("POST", "/fake/customers/merge", merge),
    ("POST", "/fake/customers/consent", consent),
    ("POST", "/fake/customers/redact", redact),
    ("GET", "/fake/faults", list_faults),
    ("POST", "/fake/faults", add_fault),
    ("DELETE", "/fake/faults", clear_faults),
    ("POST", "/fake/clock", set_clock),
    ("GET", "/fake/webhooks", list_webhooks),
    ("POST", "/fake/webhooks", set_webhooks),
    ("POST", "/fake/tokens/expire", expire_tokens),
    ("DELETE", "/fake/calls", forget_calls),
    ("POST", "/fake/reset", reset),
)


class _Silence:
    """No webhooks while the block lasts, when that is wished."""

    def __init__(self, shop: Shop, *, is_silent: bool) -> None:
        self._habits, self._is_silent = shop.hooks.habits, is_silent
        self._was_on = self._habits.is_on

    def __enter__(self) -> None:
        self._habits.is_on = self._was_on and not self._is_silent

    def __exit__(self, *_: object) -> None:
        self._habits.is_on = self._was_on


def _chosen(shop: Shop, body: dict[str, Json]) -> list[int]:
    ids = body.get("ids")
    if isinstance(ids, list):
        return [_number(one) for one in ids]
    return list(shop.pick(_whole(body, "count", 0)))


def _newcomer(shop: Shop, place: int) -> dict[str, Json]:
    number = shop.customers.count + place
    name = f"New{number}"
    return {"firstName": name, "lastName": "Customer", "email": f"{name.lower()}.customer@mail.example"}


def _number(given: Any) -> int:
    """Return the number of a customer, given as it is or as a gid."""
    text = str(given).rpartition("/")[2]
    if not text.isdigit():
        raise BadRequest(f"{given}: no id of a customer")
    return int(text)


def _fields(given: Any) -> dict[str, Json]:
    if not isinstance(given, dict) or not set(given) <= set(COLUMNS):
        raise BadRequest(f"fields: an object with some of {', '.join(COLUMNS)}")
    return given


def _at(body: dict[str, Json]) -> float | None:
    return seconds_of(str(body["at"])) if body.get("at") else None


def _whole(body: dict[str, Json], name: str, default: int) -> int:
    value = body.get(name, default)
    if not isinstance(value, int):
        raise BadRequest(f"{name}: a whole number")
    return value


def _body() -> dict[str, Json]:
    found = request.get_json(force=True, silent=True) if request.data else {}
    if not isinstance(found, dict):
        raise BadRequest("the body: an object")
    return found


def _json(body: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(body), status, content_type="application/json")
