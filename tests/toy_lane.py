"""A toy lane: orders that are posted to a toy platform on this machine. It shows how little a handler has to say."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import SimpleQueue
from typing import Any

from customer_sync.brevo.gate import Gate
from customer_sync.engine.attempt import LaneStep
from customer_sync.engine.lane import Delivery, Handler, LaneDescription, Outcome
from customer_sync.engine.plan import Group, Planned, PlannedPut, Request, commit
from customer_sync.errors import ConfigError, Parkable, TryLater, Unavailable
from customer_sync.kit.outbound import HttpClient
from customer_sync.model import Event, Kind, Priority
from customer_sync.person.merge import stamp
from customer_sync.person.person import Part
from customer_sync.store import Store
from customer_sync.store.forms import EventRef
from customer_sync.store.items import Item, Settlement
from customer_sync.store.limits import Limits

ORDERS = LaneDescription("orders", keeps="record", bucket="toy", destination="Toyland")


class OrdersHandler(LaneStep[tuple[Item, bytes], Gate]):
    """Posts each order; what Toyland has already is not sent again."""

    def __init__(self, url: str, limits: Limits, lane: LaneDescription = ORDERS, **more: Any) -> None:
        super().__init__(lane, limits, Gate, **more)
        self._url, self._http = url, HttpClient()

    def planner(self) -> Callable[[Item], Outcome | tuple[Item, bytes]]:
        return self._plan_order

    def _plan_order(self, item: Item) -> Outcome | tuple[Item, bytes]:
        body = json.dumps({"id": item.target} | {name: one.value for name, one in item.state.items()})
        if body == item.record:
            return Outcome(item, Settlement(item.target), "unchanged")
        return item, body.encode()

    def carry_out(self, job: tuple[Item, bytes], gate: Gate) -> Outcome:
        item, body = job
        gate.wait()
        status = self._http.send("POST", self._url, headers={}, body=body).status
        if status in ERRORS:
            raise ERRORS[status]
        return Outcome(item, Settlement(item.target, record=body.decode()), "delivered", "sent")


def attempted(handler: Handler, items: Sequence[Item]) -> Delivery:
    """Deliver items and wait for all of them."""
    came: SimpleQueue[Outcome | BaseException] = SimpleQueue()
    pause = handler.begin(items, came.put)
    found = [came.get(timeout=30) for _ in items]
    outcomes = [one for one in found if isinstance(one, Outcome)]
    for one in found:
        if isinstance(one, BaseException):
            raise one
    return Delivery.of(outcomes) if pause is None else Delivery(outcomes, pause)


#: Toyland's table of answers.
ERRORS = {
    400: Parkable("Toyland does not know this order.", "Correct it, then replay."),
    401: ConfigError("Toyland does not accept the key.", "Make another."),
    409: TryLater("Toyland is busy with this order."),
    429: TryLater("Toyland's limit is used up.", after_s=7.0, burns=False),
    503: Unavailable("Toyland is closed."),
}


class Toyland:
    """A platform that answers what the test says.

    Args:
        url: where it is.
        answers: order → its status; 200 for all others. 0 gives no answer at all, for as long as it is open.
        got: the orders that were posted, in order.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.answers: dict[str, int] = {}
        self.got: list[dict[str, Any]] = []
        self.is_open = threading.Event()

    @property
    def asked(self) -> list[str]:
        """The orders that were asked about, each time."""
        return [str(one["id"]) for one in self.got]


@contextmanager
def toyland() -> Iterator[Toyland]:
    """Give a platform that listens at a free port of this machine."""

    class Door(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            order = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            land.got.append(order)
            status = land.answers.get(order["id"], 200)
            if not status:
                land.is_open.wait(60)
                return
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Nothing is printed."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    server.daemon_threads = True
    land = Toyland(f"http://127.0.0.1:{server.server_port}/orders")
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield land
    finally:
        land.is_open.set()
        server.shutdown()
        server.server_close()


def order(
    store: Store, target: str, *, lane: str = ORDERS.name, amount: int = 1, at_ms: int = 1, urgent: bool = False
) -> None:
    """Put one order into its lane."""
    part = Part("", "", None, stamp({"amount": amount}, at_ms))
    events = [EventRef(f"{target}-{at_ms}", "shop", at_ms)]
    put = PlannedPut(lane, part, at_ms, Priority.URGENT if urgent else Priority.LIVE, events, target=target)
    commit(store, [Request("", [Planned([Group(puts=[put])])])], lambda _: None)


FETCH = LaneDescription("fetch:shop", keeps=None, bucket="fetch:shop", destination="Toyland")


class FetchHandler(LaneStep[Item, Gate]):
    """Reads customers whom a webhook only hinted at, and hands back what they are now."""

    def __init__(self, read: Callable[[str], dict[str, Any]], limits: Limits, **more: Any) -> None:
        super().__init__(FETCH, limits, Gate, **more)
        self._read = read

    def planner(self) -> Callable[[Item], Outcome | Item]:
        return lambda item: item

    def carry_out(self, job: Item, gate: Gate) -> Outcome:
        gate.wait()
        number = job.target.rpartition(":")[2]
        found = self._read(number)
        at = datetime.fromisoformat(found["at"])
        event = Event(f"fetch-{number}-{found['at']}", "shop", Kind.CUSTOMER_UPDATED, at, number, number, found)
        return Outcome(job, Settlement(job.target), "delivered", "read", events=(event,))
