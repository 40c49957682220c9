"""A worker of the lane of orders in a process of its own, to be killed: `... REDIS_URL BREVO_URL`."""

from __future__ import annotations

import sys
import time
from contextlib import suppress

from customer_sync.brevo.client import Brevo
from customer_sync.brevo.contacts.contact_plan import Rules
from customer_sync.brevo.desk import Desk
from customer_sync.brevo.orders import OrdersHandler
from customer_sync.config.settings import BrevoSettings, Settings
from customer_sync.errors import Unavailable
from customer_sync.kit.outbound import HttpClient
from customer_sync.pipeline import Line, deliver
from customer_sync.skills.order_events import OrderEvents
from customer_sync.store import Store, connect
from customer_sync.store.counters import Tally
from customer_sync.store.keeper import Keeper


def open_line(redis_url: str, brevo_url: str) -> Line:
    """Return a line with the one lane."""
    store, tally = Store(connect(redis_url)), Tally()
    store.lanes.register("orders", keeps="records")
    account = Brevo(brevo_url, "k", HttpClient(), store.limits, tally)
    desk = Desk(Settings(brevo=BrevoSettings(api_key="k")), account, store, Rules, tally, store.hosts.now_ms)
    orders = OrdersHandler(desk)
    orders.most = 100  # so that there are many batches to be killed in
    return Line(
        store=store,
        connectors={},
        skills=[OrderEvents()],
        handlers={"orders": orders},
        wake=lambda _: None,
        tally=tally,
        keeper=Keeper(store.lanes),
        clock=store.hosts.now_ms,
    )


def main(redis_url: str, brevo_url: str) -> None:
    """Work until killed."""
    line = open_line(redis_url, brevo_url)
    print("ready", flush=True)
    while True:
        with suppress(Unavailable):
            if not deliver(line, "orders").did_work:
                time.sleep(0.005)


if __name__ == "__main__":
    main(*sys.argv[1:])
