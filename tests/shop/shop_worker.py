"""A worker of the shop's lanes in a process of its own, to be killed: `python -m tests.shop.shop_worker URL API`."""

from __future__ import annotations

import json
import sys
import time

from customer_sync.brevo.client import Brevo
from customer_sync.brevo.contacts.contact_plan import Rules
from customer_sync.brevo.contacts.handler import ContactsHandler
from customer_sync.brevo.desk import Desk
from customer_sync.brevo.events import EventsHandler
from customer_sync.brevo.products import ProductsHandler
from customer_sync.config import Settings
from customer_sync.kit.connector import SourceSettings
from customer_sync.kit.outbound import HttpClient
from customer_sync.model import Event, Inbound, Kind, from_ms, to_ms
from customer_sync.pipeline import Line, deliver, process_inbox
from customer_sync.skills.cart_events import CartEvents
from customer_sync.skills.customer_sync import CustomerSync
from customer_sync.skills.product_catalog import ProductCatalog
from customer_sync.store import Store, connect
from customer_sync.store.counters import Tally
from customer_sync.store.keeper import Keeper
from tests.rig import ATTRIBUTES, LIST, MAPPING, Scripted


class JsonShop(Scripted):
    """Reads the event out of the request."""

    def parse(self, inbound: Inbound) -> list[Event]:
        told = json.loads(inbound.body)
        at = from_ms(told["at_ms"])
        return [Event(told["id"], "shop", Kind(told["kind"]), at, told["key"], told["customer"], told["record"])]


def as_body(event: Event) -> bytes:
    """Return an event as a request of `JsonShop`."""
    told = {"id": event.id, "kind": event.kind, "at_ms": to_ms(event.occurred_at), "key": event.record_id}
    return json.dumps({**told, "customer": event.customer_id, "record": dict(event.record)}).encode()


def main(url: str, api: str) -> None:
    store, tally = Store(connect(url)), Tally()
    brevo = Brevo(api, "k", HttpClient(), store.limits, tally)
    rules = Rules({"shop": (LIST,)}, attributes=ATTRIBUTES)
    desk = Desk(Settings(), brevo, store, lambda: rules, tally, store.hosts.now_ms)
    contacts = ContactsHandler(brevo, store.limits, store.people, lambda: rules, store.hosts.now_ms)
    store.lanes.register("contacts", keeps="people")
    for lane in ("products", "events"):
        store.lanes.register(lane, keeps="records")
    line = Line(
        store=store,
        connectors={"shop": JsonShop(SourceSettings("shop", "scripted"))},
        skills=[CustomerSync(lambda _: MAPPING), ProductCatalog(), CartEvents()],
        handlers={"contacts": contacts, "products": ProductsHandler(desk), "events": EventsHandler(desk)},
        wake=lambda _: None,
        tally=tally,
        keeper=Keeper(store.lanes),
        clock=store.hosts.now_ms,
    )
    print("ready", flush=True)
    while True:
        worked = [process_inbox(line), *(deliver(line, lane).did_work for lane in line.handlers)]
        if not any(worked):
            time.sleep(0.005)


if __name__ == "__main__":
    main(*sys.argv[1:])
