"""A worker of the toy lane in a process of its own, to be killed: `python -m tests.engine.toy_worker URL FORM`.

FORM is the version of the stored forms that it writes, which stands for another version of this service.
"""

from __future__ import annotations

import json
import sys
import time

import redis

from customer_sync.brevo.contacts.contact_plan import Rules
from customer_sync.kit.connector import SourceSettings
from customer_sync.model import Event, Inbound, Json, Kind, from_ms
from customer_sync.pipeline import Line, deliver, process_inbox
from customer_sync.store import Store, connect, forms, items
from customer_sync.store.counters import Tally
from customer_sync.store.keeper import Keeper
from tests.engine.toy_orders import LANE, OrderEvents, OrdersHandler, Shop
from tests.rig import Scripted

#: Where the destination keeps what it was given, apart from all that is ours.
ORDERS, CALLS = "toy:orders", "toy:calls"


class JsonShop(Scripted):
    """Reads an order out of the request."""

    def parse(self, inbound: Inbound) -> list[Event]:
        told = json.loads(inbound.body)
        record = {"total": told["total"], "customer": {"email": told["email"]}}
        key = told["key"]
        return [Event(f"{key}:{told['total']}", "shop", Kind.ORDER_PLACED, from_ms(told["when_ms"]), key, None, record)]


class RedisShop(Shop):
    """A destination that survives its callers."""

    def __init__(self, client: redis.Redis) -> None:
        super().__init__()
        self._client = client

    def put(self, target: str, order: dict[str, Json]) -> None:
        time.sleep(0.002)  # so that a kill hits it on the way
        self._client.hset(ORDERS, target, json.dumps(order))
        self._client.incr(CALLS)


def main(url: str, form: str) -> None:
    forms.VERSION = items.VERSION = form
    client = connect(url)
    store = Store(client)
    store.lanes.register(LANE, keeps="records")
    handler = OrdersHandler(store, RedisShop(client), Rules)
    line = Line(
        store=store,
        connectors={"shop": JsonShop(SourceSettings("shop", "scripted"))},
        skills=[OrderEvents()],
        handlers={LANE: handler},
        wake=lambda _: None,
        tally=Tally(),
        keeper=Keeper(store.lanes),
    )
    print("ready", flush=True)
    while True:
        if not process_inbox(line) and not deliver(line, LANE).did_work:
            time.sleep(0.005)


if __name__ == "__main__":
    main(*sys.argv[1:])
