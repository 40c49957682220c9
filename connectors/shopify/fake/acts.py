"""Acts of the shop's owner and customers below `/fake`, and what can be seen of the shop there.

| route | does |
|---|---|
| `GET /fake/customers?ids=1,2` | customers as they are now, by column (`population.COLUMNS`); `limit=`, `email=` too |
| `GET /fake/customers.jsonl` | all of them |
| `POST /fake/customers` | `{"count"}` or `{"customers": [{column: value}]}` |
| `POST /fake/customers/change` | `{"count" or "ids", "fields", "at", "silent"}`; without fields each buys something |
| `POST /fake/customers/delete` | `{"count" or "ids", "silent"}` |
| `POST /fake/customers/merge` | `{"kept", "gone", "status"}`, of CustomerMergeRequestStatus |
| `POST /fake/customers/consent` | `{"count" or "ids", "channel", "state", "at", "level", "silent"}` |
| `POST /fake/privacy` | `{"topic", "uri", "id"}`: a topic of `bodies.PRIVACY` goes to the address |
| `POST /fake/tokens/expire` | `{"permanent"}` |
| `POST /fake/events` | `{"missing": 0.5}`, the share of webhooks without `X-Shopify-Event-Id` |

`"silent": true` raises no webhook, as imports do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import islice
from typing import Any, Final

from flask import Response

from connectors.shopify.fake.bodies import PRIVACY
from connectors.shopify.fake.population import COLUMNS
from connectors.shopify.fake.shop import Shop
from customer_sync.kit.fakes.answers import BadRequest, Row
from customer_sync.kit.fakes.clock import seconds_of
from customer_sync.kit.fakes.fake import LIMIT, Act

STATUSES: Final = ("COMPLETED", "FAILED", "IN_PROGRESS", "REQUESTED")


def acts_of(shop: Shop) -> Sequence[Act]:
    """Return the control routes of a shop."""

    def each(act: Callable[[Shop, Row, int], object]) -> Callable[[Row], Row]:
        return partial(_each, shop, act)

    return (
        ("GET", "customers", partial(_show, shop)),
        ("GET", "customers.jsonl", lambda _body: Response(_lines(shop), content_type="application/jsonl")),
        ("POST", "customers", partial(_create, shop)),
        ("POST", "customers/change", each(_change)),
        ("POST", "customers/delete", each(lambda _, __, number: shop.remove(number))),
        ("POST", "customers/merge", partial(_merge, shop)),
        ("POST", "customers/consent", each(_consent)),
        ("POST", "privacy", partial(_privacy, shop)),
        ("POST", "tokens/expire", lambda body: shop.tokens.expire(permanent=bool(body.get("permanent")))),
        ("POST", "events", partial(_events, shop)),
    )


def state_of(shop: Shop) -> Row:
    """Return what can be seen of a shop."""
    bulk = [
        {"id": one.gid, "status": one.status, "objects": one.objects, "bytes": one.ready}
        for one in shop.bulk.operations.values()
    ]
    return {
        "customers": shop.customers.count,
        "orders": len(shop.sales.orders),
        "products": len(shop.sales.products),
        "checkouts": len(shop.sales.checkouts),
        "points": shop.points,
        "throttled": shop.throttled,
        "pointsLeft": shop.bucket.left,
        "tokens": dict(shop.tokens.given),
        "subscriptions": [f"{one.topic} {one.uri}" for one in shop.subscriptions.values()],
        "bulk": bulk,
    }


def _each(shop: Shop, act: Callable[[Shop, Row, int], object], body: Row) -> Row:
    """Let something happen to each of the customers that a body means; return for whom it did."""
    with shop.silence(is_silent=bool(body.get("silent"))):
        return {"ids": [str(number) for number in _chosen(shop, body) if act(shop, body, number)]}


def _show(shop: Shop, body: Row) -> Row:
    if "email" in body:
        numbers = [number for number in [shop.customers.by_email(body["email"])] if number is not None]
    elif "ids" in body:
        numbers = [_number(one) for one in str(body["ids"]).split(",")]
    else:
        numbers = [number for _, number in islice(shop.customers.walk("ID"), int(body.get("limit", LIMIT)))]
    return {"customers": [shop.customers.find(number) for number in numbers]}


def _lines(shop: Shop) -> Iterator[bytes]:
    names = [f'"{name}":' for name in COLUMNS]
    rows = shop.customers.export()
    while chunk := list(islice(rows, LIMIT)):
        texts = (",".join([name + text for name, text in zip(names, row, strict=True)]) for row in chunk)
        yield "".join([f"{{{text}}}\n" for text in texts]).encode()


def _create(shop: Shop, body: Row) -> Row:
    given = body.get("customers")
    if not isinstance(given, list):
        names = [f"New{shop.customers.count + place}" for place in range(_whole(body, "count", 1))]
        given = [
            {"firstName": one, "lastName": "Customer", "email": f"{one.lower()}.customer@mail.example"} for one in names
        ]
    return {"ids": [str(shop.create(_fields(one), _at(body))) for one in given]}


def _change(shop: Shop, body: Row, number: int) -> bool:
    return shop.change(number, _fields(body["fields"]) if "fields" in body else shop.purchase(number), _at(body))


def _merge(shop: Shop, body: Row) -> Row:
    status = str(body.get("status", "COMPLETED"))
    if status not in STATUSES:
        raise BadRequest(f"status: one of {', '.join(STATUSES)}")
    if not shop.join(_number(body.get("kept")), _number(body.get("gone")), status):
        raise BadRequest("kept and gone: two customers")
    return {"status": status}


def _consent(shop: Shop, body: Row, number: int) -> bool:
    channel = str(body.get("channel", "email"))
    if channel not in ("email", "sms"):
        raise BadRequest("channel: email or sms")
    said = (str(body.get("state", "UNSUBSCRIBED")), str(body.get("level", "SINGLE_OPT_IN")))
    return shop.consent(number, channel, said, _at(body), _at(body))


def _privacy(shop: Shop, body: Row) -> None:
    topic = str(body.get("topic"))
    if topic not in PRIVACY:
        raise BadRequest(f"topic: one of {', '.join(PRIVACY)}")
    shop.tell(topic, str(body.get("uri")), None if topic == "SHOP_REDACT" else _number(body.get("id")))


def _events(shop: Shop, body: Row) -> None:
    shop.without_event = float(body["missing"])


def _chosen(shop: Shop, body: Row) -> list[int]:
    ids = body.get("ids")
    if isinstance(ids, list):
        return [_number(one) for one in ids]
    count = _whole(body, "count", 0)
    return list(islice(shop.customers.spread(count), count))


def _number(given: Any) -> int:
    """Return the number of a customer, given as it is or as a gid."""
    text = str(given).rpartition("/")[2]
    if not text.isdigit():
        raise BadRequest(f"{given}: no id of a customer")
    return int(text)


def _fields(given: Any) -> Row:
    if not isinstance(given, dict) or not set(given) <= set(COLUMNS):
        raise BadRequest(f"fields: an object with some of {', '.join(COLUMNS)}")
    return given


def _at(body: Row) -> float | None:
    return seconds_of(str(body["at"])) if body.get("at") else None


def _whole(body: Row, name: str, default: int) -> int:
    value = body.get(name, default)
    if not isinstance(value, int):
        raise BadRequest(f"{name}: a whole number")
    return value
