"""Webhooks: the app's subscriptions, and the calls the shop makes to them.

https://shopify.dev/docs/apps/build/webhooks. A call may take 5 s and only 2xx counts; a failed one is tried 8 times
more within 4 h, with the body, the id and the address it had; then the subscription is deleted. Only this machine is
ever called.
"""

from __future__ import annotations

import base64
import hashlib
import heapq
import hmac
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import count
from random import Random
from typing import Final
from urllib.parse import urlsplit

import orjson
import urllib3

from customer_sync.demo.stores.shopify.bodies import topic_header
from customer_sync.demo.stores.shopify.settings import Settings
from customer_sync.demo.stores.shopify.times import text_of
from customer_sync.model import Json

#: Seconds between the tries: four hours in all.
WAITS_S: Final = (60.0, 120.0, 240.0, 480.0, 960.0, 1920.0, 3840.0, 6780.0)
#: How many finished calls are remembered.
_KEPT: Final = 5_000
_SENDERS: Final = 4
_LOOPBACK: Final = frozenset(("127.0.0.1", "::1", "localhost"))


@dataclass(slots=True)
class Subscription:
    """One webhook subscription of the app."""

    id: int
    topic: str
    uri: str
    created_s: int
    updated_s: int
    include_fields: list[str] = field(default_factory=list)
    filter: str | None = None
    name: str | None = None


@dataclass(slots=True)
class Delivery:
    """One call to be made, and what came of it.

    Args:
        uri: where to.
        topic: GraphQL's name of the topic.
        headers: all of them.
        body: the JSON.
        subscription: the subscription's id, None for the privacy webhooks.
        state: waiting, delivered, given_up, elsewhere (not this machine: never called).
        statuses: the answers so far; 0 stands for none.
    """

    uri: str
    topic: str
    headers: dict[str, str]
    body: bytes
    subscription: int | None
    state: str = "waiting"
    statuses: list[int] = field(default_factory=list)

    def row(self) -> dict[str, Json]:
        """Return the delivery as the control routes show it."""
        statuses: list[Json] = list(self.statuses)
        headers: dict[str, Json] = dict(self.headers)
        shown: dict[str, Json] = {"uri": self.uri, "topic": self.topic, "state": self.state, "statuses": statuses}
        return shown | {"headers": headers, "body": orjson.loads(self.body)}


@dataclass(slots=True)
class Habits:
    """How webhooks arrive.

    Args:
        is_on: whether changes raise webhooks at all; off, they happen silently.
        duplicates: the share that is sent twice.
        reorder_s: each waits up to this long, so that they overtake one another.
        missing_event_id: the share without `X-Shopify-Event-Id`.
    """

    is_on: bool = True
    duplicates: float = 0.0
    reorder_s: float = 0.0
    missing_event_id: float = 0.1


class Hooks:
    """The subscriptions and the calls that wait; safe for threads.

    Args:
        settings: the secret that signs, the shop's name, the waits.
        clock: the shop's time, seconds since 1970.
    """

    def __init__(self, settings: Settings, clock: Callable[[], float]) -> None:
        self.settings, self.habits = settings, Habits()
        self.subscriptions: dict[int, Subscription] = {}
        self.log: deque[Delivery] = deque(maxlen=_KEPT)
        self.counts: dict[str, int] = {}
        self._clock = clock
        self._rng = Random(settings.seed)
        self._number, self._next_id = count(), count(1_100_000_000_001, 7)
        self._waiting: list[tuple[float, int, Delivery]] = []
        self._turn = threading.Condition()
        self._is_closed = False
        self._threads: list[threading.Thread] = []
        self._http = urllib3.PoolManager(maxsize=_SENDERS, timeout=settings.webhook_timeout_s, retries=False)

    def add(self, topic: str, uri: str) -> Subscription:
        """Add a subscription."""
        now = int(self._clock())
        found = Subscription(next(self._next_id), topic, uri, now, now)
        self.subscriptions[found.id] = found
        return found

    def has(self, topic: str, uri: str, but: int | None = None) -> bool:
        """Tell whether there is a subscription of a topic to an address."""
        return any((one.topic, one.uri) == (topic, uri) and one.id != but for one in self.subscriptions.values())

    def emit(self, topic: str, body: Mapping[str, Json], event_id: str) -> None:
        """Tell every subscription of a topic."""
        if not self.habits.is_on:
            return
        for one in list(self.subscriptions.values()):
            if one.topic == topic:
                wanted = {name: body[name] for name in one.include_fields if name in body} or body
                self.send(topic, one.uri, wanted, event_id, one)

    def send(
        self, topic: str, uri: str, body: Mapping[str, Json], event_id: str, of: Subscription | None = None
    ) -> None:
        """Queue one call, now and then twice."""
        raw = orjson.dumps(body)
        headers = self._headers(topic, raw, event_id, of.name if of else None)
        copies = 2 if self._rng.random() < self.habits.duplicates else 1
        for _ in range(copies):
            delivery = Delivery(uri, topic, headers, raw, of.id if of else None)
            self.log.append(delivery)
            if urlsplit(uri).hostname not in _LOOPBACK:
                delivery.state = "elsewhere"
                continue
            self._queue(delivery, self._rng.uniform(0.0, self.habits.reorder_s))

    def close(self) -> None:
        """Stop calling."""
        with self._turn:
            self._is_closed = True
            self._turn.notify_all()
        for thread in self._threads:
            thread.join(self.settings.webhook_timeout_s + 1)
        self._http.clear()

    @property
    def waiting(self) -> int:
        """How many calls are still to be made."""
        with self._turn:
            return len(self._waiting)

    def _queue(self, delivery: Delivery, wait_s: float) -> None:
        with self._turn:
            heapq.heappush(self._waiting, (time.monotonic() + wait_s, next(self._number), delivery))
            if not self._threads and not self._is_closed:
                for place in range(_SENDERS):
                    self._threads.append(threading.Thread(target=self._work, name=f"hooks-{place}", daemon=True))
                    self._threads[-1].start()
            self._turn.notify()

    def _work(self) -> None:
        while True:
            delivery = self._take()
            if delivery is None:
                return
            status = self._call(delivery)
            self._settle(delivery, status)

    def _take(self) -> Delivery | None:
        with self._turn:
            while not self._is_closed:
                wait_s = self._waiting[0][0] - time.monotonic() if self._waiting else None
                if wait_s is not None and wait_s <= 0:
                    return heapq.heappop(self._waiting)[2]
                self._turn.wait(min(wait_s, 0.5) if wait_s is not None else None)
            return None

    def _call(self, delivery: Delivery) -> int:
        try:
            answer = self._http.request(
                "POST", delivery.uri, body=delivery.body, headers=delivery.headers, redirect=False
            )
        except urllib3.exceptions.HTTPError:
            return 0
        return answer.status

    def _settle(self, delivery: Delivery, status: int) -> None:
        delivery.statuses.append(status)
        tries = len(delivery.statuses)
        if 200 <= status < 300:
            delivery.state = "delivered"
        elif tries <= len(WAITS_S):
            self._queue(delivery, WAITS_S[tries - 1] * self.settings.time_scale)
            return
        else:
            delivery.state = "given_up"
            self.subscriptions.pop(delivery.subscription or 0, None)
        self.counts[delivery.state] = self.counts.get(delivery.state, 0) + 1

    def _headers(self, topic: str, raw: bytes, event_id: str, name: str | None) -> dict[str, str]:
        digest = hmac.new(self.settings.client_secret.encode(), raw, hashlib.sha256).digest()
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "Shopify-Captain-Hook",
            "X-Shopify-Topic": topic_header(topic),
            "X-Shopify-Hmac-Sha256": base64.b64encode(digest).decode(),
            "X-Shopify-Shop-Domain": self.settings.shop,
            "X-Shopify-API-Version": "2026-10",
            "X-Shopify-Webhook-Id": str(uuid.UUID(int=self._rng.getrandbits(128), version=4)),
            "X-Shopify-Triggered-At": self._triggered_at(),
        }
        if self._rng.random() >= self.habits.missing_event_id:
            headers["X-Shopify-Event-Id"] = event_id
        return headers | ({"X-Shopify-Name": name} if name else {})

    def _triggered_at(self) -> str:
        """Return the time with nine digits after the second, as recordings have it."""
        whole, rest = divmod(self._clock(), 1)
        return f"{text_of(int(whole))[:-1]}.{int(rest * 1e9):09d}Z"
