"""Webhooks: their registration, and the calls Brevo makes to them.

What is registered in camelCase arrives in snake_case. A call is tried at once and after 10 minutes, 1, 2 and 8 hours,
but only when nobody answered or the answer was 429: any 5xx and every other 4xx drops the event for good
(developers.brevo.com/docs/retry-mechanism). There is no event id and no signature.
"""

from __future__ import annotations

import heapq
import json
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Final

import urllib3

from customer_sync.brevo.sandbox import times
from customer_sync.brevo.sandbox.answers import Row
from customer_sync.brevo.sandbox.journal import Journal, Table
from customer_sync.model import Json

#: Seconds between the tries.
WAITS_S: Final = (600.0, 3600.0, 7200.0, 28800.0)
#: How long a window of a batched webhook is open, and how many events one call holds.
BATCH_S, BATCH_SIZE = 300.0, 500
#: registered name → name in the body.
EVENTS: Final[Mapping[str, str]] = {
    "unsubscribed": "unsubscribe",
    "spam": "spam",
    "hardBounce": "hard_bounce",
    "softBounce": "soft_bounce",
    "listAddition": "list_addition",
    "contactUpdated": "contact_updated",
    "contactDeleted": "contact_deleted",
    "delivered": "delivered",
    "opened": "opened",
    "click": "click",
}
#: What may be registered beyond these, by type.
TRANSACTIONAL: Final = frozenset(
    (
        *("sent", "request", "delivered", "deferred", "blocked", "invalid", "softBounce", "hardBounce"),
        *("opened", "uniqueOpened", "click", "spam", "unsubscribed"),
    )
)
_TIMEOUT_S = 5.0
#: How many finished deliveries are remembered.
_KEPT = 1_000


@dataclass(slots=True)
class Delivery:
    """One call to be made, and what came of it.

    Args:
        url: where to.
        headers: with the authorisation the webhook was registered with.
        body: the JSON.
        event: the event's name, for people who look.
        state: waiting, delivered, dropped.
        statuses: the answers so far; 0 stands for none.
    """

    url: str
    headers: dict[str, str]
    body: bytes
    event: str
    state: str = "waiting"
    statuses: list[int] = field(default_factory=list)

    def row(self) -> Row:
        """Return the delivery as the control routes show it."""
        statuses: list[Json] = list(self.statuses)
        body: Json = json.loads(self.body)
        return {"url": self.url, "event": self.event, "state": self.state, "statuses": statuses, "body": body}


class WebhooksOut:
    """The registered webhooks and the calls that wait. The caller holds the sandbox's lock, except in `send`.

    Args:
        journal: where registrations are written.
        clock: seconds since 1970.
        time_scale: all waits are multiplied by this.
    """

    def __init__(self, journal: Journal, clock: Callable[[], float], time_scale: float) -> None:
        self.table = Table("webhooks", journal)
        self._clock = clock
        self._scale = time_scale
        self._number = count()
        self._http = urllib3.PoolManager(maxsize=8, timeout=_TIMEOUT_S, retries=False)
        self.clear()

    def clear(self) -> None:
        """Forget what waits and what was delivered."""
        self.log: deque[Delivery] = deque(maxlen=_KEPT)
        self._waiting: list[tuple[float, int, Delivery]] = []
        self._batches: dict[int, tuple[float, list[Row]]] = {}

    def close(self) -> None:
        """Close the connections that are kept open."""
        self._http.clear()

    def emit(self, registered: str, email: str, more: Mapping[str, Json]) -> None:
        """Tell every marketing webhook that asked for this event."""
        for hook in self.table.rows.values():
            events = hook["events"]
            if hook["type"] == "marketing" and isinstance(events, list) and registered in events:
                self._add(hook, self._body(hook, EVENTS[registered], email, more))

    def call(self, url: str, body: Row) -> None:
        """Call a notify address once, with the same tries."""
        self._enqueue(Delivery(url, {}, json.dumps(body).encode(), "notify"), self._clock())

    def next_due(self) -> float | None:
        """Return when the next call is due, None when none waits."""
        dues = [due for due, _ in self._batches.values()]
        if self._waiting:
            dues.append(self._waiting[0][0])
        return min(dues, default=None)

    def take_due(self) -> list[Delivery]:
        """Return the calls that are due; each is to be sent and then settled."""
        now = self._clock()
        for hook_id in [one for one, (due, _) in self._batches.items() if due <= now]:
            self._close_batch(hook_id)
        due: list[Delivery] = []
        while self._waiting and self._waiting[0][0] <= now:
            due.append(heapq.heappop(self._waiting)[2])
        return due

    def send(self, delivery: Delivery) -> int:
        """Make the call and return the status, 0 when there was no answer. Needs no lock."""
        headers = {"content-type": "application/json", "user-agent": "Brevo-Sandbox", **delivery.headers}
        try:
            return self._http.request("POST", delivery.url, body=delivery.body, headers=headers, redirect=False).status
        except urllib3.exceptions.HTTPError:
            return 0

    def settle(self, delivery: Delivery, status: int) -> None:
        """Note the answer, and wait for the next try where Brevo makes one."""
        delivery.statuses.append(status)
        tries = len(delivery.statuses)
        if 200 <= status < 300:
            delivery.state = "delivered"
        elif status in (0, 429) and tries <= len(WAITS_S):
            wait_s = WAITS_S[tries - 1] * self._scale
            heapq.heappush(self._waiting, (self._clock() + wait_s, next(self._number), delivery))
        else:
            delivery.state = "dropped"

    def _body(self, hook: Row, event: str, email: str, more: Mapping[str, Json]) -> Row:
        now = self._clock()
        at = times.iso(int(now * 1000))
        return {
            "id": hook["id"],
            "event": event,
            "email": email,
            "date": f"{at[:10]} {at[11:19]}",
            "ts": int(now),
            **more,
        }

    def _add(self, hook: Row, body: Row) -> None:
        if not hook.get("batched"):
            self._enqueue(_delivery(hook, str(body["event"]), body), self._clock())
            return
        hook_id = int(str(hook["id"]))
        batch = self._batches.setdefault(hook_id, (self._clock() + BATCH_S * self._scale, []))
        batch[1].append(body)

    def _close_batch(self, hook_id: int) -> None:
        due, events = self._batches.pop(hook_id)
        hook = self.table.rows.get(hook_id)
        for start in range(0, len(events) if hook else 0, BATCH_SIZE):
            part: list[Json] = list(events[start : start + BATCH_SIZE])
            self._enqueue(_delivery(hook or {}, "batch", part), due)

    def _enqueue(self, delivery: Delivery, due: float) -> None:
        self.log.append(delivery)
        heapq.heappush(self._waiting, (due, next(self._number), delivery))


def _delivery(hook: Row, event: str, body: Json) -> Delivery:
    address = urllib3.util.parse_url(str(hook["url"]))
    headers: dict[str, str] = {}
    if address.auth:
        headers.update(urllib3.make_headers(basic_auth=address.auth))
        address = address._replace(auth=None)
    extra = hook.get("headers")
    for one in extra if isinstance(extra, list) else ():
        if isinstance(one, dict):
            headers[str(one.get("key"))] = str(one.get("value"))
    auth = hook.get("auth")
    if isinstance(auth, dict) and auth.get("type") == "bearer":
        headers["authorization"] = f"Bearer {auth.get('token')}"
    return Delivery(address.url, headers, json.dumps(body).encode(), event)
