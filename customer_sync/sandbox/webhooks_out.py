"""Webhooks: their registration, and the calls Brevo makes to them.

What is registered in camelCase arrives in snake_case. Events of mails and events of contacts have different bodies
(developers.brevo.com/docs/marketing-webhooks, read 2026-11): of the times only `ts_sent` and `ts_event` are UTC for
certain. `date_sent`, `date_event` and `date` are Central European time, in which this account lives, and in Brevo's own
example `ts` is ahead of `ts_event` by an hour in winter.

A call is tried at once and after 10 minutes, 1, 2 and 8 hours, but only when nobody answered or the answer was 429: any
5xx and every other 4xx drops the event for good (developers.brevo.com/docs/retry-mechanism). There is no event id and
no signature.
"""

from __future__ import annotations

import base64
import heapq
import json
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Final
from urllib.parse import unquote, urlsplit

from customer_sync.model import Json
from customer_sync.sandbox import times
from customer_sync.sandbox.answers import Row
from customer_sync.sandbox.callout import call
from customer_sync.sandbox.journal import Journal, Table
from customer_sync.sandbox.switches import Switches

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
#: Events of mails; the others are events of contacts.
MAIL_EVENTS: Final = frozenset(("unsubscribed", "spam", "hardBounce", "softBounce", "delivered", "opened", "click"))
_TIMEOUT_S = 5.0
#: How long before the event its mail was sent.
_MAIL_AGE_S = 60
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
        body: Json = json.loads(self.body) if self.body else None
        return {"url": self.url, "event": self.event, "state": self.state, "statuses": statuses, "body": body}


class WebhooksOut:
    """The registered webhooks and the calls that wait. The caller holds the sandbox's lock, except in `send`.

    Args:
        journal: where registrations are written.
        clock: seconds since 1970.
        switches: how the account behaves.
    """

    def __init__(self, journal: Journal, clock: Callable[[], float], switches: Switches) -> None:
        self.table = Table("webhooks", journal)
        self._clock = clock
        self._switches = switches
        self._number = count()
        self.clear()

    def clear(self) -> None:
        """Forget what waits and what was delivered."""
        self.log: deque[Delivery] = deque(maxlen=_KEPT)
        self._waiting: list[tuple[float, int, Delivery]] = []
        self._batches: dict[int, tuple[float, list[Row]]] = {}

    def emit(self, registered: str, email: Json, more: Mapping[str, Json], ago_s: float = 0.0) -> None:
        """Tell every marketing webhook that asked for this event, which happened so many seconds ago."""
        second = int(self._clock() - ago_s)
        body = self._mail_body(registered, second) if registered in MAIL_EVENTS else _contact_body(registered, second)
        for hook in self.table.rows.values():
            events = hook["events"]
            if hook["type"] == "marketing" and isinstance(events, list) and registered in events:
                self._add(hook, {"id": hook["id"], "email": email, **body, **more})

    def call(self, url: str, body: Row | None = None) -> None:
        """Call a notify address once, with the same tries; without a body, as after an import, when None is given."""
        bare, headers = _address(url)
        if self._switches.notify_query == "drop":
            bare = bare.partition("?")[0]
        text = b"" if body is None else json.dumps(body).encode()
        self._enqueue(Delivery(bare, headers, text, "notify"), self._clock())

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
            return call("POST", delivery.url, timeout_s=_TIMEOUT_S, headers=headers, body=delivery.body).status
        except OSError:
            return 0

    def settle(self, delivery: Delivery, status: int) -> None:
        """Note the answer, and wait for the next try where Brevo makes one."""
        delivery.statuses.append(status)
        tries = len(delivery.statuses)
        if 200 <= status < 300:
            delivery.state = "delivered"
        elif status in (0, 429) and tries <= len(WAITS_S):
            wait_s = WAITS_S[tries - 1] * self._switches.time_scale
            heapq.heappush(self._waiting, (self._clock() + wait_s, next(self._number), delivery))
        else:
            delivery.state = "dropped"

    def _mail_body(self, registered: str, second: int) -> Row:
        shift_s = times.offset_s(second) if self._switches.webhook_ts == "shifted" else 0
        event = self._switches.webhook_unsubscribe if registered == "unsubscribed" else EVENTS[registered]
        mail: Row = {"camp_id": 1, "campaign name": "Sandbox campaign", "tag": "", "segment_ids": []}
        dates: Row = {"date_sent": times.local(second - _MAIL_AGE_S), "date_event": times.local(second)}
        stamps: Row = {"ts_sent": second - _MAIL_AGE_S, "ts_event": second, "ts": second + shift_s}
        return {"event": event, **mail, **dates, **stamps}

    def _add(self, hook: Row, body: Row) -> None:
        if not hook.get("batched"):
            self._enqueue(_delivery(hook, str(body["event"]), body), self._clock())
            return
        hook_id = int(str(hook["id"]))
        batch = self._batches.setdefault(hook_id, (self._clock() + BATCH_S * self._switches.time_scale, []))
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


def _contact_body(registered: str, second: int) -> Row:
    return {"event": EVENTS[registered], "key": "sandbox", "date": times.local(second), "ts": second}


def _address(url: str) -> tuple[str, dict[str, str]]:
    """Return an address without `user:password@`, and the header that these two become."""
    parts = urlsplit(url)
    auth, at, host = parts.netloc.rpartition("@")
    if not at:
        return url, {}
    proof = base64.b64encode(unquote(auth).encode()).decode()
    return parts._replace(netloc=host).geturl(), {"authorization": f"Basic {proof}"}


def _delivery(hook: Row, event: str, body: Json) -> Delivery:
    url, headers = _address(str(hook["url"]))
    extra = hook.get("headers")
    for one in extra if isinstance(extra, list) else ():
        if isinstance(one, dict):
            headers[str(one.get("key"))] = str(one.get("value"))
    auth = hook.get("auth")
    if isinstance(auth, dict) and auth.get("type") == "bearer":
        headers["authorization"] = f"Bearer {auth.get('token')}"
    return Delivery(url, headers, json.dumps(body).encode(), event)
